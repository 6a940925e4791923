"""Caches of finished prompts, kept so that a prompt with the same beginning need not be computed again.

Tokens are compared exactly, so there are no collisions. The oldest are dropped when the bytes run out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .kv_cache import KVCache

SHORTEST = 16  # tokens: below, copying is not worth it


def common_length(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Number of leading elements in which a and b agree."""
    size = min(len(a), len(b))
    different = np.flatnonzero(a[:size] != b[:size])
    return int(different[0]) if len(different) else size


class PrefixStore:
    """Least recently used caches by their tokens, within `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._kept: list[tuple[NDArray[np.int64], KVCache]] = []  # least recently used first

    def put(self, tokens: Sequence[int], cache: KVCache) -> None:
        """Keep `cache`, which now belongs to the store, under its computed tokens."""
        known = np.asarray(tokens[: cache.length], np.int64)
        if not len(known):
            return
        self._kept = [
            (other, kept) for other, kept in self._kept if common_length(known, other) < len(other)
        ]  # what the new one begins with is in it
        self._kept.append((known, cache))
        total = sum(kept.nbytes for _, kept in self._kept)
        while self._kept and total > self.limit_bytes:
            total -= self._kept.pop(0)[1].nbytes

    def longest(self, tokens: NDArray[np.int64]) -> tuple[int, KVCache | None]:
        """The cache that shares most leading tokens, and how many; (0, None) below `SHORTEST`."""
        best, place = 0, -1
        for number, (known, _) in enumerate(self._kept):
            length = common_length(tokens, known)
            if length > best:
                best, place = length, number
        if best < SHORTEST:
            return 0, None
        entry = self._kept.pop(place)
        self._kept.append(entry)
        return best, entry[1]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
