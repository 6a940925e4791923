"""`punchlist eval kill --only races`: two processes want one run in PostgreSQL, with no other lock.

They stand for two hosts: nothing but the database is between them. Both begin at once; at a random moment one
of them is stopped (SIGSTOP) for half to three times the length of a lease and goes on, or is killed. Whoever
is turned away, or put out, tries again until the run has ended. The tools and what is judged are those of
`--only classes`:

    races                     trials
    races_disturbed           of these, trials in which a process was stopped or killed before the run ended
    races_late                times that a process was turned away because the other had the run
    races_put_out             times that a process that had the run found that it had it no more
    races_lost, races_doubled, races_unknown
                              trials with something lost, doubled or unknown, as for `classes`; lost is also
                              a trial whose processes disagree about the outcome
    races_lost_<class>, races_doubled_<class>, races_unknown_<class>

What the fence cannot do: a process that is stopped between the door to its tool and the effect has the effect
when it goes on, though another has asked for it meanwhile. A key makes that one effect; a query does not.

The server is made for the purpose, and every race has a database of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .harness import Figures, Measuring, OptionRefused
from .kill_classes import LONGEST, Ended, hear, judged
from .kill_classes_target import TOOLS
from .ledger import EvalError, Row
from .postgres_server import own_server, why_there_is_none

USUAL, QUICK = 200, 3
KILLED = 0.25
"""Share of the trials in which the disturbed process is killed, not stopped."""

BROKE = "broke"
"""Outcome of a process that ended without one; its errors are on the terminal."""

CLOSING = 5.0
"""Seconds for a process to be gone that has said its last word."""

SHORTEST_STOP, LONGEST_STOP = 0.5, 3.0
"""Leases that a stop lasts."""


class RaceRow(BaseModel):
    """One race to its end.

    Attributes:
        disturbed: What was done to one of the processes while it was still at it.
        outcomes: Of the processes that ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    disturbed: Literal["stopped", "killed", ""]
    late: int
    put_out: int
    outcomes: tuple[str, ...]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unknown: tuple[str, ...]
    seconds: float

    def tell(self) -> str:
        """One line of progress."""
        flags = [f"{name} {', '.join(getattr(self, name))}" for name in ("lost", "doubled", "unknown")]
        told = [flag for flag in flags if not flag.endswith(" ")]
        return "; ".join([self.disturbed or "undisturbed", *dict.fromkeys(self.outcomes), *told])


@dataclass
class Racer:
    """One of the processes."""

    child: ForkServerProcess
    line: Connection

    @classmethod
    def start(cls, folder: Path, url: str) -> Racer:
        """It is ready, and waits for the word."""
        from .kill_races_target import contend

        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([f"{__package__}.kill_races_target"])
        ours, theirs = context.Pipe()
        child = context.Process(target=contend, args=(str(folder), url, theirs), daemon=True)
        child.start()
        theirs.close()
        if hear(ours, LONGEST) is None:
            raise EvalError("A process that was to race did not begin; its errors are above.")
        return cls(child, ours)

    def disturb(self, rng: Random, lease: float) -> Literal["stopped", "killed", ""]:
        """Stop it for a while, or kill it; whether it was still at it."""
        if self.line.poll():
            return ""
        if rng.random() < KILLED:
            self.child.kill()
            self.child.join()
            return "" if self.line.poll() and hear(self.line, 0) is not None else "killed"
        self.send_signal(signal.SIGSTOP)
        time.sleep(lease * rng.uniform(SHORTEST_STOP, LONGEST_STOP))
        self.send_signal(signal.SIGCONT)
        return "stopped"

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.child.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child.pid, number)

    def end(self) -> dict[str, Any] | None:
        """What it says at its end; None where it was killed. One that ends otherwise broke."""
        told = hear(self.line, LONGEST)
        if told is not None:
            return told
        self.child.join(CLOSING)
        if self.child.exitcode == -signal.SIGKILL:
            return None
        return {"outcome": BROKE, "late": 0, "put_out": 0, "seconds": LONGEST}

    def close(self) -> None:
        """Leave nothing of it."""
        self.child.kill()
        self.child.join()
        self.line.close()


def race(url: str, seed: str, seconds: float) -> RaceRow:
    """One race.

    Args:
        seed: Decides who is disturbed, how and when.
        seconds: Within which it happens; 0: nobody is.
    """
    from .kill_races_target import LEASE

    rng = Random(seed)
    with tempfile.TemporaryDirectory(prefix="punchlist-race-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        racers = [Racer.start(folder, url) for _ in "ab"]
        for racer in racers:
            stack.callback(racer.close)
        for racer in racers:
            racer.line.send("go")
        disturbed: Literal["stopped", "killed", ""] = ""
        if seconds:
            time.sleep(rng.uniform(0, seconds))
            disturbed = rng.choice(racers).disturb(rng, LEASE)
        told = [end for racer in racers if (end := racer.end()) is not None]
        return _row(folder, url, disturbed, told)


def _row(
    folder: Path, url: str, disturbed: Literal["stopped", "killed", ""], told: list[dict[str, Any]]
) -> RaceRow:
    outcomes = tuple(end["outcome"] for end in told)
    found = [judged(folder, Ended(end["outcome"], (), 0, end["seconds"]), url) for end in told]
    lost, doubled, unknown = ({name for each in found for name in each[number]} for number in range(3))
    if len(set(outcomes)) != 1 or BROKE in outcomes:
        lost = set(TOOLS.values())
    return RaceRow(
        disturbed=disturbed,
        late=sum(end["late"] for end in told),
        put_out=sum(end["put_out"] for end in told),
        outcomes=outcomes,
        lost=tuple(sorted(lost)),
        doubled=tuple(sorted(doubled)),
        unknown=tuple(sorted(unknown)),
        seconds=round(max((end["seconds"] for end in told), default=0.0), 4),
    )


async def kill_races(measuring: Measuring) -> list[RaceRow]:
    """An undisturbed race, which tells how long one takes, and then the others.

    Raises:
        OptionRefused: There is no server, and none can be made.
    """
    if (problem := why_there_is_none()) is not None:
        raise OptionRefused("kill", "only", f"races need a PostgreSQL server: {problem}")
    with own_server() as server:

        async def one(key: str, seconds: float) -> Row:
            seed = f"{measuring.options.seed} {key}"
            return (await asyncio.to_thread(race, server.url(), seed, seconds)).model_dump(mode="json")

        [first] = await measuring.each(["race:whole"], lambda key: one(key, 0), _tell, sharded=False)
        seconds = RaceRow.model_validate(first).seconds
        keys = [f"race:{number}" for number in range(measuring.count(USUAL, QUICK))]
        rows = await measuring.each(keys, lambda key: one(key, seconds), _tell)
    return [RaceRow.model_validate(row) for row in rows]


def _tell(row: Row) -> str:
    return RaceRow.model_validate(row).tell()


def race_figures(rows: list[RaceRow]) -> Figures:
    """See the module."""
    figures: Figures = {
        "races": len(rows),
        "races_disturbed": sum(bool(row.disturbed) for row in rows),
        "races_late": sum(row.late for row in rows),
        "races_put_out": sum(row.put_out for row in rows),
    }
    for name in ("lost", "doubled", "unknown"):
        figures[f"races_{name}"] = sum(bool(getattr(row, name)) for row in rows)
        for recovery in TOOLS.values():
            figures[f"races_{name}_{recovery}"] = sum(recovery in getattr(row, name) for row in rows)
    return figures
