"""What jobs read out of texts by themselves: central sentences, contraries, and what outcomes tell."""

from __future__ import annotations

import random

import pytest

from punchlist.memory import Record
from punchlist.memory.extracts import LONGEST, LONGEST_SENTENCE, extract, sentences_of, unfaithful
from punchlist.memory.likeness import clusters, opposed
from punchlist.memory.outcomes import chance_of_helping, retirement

from .doubles import BagOfWords

EMBED = BagOfWords().embed


def test_an_extract_is_the_sentences_that_most_others_share_words_with():
    texts = [
        "The bakery in Leeds sells rye bread.",
        "A parrot sat on the wire.",
        "Rye bread of the bakery is sold out by noon. Noon came.",
        "The bakery in Leeds bakes rye bread at night.",
    ]

    said = extract([("", each) for each in texts], EMBED).splitlines()

    assert "A parrot sat on the wire." not in said
    assert said[0] == texts[0] and len("\n".join(said)) <= sum(map(len, texts)) / 2


def test_each_sentence_keeps_its_speaker_and_greetings_do_not_stand_for_others():
    said = extract(
        [
            ("Ada", "Hi Ben! The bakery in Leeds sells rye bread on market days."),
            ("Ben", "Hi Ada! Wow! I bought rye bread at that bakery in Leeds on two market days."),
            ("Ada", "Wow! Bye Ben!"),
        ],
        EMBED,
    )

    assert set(said.splitlines()) <= {
        "Ada: The bakery in Leeds sells rye bread on market days.",
        "Ben: I bought rye bread at that bakery in Leeds on two market days.",
    }


def test_an_extract_keeps_the_order_and_says_nothing_twice():
    texts = [f"Day {number}: the train to Leeds was late again." for number in range(30)] * 2

    said = extract([("", each) for each in texts], EMBED).splitlines()

    assert said == sorted(said, key=texts.index) and len(said) == len(set(said)) <= 6


@pytest.mark.parametrize(
    "text", ["x", "?!", "…", "a\n\n\nb", "日本語。もう一つ。", "word " * 5000, "y" * 90_000]
)
def test_any_text_has_an_extract(text):
    said = extract([("", text), ("Ada", text)], EMBED)

    assert said and len(said) <= LONGEST + len("Ada: ")


def test_a_long_sentence_is_cut_between_words_and_says_so():
    [said] = sentences_of("word " * 200)

    assert len(said) <= LONGEST_SENTENCE and said.endswith("word …")


SOURCES = ("Ada met O'Neill at 9.30 in Leeds; they bought three mugs.", "I told her that it's £4,500.")


@pytest.mark.parametrize(
    "said",
    [
        "They bought 3 mugs in Leeds.",
        "Ada and O'Neill met at 9.30. It cost 4,500.",
        "I was told. Mugs were bought.",
        "Buying took place in Leeds.",
    ],
)
def test_a_summary_that_only_uses_names_and_numbers_of_its_sources_is_faithful(said):
    assert unfaithful(said, SOURCES) == ""


@pytest.mark.parametrize(
    "said", ["Ada met Gwen.", "At 9.45 they met.", "It cost 4500.", "Four mugs.", "In York."]
)
def test_a_summary_with_another_name_or_number_is_not(said):
    assert unfaithful(said, SOURCES) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Set the date before the review.", "Set the date after the review."),
        ("Set the date before the review.", "Set the review before the date."),
        ("Press update.", "Don't press update."),
        ("He can't come on Monday.", "He can come on Monday."),
        ("Set quantity 2 in shelf 1.", "Set quantity 1 in shelf 2."),
        ("Order it from Acme again.", "Order it from Bolt again."),
        ("Keep the left box.", "Keep the right box."),
        ("She loves Chinese food.", "She hates Chinese food."),
        ("the dog bit the man", "the man bit the dog"),
    ],
)
def test_contraries_are_told_apart(one, other):
    assert opposed(one, other) and opposed(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Set the date before the review.", "Set the delivery date before you get to the review"),
        ("Press update in the cart.", "Press the update button of the cart."),
        ("Order 2 mugs from Acme.", "Please order 2 mugs from Acme"),
    ],
)
def test_other_words_for_the_same_are_no_contrary(one, other):
    assert not opposed(one, other) and not opposed(other, one)


def test_in_a_cluster_all_say_the_same_and_later_texts_change_none_before():
    texts = ["press the update button", "press that update button", "wait a day", "press an update button"]
    vectors = [row[None] for row in EMBED(texts)]

    assert clusters(texts, vectors, 0.7) == [[0, 1, 3], [2]]
    assert clusters(texts[:3], vectors[:3], 0.7) == [[0, 1], [2]]


def test_the_chance_that_a_lesson_helps_is_what_drawing_rates_at_random_gives():
    draw = random.Random(0)
    for given, without in (("+++-", "+--"), ("--------", ""), ("+" * 9, "-" * 9)):
        wins = sum(
            draw.betavariate(given.count("+") + 1, given.count("-") + 1)
            > draw.betavariate(without.count("+") + 1, without.count("-") + 1)
            for _ in range(20_000)
        )
        assert chance_of_helping(given, without) == pytest.approx(wins / 20_000, abs=0.015)


def test_the_same_outcomes_with_and_without_are_even():
    assert chance_of_helping("++--", "++--") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "outcomes", "without", "retired"),
    [
        ("skill", "-----", "", True),
        ("skill", "+----", "", False),
        ("skill", "----", "", False),
    ],
)
def test_a_skill_goes_by_its_last_uses(kind, outcomes, without, retired):
    record = Record.model_construct(kind=kind, outcomes=outcomes)

    assert bool(retirement(record, without)) is retired


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sort by price, lowest first.", "Sort by price, highest first."),
        ("Use the search box instead of browsing.", "Browse rather than use the search box."),
        ("Log in before adding a thing.", "Add a thing first, then log in."),
        ("Accept the cookies.", "Reject the cookies."),
    ],
)
def test_contraries_in_other_words_are_told_apart(one, other):
    assert opposed(one, other) and opposed(other, one)
