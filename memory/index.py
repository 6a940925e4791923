"""Finds the nearest vectors among many: Chroma, derived from the store and rebuilt from it at will.

Chroma holds ids, vectors and what is needed to filter; never text. It is brought up to date before each
question, so writing touches SQLite alone and a crash between the two cannot lose anything. A record with
several vectors is as near as its nearest.

One process at a time owns the Chroma folder (two writers make records unfindable: each saves its own
copy of the graph). Whoever does not own it compares with every vector (`finder.py`). A Chroma server may be
shared by any number of processes. Erased vectors stay in Chroma's files, so an erasure throws the whole
folder away. On a server that is the server's business: it deletes the collection when asked.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.metadata
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .embedder import Vectors
from .errors import IndexUnusable, cause_of
from .ledger import Change
from .records import OWNERS, Filter, Scope
from .rows import microseconds
from .store import Store

PATIENCE = 10
PIECE = "#"
FORMAT = 2
"""Of what is kept beside a vector. An index of another format is dropped and written anew."""


class ChromaIndex:
    """One Chroma collection that mirrors the store. Not safe to share between threads without a lock."""

    def __init__(self, store: Store, place: Path | str) -> None:
        """Connects to nothing yet.

        Args:
            place: A folder that this process owns (`FolderLock`), or the URL of a Chroma server.
        """
        self._store = store
        self._place = place
        self._client: Any = None
        self._collection: Any = None
        self._generation = -1
        self._seen = 0
        self._pieces = 0
        self.rebuilt = 0
        """How often the whole index was written anew because it did not match the store."""

    def nearest(self, vector: Vectors, admitted: Filter, count: int) -> list[str]:
        """Ids of up to `count` records nearest to `vector` by cosine, best first, all admitted.

        Brings the index up to date first.

        Raises:
            IndexUnusable: Chroma refused.
        """
        self.refresh()
        try:
            return self._query(vector, admitted, count)
        except IndexUnusable:
            if self._generation == self._store.state.generation:
                raise
        self.refresh()  # another process started the server's collection over in this moment
        return self._query(vector, admitted, count)

    def refresh(self) -> None:
        """Bring the index up to date; build it anew where it does not match the store."""
        if self._collection is None or self._generation != self._store.state.generation:
            self._attach()
        elif isinstance(self._place, Path) and not self._place.exists():
            self._start_over()
        else:
            self._catch_up()

    def behind(self) -> int:
        """How many changes of the store it has not seen; of a damaged one, all of them."""
        state = self._store.state
        if self._collection is not None and self._generation == state.generation:
            return state.changes - self._seen
        try:
            self._open_collection()
            return state.changes - self._seen
        except IndexUnusable:
            return state.changes
        finally:
            self.close()

    def reach(self) -> None:
        """Find out whether the server answers, where it is one; changes nothing. Raises IndexUnusable."""
        if not isinstance(self._place, Path):
            with self._guard():
                self._connect(self._store.state.generation).close()

    def discard(self) -> None:
        """Let go of everything this index holds, and of its files.

        Raises:
            IndexUnusable: Something could not be deleted.
        """
        self.close()
        with self._guard():
            if not isinstance(self._place, Path):
                self._client = self._connect(self._store.state.generation)
                self._drop_others(keep=None)
            elif self._place.exists():
                shutil.rmtree(self._place)
        self.close()

    def close(self) -> None:
        """Let go of the client; the files stay."""
        if self._client is not None:
            self._client.close()
        self._client, self._collection = None, None

    # Inside.

    def _query(self, vector: Vectors, admitted: Filter, count: int) -> list[str]:
        with self._guard():
            found = self._collection.query(
                query_embeddings=[vector],
                n_results=count,
                where=chroma_condition(admitted),
                include=["distances"],
            )
        return list(dict.fromkeys(piece.rpartition(PIECE)[0] for piece in found["ids"][0]))

    def _attach(self) -> None:
        """Open the collection of the store's generation, and see that it holds what the store holds."""
        try:
            self._open_collection()
            self._catch_up()
            matches = self._matches()
        except IndexUnusable:
            if not isinstance(self._place, Path):
                raise
            matches = False
        if not matches:
            self._start_over()

    def _start_over(self) -> None:
        """Write the whole index anew from the store."""
        self.rebuilt += 1
        self._store.start_generation()
        self.discard()
        self._open_collection()
        self._catch_up()

    def _open_collection(self) -> None:
        self.close()
        generation = self._store.state.generation
        name = f"{self._prefix}{generation}-{FORMAT}"
        with self._guard():
            self._client = self._connect(generation)
            self._drop_others(keep=name)
            self._collection = self._client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine", "ef_search": 200}}
            )
            metadata: dict[str, int] | None = self._collection.metadata
            self._seen = metadata["seen"] if metadata else 0
            self._close_to_others()
            self._pieces = self._collection.count()
        self._generation = generation

    def _catch_up(self) -> None:
        """Add what the store has gained, and note how far we are for the next process.

        The first vector goes in alone: Chroma makes its files then, and they are blanked before more.
        """
        news = self._store.changed_after(self._seen)
        if news and not isinstance(self._place, Path) and self._store.note_server(address_of(self._place)):
            news = self._store.changed_after(self._seen)  # without what was erased before this was noted
        while news:
            with self._guard():
                size = self._client.get_max_batch_size() if self._pieces else 1
                part, news = _first(news, size)
                pieces = [(each, at) for each in part for at in range(len(each.vectors))]
                self._collection.upsert(
                    ids=[f"{each.id}{PIECE}{at}" for each, at in pieces],
                    embeddings=[each.vectors[at] for each, at in pieces],
                    metadatas=[_metadata(each) for each, _ in pieces],
                )
                if not self._pieces and isinstance(self._place, Path):
                    _blank_unused_slots(self._place)
                self._seen = part[-1].change
                self._pieces += len(pieces)
                self._collection.modify(metadata={"seen": self._seen})
                self._close_to_others()

    def _close_to_others(self) -> None:
        """Let nobody but the owner at what Chroma made: it makes files and folders by the process's umask."""
        if isinstance(self._place, Path):
            for path in (self._place, *self._place.rglob("*")):
                with suppress(FileNotFoundError):  # Chroma's own passing files
                    if (mode := path.stat().st_mode) & 0o077:
                        path.chmod(mode & 0o700)

    def _matches(self) -> bool:
        """Whether the index holds as many vectors as the store.

        Asked only of a moment without writing; where others never pause, the next opening asks again.
        An index that has seen more than the store is from a later state of a store that was restored.
        """
        for _ in range(PATIENCE):
            with self._guard():
                here = self._collection.count()
            there = self._store.count_pieces()
            changes = self._store.state.changes
            if changes <= self._seen:
                return changes == self._seen and here == there
            self._catch_up()
        return True

    def _drop_others(self, keep: str | None) -> None:
        """Delete this store's collections of other generations."""
        not_found = importlib.import_module("chromadb.errors").NotFoundError
        for each in self._client.list_collections():
            if each.name.startswith(self._prefix) and each.name != keep:
                with suppress(not_found):  # another process may have been faster
                    self._client.delete_collection(each.name)

    @property
    def _prefix(self) -> str:
        return f"punchlist-{self._store.identity}-"

    def _connect(self, generation: int) -> Any:
        """A client. Each version of Chroma, each generation and each format has a folder of its own.

        Chroma cannot open one twice once it was deleted or found damaged, nor one that a later version
        wrote; and what is in the others has been erased or given up.
        """
        chroma = importlib.import_module("chromadb")
        settings = importlib.import_module("chromadb.config").Settings(anonymized_telemetry=False)
        if isinstance(self._place, Path):
            version = ".".join(importlib.metadata.version("chromadb").split(".")[:2])
            folder = self._place / f"{version}-{generation}-{FORMAT}"
            for place in (self._place, folder):
                place.mkdir(mode=0o700, exist_ok=True)
            for other in self._place.iterdir():
                if other != folder:
                    shutil.rmtree(other)
            return chroma.PersistentClient(str(folder), settings=settings)
        secure, host, port = _server(self._place)
        return chroma.HttpClient(host=host, port=port, ssl=secure, settings=settings)

    @contextmanager
    def _guard(self) -> Generator[None, None, None]:
        """Chroma's refusals as ours. Its client reports an unreachable server as a bare ValueError."""
        errors = importlib.import_module("chromadb.errors")
        transport = importlib.import_module("httpx").HTTPError
        try:
            yield
        except (errors.ChromaError, transport, ValueError, OSError) as error:
            raise IndexUnusable(str(self._place), str(error), cause_of(error)) from error


