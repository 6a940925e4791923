"""Adapters: the same as weights that were changed, switched per request, refused where they do not fit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import AdapterRefused
from punchlist.core_model.lora import Adapter
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.settings import Backend
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

from .adapters import RANK, write_adapter

PROMPT = [(7 * place + 11) % 300 for place in range(30)]
DRAW = Sampling(temperature=1.0, seed=2, max_tokens=12)


@pytest.fixture
def shaped(tokenizer: Tokenizer) -> Transformer:
    config = ModelConfig(tokenizer.vocab_size, 64, 2, 4, 2, 16, 96, context_length=256, eos_token_ids=(2,))
    model = Transformer(config)
    model.initialise(3)
    return model.requires_grad_(False).eval()


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_an_adapter_is_the_same_as_changed_weights(
    shaped: Transformer, tokenizer: Tokenizer, tmp_path: Path, backend: Backend
) -> None:
    folder = write_adapter(tmp_path / "a", shaped, 1)
    merged = copy.deepcopy(shaped)
    Adapter.load("a", folder, merged).merge(merged)
    changed, bare = (Engine(model, tokenizer, backend=backend) for model in (merged, shaped))
    bare.load_adapter("a", folder)

    output = bare.start(PROMPT, DRAW, adapter="a", ignore_end=True).future.result(20)

    expected = changed.start(PROMPT, DRAW, ignore_end=True).future.result(20)
    without = bare.start(PROMPT, DRAW, ignore_end=True).future.result(20)
    changed.close(), bare.close()
    assert output.token_ids == expected.token_ids != without.token_ids
    assert output.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_requests_of_one_batch_have_an_adapter_each(
    shaped: Transformer, tokenizer: Tokenizer, tmp_path: Path, backend: Backend
) -> None:
    engine = Engine(shaped, tokenizer, backend=backend)
    for seed, name in enumerate(("a", "b")):
        engine.load_adapter(name, write_adapter(tmp_path / name, shaped, seed))
    names = [None, "a", "b", "a", None]
    alone = [engine.start(PROMPT, DRAW, adapter=name, ignore_end=True).future.result(20) for name in names]

    jobs = [engine.start(PROMPT, DRAW, adapter=name, ignore_end=True) for name in names]
    together = [job.future.result(20).token_ids for job in jobs]

    engine.close()
    assert together == [output.token_ids for output in alone]
    assert len(set(together)) == 3


def test_a_sequence_keeps_its_adapter_over_forks(
    shaped: Transformer, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    engine = Engine(shaped, tokenizer, backend="reference")
    engine.load_adapter("a", write_adapter(tmp_path / "a", shaped, 1))
    with engine.open(PROMPT, adapter="a") as trunk:
        fork = trunk.fork()[0]
        output = fork.start(DRAW, ignore_end=True).future.result(20)
        fork.close()

    expected = engine.start(PROMPT, DRAW, adapter="a", ignore_end=True).future.result(20)

    engine.close()
    assert output.token_ids == expected.token_ids


def test_rank_stabilised_and_own_alphas_scale(shaped: Transformer, tmp_path: Path) -> None:
    plain = Adapter.load("p", write_adapter(tmp_path / "p", shaped, 1), shaped)
    stable = Adapter.load("s", write_adapter(tmp_path / "s", shaped, 1, use_rslora=True), shaped)
    doubled = write_adapter(tmp_path / "o", shaped, 1, alpha_pattern={"self_attn.q_proj": 12})
    own = Adapter.load("o", doubled, shaped)

    q, k = (0, "q_proj"), (0, "k_proj")
    torch.testing.assert_close(stable.pairs[q][1], plain.pairs[q][1] * RANK**0.5)
    torch.testing.assert_close(own.pairs[q][1], plain.pairs[q][1] * 2)
    torch.testing.assert_close(own.pairs[k][1], plain.pairs[k][1])


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"peft_type": "IA3"}, "not LORA"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ],
)
def test_what_is_not_covered_is_refused(
    shaped: Transformer, tmp_path: Path, settings: dict[str, Any], why: str
) -> None:
    folder = write_adapter(tmp_path / "a", shaped, 1, **settings)

    with pytest.raises(AdapterRefused, match=why):
        Adapter.load("a", folder, shaped)


def test_an_adapter_of_another_model_is_refused(shaped: Transformer, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", shaped, 1)
    smaller = Transformer(ModelConfig(300, 32, 2, 2, 1, 16, 48))

    with pytest.raises(AdapterRefused, match="the model needs"):
        Adapter.load("a", folder, smaller)


def test_matrices_that_fit_no_layer_are_refused(shaped: Transformer, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", shaped, 1)
    save_file(
        {"base_model.model.lm_head.lora_A.weight": torch.zeros(1, 64)}, folder / "adapter_model.safetensors"
    )

    with pytest.raises(AdapterRefused, match="lm_head"):
        Adapter.load("a", folder, shaped)


def test_a_request_for_an_adapter_that_is_not_loaded_is_refused(
    shaped: Transformer, tokenizer: Tokenizer
) -> None:
    engine = Engine(shaped, tokenizer, backend="reference")

    with pytest.raises(AdapterRefused, match="load_adapter"):
        engine.start(PROMPT, adapter="missing")

    engine.close()
