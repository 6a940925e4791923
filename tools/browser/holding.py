"""Holds a page's scripts for a moment, by a pause of the debugger, while it is looked at or drawn.

Nothing that a page waits for is lost: timers and answers come when it goes on. It is let go when the debugger
sessions that hold it are detached, which the browser itself does where this process ends before.

Does not cover: what the browser moves without scripts: animations of style sheets, smooth scrolling, films.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

from playwright.async_api import CDPSession, Error, Frame, Page

from .document import Debugger


@dataclass(frozen=True)
class Process:
    """A process that draws a part of a page, with a debugger session of its own.

    Attributes:
        frame: The topmost frame that it draws.
        id: The browser's id of that frame.
    """

    cdp: Debugger
    frame: Frame
    id: str


@contextlib.asynccontextmanager
async def attached(page: Page) -> AsyncGenerator[tuple[Process, ...]]:
    """The processes that draw `page`, the one of its main frame first.

    Raises:
        playwright.async_api.Error: The page went away.
    """
    async with contextlib.AsyncExitStack() as ends:

        async def attach(frame: Frame) -> Process | None:
            try:
                session = await page.context.new_cdp_session(page if frame == page.main_frame else frame)
            except Error:
                if frame == page.main_frame:
                    raise
                return None  # drawn by the process of the frame around it, or gone
            ends.push_async_callback(_detach, session)
            cdp = cast("Debugger", session)
            return Process(cdp, frame, str((await cdp.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]))

        frames = [page.main_frame, *(frame for frame in page.frames if frame != page.main_frame)]
        found = [await attach(frame) for frame in frames]
        yield tuple(each for each in found if each is not None)


async def hold(process: Process) -> None:
    """Hold a process until its session is detached.

    Raises:
        playwright.async_api.Error: It went away.
    """
    paused = asyncio.Event()

    def note(_event: dict[str, Any]) -> None:
        paused.set()

    process.cdp.on("Debugger.paused", note)
    await process.cdp.send("Debugger.enable")
    # A script of its own, so that the page is never held in the middle of a frame that it draws.
    begun = asyncio.ensure_future(process.cdp.send("Runtime.evaluate", {"expression": "debugger"}))
    begun.add_done_callback(_let_end)
    await paused.wait()


def _let_end(begun: asyncio.Future[dict[str, Any]]) -> None:
    if not begun.cancelled():
        begun.exception()


async def _detach(session: CDPSession) -> None:
    with contextlib.suppress(Error):
        await session.detach()
