"""The shape of a Llama-type decoder, read from and written to a Hugging Face `config.json`.

Covers `llama`, `mistral` (without a sliding window), `qwen2` (biases on q, k, v) and `qwen3` (RMSNorm on
each query and key head). Does not cover mixtures of experts, sliding windows, or rotary scaling other than
`default`, `linear` and `llama3`: those are refused with `UnknownCheckpoint`, never approximated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .errors import UnknownCheckpoint

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
_CLASSES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}


def read_settings(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a checkpoint.

    Raises:
        UnknownCheckpoint: It is damaged or something else.
    """
    remedy = "Correct it, or fetch or copy the checkpoint again."
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnknownCheckpoint(path, f"it is not JSON ({error})", remedy) from error
    if not isinstance(found, dict):
        raise UnknownCheckpoint(path, "it is not a JSON object", remedy)
    return cast("dict[str, Any]", found)


@dataclass(frozen=True)
class RopeScaling:
    """How rotary frequencies are stretched for a longer context; `kind` is default, linear or llama3."""

    kind: str = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_context: int = 8192


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the decoder. `context_length` is the longest sequence in tokens that it may be given."""

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

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "num_layers", "num_heads", "num_kv_heads", "head_dim"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)!r} must be at least 1.")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads {self.num_heads!r} must be a multiple of num_kv_heads {self.num_kv_heads!r}."
            )
        if self.head_dim % 2:
            raise ValueError(f"head_dim {self.head_dim!r} must be even: rotary positions turn pairs.")

    @property
    def parameters(self) -> int:
        """Number of weights, tied embeddings counted once."""
        d, q, kv = self.hidden_size, self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        layer = d * (q + 2 * kv) + q * d + 3 * d * self.intermediate_size + 2 * d
        layer += (q + 2 * kv) * self.qkv_bias + 2 * self.head_dim * self.qk_norm
        return self.num_layers * layer + d + self.vocab_size * d * (1 if self.tie_embeddings else 2)

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
        if hf.get("hidden_act", "silu") != "silu":
            raise UnknownCheckpoint(
                source, f"hidden_act is {hf['hidden_act']!r}", "Only 'silu' is supported."
            )
        context = int(hf.get("max_position_embeddings", 2048))
        window = hf.get("sliding_window")
        windowed = kind == "mistral" or bool(hf.get("use_sliding_window", False))
        if windowed and window is not None and int(window) < context:
            context = int(window)  # within one window, sliding and full attention are the same
        heads, hidden = int(hf["num_attention_heads"]), int(hf["hidden_size"])
        theta, scaling = _read_rope(hf, source)
        return cls(
            vocab_size=int(hf["vocab_size"]),
            hidden_size=hidden,
            num_layers=int(hf["num_hidden_layers"]),
            num_heads=heads,
            num_kv_heads=int(hf.get("num_key_value_heads") or heads),
            head_dim=int(hf.get("head_dim") or hidden // heads),
            intermediate_size=int(hf["intermediate_size"]),
            context_length=context,
            rope_theta=theta,
            rope_scaling=scaling,
            norm_eps=float(hf.get("rms_norm_eps", 1e-6)),
            tie_embeddings=bool(hf.get("tie_word_embeddings", False)),
            qkv_bias=kind == "qwen2" or bool(hf.get("attention_bias", False)),
            qk_norm=kind == "qwen3",
            model_type=kind,
            bos_token_id=hf.get("bos_token_id"),
            eos_token_ids=token_ids(hf.get("eos_token_id")),
            pad_token_id=hf.get("pad_token_id"),
        )

    def to_hf(self) -> dict[str, Any]:
        """The mapping that Hugging Face loaders read as `config.json`."""
        rope: dict[str, Any] = {"rope_type": self.rope_scaling.kind, "rope_theta": self.rope_theta}
        if self.rope_scaling.kind != "default":
            rope["factor"] = self.rope_scaling.factor
        if self.rope_scaling.kind == "llama3":
            rope["low_freq_factor"] = self.rope_scaling.low_freq_factor
            rope["high_freq_factor"] = self.rope_scaling.high_freq_factor
            rope["original_max_position_embeddings"] = self.rope_scaling.original_context
        eos = list(self.eos_token_ids)
        hf: dict[str, Any] = {
            "architectures": [_CLASSES[self.model_type]],
            "model_type": self.model_type,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_kv_heads,
            "head_dim": self.head_dim,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.context_length,
            "rope_theta": self.rope_theta,  # read by transformers 4
            "rope_parameters": rope,  # read by transformers 5
            "rms_norm_eps": self.norm_eps,
            "tie_word_embeddings": self.tie_embeddings,
            "attention_bias": self.qkv_bias,
            "hidden_act": "silu",
            "torch_dtype": "bfloat16",
            "bos_token_id": self.bos_token_id,
            "eos_token_id": None if not eos else eos[0] if len(eos) == 1 else eos,
            "pad_token_id": self.pad_token_id,
        }
        if self.rope_scaling.kind != "default":
            hf["rope_scaling"] = rope
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


def token_ids(named: object) -> tuple[int, ...]:
    """What Hugging Face files name as end tokens: one id, several, or None.

    Raises:
        TypeError: It is something else.
    """
    ids = cast("list[object]", named) if isinstance(named, list) else [] if named is None else [named]
    found = tuple(each for each in ids if isinstance(each, int))
    if len(found) < len(ids):
        raise TypeError(f"eos_token_id is {named!r}, no token id")
    return found


def _read_rope(hf: Mapping[str, Any], source: object) -> tuple[float, RopeScaling]:
    new: Mapping[str, Any] = hf.get("rope_parameters") or {}
    old: Mapping[str, Any] = hf.get("rope_scaling") or {}
    rope = {**old, **new}
    theta = float(rope.get("rope_theta") or hf.get("rope_theta") or 10_000.0)
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    if kind not in ("default", "linear", "llama3"):
        raise UnknownCheckpoint(source, f"rope_type is {kind!r}", "Supported are default, linear and llama3.")
    return theta, RopeScaling(
        kind=kind,
        factor=float(rope.get("factor", 1.0)),
        low_freq_factor=float(rope.get("low_freq_factor", 1.0)),
        high_freq_factor=float(rope.get("high_freq_factor", 4.0)),
        original_context=int(rope.get("original_max_position_embeddings", 8192)),
    )
