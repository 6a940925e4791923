"""Which requests are computed in the next step: continuous batching (Yu et al. 2022) with chunked prefill.

Every running request that has only a few tokens to compute is part of every step; what is left of the step's
token budget goes to prompts that are still being read, oldest first (Agrawal et al. 2023, arXiv:2308.16369).
Requests wait in order of arrival. One that begins like a prompt being read waits for it, so that the
beginning is computed once. When pages run out, the newest request gives up its own and is computed later.

A step's cost does not depend on how many requests wait: only a few at the head of the queue are looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .batch import PAGE
from .errors import CacheFull, CoreModelError
from .jobs import Job, Part
from .kv_cache import Cache, PagePool, common_length

SHORT = 16
"""A job with at most so many tokens to compute is part of every step."""

Planned = list[tuple[Job[Any], list[Part]]]


class Scheduler:
    """Waiting and running jobs of one engine. Not safe for threads: the engine holds its lock."""

    def __init__(
        self,
        pool: PagePool,
        max_batch: int,
        step_tokens: int,
        prefix_cache: bool,
        end: Callable[[Job[Any]], None],
    ) -> None:
        """See `EngineSettings`; `end` is called with every job that has ended, for whatever reason."""
        self.pool = pool
        self.waiting: deque[Job[Any]] = deque()
        self.active: list[Job[Any]] = []
        self.preemptions = 0
        self._max_batch, self._step_tokens, self._prefix_cache = max_batch, step_tokens, prefix_cache
        self._followers: dict[Job[Any], list[Job[Any]]] = {}
        self._end = end

    @property
    def waits(self) -> int:
        """Number of jobs that have not begun."""
        return len(self.waiting) + sum(len(jobs) for jobs in self._followers.values())

    def add(self, job: Job[Any]) -> None:
        """Queue a job."""
        self.waiting.append(job)

    def everything(self) -> list[Job[Any]]:
        """All jobs that have not ended; none is scheduled any more."""
        followers = [job for jobs in self._followers.values() for job in jobs]
        jobs = [job for job in (*self.active, *self.waiting, *followers) if not job.ended]
        self.active, self._followers = [], {}
        self.waiting.clear()
        return jobs

    def interrupt(self, job: Job[Any]) -> None:
        """End a cancelled job now, wherever it is."""
        if job.ended:
            return
        job.interrupt()
        for queue in (self.waiting, *self._followers.values()):
            if job in queue:
                queue.remove(job)
        self.finish(job)

    def finish(self, job: Job[Any]) -> None:
        """Take a job that has ended out, give its pages back, and let go on who waited for it."""
        job.ended = True
        if job in self.active:
            self.active.remove(job)
        job.drop()
        if job.cache is not None:
            if job.rewound is not None:
                job.cache.truncate(job.rewound)
            if job.owned:
                job.cache.release(None if job.error is not None else job.tokens)
        self._release_followers(job)
        self._end(job)

    def plan(self) -> Planned:
        """Admit what fits, and say what the next step computes. Empty when nothing can be computed."""
        self._admit()
        planned: Planned = []
        budget = self._step_tokens
        for job in list(self.active):
            if job not in self.active:  # pre-empted for an older one
                continue
            short = job.pending <= SHORT
            if job.cache is None or (not short and budget <= 0):
                continue
            parts = job.plan(job.cache, budget if not short else max(budget, SHORT), len(self.active))
            if not self._reserve(job, parts, planned):
                continue
            computed = sum(len(part.tokens) for part in parts)
            budget -= computed if computed > SHORT else 0
            planned.append((job, parts))
        return planned

    def read(self, job: Job[Any]) -> None:
        """After a step: those who waited for this job's prompt go on once it is read."""
        if job.cache is not None and job.cache.length >= job.prompt_tokens - 1:
            self._release_followers(job)

    def _admit(self) -> None:
        moves = 4 * self._max_batch  # so that a step costs the same however many begin alike
        while self.waiting and len(self.active) < self._max_batch and moves:
            moves -= 1
            job = self.waiting[0]
            leader, donor = self._alike(job)
            if leader is not None:
                self.waiting.popleft()
                self._followers.setdefault(leader, []).append(job)
                continue
            cache = job.cache or donor or self._fresh(job)
            fresh = job.owned or not cache.pages
            job.begin(cache)
            if cache.missing(len(job.tokens) + 1) > self.pool.available and self.active:
                if fresh:
                    cache.release()
                if job.owned:
                    job.cache = None
                return  # it begins when others have ended
            self.waiting.popleft()
            self.active.append(job)
            try:
                over = job.ended_early()
            except CoreModelError as error:  # of this request alone: its grammar became too complex
                job.error, over = error, True
            if over:
                self.finish(job)

    def _fresh(self, job: Job[Any]) -> Cache:
        return Cache(self.pool, shared=self._prefix_cache, root=self.pool.tree.root_of(job.adapter))

    def _alike(self, job: Job[Any]) -> tuple[Job[Any] | None, Cache | None]:
        """Of the running jobs that begin like this one: whom to wait for, or else a fork of the best cache.

        It waits for one that will compute at least a page more than is known. A fork is better than the tree
        by what lies in the page that the other one is writing to.
        """
        if not (self._prefix_cache and job.reuses) or (job.cache is not None and job.cache.pages):
            return None, None
        root = self.pool.tree.root_of(job.adapter)
        known, best = -1, None
        for other in self.active:
            if other.cache is None or other.adapter != job.adapter:
                continue
            shared = min(common_length(job.tokens, other.tokens), len(job.tokens) - 1)
            if shared < PAGE:
                continue
            if known < 0:
                known = len(self.pool.tree.match(job.tokens, root)[1]) * PAGE
            coming = min(shared, other.prompt_tokens - 1)
            if other.pending > 1 and coming >= max(known, other.cache.length) + PAGE:
                return other, None
            if min(shared, other.cache.length) > known:
                known, best = min(shared, other.cache.length), other.cache
        return None, None if best is None or job.cache is not None else best.fork(known)

    def _release_followers(self, job: Job[Any]) -> None:
        for follower in reversed(self._followers.pop(job, [])):
            self.waiting.appendleft(follower)

    def _reserve(self, job: Job[Any], parts: list[Part], planned: Planned) -> bool:
        """Own the pages that the parts write to, taking them from newer jobs where there are none left."""
        while True:
            try:
                for part in parts:
                    part.cache.reserve(part.cache.length + len(part.tokens))
                return True
            except CacheFull as error:
                victim = self._victim(job)
                if victim is None:
                    job.error = CacheFull(error.tokens, len(job.tokens))
                    self.finish(job)
                    return False
                self._preempt(victim)
                planned[:] = [(other, made) for other, made in planned if other is not victim]
                if victim is job:
                    return False

    def _victim(self, job: Job[Any]) -> Job[Any] | None:
        """The newest running job with pages to give up; None when this job is the only one."""
        if len(self.active) == 1:
            return None
        return self.active[-1]

    def _preempt(self, job: Job[Any]) -> None:
        self.preemptions += 1
        self.active.remove(job)
        job.drop()
        if job.cache is not None:
            job.cache.release(job.tokens)
            if job.owned:
                job.cache = None
        self._release_followers(job)
        self.waiting.appendleft(job)
