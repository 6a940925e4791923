"""What a grammar lets a model write: always the grammar's texts, whatever the model would like."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel, ValidationError

from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import InvalidGrammar
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.jobs import Output
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer

PROMPT = [1, 40, 77, 130, 9, 55]


class Order(BaseModel):
    kind: Literal["order"]
    item: Literal["green mug", "red mug"]
    count: Literal[1, 2, 3]
    gift: bool
    tags: list[Literal["a", "b"]]


def write(engine: Engine, grammar: Grammar, seed: int = 0, limit: int = 120) -> tuple[str, Output]:
    output = engine.generate(PROMPT, Sampling(temperature=1.5, seed=seed, max_tokens=limit), grammar)
    return engine.tokenizer.decode(output.token_ids), output


@pytest.mark.parametrize("seed", range(8))
def test_a_random_model_writes_valid_json(engine: Engine, seed: int) -> None:
    text, output = write(engine, Grammar.schema(Order), seed)

    if output.stop_reason == "stop":
        assert Order.model_validate_json(text).kind == "order"
    else:  # an endless list of tags: flagged, not passed off as an answer
        with pytest.raises(ValidationError):
            Order.model_validate_json(text)


@pytest.mark.parametrize(
    ("grammar", "allowed"),
    [
        (Grammar.choices(["yes", "no", 'a "quoted" one\n']), {"yes", "no", 'a "quoted" one\n'}),
        (Grammar.regex("(left|right) [12]"), {"left 1", "left 2", "right 1", "right 2"}),
        (Grammar.lark('start: "click " NUMBER\nNUMBER: /[3-5]/'), {"click 3", "click 4", "click 5"}),
    ],
)
def test_only_texts_of_the_grammar_are_written(engine: Engine, grammar: Grammar, allowed: set[str]) -> None:
    written = {write(engine, grammar, seed)[0] for seed in range(12)}

    assert written <= allowed
    assert len(written) > 1


def test_forced_tokens_are_taken_without_a_forward_pass(engine: Engine) -> None:
    grammar = Grammar.lark('start: "the order has " ("two" | "green") " mugs for Ada, click the button"')

    _, output = write(engine, grammar)

    forced = output.logprobs.count(None)
    assert forced > 8
    assert engine.usage.forward_passes <= len(output.token_ids) - forced + 1
    assert engine.usage.forced_tokens == forced


def test_a_text_that_is_forced_as_a_whole_needs_no_model(engine: Engine) -> None:
    text, output = write(engine, Grammar.choices(["the order has two green mugs"]))

    assert text == "the order has two green mugs"
    assert engine.usage.forward_passes <= 4  # the last tokens may be split in several ways
    assert output.stop_reason == "stop"


def test_a_score_is_that_of_the_choice_among_what_is_allowed(engine: Engine) -> None:
    """With two one-letter choices, the two probabilities are all there is."""
    grammar = Grammar.choices(["X", "Y"])

    chosen = engine.generate(PROMPT, Sampling(), grammar)

    x, y = engine.score(PROMPT, [engine.tokenizer.encode("X"), engine.tokenizer.encode("Y")])
    assert chosen.logprobs[0] == pytest.approx(max(x, y) - math.log(math.exp(x) + math.exp(y)), abs=1e-4)


def test_running_out_of_tokens_is_flagged(engine: Engine) -> None:
    text, output = write(engine, Grammar.schema(Order), limit=6)

    assert output.stop_reason == "length"
    assert len(output.token_ids) == 6
    with pytest.raises(ValueError, match=r".+"):
        json.loads(text)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_forced_text_that_is_cut_is_flagged_too(engine: Engine, limit: int) -> None:
    text, output = write(engine, Grammar.choices(["the order has two green mugs"]), limit=limit)

    assert output.stop_reason == "length"
    assert len(output.token_ids) == limit
    assert text != "the order has two green mugs"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Grammar.lark("start: nothing"), "nothing"),
        (lambda: Grammar.regex("("), "regex"),
        (lambda: Grammar.choices([]), "choices"),
        (lambda: Grammar.choices(["a", ""]), "empty"),
        (lambda: Grammar.schema({"type": "strange"}), "strange"),
    ],
)
def test_a_grammar_that_does_not_compile_is_refused(make: Callable[[], Grammar], named: str) -> None:
    with pytest.raises(InvalidGrammar, match=named):
        make()


def test_text_from_elsewhere_is_checked() -> None:
    grammar = Grammar.schema(Order)
    good = '{"kind":"order","item":"red mug","count":2,"gift":false,"tags":["a"]}'

    assert grammar.accepts(good)
    assert not grammar.accepts(good[:-1])
    assert not grammar.accepts(good.replace("red", "blue"))


def test_text_from_elsewhere_is_brought_into_the_form_of_the_grammar() -> None:
    grammar = Grammar.schema(Order)
    loose = '```json\n{"item": "red mug", "kind": "order",\n "tags": [], "gift": true, "count": 1}\n```'

    assert grammar.normalise(loose) == '{"kind":"order","item":"red mug","count":1,"gift":true,"tags":[]}'
    assert Grammar.choices(["yes", "no"]).normalise(" yes\n") == "yes"
    with pytest.raises(ValueError, match="maybe"):
        Grammar.choices(["yes", "no"]).normalise("maybe")


def test_a_fork_of_a_state_goes_its_own_way(engine: Engine, tokenizer: Tokenizer) -> None:
    state = engine.compiler.start(Grammar.regex("[ab]{2}"))
    fork = state.fork()

    fork.take(tokenizer.encode("ab"))

    assert (fork.complete, state.complete) == (True, False)
