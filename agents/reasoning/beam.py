"""Breadth first with a beam: the tree of thoughts as it was published."""

from __future__ import annotations

from dataclasses import dataclass

from .search import COMPLETE, NO_THOUGHTS, SOLVED, Growth, TreeSearch, check_least
from .tree import Node


@dataclass(frozen=True)
class Beam(TreeSearch):
    """Level by level, the best `beam` states of each are gone on with. Final states stay in the beam.

    Source: Yao et al. 2023 (Tree of Thoughts), arXiv:2305.10601, algorithm 1.

    Attributes:
        beam: States that are kept of each level.
        width: Thoughts of each.
        depth: Levels.
        enough: A final state with this value ends the search; above 1 the beam always runs to its end.
    """

    beam: int = 5
    width: int = 8
    depth: int = 8
    enough: float = 1.0
    name: str = "beam"

    def __post_init__(self) -> None:
        for what in ("beam", "width", "depth"):
            check_least(what, getattr(self, what), 0)

    async def grow(self, growth: Growth) -> str:
        root = growth.begin(self.name, beam=self.beam, width=self.width, depth=self.depth, enough=self.enough)
        frontier: list[Node] = [root]
        if root.terminal is not None:
            await growth.score(frontier)
            return SOLVED if growth.solved(frontier) else COMPLETE
        if not self.beam or not self.width:
            return NO_THOUGHTS
        for _ in range(self.depth):
            going = [node for node in frontier if node.terminal is None]
            if not going:
                return COMPLETE
            families = await growth.expand(going, self.width)
            children = [child for family in families for child in family]
            await growth.score(children)
            if growth.solved(children):
                return SOLVED
            pool = [node for node in frontier if node.terminal is not None] + children
            if not pool:
                return NO_THOUGHTS
            pool.sort(key=lambda node: -node.value)
            frontier = pool[: self.beam]
            for place, node in enumerate(pool[self.beam :], self.beam + 1):
                if node.terminal is None:
                    growth.close(node, "pruned", f"place {place} of {len(pool)}, the beam is {self.beam}")
        return COMPLETE
