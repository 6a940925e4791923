"""A run that goes on: its events, and what a person may do about it.

running = manager.start(plan)
async for event in running: ...
running.pause("order"); running.reply(request, "blue"); running.cancel("not needed any more")
outcome = await running.outcome()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ..core_model.errors import CoreModelError
from ..protocols.errors import ProtocolError, ProtocolViolation
from ..protocols.messages import Cancel, TakeOver
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..protocols.tasks import TERMINAL, Pause, Reopen, Resume
from ..tools.errors import ToolError
from .events import Ended, Event
from .letters import Letter, Letterbox
from .people import Reply, Request
from .plan_edits import Outline, PlanEdit
from .plans_below import plans_below
from .reasoning.search import SearchRefused
from .reasoning.trace import TraceDiverged

if TYPE_CHECKING:
    from .managing.crew import Driven
    from .run import Run

OUR_ERRORS = (ProtocolError, CoreModelError, ToolError, TraceDiverged, SearchRefused)
"""Errors that say what happened and what to do; a run that one of them ends has an outcome."""


class UnknownTask(LookupError):
    """No task of this run has begun under that name."""

    def __init__(self, task: str, known: list[str]) -> None:
        self.task = task
        super().__init__(f"No task {task!r} has begun. There are: {', '.join(known) or 'none yet'}.")


class RunOver(LookupError):
    """This process's part in a run has ended: nothing in it can be answered or acted on any more."""

    def __init__(self, run: str, journal: str) -> None:
        self.run = run
        super().__init__(
            f"Run {run!r} has ended here. What it waits for is answered with `punchlist answer {journal}`, "
            "and a manager's resume() goes on with it; a run of Manager(..., patient=True) waits for replies."
        )


