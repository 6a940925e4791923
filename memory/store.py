"""The record of truth: one SQLite file with the records, their proofs, their words (FTS5) and vectors.

WAL mode, `synchronous=FULL`: what `add` returned is still there after SIGKILL or power loss. Any number
of processes may use one file; every write is one transaction. The file is readable by its owner only.

Covers erasure: `erase` rewrites the file without the deleted text, words and vectors. Does not cover:
copies made by a file system's snapshots or backups, and blocks of the disk that the file gave back.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .embedder import Vectors
from .errors import (
    AlreadySuperseded,
    DuplicateRecord,
    EmbedderMismatch,
    ForgetIncomplete,
    StoreUnusable,
    StoreVersion,
    UnknownRecord,
)
from .records import Filter, Provenance, Record, Scope

FORMAT = 1
BUSY_SECONDS = 30.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_END = 2**62  # microseconds; later than any moment that datetime can hold

SCHEMA = """
CREATE TABLE records (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    level TEXT NOT NULL,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    provenance TEXT NOT NULL,
    trust TEXT NOT NULL,
    happened INTEGER,
    learned INTEGER NOT NULL,
    until INTEGER NOT NULL,
    superseded_by TEXT,
    digest TEXT NOT NULL,
    vector BLOB NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX records_by_scope ON records (level, owner, key);
CREATE INDEX records_by_digest ON records (digest);
CREATE INDEX records_by_change ON records (changed);
CREATE TABLE proofs (
    record INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
    proof TEXT NOT NULL
);
CREATE INDEX proofs_by_record ON proofs (record);
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (
    text, content='records', content_rowid='row', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_in AFTER INSERT ON records BEGIN
    INSERT INTO words (rowid, text) VALUES (new.row, new.text);
END;
CREATE TRIGGER words_out AFTER DELETE ON records BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.row, old.text);
END;
"""

GIVEN = "id, kind, text, level, owner, key, provenance, trust, happened, learned, until"
FIELDS = f"{GIVEN}, superseded_by"
WRITTEN = f"{GIVEN}, digest, vector, changed"
SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
    "temp_store=MEMORY",
)


@dataclass(frozen=True)
class Stored:
    """A record with its vector, (dimension,) float32 of length 1, and the number of its last change."""

    record: Record
    vector: Vectors
    change: int


class Store:
    """One open SQLite file. Safe to share between threads; every call blocks."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `Store.open`."""
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open the file, or make it.

        Raises:
            StoreVersion: Another format.
            StoreUnusable: Not a database, no permission, disk full.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            with _only_process(path.with_suffix(".lock")):
                connection = sqlite3.connect(
                    path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
                )
                _prepare(connection, path)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnusable(path, str(error)) from error
        return cls(path, connection)

    def close(self) -> None:
        """Close the file. May be called again."""
        with self._lock:
            self._connection.close()

    # What identifies this file and its state, for whoever derives an index from it.

    @property
    def identity(self) -> str:
        """Random name given to this file when it was made."""
        return str(self._meta("identity"))

    @property
    def changes(self) -> int:
        """Grows with every record that was added or closed."""
        return int(self._meta("changes"))

    @property
    def generation(self) -> int:
        """Grows whenever a derived index has to be thrown away: records were erased, or rebuilt."""
        return int(self._meta("generation"))

    def start_generation(self) -> None:
        """Tell every derived index, in every process, to start over."""
        with self._write():
            self._increase("generation")

    def require_embedder(self, name: str) -> None:
        """Bind the file to one embedder, once.

        Raises:
            EmbedderMismatch: It is bound to another.
        """
        with self._write() as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES ('embedder', ?)", (name,))
        stored = str(self._meta("embedder"))
        if stored != name:
            raise EmbedderMismatch(stored, name)

    # Writing.

    def add(self, record: Record, vector: Vectors, proof: str) -> Record:
        """Keep a record, its vector and what proves it, in one transaction.

        Words that are already known (same kind and scope, still valid) are not kept twice: the proof
        is added to the record that has them, and that record is returned.

        Raises:
            DuplicateRecord: The id is taken by a record that says something else, or is closed.
        """
        with self._write() as cursor:
            return self._insert(cursor, record, vector, proof)

    def supersede(self, old: str, record: Record, vector: Vectors, proof: str) -> Record:
        """Add `record` and close `old` in its favour, in one transaction.

        Raises:
            UnknownRecord: `old` is not here.
            AlreadySuperseded: `old` was closed in favour of another.
            DuplicateRecord: See `add`.
        """
        with self._write() as cursor:
            found = cursor.execute("SELECT superseded_by FROM records WHERE id = ?", (old,)).fetchone()
            if found is None:
                raise UnknownRecord(old)
            if found[0] is not None:
                raise AlreadySuperseded(old, found[0])
            kept = self._insert(cursor, record, vector, proof)
            if kept.id == old:
                return kept
            cursor.execute(
                "UPDATE records SET until = min(until, ?), superseded_by = ?, changed = ? WHERE id = ?",
                (microseconds(record.learned), kept.id, self._increase("changes"), old),
            )
        return kept

    def revector(self, embedder: str, vectors: dict[str, Vectors]) -> None:
        """Replace the vectors of these record ids and bind the file to `embedder`."""
        with self._write() as cursor:
            change = self._increase("changes")
            cursor.executemany(
                "UPDATE records SET vector = ?, changed = ? WHERE id = ?",
                [(_packed(vector), change, name) for name, vector in vectors.items()],
            )
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (embedder,))
            self._increase("generation")

    def erase(self, target: Scope | str) -> int:
        """Delete a record by id, or all records of a scope, so that no file holds their bytes.

        A scope with a key erases exactly that key; without one, everything of that owner.

        Returns:
            How many records were deleted.

        Raises:
            ForgetIncomplete: Deleted, but others use the file or the disk is full: bytes may be left in it.
        """
        where, values = ("id = ?", [target]) if isinstance(target, str) else _owned_by(target)
        with self._write() as cursor:
            doomed = f"SELECT id FROM records WHERE {where}"
            cursor.execute(
                f"UPDATE records SET superseded_by = NULL WHERE superseded_by IN ({doomed})", values
            )
            gone = cursor.execute(f"DELETE FROM records WHERE {where}", values).rowcount
            if gone:
                # FTS5 only marks deleted words; building its index anew is what drops them.
                cursor.execute("INSERT INTO words (words) VALUES ('rebuild')")
                self._increase("generation")
        self._scrub()
        return gone

    # Reading.

    def get(self, name: str) -> Record:
        """The record with this id. Raises UnknownRecord."""
        found = self._select(f"SELECT {FIELDS} FROM records WHERE id = ?", [name])
        if not found:
            raise UnknownRecord(name)
        return _record(found[0])

    def proofs(self, name: str) -> list[str]:
        """What proves a record, oldest first, as it was given to `add`."""
        rows = self._select(
            "SELECT proof FROM proofs JOIN records ON row = record WHERE id = ? ORDER BY proofs.rowid", [name]
        )
        return [row[0] for row in rows]

    def records(self, admitted: Filter) -> list[Record]:
        """All that the filter admits, oldest first."""
        where, values = _condition(admitted)
        rows = self._select(f"SELECT {FIELDS} FROM records WHERE {where} ORDER BY row", values)
        return [_record(row) for row in rows]

    def count(self) -> int:
        """How many records there are, closed ones included."""
        return int(self._select("SELECT count(*) FROM records", [])[0][0])

    def changed_after(self, change: int) -> list[Stored]:
        """Records added or closed after the `change`-th change, closed ones included."""
        return self._stored("changed > ? ORDER BY changed", [change])

    def vectors(self, admitted: Filter) -> tuple[list[str], Vectors]:
        """Ids and vectors, (count, dimension), of all that the filter admits."""
        where, values = _condition(admitted)
        rows = self._select(f"SELECT id, vector FROM records WHERE {where}", values)
        matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float16).astype(np.float32)
        return [row[0] for row in rows], matrix.reshape(len(rows), -1) if rows else matrix.reshape(0, 0)

    def pick(self, names: Sequence[str], admitted: Filter) -> list[Stored]:
        """Those of `names` that exist and that the filter admits, in no particular order."""
        where, values = _condition(admitted)
        marks = ", ".join("?" * len(names))
        return self._stored(f"id IN ({marks}) AND {where}", [*names, *values])

    def best_by_words(self, match: str, admitted: Filter, limit: int) -> list[str]:
        """Ids of the records that match the FTS5 expression, best BM25 first."""
        where, values = _condition(admitted)
        rows = self._select(
            "SELECT id FROM words JOIN records ON row = words.rowid "
            f"WHERE words MATCH ? AND {where} ORDER BY bm25(words) LIMIT ?",
            [match, *values, limit],
        )
        return [row[0] for row in rows]

    def word_scores(self, match: str, names: Sequence[str]) -> dict[str, float]:
        """BM25 (0 upwards, higher is better) of those of `names` that match the FTS5 expression."""
        marks = ", ".join("?" * len(names))
        rows = self._select(
            "SELECT id, -bm25(words) FROM words JOIN records ON row = words.rowid "
            f"WHERE words MATCH ? AND id IN ({marks})",
            [match, *names],
        )
        return {row[0]: float(row[1]) for row in rows}

    # Inside.

    def _stored(self, where: str, values: Sequence[str | int]) -> list[Stored]:
        rows = self._select(f"SELECT {FIELDS}, vector, changed FROM records WHERE {where}", values)
        return [Stored(_record(row[:-2]), _unpacked(row[-2]), row[-1]) for row in rows]

    def _insert(self, cursor: sqlite3.Cursor, record: Record, vector: Vectors, proof: str) -> Record:
        digest = record.digest()
        known = cursor.execute(
            "SELECT row FROM records WHERE digest = ? AND until > ?", (digest, microseconds(record.learned))
        ).fetchone()
        if known is None:
            if cursor.execute("SELECT 1 FROM records WHERE id = ?", (record.id,)).fetchone():
                raise DuplicateRecord(record.id)
            cursor.execute(
                f"INSERT INTO records ({WRITTEN}) VALUES ({', '.join('?' * len(WRITTEN.split(', ')))})",
                (*_row(record), digest, _packed(vector), self._increase("changes")),
            )
        row = cursor.lastrowid if known is None else known[0]
        cursor.execute(
            "INSERT INTO proofs SELECT ?1, ?2"
            " WHERE NOT EXISTS (SELECT 1 FROM proofs WHERE record = ?1 AND proof = ?2)",
            (row, proof),
        )
        return _record(cursor.execute(f"SELECT {FIELDS} FROM records WHERE row = ?", (row,)).fetchone())

    def _scrub(self) -> None:
        """Rewrite the file from its living content and empty the log."""
        with self._guard() as cursor:
            try:
                cursor.execute("VACUUM")
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                raise ForgetIncomplete(str(self.path), str(error)) from error
        if busy:
            raise ForgetIncomplete(f"{self.path}-wal", "another process is reading it")

    def _meta(self, name: str) -> str | int:
        return self._select("SELECT value FROM meta WHERE name = ?", [name])[0][0]

    def _increase(self, name: str) -> int:
        query = "UPDATE meta SET value = value + 1 WHERE name = ? RETURNING value"
        return int(self._connection.execute(query, (name,)).fetchone()[0])

    def _select(self, query: str, values: Sequence[str | int]) -> list[Any]:
        with self._guard() as cursor:
            return cursor.execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Cursor, None, None]:
        with self._guard() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    @contextmanager
    def _guard(self) -> Generator[sqlite3.Cursor, None, None]:
        with self._lock:
            try:
                yield self._connection.cursor()
            except sqlite3.Error as error:
                raise StoreUnusable(self.path, str(error)) from error


