"""Drafts from what stood before: found as by a plain search, never changing what is chosen."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from punchlist.core_model.grammar import Grammar, GrammarCompiler
from punchlist.core_model.speculative import LONGEST, PLACES, PROBE, SHORTEST, Drafter, linear_costs
from punchlist.core_model.tokenizer import Tokenizer

FREE = linear_costs(0.0)


def longest_match(tokens: list[int]) -> tuple[int, int]:
    """The same as `Drafter.match`, by comparing everything with everything."""
    pairs = [end for end in range(2, len(tokens)) if tokens[end - 2 : end] == tokens[-2:]][-PLACES:]
    found = (0, 0)
    for end in pairs:
        length = max(
            n for n in range(SHORTEST, LONGEST + 1) if n <= end and tokens[end - n : end] == tokens[-n:]
        )
        if length >= found[1]:
            found = (end, length)
    return found


@given(st.lists(st.integers(0, 2), max_size=120))
def test_the_match_is_that_of_a_plain_search(tokens: list[int]) -> None:
    drafter = Drafter()
    drafter.extend(tokens)

    assert drafter.match() == longest_match(tokens)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 6))
def test_feeding_piece_by_piece_is_feeding_at_once(tokens: list[int], cut: int) -> None:
    at_once, in_pieces = Drafter(FREE), Drafter(FREE)

    at_once.extend(tokens)
    for start in range(0, len(tokens), cut + 1):
        in_pieces.extend(tokens[start : start + cut + 1])

    assert at_once.propose(5) == in_pieces.propose(5)


def test_what_followed_the_last_tokens_before_is_proposed() -> None:
    drafter = Drafter(FREE)
    drafter.extend([1, 2, 3, 4, 5, 6, 9, 9, 7, 2, 3])

    assert drafter.propose(3) == [4, 5, 6]
    assert drafter.propose(1) == [4]


def test_a_repetition_is_carried_on() -> None:
    drafter = Drafter(FREE)
    drafter.extend([1, 2, 3, 1, 2, 3])

    assert drafter.propose(7) == [1, 2, 3, 1, 2, 3, 1]


def test_nothing_is_proposed_where_nothing_was_said_before() -> None:
    drafter = Drafter(FREE)
    assert drafter.propose(4) == []

    drafter.extend([1, 2, 3, 4])

    assert drafter.propose(4) == []
    drafter.extend([3, 4])
    assert drafter.propose(0) == []


def chosen(tokens: list[int], uniform: float) -> int:
    """A stand-in for model and sampling: the next token by what stands there and a random number."""
    likely = zlib.crc32(bytes(tokens[-3:])) % 7
    return likely if uniform < 0.8 else int(uniform * 1000) % 7


def written(count: int, seed: int, drafter: Drafter | None) -> tuple[list[int], int]:
    """`count` tokens as an engine makes them, and the passes it took."""
    rng = random.Random(seed)
    uniforms = [rng.random() for _ in range(count)]
    tokens, passes = [1, 2, 3], 0
    if drafter is not None:
        drafter.extend(tokens)
    while len(tokens) < count + 3:
        done = len(tokens) - 3
        draft = [] if drafter is None else drafter.propose(count - done - 1)
        passes += 1
        choices = [chosen(tokens + draft[:place], uniforms[done + place]) for place in range(len(draft) + 1)]
        accepted = next((n for n, token in enumerate(draft) if token != choices[n]), len(draft))
        tokens += choices[: accepted + 1]
        if drafter is not None:
            drafter.extend(choices[: accepted + 1])
            drafter.record(len(draft), accepted)
    return tokens, passes


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_the_same_tokens_are_chosen_with_and_without_drafts(seed: int, count: int) -> None:
    plain, passes = written(count, seed, None)
    drafted, fewer = written(count, seed, Drafter(FREE))

    assert drafted == plain
    assert fewer <= passes


def test_copying_takes_fewer_passes() -> None:
    drafter = Drafter()
    _, passes = written(400, 1, drafter)

    assert passes < 300
    assert passes + drafter.accepted == 400


def test_drafting_stops_where_it_does_not_pay_and_is_tried_again_later() -> None:
    drafter = Drafter(linear_costs(0.3))
    drafter.extend([1, 2, 3, 4] * 3)
    while draft := drafter.propose(8):
        drafter.record(len(draft), 0)
    refused = drafter.proposed

    waits = next(n for n in range(10 * PROBE) if drafter.propose(8))

    assert refused < 20
    assert waits == pytest.approx(PROBE, abs=2)


def test_longer_matches_are_trusted_for_themselves() -> None:
    drafter = Drafter(linear_costs(0.3))
    drafter.extend([5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for _ in range(5):
        right = len(drafter.propose(4))
        drafter.record(right, right)
    long_match = drafter.propose(8)

    for _ in range(20):
        drafter.extend([random.Random(0).randrange(10, 20), 8, 9])
        drafter.record(len(drafter.propose(8)), 0)

    assert len(long_match) > 4
    assert drafter.propose(8) == []


def test_a_dear_pass_gets_a_short_draft() -> None:
    cheap, dear = Drafter(linear_costs(0.01)), Drafter(linear_costs(0.45))
    for drafter in (cheap, dear):
        drafter.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2])

    assert len(cheap.propose(8)) > len(dear.propose(8)) > 0


def test_a_draft_under_a_grammar_is_cut_where_the_grammar_ends_it(tokenizer: Tokenizer) -> None:
    compiler = GrammarCompiler(tokenizer, tokenizer.vocab_size, [tokenizer.id_of("<|eos|>")])
    state = compiler.start(Grammar.regex("green mugs( for (Ada|Bob))?"))
    draft = tokenizer.encode("green mugs for Eve")

    allowed = state.validate(draft)

    assert "green mugs for".startswith(tokenizer.decode(draft[:allowed]).rstrip())
    assert 0 < allowed < len(draft)


def test_a_draft_may_not_be_accepted_beyond_its_length() -> None:
    with pytest.raises(ValueError, match="3 tokens cannot be accepted of 2"):
        Drafter().record(2, 3)
    with pytest.raises(ValueError, match="costs"):
        Drafter(())
