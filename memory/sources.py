"""What a derived record takes over from the records that it was derived from, whatever it says of itself.

Derived are summaries, what a job writes and implicit preferences. Their words are others' words: they are no
more trusted than the least trusted source, and are seen by nobody who may not see every source. What a person
puts into their own words is trusted as the person is.
"""

from __future__ import annotations

import sqlite3

from .errors import UnknownRecord, UnprovenMemory
from .gate import DERIVED
from .records import OWNERS, Record, Scope


def judged(cursor: sqlite3.Cursor, record: Record) -> Record:
    """A record as its sources let it be written: untrusted if a source is.

    Raises:
        UnknownRecord: A source is not here.
        UnprovenMemory: It is a fact or the like by a job, and a source was not confirmed; or it lies where
            others see it than see its sources.
    """
    by_job = record.provenance.by == "job"
    derived = _is_derived(record)
    trust = record.trust
    for source in record.provenance.sources:
        found = cursor.execute(
            "SELECT standing, trust, tenant, user, agent, run FROM records WHERE id = ?", (source,)
        ).fetchone()
        if found is None:
            raise UnknownRecord(source)
        if by_job and record.kind in DERIVED and found[0] != "confirmed":
            raise UnprovenMemory(record.id, f"its source {source!r} was not confirmed")
        if derived and not _is_seen(found[2:], record.scope):
            raise UnprovenMemory(record.id, f"its source {source!r} is not for all who would see it")
        if derived and found[1] == "untrusted" and record.provenance.by != "person":
            trust = "untrusted"
    return record if trust == record.trust else record.model_copy(update={"trust": trust})


def taken_in(cursor: sqlite3.Cursor, record: Record) -> Record:
    """`judged` for a record of another store, where one that is not derived may name what is not here."""
    return judged(cursor, record) if _is_derived(record) else record


def _is_derived(record: Record) -> bool:
    return record.provenance.by == "job" or record.kind == "summary" or record.stance == "implicit"


def _is_seen(owners: tuple[str, ...], scope: Scope) -> bool:
    """Whether all who see a scope see what belongs to a tenant, user, agent and run."""
    tenant, *levels = owners
    mine = [getattr(scope, level) for level in OWNERS]
    return tenant == scope.tenant and all(its in ("", my) for its, my in zip(levels, mine, strict=True))