class Running:
    """One run while a process is at it. Made by `Manager.start` and `Manager.go_on`.

    Args:
        run: What is to be done.
        shown: Where it puts its events.
        close: Called when it has ended, whatever came of it.
    """

    def __init__(
        self, run: Run, shown: asyncio.Queue[Event | None], close: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._run, self._shown, self._close = run, shown, close
        self._letters = Letterbox(run.mind.journal, run.run, self._heed)
        self._letters.open()
        self._task = asyncio.create_task(self._to_the_end())
        self._task.add_done_callback(lambda _: shown.put_nowait(None))

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.run

    @property
    def journal(self) -> str:
        """Where it is recorded; without a password."""
        return self._run.mind.journal.named

    @property
    def left(self) -> bool:
        """Whether this process's part in the run is over: its journal is closed here."""
        return self._close is None

    @property
    def requests(self) -> tuple[Request, ...]:
        """What waits for a person."""
        return tuple(self._run.crew.desk.open.values())

    @property
    def tasks(self) -> dict[str, str]:
        """How the tasks that have begun stand, by the name under which they are in the journal."""
        return {driver.id: driver.state.status for driver in self._drivers().values()}

    async def __aiter__(self) -> AsyncGenerator[Event]:
        """The events up to the outcome. Whoever leaves the loop before lets the run go on."""
        while (event := await self._shown.get()) is not None:
            yield event
        yield Ended(await self._task)

    async def outcome(self) -> Confirmed[Any] | Unverified | Failed:
        """How it ends."""
        return await asyncio.shield(self._task)

    async def stop(self) -> None:
        """End this process's part in the run, at once; it can be gone on with later."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._leave()  # a task that is cancelled before its first step does not do so itself

    # --- what a person may do -----------------------------------------------------------

    def reply(self, request: str, value: JsonValue, person: str = "person") -> None:
        """Answer a request.

        Raises:
            KeyError: Nothing of this id was asked.
            RequestWithdrawn: It is not asked any more: the task has ended.
            RunOver: The run has ended for now, and this is what it waits for.
            UnfitReply: It is of another type than was asked for.
        """
        if (asked := self._run.crew.desk.open.get(request)) is not None:
            self._refuse_over()
            asked.check(value)
        self._run.crew.desk.reply(request, Reply(value, person))

    def pause(self, task: str = "", person: str = "person") -> None:
        """Stop a task where it is, or all that have not ended; what arrives meanwhile is held.

        Raises:
            UnknownTask: No task of this name has begun.
            ProtocolViolation: This one cannot be paused as it stands.
            RunOver: The run has ended.
        """
        self._act(Pause(), task, person)

    def go_on(self, task: str = "", person: str = "person") -> None:
        """Let a paused task go on, or all of them. Raises as `pause` does."""
        self._act(Resume(), task, person)

    def cancel(self, reason: str, task: str = "", person: str = "person") -> None:
        """Stop a task for good, or the whole run; what is confirmed stays. Raises as `pause` does."""
        self._refuse_over()
        if not task:
            self._run.cancelled = f"{person}: {reason}"
        self._act(Cancel(reason=reason), task, person)

    def take_over(self, task: str, reason: str = "", person: str = "person") -> None:
        """Do a task oneself: its worker is called off, and a request asks for the result."""
        self._act(TakeOver(reason=reason), task, person)

    async def reopen(self, task: str, reason: str, person: str = "person") -> None:
        """Have an ended task done again, and what consumed its result; while others still go on.

        Raises:
            UnknownTask: No task of this name has begun.
            ProtocolViolation: It has not ended, or the whole run has.
        """
        await self._driver(task).reopen(Reopen(reason=reason), person)

    @property
    def plan(self) -> Outline | None:
        """The plan as it stands, in words; None where the tasks were read out of a goal."""
        return self._run.outline()

    @property
    def plans_below(self) -> dict[str, str]:
        """How the plans of managers below stand, by the task that each belongs to; see `PlanBelow.stands`."""
        known = plans_below(self._run.mind.journal, self.id)
        return {task: plan.stands for task, plan in known.items()}

    def plan_of(self, task: str) -> Outline | None:
        """The plan of the manager that a task was given to, as it stands; None where it is none of a program.

        Raises:
            EditRefused: The task has none.
        """
        return self._run.outline(task)

    def edit(self, edit: PlanEdit, person: str = "person") -> None:
        """Add a task to a plan, drop one that has not begun, or change it.

        A plan below the outermost is meant where `edit.of` names the task that it belongs to. If that was
        confirmed already, it is re-opened, and goes on with the plan that it had.

        Raises:
            EditRefused: It has begun, the run is over, or the edit would leave a cycle or an input without
                what gives it. Nothing is changed.
        """
        self._run.edit(edit, person)

    def _refuse_over(self) -> None:
        if self._task.done():
            raise RunOver(self.id, self.journal)

    def _act(self, act: Any, task: str, person: str) -> None:
        self._refuse_over()
        if task:
            self._driver(task).act(act, person)
            return
        for driver in self._drivers().values():
            if driver.state.status not in TERMINAL:
                with contextlib.suppress(ProtocolViolation):  # it stands so already
                    driver.act(act, person)

    def _driver(self, task: str) -> Driven:
        known = {driver.id: driver for driver in self._drivers().values()}
        if task not in known:
            raise UnknownTask(task, list(known))
        return known[task]

    def _drivers(self) -> dict[str, Driven]:
        return self._run.crew.within.routes

    async def _heed(self, letter: Letter) -> None:
        """Do what another process wants.

        Raises:
            LookupError: There is no such task or request.
            ProtocolViolation: It is not legal as the task stands.
            ValueError: It lacks something, or the edit is refused.
        """
        task, reason, person = letter.task, letter.reason, letter.person
        if letter.act in ("take-over", "reopen") and not task:
            raise ValueError(f"{letter.act} wants a task.")
        if letter.act in ("cancel", "reopen") and not reason:
            raise ValueError(f"{letter.act} wants a reason.")
        match letter.act:
            case "reply":
                self._reply(letter)
            case "pause":
                self.pause(task, person)
            case "go-on":
                self.go_on(task, person)
            case "cancel":
                self.cancel(reason, task, person)
            case "take-over":
                self.take_over(task, reason, person)
            case "reopen":
                await self.reopen(task, reason, person)
            case "edit":
                if letter.edit is None:
                    raise ValueError("edit wants to be told what: add, drop or change, and the task.")
                self.edit(letter.edit, person)

    def _reply(self, letter: Letter) -> None:
        try:
            self.reply(letter.request, letter.value, letter.person)
        except KeyError as error:
            known = ", ".join(each.id for each in self.requests) or "nothing"
            raise ValueError(f"Nothing was asked under {letter.request!r}. Waiting: {known}.") from error

    async def _to_the_end(self) -> Confirmed[Any] | Unverified | Failed:
        """The outcome of a run, also where not even its end could be recorded."""
        try:
            return await self._run.to_the_end()
        except OUR_ERRORS as error:
            return Failed(error, cost=self._run.mind.budget.total(), run=self._run.run)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        """Let go of the journal, once."""
        self._letters.close()
        close, self._close = self._close, None
        if close is not None:
            await close()
