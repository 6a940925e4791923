"""Ask a shop whether an order is already there, before it would be placed again.

Follows the links of the shop's own pages whose names speak of orders, in a session of its own with the same
cookies, presses no button, and holds what it sees against the order. Used after a crash and before every
further attempt to place. That an order is not there must be shown: by a list that says that it is empty, or
one that lists nothing but orders for somebody else. All else cannot be told.

Does not cover: shops that show a customer's orders nowhere, or on several pages; then nothing is placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ...tools.browser.actions import Action
from ...tools.browser.view import Element, View
from ..wording import fold, stems, words
from . import checks, extras
from .checks import Page

if TYPE_CHECKING:
    from ...tools.browser import Browser, BrowserSession

LANE = "lookup"
BUDGET = 20_000
"""Characters of a page that are read."""

MOST_WAITS = 3
"""Times that a page is waited for whose content comes late."""

MOST_LINKS = 3
MOST_ORDERS = 8
"""Orders of one list that are read."""

DOING = frozenset("place checkout buy confirm new add help track return cancel".split())
"""Words of links that do something, rather than show the orders there are."""

MORE = frozenset("next older more earlier previous page all".split())
"""Words of links behind which further orders may be."""

NONE = frozenset("no not none nothing never empty".split())


class CannotTell(Exception):
    """It cannot be told whether an order was placed. A person must look before anything is done again."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(
            f"Whether the order was placed cannot be told at {url}: {why.rstrip(' .')}. "
            "Look there yourself before you run it again."
        )


@dataclass(frozen=True)
class Found:
    """An order that is there."""

    number: str
    url: str


async def find_order(
    browser: Browser, storage: Mapping[str, Any] | None, url: str, facts: Mapping[str, JsonValue]
) -> Found | None:
    """The order with these facts, if the shop shows it to whoever has these cookies; None if it is not there.

    Raises:
        CannotTell: Neither is shown.
        ToolError: The shop cannot be reached.
    """
    session = await browser.open(LANE, storage, url)
    try:
        start = await session.view(budget=BUDGET)
        links = [item for item in start.elements.values() if _shows_orders(item)]
        if not links:
            raise CannotTell(url, "no link there leads to the orders")
        doubt = ""
        for link in links[:MOST_LINKS]:
            found = await _behind(session, link, start, facts)
            if isinstance(found, Found):
                return found
            doubt = doubt or found
            await session.load(url)
            await session.view(budget=BUDGET)
        if doubt:
            raise CannotTell(url, doubt)
        return None
    finally:
        await session.close()


def _shows_orders(item: Element) -> bool:
    said = set(stems(item.name))
    return item.role == "link" and bool(said & {"order", "ordered", "purchase"}) and not said & DOING


async def _behind(
    session: BrowserSession, link: Element, start: View, facts: Mapping[str, JsonValue]
) -> Found | str:
    """The matching order of the list behind a link; else why it cannot be told, empty where it is not there.

    Every order of the list is opened and read.
    """
    if not (await session.act(Action("click", link.number))).ok:
        return f"nothing happened at {link.name!r}"
    view = await _settled(session, lambda page: bool(_orders(page, start)) or _reads_empty(page, start))
    listing, orders = session.url, _orders(view, start)
    if not orders:
        return "" if _reads_empty(view, start) else f"{link.name!r} leads to no list of orders"
    near = 0
    for name in [item.name for item in orders][:MOST_ORDERS]:
        target = next((item for item in _orders(view, start) if item.name == name), None)
        if target is None or not (await session.act(Action("click", target.number))).ok:
            return f"order {name!r} cannot be opened"
        page = Page.of(await _settled(session, lambda page: bool(checks.order_lines(Page.of(page)))))
        if matches(page, facts):
            number = _reference(name)
            return Found(number, session.url) if number else f"{name!r} is it, but no order number"
        near += not _is_for_another(page, str(facts.get("name", "")))
        await session.load(listing)
        view = await _settled(session, lambda page: bool(_orders(page, start)))
    if near:
        return f"it lists {near} orders that may be for this person, none of which is exactly this one"
    return f"{link.name!r} lists more orders than were read" if _goes_on(view, start) else ""


async def _settled(session: BrowserSession, ready: Callable[[View], bool]) -> View:
    """The page once it is ready, or as it is after a little while."""
    view = await session.view(budget=BUDGET)
    for _ in range(MOST_WAITS):
        if ready(view):
            break
        await session.act(Action("wait"))
        view = await session.view(budget=BUDGET)
    return view


def _orders(view: View, start: View) -> list[Element]:
    """Links that are named by an order's number, apart from those of every page."""
    everywhere = {item.name for item in start.elements.values()}
    return [
        item
        for item in view.elements.values()
        if item.role == "link" and item.name not in everywhere and checks.numbers_in(item.name)
    ]


def _goes_on(view: View, start: View) -> bool:
    """Whether a list has more orders than were read."""
    everywhere = {item.name for item in start.elements.values()}
    links = [item.name for item in view.elements.values() if item.role == "link"]
    onward = any(set(words(name)) & MORE for name in links if name not in everywhere)
    return onward or bool(view.below) or len(_orders(view, start)) > MOST_ORDERS


def _reads_empty(view: View, start: View) -> bool:
    """Whether a page of orders says that there are none, in words that do not stand on every page."""
    page = Page.of(view)
    lone = [row[0] for row in page.rows if len(row) == 1 and row[0] not in page.links]
    said = [set(stems(text)) for text in lone if (text,) not in start.lines]
    return any(each & NONE and each & {"order", "ordered", "purchase"} for each in said)


def _is_for_another(page: Page, name: str) -> bool:
    """Whether a page shows an order, and names only people who share no word with this name."""
    named = [set(words(person)) for person in checks.persons(page)]
    return bool(checks.order_lines(page) and named) and not any(said & set(words(name)) for said in named)


def _reference(said: str) -> str:
    """The order's number in the words of a link: the one with the most digits; empty where there is none."""
    spelled = {fold(word.strip(".,:;#()")): word.strip(".,:;#()") for word in said.split()}
    found = [spelled.get(word, word) for word in checks.numbers_in(said)]
    return max(found, key=lambda word: sum(char.isdigit() for char in word), default="")


def matches(page: Page, facts: Mapping[str, JsonValue]) -> bool:
    """Whether a page shows exactly this order: each item and its count, nothing else, the person, the day."""
    items = facts.get("items")
    listed = (
        [(str(item["name"]), item["count"]) for item in items if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    right = all(checks.holds_item(page, name, int(str(count))) is True for name, count in listed)
    options = facts.get("options")
    asked = [str(option) for option in options] if isinstance(options, list) else []
    right = right and extras.holds_nothing_else(page, [name for name, _ in listed], asked) is True
    date = str(facts.get("date", ""))
    return (
        right
        and checks.shows_name(page, str(facts.get("name", ""))) is True
        and (not date or checks.shows_day(page, date) is True)
    )
