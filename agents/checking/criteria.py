"""Criteria that hold a page against something: what the verifier looks at, and what it is given with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from ...protocols.spec import ToolCall, ToolCheck
from ...tools.browser.view import TEXT_ROLES
from .checks import Page

LOOK = "look"
"""The verifier's tool: look at the lane's page. `again` loads it anew in a tab of its own."""

REPORTED = "reported"
"""Under this key a page that the verifier looked at carries the result that is to be held against it."""

Expect = Callable[[Page], bool | str | None]
"""What a page must show: yes, a sentence for no, or None where it cannot be told."""


def look(name: str, lane: str, expect: Expect, *, again: bool = True) -> ToolCheck:
    """A criterion that a page must show something."""
    return ToolCheck(name, _call(lane, again), partial(_on_page, expect))


def shows(text: str, lane: str) -> ToolCheck:
    """A criterion that the page of a lane shows a text; the verifier itself looks at it as it stands."""
    return look(f"the page shows {text!r}", lane, partial(_said, text), again=False)


def _said(text: str, page: Page) -> bool | str | None:
    """Whether a page shows a text, what stands in its text fields aside: that was typed, not answered."""
    wanted = " ".join(text.split()).casefold()
    typed = Counter(value for role, _, value in page.fields if role in TEXT_ROLES)
    shown = [page.title]
    for row in page.rows:
        cells: list[str] = []
        for cell in row:
            if typed[cell] > 0:
                typed[cell] -= 1
            else:
                cells.append(cell)
        shown.append(" | ".join(cells))
    if any(wanted in " ".join(row.split()).casefold() for row in shown):
        return True
    return None if page.cut else f"it does not show {text!r}"


def look_for_reported(
    name: str, lane: str, key: str, expect: Callable[[Page, str], bool | str | None]
) -> ToolCheck:
    """A criterion that a page must show what the result has under `key`."""
    return ToolCheck(name, _call(lane, True), partial(_with_reported, key, expect))


def _call(lane: str, again: bool) -> ToolCall:
    return ToolCall(LOOK, {"lane": lane, "again": again})


def _on_page(expect: Expect, value: Any) -> bool | str | None:
    return expect(Page.read(value))


def _with_reported(
    key: str, expect: Callable[[Page, str], bool | str | None], value: Mapping[str, Any]
) -> bool | str | None:
    result = value.get(REPORTED)
    given: Any = cast("Mapping[str, Any]", result).get(key) if isinstance(result, Mapping) else None
    return expect(Page.read(value), given) if isinstance(given, str) else None