@contextmanager
def _only_process(path: Path) -> Generator[None, None, None]:
    """Hold a lock file: two processes that make the same file at once would trip over each other."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up, and make the tables in a new file."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found not in (0, FORMAT):
        connection.close()
        raise StoreVersion(path, found, FORMAT)
    for setting in SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    if found == FORMAT:
        return
    identity = secrets.token_hex(8)
    connection.executescript(
        f"BEGIN IMMEDIATE; {SCHEMA}"
        f"INSERT INTO meta VALUES ('identity', '{identity}'), ('changes', 0), ('generation', 0);"
        f"PRAGMA user_version = {FORMAT}; COMMIT;"
    )


def _condition(admitted: Filter) -> tuple[str, list[str | int]]:
    """A filter as SQL and its values."""
    parts, values = ["1"], list[str | int]()
    if admitted.kinds is not None:
        parts.append(f"kind IN ({', '.join('?' * len(admitted.kinds))})")
        values += sorted(admitted.kinds)
    if admitted.scopes is not None:
        either = list[str]()
        for scope in admitted.scopes:
            either.append("(level = ? AND owner = ?" + (" AND key IN ('', ?))" if scope.key else ")"))
            values += [scope.level, scope.owner, *([scope.key] if scope.key else [])]
        parts.append(f"({' OR '.join(either) or '0'})")
    if admitted.at is not None:
        parts.append("until > ?")
        values.append(microseconds(admitted.at))
    return " AND ".join(parts), values


def _owned_by(scope: Scope) -> tuple[str, list[str]]:
    """What belongs to a scope itself, as SQL and its values: unlike a filter, a key means just that key."""
    where, values = "level = ? AND owner = ?", [scope.level, scope.owner]
    return (f"{where} AND key = ?", [*values, scope.key]) if scope.key else (where, values)


def _row(record: Record) -> tuple[str | int | None, ...]:
    scope = record.scope
    return (
        record.id,
        record.kind,
        record.text,
        scope.level,
        scope.owner,
        scope.key,
        record.provenance.model_dump_json(),
        record.trust,
        None if record.happened is None else microseconds(record.happened),
        microseconds(record.learned),
        until_of(record),
    )


def _record(row: Sequence[Any]) -> Record:
    name, kind, text, level, owner, key, provenance, trust, happened, learned, until, superseded_by = row
    return Record(
        id=name,
        kind=kind,
        text=text,
        scope=Scope(level=level, owner=owner, key=key),
        provenance=Provenance.model_validate_json(provenance),
        trust=trust,
        happened=None if happened is None else _moment(happened),
        learned=_moment(learned),
        valid_until=None if until == NO_END else _moment(until),
        superseded_by=superseded_by,
    )


def _packed(vector: Vectors) -> bytes:
    return vector.astype(np.float16).tobytes()


def _unpacked(blob: bytes) -> Vectors:
    return np.frombuffer(blob, dtype=np.float16).astype(np.float32)


def microseconds(moment: datetime) -> int:
    """A moment as it is stored: whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def until_of(record: Record) -> int:
    """The end of a record's validity as it is stored; `NO_END` where it has none."""
    return NO_END if record.valid_until is None else microseconds(record.valid_until)


def _moment(stored: int) -> datetime:
    return EPOCH + timedelta(microseconds=stored)
