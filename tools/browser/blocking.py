"""The browser for programs without async: the same names, on a thread and an event loop of its own.

Usable from several threads, and from inside a running event loop (a notebook), which it then holds up. Calls
of one session go one after the other; those of different sessions at once. There is no second implementation:
every method is the async one, run over there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from .browser import Browser
from .fence import Blocked
from .session import BrowserSession
from .tab import Limits
from .trace import Trace
from .trace_recorder import Recorder
from .trace_replay import Replayed, replay
from .view import ViewStyle

P = ParamSpec("P")
R = TypeVar("R")


class BrowserClosed(RuntimeError):
    """A call on a `BlockingBrowser` that is not open."""

    def __init__(self) -> None:
        super().__init__(
            "This browser is closed. Open one with `with BlockingBrowser(Browser(...)) as browser:`."
        )


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="punchlist-browser", daemon=True)
        self._thread.start()

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        """What `call` returns or raises. Ctrl-C while waiting cancels it."""
        if self._loop.is_closed():
            call.close()
            raise BrowserClosed
        if threading.current_thread() is self._thread:
            call.close()
            raise RuntimeError(
                "a blocking call was made on the browser's own thread, where it would never end"
            )
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise
        except concurrent.futures.CancelledError:
            raise BrowserClosed from None

    def close(self) -> None:
        """Cancel what still runs, and end the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def blocking(self, method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
        """`method`, run on this loop and waited for."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return self.run(method(*args, **kwargs))

        call.__name__, call.__doc__ = method.__name__, method.__doc__
        return call


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class BlockingSession:
    """A `BrowserSession` whose methods wait for their result. Made by `BlockingBrowser.open`."""

    def __init__(self, session: BrowserSession, loop: _Loop) -> None:
        self.session = session
        made = loop.blocking
        self.view, self.act, self.gates = made(session.view), made(session.act), made(session.gates)
        self.click, self.type, self.keys = made(session.click), made(session.type), made(session.keys)
        self.select, self.press, self.hover = made(session.select), made(session.press), made(session.hover)
        self.scroll, self.drag, self.upload = made(session.scroll), made(session.drag), made(session.upload)
        self.back, self.goto, self.find = made(session.back), made(session.goto), made(session.find)
        self.read, self.wait, self.tab = made(session.read), made(session.wait), made(session.tab)
        self.dialog, self.load = made(session.dialog), made(session.load)
        self.new_tab_view, self.screenshot = made(session.new_tab_view), made(session.screenshot)
        self.keep_downloads, self.boxes = made(session.keep_downloads), made(session.boxes)
        self.record = made(session.record)
        self.storage_state, self.close = made(session.storage_state), made(session.close)

        self._replay = made(replay)

    def replay(
        self, trace: Trace, values: Mapping[str, str] | None = None, *, from_here: bool = False
    ) -> Replayed:
        """Do a trace again in this session; see `trace_replay.replay`."""
        return self._replay(trace, self.session, values, from_here=from_here)

    @property
    def recording(self) -> Recorder | None:
        """See `BrowserSession.recording`."""
        return self.session.recording

    @property
    def url(self) -> str:
        """The current tab's address."""
        return self.session.url

    @property
    def tabs(self) -> int:
        """How many tabs are open."""
        return self.session.tabs

    @property
    def files(self) -> Path | None:
        """See `BrowserSession.files`."""
        return self.session.files

    @files.setter
    def files(self, folder: Path | None) -> None:
        self.session.files = folder

    @property
    def limits(self) -> Limits:
        """See `BrowserSession.limits`."""
        return self.session.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.session.limits = limits

    @property
    def style(self) -> ViewStyle:
        """See `BrowserSession.style`."""
        return self.session.style

    @style.setter
    def style(self, style: ViewStyle) -> None:
        self.session.style = style

    @property
    def crashed(self) -> bool:
        """See `BrowserSession.crashed`."""
        return self.session.crashed


class BlockingBrowser:
    """A `Browser` for programs without async. A context manager; it ends the browser and its thread.

    Args:
        browser: One that was not opened yet. From now on it belongs to this object.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._loop = _Loop()

    def open(
        self,
        lane: str,
        storage_state: Mapping[str, Any] | None = None,
        url: str | None = None,
        files: Path | None = None,
        downloads: Path | None = None,
    ) -> BlockingSession:
        """See `Browser.open`.

        Raises:
            BrowserClosed: After `close`.
        """
        opening = self.browser.open(lane, storage_state, url, files, downloads)
        return BlockingSession(self._loop.run(opening), self._loop)

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """See `Browser.blocked`."""
        return self.browser.blocked

    def close(self) -> None:
        """Close every session, the browser and the thread. May be called more than once."""
        try:
            self._loop.run(self.browser.close())
        except BrowserClosed:
            return
        finally:
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
