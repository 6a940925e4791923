"""A wider model computes the same at first, and its new units can learn."""

import pytest
import torch

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.training.widening import widen
from punchlist.core_model.transformer import DocumentAttention, Transformer

IDS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])


@pytest.fixture
def narrow():
    config = ModelConfig(
        11, hidden_size=16, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=8, intermediate_size=12
    )
    model = Transformer(config)
    model.initialise(5)
    return model


def logits(model):
    places = torch.arange(len(IDS))
    attend = DocumentAttention([len(IDS)], places, window=None)
    return model.logits(model.hidden(IDS, places, attend, places, torch.float32))


def test_a_wider_model_says_the_same(narrow):
    wider = widen(narrow, 20)

    assert wider.config.intermediate_size == 20
    torch.testing.assert_close(logits(wider), logits(narrow))


def test_the_new_units_learn(narrow):
    wider = widen(narrow, 20)
    wider.requires_grad_(True)

    logits(wider).logsumexp(-1).sum().backward()

    down = wider.get_parameter("model.layers.0.mlp.down_proj.weight").grad
    assert down is not None and bool((down[:, 12:] != 0).any())


@pytest.mark.parametrize("size", [12, 3, 0])
def test_a_model_is_not_made_narrower(narrow, size):
    with pytest.raises(ValueError, match="has 12 already"):
        widen(narrow, size)
