"""What the tests of fleets share: one Ray for the session, fleets of each kind, and a world of files."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents import Agent, Manager, Plan
from punchlist.agents.fleet import Fleet, LocalFleet, RayFleet

TIME = 60.0
"""Seconds for a run: an actor of Ray takes seconds to begin on a busy machine."""


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray, started once, with a GPU that is only counted."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'punchlist[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    own = {"include_dashboard": False, "object_store_memory": 100_000_000, "log_to_driver": False}
    ray.init("local", num_cpus=2, num_gpus=1, _node_ip_address="127.0.0.1", logging_level="error", **own)
    yield ray
    ray.shutdown()


@pytest.fixture
def by_value(ray: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Functions of the test's module go to other processes as they are: there it cannot be imported."""
    module = sys.modules[request.module.__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
async def ray_fleet(by_value: None) -> AsyncIterator[RayFleet]:
    async with RayFleet() as fleet:
        yield fleet


@pytest.fixture(params=["here", "threads", pytest.param("ray", marks=pytest.mark.ray)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., list[Agent]]]:
    """Gives agents a place: none, a thread, or an actor of Ray."""
    if request.param == "here":
        yield lambda *agents: list(agents)
        return
    if request.param == "ray":
        request.getfixturevalue("by_value")
    made: Fleet = LocalFleet() if request.param == "threads" else RayFleet()
    async with made as fleet:
        yield fleet.place


@pytest.fixture
def carry_out(tmp_path: Path) -> Callable[..., Any]:
    """Carries a plan out with some workers; gives the outcome."""

    async def carry_out(plan: Plan, workers: list[Agent], model: Any = None, **given: Any) -> Any:
        async with asyncio.timeout(TIME):
            return await Manager(model, workers, journal=tmp_path / "run.db", **given).run(plan)

    return carry_out
