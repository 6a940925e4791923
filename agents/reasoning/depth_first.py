"""Depth first, with pruning and real backtracking."""

from __future__ import annotations

from dataclasses import dataclass

from .search import EXHAUSTED, SOLVED, Growth, TreeSearch, check_least
from .tree import Node

DEAD_END = "dead end"
"""Why a search without backtracking stopped."""


@dataclass(frozen=True)
class DepthFirst(TreeSearch):
    """Follows the best child down; where that leads nowhere it comes back and takes the next best.

    Source: Yao et al. 2023 (Tree of Thoughts), arXiv:2305.10601, algorithm 2.

    Attributes:
        width: Thoughts of each state.
        depth: How deep.
        prune_below: Children with a lower value are not visited.
        most: Children of a state that are visited.
        backtrack: Without it the first dead end is the end.
        enough: A final state with this value ends the search.
    """

    width: int = 8
    depth: int = 8
    prune_below: float = 0.0
    most: int = 1_000_000
    backtrack: bool = True
    enough: float = 1.0
    name: str = "dfs"

    def __post_init__(self) -> None:
        for what in ("width", "depth", "most"):
            check_least(what, getattr(self, what), 0)

    async def grow(self, growth: Growth) -> str:
        root = growth.begin(
            self.name,
            width=self.width,
            depth=self.depth,
            prune_below=self.prune_below,
            most=self.most,
            backtrack=self.backtrack,
            enough=self.enough,
        )
        waiting: list[Node] = [root]  # the next to be visited is the last
        while waiting:
            node = waiting.pop()
            if node.terminal is not None:
                await growth.score([node])
                if growth.solved([node]):
                    return SOLVED
                children: list[Node] = []
            elif node.depth >= self.depth or not self.width:
                deep = node.depth >= self.depth
                growth.close(node, "pruned", f"depth {node.depth} is the limit" if deep else "the width is 0")
                children = []
            else:
                children = await self._children(growth, node)
                if growth.solved(children):
                    return SOLVED
            if not children and not self.backtrack:
                return DEAD_END
            waiting += reversed(children) if self.backtrack else children[:1]
        return EXHAUSTED

    async def _children(self, growth: Growth, node: Node) -> list[Node]:
        """The children worth a visit, the best first."""
        (children,) = await growth.expand([node], self.width)
        await growth.score(children)
        children.sort(key=lambda child: -child.value)
        for place, child in enumerate(children):
            if child.terminal is not None:
                continue
            if child.value < self.prune_below:
                growth.close(child, "pruned", f"{child.value:.3f} is below {self.prune_below:g}")
            elif place >= self.most:
                growth.close(child, "pruned", f"child {place + 1}, {self.most} are visited")
        return [child for child in children if child.status in ("open", "final")]
