"""The index of words (FTS5) over the records of one file: derived, filled when it is asked, rebuilt at will.

A record is in it once somebody looked something up, or many had gathered: single writes need not wait for
it. Who asks puts there what is waiting; where that cannot be done at once, since another process writes or
the disk is full, what is waiting counts as found.
"""

from __future__ import annotations

import sqlite3

from .connected import Connected
from .errors import StoreUnusable
from .records import Filter
from .rows import LONGEST_TERM, condition
from .schema import WORDS

MOST_UNWORDED = 500
"""Records that may wait to be put into the index; a write that makes them more puts them there."""

LONGEST_LOOK = 1.0
"""Seconds that a look at the index waits for somebody else's write; whoever asks meanwhile waits too."""

_WAITING = "row > (SELECT value FROM meta WHERE name = 'worded')"


class Lexicon(Connected):
    """The index of words of a file."""

    def best_by_words(self, match: str, admitted: Filter, limit: int) -> list[str]:
        """Ids of the records that match the FTS5 expression, best BM25 first; before them what is waiting."""
        self._put_words()
        where, values = condition(admitted)
        waiting = self._select(
            f"SELECT id FROM records WHERE {_WAITING} AND {where} ORDER BY row DESC LIMIT ?",
            [*values, 2 * MOST_UNWORDED],
        )
        found = self._select(
            "SELECT id FROM lexicon JOIN records ON row = lexicon.rowid "
            f"WHERE lexicon MATCH ? AND {where} ORDER BY bm25(lexicon) LIMIT ?",
            [match, *values, limit],
        )
        return [row[0] for row in (*waiting, *found)]

    def documents_with(self, stem: str) -> int:
        """In how many records of the index of words a stem occurs, those of everybody counted."""
        term = stem.encode()[:LONGEST_TERM]
        found = self._select("SELECT doc FROM vocabulary WHERE term = CAST(? AS TEXT)", [term])
        return int(found[0][0]) if found else 0

    def sample(self, sight: Filter, most: int) -> tuple[int, list[str]]:
        """How many records the filter admits, and the stems of about so many of them, of few of all."""
        where, values = condition(sight)
        count = int(self._select(f"SELECT count(*) FROM records WHERE {where}", values)[0][0])
        part = min(65536 * most // max(count, 1), 65536)  # scattered: every second row may be another owner's
        query = f"SELECT terms FROM records WHERE {where} AND (row * 40503) % 65536 < ?"
        rows = self._select(query, [*values, part])
        return count, [row[0] for row in rows]

    def count_with(self, stem: str, sight: Filter) -> int:
        """In how many records that the filter admits a stem occurs; it is looked up in each that has it."""
        where, values = condition(sight)
        query = (
            "SELECT count(*) FROM lexicon CROSS JOIN records ON row = lexicon.rowid"
            f" WHERE lexicon MATCH ? AND {where}"
        )
        return int(self._select(query, [f'"{stem}"', *values])[0][0])

    def faults_of_words(self) -> list[str]:
        """What is wrong with the index; nothing is changed."""
        with self._impatient(LONGEST_LOOK), self._guard() as cursor:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                self._catch_up(cursor)
                cursor.execute("INSERT INTO lexicon (lexicon, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) and not _is_broken(error):
                    why = f"its words could not be compared with the records: {error}. Ask again."
                else:
                    why = f"the words do not match the records: {error}. Run: punchlist memory rebuild"
                return [f"{self.path}: {why}"]
            finally:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
        return []

    def rebuild_words(self) -> None:
        """Make the index anew from the records, whatever became of it."""
        with self._write() as cursor:
            self._make_words(cursor)

    # Inside.

    def _make_words(self, cursor: sqlite3.Cursor) -> None:
        """Take the index away and fill a new one, inside of the transaction under way."""
        try:
            for name in _TABLES:
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            _strike_out(cursor)
        for statement in (*(f"DROP TABLE IF EXISTS {part}" for part in _PARTS), *_MADE):
            cursor.execute(statement)
        cursor.execute("UPDATE meta SET value = 0 WHERE name = 'worded'")
        self._catch_up(cursor)

    def _put_words(self) -> None:
        """Put into the index what is waiting, if that can be done at once."""
        if not self._select(f"SELECT 1 FROM records WHERE {_WAITING} LIMIT 1", []):
            return
        try:
            with self._impatient(), self._write() as cursor:
                self._catch_up(cursor)
        except StoreUnusable as error:
            if not isinstance(error.__cause__, sqlite3.OperationalError):
                raise

    def _catch_up(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute(
            f"INSERT INTO lexicon (rowid, terms) SELECT row, terms FROM records WHERE {_WAITING} ORDER BY row"
        )
        self._note_worded(cursor)

    def _note_worded(self, cursor: sqlite3.Cursor) -> None:
        """All words are in the index now."""
        newest = "(SELECT coalesce(max(row), 0) FROM records)"
        query = f"UPDATE meta SET value = {newest} WHERE name = 'worded' RETURNING value"
        self._worded = cursor.execute(query).fetchone()[0]


def _is_broken(error: sqlite3.DatabaseError) -> bool:
    """Whether the index itself is at fault, and not another process or the disk."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT)


def _strike_out(cursor: sqlite3.Cursor) -> None:
    """Take the tables out of the list of tables: FTS5 must read a table to drop it, and cannot read this."""
    cursor.execute("PRAGMA writable_schema = ON")
    try:
        cursor.execute(f"DELETE FROM sqlite_schema WHERE name IN {_TABLES}")
    finally:
        cursor.execute("PRAGMA writable_schema = RESET")


_TABLES = ("vocabulary", "lexicon")
_PARTS = [f"lexicon_{part}" for part in ("data", "idx", "docsize", "config", "content")]
"""Where FTS5 keeps an index; they go with it, unless it is struck out."""

_MADE = [statement for statement in WORDS.split(";") if statement.strip()]
