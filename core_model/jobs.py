"""Requests under way in the engine: reading a prompt, generating, scoring continuations, embedding.

A job is planned and fed on the engine's worker thread only; `cancel` and `future` may be used from anywhere.
Its cache may be taken away while it waits (pre-emption): what it has generated stays, and is computed again.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import NumericalError, RequestCancelled
from .generation import StopReason
from .grammar import Closing, GrammarState
from .kv_cache import Cache
from .sampling import RowState, Sampling
from .speculative import Drafter

Result = TypeVar("Result")

GUESSES = 8
"""Guessed tokens in a step, over all requests: more would cost a pass bound by its weights too much."""

OnToken = Callable[[list[int], list[float | None]], None]
"""Called on the worker thread with each step's new token ids and log-probabilities (None where forced)."""

TopLogprobs = tuple[tuple[int, float], ...]
"""The likeliest tokens at one place with their log-probabilities, likeliest first."""


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
        top_logprobs: Per token its likeliest alternatives, as many as were asked for; empty where forced.
        closed_early: The grammar's short ending was taken because the tokens ran out.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float | None, ...]
    stop_reason: StopReason
    prompt_tokens: int
    reused_tokens: int
    seconds: float
    top_logprobs: tuple[TopLogprobs, ...] = ()
    closed_early: bool = False


@dataclass(frozen=True)
class Part:
    """One sequence's part of a step: `tokens` (at least one) follow the cache's first `cache.length` ones.

    `wanted` says of how many of the last tokens the scores are asked for.
    """

    cache: Cache
    tokens: list[int]
    wanted: int


class Job(ABC, Generic[Result]):
    """One request. `plan` says what it needs computed next."""

    reuses = True
    """Whether what was computed for others is of use."""

    def __init__(self, tokens: list[int], cache: Cache | None, adapter: str | None = None) -> None:
        self.future: Future[Result] = Future()
        self.future.set_running_or_notify_cancel()  # only `cancel` of the job may end it
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.tokens = tokens
        self.cache = cache
        self.owned = cache is None
        self.adapter = adapter
        self.prompt_tokens = len(tokens)
        self.reused_tokens: int | None = None
        self.started = time.monotonic()
        self.cancelled = False
        self.ended = False
        self.rewound: int | None = None
        """Tokens from here on were replaced after their keys and values had been computed."""
        self.on_end: Callable[[], None] | None = None
        self.on_cancel: Callable[[Job[Any]], None] | None = None

    def cancel(self) -> None:
        """Stop before the next step, also while it waits."""
        self.cancelled = True
        if self.on_cancel is not None:
            self.on_cancel(self)

    def begin(self, cache: Cache) -> None:
        """Take the cache to work with; the last token is always computed, even if it is known."""
        self.cache = cache
        if not cache.pages:
            cache.begin(self.tokens, len(self.tokens) - 1)
        cache.truncate(len(self.tokens) - 1)
        if self.reused_tokens is None:
            self.reused_tokens = min(cache.length, self.prompt_tokens)

    @property
    def pending(self) -> int:
        """Tokens that are not computed yet."""
        return len(self.tokens) - (0 if self.cache is None else self.cache.length)

    def ended_early(self) -> bool:
        """End before any forward pass, where there is nothing to compute."""
        return False

    @abstractmethod
    def plan(self, cache: Cache, budget: int, crowd: int) -> list[Part]:
        """What to compute next, about `budget` tokens; `crowd` requests share the step."""

    def drop(self) -> None:
        """Give up what `plan` has made beside the cache itself."""
        return

    def tell(self) -> None:
        """Tell whoever listens what is new; the engine's lock is not held."""
        return

    def interrupt(self) -> None:
        """End because of `cancel`."""
        self.error = RequestCancelled()

    def deliver(self) -> None:
        """Hand the result or error to whoever waits; called once, after everything else is settled."""
        if self.error is not None:
            self.future.set_exception(self.error)
        elif self.result is not None:
            self.future.set_result(self.result)


