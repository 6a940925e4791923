"""What a worker may claim and choose: a claim that the page refutes, or an unasked choice, cannot be said.

The grammar of a worker's answer is built from these, so they hold however small or misled the model is. They
are conditions that must hold, not proofs: what is claimed is verified all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ..tools.browser.actions import Action
from ..tools.browser.view import TEXT_ROLES, Element, Line, View
from . import checks
from .buttons import against, says_both
from .checks import Page
from .steps import Done, Step
from .wording import fold, words

LOOKING = ("add", "open ticket")
"""Verbs of steps that may look for something with a search box."""

CONSENT = frozenset("agree accept terms conditions term condition read".split())
"""Words of a checkbox that must be ticked to go on."""

COMMITTING = frozenset("close send post resolve resolved solve solved delete remove place buy order".split())
"""Words of buttons that do what cannot be meant by opening something."""

ENDING = 2
"""Letters that an ending may have."""

ALIKE = 4
"""First letters in which two words must agree to count as related (`wrap`, `wrapping`)."""


_PAGES = re.compile(r"(?!rated)\w+ (\d+) of (\d+)")

LEAVING = "not found"
"""The reason that may be given wherever the page does not show what the step is about."""


def reasons(view: View, history: Sequence[Done], step: Step) -> tuple[str, ...]:
    """Why this step may be said to be impossible here; empty where nothing speaks for that.

    What the page shows is not `not found`, nor is what is looked for on a page that is not the last one;
    `nothing happens` and `refused` are about what was tried; nothing is `out of stock` while it can be had on
    the page.
    """
    found: list[str] = []
    if not _shows(view, step) and not (step.verb in LOOKING and _goes_on(view)):
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
        _mentions(_text(line), subject)
        and any(isinstance(part, Element) and part.number in can for part in line)
        for line in view.lines
        if not any(isinstance(part, Element) and part.role == "searchbox" for part in line)
    )


def _goes_on(view: View) -> bool:
    """Whether a page says that it is not the last one: `page 1 of 3`."""
    numbered = (_PAGES.fullmatch(fold(_text(line))) for line in view.lines)
    return any(hit is not None and int(hit[1]) < int(hit[2]) for hit in numbered)


def _is_gone(view: View, subject: str) -> bool:
    """Whether a page about a thing has nothing to press or to count for it."""
    page = Page.of(view)
    if not _mentions(f"{view.title} {page.text()}", subject):
        return False
    things = [part for line in view.lines for part in line if isinstance(part, Element)]
    if any(item.disabled for item in things):
        return True
    leads = any(item.role == "link" and _mentions(item.name, subject) for item in things)
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
        return bool(checks.order_lines(page)) or any(value.isdigit() for _, _, value in page.fields)
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
        return not has_control(view, step) and (_is_form(page) or _is_summary(page))
    if step.verb == "place":
        forms = any(role in ("date", "checkbox", "radio") for role, _, _ in page.fields)
        return not forms
    if step.verb == "open ticket" and step.spans:
        return checks.shows_text(page, step.spans[0]) is True and not lists_person(view, step)
    return True


def serves(action: Action, view: View, step: Step) -> bool:
    """Whether an action could have done what the step is about.

    A thing is added by a press in its own row or on its own page, and not by the button of the search box or
    by a link. Actions of other steps are not told apart.
    """
    if step.verb != "add" or action.target is None:
        return True
    element = view.elements.get(action.target)
    if element is None or element.role == "link" or action.target in _searching(view):
        return False
    subject = subject_of(step)
    row = next((line for line in view.lines if element in line), ())
    return _mentions(_text(row), subject) or _mentions(f"{view.title} {Page.of(view).text()}", subject)


def _searching(view: View) -> set[int]:
    """Numbers of the buttons that belong to a search box: the first one behind it."""
    things = list(view.elements.values())
    return {
        after.number
        for before, after in pairwise(things)
        if before.role == "searchbox" and after.role == "button"
    }


def holds_value(page: Page, said: str) -> bool:
    """Whether a field of the page holds what was said, dates in any notation."""
    day = checks.days_in(said)
    return any(
        fold(value) == fold(said)
        or (bool(day) and [hit[:2] for hit in checks.days_in(value)] == [day[0][:2]])
        for role, _, value in page.fields
        if role in TEXT_ROLES and role != "searchbox"
    )


def is_chosen(page: Page, said: str) -> bool:
    """Whether something related to what was said is on or selected."""
    return any(
        related(said, name if role in ("radio", "checkbox") else value)
        for role, name, value in page.fields
        if value == "on" or role == "select"
    )


def usable(view: View, step: Step) -> set[int]:
    """Numbers of the things that may be acted on during this step.

    A step about one thing or person leaves the rows of others alone: in a row that does not name it nothing
    can be opened, changed or removed, and on the page of another product nothing can be added. A step that
    only opens something presses no button that says that it sends, closes or takes away, and who opens the
    cart goes to what is called one, where something is. Nothing is looked for in a field of a form, and a
    form is left by a button; nothing is added before its count stands in the field for it, and a count is set
    where it stands. Who fills in details leaves the rows of the cart alone. Of one person's tickets
    the closed one is left alone, and in a list of tickets none is answered or closed.
    """
    subject = subject_of(step)
    page = Page.of(view)
    there = has_control(view, step)
    opens = step.verb in ("open cart", "open ticket")
    about = step.text.partition(" about ")[2] if step.verb == "open ticket" else ""
    here = shown_there(view, step)
    details = step.verb in ("fill", "choose", "review", "place")
    joint = any(item.role == "button" and says_both(item.name) for item in view.elements.values())
    carts = _carts(view) if step.verb == "open cart" else set[int]()
    form = step.verb == "review" and _is_form(page)
    search = _searching(view)
    own = at_its_page(view, step)
    short = own and not any(value in ("", step.spans[0]) for value in _numbers(page))
    counted = step.verb == "set" and counts(view, step)
    filled = step.verb == "add" and (
        _is_form(page) or any(_takes_counts_or_search(field) for field in page.fields)
    )
    barred = _barred(view, step)
    elsewhere = (
        step.verb == "add" and _is_product(page) and not _mentions(f"{view.title} {page.text()}", subject)
    )
    return {
        part.number
        for line in view.lines
        for part in line
        if isinstance(part, Element)
        and not part.disabled
        and may_use(part, step)
        and not (subject and _is_record(line) and not _mentions(_text(line), subject))
        and not (details and _is_record(line) and any(_counts(other) for other in line))
        and not (carts and part.number not in carts)
        and not (about and _is_record(line) and _titled_otherwise(line, subject, about))
        and not (part.role == "button" and against(part.name, step, joint))
        and not (elsewhere and part.role in ("button", "number", "select"))
        and not (there and part.role in ("button", "link", "other"))
        and not (opens and part.role == "button" and COMMITTING & set(words(part.name)))
        and line not in barred
        and (not here or part.number in here or _presses(part, view))
        and not ((form or own or counted) and part.role == "link")
        and not (short and part.role in ("button", "other"))
        and not (part.number in search and step.verb not in LOOKING)
        and not (own and part.role == "searchbox")
        and not (filled and part.role == "textbox" and not (part.value or "").isdigit())
    }


CARTS = frozenset("cart basket bag trolley".split())
"""What a cart is called."""


def _carts(view: View) -> set[int]:
    """Numbers of the links that are called a cart."""
    links = (item for item in view.elements.values() if item.role == "link")
    return {item.number for item in links if CARTS & set(words(item.name))}


def lists_person(view: View, step: Step) -> bool:
    """Whether a page has a row to open about whom a step is about: it is a list, not their own page."""
    subject = subject_of(step)
    return bool(subject) and any(
        any(isinstance(part, Element) and part.role in ("link", "button") for part in line)
        and _is_record(line)
        and _mentions(_text(line), subject)
        for line in view.lines
    )


def _titled_otherwise(line: Line, name: str, about: str) -> bool:
    """Whether a row has a title of several words, beside the name, that is not the subject that is meant."""
    cells = [fold(part if isinstance(part, str) else part.name) for part in line]
    titles = [cell for cell in cells if len(cell.split()) > 1 and cell != fold(name)]
    return bool(titles) and not any(fold(about) in cell for cell in titles)


def counts(view: View, step: Step) -> bool:
    """Whether a page has a row of a step's thing with a field for its count, as a cart has."""
    subject = subject_of(step)
    return any(
        any(_counts(part) for part in line)
        and any(checks.same_thing(part if isinstance(part, str) else part.name, subject) for part in line)
        for line in view.lines
        if len(line) > 1
    )


