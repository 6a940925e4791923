"""Who is computed when: full pools, queues, cancellation, fairness and exact budgets."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import CacheFull, InvalidGrammar, RequestCancelled
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.kv_cache import PagePool
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

PROMPT = [1, 40, 77, 130, 9, 55, 61, 300, 12, 78, 200, 201, 7, 66, 31, 32, 33, 34, 35, 36, 37, 38, 39]


@pytest.fixture
def cramped(transformer: Transformer, tokenizer: Tokenizer) -> Iterator[Engine]:
    """An engine whose pages hold 128 tokens: two requests that grow cannot both stay."""
    pages = 8 * PagePool.page_bytes(transformer.config, transformer.model.embed_tokens.weight.dtype)
    made = Engine(transformer, tokenizer, kv_bytes=pages)
    yield made
    made.close()


def test_requests_that_outgrow_the_pages_together_all_finish_as_if_alone(
    cramped: Engine, engine: Engine
) -> None:
    prompts = [[place, *PROMPT] for place in (50, 60, 70)]
    grow = Sampling(temperature=1.0, seed=3, max_tokens=60)

    jobs = [cramped.start(prompt, grow, ignore_end=True) for prompt in prompts]
    outputs = [job.future.result(20) for job in jobs]

    alone = [engine.start(prompt, grow, ignore_end=True).future.result(20) for prompt in prompts]
    assert [output.token_ids for output in outputs] == [output.token_ids for output in alone]
    assert cramped.usage.preemptions > 0


def test_a_request_that_can_never_fit_fails_alone(cramped: Engine) -> None:
    small = cramped.start(PROMPT, Sampling(max_tokens=20), ignore_end=True)
    large = cramped.start([5] * 200, Sampling(max_tokens=5))

    assert isinstance(large.future.exception(20), CacheFull)
    assert len(small.future.result(20).token_ids) == 20
    assert len(cramped.generate(PROMPT, Sampling(max_tokens=3)).token_ids) == 3


def test_open_sequences_that_hold_every_page_are_named_as_the_reason(cramped: Engine) -> None:
    kept = cramped.open([7] * 120)

    with pytest.raises(CacheFull, match="Close sequences"):
        cramped.generate([9] * 60)

    kept.close()
    assert cramped.generate([9] * 60, Sampling(max_tokens=1)).prompt_tokens == 60


def test_every_page_comes_back(engine: Engine) -> None:
    trunk = engine.open(PROMPT)
    forks = trunk.fork(4)
    for number, fork in enumerate(forks):
        fork.extend([number, 3])
        fork.generate(Sampling(max_tokens=20))
        fork.score([[1, 2, 3], [4]])
    for sequence in (trunk, *forks):
        sequence.close()

    engine.pool.check([])
    engine.pool.tree.clear()

    assert engine.pool.unused == engine.pool.pages


def test_a_waiting_request_is_cancelled_at_once(transformer: Transformer, tokenizer: Tokenizer) -> None:
    narrow = Engine(transformer, tokenizer, max_batch=1)
    busy = narrow.start(PROMPT, Sampling(max_tokens=200), ignore_end=True)
    waiting = narrow.start_score([*PROMPT, 3], [[4]])

    waiting.cancel()

    assert isinstance(waiting.future.exception(5), RequestCancelled)
    assert not busy.future.done()
    busy.cancel()
    narrow.close()


def test_a_step_looks_at_the_head_of_the_queue_only(
    transformer: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Engine(transformer, tokenizer, max_batch=2)
    looked_at: list[object] = []
    alike = narrow._scheduler._alike  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(narrow._scheduler, "_alike", lambda job: looked_at.append(job) or alike(job))
    busy = [narrow.start([place, *PROMPT], Sampling(max_tokens=100), ignore_end=True) for place in (5, 6)]

    queued = [narrow.start([place % 300, *PROMPT], Sampling(max_tokens=1)) for place in range(2000)]
    for job in busy:
        job.future.result(20)
    for job in queued:
        job.cancel()
    narrow.close()

    assert len(looked_at) < 2 * len(queued)


def test_short_requests_go_on_while_a_long_prompt_is_read(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    engine = Engine(transformer, tokenizer, step_tokens=16, prefix_cache=False)
    order: list[str] = []
    begun = threading.Event()

    def short(ids: list[int], logprobs: list[float | None]) -> None:
        order.append("short")
        begun.set()

    first = engine.start(PROMPT, Sampling(max_tokens=40), on_token=short, ignore_end=True)
    assert begun.wait(5)
    long = engine.start([9] * 250, Sampling(max_tokens=1), on_token=lambda *_: order.append("long"))

    first.future.result(20), long.future.result(20)

    engine.close()
    assert "short" in order[: order.index("long")]
    assert order.index("long") > 10 or "short" not in order[order.index("long") :]


@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize("fast_forward", [True, False])
def test_no_request_gets_a_token_more_than_it_may(
    transformer: Transformer, tokenizer: Tokenizer, limit: int, fast_forward: bool
) -> None:
    engine = Engine(transformer, tokenizer, fast_forward=fast_forward)

    output = engine.generate(
        PROMPT, Sampling(max_tokens=limit), Grammar.choices(["the order has two green mugs for Ada"])
    )

    engine.close()
    assert len(output.token_ids) == limit


def test_forced_tokens_cost_no_step_and_change_nothing(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    grammar = Grammar.schema(
        {
            "type": "object",
            "properties": {"name": {"enum": ["Ada", "Bo"]}, "count": {"type": "integer"}},
            "required": ["name", "count"],
            "additionalProperties": False,
        }
    )
    outputs, passes = [], []
    for fast_forward in (True, False):
        engine = Engine(transformer, tokenizer, fast_forward=fast_forward, speculate=False)
        outputs.append(engine.generate(PROMPT, Sampling(max_tokens=60), grammar))
        passes.append(engine.usage.forward_passes)
        engine.close()

    fast, slow = outputs
    assert fast.token_ids == slow.token_ids
    assert passes[0] < passes[1]
    assert None in fast.logprobs and None not in slow.logprobs


def test_a_grammar_that_is_too_complex_to_begin_fails_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = engine.generate_job(list(PROMPT), None, Sampling(), None, None)

    def too_complex() -> bool:
        raise InvalidGrammar("start: a", "too many items")

    monkeypatch.setattr(broken, "ended_early", too_complex)
    engine.submit(broken)

    assert isinstance(broken.future.exception(5), InvalidGrammar)
    assert engine.generate(PROMPT, Sampling(max_tokens=1)).prompt_tokens == len(PROMPT)
