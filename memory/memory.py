"""Long-term memory: remember what was proven, said or seen, recall it for a similar task, forget it for good.

Each method with `_sync` blocks; its twin without the suffix is a coroutine that does the same and keeps the
event loop free.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ..protocols.messages import Confirm
from .asking import Asker, Query, Span, embedded_questions, searches_of
from .companions import drop_orphans
from .connected import State
from .embedder import Embedder, Vectors, embedded
from .embedders import embedder_of
from .erasing import Erased, Looked, look_for
from .errors import (
    ForgetIncomplete,
    IndexUnusable,
    MemoryClosed,
    StoreUnusable,
    cause_of,
)
from .finder import AUTO, EMBEDDED, EXACT, Finder
from .gate import admit, refuse_secret
from .health import Health, health_of
from .looking import Looking
from .ranking import ALIKE, Reranker, Weights
from .records import Forgotten, Kind, Owner, Recalled, Record, Scope, kept_reason, levels, now, whole
from .reembedding import Reembedding
from .rows import moment_of
from .store import Draft, Gone
from .transfer import read_export, write_export
from .twins import twin
from .upkeep import Upkeep
from .words import stems

ONLY_OURS = {"seen": 1, "closed": None, "reason": "", "superseded_by": None, "outcomes": ""}
"""What of a record memory alone says."""

STEP = 0.2
"""How far one use moves a record's importance towards 1 or 0."""


