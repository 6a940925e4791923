"""Documents laid end to end for one step, without padding rows and without attention across them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..transformer import DocumentAttention, Transformer
from .corpus import Document

GRAIN = 16
"""Tokens to a multiple of which documents are filled up, see `Layout`."""


@dataclass(frozen=True)
class Batch:
    """Documents of one step.

    Attributes:
        tokens: (N,) int64.
        positions: (N,) int64, from 0 in each document.
        lengths: Tokens of each document, fillers included.
        keep: (M,) int64, rows whose next token counts, and fillers.
        targets: (M,) int64, these next tokens.
        weights: (M,) float32, 0 for fillers.
        owners: (M,) int64, number of the row's document in the batch.
        next_document: Where the following batch begins.
        read: Tokens of documents among the N.
        counted: Rows among the M that count.
    """

    tokens: Tensor
    positions: Tensor
    lengths: list[int]
    keep: Tensor
    targets: Tensor
    weights: Tensor
    owners: Tensor
    next_document: int
    read: int
    counted: int


@dataclass(frozen=True)
class Accompanied:
    """A batch with what an objective has beside it."""

    batch: Batch

    @property
    def next_document(self) -> int:
        """Where the following batch begins."""
        return self.batch.next_document

    @property
    def read(self) -> int:
        """Tokens of documents."""
        return self.batch.read

    @property
    def counted(self) -> int:
        """Rows that count."""
        return self.batch.counted


class Layout:
    """A batch in the making.

    Each document is filled up behind its end to a multiple of `GRAIN` tokens, and so are its rows that count
    (with rows of weight 0): few shapes come again and again, for which the matrix library has its kernels
    ready. What stands behind a document is seen by nothing in it.
    """

    def __init__(self, context: int) -> None:
        self.tokens: list[int] = []
        self._context = context
        self._positions: list[int] = []
        self._lengths: list[int] = []
        self._keep: list[int] = []
        self._weights: list[float] = []
        self._owners: list[int] = []
        self._read = self._counted = 0

    def add(self, tokens: Sequence[int], weights: Sequence[float]) -> list[int]:
        """Add a document, cut to the context; one without a positive weight is left out.

        Returns:
            Its places whose prediction is among the rows; none where it was left out.
        """
        ids, weights = list(tokens[: self._context]), weights[: self._context]
        counted = [place for place in range(1, len(ids)) if weights[place] > 0]
        if not counted:
            return []
        self._read, self._counted = self._read + len(ids), self._counted + len(counted)
        idle = [place for place in range(len(ids) - 1, 0, -1) if weights[place] <= 0]
        shown = sorted(counted + idle[: -len(counted) % GRAIN])
        self._keep += [len(self.tokens) + place - 1 for place in shown]
        self._weights += [max(weights[place], 0.0) for place in shown]
        self._owners += [len(self._lengths)] * len(shown)
        ids += [0] * (min(self._context, len(ids) + -len(ids) % GRAIN) - len(ids))
        self.tokens += ids
        self._positions += range(len(ids))
        self._lengths.append(len(ids))
        return shown

    def batch(self, next_document: int) -> Batch:
        """What was added."""
        tokens, keep = torch.tensor(self.tokens), torch.tensor(self._keep)
        return Batch(
            tokens,
            torch.tensor(self._positions),
            self._lengths,
            keep,
            tokens[keep + 1],
            torch.tensor(self._weights, dtype=torch.float32),
            torch.tensor(self._owners),
            next_document,
            self._read,
            self._counted,
        )


def make_batch(documents: Callable[[int], Document], first: int, batch_tokens: int, context: int) -> Batch:
    """Lay documents `first`, `first + 1`, ... end to end until they are at least `batch_tokens` long."""
    layout, number = Layout(context), first
    while len(layout.tokens) < batch_tokens:
        shown = layout.add(*documents(number))
        number += 1
        if not shown and number - first > 100_000:
            raise ValueError(f"No document from {first} to {number} has a token to learn.")
    return layout.batch(number)


def kept_logits(model: Transformer, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Scores of the next token at the rows that are kept, (M, vocab_size) float32, computed in `dtype`."""
    attend = DocumentAttention(batch.lengths, batch.keep, window=model.config.window)
    hidden = model.hidden(batch.tokens, batch.positions, attend, batch.keep, dtype)
    return model.logits(hidden).float()
