"""What `pip install punchlist` gives: everything of the tree's packages, and nothing else."""

import shutil
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    """A wheel built from a copy of the tree, so that nothing built earlier can leak into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in tree.files():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree.root / path, folder / "tree" / path)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, folder / "tree"], check=True, timeout=240)
    return next(folder.glob("punchlist-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder into which only the wheel was installed; its dependencies stay where they are."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", folder, wheel], check=True, timeout=240)
    return folder


def test_the_packages_of_pyproject_are_those_of_the_tree(tree):
    assert set(tree.pyproject()["tool"]["setuptools"]["packages"]) == tree.packages()


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(tree, wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]

    assert {name.removeprefix("punchlist/") for name in names} == tree.shipped()


def test_the_wheel_carries_licence_and_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = {name.split(".dist-info/")[1]: name for name in archive.namelist() if ".dist-info/" in name}
        entry_points = archive.read(info["entry_points.txt"]).decode()

    assert "licenses/LICENSE" in info
    assert "punchlist = punchlist.agents.cli:main" in entry_points


def test_every_package_imports_from_the_installed_copy(tree, installed, run_python, tmp_path):
    names = sorted(tree.packages())
    code = "import importlib, sys\nfor name in sys.argv[1:]: print(importlib.import_module(name).__file__)"

    places = run_python("-c", code, *names, cwd=tmp_path, env={"PYTHONPATH": str(installed)}).split()

    assert len(places) == len(names)
    assert [place for place in places if not place.startswith(str(installed))] == []


def test_every_public_name_resolves_from_the_installed_copy(installed, run_python, tmp_path):
    code = (
        "import punchlist\nfor name in punchlist.__all__: getattr(punchlist, name)\nprint(punchlist.__file__)"
    )

    place = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(installed)}).strip()

    assert place == str(installed / "punchlist" / "__init__.py")


def test_the_command_helps_from_the_installed_copy(installed, run_python, tmp_path):
    code = "import sys; sys.argv = ['punchlist', '--help']; from punchlist.agents.cli import main; main()"

    assert "punchlist" in run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(installed)})
