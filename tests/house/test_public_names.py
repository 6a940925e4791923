"""The names a user meets: what the fronts promise is there, and nothing else is promised."""

import importlib

import pytest

import punchlist

FRONTS = ("protocols", "core_model", "memory", "tools", "tools.browser", "agents")


def test_the_front_door_has_about_a_dozen_names():
    assert 10 <= len(set(punchlist.__all__)) == len(punchlist.__all__) <= 15


@pytest.mark.parametrize("name", punchlist.__all__)
def test_every_name_of_the_front_door_resolves(name):
    assert getattr(punchlist, name).__module__.startswith("punchlist.")


@pytest.mark.parametrize("front", FRONTS)
def test_every_name_a_package_front_promises_resolves(front):
    package = importlib.import_module(f"punchlist.{front}")

    missing = [name for name in package.__all__ if not hasattr(package, name)]

    assert package.__all__
    assert missing == []
    assert len(set(package.__all__)) == len(package.__all__)


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="'punchlist' has no attribute 'Managr'"):
        punchlist.Managr  # noqa: B018


def test_completion_lists_the_lazy_names():
    assert set(punchlist.__all__) <= set(dir(punchlist))


def test_the_version_is_the_one_in_pyproject(tree):
    assert punchlist.__version__ == tree.pyproject()["project"]["version"]
