"""One tab: its observer, and everything that can interrupt a call into a page.

A dialog, a crash or a navigation can strike at any moment, and a call into the page then never returns. So
every call is raced against them: `race` ends with the call's value or with a typed interruption. A call that
a dialog holds up is kept and finishes when the dialog is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from time import perf_counter
from typing import Any, TypeVar, cast

from playwright.async_api import CDPSession, Error, Frame, Page, Request, Response
from playwright.async_api import Dialog as PageDialog

from ..errors import BrowserCrashed
from .fence import UNREACHABLE_HEADER, Fence
from .observer import ContextLost, Debugger, Observer
from .view import Dialog

T = TypeVar("T")

QUIET_MS = 80
QUIET_CAP_MS = 1000
FETCH_CAP = 2.0
ACTION_TIMEOUT = 1.5
NAVIGATION_TIMEOUT = 10.0


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
        self.dialog: PageDialog | None = None
        self.popup: Page | None = None
        self.crashed = False
        self.commits = 0
        self.blocked: str | None = None
        self.unreachable: str | None = None
        self._fence = fence
        self._refusals = fence.refusals
        self._interrupted = asyncio.Event()
        self._answered = asyncio.Event()
        self._held: set[asyncio.Task[Any]] = set()
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

    @classmethod
    async def attach(cls, page: Page, fence: Fence) -> Tab:
        """Start to observe `page`."""
        return cls(page, await page.context.new_cdp_session(page), fence)

    def describe_dialog(self) -> Dialog | None:
        """The open dialog as a view shows it."""
        return None if self.dialog is None else Dialog(self.dialog.type, self.dialog.message)

    @property
    def refused(self) -> str | None:
        """The origin that the fence refused last since the action began."""
        return str(self._fence.blocked[-1].origin) if self._fence.refusals > self._refusals else None

    def begin(self) -> None:
        """Forget what earlier actions led to; called before each action."""
        self.blocked = self.unreachable = self.popup = None
        self._fetches.clear()
        self._refusals = self._fence.refusals

    async def race(self, call: Coroutine[Any, Any, T], timeout: float = ACTION_TIMEOUT) -> T:
        """The value of `call`, unless something else happens first.

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
        try:
            await asyncio.wait({task, alarm}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
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

    async def answer(self, accept: bool) -> None:
        """Answer the open dialog and let the calls that it held up finish."""
        dialog, self.dialog = self.dialog, None
        if dialog is None:
            return
        self._interrupted.clear()
        with contextlib.suppress(Error):
            await (dialog.accept(dialog.default_value or None) if accept else dialog.dismiss())
        held = {task for task in self._held if not task.done()}
        if held:
            alarm = asyncio.ensure_future(self._interrupted.wait())
            await asyncio.wait({asyncio.gather(*held, return_exceptions=True), alarm}, timeout=ACTION_TIMEOUT,
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            alarm.cancel()

    async def settle(self) -> None:
        """Wait until the page is quiet: a navigation that began commits, then 80 ms without a change (1 s at
        most), then requests in flight (2 s at most).

        Raises:
            DialogOpened, BrowserCrashed: As `race`.
            TooSlow: A navigation did not commit in time; it was stopped.
        """
        begun = perf_counter()
        for _ in range(6):
            try:
                await self._quiet()
            except ContextLost:
                await self._loaded()
                continue
            if self._navigation is not None:
                await self._committed()
            elif not self._fetches or perf_counter() - begun > FETCH_CAP:
                return
            else:
                self._answered.clear()
                with contextlib.suppress(TooSlow):
                    await self.race(self._answered.wait(), FETCH_CAP)

    def let_go(self) -> None:
        """Give up every call that is still held up."""
        for task in list(self._held):
            self._drop(task)

    async def _quiet(self) -> None:
        call = self.observer.ask("settle", {"quiet": QUIET_MS, "cap": QUIET_CAP_MS})
        try:
            await self.race(call, QUIET_CAP_MS / 1000 + ACTION_TIMEOUT)
        except TooSlow:
            return

    async def _committed(self) -> None:
        """Wait for the navigation in flight; it may end in a new document, in none, or in an error."""
        deadline = perf_counter() + NAVIGATION_TIMEOUT
        while self._navigation is not None:
            if perf_counter() > deadline:
                self._navigation = None
                with contextlib.suppress(Error, ContextLost, TooSlow):
                    await self.race(self.cdp.send("Page.stopLoading"))
                raise TooSlow
            await self.race(asyncio.sleep(0.01))
        await self._loaded()

    async def _loaded(self) -> None:
        """Wait until the new document is parsed, then look once so that its changes are watched."""
        with contextlib.suppress(TooSlow):
            await self.race(self.page.wait_for_load_state("domcontentloaded"), NAVIGATION_TIMEOUT)
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
        self.popup = page

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
