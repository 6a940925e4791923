"""Consolidation: what memory makes of its records while nothing else is to be done.

    done = Consolidation(memory).run_sync(seconds=10)
    print(done)

| job | makes |
|---|---|
| links | links between episodes that say nearly the same; nothing is merged |
| retire | closes lessons that predict nothing any more and skills that stopped working |
| preferences | implicit preferences out of repeated choices; see `choices.py` |
| lessons | one lesson out of several that say the same about one check |
| summaries | a summary of each session, then of weeks and months out of these |

None needs a model, and none is ever on the way of writing or recalling. With an `engine` summaries are
written by it where what it says can be held against its sources, else their own sentences stand.

Promises: running again adds nothing; a job that is stopped or killed goes on where it was; two processes at
once do not double; each result names its sources and can be undone, and what was undone is not made again.
Does not promise that a month is summed up anew when something is added to it later.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .jobs import Job, Summarizer, Work, lessons, links, preferences, retire, summaries
from .records import now

if TYPE_CHECKING:
    from .memory import Memory

JOBS: dict[str, Job] = {
    "links": links,
    "retire": retire,
    "preferences": preferences,
    "lessons": lessons,
    "summaries": summaries,
}
"""In the order in which they run."""

SETTLED = timedelta(hours=1)
"""How long nothing was added to a session before it counts as over."""

UNDONE = "undone"
"""The reason with which derived records are retracted by `undo`."""


@dataclass(frozen=True)
class JobDone:
    """What one job did.

    Attributes:
        looked: Records that it looked at.
        made: Ids of what it derived.
        closed: Ids of what it superseded or retired.
        linked: Pairs that it linked.
        notes: What came out otherwise than was asked for.
        left: Whether it was stopped before its end; the next run goes on.
    """

    job: str
    looked: int
    made: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    linked: int = 0
    notes: tuple[str, ...] = ()
    left: bool = False

    def __str__(self) -> str:
        told = [
            f"{self.job}: looked at {self.looked}",
            f"made {len(self.made)}" if self.made else "",
            f"closed {len(self.closed)}" if self.closed else "",
            f"linked {self.linked}" if self.linked else "",
            "more to do" if self.left else "",
        ]
        return "\n  ".join([", ".join(filter(None, told)), *self.notes])


@dataclass(frozen=True)
class Done:
    """What a run did, job by job."""

    jobs: tuple[JobDone, ...]
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether anything was made, closed or linked."""
        return any(each.made or each.closed or each.linked for each in self.jobs)

    @property
    def left(self) -> bool:
        """Whether there is more to do."""
        return any(each.left for each in self.jobs)

    def __str__(self) -> str:
        return "\n".join(map(str, self.jobs))


@dataclass
class _Share:
    """What a job may use of the budget."""

    records: float
    until: float
    used: int = field(default=0)

    def spend(self, looked: int) -> bool:
        """Count records; whether there is something left."""
        self.used += looked
        return self.used < self.records and time.monotonic() < self.until


class Consolidation:
    """Runs the idle jobs over a memory.

    Args:
        memory: What is consolidated; it may be used meanwhile, by this process and others.
        engine: Writes summaries; None leaves them to be extracts.
        settled: How long nothing was added to a session before it is summed up.
    """

    def __init__(
        self, memory: Memory, engine: Summarizer | None = None, *, settled: timedelta = SETTLED
    ) -> None:
        self.memory, self.engine, self.settled = memory, engine, settled
        self._stop = threading.Event()

    def run_sync(
        self,
        jobs: Collection[str] | None = None,
        *,
        records: int | None = None,
        seconds: float | None = None,
        tell: Callable[[str, int], None] | None = None,
        at: datetime | None = None,
    ) -> Done:
        """Run the jobs until all is done or the budget is used; each gets an equal share of what is left.

        A piece that was begun is ended, so that a little more may be used. An interrupt loses the piece at
        hand and nothing else.

        Args:
            jobs: Names out of `JOBS`; None: all of them.
            records: To be looked at, at most; None: no limit.
            seconds: To be used, at most; None: no limit.
            tell: Called with a job's name and how many records it has looked at.
            at: The moment that counts as now; None: now.

        Raises:
            ValueError: A job is none of `JOBS`.
            MemoryFault: The embedder or the store cannot be used.
            Whatever the engine raises; what was done before is kept.
        """
        if unknown := set(jobs or ()) - set(JOBS):
            raise ValueError(f"there is no job {sorted(unknown)[0]!r}; there are: {', '.join(JOBS)}")
        self._stop.clear()
        began = time.monotonic()
        end = float("inf") if seconds is None else began + seconds
        left = float("inf") if records is None else records
        wanted = [name for name in JOBS if jobs is None or name in jobs]
        done: list[JobDone] = []
        for number, name in enumerate(wanted):
            shares = len(wanted) - number
            here = time.monotonic()
            share = _Share(left / shares, here + (end - here) / shares)
            work = Work(self.memory, at or now(), self.settled, self.engine)
            stopped = self._run(name, work, share, tell)
            left -= share.used
            done.append(
                JobDone(
                    name,
                    share.used,
                    tuple(work.made),
                    tuple(work.closed),
                    work.linked,
                    tuple(work.notes),
                    stopped,
                )
            )
        return Done(tuple(done), time.monotonic() - began)

    async def run(
        self,
        jobs: Collection[str] | None = None,
        *,
        records: int | None = None,
        seconds: float | None = None,
        tell: Callable[[str, int], None] | None = None,
        at: datetime | None = None,
    ) -> Done:
        """`run_sync` beside the event loop; when it is cancelled the piece at hand is still ended."""
        try:
            return await asyncio.to_thread(
                self.run_sync, jobs, records=records, seconds=seconds, tell=tell, at=at
            )
        except asyncio.CancelledError:
            self.stop()
            raise

    def stop(self) -> None:
        """End a run that goes on in another thread after the piece at hand."""
        self._stop.set()

    def undo_sync(self, target: str) -> list[str]:
        """Undo what jobs did; ids of all records that changed by it.

        What a job derived is retracted, with all that was derived from it, and what it superseded is open
        again; what it retired is open again, and its outcomes count anew. None of it is made again from the
        same sources.

        Args:
            target: Id of a record, or the name of a job, whose whole work is undone.

        Raises:
            UnknownRecord: It is neither.
        """
        ledger = self.memory.ledger
        if target == "links":
            ledger.unlink_episodes()
            return []
        if target == "retire":
            return [name for record in ledger.retired() for name in ledger.undo(record, UNDONE)]
        if target not in JOBS:
            return ledger.undo(target, UNDONE)
        kind = {"preferences": "preference", "lessons": "reflection", "summaries": "summary"}[target]
        changed: list[str] = []
        while made := ledger.derived(kind):
            for record in reversed(made):
                changed += ledger.undo(record.id, UNDONE)
        return list(dict.fromkeys(changed))

    async def undo(self, target: str) -> list[str]:
        """`undo_sync`, beside the event loop."""
        return await asyncio.to_thread(self.undo_sync, target)

    def _run(self, name: str, work: Work, share: _Share, tell: Callable[[str, int], None] | None) -> bool:
        """Run one job within its share; whether it was stopped before its end."""
        for looked in JOBS[name](work):
            goes_on = share.spend(looked)
            if tell is not None:
                tell(name, share.used)
            if self._stop.is_set() or not goes_on:
                return True
        return False
