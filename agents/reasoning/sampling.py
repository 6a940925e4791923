"""Whole answers side by side: best-of-n, and self-consistency by a vote over the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..budget import BudgetExhausted
from .problem import Evaluator, Problem, Proposer
from .search import COMPLETE, NO_THOUGHTS, SOLVED, Growth, Result, check_least, to_the_end
from .thinking import Interrupted, Thinking
from .tree import Kind, Node, Score


@dataclass(frozen=True)
class BestOfN:
    """`samples` walks to the end, none of them judged on the way; the evaluator then ranks their ends.

    Attributes:
        samples: Walks.
        depth: Most thoughts of each.
        enough: A final state with this value counts as solved.
    """

    samples: int = 8
    depth: int = 16
    enough: float = 1.0
    name: str = "best-of-n"

    def __post_init__(self) -> None:
        for what in ("samples", "depth"):
            check_least(what, getattr(self, what), 0)

    async def run(
        self, problem: Problem[Any, Any], proposer: Proposer, evaluator: Evaluator, thinking: Thinking
    ) -> Result:
        """See `Search`."""
        growth = Growth(problem, proposer, evaluator, thinking, merge=False, enough=self.enough)
        return await to_the_end(growth, self._grow(growth))

    async def _grow(self, growth: Growth) -> str:
        growth.begin(self.name, samples=self.samples, depth=self.depth, enough=self.enough)
        return await walk_and_judge(growth, self.samples, self.depth)


@dataclass(frozen=True)
class SelfConsistency:
    """`samples` walks to the end; the answer that most of them give, of equal ones the first.

    A node's value is the share of the votes that its answer got. It says nothing where answers are not few
    and discrete (equations, code): use `BestOfN` with a check there. The evaluator is not asked.
    Source: Wang et al. 2022, arXiv:2203.11171.

    Attributes:
        samples: Walks.
        depth: Most thoughts of each.
        normalise: Makes equal answers equal texts; None leaves an answer out of the vote.
        enough: The share of the votes from which on it counts as solved.
    """

    samples: int = 16
    depth: int = 16
    normalise: Callable[[str], str | None] = str.strip
    enough: float = 0.5
    name: str = "self-consistency"

    def __post_init__(self) -> None:
        for what in ("samples", "depth"):
            check_least(what, getattr(self, what), 0)

    async def run(
        self, problem: Problem[Any, Any], proposer: Proposer, evaluator: Evaluator, thinking: Thinking
    ) -> Result:
        """See `Search`."""
        growth = Growth(problem, proposer, _Votes(self.normalise), thinking, merge=False, enough=self.enough)
        return await to_the_end(growth, self._grow(growth))

    async def _grow(self, growth: Growth) -> str:
        growth.begin(self.name, samples=self.samples, depth=self.depth, enough=self.enough)
        return await walk_and_judge(growth, self.samples, self.depth)


@dataclass(frozen=True)
class _Votes:
    """The share of final states that give the same answer."""

    normalise: Callable[[str], str | None]
    kind: Kind = "model"

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """All ends of a search at once: they are the voters."""
        votes = [None if node.answer is None else self.normalise(node.answer) for node in nodes]
        counted = Counter(vote for vote in votes if vote is not None)
        cast = counted.total()
        return [
            Score(0.0, samples=0, detail="no vote")
            if vote is None
            else Score(counted[vote] / cast, samples=cast, detail=f"{counted[vote]} votes")
            for vote in votes
        ]


async def walk_and_judge(growth: Growth, samples: int, depth: int) -> str:
    """Walk and score the ends; where a limit or a stop ends the walks, those that are at their end by then.

    Returns why it stopped.
    """
    try:
        ends = await walk(growth, samples, depth)
    except (BudgetExhausted, Interrupted):
        with suppress(BudgetExhausted, Interrupted):
            await growth.score([node for node in growth.tree if node.terminal is not None])
        raise
    await growth.score(ends)
    cut = [node for node in growth.tree if node.status == "open" and node is not growth.tree.root]
    for node in cut:
        growth.close(node, "pruned", f"depth {node.depth} is the limit")
    return SOLVED if growth.solved(ends) else COMPLETE if ends or cut else NO_THOUGHTS


async def walk(growth: Growth, samples: int, depth: int) -> list[Node]:
    """Independent walks from the root, all a step further in each batch; the final states they reach."""
    if growth.tree.root.terminal is not None:
        return [growth.tree.root]
    going = await growth.spread(samples) if samples and depth else []
    ends: list[Node] = []
    while going:
        ends += [node for node in going if node.terminal is not None]
        going = [node for node in going if node.terminal is None]
        if not going or going[0].depth >= depth:
            break
        going = await growth.step(going)
    return ends
