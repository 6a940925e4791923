"""The work whose cost `bench overhead` measures, done by our own agents with scripted models.

A turn of a case gives the CPU seconds of one unit of work. The peers' scripts in `peers/` do the same work.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import re
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, JsonValue

from ...protocols.journal import Call, Journal, Recovery, Row, RunInfo, Status
from ...protocols.journal_bodies import Body, More
from ...protocols.messages import new_id
from ...protocols.outcome import Confirmed
from ...protocols.spec import Check
from ...protocols.tasks import WorkerTask
from ...tools.permissions import preset
from ...tools.tool import tool
from ..acting.attempt import Assignment
from ..budget import Budget
from ..events import Event, Said, Stood
from ..mind import Mind
from ..steps import Stage, Step
from ..testing import PLAIN, ScriptedModel
from ..worker import Worker
from .staging import Part, StagedRun

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Generation
    from ...core_model.grammar import Grammar
    from ...core_model.sampling import Sampling

Durability = Literal["off", "NORMAL", "FULL"]
TASK = "how many green mugs are there ?"
UNITS = "12"


@tool(effect="read")
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


def answer(text: str) -> str:
    """A scripted agent: one call, then what it returned."""
    return (
        f"answer {UNITS}" if re.search("^did : ", text, re.MULTILINE) else "call stock\n item green mugs\nend"
    )


class NoJournal(Journal):
    """A journal that keeps nothing: what a run costs without one. Nothing can be resumed."""

    def __init__(self) -> None:
        self.path = Path("no journal")
        self._numbers = itertools.count(1)
        self._calls: dict[str, Call] = {}

    def begin(self, run: str, goal: str, settings: Mapping[str, JsonValue] | None = None) -> None:
        """Keeps nothing."""

    def set_status(self, run: str, status: str) -> None:
        """Keeps nothing."""

    def runs(self) -> tuple[RunInfo, ...]:
        """None."""
        return ()

    def hold(self, run: str) -> int:
        """Nobody else writes."""
        return 1

    def append(
        self,
        kind: str,
        body: Body,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        key: str = "",
        then: More = (),
    ) -> int:
        """Keeps nothing."""
        return next(self._numbers)

    def rows(
        self, run: str, *, kinds: Sequence[str] = (), after: int = 0, task: str | None = None
    ) -> Iterator[Row]:
        """None."""
        return iter(())

    def intent(
        self,
        key: str,
        tool: str,
        args: Mapping[str, JsonValue],
        recovery: Recovery,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        again: bool = False,
    ) -> int:
        """Keeps nothing."""
        return next(self._numbers)

    def outcome(self, key: str, result: BaseModel | JsonValue, *, status: Status = "ok") -> int:
        """Keeps nothing."""
        return next(self._numbers)

    def call(self, key: str) -> Call | None:
        """None."""
        return None

    def calls(self, run: str, task: str = "") -> tuple[Call, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self


def journal_at(folder: Path, durability: Durability) -> Journal:
    """A new journal; FULL waits for the disk at every row, NORMAL at intents of calls with an effect."""
    if durability == "off":
        return NoJournal()
    return Journal.open(folder / f"{new_id()}.db", durability="full" if durability == "FULL" else "normal")


def _mind(model: ScriptedModel, journal: Journal, run: str, show: Callable[[Event], None]) -> Mind:
    return Mind(model, Budget(), journal, run, show)


def _unseen(_: Event) -> None:
    """Nobody looks on."""


@contextmanager
def _cpu() -> Generator[list[float]]:
    """CPU seconds of a block, without what is left over from before."""
    gc.collect()
    spent: list[float] = []
    began = time.process_time()
    try:
        yield spent
    finally:
        spent.append(time.process_time() - began)


def _order(name: str) -> Assignment:
    stage = Stage("use", (Step("use", TASK, (TASK,), 1),))
    return Assignment("run", name, 1, stage, stage.parts, "use")


async def agents(folder: Path, durability: Durability, count: int, *, at_once: bool) -> float:
    """Agents that make one call of a tool and answer, one after another or all at once; seconds of one."""
    model = ScriptedModel(answer)
    with journal_at(folder, durability) as journal:
        mind, policy = _mind(model, journal, "run", _unseen), preset("unattended")

        async def one(number: int) -> None:
            made = await Worker(f"w{number}", model, tools=[stock]).perform(
                _order(f"t{number}"), mind, policy
            )
            if not isinstance(made.result, dict) or made.result["answer"] != UNITS:
                raise RuntimeError(f"the agent answered {made.result!r}; this is a fault of the benchmark")

        with _cpu() as spent:
            if at_once:
                await asyncio.gather(*map(one, range(count)))
            else:
                for number in range(count):
                    await one(number)
    return spent[0] / count


def parts(count: int) -> list[Part]:
    """Independent tasks, each with a check."""
    right = Check("it is right", lambda result: result["answer"] == UNITS)
    return [Part(f"t{number}", lambda _: TASK, lambda _: [right]) for number in range(count)]


async def verified(folder: Path, durability: Durability, count: int) -> tuple[float, int]:
    """Runs of a manager with a worker and a verification; seconds of one, and messages in it."""
    model = ScriptedModel(answer)
    said = 0
    with journal_at(folder, durability) as journal, _cpu() as spent:
        for _ in range(count):
            heard: list[Event] = []
            outcome = await _run(model, journal, parts(1), heard.append, [Worker("w", model, tools=[stock])])
            if not isinstance(outcome, Confirmed):
                raise RuntimeError(f"the run ended {outcome!r}; this is a fault of the benchmark")
            said = sum(isinstance(event, Said) for event in heard)
    return spent[0] / count, said


async def _run(
    model: ScriptedModel,
    journal: Journal,
    made: Sequence[Part],
    show: Callable[[Event], None],
    workers: Sequence[Worker],
) -> Any:
    run = new_id()
    journal.begin(run, "overhead")
    mind = _mind(model, journal, run, show)
    work = StagedRun(run, "overhead", workers, mind, preset("unattended"), show=show)
    work.parts = made
    return await work.to_the_end()


async def many_tasks(folder: Path, durability: Durability, count: int) -> list[float]:
    """Tasks of one run through one manager and one worker: CPU time at which each was confirmed."""
    model = ScriptedModel(answer)
    ends: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Stood) and event.status == "confirmed":
            ends.append(time.process_time())

    with journal_at(folder, durability) as journal:
        began = time.process_time()
        outcome = await _run(model, journal, parts(count), hear, [Worker("w", model, tools=[stock])])
    if not isinstance(outcome, Confirmed) or len(ends) != count:
        raise RuntimeError(f"{len(ends)} of {count} tasks were confirmed; this is a fault of the benchmark")
    return [end - began for end in ends]


class Waiting(ScriptedModel):
    """A double that never answers; tells when so many questions wait."""

    def __init__(self, count: int) -> None:
        super().__init__(answer)
        self._left, self.all_wait = count, asyncio.Event()

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = PLAIN, grammar: Grammar | None = None
    ) -> Generation:
        """Waits until it is cancelled."""
        self._left -= 1
        if not self._left:
            self.all_wait.set()
        await asyncio.Event().wait()
        return await super().generate(messages, sampling=sampling, grammar=grammar)


async def idle_bytes(folder: Path, count: int) -> float:
    """Memory of one of `count` agents of a run, each with an order in hand, which wait for their model."""
    model = Waiting(count)
    with journal_at(folder, "NORMAL") as journal, _traced() as traced:
        workers = [Worker(f"w{number}", model, tools=[stock]) for number in range(count)]
        running = asyncio.create_task(_run(model, journal, parts(count), _unseen, workers))
        await model.all_wait.wait()
        used = traced()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return used / count


def worker_bytes(count: int) -> float:
    """Memory of a worker with a tool, and of its side of a task that it has not begun."""
    model = ScriptedModel(answer)
    with _traced() as traced:
        kept = [
            (Worker(f"w{number}", model, tools=[stock]), WorkerTask("run", f"task {number}", f"w{number}"))
            for number in range(count)
        ]
        return traced() / len(kept)


@contextmanager
def _traced() -> Generator[Callable[[], int]]:
    """Gives what tells the bytes that were taken in a block and not given back."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def taken() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    try:
        yield taken
    finally:
        tracemalloc.stop()
