"""What each action verb does to a tab; `session.py` compares the page before and after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import perf_counter
from urllib.parse import urljoin

from playwright.async_api import Error, Page

from .actions import Action, unquoted
from .fence import Fence
from .fields import Fields
from .observer import ContextLost, Seen, SeenElement
from .presenting import part_before
from .reach import Done, Refused
from .tab import Tab, TooSlow
from .view import clip

READ_LIMIT = 2000
INTERRUPTED = "the page before it goes elsewhere all the time"
MOST_INTERRUPTIONS = 3
"""Times that a page may go elsewhere while another address is asked for."""

LOOK_AGAIN = 0.1
"""Seconds between two looks for a text that is waited for."""

MOST_SCREENS = 50
"""Windows of a page that `scroll top` and `scroll bottom` go through; a page without end stops there."""

DRAG_STEPS = 8
"""Positions that the mouse is seen at between the two ends of a drag."""

ASKS_FOR_FILE = """function () {
  return (this.nodeType === 1 ? this : this.parentElement).closest("a[href][download]") !== null;
}"""
"""Such a link sends no request that the page's own debugger is told of."""

SCROLL_AT = """function (direction) {
  let el = this.nodeType === 1 ? this : this.parentElement;
  const scrolls = (one) => one.scrollHeight > one.clientHeight + 1 &&
    (/auto|scroll/.test(getComputedStyle(one).overflowY) || ["select", "textarea"].includes(one.localName));
  while (el && !scrolls(el)) el = el.parentElement || (el.getRootNode() || {}).host || null;
  const target = el || document.scrollingElement;
  const page = target.clientHeight * 0.8;
  const { scrollTop: at, scrollHeight: end } = target;
  const to = { up: at - page, down: at + page, top: 0, bottom: end }[direction];
  target.scrollTo({ top: to, behavior: "instant" });
}"""

SCROLLED = """(() => {
  const total = (root) => [...root.querySelectorAll("*")].reduce((sum, el) => {
    let inner = el.shadowRoot;
    if (el.localName === "iframe") try { inner = el.contentDocument; } catch { inner = null; }
    return sum + el.scrollTop + (inner ? total(inner) : 0);
  }, 0);
  return Math.round(total(document));
})()"""
"""How far everything on the page is scrolled, added up."""


async def load(tab: Tab, url: str, fence: Fence) -> None:
    """Go to `url` and wait until the page is quiet.

    Raises:
        Refused: The fence forbids it, or the site does not answer.
        DialogOpened, BrowserCrashed, TooSlow: As `Tab.race`.
    """
    if not fence.allows(url):
        raise Refused("blocked_origin", f"{url[:80]} is outside the allowed sites")
    failure = INTERRUPTED
    for _ in range(MOST_INTERRUPTIONS):
        try:
            failure = await tab.race(_go(tab.page, url, tab.limits.navigation), tab.limits.navigation + 1)
        except TooSlow:
            await tab.stop()
            raise
        if failure != INTERRUPTED:
            break
        await tab.stop()
    await tab.settle()
    if tab.blocked is not None:
        raise Refused("blocked_origin", f"{tab.blocked[:80]} is outside the allowed sites")
    if tab.unreachable is not None or failure:
        raise Refused("unreachable", tab.unreachable or f"{url[:80]} does not answer ({failure})")


async def _go(page: Page, url: str, seconds: float) -> str:
    """Navigate; the network error's name, empty when the new page has begun to arrive."""
    try:
        await page.goto(url, wait_until="commit", timeout=seconds * 1000)
    except Error as error:
        message = error.message
        if "ERR_ABORTED" in message:
            return ""
        start = message.find("net::")
        if start < 0 and any(sign in message for sign in ("Timeout", "closed", "crash")):
            raise
        if start < 0:
            return INTERRUPTED
        return message[start:].split()[0].removeprefix("net::")
    return ""


