"""The GGUF file of a Hugging Face folder, Q8_0, for llama.cpp: written with the package `gguf`.

Norms and biases are float32, everything else Q8_0 (blocks of 32 with one scale), as llama.cpp's own
`convert_hf_to_gguf.py --outtype q8_0` does it. The file has no vocabulary: engines are given token ids.

Covers `qwen2` and `llama` with tied embeddings. llama.cpp turns neighbouring pairs of a head's dimensions for
`llama`, so the rows of q and k change places here; for `qwen2` it turns halves, as Hugging Face does.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ....core_model.config import ModelConfig

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
"""Hugging Face -> GGUF, inside a layer."""


def gguf_file(checkpoint: Path) -> Path:
    """The GGUF file beside a Hugging Face folder; made if it is not there.

    Raises:
        ModuleNotFoundError: The package `gguf` is not installed.
    """
    place = checkpoint.with_name("q8_0.gguf")
    if not place.is_file():
        unfinished = place.with_suffix(".unfinished")
        _write(checkpoint, unfinished)
        unfinished.rename(place)
    return place


def _write(checkpoint: Path, file: Path) -> None:
    from safetensors import safe_open

    gguf: Any = import_module("gguf")
    quants: Any = import_module("gguf.quants")
    config = ModelConfig.load(checkpoint)
    writer = gguf.GGUFWriter(str(file), config.model_type)
    _sizes(writer, gguf, config)
    q8 = gguf.GGMLQuantizationType.Q8_0
    for shard in sorted(checkpoint.glob("*.safetensors")):
        opened: Any = safe_open(shard, "pt")
        with opened as tensors:
            for name in tensors.keys():  # noqa: SIM118  (it is no mapping)
                weight = _turned(name, tensors.get_tensor(name).float().numpy(), config)
                if weight.ndim == 1:
                    writer.add_tensor(_renamed(name), weight)
                else:
                    writer.add_tensor(_renamed(name), quants.quantize(weight, q8), raw_dtype=q8)
    if config.rope_scaling.kind == "llama3":
        writer.add_tensor("rope_freqs.weight", _stretching(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _sizes(writer: Any, gguf: Any, config: ModelConfig) -> None:
    writer.add_block_count(config.num_layers)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("none")


def _renamed(name: str) -> str:
    """The name of a tensor in GGUF.

    Raises:
        ValueError: There is no such tensor in a tied `llama` or `qwen2`.
    """
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, inner = name.split(".", 3)
    module, _, leaf = inner.rpartition(".")
    if module not in NAMES:
        raise ValueError(f"The tensor {name!r} has no name here: only tied llama and qwen2 can be written.")
    return f"blk.{layer}.{NAMES[module]}.{leaf}"


def _turned(name: str, weight: Any, config: ModelConfig) -> Any:
    """Rows of q and k of `llama` in llama.cpp's order: (i, i + head_dim / 2) become neighbours."""
    heads = {"q_proj": config.num_heads, "k_proj": config.num_kv_heads}.get(name.split(".")[-2])
    if config.model_type != "llama" or heads is None:
        return weight
    return weight.reshape(heads, 2, config.head_dim // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def _stretching(config: ModelConfig) -> Any:
    """What each rotary frequency is divided by, (head_dim / 2,), float32."""
    from dataclasses import replace

    from ....core_model.config import RopeScaling
    from ....core_model.transformer import rotary_frequencies

    plain = rotary_frequencies(replace(config, rope_scaling=RopeScaling()))
    return (plain / rotary_frequencies(config)).numpy()
