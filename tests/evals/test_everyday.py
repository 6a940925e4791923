"""Everyday pages: every goal can be reached by its way, nothing else counts, and the figures are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from punchlist.agents.evals.everyday import Goal, Pages, Way, goals, play
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.tools.browser import Browser
from punchlist.tools.permissions import preset


async def holds(goal: Goal, *way: str) -> bool:
    """Whether a goal holds after these actions."""
    pages = Pages()
    browser = Browser(allow=[pages.url], policy=preset("unattended"))
    try:
        row = await play(browser, pages, goal, Way(Goal(goal.page, goal.text, goal.holds, way)))
        return bool(row["holds"])
    finally:
        await browser.close()
        pages.close()


def goal(text: str) -> Goal:
    return next(each for each in goals() if each.text == text)


def silent(line: str) -> None:
    """A double for stderr."""


def test_every_goal_is_reached_by_its_way(tmp_path: Path) -> None:
    told = execute(
        "eval", "everyday", EvalOptions(model="ways", compare=False, out=tmp_path / "x", say=silent)
    )

    figures = told["figures"]
    assert figures["reached"] == figures["reached_said_done"] == figures["said_cannot"] == 1
    assert (figures["goals"], figures["later_goals"], figures["absent_goals"]) == (90, 30, 13)


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("Sign in.", ("click Subscribe", "click Sign in")),
        ("Turn on dark mode and save the changes.", ("click Dark mode",)),
        ("Turn to page 3.", ("click Next",)),
        ("Go to the next page.", ("click Next", "click Next")),
        ("Delete the account and confirm.", ("click Delete account", "dialog dismiss")),
        ("Press Record.", ("click Shuffle",)),
    ],
)
async def test_what_is_pressed_beside_or_left_out_does_not_count(text: str, way: tuple[str, ...]) -> None:
    assert not await holds(goal(text), *way)


def test_string_matching_and_the_ways_are_put_beside_a_model(tmp_path: Path) -> None:
    options = EvalOptions(model="string-match", limit=2, out=tmp_path / "x", say=silent)

    figures = execute("eval", "everyday", options)["figures"]

    assert figures["reached"] == figures["string_match_reached"] and figures["ways_reached"] == 1
