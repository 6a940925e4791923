"""`punchlist eval kill --only classes`: SIGKILL at every write and call of a run with a tool of each class.

The tools count their own effects in a database that no kill touches. A whole run tells how many moments there
are: before and after each write to the journal and each effect of a tool. One trial dies at each of them, and
as many more as `--limit` says at random moments; then another process goes on to the end. `kills` counts the
runs that were killed before they ended; of these, for each class:

    lost_<class>      the run could not be brought to an end; or it counts on an effect that is not there;
                      or an effect is there of which the journal has no intent
    doubled_<class>   the effect is there more than once
    unknown_<class>   the run ended saying that a person must find out whether it is there

`pure` tools have no effect and can only be lost. `moments` is the number of the moments in a whole run. How
often a run is killed in a row is up to `trial`: `kill_resumes` kills it again while it is gone on with. Runs
lie in a temporary folder: with TMPDIR in memory they take less time, and SIGKILL meets them alike.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...protocols.errors import JournalError
from ...protocols.journal import Call, Journal
from .harness import Figures, Measuring
from .kill_classes_target import RUN, TOOLS, World, work
from .kill_plan import Amounts, Kill, KilledRow, kill_everywhere
from .ledger import EvalError

AMOUNTS = Amounts(usual=1000, quick=6, quick_moments=8)

LONGEST = 120.0
"""Seconds that a process has."""


class ClassRow(KilledRow):
    """One run that was killed.

    Attributes:
        lost, doubled, unknown: Classes of which this is so.
    """

    outcome: str
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unknown: tuple[str, ...]
    reasons: tuple[str, ...]

    def tell(self) -> str:
        """One line of progress."""
        flags = [f"{name} {', '.join(getattr(self, name))}" for name in ("lost", "doubled", "unknown")]
        told = [flag for flag in flags if not flag.endswith(" ")]
        return "; ".join([super().tell(), self.outcome, *told])


@dataclass(frozen=True)
class Ended:
    """What a process said at its end; None where it was killed before."""

    outcome: str
    reasons: tuple[str, ...]
    moments: int
    seconds: float


def process(folder: Path, kill: Kill | None = None, place: str = "") -> Ended | None:
    """One process at the run in a folder; it dies as it is said, or lives.

    Args:
        place: Of the journal, where that is not in the folder.

    Raises:
        EvalError: It neither ended nor died.
    """
    at, after = (None, None) if kill is None else (kill.at, kill.after)
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
        if kill is None:
            raise EvalError("A process at a run ended without an outcome; its errors are above.")
        return None
    return Ended(told["outcome"], tuple(told["reasons"]), told["moments"], told["seconds"])


def hear(ours: Connection, seconds: float) -> Any:
    """What a process says within so many seconds; None when it says nothing or is gone."""
    try:
        return ours.recv() if ours.poll(seconds) else None
    except EOFError:
        return None


def trial(*kills: Kill) -> ClassRow:
    """A run that is killed, as often in a row as there are kills, gone on with, and judged.

    Each kill but the first meets the process that goes on with what the one before it left.
    """
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as name:
        folder = Path(name) / "run"
        folder.mkdir()
        stages: list[str] = []
        ended: Ended | None = None
        for kill in kills:
            ended = _killed(folder, kill)
            if ended is not None:
                break
            stages.append(_stage(folder))
        ended = ended or process(folder)
        if ended is None:
            raise EvalError("A run that was gone on with did not end.")
        lost, doubled, unknown = judged(folder, ended)
        return ClassRow(
            kills=len(stages),
            stage=", ".join(stages),
            outcome=ended.outcome,
            lost=lost,
            doubled=doubled,
            unknown=unknown,
            moments=ended.moments,
            seconds=round(ended.seconds, 4),
            reasons=ended.reasons,
        )


def _killed(folder: Path, kill: Kill) -> Ended | None:
    """One process that dies. Where it ends before, another does the same again, and is killed earlier."""
    before, ended = folder.with_name("before"), None
    shutil.copytree(folder, before)
    for number, each in enumerate(kill.ever_earlier()):
        if number:
            shutil.rmtree(folder)
            shutil.copytree(before, folder)
        ended = process(folder, each)
        if ended is None:
            break
    shutil.rmtree(before)
    return ended


def _stage(folder: Path) -> str:
    """The last row that a killed process wrote. Only read: what goes on finds it as it was left."""
    path = folder / "run.db"
    if not path.exists() or not path.stat().st_size:
        return "before the journal"
    try:
        with Journal.open(path, readonly=True) as journal:
            rows = list(journal.rows(RUN))
    except JournalError:
        return "before the first row"  # while it was made
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
    return await kill_everywhere(measuring, ClassRow, trial, AMOUNTS)


def class_figures(rows: list[ClassRow], prefix: str = "", least: int = 1) -> Figures:
    """Numbers of kills, and of the runs with something lost, doubled or unknown, in all and for each class.

    Args:
        rows: The whole run first.
        least: Kills that a run must have met to count.
    """
    killed = [row for row in rows if row.kills >= least]
    figures: Figures = {"kills": sum(row.kills for row in killed)}
    for name in ("lost", "doubled", "unknown"):
        figures[name] = sum(bool(getattr(row, name)) for row in killed)
    for recovery in TOOLS.values():
        for name in ("lost", "doubled", "unknown"):
            figures[f"{name}_{recovery}"] = sum(recovery in getattr(row, name) for row in killed)
    figures["moments"] = rows[0].moments
    return {f"{prefix}{name}": value for name, value in figures.items()}