def at_its_page(view: View, step: Step) -> bool:
    """Whether a step that adds a thing is on that thing's own page: there it stays."""
    return step.verb == "add" and _is_product(Page.of(view)) and _mentions(view.title, subject_of(step))


def gives_up(action: Action, view: View, history: Sequence[Done]) -> bool:
    """Whether an action takes a page for all that it will show: it says so, turns back, or searches again."""
    element = view.elements.get(action.target) if action.target is not None else None
    again = element is not None and element.role == "searchbox" and action.verb == "type"
    searched = any(item.action.startswith("type") for item in history)
    return action.verb in ("cannot", "back") or (again and searched)


def _counts(part: str | Element) -> bool:
    """Whether a part of a row is a field that holds a number."""
    return isinstance(part, Element) and (part.value or "").isdigit()


def _unsaved(history: Sequence[Done]) -> bool:
    """Whether the latest action filled in something that the page did not react to."""
    return bool(history) and history[-1].action.startswith(("type", "select")) and history[-1].result == "ok"


def _can_save(view: View) -> bool:
    """Whether a page has a button that could save a count: one outside of rows, or a second one in a row."""
    pressed = [
        [part for part in line if isinstance(part, Element) and not part.disabled and _presses(part, view)]
        for line in view.lines
    ]
    return any(len(found) > int(_is_record(line)) for line, found in zip(view.lines, pressed, strict=True))


