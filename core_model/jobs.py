"""Requests under way in the engine: reading a prompt, generating, scoring continuations.

A job is planned and fed on the engine's worker thread only; `cancel` and `future` may be used from anywhere.
"""

from __future__ import annotations

import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from .errors import RequestCancelled
from .generation import StopReason
from .grammar import GrammarState
from .kv_cache import Entry, KVCache
from .sampling import Sampling, choose

Result = TypeVar("Result")

OnToken = Callable[[list[int], list[float | None]], None]
"""Called on the worker thread with each step's new token ids and log-probabilities (None where forced)."""


@dataclass(frozen=True)
class Output:
    """What a request generated.

    Attributes:
        token_ids: Generated tokens, the end token left out.
        logprobs: Natural log of each token's probability among those the grammar allowed, at temperature 1;
            None where the grammar left no choice.
        stop_reason: "stop", "length" (tokens ran out: the text may be cut) or "cancelled".
        prompt_tokens: Length before generating.
        reused_tokens: How many of these were not computed again.
        seconds: From request to end, waiting included.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float | None, ...]
    stop_reason: StopReason
    prompt_tokens: int
    reused_tokens: int
    seconds: float


class Job(ABC, Generic[Result]):
    """One request. `plan` says what it needs computed next, `take` receives the scores."""

    def __init__(self, tokens: list[int], cache: KVCache | None) -> None:
        self.future: Future[Result] = Future()
        self.future.set_running_or_notify_cancel()  # only `cancel` of the job may end it
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.tokens = tokens
        self.cache = cache
        self.owned = cache is None
        self.prompt_tokens = len(tokens)
        self.reused_tokens = 0
        self.started = time.monotonic()
        self.cancelled = False
        self.on_end: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Stop before the next step."""
        self.cancelled = True

    def begin(self, cache: KVCache) -> None:
        """Take the cache to work with; the prompt's last token is computed even if it is there."""
        self.cache = cache
        cache.truncate(len(self.tokens) - 1)
        self.reused_tokens = cache.length
        cache.reserve(len(self.tokens) + 32)

    @property
    def pending(self) -> int:
        """Tokens that are not computed yet."""
        return len(self.tokens) - (0 if self.cache is None else self.cache.length)

    def plan(self, cache: KVCache, budget: int) -> Entry:
        """The next tokens to compute, at most `budget` of them, with an output for the last of all."""
        start = cache.length
        end = start + min(len(self.tokens) - start, max(1, budget))
        cache.reserve(end)
        wanted = 1 if end == len(self.tokens) else 0
        return Entry(cache, self.tokens[start:end], list(range(start, end)), wanted)

    @abstractmethod
    def take(self, logits: Tensor) -> bool:
        """Go on with logits (wanted, vocab) of the last plan; True when the request has ended."""

    def interrupt(self) -> None:
        """End because of `cancel`."""
        self.error = RequestCancelled()

    def deliver(self) -> None:
        """Hand the result or error to whoever waits; called once, after everything else is settled."""
        if self.error is not None:
            self.future.set_exception(self.error)
        elif self.result is not None:
            self.future.set_result(self.result)


class ReadJob(Job[KVCache]):
    """Computes all tokens but the last, so that what follows can share them."""

    def __init__(self, tokens: list[int], cache: KVCache | None) -> None:
        super().__init__(tokens, cache)

    @property
    def pending(self) -> int:
        return max(0, super().pending - 1)

    def plan(self, cache: KVCache, budget: int) -> Entry:
        start = cache.length
        end = start + min(len(self.tokens) - 1 - start, max(1, budget))
        cache.reserve(end)
        return Entry(cache, self.tokens[start:end], list(range(start, end)), 0)

    def take(self, logits: Tensor) -> bool:
        if self.pending or self.cache is None:
            return False
        self.result = self.cache
        return True


