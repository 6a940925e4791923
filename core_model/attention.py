"""Scaled dot-product attention (Vaswani et al. 2017), and which token of a flat batch sees which.

Keys and values may have fewer heads than queries: with one they are multi-query, with several grouped-query
attention (Ainslie et al. 2023, arXiv:2305.13245); as many is multi-head attention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

_LARGE = 1 << 25  # attention scores of one layer and sequence, in elements


class Attend(Protocol):
    """Attention over a flat batch.

    Called once per layer with q (M, heads, head_dim) and k, v (N, kv_heads, head_dim), rotary positions
    applied; M is N, or fewer in the last layer when only some outputs are wanted. Returns
    (M, heads, head_dim).
    """

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor: ...


class DocumentAttention:
    """Attention inside each of several documents laid end to end in a flat batch.

    No padding and no attention across documents.

    Args:
        lengths: Tokens of each document.
        keep: Sorted indices into the flat batch; the last layer's queries are only those rows.
        causal: Whether a token sees only itself and what precedes it, or its whole document.
        window: Tokens that a query of a layer sees, `ModelConfig.window`; None where no layer has a window.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        keep: Tensor | None = None,
        *,
        causal: bool = True,
        window: Callable[[int], int | None] | None = None,
    ) -> None:
        self.lengths = list(lengths)
        self.causal, self.window = causal, window
        self.kept: list[Tensor] | None = None
        if keep is not None:
            start, self.kept = 0, []
            for length in self.lengths:
                inside = keep[(keep >= start) & (keep < start + length)] - start
                self.kept.append(inside)
                start += length

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        whole = q.shape[0] == k.shape[0]
        sizes = self.lengths if whole or self.kept is None else [len(rows) for rows in self.kept]
        window = None if self.window is None else self.window(layer)
        outputs: list[Tensor] = []
        parts = zip(
            torch.split(q, sizes), torch.split(k, self.lengths), torch.split(v, self.lengths), strict=True
        )
        for document, (qi, ki, vi) in enumerate(parts):
            if len(qi) and not self.causal:
                outputs.append(attention(qi, ki, vi))
            elif len(qi):
                rows = None if whole or self.kept is None else self.kept[document]
                outputs.append(causal_attention(qi, ki, vi, rows, window=window))
        return torch.cat(outputs)


class GrowingAttention:
    """Causal attention of one sequence that is given piece by piece, keys and values kept.

    Args:
        window: As in `DocumentAttention`.
    """

    def __init__(self, window: Callable[[int], int | None] | None = None) -> None:
        self.window = window
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if layer in self._kept:
            keys, values = self._kept[layer]
            k, v = torch.cat((keys, k)), torch.cat((values, v))
        self._kept[layer] = k, v
        return causal_attention(q, k, v, window=None if self.window is None else self.window(layer))


class CrossAttention:
    """Attention of a decoder's flat batch over the states that an encoder left.

    Keys and values of a layer are computed when it first asks, then kept.

    Args:
        memory: (S, hidden) states of several sources laid end to end.
        sources: Tokens of each source; their sum is S.
        targets: Tokens of each target in the flat batch, as many as `sources`.
    """

    def __init__(self, memory: Tensor, sources: Sequence[int], targets: Sequence[int]) -> None:
        self.memory, self.sources, self.targets = memory, list(sources), list(targets)
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, q: Tensor, project: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        """Mix values for q (N, heads, head_dim); `project` makes keys and values of states."""
        if layer not in self._kept:
            self._kept[layer] = project(self.memory)
        k, v = self._kept[layer]  # (S, kv_heads, head_dim)
        parts = zip(
            torch.split(q, self.targets),
            torch.split(k, self.sources),
            torch.split(v, self.sources),
            strict=True,
        )
        return torch.cat([attention(qi, ki, vi) for qi, ki, vi in parts])


def causal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor | None = None,
    hidden: Tensor | None = None,
    window: int | None = None,
) -> Tensor:
    """Attention of one sequence, each query seeing the keys up to its own row.

    Args:
        q: (M, heads, head_dim).
        k, v: (N, kv_heads, head_dim).
        rows: (M,) row of each query among the keys; None when M is N or the queries are the last M rows.
        hidden: (M, N) bool, True where a key must not be seen; None for causal.
        window: Only the last so many keys up to its own row are seen; None for all.

    Returns:
        (M, heads, head_dim).
    """
    if hidden is None:
        queries, keys = q.shape[0], k.shape[0]
        if rows is None:
            rows = torch.arange(keys - queries, keys, device=q.device)
        ahead = torch.arange(keys, device=q.device)[None, :] - rows[:, None]  # (queries, keys)
        hidden = ahead > 0
        if window is not None and window < keys:
            hidden |= ahead <= -window
    return attention(q, k, v, hidden)


def attention(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(head_dim)) v of one sequence, head by head.

    Plain batched products: on CPU in bfloat16 twice as fast as `scaled_dot_product_attention`, forwards and
    backwards, at a few hundred tokens. Query heads that share a key head are stacked, so keys are not copied.
    Where the scores would need much memory, `scaled_dot_product_attention` is taken after all.

    Args:
        q: (M, heads, head_dim).
        k, v: (N, kv_heads, head_dim).
        hidden: (M, N) bool, True where a key must not be seen; None lets every query see every key.

    Returns:
        (M, heads, head_dim).
    """
    queries, heads, head_dim = q.shape
    keys, kv_heads, _ = k.shape
    group = heads // kv_heads
    if heads * queries * keys > _LARGE:
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        heads_first = (x.transpose(0, 1)[None] for x in (q, k, v))  # (1, heads, M or N, head_dim)
        seen = None if hidden is None else ~hidden
        return F.scaled_dot_product_attention(*heads_first, attn_mask=seen)[0].transpose(0, 1)
    mask = torch.zeros(queries, keys, dtype=q.dtype, device=q.device)
    if hidden is not None:
        mask.masked_fill_(hidden, float("-inf"))
    mask = mask.repeat(group, 1)  # (group * queries, keys)
    stacked = q.view(queries, kv_heads, group, head_dim).permute(1, 2, 0, 3)
    stacked = stacked.reshape(kv_heads, group * queries, head_dim)
    scores = torch.baddbmm(mask, stacked, k.permute(1, 2, 0), alpha=head_dim**-0.5)
    mixed = torch.bmm(scores.softmax(dim=-1), v.transpose(0, 1))  # (kv_heads, group * queries, head_dim)
    mixed = mixed.view(kv_heads, group, queries, head_dim).permute(2, 0, 1, 3)
    return mixed.reshape(queries, heads, head_dim)
