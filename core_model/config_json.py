"""Between the `config.json` of each Hugging Face family and the fields of `ModelConfig`.

The sizes of a model must be there; other keys that are absent mean what they mean in the config classes of
transformers. What a family can say and this package cannot compute is refused with `UnknownCheckpoint`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from .errors import UnknownCheckpoint

if TYPE_CHECKING:
    from .config import ModelConfig

Activation = Literal["silu", "gelu", "gelu_tanh", "relu"]

_ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
_DAMAGED = "Correct it, or fetch or copy the checkpoint again."
_BIASED: dict[str, Any] = {
    "norm": "layer",
    "gated": False,
    "qkv_bias": True,
    "output_bias": True,
    "mlp_bias": True,
}
CLASSES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "bert": "BertModel",
    "marian": "MarianMTModel",
}
_LLAMA: dict[str, Any] = {"max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2}
_QWEN: dict[str, Any] = {
    "max_position_embeddings": 32_768,
    "num_key_value_heads": 32,
    "sliding_window": 4096,  # where `use_sliding_window` is true
    "max_window_layers": 28,
}
_MISTRAL = _LLAMA | {"max_position_embeddings": 131_072, "num_key_value_heads": 8, "sliding_window": 4096}
_ABSENT: dict[str, dict[str, Any]] = {
    "llama": _LLAMA,
    "mistral": _MISTRAL,
    "qwen2": _QWEN,
    "qwen3": _QWEN | {"head_dim": 128},
    "mixtral": _MISTRAL | {"sliding_window": None, "rms_norm_eps": 1e-5, "rope_theta": 1_000_000.0},
    "qwen3_moe": _QWEN | {"num_key_value_heads": 4},
    "gpt2": {"bos_token_id": 50_256, "eos_token_id": 50_256},
    "bert": {"pad_token_id": 0},
    "marian": {"eos_token_id": 0, "pad_token_id": 58_100},
}
"""What keys mean where they are absent, as far as it differs from family to family."""


def read_settings(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a checkpoint.

    Raises:
        UnknownCheckpoint: It is absent, damaged or something else.
    """
    found = _read_json(path)
    if not isinstance(found, dict):
        raise UnknownCheckpoint(path, "it is not a JSON object", _DAMAGED)
    return cast("dict[str, Any]", found)


def read_list(path: Path) -> list[object]:
    """The JSON array in a file of a checkpoint; raises as `read_settings`."""
    found = _read_json(path)
    if not isinstance(found, list):
        raise UnknownCheckpoint(path, "it is not a JSON array", _DAMAGED)
    return cast("list[object]", found)


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownCheckpoint(path, f"it cannot be read ({error})", _DAMAGED) from error
    except ValueError as error:
        raise UnknownCheckpoint(path, f"it is not JSON ({error})", _DAMAGED) from error


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


