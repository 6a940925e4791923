"""The manager: takes a goal, plans it, hands tasks to workers, has them verified, and says how it ended.

outcome = Manager(model, workers=[shop]).run_sync(
    "Order 2 green mugs for Ada Lovelace, express, deliver on 3 May."
)
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
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from ..core_model.pricing import amount
from ..memory.records import Provenance, Record, Scope, now
from ..protocols.journal import Journal, RunInfo
from ..protocols.messages import new_id
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..protocols.spec import Criterion
from ..tools.permissions import Policy, preset
from .agent import Agent
from .budget import SITTING, Budget, used
from .consolidating import tidy as tidied
from .events import Asked, Ended, Event
from .hierarchy import ManagingWorker, Planner
from .jobs import Job
from .managing.modelless import NoModel
from .mind import Mind
from .people import Desk, Person, Request, approving
from .plan import Plan
from .priced import refuse_unpriced
from .reasoning.strategy import Strategy, strategy_named
from .run import Run
from .running import Running

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory import Memory

DATABASES = ("postgresql://", "postgres://")
"""How the address of a database begins, where journals of several hosts lie."""

MANAGER, VERIFIER = "manager", "verifier"
"""Names of the outermost manager and of the verifier in messages; see `crew.Within` and `ManagerTask`."""

RUNS = ".punchlist"
"""Folder, in the working directory, where journals go when no other is named."""


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


class PlanMissing(ValueError):
    """A run that was begun with a plan is to be resumed without it."""

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"Run {run!r} was begun with a plan. Resume it with that: resume(..., plan=plan).")


class SpecMissing(ValueError):
    """A run that was begun with criteria of the user is to be resumed without them."""

    def __init__(self, run: str, criteria: Sequence[str]) -> None:
        self.run, self.criteria = run, tuple(criteria)
        super().__init__(
            f"Run {run!r} was begun with a spec ({'; '.join(criteria)}). Resume it with that: "
            "resume(..., spec=[...])."
        )


class NoMemory(RuntimeError):
    """A manager without a memory was asked what its user prefers."""

    def __init__(self) -> None:
        super().__init__("The manager has no memory. Give it one: Manager(..., memory=Memory.open(folder)).")


class UnknownRun(LookupError):
    """A journal holds no run of that name."""

    def __init__(self, run: str, path: Path | str, known: Sequence[str]) -> None:
        self.run, self.path = run, Path(path)
        super().__init__(f"{str(path)!r} holds no run {run!r}. It holds: {', '.join(known) or 'none'}.")


class Manager:
    """An agent that gets goals done by workers, and calls nothing done that was not verified.

    Args:
        model: Plans, writes redos, reflects and judges. Anything that `load_model` gives; None for plans
            that need no model.
        workers: At least one; independent tasks go to several at once.
        memory: Lessons of mended tasks are kept there and recalled at similar ones, and the user's
            preferences where a goal leaves something open; None keeps and knows none.
        user: For whom goals are done: whose preferences count, beside those of everybody.
        tidy: Seconds that `close`, and so `run_sync`, may take to consolidate memory, without a model; see
            `consolidating.py` for doing it with one.
        journal: Its file, or `postgresql://...`; None: a new file for each run, under `.punchlist/`.
        policy: Which tool calls are allowed; None: all of them (the browser's fence holds in any case).
        person: Asked where a worker has a question, a rule says `ask`, an anomaly is open, a task was taken
            over, or a verdict would end a task unverified; None: nobody, and the run ends for now where it
            needs somebody.
        patient: Without a `person`, wait for `Running.reply` instead of ending.
        strategy: How it thinks over its questions, by name or as an object; None: one answer a question.
        redos: Attempts of a task beyond the first; a resumed run keeps those that it was begun with.
        tokens, model_calls, steps, seconds: Budget of a whole run, its interrupted parts included; None is no
            limit.
        money: The same of what models and tools may cost: "2.50", a decimal or a whole number, in the
            currency of their prices (`load_model(..., price=...)`, `@tool(cost=...)`).
        extra: Recorded with the run's settings, for whoever resumes it.

    Raises:
        ValueError: No worker, two of one name, or one named as who it works for or as the verifier; or
            `money` is no sum.
        PriceMissing: There is a budget of money, and nobody has said what the model costs, or that of a
            worker or of a manager below.
    """

    def __init__(
        self,
        model: Model | None,
        workers: Sequence[Agent],
        *,
        memory: Memory | None = None,
        user: str = "",
        tidy: float = 0.0,
        journal: Path | str | None = None,
        policy: Policy | None = None,
        person: Person | None = None,
        patient: bool = False,
        strategy: str | Strategy | None = None,
        redos: int = 2,
        tokens: int | None = None,
        model_calls: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        money: Decimal | int | str | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> None:
        names = [worker.name for worker in workers]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a manager needs workers with different names, got {names!r}")
        _refuse_names(workers, (MANAGER, VERIFIER))
        self.model: Model = NoModel() if model is None else model
        self.workers, self.memory, self.person, self.patient = list(workers), memory, person, patient
        self.user = user
        in_database = isinstance(journal, str) and journal.startswith(DATABASES)
        self.journal = journal if in_database or journal is None else Path(journal)
        self.policy = policy or preset("unattended")
        self.strategy = None if strategy is None else strategy_named(strategy)
        self.tidy = tidy
        self.redos, self.tokens, self.model_calls = redos, tokens, model_calls
        self.steps, self.seconds = steps, seconds
        self.money = None if money is None else amount(money)
        if self.money is not None:
            refuse_unpriced(self.model, self.workers)
        self.extra = dict(extra or {})

    async def run(
        self, goal: str | Plan, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> Confirmed[Any] | Unverified | Failed:
        """Get a goal or a plan done; with `expect` the result is an instance of that model.

        Args:
            goal: In words, or a plan, whose results come by the names of its tasks.
            spec: What the answer of workers that only think is held against; empty, the model judges it.
                Goals for workers with tools, and plans, bring their own.
        """
        return await _last(self.stream(goal, expect, spec=spec))

    def run_sync(
        self, goal: str | Plan, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
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
        plan: Plan | None = None,
    ) -> Confirmed[Any] | Unverified | Failed:
        """`resume` to its outcome, for programs without an event loop; ends the workers' browsers."""
        return asyncio.run(self._and_close(self.resume(path, run, expect=expect, spec=spec, plan=plan)))

    async def _and_close(self, events: AsyncIterator[Event]) -> Confirmed[Any] | Unverified | Failed:
        try:
            return await _last(events)
        finally:
            await self.close()

    async def stream(
        self, goal: str | Plan, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> AsyncIterator[Event]:
        """The run as events, the outcome last. Raises as `start` does."""
        async with _until_left(self.start(goal, expect, spec=spec)) as running:
            async for event in running:
                yield event

    async def resume(
        self,
        path: Path | str,
        run: str | None = None,
        *,
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
        plan: Plan | None = None,
    ) -> AsyncIterator[Event]:
        """`go_on` as events, the outcome last. Raises as `go_on` does."""
        async with _until_left(self.go_on(path, run, expect=expect, spec=spec, plan=plan)) as running:
            async for event in running:
                yield event

    def start(
        self, goal: str | Plan, expect: type[BaseModel] | None = None, *, spec: Sequence[Criterion] = ()
    ) -> Running:
        """Begin a run in the running event loop, and give it to whoever wants to watch it or step in.

        Raises:
            ValueError: The goal is empty.
            PriceMissing: A task of the plan has a budget of money; see `Manager`.
            SpecNotUsed: There is a spec, and workers whose tasks bring their own, or a plan that does.
            JournalError: The journal cannot be written, or another process has it.
        """
        acting = [worker.name for worker in self.workers if worker.browser or worker.functions]
        if spec and (acting or isinstance(goal, Plan)):
            raise SpecNotUsed(acting or ["of a plan"])
        if isinstance(goal, str):
            goal = _readable(goal)
        elif not goal.parts:
            raise ValueError("the plan is empty; add tasks to it: plan.task(NAME, TEXT, spec=[...])")
        elif any(isinstance(part, Job) and part.money is not None for part in goal.parts):
            refuse_unpriced(self.model, self.workers)
        run = new_id()
        with contextlib.ExitStack() as until_it_runs:
            journal = until_it_runs.enter_context(Journal.open(self.journal or Path(RUNS) / f"{run}.db"))
            title = goal if isinstance(goal, str) else goal.title or "a plan"
            journal.begin(run, title, self._settings(expect, spec, planned=isinstance(goal, Plan)))
            attended = self.person is not None or self.patient
            running = self._running(run, goal, expect, self.redos, journal, spec, attended=attended)
            until_it_runs.pop_all()
        return running

    def go_on(
        self,
        path: Path | str,
        run: str | None = None,
        *,
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
        plan: Plan | None = None,
    ) -> Running:
        """Go on with a run that was interrupted; what is recorded is not done again.

        Args:
            path: The journal.
            run: Which run of it; None: the last one.
            expect: The model of the result, where the run was begun with one.
            spec: The criteria, where it was begun with any.
            plan: The plan, where it was begun with one.

        Raises:
            UnknownRun: It is not there.
            ResultModelMissing: It was begun with a model for its result, and `expect` names none.
            SpecMissing: It was begun with criteria, and `spec` has none.
            PlanMissing: It was begun with a plan, and `plan` is None.
            JournalError: The journal is missing, damaged, of another version, or in use.
        """
        with contextlib.ExitStack() as until_it_runs:
            journal = until_it_runs.enter_context(Journal.open(path, create=False))
            runs = journal.runs()
            info = next((each for each in reversed(runs) if run in (None, each.run)), None)
            if info is None:
                raise UnknownRun(run or "", journal.named, [each.run for each in runs])
            _refuse_less(info, expect, spec, plan)
            journal.set_status(info.run, "running")
            goal = info.goal if plan is None else plan
            redos, attended = _redos(info, self.redos), info.settings.get("attended") is True
            running = self._running(info.run, goal, expect, redos, journal, spec, attended=attended)
            until_it_runs.pop_all()
        return running

    def _running(
        self,
        run: str,
        goal: str | Plan,
        expect: type[BaseModel] | None,
        redos: int,
        journal: Journal,
        spec: Sequence[Criterion],
        *,
        attended: bool,
    ) -> Running:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        costs = _highest(_costs(self.workers))
        budget = Budget(
            self.tokens, self.model_calls, self.steps, self.seconds, used(journal, run),
            money=self.money, tool_costs=costs,
        )  # fmt: skip
        told: dict[str, JsonValue] = {name: str(each) for name, each in costs.items()}
        sitting: dict[str, JsonValue] = {"pid": os.getpid()}
        if told:
            sitting["tool_costs"] = told
        journal.append(SITTING, sitting, run=run)
        mind = Mind(self.model, budget, journal, run, queue.put_nowait, self.strategy)

        def asked(request: Request) -> None:
            queue.put_nowait(Asked(request.task, request.id, request.subject, request.text))

        desk = Desk(journal, run, self.person, patient=self.patient, told=asked)
        work = Run(
            run, goal, self.workers, mind, approving(self.policy, desk), memory=self.memory, user=self.user,
            expect=expect, spec=spec, redos=redos, attended=attended, desk=desk, show=queue.put_nowait,
        )  # fmt: skip

        async def close() -> None:
            journal.close()

        return Running(work, queue, close)

    async def preferences(self) -> list[Record]:
        """What the user prefers and what is said to be everybody's preference, oldest first, as it holds now.

        Raises:
            NoMemory: The manager was made without one.
        """
        scope = Scope(user=self.user)
        return await self._its_memory().records(kinds=("preference",), scope=scope, at=now())

    async def prefer(self, text: str, *, instead_of: str = "", about: str = "") -> Record:
        """Keep what the user says to prefer; it goes before everything that was only seen in choices.

        Args:
            instead_of: Id of a preference that it corrects; that one stays in memory's history.
            about: Host of the site that it is about; empty: any.

        Raises:
            NoMemory: The manager was made without one.
            UnknownRecord, AlreadySuperseded, SecretRefused, MemoryFault: As `Memory.supersede`.
        """
        record = Record(
            kind="preference", text=text, stance="explicit", trust="trusted",
            scope=Scope(user=self.user, key=about), provenance=Provenance(by="person"),
        )  # fmt: skip
        memory = self._its_memory()
        return await (memory.supersede(instead_of, record) if instead_of else memory.remember(record))

    def _its_memory(self) -> Memory:
        if self.memory is None:
            raise NoMemory
        return self.memory

    def as_worker(
        self,
        name: str,
        planner: Planner | None = None,
        *,
        about: str = "",
        skills: Iterable[str] = (),
    ) -> ManagingWorker:
        """This manager as a worker of another one; see `ManagingWorker`."""
        return ManagingWorker(name, self, planner, about=about, skills=skills)

    def _settings(
        self, expect: type[BaseModel] | None, spec: Sequence[Criterion], *, planned: bool
    ) -> dict[str, JsonValue]:
        return {
            "plan": planned,
            "attended": self.person is not None or self.patient,
            "spec": [criterion.name for criterion in spec],
            "expect": None if expect is None else expect.__name__,
            "workers": [worker.name for worker in self.workers],
            "model": self.model.name,
            "strategy": None if self.strategy is None else self.strategy.name,
            "redos": self.redos,
            **({"user": self.user} if self.user else {}),
            "pid": os.getpid(),
            **self.extra,
        }

    async def close(self) -> None:
        """End the workers' browsers, and their places in a fleet. They start again when needed.

        Memory is consolidated for `tidy` seconds at most.
        """
        for worker in self.workers:
            await worker.close()
        if self.memory is not None and self.tidy > 0:
            await tidied(self.memory, self.tidy)


@contextlib.asynccontextmanager
async def _until_left(running: Running) -> AsyncGenerator[Running]:
    """A run that stops when nobody looks at it any more."""
    try:
        yield running
    finally:
        await running.stop()


def _refuse_names(workers: Sequence[Agent], taken: Sequence[str]) -> None:
    """Refuse names by which a message would go to somebody else: the protocol knows people by their names.

    Raises:
        ValueError: Somebody is named as who it works for, as the verifier, or not at all.
    """
    for worker in workers:
        if not worker.name or worker.name in taken:
            raise ValueError(
                f"a worker may not be called {worker.name!r}: these names are taken where it works: "
                f"{', '.join(taken)}; give it another"
            )
        if isinstance(worker, ManagingWorker):
            _refuse_names(worker.manager.workers, (*taken, worker.name))


def _costs(workers: Sequence[Agent]) -> Iterator[tuple[str, Decimal]]:
    """What calls of the tools of these agents cost, and of those below them, where they do."""
    for worker in workers:
        yield from ((item.name, item.cost) for item in worker.functions if item.cost)
        if isinstance(worker, ManagingWorker):
            yield from _costs(worker.manager.workers)


def _highest(costs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Costs by the name of the tool; the highest, where tools of one name cost differently."""
    found: dict[str, Decimal] = {}
    for name, cost in costs:
        found[name] = max(cost, found.get(name, cost))
    return found


def _readable(goal: str) -> str:
    """The goal in one spelling.

    Raises:
        ValueError: It is empty.
    """
    if not goal.strip():
        raise ValueError("the goal is empty; say in a sentence what is to be done")
    return unicodedata.normalize("NFC", goal).encode("utf-8", "replace").decode("utf-8")


def _refuse_less(
    info: RunInfo, expect: type[BaseModel] | None, spec: Sequence[Criterion], plan: Plan | None
) -> None:
    """Refuse to go on with less than a run was begun with."""
    expected, criteria = info.settings.get("expect"), info.settings.get("spec")
    if isinstance(expected, str) and expect is None:
        raise ResultModelMissing(info.run, expected)
    if isinstance(criteria, list) and criteria and not spec:
        raise SpecMissing(info.run, [str(name) for name in criteria])
    if info.settings.get("plan") is True and plan is None:
        raise PlanMissing(info.run)


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
