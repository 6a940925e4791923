"""A Llama-type decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU (Touvron et al. 2023).

Every layer works on a *flat* batch: `tokens` and `positions` are (N,), where the N tokens may belong to any
number of sequences. Only attention knows which token may see which; it is given as a function, so training
(`DocumentAttention`), plain causal rows (`RowAttention`) and the engine's key-value cache share this file.

Parameters carry their Hugging Face names (`model.layers.0.self_attn.q_proj.weight`), so `state_dict()` is a
checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ModelConfig

_LARGE = 1 << 25  # attention scores of one layer and sequence, in elements


class Attend(Protocol):
    """Attention over a flat batch.

    Called once per layer with q (M, heads, head_dim) and k, v (N, kv_heads, head_dim), rotary positions
    applied; M is N, or fewer in the last layer when only some outputs are wanted. Returns
    (M, heads, head_dim).
    """

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor: ...


def rotary_frequencies(config: ModelConfig) -> Tensor:
    """Radians per position of each pair of dimensions, (head_dim / 2,), float32 (Su et al. 2021)."""
    exponent = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device="cpu") / config.head_dim
    frequencies = 1.0 / config.rope_theta**exponent
    scaling = config.rope_scaling
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    if scaling.kind == "llama3":
        wavelength = 2 * math.pi / frequencies
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        share = ((scaling.original_context / wavelength - low) / (high - low)).clamp(0, 1)
        return (1 - share) * frequencies / scaling.factor + share * frequencies
    return frequencies


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pairs (i, i + head_dim/2) of x (N, heads, head_dim) by cos, sin (N, 1, head_dim)."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class RMSNorm(nn.Module):
    """Scale to unit root mean square, then by a learned weight (Zhang and Sennrich 2019)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad and x.dim() == 2:
            apply = cast("Callable[..., Tensor]", _RMSNorm.apply)  # pyright: ignore[reportUnknownMemberType]
            return apply(x, self.weight, self.eps)
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class _RMSNorm(torch.autograd.Function):
    """RMSNorm with few passes over memory: PyTorch's own takes three times as long backwards on CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        norm = cast("Callable[..., Tensor]", torch.norm)  # pyright: ignore[reportUnknownMemberType]
        length = norm(x, p=2, dim=-1, keepdim=True, dtype=wide)
        scale = torch.rsqrt(length.square_().div_(x.shape[-1]).add_(eps))  # (N, 1)
        ctx.save_for_backward(x, weight, scale)
        return (x * scale.to(x.dtype)).mul_(weight.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, scale = ctx.saved_tensors
        grad, w = grads[0], weight.to(grads[0].dtype)
        product = grad * x  # (N, size)
        narrow = scale.to(x.dtype)
        d_weight = product.t() @ narrow  # (size, 1)
        dot = (product @ w[:, None]).float()  # (N, 1)
        pull = (dot * scale.pow(3) / -x.shape[-1]).to(x.dtype)
        d_x = (x * pull).addcmul_(grad * w, narrow)
        return d_x, d_weight[:, 0].to(weight.dtype), None


class Linear(nn.Linear):
    """`nn.Linear` that computes in the dtype of its input; the weights keep theirs."""

    def forward(self, input: Tensor) -> Tensor:
        bias = cast("Tensor | None", self.bias)
        bias = None if bias is None else bias.to(input.dtype)
        return F.linear(input, self.weight.to(input.dtype), bias)


class Attention(nn.Module):
    """Projections around attention; `attend` does the attention itself."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        d, hd = config.hidden_size, config.head_dim
        self.layer, self.heads, self.kv_heads, self.head_dim = (
            layer,
            config.num_heads,
            config.num_kv_heads,
            hd,
        )
        self.q_proj = Linear(d, config.num_heads * hd, bias=config.qkv_bias)
        self.k_proj = Linear(d, config.num_kv_heads * hd, bias=config.qkv_bias)
        self.v_proj = Linear(d, config.num_kv_heads * hd, bias=config.qkv_bias)
        self.o_proj = Linear(config.num_heads * hd, d, bias=False)
        self.q_norm = RMSNorm(hd, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(hd, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend, keep: Tensor | None) -> Tensor:
        queries, q_cos, q_sin = (x, cos, sin) if keep is None else (x[keep], cos[keep], sin[keep])
        q = self.q_proj(queries).view(-1, self.heads, self.head_dim)  # (M, heads, head_dim)
        k = self.k_proj(x).view(-1, self.kv_heads, self.head_dim)  # (N, kv_heads, head_dim)
        v = self.v_proj(x).view(-1, self.kv_heads, self.head_dim)  # (N, kv_heads, head_dim)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        out = attend(self.layer, rotate(q, q_cos, q_sin), rotate(k, cos, sin), v)
        return self.o_proj(out.reshape(-1, self.heads * self.head_dim))  # (M, hidden)


class MLP(nn.Module):
    """SwiGLU: silu(gate) * up, projected down (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """One pre-norm layer: attention, then feed-forward, each added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend, keep: Tensor | None) -> Tensor:
        attended = self.self_attn(self.input_layernorm(x), cos, sin, attend, keep)
        x = (x if keep is None else x[keep]) + attended
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embedding, layers and final norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)


