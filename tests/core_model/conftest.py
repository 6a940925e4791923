"""A tiny random model, its tokenizer and an engine, shared by the tests of `core_model`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from punchlist.core_model.checkpoint import save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.model import LocalModel
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}{% endif %}{% endfor %}"
    "<|assistant|>"
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    words = "the order has two green mugs for Ada, click the button; type a name, then read the page 12 34\n"
    return Tokenizer.train([words * 20, '{"name":"Ada","count":2}' * 20], 400, TEMPLATE)


@pytest.fixture(scope="session")
def config(tokenizer: Tokenizer) -> ModelConfig:
    return ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        intermediate_size=64,
        context_length=256,
        bos_token_id=tokenizer.bos_id,
        eos_token_ids=(tokenizer.id_of("<|eos|>"),),
        pad_token_id=tokenizer.pad_id,
    )


@pytest.fixture(scope="session")
def transformer(config: ModelConfig) -> Transformer:
    model = Transformer(config)
    model.initialise(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "proj" in name:
                weight.mul_(3.0)  # so that a wrong token changes what follows
    return model.requires_grad_(False).eval()


@pytest.fixture
def engine(transformer: Transformer, tokenizer: Tokenizer) -> Iterator[Engine]:
    made = Engine(transformer, tokenizer)
    yield made
    made.close()


@pytest.fixture
def model(transformer: Transformer, tokenizer: Tokenizer) -> Iterator[LocalModel]:
    made = LocalModel("tiny", transformer, tokenizer)
    yield made
    made.engine.close()


@pytest.fixture
def folder(transformer: Transformer, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "tiny", transformer, tokenizer, dtype=torch.float32)
    return tmp_path / "tiny"
