"""Sequences after whatever happened to them: guesses, ways out, failures, cancellation, pre-emption."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import AdapterRefused, CacheFull, EngineClosed, InvalidSampling
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.kv_cache import PagePool
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.sequence import Sequence
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

PROMPT = [1, 40, 77, 130, 9, 55, 61, 300, 12, 78, 200, 201, 7, 66, 31, 32, 33, 34, 35, 36, 37, 38, 39]
SHORT = Sampling(max_tokens=12)


def plain_score(model: Transformer, tokens: list[int], continuation: list[int]) -> float:
    rows = model(torch.tensor([tokens + continuation]))[0].log_softmax(-1)
    return sum(float(rows[len(tokens) - 1 + place, token]) for place, token in enumerate(continuation))


def fits_its_tokens(sequence: Sequence, model: Transformer) -> bool:
    """Whether the keys and values of a sequence are those of its tokens."""
    expected = plain_score(model, sequence.tokens, [5, 9])
    return sequence.score([[5, 9]])[0] == pytest.approx(expected, abs=1e-4)


@pytest.fixture
def guessing(
    transformer: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """An engine that guesses whenever it can, as those of large models do."""
    monkeypatch.setattr("punchlist.core_model.engine._HEAVY", 0)
    monkeypatch.setattr("punchlist.core_model.engine._GUESS_COST", 0.0)
    made = Engine(transformer, tokenizer)
    yield made
    made.close()


@pytest.fixture
def cramped(transformer: Transformer, tokenizer: Tokenizer) -> Iterator[Engine]:
    """An engine whose pages hold 128 tokens."""
    made = Engine(transformer, tokenizer, kv_bytes=8 * PagePool.page_bytes(transformer.config, torch.float32))
    yield made
    made.close()


@pytest.mark.parametrize("limit", range(2, 12))
def test_a_sequence_goes_on_after_guesses(guessing: Engine, transformer: Transformer, limit: int) -> None:
    sequence = guessing.open([5, 6, 7, 8] * 8)

    for _ in range(3):
        sequence.start(Sampling(max_tokens=limit), ignore_end=True).future.result(5)

    assert guessing.usage.drafted_tokens > 0
    assert fits_its_tokens(sequence, transformer)
    assert len(sequence.generate(SHORT).token_ids) > 0


def test_an_end_token_in_the_prompt_does_not_disturb_a_grammar(
    guessing: Engine, tokenizer: Tokenizer
) -> None:
    said = tokenizer.encode('{"name":"Ada","count":2}')
    end = next(iter(guessing.eos_ids))
    grammar = Grammar.regex(r'(\{"name":"Ada","count":2\}){1,3}')

    output = guessing.generate([*said, end, *said, end, 7], Sampling(max_tokens=60), grammar)

    assert grammar.accepts(tokenizer.decode(output.token_ids))


def test_an_embedding_is_the_same_while_a_request_begins_alike(engine: Engine) -> None:
    alone = engine.embed([[*PROMPT, 9, 9]])[0]
    begun = threading.Event()
    busy = engine.start(PROMPT, Sampling(max_tokens=200), on_token=lambda *_: begun.set(), ignore_end=True)
    assert begun.wait(5)

    beside = engine.embed([[*PROMPT, 9, 9]])[0]

    busy.cancel()
    assert beside == pytest.approx(alone, abs=1e-5)


def test_a_token_outside_of_the_vocabulary_cannot_be_put_behind(engine: Engine) -> None:
    sequence = engine.open(PROMPT)

    with pytest.raises(ValueError, match="outside of the vocabulary"):
        sequence.extend([10**6])

    assert sequence.tokens == PROMPT


def test_a_listener_that_fails_ends_its_own_request_only(engine: Engine) -> None:
    def fail(ids: list[int], logprobs: list[float | None]) -> None:
        raise RuntimeError("the listener broke")

    sound = engine.start(PROMPT, Sampling(max_tokens=30), ignore_end=True)
    broken = engine.start([*PROMPT, 3], Sampling(max_tokens=30), on_token=fail, ignore_end=True)

    assert str(broken.future.exception(5)) == "the listener broke"
    assert len(sound.future.result(5).token_ids) == 30


def test_listeners_hear_on_the_worker_thread_also_of_forced_tokens(engine: Engine) -> None:
    heard: list[str] = []
    grammar = Grammar.choices(["the order has two green mugs"])

    job = engine.start(PROMPT, SHORT, grammar, lambda *_: heard.append(threading.current_thread().name))
    job.future.result(5)

    assert set(heard) == {"punchlist-engine"}


def test_a_start_that_is_refused_leaves_the_sequence_as_it_was(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    engine = Engine(transformer, tokenizer)
    sequence = engine.open(PROMPT)
    engine.close()

    with pytest.raises(EngineClosed):
        sequence.start(SHORT, Grammar.choices(["the order has two green mugs"]))

    assert sequence.tokens == PROMPT


@pytest.mark.parametrize(
    "wrong", [{"top_k": 4.0}, {"max_tokens": 2.5}, {"top_logprobs": 2.0}, {"stop": "end"}, {"stop": (b"x",)}]
)
def test_settings_of_a_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSampling):
        Sampling(**wrong)


@pytest.mark.parametrize("wrong", [{"max_batch": 0}, {"step_tokens": 0}, {"threads": 1.5}, {"max_bach": 3}])
def test_settings_of_an_engine_are_checked(
    transformer: Transformer, tokenizer: Tokenizer, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Engine(transformer, tokenizer, **wrong)


def test_a_fork_while_the_way_out_is_taken_fits_its_tokens(engine: Engine, transformer: Transformer) -> None:
    grammar = Grammar.regex("[a-z]{60}").closing(Grammar.choices(["stop here"]))
    sequence, forks = engine.open(PROMPT), list[Sequence]()

    job = sequence.start(
        Sampling(max_tokens=30), grammar, lambda *_: forks.extend(sequence.fork(at=len(sequence.tokens)))
    )
    job.future.result(5)

    assert forks and all(fits_its_tokens(fork, transformer) for fork in forks)
    assert fits_its_tokens(sequence, transformer)


def test_a_way_out_that_is_taken_at_once_fits_its_tokens(engine: Engine, transformer: Transformer) -> None:
    grammar = Grammar.regex("the order has two green mugs[a-z]{90}").closing(Grammar.choices(["stop"]))
    sequence = engine.open([5])

    output = sequence.generate(Sampling(max_tokens=8), grammar)

    assert output.closed_early
    assert fits_its_tokens(sequence, transformer)


def test_sequences_that_do_not_fit_together_both_finish(cramped: Engine, transformer: Transformer) -> None:
    one, two = cramped.open([7] * 40), cramped.open([9] * 40)

    jobs = [each.start(Sampling(max_tokens=60), ignore_end=True) for each in (one, two)]
    finished = [job.future.exception(20) for job in jobs]

    assert finished.count(None) >= 1  # the other one finds its pages held by an open sequence
    assert all(error is None or isinstance(error, CacheFull) for error in finished)
    one.close()
    two.start(Sampling(max_tokens=1), ignore_end=True).future.result(20)
    assert fits_its_tokens(two, transformer)


def test_pages_of_a_cancelled_request_are_there_for_the_next_step(cramped: Engine) -> None:
    begun = threading.Event()
    long = cramped.start([7] * 60, Sampling(max_tokens=60), ignore_end=True)
    other = cramped.start([9] * 40, Sampling(max_tokens=60), on_token=lambda *_: begun.set(), ignore_end=True)
    assert begun.wait(5)

    other.cancel()

    assert len(long.future.result(20).token_ids) == 60


def test_a_sequence_that_cannot_be_opened_keeps_no_page(cramped: Engine) -> None:
    with pytest.raises(CacheFull):
        cramped.open([7] * 200)

    cramped.pool.check([])


def test_more_continuations_than_there_are_pages_are_scored_in_turns(
    cramped: Engine, transformer: Transformer
) -> None:
    continuations = [[place, 3] for place in range(20)]

    scores = cramped.score([7] * 50, continuations)

    expected = [plain_score(transformer, [7] * 50, each) for each in continuations]
    assert scores == pytest.approx(expected, abs=1e-4)


def test_a_context_fits_into_the_pages_of_a_batch_of_one(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    engine = Engine(transformer, tokenizer, max_batch=1)
    length = transformer.config.context_length

    output = engine.start([7] * (length - 1), Sampling(max_tokens=1), ignore_end=True).future.result(5)

    engine.close()
    assert len(output.token_ids) == 1


def test_an_adapter_that_is_not_loaded_cannot_be_opened_with(engine: Engine) -> None:
    with pytest.raises(AdapterRefused, match="load_adapter"):
        engine.open([5], adapter="missing")


@pytest.mark.parametrize("begun", [-1, 99])
def test_a_text_cannot_have_begun_before_the_sequence(engine: Engine, begun: int) -> None:
    with pytest.raises(ValueError, match="begun"):
        engine.open(PROMPT).start(SHORT, Grammar.regex("[a-z]+"), begun=begun)