def read_fields(hf: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Arguments of `ModelConfig`; those of `rope_scaling`, `experts` and `encoder` as mappings.

    Args:
        hf: A `config.json` whose `model_type` is one of `CLASSES`.
        source: What errors name.

    Raises:
        UnknownCheckpoint: A feature is not supported.
        KeyError, TypeError, ValueError: A value is absent or makes no sense.
    """
    if hf.get("quantization_config") is not None:
        raise UnknownCheckpoint(
            source,
            f"its weights are quantised ({hf['quantization_config']!r})",
            "Fetch the checkpoint in bfloat16, float16 or float32.",
        )
    hf = _ABSENT[hf["model_type"]] | dict(hf)
    fields = _READERS.get(hf["model_type"], _read_llama)(hf, source)
    return fields | {
        "model_type": hf["model_type"],
        "bos_token_id": hf.get("bos_token_id"),
        "eos_token_ids": token_ids(hf.get("eos_token_id")),
        "pad_token_id": hf.get("pad_token_id"),
    }


def write_fields(config: ModelConfig) -> dict[str, Any]:
    """The `config.json` of a decoder; whether it says everything is for the caller to check."""
    eos = list(config.eos_token_ids)
    hf: dict[str, Any] = {
        "architectures": [CLASSES[config.model_type]],
        "model_type": config.model_type,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "torch_dtype": "bfloat16",
        "bos_token_id": config.bos_token_id,
        "eos_token_id": None if not eos else eos[0] if len(eos) == 1 else eos,
        "pad_token_id": config.pad_token_id,
    }
    return hf | (_write_gpt2(config) if config.model_type == "gpt2" else _write_llama(config))


def _read_llama(hf: Mapping[str, Any], source: object) -> dict[str, Any]:
    """llama, mistral, qwen2, qwen3 and the mixtures mixtral, qwen3_moe."""
    kind, heads, hidden = hf["model_type"], int(hf["num_attention_heads"]), int(hf["hidden_size"])
    _require(hf, source, "hidden_act", "silu", "swish", absent="silu")
    _require(hf, source, "partial_rotary_factor", 1.0, absent=1.0)
    layers = int(hf["num_hidden_layers"])
    window, full_layers = _read_windows(hf, source, layers)
    theta, scaling = _read_rope(hf, source)
    biased = kind in ("llama", "qwen3", "qwen3_moe") and bool(hf.get("attention_bias", False))
    return {
        "vocab_size": int(hf["vocab_size"]),
        "hidden_size": hidden,
        "num_layers": layers,
        "num_heads": heads,
        "num_kv_heads": int(hf.get("num_key_value_heads") or heads),
        "head_dim": int(hf.get("head_dim") or hidden // heads),
        "intermediate_size": int(hf["intermediate_size"]),
        "context_length": int(hf["max_position_embeddings"]),
        "rope_theta": theta,
        "rope_scaling": scaling,
        "norm_eps": float(hf.get("rms_norm_eps", 1e-6)),
        "tie_embeddings": bool(hf.get("tie_word_embeddings", False)),
        "qkv_bias": kind == "qwen2" or biased,
        "output_bias": biased,
        "mlp_bias": kind == "llama" and bool(hf.get("mlp_bias", False)),
        "qk_norm": kind in ("qwen3", "qwen3_moe"),
        "sliding_window": window,
        "full_layers": full_layers,
        "experts": _read_experts(hf, layers),
    }


def _read_gpt2(hf: Mapping[str, Any], source: object) -> dict[str, Any]:
    """GPT-2 (Radford et al. 2019)."""
    _require(hf, source, "scale_attn_weights", True, absent=True)
    _require(hf, source, "scale_attn_by_inverse_layer_idx", False, absent=False)
    _require(hf, source, "add_cross_attention", False, absent=False)
    hidden, heads = int(hf["n_embd"]), int(hf["n_head"])
    return {
        "vocab_size": int(hf["vocab_size"]),
        "hidden_size": hidden,
        "num_layers": int(hf["n_layer"]),
        "num_heads": heads,
        "num_kv_heads": heads,
        "head_dim": _divided(hidden, heads),
        "intermediate_size": int(hf.get("n_inner") or 4 * hidden),
        "context_length": int(hf.get("n_positions", 1024)),
        "norm_eps": float(hf.get("layer_norm_epsilon", 1e-5)),
        "tie_embeddings": bool(hf.get("tie_word_embeddings", True)),
        "activation": _read_activation(hf, source, "activation_function", "gelu_new"),
        "positions": "learned",
        **_BIASED,
    }


def _read_bert(hf: Mapping[str, Any], source: object) -> dict[str, Any]:
    """The encoder of Devlin et al. 2018 (arXiv:1810.04805), without pooler and heads."""
    _require(hf, source, "position_embedding_type", "absolute", absent="absolute")
    _require(hf, source, "is_decoder", False, absent=False)
    hidden, heads = int(hf["hidden_size"]), int(hf["num_attention_heads"])
    return {
        "vocab_size": int(hf["vocab_size"]),
        "hidden_size": hidden,
        "num_layers": int(hf["num_hidden_layers"]),
        "num_heads": heads,
        "num_kv_heads": heads,
        "head_dim": _divided(hidden, heads),
        "intermediate_size": int(hf["intermediate_size"]),
        "context_length": int(hf.get("max_position_embeddings", 512)),
        "norm_eps": float(hf.get("layer_norm_eps", 1e-12)),
        "activation": _read_activation(hf, source, "hidden_act", "gelu"),
        "positions": "learned",
        "pre_norm": False,
        "causal": False,
        "embedding_norm": True,
        "token_types": int(hf.get("type_vocab_size", 2)),
        **_BIASED,
    }


def _read_marian(hf: Mapping[str, Any], source: object) -> dict[str, Any]:
    """The decoder of Marian (Junczys-Dowmunt et al. 2018), its encoder inside.

    Both are the transformer of Vaswani et al. 2017: post-norm, sinusoidal positions, scaled embeddings.
    """
    hidden, vocabulary = int(hf["d_model"]), int(hf["vocab_size"])
    shared = bool(hf.get("share_encoder_decoder_embeddings", True))
    both: dict[str, Any] = {
        "hidden_size": hidden,
        "context_length": int(hf.get("max_position_embeddings", 1024)),
        "norm_eps": 1e-5,
        "activation": _read_activation(hf, source, "activation_function", "gelu"),
        "positions": "sinusoidal",
        "pre_norm": False,
        "embedding_scale": hidden**0.5 if hf.get("scale_embedding", False) else 1.0,
        **_BIASED,
    }

    def side(name: str) -> dict[str, Any]:
        heads = int(hf[f"{name}_attention_heads"])
        return both | {
            "num_layers": int(hf[f"{name}_layers"]),
            "num_heads": heads,
            "num_kv_heads": heads,
            "head_dim": _divided(hidden, heads),
            "intermediate_size": int(hf[f"{name}_ffn_dim"]),
        }

    encoder = side("encoder") | {"vocab_size": vocabulary, "causal": False, "model_type": "marian"}
    return side("decoder") | {
        "vocab_size": vocabulary if shared else int(hf.get("decoder_vocab_size") or vocabulary),
        "tie_embeddings": bool(hf.get("tie_word_embeddings", True)),
        "encoder": encoder,
        "share_embeddings": shared,
        "start_token_id": int(hf["decoder_start_token_id"]),
    }


_READERS: dict[str, Callable[[Mapping[str, Any], object], dict[str, Any]]] = {
    "gpt2": _read_gpt2,
    "bert": _read_bert,
    "marian": _read_marian,
}


def _require(hf: Mapping[str, Any], source: object, key: str, *allowed: object, absent: object) -> None:
    if hf.get(key, absent) not in allowed:
        raise UnknownCheckpoint(source, f"{key} is {hf[key]!r}", f"Only {allowed[0]!r} is supported.")


def _read_activation(hf: Mapping[str, Any], source: object, key: str, absent: str) -> Activation:
    named = hf.get(key, absent)
    if named not in _ACTIVATIONS:
        raise UnknownCheckpoint(source, f"{key} is {named!r}", f"Supported are {', '.join(_ACTIVATIONS)}.")
    return _ACTIVATIONS[named]


def _divided(hidden: int, heads: int) -> int:
    if heads < 1 or hidden % heads:
        raise ValueError(f"the hidden size {hidden!r} is no multiple of the number of heads {heads!r}")
    return hidden // heads


def _read_windows(hf: Mapping[str, Any], source: object, layers: int) -> tuple[int | None, tuple[int, ...]]:
    kind = hf["model_type"]
    if kind == "llama":
        return None, ()
    always = kind in ("mistral", "mixtral")
    found = hf["sliding_window"]
    if found is None or not (always or hf.get("use_sliding_window", False)):
        return None, ()
    if kind not in ("qwen2", "qwen3"):
        return int(found), ()
    first = int(hf["max_window_layers"])
    kinds: list[object] = hf.get("layer_types") or [
        "sliding_attention" if layer >= first else "full_attention" for layer in range(layers)
    ]
    if len(kinds) != layers or not set(kinds) <= {"sliding_attention", "full_attention"}:
        raise UnknownCheckpoint(
            source,
            f"layer_types is {kinds!r}",
            f"Supported are sliding_attention and full_attention, one for each of {layers} layers.",
        )
    full = tuple(layer for layer, each in enumerate(kinds) if each == "full_attention")
    return (None, ()) if len(full) == layers else (int(found), full)


def _read_experts(hf: Mapping[str, Any], layers: int) -> dict[str, Any] | None:
    kind = hf["model_type"]
    if kind == "mixtral":
        return {
            "count": int(hf.get("num_local_experts", 8)),
            "chosen": int(hf.get("num_experts_per_tok", 2)),
            "intermediate_size": int(hf["intermediate_size"]),
        }
    if kind != "qwen3_moe":
        return None
    step = int(hf.get("decoder_sparse_step", 1))
    dense: list[int] = hf.get("mlp_only_layers") or []
    return {
        "count": int(hf.get("num_local_experts") or hf.get("num_experts") or 128),
        "chosen": int(hf.get("num_experts_per_tok", 8)),
        "intermediate_size": int(hf.get("moe_intermediate_size", 768)),
        "normalise": bool(hf.get("norm_topk_prob", False)),
        "dense_layers": tuple(layer for layer in range(layers) if layer in dense or (layer + 1) % step),
    }


def _read_rope(hf: Mapping[str, Any], source: object) -> tuple[float, dict[str, Any]]:
    new: Mapping[str, Any] = hf.get("rope_parameters") or {}
    old: Mapping[str, Any] = hf.get("rope_scaling") or {}
    rope = {**old, **new}
    _require(rope, source, "partial_rotary_factor", 1.0, None, absent=None)
    theta = float(rope.get("rope_theta") or hf.get("rope_theta") or 10_000.0)
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    if kind not in ("default", "linear", "llama3", "yarn"):
        raise UnknownCheckpoint(
            source, f"rope_type is {kind!r}", "Supported are default, linear, llama3 and yarn."
        )
    context = int(hf["max_position_embeddings"]) if kind in ("llama3", "yarn") else 8192
    original = int(rope.get("original_max_position_embeddings") or context)
    scaling: dict[str, Any] = {
        "kind": kind,
        "factor": float(rope.get("factor") or (context / original if kind == "yarn" else 1.0)),
        "low_freq_factor": float(rope.get("low_freq_factor", 1.0)),
        "high_freq_factor": float(rope.get("high_freq_factor", 4.0)),
        "original_context": original,
    }
    if kind == "yarn":
        scaling["attention_factor"] = _yarn_factor(rope, scaling["factor"])
        scaling["beta_fast"] = float(rope.get("beta_fast") or 32)
        scaling["beta_slow"] = float(rope.get("beta_slow") or 1)
        scaling["truncate"] = bool(rope.get("truncate", True))
    return theta, scaling


def _yarn_factor(rope: Mapping[str, Any], factor: float) -> float:
    """What yarn multiplies queries and keys by: sqrt(1/t) of Peng et al. 2023, section 3.4, if not given."""

    def softened(scale: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0

    if rope.get("attention_factor") is not None:
        return float(rope["attention_factor"])
    above, below = rope.get("mscale"), rope.get("mscale_all_dim")
    return softened(float(above)) / softened(float(below)) if above and below else softened(1.0)


def _write_llama(config: ModelConfig) -> dict[str, Any]:
    scaling = config.rope_scaling
    rope: dict[str, Any] = {"rope_type": scaling.kind, "rope_theta": config.rope_theta}
    if scaling.kind != "default":
        rope["factor"] = scaling.factor
    if scaling.kind == "llama3":
        rope["low_freq_factor"] = scaling.low_freq_factor
        rope["high_freq_factor"] = scaling.high_freq_factor
        rope["original_max_position_embeddings"] = scaling.original_context
    if scaling.kind == "yarn":
        rope["attention_factor"] = scaling.attention_factor
        rope["beta_fast"], rope["beta_slow"] = scaling.beta_fast, scaling.beta_slow
        rope["truncate"] = scaling.truncate
        rope["original_max_position_embeddings"] = scaling.original_context
    hf: dict[str, Any] = {
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.context_length,
        "rope_theta": config.rope_theta,  # read by transformers 4
        "rope_parameters": rope,  # read by transformers 5
        "rms_norm_eps": config.norm_eps,
        "attention_bias": config.qkv_bias,
        "hidden_act": "silu",
    }
    if scaling.kind != "default":
        hf["rope_scaling"] = rope
    if config.mlp_bias:
        hf["mlp_bias"] = True
    if config.model_type != "llama":
        hf |= _write_windows(config)
    if (experts := config.experts) is not None:
        hf["num_local_experts"] = hf["num_experts"] = experts.count
        hf["num_experts_per_tok"] = experts.chosen
        if config.model_type == "qwen3_moe":
            hf["moe_intermediate_size"] = experts.intermediate_size
            hf["norm_topk_prob"] = experts.normalise
            hf["mlp_only_layers"] = list(experts.dense_layers)
    return hf


def _write_windows(config: ModelConfig) -> dict[str, Any]:
    hf: dict[str, Any] = {"sliding_window": config.sliding_window}
    if config.model_type.startswith("qwen"):
        hf["use_sliding_window"] = config.sliding_window is not None
    if config.model_type in ("qwen2", "qwen3") and config.sliding_window is not None:
        hf["layer_types"] = [
            "full_attention" if layer in config.full_layers else "sliding_attention"
            for layer in range(config.num_layers)
        ]
    return hf


def _write_gpt2(config: ModelConfig) -> dict[str, Any]:
    return {
        "n_embd": config.hidden_size,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "n_inner": config.intermediate_size,
        "n_positions": config.context_length,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": "gelu_new" if config.activation == "gelu_tanh" else config.activation,
    }
