"""The face that every model has, and what it gives back."""

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
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float | None, ...]
    stop_reason: StopReason
    prompt_tokens: int
    seconds: float
    untold_tokens: int = 0

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
    """Counters of a model since it was made; `seconds` is time spent on requests (engine time if local)."""

    requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Output tokens per second of work, prompts included; 0 before any."""
        return self.output_tokens / self.seconds if self.seconds else 0.0


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
