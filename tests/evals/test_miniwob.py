"""Episodes on pages in the form of MiniWoB's: what counts, what is out of sight, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from punchlist.agents.evals import miniwob
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.miniwob import episodes, stage
from punchlist.agents.evals.miniwob.episodes import play
from punchlist.agents.evals.miniwob.experts import press_named
from punchlist.agents.evals.miniwob.moves import things
from punchlist.agents.evals.miniwob.pages import SMOKE, Pages, PagesMissing, UnknownTask, find_pages
from punchlist.agents.evals.miniwob.policies import Asked, ModelPolicy, Scripted, StringMatch
from punchlist.agents.evals.miniwob.stage import EpisodeStuck, Stage
from punchlist.agents.testing import ScriptedModel
from punchlist.tools.browser import Action, ActionResult, View

from .miniwob_pages import write_pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


Unexplained = Callable[[Any, dict[str, Any]], set[str]]


def silent(line: str) -> None:
    """A double for stderr."""


def expert(task: str, goal: str) -> Scripted:
    return Scripted(press_named, goal)


class Wrong:
    """A policy that presses the first button that the goal does not name."""

    def __init__(self, task: str, goal: str) -> None:
        self._goal = goal

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        return Action("click", next(item.number for item in things(view) if item.name not in self._goal))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(tmp_path_factory.mktemp("miniwob") / "html")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def theatre(folder: Path) -> AsyncIterator[Stage]:
    with Pages(folder) as served:
        theatre = Stage(served)
        yield theatre
        await theatre.close()


async def test_the_view_shows_neither_goal_nor_score_nor_seed(theatre: Stage) -> None:
    session, goal = await theatre.begin("press-named", 3)

    shown = (await session.view()).text()

    assert goal.startswith("Click on the ")
    assert "Click on" not in shown and "reward" not in shown and "Time left" not in shown
    assert shown.splitlines()[0] == "page /miniwob/press-named.html: press-named"
    assert "button ヘルプ" in shown  # no page says that it is UTF-8: the server does


async def test_a_seed_in_place_shows_what_a_page_loaded_anew_shows(theatre: Stage) -> None:
    assert await miniwob.restarts_equal(theatre, "press-named")
    assert not await miniwob.restarts_equal(theatre, "keeps-count")
    assert not await miniwob.restarts_equal(theatre, "leaves-litter")


async def test_seeds_draw_different_problems(theatre: Stage) -> None:
    drawn = {(await (await theatre.begin("press-named", seed))[0].view()).text() for seed in range(4)}

    assert len(drawn) > 1


async def test_the_raw_reward_counts_and_the_time_limit_does_not(theatre: Stage) -> None:
    """The page's limit is 50 ms, and half of the reward is gone at once."""
    row = await play(theatre, "press-named", 1, expert, redo=True)

    assert (row.raw, row.ended, row.steps, row.success) == (1, "page", 1, True)
    assert row.reason is not None and row.reason.startswith("pressed")


async def test_a_partial_reward_is_no_success_but_is_told_beside_it(theatre: Stage) -> None:
    row = await play(theatre, "half-reward", 1, expert, redo=True)

    assert (row.raw, row.success, row.partial) == (0.5, False, True)


async def test_a_page_that_is_done_stays_done(theatre: Stage) -> None:
    session, goal = await theatre.begin("press-named", 1)
    await session.act(await Wrong("", goal).choose(await session.view(), None))
    over = await session.view()

    cover = next(item for item in things(over) if item.name == "START")
    await session.act(Action("click", cover.number))
    await session.act(await expert("", goal).choose(await session.view(), None))

    assert (await session.view()).text() == over.text()
    assert theatre.ended is not None and theatre.ended.raw == -1


async def test_what_had_no_effect_is_done_again_only_where_redo_is_on(theatre: Stage) -> None:
    told = await play(theatre, "deaf-button", 1, expert, redo=True)
    untold = await play(theatre, "deaf-button", 1, expert, redo=False)

    assert (told.success, told.redos, told.failed) == (True, 1, {"no_effect": 1})
    assert (untold.success, untold.redos, untold.ended) == (False, 0, "done")


