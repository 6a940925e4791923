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
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from ..core_model.errors import CoreModelError
from ..protocols.errors import ProtocolError
from ..protocols.journal import Journal, RunInfo
from ..protocols.messages import new_id
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..protocols.spec import Criterion
from ..tools.errors import ToolError
from ..tools.permissions import Policy, preset
from .budget import SITTING, Budget, used
from .events import Ended, Event
from .mind import Mind
from .reasoning.search import SearchRefused
from .reasoning.strategy import Strategy, strategy_named
from .reasoning.trace import TraceDiverged
from .run import Run
from .worker import Worker

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory import Memory

RUNS = ".punchlist"
"""Folder, in the working directory, where journals go when no other is named."""


OUR_ERRORS = (ProtocolError, CoreModelError, ToolError, TraceDiverged, SearchRefused)
"""Errors that say what happened and what to do; a run that one of them ends has an outcome."""


class ResultModelMissing(ValueError):
    """A run that was begun with a model for its result is to be resumed without one."""

    def __init__(self, run: str, expected: str) -> None:
        self.run, self.expected = run, expected
        super().__init__(
            f"Run {run!r} was begun with expect={expected}. Resume it with that: "
            f"resume(..., expect={expected})."
        )


class SpecNotUsed(ValueError):
    """Criteria were given for workers whose tasks bring their own."""

    def __init__(self, workers: Sequence[str]) -> None:
        self.workers = tuple(workers)
        super().__init__(
            f"The workers {', '.join(workers)} have tools: their tasks bring their own spec, and this one "
            "would not be used. Leave it out, or check the outcome's result yourself."
        )