class Memory(Looking):
    """What agents know across runs, in one folder. Safe to use from several threads and processes."""

    def __init__(
        self, folder: Path, store: Upkeep, embedder: Embedder, index: str, weights: Weights,
        reranker: Reranker | None,
    ) -> None:  # fmt: skip
        """Use `Memory.open`."""
        self.folder = folder
        self._store = store
        self._embedder = embedder
        self._finder = Finder(store, folder, index, weights, reranker)
        self._asker = Asker(store, self._finder)
        self._index = index
        self._lock = threading.RLock()
        self._closed = False

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        embedder: Embedder | str | None = None,
        index: str = AUTO,
        weights: Weights | None = None,
        reranker: Reranker | None = None,
    ) -> Self:
        """Open the memory in `folder`, or make it. Loads neither model nor Chroma: their first use does.

        A folder of an older format is carried forward; a copy of its file stays until something is forgotten.

        Args:
            folder: Made for its owner only where it is not there; `~` is the home folder.
            embedder: An object, or a name; see `embedder_of`. None: the one that the memory was made with.
            index: "auto", "exact", "chroma" or the URL of a Chroma server; see `finder.py`.
            weights: How much each signal counts in `recall`.
            reranker: Reads the best ones once more and orders them anew.

        Raises:
            ValueError: `index` is none of these.
            UnknownEmbedder: The name stands for no embedder.
            StoreVersion: The folder was written by a later format.
            StoreUnusable: The file is damaged, or the folder cannot be written.
        """
        if index not in (AUTO, EMBEDDED, EXACT) and not index.startswith(("http://", "https://")):
            known = "'auto', 'exact', 'chroma' or the URL of a Chroma server"
            raise ValueError(f"index must be {known}, not {index!r}")
        place = Path(folder).expanduser().resolve()
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnusable(place, str(error), cause_of(error)) from error
        store = Upkeep.open(place / "memory.sqlite3")
        try:
            chosen = embedder_of(embedder, store.state.embedder or None)
        except BaseException:
            store.close()
            raise
        return cls(place, store, chosen, index, weights or Weights(), reranker)

    @property
    def embedder(self) -> Embedder:
        """What turns its words into vectors."""
        return self._embedder

    @property
    def used(self) -> str:
        """What answered the last question, and over how many records, for a person."""
        return self._finder.used

    # Writing.

    def remember_sync(self, record: Record, proof: Confirm | None = None) -> Record:
        """Keep a record. On disk when this returns.

        Words that are already known of that kind and owner are not kept twice: the record that has them is
        returned, seen once more and with the proof added. Words that were recalled before, and now come
        back without a proof, are the record that they were recalled from, and leave it as it was. A
        cancelled call may still have kept the record; calling again with the same record is safe.

        Args:
            proof: The confirm of the task in which it was learned; see `gate.py` for what needs one.

        Raises:
            UnprovenMemory: It needs a proof and has none, or `proof` does not prove it.
            SecretRefused: It holds a password, a key or the like.
            UnknownRecord: One of its sources is not here.
            DuplicateRecord: The record's id is taken by other words.
            MemoryFault: The embedder or the store cannot be used.
        """
        return self.remember_all_sync([record], proof)[0]

    def remember_all_sync(self, records: Sequence[Record], proof: Confirm | None = None) -> list[Record]:
        """`remember` for many: all of them are kept, or none is.

        Returns:
            For each what was kept, in order.
        """
        store = self._open_store()
        with self._lock:
            told = [self._asker.told.echo(each) if proof is None else None for each in records]
        fresh = [each for each, known in zip(records, told, strict=True) if known is None]
        kept = iter(store.add(self._drafts(fresh, proof)))
        return [known or next(kept) for known in told]

    def supersede_sync(self, old: str, record: Record, proof: Confirm | None = None) -> Record:
        """Keep `record` and close the record `old`, which it corrects.

        The old one stays in `records()` and in what is recalled `at` an earlier moment.

        Raises:
            UnprovenMemory, SecretRefused: As in `remember`.
            UnknownRecord: `old` is not here.
            AlreadySuperseded: `old` was corrected before.
            MemoryFault: The embedder or the store cannot be used.
        """
        (draft,) = self._drafts([record], proof)
        return self._open_store().supersede(old, draft)

    def retract_sync(self, record: str, reason: str) -> Record:
        """Close a record that is wrong and that nothing replaces.

        Raises:
            UnknownRecord, AlreadyClosed: It is not here, or not open.
            ValueError: The reason is too long, or no plain text.
            SecretRefused: The reason holds a secret.
        """
        refuse_secret(f"The reason for closing record {record!r}", reason, record)
        return self._open_store().retract(record, kept_reason(reason), now())

    def restore_sync(self, record: str) -> Record:
        """Open a closed record again. Raises UnknownRecord, AlreadyClosed, PlaceTaken (another one holds)."""
        return self._open_store().restore(record, now())

    def useful_sync(self, record: str, useful: bool) -> Record:
        """Tell whether a record helped where it was recalled: it weighs a little more, or less, from now on.
        The latest ones decide what is retired; see `outcomes.py`. Raises UnknownRecord.
        """
        return self._open_store().tell_use(record, useful, STEP)

    def outcome_sync(
        self, check: str, held: bool, scope: Scope | None = None, recalled: Sequence[str] = ()
    ) -> None:
        """Tell how a check came out at a first attempt: `useful` for the lessons recalled for it.

        Without any it counts as how often the check holds by itself, which lessons are measured by.

        Args:
            check: Its name, or what its lessons begin with before a colon.
            scope: Where its lessons lie, key included; None: shared.
            recalled: Ids; one that was forgotten meanwhile is passed over.

        Raises:
            SecretRefused: The check's name holds a secret.
        """
        refuse_secret("The name of a check", check)
        self._open_store().tell_check(scope or Scope.shared(), check, held, recalled, STEP)

    def derive_sync(self, record: Record, closing: str = "") -> bool:
        """Keep what a job derived, unless that was overtaken; see `Upkeep.derive`."""
        return self._open_store().derive(self._drafts([record], None)[0], closing)

    @property
    def ledger(self) -> Upkeep:
        """The record of truth itself, for jobs. Raises MemoryClosed."""
        return self._open_store()

    # Reading.

    def recall_sync(
        self,
        query: str,
        k: int = 5,
        kinds: Collection[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
        *,
        across: Collection[Owner] = (),
        at: datetime | None = None,
        between: Span | None = None,
        trusted: bool = False,
        min_score: float = 0.0,
        diversity: float = 0.0,
        vector: Vectors | None = None,
    ) -> list[Recalled]:
        """The records that answer a query best, best first, with the reasons for their rank.

        Args:
            k: At most so many; at least 1.
            kinds: Only these; None: all.
            scope: From where the question is asked, one scope or several, `records.MOST_SCOPES` at most; see
                `Scope` for what it sees. None sees what is shared; name somebody to find what is theirs.
            across: Levels at which everybody's records are seen, such as `("run",)` for all runs.
            at: What held at that moment; None: what holds now.
            between: Only what happened in this span, its end excluded.
            trusted: Only what is trusted.
            min_score: Leave out what answers less well; see `ranking.py` for the scale. With 0 unfitting ones
                are returned too, when there is nothing better.
            diversity: 0 to 1; how much a record counts less for being like a better one.
            vector: (dimension,), the query embedded already.

        Raises:
            ValueError: A number is out of range, a kind or level unknown, or a moment has no time zone.
            MemoryFault: The embedder, the store or the index cannot be used.
        """
        wanted = Query.of(k, kinds, scope, across, at, between, trusted, min_score, diversity)
        return self._recall([(query, vector)], wanted)

    def recall_all_sync(
        self,
        queries: Sequence[str],
        k: int = 5,
        kinds: Collection[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
        *,
        across: Collection[Owner] = (),
        at: datetime | None = None,
        between: Span | None = None,
        trusted: bool = False,
        min_score: float = 0.0,
        diversity: float = 0.0,
        near_words: bool = False,
    ) -> list[Recalled]:
        """`recall` for a question that takes several searches: their answers united, `k` in all.

        Args:
            near_words: Search for the first one also with words of the records beside it that are near its
                own in meaning; see `near_words.py`.
        """
        wanted = Query.of(k, kinds, scope, across, at, between, trusted, min_score, diversity)
        return self._recall(searches_of(queries), wanted, near_words)

    # Upkeep.

    def forget_sync(self, target: Scope | str, across: Collection[Owner] = ()) -> Forgotten:
        """Delete a record by its id, or everything of a scope, from the files and not only from answers.

        An owner means all that is theirs; a key just what is about it; a scope without owner what is shared,
        and at the levels in `across` what belongs to anybody. What was derived from a deleted record goes
        too. Rewrites the SQLite file and drops the Chroma index, which is built anew when it is needed.
        Traces of skills that no record names any more are deleted.

        Raises:
            ForgetIncomplete: Deleted, but somebody still holds the bytes; the message says what to do.
            StoreUnusable: Nothing was deleted.
        """
        gone, pending = self._forget(target, across)
        return Forgotten(len(gone), pending)

    def erase_sync(self, target: Scope | str, across: Collection[Owner] = (), verify: bool = True) -> Erased:
        """`forget`, and then look through every byte of the folder for what is left.

        Args:
            verify: False does not look.

        Raises:
            ForgetIncomplete, StoreUnusable: As `forget`.
        """
        gone, pending = self._forget(target, across)
        looked = look_for(gone, self.folder, self._store) if verify else Looked()
        unseen = tuple(self._store.servers())
        return Erased(len(gone), pending, verify, looked.left, unseen, looked.files, looked.bytes)

    def export_sync(
        self, path: Path | str, scope: Scope | None = None, across: Collection[Owner] = ()
    ) -> int:
        """Write records, with proofs and vectors, to a file of JSON lines; how many there were.

        Args:
            scope, across: As in `forget`; None: everything.

        Raises:
            FileExistsError: There is such a file.
            OSError: It cannot be written.
        """
        store = self._open_store()
        return write_export(Path(path), store, scope, levels(across))

    def import_sync(self, path: Path | str) -> int:
        """Take in an export, all of it or nothing; how many records were new.

        Records that are here already stay as they are, except that those are closed which were corrected or
        retracted there. Each must pass the gate, as when it was first kept.
        Its vectors are taken over if they are of this memory's embedder, else it is embedded anew.

        Raises:
            NotAnExport: The file is not one, or was changed.
            DuplicateRecord: An id is taken by other words.
            UnprovenMemory, SecretRefused, MemoryFault: As `remember`.
        """
        store = self._open_store()
        entries = read_export(Path(path))
        embedder = self._embedder
        held = entries.embedder == embedder.name
        if held and entries.records:
            store.bind(entries.embedder, entries.fitting(embedder, self._state(embedder).dimension))
        made = (
            None if held else self._vectors(embedder, [each.record.statement() for each in entries.records])
        )
        return store.take_in(entries.drafts(made, embedder.name), entries.trials, entries.clock)

    def rebuild_sync(self) -> int:
        """Write the indexes of vectors and words anew from the store; how many records there are."""
        with self._lock:
            store = self._open_store()
            store.rebuild_words()
            store.start_generation()
            self._finder.discard()
            self._finder.refresh()
            return store.count()

    def reembed_sync(self, embedder: Embedder | str, tell: Callable[[int, int], None] | None = None) -> int:
        """Embed every record with another embedder and go over to it, for everybody at one moment.

        Until then all go on with the old one; then those who hold it are refused (`EmbedderMismatch`) until
        they open the memory again. Killed in the middle, nothing has changed. Who writes faster than that
        embeds waits at the end.

        Args:
            tell: Called with how many records are done, of how many.

        Returns:
            How many records there are.

        Raises:
            WrongVectors: They are not all of one dimension, or no vectors; nothing has changed.
        """
        made = Reembedding(self._open_store(), embedder_of(embedder, None))
        made.run(tell)
        with self._lock:
            self._store.revector(made.embedder.name, made.vectors, made.upto, made.add)
            self._embedder = made.embedder
            return self._store.count()

    def health_sync(self) -> Health:
        """What is stored where, and what is wrong with it. Changes nothing."""
        with self._lock:
            return health_of(self._open_store(), self.folder, self._embedder, self._index, self._finder)

    remember, remember_all = twin(remember_sync), twin(remember_all_sync)
    supersede, retract, restore = twin(supersede_sync), twin(retract_sync), twin(restore_sync)
    useful, outcome, recall = twin(useful_sync), twin(outcome_sync), twin(recall_sync)
    forget, erase, rebuild = twin(forget_sync), twin(erase_sync), twin(rebuild_sync)
    export, import_from = twin(export_sync), twin(import_sync)
    reembed, health, recall_all = twin(reembed_sync), twin(health_sync), twin(recall_all_sync)

    def close(self) -> None:
        """Let go of the files. What was remembered stays. May be called again."""
        with self._lock:
            self._closed = True
            self._finder.close()
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

    def _open_store(self) -> Upkeep:
        if self._closed:
            raise MemoryClosed(self.folder)
        return self._store

    def _drafts(self, records: Sequence[Record], proof: Confirm | None) -> list[Draft]:
        admitted = [admit(record.model_copy(update=ONLY_OURS), proof) for record in records]
        embedder = self._embedder  # the same for all: another thread may go over to another one
        vectors = self._vectors(embedder, [record.statement() for record, _ in admitted])
        return [
            Draft(
                record, proofs, stems(record.text), vectors[at], embedder.name,
                self._near(record, vectors[at]),
            )
            for at, (record, proofs) in enumerate(admitted)
        ]  # fmt: skip

    def _vectors(self, embedder: Embedder, texts: Sequence[str]) -> list[Vectors]:
        """(pieces, dimension) of each text, by the embedder that the file is bound to."""
        if not texts:
            return []
        state = self._state(embedder)
        vectors = embedded(embedder, texts)
        bound = embedder.name, vectors[0].shape[1]
        if (state.embedder, state.dimension) != bound:
            self._store.bind(*bound)
        return vectors

    def _state(self, embedder: Embedder) -> State:
        """Where the file stands; it is bound to this embedder or to none."""
        return self._open_store().state.held_for(embedder.name)

    def _near(self, record: Record, vectors: Vectors) -> tuple[tuple[str, float], ...]:
        """Derived records in sight that say nearly the same. Episodes are many, and link to nothing."""
        with self._lock:
            alike = [] if record.kind == "episode" else self._finder.alike(record.scope, vectors, ALIKE)
        return tuple((row.id, cosine) for row, cosine in alike if row.kind != "episode")

    def _recall(
        self, asked: Sequence[tuple[str, Vectors | None]], query: Query, near_words: bool = False
    ) -> list[Recalled]:
        asked = [(whole(text), vector) for text, vector in asked if text.strip()]
        embedder = self._embedder
        state = self._state(embedder)
        if query.admitted.empty or not asked or not state.dimension:
            return []
        if near_words:
            with self._lock:
                wider = self._asker.widened(asked[0][0], query, state)
            asked += [] if wider == asked[0][0] else [(wider, None)]
        vectors = embedded_questions(embedder, asked, state.dimension)
        texts = [text for text, _ in asked]
        with self._lock:
            state = self._state(embedder) if any(vector is None for _, vector in asked) else state
            query = query.asked_at(moment_of(state.clock))
            try:
                found, then = self._asker.ask(texts, vectors, query, state)
            except ValueError:  # vectors of two embedders, perhaps
                self._state(embedder)
                raise
        then.held_for(embedder.name)  # it may have gone over to another one meanwhile
        return found

    def _forget(self, target: Scope | str, across: Collection[Owner]) -> tuple[list[Gone], bool]:
        with self._lock:
            gone = self._open_store().erase(target, levels(across))
            self._asker.told.lose([each.id for each in gone])
            drop_orphans(self.folder, self._store)
            try:
                return gone, not self._finder.discard()
            except IndexUnusable as error:
                raise ForgetIncomplete(error.place, error.reason, error.cause) from error
