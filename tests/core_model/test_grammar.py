"""What a grammar lets a model write: always the grammar's texts, whatever the model would like."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import InvalidGrammar, NoRoomToClose
from punchlist.core_model.grammar import Closing, Grammar, GrammarCompiler, GrammarState
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


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Grammar.lark("start: nothing"), "nothing"),
        (lambda: Grammar.regex("("), "regex"),
        (lambda: Grammar.choices([]), "choices"),
        (lambda: Grammar.choices(["a", ""]), "empty"),
        (lambda: Grammar.schema({"type": "strange"}), "strange"),
        (lambda: Grammar.schema(nested(180)), "recursion limit"),
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


@pytest.fixture(scope="session")
def compiler(tokenizer: Tokenizer) -> GrammarCompiler:
    return GrammarCompiler(tokenizer, tokenizer.vocab_size, [tokenizer.id_of("<|eos|>")])


def bits(line: np.ndarray, vocab: int) -> list[int]:
    return np.flatnonzero(np.unpackbits(line.view(np.uint8), bitorder="little")[:vocab]).tolist()


def test_a_packed_mask_says_what_the_plain_one_says(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    state, masks = compiler.start(Grammar.schema(Order)), compiler.masks(3)
    state.take(tokenizer.encode('{"kind":"order","item":"'))

    state.fill(masks, 1)

    assert bits(masks[1], compiler.vocab_size) == np.flatnonzero(state.mask()).tolist()
    assert (masks[[0, 2]] == -1).all()


def test_masks_along_a_draft_are_those_of_going_there(
    compiler: GrammarCompiler, tokenizer: Tokenizer
) -> None:
    state, masks = compiler.start(Grammar.schema(Order)), compiler.masks(20)
    draft = tokenizer.encode('{"kind":"order","item":"green mug","count":2,"gift":tree')
    allowed = draft[: state.validate(draft)]

    state.fill_draft(masks, 2, allowed[:15])

    walker = compiler.start(Grammar.schema(Order))
    for place in range(16):
        assert bits(masks[2 + place], compiler.vocab_size) == np.flatnonzero(walker.mask()).tolist()
        walker.take(allowed[place : place + 1])
    assert tokenizer.decode(allowed).startswith('{"kind":"order","item":"green mug","count":2,"gift":t')
    assert state.validate(draft) == len(allowed)


def test_tokens_can_be_taken_back_also_from_the_end(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    state = compiler.start(Grammar.choices(["the order", "the page"]))
    tokens = tokenizer.encode("the page")
    before = state.mask().tolist()

    state.take(tokens)
    assert state.finished
    state.rollback(len(tokens))

    assert not state.finished
    assert state.mask().tolist() == before
    with pytest.raises(ValueError, match="1 tokens cannot be taken back of 0"):
        state.rollback(1)


def test_a_token_that_is_not_allowed_is_an_error(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    with pytest.raises(InvalidGrammar, match="satisfy"):
        compiler.start(Grammar.regex("a+")).take(tokenizer.encode("b"))


class Report(BaseModel):
    thought: str
    kind: Literal["report"]
    text: str


class Excuse(BaseModel):
    thought: str
    kind: Literal["excuse"]
    text: Literal["out of tokens"]


RISKY = Grammar.schema(Report).closing(Grammar.schema(Excuse))


def drawn(
    state: GrammarState, compiler: GrammarCompiler, limit: int, seed: int, forced: bool
) -> tuple[list[int], int, bool]:
    """Tokens of a random writer that works as the engine does, how many it made, whether it closed early."""
    rng, tokens, made = random.Random(seed), list[int](), 0
    while True:
        if forced:
            tokens += state.forced(limit - made)
        made = max(made, len(tokens))
        if state.finished:
            return tokens, made, False
        closing = state.close(limit - made)
        if closing is not None:
            return tokens[: closing.keep] + closing.tokens, made + len(closing.tokens), True
        allowed = np.flatnonzero(state.mask())
        token = int(rng.choice(allowed))
        assert token < compiler.vocab_size
        state.take([token])
        tokens.append(token)
        made += 1


@pytest.mark.parametrize("forced", [True, False])
def test_with_a_way_out_a_text_is_whole_at_every_limit(
    compiler: GrammarCompiler, tokenizer: Tokenizer, forced: bool
) -> None:
    reserve = compiler.start(RISKY).reserve
    early = 0

    for limit in range(reserve, reserve + 60):
        tokens, made, closed = drawn(compiler.start(RISKY, limit), compiler, limit, limit, forced)
        text = tokenizer.decode(tokens)
        if closed:
            assert Excuse.model_validate_json(text).kind == "excuse"
        else:
            assert Report.model_validate_json(text).kind == "report"
        assert made <= limit
        early += closed

    assert early > 10


def test_the_thought_is_kept_and_the_claim_under_way_is_taken_back(
    compiler: GrammarCompiler, tokenizer: Tokenizer
) -> None:
    state = compiler.start(RISKY, 200)
    state.take(tokenizer.encode('{"thought":"the order","kind":"report","text":"I read the pa'))

    closing = state.close(state.reserve)

    assert state.close(state.reserve + 1) is None
    assert closing is not None
    kept = tokenizer.encode('{"thought":"the order","kind":"report","text":"I read the pa')[: closing.keep]
    text = tokenizer.decode(kept + closing.tokens)
    assert text == '{"thought":"the order","kind":"excuse","text":"out of tokens"}'
    assert len(closing.tokens) <= state.reserve


def test_a_fork_keeps_its_own_way_out(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    state = compiler.start(RISKY, 200)
    state.take(tokenizer.encode('{"thought":"Ada'))
    fork = state.fork()
    fork.take(tokenizer.encode('","kind":"rep'))
    fork.rollback(2)

    closed, forked = state.close(state.reserve), fork.close(fork.reserve)

    assert closed is not None and forked is not None
    assert closed.keep == len(tokenizer.encode('{"thought":"Ada'))
    assert forked.keep > closed.keep


def test_a_limit_below_the_way_out_is_refused_before_anything_is_done(compiler: GrammarCompiler) -> None:
    reserve = compiler.start(RISKY).reserve

    with pytest.raises(NoRoomToClose, match=f"needs {reserve}"):
        compiler.start(RISKY, reserve - 1)


def test_a_complete_text_that_could_go_on_is_closed_as_it_is(
    compiler: GrammarCompiler, tokenizer: Tokenizer
) -> None:
    state = compiler.start(Grammar.regex("(12 )+34( 12)*").closing(Grammar.choices(["no"])), 50)
    tokens = tokenizer.encode("12 34 12")
    state.take(tokens)

    assert state.close(1) == Closing(len(tokens), [])


def test_a_way_out_without_an_end_is_refused(compiler: GrammarCompiler) -> None:
    long = Grammar.schema({"type": "array", "items": {"type": "null"}, "minItems": 2000})

    with pytest.raises(InvalidGrammar, match="way out"):
        compiler.start(Grammar.regex("a").closing(long))


@pytest.mark.parametrize(
    ("begun", "ending"),
    [
        ('{"kind":"order","item":"red mug","count":2,"gift":tr', 'ue,"tags":[]}'),
        ('{"kind":"order","item":"red mug","count":2,"gift":true,"tags":["a"', "]}"),
    ],
)
def test_the_cost_to_close_a_text_is_known(
    compiler: GrammarCompiler, tokenizer: Tokenizer, begun: str, ending: str
) -> None:
    state = compiler.start(Grammar.schema(Order))
    state.take(tokenizer.encode(begun))

    found = state.ending()

    assert found is not None
    assert tokenizer.decode(found) == ending
    assert state.ending(len(found) - 1) is None
    assert not state.complete


def test_texts_of_the_way_out_are_accepted_too() -> None:
    assert RISKY.accepts('{"thought":"","kind":"excuse","text":"out of tokens"}')
    assert RISKY.accepts('{"thought":"","kind":"report","text":""}')
    assert not RISKY.accepts('{"thought":"","kind":"excuse","text":"lazy"}')


def test_compiled_grammars_are_shared_and_states_are_not(
    compiler: GrammarCompiler, tokenizer: Tokenizer
) -> None:
    grammar = Grammar.regex("[ab]{2}")
    first, second = compiler.start(grammar), compiler.start(grammar)

    first.take(tokenizer.encode("ab"))

    assert (first.complete, second.complete) == (True, False)
    assert compiler.start(grammar).validate(tokenizer.encode("ba")) == len(tokenizer.encode("ba"))