def _presses(element: Element, view: View) -> bool:
    """Whether a thing is a button other than the search box's."""
    return element.role == "button" and element.number not in _searching(view)


def shown_there(view: View, step: Step) -> set[int]:
    """Numbers of the things that lead to what a step looks for, where a page shows it by its very name.

    Then the step goes on with it: it neither searches nor leaves the page. Empty where the page shows no such
    thing, or is the thing's own page.
    """
    subject = subject_of(step)
    if step.verb not in ("add", "open ticket") or not subject:
        return set()
    if at_its_page(view, step):
        return set()
    about = fold(step.text.partition(" about ")[2])
    left = _barred(view, step)
    if step.verb == "open ticket" and not about:  # an open one may stand on another page
        left += [line for line in view.lines if _is_closed(line)]
    return {
        part.number
        for line in view.lines
        for part in line
        if isinstance(part, Element)
        and not part.disabled
        and part.role in ("link", "button", "other")
        and line not in left
        and _shows_it(line, step.verb, subject)
        and about in fold(_text(line))
    }


def _shows_it(line: Line, verb: str, subject: str) -> bool:
    """Whether a line is about a person, or a thing of exactly this name: a row of it, or a link to it."""
    if verb == "open ticket":
        return _is_record(line) and _mentions(_text(line), subject)
    alone = len(line) == 1 and isinstance(line[0], Element) and line[0].role == "link"
    named = [part if isinstance(part, str) else part.name for part in line]
    return (alone or _is_record(line)) and any(checks.same_thing(name, subject) for name in named)


def _barred(view: View, step: Step) -> list[tuple[str | Element, ...]]:
    """Rows of a list of tickets that this step leaves alone.

    Who is to open somebody's ticket means an open one, unless its subject is told. Who answers or closes one
    does it on the ticket's page.
    """
    rows = [line for line in view.lines if _is_record(line)]
    if step.verb in ("reply", "send", "close"):
        return rows if checks.lists_tickets(Page.of(view)) else []
    if step.verb != "open ticket":
        return []
    about = step.text.partition(" about ")[2]
    theirs = [line for line in rows if _mentions(_text(line), subject_of(step))]
    closed = [line for line in theirs if _is_closed(line)]
    return [line for line in closed if not (about and _mentions(_text(line), about))]


def _is_closed(line: tuple[str | Element, ...]) -> bool:
    return any(isinstance(part, str) and checks.state_of(part) == "closed" for part in line)


def has_control(view: View, step: Step) -> bool:
    """Whether the page has what a step is to choose, to date, or to agree to first."""
    things = [part for line in view.lines for part in line if isinstance(part, Element) and not part.disabled]
    if step.verb == "choose":
        return any(
            (part.role in ("radio", "checkbox") and may_use(part, step))
            or any(may_select(option, step) for option in part.options)
            for part in things
        )
    if step.verb == "review":
        return any(part.role == "checkbox" and part.value == "off" and may_use(part, step) for part in things)
    return step.verb == "fill" and any(part.role == "date" and may_use(part, step) for part in things)


