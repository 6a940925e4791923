"""The records that one scope sees, laid out in RAM for ranking: columns, vectors, words, sessions.

A shelf is derived and thrown away at will; the store has the truth. `put` and `drop` are cheap: arrays grow
by doubling, a replaced or dropped row is masked, and all is written anew only once most of it is masked.
Any thread may use a shelf; one at a time works on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedder import Vectors
from .postings import Postings
from .records import Kind, Trust
from .words import words_of

Floats = NDArray[np.float64]

KINDS: tuple[Kind, ...] = ("fact", "episode", "reflection", "preference", "skill", "summary")

FEWEST = 64
"""Rows that a shelf has room for at first."""

_NONE = np.zeros((0, 0), dtype=np.float32)

_COLUMNS = {
    "kind": np.int8,
    "trusted": np.bool_,
    "speaker": np.int32,
    "session": np.int32,
    "seq": np.int64,
    "length": np.float64,
    "happened": np.float64,
    "learned": np.float64,
    "since": np.float64,
    "until": np.float64,
    "closed": np.float64,
    "importance": np.float64,
    "confidence": np.float64,
    "asks": np.bool_,
    "live": np.bool_,
    "previous": np.int32,
    "next": np.int32,
    "piece": np.int64,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One record as ranking sees it.

    Attributes:
        text: The record's own words.
        terms: Their stems (`words.stems`), as kept in the store.
        speaker, session: Empty for none.
        seq: Order of writing, and so within a session.
        happened: Epoch seconds; nan: unknown.
        learned: Epoch seconds.
        since, until: Holds from the one (included) to the other (not included), epoch seconds; infinite where
            nobody said so. Without a beginning it holds from when it was learned.
        closed: When it was corrected or retracted, epoch seconds; infinite if it was not.
        vectors: (pieces, dimension) float32, rows of length 1; the piece nearest to a question counts. Not
            empty, and of one dimension on a shelf.
    """

    id: str
    kind: Kind
    trust: Trust
    text: str
    terms: str
    speaker: str
    session: str
    seq: int
    happened: float
    learned: float
    since: float
    until: float
    closed: float
    importance: float
    confidence: float
    vectors: Vectors


def _without_vectors(row: Row) -> Row:
    """Written out, since every row of a shelf comes through here; `dataclasses.replace` is slower."""
    return Row(
        row.id, row.kind, row.trust, row.text, row.terms, row.speaker, row.session, row.seq,
        row.happened, row.learned, row.since, row.until, row.closed, row.importance, row.confidence, _NONE,
    )  # fmt: skip


