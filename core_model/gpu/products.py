# Triton has no types: its kernels are checked by the tests, against plain torch.
# pyright: basic, reportMissingImports=false, reportCallIssue=false
"""Products of a few rows with a weight matrix, which cost what reading the matrix costs.

One kernel call does what surrounds a product in a decoder layer as well: RMSNorm of the rows before it; bias,
SwiGLU and the residual addition after it; scales of int8 or fp8 (e4m3) weights, one per output channel. The
norm needs no pass of its own: its weights go on the rows, its scale is applied to the finished sums.

Three ways, chosen by the number of rows M:
    M = 1: `vector_product`, multiply-adds without tensor cores.
    M up to 15 (quantised: up to 64): `tile_product`, tensor cores, rows in tiles of 16.
    above: cuBLAS through torch, quantised weights widened first.
With `fixed`, every M takes `tile_product` with the same tiles, and nothing is split over k, so that a row's
result has the same bits in every batch. Sums are float32 in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

_TILE_ROWS = 16
_LIBRARY_FROM = 16
_QUANTISED_LIBRARY_FROM = 65


@dataclass(frozen=True)
class Matrix:
    """A weight matrix, as one product reads it.

    Attributes:
        weight: (N, K), contiguous; float32, bfloat16, int8 or float8_e4m3fn. For SwiGLU the gate's rows come
            first, then as many of the other branch.
        scale: (N,) float32, by which quantised rows are multiplied; None for others.
        bias: (N,) in the dtype of the activations, or None.
    """

    weight: Tensor
    scale: Tensor | None = None
    bias: Tensor | None = None

    def widened(self, dtype: torch.dtype) -> Tensor:
        """The weight in `dtype`, scales applied."""
        if self.scale is None:
            return self.weight.to(dtype)
        return (self.weight.to(torch.float32) * self.scale[:, None]).to(dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that one product reads."""
        return sum(part.nbytes for part in (self.weight, self.scale, self.bias) if part is not None)