class RowsJob(Job[Result]):
    """A request that goes on from the rows of its own plan alone."""

    @abstractmethod
    def take(self, parts: list[Part], logits: Tensor) -> bool:
        """Go on with logits (sum of wanted, vocab) of the last plan; True when the request has ended."""


class ReadJob(RowsJob[Cache]):
    """Computes all tokens but the last, so that what follows can share them."""

    @property
    def pending(self) -> int:
        return max(0, super().pending - 1)

    def ended_early(self) -> bool:
        if self.pending:
            return False
        self.result = self.cache
        return True

    def plan(self, cache: Cache, budget: int, crowd: int) -> list[Part]:
        end = cache.length + min(self.pending, max(1, budget))
        return [Part(cache, self.tokens[cache.length : end], 0)]

    def take(self, parts: list[Part], logits: Tensor) -> bool:
        for part in parts:
            part.cache.advance(self.tokens, len(part.tokens))
        return self.ended_early()


class GenerateJob(Job[Output]):
    """Generates until an end token, the end of the grammar, a stop text or the last allowed token.

    The step chooses the tokens of all generating jobs at once, and has each `accept` its own.
    """

    def __init__(
        self,
        tokens: list[int],
        cache: Cache | None,
        *,
        sampling: Sampling,
        state: GrammarState | None,
        limit: int,
        eos_ids: frozenset[int],
        decode: Callable[[Sequence[int]], str],
        on_token: OnToken | None = None,
        adapter: str | None = None,
        fast_forward: bool = True,
        drafter: Drafter | None = None,
    ) -> None:
        super().__init__(tokens, cache, adapter)
        self.sampling, self.state, self.limit = sampling, state, limit
        self.eos_ids, self._decode, self._on_token = eos_ids, decode, on_token
        self.forced_tokens = self.drafted_tokens = self.accepted_tokens = 0
        self.drafter = None if sampling.adjusts else drafter
        self._fast_forward = fast_forward
        self._random = random.Random(sampling.seed)
        self._uniforms: list[float] = []
        self._logprobs: list[float | None] = []
        self._top: list[TopLogprobs] = []
        self._counts: dict[int, int] = {}
        self._prompt = np.unique(np.asarray(tokens, np.intp)) if sampling.adjusts else ()
        self._told = 0
        self._window = 4 * max((len(stop) for stop in sampling.stop), default=0) + 16
        self._closed_early = False
        if self.drafter is not None:
            self.drafter.extend(tokens)

    @property
    def room(self) -> int:
        """Tokens that may still be generated."""
        return self.limit - len(self._logprobs)

    @property
    def top_logprobs(self) -> Sequence[TopLogprobs]:
        """Likeliest tokens at each place so far; of what `on_token` has told they do not change."""
        return self._top

    def row_state(self, ahead: int) -> RowState:
        """What the choice of the token after the next `ahead` ones depends on, beside scores and grammar.

        The random number belongs to the place in the answer, so it is the same however tokens are batched,
        guessed or forced.
        """
        sampling, place = self.sampling, len(self._logprobs) + ahead
        if not (sampling.temperature or sampling.adjusts):
            return RowState(sampling)
        while len(self._uniforms) <= place:
            self._uniforms.append(self._random.random())
        return RowState(sampling, self._uniforms[place], None, self._prompt, self._counts)

    def plan(self, cache: Cache, budget: int, crowd: int) -> list[Part]:
        pending = self.pending
        if pending > max(1, budget):
            return [Part(cache, self.tokens[cache.length : cache.length + max(1, budget)], 0)]
        tokens = self.tokens[cache.length :]
        draft = self.draft(GUESSES // crowd)
        return [Part(cache, tokens + draft, 1 + len(draft))]

    def draft(self, most: int) -> list[int]:
        """Tokens guessed to come next; each is held against the model's own choice."""
        most = min(most, self.room - 1)
        if self.drafter is None or most < 1:
            return []
        draft = self.drafter.propose(most)
        if draft and self.state is not None:
            draft = draft[: self.state.validate(draft)]
        return draft

    def judge(self, drafted: int, right: int) -> None:
        """Learn how many of the guessed tokens were right."""
        self.drafted_tokens += drafted
        self.accepted_tokens += right
        if self.drafter is not None:
            self.drafter.record(drafted, right)

    def accept(self, token: int, logprob: float, top: TopLogprobs) -> bool:
        """Go on with a chosen token and what the grammar forces behind it; True when the job has ended."""
        if token in self.eos_ids:
            self._finish("stop")
            return True
        if self.state is not None:
            self.state.take([token])
        self._append([token], [logprob], [top])
        self._force()
        return self._finish_if_over()

    def ended_early(self) -> bool:
        self._force()
        return self.state is not None and self._finish_if_over()

    def _force(self) -> None:
        if self.state is None or not self._fast_forward:
            return
        forced = self.state.forced(self.room)
        if forced:
            self.forced_tokens += len(forced)
            self._append(forced, [None] * len(forced), [()] * len(forced))

    def _append(
        self, tokens: list[int], logprobs: Sequence[float | None], top: Sequence[TopLogprobs]
    ) -> None:
        self.tokens.extend(tokens)
        self._logprobs.extend(logprobs)
        if self.sampling.top_logprobs:
            self._top.extend(top)
        if self.sampling.adjusts:
            for token in tokens:
                self._counts[token] = self._counts.get(token, 0) + 1
        if self.drafter is not None:
            self.drafter.extend(tokens)

    def tell(self) -> None:
        """Tell the new tokens; with a way out only at the end, since it may take them back."""
        start = self._told
        may_take_back = self.state is not None and self.state.reserve > 0 and self.result is None
        if self._on_token is None or may_take_back or start == len(self._logprobs):
            return
        self._told = len(self._logprobs)
        try:
            self._on_token(self.tokens[self.prompt_tokens + start :], self._logprobs[start:])
        except Exception as error:  # of whoever listens: it ends this request, not the others
            self._on_token = None
            self.error = error
            self.cancel()

    def _finish_if_over(self) -> bool:
        if self.state is not None and self.state.reserve:
            closing = self.state.close(self.room)
            if closing is not None:
                self._take_the_way_out(closing)
                return True
        if (self.state is not None and self.state.finished) or (self.sampling.stop and self._cut_at_stop()):
            self._finish("stop")
        elif self.room <= 0:
            self._finish("length")
        else:
            return False
        return True

    def _take_the_way_out(self, closing: Closing) -> None:
        self.rewound = self.prompt_tokens + closing.keep  # first: a fork may look at the tokens meanwhile
        self.tokens[self.rewound :] = closing.tokens
        del self._logprobs[closing.keep :], self._top[closing.keep :]
        self._logprobs.extend([None] * len(closing.tokens))
        if self.sampling.top_logprobs:
            self._top.extend([()] * len(closing.tokens))
        self._closed_early = True
        self._finish("stop")

    def _cut_at_stop(self) -> bool:
        start = max(self.prompt_tokens, len(self.tokens) - self._window)
        text = self._decode(self.tokens[start:])
        return any(stop in text for stop in self.sampling.stop)

    def interrupt(self) -> None:
        self._finish("cancelled")

    def _finish(self, reason: StopReason) -> None:
        self.result = Output(
            tuple(self.tokens[self.prompt_tokens :]),
            tuple(self._logprobs),
            reason,
            self.prompt_tokens,
            self.reused_tokens or 0,
            time.monotonic() - self.started,
            tuple(self._top),
            self._closed_early,
        )


class ScoreJob(RowsJob[list[float]]):
    """Log-probabilities of continuations: the prompt once, then each continuation on a fork of its cache."""

    ROWS = 256  # scores of so many places at once: a row of a large vocabulary is half a megabyte

    def __init__(
        self,
        tokens: list[int],
        cache: Cache | None,
        continuations: list[list[int]],
        adapter: str | None = None,
    ) -> None:
        super().__init__(tokens, cache, adapter)
        self._continuations = continuations
        self._scores = [0.0] * len(continuations)
        self._done = [0] * len(continuations)
        self._forks: dict[int, Cache] = {}
        self._planned: list[tuple[int, int]] = []

    def plan(self, cache: Cache, budget: int, crowd: int) -> list[Part]:
        pending = self.pending
        if pending > 1:
            end = cache.length + min(pending - 1, max(1, budget))
            return [Part(cache, self.tokens[cache.length : end], 0)]
        parts: list[Part] = []
        self._planned = []
        room, pages = min(self.ROWS, max(1, budget)), cache.pool.available
        for number, continuation in enumerate(self._continuations):
            left = len(continuation) - self._done[number]
            if not left:
                continue
            if room <= 0:
                break
            if number not in self._forks:
                self._forks[number] = cache.fork()
            count = min(left, room)
            fork = self._forks[number]
            pages -= fork.missing(fork.length + count)
            if parts and pages < 0:  # the others follow when these have given theirs back
                break
            start = self._done[number]
            inner = [self.tokens[-1], *continuation][start : start + count]
            parts.append(Part(fork, inner, count))
            self._planned.append((number, count))
            room -= count
        return parts

    def take(self, parts: list[Part], logits: Tensor) -> bool:
        if self.pending > 1:
            for part in parts:
                part.cache.advance(self.tokens, len(part.tokens))
            return False
        row = 0
        for number, count in self._planned:
            continuation, start = self._continuations[number], self._done[number]
            chosen = torch.tensor(continuation[start : start + count])
            rows = logits[row : row + count]
            picked = rows.gather(1, chosen[:, None])[:, 0] - torch.logsumexp(rows, dim=-1)
            self._scores[number] += float(picked.double().sum())
            self._done[number] = start + count
            fork = self._forks[number]
            fork.advance([*self.tokens, *continuation], count)
            if self._done[number] == len(continuation):
                fork.release()
                del self._forks[number]
            row += count
        if any(done < len(each) for done, each in zip(self._done, self._continuations, strict=True)):
            return False
        self.result = self._scores
        return True

    def drop(self) -> None:
        for fork in self._forks.values():
            fork.release()
        self._forks = {}
        self._done = [0] * len(self._done)
        self._scores = [0.0] * len(self._scores)


class EmbedJob(RowsJob[list[float]]):
    """The mean of a text's final hidden states, scaled to length 1. `take` gets hidden states, not scores."""

    reuses = False

    def __init__(self, tokens: list[int], adapter: str | None = None) -> None:
        super().__init__(tokens, None, adapter)
        self._sum = torch.zeros(1, dtype=torch.float64)  # grows to (hidden,)

    def begin(self, cache: Cache) -> None:
        """Nothing that was known before is of use: every token's hidden state is needed."""
        cache.truncate(0)
        self.cache = cache
        self.reused_tokens = 0

    def plan(self, cache: Cache, budget: int, crowd: int) -> list[Part]:
        tokens = self.tokens[cache.length : cache.length + max(1, budget)]
        return [Part(cache, tokens, len(tokens))]

    def take(self, parts: list[Part], logits: Tensor) -> bool:
        self._sum = self._sum + logits.double().sum(dim=0)
        if not bool(torch.isfinite(self._sum).all()):
            raise NumericalError(None)
        for part in parts:
            part.cache.advance(self.tokens, len(part.tokens))
        if self.pending:
            return False
        self.result = [float(value) for value in F.normalize(self._sum, dim=0)]
        return True

    def drop(self) -> None:
        self._sum = torch.zeros(1, dtype=torch.float64)