class Shelf:
    """Rows in columns.

    Everything below but `put`, `drop`, `len` and `nbytes` is for ranking, which holds `lock` meanwhile.

    Attributes:
        size: Rows there are, masked ones included; columns are `self.column[name][:size]`.
        rows: Each row, its vectors taken out; its place is its number in all columns.
        postings: Stem -> rows.
        speakers: Word of a speaker's name -> numbers of the speakers that are called so.
        speaker_names: Speaker -> number, as in column "speaker"; 0 is nobody.
        nameless: Whether some row has no speaker.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._begin(0)

    def _begin(self, dimension: int) -> None:
        self.size = 0
        self.rows: list[Row] = []
        self.places: dict[str, int] = {}
        self.postings = Postings()
        self.speakers: dict[str, set[int]] = {}
        self.column: dict[str, NDArray[Any]] = {
            name: np.zeros(FEWEST, dtype=kind) for name, kind in _COLUMNS.items()
        }
        self.nameless = False
        self.speaker_names: dict[str, int] = {"": 0}
        self._session_numbers: dict[str, int] = {}
        self._members: list[list[int]] = []
        self._unlinked: set[int] = set()
        self._pieces = np.zeros((0, dimension), dtype=np.float32)
        self._piece_count = 0
        self._length = 0.0
        self._told = 0

    def __len__(self) -> int:
        return len(self.places)

    @property
    def nbytes(self) -> int:
        """Bytes held, texts and tables counted roughly."""
        columns = sum(each.nbytes for each in self.column.values())
        return columns + self._told + self._pieces.nbytes + self.postings.nbytes

    @property
    def pieces(self) -> Vectors:
        """(pieces, dimension) float32 of all rows in order; row r's begin at `column["piece"][r]`."""
        return self._pieces[: self._piece_count]

    @property
    def sessions(self) -> int:
        """How many sessions are numbered; column "session" is -1 for none."""
        return len(self._members)

    @property
    def mean_length(self) -> float:
        """Stems of a row, on average; at least 1."""
        return max(self._length / max(len(self.places), 1), 1.0)

    def put(self, rows: Iterable[Row]) -> None:
        """Add rows; one whose id is there takes the old one's place.

        Raises:
            ValueError: A row has no vector, or its vectors are of another dimension than the others.
        """
        with self.lock:
            added = list({row.id: row for row in rows}.values())
            if not added:
                return
            dimension = self._pieces.shape[1] if self.size else added[0].vectors.shape[-1]
            for row in added:
                if row.vectors.ndim != 2 or row.vectors.shape[0] == 0 or row.vectors.shape[1] != dimension:
                    raise ValueError(
                        f"Row {row.id!r} has vectors of shape {row.vectors.shape}; this shelf needs"
                        f" (1 or more, {dimension})."
                    )
            self._mask([row.id for row in added])
            self._make_room(added, dimension)
            self._append(added)
            self._compact()

    def drop(self, ids: Iterable[str]) -> None:
        """Take rows off; ids that are not there are passed over."""
        with self.lock:
            self._mask(ids)
            self._compact()

    def link(self) -> None:
        """Bring the columns `previous` and `next` up to date (-1: no neighbour in its session)."""
        for session in self._unlinked:
            members = sorted(
                (place for place in self._members[session] if self.column["live"][place]),
                key=lambda place: (int(self.column["seq"][place]), place),
            )
            self._members[session] = members
            places = np.array(members, dtype=np.int32)
            self.column["previous"][places[:1]] = -1
            self.column["previous"][places[1:]] = places[:-1]
            self.column["next"][places[:-1]] = places[1:]
            self.column["next"][places[-1:]] = -1
        self._unlinked.clear()

    def _mask(self, ids: Iterable[str]) -> None:
        for each in ids:
            place = self.places.pop(each, None)
            if place is None:
                continue
            self.column["live"][place] = False
            self._length -= float(self.column["length"][place])
            session = int(self.column["session"][place])
            if session >= 0:
                self._unlinked.add(session)

    def _make_room(self, added: Sequence[Row], dimension: int) -> None:
        needed = self.size + len(added)
        have = self.column["live"].size
        if needed > have:
            room = max(needed, 2 * have)
            for name, old in self.column.items():
                self.column[name] = np.zeros(room, dtype=old.dtype)
                self.column[name][: self.size] = old[: self.size]
        pieces = self._piece_count + sum(row.vectors.shape[0] for row in added)
        if pieces > self._pieces.shape[0]:
            grown = np.zeros((max(pieces, 2 * self._pieces.shape[0], FEWEST), dimension), dtype=np.float32)
            if self._piece_count:
                grown[: self._piece_count] = self.pieces
            self._pieces = grown

    def _append(self, added: list[Row]) -> None:
        first, count = self.size, len(added)
        new = slice(first, first + count)
        column = self.column
        sizes = [row.vectors.shape[0] for row in added]
        column["piece"][new] = self._piece_count + np.cumsum([0, *sizes[:-1]])
        self._pieces[self._piece_count : self._piece_count + sum(sizes)] = (
            added[0].vectors if count == 1 else np.concatenate([row.vectors for row in added])
        )
        self._piece_count += sum(sizes)
        lengths = [row.terms.count(" ") + 1 if row.terms else 0 for row in added]
        column["length"][new] = lengths
        self._length += sum(lengths)
        column["seq"][new] = [row.seq for row in added]
        column["kind"][new] = [KINDS.index(row.kind) for row in added]
        column["trusted"][new] = [row.trust == "trusted" for row in added]
        column["asks"][new] = [row.text.rstrip().endswith("?") for row in added]
        self.nameless = self.nameless or not all(row.speaker for row in added)
        column["speaker"][new] = [self._speaker(row.speaker) for row in added]
        column["session"][new] = [self._session(row, first + i) for i, row in enumerate(added)]
        for name in ("happened", "learned", "since", "until", "closed", "importance", "confidence"):
            column[name][new] = [getattr(row, name) for row in added]
        column["live"][new] = True
        self.places.update((row.id, first + i) for i, row in enumerate(added))
        self.postings.add(first, [row.terms for row in added])
        self._told += sum(len(row.text) + len(row.terms) + 400 for row in added)
        self.rows += [_without_vectors(row) for row in added]
        self.size += count

    def _speaker(self, name: str) -> int:
        number = self.speaker_names.setdefault(name, len(self.speaker_names))
        if name:
            for word in words_of(name):
                self.speakers.setdefault(word, set()).add(number)
        return number

    def _session(self, row: Row, place: int) -> int:
        """The session's number; links the row to the one before it, where it is the last."""
        self.column["previous"][place] = self.column["next"][place] = -1
        if not row.session:
            return -1
        number = self._session_numbers.setdefault(row.session, len(self._session_numbers))
        if number == len(self._members):
            self._members.append([])
        members = self._members[number]
        if members and number not in self._unlinked:
            last = members[-1]
            if self.column["seq"][last] < row.seq:
                self.column["previous"][place], self.column["next"][last] = last, place
            else:
                self._unlinked.add(number)
        members.append(place)
        return number

    def _compact(self) -> None:
        """Write everything anew once most of it is masked."""
        if self.size < FEWEST or 2 * len(self.places) > self.size:
            return
        ends = np.append(self.column["piece"][: self.size], self._piece_count)
        kept = [
            replace(self.rows[place], vectors=self.pieces[ends[place] : ends[place + 1]])
            for place in sorted(self.places.values())
        ]
        dimension = self._pieces.shape[1]
        self._begin(dimension)
        if kept:
            self._make_room(kept, dimension)
            self._append(kept)
