"""`punchlist browse --text`: the view is printed, an action a line is read, what came of it is printed.

On a terminal a line that is no action is asked for again; from a pipe it ends the drive, so that what follows
it is not done on another page than was meant.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ...tools.browser import (
    ActionResult,
    BlockingBrowser,
    BlockingSession,
    MalformedAction,
    View,
    parse_action,
)
from ...tools.browser.session import TASK_ENDS
from ...tools.errors import BrowserCrashed, PageUnreadable, ToolError
from ..reasoning.boxes import visible
from .browse_drive import LANE, unopened
from .browse_told import outcome_of, question_of
from .edge import DONE, USAGE

if TYPE_CHECKING:
    from ...tools.browser.actions import Action
    from ...tools.permissions import Call
    from .browse_drive import Drive

PROMPT = "> "
SIGNAL_SECONDS = 0.25
"""How late Ctrl-C may be seen: one that comes just before a read begins does not end the read."""

YES, NO = ("y", "yes"), ("", "n", "no")


@dataclass(frozen=True)
class _Asked:
    """A call that a person is asked about, and how to answer."""

    call: Call
    answer: Callable[[bool], object]


class _Mail:
    """What comes to the thread that reads and prints: questions of the browser's thread, and results."""

    def __init__(self) -> None:
        self._came: SimpleQueue[_Asked | Future[ActionResult]] = SimpleQueue()

    async def ask(self, call: Call) -> bool:
        """Ask the person; called on the browser's thread."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = loop.create_future()

        def answer(allowed: bool) -> None:
            with suppress(asyncio.InvalidStateError):  # the drive ended meanwhile
                answered.set_result(allowed)

        self._came.put(_Asked(call, lambda allowed: loop.call_soon_threadsafe(answer, allowed)))
        return await answered

    def wait(self, acting: Future[ActionResult], decide: Callable[[Call], bool]) -> ActionResult:
        """The result of an action, with every question on the way to it decided."""
        acting.add_done_callback(self._came.put)
        while isinstance(came := self._came.get(), _Asked):
            came.answer(decide(came.call))
        return came.result()


def drive_in_terminal(drive: Drive) -> int:
    """Drive until `done`, `cannot` or the end of the input; the exit code."""
    mail = _Mail()
    with ThreadPoolExecutor(1) as acting, BlockingBrowser(drive.browser(mail.ask)) as browser:
        return _Terminal(drive, browser, acting, mail).run()


class _Terminal:
    """One drive: what is printed and what is read."""

    def __init__(
        self, drive: Drive, browser: BlockingBrowser, acting: ThreadPoolExecutor, mail: _Mail
    ) -> None:
        self._drive, self._browser, self._acting, self._mail = drive, browser, acting, mail
        self._typed_by_person = sys.stdin.isatty()
        self._kept: str | None = None
        self._session: BlockingSession = self._opened()
        self._printed = ""

    def run(self) -> int:
        """Until the end; the exit code."""
        view = self._look()
        while (line := self._read(PROMPT)) is not None:
            if not line.strip():
                self._printed = ""
            try:
                action = parse_action(line, view, full=self._drive.full) if line.strip() else None
            except MalformedAction as error:
                print(f"punchlist: {error}", file=sys.stderr, flush=True)
                if self._typed_by_person:
                    continue
                return USAGE
            if action is not None and self._act(action):
                return DONE
            view = self._look()
        return DONE

    def _opened(self) -> BlockingSession:
        drive = self._drive
        try:
            session = self._browser.open(LANE, None, drive.url, drive.files, drive.downloads)
        except ToolError as error:
            raise unopened(error, drive) from error
        session.style = drive.style
        return session

    def _look(self) -> View | None:
        """Print the page, if it is another than was printed last; None where it cannot be read."""
        if self._session.crashed:
            _say("The browser ended; the page is opened anew.\n")
            self._session = self._opened()
        try:
            view = self._session.view()
        except (PageUnreadable, BrowserCrashed) as error:
            _say(f"{error.for_model}\n")
            return None
        text = view.text()
        _say(f"{text}\n" if text != self._printed else "(the page reads as before)\n")
        self._printed = text
        return view

    def _act(self, action: Action) -> bool:
        """Do it and print what came of it; whether it ends the drive."""
        if not self._typed_by_person:
            _say(f"{PROMPT}{action.line()}")
        if action.verb in TASK_ENDS:
            return True
        result = self._mail.wait(self._acting.submit(self._session.act, action), self._allows)
        _say(f"{result.code}  ({result.effect.ms:.0f} ms)")
        for word, text in outcome_of(result):
            first, *others = text.splitlines() or [""]
            _say("\n".join([f"  {word:<9} {first}", *(f"  {'':<9} {line}" for line in others)]))
        _say("")
        return False

    def _allows(self, call: Call) -> bool:
        words, action, url = question_of(call)
        _say(f"{words[0].upper()}{words[1:]}: `{action}` at {url}")
        said = self._read("Allow it? [y/N] ")
        if said is None or said.strip().lower() in (*YES, *NO):
            return said is not None and said.strip().lower() in YES
        self._kept = said  # no answer, so it is the next action
        return False

    def _read(self, prompt: str) -> str | None:
        """The next line; None at the end of the input."""
        if (kept := self._kept) is not None:
            self._kept = None
            return kept
        if self._typed_by_person:
            print(prompt, end="", flush=True)
            while not select.select([sys.stdin], [], [], SIGNAL_SECONDS)[0]:
                continue
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None


def _say(text: str) -> None:
    """Print what may come from a page, without what acts on a terminal."""
    print(visible(text).replace("\r", " "), flush=True)
