# Triton has no types: its kernels are checked by the tests, against plain torch.
# pyright: basic, reportMissingImports=false, reportCallIssue=false
"""What happens between the q, k, v projection and attention: norms of heads, rotary positions, cache write.

One program per token and head. Rotary positions turn the pairs (i, i + head_dim/2), as Hugging Face's Llama
does (Su et al. 2021, arXiv:2104.09864); RMSNorm of each query and key head comes before them, as in Qwen3.
Both are computed in float32 whatever the dtype of q, k, v.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ..batch import PAGE


@triton.jit
def place_heads(
    qkv,  # (N, heads + 2 * kv_heads, 2 * HALF), contiguous
    cos,  # (N, HALF) float32
    sin,  # (N, HALF) float32
    q_gain,  # (2 * HALF,)
    k_gain,  # (2 * HALF,)
    tables,  # (R, pages) int32
    rows,  # (N,) int32
    positions,  # (N,) int32
    keys,  # (pages, kv_heads, 2 * HALF, PAGE)
    values,  # (pages, kv_heads, PAGE, 2 * HALF)
    eps,
    table_stride,
    page_stride,
    HEADS: tl.constexpr,
    KV_HEADS: tl.constexpr,
    HALF: tl.constexpr,
    HALF_PAD: tl.constexpr,
    NORM: tl.constexpr,
    PAGE: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    half = tl.arange(0, HALF_PAD)
    inside = half < HALF
    base = qkv + (token * (HEADS + 2 * KV_HEADS) + head) * (2 * HALF)
    left = tl.load(base + half, mask=inside, other=0.0).to(tl.float32)
    right = tl.load(base + HALF + half, mask=inside, other=0.0).to(tl.float32)
    if head < HEADS + KV_HEADS:
        if NORM:
            square = tl.sum(left * left, 0) + tl.sum(right * right, 0)
            scale = tl.rsqrt(square / (2 * HALF) + eps)
            gain = q_gain
            if head >= HEADS:
                gain = k_gain
            left = left * scale * tl.load(gain + half, mask=inside, other=0.0).to(tl.float32)
            right = right * scale * tl.load(gain + HALF + half, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(cos + token * HALF + half, mask=inside, other=0.0)
        s = tl.load(sin + token * HALF + half, mask=inside, other=0.0)
        turned = left * c - right * s
        right = right * c + left * s
        left = turned
        tl.store(base + half, left.to(qkv.dtype.element_ty), mask=inside)
        tl.store(base + HALF + half, right.to(qkv.dtype.element_ty), mask=inside)
    position = tl.load(positions + token)
    if (head >= HEADS) & (position >= 0):
        row = tl.load(rows + token).to(tl.int64)
        page = tl.load(tables + row * table_stride + position // PAGE).to(tl.int64) * page_stride
        slot = position % PAGE
        if head < HEADS + KV_HEADS:
            to = keys + page + (head - HEADS) * (2 * HALF * PAGE) + slot
            tl.store(to + half * PAGE, left.to(keys.dtype.element_ty), mask=inside)
            tl.store(to + (HALF + half) * PAGE, right.to(keys.dtype.element_ty), mask=inside)
        else:
            to = values + page + ((head - HEADS - KV_HEADS) * PAGE + slot) * (2 * HALF)
            tl.store(to + half, left.to(values.dtype.element_ty), mask=inside)
            tl.store(to + HALF + half, right.to(values.dtype.element_ty), mask=inside)


def place(
    qkv: Tensor,
    cos: Tensor,
    sin: Tensor,
    tables: Tensor,
    rows: Tensor,
    positions: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    heads: int,
    gains: tuple[Tensor, Tensor] | None = None,
    eps: float = 0.0,
) -> None:
    """Norm and turn the queries and keys of `qkv` in place, and write keys and values into their pages.

    Args:
        qkv: (N, heads + 2 * kv_heads, head_dim), contiguous: queries, then keys, then values of each token.
        cos, sin: (N, head_dim / 2) float32, of each token's position.
        tables, rows, positions: As in `attention.split_attention`. Padding writes nothing into a page.
        keys: (pages, kv_heads, head_dim, PAGE), contiguous, of one layer.
        values: (pages, kv_heads, PAGE, head_dim), contiguous.
        heads: Number of query heads.
        gains: Weights (head_dim,) of the norms of query and key heads; None for no norms.
        eps: Of the norms.
    """
    count, _, head_dim = qkv.shape
    kv_heads, half = keys.shape[1], head_dim // 2
    q_gain, k_gain = gains or (cos, cos)  # not read without norms
    if count:
        place_heads[(count, heads + 2 * kv_heads)](
            qkv, cos, sin, q_gain, k_gain, tables, rows, positions, keys, values,
            eps, tables.stride(0), keys.stride(0),
            HEADS=heads, KV_HEADS=kv_heads, HALF=half, HALF_PAD=triton.next_power_of_2(half),
            NORM=gains is not None, PAGE=PAGE, num_warps=1,
        )  # fmt: skip
