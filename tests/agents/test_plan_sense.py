"""Goals that ask for something else than their words copied into a plan would do."""

import pytest

from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import ask_plan, read_plan
from punchlist.core_model.grammar import Grammar

MUGS = "task order\ncount 2\nitem mugs\nname ada lovelace\n"
TICKET = "task ticket\nname ada lovelace\n"


def refused(goal, plan):
    """Whether a plan cannot be said, or is doubtful."""
    said = Grammar.lark(ask_plan(goal, ("order", "ticket")).grammar).accepts(plan)
    return not said or doubts(goal, read_plan(plan, goal)) != []


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        (
            'Order 2 mugs for Ada Lovelace, not express; leave her ticket open and answer it with "sent".',
            f"{MUGS}option express\n{TICKET}text sent\nend",
        ),
        (
            "Order 2 mugs for Ada Lovelace without wrapping in response to her ticket and close it.",
            f"{MUGS}option wrapping\n{TICKET}close\nend",
        ),
        ("Order 2 mugs for Ada Lovelace and leave out gift wrap.", f"{MUGS}option gift wrap\nend"),
        ("Order 2 mugs for Ada Lovelace and leave out 3 pens.", f"{MUGS}count 3\nitem pens\nend"),
        ("Order 2 mugs for Ada Lovelace with all options apart from express.", f"{MUGS}option express\nend"),
        ("Order everything but 2 mugs for Ada Lovelace.", f"{MUGS}end"),
        ("Close all tickets but Ada Lovelace's.", f"{TICKET}close\nend"),
        ("Close all tickets apart from the ticket of Ada Lovelace.", f"{TICKET}close\nend"),
        ("Send back 2 mugs for Ada Lovelace.", f"{MUGS}end"),
        ("Has Ada Lovelace ordered 2 mugs?", "task order\nname ada lovelace\ncount 2\nitem mugs\nend"),
        ("When do the 2 mugs for Ada Lovelace arrive?", f"{MUGS}end"),
        ("I should like to know when 2 mugs for Ada Lovelace would be delivered.", f"{MUGS}end"),
        ("Is the ticket of Ada Lovelace closed?", f"{TICKET}close\nend"),
        ("Order 2 mugs for Ada Lovelace, but wait till I say so.", f"{MUGS}end"),
        (
            "Once Ada Lovelace has paid, order 2 mugs for her.",
            "task order\nname ada lovelace\ncount 2\nitem mugs\nend",
        ),
        ("Fill in an order of 2 mugs for Ada Lovelace but leave the placing to me.", f"{MUGS}end"),
        ("Wait with closing the ticket of Ada Lovelace.", f"{TICKET}close\nend"),
        ("Leave it to me to close the ticket of Ada Lovelace.", f"{TICKET}close\nend"),
        ("Order 2 mugs for a colleague of Ada Lovelace.", f"{MUGS}end"),
        (
            "Order a 3 ring binder for Ada Lovelace.",
            "task order\ncount 3\nitem ring binder\nname ada lovelace\nend",
        ),
        ("Order a $2 mug for Ada Lovelace.", "task order\ncount 2\nitem mug\nname ada lovelace\nend"),
        (
            "Order a pack of 6 pens for Ada Lovelace.",
            "task order\ncount 6\nitem pens\nname ada lovelace\nend",
        ),
        (
            "Order 1 battery pack for Ada Lovelace.",
            "task order\ncount 1\nitem battery\nname ada lovelace\nend",
        ),
        ("Order 2 mugs for Ada Lovelace, deliver after 3 May.", f"{MUGS}date 3 may\nend"),
        (
            "Tell Ada Lovelace her parcel is on its way and close her ticket.",
            f"{TICKET}text parcel is on its way\nclose\nend",
        ),
        (
            "Tell Ada Lovelace that we have the parcel and it is on its way. Then close her ticket.",
            f"{TICKET}text we have the parcel\nclose\nend",
        ),
        ("Close both tickets of Ada Lovelace.", f"{TICKET}close\nend"),
        ("Close all the tickets of Ada Lovelace.", f"{TICKET}close\nend"),
        ("Reply to Ada Lovelace's ticket and close it.", f"{TICKET}close\nend"),
        (
            'Reply to Ada Lovelace\'s ticket with "ok" and do not leave it open.',
            f"{TICKET}text ok\nend",
        ),
        (
            "Order 2 mugs for Ada Lovelace. Then order 1 lamp for her. "
            "Close her ticket with the number of the second order.",
            f"{MUGS}task order\nname ada lovelace\ncount 1\nitem lamp\n{TICKET}number 1\nclose\nend",
        ),
        (
            "Order 2 mugs for Ada Lovelace and 1 lamp for Grace Hopper, then close her ticket.",
            f"{MUGS}task order\ncount 1\nitem lamp\nname grace hopper\n{TICKET}close\nend",
        ),
        ("Order 2 mugs for Ada Lovelace as a present.", f"{MUGS}end"),
        ("Close Ada Lovelace's ticket; she ordered 2 mugs.", f"{TICKET}close\n{MUGS}end"),
    ],
)
def test_what_is_meant_otherwise_is_not_carried_out(goal, plan):
    assert refused(goal, plan)


def test_both_tickets_are_closed_or_none():
    goal = 'Reply "a" to Ada Lovelace, then reply "b" to Grace Hopper and close both tickets.'
    ada, grace = f"{TICKET}text a\n", "task ticket\nname grace hopper\ntext b\n"

    assert refused(goal, f"{ada}close\n{grace}end")
    assert not refused(goal, f"{ada}close\n{grace}close\nend")


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        ("Could you order 2 mugs for Ada Lovelace?", f"{MUGS}end"),
        (
            "Order 2 mugs for Ada Lovelace. Once it is ordered, close her ticket.",
            f"{MUGS}{TICKET}close\nend",
        ),
        (
            'Reply to Ada Lovelace\'s ticket with "ok" and do not leave it open.',
            f"{TICKET}text ok\nclose\nend",
        ),
        ('Reply to Ada Lovelace\'s ticket with "ok" without closing it.', f"{TICKET}text ok\nend"),
        ("Order 2 mugs for An Nguyen.", "task order\ncount 2\nitem mugs\nname an nguyen\nend"),
        ("Close the ticket of My Tran.", "task ticket\nname my tran\nclose\nend"),
        ("Order 2 mugs for John Do.", "task order\ncount 2\nitem mugs\nname john do\nend"),
        (
            "Order 1 battery pack for Ada Lovelace.",
            "task order\ncount 1\nitem battery pack\nname ada lovelace\nend",
        ),
    ],
)
def test_what_is_meant_as_it_reads_is_carried_out(goal, plan):
    assert not refused(goal, plan)


@pytest.mark.parametrize(
    "goal", ["Order ① mugs for Ada", "Order 10² mugs for Ada", f"Order {'9' * 5000} mugs"]
)
def test_odd_numbers_are_no_counts(goal):
    ask_plan(goal, ("order", "ticket"))
