"""Who does which task, and lanes: the browsing sessions that several tasks share.

An agent is at one lane at a time, and a lane stays with its agent, who has the session open. Among those who
can do a job the one with the fewest other skills is taken, of these the one with the least work so far; who
waits longest is served first.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..agent import Agent, NothingToWorkWith
from ..jobs import Job


@dataclass(eq=False)
class Lane:
    """One session: who has it, and what a fresh one would begin with."""

    worker: str = ""
    storage: Mapping[str, Any] | None = None
    url: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(eq=False)
class _Waiting:
    """A lane that waits for any of these agents."""

    lane: Lane
    able: list[Agent]
    found: asyncio.Future[Agent]


class Lanes:
    """The lanes of a run, by name, and the agents that are at them."""

    def __init__(self, workers: Sequence[Agent]) -> None:
        self._workers = list(workers)
        self._lanes: dict[str, Lane] = {}
        self._busy: dict[str, Lane] = {}
        self._load: defaultdict[str, int] = defaultdict(int)
        self._waiting: dict[int, _Waiting] = {}
        self._count = 0

    def of(self, job: Job) -> Lane:
        """The lane of a job, made when it is first asked for."""
        return self._lanes.setdefault(job.lane, Lane())

    def able(self, job: Job) -> list[Agent]:
        """Who can do a job, the best choice first.

        Raises:
            NothingToWorkWith: Nobody can.
        """
        known = [each for each in self._workers if job.worker in ("", each.name)]
        able = [each for each in known if each.has(job.needs) and job.skills <= each.skills]
        if not able:
            raise Unable(job, self._workers)
        if len(able) == 1:
            return able
        return sorted(able, key=lambda each: (len(each.skills - job.skills), self._load[each.name]))

    def take(self, job: Job, lane: Lane) -> Agent | None:
        """The agent that `book` would give without waiting; None where it would wait.

        Raises:
            NothingToWorkWith: Nobody can do the job.
        """
        for agent in self._choice(job, lane):
            if self._busy.get(agent.name, lane) is lane:
                return self._take(agent, lane)
        return None

    def _choice(self, job: Job, lane: Lane) -> list[Agent]:
        able = self.able(job)
        return [each for each in able if each.name == lane.worker] or able

    async def book(self, job: Job, lane: Lane) -> Agent:
        """The agent that has the lane, else one that can do the job; waits until it is free.

        Raises:
            NothingToWorkWith: Nobody can do the job.
        """
        if (agent := self.take(job, lane)) is not None:
            return agent
        able = self._choice(job, lane)
        self._count += 1
        number, waiting = self._count, _Waiting(lane, able, asyncio.get_running_loop().create_future())
        self._waiting[number] = waiting
        try:
            return await waiting.found
        except asyncio.CancelledError:
            if waiting.found.done() and not waiting.found.cancelled():
                await self.release(lane)  # it came when nobody waited for it any more
            raise
        finally:
            self._waiting.pop(number, None)

    def _take(self, agent: Agent, lane: Lane) -> Agent:
        if self._busy.get(agent.name) is not lane:
            self._load[agent.name] += 1
        self._busy[agent.name] = lane
        lane.worker = agent.name
        return agent

    async def release(self, lane: Lane) -> None:
        """Let the lane's agent go; the lane keeps its name, for the next job."""
        if self._busy.get(lane.worker) is not lane:
            return
        del self._busy[lane.worker]
        for waiting in self._waiting.values():
            agent = next((each for each in waiting.able if each.name == lane.worker), None)
            if agent is not None and not waiting.found.done():
                waiting.found.set_result(self._take(agent, waiting.lane))
                return


class Unable(NothingToWorkWith):
    """No agent can do a job: none has its name, its skills or what it needs."""

    def __init__(self, job: Job, workers: Sequence[Agent]) -> None:
        names = ", ".join(worker.name for worker in workers)
        if not job.worker and not job.skills:
            super().__init__(names, job.needs or "strategy")
            return
        wants = f"an agent called {job.worker!r}" if job.worker else "an agent"
        wants += f" with the skills {', '.join(sorted(job.skills))}" if job.skills else ""
        wants += f" and a {job.needs}" if job.needs else ""
        told = "; ".join(f"{each.name} ({', '.join(sorted(each.skills)) or 'no skills'})" for each in workers)
        ValueError.__init__(
            self, f"Task {job.id!r} wants {wants}. There are: {told}. Add one to the manager."
        )
