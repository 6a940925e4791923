"""Checkpoint folders: read by and from Hugging Face, sharded, and refused when damaged or contradictory."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from punchlist.core_model.attention import GrowingAttention
from punchlist.core_model.checkpoint import check_vocabulary, load_checkpoint, save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import (
    CoreModelError,
    CorruptWeights,
    MissingWeights,
    NotSupported,
    UnknownCheckpoint,
    VocabularyMismatch,
)
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

TOKENS = torch.tensor([[1, 5, 9, 200, 31, 7, 7, 64], [2, 8, 90, 20, 33, 3, 5, 99]])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of a folder of one shard, and forget its manifest."""
    (folder / "manifest.json").unlink()
    shard = next(folder.glob("*.safetensors"))
    tensors = load_file(shard)
    change(tensors)
    save_file(tensors, shard)


def reconfigure(folder: Path, **change: Any) -> None:
    """Change the config of a folder, and forget its manifest."""
    (folder / "manifest.json").unlink()
    hf = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(hf | change))


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
    reconfigure(folder, num_hidden_layers=3)

    with pytest.raises(MissingWeights, match=r"model\.layers\.2\."):
        load_checkpoint(folder)


def test_a_layer_more_than_the_config_says_is_named(folder: Path) -> None:
    reconfigure(folder, num_hidden_layers=1)

    with pytest.raises(CorruptWeights, match=r"no place for.*model\.layers\.1\."):
        load_checkpoint(folder)


def test_a_tensor_that_no_config_knows_is_named(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors.update(score=torch.zeros(2)))

    with pytest.raises(CorruptWeights, match="score"):
        load_checkpoint(folder)


def test_frequencies_that_old_files_hold_are_no_weights(folder: Path) -> None:
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    rewrite(folder, lambda tensors: tensors.update({name: torch.zeros(4)}))

    load_checkpoint(folder)


def test_tensors_of_another_shape_are_refused(folder: Path) -> None:
    reconfigure(folder, intermediate_size=65)

    with pytest.raises(CorruptWeights, match="shape"):
        load_checkpoint(folder)


def test_a_vocabulary_other_than_the_config_says_is_refused(folder: Path) -> None:
    reconfigure(folder, vocab_size=100)

    with pytest.raises(CorruptWeights, match="embed_tokens"):
        load_checkpoint(folder)


