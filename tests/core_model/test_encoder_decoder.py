"""What an encoder-decoder refuses to read; what it writes is tested with the other architectures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.encoder_decoder import EncoderDecoder


@pytest.fixture(scope="module")
def model() -> EncoderDecoder:
    config = ModelConfig(
        vocab_size=40,
        hidden_size=16,
        num_layers=1,
        num_heads=2,
        num_kv_heads=2,
        head_dim=8,
        intermediate_size=32,
        context_length=32,
        eos_token_ids=(0,),
    )
    encoder = replace(config, causal=False)
    return EncoderDecoder(replace(config, encoder=encoder, start_token_id=39))


@pytest.mark.parametrize(
    ("source", "max_tokens", "why"),
    [
        ([], 3, "source needs at least one token"),
        ([1, 40], 3, "token 40 of a source is outside of the vocabulary, 0 to 39"),
        ([-1], 3, "token -1"),
        ([1], 0, "max_tokens is 0"),
    ],
)
def test_what_cannot_be_read_is_named(
    model: EncoderDecoder, source: list[int], max_tokens: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        model.generate(source, max_tokens)


def test_targets_are_looked_at_too(model: EncoderDecoder) -> None:
    with pytest.raises(ValueError, match="target needs at least one token"):
        model([[1]], [[]])

    assert model([[1]], [[2, 3]]).shape == torch.Size([2, 40])
