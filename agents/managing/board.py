"""Which part of a plan may begin: what it needs was confirmed, and nobody uses what it locks.

A part that was re-opened is done again, after what it needs, and so is what consumed its result. What a join
decided and who holds a lock are on record, so a run that is resumed decides nothing anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.states import descendants
from ..jobs import SYNC, Job, Join, needless

CONFIRMED, NOT_BEGUN, WAITING = "confirmed", "not begun", "waiting"
"""How parts end, beside the statuses of the protocol; `waiting` is for now, for a person."""

Seeing = Callable[[Job], Awaitable[str]]
"""Sees a job through; gives the status that it ended in."""


class Board:
    """The parts of one run, how they stand, and what the confirmed ones came to.

    Args:
        parts: Jobs and joins; each names only earlier ones.
        journal, run: Where decisions are kept.
        call_off: Stops a job that a `first_of` needs no longer.
        prefix: Before the ids of tasks in the journal.

    Attributes:
        results: Of what is confirmed, by id.
        status: How parts ended, by id; a part that has not ended is not in it.
        over: Nothing more is done.
        needless: Parts that nothing needs any more, since a `first_of` was decided without them.
    """

    def __init__(
        self,
        parts: Sequence[Job | Join],
        journal: Journal,
        run: str,
        call_off: Callable[[str, str], None],
        prefix: str = "",
    ) -> None:
        self.parts: dict[str, Job | Join] = {part.id: part for part in parts}
        self.results: dict[str, JsonValue] = {}
        self.status: dict[str, str] = {}
        self.over = False
        self._journal, self._run, self._call_off, self._prefix = journal, run, call_off, prefix
        self._ended = {name: asyncio.Event() for name in self.parts}
        self._again = {job.id: asyncio.Event() for job in self.jobs}
        self._open = len(self._again)
        self._users = self._used_by()
        self._seeing: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._see: Seeing | None = None
        self._early = set[str]()
        self._at_the_end: list[Callable[[], None]] = []
        self._won: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._freed = asyncio.Condition()
        self._remember()
        self.needless = self._without()

    @property
    def jobs(self) -> list[Job]:
        """The tasks, in their order."""
        return [part for part in self.parts.values() if isinstance(part, Job)]

    async def through(self, see: Seeing) -> None:
        """Do everything that can be done. Errors that `see` lets through end it."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group, self._see = group, see
                for job in self.jobs:
                    self._seeing[job.id] = group.create_task(self._job(job, see))
        finally:
            self.over = True
            self._end_all()

    def at_the_end(self, call: Callable[[], None]) -> None:
        """Call this once everything is over."""
        self._at_the_end.append(call)

    def _end_all(self) -> None:
        self._group = self._see = None
        self._seeing.clear()
        self._call_off = _nothing_to_call_off
        calls, self._at_the_end = self._at_the_end, []
        for call in calls:
            call()

    @property
    def ending(self) -> bool:
        """Everything has ended, so that nothing can be added any more."""
        return self.over or not self._open

    def replace(self, parts: Sequence[Job | Join], name: str) -> None:
        """Go on with other parts, in which one job was added, dropped or changed, that had not begun.

        Args:
            parts: Each names only earlier ones.
            name: Of the job.
        """
        had, old = name in self.parts, self._seeing.pop(name, None)
        self.parts = {part.id: part for part in parts}
        self._users = self._used_by()
        self.needless = self._without()
        if had and name not in self.status:
            self._open -= 1
        self._forget(name)
        if name in self.parts:
            self._ended.setdefault(name, asyncio.Event())
            self._again[name] = asyncio.Event()
            self._open += 1
            if self._group is not None:
                seeing = self._anew(name, old)
                try:
                    self._seeing[name] = self._group.create_task(seeing)
                except RuntimeError:
                    seeing.close()  # the run just breaks off: whoever resumes it does this job too
            self._revive(name)
        if old is not None:
            old.cancel()
        self._let_go_at_the_end()

    async def _anew(self, name: str, old: asyncio.Task[None] | None) -> None:
        """See a job that was changed, once whoever saw it before has let go of its locks."""
        if old is not None:
            await asyncio.wait([old])
        job = self.parts.get(name)
        if isinstance(job, Job) and self._see is not None:
            await self._job(job, self._see)

    def _revive(self, name: str) -> None:
        """Let what was not begun, because this job was not confirmed, wait for it again."""
        for user in self.consumers(name):
            if self.status.get(user) == NOT_BEGUN:
                self._open += 1
                self._forget(user)
                self._again[user].set()

    def _used_by(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for part in self.parts.values():
            for needed in dict.fromkeys(part.after if isinstance(part, Job) else part.of):
                users.setdefault(needed, []).append(part.id)
        return users

    async def until_ready(self, job: Job) -> bool:
        """Wait until all that a job needs has ended; whether it may begin."""
        while not all(need in self.status for need in job.after):
            for need in job.after:
                await self._ended[need].wait()
        return self._ready(job)

    def _ready(self, job: Job) -> bool:
        return all(self.status.get(need) == CONFIRMED for need in job.after)

    def reopen(self, name: str) -> None:
        """A job that had ended is to be done again; what consumed its result is told by the protocol."""
        if name not in self.status:
            self._early.add(name)  # it is just ending
            return
        self._open += 1
        self._forget(name)
        self._again[name].set()
        self._revive(name)

    def consumers(self, name: str) -> tuple[str, ...]:
        """Ids of the jobs that used a part's result, directly or through others, nearest first."""
        uses = {part: tuple(users) for part, users in self._users.items()}
        return tuple(each for each in descendants(uses, name) if isinstance(self.parts[each], Job))

    async def ready_again(self, job: Job) -> None:
        """`until_ready`, for a job at work: what it locks others may use meanwhile, and may need to."""
        self._unlock(job)
        await self._wake_waiting()
        if await self.until_ready(job):
            await self._lock(job)

    async def _job(self, job: Job, see: Seeing) -> None:
        while True:
            if await self.until_ready(job):
                async with self._locks(job):
                    if not self._ready(job):  # what it needs is done again since
                        continue
                    status = await see(job)
            else:
                status = NOT_BEGUN
                self._unlock(job)  # of a process before this one
                await self._wake_waiting()
            self._open -= 1
            self._end(job.id, status)
            if job.id in self._early:
                self._early.discard(job.id)
                self.reopen(job.id)
            self._let_go_at_the_end()
            await self._again[job.id].wait()
            if job.id in self.status:
                return
            self._again[job.id].clear()

    def _let_go_at_the_end(self) -> None:
        if not self._open:
            for again in self._again.values():
                again.set()

    def _end(self, name: str, status: str) -> None:
        self.status[name] = status
        self._ended[name].set()
        for user in self._users.get(name, ()):
            part = self.parts[user]
            if isinstance(part, Join) and part.id not in self.status:
                self._settle(part)

    def _forget(self, name: str) -> None:
        self.status.pop(name, None)
        self.results.pop(name, None)
        if name in self._ended:
            self._ended[name].clear()
        for user in self._users.get(name, ()):
            if isinstance(self.parts[user], Join) and self._won.get(user, name) == name:
                self._forget(user)

    # --- joins ------------------------------------------------------------------------

    def _settle(self, join: Join) -> None:
        """End a join, if it can be."""
        if join.what == "first_of":
            self._first_of(join)
        elif all(name in self.status for name in join.of):
            fine = all(self.status[name] == CONFIRMED for name in join.of)
            if fine and join.what == "gather":
                self.results[join.id] = [self.results.get(name) for name in join.of]
            self._end(join.id, CONFIRMED if fine else NOT_BEGUN)

    def _first_of(self, join: Join) -> None:
        confirmed = (name for name in join.of if self.status.get(name) == CONFIRMED)
        won = self._won.get(join.id) or next(confirmed, "")
        if won and self.status.get(won) == CONFIRMED:
            if join.id not in self._won:
                self._won[join.id] = won
                self._note({"join": join.id, "won": won})
                self.needless = self._without()
            self.results[join.id] = self.results.get(won)
            self._end(join.id, CONFIRMED)
            for job in self.jobs:
                if job.id in self.needless:
                    self._call_off(job.id, f"{won} was first")
        elif all(name in self.status for name in join.of):
            self._end(join.id, NOT_BEGUN)

    def _without(self) -> frozenset[str]:
        return needless(self.parts, self._users, self._won)

    # --- locks ------------------------------------------------------------------------

    def _locks(self, job: Job) -> contextlib.AbstractAsyncContextManager[None]:
        """Hold what a job locks; taken all at once, so that no two jobs wait for each other."""
        return self._locked(job) if job.locks else contextlib.nullcontext()

    @contextlib.asynccontextmanager
    async def _locked(self, job: Job) -> AsyncGenerator[None]:
        await self._lock(job)
        try:
            yield
        finally:
            self._unlock(job)
            await self._wake_waiting()

    async def _lock(self, job: Job) -> None:
        if not job.locks:
            return
        idle = {
            job.id,
            *self.consumers(job.id),
        }  # who waits for this job is not at work, whatever was recorded
        async with self._freed:
            await self._freed.wait_for(
                lambda: all(self._held.get(name, job.id) in idle for name in job.locks)
            )
            for name in job.locks:
                if self._held.get(name) != job.id:
                    self._held[name] = job.id
                    self._note({"lock": name, "by": job.id})

    def _unlock(self, job: Job) -> None:
        for name in job.locks:
            if self._held.get(name) == job.id:
                del self._held[name]
                self._note({"lock": name, "by": ""})

    async def _wake_waiting(self) -> None:
        async with self._freed:
            self._freed.notify_all()

    # --- the record ---------------------------------------------------------------------

    def _note(self, body: Mapping[str, JsonValue]) -> None:
        self._journal.append(SYNC, dict(body), run=self._run, task=self._prefix)

    def _remember(self) -> None:
        for row in self._journal.rows(self._run, kinds=(SYNC,), task=self._prefix):
            body = row.body if isinstance(row.body, dict) else {}
            if "join" in body:
                self._won[str(body["join"])] = str(body["won"])
            elif body.get("by"):
                self._held[str(body["lock"])] = str(body["by"])
            else:
                self._held.pop(str(body.get("lock")), None)


def _nothing_to_call_off(job: str, reason: str) -> None:
    """Of a run that is over."""
