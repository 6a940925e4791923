"""The tabs of one session: which is the current one, and what becomes of the windows that pages open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from playwright.async_api import BrowserContext, Error, Page

from .fence import Fence
from .observer import ContextLost, path_of
from .reach import Refused
from .tab import MOST_TABS, DialogOpened, Limits, Tab, TooSlow

CLOSE_SECONDS = 3.0


class Tabs:
    """The tabs of one browser context, the current one among them.

    A window that a page opens becomes the current tab; when the current one closes, the one before it is
    current again. Numbers, 1..n, go by when a tab was opened, and move up when one before them closes.
    """

    def __init__(self, context: BrowserContext, first: Tab, fence: Fence) -> None:
        self._context = context
        self._fence = fence
        self._opened = [first]
        self._used = [first]  # the current one last

    @property
    def current(self) -> Tab:
        """The tab that is looked at and acted on."""
        return self._used[-1]

    def __len__(self) -> int:
        return len(self._opened)

    def __iter__(self) -> Iterator[Tab]:
        return iter(self._opened)

    def place(self, tab: Tab) -> int:
        """The number of a tab; 1 for one that is none of these."""
        return self._opened.index(tab) + 1 if tab in self._opened else 1

    def listing(self, mask: Callable[[str], str]) -> str:
        """A line for each tab: its number, its address through `mask`, and which is the current one."""
        rows = [
            f"tab {place} {path_of(mask(tab.page.url))}{' (current)' if tab is self.current else ''}"
            for place, tab in enumerate(self._opened, 1)
        ]
        return "\n".join(rows)

    def limit(self, limits: Limits) -> None:
        """Let calls into these tabs, and those to come, take as long as `limits` says."""
        for tab in self._opened:
            tab.limits = limits

    def drop_closed(self) -> bool:
        """Leave tabs that are closed; whether the current one is another now."""
        before = self.current
        open_ones = [tab for tab in self._used if not tab.page.is_closed()]
        if open_ones:
            self._used = open_ones
            self._opened = [tab for tab in self._opened if tab in open_ones]
        return self.current is not before

    async def adopt(self, opener: Tab) -> None:
        """Take in the windows that `opener` opened, the last as the current tab; close what is too many."""
        popups = [page for page in opener.popups if not page.is_closed()]
        opener.popups = []
        room = MOST_TABS - len(self._opened)
        for page in popups[room:]:
            opener.turn_away(page)
        entered = await asyncio.gather(*(self._attached(page, opener) for page in popups[:room]))
        for tab in reversed([tab for tab in entered if tab is not None]):
            if await self._settled(tab, opener):
                break

    async def adopt_late(self) -> None:
        """Take in the windows that any tab opened after its action was over."""
        for tab in list(self._opened):
            if tab.popups:
                await self.adopt(tab)

    def at(self, number: int) -> Tab:
        """The tab with this number.

        Raises:
            Refused: There is none, or it is the current one already.
        """
        if not 1 <= number <= len(self._opened):
            raise Refused("bad_option", f"there is no tab {number}; there are {len(self._opened)}")
        tab = self._opened[number - 1]
        if tab is self.current:
            raise Refused("no_effect", f"tab {number} is the current one")
        return tab

    def switch(self, tab: Tab) -> None:
        """Make one of these tabs the current one."""
        self._used.remove(tab)
        self._used.append(tab)

    async def close_current(self) -> None:
        """Close the current tab, whatever it is doing; the last one gives way to an empty one."""
        closing = self.current
        if len(self._opened) == 1:
            fresh = await Tab.attach(await self._context.new_page(), self._fence, closing.limits)
            self._opened.append(fresh)
            self._used.insert(0, fresh)
        self._opened.remove(closing)
        self._used.remove(closing)
        await close(closing)

    async def _attached(self, page: Page, opener: Tab) -> Tab | None:
        """`page` as the current tab; None when it gives no answer, and is closed."""
        try:
            async with asyncio.timeout(opener.limits.action):
                tab = await Tab.attach(page, self._fence, opener.limits)
        except (Error, TimeoutError):
            opener.turn_away(page)
            return None
        self._opened.append(tab)
        self._used.append(tab)
        return tab

    async def _settled(self, tab: Tab, opener: Tab) -> bool:
        """Wait until a new tab shows its page; one that was refused by the fence is closed instead."""
        with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
            await tab.race(tab.page.wait_for_load_state("domcontentloaded"))
            await tab.settle()
        if tab.page.url.startswith("http") or not opener.refused:
            return True
        opener.blocked = opener.blocked or opener.refused
        self._opened.remove(tab)
        self._used.remove(tab)
        await close(tab)
        return False


async def close(tab: Tab) -> None:
    """Close a tab with what it holds up."""
    tab.let_go()
    await _closed(tab.page)


async def _closed(page: Page) -> None:
    """Close a page, and wait for that no longer than it takes an honest one."""
    with contextlib.suppress(Error, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await page.close()