class Verbs(Fields):
    """Carries out one action on `tab`, chosen from `look`."""

    async def do(self, action: Action) -> Done:
        """Do it and wait until the page is quiet.

        Raises:
            Refused: It could not be done, it was not approved, or its value did not stay.
            DialogOpened, BrowserCrashed, TooSlow, ContextLost: As `Tab.race`.
        """
        doing: dict[str, Callable[[Action], Awaitable[Done]]] = {
            "click": self._click, "type": self._type, "select": self._select, "press": self._press,
            "scroll": self._scroll, "back": self._back, "goto": self._goto, "find": self._find,
            "read": self._read, "wait": self._wait, "dialog": self._answer, "keys": self._type,
            "hover": self._hover, "drag": self._drag, "upload": self._upload,
        }  # fmt: skip
        await self._pass_gates(action)
        return await doing[action.verb](action)

    async def _click(self, action: Action) -> Done:
        x, y = await self._point(action)
        element = self._look.view.elements.get(action.target or 0)
        if element is not None and element.role == "link":
            self._tab.asks_for_file = bool(await self._at((x, y), ASKS_FOR_FILE))
        await self._tab.race(self._tab.page.mouse.click(x, y))
        await self._tab.settle()
        return Done(await self._value(self._index(action)))

    async def _hover(self, action: Action) -> Done:
        x, y = await self._point(action)
        await self._tab.race(self._tab.page.mouse.move(x, y))
        await self._tab.settle()
        return Done()

    async def _drag(self, action: Action) -> Done:
        """Press on one element, move to the other in steps, let go. The page may scroll meanwhile."""
        if action.to == action.target:
            raise Refused("bad_option", "drag takes two different elements")
        mouse, race = self._tab.page.mouse, self._tab.race
        await self._point(action, action.to)
        x, y = await self._point(action)
        await race(mouse.move(x, y))
        await race(mouse.down())
        try:
            x, y = await self._point(action, action.to)
            await race(mouse.move(x, y, steps=DRAG_STEPS))
        finally:
            await race(mouse.up())
        await self._tab.settle()
        return Done()

    async def _press(self, action: Action) -> Done:
        await self._tab.race(self._tab.page.keyboard.press(action.text))
        await self._tab.settle()
        return Done()

    async def _scroll(self, action: Action) -> Done:
        """To the lines that the view had no room for; by most of a window where it had."""
        if action.target is not None:
            return await self._scroll_at(action)
        view, seen = self._look.view, self._look.seen
        if action.text in ("top", "bottom"):
            return await self._scroll_to_end(action.text, seen)
        down = action.text == "down"
        if not down and self._look.style.window and await self._ask("scroll", -1):  # by less than it shows
            await self._tab.settle()
            return Done(moved=True)
        if seen is not None and (view.below if down else view.above):
            before = part_before(seen, view.above, self._look.budget, self._look.style)
            await self._ask("begin", (view.above + len(view.lines) if down else before) or None)
            await self._tab.settle()
            return Done(moved=True)
        moved = await self._ask("scroll", 1 if down else -1)
        await self._tab.settle()
        return Done(moved=moved != 0)

    async def _scroll_at(self, action: Action) -> Done:
        """What scrolls at an element: itself, or the nearest thing around it that does."""
        before = await self._scrolled()
        await self._at(await self._point(action), SCROLL_AT, action.text)
        await self._tab.settle()
        return Done(moved=await self._scrolled() != before)

    async def _scrolled(self) -> object:
        ask = {"expression": SCROLLED, "returnByValue": True, "silent": True}
        answer = await self._tab.race(self._tab.cdp.send("Runtime.evaluate", ask))
        return answer["result"].get("value")

    async def _scroll_to_end(self, end: str, seen: Seen | None) -> Done:
        """To the first or the last line, and the page's largest scroller all the way with it."""
        cut = self._look.view.above if end == "top" else self._look.view.below
        last = len(seen.lines) - 1 if seen is not None else -1
        if end == "top" or last < 0:
            await self._ask("begin", None)
        elif cut:
            await self._ask("begin", last)
        moved, step = 0, 1
        for _ in range(MOST_SCREENS):
            step = await self._ask("scroll", -1 if end == "top" else 1)
            if step == 0:
                break
            moved += step
        await self._tab.settle()
        return Done(moved=bool(cut or moved))

    async def _back(self, action: Action) -> Done:
        tab = self._tab
        history = await tab.race(tab.cdp.send("Page.getNavigationHistory"))
        current = int(history["currentIndex"])
        if current == 0 or history["entries"][current - 1]["url"] == "about:blank":
            raise Refused("no_effect", "there is no page to go back to")
        await tab.race(tab.page.go_back(wait_until="commit"), tab.limits.navigation)
        await tab.settle()
        return Done()

    async def _goto(self, action: Action) -> Done:
        await load(self._tab, urljoin(self._tab.page.url, action.text.strip()), self._fence)
        return Done()

    async def _find(self, action: Action) -> Done:
        wanted = " ".join(action.text.split()).casefold()
        seen = self._look.seen
        lines = [_plain(line) for line in seen.lines] if seen is not None else []
        at = next((place for place, text in enumerate(lines) if wanted in text.casefold()), None)
        if at is None:
            if seen is not None and seen.unread_below and await self._ask("seek", action.text):
                await self._tab.settle()
                return Done(moved=True)
            raise Refused("no_effect", f"{clip(action.text, 60)!r} is not on the page")
        await self._ask("begin", at)
        await self._tab.settle()
        return Done(text="\n".join(lines[max(0, at - 2) : at + 3])[:READ_LIMIT], moved=True)

    async def _read(self, action: Action) -> Done:
        index = None if action.target is None else self._index(action)
        found = await self._ask("whole", index)
        self._check(action, found)
        return Done(text=self._vault.mask(str(found["text"]))[:READ_LIMIT])

    async def _wait(self, action: Action) -> Done:
        said, limits = action.text.strip(), self._tab.limits
        if said.isascii() and said.isdigit():
            seconds = min(int(said) / 1000, limits.text)
            await self._tab.race(asyncio.sleep(seconds), seconds + limits.action)
        elif said:
            return await self._wait_for(unquoted(said))
        else:
            changes = self._look.seen.changes if self._look.seen is not None else 0
            call = self._tab.observer.ask("awaitChange", {"from": changes, "cap": limits.change * 1000})
            with contextlib.suppress(ContextLost, TooSlow):  # a navigation is a change
                await self._tab.race(call, limits.change + 1)
        await self._tab.settle()
        return Done()

    async def _wait_for(self, text: str) -> Done:
        """Until a line of the page contains `text`, in whatever spelling of its letters."""
        wanted = " ".join(text.split()).casefold()
        deadline = perf_counter() + self._tab.limits.text
        while perf_counter() < deadline:
            with contextlib.suppress(ContextLost):
                seen = self._vault.mask_seen(await self._tab.race(self._tab.observer.peek()))
                lines = (_plain(line) for line in seen.lines)
                found = next((line for line in lines if wanted in line.casefold()), None)
                if found is not None:
                    return Done(text=found[:READ_LIMIT], moved=True)
            await self._tab.race(asyncio.sleep(LOOK_AGAIN))
        raise Refused("timeout", f"{clip(text, 60)!r} did not appear within {self._tab.limits.text:g} s")

    async def _answer(self, action: Action) -> Done:
        dialog = self._tab.dialog
        if dialog is None:
            raise Refused("no_effect", "no dialog is open")
        answer, _, said = action.text.partition(" ")
        if said and dialog.type != "prompt":
            raise Refused("not_editable", f"a dialog of the kind {dialog.type} takes no text")
        await self._tab.answer(answer == "accept", unquoted(said) if said else None)
        await self._tab.settle()
        return Done()


def _plain(line: tuple[str | SeenElement, ...]) -> str:
    """A line without numbers, as `find` reports it."""
    return " | ".join(clip(part if isinstance(part, str) else _element(part)) for part in line)


def _element(part: SeenElement) -> str:
    return f"{part.role} {part.name}" + (f": {part.value}" if part.value else "")
