"""What a question asks, and the answer: ranked by the finder, read from the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from .connected import State
from .embedder import Embedder, Vectors, checked, embedded
from .finder import Finder
from .hops import depth, unite
from .near_words import NearWords
from .ranking import Question
from .records import Filter, Kind, Owner, Recalled, Record, Scope, now, several
from .store import Store
from .summed_up import making_room
from .told import Told

MOST_READ = 5_000
"""Records that are kept as they were read until something changes."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Query:
    """What is asked for besides words; see `Memory.recall`."""

    k: int
    admitted: Filter
    present: datetime
    min_score: float
    diversity: float

    @classmethod
    def of(
        cls,
        k: int,
        kinds: Collection[Kind] | None,
        scope: Scope | Sequence[Scope] | None,
        across: Collection[Owner],
        at: datetime | None,
        between: Span | None,
        trusted: bool,
        min_score: float,
        diversity: float,
    ) -> Query:
        """From what a caller gives. Raises ValueError where a number is out of range or a word unknown."""
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k!r}")
        for name, value in (("min_score", min_score), ("diversity", diversity)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {value!r}")
        present = now()
        seen_from = Scope.shared() if scope is None else scope
        return cls(
            k,
            Filter.of(kinds, seen_from, at, across, trusted, between),
            present,
            min_score,
            diversity,
        )

    def asked_at(self, clock: datetime) -> Query:
        """Of the moment that was asked for; else of now, or of `clock` where that is a little later."""
        if self.admitted.at is not None:
            return self
        return replace(self, admitted=self.admitted.of_present(self.present, clock))

    def question(self, text: str, vector: Vectors) -> Question:
        """As ranking reads it."""
        at, closed_by, between = self.admitted.at, self.admitted.closed_by, self.admitted.between
        return Question(
            text=text,
            vector=vector,
            k=self.k,
            now=(at or self.present).timestamp(),
            kinds=self.admitted.kinds,
            at=None if at is None else at.timestamp(),
            closed_by=None if closed_by is None else closed_by.timestamp(),
            trusted=self.admitted.trusted,
            between=None if between is None else (between[0].timestamp(), between[1].timestamp()),
            min_score=self.min_score,
            diversity=self.diversity,
        )


def searches_of(queries: Sequence[str]) -> list[tuple[str, None]]:
    """Each of several texts once, without its vector. Raises ValueError where it is one text."""
    return [(query, None) for query in dict.fromkeys(several("queries", queries))]


def embedded_questions(
    embedder: Embedder, asked: Sequence[tuple[str, Vectors | None]], dimension: int
) -> list[Vectors]:
    """(dimension,) of each text, where it does not come with its vector; of one in several pieces their mean.

    Raises:
        WrongVectors: They are of another dimension, or not finite.
    """
    made = iter(embedded(embedder, [text for text, vector in asked if vector is None]))
    rows = [
        next(made).mean(axis=0) if given is None else np.asarray(given, dtype=np.float32)
        for _, given in asked
    ]
    stacked = rows[0][None] if len(rows) == 1 else rows
    return list(checked(embedder.name, stacked, len(rows), dimension))


class Asker:
    """Not safe to share between threads without a lock."""

    def __init__(self, store: Store, finder: Finder) -> None:
        self._store, self._finder = store, finder
        self.told = Told(store)
        self._near = NearWords()
        self._read: dict[str, Record] = {}
        self._then = State(-1, -1, "", 0, 0, 0)  # the file when records were read last

    def ask(
        self, texts: Sequence[str], vectors: Sequence[Vectors], query: Query, state: State
    ) -> tuple[list[Recalled], State]:
        """The best answers to all of the texts together, best first, `query.k` at most; and the state then.

        Args:
            vectors: (dimension,) of each text.
            state: As it was read right before.
        """
        found = making_room(
            lambda k: self._best(texts, vectors, query if k == query.k else replace(query, k=k), state),
            query.k,
            query.admitted.kinds,
            self._store,
        )
        self.told.note([each.record for each in found])
        return found, self._then

    def _best(
        self, texts: Sequence[str], vectors: Sequence[Vectors], query: Query, state: State
    ) -> list[Recalled]:
        each = query if len(texts) == 1 else replace(query, k=depth(query.k))
        rankings = [
            self._finder.find(each.question(text, vector), query.admitted, state)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        ranked = unite(rankings, query.k)
        here = self._records([each.id for each in ranked])
        # One that was forgotten in this moment is left out.
        return [Recalled(here[each.id], each.score, each.why) for each in ranked if each.id in here]

    def widened(self, text: str, query: Query, state: State) -> str:
        """The text, and behind it words of records in sight that are near its own in meaning.

        Raises:
            EmbedderMissing, EmbedderCorrupt: The files of all-MiniLM-L6-v2 are not there, or are others.
        """
        shelf = self._finder.in_sight(query.admitted, state)
        return text if shelf is None else " ".join((text, *self._near.of(text, shelf)))

    def _records(self, names: Sequence[str]) -> dict[str, Record]:
        """The records of these ids that are here; those read since the last change are not read again."""
        before, self._then = self._then, self._store.state
        unchanged = (before.generation, before.changes) == (self._then.generation, self._then.changes)
        if not unchanged or len(self._read) > MOST_READ:
            self._read.clear()
        lacking = [name for name in names if name not in self._read]
        if lacking:
            self._read |= self._store.picked(lacking)
        return self._read
