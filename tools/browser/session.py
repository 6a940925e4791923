"""One browsing lane: look at a page, act on it, and be told what the action did.

A session belongs to one task at a time. It has one current tab; a tab that the page opens becomes the current
one, and the former comes back when it closes. What a page does never makes `act` raise: it is in the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import BrowserContext, Error

from ..errors import BrowserCrashed, OriginBlocked, PageUnreadable, SiteUnreachable
from .actions import Action, checked
from .calls import ActionCalls
from .downloads import SIZE_LIMIT, Downloads
from .fence import Fence
from .observer import ContextLost, Seen, number, path_of
from .reach import Done, Look, Refused, nearest
from .results import MESSAGE_LIMIT, ActionResult, Code, Download, Effect, in_words, refused
from .tab import DialogOpened, Limits, Tab, TooSlow
from .tabs import Tabs, close
from .verbs import Verbs, load
from .view import View, clip

Failure = tuple[Code, str]

NEW_LINES = 20
TASK_ENDS = ("done", "cannot")
NEEDS_CHANGE = ("click", "press", "scroll", "back", "wait", "hover", "drag", "goto")


class BrowserSession(ActionCalls):
    """One browser context with its current tab. Made by `Browser.open`.

    Attributes:
        files: The folder that `upload` takes files from, and from nowhere else; None refuses every upload.
    """

    def __init__(self, context: BrowserContext, tab: Tab, fence: Fence, budget: int) -> None:
        self.files: Path | None = None
        self._context = context
        self._tabs = Tabs(context, tab, fence)
        self._downloads: Downloads | None = None
        self._fence = fence
        self._budget = budget
        self._lock = asyncio.Lock()
        self._latest = Look(View("", "", "", ()), {}, None)
        self._closed = False

    @property
    def url(self) -> str:
        """The current tab's address."""
        return self._tab.page.url

    @property
    def tabs(self) -> int:
        """How many tabs are open."""
        return len(self._tabs)

    @property
    def limits(self) -> Limits:
        """Seconds that calls wait for pages."""
        return self._tab.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._tabs.limit(limits)

    @property
    def crashed(self) -> bool:
        """The browser or the page's process is gone; a new session works again."""
        browser = self._context.browser
        return self._closed or self._tab.crashed or (browser is not None and not browser.is_connected())

    async def view(self, budget: int | None = None) -> View:
        """Look at the page; the numbers in the view are what `act` takes.

        Args:
            budget: Characters of the text; the browser's budget when None.

        Raises:
            BrowserCrashed: The browser or the page's process is gone.
            PageUnreadable: The page cannot be read.
        """
        async with self._lock:
            self._tabs.drop_closed()
            await self._tabs.adopt_late()
            self._latest = await self._look(self._tab, budget or self._budget, self._latest)
            return self._latest.view

    async def act(self, action: Action) -> ActionResult:
        """Carry out one action on the page of the latest view, wait until it is quiet, and say what changed.

        `done` and `cannot` end a task and touch nothing.

        Raises:
            MalformedAction: The verb is none, or does not take such an argument.
        """
        checked(action)
        async with self._lock:
            view = self._latest.view
            return replace(await self._act(action), did=in_words(action, view))

    async def keep_downloads(self, folder: str | Path, limit: int = SIZE_LIMIT) -> None:
        """Keep the files that pages send in `folder`, each up to `limit` bytes; else they are refused.

        Raises:
            ValueError: `limit` is below 1.
            NotADirectoryError: `folder` cannot be made, or is a file.
            BrowserCrashed: The browser is gone.
        """
        async with self._lock:
            try:
                if self._downloads is not None:
                    await self._downloads.close()
                self._downloads = await Downloads.keep(self._context, self._tab.cdp, Path(folder), limit)
            except Error as error:
                raise BrowserCrashed from error

    async def new_tab_view(self, url: str, budget: int | None = None, patience: float = 0.0) -> View:
        """Look at `url` in a tab of its own, with the same cookies; the current tab is not disturbed.

        Args:
            url: Address, relative ones to the current page.
            budget: Characters of the text; the browser's budget when None.
            patience: Seconds to let pass once the page is quiet, for content that comes late.

        Raises:
            OriginBlocked: It is outside the browser's allowed origins.
            SiteUnreachable: The site does not answer.
            BrowserCrashed: The browser is gone.
            PageUnreadable: The page cannot be read.
        """
        address = urljoin(self.url, url)
        try:
            tab = await Tab.attach(await self._context.new_page(), self._fence, self.limits)
        except Error as error:
            raise BrowserCrashed from error
        try:
            await self._load(tab, address)
            await asyncio.sleep(patience)
            return (await self._look(tab, budget or self._budget, None)).view
        finally:
            await close(tab)

    async def load(self, url: str) -> None:
        """Go to `url`, with errors raised instead of returned.

        Raises:
            OriginBlocked, SiteUnreachable, BrowserCrashed: As `new_tab_view`.
        """
        async with self._lock:
            await self._load(self._tab, url)

    async def storage_state(self) -> dict[str, Any]:
        """Cookies and local storage, as `Browser.open` takes them.

        Raises:
            BrowserCrashed: The browser is gone.
        """
        try:
            state: dict[str, Any] = json.loads(json.dumps(await self._context.storage_state()))
        except Error as error:
            raise BrowserCrashed from error
        return state

    async def screenshot(self) -> bytes:
        """The current tab's visible part as PNG.

        Raises:
            BrowserCrashed: The browser is gone.
            PageUnreadable: A dialog is open, or the page does not draw in time.
        """
        async with self._lock:
            try:
                return await self._tab.race(self._tab.page.screenshot(), 5.0)
            except (DialogOpened, TooSlow, ContextLost) as error:
                raise PageUnreadable(self.url, "it cannot be drawn now") from error

    async def close(self) -> None:
        """Close the context with all its tabs. May be called more than once."""
        self._closed = True
        for tab in self._tabs:
            tab.let_go()
        if self._downloads is not None:
            await self._downloads.close()
        with contextlib.suppress(Error):
            await self._context.close()

    @property
    def _tab(self) -> Tab:
        return self._tabs.current

    async def _load(self, tab: Tab, url: str) -> None:
        tab.begin()
        try:
            await load(tab, url, self._fence)
        except DialogOpened:
            return
        except TooSlow as error:
            raise SiteUnreachable(url, "no answer in time") from error
        except (Refused, ContextLost) as error:
            if isinstance(error, Refused) and error.code == "blocked_origin":
                raise OriginBlocked(tab.blocked or url, self._fence.names()) from error
            raise SiteUnreachable(url, str(error) or "the page went away") from error

    async def _look(self, tab: Tab, budget: int, before: Look | None) -> Look:
        for _ in range(3):
            try:
                seen = await tab.race(tab.observer.view())
                return Look(*number(seen, budget), seen)
            except DialogOpened:
                seen = before.seen if before is not None else None
                url = tab.page.url
                title = clip(seen.title) if seen is not None and seen.url == url else ""
                return Look(View(url, path_of(url), title, (), tab.describe_dialog()), {}, seen)
            except (ContextLost, TooSlow):
                with contextlib.suppress(DialogOpened, TooSlow):
                    await tab.settle()
        raise PageUnreadable(tab.page.url, "it gave no answer")

    async def _act(self, action: Action) -> ActionResult:
        if action.verb in TASK_ENDS:
            return ActionResult(True, "ok")
        begun = perf_counter()
        self._tabs.drop_closed()
        if self.crashed:
            return refused("crashed", "the browser is gone", _since(begun))
        leaving = action.verb == "tab" and action.text == "close"
        if self._tab.dialog is not None and action.verb != "dialog" and not leaving:
            return refused("dialog_open", "answer the dialog first", _since(begun))
        try:
            return await self._perform(action, begun)
        except BrowserCrashed:
            return refused("crashed", "the browser is gone", _since(begun))

    async def _perform(self, action: Action, begun: float) -> ActionResult:
        tab, address = self._tab, self._tab.page.url
        tab.begin()
        if self._downloads is not None:
            self._downloads.begin()
        commits = tab.commits
        before, done, failure = await self._attempt(tab, action)
        switched = await self._follow(tab)
        after = await self._peek()
        seen, moved = _compare(before, after, action.verb)
        effect = replace(
            seen,
            url_changed=self.url != address,
            dom_changed=seen.dom_changed or tab.commits != commits,
            value_after=done.value,
            dialog=self._tab.describe_dialog(),
            new_tab=switched,
            download=await self._arrived(tab),
            console_errors=tuple(tab.errors),
            ms=_since(begun),
        )
        moved = moved or done.moved
        failure = failure or _failure_of(tab, effect) or _idle(action, tab, effect, moved)
        hint = nearest(self._latest.view, action, after) if failure and failure[0] == "stale_ref" else ""
        if tab.flood:
            hint = f"{tab.flood} more windows were closed"
        if failure is not None:
            return ActionResult(False, failure[0], clip(failure[1], MESSAGE_LIMIT), effect, hint=hint)
        return ActionResult(True, "ok", "", effect, done.text, hint)

    async def _attempt(self, tab: Tab, action: Action) -> tuple[Seen | None, Done, Failure | None]:
        """Do it: the page just before, what the verb left behind, and why it failed."""
        before = self._latest.seen
        try:
            if action.verb == "tab":
                return before, await self._change_tab(action.text), None
            if tab.dialog is None and action.verb != "wait":
                before = await tab.race(tab.observer.peek())
            verbs = Verbs(tab, self._latest, self._fence, self._budget)
            verbs.files = self.files
            return before, await verbs.do(action), None
        except DialogOpened:
            return before, Done(), None
        except Refused as error:
            return before, Done(error.value), (error.code, error.message)
        except TooSlow:
            return before, Done(), ("timeout", "the page did not answer in time")
        except ContextLost:
            return before, Done(), ("stale_ref", "the page changed since it was looked at")
        except PageUnreadable as error:
            return before, Done(), ("timeout", error.for_model)
        except BrowserCrashed:
            if tab.page.is_closed() and len(self._tabs) > 1:  # the tab closed itself
                return before, Done(), None
            raise

    async def _change_tab(self, text: str) -> Done:
        """What `tab` does; the numbers of the latest view are of the tab before, and void."""
        if text:
            try:
                await self._tabs.close_current() if text == "close" else self._tabs.switch(int(text))
            except Error as error:
                raise BrowserCrashed from error
            self._latest = Look(View("", "", "", ()), {}, None)
        return Done(text=self._tabs.listing(), moved=bool(text))

    async def _follow(self, tab: Tab) -> bool:
        """Make a tab that the page opened the current one, leave one that closed, and leave error pages."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(tab.limits.navigation):
                await tab.await_windows()
                await self._tabs.adopt(tab)
        if self._tabs.drop_closed() or self._tab is not tab:
            return True
        if tab.page.url.startswith("chrome-error:"):
            with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
                await tab.race(tab.page.go_back(wait_until="commit", timeout=1500), 2.0)
                await tab.settle()
        return False

    async def _arrived(self, tab: Tab) -> Download | None:
        """The file that the action led to, kept or refused."""
        if self._downloads is not None:
            return await self._downloads.arrived(tab.limits.download, tab.asks_for_file)
        name = tab.refused_file or ("download" if tab.asks_for_file else None)
        return None if name is None else Download(clip(name, 100), problem="this task keeps no files")

    async def _peek(self) -> Seen | None:
        """The page after an action; None while a dialog keeps it from being read."""
        for _ in range(2):
            try:
                return await self._tab.race(self._tab.observer.peek())
            except (DialogOpened, PageUnreadable):
                return None
            except (ContextLost, TooSlow):
                with contextlib.suppress(DialogOpened, TooSlow):
                    await self._tab.settle()
        return None


def _since(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 1)


def _outside(address: str) -> Failure:
    return "blocked_origin", f"{clip(address, 80)} is outside the allowed sites"


def _failure_of(tab: Tab, effect: Effect) -> Failure | None:
    """What the network, or a file that was sent, says of the action."""
    if tab.blocked is not None:
        return _outside(tab.blocked)
    if tab.unreachable is not None:
        return "unreachable", tab.unreachable
    file = effect.download
    return None if file is None or not file.problem else ("not_kept", f"{file.name}: {file.problem}")


def _idle(action: Action, tab: Tab, effect: Effect, moved: bool) -> Failure | None:
    """Whether an action that is meant to change something changed nothing."""
    changed = moved or effect.dom_changed or effect.url_changed or effect.new_tab or effect.dialog is not None
    file = effect.download
    came = file is not None and (action.verb == "wait" or not file.late)
    if action.verb not in NEEDS_CHANGE or changed or came:
        return None
    return ("no_effect", "nothing changed") if tab.refused is None else _outside(tab.refused)


def _compare(before: Seen | None, after: Seen | None, verb: str) -> tuple[Effect, bool]:
    """What changed on the page, and whether the place in it did (scrolled, or the caret moved)."""
    if before is None or after is None:
        return Effect(), False
    was, now = before.texts(), after.texts()
    new = tuple((Counter(now) - Counter(was)).elements())
    gone = tuple((Counter(was) - Counter(now)).elements())
    same_document = before.url.partition("#")[0] == after.url.partition("#")[0]
    changed = before.state() != after.state() or (same_document and before.changes != after.changes)
    refocused = before.focus != after.focus and (verb == "press" or after.focus.startswith("field:"))
    moved = before.scroll != after.scroll or refocused
    focus = after.focus.split(":", 2)[-1] if before.focus != after.focus else None
    return Effect(dom_changed=changed, new=new[:NEW_LINES], gone=gone[:NEW_LINES], focus=focus), moved
