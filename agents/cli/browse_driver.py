"""A page that is driven by hand: one session, its latest view and picture, and what was done so far."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from ...tools.browser import ActionResult, BrowserSession, MalformedAction, View, action_grammar, parse_action
from ...tools.browser.boxes import Box
from ...tools.browser.browser import VIEWPORT
from ...tools.errors import BrowserCrashed, PageUnreadable, ToolError
from ...tools.permissions import Call
from ..reasoning.boxes import visible
from .browse_drive import LANE, Drive, unopened
from .browse_told import beginnings, first_of, outcome_of, pieces_of, question_of

STEPS_KEPT = 200

CLOSING_SECONDS = 15.0
"""Within which the browser is closed."""


class Misread(ValueError):
    """An order that is none, or about something that is over."""


class Busy(RuntimeError):
    """An order came while another one is carried out."""


@dataclass(frozen=True)
class _Step:
    """An action that was done, and what came of it."""

    number: int
    line: str
    result: ActionResult


@dataclass(frozen=True)
class _Question:
    """A call that a person is asked about."""

    number: int
    call: Call
    answer: asyncio.Future[bool]


@dataclass
class _Shown:
    """What there is to see.

    Attributes:
        number: Goes up with each look; orders name the look that they are about.
        trouble: Why there is no view; empty where there is one.
        unseen: Why there is no picture.
    """

    number: int = 0
    view: View = field(default_factory=lambda: View("", "", "", ()))
    picture: bytes | None = None
    boxes: dict[int, Box] = field(default_factory=dict[int, Box])
    trouble: str = ""
    unseen: str = ""


class Driver:
    """Drives `drive` for whoever calls, one order at a time. A context manager; it closes the browser.

    An order returns when it was carried out, or when a gate asks a person on the way: then `question` of the
    state says what, and `answer` goes on.
    """

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._browser = drive.browser(self._ask)
        self._session: BrowserSession | None = None
        self._shown = _Shown()
        self._steps: deque[_Step] = deque(maxlen=STEPS_KEPT)
        self._done = self._questions = 0
        self._question: _Question | None = None
        self._asked = asyncio.Event()
        self._doing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._doing is not None:
            self._doing.cancel()
            await asyncio.gather(self._doing, return_exceptions=True)
        with suppress(TimeoutError):  # a browser that does not end by then is killed
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._browser.close()

    @property
    def picture(self) -> bytes | None:
        """The window at the latest look as PNG."""
        return self._shown.picture

    async def begin(self) -> None:
        """Open the first address and look.

        Raises:
            BrowserMissing, OriginBlocked, SiteUnreachable, BrowserCrashed: As `Browser.open`.
        """
        drive = self._drive
        self._session = None
        session = await self._browser.open(LANE, None, drive.url, drive.files, drive.downloads)
        session.style = drive.style
        self._session = session
        await self._look()

    async def act(self, line: str, view: int) -> None:
        """Do an action of the look with this number.

        Raises:
            Misread: It is no action, or of an earlier look.
            Busy: Another order is carried out, or a question waits.
        """
        session = self._idle()
        if view != self._shown.number:
            raise Misread("The page was looked at again since; its numbers may be others. Choose once more.")
        try:
            action = parse_action(line, self._shown.view, full=self._drive.full)
        except MalformedAction as error:
            raise Misread(f"{line.strip()[:80]!r} is no action of this view: {error.why}.") from error

        async def do() -> None:
            result = await session.act(action)
            self._done += 1
            self._steps.append(_Step(self._done, action.line(), result))
            await self._look()

        await self._carry_out(do())

    async def look(self) -> None:
        """Read the page again.

        Raises:
            Busy: As `act`.
        """
        self._idle()
        await self._carry_out(self._look())

    async def anew(self) -> None:
        """Open the first address again, in a new session.

        Raises:
            Misread: It cannot be opened.
            Busy: As `act`.
        """
        self._check_free()

        async def again() -> None:
            try:
                await self.begin()
            except ToolError as error:
                self._shown = _Shown(self._shown.number + 1, trouble=str(unopened(error, self._drive)))

        await self._carry_out(again())

    async def answer(self, question: int, allow: bool) -> None:
        """Answer what a gate asks, and go on.

        Raises:
            Misread: Nothing of this number is asked.
        """
        asked = self._question
        if asked is None or asked.number != question or asked.answer.done():
            raise Misread("This is not asked any longer.")
        self._question = None
        self._asked.clear()
        asked.answer.set_result(allow)
        await self._proceed()

    def state(self) -> dict[str, Any]:
        """Everything that a page shows, as JSON."""
        shown, drive = self._shown, self._drive
        view, session = shown.view, self._session
        tabs = session.tabs if session is not None else 1
        uploads = drive.uploads
        can = beginnings(view, full=drive.full, files=uploads, tabs=tabs) if not shown.trouble else []
        lines = pieces_of(view) if not shown.trouble else []
        things = {
            number: {"first": first_of(element, drive.full), "role": element.role, "off": element.disabled}
            for number, element in view.elements.items()
        }
        return {
            "view": shown.number,
            "url": visible(view.url),
            "title": visible(view.title),
            "lines": [[[number, visible(text)] for number, text in line] for line in lines],
            "characters": 0 if shown.trouble else len(view.text()),
            "things": things,
            "boxes": shown.boxes,
            "window": VIEWPORT,
            "picture": shown.picture is not None,
            "trouble": visible(shown.trouble),
            "unseen": visible(shown.unseen),
            "alive": session is not None and not session.crashed,
            "dialog": view.dialog is not None,
            "can": [visible(line) for line in can],
            "grammar": visible(action_grammar(view, full=drive.full, files=uploads, tabs=tabs)),
            "tabs": tabs,
            "steps": [_told(step) for step in self._steps],
            "question": self._asking(),
            "busy": self._doing is not None and not self._doing.done(),
            "blocked": sorted({str(each.origin) for each in self._browser.blocked}),
        }

    def _asking(self) -> dict[str, Any] | None:
        if self._question is None:
            return None
        words, action, url = question_of(self._question.call)
        return {
            "number": self._question.number,
            "words": visible(words),
            "action": visible(action),
            "url": visible(url),
        }

    async def _ask(self, call: Call) -> bool:
        self._questions += 1
        asked = _Question(self._questions, call, asyncio.get_running_loop().create_future())
        self._question = asked
        self._asked.set()
        return await asked.answer

    def _check_free(self) -> None:
        if self._question is not None:
            raise Busy("Answer first what is asked.")
        if self._doing is not None and not self._doing.done():
            raise Busy("The order before is still being carried out.")

    def _idle(self) -> BrowserSession:
        self._check_free()
        if self._session is None:
            raise Busy("No page is open. Open it anew.")
        return self._session

    async def _carry_out(self, order: Coroutine[Any, Any, None]) -> None:
        self._doing = asyncio.create_task(order)
        await self._proceed()

    async def _proceed(self) -> None:
        """Until the order was carried out or a person is asked."""
        doing = self._doing
        if doing is None:
            return
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if doing.done():
            doing.result()

    async def _look(self) -> None:
        session = self._session
        if session is None:
            return
        shown = _Shown(self._shown.number + 1)
        try:
            shown.view = await session.view()
            shown.picture = await session.screenshot()
            shown.boxes = await session.boxes()
        except (PageUnreadable, BrowserCrashed) as error:
            shown.unseen = error.for_model
            shown.trouble = "" if shown.view.url else error.for_model
        self._shown = shown


def _told(step: _Step) -> dict[str, Any]:
    result = step.result
    rows = [[word, visible(text)] for word, text in outcome_of(result)]
    return {
        "number": step.number,
        "line": visible(step.line),
        "ok": result.ok,
        "code": result.code,
        "ms": round(result.effect.ms),
        "rows": rows,
    }
