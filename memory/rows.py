"""How a record lies in a row of the file and comes back out of it; a filter as a condition of SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from .embedder import Vectors
from .records import OWNERS, Filter, Owner, Provenance, Record, Scope
from .schema import NO_END
from .shelf import Row

MOST_ALIKE = 64
"""Scopes and provenances that are kept as read last: those of records beside each other are alike."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GIVEN = (
    "id, kind, text, tenant, user, agent, run, key, provenance, trust, speaker, session, happened, learned,"
    " since, until, importance, confidence, stance, standing, seen, outcomes, closed, reason,"
    " superseded_by"
)
"""Columns of what a record says, in the order of `values_of` and `record_of`."""

ALL_GIVEN = ", ".join(f"records.{name}" for name in GIVEN.split(", "))
"""The same where other tables have columns of these names."""

WRITTEN = f"{GIVEN}, digest, terms, vectors, changed"
"""All columns but `row`."""

_SESSION = (
    "CASE session WHEN '' THEN '' ELSE"
    " tenant || char(31) || user || char(31) || agent || char(31) || run || char(31) || session END"
)
"""A session is one of its owner: two users may name theirs alike."""

RANKED = (
    f"row, id, kind, trust, text, terms, speaker, {_SESSION}, happened, learned,"
    " since, until, closed, importance, confidence, seen, vectors"
)
"""Columns of what ranking looks at, in the order of `ranked_of`."""

_HELD = {
    "records": (
        "text", "terms", "id", "tenant", "user", "agent", "run", "key", "speaker", "session", "reason",
        "digest", "json_remove(provenance, '$.sources')",
    ),
    "proofs": ("proof",),
    "checks": ("tenant", "user", "agent", "run", "key", "name"),
    "meta": ("name", "iif(typeof(value) = 'text', value, '')"),
    "sqlite_schema": ("name", "sql"),
}  # fmt: skip
HELD = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE {' OR '.join(f'instr({place}, ?1)' for place in places)}"
    for table, places in _HELD.items()
)
"""Whether some text of the file has these words in it, but for where a record names others by their ids."""

LONGEST_TERM = 32_768
"""Bytes of a word that FTS5 keeps (`FTS5_MAX_TOKEN_SIZE`); longer ones that begin alike are one to it."""

SEEN_AGAIN = 0.9
"""What is left of a record's distance to full importance each time that it is remembered again."""


def values_of(record: Record) -> tuple[str | int | float | None, ...]:
    """A record as the values of `GIVEN`."""
    scope = record.scope
    return (
        record.id,
        record.kind,
        record.text,
        scope.tenant,
        scope.user,
        scope.agent,
        scope.run,
        scope.key,
        record.provenance.model_dump_json(),
        record.trust,
        record.speaker,
        record.session,
        _stored(record.happened),
        microseconds(record.learned),
        _stored(record.valid_from),
        end_of(record.valid_until),
        record.importance,
        record.confidence,
        record.stance,
        record.standing,
        record.seen,
        record.outcomes,
        end_of(record.closed),
        record.reason,
        record.superseded_by,
    )


def record_of(row: Sequence[Any]) -> Record:
    """A record from the values of `GIVEN`. They were validated when they were written, and are not again."""
    (
        name, kind, text, tenant, user, agent, run, key, provenance, trust, speaker, session, happened,
        learned, since, until, importance, confidence, stance, standing, seen, outcomes, closed, reason,
        superseded_by,
    ) = row  # fmt: skip
    return Record.model_construct(
        kind=kind,
        text=text,
        scope=_scope(tenant, user, agent, run, key),
        provenance=_provenance(provenance),
        trust=trust,
        speaker=speaker,
        session=session,
        happened=_moment(happened),
        learned=moment_of(learned),
        valid_from=_moment(since),
        valid_until=_ending(until),
        importance=importance,
        confidence=confidence,
        stance=stance,
        standing=standing,
        seen=seen,
        outcomes=outcomes,
        closed=_ending(closed),
        reason=reason,
        superseded_by=superseded_by,
        id=name,
    )


@lru_cache(MOST_ALIKE)
def _scope(tenant: str, user: str, agent: str, run: str, key: str) -> Scope:
    return Scope.model_construct(tenant=tenant, user=user, agent=agent, run=run, key=key)


@lru_cache(MOST_ALIKE)
def _provenance(stored: str) -> Provenance:
    known = json.loads(stored)
    return Provenance.model_construct(**known | {"sources": tuple(known.get("sources", ()))})


