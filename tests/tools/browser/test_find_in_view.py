"""A program finds a thing of a view by what it is called, and is told when that is not one thing."""

from __future__ import annotations

import pytest

from punchlist.tools.browser.view import RUN_LIMIT, Dialog, Element, NotInView, View

LINES = (
    (Element(1, "textbox", "Email", "ada@example.org"),),
    ("Newsletter", Element(2, "link", "Email"), Element(3, "button", "Remove")),
    ("Catalogue", Element(4, "button", "Remove"), Element(5, "button", "x" * 2 * RUN_LIMIT)),
)
VIEW = View("http://127.0.0.1/x", "/x", "Account", LINES)


@pytest.mark.parametrize(
    ("name", "role", "number"),
    [("email", "textbox", 1), ("Email", "link", 2), ("x" * 2 * RUN_LIMIT, None, 5)],
)
def test_a_thing_is_found_by_its_name_and_role(name: str, role: str | None, number: int) -> None:
    assert VIEW.find(name, role).number == number


@pytest.mark.parametrize(
    ("name", "role", "why"),
    [
        (
            "Phone",
            None,
            "exactly one thing 'Phone'. It has: [1] textbox Email: ada@example.org; [2] link Ema",
        ),
        ("Mail", "link", "exactly one link 'Mail'. It has: [2] link Email"),
        ("Remove", "button", "exactly one button 'Remove'. It has: [3] button Remove; [4] button Remove"),
        ("Email", "select", "exactly one select 'Email'. It has: nothing that can be acted on"),
    ],
)
def test_what_is_not_one_thing_is_refused_with_what_there_is(name: str, role: str | None, why: str) -> None:
    with pytest.raises(NotInView) as refused:
        VIEW.find(name, role)

    assert why in str(refused.value)


def test_behind_a_dialog_there_is_nothing_to_find() -> None:
    behind = View("http://127.0.0.1/x", "/x", "Account", LINES, Dialog("confirm", "Sure?"))

    with pytest.raises(NotInView):
        behind.find("Email", "textbox")
