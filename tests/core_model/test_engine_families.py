"""Architectures without a native decoder run in the engine too: the same tokens as the plain forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

COMMON: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
LLAMA = COMMON | {"num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 128}
FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 320, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "mistral": LLAMA | {"sliding_window": 20, "head_dim": 8},
    "qwen3": LLAMA | {"head_dim": 8},
    "mixtral": LLAMA | {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": LLAMA
    | {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_generates_what_its_plain_forward_pass_says(tokenizer: Tokenizer, family: str) -> None:
    model = Transformer(ModelConfig.from_hf({"model_type": family, **FAMILIES[family]}))
    model.initialise(5)
    model.requires_grad_(False).eval()
    engine = Engine(model, tokenizer)
    prompts = [[(7 * place + start) % 300 for place in range(30)] for start in range(3)]

    jobs = [engine.start(prompt, Sampling(max_tokens=20), ignore_end=True) for prompt in prompts]
    outputs = [list(job.future.result(30).token_ids) for job in jobs]

    engine.close()
    for prompt, output in zip(prompts, outputs, strict=True):
        tokens = list(prompt)
        for _ in range(20):
            tokens.append(int(model(torch.tensor([tokens]))[0, -1].argmax()))
        assert output == tokens[len(prompt) :]
