"""One browsing lane: look at a page, act on it, and be told what the action did.

A session belongs to one task at a time. It has one current tab; a tab that the page opens becomes the current
one, and the former comes back when it closes. What a page does never makes `act` raise: it is in the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Collection
from time import perf_counter
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import BrowserContext, Error, Page

from ..errors import BrowserCrashed, OriginBlocked, PageUnreadable, SiteUnreachable
from .actions import Action
from .fence import Fence
from .gates import Gate, GateClosed, Gatekeeper
from .observer import ContextLost, Seen, path_of
from .presenting import present
from .results import MESSAGE_LIMIT, ActionResult, Code, Effect, refused
from .secrets import Vault
from .shots import masked_screenshot
from .tab import DialogOpened, Tab, TooSlow
from .verbs import Done, Look, Refused, Verbs, load
from .view import PLAIN, View, ViewStyle, clip

Failure = tuple[Code, str]

NEW_LINES = 20
TASK_ENDS = ("done", "cannot")
NEEDS_CHANGE = ("click", "press", "scroll", "back", "wait")


class BrowserSession:
    """One browser context with its current tab. Made by `Browser.open`."""

    def __init__(
        self,
        context: BrowserContext,
        tab: Tab,
        fence: Fence,
        budget: int,
        vault: Vault,
        keeper: Gatekeeper,
    ) -> None:
        self._vault, self._keeper = vault, keeper
        self._context = context
        self._tabs = [tab]
        self._fence = fence
        self._budget = budget
        self._lock = asyncio.Lock()
        self._latest = Look(View("", "", "", ()), {}, None)
        self._closed = False
        self.style: ViewStyle = PLAIN

    @property
    def url(self) -> str:
        """The current tab's address, without secrets."""
        return self._vault.mask(self._tab.page.url)

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
            self._drop_closed_tabs()
            await self._arrive(Action("wait"), ())  # a page may lead somewhere after the action was over
            self._latest = await self._look(self._tab, budget or self._budget, self._latest)
            return self._latest.view

    async def gates(self, action: Action) -> tuple[Gate, ...]:
        """What has to be approved before the action is done; empty where nothing, or it cannot be done."""
        async with self._lock:
            with contextlib.suppress(
                Refused, DialogOpened, TooSlow, ContextLost, BrowserCrashed, PageUnreadable
            ):
                return tuple(sorted(await self._verbs(self._tab, ()).gates(action)))
            return ()

    async def act(self, action: Action, approved: Collection[Gate] = ()) -> ActionResult:
        """Carry out one action on the page of the latest view, wait until it is quiet, and say what changed.

        `done` and `cannot` end a task and touch nothing.

        Args:
            approved: Gates that the caller's own policy lets pass; the browser's decides all others.
        """
        return self._vault.mask_result(await self._act(action, approved))

    async def _act(self, action: Action, approved: Collection[Gate]) -> ActionResult:
        async with self._lock:
            if action.verb in TASK_ENDS:
                return ActionResult(True, "ok")
            begun = perf_counter()
            self._drop_closed_tabs()
            if self.crashed:
                return refused("crashed", "the browser is gone", _since(begun))
            if self._tab.dialog is not None and action.verb != "dialog":
                return refused("dialog_open", "answer the dialog first", _since(begun))
            try:
                return await self._perform(action, begun, approved)
            except BrowserCrashed:
                return refused("crashed", "the browser is gone", _since(begun))

    async def goto(self, url: str) -> ActionResult:
        """Go to `url`, absolute or relative to the current page."""
        return await self.act(Action("goto", None, url))

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
            tab = await Tab.attach(await self._context.new_page(), self._fence)
        except Error as error:
            raise BrowserCrashed from error
        try:
            await self._load(tab, address)
            await asyncio.sleep(patience)
            return (await self._look(tab, budget or self._budget, None)).view
        finally:
            await _close(tab)

    async def load(self, url: str) -> None:
        """Go to `url`, with errors raised instead of returned.

        Raises:
            OriginBlocked, SiteUnreachable, BrowserCrashed: As `new_tab_view`.
        """
        async with self._lock:
            await self._load(self._tab, url)

    async def storage_state(self) -> dict[str, Any]:
        """Cookies and local storage, as `Browser.open` takes them; entries that hold a secret are left out.

        Raises:
            BrowserCrashed: The browser is gone.
        """
        try:
            state: dict[str, Any] = json.loads(json.dumps(await self._context.storage_state()))
        except Error as error:
            raise BrowserCrashed from error
        return self._vault.without_secrets(state)

    async def screenshot(self) -> bytes:
        """The current tab's visible part as PNG, with what shows a secret painted over.

        Raises:
            BrowserCrashed: The browser is gone.
            PageUnreadable: A dialog is open, or the page does not draw in time or does not hold still.
        """
        async with self._lock:
            try:
                return await self._tab.race(masked_screenshot(self._tab.page, self._vault), 5.0)
            except (DialogOpened, TooSlow, ContextLost) as error:
                raise PageUnreadable(self.url, "it cannot be drawn now") from error

    async def close(self) -> None:
        """Close the context with all its tabs. May be called more than once."""
        self._closed = True
        for tab in self._tabs:
            tab.let_go()
        with contextlib.suppress(Error):
            await self._context.close()

    @property
    def _tab(self) -> Tab:
        return self._tabs[-1]

    def _drop_closed_tabs(self) -> bool:
        """Return to the tab before one that closed itself; whether that happened."""
        count = len(self._tabs)
        while len(self._tabs) > 1 and self._tab.page.is_closed():
            self._tabs.pop()
        return len(self._tabs) < count

    async def _load(self, tab: Tab, url: str) -> None:
        tab.begin()
        try:
            await load(tab, url, self._fence)
        except DialogOpened:
            return
        except TooSlow as error:
            raise SiteUnreachable(self._vault.mask(url), "no answer in time") from error
        except (Refused, ContextLost) as error:
            if isinstance(error, Refused) and error.code == "blocked_origin":
                raise OriginBlocked(self._vault.mask(tab.blocked or url), self._fence.names()) from error
            why = self._vault.mask(str(error)) or "the page went away"
            raise SiteUnreachable(self._vault.mask(url), why) from error
        self._keeper.arrive(tab.page.url)

    async def _look(self, tab: Tab, budget: int, before: Look | None) -> Look:
        for _ in range(3):
            try:
                seen = self._vault.mask_seen(await tab.race(tab.observer.view(self.style)))
                known = None if before is None else (before.view, before.seen)
                at = self._tabs.index(tab) + 1 if tab in self._tabs else 1
                return Look(*present(seen, budget, self.style, known, (at, len(self._tabs))), seen)
            except DialogOpened:
                seen = before.seen if before is not None else None
                url = self._vault.mask(tab.page.url)
                title = clip(seen.title) if seen is not None and seen.url == url else ""
                return Look(
                    View(url, path_of(url), title, (), self._vault.mask_dialog(tab.describe_dialog())),
                    {},
                    seen,
                )
            except (ContextLost, TooSlow):
                with contextlib.suppress(DialogOpened, TooSlow):
                    await tab.settle()
        raise PageUnreadable(tab.page.url, "it gave no answer")

    async def _perform(self, action: Action, begun: float, approved: Collection[Gate]) -> ActionResult:
        tab, address = self._tab, self.url
        tab.begin()
        commits = tab.commits
        before, done, failure = await self._attempt(tab, action, approved)
        switched = await self._follow(tab)
        if (led := await self._arrive(action, approved)) is not None:
            failure, switched = failure or led, False
        seen, moved = _compare(before, await self._peek(), action.verb)
        effect = Effect(
            url_changed=self.url != address,
            dom_changed=seen.dom_changed or tab.commits != commits,
            new=seen.new,
            gone=seen.gone,
            value_after=done.value,
            dialog=self._vault.mask_dialog(self._tab.describe_dialog()),
            new_tab=switched,
            ms=_since(begun),
        )
        failure = failure or self._network_failure(tab)
        changed = moved or done.moved or switched or effect.dom_changed or effect.url_changed
        if failure is None and action.verb in NEEDS_CHANGE and not changed and effect.dialog is None:
            refused_origin = tab.refused
            failure = ("no_effect", "nothing changed") if refused_origin is None else _outside(refused_origin)
        if failure is not None:
            return ActionResult(False, failure[0], clip(self._vault.mask(failure[1]), MESSAGE_LIMIT), effect)
        return ActionResult(True, "ok", "", effect, done.text)

    async def _attempt(
        self, tab: Tab, action: Action, approved: Collection[Gate]
    ) -> tuple[Seen | None, Done, Failure | None]:
        """Do it: the page just before, what the verb left behind, and why it failed."""
        before = self._latest.seen
        try:
            if tab.dialog is None and action.verb != "wait":
                before = self._vault.mask_seen(await tab.race(tab.observer.peek()))
            return before, await self._verbs(tab, approved).do(action), None
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

    async def _follow(self, tab: Tab) -> bool:
        """Make a tab that the page opened the current one, leave one that closed, and leave error pages."""
        if tab.popup is not None and not tab.popup.is_closed() and await self._enter(tab.popup, tab):
            return True
        if self._drop_closed_tabs():
            return True
        if tab.page.url.startswith("chrome-error:"):
            await self._return(tab)
        return False

    async def _arrive(self, action: Action, approved: Collection[Gate]) -> Failure | None:
        """Stay where the page led only if that is allowed, and approved where it is new; else go back."""
        tab, failure = self._tab, None
        url = tab.page.url
        if tab.dialog is not None or tab.crashed or url.startswith("chrome-error:"):
            return None  # an error page shows what did not answer
        if not self._fence.allows(url):
            failure = _outside(self._vault.mask(url))
        elif self._keeper.is_new(url):
            try:
                await self._keeper.require(("new_origin",), approved, action.line(), self._vault.mask(url))
            except GateClosed as error:
                failure = ("needs_approval", str(error))
        if failure is None:
            self._keeper.arrive(url)
        elif len(self._tabs) > 1 and tab.commits <= 1:
            self._tabs.pop()
            await _close(tab)
        else:
            await self._return(tab)
        return failure

    async def _return(self, tab: Tab) -> None:
        with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
            await tab.race(tab.page.go_back(wait_until="commit", timeout=1500), 2.0)
            await tab.settle()

    def _verbs(self, tab: Tab, approved: Collection[Gate]) -> Verbs:
        return Verbs(tab, self._latest, self._fence, self._budget, self._vault, self._keeper, approved)

    def _network_failure(self, tab: Tab) -> Failure | None:
        if tab.blocked is not None:
            return _outside(self._vault.mask(tab.blocked))
        return None if tab.unreachable is None else ("unreachable", tab.unreachable)

    async def _enter(self, page: Page, opener: Tab) -> bool:
        """Make `page` the current tab; one that was refused by the fence is closed instead."""
        try:
            tab = await Tab.attach(page, self._fence)
        except Error:
            return False
        with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
            await tab.race(page.wait_for_load_state("domcontentloaded"))
            await tab.settle()
        if opener.refused and not page.url.startswith("http"):
            opener.blocked = opener.blocked or opener.refused
            await _close(tab)
            return False
        self._tabs.append(tab)
        return True

    async def _peek(self) -> Seen | None:
        """The page after an action; None while a dialog keeps it from being read."""
        for _ in range(2):
            try:
                return self._vault.mask_seen(await self._tab.race(self._tab.observer.peek()))
            except (DialogOpened, PageUnreadable):
                return None
            except (ContextLost, TooSlow):
                with contextlib.suppress(DialogOpened, TooSlow):
                    await self._tab.settle()
        return None


async def _close(tab: Tab) -> None:
    tab.let_go()
    with contextlib.suppress(Error):
        await tab.page.close()


def _since(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 1)


def _outside(address: str) -> Failure:
    return "blocked_origin", f"{clip(address, 80)} is outside the allowed sites"


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
    return Effect(dom_changed=changed, new=new[:NEW_LINES], gone=gone[:NEW_LINES]), moved
