"""Runs whose plan is given instead of read out of a goal, for measurements that script what everybody says.

Planning is the only part that is replaced: workers, verifier, reducers, tools, budget and journal are those
of every run. A part is one task of the protocol with a spec of its own; its text may be made of the confirmed
results of the parts that it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ...protocols.journal import Journal, Row
from ...protocols.messages import Envelope, new_id
from ...protocols.outcome import Confirmed, Failed, Unverified
from ...protocols.spec import Criterion, Spec
from ...tools.permissions import preset
from ..budget import Budget, used
from ..events import Event
from ..jobs import Job, Results, Work
from ..mind import Mind
from ..run import Run
from ..running import OUR_ERRORS
from ..steps import Stage, Step
from ..worker import Worker

if TYPE_CHECKING:
    from ...core_model.generation import Model


@dataclass(frozen=True)
class Part:
    """One task of a staged run, for a worker with tools.

    Attributes:
        name: Unique in the run.
        text: What the worker reads, made of confirmed results by the names of their parts.
        criteria: What its report is held against, made of the same.
        after: Names of the parts that must be confirmed first.
    """

    name: str
    text: Callable[[Results], str]
    criteria: Callable[[Results], Sequence[Criterion]]
    after: tuple[str, ...] = ()

    def job(self) -> Job:
        """The part as the runtime drives it."""

        def make(results: Results) -> Work:
            found = {key.removesuffix(".use"): value for key, value in results.items()}
            text = self.text(found)
            stage = Stage("use", (Step("use", text, (text,), 1),))
            return Work(stage, Spec(self.criteria(found)), {})

        needed = tuple(f"{name}.use" for name in self.after)
        return Job(f"{self.name}.use", self.name, f"use-{self.name}", needed, make, needs="tools")


class StagedRun(Run):
    """A run that carries out given parts."""

    parts: Sequence[Part] = ()

    async def _parts(self) -> list[Job]:
        return [part.job() for part in self.parts]


@dataclass(frozen=True)
class Played:
    """What a staged run came to, and its journal."""

    outcome: Confirmed[Any] | Unverified | Failed
    rows: tuple[Row, ...]
    events: list[Event] = field(default_factory=list[Event])

    def said(self, kind: str) -> list[Envelope]:
        """Messages of a kind that were sent, in order."""
        return said(self.rows, kind)

    def results(self) -> dict[str, JsonValue]:
        """Results of the confirmed parts of an outcome that is not confirmed as a whole."""
        last = self.outcome.last if isinstance(self.outcome, Unverified) else None
        return (
            {key.removesuffix(".use"): value for key, value in last.items()} if isinstance(last, dict) else {}
        )


def said(rows: Sequence[Row], kind: str) -> list[Envelope]:
    """Messages of a kind in a journal."""
    sent = [row.body for row in rows if row.kind == "envelope"]
    bodies = [body for body in sent if isinstance(body, dict) and _kind(body) == kind]
    return [Envelope.model_validate(body) for body in bodies]


def _kind(envelope: Mapping[str, JsonValue]) -> JsonValue:
    body = envelope.get("body")
    return body.get("kind") if isinstance(body, dict) else None


async def play(
    parts: Sequence[Part],
    model: Model,
    workers: Sequence[Worker],
    path: Path,
    *,
    redos: int = 2,
    tokens: int | None = None,
    prepare: Callable[[StagedRun], None] | None = None,
) -> Played:
    """Carry parts out to the end, in the journal at `path`; what that holds already is not done again.

    Args:
        prepare: What is to be set up in the run before it begins.
    """
    with Journal.open(path) as journal:
        known = journal.runs()
        run = known[-1].run if known else new_id()
        journal.begin(run, "; ".join(part.name for part in parts))
        events: list[Event] = []
        budget = Budget(tokens=tokens, cost=used(journal, run))
        mind = Mind(model, budget, journal, run, events.append)
        work = StagedRun(
            run, "a staged run", workers, mind, preset("unattended"), redos=redos, show=events.append
        )
        work.parts = parts
        if prepare is not None:
            prepare(work)
        try:
            outcome = await work.to_the_end()
        except OUR_ERRORS as error:
            outcome = Failed(error, run=run)
        return Played(outcome, tuple(journal.rows(run)), events)
