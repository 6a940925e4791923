"""Ask a shop whether an order is already there, before it would be placed again.

Follows the links of the shop's own pages whose names speak of orders, in a session of its own with the same
cookies, presses no button, and holds what it sees against the order. Used after a crash and before every
further attempt to place.

Does not cover: shops that show a customer's orders nowhere; then it cannot be told, and nothing is placed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ..tools.browser.actions import Action
from ..tools.browser.view import Element, View
from . import checks
from .checks import Page
from .wording import stems

if TYPE_CHECKING:
    from ..tools.browser import Browser, BrowserSession

LANE = "lookup"
MOST_LINKS = 3
DOING = frozenset("place checkout buy confirm new add help track return cancel".split())
"""Words of links that do something, rather than show the orders there are."""


class CannotTell(Exception):
    """It cannot be told whether an order was placed. A person must look before anything is done again."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(
            f"Whether the order was placed cannot be told at {url}: {why}. "
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
    """The order with these facts, if the shop shows it to whoever has these cookies; None when it shows none.

    Raises:
        CannotTell: The shop has no page of orders.
        ToolError: The shop cannot be reached.
    """
    session = await browser.open(LANE, storage, url)
    try:
        start = await session.view(budget=20_000)
        links = [item for item in start.elements.values() if _shows_orders(item)]
        if not links:
            raise CannotTell(url, "no link there leads to the orders")
        for link in links[:MOST_LINKS]:
            await session.act(Action("click", link.number))
            found = await _among(session, await session.view(budget=20_000), facts)
            if found is not None:
                return found
            await session.load(url)
            await session.view(budget=20_000)
        return None
    finally:
        await session.close()


def _shows_orders(item: Element) -> bool:
    said = set(stems(item.name))
    return item.role == "link" and bool(said & {"order", "ordered", "purchase"}) and not said & DOING


async def _among(session: BrowserSession, view: View, facts: Mapping[str, JsonValue]) -> Found | None:
    """The matching order of a page that lists orders: links are followed and each order's page is read."""
    names = [
        item.number
        for line in view.lines
        for item in line
        if isinstance(item, Element) and _numbered(line, item, facts)
    ]
    listing = session.url
    for number in names[:MOST_LINKS]:
        said = view.elements[number].name
        await session.act(Action("click", number))
        page = Page.of(await session.view(budget=20_000))
        if matches(page, facts):
            return Found(_reference(said), session.url)
        await session.load(listing)
        view = await session.view(budget=20_000)
    if names:
        raise CannotTell(
            listing, f"it lists {len(names)} orders for this person, none of which is exactly this one"
        )
    return None


def _numbered(line: tuple[str | Element, ...], item: Element, facts: Mapping[str, JsonValue]) -> bool:
    """Whether a link of a row leads to an order of this customer."""
    text = " ".join(part if isinstance(part, str) else part.name for part in line)
    name = str(facts.get("name", ""))
    return item.role == "link" and any(char.isdigit() for char in item.name) and name.lower() in text.lower()


def _reference(said: str) -> str:
    return next((word.strip(".,:;#") for word in said.split() if any(char.isdigit() for char in word)), said)


def matches(page: Page, facts: Mapping[str, JsonValue]) -> bool:
    """Whether a page shows exactly this order: each item and its count, nothing else, the person, the day."""
    items = facts.get("items")
    listed = (
        [(str(item["name"]), item["count"]) for item in items if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    right = all(checks.holds_item(page, name, int(str(count))) is True for name, count in listed)
    right = right and checks.holds_nothing_else(page, [name for name, _ in listed]) is True
    date = str(facts.get("date", ""))
    return (
        right
        and checks.shows_text(page, str(facts.get("name", ""))) is True
        and (not date or checks.shows_day(page, date) is True)
    )
