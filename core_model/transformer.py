"""One transformer for every family that `ModelConfig` describes, from token ids to logits.

Every layer works on a *flat* batch: `tokens` and `positions` are (N,), where the N tokens may belong to any
number of sequences. Only attention knows which token may see which; it is given as a function (`attention`),
so training, plain causal rows, encoders and the engine's key-value cache share this file.

Parameters of Llama-type decoders carry their Hugging Face names (`model.layers.0.self_attn.q_proj.weight`),
so `state_dict()` is a checkpoint; those of other families are mapped onto the same names when they are read
(`architectures`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attend as Attend
from .attention import CrossAttention as CrossAttention
from .attention import DocumentAttention as DocumentAttention
from .attention import attention as attention
from .attention import causal_attention as causal_attention
from .config import Activation, Experts, ModelConfig
from .errors import NotSupported

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of the positions of a flat batch, each (N, 1, head_dim)."""


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
    if scaling.kind == "yarn":
        divided = _yarn_share(config)
        return divided * frequencies / scaling.factor + (1 - divided) * frequencies
    return frequencies


def _yarn_share(config: ModelConfig) -> Tensor:
    """How far the frequency of each pair is divided by the factor, 0 to 1 (Peng et al. 2023, section 3.2)."""
    scaling = config.rope_scaling

    def pair(turns: float) -> float:  # whose frequency makes so many turns within the original context
        turned = math.log(scaling.original_context / (turns * 2 * math.pi))
        return config.head_dim * turned / (2 * math.log(config.rope_theta))

    low, high = pair(scaling.beta_fast), pair(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, config.head_dim - 1)
    pairs = torch.arange(config.head_dim // 2, dtype=torch.float32, device="cpu")
    return ((pairs - low) / (high - low or 0.001)).clamp(0, 1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pairs (i, i + head_dim/2) of x (N, heads, head_dim) by cos, sin (N, 1, head_dim)."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


def rotation(positions: Tensor, frequencies: Tensor) -> Rotation:
    """Cosines and sines, each (N, 1, head_dim), of positions (N,) and `rotary_frequencies`, in float32."""
    angle = positions.to(frequencies.dtype)[:, None, None] * frequencies  # (N, 1, head_dim / 2)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1)


def sinusoids(positions: Tensor, size: int) -> Tensor:
    """Sines, then cosines, of positions (N,) at geometric wavelengths 2 pi to 20,000 pi: (N, size), float32.

    Source: Vaswani et al. 2017, section 3.5; here in two halves as in Marian, not alternating.
    """
    wide = torch.arange(0, size, 2, dtype=torch.float64, device=positions.device) / size
    angle = positions.to(torch.float64)[:, None] / 10_000**wide  # (N, size / 2)
    return torch.cat((angle.sin(), angle.cos()), dim=-1).float()


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

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:  # drawing nothing at random there imports a hundred megabytes of torch
            super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        bias = cast("Tensor | None", self.bias)
        bias = None if bias is None else bias.to(input.dtype)
        return F.linear(input, self.weight.to(input.dtype), bias)


class Embedding(nn.Embedding):
    """A table of vectors by id."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:  # as in Linear
            super().reset_parameters()


class LayerNorm(nn.LayerNorm):
    """Shift to mean 0, scale to variance 1, then a learned scale and shift (Ba et al. 2016).

    Computes in the dtype of its input.
    """

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        return F.layer_norm(input, (input.shape[-1],), weight, bias, self.eps)


def make_norm(config: ModelConfig) -> RMSNorm | LayerNorm:
    """A norm of hidden states, of the kind that `config` names."""
    if config.norm == "rms":
        return RMSNorm(config.hidden_size, config.norm_eps)
    return LayerNorm(config.hidden_size, config.norm_eps)


def activate(x: Tensor, kind: Activation) -> Tensor:
    """SiLU x sigmoid(x) and GELU x Phi(x), exact or by tanh (Hendrycks and Gimpel 2016), or ReLU."""
    if kind == "silu":
        return F.silu(x)
    if kind == "relu":
        return F.relu(x)
    return F.gelu(x, approximate="tanh" if kind == "gelu_tanh" else "none")


class Attention(nn.Module):
    """Projections around attention; `attend` does the attention itself."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        d, hd, biased = config.hidden_size, config.head_dim, config.qkv_bias
        self.layer, self.head_dim = layer, hd
        self.heads, self.kv_heads = config.num_heads, config.num_kv_heads
        self.q_proj = Linear(d, config.num_heads * hd, bias=biased)
        self.k_proj = Linear(d, config.num_kv_heads * hd, bias=biased)
        self.v_proj = Linear(d, config.num_kv_heads * hd, bias=biased)
        self.o_proj = Linear(config.num_heads * hd, d, bias=config.output_bias)
        self.q_norm = RMSNorm(hd, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(hd, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, turn: Rotation | None, attend: Attend, keep: Tensor | None) -> Tensor:
        """Self-attention of x (N, hidden); queries only of the rows `keep` (M,). Returns (M, hidden)."""
        q = self.queries(x if keep is None else x[keep])  # (M, heads, head_dim)
        k, v = self.keys_values(x)  # (N, kv_heads, head_dim)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if turn is not None:
            cos, sin = turn
            q = rotate(q, cos, sin) if keep is None else rotate(q, cos[keep], sin[keep])
            k = rotate(k, cos, sin)
        out = attend(self.layer, q, k, v)
        return self.o_proj(out.reshape(-1, self.heads * self.head_dim))

    def across(self, x: Tensor, cross: CrossAttention) -> Tensor:
        """Cross-attention: queries of x (N, hidden), keys and values of an encoder's states."""
        out = cross(self.layer, self.queries(x), self.keys_values)
        return self.o_proj(out.reshape(-1, self.heads * self.head_dim))  # (N, hidden)

    def queries(self, x: Tensor) -> Tensor:
        return self.q_proj(x).view(-1, self.heads, self.head_dim)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        k = self.k_proj(x).view(-1, self.kv_heads, self.head_dim)
        return k, self.v_proj(x).view(-1, self.kv_heads, self.head_dim)


class MLP(nn.Module):
    """SwiGLU: silu(gate) * up, projected down (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, wide, biased = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.activation: Activation = config.activation
        self.gate_proj = Linear(d, wide, bias=biased)
        self.up_proj = Linear(d, wide, bias=biased)
        self.down_proj = Linear(wide, d, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(activate(self.gate_proj(x), self.activation) * self.up_proj(x))


class FeedForward(nn.Module):
    """Two products with an activation between them (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation: Activation = config.activation
        self.up_proj = Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(activate(self.up_proj(x), self.activation))


class ExpertWeights(nn.Module):
    """SwiGLU networks of one size; the first index is the expert's number."""

    def __init__(self, hidden_size: int, experts: Experts, activation: Activation) -> None:
        super().__init__()
        count, width = experts.count, experts.intermediate_size
        self.activation: Activation = activation
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * width, hidden_size))
        self.down_proj = nn.Parameter(torch.empty(count, hidden_size, width))

    def forward(self, expert: int, x: Tensor) -> Tensor:
        gate, up = F.linear(x, self.gate_up_proj[expert].to(x.dtype)).chunk(2, dim=-1)
        return F.linear(activate(gate, self.activation) * up, self.down_proj[expert].to(x.dtype))


class MixtureOfExperts(nn.Module):
    """A router sends each token to a few experts and adds what they make of it, weighted.

    Source: Shazeer et al. 2017 (arXiv:1701.06538); softmax over all experts before the choice as in Mixtral
    (Jiang et al. 2024, arXiv:2401.04088). No expert has a capacity, so no token is dropped, and there is no
    loss that balances them.
    """

    def __init__(self, config: ModelConfig, experts: Experts) -> None:
        super().__init__()
        self.chosen, self.normalise = experts.chosen, experts.normalise
        self.gate = Linear(config.hidden_size, experts.count, bias=False)
        self.experts = ExpertWeights(config.hidden_size, experts, config.activation)

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        share, chosen = self.gate(x).softmax(dim=-1, dtype=wide).topk(self.chosen, dim=-1)  # (N, chosen)
        if self.normalise:
            share = share / share.sum(dim=-1, keepdim=True)
        share = share.to(x.dtype)
        mixed = torch.zeros_like(x)
        for expert in cast("list[int]", chosen.unique().tolist()):
            rows, places = torch.where(chosen == expert)
            made = self.experts(expert, x[rows]) * share[rows, places, None]
            mixed = mixed.index_add(0, rows, made)
        return mixed


def make_feed_forward(config: ModelConfig, layer: int) -> MLP | FeedForward | MixtureOfExperts:
    """The network after the attention of `layer`, of the kind that `config` names."""
    if config.experts is not None and config.is_sparse(layer):
        return MixtureOfExperts(config, config.experts)
    return MLP(config) if config.gated else FeedForward(config)


class Block(nn.Module):
    """One layer: attention, in a decoder with an encoder cross-attention, feed-forward.

    Each is added to the residual stream. With `pre_norm` its input is normed (Xiong et al. 2020,
    arXiv:2002.04745), otherwise the sum (Vaswani et al. 2017). Names are those of pre-norm: with post-norm
    `input_layernorm` norms the sum after attention, `post_attention_layernorm` that after feed-forward.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.input_layernorm = make_norm(config)
        self.self_attn = Attention(config, layer)
        self.cross_layernorm = None if config.encoder is None else make_norm(config)
        self.cross_attn = None if config.encoder is None else Attention(config, layer)
        self.post_attention_layernorm = make_norm(config)
        self.mlp = make_feed_forward(config, layer)

    def forward(
        self,
        x: Tensor,
        turn: Rotation | None,
        attend: Attend,
        keep: Tensor | None = None,
        cross: CrossAttention | None = None,
    ) -> Tensor:
        kept = x if keep is None else x[keep]
        if self.pre_norm:
            x = kept + self.self_attn(self.input_layernorm(x), turn, attend, keep)
            if self.cross_attn is not None and self.cross_layernorm is not None and cross is not None:
                x = x + self.cross_attn.across(self.cross_layernorm(x), cross)
            return x + self.mlp(self.post_attention_layernorm(x))
        x = self.input_layernorm(kept + self.self_attn(x, turn, attend, keep))
        if self.cross_attn is not None and self.cross_layernorm is not None and cross is not None:
            x = self.cross_layernorm(x + self.cross_attn.across(x, cross))
        return self.post_attention_layernorm(x + self.mlp(x))


class Stack(nn.Module):
    """Embedding, positions, layers and final norm; an encoder, or a decoder without its head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.hidden_size
        self.embed_tokens = Embedding(config.vocab_size, d)
        learned = config.positions == "learned"
        self.embed_positions = Embedding(config.context_length, d) if learned else None
        self.embed_types = Embedding(config.token_types, d) if config.token_types else None
        self.embed_norm = make_norm(config) if config.embedding_norm else None
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.norm = make_norm(config) if config.pre_norm else None
        self.frequencies = rotary_frequencies(config) if config.positions == "rotary" else None

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        attend: Attend,
        keep: Tensor | None = None,
        dtype: torch.dtype | None = None,
        cross: CrossAttention | None = None,
    ) -> Tensor:
        """Final hidden states; as `Transformer.hidden`, and `cross` is what a decoder reads of an encoder."""
        x = self.embed(tokens, positions, dtype)  # (N, hidden)
        turn = self._turn(positions, x.dtype)
        last = len(self.layers) - 1
        for layer, block in enumerate(self.layers):
            x = block(x, turn, attend, keep if layer == last else None, cross)
        return x if self.norm is None else self.norm(x)

    def embed(self, tokens: Tensor, positions: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """What enters the first layer, (N, hidden), of tokens and positions (N,)."""
        x = F.embedding(tokens, self.embed_tokens.weight)
        x = x if dtype is None else x.to(dtype)
        if self.config.embedding_scale != 1.0:
            x = x * self.config.embedding_scale
        if self.embed_types is not None:
            x = x + self.embed_types.weight[0].to(x.dtype)
        if self.embed_positions is not None:
            x = x + F.embedding(positions, self.embed_positions.weight).to(x.dtype)
        if self.config.positions == "sinusoidal":
            x = x + sinusoids(positions, self.config.hidden_size).to(x.dtype)
        return x if self.embed_norm is None else self.embed_norm(x)

    def _turn(self, positions: Tensor, dtype: torch.dtype) -> Rotation | None:
        if self.frequencies is None:
            return None
        cos, sin = rotation(positions, self.frequencies.to(positions.device))
        if (factor := self.config.rope_scaling.attention_factor) != 1.0:
            cos, sin = cos * factor, sin * factor
        return cos.to(dtype), sin.to(dtype)


class Transformer(nn.Module):
    """A stack and its head. Of an encoder only the hidden states; of a decoder the logits too."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.encoder is not None:
            raise NotSupported(
                config.model_type, "be a Transformer: it reads an encoder", "Make an EncoderDecoder of it."
            )
        self.config = config
        self.model = Stack(config)
        tied = config.tie_embeddings or not config.causal
        self.lm_head = None if tied else Linear(config.hidden_size, config.vocab_size, bias=False)

    def place_rotary_tables(self, device: str | torch.device) -> None:
        """Keep the rotary frequencies, (head_dim / 2,) float32, on `device`, so no step has to move them."""
        if self.model.frequencies is not None:
            self.model.frequencies = rotary_frequencies(self.config).to(device)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw fresh weights: normal, deviation 1/sqrt(fan in); those of deep residual branches smaller."""
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.dim() < 2:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            deviation = weight.shape[-1] ** -0.5
            if name.endswith(("o_proj.weight", "down_proj.weight", "down_proj")):
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
        """Final hidden states of a flat batch, normed.

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
        return self.model(tokens, positions, attend, keep, dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (M, vocab_size), from hidden states (M, hidden_size).

        Raises:
            NotSupported: It is an encoder, which predicts no next token.
        """
        if not self.config.causal:
            raise NotSupported(self.config.model_type, "predict a next token", "Load a decoder for that.")
        head = self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight
        return F.linear(hidden, head.to(hidden.dtype))

    def forward(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits (B, T, vocab_size) of causal rows of tokens (B, T), without a cache.

        `positions` is (B, T) or None for 0..T-1. The plain way, against which faster ones are tested.
        """
        rows, length = tokens.shape
        if positions is None:
            positions = torch.arange(length, device=tokens.device).expand(rows, length)
        attend = DocumentAttention([length] * rows, window=self.config.window)
        hidden = self.hidden(tokens.reshape(-1), positions.reshape(-1), attend)
        return self.logits(hidden).view(rows, length, -1)
