"""Weights laid out for the C++ decoder: panels of 64 output columns, each one contiguous stream.

Layouts are those of `matmul.h`. Query, key and value are one matrix; gate and up are one in which 16 columns
of the one alternate with 16 of the other, so that silu(gate) * up needs no pass of its own. int8 weights are
symmetric with one scale per output column (largest absolute weight / 127).
"""

from __future__ import annotations

import ctypes
import math
import mmap
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..transformer import MLP, Block, Transformer

PANEL = 64
LANES = 16
KINDS = ("float32", "bfloat16", "int8")


@dataclass(frozen=True)
class PackedMatrix:
    """A linear layer's weights: `data` as in `matmul.h`, `scale` and `bias` padded to whole panels."""

    data: Tensor
    scale: Tensor | None
    bias: Tensor | None
    depth: int
    width: int

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.data, self.scale, self.bias) if part is not None)


@dataclass(frozen=True)
class PackedLayer:
    """Weights of one layer; norms are float32."""

    qkv: PackedMatrix
    out: PackedMatrix
    gate_up: PackedMatrix
    down: PackedMatrix
    attention_norm: Tensor
    mlp_norm: Tensor
    q_norm: Tensor | None
    k_norm: Tensor | None


@dataclass(frozen=True)
class PackedModel:
    """All weights of a model; `embedding` is the table itself, in bfloat16 or float32."""

    kind: str
    layers: list[PackedLayer]
    head: PackedMatrix
    embedding: Tensor
    final_norm: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of all packed matrices and of the embedding table."""
        matrices = [self.head]
        for layer in self.layers:
            matrices += [layer.qkv, layer.out, layer.gate_up, layer.down]
        return sum(matrix.nbytes for matrix in matrices) + self.embedding.nbytes


def huge_zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros in memory of large pages where the system has them: streams read it up to 1.5 times as fast.

    Untouched parts take no memory.
    """
    size = math.prod(shape) * dtype.itemsize
    if not size:
        return torch.zeros(shape, dtype=dtype)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(shape)


