"""Batched generation and scoring with one model, on one worker thread.

Requests from any thread join the batch between two steps (continuous batching): each step is one forward pass
over the newest tokens of every running request together with a slice of the prompts still being read. Every
request has its own cache and its own random numbers, so in float32 its tokens do not depend on what shares
the batch, and its log-probabilities do so by less than 1e-4.

A prompt that begins like one computed before takes over its keys and values; requests that begin alike and
arrive together wait for the first of them.

What it does not cover: several processes, and requests that together need more memory than there is.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Generator
from collections.abc import Sequence as Tokens
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .errors import CoreModelError, EngineClosed, PromptTooLong, SequenceBusy
from .grammar import Grammar, GrammarCompiler
from .jobs import GenerateJob, Job, OnToken, Output, ReadJob, ScoreJob
from .kv_cache import CacheAttention, Entry, KVCache
from .packed import PackedTransformer
from .prefix import SHORTEST, PrefixStore, common_length
from .sampling import Sampling
from .tokenizer import Tokenizer
from .transformer import Transformer

_WORTH_THREADS = 1 << 26  # multiplications in a step, about a millisecond of one core
_SHORT = 16  # tokens: a job with no more to compute is part of every step


@dataclass
class Usage:
    """Counters since the engine was made; `forward_seconds` is time in forward passes and sampling."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    computed_tokens: int = 0
    output_tokens: int = 0
    forced_tokens: int = 0
    forward_passes: int = 0
    forward_seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Output tokens per second of engine time, prompts included; 0 before any."""
        return self.output_tokens / self.forward_seconds if self.forward_seconds else 0.0


class Engine:
    """One model and everything that runs on it. Make it once; `close` ends its thread."""

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        eos_ids: Tokens[int] = (),
        max_batch: int = 32,
        step_tokens: int = 1024,
        prefix_bytes: int = 128_000_000,
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: On its device, in the dtype to compute in; its weights must not change any more.
            tokenizer: Its tokenizer, for grammars and stop texts.
            eos_ids: Tokens that end a generation; those of config and tokenizer when empty.
            max_batch: Requests that run at once; further ones wait in order of arrival.
            step_tokens: Prompt tokens computed in one step at most.
            prefix_bytes: Memory for caches of finished prompts.
        """
        self.model, self.tokenizer, self.config = model, tokenizer, model.config
        weight = model.model.embed_tokens.weight
        self.dtype, self.device = weight.dtype, str(weight.device)
        known = [*model.config.eos_token_ids, *([] if tokenizer.eos_id is None else [tokenizer.eos_id])]
        self.eos_ids = frozenset(eos_ids or known)
        self.usage = Usage()
        self._parameters = model.config.parameters
        self._packed = PackedTransformer(model)
        self._max_batch, self._step_tokens = max_batch, step_tokens
        self._prefixes = PrefixStore(prefix_bytes)
        self._condition = threading.Condition()
        self._waiting: list[Job[Any]] = []
        self._active: list[Job[Any]] = []
        self._closed = False
        self._thread: threading.Thread | None = None
        self._compiler: GrammarCompiler | None = None

    def open(self, tokens: Tokens[int]) -> Sequence:
        """Read `tokens` (at least one) and keep their cache for what follows."""
        self.check_room(len(tokens))
        sequence = Sequence(self, list(tokens), KVCache(self.config, 1, self.dtype, self.device))
        if len(tokens) > 1:
            job = ReadJob(list(tokens), None)
            self.submit(job)
            sequence.cache = job.future.result()
        return sequence

    def start(
        self,
        tokens: Tokens[int],
        sampling: Sampling | None = None,
        grammar: Grammar | None = None,
        on_token: OnToken | None = None,
        *,
        ignore_end: bool = False,
    ) -> GenerateJob:
        """Start generating after `tokens`; `job.future` gives the `Output`, `job.cancel()` ends it early.

        With `ignore_end` an end token does not end it, as measurements need.
        """
        job = self.generate_job(list(tokens), None, sampling or Sampling(), grammar, on_token)
        if ignore_end:
            job.eos_ids = frozenset()
        self.submit(job)
        return job

    def generate(
        self, tokens: Tokens[int], sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> Output:
        """`start`, and wait for it."""
        return self.start(tokens, sampling, grammar).future.result()

    def start_score(self, tokens: Tokens[int], continuations: Tokens[Tokens[int]]) -> ScoreJob:
        """Start scoring; `job.future` gives the log-probability (nats) of each continuation."""
        job = self.score_job(list(tokens), None, continuations)
        self.submit(job)
        return job

    def score(self, tokens: Tokens[int], continuations: Tokens[Tokens[int]]) -> list[float]:
        """`start_score`, and wait for it."""
        return self.start_score(tokens, continuations).future.result()

    def check_room(self, tokens: int, room: int = 0) -> None:
        """Raise PromptTooLong unless `tokens` and `room` more fit the context; ValueError for none."""
        if tokens < 1:
            raise ValueError("A prompt needs at least one token; begin it with the beginning-of-text token.")
        if tokens + room > self.config.context_length:
            raise PromptTooLong(tokens, self.config.context_length)

    def submit(self, job: Job[Any]) -> None:
        """Queue a job; raises EngineClosed after `close`."""
        with self._condition:
            if self._closed:
                raise EngineClosed
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="punchlist-engine", daemon=True)
                self._thread.start()
                atexit.register(self.close)  # a thread inside torch at interpreter exit aborts the process
            self._waiting.append(job)
            self._condition.notify()

    def close(self) -> None:
        """End the thread; requests under way fail with EngineClosed. Closing twice is fine."""
        atexit.unregister(self.close)
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def generate_job(
        self,
        tokens: list[int],
        cache: KVCache | None,
        sampling: Sampling,
        grammar: Grammar | None,
        on_token: OnToken | None,
    ) -> GenerateJob:
        self.check_room(len(tokens), 1)
        return GenerateJob(
            tokens,
            cache,
            sampling=sampling,
            state=None if grammar is None else self.compiler.start(grammar),
            limit=min(sampling.max_tokens, self.config.context_length - len(tokens)),
            eos_ids=self.eos_ids,
            decode=self.tokenizer.decode,
            on_token=on_token,
        )

    def score_job(
        self, tokens: list[int], cache: KVCache | None, continuations: Tokens[Tokens[int]]
    ) -> ScoreJob:
        if not continuations or not all(len(each) for each in continuations):
            raise ValueError("Every continuation to score needs at least one token.")
        self.check_room(len(tokens), max(len(each) for each in continuations))
        return ScoreJob(tokens, cache, [list(each) for each in continuations])

    @property
    def compiler(self) -> GrammarCompiler:
        """The grammar compiler of this model's vocabulary, made at first use."""
        with self._condition:
            if self._compiler is None:
                eos = sorted(self.eos_ids)
                self._compiler = GrammarCompiler(self.tokenizer, self.config.vocab_size, eos)
            return self._compiler

    def _work(self) -> None:
        error: BaseException = EngineClosed()
        try:
            with torch.inference_mode():
                while self._admit():
                    self._step()
        except BaseException as failure:
            error = failure
            raise
        finally:  # whatever ended the thread, nobody may wait for it forever
            with self._condition:
                self._closed = True
                left = [*self._active, *self._waiting]
                self._active, self._waiting = [], []
            for job in left:
                job.error = error
                self._end(job)
            self._prefixes.clear()

    def _admit(self) -> bool:
        """Wait for something to do, then move waiting jobs into the batch; False when closed."""
        with self._condition:
            while not (self._waiting or self._active or self._closed):
                self._condition.wait()
            if self._closed:
                return False
            waiting, self._waiting = self._waiting, []
        later: list[Job[Any]] = []
        for job in waiting:
            if job.cancelled:
                job.interrupt()
                self._end(job)
            elif len(self._active) >= self._max_batch or not self._give_cache(job):
                later.append(job)
            elif isinstance(job, GenerateJob) and job.ended_early():
                self._end(job)
            else:
                self._active.append(job)
        with self._condition:
            self._waiting = later + self._waiting
        return True

    def _give_cache(self, job: Job[Any]) -> bool:
        """Find the longest computed beginning; False when another job is about to compute a longer one."""
        if job.cache is not None:
            job.begin(job.cache)
            return True
        tokens = np.asarray(job.tokens, np.int64)
        length, source = self._prefixes.longest(tokens)
        for other in self._active:
            if other.cache is None:
                continue
            shared = common_length(tokens, np.asarray(other.tokens[: other.prompt_tokens], np.int64))
            computed = min(shared, other.cache.length)
            if shared - 1 > max(length, computed) + SHORTEST:
                return False
            if computed > max(length, SHORTEST):
                length, source = computed, other.cache
        if source is None:
            job.begin(KVCache(self.config, len(tokens) + 32, self.dtype, self.device))
        else:
            job.begin(source.fork(length, len(tokens) - length + 32))
        return True

    def _step(self) -> None:
        started = time.monotonic()
        for job in [job for job in self._active if job.cancelled]:
            job.interrupt()
            self._end(job)
        planned: list[tuple[Job[Any], Entry]] = []
        budget = self._step_tokens
        for job in self._active:
            if job.cache is None or (job.pending > _SHORT and budget <= 0):
                continue
            entry = job.plan(job.cache, _SHORT if job.pending <= _SHORT else budget)
            budget -= 0 if len(entry.tokens) <= _SHORT else len(entry.tokens)
            planned.append((job, entry))
        if not planned:
            return
        logits = self._forward([entry for _, entry in planned])
        for (job, entry), rows in zip(
            planned, torch.split(logits, [entry.wanted for _, entry in planned]), strict=True
        ):
            if entry.hidden is None:
                entry.cache.advance(len(entry.tokens))
            try:
                over = job.take(rows)
            except CoreModelError as error:  # of this request alone: a grammar that became too complex
                job.error, over = error, True
            if over:
                self._end(job)
        self.usage.forward_passes += 1
        self.usage.computed_tokens += sum(len(entry.tokens) for _, entry in planned)
        self.usage.forward_seconds += time.monotonic() - started

    def _forward(self, entries: list[Entry]) -> torch.Tensor:
        """Logits (sum of wanted, vocab) float32 on the CPU."""
        flat = [token for entry in entries for token in entry.tokens]
        places = [place for entry in entries for place in entry.positions]
        wanted = sum(entry.wanted for entry in entries)
        keep: torch.Tensor | None = None
        if wanted < len(flat):
            rows: list[int] = []
            end = 0
            for entry in entries:
                end += len(entry.tokens)
                rows.extend(range(end - entry.wanted, end))
            keep = torch.tensor(rows, dtype=torch.int64, device=self.device)
        tokens = torch.tensor(flat, device=self.device)
        positions = torch.tensor(places, device=self.device)
        attend = CacheAttention(entries, self.config.num_layers - 1)
        with self._threads_for(len(flat)):
            hidden = self._packed.hidden(tokens, positions, attend, keep)
            return self._packed.logits(hidden).float().cpu()

    @contextmanager
    def _threads_for(self, tokens: int) -> Generator[None]:
        """One thread for a small step on a CPU: several wait for each other longer than they compute."""
        if self.device != "cpu" or tokens * self._parameters > _WORTH_THREADS:
            yield
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def _end(self, job: Job[Any]) -> None:
        if job in self._active:
            self._active.remove(job)
        if isinstance(job, GenerateJob):
            self.usage.output_tokens += len(job.tokens) - job.prompt_tokens
            self.usage.forced_tokens += job.forced_tokens
        self.usage.prompt_tokens += job.prompt_tokens
        self.usage.reused_tokens += job.reused_tokens
        if job.owned and job.cache is not None and not isinstance(job, ReadJob):
            self._prefixes.put(job.tokens, job.cache)
        if job.on_end is not None:
            job.on_end()
        job.deliver()


