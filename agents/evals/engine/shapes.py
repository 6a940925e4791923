"""Models to measure speed on: shapes of published ones with random weights, as Hugging Face folders.

Speed does not depend on what the weights say, so none are fetched. A checkpoint is made once, into a cache
folder, and used again. What random weights cannot show: anything that depends on what a model writes.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ....core_model.config import ModelConfig, RopeScaling

STANDARD_DEVIATION = 0.02
"""Of the random weights: what Llama and Qwen name as `initializer_range`."""

ROOM = 8192
"""Context length in tokens of the made checkpoints; more would only be larger tables."""


@dataclass(frozen=True)
class Shape:
    """A model to measure on.

    Attributes:
        name: As `--shape` takes it.
        suffix: Behind the names of its figures.
        config: Sizes.
    """

    name: str
    suffix: str
    config: ModelConfig


SHAPES = (
    Shape(
        "qwen2.5-0.5b",
        "",
        ModelConfig(
            vocab_size=151_936, hidden_size=896, num_layers=24, num_heads=14, num_kv_heads=2, head_dim=64,
            intermediate_size=4864, context_length=ROOM, rope_theta=1e6, norm_eps=1e-6, qkv_bias=True,
            model_type="qwen2",
        ),
    ),
    Shape(
        "llama-3.2-1b",
        "_1b",
        ModelConfig(
            vocab_size=128_256, hidden_size=2048, num_layers=16, num_heads=32, num_kv_heads=8, head_dim=64,
            intermediate_size=8192, context_length=ROOM, rope_theta=5e5, norm_eps=1e-5,
            rope_scaling=RopeScaling("llama3", 32.0, 1.0, 4.0, 8192),
        ),
    ),
)  # fmt: skip
"""Sizes: the `config.json` of Qwen/Qwen2.5-0.5B and of meta-llama/Llama-3.2-1B."""

TINY = Shape(
    "tiny",
    "_tiny",
    ModelConfig(
        vocab_size=512, hidden_size=64, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=16,
        intermediate_size=128, context_length=ROOM, rope_theta=5e5,
        rope_scaling=RopeScaling("llama3", 32.0, 1.0, 4.0, 8192),
    ),
)  # fmt: skip
"""To try the benchmark out; its figures mean nothing."""


def shapes() -> dict[str, Shape]:
    """Every shape by its name."""
    return {shape.name: shape for shape in (*SHAPES, TINY)}


def cache_folder() -> Path:
    """Where made checkpoints are kept, by the XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "punchlist" / "bench"


def checkpoint(shape: Shape, folder: Path) -> Path:
    """The Hugging Face folder of a shape in bfloat16 below `folder`; made if it is not there.

    Its tokenizer is a stand-in: all engines are given token ids.
    """
    place = folder / shape.name / "hf"
    if place.is_dir():
        return place
    unfinished = place.with_name("hf.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _write(shape, unfinished)
    unfinished.rename(place)
    return place


def _write(shape: Shape, folder: Path) -> None:
    import torch

    from ....core_model.checkpoint import save_checkpoint
    from ....core_model.tokenizer import Tokenizer
    from ....core_model.transformer import Transformer

    with torch.device("meta"):
        model = Transformer(shape.config)
    generator = torch.Generator().manual_seed(1)
    state: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        weight = torch.empty(tensor.shape, dtype=torch.bfloat16)
        if "norm" in name:
            state[name] = weight.fill_(1.0)
        else:
            state[name] = weight.normal_(0.0, STANDARD_DEVIATION, generator=generator)
    model.load_state_dict(state, assign=True)
    tokenizer = Tokenizer.train(["the stand-in of a tokenizer"], 300)
    save_checkpoint(folder, model, tokenizer, shard_bytes=2_000_000_000)
