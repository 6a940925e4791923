"""Checkpoint folders: read by and from Hugging Face, sharded, and refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from punchlist.core_model.checkpoint import load_checkpoint, save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import CorruptWeights, MissingWeights, UnknownCheckpoint
from punchlist.core_model.packed import PackedTransformer
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import DocumentAttention, Transformer

TOKENS = torch.tensor([[1, 5, 9, 200, 31, 7, 7, 64], [2, 8, 90, 20, 33, 3, 5, 99]])
SHAPE: dict[str, Any] = {
    "vocab_size": 256, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "initializer_range": 0.2,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}  # fmt: skip
THEIRS = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE)),
    "llama tied": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SHAPE, tie_word_embeddings=True)
    ),
    "llama 3 positions": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SHAPE, rope_parameters=LLAMA3)
    ),
    "mistral": lambda: transformers.MistralForCausalLM(
        transformers.MistralConfig(**SHAPE, sliding_window=None)
    ),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SHAPE)),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SHAPE, head_dim=32)),
}


@pytest.mark.parametrize("name", THEIRS)
def test_logits_agree_with_hugging_face(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    theirs = THEIRS[name]().eval()
    theirs.save_pretrained(tmp_path)

    ours = load_checkpoint(tmp_path)

    with torch.no_grad():
        expected = theirs(TOKENS).logits
    assert expected.abs().max() > 1
    torch.testing.assert_close(ours(TOKENS), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", THEIRS)
def test_the_packed_decoder_computes_the_same(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    THEIRS[name]().save_pretrained(tmp_path)
    plain, packed = load_checkpoint(tmp_path), PackedTransformer(load_checkpoint(tmp_path))
    keep = torch.tensor([2, 7])

    attend = DocumentAttention([8], keep)
    with torch.no_grad():
        logits = packed.logits(packed.hidden(TOKENS[0], torch.arange(8), attend, keep))

    torch.testing.assert_close(logits, plain(TOKENS)[0, keep], atol=1e-4, rtol=1e-4)


def test_packing_leaves_the_model_as_it_was(transformer: Transformer) -> None:
    before = {name: weight.clone() for name, weight in transformer.state_dict().items()}

    PackedTransformer(transformer)

    assert all(torch.equal(weight, before[name]) for name, weight in transformer.state_dict().items())


def test_hugging_face_opens_what_is_saved_here(folder: Path, transformer: Transformer) -> None:
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()

    with torch.no_grad():
        logits = theirs(TOKENS).logits

    torch.testing.assert_close(logits, transformer(TOKENS), atol=1e-4, rtol=1e-4)


def test_a_checkpoint_is_split_into_shards_of_at_most_the_given_size(
    transformer: Transformer, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, transformer, tokenizer, shard_bytes=30_000)

    shards = sorted(tmp_path.glob("*.safetensors"))

    assert len(shards) > 1
    assert all(
        shard.stat().st_size < 30_000 + 4_000 for shard in shards
    )  # the header of names is not counted
    loaded = load_checkpoint(tmp_path)
    assert torch.equal(loaded.model.norm.weight, transformer.model.norm.weight.bfloat16().float())


def test_saving_again_leaves_no_shard_of_before(transformer: Transformer, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, transformer, shard_bytes=10_000)

    save_checkpoint(tmp_path, transformer)

    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model-00001-of-00001.safetensors"]


def test_a_changed_byte_is_found(folder: Path) -> None:
    shard = next(folder.glob("*.safetensors"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)

    with pytest.raises(CorruptWeights, match="sha256"):
        load_checkpoint(folder)


def test_a_cut_file_is_found(folder: Path) -> None:
    shard = next(folder.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-10])

    with pytest.raises(CorruptWeights, match="bytes"):
        load_checkpoint(folder)


def test_a_cut_file_without_manifest_is_found(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    shard = next(folder.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:100])

    with pytest.raises(CorruptWeights, match="safetensors"):
        load_checkpoint(folder)


def test_an_absent_shard_is_named(folder: Path) -> None:
    shard = next(folder.glob("*.safetensors"))
    shard.unlink()

    with pytest.raises(MissingWeights, match=shard.name):
        load_checkpoint(folder)


def test_a_folder_with_a_config_and_no_weights_says_what_is_read(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "config.json":
            path.unlink()

    with pytest.raises(MissingWeights, match="Only safetensors are read"):
        load_checkpoint(folder)


def test_an_absent_tensor_is_named(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))

    with pytest.raises(MissingWeights, match=r"model\.layers\.2\."):
        load_checkpoint(folder)


def test_tensors_of_another_shape_are_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 65}))

    with pytest.raises(CorruptWeights, match="shape"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model_type": "gpt2"}, "gpt2"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "yarn"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(folder: Path, change: dict[str, Any], named: str) -> None:
    hf = json.loads((folder / "config.json").read_text()) | change

    with pytest.raises(UnknownCheckpoint, match=named):
        ModelConfig.from_hf(hf)


@pytest.mark.parametrize(
    "change",
    [
        {"num_key_value_heads": 3},
        {"hidden_size": "wide"},
        {"num_hidden_layers": None},
        {"num_attention_heads": 0},
        {"vocab_size": -1},
        {"eos_token_id": "end"},
        {"rope_parameters": [1]},
    ],
    ids=str,
)
def test_sizes_that_make_no_model_are_refused(folder: Path, change: dict[str, Any]) -> None:
    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))

    with pytest.raises(UnknownCheckpoint, match=r"config\.json.*fetch or copy the checkpoint again"):
        load_checkpoint(folder)


def test_a_folder_without_config_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match=r"config\.json"):
        load_checkpoint(tmp_path)


def test_a_config_survives_the_way_through_json(config: ModelConfig) -> None:
    assert ModelConfig.from_hf(json.loads(json.dumps(config.to_hf()))) == config


def test_the_number_of_parameters_is_that_of_the_model(config: ModelConfig, transformer: Transformer) -> None:
    assert config.parameters == sum(weight.numel() for weight in transformer.parameters())
