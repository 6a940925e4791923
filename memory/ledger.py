"""One open SQLite file: how it is read, and what of it others derive something from.

Any number of processes may use one file. Each write is one transaction; see `store.py`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from .embedder import Vectors
from .errors import EmbedderMismatch, UnknownRecord
from .lexicon import Lexicon
from .lines import LINE
from .records import Filter, Owner, Record, Scope
from .rows import (
    ALL_GIVEN,
    GIVEN,
    HELD,
    LONGEST_TERM,
    RANKED,
    condition,
    doomed_by,
    owned_by,
    ranked_of,
    record_of,
    unpacked,
)
from .schema import NO_END
from .shelf import Row


@dataclass(frozen=True)
class Change:
    """What a derived index must know of a record that was added, closed or opened again."""

    id: str
    kind: str
    scope: Scope
    since: int
    until: int
    vectors: Vectors
    change: int
    trust: str
    happened: int | None


@dataclass(frozen=True)
class Trials:
    """How a check came out lately where no lesson was recalled for it.

    Attributes:
        outcomes: `+` it held, `-` it did not, newest last.
    """

    scope: Scope
    check: str
    outcomes: str


EVERYTHING = Filter()
SERVER = "server "
"""What the name of a server begins with in `meta`."""


class Ledger(Lexicon):
    """One open SQLite file, read. Safe to share between threads; every call blocks."""

    # What identifies this file and its state, for whoever derives something from it.

    @property
    def identity(self) -> str:
        """Random name given to this file when it was made."""
        return str(self._select("SELECT value FROM meta WHERE name = 'identity'", [])[0][0])

    def note_server(self, address: str) -> bool:
        """Keep in mind that vectors go to a Chroma server, whose files nobody sees; whether that is new."""
        if address in self.servers():
            return False
        with self._write() as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (f"{SERVER}{address}",))
        return True

    def servers(self) -> list[str]:
        """Addresses of the Chroma servers that vectors ever went to."""
        rows = self._select(
            "SELECT substr(name, ?) FROM meta WHERE name GLOB ?", [len(SERVER) + 1, f"{SERVER}*"]
        )
        return [row[0] for row in rows]

    def bind(self, embedder: str, dimension: int) -> None:
        """Bind the file to one embedder, once.

        Raises:
            EmbedderMismatch: It is bound to another, or to another dimension.
        """
        state = self.state
        if not state.embedder or not state.dimension:
            with self._write() as cursor:
                new = (("embedder", embedder), ("dimension", dimension))
                cursor.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", new)
            state = self.state
        if state.embedder != embedder:
            raise EmbedderMismatch(state.embedder, embedder)
        if state.dimension != dimension:
            stored = f"{embedder} in {state.dimension} dimensions"
            raise EmbedderMismatch(stored, f"{embedder} in {dimension}")

    # Reading.

    def get(self, name: str) -> Record:
        """The record with this id. Raises UnknownRecord."""
        with self._guard() as cursor:
            return self._one(cursor, name)

    def proofs(self, name: str) -> list[str]:
        """What proves a record, oldest first, as it was given to `add`."""
        rows = self._select(
            "SELECT proof FROM proofs JOIN records ON row = record WHERE id = ? ORDER BY proofs.rowid", [name]
        )
        return [row[0] for row in rows]

    def history(self, name: str) -> list[Record]:
        """A record with all that it replaced and all that replaced it, oldest first. Raises UnknownRecord."""
        self.get(name)
        rows = self._select(
            f"SELECT {GIVEN} FROM records WHERE id IN ({LINE}) ORDER BY row",
            [name],
        )
        return [record_of(row) for row in rows]

    def near(self, name: str) -> list[tuple[str, float]]:
        """Ids of the records that say nearly the same, with their cosine, nearest first."""
        return self._select(
            "SELECT other.id, cosine FROM records mine"
            " JOIN links ON mine.row IN (one, other) JOIN records other"
            " ON other.row = iif(one = mine.row, links.other, one) WHERE mine.id = ? ORDER BY cosine DESC",
            [name],
        )

    def linked(self, name: str) -> list[tuple[str, float]]:
        """Ids of the records that it was linked to when it was written, with their cosine."""
        return self._select(
            "SELECT other.id, cosine FROM records mine JOIN links ON one = mine.row"
            " JOIN records other ON other.row = links.other WHERE mine.id = ? ORDER BY other.row",
            [name],
        )

    def derived_from(self, name: str) -> list[str]:
        """Ids of the records that name this one as a source, oldest first."""
        rows = self._select(
            "SELECT id FROM sources JOIN records ON row = record WHERE source = ? ORDER BY row", [name]
        )
        return [row[0] for row in rows]

    def sum_up(self, names: Sequence[str]) -> set[str]:
        """Ids of the summaries of these records, of summaries of those, and so on."""
        above = (
            "JOIN sources ON source = {} JOIN records ON records.row = sources.record WHERE kind = 'summary'"
        )
        rows = self._select(
            f"WITH RECURSIVE above (id) AS (SELECT records.id FROM json_each(?) {above.format('value')}"
            f" UNION SELECT records.id FROM above {above.format('above.id')}) SELECT id FROM above",
            [json.dumps(list(names))],
        )
        return {row[0] for row in rows}

    def records(self, admitted: Filter) -> list[Record]:
        """All that the filter admits, oldest first."""
        where, values = condition(admitted)
        rows = self._select(f"SELECT {GIVEN} FROM records WHERE {where} ORDER BY row", values)
        return [record_of(row) for row in rows]

    def owned(self, scope: Scope | None, across: frozenset[Owner]) -> list[tuple[Record, list[str], bytes]]:
        """Records with their proofs and packed vectors, oldest first; None: every record of everybody."""
        where, values = ("1", []) if scope is None else owned_by(scope, across)
        rows = self._select(f"SELECT {GIVEN}, vectors FROM records WHERE {where} ORDER BY row", values)
        return [(record_of(row[:-1]), self.proofs(row[0]), row[-1]) for row in rows]

    def trials(self, scope: Scope | None, across: frozenset[Owner]) -> list[Trials]:
        """The outcomes of checks, in the order of their names; None: those of everybody."""
        where, values = ("1", []) if scope is None else owned_by(scope, across)
        rows = self._select(
            f"SELECT tenant, user, agent, run, key, name, outcomes FROM checks WHERE {where}"
            " ORDER BY tenant, user, agent, run, key, name",
            values,
        )
        names = ("tenant", "user", "agent", "run", "key")
        return [
            Trials(Scope.model_construct(**dict(zip(names, row[:5], strict=True))), *row[5:]) for row in rows
        ]

    def doomed(self, target: Scope | str, across: frozenset[Owner]) -> list[Record]:
        """What `Store.erase` would delete, oldest first."""
        query, values = doomed_by(target, across, ALL_GIVEN)
        return [record_of(row) for row in self._select(query, values)]

    def ids(self) -> list[str]:
        """Ids of all records, oldest first."""
        return [row[0] for row in self._select("SELECT id FROM records ORDER BY row", [])]

    def count(self, admitted: Filter = EVERYTHING, most: int = -1) -> int:
        """How many records the filter admits; counting stops at `most`."""
        where, values = condition(admitted)
        query = f"SELECT count(*) FROM (SELECT 1 FROM records WHERE {where} LIMIT ?)"
        return int(self._select(query, [*values, most])[0][0])

    def written(self) -> int:
        """How many records were ever written, about; known without counting."""
        return int(self._select("SELECT coalesce(max(row), 0) FROM records", [])[0][0])

    def count_pieces(self) -> int:
        """How many vectors there are, those of closed records included."""
        size = 2 * max(self.state.dimension, 1)
        return int(self._select("SELECT coalesce(sum(length(vectors)), 0) FROM records", [])[0][0]) // size

    def counts(self) -> list[tuple[str, str, str, str, str, int]]:
        """How many open records there are: tenant, user, agent, run, kind, number."""
        return self._select(
            "SELECT tenant, user, agent, run, kind, count(*) FROM records WHERE closed = ?"
            " GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC",
            [NO_END],
        )

    def changed_after(self, change: int) -> list[Change]:
        """Records that were added or touched after the `change`-th change, closed ones included."""
        dimension = self.state.dimension
        rows = self._select(
            "SELECT id, kind, tenant, user, agent, run, key, coalesce(since, learned), min(until, closed),"
            " vectors, changed, trust, happened FROM records WHERE changed > ? ORDER BY changed",
            [change],
        )
        return [
            Change(
                row[0],
                row[1],
                Scope.model_construct(tenant=row[2], user=row[3], agent=row[4], run=row[5], key=row[6]),
                row[7],
                row[8],
                unpacked(row[9], dimension),
                row[10],
                row[11],
                row[12],
            )
            for row in rows
        ]

    def rows(self, admitted: Filter, after: int = 0) -> list[Row]:
        """What ranking looks at, of what the filter admits and what changed since the `after`-th change."""
        where, values = condition(admitted)
        of = "records INDEXED BY records_by_change" if after else "records"  # not every row of the owner
        return self._rows(f"changed > ? AND {where} ORDER BY row", [after, *values], of)

    def candidates(self, names: Sequence[str], admitted: Filter) -> list[Row]:
        """What ranking looks at, of `names` and their neighbours in a session that the filter admits."""
        where, values = condition(admitted)
        wanted = "SELECT value FROM json_each(?)"
        of_session = (
            "SELECT b.row FROM records b WHERE b.session = a.session AND b.session <> ''"
            " AND b.tenant = a.tenant AND b.user = a.user AND b.agent = a.agent AND b.run = a.run"
        )
        beside = " UNION ".join(
            f"SELECT ({of_session} AND b.row {side} a.row ORDER BY b.row {order} LIMIT 1 OFFSET {place})"
            f" FROM records a WHERE a.id IN ({wanted})"
            for side, order, place in (("<", "DESC", 0), ("<", "DESC", 1), (">", "ASC", 0), (">", "ASC", 1))
        )
        return self._rows(
            f"(id IN ({wanted}) OR row IN ({beside})) AND {where} ORDER BY row",
            [*[json.dumps(list(names))] * 5, *values],
        )

    def few(self, admitted: Filter, most: int) -> list[str] | None:
        """Ids of all that the filter admits, oldest first; None where they are more than `most`."""
        where, values = condition(admitted)
        rows = self._select(f"SELECT id FROM records WHERE {where} ORDER BY row LIMIT ?", [*values, most + 1])
        return [row[0] for row in rows] if len(rows) <= most else None

    def admitted(self, names: Sequence[str], admitted: Filter) -> list[str]:
        """Those of `names` that the filter admits, in their order."""
        where, values = condition(admitted)
        rows = self._select(
            f"SELECT id FROM records WHERE id IN (SELECT value FROM json_each(?)) AND {where}",
            [json.dumps(list(names)), *values],
        )
        here = {row[0] for row in rows}
        return [name for name in names if name in here]

    def picked(self, names: Sequence[str]) -> dict[str, Record]:
        """Those of `names` that are here, by id."""
        marks = ", ".join("?" * len(names))
        rows = self._select(f"SELECT {GIVEN} FROM records WHERE id IN ({marks})", names)
        return {row[0]: record_of(row) for row in rows}

    def living_with(self, stem: str) -> int:
        """In how many records a stem occurs, read from the records themselves; see `LONGEST_TERM`."""
        term = f" {stem} ".encode()[: 1 + LONGEST_TERM]
        found = self._select(
            "SELECT count(*) FROM records WHERE instr(CAST(' ' || terms || ' ' AS BLOB), ?)", [term]
        )
        return int(found[0][0])

    def holds(self, part: str | bytes) -> bool:
        """Whether a living record, a proof or a check has these words in it, or its vectors these bytes."""
        query = HELD if isinstance(part, str) else "SELECT 1 FROM records WHERE instr(vectors, ?1)"
        return bool(self._select(f"{query} LIMIT 1", [part]))

    def faults(self) -> list[str]:
        """What is wrong with the file itself, each with what to do; nothing is changed."""
        found = [
            f"{self.path}: {row[0]}. Restore it from an export or a copy."
            for row in self._select("PRAGMA integrity_check", [])
            if row[0] != "ok" and "FTS5" not in row[0]  # of which later versions of SQLite tell here, too
        ]
        return found + self.faults_of_words()

    # Inside.

    def _rows(self, where: str, values: Sequence[str | int], of: str = "records") -> list[Row]:
        dimension = self.state.dimension
        rows = self._select(f"SELECT {RANKED} FROM {of} WHERE {where}", values)
        return [ranked_of(row, dimension) for row in rows]

    def _one(self, cursor: sqlite3.Cursor, name: str) -> Record:
        row = cursor.execute(f"SELECT {GIVEN} FROM records WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise UnknownRecord(name)
        return record_of(row)
