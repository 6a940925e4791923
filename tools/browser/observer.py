"""Reads a page through the observer in JavaScript: one reading per view, nothing written into the page.

Covers: what a sighted user of the page could read and use, in documents, frames of any origin, and shadow
roots open and closed. Does not cover: what is drawn inside a canvas, and a page that deliberately changes the
built-ins it shares with the observer (its answers are untrusted data and are validated here).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from playwright.async_api import Error, Page

from ..errors import PageUnreadable
from .aria import Snapshot
from .boxes import Box, PlacedDocument, shifted
from .document import ContextLost, Debugger, Seen, SeenElement, SeenLine
from .frames import frame_world
from .presenting import number, path_of
from .view import PLAIN, ViewStyle

__all__ = ["ContextLost", "Debugger", "Observer", "Seen", "SeenElement", "number", "path_of"]

FRAME_PATIENCE = 0.7
"""Seconds that a frame may take to be read; one that takes longer is named in its place."""

DEPTH = 6
"""Frames in frames that are followed."""

UNREAD = "(a frame that gave no answer)"
POINTS = 9
INDEXED = frozenset({"point", "focus", "typed", "value", "whole"})
"""Methods of the observer whose argument is an index alone."""

CODED = frozenset({"point", "focus", "choose", "whole"})
"""Methods of the observer that say in a code why they did nothing."""


@dataclass(frozen=True)
class _Parts:
    """Where the pieces of a joined reading came from; None is the document itself.

    Attributes:
        things: Of each index: the frame's mark and the index there.
        lines: Of each line: the frame's mark and the line there.
        changes: Changes seen so far, of the document and of each frame that was read.
    """

    things: Sequence[tuple[int | None, int]]
    lines: Sequence[tuple[int | None, int]]
    changes: dict[int | None, int]


class Observer:
    """The observer of a tab, or of a frame and the frames in it.

    Args:
        cdp: The tab's debugger session.
        page: The tab, for frames that run in processes of their own; without it those are not read.
        context: The unique id of a frame's own world; None: the session's main frame.
        depth: How many frames lie around it.
        by_debugger: Listeners are asked of the debugger; otherwise of `listeners.note_listeners`.
    """

    def __init__(
        self,
        cdp: Debugger,
        page: Page | None = None,
        context: str | None = None,
        *,
        depth: int = 0,
        by_debugger: bool = True,
    ) -> None:
        self._page = page
        self._by_debugger = by_debugger
        self._document = PlacedDocument(cdp, context, by_debugger)
        self._depth = depth
        self._frames: dict[int, Observer] = {}
        self._parts: _Parts | None = None
        self._snapshot: Snapshot | None = None

    async def view(self, style: ViewStyle = PLAIN) -> Seen:
        """Read the page and void the indexes of earlier readings."""
        if style.snapshot and self._page is not None:
            self._snapshot = self._snapshot or Snapshot(self._document.cdp, self._page)
            return await self._snapshot.read(keep=False)
        self._snapshot = None
        seen = await self._document.read(style.look())
        self._parts = None
        if not seen.frames:
            return seen
        joined, self._parts = await self._joined(seen, style)
        return joined

    async def peek(self) -> Seen:
        """Read the page; indexes of the latest `view` stay valid, those in this reading are not."""
        if self._snapshot is not None:
            return await self._snapshot.read(keep=True)
        seen = await self._document.read()
        return (await self._joined(seen, None))[0] if seen.frames else seen

    async def ask(self, method: str, argument: Any = None) -> Any:
        """Call one method of the observer in the documents of the latest view.

        Raises:
            ContextLost: The document is gone. A frame that is gone is `stale_ref`, or no value.
        """
        if self._snapshot is not None:
            return await self._snapshot.ask(method, argument)
        parts = self._parts
        if parts is None:
            return await self._document.ask(method, argument)
        if method in ("settle", "awaitChange"):
            return await self._together(method, argument, parts)
        if method == "begin":
            return await self._begin(argument, parts)
        if method in INDEXED and isinstance(argument, int):
            return await self._ask_thing(method, argument, argument, parts)
        if method == "points":
            return await self._points(int(argument["index"]), int(argument["most"]), parts)
        if isinstance(argument, dict) and "index" in (given := cast("dict[str, Any]", argument)):
            return await self._ask_thing(method, int(given["index"]), given, parts)
        answer = await self._document.ask(method, argument)
        if method == "whole":
            texts = [await self._in_frame(mark, "whole", None) for mark in self._marks(parts)]
            answer["text"] = "\n".join(
                [answer["text"], *(found["text"] for found in texts if found and "text" in found)]
            )
        return answer

    async def node_ids(self) -> list[int]:
        """The browser's ids of the elements that the latest view numbers, frames included, in no order."""
        found = await self._document.node_ids()
        for frame in self._frames.values():
            found += await frame.node_ids()
        return found

    async def boxes(self, indexes: Collection[int]) -> dict[int, Box]:
        """Where things of the latest view are in this window, by index; those of a snapshot have no place.

        Raises:
            ContextLost: The document is gone. A frame that is gone has no things.
        """
        if self._snapshot is not None:
            return {}
        parts = self._parts
        if parts is None:
            return await self._document.boxes(indexes)
        found: dict[int, Box] = {}
        for mark in {parts.things[index][0] for index in indexes}:
            inner = {parts.things[index][1]: index for index in indexes if parts.things[index][0] == mark}
            if mark is None:
                placed = await self._document.boxes(inner)
            else:
                placed = await self._boxes_in_frame(mark, inner)
            found |= {inner[local]: box for local, box in placed.items()}
        return found

    async def _boxes_in_frame(self, mark: int, indexes: Collection[int]) -> dict[int, Box]:
        try:
            window = await self._document.inside(mark)
            return shifted(await self._frames[mark].boxes(indexes), window)
        except (ContextLost, KeyError, Error):
            return {}

    def forget(self) -> None:
        """The page navigated: the next reading installs the observer anew."""
        self._document.forget()
        self._parts = None
        self._frames.clear()

    # ---- reading frames in their places ----------------------------------------------------------------

    async def _joined(self, seen: Seen, style: ViewStyle | None) -> tuple[Seen, _Parts]:
        for _, mark in seen.frames:
            if mark not in self._frames and self._depth < DEPTH:
                await self._enter(mark)
        marks = [mark for _, mark in seen.frames]
        self._frames = {mark: one for mark, one in self._frames.items() if mark in marks}
        read = await asyncio.gather(*(self._read_frame(mark, style) for mark in marks))
        readings = dict(zip(marks, read, strict=True))
        return _join(seen, readings)

    async def _enter(self, mark: int) -> None:
        """Make the observer of a frame; one whose world cannot be found has none."""
        frame_id = await self._document.frame_id(mark)
        world = await frame_world(self._document.cdp, self._page, frame_id) if frame_id else None
        if world is not None:
            self._frames[mark] = Observer(
                world.cdp, self._page, world.context, depth=self._depth + 1, by_debugger=self._by_debugger
            )

    async def _read_frame(self, mark: int, style: ViewStyle | None) -> Seen | None:
        """What a frame shows; None when it cannot be read now."""
        for _ in range(2):
            frame = self._frames.get(mark)
            if frame is None:
                return None
            try:
                return await asyncio.wait_for(
                    frame.peek() if style is None else frame.view(style), FRAME_PATIENCE
                )
            except (PageUnreadable, TimeoutError):
                return None
            except (ContextLost, Error):  # it has a new document, perhaps in another process
                del self._frames[mark]
                await self._enter(mark)
        return None

    # ---- acting in frames ------------------------------------------------------------------------------

    def _marks(self, parts: _Parts) -> list[int]:
        return [mark for mark in parts.changes if mark is not None]

    async def _in_frame(self, mark: int, method: str, argument: Any) -> Any:
        """Ask a frame; what is gone has no value, or the code that says so."""
        try:
            return await self._frames[mark].ask(method, argument)
        except (ContextLost, KeyError, Error):
            return {"code": "stale_ref"} if method in CODED else None

    async def _ask_thing(self, method: str, index: int, argument: int | dict[str, Any], parts: _Parts) -> Any:
        mark, local = parts.things[index]
        if method == "point" and mark is not None:
            found = await self._points(index, 1, parts)
            return _first_point(found) if "points" in found else found
        given = {**argument, "index": local} if isinstance(argument, dict) else local
        if mark is not None:
            return self._outward(await self._in_frame(mark, method, given), mark, parts)
        return self._outward(await self._document.ask(method, given), None, parts)

    async def _points(self, index: int, most: int, parts: _Parts) -> Any:
        """Points of a thing in a frame, in this document's window, that nothing covers."""
        mark, local = parts.things[index]
        if mark is None:
            found = await self._document.ask("points", {"index": local, "most": most})
            return self._outward(found, None, parts)
        found = await self._in_frame(mark, "points", {"index": local, "most": POINTS})
        if found is None or found.get("code") == "stale_ref":
            return {"code": "stale_ref"}
        if "points" not in found:
            return self._outward(found, mark, parts)
        return self._outward(
            await self._document.ask("through", {"frame": mark, "points": found["points"]}), None, parts
        )

    def _outward(self, answer: Any, mark: int | None, parts: _Parts) -> Any:
        """An answer that names what covers a thing, with that one's index in the joined reading."""
        if not isinstance(answer, dict):
            return answer
        told = cast("dict[str, Any]", answer)
        if told.get("code") != "covered":
            return told
        cover = (mark, int(told["index"]))
        return {**told, "index": parts.things.index(cover) if cover in parts.things else -1}

    async def _begin(self, line: int | None, parts: _Parts) -> Any:
        """Begin views at a line of the joined reading: in a frame, at the frame and at that line of it."""
        mark, local = (None, None) if line is None or line >= len(parts.lines) else parts.lines[line]
        for other in self._marks(parts):
            await self._in_frame(other, "begin", local if other == mark else None)
        if mark is not None:
            local = await self._document.ask("lineOf", mark)
        return await self._document.ask("begin", local)

    async def _together(self, method: str, argument: Any, parts: _Parts) -> Any:
        """Until all documents are quiet (`settle`), or the first of them changes (`awaitChange`)."""
        first = method == "awaitChange"

        def given(mark: int | None) -> Any:
            return {**argument, "from": parts.changes[mark]} if first else argument

        own = asyncio.ensure_future(self._document.ask(method, given(None)))
        others = [
            asyncio.ensure_future(self._in_frame(mark, method, given(mark))) for mark in self._marks(parts)
        ]
        try:
            waiting = {own, *others}
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if own in done:
                    own.result()
                if first and any(task.result() for task in done):
                    return True
            return own.result()
        finally:
            for task in (own, *others):
                task.cancel()
            await asyncio.gather(own, *others, return_exceptions=True)


