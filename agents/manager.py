"""The manager: takes a goal, plans it, hands tasks to workers, has them verified, and says how it ended.

outcome = Manager(model, workers=[shop]).run_sync("Order 2 green mugs for Ada Lovelace.")
match outcome:
    case Confirmed(result, evidence): ...
    case Unverified(last, reasons): ...
    case Failed(error): ...
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from ..protocols.journal import Journal
from ..protocols.messages import new_id
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..tools.permissions import Policy, preset
from .budget import Budget
from .events import Ended, Event
from .mind import Mind
from .run import Run
from .worker import Worker

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory import Memory

RUNS = ".punchlist"
"""Folder, in the working directory, where journals go when no other is named."""


class UnknownRun(LookupError):
    """A journal holds no run of that name."""

    def __init__(self, run: str, path: Path, known: Sequence[str]) -> None:
        self.run, self.path = run, path
        super().__init__(f"{str(path)!r} holds no run {run!r}. It holds: {', '.join(known) or 'none'}.")


class Manager:
    """An agent that gets goals done by workers, and calls nothing done that was not verified.

    Args:
        model: Plans, writes redos, reflects and judges. Anything that `load_model` gives.
        workers: At least one; independent tasks go to several at once.
        memory: Lessons of mended tasks are kept there and recalled at similar ones; None keeps none.
        journal: File of the journal; None: a new file for each run, under `.punchlist/`.
        policy: Which tool calls are allowed; None: all of them (the browser's fence holds in any case).
        redos: Attempts of a task beyond the first.
        tokens, steps, seconds: Budget of a run; None is no limit.
        extra: Recorded with the run's settings, for whoever resumes it.

    Raises:
        ValueError: No worker, or two of one name.
    """

    def __init__(
        self,
        model: Model,
        workers: Sequence[Worker],
        *,
        memory: Memory | None = None,
        journal: Path | str | None = None,
        policy: Policy | None = None,
        redos: int = 2,
        tokens: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> None:
        names = [worker.name for worker in workers]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a manager needs workers with different names, got {names!r}")
        self.model, self.workers, self.memory = model, list(workers), memory
        self.journal = None if journal is None else Path(journal)
        self.policy = policy or preset("unattended")
        self.redos, self.tokens, self.steps, self.seconds = redos, tokens, steps, seconds
        self.extra = dict(extra or {})

    async def run(
        self, goal: str, expect: type[BaseModel] | None = None
    ) -> Confirmed[Any] | Unverified | Failed:
        """Get a goal done; with `expect` the result is an instance of that model."""
        return await _last(self.stream(goal, expect))

    def run_sync(
        self, goal: str, expect: type[BaseModel] | None = None
    ) -> Confirmed[Any] | Unverified | Failed:
        """`run`, for programs without an event loop; ends the workers' browsers."""
        return asyncio.run(self._and_close(goal, expect))

    async def _and_close(
        self, goal: str, expect: type[BaseModel] | None
    ) -> Confirmed[Any] | Unverified | Failed:
        try:
            return await self.run(goal, expect)
        finally:
            await self.close()

    async def stream(self, goal: str, expect: type[BaseModel] | None = None) -> AsyncIterator[Event]:
        """The run as events, the outcome last.

        Raises:
            ValueError: The goal is empty.
            JournalError: The journal cannot be written, or another process has it.
        """
        if not goal.strip():
            raise ValueError("the goal is empty; say in a sentence what is to be done")
        run = new_id()
        path = self.journal or Path(RUNS) / f"{run}.db"
        with Journal.open(path) as journal:
            journal.begin(run, goal, self._settings())
            async with contextlib.aclosing(self._events(run, goal, expect, journal)) as events:
                async for event in events:
                    yield event

    async def resume(self, path: Path | str, run: str | None = None) -> AsyncIterator[Event]:
        """Go on with a run that was interrupted; what is recorded is not done again.

        Args:
            path: The journal.
            run: Which run of it; None: the last one.

        Raises:
            UnknownRun: It is not there.
            JournalError: The journal is missing, damaged, of another version, or in use.
        """
        with Journal.open(path, create=False) as journal:
            runs = journal.runs()
            known = [info.run for info in runs]
            info = next((each for each in reversed(runs) if run in (None, each.run)), None)
            if info is None:
                raise UnknownRun(run or "", Path(path), known)
            journal.set_status(info.run, "running")
            async with contextlib.aclosing(self._events(info.run, info.goal, None, journal)) as events:
                async for event in events:
                    yield event

    async def _events(
        self, run: str, goal: str, expect: type[BaseModel] | None, journal: Journal
    ) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        budget = Budget(tokens=self.tokens, steps=self.steps, seconds=self.seconds)
        mind = Mind(self.model, budget, journal, run, queue.put_nowait)
        work = Run(
            run,
            goal,
            self.workers,
            mind,
            self.policy,
            memory=self.memory,
            expect=expect,
            redos=self.redos,
            show=queue.put_nowait,
        )
        task = asyncio.create_task(work.to_the_end())
        task.add_done_callback(
            lambda ended: (
                None if ended.cancelled() or ended.exception() else queue.put_nowait(Ended(ended.result()))
            )
        )
        try:
            while not (task.done() and queue.empty()):
                getting = asyncio.create_task(queue.get())
                await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
                else:
                    getting.cancel()
                    if task.done() and (error := task.exception()) is not None:
                        raise error
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    def _settings(self) -> dict[str, JsonValue]:
        return {
            "workers": [worker.name for worker in self.workers],
            "model": self.model.name,
            "redos": self.redos,
            "pid": os.getpid(),
            **self.extra,
        }

    async def close(self) -> None:
        """End the workers' browsers. They start again when needed."""
        for browser in {id(worker.browser): worker.browser for worker in self.workers}.values():
            if browser is not None:
                await browser.close()


async def _last(events: AsyncIterator[Event]) -> Confirmed[Any] | Unverified | Failed:
    outcome: Confirmed[Any] | Unverified | Failed = Failed(
        RuntimeError("the run gave no outcome; this is a fault of punchlist")
    )
    async for event in events:
        if isinstance(event, Ended):
            outcome = event.outcome
    return outcome
