"""Who takes turns in `bench browser`: our browser, Playwright's snapshot with `get_by_ref`, and others.

A party goes to an address, looks, and acts on what it sees by kind, name and place (`Move`). Ours is led by a
scripted policy that reads our views, and what it did is the list of moves that the others do after it: each
finds the thing in what it shows itself, by its name where it shows one, else by its place among the things of
that kind. So all take the same steps on the same page, and a step is a look and an action for everyone. The
others need not decide anything, which is to their advantage.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from playwright.async_api import Browser as Chromium
from playwright.async_api import Error, Page, Playwright, async_playwright

from ...tools.browser import Action, Browser, BrowserSession, Element, View
from ...tools.permissions import preset
from .miniwob.moves import FIELDS, things
from .peers import Peer, PeerBroke
from .processes import descendants, leftovers

KINDS = {**dict.fromkeys(FIELDS, "field"), "checkbox": "checkbox", "radio": "radio", "button": "button"}
"""Kinds of our roles; all others are "other"."""

ARIA_KINDS = {
    "textbox": "field", "searchbox": "field", "spinbutton": "field", "checkbox": "checkbox", "radio": "radio",
    "button": "button",
}  # fmt: skip
REF_LINE = re.compile(r"""^\s*- '?(\w+)(?: "((?:[^"\\]|\\.)*)")?[^\n]*?\[ref=(\w+)\]""", re.MULTILINE)
PATIENCE_MS = 3000
"""How long Playwright may wait until a thing can be clicked; its own 30 s would be no comparison."""

PATIENCE = 2.0
"""Seconds that a framework's browser may take to end once it was closed."""

LANE = "bench"


class NotThere(Exception):
    """A party does not show the thing of a move, or cannot act on it."""


@dataclass(frozen=True)
class Looked:
    """What a look took, in milliseconds, and how many characters it showed."""

    ms: float
    chars: int


@dataclass(frozen=True)
class Move:
    """One action, told so that every party can do it.

    Attributes:
        kind: field, checkbox, radio, button or other.
        name: As our view names it.
        place: From 0, among the things of that kind.
        text: What is typed; None for a click.
    """

    kind: str
    name: str
    place: int
    text: str | None = None


def kind_of(item: Element) -> str:
    """The kind of a thing of ours."""
    return KINDS.get(item.role, "other")


def move_of(action: Action, view: View) -> Move | None:
    """An action of ours as a move; None where it is neither a click nor typing."""
    item = view.elements.get(action.target or 0)
    if item is None or action.verb not in ("click", "type"):
        return None
    kind = kind_of(item)
    same = [other.number for other in things(view) if kind_of(other) == kind]
    return Move(kind, item.name, same.index(item.number), action.text if action.verb == "type" else None)


class Party(Protocol):
    """One of those who take turns."""

    name: str

    async def start(self, url: str) -> float:
        """Begin anew with nothing running: milliseconds to the first look at a page.

        Raises:
            PeerBroke: It does not start.
        """
        ...

    async def go(self, url: str) -> None:
        """To an address; where only what is behind `#` differs, in place."""
        ...

    async def look(self) -> Looked:
        """What a model would read."""
        ...

    async def close(self) -> None:
        """End everything."""
        ...


class Ours:
    """Our browser, with its fence on."""

    name = ""

    def __init__(self, executable: Path, origins: list[str]) -> None:
        self._executable, self._origins = executable, origins
        self._browser: Browser | None = None
        self._session: BrowserSession | None = None
        self.view = View("", "", "", ())

    @property
    def session(self) -> BrowserSession:
        """The session at the page.

        Raises:
            RuntimeError: It was not started.
        """
        if self._session is None:
            raise RuntimeError("start it first")
        return self._session

    async def start(self, url: str) -> float:
        """See `Party`."""
        await self.close()
        began = perf_counter()
        self._browser = Browser(self._origins, executable=self._executable, policy=preset("unattended"))
        self._session = await self._browser.open(LANE, url=url)
        await self.look()
        return since(began)

    async def go(self, url: str) -> None:
        """See `Party`."""
        await self.session.load(url)

    async def look(self) -> Looked:
        """See `Party`."""
        began = perf_counter()
        self.view = await self.session.view()
        chars = len(self.view.text())
        return Looked(since(began), chars)

    async def close(self) -> None:
        """See `Party`."""
        browser, self._browser, self._session = self._browser, None, None
        if browser is not None:
            await browser.close()


