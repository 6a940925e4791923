"""A run as plain lines, for pipes, logs and small terminals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from ...tools.browser.view import clip
from ..events import Ended, Event, event_as_json
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
