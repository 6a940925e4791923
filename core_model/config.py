"""The shape of a transformer, read from and written to a Hugging Face `config.json`.

One description for every family: the decoders `llama`, `mistral`, `qwen2`, `qwen3` (RMSNorm, rotary
positions, SwiGLU), their mixtures of experts `mixtral` and `qwen3_moe`, `gpt2` (LayerNorm, learned positions,
GELU), the encoder `bert`, and `marian`, the encoder-decoder of Vaswani et al. 2017 (post-norm, sinusoidal
positions).

What it does not cover is refused with `UnknownCheckpoint`, never approximated: rotary scaling other than
`default`, `linear`, `llama3` and `yarn`, quantised weights, activations and attention variants that are not
listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .config_json import CLASSES, Activation, read_fields, write_fields
from .config_json import read_settings as read_settings
from .config_json import token_ids as token_ids
from .errors import NotSupported, UnknownCheckpoint

MODEL_TYPES = tuple(CLASSES)


@dataclass(frozen=True)
class RopeScaling:
    """How rotary frequencies are stretched for a longer context.

    Attributes:
        kind: default, linear (Chen et al. 2023, arXiv:2306.15595), llama3 (the Llama 3.1 release) or yarn
            (Peng et al. 2023, arXiv:2309.00071).
        factor: How much longer the context is.
        low_freq_factor, high_freq_factor: llama3: turns within the original context up to which a frequency
            is divided by `factor`, and from which it is kept.
        original_context: Tokens of the context that the model was trained with.
        attention_factor: yarn: what queries and keys are multiplied by.
        beta_fast, beta_slow: yarn: turns within the original context from which a frequency is kept, and up
            to which it is divided by `factor`.
        truncate: yarn: whether the dimensions between which it changes are whole numbers.
    """

    kind: str = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_context: int = 8192
    attention_factor: float = 1.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True


@dataclass(frozen=True)
class Experts:
    """A mixture of experts instead of one feed-forward network (Shazeer et al. 2017, arXiv:1701.06538).

    Attributes:
        count: Experts in a layer.
        chosen: How many of them compute each token, 1 to `count`.
        intermediate_size: Width of one expert.
        normalise: Whether the weights of the chosen experts are scaled to sum 1.
        dense_layers: Layers that have an ordinary feed-forward network all the same, ascending.
    """

    count: int
    chosen: int
    intermediate_size: int
    normalise: bool = True
    dense_layers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.chosen <= self.count:
            raise ValueError(f"num_experts_per_tok {self.chosen!r} must be in 1 to {self.count}.")
        if self.intermediate_size < 1:
            raise ValueError(f"intermediate size {self.intermediate_size!r} of experts must be at least 1.")


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and kinds of the blocks. `context_length` is the longest sequence in tokens that it may be given.

    The defaults are those of a Llama-type decoder (`llama_type`).

    Attributes:
        qkv_bias, output_bias, mlp_bias: Which products have biases; `output_bias` is that of attention.
        qk_norm: Whether each query and key head is normed (RMSNorm) before rotation.
        norm: RMSNorm or LayerNorm.
        pre_norm: Whether norms stand before attention and feed-forward, or after the addition.
        positions: rotary turns queries and keys; learned and sinusoidal are added to the embedding.
        activation, gated: Of the feed-forward network; gated with silu is SwiGLU.
        causal: Whether a token sees only itself and what precedes it. False makes an encoder.
        embedding_scale: Factor of token embeddings.
        embedding_norm: Whether the sum of embeddings is normed.
        token_types: Rows of the token type table (BERT), 0 for none; only type 0 is used.
        sliding_window: Tokens that a query sees, itself included; None for all. See `window`.
        full_layers: Layers without the sliding window, ascending.
        experts: Mixture of experts, None for none.
        encoder: The encoder whose states this decoder reads through cross-attention, None for none.
        share_embeddings: Whether `encoder` has the same token embeddings.
        start_token_id: What a decoder with an encoder begins with.
    """

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    context_length: int = 2048
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling = RopeScaling()
    norm_eps: float = 1e-5
    tie_embeddings: bool = True
    qkv_bias: bool = False
    qk_norm: bool = False
    model_type: str = "llama"
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    pad_token_id: int | None = None
    output_bias: bool = False
    mlp_bias: bool = False
    norm: Literal["rms", "layer"] = "rms"
    pre_norm: bool = True
    positions: Literal["rotary", "learned", "sinusoidal"] = "rotary"
    activation: Activation = "silu"
    gated: bool = True
    causal: bool = True
    embedding_scale: float = 1.0
    embedding_norm: bool = False
    token_types: int = 0
    sliding_window: int | None = None
    full_layers: tuple[int, ...] = ()
    experts: Experts | None = None
    encoder: ModelConfig | None = None
    share_embeddings: bool = False
    start_token_id: int | None = None

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "hidden_size", "num_layers", "num_heads", "num_kv_heads", "head_dim")
        for name in (*sizes, "intermediate_size", "context_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)!r} must be at least 1.")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads {self.num_heads!r} must be a multiple of num_kv_heads {self.num_kv_heads!r}."
            )
        if self.positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"head_dim {self.head_dim!r} must be even: rotary positions turn pairs.")
        if self.positions == "sinusoidal" and self.hidden_size % 2:
            raise ValueError(f"hidden_size {self.hidden_size!r} must be even: sines and cosines are halves.")
        if self.sliding_window is not None and self.sliding_window < 1:
            raise ValueError(f"sliding_window {self.sliding_window!r} must be at least 1, or None.")
        if self.encoder is not None and self.encoder.hidden_size != self.hidden_size:
            raise ValueError(
                f"hidden_size {self.hidden_size!r} must be that of the encoder, {self.encoder.hidden_size!r}."
            )

    @property
    def llama_type(self) -> bool:
        """Whether it is a dense decoder of RMSNorm, rotary positions and SwiGLU without biases there.

        Biases of q, k and v, normed query and key heads, and sliding windows may be there. What is written
        for such decoders only (`native`, `gpu`) asks this, and so yarn, which scales too, is left out.
        """
        blocks = (self.norm, self.positions, self.activation) == ("rms", "rotary", "silu")
        plain = self.embedding_scale == self.rope_scaling.attention_factor == 1.0
        plain = plain and not self.embedding_norm and not self.token_types
        biased = self.output_bias or self.mlp_bias
        decoder = self.causal and self.encoder is None and self.experts is None
        return blocks and plain and decoder and self.gated and self.pre_norm and not biased

    def window(self, layer: int) -> int | None:
        """Tokens that a query of `layer` sees, itself included; None where it sees all before it.

        Source: Beltagy et al. 2020, arXiv:2004.05150.
        """
        return None if layer in self.full_layers else self.sliding_window

    def is_sparse(self, layer: int) -> bool:
        """Whether `layer` has a mixture of experts."""
        return self.experts is not None and layer not in self.experts.dense_layers

    @property
    def parameters(self) -> int:
        """Number of weights, tied embeddings counted once, those of `encoder` included."""
        d, q, kv = self.hidden_size, self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        norm = 2 * d if self.norm == "layer" else d
        attention = d * (q + 2 * kv) + (q + 2 * kv) * self.qkv_bias + q * d + d * self.output_bias
        attention += 2 * self.head_dim * self.qk_norm
        layer = attention + 2 * norm + (0 if self.encoder is None else attention + norm)
        total = self.num_layers * layer + norm * (self.pre_norm + self.embedding_norm)
        for number in range(self.num_layers):
            if self.experts is not None and self.is_sparse(number):
                total += self.experts.count * (d + 3 * d * self.experts.intermediate_size)
            else:
                products = 3 if self.gated else 2
                biases = (products - 1) * self.intermediate_size + d
                total += products * d * self.intermediate_size + biases * self.mlp_bias
        total += self.context_length * d * (self.positions == "learned") + self.token_types * d
        total += self.vocab_size * d * (1 if self.tie_embeddings or not self.causal else 2)
        if self.encoder is not None:
            total += self.encoder.parameters - self.vocab_size * d * self.share_embeddings
        return total

    @classmethod
    def from_hf(cls, hf: Mapping[str, Any], source: object = "config.json") -> ModelConfig:
        """Read the mapping of a Hugging Face `config.json`.

        Raises:
            UnknownCheckpoint: the architecture, or a feature of it, is not supported.
        """
        kind = str(hf.get("model_type", ""))
        if kind not in MODEL_TYPES:
            raise UnknownCheckpoint(
                source,
                f"model_type is {kind!r}",
                f"Supported are {', '.join(MODEL_TYPES)}; serve others with vLLM or Ollama and pass the URL.",
            )
        fields = read_fields(hf, source)
        if (scaling := fields.pop("rope_scaling", None)) is not None:
            fields["rope_scaling"] = RopeScaling(**scaling)
        if (experts := fields.pop("experts", None)) is not None:
            fields["experts"] = Experts(**experts)
        if (encoder := fields.pop("encoder", None)) is not None:
            fields["encoder"] = cls(**encoder)
        return cls(**fields)

    def to_hf(self) -> dict[str, Any]:
        """The mapping that Hugging Face loaders read as `config.json`.

        Raises:
            NotSupported: An encoder or an encoder-decoder, which are only read, or a combination that the
                family named by `model_type` does not have.
        """
        if not self.causal or self.encoder is not None:
            raise NotSupported(self.model_type, "be written", "Keep the folder that it was read from.")
        hf = write_fields(self)
        if ModelConfig.from_hf(hf) != self:
            raise NotSupported(
                self.model_type, f"be written: {self!r} has blocks of another family", "Change model_type."
            )
        return hf

    @classmethod
    def load(cls, folder: Path | str) -> ModelConfig:
        """Read `config.json` in `folder`; `UnknownCheckpoint` when it is absent or of no use."""
        path = Path(folder) / "config.json"
        remedy = "Give a Hugging Face folder with config.json, *.safetensors and tokenizer.json."
        if not path.is_file():
            raise UnknownCheckpoint(folder, "it has no config.json", remedy)
        hf = read_settings(path)
        try:
            return cls.from_hf(hf, path)
        except KeyError as error:
            raise UnknownCheckpoint(path, f"the key {error.args[0]!r} is absent", remedy) from error
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            remedy = "Correct it, or fetch or copy the checkpoint again."
            raise UnknownCheckpoint(path, f"its values do not make a model ({error})", remedy) from error