def address_of(url: str) -> str:
    """Where a Chroma server is, without a name and password that its URL may hold."""
    secure, host, port = _server(url)
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _server(url: str) -> tuple[bool, str, int]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return secure, parts.hostname or "", parts.port or (443 if secure else 8000)


class FolderLock:
    """Ownership of the Chroma folder by one process, given back when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Whether we own it now. Does not wait."""
        if self._handle is not None:
            return True
        handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give it back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def chroma_condition(admitted: Filter) -> dict[str, Any] | None:
    """A filter in Chroma's language; None where it admits everything."""
    parts = list[dict[str, Any]]()
    if admitted.kinds is not None:
        parts.append({"kind": {"$in": sorted(admitted.kinds)}})
    if admitted.scopes is not None:
        either = [_all_of(_seen_from(scope, admitted)) for scope in admitted.scopes]
        parts.append(either[0] if len(either) == 1 else {"$or": either})
    if admitted.at is not None:
        parts.append({"until": {"$gt": microseconds(admitted.at)}})
        if admitted.closed_by is None:  # else what is here was learned; ranking looks at the rest
            parts.append({"since": {"$lte": microseconds(admitted.at)}})
    if admitted.trusted:
        parts.append({"trust": "trusted"})
    if admitted.between is not None:
        start, end = map(microseconds, admitted.between)
        parts += [{"happened": {"$gte": start}}, {"happened": {"$lt": end}}]
    return _all_of(parts) if parts else None


