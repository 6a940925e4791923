"""A run as plain lines, for pipes, logs and small terminals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Any

from pydantic import BaseModel

from ...tools.browser.view import View, clip
from ..events import Ended, Event, Looked
from .board import Board, Moment

WIDTH = 160
"""Characters of a line; what is longer is cut with an ellipsis. The journal has all of it."""


def line_of(moment: Moment, width: int = WIDTH) -> str:
    """A moment as one line: time, task, kind, text."""
    clock = time.strftime("%H:%M:%S", time.localtime(moment.at))
    return f"{clock}  {moment.task:<10} {moment.kind:<8} {clip(moment.text, width)}".rstrip()


class PlainLines:
    """Prints each moment as it comes."""

    def __init__(self, board: Board, write: Callable[[str], None]) -> None:
        self._board, self._write = board, write

    def take(self, event: Event) -> None:
        """Apply an event and print what it adds."""
        for moment in self._board.take(event):
            if moment.kind != "end":
                self._write(line_of(moment))


class Silence:
    """Prints nothing; the board still follows the run."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def take(self, event: Event) -> None:
        """Apply an event."""
        self._board.take(event)


class JsonLines:
    """Prints each event as one JSON object a line. The outcome is printed by the report."""

    def __init__(self, board: Board, write: Callable[[str], None]) -> None:
        self._board, self._write = board, write

    def take(self, event: Event) -> None:
        """Apply an event and print it."""
        self._board.take(event)
        if not isinstance(event, Ended):
            self._write(json.dumps(event_as_json(event)))


def event_as_json(event: Event) -> dict[str, Any]:
    """An event under its name, `event`; a page as its address and text."""
    body: dict[str, Any] = {"event": type(event).__name__.lower(), "at": round(time.time(), 3)}
    if isinstance(event, Looked):
        return body | {
            "worker": event.worker,
            "lane": event.lane,
            "url": event.view.url,
            "text": event.view.text(),
        }
    return body | {name: plain(value) for name, value in vars(event).items()}


def plain(value: Any) -> Any:
    """A value of an event or outcome as JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, View):
        return value.text()
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
