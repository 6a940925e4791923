"""One browsing lane: look at a page, act on it, and be told what the action did.

A session belongs to one task at a time. It has one current tab; a tab that the page opens becomes the current
one, and the former comes back when it closes. What a page does never makes `act` raise: it is in the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import BrowserContext, Error

from ..errors import BrowserCrashed, OriginBlocked, PageUnreadable, SiteUnreachable
from .actions import Action, checked
from .boxes import Box
from .calls import ActionCalls
from .downloads import SIZE_LIMIT, Downloads
from .effects import Failure, compare, failure_of, idle, outside, still
from .fence import Fence
from .gates import NEW_ORIGIN, Gate, GateClosed, Gatekeeper
from .looking import look_at, peek_at
from .marks import Easel
from .observer import ContextLost, Seen
from .reach import Done, Look, Refused, nearest
from .results import MESSAGE_LIMIT, ActionResult, Download, in_words, refused, since
from .secrets import Vault
from .shots import screenshot
from .tab import DialogOpened, Limits, Tab, TooSlow
from .tabs import Tabs, close
from .trace_recorder import Recorder
from .verbs import Verbs, load
from .view import PLAIN, View, ViewStyle, clip

TASK_ENDS = ("done", "cannot")


class BrowserSession(ActionCalls):
    """One browser context with its current tab. Made by `Browser.open`.

    Attributes:
        files: The folder that `upload` takes files from, and from nowhere else; None refuses every upload.
        recording: What every action is written to; None: nothing is recorded. See `record`.
    """

    def __init__(
        self,
        context: BrowserContext,
        tab: Tab,
        fence: Fence,
        budget: int | None,
        vault: Vault,
        keeper: Gatekeeper,
    ) -> None:
        self.files: Path | None = None
        self.recording: Recorder | None = None
        self._vault, self._keeper = vault, keeper
        self._context = context
        self._tabs = Tabs(context, tab, fence)
        self._downloads: Downloads | None = None
        self._easel = Easel(context.browser)
        self._fence, self.budget = fence, budget
        self._lock = asyncio.Lock()
        self._latest = Look(View("", "", "", ()), {}, None)
        self._closed = False
        self.style: ViewStyle = PLAIN

    @property
    def url(self) -> str:
        """The current tab's address, without secrets."""
        return self._vault.mask(self._tab.page.url)

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
            await self._arrive(Action("wait"), ())  # a page may lead somewhere after the action was over
            self._latest = await self._look(self._tab, budget or self.budget, self._latest)
            return self._latest.view

    async def gates(self, action: Action) -> tuple[Gate, ...]:
        """What has to be approved before the action is done; empty where nothing, or it cannot be done."""
        async with self._lock:
            with contextlib.suppress(
                Refused, DialogOpened, TooSlow, ContextLost, BrowserCrashed, PageUnreadable
            ):
                if action.verb != "tab":
                    return tuple(sorted(await self._verbs(self._tab, ()).gates(action)))
                if action.text.isdecimal() and self._keeper.is_new(self._tabs.at(int(action.text)).page.url):
                    return (NEW_ORIGIN,)
            return ()

    async def act(self, action: Action, approved: Collection[Gate] = ()) -> ActionResult:
        """Carry out one action on the page of the latest view, wait until it is quiet, and say what changed.

        `done` and `cannot` end a task and touch nothing.

        Args:
            approved: Gates that the caller's own policy lets pass; the browser's decides all others.

        Raises:
            MalformedAction: The verb is none, or does not take such an argument.
        """
        checked(action)
        async with self._lock:
            said = in_words(replace(action, text=self._vault.mask(action.text)), self._latest.view)
            recording = self.recording
            moment = recording and await recording.before(
                action, self._tab, self._latest, self._vault, self._picture
            )
            result = await self._act(action, approved)
            result = self._vault.mask_result(replace(result, did=said))
            if recording is not None and moment is not None:
                recording.after(moment, action, result, url=self.url, tabs=len(self._tabs), vault=self._vault)
            return result

    async def record(self, folder: str | Path | None, *, pictures: bool = True, about: str = "") -> None:
        """Write every action from here on, and what it comes to, to a folder as a trace; None ends that.

        Args:
            pictures: Also a picture of the page before each action.
            about: What is recorded, in words.

        Raises:
            FileExistsError: The folder holds a trace already.
            OSError: It cannot be made.
        """
        async with self._lock:
            if self.recording is not None:
                self.recording.close()
                self.recording = None
            if folder is not None:
                size = self._tab.page.viewport_size or {"width": 0, "height": 0}
                window = size["width"], size["height"]
                self.recording = Recorder(
                    Path(folder), self.url, window=window, budget=self.budget, style=self.style,
                    pictures=pictures, about=about,
                )  # fmt: skip

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
                self._downloads = await Downloads.keep(
                    self._context, self._tab.cdp, Path(folder), limit, self._vault.mask
                )
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
            return (await self._look(tab, budget or self.budget, None)).view
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
        """Cookies and local storage, as `Browser.open` takes them; entries that hold a secret are left out.

        Raises:
            BrowserCrashed: The browser is gone.
        """
        try:
            state: dict[str, Any] = json.loads(json.dumps(await self._context.storage_state()))
        except Error as error:
            raise BrowserCrashed from error
        return self._vault.without_secrets(state)

    async def screenshot(self, *, numbers: bool = False) -> bytes:
        """The current tab's visible part as PNG, with what shows a secret painted over.

        Args:
            numbers: With the things of the latest view outlined and numbered, as far as they have `boxes`.

        Raises:
            BrowserCrashed: The browser is gone.
            PageUnreadable: A dialog is open, or the page does not draw in time or does not hold still, or a
                secret in it cannot be painted over.
        """
        async with self._lock:
            return await self._picture(self._latest.indexes if numbers else None)

    async def boxes(self) -> dict[int, Box]:
        """Where the things of the latest view are in the picture of `screenshot`, by number.

        Without those that the window does not show; empty while a dialog is open or the page gives no answer.

        Raises:
            BrowserCrashed: The browser is gone.
        """
        async with self._lock:
            indexes = self._latest.indexes
            with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
                found = await self._tab.race(self._tab.observer.boxes(set(indexes.values())))
                return {number: found[index] for number, index in indexes.items() if index in found}
            return {}

    async def close(self) -> None:
        """Close the context with all its tabs. May be called more than once."""
        self._closed = True
        if self.recording is not None:
            self.recording.close()
        for tab in self._tabs:
            tab.let_go()
        if self._downloads is not None:
            await self._downloads.close()
        await self._easel.close()
        with contextlib.suppress(Error):
            await self._context.close()

    async def _picture(self, numbers: Mapping[int, int] | None = None) -> bytes:
        return await screenshot(self._tab, self._vault, self._easel, numbers)

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
            raise SiteUnreachable(self._vault.mask(url), "no answer in time") from error
        except (Refused, ContextLost) as error:
            if isinstance(error, Refused) and error.code == "blocked_origin":
                raise OriginBlocked(self._vault.mask(tab.blocked or url), self._fence.names()) from error
            why = self._vault.mask(str(error)) or "the page went away"
            raise SiteUnreachable(self._vault.mask(url), why) from error
        self._keeper.arrive(tab.page.url)

    async def _look(self, tab: Tab, budget: int | None, before: Look | None) -> Look:
        place = self._tabs.place(tab), len(self._tabs)
        return await look_at(tab, self._vault, self.style, budget, before, place)

    async def _act(self, action: Action, approved: Collection[Gate]) -> ActionResult:
        if action.verb in TASK_ENDS:
            return ActionResult(True, "ok")
        begun = perf_counter()
        self._tabs.drop_closed()
        if self.crashed:
            return refused("crashed", "the browser is gone", since(begun))
        leaving = action.verb == "tab" and action.text == "close"
        if self._tab.dialog is not None and action.verb != "dialog" and not leaving:
            return refused("dialog_open", "answer the dialog first", since(begun))
        try:
            return await self._perform(action, begun, approved)
        except BrowserCrashed:
            return refused("crashed", "the browser is gone", since(begun))

    async def _perform(self, action: Action, begun: float, approved: Collection[Gate]) -> ActionResult:
        tab, address = self._tab, self.url
        tab.begin()
        if self._downloads is not None:
            self._downloads.begin()
        commits = tab.commits
        before, done, failure = await self._attempt(tab, action, approved)
        answers = failure is None or failure[0] != "timeout"
        switched, led, after = await self._aftermath(tab, action, approved, answers)
        stayed = failure is led is None and not switched and not done.moved and tab.commits == commits
        if stayed and still(before, after, action):
            with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
                await tab.settle()  # that nothing changed is said only after twice the quiet
            switched, led, after = await self._aftermath(tab, action, approved, True)
        failure = failure or led
        seen, moved = compare(before, after, action.verb)
        effect = replace(
            seen,
            url_changed=self.url != address,
            dom_changed=seen.dom_changed or tab.commits != commits,
            value_after=done.value,
            dialog=self._vault.mask_dialog(self._tab.describe_dialog()),
            new_tab=switched,
            download=await self._arrived(tab),
            console_errors=tuple(clip(self._vault.mask(error)) for error in tab.errors),
            ms=since(begun),
        )
        moved = moved or done.moved
        failure = failure or failure_of(tab, effect) or idle(action, tab, effect, moved)
        hint = nearest(self._latest.view, action, after) if failure and failure[0] == "stale_ref" else ""
        if tab.flood:
            hint = f"{tab.flood} more windows were closed"
        if failure is not None:
            message = clip(self._vault.mask(failure[1]), MESSAGE_LIMIT)
            return ActionResult(False, failure[0], message, effect, hint=hint)
        return ActionResult(True, "ok", "", effect, done.text, hint)

    async def _attempt(
        self, tab: Tab, action: Action, approved: Collection[Gate]
    ) -> tuple[Seen | None, Done, Failure | None]:
        """Do it: the page just before, what the verb left behind, and why it failed."""
        before = self._latest.seen
        try:
            if action.verb == "tab":
                return before, await self._change_tab(action, approved), None
            if tab.dialog is None and action.verb != "wait":
                before = await self._before(tab, action)
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

    async def _before(self, tab: Tab, action: Action) -> Seen | None:
        """The page just before an action; as looked at, where it changes under one without an element."""
        try:
            return self._vault.mask_seen(await tab.race(tab.observer.peek()))
        except ContextLost:
            if action.target is not None:
                raise
            return self._latest.seen

    async def _change_tab(self, action: Action, approved: Collection[Gate]) -> Done:
        """What `tab` does; the numbers of the latest view are of the tab before, and void."""
        if action.text == "close":
            try:
                await self._tabs.close_current()
            except Error as error:
                raise BrowserCrashed from error
        elif action.text:
            tab = self._tabs.at(int(action.text))
            if (failure := await self._admit(tab.page.url, action, approved)) is not None:
                raise Refused(*failure)
            self._tabs.switch(tab)
        if action.text:
            self._latest = Look(View("", "", "", ()), {}, None)
        return Done(text=self._tabs.listing(self._vault.mask), moved=bool(action.text))

    async def _aftermath(
        self, tab: Tab, action: Action, approved: Collection[Gate], answers: bool
    ) -> tuple[bool, Failure | None, Seen | None]:
        """Whether another tab became the current one, why the session may not be there, and the page, if it
        still answers."""
        switched = await self._follow(tab)
        led = await self._arrive(action, approved)
        return (
            switched and led is None,
            led,
            await peek_at(self._tab, self._vault) if answers or switched else None,
        )

    async def _follow(self, tab: Tab) -> bool:
        """Make a tab that the page opened the current one, leave one that closed, and leave error pages."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(tab.limits.navigation):
                await tab.await_windows()
                await self._tabs.adopt(tab)
        if self._tabs.drop_closed() or self._tab is not tab:
            return True
        if tab.page.url.startswith("chrome-error:"):
            await self._return(tab)
        return False

    async def _admit(self, url: str, action: Action, approved: Collection[Gate]) -> Failure | None:
        """Why the session may not be at `url`: it is not allowed, or new and not approved. None: it may."""
        if not self._fence.allows(url):
            return outside(self._vault.mask(url))
        if self._keeper.is_new(url):
            line = self._vault.mask(action.line())
            try:
                await self._keeper.require((NEW_ORIGIN,), approved, line, self._vault.mask(url))
            except GateClosed as error:
                return "needs_approval", str(error)
        self._keeper.arrive(url)
        return None

    async def _arrive(self, action: Action, approved: Collection[Gate]) -> Failure | None:
        """Stay where the page led only if that is allowed, and approved where it is new; else go back."""
        tab = self._tab
        url = tab.page.url
        if tab.dialog is not None or tab.crashed or url.startswith("chrome-error:"):
            return None  # an error page shows what did not answer
        failure = await self._admit(url, action, approved)
        if failure is not None and len(self._tabs) > 1 and tab.commits <= 1:
            await self._tabs.close_current()
        elif failure is not None:
            await self._return(tab)
        return failure

    async def _return(self, tab: Tab) -> None:
        with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
            await tab.race(tab.page.go_back(wait_until="commit", timeout=1500), 2.0)
            await tab.settle()

    def _verbs(self, tab: Tab, approved: Collection[Gate]) -> Verbs:
        verbs = Verbs(tab, self._latest, self._fence, self._vault, self._keeper, approved)
        verbs.files = self.files
        return verbs

    async def _arrived(self, tab: Tab) -> Download | None:
        """The file that the action led to, kept or refused."""
        if self._downloads is not None:
            return await self._downloads.arrived(tab.limits.download, tab.asks_for_file)
        name = tab.refused_file or ("download" if tab.asks_for_file else None)
        problem = "this task keeps no files"
        return None if name is None else Download(clip(self._vault.mask(name), 100), problem=problem)
