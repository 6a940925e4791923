# Triton has no types: its kernels are checked by the tests, against plain torch.
# pyright: basic, reportMissingImports=false, reportCallIssue=false
"""Attention of single tokens over paged keys and values: fixed splits of the context, then a merge.

Each program takes one token, one key head and one split of `SPLIT` positions, for all query heads of that
key head together, with the softmax computed on the way (Dao et al. 2022, arXiv:2205.14135; split over the
context: "Flash-Decoding", Dao et al. 2023). A split leaves its output and the logarithm of its sum of
exponentials; the merge weighs the splits by them.

Promises: splits lie at multiples of `SPLIT` positions, never chosen by the batch, and every token is computed
by itself, so a token's result has the same bits whatever else is in the batch and wherever its pages lie.
Slots and pages that a token does not see are never part of a sum, whatever they hold.

Does not cover: many tokens of one sequence at once read its keys once per token (from the L2 cache, mostly);
long prefills have a faster way in `step`.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..batch import PAGE

SPLIT = 256
"""Positions in one split of the context."""

_TILE = 64  # positions that a program takes at a time; half of it of four bytes an element
_PARTIAL = 1 << 26  # elements of the splits' outputs in one launch; more tokens take several
_MERGED = 16  # splits that the merge takes at a time


# fmt: off
@triton.jit
def load_tile(
    keys, values, table, head, start, begin, end, page_stride,
    HEAD: tl.constexpr, HEAD_PAD: tl.constexpr, PAGE: tl.constexpr, TILE: tl.constexpr,
):
    # Keys (HEAD_PAD, TILE) and values (TILE, HEAD_PAD) of the positions from `start` on; values outside
    # `begin` to `end` are 0. Whole pages are loaded: a mask per slot would break up the loads.
    number = start // PAGE + tl.arange(0, TILE // PAGE)  # (TILE / PAGE,)
    dims, lanes = tl.arange(0, HEAD_PAD), tl.arange(0, PAGE)
    used = number * PAGE < end
    page = tl.load(table + number, mask=used, other=0).to(tl.int64)[:, None, None] * page_stride
    key = tl.load(
        keys + page + (head * HEAD + dims[None, :, None]) * PAGE + lanes[None, None, :],
        mask=used[:, None, None] & (dims[None, :, None] < HEAD), other=0.0,
    )  # (TILE / PAGE, HEAD_PAD, PAGE)
    value = tl.load(
        values + page + (head * PAGE + lanes[None, :, None]) * HEAD + dims[None, None, :],
        mask=used[:, None, None] & (dims[None, None, :] < HEAD), other=0.0,
    )  # (TILE / PAGE, PAGE, HEAD_PAD)
    place = start + tl.arange(0, TILE)
    seen = (place >= begin) & (place < end)
    value = tl.where(seen[:, None], tl.reshape(value, (TILE, HEAD_PAD)), 0.0)
    return tl.reshape(tl.permute(key, (1, 0, 2)), (HEAD_PAD, TILE)), value


@triton.jit(do_not_specialize=["splits"])
def attend_split(
    q,  # (N, heads, HEAD), tokens `q_stride` apart
    keys,  # (pages, kv_heads, HEAD, PAGE)
    values,  # (pages, kv_heads, PAGE, HEAD)
    tables,  # (R, pages) int32, rows `table_stride` apart
    rows,  # (N,) int32
    positions,  # (N,) int32; negative: this token is padding
    partial,  # (N, heads, splits, HEAD) float32
    lse,  # (N, heads, splits) float32
    scale, q_stride, table_stride, page_stride, splits,
    GROUP: tl.constexpr, GROUP_PAD: tl.constexpr, HEAD: tl.constexpr, HEAD_PAD: tl.constexpr,
    WINDOW: tl.constexpr,  # 0: none
    PAGE: tl.constexpr, SPLIT: tl.constexpr, TILE: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    head, split = tl.program_id(1), tl.program_id(2)
    position = tl.load(positions + token)
    first = 0
    if WINDOW > 0:
        first = tl.maximum(position - WINDOW + 1, 0)
    begin = tl.maximum(split * SPLIT, first)
    end = tl.minimum(split * SPLIT + SPLIT, position + 1)
    if begin >= end:
        return
    table = tables + tl.load(rows + token).to(tl.int64) * table_stride
    group, dims = tl.arange(0, GROUP_PAD), tl.arange(0, HEAD_PAD)
    inside = (group[:, None] < GROUP) & (dims[None, :] < HEAD)
    query = tl.load(
        q + token * q_stride + (head * GROUP + group[:, None]) * HEAD + dims[None, :], mask=inside, other=0.0
    )  # (GROUP_PAD, HEAD_PAD)
    best = tl.full([GROUP_PAD], float("-inf"), tl.float32)
    total = tl.zeros([GROUP_PAD], tl.float32)
    mixed = tl.zeros([GROUP_PAD, HEAD_PAD], tl.float32)
    for start in range(begin // TILE * TILE, end, TILE):
        key, value = load_tile(  # pyright: ignore[reportGeneralTypeIssues]
            keys, values, table, head, start, begin, end, page_stride, HEAD, HEAD_PAD, PAGE, TILE
        )
        place = start + tl.arange(0, TILE)
        seen = (place >= begin) & (place < end)
        score = tl.dot(query, key.to(query.dtype), input_precision="ieee") * (scale * 1.4426950408889634)
        score = tl.where(seen[None, :], score, float("-inf"))  # (GROUP_PAD, TILE), in powers of two
        higher = tl.maximum(best, tl.max(score, 1))
        weight = tl.exp2(score - higher[:, None])
        fade = tl.exp2(best - higher)
        total = total * fade + tl.sum(weight, 1)
        part = tl.dot(weight.to(query.dtype), value.to(query.dtype), input_precision="ieee")
        mixed = mixed * fade[:, None] + part
        best = higher
    at = ((token * tl.num_programs(1) + head) * GROUP + group) * splits + split  # (GROUP_PAD,)
    tl.store(lse + at, best * 0.6931471805599453 + tl.log(total), mask=group < GROUP)
    tl.store(partial + at[:, None] * HEAD + dims[None, :], mixed / total[:, None], mask=inside)
# fmt: on


@triton.jit(do_not_specialize=["splits"])
def merge_splits(
    partial,  # (N, heads, splits, HEAD) float32
    lse,  # (N, heads, splits) float32
    positions,  # (N,) int32
    out,  # (N, heads, HEAD)
    splits,
    HEAD: tl.constexpr,
    HEAD_PAD: tl.constexpr,
    WINDOW: tl.constexpr,
    SPLIT: tl.constexpr,
    MERGED: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    at = token * tl.num_programs(1) + tl.program_id(1)
    position = tl.load(positions + token)
    dims = tl.arange(0, HEAD_PAD)
    inside = dims < HEAD
    first = 0
    if WINDOW > 0:
        first = tl.maximum(position - WINDOW + 1, 0) // SPLIT
    end = (position + SPLIT) // SPLIT  # splits up to and with the one of `position`; 0 for padding
    best = float("-inf")
    total = 0.0
    mixed = tl.zeros([HEAD_PAD], tl.float32)
    for start in range(first // MERGED * MERGED, end, MERGED):
        split = start + tl.arange(0, MERGED)
        used = (split >= first) & (split < end)
        logs = tl.load(lse + at * splits + split, mask=used, other=float("-inf"))
        parts = tl.load(
            partial + (at * splits + split[:, None]) * HEAD + dims[None, :],
            mask=used[:, None] & inside[None, :],
            other=0.0,
        )  # (MERGED, HEAD_PAD)
        higher = tl.maximum(best, tl.max(logs, 0))
        weight = tl.exp(logs - higher)
        fade = tl.exp(best - higher)
        total = total * fade + tl.sum(weight, 0)
        mixed = mixed * fade + tl.sum(parts * weight[:, None], 0)
        best = higher
    if end > 0:
        mixed = mixed / total
    tl.store(out + at * HEAD + dims, mixed.to(out.dtype.element_ty), mask=inside)


def split_attention(
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    rows: Tensor,
    positions: Tensor,
    *,
    splits: int,
    window: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention of each token to every split of its context.

    Args:
        q: (N, heads, head_dim), the last two dimensions contiguous.
        keys: (pages, kv_heads, head_dim, PAGE), contiguous, of one layer.
        values: (pages, kv_heads, PAGE, head_dim), contiguous.
        tables: (R, pages) int32, page numbers of each sequence; rows contiguous.
        rows: (N,) int32, each token's row of `tables`.
        positions: (N,) int32; a token sees positions 0 to its own. Negative for padding.
        splits: Splits of `SPLIT` positions that the longest context may have.
        window: Positions that a token sees, itself included; None for all.

    Returns:
        Outputs (N, heads, splits, head_dim) float32, and natural logarithms of the sums of exponentials
        (N, heads, splits) float32. Splits that a token does not see are left as they were in memory.
    """
    count, heads, head_dim = q.shape
    kv_heads = keys.shape[1]
    group = heads // kv_heads
    partial = torch.empty(count, heads, splits, head_dim, dtype=torch.float32, device=q.device)
    lse = torch.empty(count, heads, splits, dtype=torch.float32, device=q.device)
    if count:
        attend_split[(count, kv_heads, splits)](
            q, keys, values, tables, rows, positions, partial, lse,
            head_dim**-0.5, q.stride(0), tables.stride(0), keys.stride(0), splits,
            GROUP=group, GROUP_PAD=max(16, triton.next_power_of_2(group)),
            HEAD=head_dim, HEAD_PAD=max(16, triton.next_power_of_2(head_dim)),
            WINDOW=window or 0, PAGE=PAGE, SPLIT=SPLIT, TILE=_TILE if keys.element_size() < 4 else _TILE // 2,
            num_warps=4, num_stages=2,
        )  # fmt: skip
    return partial, lse


