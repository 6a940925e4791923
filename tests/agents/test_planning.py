"""When a plan is doubtful: a misread goal must not be able to confirm itself."""

from random import Random

import pytest

from punchlist.agents.planning.doubts import CARRIERS, doubts, uncovered
from punchlist.agents.roles import ask_plan, read_plan, write_plan
from punchlist.agents.training.goals import draw
from punchlist.agents.wording import fold, words
from punchlist.core_model.grammar import Grammar

GOAL = (
    "Order 2 green mugs and 1 desk lamp for Ada Lovelace, express, deliver on 3 May; "
    "then close her ticket with the order number."
)
PLAN = (
    "task order\ncount 2\nitem green mugs\ncount 1\nitem desk lamp\n"
    "name ada lovelace\noption express\ndate 3 may\n"
    "task ticket\nname ada lovelace\nnumber 1\nclose\nend"
)


def found(goal, plan):
    return doubts(goal, read_plan(plan, goal))


def test_a_plan_that_covers_its_goal_is_not_doubtful():
    assert found(GOAL, PLAN) == []


@pytest.mark.parametrize(
    ("left_out", "missed"),
    [
        ("option express\n", "'express'"),
        ("count 1\nitem desk lamp\n", "'1', 'lamp'"),
        ("date 3 may\n", "'3', 'may'"),
    ],
)
def test_words_that_no_field_covers_make_a_plan_doubtful(left_out, missed):
    assert found(GOAL, PLAN.replace(left_out, "")) == [f"No part of the plan covers {missed} of the goal."]


@pytest.mark.parametrize("negation", ["not", "without", "except", "instead", "never", "no", "neither"])
def test_a_negation_is_never_covered(negation):
    goal = GOAL.replace("express", f"{negation} express")

    assert negation not in CARRIERS
    assert uncovered(goal, read_plan(PLAN, goal)) == [negation]


def test_leaving_a_ticket_open_covers_the_negation_that_asks_for_it():
    goal = 'Reply to Ada Lovelace\'s ticket with "on its way" and do not close it.'
    open_plan = "task ticket\nname ada lovelace\ntext on its way\nend"

    assert found(goal, open_plan) == []
    assert "'not'" in found(goal, open_plan.replace("\nend", "\nclose\nend"))[-1]


def test_two_customers_of_one_order_are_doubtful():
    goal = "Order 2 green mugs for Ada Lovelace and Grace Hopper."
    plan = "task order\ncount 2\nitem green mugs\nname ada lovelace\nname grace hopper\nend"

    assert found(goal, plan) == ["The order has 2 customers; it takes one."]


def test_an_order_for_nobody_is_doubtful():
    assert found("Order 2 green mugs.", "task order\ncount 2\nitem green mugs\nend") == [
        "The order has 0 customers; it takes one."
    ]


@pytest.mark.parametrize("count", ["several", "0", "half"])
def test_a_count_that_is_no_number_of_things_is_doubtful(count):
    goal = f"Order {count} green mugs for Ada Lovelace."
    plan = f"task order\ncount {count}\nitem green mugs\nname ada lovelace\nend"

    assert f"{count!r} is not a number of things." in found(goal, plan)


def test_two_dates_are_doubtful():
    goal = "Order 2 mugs for Ada Lovelace on 3 May or 4 May."
    plan = "task order\ncount 2\nitem mugs\nname ada lovelace\ndate 3 may\ndate 4 may\nend"

    assert "The order has more than one date." in found(goal, plan)


def test_a_ticket_that_is_neither_answered_nor_closed_is_doubtful():
    assert found("Ada Lovelace has a ticket.", "task ticket\nname ada lovelace\nend") == [
        "The ticket is neither answered nor closed."
    ]


@pytest.mark.parametrize("number", [2, 3])
def test_the_number_of_what_is_no_order_before_it_is_doubtful(number):
    [doubt] = found(GOAL, PLAN.replace("number 1", f"number {number}"))

    assert f"quotes the number of task {number}" in doubt


def test_a_repeated_word_must_be_covered_each_time():
    goal = "Order 2 green mugs for Ada Lovelace and 2 green mugs for Grace."
    plan = "task order\ncount 2\nitem green mugs\nname ada lovelace\nend"

    assert uncovered(goal, read_plan(plan, goal)) == ["2", "green", "mugs", "grace"]


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        ("I'd like 2 mugs for Ada Lovelace.", "task order\ncount 2\nitem mugs\nname ada lovelace\nend"),
        ("Order 2 mugs for Jim O'Neill.", "task order\ncount 2\nitem mugs\nname jim o ' neill\nend"),
        ("Order 2 mugs for Mark Stone.", "task order\ncount 2\nitem mugs\nname mark stone\nend"),
        ("Order 2 mugs for Doris Day.", "task order\ncount 2\nitem mugs\nname doris day\nend"),
        (
            "Order 2 mugs for May Green, deliver on 3 May.",
            "task order\ncount 2\nitem mugs\nname may green\ndate 3 may\nend",
        ),
        (
            "ORDER 2 MUGS FOR ADA LOVELACE EXPRESS",
            "task order\ncount 2\nitem mugs\nname ada lovelace\noption express\nend",
        ),
        (
            "Order 2 mugs for Ada Lovelace Monday delivery",
            "task order\ncount 2\nitem mugs\nname ada lovelace\noption monday\nend",
        ),
    ],
)
def test_names_and_short_forms_are_read_as_they_are_written(goal, plan):
    assert Grammar.lark(ask_plan(goal, ("order", "ticket")).grammar).accepts(plan)
    assert found(goal, plan) == []


@pytest.mark.parametrize(
    ("goal", "name"),
    [
        ("Order 2 mugs for Mark Stone.", "stone"),
        ("Order 2 mugs for mark stone.", "stone"),
        ("Order 2 mugs for Doris Day.", "doris"),
        ("Order 2 mugs for Ada Lovelace.", "ada"),
    ],
)
def test_a_name_that_is_cut_short_is_doubtful(goal, name):
    assert found(goal, f"task order\ncount 2\nitem mugs\nname {name}\nend")


def test_a_task_that_is_written_twice_is_doubtful():
    order, ticket = PLAN.split("task ticket")

    assert found(GOAL, f"{order}{order}task ticket{ticket}")
    assert found(GOAL, PLAN.replace("\nend", f"\ntask ticket{ticket}"))


@pytest.mark.parametrize("seed", range(60))
def test_a_generated_goal_that_is_read_rightly_can_be_said_and_is_not_doubtful(seed):
    drawn = draw(Random(seed))
    plan = write_plan(drawn.tasks)
    if all(words(text) and fold(text) in fold(drawn.text) for task in drawn.tasks for text in spans(task)):
        assert Grammar.lark(ask_plan(drawn.text, ("order", "ticket")).grammar).accepts(plan)
        assert found(drawn.text, plan) == [] or not drawn.tasks


def spans(task):
    """The texts of a task's fields."""
    return [item.span.text for item in task.fields]
