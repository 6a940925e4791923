"""Random histories of several threads on one engine: answers are as they would be alone, no page is lost."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import CacheFull, PromptTooLong, SequenceBusy
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.kv_cache import PagePool
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.sequence import Sequence
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

GRAMMARS = (
    None,
    None,
    Grammar.regex("[a-z ]{3,9}(for Ada)?"),
    Grammar.regex("(the order |has two |green mugs ){2,5}"),
    Grammar.schema({"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}),
    Grammar.regex("the order [a-z]{20}").closing(Grammar.choices(["the order x", "x"])),
)
CLIENTS, TURNS = 4, 40


class Client:
    """One thread's sequences. `wrong` collects what was not as it would have been alone."""

    def __init__(self, engine: Engine, alone: Engine, seed: int) -> None:
        self.engine, self.alone, self.draw = engine, alone, random.Random(seed)
        self.live: list[Sequence] = []
        self.wrong: list[object] = []

    def run(self) -> None:
        for _ in range(TURNS):
            act = self.draw.choice(
                (self.open, self.fork, self.generate, self.generate, self.score, self.extend)
            )
            try:
                (act if self.live else self.open)()
            except CacheFull:
                self.close()
            except (PromptTooLong, SequenceBusy):
                self.live.pop().close()
            except BaseException as error:
                self.wrong.append(error)
                break
        self.close()

    def close(self) -> None:
        while self.live:
            self.live.pop().close()

    def open(self) -> None:
        said = self.engine.tokenizer.encode('{"name":"Ada","count":2}') + sorted(self.engine.eos_ids)
        alike = random.Random(self.draw.randrange(3)).choices(range(10, 300), k=self.draw.randrange(1, 60))
        tokens = self.draw.choice([(said * 8)[: self.draw.randrange(3, 60)], alike])
        self.live.append(self.engine.open(tokens))

    def fork(self) -> None:
        one = self.draw.choice(self.live)
        at = self.draw.choice([None, self.draw.randrange(1, len(one.tokens) + 1)])
        self.live += one.fork(self.draw.randrange(1, 3), at=at)

    def generate(self) -> None:
        one, grammar = self.draw.choice(self.live), self.draw.choice(GRAMMARS)
        before = list(one.tokens)
        sampling = Sampling(
            temperature=self.draw.choice([0.0, 1.0]),
            seed=self.draw.randrange(5),
            max_tokens=self.draw.randrange(10, 30),
        )
        job = one.start(sampling, grammar)
        if self.draw.random() < 0.25:
            job.cancel()
            job.future.result(20)
            return
        with contextlib.suppress(ValueError):  # the way out may have made it shorter than `at`
            self.live += one.fork(at=self.draw.randrange(1, len(one.tokens) + 1))
        output = job.future.result(20)
        expected = self.alone.generate(before, sampling, grammar)
        if output.token_ids != expected.token_ids or one.tokens != [*before, *output.token_ids]:
            self.wrong.append((before, grammar, output, expected))

    def score(self) -> None:
        one = self.draw.choice(self.live)
        continuations = [self.draw.choices(range(300), k=self.draw.randrange(1, 6)) for _ in range(3)]
        scores, expected = one.score(continuations), self.alone.score(one.tokens, continuations)
        if scores != pytest.approx(expected, abs=1e-4):
            self.wrong.append((one.tokens, continuations, scores, expected))

    def extend(self) -> None:
        self.draw.choice(self.live).extend([self.draw.randrange(300)])


@pytest.fixture(params=[400, 14], ids=["roomy", "cramped"])
def engines(
    request: pytest.FixtureRequest,
    transformer: Transformer,
    tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Engine, Engine]]:
    monkeypatch.setattr("punchlist.core_model.engine._HEAVY", 0)  # guess, as large models do
    monkeypatch.setattr("punchlist.core_model.engine._GUESS_COST", 0.0)
    room = request.param * PagePool.page_bytes(transformer.config, torch.float32)
    shared = Engine(transformer, tokenizer, kv_bytes=room, max_batch=4, step_tokens=40)
    alone = Engine(transformer, tokenizer, prefix_cache=False, speculate=False, max_batch=1)
    yield shared, alone
    shared.close()
    alone.close()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_random_histories_end_as_they_would_alone(engines: tuple[Engine, Engine], seed: int) -> None:
    clients: list[Any] = [Client(*engines, seed=100 * seed + number) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)

    assert not any(thread.is_alive() for thread in threads)
    assert [wrong for client in clients for wrong in client.wrong] == []
    with engines[0].lock:
        engines[0].pool.check([])
