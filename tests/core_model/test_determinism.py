"""A request's tokens are its own: alone, batched, cached, forked, pre-empted, guessed, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

import pytest

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.jobs import Output
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.settings import Backend, EngineSettings, Weights
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

TRUNK = [(7 * place + 11) % 300 for place in range(61)]
TAILS = [[5, 9], [200, 3, 77, 41], [8], [290, 291, 292], [12] * 9]
DRAWS = [
    Sampling(max_tokens=24),
    Sampling(temperature=1.0, seed=4, max_tokens=24),
    Sampling(temperature=0.7, top_p=0.9, top_k=40, min_p=0.01, seed=9, max_tokens=24),
]
KINDS: list[tuple[Backend, Weights]] = [
    ("reference", "float32"),
    ("native", "float32"),
    ("native", "bfloat16"),
    ("native", "int8"),
]


@pytest.fixture(scope="module")
def shaped(tokenizer: Tokenizer) -> Transformer:
    config = ModelConfig(tokenizer.vocab_size, 64, 2, 4, 2, 16, 96, context_length=256, eos_token_ids=(2,))
    model = Transformer(config)
    model.initialise(3)
    for name, weight in model.named_parameters():
        if "proj" in name:
            weight.data.mul_(3.0)
    return model.requires_grad_(False).eval()


def run(engine: Engine, sampling: Sampling, *, at_once: bool) -> list[Output]:
    prompts = [[*TRUNK, *tail] for tail in TAILS]
    if not at_once:
        return [engine.start(prompt, sampling, ignore_end=True).future.result(60) for prompt in prompts]
    jobs = [engine.start(prompt, sampling, ignore_end=True) for prompt in prompts]
    return [job.future.result(60) for job in jobs]


def forked(engine: Engine, sampling: Sampling) -> list[Output]:
    outputs: list[Output] = []
    with engine.open(TRUNK) as trunk:
        branches = trunk.fork(len(TAILS))
        for branch, tail in zip(branches, TAILS, strict=True):
            branch.extend(tail)
        jobs = [branch.start(sampling, ignore_end=True) for branch in branches]
        outputs = [job.future.result(60) for job in jobs]
        for branch in branches:
            branch.close()
    return outputs


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[Backend, Weights]]:
    yield request.param


@pytest.mark.parametrize("sampling", DRAWS, ids=["greedy", "drawn", "filtered"])
def test_tokens_are_the_same_however_a_request_is_run(
    shaped: Transformer, tokenizer: Tokenizer, kind: tuple[Backend, Weights], sampling: Sampling
) -> None:
    backend, weights = kind

    def make(**settings: Unpack[EngineSettings]) -> Engine:
        return Engine(shaped, tokenizer, **{"backend": backend, "weights": weights, **settings})

    plain = make(prefix_cache=False, max_batch=1, speculate=False, step_tokens=512)
    expected = run(plain, sampling, at_once=False)
    plain.close()
    ways: dict[str, list[Output]] = {}
    engine = make()
    ways["batched"] = run(engine, sampling, at_once=True)
    ways["known beginnings"] = run(engine, sampling, at_once=True)
    ways["forked"] = forked(engine, sampling)
    engine.close()
    engine = make(step_tokens=17, max_batch=3)
    ways["in small steps"] = run(engine, sampling, at_once=True)
    engine.close()
    engine = make(kv_bytes=10 * 16 * 2 * 2 * 2 * 16 * 4)
    ways["cramped"] = run(engine, sampling, at_once=True)
    engine.close()

    for way, outputs in ways.items():
        for got, wanted in zip(outputs, expected, strict=True):
            assert got.token_ids == wanted.token_ids, way
            pairs = zip(got.logprobs, wanted.logprobs, strict=True)
            if backend == "native":  # the very same bits
                assert got.logprobs == wanted.logprobs, way
            else:
                assert all(abs((a or 0) - (b or 0)) < 1e-4 for a, b in pairs), way


@pytest.mark.parametrize("sampling", DRAWS, ids=["greedy", "drawn", "filtered"])
@pytest.mark.parametrize("grammar", [None, Grammar.regex("(the order |has two |green mugs ){4,9}for Ada")])
def test_guessing_ahead_changes_no_token(
    shaped: Transformer,
    tokenizer: Tokenizer,
    sampling: Sampling,
    grammar: Grammar | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("punchlist.core_model.engine._HEAVY", 0)
    monkeypatch.setattr("punchlist.core_model.engine._GUESS_COST", 0.0)
    prompt = [*TRUNK, *TRUNK, *TRUNK[:7]]
    outputs: list[Output] = []
    for speculate in (False, True):
        engine = Engine(shaped, tokenizer, backend="reference", speculate=speculate)
        jobs = [engine.generate_job(list(prompt), None, sampling, grammar, None, ignore_end=True)]
        engine.submit(jobs[0])
        outputs.append(jobs[0].future.result(60))
        drafted, accepted = engine.usage.drafted_tokens, engine.usage.accepted_tokens
        engine.close()

    assert outputs[0].token_ids == outputs[1].token_ids
    assert drafted > 0
    assert 0 <= accepted <= drafted
