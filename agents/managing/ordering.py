"""Orders in the making: who gets the task, and by which steps.

Where that takes waiting, for an agent or for the model, they are made beside a task's loop, so that the task
can be called off, paused or taken over at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ...protocols.messages import Assign, Envelope, Redo
from ...protocols.states import draft
from ...protocols.tasks import Decide
from ..budget import Budget
from . import performing
from .crew import Crew
from .drive import Drive
from .ending import latest_flaws

if TYPE_CHECKING:
    from .lanes import Lane

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Does something beside the loop of a task; what breaks down there ends the run."""


class Ordering:
    """Drafts the orders of one task; each goes into the task's inbox, and counts if it is still due then."""

    def __init__(self, drive: Drive, budget: Budget, lane: Lane) -> None:
        self._drive, self._budget, self._lane = drive, budget, lane
        self._drafting: asyncio.Task[None] | None = None
        self._drafted = ""

    def begin(self, crew: Crew, effect: Decide, spawn: Spawn) -> None:
        """Draft what was decided, instead of what was decided before."""
        self.stop()
        again, failed = effect.what == "redo", self._failed()
        steps = performing.known_steps(crew, self._drive, failed, again=again)
        worker = None if steps is None else crew.lanes.take(self._drive.job, self._lane)
        if steps is None or worker is None:
            self._drafting = spawn(self._draft(crew, failed, again=again))
            return
        self._drive.steps = steps
        self._put(crew, worker.name, failed, again=again)

    def stop(self) -> None:
        """Draft nothing any more; what is in the inbox already does not count."""
        self._drafted = ""
        if self._drafting is not None:
            self._drafting.cancel()

    def take(self, order: Envelope) -> bool:
        """Whether the task still waits for an order that was drafted."""
        state = self._drive.state
        due = state.status, state.generation, state.attempt
        if order.id != self._drafted:
            return False  # of a decision before this one
        self._drafted = ""
        return due == ("not_done", order.generation, order.attempt)

    def _failed(self) -> list[str]:
        """What was wrong with the attempt before."""
        return [
            f"{flaw.criterion} : {flaw.why}" if flaw.criterion else flaw.why
            for flaw in latest_flaws(self._drive.state)
        ]

    async def _draft(self, crew: Crew, failed: Sequence[str], *, again: bool) -> None:
        """The order, once there are an agent and its steps."""
        worker = await crew.lanes.book(self._drive.job, self._lane)
        self._drive.steps = await performing.plan(crew, self._drive, failed, again=again)
        self._put(crew, worker.name, failed, again=again)

    def _put(self, crew: Crew, worker: str, failed: Sequence[str], *, again: bool) -> None:
        """Put the first order, or a redo with plan, context and feedback, into the inbox."""
        drive = self._drive
        plan = tuple(step.line() for step in drive.steps)
        context = f"{drive.job.title}; part of: {crew.goal}"
        if again:
            self._budget.spend(redos=1)
            body = Redo(plan=plan, context=context, feedback="; ".join(failed) or "the attempt was lost")
            order = draft(drive.state, body, time.time())
        else:
            body = Assign(task=drive.job.title, spec=drive.state.spec, plan=plan, context=context)
            order = draft(drive.state, body, time.time(), recipient=worker)
        self._drafted = order.id
        drive.inbox.put(order)
