"""Words that only carry a sentence in one place and mean something in another."""

import pytest

from punchlist.agents.planning.carrying import carried
from punchlist.agents.wording import words


def meant(goal):
    """The words of a goal that mean something."""
    return [word for word, carries in zip(words(goal), carried(goal), strict=True) if not carries]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("pay on delivery", ["pay", "on", "delivery"]),
        ("with next day delivery", ["next", "day"]),
        ("delivered today", ["today"]),
        ("she will pick them up in the shop", ["pick", "shop"]),
        ("and another two", ["another", "two"]),
        ("and one more", ["one", "more"]),
        ("or this", ["or"]),
        ("only if they have them", ["only", "if"]),
        ("send it by post", ["post"]),
        ("first class please", ["first", "class"]),
    ],
)
def test_words_that_mean_something_are_not_passed_over(said, means):
    assert meant(said) == means


@pytest.mark.parametrize(
    "said",
    [
        "another task :",
        "place one order",
        "one more thing :",
        "next , reply to it",
        "if you can",
        "Today she should be sent this",
        "mark it as done",
        "the day is",
        "it may be closed",
        "pick up 2",
        "urgent : order",
        "I'd like",
        "with only the number",
        "keep the ticket open",
    ],
)
def test_phrases_that_carry_a_sentence_mean_nothing(said):
    assert [word for word in meant(said) if not word.isdigit()] == []


@pytest.mark.parametrize(
    ("goal", "means"),
    [
        ("Please order it for Mark Stone", ["mark", "stone"]),
        ("Please order it for Will Day", ["will", "day"]),
        ("Please Order It For Ada By Express Delivery", ["ada", "express"]),
        ("Doris Day needs it", ["doris", "day"]),
    ],
)
def test_a_carrier_with_a_capital_beside_another_is_part_of_a_name(goal, means):
    assert meant(goal) == means


def test_a_sentence_that_begins_with_a_carrier_has_no_name_in_it():
    assert meant("Order it. Close it for Ada") == ["ada"]