class SpecMissing(ValueError):
    """A run that was begun with criteria of the user is to be resumed without them."""

    def __init__(self, run: str, criteria: Sequence[str]) -> None:
        self.run, self.criteria = run, tuple(criteria)
        super().__init__(
            f"Run {run!r} was begun with a spec ({'; '.join(criteria)}). Resume it with that: "
            "resume(..., spec=[...])."
        )


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
        strategy: How it thinks over its questions, by name or as an object; None: one answer a question.
        redos: Attempts of a task beyond the first; a resumed run keeps those that it was begun with.
        tokens, steps, seconds: Budget of a whole run, its interrupted parts included; None is no limit.
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
        strategy: str | Strategy | None = None,
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
        self.strategy = None if strategy is None else strategy_named(strategy)
        self.redos, self.tokens, self.steps, self.seconds = redos, tokens, steps, seconds
        self.extra = dict(extra or {})

    async def run(
        self, goal: str, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> Confirmed[Any] | Unverified | Failed:
        """Get a goal done; with `expect` the result is an instance of that model.

        Args:
            spec: What the answer of workers that only think is held against; empty, the model judges it.
                Goals for workers with tools bring their own.
        """
        return await _last(self.stream(goal, expect, spec=spec))

    def run_sync(
        self, goal: str, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> Confirmed[Any] | Unverified | Failed:
        """`run`, for programs without an event loop; ends the workers' browsers."""
        return asyncio.run(self._and_close(self.stream(goal, expect, spec=spec)))

    def resume_sync(
        self,
        path: Path | str,
        run: str | None = None,
        *,
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
    ) -> Confirmed[Any] | Unverified | Failed:
        """`resume` to its outcome, for programs without an event loop; ends the workers' browsers."""
        return asyncio.run(self._and_close(self.resume(path, run, expect=expect, spec=spec)))

    async def _and_close(self, events: AsyncIterator[Event]) -> Confirmed[Any] | Unverified | Failed:
        try:
            return await _last(events)
        finally:
            await self.close()

    async def stream(
        self, goal: str, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> AsyncIterator[Event]:
        """The run as events, the outcome last.

        Raises:
            ValueError: The goal is empty.
            SpecNotUsed: There is a spec, and workers whose tasks bring their own.
            JournalError: The journal cannot be written, or another process has it.
        """
        acting = [worker.name for worker in self.workers if worker.browser or worker.functions]
        if spec and acting:
            raise SpecNotUsed(acting)
        if not goal.strip():
            raise ValueError("the goal is empty; say in a sentence what is to be done")
        goal = unicodedata.normalize("NFC", goal).encode("utf-8", "replace").decode("utf-8")
        run = new_id()
        path = self.journal or Path(RUNS) / f"{run}.db"
        with Journal.open(path) as journal:
            journal.begin(run, goal, self._settings(expect, spec))
            async with contextlib.aclosing(
                self._events(run, goal, expect, self.redos, journal, spec)
            ) as events:
                async for event in events:
                    yield event

    async def resume(
        self,
        path: Path | str,
        run: str | None = None,
        *,
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
    ) -> AsyncIterator[Event]:
        """Go on with a run that was interrupted; what is recorded is not done again.

        Args:
            path: The journal.
            run: Which run of it; None: the last one.
            expect: The model of the result, where the run was begun with one.
            spec: The criteria, where it was begun with any.

        Raises:
            UnknownRun: It is not there.
            ResultModelMissing: It was begun with a model for its result, and `expect` names none.
            SpecMissing: It was begun with criteria, and `spec` has none.
            JournalError: The journal is missing, damaged, of another version, or in use.
        """
        with Journal.open(path, create=False) as journal:
            runs = journal.runs()
            known = [info.run for info in runs]
            info = next((each for each in reversed(runs) if run in (None, each.run)), None)
            if info is None:
                raise UnknownRun(run or "", Path(path), known)
            expected = info.settings.get("expect")
            if isinstance(expected, str) and expect is None:
                raise ResultModelMissing(info.run, expected)
            criteria = info.settings.get("spec")
            if isinstance(criteria, list) and criteria and not spec:
                raise SpecMissing(info.run, [str(name) for name in criteria])
            journal.set_status(info.run, "running")
            redos = _redos(info, self.redos)
            async with contextlib.aclosing(
                self._events(info.run, info.goal, expect, redos, journal, spec)
            ) as events:
                async for event in events:
                    yield event

    async def _events(
        self,
        run: str,
        goal: str,
        expect: type[BaseModel] | None,
        redos: int,
        journal: Journal,
        spec: Sequence[Criterion],
    ) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        budget = Budget(tokens=self.tokens, steps=self.steps, seconds=self.seconds, cost=used(journal, run))
        journal.append(SITTING, {"pid": os.getpid()}, run=run)
        mind = Mind(self.model, budget, journal, run, queue.put_nowait, self.strategy)
        work = Run(
            run,
            goal,
            self.workers,
            mind,
            self.policy,
            memory=self.memory,
            expect=expect,
            spec=spec,
            redos=redos,
            show=queue.put_nowait,
        )
        task = asyncio.create_task(_to_the_end(work))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            yield Ended(await task)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _settings(self, expect: type[BaseModel] | None, spec: Sequence[Criterion]) -> dict[str, JsonValue]:
        return {
            "spec": [criterion.name for criterion in spec],
            "expect": None if expect is None else expect.__name__,
            "workers": [worker.name for worker in self.workers],
            "model": self.model.name,
            "strategy": None if self.strategy is None else self.strategy.name,
            "redos": self.redos,
            "pid": os.getpid(),
            **self.extra,
        }

    async def close(self) -> None:
        """End the workers' browsers. They start again when needed."""
        for browser in {id(worker.browser): worker.browser for worker in self.workers}.values():
            if browser is not None:
                await browser.close()


async def _to_the_end(work: Run) -> Confirmed[Any] | Unverified | Failed:
    """The outcome of a run, also where not even its end could be recorded."""
    try:
        return await work.to_the_end()
    except OUR_ERRORS as error:
        return Failed(error, cost=work.mind.budget.total(), run=work.run)


def _redos(info: RunInfo, otherwise: int) -> int:
    """The redos that a run was begun with: what its journal holds is legal under these."""
    recorded = info.settings.get("redos")
    return recorded if isinstance(recorded, int) else otherwise


async def _last(events: AsyncIterator[Event]) -> Confirmed[Any] | Unverified | Failed:
    outcome: Confirmed[Any] | Unverified | Failed | None = None
    async for event in events:
        if isinstance(event, Ended):
            outcome = event.outcome
    if outcome is None:
        raise RuntimeError("the run gave no outcome; this is a fault of punchlist")
    return outcome