class Sequence:
    """Tokens with their cache, kept between requests, one request at a time. Made by `Engine.open`."""

    def __init__(self, engine: Engine, tokens: list[int], cache: KVCache) -> None:
        self.engine, self.tokens, self.cache = engine, tokens, cache
        self._closed = False
        self._lock = threading.Lock()

    def extend(self, tokens: Tokens[int]) -> None:
        """Put tokens behind the sequence; they are computed with the next request."""
        release = self._claim()
        try:
            self.engine.check_room(len(self.tokens) + len(tokens))
            self.tokens.extend(tokens)
        finally:
            release()

    def fork(self, count: int) -> list[Sequence]:
        """`count` independent sequences that go on from here; what is computed is copied."""
        release = self._claim()
        job = ReadJob(self.tokens, self.cache)
        if job.pending:
            self._submit(job, release)
            job.future.result()
            release = self._claim()
        try:
            return [Sequence(self.engine, list(self.tokens), self.cache.fork()) for _ in range(count)]
        finally:
            release()

    def start(
        self,
        sampling: Sampling | None = None,
        grammar: Grammar | None = None,
        on_token: OnToken | None = None,
    ) -> GenerateJob:
        """Start generating; the sequence grows by what comes out. `job.future` gives the `Output`."""
        release = self._claim()
        try:
            make = self.engine.generate_job
            job = make(self.tokens, self.cache, sampling or Sampling(), grammar, on_token)
        except BaseException:
            release()
            raise
        self._submit(job, release)
        return job

    def generate(self, sampling: Sampling | None = None, grammar: Grammar | None = None) -> Output:
        """`start`, and wait for it."""
        return self.start(sampling, grammar).future.result()

    def score(self, continuations: Tokens[Tokens[int]]) -> list[float]:
        """Log-probability (nats) of each continuation after the sequence, which stays as it is."""
        release = self._claim()
        try:
            job = self.engine.score_job(self.tokens, self.cache, continuations)
        except BaseException:
            release()
            raise
        self._submit(job, release)
        return job.future.result()

    def close(self) -> None:
        """Give the memory back; further requests raise EngineClosed."""
        self._closed = True
        self.cache = KVCache(self.engine.config, 1, self.engine.dtype, self.engine.device)

    def _submit(self, job: Job[Any], release: Callable[[], None]) -> None:
        job.on_end = release
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
        return self._lock.release
