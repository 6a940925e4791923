"""`punchlist eval kill --only classes`: SIGKILL at every write and call of a run with a tool of each class.

The tools count their own effects in a database that no kill touches. A whole run tells how many moments there
are: before and after each write to the journal and each effect of a tool. One trial dies at each of them, and
as many more as `--limit` says at random moments; then another process goes on to the end. For each class:

    lost_<class>      the run could not be brought to an end; or it counts on an effect that is not there;
                      or an effect is there of which the journal has no intent
    doubled_<class>   the effect is there more than once
    unknown_<class>   the run ended saying that a person must find out whether it is there

`pure` tools have no effect and can only be lost. `moments` is the number of the moments in a whole run.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...protocols.journal import Call, Journal
from .harness import Figures, Measuring
from .kill_classes_target import RUN, TOOLS, World, work
from .ledger import EvalError, Row

USUAL, QUICK = 1000, 6
"""Random moments."""

QUICK_MOMENTS = 8
TRIES = 4
"""Times that a random trial is begun again because the run ended before its kill."""

LONGEST = 120.0
"""Seconds that a process has."""


class ClassRow(BaseModel):
    """One run that was killed once.

    Attributes:
        killed: The process died before its run ended.
        lost, doubled, unknown: Classes of which this is so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    killed: bool
    stage: str
    outcome: str
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unknown: tuple[str, ...]
    moments: int
    seconds: float
    reasons: tuple[str, ...]

    def tell(self) -> str:
        """One line of progress."""
        flags = [f"{name} {', '.join(getattr(self, name))}" for name in ("lost", "doubled", "unknown")]
        told = [flag for flag in flags if not flag.endswith(" ")]
        return "; ".join([f"killed {self.stage}" if self.killed else "whole", self.outcome, *told])


@dataclass(frozen=True)
class Ended:
    """What a process said at its end; None where it was killed before."""

    outcome: str
    reasons: tuple[str, ...]
    moments: int
    seconds: float


def process(folder: Path, at: int | None, after: float | None, place: str = "") -> Ended | None:
    """One process at the run in a folder; it dies at a moment, or after so many seconds, or lives.

    Args:
        place: Of the journal, where that is not in the folder.

    Raises:
        EvalError: It neither ended nor died.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.kill_classes_target"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(str(folder), at, theirs, place), daemon=True)
    child.start()
    theirs.close()
    try:
        if hear(ours, LONGEST) is None:
            raise EvalError("A process that was to be killed did not begin; its errors are above.")
        told = hear(ours, LONGEST if after is None else after)
        child.kill()
        child.join()
    finally:
        ours.close()
    if told is None:
        if after is None and at is None:
            raise EvalError("A process at a run ended without an outcome; its errors are above.")
        return None
    return Ended(told["outcome"], tuple(told["reasons"]), told["moments"], told["seconds"])


def hear(ours: Connection, seconds: float) -> Any:
    """What a process says within so many seconds; None when it says nothing or is gone."""
    try:
        return ours.recv() if ours.poll(seconds) else None
    except EOFError:
        return None


def trial(at: int | None, after: float | None) -> ClassRow:
    """A run that is killed at a moment or after some seconds, gone on with, and judged."""
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as name:
        folder = Path(name)
        ended = process(folder, at, after)
        killed = ended is None
        stage = _stage(folder) if killed else ""
        ended = ended or process(folder, None, None)
        if ended is None:
            raise EvalError("A run that was gone on with did not end.")
        lost, doubled, unknown = judged(folder, ended)
        return ClassRow(
            killed=killed,
            stage=stage,
            outcome=ended.outcome,
            lost=lost,
            doubled=doubled,
            unknown=unknown,
            moments=ended.moments,
            seconds=round(ended.seconds, 4),
            reasons=ended.reasons,
        )


def _stage(folder: Path) -> str:
    """The last row that a killed process wrote."""
    path = folder / "run.db"
    if not path.exists() or not path.stat().st_size:
        return "before the journal"
    with Journal.open(path) as journal:
        rows = list(journal.rows(RUN))
    return f"behind {rows[-1].kind}" if rows else "before the first row"


def judged(
    folder: Path, ended: Ended, place: str = ""
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Classes that are lost, doubled, unknown.

    Args:
        place: Of the journal, where that is not in the folder.
    """
    world = World(folder / "world.db")
    with Journal.open(place or folder / "run.db", readonly=True) as journal:
        calls = {call.tool: call for call in journal.calls(RUN)}
        if any(found.fault is not None for found in journal.verify()):
            return tuple(TOOLS.values()), (), ()
    open_ended = {TOOLS[name] for name, call in calls.items() if call.status in (None, "unknown")}
    unknown = open_ended - {"pure"} if ended.outcome == "unverified" else set[str]()
    finished = ended.outcome == "confirmed" or bool(unknown)
    lost, doubled = set[str](), set[str]()
    for name, recovery in TOOLS.items():
        effects = 0 if recovery == "pure" else world.count(name)
        if not finished or _lost(calls.get(name), recovery, effects, ended.outcome):
            lost.add(recovery)
        if effects > 1:
            doubled.add(recovery)
    return tuple(sorted(lost)), tuple(sorted(doubled)), tuple(sorted(unknown))


def _lost(call: Call | None, recovery: str, effects: int, outcome: str) -> bool:
    if call is None:  # not begun: nothing may be there, and the run must not count on it
        return effects > 0 or outcome == "confirmed"
    return call.status == "ok" and recovery != "pure" and effects == 0


async def kill_classes(measuring: Measuring) -> list[ClassRow]:
    """A whole run, then the trials: one at every moment, and the random ones."""
    [whole] = await measuring.each(["whole"], lambda _: _row(None, None), _tell, sharded=False)
    known = ClassRow.model_validate(whole)
    every = max(1, known.moments // QUICK_MOMENTS) if measuring.options.quick else 1
    keys = [f"moment:{at}" for at in range(1, known.moments + 1, every)]
    keys += [f"random:{number}" for number in range(measuring.count(USUAL, QUICK))]

    async def one(key: str) -> Row:
        kind, _, number = key.partition(":")
        if kind == "moment":
            return await _row(int(number), None)
        after = Random(f"kill {measuring.options.seed} {number}").uniform(0, known.seconds)
        row = await _row(None, after)
        for _ in range(TRIES):  # a run that ended before its kill is killed earlier, in a new one
            if not row["killed"]:
                after /= 2
                row = await _row(None, after)
        return row

    return [known, *(ClassRow.model_validate(row) for row in await measuring.each(keys, one, _tell))]


async def _row(at: int | None, after: float | None) -> Row:
    return (await asyncio.to_thread(trial, at, after)).model_dump(mode="json")


def _tell(row: Row) -> str:
    return ClassRow.model_validate(row).tell()


def class_figures(rows: list[ClassRow]) -> Figures:
    """Numbers of kills, and of those with something lost, doubled or unknown, in all and for each class.

    Args:
        rows: The whole run first.
    """
    killed = [row for row in rows if row.killed]
    figures: Figures = {"kills": len(killed)}
    for name in ("lost", "doubled", "unknown"):
        figures[name] = sum(bool(getattr(row, name)) for row in killed)
    for recovery in TOOLS.values():
        for name in ("lost", "doubled", "unknown"):
            figures[f"{name}_{recovery}"] = sum(recovery in getattr(row, name) for row in killed)
    figures["moments"] = rows[0].moments
    return figures
