"""The role that reaches a goal on any page: what is asked, what may be answered, what an answer means."""

from __future__ import annotations

import pytest

from punchlist.agents.browsing import ask_browse, did, read_browse, write_browse
from punchlist.core_model.grammar import Grammar
from punchlist.tools.browser import Action, Dialog, Element, MalformedAction, View
from punchlist.tools.browser.view import Line

GOAL = 'Enter "Ada Byron" in upper case, take Size L and press Save.'


def page(*lines: Line, dialog: Dialog | None = None) -> View:
    return View("http://x.test/", "/", "X", lines, dialog)


FORM = page(
    ("Order no. A-17",),
    ("Country", "El Salvador"),
    (Element(1, "textbox", "Name", ""),),
    (Element(2, "select", "Size", "S", ("S", "L")),),
    (Element(3, "button", "Save"),),
    (Element(4, "button", "Delete", disabled=True),),
)


def accepts(view: View, answer: str, goal: str = GOAL, spent: tuple[str, ...] = ()) -> bool:
    """Whether the grammar lets a model say this."""
    return Grammar.lark(ask_browse(view, (), goal, spent).grammar).accepts(answer)


def test_a_question_has_the_page_what_was_done_and_the_goal() -> None:
    history = [did(Action("click", 3), FORM, "no_effect"), did(Action("type", 1, "Ada"), FORM)]

    asked = ask_browse(FORM, history, GOAL).text

    assert asked.splitlines() == [
        "order no . a-17",
        "country | el salvador",
        "textbox name [1] :",
        "select size [2] : s ( s | l )",
        "button save [3]",
        "button delete [4] ( disabled )",
        "did : click save [3] : no_effect",
        "did : type name [1] = ada",
        'goal : enter " ada byron " in upper case , take size l and press save .',
        "do:",
    ]


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (Action("click", 3), "click save [3]"),
        (Action("type", 1, "Ada Byron"), "type name [1] = ada byron"),
        (Action("type", 1, "ADA BYRON"), "type name [1] upper = ada byron"),
        (Action("type", 1, "a-17"), "type name [1] lower = a-17"),
        (Action("select", 2, "L"), "select size [2] = l"),
        (Action("press", None, "Enter"), "press enter"),
        (Action("done", None, "A-17"), "done = a-17"),
        (Action("done"), "done"),
        (Action("cannot"), "cannot"),
        (Action("type", 1, "El Salvador"), "type name [1] = country | el salvador"),
        (Action("done", None, "El Salvador"), "done = country | el salvador"),
        (Action("scroll", None, "down"), "scroll down"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.line(),
)
def test_an_answer_says_an_action_and_means_it(action: Action, answer: str) -> None:
    assert write_browse(action, FORM, GOAL) == answer
    assert read_browse(answer, FORM, GOAL) == action
    assert accepts(FORM, answer)


def test_a_field_that_nothing_names_is_called_by_what_stands_beside_it():
    def field(number, name="q"):
        return Element(number, "textbox", name, "", hinted=True)

    before = page(("Director:",), (field(1),), ("Year", field(2)), (Element(3, "textbox", "Genre", ""),))
    behind = page((field(1),), ("Director",), (field(2),), ("Year",))
    alone = page(("a", "b"), (field(1),), ("A sentence of more than eight words is no label.",), (field(2),))

    assert [write_browse(Action("click", number), before, GOAL) for number in (1, 2, 3)] == [
        "click director [1]", "click year [2]", "click genre [3]",
    ]  # fmt: skip
    assert [write_browse(Action("click", number), behind, GOAL) for number in (1, 2)] == [
        "click director [1]", "click year [2]",
    ]  # fmt: skip
    assert [write_browse(Action("click", number), alone, GOAL) for number in (1, 2)] == [
        "click q [1]", "click q [2]",
    ]  # fmt: skip


def test_options_that_fold_to_the_same_are_told_apart_as_they_are_written() -> None:
    sizes = page((Element(1, "select", "Size", "s", ("S", "s", "Large One", "S")),))

    asked = ask_browse(sizes, (), GOAL).text

    assert "select size [1] : s ( S | s | large one )" in asked
    for option, answer in (("S", "S"), ("s", "s"), ("Large One", "large one")):
        assert write_browse(Action("select", 1, option), sizes, GOAL) == f"select size [1] = {answer}"
        assert accepts(sizes, f"select size [1] = {answer}")
        assert read_browse(f"select size [1] = {answer}", sizes, GOAL) == Action("select", 1, option)


@pytest.mark.parametrize(
    "answer",
    [
        "click delete [4]",
        "click save [1]",
        "type save [3] = ada",
        "type name [1] = eve",
        "select size [2] = m",
    ],
)
def test_what_this_page_does_not_allow_cannot_be_said(answer: str) -> None:
    assert not accepts(FORM, answer)


def test_an_action_that_had_no_effect_here_is_not_offered_again() -> None:
    assert not accepts(FORM, "click save [3]", spent=("click 3",))


def test_a_dialog_can_only_be_answered() -> None:
    asking = page(dialog=Dialog("confirm", "Sure?"))

    assert accepts(asking, "dialog accept") and not accepts(asking, "wait")
    assert read_browse("dialog accept", asking, GOAL) == Action("dialog", None, "accept")


@pytest.mark.parametrize(
    "answer",
    [
        "click nothing [9]",
        "click save [3] = x",
        "type name [1]",
        "fly away",
        "goto http://x.test/",
        "find it",
    ],
)
def test_what_is_no_action_of_this_view_is_refused(answer: str) -> None:
    with pytest.raises(MalformedAction):
        read_browse(answer, FORM, GOAL)


def test_what_the_goal_says_with_a_bar_in_it_is_typed_as_it_is_said():
    goal = 'Type "Foo | Bar" and press Save.'

    assert write_browse(Action("type", 1, "Foo | Bar"), FORM, goal) == "type name [1] = foo | bar"
    assert read_browse("type name [1] = foo | bar", FORM, goal).text == "Foo | Bar"


def test_text_that_cannot_be_copied_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="neither in the goal nor on the page"):
        write_browse(Action("type", 1, "something else"), FORM, GOAL)