def subject_of(step: Step) -> str:
    """What or whom a step is about; empty where it is about the page as a whole."""
    if step.verb in ("add", "set"):
        return step.text.partition(" x ")[2]
    if step.verb == "remove":
        return step.text
    return step.spans[0] if step.verb == "open ticket" and step.spans else ""


def _is_record(line: tuple[str | Element, ...]) -> bool:
    """Whether a line is a row about something: several cells, not all of them things to click."""
    return len(line) > 1 and any(isinstance(part, str) or part.value is not None for part in line)


def _text(line: tuple[str | Element, ...]) -> str:
    return " ".join(part if isinstance(part, str) else part.name for part in line)


def _mentions(text: str, subject: str) -> bool:
    shown = words(text)
    wanted = [word for word in words(subject) if word[0].isalnum() and word not in checks.SMALL]
    return all(any(_alike(word, other) for other in shown) for word in wanted)


def _alike(left: str, right: str) -> bool:
    """Whether two words differ by an ending at most (`lens`, `lenses`)."""
    short, long = sorted((left, right), key=len)
    return (long.startswith(short) and len(long) - len(short) <= ENDING) or checks.root(left) == checks.root(
        right
    )


def _numbers(page: Page) -> list[str]:
    """What the fields for a count hold; one empty text where there is none."""
    return [value for role, _, value in page.fields if value.isdigit() or role == "number"] or [""]


def _takes_counts_or_search(field: tuple[str, str, str]) -> bool:
    """Whether a field (role, name, value) is a search box or holds a count."""
    role, _, value = field
    return role in ("searchbox", "number") or value.isdigit()


def _is_form(page: Page) -> bool:
    """Whether a page asks for more than a count or a search: days, choices or consent."""
    return any(role in ("date", "radio", "checkbox") for role, _, _ in page.fields)


def _is_summary(page: Page) -> bool:
    """Whether a page lists an order whose counts cannot be changed there."""
    return bool(checks.order_lines(page)) and not any(value.isdigit() for _, _, value in page.fields)


def _is_product(page: Page) -> bool:
    """Whether a page asks how many of one thing: it has one field with a number, and no rows of an order."""
    counts = [value for _, _, value in page.fields if value.isdigit()]
    return len(counts) == 1 and not checks.order_lines(page)


def may_use(element: Element, step: Step) -> bool:
    """Whether a thing may be clicked or typed into during this step.

    Choices are made in the steps that are about choosing, and only where they are related to what was said;
    consent is given only on the way to the review; a search box takes what is looked for, and a field with a
    number no words. Links and buttons may be used in every step.
    """
    if element.role == "searchbox":
        return step.verb in LOOKING
    if step.verb in ("fill", "reply") and element.role in ("number", "textbox") and element.value:
        return not element.value.isdigit() or any(char.isdigit() for span in step.spans for char in span)
    if element.role == "radio":
        return step.verb == "choose" and related(step.text, element.name)
    if element.role == "checkbox":
        asked = element.value == "off" and bool(CONSENT & set(words(element.name)))
        consent = step.verb == "review" and asked
        return consent or (step.verb == "choose" and related(step.text, element.name))
    if element.role == "date":
        return step.verb == "fill" and bool(checks.days_in(" ".join(step.spans)))
    return True


def may_select(option: str, step: Step) -> bool:
    """Whether an option of a select may be chosen during this step."""
    if step.verb in ("add", "set"):
        return fold(option) in {fold(span) for span in step.spans}
    if step.verb == "close":
        return True
    return step.verb == "choose" and related(step.text, option)


def related(said: str, shown: str) -> bool:
    """Whether two texts share a word, by its first letters."""
    spoken = [word for word in words(said) if word[0].isalnum()]
    heads = {word[:ALIKE] for word in spoken if word not in checks.SMALL} or {word[:ALIKE] for word in spoken}
    return any(word.startswith(head) for word in words(shown) for head in heads)


def concerns(line: Line, step: Step) -> bool:
    """Whether a step is shown this line of a page: rows about other things or persons are left out.

    A step about the page as a whole is not shown rows that only lead to something, as those of a catalogue.
    """
    if not _is_record(line):
        return True
    if subject := subject_of(step):
        return _mentions(_text(line), subject)
    things = [part for part in line if isinstance(part, Element)]
    counted = any(isinstance(part, str) and part.strip().isdigit() for part in line)
    return counted or not things or any(part.value is not None for part in things)
