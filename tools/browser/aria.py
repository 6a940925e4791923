"""Playwright's own snapshot as a view: the form that most hosted models have seen, its refs renumbered 1..k.

The snapshot is of the whole page, has no line for what only listens, prints typed passwords unless they are
masked (here they are), and does not tell what is covered. Things are acted on as those of any other view.

Does not cover: refs inside frames of other origins and closed shadow roots; their lines have no number. Refs
are found by the mark that Playwright keeps on elements in its own world; other versions may
keep it elsewhere.
"""

from __future__ import annotations

import re
from typing import Any, TypedDict

from playwright.async_api import Page

from ..errors import PageUnreadable
from .document import ContextLost, Debugger, Document, Seen, SeenElement, SeenLine
from .frames import contexts

WORLD = "__playwright_utility_world"
REF = re.compile(r" \[ref=((?:f\d+)?e\d+)\]")
PASSWORD = "••••••"


class _Found(TypedDict):
    """What the observer says of the element of a ref."""

    role: str
    name: str
    value: str | None
    options: tuple[str, ...]
    disabled: bool


class Snapshot:
    """The snapshot of one tab, with an observer in Playwright's world that knows its refs."""

    def __init__(self, cdp: Debugger, page: Page) -> None:
        self._cdp, self._page = cdp, page
        self._document: Document | None = None
        self._first = 0

    async def read(self, *, keep: bool) -> Seen:
        """Read the page; unless `keep`, indexes given out before are void.

        Raises:
            ContextLost: The page navigated meanwhile.
            PageUnreadable: Playwright marks its refs in a way that is not known here.
        """
        text = await self._page.aria_snapshot(mode="ai")
        document = self._document or await self._install()
        try:
            plain = await document.read(None if keep else {})
            rows = text.splitlines()
            refs = [found[1] if (found := REF.search(row)) else "" for row in rows]
            things: list[_Found | None] = await document.ask("byRefs", {"refs": refs, "keep": keep})
        except ContextLost:
            self._document = None
            raise
        if any(refs) and not any(things) and plain.lines:
            raise PageUnreadable(self._page.url, "this Playwright keeps the refs of its snapshot elsewhere")
        lines = tuple(
            _line(row, thing, index) for index, (row, thing) in enumerate(zip(rows, things, strict=True))
        )
        update = {"lines": lines, "raw": True, "hosts": 0, "frames": ()}
        return plain.model_copy(update=update | {"first": max(min(self._first, len(lines) - 1), 0)})

    async def ask(self, method: str, argument: Any = None) -> Any:
        """As `Observer.ask`; views begin at a line of the snapshot, wherever the window is."""
        if method == "begin":
            self._first = argument or 0
            if self._first:
                return None
        if self._document is None:
            raise ContextLost
        return await self._document.ask(method, argument)

    async def _install(self) -> Document:
        tree = await self._cdp.send("Page.getFrameTree")
        frame = str(tree["frameTree"]["frame"]["id"])
        worlds = await contexts(self._cdp, WORLD)
        if frame not in worlds:
            raise ContextLost
        self._document, self._first = Document(self._cdp, worlds[frame]), 0
        return self._document


def _line(row: str, thing: _Found | None, index: int) -> SeenLine:
    if thing is None:
        return (REF.sub("", row),)
    if thing["role"] == "password" and thing["value"]:
        row = row[: row.index("]", row.index("[ref=")) + 1] + f": {PASSWORD}"
    return (SeenElement(**thing, index=index, shown=REF.sub(" [ref=]", row)),)