def merge(partial: Tensor, lse: Tensor, positions: Tensor, out: Tensor, *, window: int | None = None) -> None:
    """Join what `split_attention` gave, weighted by `lse`, into `out` (N, heads, head_dim), contiguous.

    Padding tokens (negative positions) become 0.
    """
    count, heads, splits, head_dim = partial.shape
    if count:
        merge_splits[(count, heads)](
            partial, lse, positions, out, splits,
            HEAD=head_dim, HEAD_PAD=triton.next_power_of_2(head_dim),
            WINDOW=window or 0, SPLIT=SPLIT, MERGED=_MERGED, num_warps=4,
        )  # fmt: skip


def paged_attention(
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    rows: Tensor,
    positions: Tensor,
    *,
    splits: int,
    window: int | None = None,
) -> Tensor:
    """Attention of each token over its pages; arguments as in `split_attention`.

    Returns:
        (N, heads, head_dim), dtype of q.
    """
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    most = max(1, _PARTIAL // (q.shape[1] * q.shape[2] * splits))
    for start in range(0, len(q), most):
        part = slice(start, start + most)
        at = positions[part]
        partial, lse = split_attention(
            q[part], keys, values, tables, rows[part], at, splits=splits, window=window
        )
        merge(partial, lse, at, out[part], window=window)
    return out
