"""`punchlist run --expect`: any goal on pages, confirmed by what the page shows then, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Call

GOAL = 'Search for "green mug".'


def run(punchlist: Call, shop: Any, *options: str, model: str = "searching") -> Any:
    return punchlist(
        "run", GOAL, "--site", shop.url, "--memory", "none", "--redos", "0", *options, model=model
    )


def test_a_goal_is_confirmed_by_what_the_page_shows(punchlist: Call, shop: Any) -> None:
    ended = run(punchlist, shop, "--expect", "GREEN  mug", "--quiet")

    assert ended.code == 0, ended.out
    assert "CONFIRMED" in ended.out and shop.url in ended.out


def test_a_word_that_it_is_done_is_not_enough(punchlist: Call, shop: Any) -> None:
    ended = run(punchlist, shop, "--expect", "green mug", "--expect", "purple elephant", "--json")

    assert ended.code == 3 and json.loads(ended.out)
    assert "it does not show 'purple elephant'" in ended.out


def test_what_was_only_typed_is_not_shown(punchlist: Call, shop: Any) -> None:
    ended = punchlist(
        "run", 'Search for "grey cup".', "--site", shop.url, "--memory", "none", "--redos", "0",
        "--expect", "grey cup", model="searching",
    )  # fmt: skip

    assert ended.code == 3 and "it does not show 'grey cup'" in ended.out


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_cannot_be_expected(punchlist: Call, shop: Any, text: str) -> None:
    assert run(punchlist, shop, "--expect", text).code == 2


def test_the_weights_for_jobs_are_refused_before_anything_is_begun(punchlist: Call, shop: Any) -> None:
    ended = run(punchlist, shop, "--expect", "x", "--model", "embedded")

    assert ended.code == 2 and "embedded-web" in ended.err


def test_a_run_goes_on_with_what_it_expects(punchlist: Call, shop: Any, tmp_path: Path) -> None:
    first = run(punchlist, shop, "--expect", "green mug", "--quiet", "--journal", "run.db", model="breaking")

    again = punchlist("resume", "run.db", "--quiet", model="searching")

    assert first.code == 4
    assert again.code == 0 and "CONFIRMED" in again.out


@pytest.mark.parametrize("options", [("--demo",), ("--strategy", "react")])
def test_what_it_does_not_go_with_is_refused(punchlist: Call, shop: Any, options: tuple[str, ...]) -> None:
    ended = run(punchlist, shop, "--expect", "x", *options)

    assert ended.code == 2 and "--expect goes with a goal on pages" in ended.err
