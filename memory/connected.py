"""One open SQLite file: its connection, its state, and transactions.

Any number of processes may use one file; a write is one transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EmbedderMismatch, StoreUnusable, cause_of
from .records import now
from .rows import microseconds
from .schema import BUSY_SECONDS


@dataclass(frozen=True)
class State:
    """What of a file may change under a reader.

    Attributes:
        changes: Grows with every record that was added, closed or touched.
        generation: Grows whenever a derived index must be thrown away: records were erased, or embedded anew.
        embedder: Name of the embedder that it is bound to; empty before the first.
        dimension: Of its vectors; 0 before the first.
        clock: The latest moment at which anybody wrote, in microseconds since 1970. A clock that was set
            back neither hides what was learned nor brings back what was closed.
        worded: Row of the last record whose words are in the index of words; see `lexicon.py`.
    """

    changes: int
    generation: int
    embedder: str
    dimension: int
    clock: int
    worded: int

    def held_for(self, embedder: str) -> State:
        """Itself, where the file is bound to this embedder or to none. Raises EmbedderMismatch."""
        if self.embedder and self.embedder != embedder:
            raise EmbedderMismatch(self.embedder, embedder)
        return self


_TOLD = "UPDATE meta SET value = iif(name = 'clock', max(value, ?), ?) WHERE name IN ('clock', 'changes')"
"""What every transaction ends with."""


class Connected:
    """A connection that threads share; every call blocks."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `Store.open`."""
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._held = State(0, 0, "", 0, 0, 0)  # as the transaction under way found it
        self._changes = self._worded = 0  # as that transaction has counted them on

    def close(self) -> None:
        """Close the file. May be called again."""
        with self._lock:
            self._connection.close()

    @property
    def state(self) -> State:
        """Where the file stands now."""
        with self._guard() as cursor:
            return _state_of(cursor)

    def start_generation(self) -> None:
        """Tell every derived index, in every process, to start over."""
        with self._write() as cursor:
            self._start_generation(cursor)

    @contextmanager
    def reading(self) -> Generator[None, None, None]:
        """All that is read inside is of one moment, whatever others write."""
        with self._guard() as cursor:
            cursor.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")

    # Inside.

    def _next_change(self) -> int:
        """Number of one more change; kept when the transaction ends."""
        self._changes += 1
        return self._changes

    def _start_generation(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")

    def _select(self, query: str, values: Sequence[str | int | bytes]) -> list[Any]:
        with self._guard() as cursor:
            return cursor.execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Cursor, None, None]:
        with self._guard() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                self._held = _state_of(cursor)
                self._changes, self._worded = self._held.changes, self._held.worded
                yield cursor
                cursor.execute(_TOLD, (microseconds(now()), self._changes))
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    @contextmanager
    def _impatient(self, seconds: float = 0) -> Generator[None, None, None]:
        """Wait in here no longer than so for somebody else's write: then it is an error."""
        with self._guard() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")

    @contextmanager
    def _guard(self) -> Generator[sqlite3.Cursor, None, None]:
        with self._lock:
            try:
                yield self._connection.cursor()
            except sqlite3.Error as error:
                raise StoreUnusable(self.path, str(error), cause_of(error)) from error
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"{error.object!r} holds half a character (surrogate): decode it first"
                ) from None


def _state_of(cursor: sqlite3.Cursor) -> State:
    found = dict(cursor.execute("SELECT name, value FROM meta").fetchall())
    return State(
        found["changes"],
        found["generation"],
        found.get("embedder", ""),
        found.get("dimension", 0),
        found["clock"],
        found["worded"],
    )
