"""Orders of a plan that do not fit their goal are doubtful; those that do are not."""

import pytest

from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import ask_plan, read_plan
from punchlist.core_model.grammar import Grammar

TWO = (
    "Order 2 green mugs for Ada Lovelace, express, deliver on 3 May, and 1 desk lamp for Bob Byron on 4 May."
)
FIRST = "task order\ncount 2\nitem green mugs\nname ada lovelace\noption express\ndate 3 may\n"
SECOND = "task order\ncount 1\nitem desk lamp\nname bob byron\ndate 4 may\n"


def found(goal, plan):
    return doubts(goal, read_plan(f"{plan}end", goal))


def test_two_orders_that_are_read_rightly_are_not_doubtful():
    assert found(TWO, FIRST + SECOND) == []


@pytest.mark.parametrize(
    "plan",
    [
        FIRST.replace("ada lovelace", "bob byron") + SECOND.replace("bob byron", "ada lovelace"),
        FIRST.replace("3 may", "4 may") + SECOND.replace("4 may", "3 may"),
        FIRST.replace("option express\n", "") + SECOND.replace("order\n", "order\noption express\n"),
        FIRST + FIRST + SECOND,
        FIRST.replace("date 3 may\n", "") + SECOND.replace("order\n", "order\ndate 3 may\n"),
        FIRST,
        SECOND,
    ],
)
def test_fields_of_the_other_order_make_a_plan_doubtful(plan):
    assert found(TWO, plan)


def test_a_second_order_may_be_for_a_customer_who_was_named_before():
    goal = "Order 2 mugs for Ada Lovelace to arrive 3 May, then 1 lamp for her to arrive 4 May."
    first = "task order\ncount 2\nitem mugs\nname ada lovelace\ndate 3 may\n"
    second = "task order\nname ada lovelace\ncount 1\nitem lamp\ndate 4 may\n"

    assert Grammar.lark(ask_plan(goal, ("order",)).grammar).accepts(f"{first}{second}end")
    assert found(goal, first + second) == []


def test_one_order_that_is_read_as_two_is_doubtful():
    goal = "For Ada Lovelace order 2 mugs and 1 lamp."
    first = "task order\nname ada lovelace\ncount 2\nitem mugs\n"
    second = "task order\nname ada lovelace\ncount 1\nitem lamp\n"

    assert found(goal, first + second)


@pytest.mark.parametrize(("goods", "item"), [("2 pen cases", "pen"), ("1 standing desk", "standing")])
def test_a_thing_runs_on_to_the_end_of_its_name(goods, item):
    goal = f"Order {goods} for Ada Lovelace."
    whole = f"task order\ncount {goods[0]}\nitem {goods[2:]}\nname ada lovelace\n"
    cut = whole.replace(goods[2:], item)

    assert found(goal, whole) == []
    assert found(goal, cut)
    assert not Grammar.lark(ask_plan(goal, ("order",)).grammar).accepts(f"{cut}end")


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        (
            "Order 2 green mugs for Ada Lovelace and send a postcard to Bob.",
            "count 2\nitem green mugs\noption ada lovelace\noption send a postcard\nname bob\n",
        ),
        (
            "Order 2 green mugs for Ada Lovelace and send a postcard to Bob.",
            "count 2\nitem green mugs\nname ada lovelace\noption postcard\noption bob\n",
        ),
        (
            "Order 2 green mugs for Ada Lovelace, gift note for Bob Byron.",
            "count 2\nitem green mugs\nname ada lovelace\noption gift note\noption bob byron\n",
        ),
    ],
)
def test_an_option_that_is_a_name_or_asks_for_something_else_is_doubtful(goal, plan):
    assert found(goal, f"task order\n{plan}")


@pytest.mark.parametrize("option", ["DHL Express", "Express Delivery", "(ACME Ltd)", "gift wrapped"])
def test_an_option_with_capitals_is_no_name(option):
    goal = f"Order 2 green mugs for Ada Lovelace with {option}."
    plan = f"task order\ncount 2\nitem green mugs\nname ada lovelace\noption {option.strip('()').lower()}\n"

    assert found(goal, plan) == []


def test_either_or_is_doubtful():
    goal = "Order 2 green mugs or 1 desk lamp for Ada Lovelace."

    assert found(goal, "task order\ncount 2\nitem green mugs\ncount 1\nitem desk lamp\nname ada lovelace\n")


def test_a_thing_of_a_second_sentence_that_orders_is_no_part_of_the_first_order():
    goal = "Order 2 green mugs for Ada Lovelace. Order 1 desk lamp, express, for her too."

    assert found(
        goal,
        "task order\ncount 2\nitem green mugs\ncount 1\nitem desk lamp\nname ada lovelace\noption express\n",
    )
