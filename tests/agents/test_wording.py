"""Folding, spans and counts: what a small model copies finds its way home to what a person wrote."""

import string
from random import Random

import pytest

from punchlist.agents.wording import Span, count_of, fold, locate, stem, stems, words

GOAL = 'Order 2 green mugs for Ada Lovelace; then tell Ada: "It\'s on its way (T-17)!"'


def random_text(rng):
    letters = string.ascii_letters + string.digits + " .,;:!?'\"-()@/£äé’…\n"
    return "".join(rng.choice(letters) for _ in range(rng.randint(0, 60)))


def test_folding_sets_words_and_marks_apart_in_lower_case():
    assert fold("Order 2 mugs, e-mail Ada!") == "order 2 mugs , e-mail ada !"


def test_dates_numbers_and_references_stay_one_word():
    assert words("on 2027-05-03 for T-17 at 10:30, £4.50") == [
        "on", "2027-05-03", "for", "t-17", "at", "10:30", ",", "£", "4.50",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_folding_twice_is_folding_once(seed):
    once = fold(random_text(Random(seed)))

    assert fold(once) == once


@pytest.mark.parametrize("seed", range(40))
def test_a_located_copy_is_a_literal_span_with_its_offsets(seed):
    rng = Random(seed)
    source = random_text(rng) + " " + GOAL + " " + random_text(rng)
    folded = fold(source).split()
    start = rng.randrange(len(folded))
    copy = " ".join(folded[start : start + rng.randint(1, 5)])

    span = locate(copy, source)

    assert span is not None
    assert source[span.start : span.end] == span.text
    assert fold(span.text) == copy


def test_a_span_is_spelled_as_the_source_spells_it():
    assert locate("ada lovelace", GOAL) == Span("Ada Lovelace", 23, 35)


def test_of_two_occurrences_the_one_after_the_offset_is_preferred():
    first, second = locate("ada", GOAL), locate("ada", GOAL, after=30)

    assert (first.start, second.start) == (23, 47)
    assert locate("mugs", GOAL, after=40) == locate("mugs", GOAL)


@pytest.mark.parametrize("copy", ["", "mug", "green ada", "lovelace then", "een mugs"])
def test_what_is_no_run_of_whole_words_is_not_located(copy):
    assert locate(copy, GOAL) is None


@pytest.mark.parametrize(
    ("said", "count"), [("2", 2), ("Two", 2), ("a", 1), ("An", 1), ("twelve", 12), ("0", 0)]
)
def test_counts_are_read_from_digits_and_words(said, count):
    assert count_of(said) == count


@pytest.mark.parametrize("said", ["", "mugs", "two or three", "2.5", "-1", "thirteen"])
def test_what_is_no_whole_number_has_no_count(said):
    assert count_of(said) is None


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("mugs", "mug"),
        ("boxes", "box"),
        ("berries", "berry"),
        ("dishes", "dish"),
        ("glasses", "glass"),
        ("Benches", "bench"),
    ],
)
def test_a_plural_and_its_singular_have_one_stem(many, one):
    assert stem(many) == stem(one)


@pytest.mark.parametrize("word", ["glass", "is", "as", "a"])
def test_short_words_and_a_double_s_keep_their_ending(word):
    assert stem(word) == word


def test_stems_leave_punctuation_out():
    assert stems("Mugs, boxes & T-17!") == ["mug", "box", "t-17"]
