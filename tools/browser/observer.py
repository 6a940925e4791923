"""Reads a page through the observer in JavaScript: one call per view, nothing written into the page.

Covers: what a sighted user of the page could read and use, in documents, same-origin frames and open shadow
roots. Does not cover: cross-origin frames, closed shadow roots, canvas, and a page that deliberately changes
the built-ins it shares with the observer (its answers are untrusted data and are validated here).
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.async_api import Error
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ..errors import PageUnreadable
from .view import Element, Line, View, clip, render_within

SOURCES = ("observer.js", "observer_face.js")
MARKERS = 44
"""Characters kept free for the two lines that say how much was cut."""


class SeenElement(BaseModel):
    """A thing as the page's observer reports it; `index` is its handle until the next view."""

    model_config = ConfigDict(frozen=True)

    role: str
    name: str
    index: int
    value: str | None = None
    options: tuple[str, ...] = ()
    disabled: bool = False


class Seen(BaseModel):
    """One reading of a page, before numbers are given out and the budget is applied."""

    model_config = ConfigDict(frozen=True)

    url: str
    title: str
    scroll: str
    focus: str
    changes: int
    first: int
    lines: tuple[tuple[str | SeenElement, ...], ...]

    def texts(self) -> list[str]:
        """The text of every line, things left out; lines without text are absent."""
        joined = (" | ".join(clip(part) for part in line if isinstance(part, str)) for line in self.lines)
        return [text for text in joined if text]

    def state(self) -> tuple[tuple[str | SeenElement, ...], ...]:
        """What a reader of the view could tell apart, numbers aside."""
        return tuple(
            tuple(part if isinstance(part, str) else part.model_copy(update={"index": 0}) for part in line)
            for line in self.lines
        )


_SEEN = TypeAdapter(Seen)
_ANSWER: TypeAdapter[Any] = TypeAdapter(Any)


class ContextLost(Exception):
    """The document that was being read is gone: the page navigated."""


class Debugger(Protocol):
    """A debugger session of one tab (Playwright's `CDPSession`, with its types said in full)."""

    async def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one command of the DevTools protocol."""
        ...


@cache
def source() -> str:
    """The observer's JavaScript, one expression."""
    folder = resources.files(__name__.rpartition(".")[0])
    return "".join((folder / name).read_text(encoding="utf-8") for name in SOURCES)


class Observer:
    """The observer of one tab. Reinstalls itself in every new document."""

    def __init__(self, cdp: Debugger) -> None:
        self._cdp = cdp
        self._object: str | None = None

    async def view(self) -> Seen:
        """Read the page and void the indexes of earlier readings."""
        return await self._read("view")

    async def peek(self) -> Seen:
        """Read the page; indexes of the latest `view` stay valid, those in this reading are not."""
        return await self._read("peek")

    async def ask(self, method: str, argument: Any = None) -> Any:
        """Call one method of the observer in the document of the latest view.

        Raises:
            ContextLost: That document is gone.
        """
        if self._object is None:
            raise ContextLost
        return _ANSWER.validate_json(await self._call(self._object, method, argument))

    def forget(self) -> None:
        """The page navigated: the next reading installs the observer anew."""
        self._object = None

    async def _read(self, method: str) -> Seen:
        for attempt in (1, 2, 3):
            if self._object is None:
                await self._install()
            handle = self._object
            if handle is None:
                continue
            try:
                return _SEEN.validate_json(await self._call(handle, method, None))
            except ContextLost:
                if attempt == 3:
                    raise
            except ValidationError as error:
                raise PageUnreadable("the current page", str(error)) from error
        raise ContextLost

    async def _install(self) -> None:
        try:
            answer = await self._cdp.send(
                "Runtime.evaluate", {"expression": source(), "includeCommandLineAPI": True, "silent": True}
            )
        except Error as error:
            if _is_closed(error):
                raise
            return
        if "exceptionDetails" in answer:
            raise PageUnreadable("the current page", str(answer["exceptionDetails"].get("text", "")))
        self._object = answer["result"].get("objectId")

    async def _call(self, handle: str, method: str, argument: Any) -> str:
        try:
            answer = await self._cdp.send(
                "Runtime.callFunctionOn",
                {
                    "objectId": handle,
                    "functionDeclaration": f"function (argument) {{ return this.{method}(argument); }}",
                    "arguments": [{"value": argument}],
                    "returnByValue": True,
                    "awaitPromise": True,
                    "silent": True,
                },
            )
        except Error as error:
            if _is_closed(error):
                raise
            self._object = None
            raise ContextLost from error
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"].get("exception", {}).get("description", "")
            raise PageUnreadable("the current page", str(details))
        return str(answer["result"].get("value", "null"))


def _is_closed(error: Error) -> bool:
    return "closed" in error.message.lower() and "session" not in error.message.lower()


def number(seen: Seen, budget: int) -> tuple[View, dict[int, int]]:
    """Give out numbers 1..k from the first line shown, and cut to `budget` characters.

    The whole page is shown when it fits; else from the line that the page was scrolled to.

    Returns:
        The view, and the observer's index of each number.
    """
    whole, indexes = _numbered(seen, 0)
    if len(whole.text()) <= budget:
        return whole, indexes
    budget = max(budget - MARKERS, 1)
    room = budget - len(whole.path) - len(whole.title) - 7
    last_start = len(seen.lines)
    for text in reversed(whole.body()):
        room -= len(text) + 1
        if room < 0:
            break
        last_start -= 1
    part, indexes = _numbered(seen, min(seen.first, last_start, len(seen.lines) - 1))
    return render_within(part, budget), indexes


def _numbered(seen: Seen, first: int) -> tuple[View, dict[int, int]]:
    indexes: dict[int, int] = {}
    lines: list[Line] = []
    for seen_line in seen.lines[first:]:
        parts: list[str | Element] = []
        for part in seen_line:
            if isinstance(part, str):
                parts.append(clip(part))
                continue
            indexes[len(indexes) + 1] = part.index
            parts.append(
                Element(len(indexes), part.role, clip(part.name), part.value, part.options, part.disabled)
            )
        lines.append(tuple(parts))
    return View(seen.url, path_of(seen.url), clip(seen.title), tuple(lines), None, first, 0), indexes


def path_of(url: str) -> str:
    """Path, query and fragment of an address: the part a model reads."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url[:80]
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{parts.path or '/'}{query}{fragment}"
