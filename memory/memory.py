"""Long-term memory: remember what was confirmed, recall it for a similar task, forget it for good.

The methods without suffix are coroutines and keep the event loop free. Those with `_sync` are the same
work for a program without one; they block.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ..protocols.messages import Confirm
from .embedder import Embedder, MiniLM, Vectors
from .errors import EmbedderMismatch, ForgetIncomplete, IndexUnusable, MemoryClosed
from .gate import require_proof
from .index import ChromaIndex, ExactIndex, FolderLock, VectorIndex
from .records import Filter, Forgotten, Kind, Recalled, Record, Scope, Weights, now
from .retrieval import search
from .store import Store

EMBEDDED, EXACT = "chroma", "exact"


class Memory:
    """What agents know across runs, in one folder. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, store: Store, embedder: Embedder, index: str, weights: Weights) -> None:
        """Use `Memory.open`."""
        self.folder = folder
        self._store = store
        self._embedder = embedder
        self._weights = weights
        self._place = index
        self._owner = FolderLock(folder / "index.lock")
        self._chroma: ChromaIndex | None = None
        self._lock = threading.RLock()
        self._closed = False

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        embedder: Embedder | None = None,
        index: str = EMBEDDED,
        weights: Weights | None = None,
    ) -> Self:
        """Open the memory in `folder`, or make it. Loads neither model nor Chroma: their first use does.

        Args:
            folder: Kept readable by its owner only; `~` is the home folder.
            embedder: None: MiniLM from installed files.
            index: "chroma": embedded, in the folder; "http://…": a Chroma server; "exact": no Chroma.
            weights: How meaning, words and recency count in `recall`.

        Raises:
            ValueError: `index` is none of these.
            StoreVersion: The folder was written by a format that this version does not know.
            StoreUnusable: The file is damaged, or the folder cannot be written.
        """
        if index not in (EMBEDDED, EXACT) and not index.startswith(("http://", "https://")):
            raise ValueError(f"index must be 'chroma', 'exact' or the URL of a Chroma server, not {index!r}")
        place = Path(folder).expanduser().resolve()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            place, Store.open(place / "memory.sqlite3"), embedder or MiniLM(), index, weights or Weights()
        )

    # Writing.

    async def remember(self, record: Record, proof: Confirm) -> Record:
        """Keep a record that a confirmed task proves. On disk when this returns.

        Words already known in that kind and scope are not kept twice: the proof is added to the record
        that has them, which is returned. A cancelled call may still have kept the record; calling again
        with the same record is safe.

        Args:
            proof: The confirm of the task in which the record was learned.

        Raises:
            UnprovenMemory: `proof` does not prove it; see `gate.require_proof`.
            DuplicateRecord: The record's id is taken by other words.
            MemoryFault: The embedder or the store cannot be used.
        """
        return await asyncio.to_thread(self.remember_sync, record, proof)

    def remember_sync(self, record: Record, proof: Confirm) -> Record:
        """`remember`, blocking."""
        proven = require_proof(record, proof)
        vector = self._embed(record.text)
        return self._store.add(record, vector, proven.model_dump_json())

    async def supersede(self, old: str, record: Record, proof: Confirm) -> Record:
        """Keep `record` and close the record `old`, which it corrects.

        The old one stays in `records()` with `valid_until` and `superseded_by`, and is not recalled.

        Raises:
            UnprovenMemory: As in `remember`.
            UnknownRecord: `old` is not here.
            AlreadySuperseded: `old` was corrected before.
            MemoryFault: The embedder or the store cannot be used.
        """
        return await asyncio.to_thread(self.supersede_sync, old, record, proof)

    def supersede_sync(self, old: str, record: Record, proof: Confirm) -> Record:
        """`supersede`, blocking."""
        proven = require_proof(record, proof)
        vector = self._embed(record.text)
        return self._store.supersede(old, record, vector, proven.model_dump_json())

    # Reading.

    async def recall(
        self,
        query: str,
        k: int = 5,
        kinds: Sequence[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
    ) -> list[Recalled]:
        """The records that answer a query best, best first, with the reasons for their rank.

        Closed and expired records are left out. There is no threshold: with few records, unfitting
        ones are returned too, and `why` tells (a cosine below about 0.2 and no word in common).

        Args:
            k: At most so many; at least 1.
            kinds: Only these; None: all.
            scope: Whose records may be seen, one scope or several. A scope without key sees that owner's
                records about anything, one with a key those about that key or nothing in particular.
                None sees shared records only: what belongs to a run, an agent or a user is found by
                naming it.

        Raises:
            ValueError: `k` is below 1.
            MemoryFault: The embedder, the store or the index cannot be used.
        """
        return await asyncio.to_thread(self.recall_sync, query, k, kinds, scope)

    def recall_sync(
        self,
        query: str,
        k: int = 5,
        kinds: Sequence[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
    ) -> list[Recalled]:
        """`recall`, blocking."""
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k!r}")
        at = now()
        admitted = Filter.of(kinds, Scope.shared() if scope is None else scope, at)
        if admitted.kinds == frozenset() or admitted.scopes == ():
            return []
        vector = self._embed(query)
        with self._lock:
            return search(self._store, self._index(), query, vector, admitted, k, self._weights, at)

    async def get(self, record: str) -> Record:
        """The record with this id, closed or not. Raises UnknownRecord."""
        return await asyncio.to_thread(self.get_sync, record)

    def get_sync(self, record: str) -> Record:
        """`get`, blocking."""
        return self._open_store().get(record)

    async def proofs(self, record: str) -> list[Confirm]:
        """Every confirm that proves this record, oldest first; none for an unknown id."""
        return await asyncio.to_thread(self.proofs_sync, record)

    def proofs_sync(self, record: str) -> list[Confirm]:
        """`proofs`, blocking."""
        return [Confirm.model_validate_json(proof) for proof in self._open_store().proofs(record)]

    async def records(
        self,
        kinds: Sequence[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
        at: datetime | None = None,
    ) -> list[Record]:
        """What is stored, oldest first, for a person to look through.

        Args:
            scope: As in `recall`, but None is every record of everybody.
            at: Leave out what was closed by then; None: closed ones too.
        """
        return await asyncio.to_thread(self.records_sync, kinds, scope, at)

    def records_sync(
        self,
        kinds: Sequence[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
        at: datetime | None = None,
    ) -> list[Record]:
        """`records`, blocking."""
        return self._open_store().records(Filter.of(kinds, scope, at))

    # Upkeep.

    async def forget(self, target: Scope | str) -> Forgotten:
        """Delete a record by its id, or everything of a scope, from the files and not only from answers.

        A scope with a key deletes what is about exactly that key; without one, all of that owner's.
        Rewrites the SQLite file and drops the Chroma index, which is built anew at the next recall.

        Raises:
            ForgetIncomplete: Deleted, but somebody still holds the bytes; the message says what to do.
            StoreUnusable: Nothing was deleted.
        """
        return await asyncio.to_thread(self.forget_sync, target)

    def forget_sync(self, target: Scope | str) -> Forgotten:
        """`forget`, blocking."""
        with self._lock:
            count = self._open_store().erase(target)
            try:
                return Forgotten(count, index_pending=not self._discard_index())
            except IndexUnusable as error:
                raise ForgetIncomplete(error.place, str(error)) from error

    async def rebuild(self) -> int:
        """Write the index anew from the store; embed every record again if the embedder is another.

        Returns:
            How many records there are.
        """
        return await asyncio.to_thread(self.rebuild_sync)

    def rebuild_sync(self) -> int:
        """`rebuild`, blocking."""
        with self._lock:
            store = self._open_store()
            try:
                store.require_embedder(self._embedder.name)
            except EmbedderMismatch:
                every = store.records(Filter.of(None, None, None))
                vectors = self._embedder.embed([record.text for record in every])
                store.revector(self._embedder.name, {each.id: vectors[i] for i, each in enumerate(every)})
            store.start_generation()
            self._discard_index()
            index = self._index()
            if isinstance(index, ChromaIndex):
                index.refresh()
            return store.count()

    def close(self) -> None:
        """Let go of the files. What was remembered stays. May be called again."""
        with self._lock:
            self._closed = True
            if self._chroma is not None:
                self._chroma.close()
                self._chroma = None
            self._owner.release()
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    # Inside.

    def _open_store(self) -> Store:
        if self._closed:
            raise MemoryClosed(self.folder)
        return self._store

    def _embed(self, text: str) -> Vectors:
        self._open_store().require_embedder(self._embedder.name)
        return self._embedder.embed([text])[0]

    def _index(self) -> VectorIndex:
        """Chroma where it is ours to use, else the exact scan. Ownership is asked for again each time."""
        if self._place == EXACT:
            return ExactIndex(self._store)
        if self._chroma is None:
            if self._place != EMBEDDED:
                self._chroma = ChromaIndex(self._store, self._place)
            elif self._owner.acquire():
                self._chroma = ChromaIndex(self._store, self.folder / "index")
            else:
                return ExactIndex(self._store)
        return self._chroma

    def _discard_index(self) -> bool:
        """Delete every copy of vectors outside the store; False where another process owns the folder."""
        if self._place not in (EMBEDDED, EXACT):
            (self._chroma or ChromaIndex(self._store, self._place)).discard()
        elif self._chroma is not None:
            self._chroma.discard()
        folder = self.folder / "index"
        if not folder.exists():
            return True
        if not self._owner.acquire():
            return False
        ChromaIndex(self._store, folder).discard()
        return True
