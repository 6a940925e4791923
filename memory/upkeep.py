"""The ledger as idle jobs use it: what there is to do, and each result written in one transaction.

What a job has done is told by the records themselves: a derived one names its sources, so that whatever no
derived record names is still to be done. A job that was killed goes on there, one that runs again finds
nothing, and of two at once the second finds its sources taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .embedder import Vectors
from .lines import in_place_of
from .records import MOST_OUTCOMES, OWNERS, Record, Scope, now, several
from .rows import GIVEN, microseconds, record_of, unpacked
from .schema import NO_END
from .sources import judged
from .store import Draft, Store

DAY = 86_400_000_000
"""Microseconds."""

PLACE = "tenant, user, agent, run, key"
LINKED = "linked"
"""Name in `meta` of the last row whose episode was held against those before it."""

RETIRED = "retired: "
"""How the reason begins of what a job closed for its outcomes."""

_HERE = "tenant = ? AND user = ? AND agent = ? AND run = ? AND key = ?"
_MADE = "json_extract(provenance, '$.job')"
_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM sources JOIN records made ON made.row = record WHERE source = records.id"
    " AND made.kind = 'summary')"
)
_REPLACED = (
    "EXISTS (SELECT 1 FROM records next WHERE next.id = made.superseded_by AND next.row > made.row"
    " AND json_extract(next.provenance, '$.job') <> '')"
)
"""By a later one of a job: an earlier one in its place was restored."""

_UNDONE = (
    "EXISTS (SELECT 1 FROM sources JOIN records made ON made.row = record WHERE source = records.id"
    f" AND made.kind = records.kind AND made.closed < {NO_END} AND NOT {_REPLACED})"
)
"""Named by a record of its kind that somebody else than a job closed."""

_PERIODS = {
    "session": ("kind = 'episode'", f"iif(session = '', coalesce(happened, learned) / {DAY}, 0)"),
    "week": (
        f"kind <> 'episode' AND kind = 'summary' AND {_MADE} = 'summary/session'",
        f"(coalesce(happened, learned) / {DAY} + 3) / 7",
    ),
    "month": (
        f"kind <> 'episode' AND kind = 'summary' AND {_MADE} = 'summary/week'",
        "CAST(strftime('%Y%m', coalesce(happened, learned) / 1000000, 'unixepoch') AS INTEGER)",
    ),
}
"""Of what each level of summaries is made, and the number of the period that a record is in."""

Level = Literal["session", "week", "month"]


@dataclass(frozen=True)
class Material:
    """A record with what jobs compare: its row and (pieces, dimension) vectors."""

    record: Record
    row: int
    vectors: Vectors


@dataclass(frozen=True)
class Heap:
    """Records of one owner and period that no summary names yet.

    Attributes:
        period: Number of the day, week or month; 0 for a session that has a name.
        count: How many there are.
    """

    level: Level
    scope: Scope
    session: str
    period: int
    count: int


class Upkeep(Store):
    """The store, with what jobs and outcomes need. Safe to share between threads; every call blocks."""

    # What is to be done.

    def heaps(self, level: Level, least: int, before: int, limit: int) -> list[Heap]:
        """Heaps of at least so many records that nothing was added to since `before`, oldest first.

        Args:
            before: Epoch microseconds; of sessions the last record was learned before, of weeks and months
                it happened before. Episodes without session are taken day by day, once the day is over.
        """
        what, period = _PERIODS[level]
        session, last, whole = "''", "coalesce(happened, learned)", "1"
        if level == "session":
            session, last, whole = "session", "learned", f"(part <> '' OR (period + 1) * {DAY} <= {before})"
        rows = self._select(
            f"SELECT {PLACE}, {session} AS part, {period} AS period, count(*) FROM records WHERE {what}"
            f" AND {_holding()} AND {_UNUSED} GROUP BY {PLACE}, part, period"
            f" HAVING count(*) >= ? AND max({last}) < ? AND {whole} ORDER BY min(row) LIMIT ?",
            [least, before, limit],
        )
        return [Heap(level, _scope(row), row[5], int(row[6]), int(row[7])) for row in rows]

    def in_heap(self, heap: Heap, most: int) -> list[Material]:
        """The first records of a heap, in the order of writing."""
        what, period = _PERIODS[heap.level]
        same = "session = ?" if heap.level == "session" else "? = ''"
        return self._material(
            f"{what} AND {_holding()} AND {_UNUSED} AND {_HERE} AND {same} AND {period} = ?"
            " ORDER BY row LIMIT ?",
            [*_place(heap.scope), heap.session, heap.period, most],
        )

    def lessons(self) -> list[Material]:
        """Open lessons that a confirm proves, and those drawn from them; not those of one that was undone."""
        return self._material(
            f"kind <> 'episode' AND kind = 'reflection' AND {_holding()} AND (standing = 'confirmed' OR"
            f" {_MADE} <> '') AND NOT {_UNDONE} ORDER BY row",
            [],
        )

    def choices(self) -> list[Record]:
        """Open episodes that begin as a choice does, by when they happened."""
        rows = self._select(
            f"SELECT {GIVEN} FROM records WHERE substr(text, 1, 6) = 'chose ' AND kind = 'episode'"
            " AND closed = ? ORDER BY coalesce(happened, learned), row",
            [NO_END],
        )
        return [record_of(row) for row in rows]

    def derived(self, kind: str, *, undone: bool = False) -> list[Record]:
        """Records of a kind that jobs made, oldest first: the open ones, or those that others closed."""
        state = f"closed < ? AND NOT {_REPLACED}" if undone else "closed = ?"
        rows = self._select(
            f"SELECT {GIVEN} FROM records made WHERE kind <> 'episode' AND kind = ? AND {state}"
            f" AND {_MADE} <> '' ORDER BY row",
            [kind, NO_END],
        )
        return [record_of(row) for row in rows]

    def tried(self, least: int) -> list[Record]:
        """Open lessons and skills with at least so many outcomes, oldest first."""
        rows = self._select(
            f"SELECT {GIVEN} FROM records WHERE kind <> 'episode' AND kind IN ('reflection', 'skill')"
            " AND closed = ? AND length(outcomes) >= ? ORDER BY row",
            [NO_END, least],
        )
        return [record_of(row) for row in rows]

    def outcomes_without(self, lesson: Record) -> str:
        """How the check of a lesson came out lately where none was recalled.

        Counted are outcomes told of its check, of what its text begins with before a colon, and of no check.
        """
        names = ("", lesson.provenance.check, lesson.text.partition(":")[0])
        rows = self._select(
            f"SELECT outcomes FROM checks WHERE {_HERE} AND name IN (?, ?, ?)",
            [*_place(lesson.scope), *names],
        )
        return "".join(row[0] for row in rows)

    def unlinked(self, limit: int) -> list[Material]:
        """The next episodes that were not held against those before them."""
        return self._material(
            "row > coalesce((SELECT value FROM meta WHERE name = ?), 0) AND kind = 'episode'"
            " ORDER BY row LIMIT ?",
            [LINKED, limit],
        )

    def episodes_upto(self, scope: Scope, row: int, most: int) -> list[tuple[int, str, Vectors]]:
        """Row, text and vectors of the last open episodes of a scope, none behind `row`; oldest first."""
        dimension = self.state.dimension
        rows = self._select(
            f"SELECT row, text, vectors FROM records WHERE kind = 'episode' AND {_HERE} AND row <= ?"
            " AND closed = ? ORDER BY row DESC LIMIT ?",
            [*_place(scope), row, NO_END, most],
        )
        return [(each[0], each[1], unpacked(each[2], dimension)) for each in reversed(rows)]

    # What is written.

    def derive(self, draft: Draft, closing: str = "") -> bool:
        """Keep what a job made of its sources, and close the record that it takes the place of.

        False, and nothing is written, where that was overtaken: a source is gone, another record of this job
        names one of them, `closing` is closed already, or somebody remembers these words.

        Raises:
            UnprovenMemory: A source does not allow it; see `sources.py`.
        """
        record, digest = draft.record, draft.record.digest()
        sources = record.provenance.sources
        marks = ", ".join("?" * len(sources))
        with self._write() as cursor:
            here = cursor.execute(f"SELECT count(*) FROM records WHERE id IN ({marks})", sources).fetchone()[
                0
            ]
            taken = cursor.execute(
                f"SELECT 1 FROM sources JOIN records made ON row = record WHERE source IN ({marks})"
                f" AND kind = ? AND {_MADE} = ? AND NOT {_REPLACED} AND id <> ?",
                (*sources, record.kind, record.provenance.job, closing),
            ).fetchone()
            known = cursor.execute(
                "SELECT 1 FROM records WHERE digest = ? AND closed = ? AND id <> ?", (digest, NO_END, closing)
            ).fetchone()
            self._hold_embedder([draft])
            if here < len(set(sources)) or taken or known or (closing and not self._is_open(cursor, closing)):
                return False
            self._put(cursor, replace(draft, record=judged(cursor, record)), digest)
            if closing:
                self._update(
                    cursor,
                    self._one(cursor, closing),
                    "closed = ?, superseded_by = ?",
                    (microseconds(record.valid_from or record.learned), record.id),
                )
        return True

    def close_open(self, name: str, reason: str) -> bool:
        """Retract a record; False where it is closed already or gone."""
        with self._write() as cursor:
            if not self._is_open(cursor, name):
                return False
            self._update(
                cursor, self._one(cursor, name), "closed = ?, reason = ?", (microseconds(now()), reason)
            )
        return True

    def link(self, pairs: Sequence[tuple[int, int, float]], upto: int) -> int:
        """Link pairs of rows that say nearly the same, and remember up to where that was done; how many."""
        with self._write() as cursor:
            made = cursor.executemany(
                "INSERT OR IGNORE INTO links SELECT one.row, other.row, ?3 FROM records one, records other"
                " WHERE one.row = ?1 AND other.row = ?2",
                pairs,
            ).rowcount
            cursor.execute(
                "INSERT INTO meta VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                (LINKED, upto),
            )
        return max(made, 0)

    def unlink_episodes(self) -> int:
        """Take the links between episodes away; how many there were. They are not made again."""
        with self._write() as cursor:
            return cursor.execute(
                "DELETE FROM links WHERE one IN (SELECT row FROM records WHERE kind = 'episode')"
                " AND other IN (SELECT row FROM records WHERE kind = 'episode')"
            ).rowcount

    def undo(self, name: str, reason: str) -> list[str]:
        """Undo what a job did with one record, in one transaction; ids of what was changed.

        One that a job made is retracted, with all that was made of it, and what it took the place of is
        open again. One that a job closed for its outcomes is open again, and its outcomes count anew.

        Raises:
            UnknownRecord: There is no such record.
        """
        with self._write() as cursor:
            record = self._one(cursor, name)
            if record.reason.startswith(RETIRED):
                return [
                    self._update(cursor, each, "outcomes = ''", ()).id for each in self._back(cursor, [name])
                ]
            return self._retract_made(cursor, name, reason) if record.provenance.job else []

    def retired(self) -> list[str]:
        """Ids of the records that a job closed for their outcomes."""
        rows = self._select(
            "SELECT id FROM records WHERE kind <> 'episode' AND closed < ? AND reason LIKE ? ORDER BY row",
            [NO_END, f"{RETIRED}%"],
        )
        return [row[0] for row in rows]

    def tell_use(self, name: str, helped: bool, step: float) -> Record:
        """Add an outcome to a record, and move its importance a step of the way. Raises UnknownRecord."""
        with self._write() as cursor:
            return self._used(cursor, self._one(cursor, name), helped, step)

    def tell_check(self, scope: Scope, check: str, held: bool, recalled: Sequence[str], step: float) -> None:
        """Add an outcome to the lessons that were recalled for a check, or to the check where none was."""
        with self._write() as cursor:
            for name in dict.fromkeys(several("recalled", recalled)):
                if cursor.execute("SELECT 1 FROM records WHERE id = ?", (name,)).fetchone():
                    self._used(cursor, self._one(cursor, name), held, step)
            if not recalled:
                where = (*_place(scope), check)
                known = cursor.execute(
                    f"SELECT outcomes FROM checks WHERE {_HERE} AND name = ?", where
                ).fetchone()
                outcomes = _with(known[0] if known else "", held)
                cursor.execute(
                    "INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?)", (*where, outcomes)
                )

    # Inside.

    def _material(self, where: str, values: Sequence[str | int]) -> list[Material]:
        dimension = self.state.dimension
        rows = self._select(f"SELECT {GIVEN}, row, vectors FROM records WHERE {where}", values)
        return [Material(record_of(row[:-2]), row[-2], unpacked(row[-1], dimension)) for row in rows]

    def _used(self, cursor: sqlite3.Cursor, record: Record, helped: bool, step: float) -> Record:
        importance = record.importance + step * (float(helped) - record.importance)
        outcomes = _with(record.outcomes, helped)
        return self._update(cursor, record, "importance = ?, outcomes = ?", (importance, outcomes))

    def _is_open(self, cursor: sqlite3.Cursor, name: str) -> bool:
        found = cursor.execute("SELECT closed FROM records WHERE id = ?", (name,)).fetchone()
        return found is not None and found[0] == NO_END

    def _retract_made(self, cursor: sqlite3.Cursor, name: str, reason: str) -> list[str]:
        """Retract a made record and all that was made of it; open what they took the place of."""
        changed: list[str] = []
        if self._is_open(cursor, name):
            self._update(
                cursor, self._one(cursor, name), "closed = ?, reason = ?", (microseconds(now()), reason)
            )
            changed.append(name)
            before = cursor.execute(
                "SELECT id FROM records WHERE superseded_by = ?1 AND reason = ''"
                " AND row < (SELECT row FROM records WHERE id = ?1)",
                (name,),
            ).fetchall()
            changed += [each.id for each in self._back(cursor, [each[0] for each in before])]
        for (above,) in cursor.execute(
            f"SELECT id FROM sources JOIN records ON row = record WHERE source = ? AND {_MADE} <> ''", (name,)
        ).fetchall():
            changed += self._retract_made(cursor, above, reason)
        return changed

    def _back(self, cursor: sqlite3.Cursor, names: Sequence[str]) -> list[Record]:
        """Open records again in whose place nothing holds; those that were opened."""
        at, clock = microseconds(now()), self._held.clock
        closed = [self._one(cursor, name) for name in names]
        free = [each for each in closed if in_place_of(cursor, each, at, clock) is None]
        return [self._reopen(cursor, each) for each in free]


def _holding() -> str:
    return f"closed = {NO_END} AND until > {microseconds(now())}"


def _with(outcomes: str, good: bool) -> str:
    return (outcomes + ("+" if good else "-"))[-MOST_OUTCOMES:]


def _place(scope: Scope) -> tuple[str, ...]:
    return (scope.tenant, *(getattr(scope, level) for level in OWNERS), scope.key)


def _scope(row: Sequence[Any]) -> Scope:
    return Scope.model_construct(tenant=row[0], user=row[1], agent=row[2], run=row[3], key=row[4])