class _Shelf:
    """Room for packed matrices, laid one after another so that small ones share large pages."""

    SIZE = 1 << 28

    def __init__(self) -> None:
        self.room = torch.empty(0, dtype=torch.uint8)

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        size = math.prod(shape) * dtype.itemsize
        if size > len(self.room):
            self.room = huge_zeros((max(size, self.SIZE),), torch.uint8)
        taken, self.room = self.room[:size], self.room[-(-size // 64) * 64 :]
        return taken.view(dtype).view(shape)


def pack(model: Transformer, weights: str = "float32", *, release: bool = False) -> PackedModel:
    """Lay out a model's weights.

    Args:
        model: Parameters in float32, bfloat16 or float16, on the CPU.
        weights: What the packed ones are: float32, bfloat16 or int8.
        release: Empty each layer of `model` once it is packed, so that never more than one layer is held
            twice; the model is of no other use then.

    Raises:
        ValueError: `weights` is none of these.
    """
    if weights not in KINDS:
        raise ValueError(f"weights {weights!r} is not one of {', '.join(KINDS)}.")
    with torch.no_grad():
        layers: list[PackedLayer] = []
        shelf = _Shelf()
        for block in model.model.layers:
            layers.append(_pack_layer(cast("Block", block), weights, shelf))
            if release:
                _empty(block)
                _give_back()
        table = model.model.embed_tokens.weight.detach()
        head = table if model.lm_head is None else model.lm_head.weight.detach()
        packed_head = pack_matrix(head, None, weights, shelf)
        if release and model.lm_head is not None:
            _empty(model.lm_head)
        table = (table if table.dtype == torch.bfloat16 else table.float()).contiguous()
        return PackedModel(weights, layers, packed_head, table, _norm(model.model.norm))


def _give_back() -> None:
    """Have the C library return freed memory to the system: packed weights lie in memory of another kind."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


def pack_matrix(weight: Tensor, bias: Tensor | None, kind: str, shelf: _Shelf | None = None) -> PackedMatrix:
    """Lay out `weight` (width, depth); both are padded with zeros to whole panels."""
    shelf = shelf or _Shelf()
    width, depth = weight.shape
    weight = weight.detach()
    if depth % PANEL or width % PANEL:
        weight = F.pad(weight, (0, -depth % PANEL, 0, -width % PANEL))
    panels, padded = len(weight) // PANEL, weight.shape[1]
    bias = None if bias is None else F.pad(bias.detach().float(), (0, -width % PANEL)).contiguous()
    if kind != "int8":
        step, dtype = (1, torch.float32) if kind == "float32" else (2, torch.bfloat16)
        data = shelf.take((panels, padded // step, PANEL, step), dtype)
        data.copy_(weight.view(panels, PANEL, padded // step, step).transpose(1, 2))
        return PackedMatrix(data, None, bias, padded, width)
    data = shelf.take((panels, padded // 4, PANEL, 4), torch.uint8)
    scale = torch.empty(len(weight))
    step = max(1, (1 << 22) // (padded * PANEL))  # panels at a time, so that little is held in float32
    for first in range(0, panels, step):
        rows = slice(first * PANEL, (first + step) * PANEL)
        part = weight[rows].float()
        by = scale[rows] = part.abs().amax(dim=1) / 127
        levels = (part / by.where(by != 0, 1)[:, None]).round_().add_(128)
        data[first : first + step] = levels.view(-1, PANEL, padded // 4, 4).transpose(1, 2).to(torch.uint8)
    return PackedMatrix(data, scale, bias, padded, width)


def _pack_layer(block: Block, kind: str, shelf: _Shelf) -> PackedLayer:
    attention, mlp = block.self_attn, cast("MLP", block.mlp)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    biases = [cast("Tensor | None", projection.bias) for projection in projections]
    present = [bias for bias in biases if bias is not None]
    gate, up = mlp.gate_proj.weight, mlp.up_proj.weight
    pair = torch.stack([_in_lanes(gate), _in_lanes(up)], dim=1)  # (groups, 2, 16, hidden)
    return PackedLayer(
        qkv=pack_matrix(
            torch.cat([projection.weight for projection in projections]),
            torch.cat(present) if present else None,
            kind,
            shelf,
        ),
        out=pack_matrix(attention.o_proj.weight, None, kind, shelf),
        gate_up=pack_matrix(pair.view(-1, gate.shape[1]), None, kind, shelf),
        down=pack_matrix(mlp.down_proj.weight, None, kind, shelf),
        attention_norm=_norm(block.input_layernorm),
        mlp_norm=_norm(block.post_attention_layernorm),
        q_norm=None if attention.q_norm is None else _norm(attention.q_norm),
        k_norm=None if attention.k_norm is None else _norm(attention.k_norm),
    )


@dataclass(frozen=True)
class LowRankHalf:
    """A matrix (width, depth) of an adapter: `data` is (depth, width padded to whole lanes), float32."""

    data: Tensor
    width: int


def as_lanes(weight: Tensor) -> LowRankHalf:
    """Lay out one matrix of an adapter."""
    padded = F.pad(weight.detach().float().t(), (0, -len(weight) % LANES))
    return LowRankHalf(padded.contiguous(), len(weight))


def _in_lanes(weight: Tensor) -> Tensor:
    """Rows in groups of 16, padded with zeros: (groups, 16, depth)."""
    return F.pad(weight.detach(), (0, 0, 0, -len(weight) % LANES)).view(-1, LANES, weight.shape[1])


def _norm(norm: nn.Module | None) -> Tensor:
    return cast("Tensor", cast("nn.Module", norm).weight).detach().float().contiguous()


def _empty(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data = torch.empty(0, dtype=parameter.dtype)