def test_a_head_beside_a_tied_embedding_must_be_the_same(folder: Path) -> None:
    def tie(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    rewrite(folder, tie)
    load_checkpoint(folder)
    shard = next(folder.glob("*.safetensors"))
    tensors = load_file(shard)
    tensors["lm_head.weight"][3, 3] += 1
    save_file(tensors, shard)

    with pytest.raises(CorruptWeights, match=r"lm_head\.weight"):
        load_checkpoint(folder)


def test_a_head_alone_is_the_embedding_tied_to_it(folder: Path, transformer: Transformer) -> None:
    def rename(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")

    rewrite(folder, rename)

    assert torch.equal(load_checkpoint(folder)(TOKENS), transformer(TOKENS))


def test_integers_where_weights_should_be_are_refused(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors.update({"model.norm.weight": torch.ones(32, dtype=torch.int8)}))

    with pytest.raises(UnknownCheckpoint, match="I8"):
        load_checkpoint(folder)


def test_a_pickle_by_the_name_of_safetensors_is_not_opened(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    next(folder.glob("*.safetensors")).write_bytes(pickle.dumps({"model.norm.weight": [1.0] * 32}))

    with pytest.raises(CorruptWeights, match="safetensors"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["../tiny/model-00001-of-00001.safetensors", "/etc/passwd"])
def test_an_index_names_files_of_its_folder_only(name: str, folder: Path) -> None:
    (folder / "manifest.json").unlink()
    index = {"weight_map": {"model.norm.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(CorruptWeights, match="outside"):
        load_checkpoint(folder)


def test_no_damage_to_a_header_gets_past_the_errors_that_are_promised(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    shard = next(folder.glob("*.safetensors"))
    whole, rng = shard.read_bytes(), Random(1)
    header = 8 + int.from_bytes(whole[:8], "little")
    refused = 0

    for _ in range(200):
        data = bytearray(whole)
        data[rng.randrange(header)] ^= 1 << rng.randrange(8)
        shard.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)
        try:
            load_checkpoint(folder)
        except CoreModelError:
            refused += 1

    assert refused > 150


def test_a_tensor_in_two_shards_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    save_file({"model.norm.weight": torch.ones(32)}, folder / "other.safetensors")
    index["weight_map"]["model.norm.weight"] = "other.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(CorruptWeights, match=r"model\.norm\.weight"):
        load_checkpoint(folder)


def test_a_tokenizer_with_more_ids_than_the_embedding_is_refused(
    tokenizer: Tokenizer, config: ModelConfig
) -> None:
    check_vocabulary(config, tokenizer, "tiny")
    small = ModelConfig(tokenizer.vocab_size - 1, 32, 1, 4, 2, 8, 64)

    with pytest.raises(VocabularyMismatch, match=str(tokenizer.vocab_size)):
        check_vocabulary(small, tokenizer, "tiny")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_any_dtype_on_disk_becomes_the_one_that_is_asked_for(
    dtype: torch.dtype, transformer: Transformer, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, transformer, dtype=dtype)

    same, wide = load_checkpoint(tmp_path, dtype=dtype), load_checkpoint(tmp_path)

    for name, weight in transformer.named_parameters():
        assert torch.equal(same.get_parameter(name), weight.to(dtype))
        assert torch.equal(wide.get_parameter(name), weight.to(dtype).float())


def test_progress_ends_at_the_bytes_there_are(transformer: Transformer, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, transformer, shard_bytes=30_000)
    told: list[tuple[int, int]] = []

    load_checkpoint(tmp_path, progress=lambda done, total: told.append((done, total)))

    total = 2 * transformer.config.parameters
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {each for _, each in told} == {total}


def test_a_model_that_no_family_has_is_not_written(tmp_path: Path) -> None:
    model = Transformer(ModelConfig(64, 32, 1, 4, 2, 8, 64, qkv_bias=True))

    with pytest.raises(NotSupported, match="llama"):
        save_checkpoint(tmp_path / "new", model)

    assert not (tmp_path / "new").exists()


BIG = ModelConfig(
    32_000, 768, 12, 12, 4, 64, 2048, context_length=256, tie_embeddings=False, eos_token_ids=()
)

_PEAK = """
import sys
from pathlib import Path
import torch
from punchlist.core_model.checkpoint import load_checkpoint

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

before = peak()
load_checkpoint(sys.argv[1], dtype=torch.bfloat16)
print(peak() - before)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of more than 100 million weights, in bfloat16 on disk."""
    model = Transformer(BIG)
    model.initialise(1)
    save_checkpoint(tmp_path_factory.mktemp("big"), model, shard_bytes=100_000_000)
    return tmp_path_factory.getbasetemp() / "big0"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc")
def test_loading_takes_at_most_a_tenth_more_memory_than_the_weights(big: Path) -> None:
    run = subprocess.run([sys.executable, "-c", _PEAK, str(big)], capture_output=True, text=True, check=True)

    assert BIG.parameters > 100_000_000
    assert int(run.stdout) < 1.1 * 2 * BIG.parameters


def test_a_large_model_writes_what_transformers_writes(big: Path) -> None:
    theirs = transformers.AutoModelForCausalLM.from_pretrained(big, dtype=torch.float32).eval()
    ours, prompt = load_checkpoint(big), [5, 17, 31_999, 400, 8]

    with torch.no_grad():
        expected = theirs(torch.tensor([prompt])).logits
        text = theirs.generate(torch.tensor([prompt]), max_new_tokens=64, do_sample=False)
    torch.testing.assert_close(ours(torch.tensor([prompt])), expected, atol=1e-4, rtol=1e-4)
    attend, tokens, made = GrowingAttention(), prompt, list[int]()
    with torch.inference_mode():
        while len(made) < 64:
            places = torch.arange(len(made) + len(prompt) - len(tokens), len(made) + len(prompt))
            hidden = ours.hidden(torch.tensor(tokens), places, attend)
            tokens = [int(ours.logits(hidden[-1:]).argmax())]
            made += tokens
    assert made == text[0, len(prompt) :].tolist()


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
