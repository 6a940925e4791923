"""What the tests of agents share: a shop on paper, and a manager over it that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents import Event, FunctionWorker, Manager, Plan, Worker
from punchlist.agents.events import Ended
from punchlist.agents.testing import ScriptedModel

from .doubles import PaperShop, worker


@pytest.fixture
def shop() -> PaperShop:
    return PaperShop()


@pytest.fixture
def manager(tmp_path: Path) -> Callable[..., Manager]:
    """Makes a manager: a model (or what it answers), and what each of its workers may act with."""

    def make(model: Any, *equipment: Any, **settings: Any) -> Manager:
        thinking = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
        workers = [Worker(f"worker {index}", thinking, tools) for index, tools in enumerate(equipment, 1)]
        return Manager(thinking, workers, **{"journal": tmp_path / "run.db"} | settings)

    return make


@pytest.fixture
def watch() -> Callable[..., Any]:
    """Runs a goal and returns its outcome with every event before it."""

    async def run(manager: Manager, goal: str) -> tuple[Any, list[Event]]:
        events = [event async for event in manager.stream(goal)]
        ended = events.pop()
        assert isinstance(ended, Ended)
        return ended.outcome, events

    return run


@pytest.fixture
def carry_out(tmp_path: Path) -> Callable[..., Any]:
    """Carries a plan out with some workers; gives the outcome."""

    async def carry_out(plan: Plan, *workers: FunctionWorker, **given: Any) -> Any:
        async with asyncio.timeout(10):
            return await Manager(None, workers or [worker()], journal=tmp_path / "run.db", **given).run(plan)

    return carry_out
