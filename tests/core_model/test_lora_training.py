"""Adapters that are trained here: loaded by the engine, as peft names things, and over a kill the same."""

from __future__ import annotations

import copy
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

from punchlist.core_model.config import Experts, ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.lora import MODULES, Adapter
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.training.corpus import Document
from punchlist.core_model.training.low_rank import LowRank, TrainedAdapter, train_lora
from punchlist.core_model.training.trainer import TrainConfig
from punchlist.core_model.transformer import Transformer

LLAMA = ModelConfig(300, 32, 2, 4, 2, 8, 48, context_length=64, eos_token_ids=(2,))
FAMILIES = {
    "llama": LLAMA,
    "qwen2": replace(LLAMA, model_type="qwen2", qkv_bias=True),
    "mixtral": replace(LLAMA, model_type="mixtral", experts=Experts(4, 2, 48)),
    "gpt2": replace(
        LLAMA,
        model_type="gpt2",
        num_kv_heads=4,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        norm="layer",
        positions="learned",
        activation="gelu_tanh",
        gated=False,
    ),
}


def base(family: str = "llama") -> Transformer:
    model = Transformer(FAMILIES[family])
    model.initialise(5)
    return model.requires_grad_(False).eval()


def settings(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {"batch_tokens": 64, "other_rate": 0.02, "dtype": "float32", "threads": 1}
    return TrainConfig.tuning(**({"steps": 12} | plain | changes))


def document(number: int) -> Document:
    """A question of two tokens, three tokens that answer it, and the end."""
    start = 10 + number % 5
    return [start, 9, 50 + start, 80 + start, 40, 2], [0, 0, 1.0, 1.0, 1.0, 1.0]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_engine_says_what_the_adapter_learned(tmp_path: Path, tokenizer: Tokenizer, family: str) -> None:
    model = base(family)
    before = copy.deepcopy(model.state_dict())

    train_lora(settings(steps=60), document, tmp_path, base=model, base_name="tiny/base")

    engine = Engine(model, tokenizer)
    engine.load_adapter("tuned", tmp_path / "adapter")
    asked = [[10 + number, 9] for number in range(5)]
    said = [
        engine.start(each, Sampling(max_tokens=9), adapter="tuned").future.result(20).token_ids
        for each in asked
    ]
    bare = engine.generate(asked[0], Sampling(max_tokens=3)).token_ids
    engine.close()
    assert said == [(50 + start, 80 + start, 40) for start in range(10, 15)]
    assert bare != said[0]
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_merged_and_unmerged_are_the_same(tmp_path: Path, family: str) -> None:
    model = base(family)
    train_lora(settings(), document, tmp_path, base=model, rank=4, alpha=6, targets=["q_proj", "down_proj"])
    loaded = Adapter.load("a", tmp_path / "adapter", model)
    merged = copy.deepcopy(model)
    loaded.merge(merged)
    beside = TrainedAdapter(model, LowRank(4, 6, ("q_proj", "down_proj")))
    beside.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True)["model"])
    rows = torch.tensor([[10, 9, 60, 90, 40]])

    with beside.attached(model):
        unmerged = model(rows)

    torch.testing.assert_close(unmerged, merged(rows), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(model(rows), merged(rows), atol=1e-3)
    kept = beside.adapter("a").pairs
    assert all(torch.equal(kept[place][0], pair[0]) for place, pair in loaded.pairs.items())


def test_the_files_are_those_of_peft(tmp_path: Path) -> None:
    train_lora(settings(steps=2), document, tmp_path, base=base(), rank=3, alpha=6, base_name="tiny/base")

    told = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert (told["peft_type"], told["r"], told["lora_alpha"]) == ("LORA", 3, 6)
    assert (told["base_model_name_or_path"], told["target_modules"]) == ("tiny/base", list(MODULES))
    assert len(tensors) == 2 * 2 * len(MODULES)
    down = "base_model.model.model.layers.1.mlp.down_proj"
    assert tensors[f"{down}.lora_A.weight"].shape == (3, 48)
    assert tensors[f"{down}.lora_B.weight"].shape == (32, 3)


def test_training_begins_at_the_model_as_it_is() -> None:
    model = base()
    rows = torch.tensor([[10, 9, 60]])
    expected = model(rows)

    with torch.no_grad(), TrainedAdapter(model, LowRank()).attached(model):
        begun = model(rows)

    assert torch.equal(begun, expected)


def test_only_the_adapter_is_stored(tmp_path: Path) -> None:
    train_lora(settings(steps=1), document, tmp_path, base=base(), targets=["v_proj"])

    stored = torch.load(tmp_path / "state.pt", weights_only=True)["model"]
    assert sorted(stored) == [f"pairs.{layer}:v_proj.{half}" for layer in (0, 1) for half in "ab"]


def test_a_killed_training_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    """A real process, killed by SIGKILL, against one that was left alone."""
    train_lora(settings(steps=30), document, tmp_path / "whole", base=base())
    broken = tmp_path / "broken"
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import test_lora_training as t\n"
        "def slowly(number): time.sleep(0.002); return t.document(number)\n"
        "t.train_lora(t.settings(steps=30, save_seconds=0.0), slowly, sys.argv[2], base=t.base())"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(broken)])
    deadline = time.monotonic() + 60
    while not (broken / "log.jsonl").exists() or len(losses_so_far(broken)) < 8:
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait(5)
    assert len(losses_so_far(broken)) < 30

    train_lora(settings(steps=30), document, broken, base=base())

    assert losses(broken) == losses(tmp_path / "whole")
    files = [load_file(each / "adapter/adapter_model.safetensors") for each in (broken, tmp_path / "whole")]
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])


def losses_so_far(folder: Path) -> list[bytes]:
    return (folder / "log.jsonl").read_bytes().split(b"\n")[:-1]


@pytest.mark.parametrize("changed", [{"rank": 4}, {"alpha": 3.0}, {"targets": ["q_proj"]}])
def test_a_state_of_another_adapter_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    train_lora(settings(steps=1), document, tmp_path, base=base())

    with pytest.raises(ValueError, match="begin in another folder"):
        train_lora(settings(steps=2), document, tmp_path, base=base(), **changed)


def test_a_state_over_another_base_is_refused(tmp_path: Path) -> None:
    train_lora(settings(steps=1), document, tmp_path, base=base())
    other = Transformer(LLAMA)
    other.initialise(6)

    with pytest.raises(ValueError, match="begun_from"):
        train_lora(settings(steps=2), document, tmp_path, base=other)


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="adapters need 'adamw'"):
        train_lora(settings(optimizer="muon"), document, tmp_path, base=base())
    with pytest.raises(ValueError, match="choose among"):
        train_lora(settings(), document, tmp_path, base=base(), targets=["lm_head"])
    with pytest.raises(ValueError, match="has no gate_proj"):
        train_lora(settings(), document, tmp_path, base=base("gpt2"), targets=["gate_proj"])
    with pytest.raises(ValueError, match="rank"):
        train_lora(settings(), document, tmp_path, base=base(), rank=0)
