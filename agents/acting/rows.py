"""What the lines of a page are, and which of them a step is about: facts that rules of acting are made of."""

from __future__ import annotations

import re
from itertools import pairwise

from ...tools.browser.view import Element, Line, View
from ..checking import checks
from ..checking.checks import Page
from ..steps import Step
from ..wording import fold, words

ENDING = 2
"""Letters that an ending may have."""


ALIKE = 4
"""First letters in which two words must agree to count as related (`wrap`, `wrapping`)."""


_PAGES = re.compile(r"(?!rated)\w+ (\d+) of (\d+)")


def subject_of(step: Step) -> str:
    """What or whom a step is about; empty where it is about the page as a whole."""
    if step.verb in ("add", "set"):
        return step.text.partition(" x ")[2]
    if step.verb == "remove":
        return step.text
    return step.spans[0] if step.verb == "open ticket" and step.spans else ""


def text_of(line: Line) -> str:
    return " ".join(part if isinstance(part, str) else part.name for part in line)


def is_record(line: Line) -> bool:
    """Whether a line is a row about something: several cells, not all of them things to click."""
    return len(line) > 1 and any(isinstance(part, str) or part.value is not None for part in line)


def mentions(text: str, subject: str) -> bool:
    shown = words(text)
    wanted = [word for word in words(subject) if word[0].isalnum() and word not in checks.SMALL]
    return all(any(_alike(word, other) for other in shown) for word in wanted)


def _alike(left: str, right: str) -> bool:
    """Whether two words differ by an ending at most (`lens`, `lenses`)."""
    short, long = sorted((left, right), key=len)
    return (long.startswith(short) and len(long) - len(short) <= ENDING) or checks.root(left) == checks.root(
        right
    )


def related(said: str, shown: str) -> bool:
    """Whether two texts share a word, by its first letters."""
    spoken = [word for word in words(said) if word[0].isalnum()]
    heads = {word[:ALIKE] for word in spoken if word not in checks.SMALL} or {word[:ALIKE] for word in spoken}
    return any(word.startswith(head) for word in words(shown) for head in heads)


def is_closed(line: Line) -> bool:
    return any(isinstance(part, str) and checks.state_of(part) == "closed" for part in line)


def is_count(part: str | Element) -> bool:
    """Whether a part of a row is a field that holds a number."""
    return isinstance(part, Element) and (part.value or "").isdigit()


def lists_person(view: View, step: Step) -> bool:
    """Whether a page has a row to open about whom a step is about: it is a list, not their own page."""
    subject = subject_of(step)
    return bool(subject) and any(
        any(isinstance(part, Element) and part.role in ("link", "button") for part in line)
        and is_record(line)
        and mentions(text_of(line), subject)
        for line in view.lines
    )


def counts(view: View, step: Step) -> bool:
    """Whether a page has a row of a step's thing with a field for its count, as a cart has."""
    subject = subject_of(step)
    return any(
        any(is_count(part) for part in line)
        and any(checks.same_thing(part if isinstance(part, str) else part.name, subject) for part in line)
        for line in view.lines
        if len(line) > 1
    )


def at_its_page(view: View, step: Step) -> bool:
    """Whether a step that adds a thing is on that thing's own page: there it stays."""
    return step.verb == "add" and is_product(Page.of(view)) and mentions(view.title, subject_of(step))


def concerns(line: Line, step: Step) -> bool:
    """Whether a step is shown this line of a page: rows about other things or persons are left out.

    A step about the page as a whole is not shown rows that only lead to something, as those of a catalogue.
    """
    if not is_record(line):
        return True
    if subject := subject_of(step):
        return mentions(text_of(line), subject)
    things = [part for part in line if isinstance(part, Element)]
    counted = any(isinstance(part, str) and part.strip().isdigit() for part in line)
    return counted or not things or any(part.value is not None for part in things)


def goes_on(view: View) -> bool:
    """Whether a page says that it is not the last one: `page 1 of 3`."""
    numbered = (_PAGES.fullmatch(fold(text_of(line))) for line in view.lines)
    return any(hit is not None and int(hit[1]) < int(hit[2]) for hit in numbered)


def is_form(page: Page) -> bool:
    """Whether a page asks for more than a count or a search: days, choices or consent."""
    return any(role in ("date", "radio", "checkbox") for role, _, _ in page.fields)


def is_summary(page: Page) -> bool:
    """Whether a page lists an order whose counts cannot be changed there."""
    return bool(checks.order_lines(page)) and not any(value.isdigit() for _, _, value in page.fields)


def is_product(page: Page) -> bool:
    """Whether a page asks how many of one thing: it has one field with a number, and no rows of an order."""
    counts = [value for _, _, value in page.fields if value.isdigit()]
    return len(counts) == 1 and not checks.order_lines(page)


def searching(view: View) -> set[int]:
    """Numbers of the buttons that belong to a search box: the first one behind it."""
    things = list(view.elements.values())
    return {
        after.number
        for before, after in pairwise(things)
        if before.role == "searchbox" and after.role == "button"
    }


def presses(element: Element, view: View) -> bool:
    """Whether a thing is a button other than the search box's."""
    return element.role == "button" and element.number not in searching(view)
