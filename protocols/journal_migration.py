"""Brings a journal of an older format to the present one, in one transaction: a kill leaves the old one.

1.0 to 1.1: rows get places and hashes, and ended runs their seals. The chain vouches for what was in the file
when it was brought over; what happened to it before cannot be told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from .journal_chain import ENDED, PRUNED, SEAL, Header, Link, chained, encode, seal_body, start_of
from .journal_store import FORMAT

PAGE = 500

_COLUMNS = """
ALTER TABLE runs ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rows ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rows ADD COLUMN hash BLOB;
ALTER TABLE rows ADD COLUMN pruned BLOB;
"""


def migrate(connection: sqlite3.Connection, found: tuple[int, int]) -> None:
    """Bring the tables from format `found` to `FORMAT`, all or nothing."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if found < (1, 1):
            _chain(connection)
        connection.execute(f"PRAGMA user_version = {FORMAT[0] * 1000 + FORMAT[1]}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _chain(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _COLUMNS.split(";")):
        connection.execute(statement)
    connection.execute("UPDATE rows SET body = ? WHERE body = '{\"pruned\": true}'", (PRUNED,))
    headers = {
        row[0]: Header(*row)
        for row in connection.execute("SELECT run, goal, settings, status, began, changed FROM runs")
    }
    for (run,) in connection.execute("SELECT DISTINCT run FROM rows").fetchall():
        head, place, header = start_of(run, headers.get(run)), 0, headers.get(run)
        for row in chained(run, header, _rows(connection, run)):
            head, place = row.hash or b"", row.place
            connection.execute("UPDATE rows SET place = ?, hash = ? WHERE seq = ?", (place, head, row.seq))
        if header is not None and header.status in ENDED:
            _seal(connection, header, place, head)
    connection.execute("CREATE UNIQUE INDEX one_beginning ON rows (run) WHERE place = 1")


def _seal(connection: sqlite3.Connection, header: Header, rows: int, head: bytes) -> None:
    """The seal of a run that had ended, as of when it ended."""
    body = encode(seal_body(rows, head, header.status, header))
    seal = Link(0, rows + 1, header.run, "", 0, SEAL, "", header.changed, body)
    connection.execute(
        "INSERT INTO rows (run, task, attempt, kind, key, at, body, place, hash)"
        " VALUES (?, '', 0, ?, '', ?, ?, ?, ?)",
        (header.run, SEAL, header.changed, body, rows + 1, seal.linked(head)),
    )
    connection.execute("UPDATE runs SET sealed = ? WHERE run = ?", (rows + 1, header.run))


def _rows(connection: sqlite3.Connection, run: str) -> Iterator[Link]:
    after = 0
    while page := connection.execute(
        "SELECT seq, 0, run, task, attempt, kind, key, at, body FROM rows WHERE run = ? AND seq > ?"
        " ORDER BY seq LIMIT ?",
        (run, after, PAGE),
    ).fetchall():
        for row in page:
            yield Link(*row)
        after = page[-1][0]