class GenerateJob(Job[Output]):
    """Generates until an end token, the end of the grammar, a stop text or the last allowed token."""

    def __init__(
        self,
        tokens: list[int],
        cache: KVCache | None,
        *,
        sampling: Sampling,
        state: GrammarState | None,
        limit: int,
        eos_ids: frozenset[int],
        decode: Callable[[Sequence[int]], str],
        on_token: OnToken | None = None,
    ) -> None:
        super().__init__(tokens, cache)
        self.forced_tokens = 0
        self._sampling, self._state, self._limit = sampling, state, limit
        self.eos_ids, self._decode, self._on_token = eos_ids, decode, on_token
        self._random = random.Random(sampling.seed)
        self._logprobs: list[float | None] = []
        self._cut = False  # the grammar forced more than there was room for
        self._force()

    def _force(self) -> None:
        if self._state is None:
            return
        forced = self._state.forced()
        room = self._limit - len(self._logprobs)
        self._cut = len(forced) > room
        forced = forced[:room]
        if forced:
            self.forced_tokens += len(forced)
            self._append(forced, [None] * len(forced))

    def _append(self, tokens: list[int], logprobs: Sequence[float | None]) -> None:
        self.tokens.extend(tokens)
        self._logprobs.extend(logprobs)
        if self._on_token is not None:
            self._on_token(tokens, list(logprobs))

    def ended_early(self) -> bool:
        """End before any forward pass when the grammar forces the whole text."""
        return self._state is not None and self._finish_if_over()

    def take(self, logits: Tensor) -> bool:
        if not len(logits):
            return False
        scores = logits[0]
        if self._state is not None:
            scores = scores.masked_fill(torch.as_tensor(~self._state.mask()), -math.inf)
        greedy = self._sampling.temperature == 0
        token = int(scores.argmax()) if greedy else choose(scores, self._sampling, self._random.random())
        if token in self.eos_ids:
            self._finish("stop")
            return True
        self._append([token], [float(scores[token] - torch.logsumexp(scores, dim=-1))])
        if self._state is not None:
            self._state.take([token])
            self._force()
        return self._finish_if_over()

    def _finish_if_over(self) -> bool:
        over = self._state is not None and self._state.finished and not self._cut
        if over or (self._sampling.stop and self._cut_at_stop()):
            self._finish("stop")
        elif len(self._logprobs) >= self._limit:
            self._finish("length")
        else:
            return False
        return True

    def _cut_at_stop(self) -> bool:
        text = self._decode(self.tokens[self.prompt_tokens :])
        return any(stop in text for stop in self._sampling.stop)

    def interrupt(self) -> None:
        self._finish("cancelled")

    def _finish(self, reason: StopReason) -> None:
        self.result = Output(
            tuple(self.tokens[self.prompt_tokens :]),
            tuple(self._logprobs),
            reason,
            self.prompt_tokens,
            self.reused_tokens,
            time.monotonic() - self.started,
        )


class ScoreJob(Job[list[float]]):
    """Log-probabilities of continuations: the prompt once, then all of them in one forward pass.

    The continuations lie end to end behind the prompt; each sees the prompt and itself only.
    """

    def __init__(self, tokens: list[int], cache: KVCache | None, continuations: list[list[int]]) -> None:
        super().__init__(tokens, cache)
        self._continuations = continuations
        self._scores: list[float] | None = None
        self._inner = [tokens[:-1] for tokens in continuations]

    def plan(self, cache: KVCache, budget: int) -> Entry:
        if self._scores is None:
            return super().plan(cache, budget)
        flat = [token for tokens in self._inner for token in tokens]
        owner = torch.tensor([number for number, tokens in enumerate(self._inner) for _ in tokens])
        place = torch.tensor([place for tokens in self._inner for place in range(len(tokens))])
        shown = (owner[:, None] == owner[None, :]) & (place[:, None] >= place[None, :])
        hidden = torch.zeros(len(flat), cache.length + len(flat), dtype=torch.bool)
        hidden[:, cache.length :] = ~shown
        cache.reserve(cache.length + len(flat))
        positions = [cache.length + place for tokens in self._inner for place in range(len(tokens))]
        return Entry(cache, flat, positions, len(flat), hidden.to(cache.slab.device))

    def take(self, logits: Tensor) -> bool:
        if not len(logits):
            return False
        logprobs = logits.log_softmax(dim=-1)
        if self._scores is None:
            self._scores = [float(logprobs[0, tokens[0]]) for tokens in self._continuations]
            if not any(self._inner):
                self.result = self._scores
                return True
            return False
        row = 0
        for number, tokens in enumerate(self._continuations):
            for token in tokens[1:]:
                self._scores[number] += float(logprobs[row, token])
                row += 1
        self.result = self._scores
        return True
