"""Embeds every record with another embedder while others go on writing.

It goes through the records in the order of writing, then through those that were written meanwhile, and so
on, until few are left or `MOST_PASSES` were made. What is left then is embedded where nobody else can write
(`Store.revector`), so that it ends beside any writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .embedder import Embedder, Vectors, embedded
from .errors import WrongVectors
from .records import Record
from .store import Store

AGAIN = 64
"""Records that are embedded at once, and that may be left for the end."""

MOST_PASSES = 4


class Reembedding:
    """The vectors of another embedder.

    Attributes:
        vectors: (pieces, dimension) of each record, by id, all of one dimension.
        upto: Row of the last record that has some.
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self.embedder = embedder
        self.vectors: dict[str, Vectors] = {}
        self.upto = 0
        self._store = store

    def run(self, tell: Callable[[int, int], None] | None = None) -> None:
        """Embed all but what may be left for the end.

        Args:
            tell: Called with how many records are done, of how many.

        Raises:
            WrongVectors: See `add`.
        """
        for turn in range(MOST_PASSES):
            todo, last = self._store.written_after(self.upto)
            if turn and todo <= AGAIN:
                return
            every = len(self.vectors) + todo
            while self.upto < last and (some := self._store.after(self.upto, AGAIN)):
                self.add(some)
                if tell is not None:
                    tell(min(len(self.vectors), every), every)

    def add(self, some: Sequence[tuple[int, Record]]) -> None:
        """Embed records, each behind its row.

        Raises:
            WrongVectors: They are no vectors, or of another dimension than those before them.
        """
        for start in range(0, len(some), AGAIN):
            part = some[start : start + AGAIN]
            made = embedded(self.embedder, [record.statement() for _, record in part])
            first = next(iter(self.vectors.values()), made[0]).shape[1]
            if (now := made[0].shape[1]) != first:
                raise WrongVectors(self.embedder.name, f"have {now} dimensions, and had {first} before")
            for (row, record), vectors in zip(part, made, strict=True):
                self.vectors[record.id], self.upto = vectors, row
