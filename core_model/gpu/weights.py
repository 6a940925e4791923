"""The weights of a decoder as the GPU reads them: fewer and larger matrices, quantised where asked.

Query, key and value projections are one matrix, and so are gate and up. int8 is symmetric with one scale per
output channel; fp8 is e4m3 (Micikevicius et al. 2022, arXiv:2209.05433), scaled the same way. Activations are
never quantised. Norms, biases and the embedding table keep the dtype of the activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ..transformer import MLP, Block, RMSNorm, Transformer
from .products import Matrix

Kind = Literal["float32", "bfloat16", "int8", "fp8"]
"""How matrices are stored."""


@dataclass(frozen=True)
class Layer:
    """Weights of one layer."""

    input_norm: Tensor  # (hidden,)
    qkv: Matrix  # ((heads + 2 * kv_heads) * head_dim, hidden)
    head_norms: tuple[Tensor, Tensor] | None  # of query and key heads, each (head_dim,)
    out: Matrix  # (hidden, heads * head_dim)
    mlp_norm: Tensor  # (hidden,)
    gate_up: Matrix  # (2 * intermediate, hidden)
    down: Matrix  # (hidden, intermediate)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All of them."""
        return self.qkv, self.out, self.gate_up, self.down


@dataclass(frozen=True)
class Weights:
    """Weights of a decoder on one device."""

    embedding: Tensor  # (vocab, hidden)
    layers: tuple[Layer, ...]
    final_norm: Tensor  # (hidden,)
    head: Matrix  # (vocab, hidden)

    @property
    def step_bytes(self) -> int:
        """Bytes of matrices that one decode step reads; the embedding is looked up and does not count."""
        return self.head.nbytes + sum(matrix.nbytes for layer in self.layers for matrix in layer.matrices)


def quantise(weight: Tensor, kind: Literal["int8", "fp8"]) -> Matrix:
    """Round each row of (N, K) to 8 bits around a scale of its own; a row of zeros stays zeros."""
    wide = weight.to(torch.float32)
    top = 127.0 if kind == "int8" else 448.0  # the largest magnitude of either
    scale = wide.abs().amax(dim=1).clamp_(min=1e-30) / top  # (N,)
    scaled = wide / scale[:, None]
    if kind == "int8":
        return Matrix(scaled.round_().clamp_(-127, 127).to(torch.int8), scale)
    return Matrix(scaled.clamp_(-top, top).to(torch.float8_e4m3fn), scale)


def pack(
    model: Transformer, kind: Kind, dtype: torch.dtype, device: torch.device, *, release: bool = False
) -> Weights:
    """Read a model's weights, layer by layer.

    Where dtype and device are the model's own, its parameters become views of the packed matrices, so nothing
    is held twice; otherwise the model keeps its own and may be let go.

    Args:
        model: Of a `llama_type` config.
        dtype: Of activations, and of whatever is not quantised.
        release: Empty each layer of `model` once it is packed, so that never more than one layer is held
            twice; the model is of no other use then.
    """
    with torch.no_grad():
        table = model.model.embed_tokens.weight
        embedding = table.detach().to(device, dtype)
        head = embedding if model.lm_head is None else model.lm_head.weight.detach()
        packed_head = _matrix([head], kind, dtype, device)
        if release:
            table.data = embedding
            if model.lm_head is not None:
                _empty(model.lm_head)
        layers: list[Layer] = []
        for block in model.model.layers:
            layers.append(_pack(cast("Block", block), kind, dtype, device))
            if release:
                _empty(block)
        final_norm = cast("RMSNorm", model.model.norm).weight.detach().to(device, dtype)
        return Weights(embedding, tuple(layers), final_norm, packed_head)


def _empty(module: nn.Module) -> None:
    for weight in module.parameters():
        weight.data = weight.data.new_empty(0)


def _pack(block: Block, kind: Kind, dtype: torch.dtype, device: torch.device) -> Layer:
    attention, mlp = block.self_attn, cast("MLP", block.mlp)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    biases = [cast("Tensor | None", projection.bias) for projection in projections]
    present = [bias for bias in biases if bias is not None]
    bias = torch.cat(present).detach().to(device, dtype) if present else None
    norms = None
    if attention.q_norm is not None and attention.k_norm is not None:
        norms = (
            attention.q_norm.weight.detach().to(device, dtype),
            attention.k_norm.weight.detach().to(device, dtype),
        )
    return Layer(
        input_norm=block.input_layernorm.weight.detach().to(device, dtype),
        qkv=_matrix([projection.weight for projection in projections], kind, dtype, device, bias),
        head_norms=norms,
        out=_matrix([attention.o_proj.weight], kind, dtype, device),
        mlp_norm=block.post_attention_layernorm.weight.detach().to(device, dtype),
        gate_up=_matrix([mlp.gate_proj.weight, mlp.up_proj.weight], kind, dtype, device),
        down=_matrix([mlp.down_proj.weight], kind, dtype, device),
    )


def _matrix(
    parts: Sequence[Tensor],
    kind: Kind,
    dtype: torch.dtype,
    device: torch.device,
    bias: Tensor | None = None,
) -> Matrix:
    own = parts[0].device.type == device.type and parts[0].dtype == dtype
    joined = torch.cat([part.detach().to(device, dtype) for part in parts]) if len(parts) > 1 else parts[0]
    joined = joined.detach().to(device, dtype).contiguous()
    if kind in ("int8", "fp8"):
        packed = quantise(joined, "int8" if kind == "int8" else "fp8")
        return Matrix(packed.weight, packed.scale, bias)
    if own and len(parts) > 1:
        for part, view in zip(parts, torch.split(joined, [len(part) for part in parts]), strict=True):
            part.data = view
    return Matrix(joined, None, bias)
