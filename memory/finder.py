"""Finds what answers a question: everything that a scope sees compared exactly, or candidates from Chroma.

| index | up to `MOST_EXACT` records in sight | more |
|---|---|---|
| auto | a shelf | candidates from Chroma in `index/` where this process owns it, else a shelf |
| exact | a shelf | a shelf |
| chroma | candidates, or a shelf where another process owns `index/` | the same |
| http://… | candidates from the server | the same |

A shelf holds all that a scope sees in memory, and is brought up to date before each question by what changed
since. Candidates (the nearest in meaning by Chroma, the best in words by FTS5, and their neighbours in a
session) are put on a shelf of their own; one function ranks both.

`auto` brings the index up to date before a question only where little is missing, and else takes a shelf: a
question should not wait until Chroma has taken in a large memory. `Memory.rebuild` does it when the caller
wants it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .connected import State
from .embedder import Vectors
from .errors import IndexUnusable, cause_of
from .index import FORMAT, ChromaIndex, FolderLock, address_of
from .ranking import Question, Ranked, Reranker, Statistics, Weights, rank
from .records import Filter, Owner, Scope
from .shelf import Row, Shelf
from .store import Store
from .words import stems

AUTO, EMBEDDED, EXACT = "auto", "chroma", "exact"
MOST_EXACT = 50_000
"""Records in sight up to which comparing with all of them is quicker than asking Chroma."""

MOST_BEHIND = 1_000
"""Changes that `auto` lets Chroma catch up with before a question."""

BROAD = 0.25
"""Share of all records ever written, from which in sight Chroma is asked without a condition: one that nearly
all of them meet makes it much slower. What is not in sight is left out afterwards."""

POOL = 200
"""Candidates by each of meaning and words."""

MOST_TERMS = 32
SAMPLE = 5_000
"""Records in sight whose words are counted, about."""

RARE = 500
"""Records of everybody in which a word may occur and still be counted one by one."""

MOST_COUNTED = 16
"""Sights whose figures are kept."""

MOST_BYTES = 1 << 29
"""What shelves may hold together; the one that was not asked for longest goes first."""


@dataclass
class _Kept:
    """A shelf, and up to where of which generation it is."""

    shelf: Shelf
    generation: int
    changes: int = 0
    bytes: int = 0


class Finder:
    """Not safe to share between threads without a lock."""

    def __init__(
        self, store: Store, folder: Path, index: str, weights: Weights, reranker: Reranker | None
    ) -> None:
        """Looks at nothing yet.

        Args:
            index: "auto", "exact", "chroma" or the URL of a Chroma server.
        """
        self._store = store
        self._folder = folder / "index"
        self._place = index
        self._weights, self._reranker = weights, reranker
        self._statistics: OrderedDict[tuple[tuple[Scope, ...] | None, frozenset[Owner]], _Counted] = (
            OrderedDict()
        )
        self._level = -1  # generation in which the index was found up to date, or nearly
        self._behind = -1  # generation in which it was found to be behind
        self._swept = -1  # generation in which no vectors of an earlier one are left in the folder
        self._bytes = 0
        self._owner = FolderLock(folder / "index.lock")
        self._chroma: ChromaIndex | None = None
        self._shelves: OrderedDict[tuple[tuple[Scope, ...] | None, frozenset[Owner]], _Kept] = OrderedDict()
        self._large: dict[tuple[tuple[Scope, ...] | None, frozenset[Owner]], int] = {}
        self.used = "none yet"
        """What answered the last question, for a person."""

    def find(self, question: Question, admitted: Filter, state: State) -> list[Ranked]:
        """The best records, best first.

        Args:
            state: As it was read right before.

        Raises:
            IndexUnusable: Chroma refused.
        """
        if not state.dimension:
            return []
        self._drop_stale(state)
        if (chroma := self._index_for(admitted, state)) is not None:
            return self._among_candidates(chroma, question, admitted, state)
        shelf = self._shelf(admitted, state)
        self.used = f"exact, {len(shelf)} records in sight"
        return rank(shelf, question, self._weights, reranker=self._reranker)

    def in_sight(self, admitted: Filter, state: State) -> Shelf | None:
        """All that is in sight; None where it is too much for a shelf."""
        return None if self._is_too_much(admitted, state) else self._shelf(admitted, state)

    def alike(self, scope: Scope, vectors: Vectors, least: float) -> list[tuple[Row, float]]:
        """Records in sight of a scope that are at least so near to a text, with their cosine, nearest first.

        None where too much is in sight to be compared.

        Args:
            vectors: (pieces, dimension) of the text.
        """
        state, admitted = self._store.state, Filter(scopes=(scope,))
        if not state.dimension or (shelf := self.in_sight(admitted, state)) is None:
            return []
        with shelf.lock:
            if not len(shelf) or shelf.pieces.shape[1] != vectors.shape[1]:
                return []  # nothing, or of another embedder; that is refused where it is written
            cosines = np.stack([np.vecdot(shelf.pieces, each) for each in vectors]).max(axis=0)  # (pieces,)
            cosines = np.maximum.reduceat(cosines, shelf.column["piece"][: shelf.size])  # (rows,)
            near = np.flatnonzero((cosines >= least) & shelf.column["live"][: shelf.size])
            found = [(shelf.rows[place], float(cosines[place])) for place in near]
        return sorted(found, key=lambda each: -each[1])

    def refresh(self) -> None:
        """Bring Chroma up to date, where this memory uses it."""
        if (chroma := self._attached()) is not None:
            chroma.refresh()

    def faults(self) -> list[str]:
        """What is wrong with the server that was named, each with what to do; nothing is changed."""
        try:
            if self._place.startswith("http"):
                ChromaIndex(self._store, self._place).reach()
        except IndexUnusable as error:
            return [
                f"The Chroma server at {error.place!r} does not answer ({error.reason}). Start it; the index "
                "'exact' needs none."
            ]
        return []

    def discard(self) -> bool:
        """Delete vectors of earlier generations outside the store; False where another process owns the
        folder and has not done so yet.

        Raises:
            IndexUnusable: Something could not be deleted.
        """
        self._shelves.clear()
        self._bytes = 0
        if self._place.startswith("http") and address_of(self._place) in self._store.servers():
            (self._chroma or ChromaIndex(self._store, self._place)).discard()
        return self._sweep(self._store.state.generation)

    def close(self) -> None:
        """Let go of everything; the files stay."""
        self._shelves.clear()
        if self._chroma is not None:
            self._chroma.close()
            self._chroma = None
        self._owner.release()

    # Inside.

    def _drop_stale(self, state: State) -> None:
        """Delete vectors of a generation that is over, if whoever owned the folder has not: its owner does
        it, or whoever asks once that one has closed. Raises IndexUnusable.
        """
        if self._swept != state.generation and self._sweep(state.generation):
            self._swept = state.generation

    def _sweep(self, generation: int) -> bool:
        """Delete the folder if it holds another generation; False where it does, and is another process's."""
        with self._told():
            places = list(self._folder.iterdir()) if self._folder.is_dir() else []
        if all(place.name.endswith(f"-{generation}-{FORMAT}") for place in places):
            return True
        if not self._own():
            return False
        if self._chroma is not None and not self._place.startswith("http"):
            self._chroma.discard()
        else:
            ChromaIndex(self._store, self._folder).discard()
            self._owner.release()
        return True

    def _own(self) -> bool:
        """Whether this process owns the folder now. Raises IndexUnusable."""
        with self._told():
            return self._owner.acquire()

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        """What the system refuses of the folder, as ours."""
        try:
            yield
        except OSError as error:
            raise IndexUnusable(str(self._folder), str(error), cause_of(error)) from error

    def _index_for(self, admitted: Filter, state: State) -> ChromaIndex | None:
        if self._place == EXACT or (self._place == AUTO and not self._is_too_much(admitted, state)):
            return None
        chroma = self._attached()
        if chroma is None or self._place != AUTO or self._level == state.generation:
            return chroma
        if self._behind != state.generation and chroma.behind() <= MOST_BEHIND:
            self._level = state.generation
            return chroma
        self._behind = state.generation
        return None

    def _is_too_much(self, admitted: Filter, state: State) -> bool:
        """Whether a shelf is no place for what is in sight. Within a generation it only grows."""
        sight = Filter(scopes=admitted.scopes, across=admitted.across)
        key = (sight.scopes, sight.across)
        if self._large.get(key) == state.generation:
            return True
        kept = self._shelves.get(key)
        if kept is not None and kept.generation == state.generation:
            too_much = len(self._shelf(admitted, state)) > MOST_EXACT
        else:
            too_much = self._store.count(sight, MOST_EXACT + 1) > MOST_EXACT
        if too_much:
            self._large[key] = state.generation
        return too_much

    def _attached(self) -> ChromaIndex | None:
        """Chroma where it is ours to use. Ownership is asked for again each time."""
        if self._chroma is None:
            if self._place.startswith("http"):
                self._chroma = ChromaIndex(self._store, self._place)
            elif self._place != EXACT and self._own():
                self._chroma = ChromaIndex(self._store, self._folder)
        return self._chroma

    def _shelf(self, admitted: Filter, state: State) -> Shelf:
        sight = Filter(scopes=admitted.scopes, across=admitted.across)
        key = (sight.scopes, sight.across)
        kept = self._shelves.get(key)
        if kept is None or kept.generation != state.generation:
            self._bytes -= 0 if kept is None else kept.bytes
            kept = self._shelves[key] = _Kept(Shelf(), state.generation)
        self._shelves.move_to_end(key)
        if kept.changes != state.changes:
            if rows := self._store.rows(sight, kept.changes):
                kept.shelf.put(rows)
                self._bytes += kept.shelf.nbytes - kept.bytes
                kept.bytes = kept.shelf.nbytes
            kept.changes = state.changes
            while len(self._shelves) > 1 and self._bytes > MOST_BYTES:
                self._bytes -= self._shelves.popitem(last=False)[1].bytes
        return kept.shelf

    def _among_candidates(
        self, chroma: ChromaIndex, question: Question, admitted: Filter, state: State
    ) -> list[Ranked]:
        pool = max(POOL, 4 * min(question.k, state.changes))  # there are no more records than changes
        names = dict.fromkeys(self._nearest(chroma, question, admitted, state, pool))
        terms = list(dict.fromkeys(stems(question.text).split()))[:MOST_TERMS]
        if terms:
            match = " OR ".join(f'"{term}"' for term in terms)
            names |= dict.fromkeys(self._store.best_by_words(match, admitted, pool))
        shelf = Shelf()
        around = replace(admitted, kinds=None, at=None, trusted=False, between=None, closed_by=None)
        shelf.put(self._store.candidates(list(names), around))
        where = "the server" if self._place.startswith("http") else "index/"
        self.used = f"chroma ({where}), {len(names)} candidates"
        return rank(shelf, question, self._weights, self._counted(admitted, state), self._reranker)

    def _nearest(
        self, chroma: ChromaIndex, question: Question, admitted: Filter, state: State, pool: int
    ) -> list[str]:
        strict = admitted.trusted or admitted.between is not None
        if strict and (few := self._store.few(admitted, pool)) is not None:
            chroma.refresh()
            return few  # all of them: a graph may lose the one that lies far off
        plain = admitted.kinds is None and not strict and self._is_too_much(admitted, state)
        if plain and BROAD * self._store.written() <= MOST_EXACT:
            near = chroma.nearest(question.vector, Filter(), round(pool / BROAD))
            if len(seen := self._store.admitted(near, admitted)) >= pool:
                return seen[:pool]
        return chroma.nearest(question.vector, admitted, pool)

    def _counted(self, admitted: Filter, state: State) -> Statistics:
        """Figures of what is in sight, counted anew once a fiftieth as many records have changed."""
        key = (admitted.scopes, admitted.across)
        known = self._statistics.get(key)
        if known is None or known.generation != state.generation or known.stale_at < state.changes:
            known = self._statistics[key] = _count(self._store, admitted, state)
        self._statistics.move_to_end(key)
        while len(self._statistics) > MOST_COUNTED:
            self._statistics.popitem(last=False)
        return known.statistics


@dataclass(frozen=True)
class _Counted:
    """Figures of a sight, of which generation, and up to which change they hold well enough."""

    statistics: Statistics
    generation: int
    stale_at: int


def _count(store: Store, admitted: Filter, state: State) -> _Counted:
    """Count words over a sample of what is in sight; rare ones, of which it says little, in all of it."""
    sight = Filter(scopes=admitted.scopes, across=admitted.across)
    documents, texts = store.sample(sight, SAMPLE)
    sampled = [text.split() for text in texts]
    holding = Counter(stem for stems in sampled for stem in set(stems))
    share = len(sampled) / max(documents, 1)
    known: dict[str, float] = {}

    def documents_with(stem: str) -> float:
        if stem not in known:
            rare = store.documents_with(stem) <= RARE
            known[stem] = store.count_with(stem, sight) if rare else holding[stem] / max(share, 1e-9)
        return known[stem]

    statistics = Statistics(documents, sum(map(len, sampled)) / max(len(sampled), 1), documents_with)
    return _Counted(statistics, state.generation, state.changes + documents // 50)
