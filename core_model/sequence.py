"""Tokens with their cache, kept between requests: the handle of tree search."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Sequence as Tokens
from typing import TYPE_CHECKING, Any

from .errors import EngineClosed, SequenceBusy
from .grammar import Grammar
from .jobs import GenerateJob, Job, OnToken, Output, ReadJob, ScoreJob
from .kv_cache import Cache
from .sampling import Sampling

if TYPE_CHECKING:
    from .engine import Engine


class Sequence:
    """Tokens with their cache, kept between requests, one request at a time. Made by `Engine.open`.

    Close it when it is no longer needed: its pages belong to it until then.
    """

    def __init__(self, engine: Engine, tokens: list[int], cache: Cache, adapter: str | None = None) -> None:
        self.engine, self.tokens, self.cache, self.adapter = engine, tokens, cache, adapter
        self._closed = False
        self._lock = threading.Lock()
        self._job: Job[Any] | None = None  # the last one

    def __enter__(self) -> Sequence:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def extend(self, tokens: Tokens[int]) -> None:
        """Put tokens behind the sequence; they are computed with the next request.

        Raises:
            PromptTooLong: they do not fit the context.
            SequenceBusy: a request is under way.
        """
        release = self._claim()
        try:
            self.engine.check_room(len(self.tokens) + len(tokens))
            self.engine.check_vocabulary(tokens)
            self.tokens.extend(tokens)
        finally:
            release()

    def fork(self, count: int = 1, at: int | None = None) -> list[Sequence]:
        """`count` independent sequences that go on from here, or from the first `at` tokens.

        Nothing is copied: all share the pages until they write to the same one. What is not computed yet is
        computed first, once. With `at` a sequence can be forked while a request of its own is under way, also
        in the middle of a turn: at any of the tokens that are there.

        Raises:
            ValueError: `at` is outside 1..len(tokens).
            SequenceBusy: a request is under way and `at` is not given.
        """
        if at is not None:
            return self._fork_at(count, at)
        job = self.start_read()
        if job is not None:
            job.future.result()
        release = self._claim()
        try:
            return self._branches(count, list(self.tokens))
        finally:
            release()

    def start_read(self) -> ReadJob | None:
        """Start computing what is not computed yet, all but the last token; None where that is nothing.

        A fork then waits for nothing.
        """
        release = self._claim()
        job = ReadJob(self.tokens, self.cache, self.adapter)
        if not job.pending:
            release()
            return None
        self._submit(job, release)
        return job

    def start(
        self,
        sampling: Sampling | None = None,
        grammar: Grammar | None = None,
        on_token: OnToken | None = None,
        *,
        begun: int = 0,
        ignore_end: bool = False,
    ) -> GenerateJob:
        """Start generating; the sequence grows by what comes out. `job.future` gives the `Output`.

        Args:
            begun: So many of the last tokens are the beginning of the grammar's text already, as after a
                fork in the middle of a message.
            ignore_end: An end token does not end it, as measurements need.
        """
        release = self._claim()
        try:
            job = self.engine.generate_job(
                self.tokens,
                self.cache,
                sampling or Sampling(),
                grammar,
                on_token,
                adapter=self.adapter,
                begun=begun,
                ignore_end=ignore_end,
            )
        except BaseException:
            release()
            raise
        self._submit(job, release)
        return job

    def generate(
        self, sampling: Sampling | None = None, grammar: Grammar | None = None, *, begun: int = 0
    ) -> Output:
        """`start`, and wait for it."""
        return self.start(sampling, grammar, begun=begun).future.result()

    def start_score(self, continuations: Tokens[Tokens[int]]) -> ScoreJob:
        """Start scoring; `job.future` gives the log-probability (nats) of each continuation.

        The sequence stays as it is.
        """
        release = self._claim()
        try:
            job = self.engine.score_job(self.tokens, self.cache, continuations, self.adapter)
        except BaseException:
            release()
            raise
        self._submit(job, release)
        return job

    def score(self, continuations: Tokens[Tokens[int]]) -> list[float]:
        """`start_score`, and wait for it."""
        return self.start_score(continuations).future.result()

    def close(self) -> None:
        """Give the pages back; further requests raise EngineClosed. Closing twice is fine.

        Raises:
            SequenceBusy: a request is under way: cancel it and wait for it first.
        """
        if self._closed:
            return
        release = self._claim()
        self._closed = True
        with self.engine.lock:
            self.cache.release(self.tokens)
        release()

    def _fork_at(self, count: int, at: int) -> list[Sequence]:
        with self.engine.lock:
            if self._closed:
                raise EngineClosed
            if not 1 <= at <= len(self.tokens):
                raise ValueError(
                    f"at is {at!r}; the sequence has {len(self.tokens)} tokens, choose 1 to that."
                )
            return self._branches(count, self.tokens[:at])

    def _branches(self, count: int, tokens: list[int]) -> list[Sequence]:
        with self.engine.lock:
            known = min(self.cache.length, len(tokens) - 1)
            if self._job is not None and self._job.rewound is not None:
                known = min(known, self._job.rewound)  # behind it the tokens were replaced
            return [
                Sequence(self.engine, list(tokens), self.cache.fork(known), self.adapter)
                for _ in range(count)
            ]

    def _submit(self, job: Job[Any], release: Callable[[], None]) -> None:
        job.on_end = release
        self._job = job
        try:
            self.engine.submit(job)
        except BaseException:
            release()
            raise

    def _claim(self) -> Callable[[], None]:
        if self._closed:
            raise EngineClosed
        if not self._lock.acquire(blocking=False):
            raise SequenceBusy
        if self._closed:  # by another thread, meanwhile
            self._lock.release()
            raise EngineClosed
        return self._lock.release
