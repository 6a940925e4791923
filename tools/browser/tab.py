"""One tab: its observer, and everything that can interrupt a call into a page.

A dialog, a crash or a navigation can strike at any moment, and a call into the page then never returns. So
every call is raced against them: `race` ends with the call's value or with a typed interruption. A call that
a dialog holds up is kept and finishes when the dialog is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar, cast

from playwright.async_api import (
    CDPSession,
    ConsoleMessage,
    Error,
    FileChooser,
    Frame,
    Page,
    Request,
    Response,
)
from playwright.async_api import Dialog as PageDialog

from ..errors import BrowserCrashed
from .fence import UNREACHABLE_HEADER, Fence
from .observer import ContextLost, Debugger, Observer
from .view import Dialog

T = TypeVar("T")

QUIET_MS = 50
QUIET_CAP_MS = 1000
ERRORS_KEPT = 5
MOST_TABS = 6
"""Tabs of one session; a window that a page opens beyond that is closed at once."""


@dataclass(frozen=True)
class Limits:
    """Seconds that one call may wait for a page, all above 0.

    Attributes:
        action: For one answer of the page: a look, a click, a key.
        navigation: For a page that was asked for to begin to arrive, and for it to be parsed.
        fetch: For the requests that an action led to.
        change: For a page to change by itself (`wait`).
        text: For a text to appear, and at most for a given time (`wait TEXT`, `wait MS`).
        download: For a file to arrive.
    """

    action: float = 1.5
    navigation: float = 10.0
    fetch: float = 2.0
    change: float = 2.0
    text: float = 10.0
    download: float = 10.0

    def __post_init__(self) -> None:
        wrong = {name: value for name, value in vars(self).items() if not value > 0}
        if wrong:
            raise ValueError(f"limits are seconds above 0, got {wrong!r}")


class DialogOpened(Exception):
    """A JavaScript dialog holds up the call."""


class TooSlow(Exception):
    """A call into the page took longer than it may."""


class Tab:
    """A page with its debugger session and what is known about its navigation, requests and dialog."""

    def __init__(self, page: Page, cdp: CDPSession, fence: Fence) -> None:
        self.page = page
        self.cdp = cast("Debugger", cdp)
        self.observer = Observer(self.cdp, page)
        self.limits = Limits()
        self.dialog: PageDialog | None = None
        self.popups: list[Page] = []
        self.flood = 0
        self.chooser: asyncio.Future[FileChooser] | None = None
        self.asks_for_file = False
        self.refused_file: str | None = None
        self.errors: deque[str] = deque(maxlen=ERRORS_KEPT)
        self.crashed = False
        self.commits = 0
        self.blocked: str | None = None
        self.unreachable: str | None = None
        self._fence = fence
        self._refusals = fence.refusals
        self._interrupted = asyncio.Event()
        self._answered = asyncio.Event()
        self._held: set[asyncio.Task[Any]] = set()
        self._windows = self._popups_came = 0
        self._popup_came = asyncio.Event()
        self._navigation: Request | None = None
        self._fetches: set[Request] = set()
        page.on("dialog", self._on_dialog)
        page.on("crash", self._on_end)
        page.on("close", self._on_end)
        page.on("popup", self._on_popup)
        page.on("request", self._on_request)
        page.on("response", self._on_response)
        page.on("requestfinished", self._on_finished)
        page.on("requestfailed", self._on_failed)
        page.on("framenavigated", self._on_navigated)
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)
        page.on("download", lambda download: self._on_download(download.suggested_filename))
        cdp.on("Page.windowOpen", self._on_window)

    @classmethod
    async def attach(cls, page: Page, fence: Fence, limits: Limits | None = None) -> Tab:
        """Start to observe `page`."""
        cdp = await page.context.new_cdp_session(page)
        tab = cls(page, cdp, fence)
        tab.limits = limits or tab.limits
        with contextlib.suppress(DialogOpened, TooSlow, ContextLost):
            await tab.race(tab.cdp.send("Page.enable"))
        return tab

    def describe_dialog(self) -> Dialog | None:
        """The open dialog as a view shows it."""
        return None if self.dialog is None else Dialog(self.dialog.type, self.dialog.message)

    @property
    def refused(self) -> str | None:
        """The origin that the fence refused last since the action began."""
        return str(self._fence.blocked[-1].origin) if self._fence.refusals > self._refusals else None

    def begin(self) -> None:
        """Forget what earlier actions led to; called before each action."""
        self.blocked = self.unreachable = self.refused_file = None
        self.flood = 0
        self.asks_for_file = False
        self._windows = self._popups_came = 0
        self.errors.clear()
        self._fetches.clear()
        self._refusals = self._fence.refusals

    async def race(self, call: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """The value of `call`, unless something else happens first.

        Args:
            call: A call into the page.
            timeout: Seconds it may take; the limit of an action when None.

        Raises:
            DialogOpened: A dialog opened; the call goes on once it is answered.
            TooSlow: `timeout` seconds passed.
            BrowserCrashed: The page's process or the browser is gone.
            ContextLost: The document that the call was about is gone.
        """
        if self.crashed or self.dialog is not None:
            call.close()
            raise BrowserCrashed if self.crashed else DialogOpened
        task = asyncio.ensure_future(call)
        alarm = asyncio.ensure_future(self._interrupted.wait())
        seconds = self.limits.action if timeout is None else timeout
        try:
            await asyncio.wait({task, alarm}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            alarm.cancel()
        if task.done():
            return self._value(task)
        if self.dialog is not None:
            self._hold(task)
            raise DialogOpened
        self._drop(task)
        if self.crashed:
            raise BrowserCrashed
        raise TooSlow

    async def answer(self, accept: bool, text: str | None = None) -> None:
        """Answer the open dialog and let the calls that it held up finish.

        Args:
            accept: Or dismiss it.
            text: What a prompt is answered with; what it offers when None.
        """
        dialog, self.dialog = self.dialog, None
        if dialog is None:
            return
        self._interrupted.clear()
        said = (dialog.default_value or None) if text is None else text
        with contextlib.suppress(Error):
            await (dialog.accept(said) if accept else dialog.dismiss())
        held = {task for task in self._held if not task.done()}
        if held:
            alarm = asyncio.ensure_future(self._interrupted.wait())
            finished = asyncio.gather(*held, return_exceptions=True)
            await asyncio.wait(
                {finished, alarm}, timeout=self.limits.action, return_when=asyncio.FIRST_COMPLETED
            )
            alarm.cancel()

    async def settle(self) -> None:
        """Wait until the page is quiet: a navigation that began commits, then 50 ms without a change (1 s at
        most), then requests in flight (2 s at most).

        Raises:
            DialogOpened, BrowserCrashed: As `race`.
            TooSlow: A navigation did not commit in time; it was stopped.
        """
        begun = perf_counter()
        for _ in range(6):
            if perf_counter() - begun > self.limits.navigation:
                return
            try:
                await self._quiet()
            except ContextLost:
                await self._loaded()
                continue
            if self._navigation is not None:
                await self._committed()
            elif not self._fetches or perf_counter() - begun > self.limits.fetch:
                return
            else:
                self._answered.clear()
                with contextlib.suppress(TooSlow):
                    await self.race(self._answered.wait(), self.limits.fetch)

    async def await_windows(self) -> None:
        """Wait until the windows that the page asked for since `begin` are there, or the limit passed."""
        deadline = perf_counter() + self.limits.action
        while self._popups_came < self._windows and (left := deadline - perf_counter()) > 0:
            self._popup_came.clear()
            with contextlib.suppress(TooSlow, DialogOpened, BrowserCrashed):
                await self.race(self._popup_came.wait(), left)
                continue
            return

    def turn_away(self, page: Page) -> None:
        """Have a window that this page opened closed, without waiting for that."""
        self.flood += 1
        self._hold(asyncio.ensure_future(page.close()))

    async def stop(self) -> None:
        """Give up the navigation in flight; the page is the one before."""
        self._navigation = None
        with contextlib.suppress(Error, ContextLost, TooSlow):
            await self.race(self.cdp.send("Page.stopLoading"))

    def let_go(self) -> None:
        """Give up every call that is still held up."""
        for task in list(self._held):
            self._drop(task)

    async def _quiet(self) -> None:
        call = self.observer.ask("settle", {"quiet": QUIET_MS, "cap": QUIET_CAP_MS})
        try:
            await self.race(call, QUIET_CAP_MS / 1000 + self.limits.action)
        except TooSlow:
            return

    async def _committed(self) -> None:
        """Wait for the navigation in flight; it may end in a new document, in none, or in an error."""
        deadline = perf_counter() + self.limits.navigation
        while self._navigation is not None:
            if perf_counter() > deadline:
                await self.stop()
                raise TooSlow
            await self.race(asyncio.sleep(0.01))
        await self._loaded()

    async def _loaded(self) -> None:
        """Wait until the new document is parsed, then look once so that its changes are watched."""
        with contextlib.suppress(TooSlow):
            await self.race(self.page.wait_for_load_state("domcontentloaded"), self.limits.navigation)
        with contextlib.suppress(ContextLost, TooSlow):
            await self.race(self.observer.peek())

    def _value(self, task: asyncio.Task[T]) -> T:
        try:
            return task.result()
        except Error as error:
            message = error.message.lower()
            if self.crashed or "crash" in message or "has been closed" in message or self.page.is_closed():
                self.crashed = True
                raise BrowserCrashed from error
            if "Timeout" in error.message:
                raise TooSlow from error
            raise ContextLost from error

    def _hold(self, task: asyncio.Task[Any]) -> None:
        self._held.add(task)
        task.add_done_callback(self._release)

    def _release(self, task: asyncio.Task[Any]) -> None:
        self._held.discard(task)
        if not task.cancelled():
            task.exception()

    def _drop(self, task: asyncio.Task[Any]) -> None:
        task.add_done_callback(self._release)
        task.cancel()

    def _on_dialog(self, dialog: PageDialog) -> None:
        self.dialog = dialog
        self._interrupted.set()

    def _on_end(self, _page: Page) -> None:
        self.crashed = True
        self._interrupted.set()

    def _on_popup(self, page: Page) -> None:
        self._popups_came += 1
        self._popup_came.set()
        if sum(not popup.is_closed() for popup in self.popups) < MOST_TABS:
            self.popups.append(page)
            return
        self.turn_away(page)

    def _on_window(self, _event: dict[str, Any]) -> None:
        self._windows += 1

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_page_error(self, error: Error) -> None:
        self.errors.append(error.message)

    def _on_download(self, name: str) -> None:
        self.refused_file = name

    def _on_request(self, request: Request) -> None:
        if request.resource_type in ("fetch", "xhr"):
            self._fetches.add(request)
        if not self._is_main(request):
            return
        self._navigation = request
        if not self._fence.allows(request.url):
            self.blocked = request.url

    async def _on_response(self, response: Response) -> None:
        if not self._is_main(response.request):
            return
        if UNREACHABLE_HEADER in response.headers:
            self.unreachable = f"{response.url} does not answer"
        if response.status == 204:
            self._navigation = None

    def _on_finished(self, request: Request) -> None:
        self._fetches.discard(request)
        self._answered.set()

    def _on_failed(self, request: Request) -> None:
        self._on_finished(request)
        if request is self._navigation:
            self._navigation = None
            if self.blocked is None and request.failure not in (None, "net::ERR_ABORTED"):
                self.unreachable = f"{request.url} does not answer ({request.failure})"

    def _on_navigated(self, frame: Frame) -> None:
        if frame.parent_frame is None:
            self.commits += 1
            self._navigation = None

    def _is_main(self, request: Request) -> bool:
        try:
            return request.is_navigation_request() and request.frame == self.page.main_frame
        except Error:  # a request of a frame that is gone
            return False
