"""The face that every model has, that of a conversation with it, and what they give back."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from .capabilities import Capabilities
    from .chat_template import Message
    from .grammar import Grammar
    from .sampling import Sampling

StopReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True)
class Delta:
    """A piece of text as it appears; `logprob` of its tokens together, None where forced or unknown."""

    text: str
    logprob: float | None


@dataclass(frozen=True)
class Generation:
    """A finished answer.

    Attributes:
        text: Without end token and stop text.
        token_ids: Tokens of the text; empty where a server does not tell them.
        logprobs: Natural log of each token's probability among those the grammar allowed, at temperature 1;
            None where the grammar left no choice (they say nothing about confidence) or the server is silent.
        stop_reason: "length" means that tokens ran out and the text may be cut, also inside a grammar.
        prompt_tokens: Tokens of the prompt.
        seconds: From request to end, waiting included.
        untold_tokens: Number of generated tokens that are not in `token_ids`: a server only counts them.
        reused_tokens: Tokens of the prompt that were known and not computed again; 0 where nobody tells.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float | None, ...]
    stop_reason: StopReason
    prompt_tokens: int
    seconds: float
    untold_tokens: int = 0
    reused_tokens: int = 0

    @property
    def prefilled_tokens(self) -> int:
        """Tokens of the prompt that were computed for this answer."""
        return self.prompt_tokens - self.reused_tokens

    @property
    def output_tokens(self) -> int:
        """Number of generated tokens, told or only counted."""
        return len(self.token_ids) + self.untold_tokens

    @property
    def truncated(self) -> bool:
        """Whether the text may be cut: never read it as a complete answer."""
        return self.stop_reason != "stop"

    @property
    def logprob(self) -> float:
        """Sum of the known log-probabilities, nats."""
        return sum(value for value in self.logprobs if value is not None)


@dataclass
class ModelUsage:
    """Counters of a model since it was made; `seconds` is time spent on requests (engine time if local).

    Of the prompt tokens, `reused_tokens` were known and not computed again, as far as that is told.
    """

    requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    reused_tokens: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Output tokens per second of work, prompts included; 0 before any."""
        return self.output_tokens / self.seconds if self.seconds else 0.0


class Thread(Protocol):
    """A conversation in which the assistant is speaking; it can be forked at every point of its turn.

    One request at a time: further ones wait. A request that is cancelled or fails leaves it as it was.
    """

    @property
    def text(self) -> str:
        """What the assistant has said so far in this turn; "" at first."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the assistant's turn, exact or an estimate as `capabilities.token_counts` says."""
        ...

    @property
    def prefilled_tokens(self) -> int:
        """Tokens computed for this thread beside those it generated: its share of the prompt, texts, scores.

        What was known already counts nothing: a fork begins at 0, and what its trunk had not computed yet is
        computed by the first fork and counted there.
        """
        ...

    async def fork(self, count: int = 1) -> list[Thread]:
        """`count` independent threads that go on from here."""
        ...

    async def extend(self, text: str) -> None:
        """Put `text` behind what the assistant has said."""
        ...

    async def generate(self, *, sampling: Sampling = ..., grammar: Grammar | None = None) -> Generation:
        """Have the assistant go on; the thread grows by the text that comes out.

        `grammar` is that of the new text alone.
        """
        ...

    async def score(self, continuations: Sequence[str]) -> list[float]:
        """Log-probability (nats) of each continuation of the assistant's turn; the thread stays as it is."""
        ...

    async def close(self) -> None:
        """Free what it holds, after a request under way. Closing twice is fine; forks live on."""
        ...


class Model(Protocol):
    """What an agent needs of a model."""

    name: str
    capabilities: Capabilities
    context_length: int

    @property
    def usage(self) -> ModelUsage:
        """Work done so far."""
        ...

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = ..., grammar: Grammar | None = None
    ) -> Generation:
        """Answer `messages`. Concurrent calls are batched. Cancelling the task ends the work."""
        ...

    def stream(
        self, messages: Sequence[Message], *, sampling: Sampling = ..., grammar: Grammar | None = None
    ) -> AsyncIterator[Delta | Generation]:
        """`generate`, piece by piece; the last item is the whole `Generation`."""
        ...

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Log-probability (nats) of each continuation as the answer's beginning, in one batched pass."""
        ...

    async def open(self, messages: Sequence[Message]) -> Thread:
        """Begin the assistant's turn after `messages`, as what can be forked. Close it after use."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text`, exact or an upper estimate as `capabilities.token_counts` says."""
        ...

    async def aclose(self) -> None:
        """Free what the model holds; requests under way fail."""
        ...


def normalise(scores: Sequence[float]) -> list[float]:
    """Turn log-probabilities of alternatives into probabilities that sum to 1 (softmax)."""
    highest = max(scores)
    shares = [math.exp(score - highest) for score in scores]
    total = sum(shares)
    return [share / total for share in shares]