def _first_point(found: dict[str, Any]) -> dict[str, Any]:
    x, y = found["points"][0]
    return {"x": x, "y": y}


def _join(seen: Seen, readings: dict[int, Seen | None]) -> tuple[Seen, _Parts]:
    """The document's lines with those of its frames in their places, and where each piece came from."""
    places = dict(seen.frames)
    lines: list[SeenLine] = []
    things: list[tuple[int | None, int]] = []
    origins: list[tuple[int | None, int]] = []
    first = 0

    def put(line: SeenLine, mark: int | None, at: int) -> None:
        parts: list[str | SeenElement] = []
        for part in line:
            if isinstance(part, SeenElement):
                things.append((mark, part.index))
                part = part.model_copy(update={"index": len(things) - 1})
            parts.append(part)
        lines.append(tuple(parts))
        origins.append((mark, at))

    for at, line in enumerate(seen.lines):
        if at == seen.first:
            first = len(lines)
        if at not in places:
            put(line, None, at)
            continue
        inner = readings[places[at]]
        if inner is None:
            put((UNREAD,), None, at)
            continue
        if at == seen.first:
            first += inner.first
        for inside, inner_line in enumerate(inner.lines):
            put(inner_line, places[at], inside)
    read = {mark: inner for mark, inner in readings.items() if inner is not None}
    marks = "".join(f" {inner.scroll}" for inner in read.values())
    focus = next((inner.focus for inner in read.values() if inner.focus), "")
    joined = seen.model_copy(
        update={
            "lines": tuple(lines),
            "first": min(first, max(len(lines) - 1, 0)),
            "scroll": seen.scroll + marks,
            "focus": focus
            if focus and seen.focus.startswith(("other:iframe", "other:frame"))
            else seen.focus,
            "changes": seen.changes + sum(inner.changes for inner in read.values()),
            "frames": (),
        }
    )
    changes = {None: seen.changes, **{mark: inner.changes for mark, inner in read.items()}}
    return joined, _Parts(things, origins, changes)
