"""Lanes, the browsing sessions that several tasks share, and which worker has which.

A worker is at one lane at a time, and a lane stays with its worker, who has the session open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .families import Job
from .worker import NothingToWorkWith, Worker


@dataclass(eq=False)
class Lane:
    """One session: who has it, and what a fresh one would begin with."""

    worker: str = ""
    storage: Mapping[str, Any] | None = None
    url: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Lanes:
    """The lanes of a run, by name, and the workers that are at them."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = list(workers)
        self._lanes: dict[str, Lane] = {}
        self._busy: dict[str, Lane] = {}
        self._freed = asyncio.Condition()

    def of(self, job: Job) -> Lane:
        """The lane of a job, made when it is first asked for."""
        return self._lanes.setdefault(job.lane, Lane())

    async def book(self, job: Job, lane: Lane) -> Worker:
        """The worker that has the lane, else one that can do the job; waits until it is free.

        Raises:
            NothingToWorkWith: No worker can do the job.
        """
        able = [worker for worker in self._workers if worker.has(job.needs)]
        if not able:
            raise NothingToWorkWith(", ".join(worker.name for worker in self._workers), job.needs)
        mine = [worker for worker in able if worker.name == lane.worker]
        async with self._freed:
            while True:
                for worker in mine or able:
                    if self._busy.setdefault(worker.name, lane) is lane:
                        lane.worker = worker.name
                        return worker
                await self._freed.wait()

    async def release(self, lane: Lane) -> None:
        """Let the lane's worker go; the lane keeps its name, for the next job."""
        async with self._freed:
            if self._busy.get(lane.worker) is lane:
                del self._busy[lane.worker]
                self._freed.notify_all()
