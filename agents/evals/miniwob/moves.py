"""What scripted experts are made of: a generator of actions, and ways to find things in a view."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable

from ....tools.browser import Action, Element, View

Moves = Generator[Action, View, None]
"""Actions, one after another; sent back is the view after each. It ends when nothing is left to do."""

Expert = Callable[[str, View], Moves]
"""Begins with the goal and the first view."""

FIELDS = ("textbox", "searchbox", "password", "number", "date")
PRESSED = ("button", "other", "link", "tab", "option", "menuitem")


class NotSeen(Exception):
    """The view does not show what an expert looks for; the episode is given up."""


def quoted(goal: str) -> list[str]:
    """What stands between double quotes, in order."""
    return re.findall(r'"([^"]*)"', goal)


def things(view: View, *roles: str) -> list[Element]:
    """The numbered things, in order; only those of `roles` where some are given."""
    return [item for item in view.elements.values() if not roles or item.role in roles]


def first(items: Iterable[Element]) -> Element:
    """The first thing.

    Raises:
        NotSeen: There is none.
    """
    found = next(iter(items), None)
    if found is None:
        raise NotSeen
    return found


def named(view: View, name: str, *roles: str) -> Element:
    """The thing of this very name, letter for letter; else in any case of letters.

    Raises:
        NotSeen: There is none.
    """
    same = [item for item in things(view, *roles) if item.name == name]
    return first(same or [item for item in things(view, *roles) if item.name.lower() == name.lower()])


def click(item: Element) -> Action:
    """Click a thing."""
    return Action("click", item.number)


def typed(item: Element, text: str) -> Action:
    """Type into a field."""
    return Action("type", item.number, text)


def holds(field: Element, text: str) -> bool:
    """Whether a field holds this text; of a password can only be told that it holds something."""
    return bool(field.value) if field.role == "password" else field.value == text


def sender(view: View) -> Element:
    """The last thing that sends a form.

    Raises:
        NotSeen: There is none.
    """
    sends = re.compile(r"\b(submit|login|log in|search|go|ok)\b", re.IGNORECASE)
    return first(
        item for item in reversed(things(view, "button", "other", "link")) if sends.search(item.name)
    )


def texts(view: View) -> list[str]:
    """Every text run of the view, in order, cells of rows apart."""
    return [part for line in view.lines for part in line if isinstance(part, str)]


def labels(view: View) -> dict[int, str]:
    """For each field the text that stands nearest: in its own row, else before it, else behind it.

    A page has its labels before all of its fields or behind all of them: when a field stands before the first
    text, behind.
    """
    parts = [part for line in view.lines for part in line]
    fields = [place for place, part in enumerate(parts) if isinstance(part, Element) and part.role in FIELDS]
    behind = bool(fields) and not any(isinstance(part, str) for part in parts[: fields[0]])
    found: dict[int, str] = {}
    for place in fields:
        part = parts[place]
        near = parts[place + 1 :] if behind else reversed(parts[:place])
        text = next((other for other in near if isinstance(other, str)), "")
        if isinstance(part, Element):
            found[part.number] = text.rstrip(" :").lower()
    return found