def _seen_from(scope: Scope, admitted: Filter) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"tenant": scope.tenant}]
    for level in OWNERS:
        if level not in admitted.across:
            owner = getattr(scope, level)
            parts.append({level: {"$in": ["", owner]}} if owner else {level: ""})
    if scope.key:
        parts.append({"key": {"$in": ["", scope.key]}})
    return parts


def _all_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {"$and": parts}


def _first(news: list[Change], size: int) -> tuple[list[Change], list[Change]]:
    """As many as have at most `size` vectors together, at least one; and the rest."""
    count, pieces = 1, len(news[0].vectors)
    while count < len(news) and (pieces := pieces + len(news[count].vectors)) <= size:
        count += 1
    return news[:count], news[count:]


def _blank_unused_slots(place: Path) -> None:
    """Zero the vector files of graphs without elements.

    Chroma makes them out of memory that it did not clear: they hold pieces of whatever this process had
    there before, such as forgotten vectors or secrets. It does not read them while the count is zero,
    and writes them whole once there are elements to save.
    """
    for header in place.glob("*/*/header.bin"):
        count = int.from_bytes(header.read_bytes()[20:28], "little")
        for path in (header.with_name("data_level0.bin"), header.with_name("length.bin")):
            if count == 0 and path.exists():
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))


def _metadata(change: Change) -> dict[str, str | int]:
    scope = change.scope
    happened = {} if change.happened is None else {"happened": change.happened}
    return happened | {
        "kind": change.kind,
        "tenant": scope.tenant,
        "user": scope.user,
        "agent": scope.agent,
        "run": scope.run,
        "key": scope.key,
        "since": change.since,
        "until": change.until,
        "trust": change.trust,
    }
