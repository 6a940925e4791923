"""The processes of `eval kill --only memory`: those that write until they are killed, and those that look.

Records are episodes of a few owners, each with words of its own. The embedder is `WordSums`, a double: a
text's vector is the sum of its words', and a word's is drawn from its letters. So a record is found by its
own words and its own vector, and no model is loaded. `chroma_writes` and `chroma_looks` do the same with
Chroma alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from random import Random
from typing import Any

import numpy as np

from ...memory import Memory, MemoryFault, Record, Scope, UnknownRecord
from ...memory.embedder import Vectors

DIMENSION = 64
OWNERS = 4
LARGEST = 40
"""Records of the largest batch."""

ANSWERS = 10
"""A record counts as found when it is among so many answers to its own words."""

WORDS = """
    amber basin cedar delta ember fjord grove heron inlet jetty knoll larch maple north ocean pearl
    quartz ridge slate tide upland valley willow yarrow zephyr
""".split()


class WordSums:
    """An embedder double: quick, always the same, and equal words are near. It knows nothing of meaning."""

    name = "word sums of the kill matrix"

    def __init__(self) -> None:
        self._words: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), 64) float32 of length 1."""
        rows = np.stack([np.sum([self._word(word) for word in text.split()], axis=0) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def pieces(self, text: str) -> list[str]:
        """Every text fits."""
        return [text]

    def _word(self, word: str) -> Vectors:
        if word not in self._words:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
            self._words[word] = np.random.default_rng(seed).standard_normal(DIMENSION, dtype=np.float32)
        return self._words[word]


def text_of(name: str) -> str:
    """The words of a record: some that others have too, and its name."""
    rng = Random(name)
    return f"the {' '.join(rng.choice(WORDS) for _ in range(6))} of {name}"


def owner_of(name: str) -> Scope:
    """Whose a record is."""
    return Scope(user=f"user{Random(name).randrange(OWNERS)}")


def record(name: str) -> Record:
    """A record, whose id is its name."""
    return Record(kind="episode", text=text_of(name), scope=owner_of(name), id=name)


def opened(folder: str, index: str) -> Memory:
    """The memory in a folder."""
    return Memory.open(folder, embedder=WordSums(), index=index)


def portions(prefix: str, seed: str) -> Iterable[list[str]]:
    """Names of records without end: single ones and batches, drawn from a seed."""
    rng, number = Random(seed), 0
    while True:
        size = rng.choice((1, 1, 1, rng.randint(2, LARGEST)))
        yield [f"{prefix}x{number + each}" for each in range(size)]
        number += size


def write(folder: str, index: str, prefix: str, seed: str, most: int, line: Connection) -> None:
    """Write until killed, or until there are `most` records; ask now and then, so that an index is at work.

    Says which records it begins to write, and that they are written when the call has returned.
    """
    rng, written = Random(f"{seed} asks"), 0
    with opened(folder, index) as memory:
        line.send(("ready", []))
        line.recv()
        for names in portions(prefix, seed):
            line.send(("begins", names))
            if len(names) == 1:
                memory.remember_sync(record(names[0]))
            else:
                memory.remember_all_sync([record(name) for name in names])
            line.send(("wrote", names))
            written += len(names)
            if written >= most:
                break
            if rng.random() < 0.3:
                found(memory, rng.choice(names))
    line.send(("ended", []))


def found(memory: Memory, name: str) -> bool:
    """Whether a record is among the answers to its own words and vector, asked from its owner's scope."""
    vector = memory.embedder.embed([text_of(name)])[0]
    answers = memory.recall_sync(text_of(name), ANSWERS, scope=owner_of(name), vector=vector)
    return any(each.record.id == name for each in answers)


def there(memory: Memory, name: str) -> bool:
    """Whether a record is stored, with its words."""
    try:
        return memory.get_sync(name).text == text_of(name)
    except UnknownRecord:
        return False


def look(folder: str, index: str, line: Connection) -> None:
    """Answer which of the named records are not there, and which cannot be found, until told None.

    The memory is opened once, and has answered a question before it says that it is ready.
    """
    with opened(folder, index) as memory:
        memory.recall_sync("the tide", 1, scope=Scope(user="user0"))
        line.send("ready")
        while (names := line.recv()) is not None:
            lost = [name for name in names if not there(memory, name)]
            line.send((lost, [name for name in names if name not in lost and not found(memory, name)]))
    line.send("ended")


def ask_server(folder: str, url: str, prefix: str, line: Connection) -> None:
    """Write, and ask a server from a second thread, until told to stop; counts how questions ended.

    Tells {"wrote": names, "answered", "refused", "broke"}: `refused` is a typed error, `broke` any other.
    """
    counts = {"answered": 0, "refused": 0, "broke": 0}
    wrote: list[str] = []
    stop = threading.Event()
    with opened(folder, url) as memory:

        def asks() -> None:
            while not stop.is_set():
                name = wrote[len(wrote) // 2]
                try:
                    counts["answered" if found(memory, name) else "broke"] += 1
                except MemoryFault:
                    counts["refused"] += 1
                except Exception:
                    counts["broke"] += 1

        wrote += [f"{prefix}y{number}" for number in range(200)]
        memory.remember_all_sync([record(name) for name in wrote])
        asking = threading.Thread(target=asks)
        asking.start()
        line.send("ready")
        for names in portions(prefix, prefix):
            memory.remember_all_sync([record(name) for name in names])
            wrote += names
            if line.poll(0.02):
                break
        line.recv()
        stop.set()
        asking.join()
    line.send({"wrote": wrote, **counts})


def chroma_collection(folder: str) -> Any:
    """Chroma alone, as its documentation opens it."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
    return client.get_or_create_collection(
        "memories", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )


def chroma_writes(folder: str, prefix: str, most: int, size: int, line: Connection) -> None:
    """Add records to Chroma alone, so many at once."""
    collection, embedder = chroma_collection(folder), WordSums()
    line.send(("ready", []))
    line.recv()
    for first in range(0, most, size):
        names = [f"{prefix}x{number}" for number in range(first, first + size)]
        texts = [text_of(name) for name in names]
        collection.add(ids=names, embeddings=list(embedder.embed(texts)), documents=texts)
        line.send(("wrote", names))
    line.send(("ended", []))


def chroma_looks(folder: str, line: Connection) -> None:
    """`look` for Chroma alone."""
    collection, embedder = chroma_collection(folder), WordSums()
    collection.query(query_embeddings=list(embedder.embed(["the tide"])), n_results=1)
    line.send("ready")
    while (names := line.recv()) is not None:
        kept = set(collection.get(ids=list(names))["ids"])
        lost = [name for name in names if name not in kept]
        unfindable: list[str] = []
        for name in names:
            answers = collection.query(
                query_embeddings=list(embedder.embed([text_of(name)])), n_results=ANSWERS
            )
            if name in kept and name not in answers["ids"][0]:
                unfindable.append(name)
        line.send((lost, unfindable))
    line.send("ended")
