"""Scripted experts on the real pages of MiniWoB++, where the package is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from punchlist.agents.evals.miniwob.episodes import play
from punchlist.agents.evals.miniwob.experts import EXPERTS
from punchlist.agents.evals.miniwob.pages import SMOKE, Pages, PagesMissing, find_pages
from punchlist.agents.evals.miniwob.policies import Scripted
from punchlist.agents.evals.miniwob.recording import record
from punchlist.agents.evals.miniwob.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage() -> AsyncIterator[Stage]:
    try:
        pages = Pages(find_pages(None))
    except PagesMissing:
        pytest.skip("the package miniwob is not installed")
    stage = Stage(pages)
    yield stage
    await stage.close()
    pages.close()


@pytest.mark.parametrize("task", SMOKE)
async def test_experts_get_the_whole_reward(stage: Stage, task: str) -> None:
    rows = [
        await play(stage, task, seed, lambda name, goal: Scripted(EXPERTS[name], goal), redo=False)
        for seed in (5, 6, 7)
    ]

    assert [row.raw for row in rows] == [1, 1, 1]


async def test_recorded_decisions_lead_to_the_reward_also_where_something_went_wrong(stage: Stage) -> None:
    episodes = [await record(stage, "click-checkboxes", seed) for seed in range(8)]

    kept = [steps for steps in episodes if steps]
    assert len(kept) >= 5 and any(len(steps[-1].did) >= len(steps) for steps in kept)
