"""What a worker may claim: what the page refutes cannot be said, however small or misled the model is.

These are conditions that must hold, not proofs: what is claimed is verified all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...tools.browser.actions import Action
from ...tools.browser.view import Element, View
from ..checking import checks
from ..checking.checks import Page, holds_value
from ..steps import Done, Step
from ..wording import fold, words
from .rows import (
    at_its_page,
    goes_on,
    is_form,
    is_product,
    is_record,
    is_summary,
    lists_person,
    mentions,
    presses,
    related,
    searching,
    subject_of,
    text_of,
)
from .uses import CARTS, LOOKING, has_control, shown_there, usable

LEAVING = "not found"
"""The reason that may be given wherever the page does not show what the step is about."""


def reasons(view: View, history: Sequence[Done], step: Step) -> tuple[str, ...]:
    """Why this step may be said to be impossible here; empty where nothing speaks for that.

    What the page shows is not `not found`, nor is what is looked for on a page that is not the last one;
    `nothing happens` and `refused` are about what was tried; nothing is `out of stock` while it can be had on
    the page.
    """
    found: list[str] = []
    there = at_its_page(view, step) or (step.verb in LOOKING and goes_on(view))
    if not there and not _shows(view, step):
        found.append(LEAVING)
    if sum(item.result == "no effect" and item.action.startswith("click") for item in history) > 1:
        found.append("nothing happens")
    if step.verb == "add" and _is_gone(view, subject_of(step)):
        found.append("out of stock")
    if step.verb in ("review", "place") and history:
        found.append("refused")
    return tuple(found)


def _shows(view: View, step: Step) -> bool:
    """Whether the page has something to use that is, or is named like, what the step is about."""
    subject = subject_of(step)
    if not subject:
        return has_control(view, step)
    can = usable(view, step)
    return any(
        mentions(text_of(line), subject)
        and any(isinstance(part, Element) and part.number in can for part in line)
        for line in view.lines
        if not any(isinstance(part, Element) and part.role == "searchbox" for part in line)
    )


def _is_gone(view: View, subject: str) -> bool:
    """Whether a page about a thing has nothing to press or to count for it."""
    page = Page.of(view)
    if not mentions(f"{view.title} {page.text()}", subject):
        return False
    things = [part for line in view.lines for part in line if isinstance(part, Element)]
    if any(item.disabled for item in things):
        return True
    leads = any(item.role == "link" and mentions(item.name, subject) for item in things)
    return not leads and not any(item.role == "number" or (item.value or "").isdigit() for item in things)


def may_claim(view: View, history: Sequence[Done], step: Step) -> bool:
    """Whether `done` may be said in this step on this page."""
    page = Page.of(view)
    if step.verb == "add":
        return any(
            item.served and item.action.startswith("click") and item.result.startswith("ok")
            for item in history
        )
    if step.verb == "open cart":
        rows = bool(checks.order_lines(page)) or any(value.isdigit() for _, _, value in page.fields)
        return rows or _is_empty_cart(history)
    if step.verb == "set":
        count, _, name = step.text.partition(" x ")
        found = checks.holds_item(page, name, int(count))
        wrong = isinstance(found, str) and found.startswith("the page shows")
        return not wrong and not (_unsaved(history) and _can_save(view))
    if step.verb == "fill":
        return holds_value(page, step.spans[0]) if step.spans else False
    if step.verb == "choose":
        return is_chosen(page, step.text)
    if step.verb == "reply":
        return holds_value(page, step.text) or checks.shows_text(page, step.text) is True
    if step.verb == "close":
        return checks.ticket_is_closed(page) != "no"
    if step.verb == "review":
        return not has_control(view, step) and (is_form(page) or is_summary(page))
    if step.verb == "place":
        pressed = any(
            item.action.startswith(("click", "dialog", "press")) and item.result.startswith("ok")
            for item in history
        )
        return pressed and not any(role in ("date", "checkbox", "radio") for role, _, _ in page.fields)
    if step.verb == "open ticket" and step.spans:
        return checks.shows_text(page, step.spans[0]) is True and not lists_person(view, step)
    return True


def is_at_ticket(view: View, step: Step) -> bool:
    """Whether a page is that of the open ticket which a step opens: there it stays."""
    if step.verb != "open ticket" or not may_claim(view, (), step):
        return False
    page = Page.of(view)
    about = step.text.partition(" about ")[2]
    titled = not about or fold(about) in fold(f"{view.title} {page.text()}")
    return titled and checks.ticket_is_closed(page) == "no"


def _is_empty_cart(history: Sequence[Done]) -> bool:
    """Whether what is called a cart was opened, and nothing came into it while the page was given time."""
    latest = [(item.action.partition(" ")[0], item) for item in history[-2:]]
    if len(latest) < 2 or latest[1][0] != "wait" or latest[1][1].result != "no effect":
        return False
    verb, opened = latest[0]
    return verb == "click" and opened.result.startswith("ok") and bool(CARTS & set(words(opened.action)))


def serves(action: Action, view: View, step: Step) -> bool:
    """Whether an action could have done what the step is about.

    A thing is added by a press in its own row or on its own page, and not by the button of the search box or
    by a link. Actions of other steps are not told apart.
    """
    if step.verb != "add" or action.target is None:
        return True
    element = view.elements.get(action.target)
    if element is None or element.role == "link" or action.target in searching(view):
        return False
    subject = subject_of(step)
    row = next((line for line in view.lines if element in line), ())
    page = Page.of(view)
    titled = mentions(view.title, subject) and not shown_there(view, step)
    own = titled or (is_product(page) and mentions(page.text(), subject))
    return own or mentions(text_of(row), subject)


def is_chosen(page: Page, said: str) -> bool:
    """Whether something related to what was said is on or selected."""
    return any(
        related(said, name if role in ("radio", "checkbox") else value)
        for role, name, value in page.fields
        if value == "on" or role == "select"
    )


def gives_up(action: Action, view: View, history: Sequence[Done]) -> bool:
    """Whether an action takes a page for all that it will show: it says so, turns back, or searches again."""
    element = view.elements.get(action.target) if action.target is not None else None
    again = element is not None and element.role == "searchbox" and action.verb == "type"
    searched = any(item.action.startswith("type") for item in history)
    return action.verb in ("cannot", "back") or (again and searched)


def _unsaved(history: Sequence[Done]) -> bool:
    """Whether the latest action filled in something that the page did not react to."""
    return bool(history) and history[-1].action.startswith(("type", "select")) and history[-1].result == "ok"


def _can_save(view: View) -> bool:
    """Whether a page has a button that could save a count: one outside of rows, or a second one in a row."""
    pressed = [
        [part for part in line if isinstance(part, Element) and not part.disabled and presses(part, view)]
        for line in view.lines
    ]
    return any(len(found) > int(is_record(line)) for line, found in zip(view.lines, pressed, strict=True))
