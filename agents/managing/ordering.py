"""Orders in the making: who gets the task, and by which steps.

Where that takes waiting, for an agent or for the model, they are made beside a task's loop, so that the task
can be called off, paused or taken over at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...protocols.messages import Assign, Envelope, Redo
from ...protocols.states import draft
from ...protocols.tasks import Decide
from ..budget import Budget
from . import performing
from .crew import Crew
from .drive import Drive
from .ending import latest_flaws

if TYPE_CHECKING:
    from ..steps import Step
    from .lanes import Lane

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Does something beside the loop of a task; what breaks down there ends the run."""


class Planned(Protocol):
    """The steps of an attempt, after what failed in the one before."""

    async def __call__(self, failed: Sequence[str], *, again: bool) -> tuple[Step, ...]: ...


class Ordering:
    """Drafts the orders of one task; each goes into the task's inbox, and counts if it is still due then."""

    def __init__(
        self, crew: Crew, drive: Drive, budget: Budget, lane: Lane, spawn: Spawn, planned: Planned
    ) -> None:
        self._crew, self._drive, self._budget, self._lane = crew, drive, budget, lane
        self._spawn, self._planned = spawn, planned
        self._drafting: asyncio.Task[None] | None = None
        self._drafted = ""

    def begin(self, effect: Decide) -> None:
        """Draft what was decided, instead of what was decided before."""
        self.stop()
        again, failed = effect.what == "redo", self._failed()
        steps = performing.known_steps(self._crew, self._drive, failed, again=again)
        worker = None if steps is None else self._crew.lanes.take(self._drive.job, self._lane)
        if steps is None or worker is None:
            self._drafting = self._spawn(self._draft(failed, again=again))
            return
        self._drive.steps = steps
        self._put(worker.name, failed, again=again)

    def stop(self) -> None:
        """Draft nothing any more; what is in the inbox already does not count."""
        self._drafted = ""
        if self._drafting is not None:
            self._drafting.cancel()

    def take(self, order: Envelope) -> bool:
        """Whether the task still waits for an order that was drafted."""
        state = self._drive.state
        due = state.status, state.generation, state.attempt
        mine, self._drafted = order.id == self._drafted, ""
        return mine and due == ("not_done", order.generation, order.attempt)

    def _failed(self) -> list[str]:
        """What was wrong with the attempt before."""
        return [
            f"{flaw.criterion} : {flaw.why}" if flaw.criterion else flaw.why
            for flaw in latest_flaws(self._drive.state)
        ]

    async def _draft(self, failed: Sequence[str], *, again: bool) -> None:
        """The order, once there are an agent and its steps."""
        worker = await self._crew.lanes.book(self._drive.job, self._lane)
        self._drive.steps = await self._planned(failed, again=again)
        self._put(worker.name, failed, again=again)

    def _put(self, worker: str, failed: Sequence[str], *, again: bool) -> None:
        """Put the first order, or a redo with plan, context and feedback, into the inbox."""
        drive = self._drive
        plan = tuple(step.line() for step in drive.steps)
        context = f"{drive.job.title}; part of: {self._crew.goal}"
        if again:
            self._budget.spend(redos=1)
            body = Redo(plan=plan, context=context, feedback="; ".join(failed) or "the attempt was lost")
            order = draft(drive.state, body, time.time())
        else:
            body = Assign(task=drive.job.title, spec=drive.state.spec, plan=plan, context=context)
            order = draft(drive.state, body, time.time(), recipient=worker)
        self._drafted = order.id
        drive.inbox.put(order)