class Transformer(nn.Module):
    """The whole decoder, from token ids to logits."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        self.lm_head = (
            None if config.tie_embeddings else Linear(config.hidden_size, config.vocab_size, bias=False)
        )
        self.cos: Tensor
        self.sin: Tensor
        self.place_rotary_tables("cpu")

    def place_rotary_tables(self, device: str | torch.device) -> None:
        """Compute cosine and sine of every position, (context_length, head_dim) float32, on `device`."""
        with torch.device("cpu"):
            angle = torch.arange(self.config.context_length).float()[:, None] * rotary_frequencies(
                self.config
            )
        angle = torch.cat((angle, angle), dim=-1).to(device)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw fresh weights: normal, deviation 1/sqrt(fan in); those of deep residual branches smaller."""
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.dim() < 2:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            deviation = weight.shape[1] ** -0.5
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                deviation /= (2 * self.config.num_layers) ** 0.5
            weight.normal_(0.0, deviation, generator=generator)

    def hidden(
        self,
        tokens: Tensor,
        positions: Tensor,
        attend: Attend,
        keep: Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Final normed hidden states of a flat batch.

        Args:
            tokens: (N,) int64 ids.
            positions: (N,) int64, each in [0, context_length).
            attend: Which token sees which; called once per layer.
            keep: (M,) indices into N whose output is wanted; None wants all. The last layer then computes
                queries, feed-forward and norm for these M only.
            dtype: Dtype to compute in; None takes that of the weights.

        Returns:
            (M, hidden_size) in `dtype`.
        """
        x = F.embedding(tokens, self.model.embed_tokens.weight)  # (N, hidden)
        x = x if dtype is None else x.to(dtype)
        cos = self.cos[positions].to(x.dtype)[:, None]  # (N, 1, head_dim)
        sin = self.sin[positions].to(x.dtype)[:, None]
        last = len(self.model.layers) - 1
        for layer, block in enumerate(self.model.layers):
            x = block(x, cos, sin, attend, keep if layer == last else None)
        return self.model.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (M, vocab_size), from hidden states (M, hidden_size)."""
        head = self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight
        return F.linear(hidden, head.to(hidden.dtype))

    def forward(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits (B, T, vocab_size) of causal rows of tokens (B, T), without a cache.

        `positions` is (B, T) or None for 0..T-1. The plain way, against which faster ones are tested.
        """
        rows, length = tokens.shape
        if positions is None:
            positions = torch.arange(length, device=tokens.device).expand(rows, length)
        attend = DocumentAttention([length] * rows)
        hidden = self.hidden(tokens.reshape(-1), positions.reshape(-1), attend)
        return self.logits(hidden).view(rows, length, -1)


class DocumentAttention:
    """Causal attention inside each of several documents laid end to end in a flat batch.

    No padding and no attention across documents. With `keep` (sorted indices into the flat batch) the last
    layer's queries are only those rows.
    """

    def __init__(self, lengths: Sequence[int], keep: Tensor | None = None) -> None:
        self.lengths = list(lengths)
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
        outputs: list[Tensor] = []
        parts = zip(
            torch.split(q, sizes), torch.split(k, self.lengths), torch.split(v, self.lengths), strict=True
        )
        for document, (qi, ki, vi) in enumerate(parts):
            if len(qi):
                rows = None if whole or self.kept is None else self.kept[document]
                outputs.append(causal_attention(qi, ki, vi, rows))
        return torch.cat(outputs)


def causal_attention(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None = None, hidden: Tensor | None = None
) -> Tensor:
    """Scaled dot-product attention of one sequence, each query seeing the keys up to its own row.

    Plain batched products: on CPU in bfloat16 twice as fast as `scaled_dot_product_attention`, forwards and
    backwards, at a few hundred tokens. Query heads that share a key head are stacked, so keys are not copied.
    Where the scores would need much memory, `scaled_dot_product_attention` is taken after all.

    Args:
        q: (M, heads, head_dim).
        k, v: (N, kv_heads, head_dim).
        rows: (M,) row of each query among the keys; None when M is N or the queries are the last M rows.
        hidden: (M, N) bool, True where a key must not be seen; None for causal.

    Returns:
        (M, heads, head_dim).
    """
    queries, heads, head_dim = q.shape
    keys, kv_heads, _ = k.shape
    group = heads // kv_heads
    if hidden is None:
        if rows is None:
            rows = torch.arange(keys - queries, keys, device=q.device)
        hidden = torch.arange(keys, device=q.device)[None, :] > rows[:, None]  # (queries, keys)
    if heads * queries * keys > _LARGE:
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        heads_first = (x.transpose(0, 1)[None] for x in (q, k, v))  # (1, heads, M or N, head_dim)
        return F.scaled_dot_product_attention(*heads_first, attn_mask=~hidden)[0].transpose(0, 1)
    mask = torch.zeros(queries, keys, dtype=q.dtype, device=q.device).masked_fill_(hidden, float("-inf"))
    mask = mask.repeat(group, 1)  # (group * queries, keys)
    stacked = q.view(queries, kv_heads, group, head_dim).permute(1, 2, 0, 3)
    stacked = stacked.reshape(kv_heads, group * queries, head_dim)
    scores = torch.baddbmm(mask, stacked, k.permute(1, 2, 0), alpha=head_dim**-0.5)
    mixed = torch.bmm(scores.softmax(dim=-1), v.transpose(0, 1))  # (kv_heads, group * queries, head_dim)
    mixed = mixed.view(kv_heads, group, queries, head_dim).permute(2, 0, 1, 3)
    return mixed.reshape(queries, heads, head_dim)
