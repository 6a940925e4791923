"""Attention of long pieces of sequences: pages are gathered, and torch's fused attention does the rest.

For prefills, where many queries share the keys. Causal attention is asked for without a mask wherever no
sliding window hides anything, so that torch takes its flash kernel; key heads are repeated for their query
heads, because torch's grouped-query switch together with a mask or float32 falls back to the kernel that
holds all scores at once (pytorch#154363). Short pieces beside them go through `paged_attention`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.bias import causal_lower_right  # pyright: ignore[reportUnknownVariableType]

from ..batch import PAGE, Batch
from .attention import paged_attention

LONG = 17
"""Tokens of one sequence from which on a piece is worth gathering its pages."""

_WINDOWED = 1024  # queries at a time where a window needs a mask


@dataclass(frozen=True)
class Piece:
    """Tokens `start` to `end` of a flat batch: one sequence's positions from `first` on."""

    start: int
    end: int
    first: int
    row: int

    @property
    def last(self) -> int:
        """Position after the last."""
        return self.first + self.end - self.start


def pieces(batch: Batch) -> list[Piece]:
    """The batch's tokens, sequence by sequence."""
    edges = (np.flatnonzero(np.diff(batch.rows)) + 1).tolist()
    bounds = zip([0, *edges], [*edges, len(batch.rows)], strict=True)
    return [
        Piece(start, end, int(batch.positions[start]), int(batch.rows[start]))
        for start, end in bounds
        if end > start
    ]


class ChunkAttention:
    """Attention of a batch in which some sequence has `LONG` or more new tokens."""

    def __init__(self, batch: Batch, tables: Tensor, rows: Tensor, positions: Tensor, splits: int) -> None:
        """Sort the tokens into long pieces and the rest; tensors as in `attention.split_attention`."""
        parts = pieces(batch)
        self.long = [piece for piece in parts if piece.end - piece.start >= LONG]
        rest = [
            place
            for piece in parts
            if piece.end - piece.start < LONG
            for place in range(piece.start, piece.end)
        ]
        self.rest = torch.tensor(rest, dtype=torch.int64, device=tables.device)
        self.tables, self.splits = tables, splits
        self.rows, self.positions = rows[self.rest], positions[self.rest]

    def __call__(self, qkv: Tensor, heads: int, keys: Tensor, values: Tensor, window: int | None) -> Tensor:
        """Attend; the new keys and values lie in their pages already.

        Args:
            qkv: (N, heads + 2 * kv_heads, head_dim), positions applied.
            keys, values: Pages of one layer.
            window: Positions that a token sees, itself included; None for all.

        Returns:
            (N, heads, head_dim).
        """
        q = qkv[:, :heads]
        out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
        for piece in self.long:
            out[piece.start : piece.end] = self._long(piece, qkv, heads, keys, values, window)
        if len(self.rest):
            out[self.rest] = paged_attention(
                q[self.rest], keys, values, self.tables, self.rows, self.positions,
                splits=self.splits, window=window,
            )  # fmt: skip
        return out

    def _long(
        self, piece: Piece, qkv: Tensor, heads: int, keys: Tensor, values: Tensor, window: int | None
    ) -> Tensor:
        q = qkv[piece.start : piece.end, :heads].transpose(0, 1)  # (heads, T, head_dim)
        hides = window is not None and piece.last > window
        begin = max(0, piece.first - window + 1) // PAGE * PAGE if window is not None else 0
        if piece.first == 0:
            k, v = qkv[piece.start : piece.end, heads:].transpose(0, 1).chunk(2)  # (kv_heads, T, head_dim)
        else:
            k, v = self._gather(piece, begin, keys, values)
        group = heads // len(k)
        k = k.to(q.dtype).repeat_interleave(group, 0)  # (heads, S, head_dim), from position `begin` on
        v = v.to(q.dtype).repeat_interleave(group, 0)
        if hides and window is not None:
            return _windowed(q, k, v, piece.first - begin, window).transpose(0, 1)
        if piece.first == 0:
            mixed = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)
        else:
            bias = causal_lower_right(q.shape[1], k.shape[1])
            mixed = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias)
        return mixed[0].transpose(0, 1)  # (T, heads, head_dim)

    def _gather(self, piece: Piece, begin: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of positions `begin` to the piece's last, each (kv_heads, S, head_dim)."""
        table = self.tables[piece.row, begin // PAGE : -(-piece.last // PAGE)]
        k = keys.index_select(0, table).permute(1, 0, 3, 2)  # (kv_heads, pages, PAGE, head_dim)
        v = values.index_select(0, table).permute(1, 0, 2, 3)
        size = piece.last - begin
        return k.reshape(len(k), -1, k.shape[-1])[:, :size], v.reshape(len(v), -1, v.shape[-1])[:, :size]


def _windowed(q: Tensor, k: Tensor, v: Tensor, offset: int, window: int) -> Tensor:
    """Attention in which query t stands at key `offset + t` and sees `window` keys up to its own.

    Args:
        q: (heads, T, head_dim).
        k, v: (heads, S, head_dim).

    Returns:
        (heads, T, head_dim).
    """
    out = torch.empty_like(q)
    for start in range(0, q.shape[1], _WINDOWED):
        end = min(start + _WINDOWED, q.shape[1])
        low, high = max(0, offset + start - window + 1), offset + end
        at = torch.arange(offset + start, offset + end, device=q.device)[:, None]
        place = torch.arange(low, high, device=q.device)[None]
        seen = (place <= at) & (place > at - window)  # (queries, keys)
        out[:, start:end] = F.scaled_dot_product_attention(
            q[None, :, start:end], k[None, :, low:high], v[None, :, low:high], attn_mask=seen
        )[0]
    return out
