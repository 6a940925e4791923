"""Tickets of a plan that do not fit their goal are doubtful; those that do are not."""

import pytest

from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import read_plan

ORDER = "task order\ncount 2\nitem green mugs\nname ada lovelace\n"
ORDERED = "Order 2 green mugs for Ada Lovelace"


def found(goal, plan):
    return doubts(goal, read_plan(f"{plan}end", goal))


def ticket(name, *rows):
    return "\n".join([f"task ticket\nname {name}", *rows, ""])


ADA = ticket("ada lovelace", "text yes", "close")
BOB = ticket("bob byron", "text no", "close")
WITH_NUMBER = ORDER + ticket("ada lovelace", "number 1", "close")

RIGHT = [
    (f"{ORDERED}; then close her ticket with the order number.", WITH_NUMBER),
    (f"{ORDERED}; then close her ticket.", ORDER + ticket("ada lovelace", "close")),
    (
        f"{ORDERED}. Her ticket must stay open, but write the order number in it.",
        ORDER + ticket("ada lovelace", "number 1"),
    ),
    (
        'Reply to Ada Lovelace\'s ticket with "yes" and close it, '
        'then answer Bob Byron\'s ticket with "no" and close it.',
        ADA + BOB,
    ),
    (
        "Close Ada Lovelace's ticket with \"yes\" and reply to Bob Byron's ticket "
        'with "no", but leave his open.',
        ADA + BOB.replace("close\n", ""),
    ),
    ('Close the tickets of Ada Lovelace and Bob Byron with "yes".', ADA + BOB.replace("no", "yes")),
    (
        'In the tickets of Ada Lovelace and Bob Byron write "yes" and "no".',
        (ADA + BOB).replace("close\n", ""),
    ),
    (
        'Close Ada Lovelace\'s ticket with "yes". Don\'t close Bob Byron\'s, just answer it with "no".',
        ADA + BOB.replace("close\n", ""),
    ),
    ("Don't close Ada Lovelace's ticket, just answer \"yes\".", ADA.replace("close\n", "")),
    ("Close Ada Lovelace's ticket without reply.", ticket("ada lovelace", "close")),
    ("I don't need a reply; close Ada Lovelace's ticket.", ticket("ada lovelace", "close")),
    (
        'Answer Ada Lovelace\'s ticket about "leg" with "yes".',
        ticket("ada lovelace", "about leg", "text yes"),
    ),
    ('Answer Ada Lovelace\'s ticket with "yes" and mark it as solved.', ADA),
    (
        "Order 2 concert ticket holders for Ada Lovelace.",
        "task order\ncount 2\nitem concert ticket holders\nname ada lovelace\n",
    ),
]


@pytest.mark.parametrize(("goal", "plan"), RIGHT)
def test_a_plan_that_reads_its_tickets_rightly_is_not_doubtful(goal, plan):
    assert found(goal, plan) == []


@pytest.mark.parametrize(("goal", "plan"), [each for each in RIGHT if "task ticket" in each[1]])
def test_a_ticket_that_is_closed_against_the_goal_left_out_or_doubled_is_doubtful(goal, plan):
    tasks = ["task" + part for part in plan.split("task")[1:]]
    for index, task in enumerate(tasks):
        closed = task.replace("close\n", "") if "close" in task else f"{task}close\n"
        for other in ("", task + task, *((closed,) if "task ticket" in task else ())):
            changed = "".join([*tasks[:index], other, *tasks[index + 1 :]])
            assert found(goal, changed), changed


@pytest.mark.parametrize(
    "rows",
    [
        ("close",),
        ("text ticket", "close"),
        ("text the order number", "close"),
        ("number 1",),
        ("number 2", "close"),
    ],
)
def test_a_number_that_is_to_be_told_is_told_and_nothing_else(rows):
    assert found(
        f"{ORDERED}; then close her ticket with the order number.", ORDER + ticket("ada lovelace", *rows)
    )


def test_a_number_that_nobody_asked_for_is_doubtful():
    assert found(f"{ORDERED}; then close her ticket.", WITH_NUMBER)


def test_the_number_of_an_order_for_somebody_else_is_doubtful():
    goal = f"{ORDERED} and 1 desk lamp for Bob Byron; close Ada Lovelace's ticket with her order number."
    both = f"{ORDER}task order\ncount 1\nitem desk lamp\nname bob byron\n"

    assert found(goal, both + ticket("ada lovelace", "number 1", "close")) == []
    assert found(goal, both + ticket("ada lovelace", "number 2", "close"))


@pytest.mark.parametrize(
    "rest", ["and close her tickets", "then close her case", "and tell her the order number", "and close it"]
)
def test_a_ticket_that_the_goal_speaks_of_is_not_left_out(rest):
    assert found(f"{ORDERED} {rest}.", ORDER)


@pytest.mark.parametrize(
    "rows", [("about yes", "text leg"), ("text yes",), ("about leg",), ("about yes", "text yes")]
)
def test_subject_and_answer_each_have_their_own_words(rows):
    goal = 'Answer Ada Lovelace\'s ticket about "leg" with "yes".'

    assert found(goal, ticket("ada lovelace", *rows))


def test_answers_that_are_swapped_between_tickets_are_doubtful():
    goal = 'Answer Ada Lovelace\'s ticket with "yes" and Bob Byron\'s ticket with "no".'
    right = (ADA + BOB).replace("close\n", "")
    swapped = right.replace("yes", "?").replace("no", "yes").replace("?", "no")

    assert found(goal, right) == []
    assert found(goal, swapped)


def test_an_answer_is_given_to_the_ticket_that_it_stands_with():
    goal = "Close Ada Lovelace's ticket; close Bob Byron's ticket with \"no\"."

    assert found(goal, ticket("ada lovelace", "close") + BOB) == []
    assert found(goal, ticket("ada lovelace", "text no", "close") + ticket("bob byron", "close"))


def test_an_engraving_is_no_answer():
    goal = f'{ORDERED} with the engraving "yes".'

    assert found(goal, ORDER + ticket("ada lovelace", "text yes"))
