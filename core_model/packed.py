"""The decoder for inference: the same weights and results as `transformer`, with fewer and larger operations.

Query, key and value projections are one matrix, and so are gate and up; both residual additions happen inside
the product before them. A token of a small model is mostly the cost of starting operations, and this halves
their number. No gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from .transformer import Attend, Block, RMSNorm, Transformer


@dataclass(frozen=True)
class PackedLayer:
    """Weights of one layer; the transposed ones are views that `addmm` takes."""

    input_norm: Tensor  # (hidden,)
    qkv: Tensor  # ((heads + 2 * kv_heads) * head_dim, hidden)
    qkv_bias: Tensor | None
    q_norm: RMSNorm | None
    k_norm: RMSNorm | None
    out: Tensor  # (heads * head_dim, hidden)
    mlp_norm: Tensor  # (hidden,)
    gate_up: Tensor  # (2 * intermediate, hidden)
    down: Tensor  # (intermediate, hidden)


class PackedTransformer:
    """`Transformer.hidden` and `logits` of a model whose weights no longer change.

    The model's own parameters become views of the packed ones, so nothing is held twice.
    """

    def __init__(self, model: Transformer) -> None:
        config = model.config
        self.config = config
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        with torch.no_grad():
            self.layers = [_pack(cast("Block", block)) for block in model.model.layers]
        self.embedding = model.model.embed_tokens.weight.detach()
        self.head = self.embedding if model.lm_head is None else model.lm_head.weight.detach()
        self.final_norm = model.model.norm.weight.detach()
        dtype, half = self.embedding.dtype, config.head_dim // 2
        self.cos = model.cos.to(dtype)[:, None]  # (context_length, 1, head_dim)
        sin = model.sin.to(dtype)
        self.sin = torch.cat((-sin[:, :half], sin[:, half:]), dim=-1)[
            :, None
        ]  # for halves swapped, not turned

    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attend, keep: Tensor | None = None) -> Tensor:
        """Final normed hidden states, (M, hidden_size); arguments as in `Transformer.hidden`."""
        x = F.embedding(tokens, self.embedding)  # (N, hidden)
        cos, sin = self.cos[positions], self.sin[positions]  # (N, 1, head_dim)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            x = self._layer(number, layer, x, cos, sin, attend, keep if number == last else None)
        return self._norm(x, self.final_norm)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (M, vocab_size), from hidden states (M, hidden_size)."""
        return F.linear(hidden, self.head)

    def _layer(
        self,
        number: int,
        layer: PackedLayer,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        attend: Attend,
        keep: Tensor | None,
    ) -> Tensor:
        heads, turned = self.heads, self.heads + self.kv_heads
        qkv = F.linear(self._norm(x, layer.input_norm), layer.qkv, layer.qkv_bias)
        qkv = qkv.view(len(x), turned + self.kv_heads, self.head_dim)
        qk, v = qkv[:, :turned], qkv[:, turned:]
        if layer.q_norm is not None and layer.k_norm is not None:
            qk = torch.cat((layer.q_norm(qk[:, :heads]), layer.k_norm(qk[:, heads:])), dim=1)
        qk = torch.addcmul(qk * cos, qk.roll(self.head_dim // 2, -1), sin)
        q, k = qk[:, :heads], qk[:, heads:]
        if keep is not None:
            x, q = x[keep], q[keep]
        mixed = attend(number, q, k, v).reshape(len(x), heads * self.head_dim)  # (M, heads * head_dim)
        x = torch.addmm(x, mixed, layer.out)
        gate, up = F.linear(self._norm(x, layer.mlp_norm), layer.gate_up).chunk(2, dim=-1)
        return torch.addmm(x, F.silu(gate).mul_(up), layer.down)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            return F.rms_norm(x, (x.shape[-1],), weight, self.config.norm_eps)
        scale = (x * x).sum(-1, keepdim=True)  # (N, 1)
        scale = scale.div_(x.shape[-1]).add_(self.config.norm_eps).rsqrt_()
        return (x * scale).mul_(weight)


def _pack(block: Block) -> PackedLayer:
    attention, mlp = block.self_attn, block.mlp
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    biases = [cast("Tensor | None", projection.bias) for projection in projections]
    present = [bias for bias in biases if bias is not None]
    return PackedLayer(
        input_norm=block.input_layernorm.weight.detach(),
        qkv=_join([projection.weight for projection in projections]),
        qkv_bias=torch.cat(present).detach() if present else None,
        q_norm=attention.q_norm,
        k_norm=attention.k_norm,
        out=attention.o_proj.weight.detach().t(),
        mlp_norm=block.post_attention_layernorm.weight.detach(),
        gate_up=_join([mlp.gate_proj.weight, mlp.up_proj.weight]),
        down=mlp.down_proj.weight.detach().t(),
    )


def _join(weights: list[Tensor]) -> Tensor:
    """One matrix of all rows; the parameters become views of it."""
    joined = torch.cat([weight.detach() for weight in weights])
    parts = torch.split(joined, [len(weight) for weight in weights])
    for weight, part in zip(weights, parts, strict=True):
        weight.data = part
    return joined
