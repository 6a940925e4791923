"""What is run: a piece of work as every party is told it, and the parties' common face.

Greedy everywhere, no early end, the same tokens in; the clock runs over forward passes and choosing tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol, Self

Kind = Literal["decode", "prefill", "tree", "resend", "fork", "constrained", "typed", "typed_plain"]
FORKS = 20
"""Forks that one run of the kind `fork` takes the time of."""

BRIEF = 8
"""Tokens of a run that only compares ways of doing the same."""


class PartyError(Exception):
    """An engine did not do what the work asks for; its figures would be wrong."""


@dataclass(frozen=True)
class Work:
    """A piece of work.

    Attributes:
        name: Begins the names of its figures.
        kind: What is timed. `decode`: `tokens` steps after `context` tokens that were read before; `prefill`:
            reading `context` tokens up to the first token; `tree`: reading a trunk of `context` tokens, then
            `depth` levels of `breadth` thoughts of `tokens` tokens, each scored, the best goes on; `resend`:
            the same without shared prefixes; `fork`: `FORKS` copies of a sequence; `constrained`: `decode`
            of a typed message without end, by a peer without the constraint; `typed`, `typed_plain`: 1,000
            characters of typed messages, with and without forced tokens.
        batch: Sequences at once, of different tokens.
    """

    name: str
    kind: Kind
    context: int
    tokens: int = 0
    batch: int = 1
    breadth: int = 0
    depth: int = 0

    @property
    def units(self) -> int:
        """What the seconds of a run are divided by: steps of a decode, forks, else 1."""
        if self.kind in ("decode", "constrained"):
            return self.tokens
        return FORKS if self.kind == "fork" else 1

    @property
    def tokens_in_all(self) -> int:
        """Tokens that a run reads or writes, 0 where that says nothing."""
        if self.kind in ("decode", "constrained"):
            return self.tokens * self.batch
        if self.kind == "prefill":
            return self.context
        return self.breadth * self.depth * self.tokens

    @property
    def brief(self) -> Work:
        """A short form, to warm up and to compare ways."""
        return replace(self, tokens=min(self.tokens, BRIEF), depth=min(self.depth, 1))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        return cls(**told)


CONTINUATIONS = ((3, 5, 7, 11), (13, 17, 19, 23))
"""Token ids whose log-probabilities value a thought: the first against the second."""


def prompt(length: int, vocab: int, seed: int | str) -> list[int]:
    """`length` token ids in [vocab / 8, vocab), above all special tokens; the same for every engine."""
    return Random(seed).choices(range(vocab // 8, vocab), k=length)


def fresh(work: Work, vocab: int, turn: int) -> list[int]:
    """The prompt of a turn: no other turn's and no other work's begins like it, so that no cache knows it."""
    return prompt(work.context, vocab, f"{work.name} {turn}")


class Party(Protocol):
    """One engine in a process of its own. Called on one thread, one request after another."""

    def load(self, folder: Path, threads: int, weights: Any) -> str:
        """Open the checkpoint, with weights of a kind that the party knows; gives the engine's name."""
        ...

    def ways(self, work: Work) -> list[str]:
        """Settings among which the fastest may be chosen; one where there is no choice."""
        ...

    def run(self, work: Work, way: str, turn: int) -> float:
        """Do it once; gives the seconds. Prompts differ between turns wherever reading them is timed."""
        ...

    def logprobs(self, pairs: Sequence[Sequence[Sequence[int]]]) -> list[float]:
        """Log-probability (nats) of the second token ids after the first, of each pair."""
        ...

    def forget(self) -> None:
        """Give back what runs left behind: caches, contexts."""
        ...