class Snapshots:
    """Playwright's `aria_snapshot(mode="ai")` and `get_by_ref`, without a fence."""

    name = "playwright"

    def __init__(self, executable: Path) -> None:
        self._executable = executable
        self._driver: Playwright | None = None
        self._chromium: Chromium | None = None
        self._page: Page | None = None
        self._text = ""

    @property
    def page(self) -> Page:
        """The page.

        Raises:
            RuntimeError: It was not started.
        """
        if self._page is None:
            raise RuntimeError("start it first")
        return self._page

    async def start(self, url: str) -> float:
        """See `Party`."""
        await self.close()
        began = perf_counter()
        self._driver = await async_playwright().start()
        self._chromium = await self._driver.chromium.launch(
            executable_path=self._executable, args=["--disable-dev-shm-usage"]
        )
        context = await self._chromium.new_context(viewport={"width": 1280, "height": 720})
        self._page = await context.new_page()
        await self.go(url)
        await self.look()
        return since(began)

    async def go(self, url: str) -> None:
        """See `Party`."""
        await self.page.goto(url)

    async def look(self) -> Looked:
        """See `Party`."""
        began = perf_counter()
        self._text = await self.page.aria_snapshot(mode="ai")
        return Looked(since(began), len(self._text))

    async def act(self, move: Move) -> float:
        """Act on what the latest look showed: milliseconds.

        Raises:
            NotThere: It does not show the thing, or it cannot be acted on.
        """
        ref = find_ref(self._text, move)
        if ref is None:
            raise NotThere(f"{move.kind} {move.name!r}")
        thing = self.page.get_by_ref(ref)
        began = perf_counter()
        try:
            if move.text is None:
                await thing.click(timeout=PATIENCE_MS)
            else:
                await thing.fill(move.text, timeout=PATIENCE_MS)
        except Error as error:
            raise NotThere(error.message.split("\n")[0]) from error
        return since(began)

    async def close(self) -> None:
        """See `Party`."""
        chromium, driver = self._chromium, self._driver
        self._chromium = self._driver = self._page = None
        if chromium is not None:
            await chromium.close()
        if driver is not None:
            await driver.stop()


def find_ref(snapshot: str, move: Move) -> str | None:
    """The ref of a move's thing in a snapshot; None where it has none."""
    found = [
        (ref, json.loads(f'"{name}"'))
        for role, name, ref in REF_LINE.findall(snapshot)
        if ARIA_KINDS.get(role, "other") == move.kind
    ]
    named = [ref for ref, name in found if move.name and name == move.name]
    same = [ref for ref, _ in found]
    return next(iter(named or same[move.place : move.place + 1]), None)


class Elsewhere:
    """Another framework's script in its own environment (`peers/browsing_<name>.py`)."""

    def __init__(self, peer: Peer, executable: Path) -> None:
        self.name = peer.name
        self._peer, self._executable = peer, executable

    async def start(self, url: str) -> float:
        """See `Party`."""
        return float((await self._ask(do="start", executable=str(self._executable), url=url))["ms"])

    async def go(self, url: str) -> None:
        """See `Party`."""
        await self._ask(do="go", url=url)

    async def run(self, script: str) -> None:
        """Evaluate a script in the page."""
        await self._ask(do="run", script=script)

    async def look(self) -> Looked:
        """See `Party`."""
        answer = await self._ask(do="look")
        return Looked(float(answer["ms"]), int(answer["chars"]))

    async def act(self, move: Move) -> float:
        """See `Snapshots.act`."""
        answer = await self._ask(do="act", kind=move.kind, name=move.name, place=move.place, text=move.text)
        if "missing" in answer:
            raise NotThere(str(answer["missing"]))
        return float(answer["ms"])

    async def close(self) -> None:
        """See `Party`. What the framework leaves running is killed.

        Raises:
            PeerBroke: The script gives no answer.
        """
        below = descendants(self._peer.process.pid)
        try:
            await self._ask(do="close")
        finally:
            await leftovers(below, PATIENCE)

    async def _ask(self, **request: Any) -> dict[str, Any]:
        answer = await asyncio.to_thread(self._peer.ask, **request)
        if "broke" in answer:
            raise PeerBroke(self.name, str(answer["broke"]))
        return answer


def since(began: float) -> float:
    """Milliseconds since a reading of the clock."""
    return (perf_counter() - began) * 1000
