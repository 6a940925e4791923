"""What a LoRA adapter costs: merged into the weights (nothing, it should be) and loaded beside them."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from ....core_model.checkpoint import load_checkpoint
from ....core_model.engine import Engine
from ....core_model.lora import MODULES, Adapter, linear
from ....core_model.model import EMBEDDED
from ....core_model.sampling import Sampling
from ....core_model.tokenizer import Tokenizer
from ....core_model.transformer import Transformer
from .work import prompt

RANK, TOKENS = 8, 128


def lora_seconds(repeats: int, threads: int) -> dict[str, float]:
    """Least seconds per token of the embedded model bare, with an adapter merged, and with one loaded.

    The adapter has random matrices of rank `RANK` on every layer that can have one. The three take turns.
    """
    bare, merged = load_checkpoint(EMBEDDED), load_checkpoint(EMBEDDED)
    adapter = random_adapter(bare)
    adapter.merge(merged)
    tokenizer = Tokenizer.load(EMBEDDED)
    plain, changed = (Engine(model, tokenizer, threads=threads) for model in (bare, merged))
    tokens = prompt(64, bare.config.vocab_size, 0)
    plain.add_adapter(adapter)

    def decode(engine: Engine, name: str | None = None) -> float:
        began = time.perf_counter()
        engine.start(tokens, Sampling(max_tokens=TOKENS), ignore_end=True, adapter=name).future.result()
        return (time.perf_counter() - began) / TOKENS

    ways: dict[str, Callable[[], float]] = {
        "lora_bare_seconds": lambda: decode(plain),
        "lora_merged_seconds": lambda: decode(changed),
        "lora_loaded_seconds": lambda: decode(plain, adapter.name),
    }
    found = {name: [way() for _ in range(2)][1:] for name, way in ways.items()}  # the first one warms up
    for _ in range(repeats):
        for name, way in ways.items():
            found[name].append(way())
    plain.close()
    changed.close()
    return {name: min(seconds) for name, seconds in found.items()}


def random_adapter(model: Transformer) -> Adapter:
    """An adapter for every layer that can have one."""
    draw = torch.Generator().manual_seed(0)
    pairs: dict[tuple[int, str], tuple[torch.Tensor, torch.Tensor]] = {}
    for layer in range(model.config.num_layers):
        for module in MODULES:
            target = linear(model, layer, module)
            if target is not None:
                a = torch.randn(RANK, target.in_features, generator=draw) * 0.02
                pairs[layer, module] = a, torch.randn(target.out_features, RANK, generator=draw) * 0.02
    return Adapter("measured", pairs)
