"""Batched generation and scoring with one model, on one worker thread.

Requests from any thread join the batch between two steps: each step is one forward pass over the newest
tokens of every running request together with a slice of the prompts still being read. Keys and values lie in
pages that sequences share; a prompt that begins like one computed before takes over its pages.

Every request has its own random numbers, so in float32 on a CPU its tokens do not depend on what shares its
batch, on whether its beginning was known, or on whether it was forked or sent again.

What it does not cover: several processes, and models that do not fit one device.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as Tokens
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Unpack

import torch

from .backend import choose_decoder
from .errors import AdapterRefused, EngineClosed, PromptTooLong, SequenceBusy
from .grammar import Grammar, GrammarCompiler
from .jobs import EmbedJob, GenerateJob, Job, OnToken, Output, ReadJob, ScoreJob
from .kv_cache import Cache, PagePool
from .lora import Adapter
from .sampling import Sampling
from .scheduler import Scheduler
from .sequence import Sequence
from .settings import EngineSettings, Usage, check_settings, page_count
from .speculative import Drafter, linear_costs
from .step import Stepper
from .tokenizer import Tokenizer
from .transformer import Transformer

_HEAVY = 50_000_000
"""Parameters from which on reading the weights, not computing, takes the time of a pass over a few tokens."""

_GUESS_COST = 0.07
"""What a guessed token adds to such a pass, in passes over one token."""


class Engine:
    """One model and everything that runs on it. Make it once; `close` ends its thread."""

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        eos_ids: Tokens[int] = (),
        release: bool = False,
        **settings: Unpack[EngineSettings],
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: On its device, in the dtype to compute in; its weights must not change any more.
            tokenizer: Its tokenizer, for grammars and stop texts.
            eos_ids: Tokens that end a generation; those of config and tokenizer when empty.
            release: The model's own weights may be freed once they are packed for the backend.
            settings: See `EngineSettings`.

        Raises:
            NotSupported, NativeUnavailable: this backend or kind of weights cannot be had here.
            CacheFull: the memory for keys and values cannot be reserved.
            ValueError: a setting is unknown or below 1.
        """
        check_settings(settings)
        self.model, self.tokenizer, self.config = model, tokenizer, model.config
        weight = model.model.embed_tokens.weight
        self.dtype, self.device = weight.dtype, str(weight.device)
        known = [*model.config.eos_token_ids, *([] if tokenizer.eos_id is None else [tokenizer.eos_id])]
        self.eos_ids = frozenset(eos_ids or known)
        self.usage = Usage()
        max_batch = settings.get("max_batch", 32)
        self._prefix_cache = settings.get("prefix_cache", True)
        self._fast_forward = settings.get("fast_forward", True)
        speculates = settings.get("speculate", True) and self.config.parameters >= _HEAVY
        self._guesses = linear_costs(_GUESS_COST) if speculates else None
        self.decoder, self.backend, kv_dtype = choose_decoder(model, settings, release=release)
        pages = page_count(self.config, kv_dtype, settings.get("kv_bytes"), max_batch, self.device)
        self.pool = PagePool(self.config, pages, kv_dtype, self.device)
        self.lock = threading.RLock()
        self._condition = threading.Condition(self.lock)
        self._ended: list[Job[Any]] = []
        self._cancelled: list[Job[Any]] = []
        self._errands: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._discarded: deque[Sequence] = deque()
        self._scheduler = Scheduler(
            self.pool,
            max_batch,
            settings.get("step_tokens", 512),
            self._prefix_cache,
            self._ended.append,
        )
        self._stepper = Stepper(
            self.decoder, self.pool, self.config.parameters, lambda rows: self.compiler.masks(rows)
        )
        self._closed = False
        self._thread: threading.Thread | None = None
        self._compiler: GrammarCompiler | None = None
        self._compiling = threading.Lock()

    def open(self, tokens: Tokens[int], *, adapter: str | None = None, read: bool = True) -> Sequence:
        """Read `tokens` (at least one) and keep their cache for what follows.

        Without `read` nothing is waited for: they are computed with the first request.
        """
        self.check_tokens(tokens)
        self._check_adapter(adapter)
        with self.lock:
            cache = self._fresh_cache(adapter)
        sequence = Sequence(self, list(tokens), cache, adapter)
        if read and len(tokens) > 1:
            job = ReadJob(sequence.tokens, cache, adapter)
            try:
                self.submit(job)
                job.future.result()
            except BaseException:
                job.cancel()
                if job.on_cancel is not None:  # it was submitted
                    wait([job.future])
                with self.lock:
                    cache.release()
                raise
        return sequence

    def discard(self, sequence: Sequence) -> None:
        """Close a sequence before the next step in which it is idle.

        It takes no lock and raises nothing, so a finalizer may call it, whatever it interrupts.
        """
        self._discarded.append(sequence)

    def start(
        self,
        tokens: Tokens[int],
        sampling: Sampling | None = None,
        grammar: Grammar | None = None,
        on_token: OnToken | None = None,
        *,
        ignore_end: bool = False,
        adapter: str | None = None,
    ) -> GenerateJob:
        """Start generating after `tokens`; `job.future` gives the `Output`, `job.cancel()` ends it early.

        With `ignore_end` an end token does not end it, as measurements need.
        """
        job = self.generate_job(
            list(tokens),
            None,
            sampling or Sampling(),
            grammar,
            on_token,
            adapter=adapter,
            ignore_end=ignore_end,
        )
        self.submit(job)
        return job

    def generate(
        self, tokens: Tokens[int], sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> Output:
        """`start`, and wait for it."""
        return self.start(tokens, sampling, grammar).future.result()

    def start_score(
        self, tokens: Tokens[int], continuations: Tokens[Tokens[int]], *, adapter: str | None = None
    ) -> ScoreJob:
        """Start scoring; `job.future` gives the log-probability (nats) of each continuation."""
        job = self.score_job(list(tokens), None, continuations, adapter)
        self.submit(job)
        return job

    def score(self, tokens: Tokens[int], continuations: Tokens[Tokens[int]]) -> list[float]:
        """`start_score`, and wait for it."""
        return self.start_score(tokens, continuations).future.result()

    def embed(self, texts: Tokens[Tokens[int]]) -> list[list[float]]:
        """One vector per text: the mean of its final hidden states, scaled to length 1.

        Args:
            texts: Token ids, each at least one.

        Returns:
            (len(texts), hidden_size).
        """
        return [job.future.result() for job in self.start_embed(texts)]

    def start_embed(self, texts: Tokens[Tokens[int]]) -> list[EmbedJob]:
        """Start `embed`; each job's `future` gives one vector."""
        for tokens in texts:
            self.check_tokens(tokens)
        jobs = [EmbedJob(list(tokens)) for tokens in texts]
        for job in jobs:
            self.submit(job)
        return jobs

    def load_adapter(self, name: str, folder: Path | str) -> None:
        """Load a LoRA adapter, which requests then name as `adapter`. Returns when it can be used.

        Raises:
            AdapterRefused: it cannot be used with this model, or the name is taken.
        """
        self.add_adapter(Adapter.load(name, folder, self.model))

    def add_adapter(self, adapter: Adapter) -> None:
        """`load_adapter` for one that is in memory."""

        def add() -> None:
            if adapter.name in self._stepper.adapters:
                why = "an adapter of this name is loaded"
                raise AdapterRefused(adapter.name, why, "Choose another name.")
            self.decoder.add_adapter(adapter)
            self._stepper.adapters[adapter.name] = len(self._stepper.adapters)

        self._between_steps(add)

    @property
    def adapters(self) -> list[str]:
        """Names of the loaded adapters."""
        return [name for name in self._stepper.adapters if name is not None]

    def check_tokens(self, tokens: Tokens[int], room: int = 0) -> None:
        """Raise unless `tokens` are of the vocabulary, and they and `room` more fit the context.

        Raises:
            ValueError: there are none, or one is outside of the vocabulary.
            PromptTooLong: they do not fit.
        """
        self.check_room(len(tokens), room)
        self.check_vocabulary(tokens)

    def check_vocabulary(self, tokens: Tokens[int]) -> None:
        """Raise ValueError for a token outside of the vocabulary."""
        if tokens and not (min(tokens) >= 0 and max(tokens) < self.config.vocab_size):
            wrong = next(token for token in tokens if not 0 <= token < self.config.vocab_size)
            raise ValueError(
                f"The token {wrong!r} is outside of the vocabulary, 0 to {self.config.vocab_size - 1}."
            )

    def check_room(self, tokens: int, room: int = 0) -> None:
        """Raise PromptTooLong unless `tokens` and `room` more fit the context; ValueError for none."""
        if tokens < 1:
            raise ValueError("A prompt needs at least one token; begin it with the beginning-of-text token.")
        if tokens + room > self.config.context_length:
            raise PromptTooLong(tokens, self.config.context_length)

    def submit(self, job: Job[Any]) -> None:
        """Queue a job; raises EngineClosed after `close`."""
        self._check_adapter(job.adapter)
        with self._condition:
            self._run()
            job.on_cancel = self._cancel
            self._scheduler.add(job)
            if job.cancelled:
                self._cancelled.append(job)
            self._condition.notify()

    @property
    def closed(self) -> bool:
        """Whether it takes no requests any more: it was closed, or its thread broke down."""
        return self._closed

    def close(self) -> None:
        """End the thread; requests under way fail with EngineClosed. Closing twice is fine."""
        atexit.unregister(self.close)
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def queued(self) -> int:
        """Requests that wait for a place in the batch."""
        with self.lock:
            return self._scheduler.waits

    @property
    def running(self) -> int:
        """Requests in the batch."""
        with self.lock:
            return len(self._scheduler.active)

    def generate_job(
        self,
        tokens: list[int],
        cache: Cache | None,
        sampling: Sampling,
        grammar: Grammar | None,
        on_token: OnToken | None,
        *,
        adapter: str | None = None,
        begun: int = 0,
        ignore_end: bool = False,
    ) -> GenerateJob:
        """A job that is not submitted yet; arguments as in `start` and `Sequence.start`."""
        self.check_tokens(tokens, 1)
        sampling.check_vocabulary(self.config.vocab_size)
        limit = min(sampling.max_tokens, self.config.context_length - len(tokens))
        state = None if grammar is None else self.compiler.start(grammar, limit)
        if not 0 <= begun <= len(tokens):
            raise ValueError(f"begun is {begun!r}; choose 0 to {len(tokens)}, the sequence's tokens.")
        if state is not None and begun:
            if state.reserve:
                raise ValueError(
                    "A text with a way out cannot be gone on with: it may have to be taken back."
                )
            state.take(tokens[-begun:])
        return GenerateJob(
            tokens,
            cache,
            sampling=sampling,
            state=state,
            limit=limit,
            eos_ids=frozenset() if ignore_end else self.eos_ids,
            decode=self.tokenizer.decode,
            on_token=on_token,
            adapter=adapter,
            fast_forward=self._fast_forward,
            drafter=None if self._guesses is None else Drafter(self._guesses),
        )

    def score_job(
        self, tokens: list[int], cache: Cache | None, continuations: Tokens[Tokens[int]], adapter: str | None
    ) -> ScoreJob:
        """A job that is not submitted yet; arguments as in `start_score`."""
        if not continuations or not all(len(each) for each in continuations):
            raise ValueError("Every continuation to score needs at least one token.")
        self.check_tokens(tokens, max(len(each) for each in continuations))
        for each in continuations:
            self.check_tokens(each)
        return ScoreJob(tokens, cache, [list(each) for each in continuations], adapter)

    @property
    def compiler(self) -> GrammarCompiler:
        """The grammar compiler of this model's vocabulary, made at first use."""
        with self._compiling:  # not the engine's lock: it takes up to seconds for a large vocabulary
            if self._compiler is None:
                eos = sorted(self.eos_ids)
                self._compiler = GrammarCompiler(self.tokenizer, self.config.vocab_size, eos)
            return self._compiler

    def _check_adapter(self, adapter: str | None) -> None:
        if adapter is not None and adapter not in self._stepper.adapters:
            why = f"none of this name is loaded, only {self.adapters}"
            raise AdapterRefused(adapter, why, "Load it with Engine.load_adapter.")

    def _fresh_cache(self, adapter: str | None) -> Cache:
        return Cache(self.pool, shared=self._prefix_cache, root=self.pool.tree.root_of(adapter))

    def _run(self) -> None:
        """Start the worker thread unless it runs; the lock is held."""
        if self._closed:
            raise EngineClosed
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="punchlist-engine", daemon=True)
            self._thread.start()
            atexit.register(self.close)  # a thread inside torch at interpreter exit aborts the process

    def _between_steps(self, act: Callable[[], None]) -> None:
        """Have the worker thread do something while no step is computed, and wait for it."""
        done: Future[None] = Future()
        with self._condition:
            self._run()
            self._errands.append((act, done))
            self._condition.notify()
        done.result()

    def _cancel(self, job: Job[Any]) -> None:
        with self._condition:
            self._cancelled.append(job)
            self._condition.notify()

    def _work(self) -> None:
        error: BaseException = EngineClosed()
        try:
            with torch.inference_mode():
                while self._wait():
                    self._step()
        except BaseException as failure:
            error = failure
            raise
        finally:  # whatever ended the thread, nobody may wait for it forever
            with self.lock:
                self._closed = True
                for job in self._scheduler.everything():
                    job.error = error
                    self._scheduler.finish(job)
                for _, done in self._errands:
                    done.set_exception(error)
            self._stepper.close()
            self._deliver()

    def _wait(self) -> bool:
        """Wait for something to do; False when closed."""
        with self._condition:
            scheduler = self._scheduler
            while not (
                scheduler.waiting or scheduler.active or self._cancelled or self._errands or self._closed
            ):
                self._condition.wait()
            return not self._closed

    def _step(self) -> None:
        started = time.monotonic()
        while self._errands:
            act, done = self._errands.popleft()
            try:
                act()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)
        with self.lock:
            for job in self._cancelled:
                self._scheduler.interrupt(job)
            self._cancelled.clear()
            self._close_discarded()
            planned = self._scheduler.plan()
        if planned:
            outcomes = self._stepper.compute(planned)
            with self.lock:
                for outcome in outcomes:
                    if self._stepper.settle(outcome):
                        self._scheduler.finish(outcome.job)
                    else:
                        self._scheduler.read(outcome.job)
            for outcome in outcomes:
                outcome.job.tell()
            self.usage.forward_passes += 1
            self.usage.computed_tokens += sum(len(part.tokens) for _, parts in planned for part in parts)
            self.usage.preemptions = self._scheduler.preemptions
            self.usage.forward_seconds += time.monotonic() - started
        self._deliver()

    def _close_discarded(self) -> None:
        for _ in range(len(self._discarded)):
            sequence = self._discarded.popleft()
            try:
                sequence.close()
            except SequenceBusy:  # its cancelled request has not been delivered yet
                self._discarded.append(sequence)

    def _deliver(self) -> None:
        """Hand out what has ended, outside of the lock."""
        ended = list(self._ended)
        self._ended.clear()
        for job in ended:
            self._count(job)
            job.tell()
            if job.on_end is not None:
                job.on_end()
            job.deliver()

    def _count(self, job: Job[Any]) -> None:
        if isinstance(job, GenerateJob):
            self.usage.output_tokens += len(job.tokens) - job.prompt_tokens
            self.usage.forced_tokens += job.forced_tokens
            self.usage.drafted_tokens += job.drafted_tokens
            self.usage.accepted_tokens += job.accepted_tokens
        self.usage.prompt_tokens += job.prompt_tokens
        self.usage.reused_tokens += job.reused_tokens or 0