async def test_an_episode_has_twenty_actions(theatre: Stage) -> None:
    row = await play(theatre, "never-ends", 1, Wrong, redo=True)

    assert (row.steps, row.ended, row.raw) == (20, "steps", None)
    assert not row.success and row.model_copy(update={"raw": 1.0}).within(20) and not row.within(10)


async def test_a_page_that_begins_no_episode_is_an_episode_that_is_stuck(
    theatre: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "START_SECONDS", 0.3)

    row = await play(theatre, "never-ready", 1, expert, redo=True)

    assert (row.ended, row.raw) == ("stuck", None)
    with pytest.raises(EpisodeStuck, match="no episode of seed 2"):
        await theatre.begin("never-ready", 2)


async def test_a_dialog_that_an_episode_left_open_does_not_hold_up_the_next(
    theatre: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "RESTART_SECONDS", 0.2)
    session, _ = await theatre.begin("asks-back", 1)
    await session.view()
    left = await session.act(Action("click", 1))

    row = await play(theatre, "asks-back", 2, StringMatch, redo=True)

    assert left.effect.dialog is not None
    assert (row.success, row.steps) == (True, 2)


async def test_a_task_that_has_no_page_is_named(theatre: Stage) -> None:
    for task in ("no-such-task", "../core/core"):
        with pytest.raises(UnknownTask, match="There is no task"):
            await theatre.begin(task, 1)


async def test_string_matching_presses_what_the_goal_quotes(theatre: Stage) -> None:
    rows = [await play(theatre, "press-named", seed, StringMatch, redo=True) for seed in (1, 2)]

    assert all(row.success for row in rows)


async def test_a_model_is_asked_for_one_action_and_told_of_what_had_no_effect(theatre: Stage) -> None:
    """The second answer is no action of the view, the third is `done` behind a click without effect."""
    model, asked = ScriptedModel(["click go [1]", "click nowhere [9]", "done", "click go [1]"]), Asked()

    row = await play(
        theatre, "deaf-button", 1, lambda task, goal: ModelPolicy(model, goal, asked), redo=True, asked=asked
    )

    assert (row.success, row.steps, row.calls, row.malformed) == (True, 2, 4, 1)
    assert "goal : click on the" in model.asked[0]
    assert "did : click go [1] : no_effect" in model.asked[1]
    assert "refused" in model.asked[3]


async def test_the_measurement_gives_every_figure_and_says_what_each_means(
    folder: Path, tmp_path: Path, unexplained: Unexplained
) -> None:
    options = EvalOptions(
        model="string-match", only="click-test-2,press-named", limit=1, data=folder,
        out=tmp_path / "x.jsonl", say=silent,
    )  # fmt: skip

    made: dict[str, Any] = {**await asyncio.to_thread(execute, "eval", "miniwob", options)}

    figures: dict[str, Any] = made["figures"]
    fixed = "success success_10_steps success_with_redo string_match_baseline expert_ceiling episodes".split()
    assert {name: figures[name] for name in fixed} == dict.fromkeys(fixed[:-1], 1.0) | {"episodes": 2}
    assert {"task_click-test-2", "expert_task_click-test-2_low", "string_match_task_press-named"} <= set(
        figures
    )
    assert "expert_task_press-named" not in figures
    assert made["settings"]["seeds"] == "10000-10000"
    assert unexplained(miniwob, figures) == set()


@pytest.mark.long
async def test_experts_reach_the_whole_reward_on_the_smoke_set() -> None:
    try:
        folder = find_pages()
    except PagesMissing as missing:
        pytest.skip(str(missing))
    with Pages(folder) as served:
        theatre = Stage(served)
        try:
            rows = [
                await play(theatre, task, seed, _expert_of, redo=True) for task in SMOKE for seed in range(3)
            ]
        finally:
            await theatre.close()

    assert [row.tell() for row in rows if not row.success] == []
    assert max(row.steps for row in rows) <= episodes.FEWER_STEPS


def _expert_of(task: str, goal: str) -> Scripted:
    return Scripted(miniwob.EXPERTS[task], goal)
