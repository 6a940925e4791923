"""The record of truth: one SQLite file with the records, their proofs and sources, their words and vectors.

WAL mode, `synchronous=FULL`: what `add` returned is still there after SIGKILL or power loss. Any number
of processes may use one file; every write is one transaction. The file is readable by its owner only.

Covers erasure: `erase` rewrites the file without the deleted text, words and vectors. Does not cover:
copies made by a file system's snapshots or backups, and blocks of the disk that the file gave back.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from .embedder import Vectors
from .errors import (
    AlreadyClosed,
    AlreadySuperseded,
    DuplicateRecord,
    EmbedderMismatch,
    ForgetIncomplete,
    PlaceTaken,
    UnfitCorrection,
    cause_of,
)
from .ledger import Ledger, Trials
from .lexicon import MOST_UNWORDED
from .lines import LINE, in_place_of, is_overtaken, replaced_by
from .records import OWNERS, Filter, Owner, Record, Scope, now
from .rows import (
    ALL_GIVEN,
    GIVEN,
    WRITTEN,
    condition,
    doomed_by,
    end_of,
    microseconds,
    owned_by,
    packed,
    record_of,
    values_of,
)
from .schema import NO_END, backups, open_file
from .sources import judged, taken_in

WORD = re.compile(r"\w+|[-−](?<!\w.)(?=\d)|[$%‰°¢-¥฿₠-⃀]")
"""A word, or a sign that makes another number of one: of money, of a share, of a degree, a minus."""

MOST_QUOTED = 64
"""Stems of a text that is looked for inside of others; a longer one is compared as a whole by its digest."""

LEAST_QUOTED = 3
"""Words from which on a text inside of another one counts as taken from it."""


_INSERT = f"INSERT INTO records ({WRITTEN}) VALUES ({', '.join('?' * len(WRITTEN.split(', ')))})"
_LINK = "INSERT OR IGNORE INTO links SELECT ?, row, ? FROM records WHERE id = ?"


@dataclass(frozen=True)
class Draft:
    """A record that is ready to be written.

    Attributes:
        proofs: As `gate.admit` gave them.
        terms: Stems of its text.
        vectors: (pieces, dimension) float32, each row of length 1.
        embedder: Name of what made them.
        near: Records that say nearly the same, with their cosine.
    """

    record: Record
    proofs: tuple[str, ...]
    terms: str
    vectors: Vectors
    embedder: str
    near: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Gone:
    """A record that was erased: what must be found in no file any more."""

    id: str
    text: str
    terms: str
    digest: str
    vectors: bytes


class Store(Ledger):
    """The ledger, written to. Safe to share between threads; every call blocks."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, make it, or carry it forward from an older format.

        Raises:
            StoreVersion: A later format.
            StoreUnusable: Not a database, no permission, disk full.
        """
        return cls(path, open_file(path, _redigest))

    def add(self, drafts: Sequence[Draft]) -> list[Record]:
        """Keep records with their vectors, words and proofs, all in one transaction.

        Words that are already known (same kind, scope and speaker, still open, and not set to close before
        these end) are not kept twice: the record that has them is returned, seen once more, with the proof
        added. A derived record that only
        repeats what another derived one says where it can be seen is that other one: it was recalled.

        Raises:
            DuplicateRecord: The id is taken by a record that says something else, or is closed.
            UnknownRecord: A source is not here.
            UnprovenMemory: It is derived, and a source does not allow it; see `sources.py`.
            EmbedderMismatch: The file has gone over to another embedder meanwhile.
        """
        with self._write() as cursor:
            self._hold_embedder(drafts)
            return [self._insert(cursor, draft) for draft in drafts]

    def supersede(self, old: str, draft: Draft) -> Record:
        """Add a record and close `old` in its favour, in one transaction.

        Raises:
            UnknownRecord: `old` is not here.
            AlreadySuperseded: `old` was closed in favour of another.
            UnfitCorrection: Of another kind or owner, over, or unproven where the old one was confirmed.
            DuplicateRecord, UnprovenMemory, EmbedderMismatch: See `add`.
        """
        record = draft.record
        with self._write() as cursor:
            self._hold_embedder([draft])
            before = self._one(cursor, old)
            if before.superseded_by is not None:
                raise AlreadySuperseded(old, before.superseded_by)
            _hold_correction(before, record)
            kept = self._insert(cursor, draft, correcting=old)
            if kept.id == old:
                return kept
            cursor.execute(
                "UPDATE records SET closed = min(closed, ?), superseded_by = ?, changed = ? WHERE id = ?",
                (
                    microseconds(record.valid_from or record.learned),
                    kept.id,
                    self._next_change(),
                    old,
                ),
            )
        return kept

    def take_in(self, drafts: Sequence[Draft], trials: Sequence[Trials] = (), clock: int = 0) -> int:
        """Write records of another store as they are, all in one transaction; how many were not here yet.

        One that is here stays as it is, except that it is closed if it was closed there, and that one is open
        again which was restored there in its place. A check whose
        outcomes are known here keeps them: nobody can tell which of the others it has counted already.

        Args:
            clock: When the last of them was learned or closed, by the clock there.

        Raises:
            DuplicateRecord: An id is taken by a record that says something else.
            UnknownRecord, UnprovenMemory: A derived one has a source that is nowhere, or does not allow it.
            EmbedderMismatch: See `add`.
        """
        new = 0
        with self._write() as cursor:
            self._hold_embedder(drafts)
            for draft in drafts:
                row = cursor.execute("SELECT digest FROM records WHERE id = ?", (draft.record.id,)).fetchone()
                digest = draft.record.digest()
                if row is None:
                    self._put(cursor, replace(draft, record=taken_in(cursor, draft.record)), digest)
                    new += 1
                elif row[0] != digest:
                    raise DuplicateRecord(draft.record.id)
                elif draft.record.closed is not None:
                    self._close_as(cursor, draft.record)
            self._restore_as(cursor, [draft.record for draft in drafts])
            _keep_trials(cursor, trials)
            cursor.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'clock'", (clock,))
        return new

    def retract(self, name: str, reason: str, at: datetime) -> Record:
        """Close a record without a successor. Raises UnknownRecord, AlreadyClosed."""
        with self._write() as cursor:
            record = self._one(cursor, name)
            if record.closed is not None and record.closed <= at:
                raise AlreadyClosed(name, "closed")
            return self._update(cursor, record, "closed = ?, reason = ?", (microseconds(at), reason))

    def restore(self, name: str, at: datetime) -> Record:
        """Open a closed record again; it takes the place of what had taken its own.

        Raises:
            UnknownRecord, AlreadyClosed: It is not here, or open.
            PlaceTaken: One that replaced it, or that has the same words, holds.
        """
        with self._write() as cursor:
            record = self._one(cursor, name)
            if record.closed is None:
                raise AlreadyClosed(name, "open")
            if (holding := in_place_of(cursor, record, microseconds(at), self._held.clock)) is not None:
                raise PlaceTaken(name, holding)
            return self._reopen(cursor, record)

    def written_after(self, row: int) -> tuple[int, int]:
        """How many records are behind a row, and the row of the last of them; 0 where there is none."""
        return self._select("SELECT count(*), coalesce(max(row), 0) FROM records WHERE row > ?", [row])[0]

    def after(self, row: int, most: int = -1) -> list[tuple[int, Record]]:
        """The first records behind a row, each with its own, oldest first."""
        query = f"SELECT row, {GIVEN} FROM records WHERE row > ? ORDER BY row LIMIT ?"
        return [(each[0], record_of(each[1:])) for each in self._select(query, [row, most])]

    def revector(
        self,
        embedder: str,
        vectors: Mapping[str, Vectors],
        upto: int,
        embed: Callable[[Sequence[tuple[int, Record]]], None],
    ) -> None:
        """Replace all vectors and bind the file to `embedder`.

        Args:
            vectors: Of records, by id; those that were forgotten meanwhile are passed over.
            upto: The last row that they are of.
            embed: Adds those of records behind it, while nobody else can write.
        """
        with self._write() as cursor:
            embed(self.after(upto))
            change = self._next_change()
            cursor.executemany(
                "UPDATE records SET vectors = ?, changed = ? WHERE id = ?",
                [(packed(each), change, name) for name, each in vectors.items()],
            )
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (embedder,))
            cursor.execute("DELETE FROM meta WHERE name = 'dimension'")
            if vectors and cursor.execute("SELECT 1 FROM records LIMIT 1").fetchone():
                dimension = next(iter(vectors.values())).shape[1]
                cursor.execute("INSERT INTO meta VALUES ('dimension', ?)", (dimension,))
            self._start_generation(cursor)

    def erase(self, target: Scope | str, across: frozenset[Owner] = frozenset()) -> list[Gone]:
        """Delete a record by id, or all of a scope (`rows.owned_by`), so that no file holds their bytes.

        What was derived from a deleted record, wherever it lies, is deleted too.

        Raises:
            ForgetIncomplete: Deleted, but others use the file or the disk is full: bytes may be left in it.
        """
        query, values = doomed_by(target, across, "row, records.id, text, terms, digest, vectors")
        with self._write() as cursor:
            doomed = cursor.execute(query, values).fetchall()
            names = [(each[1],) for each in doomed]
            cursor.executemany("UPDATE records SET superseded_by = NULL WHERE superseded_by = ?", names)
            cursor.executemany("DELETE FROM records WHERE row = ?", [(each[0],) for each in doomed])
            if isinstance(target, Scope):
                where, owned = owned_by(target, across)
                cursor.execute(f"DELETE FROM checks WHERE {where}", owned)
            if doomed:
                self._make_words(cursor)  # FTS5 only marks deleted words
                self._start_generation(cursor)
                self._next_change()
        self._scrub()
        return [Gone(*each[1:]) for each in doomed]

    # Inside.

    def _close_as(self, cursor: sqlite3.Cursor, other: Record) -> None:
        """Close a record that is open, or set to close later, as the same one is closed elsewhere.

        Not where what it is closed for there was closed here for it, and later: it was restored here.
        """
        record, at = self._one(cursor, other.id), now()
        if record.closed is None or (
            record.closed > at and end_of(other.closed) < microseconds(record.closed)
        ):
            by = self.picked([other.superseded_by or ""]).get(other.superseded_by or "")
            if by is not None and is_overtaken(cursor, by, other, at) is False:
                return
            closing = (end_of(other.closed), other.reason, other.superseded_by)
            settings = "closed = ?, reason = ?, superseded_by = coalesce(?, superseded_by)"
            self._update(cursor, record, settings, closing)

    def _restore_as(self, cursor: sqlite3.Cursor, others: Sequence[Record]) -> None:
        """Open what is open elsewhere and closed here for what was closed there for it later."""
        at, opened = now(), {each.id for each in others if each.closed is None}
        for other in others:
            if other.superseded_by in opened:
                here = self._one(cursor, other.superseded_by)
                free = in_place_of(cursor, here, microseconds(at), self._held.clock) is None
                if free and is_overtaken(cursor, here, other, at):
                    self._reopen(cursor, here)

    def _reopen(self, cursor: sqlite3.Cursor, record: Record) -> Record:
        """Open a closed record; it replaces the last of those that replaced it, so that none is lost."""
        for last in replaced_by(cursor, record)[-1:]:
            cursor.execute(
                "UPDATE records SET superseded_by = ?, changed = ? WHERE id = ? AND closed < ?",
                (record.id, self._next_change(), last, NO_END),
            )
        return self._update(cursor, record, "closed = ?, reason = '', superseded_by = NULL", (NO_END,))

    def _update(
        self,
        cursor: sqlite3.Cursor,
        record: Record,
        settings: str,
        values: tuple[str | int | float | None, ...],
    ) -> Record:
        cursor.execute(
            f"UPDATE records SET {settings}, changed = ? WHERE id = ?",
            (*values, self._next_change(), record.id),
        )
        return self._one(cursor, record.id)

    def _insert(self, cursor: sqlite3.Cursor, draft: Draft, correcting: str = "") -> Record:
        record = judged(cursor, draft.record)
        draft = draft if record is draft.record else replace(draft, record=record)
        digest = record.digest()
        ends = end_of(record.valid_until)
        known = cursor.execute(
            f"SELECT row, {GIVEN} FROM records WHERE digest = ? AND min(until, closed) > ?"
            f" AND (id = ? OR closed >= ?) AND (id = ? OR id NOT IN ({LINE}))"
            " ORDER BY id = ? DESC, closed DESC",
            (digest, microseconds(record.learned), record.id, ends, correcting, correcting, record.id),
        ).fetchone()
        if known is not None:
            return self._see_again(cursor, known[0], record_of(known[1:]), draft)
        if not correcting and (taken := self._taken_from(cursor, draft)) is not None:
            return taken
        if cursor.execute("SELECT 1 FROM records WHERE id = ?", (record.id,)).fetchone():
            raise DuplicateRecord(record.id)
        self._put(cursor, draft, digest)
        return record

    def _put(self, cursor: sqlite3.Cursor, draft: Draft, digest: str) -> None:
        record = draft.record
        cursor.execute(
            _INSERT,
            (*values_of(record), digest, draft.terms, packed(draft.vectors), self._next_change()),
        )
        row = cursor.lastrowid or 0
        _keep_proofs(cursor, row, draft.proofs)
        _keep_sources(cursor, row, record)
        for name, cosine in draft.near:
            cursor.execute(_LINK, (row, cosine, name))
        if row - self._worded >= MOST_UNWORDED:
            self._catch_up(cursor)

    def _see_again(self, cursor: sqlite3.Cursor, row: int, known: Record, draft: Draft) -> Record:
        """The same words again: nothing new, but seen once more and perhaps proven now.

        The same proof again is the same call again, as after a crash: it counts once.
        """
        record = draft.record
        if record.id == known.id or not _keep_proofs(cursor, row, draft.proofs):
            return known
        standing = "confirmed" if draft.proofs else known.standing
        said = record.provenance.by == "person" and known.provenance.by != "person"
        stands = record if said else known
        if said:  # it rests on their word now, and on nothing but what they name
            cursor.execute("DELETE FROM sources WHERE record = ?", (row,))
            _keep_sources(cursor, row, record)
        first, then = known.valid_from, record.valid_from
        since = None if first is None or then is None else min(first, then)
        return self._update(
            cursor,
            known,
            "seen = seen + 1, standing = ?, provenance = ?, trust = ?, stance = ?, since = ?,"
            " until = max(until, ?), importance = max(importance, ?), confidence = max(confidence, ?)",
            (
                standing,
                stands.provenance.model_dump_json(),
                "trusted" if "trusted" in (known.trust, stands.trust) else "untrusted",
                "explicit" if "explicit" in (known.stance, record.stance) else known.stance,
                None if since is None else microseconds(since),
                end_of(record.valid_until),
                record.importance,
                record.confidence,
            ),
        )

    def _hold_embedder(self, drafts: Sequence[Draft]) -> None:
        """Refuse vectors that are not of the file's embedder; asked where nobody else can write."""
        state = self._held
        for draft in drafts:
            if (draft.embedder, draft.vectors.shape[1]) != (state.embedder, state.dimension):
                raise EmbedderMismatch(state.embedder, draft.embedder)

    def _taken_from(self, cursor: sqlite3.Cursor, draft: Draft) -> Record | None:
        """The derived record in sight whose words hold all words of this one.

        What is proven anew counts as taken only from a record of its own kind and scope.
        """
        record, stems = draft.record, draft.terms.split()
        if record.kind == "episode" or record.provenance.by == "person" or not 0 < len(stems) <= MOST_QUOTED:
            return None
        self._catch_up(cursor)
        where, values = condition(Filter(scopes=(record.scope,), at=record.learned))
        phrase = '"' + " ".join(stems) + '"'
        rows = cursor.execute(
            f"SELECT {ALL_GIVEN} FROM lexicon"
            " CROSS JOIN records ON row = lexicon.rowid"  # from what has the words, not from all in sight
            f" WHERE lexicon MATCH ? AND kind <> 'episode' AND {where} AND closed >= ? LIMIT 20",
            (phrase, *values, end_of(record.valid_until)),
        ).fetchall()
        for other in map(record_of, rows):
            beside = (other.kind, other.scope) == (record.kind, record.scope)
            named = other.id in record.provenance.sources
            if (beside or not draft.proofs) and not named and quotes(bare(record.text), bare(other.text)):
                return other
        return None

    def _scrub(self) -> None:
        """Rewrite the file from its living content, empty the log and delete copies of older formats."""
        with self._guard() as cursor:
            try:
                cursor.execute("VACUUM")
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                for copy in backups(self.path):
                    copy.unlink()
            except (sqlite3.OperationalError, OSError) as error:
                raise ForgetIncomplete(str(self.path), str(error), cause_of(error)) from error
        if busy:
            raise ForgetIncomplete(f"{self.path}-wal", "another process is reading it", "busy")


