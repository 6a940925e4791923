"""What a planner can say of a goal: fields that no reader would take the words for cannot be decoded."""

import pytest

from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import ask_plan, read_plan
from punchlist.core_model.grammar import Grammar

ORDER = "task order\n{}\nend"


def can_say(goal, plan):
    return Grammar.lark(ask_plan(goal, ("order", "ticket")).grammar).accepts(plan)


@pytest.mark.parametrize(
    ("goal", "right", "wrong"),
    [
        (
            "send 2 wool blankets to ida fox.",
            "count 2\nitem wool blankets\nname ida fox",
            "count 2\nitem wool blankets to ida\nname fox",
        ),
        (
            "Send 1 alarm clock on August 24 for Ida Fox by rail.",
            "count 1\nitem alarm clock\ndate august 24\nname ida fox\noption rail",
            "count 1\nitem alarm clock on august\ncount 24\nitem ida\nname fox\noption rail",
        ),
        (
            "Buy 2 mugs, 3 plum jugs for Ida Fox.",
            "count 2\nitem mugs\ncount 3\nitem plum jugs\nname ida fox",
            "count 2\nitem mugs\noption 3 plum jugs\nname ida fox",
        ),
        (
            "Take 1 board, ship slow to Ida Fox.",
            "count 1\nitem board\noption slow\nname ida fox",
            "count 1\nitem board\noption slow to ida\nname fox",
        ),
        (
            "For Ida Fox, please buy 2 mugs, rail.",
            "name ida fox\ncount 2\nitem mugs\noption rail",
            "name ida\noption fox\ncount 2\nitem mugs\noption rail",
        ),
    ],
)
def test_a_field_that_breaks_off_or_swallows_another_cannot_be_said(goal, right, wrong):
    assert can_say(goal, ORDER.format(right))
    assert not can_say(goal, ORDER.format(wrong))


@pytest.mark.parametrize(
    ("goal", "left_out"),
    [
        (
            "Buy 2 mugs for Ida Fox (rail delivery), gift wrapped; then close her ticket.",
            "option gift wrapped\n",
        ),
        ("Buy 2 mugs for Ida Fox, with ribbons and paid by cash. Then close her ticket.", "option cash\n"),
        ("Buy 2 mugs for Ida Fox on 3 May, slow speed, then close her ticket.", "option slow\n"),
    ],
)
def test_what_can_only_belong_to_an_order_is_not_left_out_of_it(goal, left_out):
    fields = {
        "option gift wrapped\n": "option rail\noption gift wrapped\n",
        "option cash\n": "option with ribbons\noption cash\n",
        "option slow\n": "date 3 may\noption slow\n",
    }[left_out]
    plan = f"task order\ncount 2\nitem mugs\nname ida fox\n{fields}task ticket\nname ida fox\nclose\nend"

    assert can_say(goal, plan)
    assert not can_say(goal, plan.replace(left_out, ""))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("ida fox", True),
        ("fox", False),
        ("ludwig van beethoven", True),
        ("beethoven", False),
        ("plum jugs", False),
    ],
)
def test_where_capitals_tell_names_a_name_is_whole(name, is_one):
    goal = "Buy 2 Plum jugs for Ludwig van Beethoven; then close the ticket of Ida Fox."
    order = "task order\ncount 2\nitem plum jugs\nname ludwig van beethoven\n"

    assert can_say(goal, f"{order}task ticket\nname {name}\nclose\nend") is is_one


def test_a_capital_that_begins_a_sentence_says_nothing():
    assert can_say("Ida fox wants 2 mugs.", ORDER.format("name ida fox\ncount 2\nitem mugs"))
    assert can_say("Ida Fox wants 2 mugs.", ORDER.format("name ida fox\ncount 2\nitem mugs"))


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        (
            "for ida fox, buy 2 mugs, on april 7. leo stone asked for it: close her ticket with the number.",
            "task order\nname ida fox\ncount 2\nitem mugs\ndate april 7\noption leo stone\n"
            "task ticket\nname ida fox\nnumber 1\nclose\nend",
        ),
        (
            "buy 2 mugs in the name of ida fox. then close her ticket with the order number.",
            "task order\ncount 2\nitem mugs\nname ida fox\n"
            "task ticket\nname ida fox\nabout in the name\nnumber 1\nclose\nend",
        ),
    ],
)
def test_a_name_as_an_option_and_loose_words_as_a_subject_are_doubtful(goal, plan):
    assert doubts(goal, read_plan(plan, goal))


def test_counts_and_days_stand_side_by_side():
    goal = "On 3 May 2 mugs for Ida Fox, 24 hour delivery."

    assert can_say(goal, ORDER.format("date 3 may\ncount 2\nitem mugs\nname ida fox\noption 24 hour"))


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        (
            "Buy 1 plum apron with rail delivery for Ida Fox.",
            "task order\ncount 1\nitem plum\noption apron\noption rail\nname ida fox\nend",
        ),
        (
            "Buy 2 mugs for Ida Fox on 3 May, rail. Leo Fry asked for it: close the customer's ticket.",
            "task order\ncount 2\nitem mugs\nname ida fox\ndate 3 may\noption rail\noption leo\noption fry\n"
            "task ticket\nname ida fox\nclose\nend",
        ),
        (
            'Buy 2 mugs for Ida Fox; then close her ticket. Close Leo Fry\'s ticket about "a leg" with "ok".',
            "task order\ncount 2\nitem mugs\nname ida fox\ntask ticket\nname ida fox\nabout a leg\nclose\n"
            "task ticket\nname leo fry\ntext ok\nclose\nend",
        ),
        (
            "Ida Fox gets 2 mugs; then close her ticket. Put in an order for Leo Stone: 3 jugs.",
            "task order\nname ida fox\ncount 2\nitem mugs\ntask ticket\nname leo stone\nclose\n"
            "task order\nname leo stone\ncount 3\nitem jugs\nend",
        ),
        (
            "Buy 2 oak trays for Ida Fox, then close her ticket.",
            "task order\ncount 2\nitem oak trays\nname ida fox\ntask ticket\nname oak trays\nclose\nend",
        ),
        ("close the ticket of ida fox.", "task ticket\nname fox\nclose\nend"),
        ("close ida fox's ticket.", "task ticket\nname ida\nclose\nend"),
    ],
)
def test_parts_of_names_and_things_that_were_taken_elsewhere_are_refused(goal, plan):
    assert not can_say(goal, plan) or doubts(goal, read_plan(plan, goal))
