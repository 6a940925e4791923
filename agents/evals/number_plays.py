"""One game with numbers played once: a search with its parts, what came of it and what it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from ..budget import Budget
from ..domains.numbers_game import NumberGame
from ..reasoning.problem import Evaluator, Proposer
from ..reasoning.search import Result
from ..reasoning.thinking import Thinking
from .ledger import EvalError

if TYPE_CHECKING:
    from ...core_model.generation import Model

CANDIDATES = 5
"""Best answers of a game that are looked at."""


class OracleRefused(EvalError):
    """A figure would rest on an evaluator that knows the solution."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is an oracle: it knows the solution. Measure with another evaluator.")


class Play(BaseModel):
    """What came of a game.

    Attributes:
        right: Of the best answers, the best first, whether each is a right way to the target; exact.
        answer: The best one, "" where there is none.
        stopped: Why the search ended.
        calls, tokens: Of the model; answers that were known already cost nothing.
        prefilled: Prompt tokens that were computed for what was generated.
        seconds: Wall time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: tuple[bool, ...]
    answer: str
    stopped: str
    calls: int
    tokens: int
    prefilled: int
    seconds: float

    @property
    def first(self) -> bool:
        """Whether the best answer is right."""
        return bool(self.right) and self.right[0]

    @property
    def any(self) -> bool:
        """Whether one of the best answers is right."""
        return any(self.right)

    def tell(self) -> str:
        """One line of progress."""
        return f"{'right' if self.first else 'wrong'} in {self.seconds:.1f} s, {self.calls} calls"


class Searching(Protocol):
    """What a game asks of a search."""

    async def run(self, problem: Any, proposer: Proposer, evaluator: Evaluator, thinking: Thinking) -> Result:
        """See `Search`."""
        ...


@dataclass(frozen=True)
class Player:
    """How games are played.

    Attributes:
        search: Which order.
        seed: Of the sampling.
        calls: Most calls of the model for a game; None is no limit.
        fork: See `Thinking`.
    """

    search: Searching
    seed: int = 0
    calls: int | None = None
    fork: bool = True

    async def play(
        self, game: NumberGame, problem: Any, proposer: Proposer, evaluator: Evaluator, model: Model
    ) -> tuple[Play, Result]:
        """Play once.

        Args:
            game: Says whether an answer is right, afterwards.
            problem: What is searched: the game itself, or whole answers.

        Raises:
            OracleRefused: The evaluator is one.
        """
        if evaluator.kind == "oracle":
            raise OracleRefused(type(evaluator).__name__)
        thinking = Thinking(model, Budget(model_calls=self.calls), seed=self.seed, fork=self.fork)
        began = time.monotonic()
        try:
            result = await self.search.run(problem, proposer, evaluator, thinking)
        finally:
            await thinking.aclose()
        seconds = time.monotonic() - began
        answers = [node.answer or "" for node in result.finals(CANDIDATES)]
        play = Play(
            right=tuple(game.right(answer) for answer in answers),
            answer=answers[0] if answers else "",
            stopped=result.stop_reason,
            calls=result.usage.model_calls,
            tokens=result.usage.tokens,
            prefilled=thinking.prefilled_tokens,
            seconds=round(seconds, 3),
        )
        return play, result


def area_under_curve(values: Sequence[float], truth: Sequence[bool]) -> float | None:
    """Share of (true, false) pairs in which the true one has the higher value, ties as half; None of none.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve".
    """
    ordered = sorted(zip(values, truth, strict=True))
    yes = sum(truth)
    no = len(ordered) - yes
    if not yes or not no:
        return None
    won, below, place = 0.0, 0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        true_here = sum(true for _, true in ordered[place:end])
        false_here = end - place - true_here
        won += true_here * (below + false_here / 2)
        below += false_here
        place = end
    return won / (yes * no)