def _hold_correction(old: Record, new: Record) -> None:
    """Refuse a correction of another kind or owner, or worth less than what it corrects."""
    if old.kind != new.kind:
        raise UnfitCorrection(old.id, f"it is a {old.kind}, the correction a {new.kind}")
    mine, theirs = (each.scope.model_copy(update={"key": ""}) for each in (old, new))
    if mine != theirs:
        raise UnfitCorrection(old.id, "the correction belongs to somebody else")
    if end_of(new.valid_until) <= microseconds(new.valid_from or new.learned):
        raise UnfitCorrection(old.id, "the correction ends before it begins, and nothing would hold")
    if old.standing == "confirmed" and new.standing != "confirmed" and new.provenance.by != "person":
        raise UnfitCorrection(old.id, "it was confirmed, the correction is not, and no person says it")


def bare(text: str) -> str:
    """The words of a text and the signs of its numbers, with a space before and after each."""
    return f" {' '.join(WORD.findall(text.casefold()))} "


def quotes(text: str, other: str) -> bool:
    """Whether all words of `text` stand in `other`, in their order and side by side; both are `bare`."""
    return text == other or (text.count(" ") > LEAST_QUOTED and text in other)


def _keep_proofs(cursor: sqlite3.Cursor, row: int | None, proofs: Sequence[str]) -> bool:
    """Whether this says something new of the record: a new proof, or nothing at all, which is said anew."""
    added = 0
    for proof in proofs:
        cursor.execute(
            "INSERT INTO proofs SELECT ?1, ?2"
            " WHERE NOT EXISTS (SELECT 1 FROM proofs WHERE record = ?1 AND proof = ?2)",
            (row, proof),
        )
        added += cursor.rowcount
    return added > 0 or not proofs


def _keep_sources(cursor: sqlite3.Cursor, row: int, record: Record) -> None:
    """What a record names as its sources: erasing one of them erases it."""
    rows = [(row, source) for source in record.provenance.sources]
    cursor.executemany("INSERT OR IGNORE INTO sources VALUES (?, ?)", rows)


def _keep_trials(cursor: sqlite3.Cursor, trials: Sequence[Trials]) -> None:
    """The outcomes of checks of which none are known here."""
    rows = [
        (each.scope.tenant, *(getattr(each.scope, level) for level in OWNERS), each.scope.key,
         each.check, each.outcomes)
        for each in trials
    ]  # fmt: skip
    cursor.executemany("INSERT OR IGNORE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _redigest(connection: sqlite3.Connection) -> None:
    """Digests of the current format, for a file that is carried forward."""
    found = connection.execute(f"SELECT row, {GIVEN} FROM records").fetchall()
    connection.executemany(
        "UPDATE records SET digest = ? WHERE row = ?",
        [(record_of(row[1:]).digest(), row[0]) for row in found],
    )
    if found:
        vectors = connection.execute("SELECT length(vectors) / 2 FROM records LIMIT 1").fetchone()
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('dimension', ?)", vectors)
