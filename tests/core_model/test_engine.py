"""Generation, forks and scores of the batched engine against the plain forward pass."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import (
    EngineClosed,
    InvalidGrammar,
    NumericalError,
    PromptTooLong,
    SequenceBusy,
)
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.jobs import Output
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.settings import Backend
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

PROMPT = [1, 40, 77, 130, 9, 55, 61, 300, 12, 78, 200, 201, 7, 66, 31, 32, 33, 34, 35, 36, 37, 38, 39]
WARM = Sampling(temperature=1.0, seed=5, max_tokens=12)


def plain_greedy(model: Transformer, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
    """Greedy decoding that recomputes everything for each token."""
    tokens, logprobs = list(prompt), []
    while len(tokens) < len(prompt) + count:
        row = model(torch.tensor([tokens]))[0, -1].log_softmax(-1)
        tokens.append(int(row.argmax()))
        logprobs.append(float(row.max()))
    return tokens[len(prompt) :], logprobs


def plain_score(model: Transformer, prompt: list[int], continuation: list[int]) -> float:
    rows = model(torch.tensor([prompt + continuation]))[0].log_softmax(-1)
    return sum(float(rows[len(prompt) - 1 + place, token]) for place, token in enumerate(continuation))


def close(a: Output, b: Output) -> bool:
    pairs = zip(a.logprobs, b.logprobs, strict=True)
    return a.token_ids == b.token_ids and all(abs((x or 0) - (y or 0)) < 1e-4 for x, y in pairs)


def test_greedy_tokens_are_those_of_the_plain_forward_pass(engine: Engine, transformer: Transformer) -> None:
    job = engine.start(PROMPT, Sampling(max_tokens=20), ignore_end=True)

    output = job.future.result(5)

    tokens, logprobs = plain_greedy(transformer, PROMPT, 20)
    assert list(output.token_ids) == tokens
    assert output.logprobs == pytest.approx(logprobs, abs=1e-4)
    assert (output.stop_reason, output.prompt_tokens) == ("length", len(PROMPT))


def test_a_request_does_not_depend_on_what_shares_its_batch(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    prompts = [PROMPT[place:] + PROMPT[:place] for place in range(6)]
    alone: list[Output] = []
    for prompt in prompts:
        single = Engine(transformer, tokenizer)
        alone.append(single.generate(prompt, WARM))
        single.close()
    shared = Engine(transformer, tokenizer, step_tokens=20)

    jobs = [shared.start(prompt, WARM) for prompt in prompts]
    together = [job.future.result(5) for job in jobs]

    shared.close()
    assert all(close(a, b) for a, b in zip(alone, together, strict=True))


def test_more_requests_than_the_batch_holds_all_finish(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    small = Engine(transformer, tokenizer, max_batch=2)

    jobs = [small.start([*PROMPT, place], WARM) for place in range(7)]

    assert [len(job.future.result(5).token_ids) > 0 for job in jobs] == [True] * 7
    small.close()


def test_the_same_seed_gives_the_same_tokens(engine: Engine) -> None:
    first, again = engine.generate(PROMPT, WARM), engine.generate(PROMPT, WARM)
    other = engine.generate(PROMPT, Sampling(temperature=1.0, seed=6, max_tokens=12))

    assert first.token_ids == again.token_ids != other.token_ids


def test_a_prompt_that_was_read_before_is_not_read_again(engine: Engine) -> None:
    first = engine.generate(PROMPT, WARM)
    again = engine.generate(PROMPT, WARM)

    assert (first.reused_tokens, again.reused_tokens) == (0, len(PROMPT) - 1)
    assert close(first, again)


def test_requests_that_begin_alike_read_the_beginning_once(engine: Engine) -> None:
    jobs = [engine.start([*PROMPT, 50 + place], WARM) for place in range(4)]
    outputs = [job.future.result(5) for job in jobs]

    assert sum(output.reused_tokens >= len(PROMPT) for output in outputs) == 3


def test_forks_go_on_like_the_prompt_sent_again(engine: Engine) -> None:
    trunk = engine.open(PROMPT)
    branches = trunk.fork(3)
    for number, branch in enumerate(branches):
        branch.extend([100 + number, 7])

    outputs = [branch.generate(WARM) for branch in branches]

    for number, output in enumerate(outputs):
        assert close(output, engine.generate([*PROMPT, 100 + number, 7], WARM))
        assert branches[number].tokens == [*PROMPT, 100 + number, 7, *output.token_ids]
    assert trunk.tokens == PROMPT


def test_forking_computes_what_was_added_only_once(engine: Engine) -> None:
    trunk = engine.open(PROMPT)
    trunk.extend([5, 6, 7, 8])
    before = engine.usage.computed_tokens

    branches = trunk.fork(4)
    scores = [branch.score([[9]])[0] for branch in branches]

    assert len(set(scores)) == 1
    assert engine.usage.computed_tokens - before == 4 + 4  # four added tokens, then the last of each branch


def test_scores_are_those_of_the_plain_forward_pass(engine: Engine, transformer: Transformer) -> None:
    continuations = [[5], [5, 9, 12], [200, 201], [300, 5, 9, 12, 77]]

    scores = engine.score(PROMPT, continuations)

    expected = [plain_score(transformer, PROMPT, each) for each in continuations]
    assert scores == pytest.approx(expected, abs=1e-4)


def test_scoring_leaves_a_sequence_as_it_was(engine: Engine) -> None:
    scored, untouched = engine.open(PROMPT), engine.open(PROMPT)

    scored.score([[5, 6, 7], [8, 9]])

    assert close(scored.generate(WARM), untouched.generate(WARM))


def test_a_sequence_goes_on_where_it_ended(engine: Engine) -> None:
    sequence = engine.open(PROMPT)

    parts = [sequence.start(Sampling(max_tokens=5)).future.result(5) for _ in range(3)]

    whole = engine.start(PROMPT, Sampling(max_tokens=15)).future.result(5)
    assert tuple(itertools.chain.from_iterable(part.token_ids for part in parts)) == whole.token_ids


def test_a_sequence_takes_one_request_at_a_time(engine: Engine) -> None:
    sequence = engine.open(PROMPT)
    job = sequence.start(Sampling(max_tokens=200))

    with pytest.raises(SequenceBusy):
        sequence.extend([1])

    job.cancel()
    job.future.result(5)
    sequence.extend([1])


def test_cancelling_returns_what_is_there(engine: Engine) -> None:
    begun = threading.Event()
    job = engine.start(
        PROMPT, Sampling(max_tokens=230), on_token=lambda ids, logprobs: begun.set(), ignore_end=True
    )
    assert begun.wait(5)

    job.cancel()

    output = job.future.result(5)
    assert output.stop_reason == "cancelled"
    assert 0 < len(output.token_ids) < 230


def test_generation_ends_at_the_context_limit(engine: Engine) -> None:
    prompt = (PROMPT * 12)[:250]

    output = engine.start(prompt, Sampling(max_tokens=50), ignore_end=True).future.result(5)

    assert (len(output.token_ids), output.stop_reason) == (6, "length")


@pytest.mark.parametrize(
    "request_too_long",
    [
        lambda engine: engine.start([5] * 256),
        lambda engine: engine.start_score([5] * 255, [[1, 2]]),
        lambda engine: engine.open([5] * 257),
        lambda engine: engine.open([5] * 250).extend([5] * 7),
    ],
)
def test_a_prompt_without_room_is_refused(
    engine: Engine, request_too_long: Callable[[Engine], object]
) -> None:
    with pytest.raises(PromptTooLong, match="256"):
        request_too_long(engine)


def test_closing_fails_what_is_under_way(transformer: Transformer, tokenizer: Tokenizer) -> None:
    engine = Engine(transformer, tokenizer)
    job = engine.start(PROMPT, Sampling(max_tokens=230), ignore_end=True)

    engine.close()

    assert isinstance(job.future.exception(5), EngineClosed)
    with pytest.raises(EngineClosed):
        engine.start(PROMPT)


def test_a_request_that_fails_on_the_way_fails_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = engine.start(PROMPT, Sampling(max_tokens=50), ignore_end=True)
    broken = engine.generate_job(list(PROMPT), None, WARM, None, None)

    def grow_too_complex(*chosen: object) -> bool:
        raise InvalidGrammar("start: a", "too many items")

    monkeypatch.setattr(broken, "accept", grow_too_complex)
    engine.submit(broken)

    assert isinstance(broken.future.exception(5), InvalidGrammar)
    assert sound.future.result(5).stop_reason == "length"


def test_many_clients_get_what_each_would_get_alone(transformer: Transformer, tokenizer: Tokenizer) -> None:
    """Random prompts that partly begin alike, random settings, some cancelled, from several threads."""
    busy = Engine(transformer, tokenizer, max_batch=4, step_tokens=40, kv_bytes=2_000_000)
    alone = Engine(transformer, tokenizer, max_batch=1, prefix_cache=False)
    different: list[tuple[Output, Output]] = []

    def client(number: int) -> None:
        draw = random.Random(number)
        for _ in range(15):
            prompt = random.Random(draw.randrange(3)).choices(range(10, 300), k=draw.randrange(20, 200))
            sampling = Sampling(temperature=draw.choice([0.0, 1.0]), seed=draw.randrange(9), max_tokens=10)
            grammar = draw.choice([None, Grammar.regex("[a-z ]{3,9}")])
            job = busy.start(prompt, sampling, grammar)
            if draw.random() < 0.3:
                job.cancel()
                job.future.result(5)
            elif not close(
                output := job.future.result(5), reference := alone.generate(prompt, sampling, grammar)
            ):
                different.append((output, reference))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    busy.close()
    alone.close()
    assert not any(thread.is_alive() for thread in threads)
    assert different == []
    assert busy.usage.reused_tokens > 0


def test_a_fork_in_the_middle_of_a_message_goes_on_with_its_grammar(engine: Engine) -> None:
    grammar = Grammar.regex("[a-z]{4}[0-9]{6}")
    sequence = engine.open(PROMPT)
    whole = sequence.generate(Sampling(max_tokens=40), grammar)
    half = len(whole.token_ids) // 2

    fork = sequence.fork(at=len(PROMPT) + half)[0]
    rest = fork.generate(Sampling(max_tokens=40), grammar, begun=half)

    assert rest.token_ids == whole.token_ids[half:]


def test_a_running_sequence_can_be_forked_at_any_of_its_tokens(engine: Engine) -> None:
    sequence = engine.open(PROMPT)
    begun = threading.Event()
    job = sequence.start(Sampling(max_tokens=100), on_token=lambda *_: begun.set(), ignore_end=True)
    assert begun.wait(5)

    fork = sequence.fork(at=len(PROMPT) - 3)[0]
    output = fork.start(Sampling(max_tokens=8), ignore_end=True).future.result(5)

    job.future.result(5)
    expected = engine.start(PROMPT[:-3], Sampling(max_tokens=8), ignore_end=True).future.result(5)
    assert output.token_ids == expected.token_ids


@pytest.mark.parametrize("at", [0, len(PROMPT) + 1])
def test_a_fork_outside_of_the_sequence_is_refused(engine: Engine, at: int) -> None:
    with pytest.raises(ValueError, match="at is"):
        engine.open(PROMPT).fork(at=at)


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_token_outside_of_the_vocabulary_is_refused(engine: Engine, token: int) -> None:
    for wrong in ([*PROMPT, token], [token]):
        with pytest.raises(ValueError, match="outside of the vocabulary"):
            engine.start(wrong)
        with pytest.raises(ValueError, match="outside of the vocabulary"):
            engine.open(wrong)
    with pytest.raises(ValueError, match="outside of the vocabulary"):
        engine.score(PROMPT, [[5], [token]])


def test_the_way_out_is_taken_before_the_tokens_run_out(engine: Engine) -> None:
    grammar = Grammar.regex("[a-z]{60}").closing(Grammar.choices(["stop here"]))
    shown: list[int] = []
    sequence = engine.open(PROMPT)

    job = sequence.start(Sampling(max_tokens=30), grammar, lambda ids, logprobs: shown.extend(ids))
    output = job.future.result(5)

    assert engine.tokenizer.decode(output.token_ids) == "stop here"
    assert (output.stop_reason, output.closed_early) == ("stop", True)
    assert shown == list(output.token_ids)
    assert sequence.tokens == [*PROMPT, *output.token_ids]
    assert close(sequence.generate(WARM), engine.generate(sequence.tokens[: len(PROMPT) + len(shown)], WARM))


def test_the_likeliest_tokens_are_told_where_they_are_asked_for(engine: Engine) -> None:
    output = engine.start(PROMPT, Sampling(max_tokens=4, top_logprobs=3), ignore_end=True).future.result(5)

    assert [len(row) for row in output.top_logprobs] == [3] * 4
    assert [row[0][0] for row in output.top_logprobs] == list(output.token_ids)


def test_weights_that_are_no_numbers_fail_the_request_and_not_the_engine(
    config: ModelConfig, tokenizer: Tokenizer
) -> None:
    broken = Transformer(replace(config, tie_embeddings=False))
    broken.initialise(7)
    broken.requires_grad_(False).model.embed_tokens.weight[77] = float("nan")
    engine = Engine(broken, tokenizer, backend="reference")
    jobs = [engine.start([5, 6, token], Sampling(max_tokens=1)) for token in (7, 77, 8)]

    errors = [job.future.exception(5) for job in jobs]

    engine.close()
    assert [type(error) for error in errors] == [type(None), NumericalError, type(None)]


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_the_layer_that_broke_is_named(config: ModelConfig, tokenizer: Tokenizer, backend: Backend) -> None:
    broken = Transformer(config)
    broken.initialise(7)
    broken.requires_grad_(False)
    dict(broken.named_parameters())["model.layers.1.mlp.up_proj.weight"][3, 3] = float("inf")
    engine = Engine(broken, tokenizer, backend=backend)

    error = engine.start(PROMPT).future.exception(5)

    engine.close()
    assert isinstance(error, NumericalError)
    assert error.layer == 1
