"""One step's work: the newest tokens of several sequences, laid end to end, and where their caches lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAGE = 16
"""Tokens in one page of the key-value cache."""


@dataclass(frozen=True)
class Batch:
    """A flat batch of N tokens of R sequences.

    Token n stands at `positions[n]` of sequence `rows[n]`; its key and value go to page
    `tables[row, position // PAGE]`, slot `position % PAGE`, and it sees the positions up to its own. The
    tokens of one sequence are contiguous and ascending. Pages that are written to belong to one sequence.

    Attributes:
        tokens: (N,) int32.
        positions: (N,) int32.
        rows: (N,) int32.
        tables: (R, pages) int32, padded with 0.
        wanted: (M,) int32, ascending indices into N whose logits are asked for.
        adapters: (N,) int32, number of each token's LoRA adapter, -1 for none; None when no token has one.
    """

    tokens: NDArray[np.int32]
    positions: NDArray[np.int32]
    rows: NDArray[np.int32]
    tables: NDArray[np.int32]
    wanted: NDArray[np.int32]
    adapters: NDArray[np.int32] | None = None
