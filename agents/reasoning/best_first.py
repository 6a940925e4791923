"""Best first: always the most promising open state, wherever it is in the tree."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from .search import EXHAUSTED, OWN_LIMIT, SOLVED, Growth, TreeSearch, check_least
from .tree import Node


@dataclass(frozen=True)
class BestFirst(TreeSearch):
    """Expands the open state with the highest value; of equal ones the deeper, then the older.

    Attributes:
        width: Thoughts of each state.
        depth: How deep.
        at_once: States that are expanded together, so that the model gets batches.
        most: States that are expanded in all.
        enough: A final state with this value ends the search.
    """

    width: int = 8
    depth: int = 8
    at_once: int = 1
    most: int = 1_000_000
    enough: float = 1.0
    name: str = "best-first"

    def __post_init__(self) -> None:
        for what in ("width", "depth", "most"):
            check_least(what, getattr(self, what), 0)
        check_least("at_once", self.at_once, 1)

    async def grow(self, growth: Growth) -> str:
        root = growth.begin(
            self.name,
            width=self.width,
            depth=self.depth,
            at_once=self.at_once,
            most=self.most,
            enough=self.enough,
        )
        if root.terminal is not None:
            await growth.score([root])
            return SOLVED if growth.solved([root]) else EXHAUSTED
        if not self.width or not self.depth:
            growth.close(root, "pruned", "the width is 0" if not self.width else "depth 0 is the limit")
            return EXHAUSTED
        waiting: list[tuple[float, int, int, Node]] = [(0.0, 0, 0, root)]
        expanded = made = 0
        while waiting:
            if expanded >= self.most:
                return OWN_LIMIT
            count = min(self.at_once, self.most - expanded, len(waiting))
            going = [heapq.heappop(waiting)[3] for _ in range(count)]
            expanded += len(going)
            families = await growth.expand(going, self.width)
            children = [child for family in families for child in family]
            await growth.score(children)
            if growth.solved(children):
                return SOLVED
            for child in children:
                made += 1
                if child.terminal is not None:
                    continue
                if child.depth >= self.depth:
                    growth.close(child, "pruned", f"depth {child.depth} is the limit")
                    continue
                heapq.heappush(waiting, (-child.value, -child.depth, made, child))
        return EXHAUSTED
