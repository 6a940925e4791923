"""Questions that take several searches: united under one budget."""

from __future__ import annotations

from collections.abc import Sequence

from .ranking import Ranked


def unite(rankings: Sequence[Sequence[Ranked]], k: int) -> list[Ranked]:
    """The `k` best of several searches over one scope, each row once, with its best score.

    Args:
        rankings: Each best first.
    """
    best: dict[str, Ranked] = {}
    for ranking in rankings:
        for each in ranking:
            if each.id not in best or each.score > best[each.id].score:
                best[each.id] = each
    return sorted(best.values(), key=lambda each: -each.score)[:k]
