"""Monte Carlo tree search."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .problem import Evaluator, Problem, Proposer
from .search import COMPLETE, EXHAUSTED, SOLVED, Growth, Result, check_least, to_the_end
from .thinking import Thinking
from .tree import Node


@dataclass
class Visits:
    """How often a node was passed, and the sum of the values that came back through it."""

    count: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        """Mean value; 0 before any visit."""
        return self.total / self.count if self.count else 0.0


@dataclass
class Statistics:
    """Visits of every node, by id, and which have nothing left to try below them."""

    visits: dict[str, Visits] = field(default_factory=dict[str, Visits])
    closed: set[str] = field(default_factory=set[str])

    def of(self, node: Node) -> Visits:
        """The visits of a node."""
        return self.visits.setdefault(node.id, Visits())


@dataclass(frozen=True)
class MonteCarlo:
    """Selection by UCT, expansion of one leaf with all its children, evaluation, back-up of the value.

    A leaf's value is what the evaluator says of its best new child, which is visited with it; wrap the
    evaluator in a `Rollout` for the classical simulation. What is wholly explored is not selected again.
    Sources: Kocsis and Szepesvari 2006 (UCT); Zhou et al. 2023 (LATS), arXiv:2310.04406, for language models.

    Attributes:
        simulations: How many.
        width: Thoughts of each state.
        depth: How deep.
        exploration: The constant of UCT, at least 0.
        enough: A final state with this value ends the search.
    """

    simulations: int = 32
    width: int = 8
    depth: int = 8
    exploration: float = 1.0
    enough: float = 1.0
    name: str = "mcts"

    def __post_init__(self) -> None:
        for what in ("simulations", "width", "depth", "exploration"):
            check_least(what, getattr(self, what), 0)

    async def run(
        self, problem: Problem[Any, Any], proposer: Proposer, evaluator: Evaluator, thinking: Thinking
    ) -> Result:
        """See `Search`."""
        growth = Growth(problem, proposer, evaluator, thinking, enough=self.enough)
        return await to_the_end(growth, self.grow(growth, Statistics()))

    async def grow(self, growth: Growth, statistics: Statistics) -> str:
        """All simulations on a tree; `statistics` is filled. Returns why it stopped."""
        root = growth.begin(
            self.name,
            simulations=self.simulations,
            width=self.width,
            depth=self.depth,
            exploration=self.exploration,
            enough=self.enough,
        )
        if root.terminal is not None:
            await growth.score([root])
            return SOLVED if growth.solved([root]) else EXHAUSTED
        for _ in range(self.simulations):
            if root.id in statistics.closed:
                return EXHAUSTED
            leaf = self._select(root, statistics)
            children = await self._expand(growth, leaf)
            self._back_up(growth, max(children, key=lambda child: child.value, default=leaf), statistics)
            if growth.solved(children):
                return SOLVED
        return COMPLETE

    def _select(self, root: Node, statistics: Statistics) -> Node:
        """Down the tree by the upper confidence bound to a node that is not expanded yet."""
        node = root
        while node.status == "expanded":
            open_ones = [
                child
                for child in node.children
                if child.status in ("open", "expanded", "final") and child.id not in statistics.closed
            ]
            if not open_ones:
                break
            passed = statistics.of(node).count
            node = max(open_ones, key=lambda child: self.bound(child, passed, statistics))
        return node

    def bound(self, node: Node, passed: int, statistics: Statistics) -> float:
        """The upper confidence bound of a child whose parent was passed `passed` times.

        A child that was not visited counts as visited once with its own value, so that a width of 50 does not
        cost 50 simulations before anything is followed.
        """
        seen = statistics.of(node)
        mean = seen.mean if seen.count else node.value
        return mean + self.exploration * math.sqrt(math.log(max(1, passed)) / max(1, seen.count))

    async def _expand(self, growth: Growth, leaf: Node) -> list[Node]:
        """The scored children of a leaf; none where it is final or as deep as allowed."""
        if leaf.terminal is not None or leaf.status != "open":
            return []
        if leaf.depth >= self.depth or not self.width:
            deep = leaf.depth >= self.depth
            growth.close(leaf, "pruned", f"depth {leaf.depth} is the limit" if deep else "the width is 0")
            return []
        (children,) = await growth.expand([leaf], self.width)
        await growth.score(children)
        return children

    def _back_up(self, growth: Growth, end: Node, statistics: Statistics) -> None:
        """Add the end's value to every node above it, and close what is wholly explored."""
        value = 0.0 if end.status == "dead" else end.value
        for node in reversed(end.path()):
            visits = statistics.of(node)
            visits.count += 1
            visits.total += value
            if _explored(node, statistics):
                statistics.closed.add(node.id)
        growth.thinking.tell("visited", end.id, value=value, visits=statistics.of(end).count)


def _explored(node: Node, statistics: Statistics) -> bool:
    if node.status != "expanded":
        return node.status != "open"
    return all(child.id in statistics.closed or child.status in ("pruned", "dead") for child in node.children)