def ranked_of(row: Sequence[Any], dimension: int) -> Row:
    """What ranking looks at, from the values of `RANKED`."""
    (
        seq, name, kind, trust, text, terms, speaker, session, happened, learned, since, until, closed,
        importance, confidence, seen, vectors,
    ) = row  # fmt: skip
    return Row(
        id=name,
        kind=kind,
        trust=trust,
        text=text,
        terms=terms,
        speaker=speaker,
        session=session,
        seq=seq,
        happened=float("nan") if happened is None else happened / 1e6,
        learned=learned / 1e6,
        since=float("-inf") if since is None else since / 1e6,
        until=float("inf") if until == NO_END else until / 1e6,
        closed=float("inf") if closed == NO_END else closed / 1e6,
        importance=1 - (1 - importance) * SEEN_AGAIN ** (seen - 1),
        confidence=confidence,
        vectors=unpacked(vectors, dimension),
    )


def condition(admitted: Filter) -> tuple[str, list[str | int]]:
    """A filter as SQL and its values."""
    parts, values = ["1"], list[str | int]()
    if admitted.kinds is not None:
        parts.append(f"kind IN ({', '.join('?' * len(admitted.kinds))})")
        values += sorted(admitted.kinds)
    if admitted.scopes is not None:
        either = list[str]()
        for scope in admitted.scopes:
            where, more = _seen_from(scope, admitted)
            either.append(f"({where})")
            values += more
        parts.append(f"({' OR '.join(either) or '0'})")
    if admitted.at is not None:
        begun = "coalesce(since, learned) <= ?" if admitted.closed_by is None else "coalesce(since, 0) <= ?"
        parts.append(f"{begun} AND until > ? AND closed > ?")
        at, closed_by = microseconds(admitted.at), microseconds(admitted.closed_by or admitted.at)
        values += [at, at, closed_by]
    if admitted.trusted:
        parts.append("trust = 'trusted'")
    if admitted.between is not None:
        parts.append("happened >= ? AND happened < ?")
        values += [microseconds(each) for each in admitted.between]
    return " AND ".join(parts), values


def _seen_from(scope: Scope, admitted: Filter) -> tuple[str, list[str | int]]:
    parts, values = ["tenant = ?"], list[str | int]([scope.tenant])
    for level in OWNERS:
        owner = getattr(scope, level)
        if level not in admitted.across:
            parts.append(f"{level} IN ('', ?)" if owner else f"{level} = ''")
            values += [owner] if owner else []
    if scope.key:
        parts.append("key IN ('', ?)")
        values.append(scope.key)
    return " AND ".join(parts), values


def owned_by(scope: Scope, across: frozenset[Owner]) -> tuple[str, list[str | int]]:
    """What belongs to a scope itself, as SQL and its values, for deleting and exporting.

    Unlike a filter: what lies above is not meant; an owner means all that is theirs, at every other level;
    a key means just that key; and without owner only what is shared is meant, except at levels in `across`.
    """
    parts, values = ["tenant = ?"], list[str | int]([scope.tenant])
    for level in OWNERS:
        owner = getattr(scope, level)
        if owner:
            parts.append(f"{level} = ?")
            values.append(owner)
        elif scope.is_shared and level not in across:
            parts.append(f"{level} = ''")
    if scope.key:
        parts.append("key = ?")
        values.append(scope.key)
    return " AND ".join(parts), values


def doomed_by(target: Scope | str, across: frozenset[Owner], columns: str) -> tuple[str, list[str | int]]:
    """What goes when a record, or all of a scope, is deleted, with all that was derived from it: a query.

    Args:
        columns: What it asks for, `id` written as `records.id`.
    """
    where, values = ("id = ?", [target]) if isinstance(target, str) else owned_by(target, across)
    query = (
        f"WITH RECURSIVE doomed (row, id) AS (SELECT row, id FROM records WHERE {where} UNION"
        " SELECT records.row, records.id FROM doomed JOIN sources ON source = doomed.id"
        " JOIN records ON records.row = sources.record)"
        f" SELECT {columns} FROM doomed JOIN records USING (row) ORDER BY row"
    )
    return query, list(values)


def packed(vectors: Vectors) -> bytes:
    """(pieces, dimension) as the bytes of float16."""
    return vectors.astype(np.float16).tobytes()


def unpacked(blob: bytes, dimension: int) -> Vectors:
    """(pieces, dimension) float32 from the bytes of float16."""
    return np.frombuffer(blob, dtype=np.float16).astype(np.float32).reshape(-1, dimension)


def microseconds(moment: datetime) -> int:
    """A moment as it is stored: whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(stored: int) -> datetime:
    """A moment from how it is stored."""
    return EPOCH + timedelta(microseconds=stored)


def end_of(moment: datetime | None) -> int:
    """An end as it is stored; `NO_END` where there is none."""
    return NO_END if moment is None else microseconds(moment)


def _stored(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment_of(stored)


def _ending(stored: int) -> datetime | None:
    return None if stored == NO_END else moment_of(stored)