# fmt: off
@triton.jit
def vector_product(
    x,  # (M, K)
    weight,  # (N, K); with GATED (2 * N, K)
    scale,
    bias,
    gain,  # (K,)
    residual,  # (M, N)
    out,  # (M, N)
    N, K, eps,
    NORM: tl.constexpr, GATED: tl.constexpr, BIAS: tl.constexpr, RESIDUAL: tl.constexpr, SCALED: tl.constexpr,
    EVEN: tl.constexpr,  # K is a multiple of BLOCK_K
    BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    row = tl.program_id(1).to(tl.int64)
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    known = n < N
    place = weight + n[:, None].to(tl.int64) * K
    other = weight + (n[:, None] + N).to(tl.int64) * K
    sums = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    ups = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    squares = tl.zeros([BLOCK_K], tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        inside = (k < K) | EVEN
        value = tl.load(x + row * K + k, mask=inside, other=0.0).to(tl.float32)
        if NORM:
            squares += value * value
            value = value * tl.load(gain + k, mask=inside, other=0.0).to(tl.float32)
        both = known[:, None] & inside[None, :]
        sums += tl.load(place + k[None, :], mask=both, other=0.0).to(tl.float32) * value[None, :]
        if GATED:
            ups += tl.load(other + k[None, :], mask=both, other=0.0).to(tl.float32) * value[None, :]
    result = tl.sum(sums, 1)
    up = tl.sum(ups, 1)
    if SCALED:
        result = result * tl.load(scale + n, mask=known, other=0.0)
    if GATED and SCALED:
        up = up * tl.load(scale + N + n, mask=known, other=0.0)
    if NORM:
        size = tl.rsqrt(tl.sum(squares, 0) / K + eps)
        result = result * size
        up = up * size
    if BIAS:
        result += tl.load(bias + n, mask=known, other=0.0).to(tl.float32)
    if GATED:
        result = result / (1.0 + tl.exp(-result)) * up
    if RESIDUAL:
        result += tl.load(residual + row * N + n, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * N + n, result.to(out.dtype.element_ty), mask=known)


@triton.jit(do_not_specialize=["M"])
def tile_product(
    x,  # (M, K)
    weight,  # (N, K); with GATED (2 * N, K)
    scale,
    bias,
    gain,
    residual,  # (M, N)
    out,  # (M, N)
    M, N, K, eps,
    NORM: tl.constexpr, GATED: tl.constexpr, BIAS: tl.constexpr, RESIDUAL: tl.constexpr, SCALED: tl.constexpr,
    EVEN: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    m = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    present, known = m < M, n < N
    place = weight + n[None, :].to(tl.int64) * K
    other = weight + (n[None, :] + N).to(tl.int64) * K
    sums = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    ups = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    squares = tl.zeros([BLOCK_M], tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        inside = (k < K) | EVEN
        value = tl.load(
            x + m[:, None] * K + k[None, :], mask=present[:, None] & inside[None, :], other=0.0
        )  # (BLOCK_M, BLOCK_K)
        if NORM:
            wide = value.to(tl.float32)
            squares += tl.sum(wide * wide, 1)
            wide = wide * tl.load(gain + k, mask=inside, other=0.0).to(tl.float32)[None, :]
            value = wide.to(x.dtype.element_ty)
        both = known[None, :] & inside[:, None]
        part = tl.load(place + k[:, None], mask=both, other=0.0).to(x.dtype.element_ty)  # (BLOCK_K, BLOCK_N)
        sums = tl.dot(value, part, sums, input_precision="ieee")
        if GATED:
            part = tl.load(other + k[:, None], mask=both, other=0.0).to(x.dtype.element_ty)
            ups = tl.dot(value, part, ups, input_precision="ieee")
    if SCALED:
        sums = sums * tl.load(scale + n, mask=known, other=0.0)[None, :]
    if GATED and SCALED:
        ups = ups * tl.load(scale + N + n, mask=known, other=0.0)[None, :]
    if NORM:
        size = tl.rsqrt(squares / K + eps)[:, None]
        sums = sums * size
        ups = ups * size
    if BIAS:
        sums += tl.load(bias + n, mask=known, other=0.0).to(tl.float32)[None, :]
    if GATED:
        sums = sums / (1.0 + tl.exp(-sums)) * ups
    both = present[:, None] & known[None, :]
    if RESIDUAL:
        sums += tl.load(residual + m[:, None] * N + n[None, :], mask=both, other=0.0).to(tl.float32)
    tl.store(out + m[:, None] * N + n[None, :], sums.to(out.dtype.element_ty), mask=both)
# fmt: on


def product(
    x: Tensor,
    matrix: Matrix,
    *,
    gain: Tensor | None = None,
    eps: float = 0.0,
    gated: bool = False,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
    fixed: bool = False,
) -> Tensor:
    """`x @ matrix.T` with what surrounds it.

    Args:
        x: (M, K) float32 or bfloat16, contiguous.
        matrix: (N, K); with `gated` N is twice the result's width.
        gain: Weights (K,) of an RMSNorm of x with `eps` before the product; None for no norm.
        gated: Return silu(first half) * second half of the columns.
        residual: (M, width) that is added last, contiguous.
        dtype: Of the result; None takes that of x.
        fixed: One way for every M, see the module.

    Returns:
        (M, width).

    Raises:
        ValueError: `gated` together with a bias.
    """
    if gated and matrix.bias is not None:
        raise ValueError("A gated product takes no bias; no Llama-type model has one there.")
    library_from = _LIBRARY_FROM if matrix.scale is None else _QUANTISED_LIBRARY_FROM
    if len(x) >= library_from and not fixed:
        return _library(x, matrix, gain, eps, gated, residual, dtype)
    width = len(matrix.weight) // (2 if gated else 1)
    out = torch.empty(len(x), width, dtype=dtype or x.dtype, device=x.device)
    if len(x):
        _launch(x, matrix, gain, eps, gated, residual, out, fixed)
    return out


def _launch(
    x: Tensor,
    matrix: Matrix,
    gain: Tensor | None,
    eps: float,
    gated: bool,
    residual: Tensor | None,
    out: Tensor,
    fixed: bool,
) -> None:
    (count, size), width = x.shape, out.shape[1]
    switches = {
        "NORM": gain is not None,
        "GATED": gated,
        "BIAS": matrix.bias is not None,
        "RESIDUAL": residual is not None,
        "SCALED": matrix.scale is not None,
    }
    optional = (matrix.scale, matrix.bias, gain, residual)
    pointers = [x if each is None else each for each in optional]  # the switches keep x from being read
    if count == 1 and not fixed:
        block_n, block_k = 4 if gated else 8, min(512, _power(size))
        vector_product[(triton.cdiv(width, block_n), count)](
            x, matrix.weight, *pointers, out, width, size, eps,
            **switches, EVEN=size % block_k == 0, BLOCK_N=block_n, BLOCK_K=block_k, num_warps=4,
        )  # fmt: skip
        return
    block_n = 16 if width <= 8192 else 32
    block_k = min(256 if x.dtype == torch.bfloat16 else 64, max(32, _power(size)))  # fits shared memory
    tile_product[(triton.cdiv(count, _TILE_ROWS), triton.cdiv(width, block_n))](
        x, matrix.weight, *pointers, out, count, width, size, eps,
        **switches, EVEN=size % block_k == 0,
        BLOCK_M=_TILE_ROWS, BLOCK_N=block_n, BLOCK_K=block_k, num_warps=4, num_stages=3,
    )  # fmt: skip


def _power(size: int) -> int:
    """The smallest power of two that is not below `size`."""
    return 1 << (size - 1).bit_length()


def _library(
    x: Tensor,
    matrix: Matrix,
    gain: Tensor | None,
    eps: float,
    gated: bool,
    residual: Tensor | None,
    dtype: torch.dtype | None,
) -> Tensor:
    if gain is not None:
        x = F.rms_norm(x, (x.shape[-1],), gain.to(x.dtype), eps)
    weight = matrix.widened(x.dtype)
    if residual is not None and matrix.bias is None and not gated:
        return torch.addmm(residual, x, weight.t()).to(dtype or x.dtype)
    result = F.linear(x, weight, matrix.bias)
    if gated:
        first, second = result.chunk(2, dim=-1)
        result = F.silu(first).mul_(second)
    if residual is not None:
        result = result + residual
    return result.to(dtype or x.dtype)
