"""The line of a record: what it replaced, what replaced it, and which of them holds."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from .records import Record
from .rows import microseconds

LINE = (
    "WITH RECURSIVE line (id) AS (SELECT ? UNION"
    " SELECT records.superseded_by FROM line JOIN records USING (id) WHERE superseded_by IS NOT NULL"
    " UNION SELECT records.id FROM line JOIN records ON records.superseded_by = line.id) SELECT id FROM line"
)
"""Ids of a record, of all that it replaced and of all that replaced it."""


def replaced_by(cursor: sqlite3.Cursor, record: Record) -> list[str]:
    """Ids of what took the place of a record, of what took the place of that, and so on."""
    names, after = [record.id], record.superseded_by
    while after is not None and after not in names:
        found = cursor.execute("SELECT superseded_by FROM records WHERE id = ?", (after,)).fetchone()
        if found is None:
            break
        names.append(after)
        after = found[0]
    return names[1:]


def in_place_of(cursor: sqlite3.Cursor, record: Record, at: int, clock: int) -> str | None:
    """Id of what holds in place of a closed record: what replaced it, or says the same; None: nothing.

    What says the same is in its place only where it holds already when the record would hold next.

    Args:
        at: The present, in microseconds since 1970.
        clock: When anybody last wrote: what was closed until then is closed, whatever the clock here says.
    """
    names = [record.id, *replaced_by(cursor, record)]
    marks = ", ".join("?" * len(names))
    start = at if record.valid_from is None else max(at, microseconds(record.valid_from))
    alike = "digest = ? AND coalesce(since, 0) <= ? AND min(until, closed) > ?"
    found = cursor.execute(
        f"SELECT id FROM records WHERE ({alike} OR id IN ({marks})) AND id <> ? AND until > ? AND closed > ?",
        (record.digest(), start, start, *names, record.id, at, max(at, clock)),
    ).fetchone()
    return None if found is None else found[0]


def is_overtaken(cursor: sqlite3.Cursor, record: Record, other: Record, at: datetime) -> bool | None:
    """Whether a record was closed for another before that was closed for it elsewhere: it was restored there.

    None where it is not closed for that one.

    Args:
        other: As it is elsewhere, closed for `record`.
        at: The present. What is set to close later was corrected and not restored.
    """
    if record.closed is None or other.closed is None or other.id not in replaced_by(cursor, record):
        return None
    if record.closed > at:
        return True
    return record.closed < other.closed and (other.closed <= at or record.learned < other.learned)
