"""What is left of erased records in the files: of ours with every kind of index, and of Chroma alone.

`bytes_left` looks at every byte of every file below a folder for what belongs to the erased records alone:
their texts, the words that no other record has, their ids, and their vectors in single and half precision,
eight bytes in a row at any place. A byte counts once, whatever it is part of.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np

from ...memory import Memory, Record, Scope
from ...memory.embedder import Vectors
from ...memory.words import stems
from .kill_memory import chroma_server, free_port
from .kill_memory_target import WordSums, chroma_collection

KEPT, ERASED = 900, 300
"""Together more than Chroma gathers before it writes vectors to its files."""

STAYS, GOES = Scope(user="stays"), Scope(user="goes")
LONG = 1_200
"""Words of the long text among them: more than one page of SQLite holds."""

SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za".split()
WINDOW = 8
"""Bytes of a vector in a row that count as a part of it."""

CLEARED = np.uint32(0xFFFFFFC0)
"""Leaves out the last six bits of a float32."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Pairs = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class Erasure:
    """Bytes of the erased records.

    Attributes:
        before: In the files before they were erased; what shows that the search sees them.
        left: After it.
        vectors_left: Share of the erased vectors of which half or more is still there.
    """

    before: int
    left: int
    vectors_left: float


def texts(count: int, seed: str) -> list[str]:
    """Sentences of words that nobody else has; the last one is long."""
    rng = Random(seed)

    def word() -> str:
        return "".join(rng.choices(SYLLABLES, k=5))

    short = [f"Note {number} of {seed}: {word()} met {word()} near {word()}." for number in range(count - 1)]
    return [*short, " ".join(word() for _ in range(LONG))]


@dataclass(frozen=True)
class Needles:
    """What is looked for.

    Attributes:
        singles: Pairs of neighbours of the vectors in single precision, but for their last bits: whoever
            makes vectors anew of length 1 changes those.
        halves: Eight bytes in a row of the vectors in half precision.
    """

    words: tuple[bytes, ...]
    singles: Pairs
    halves: Pairs
    vectors: Vectors

    @classmethod
    def of(cls, erased: Sequence[str], ids: Sequence[str], kept: Sequence[str], vectors: Vectors) -> Needles:
        """Of the erased records.

        Args:
            kept: Texts whose words are theirs too.
            vectors: (records, dimension) float32.
        """
        others = {word for text in kept for word in _words(text)}
        own = {word for text in erased for word in _words(text)} - others
        needles = {*own, *erased, *ids}
        half = vectors.astype(np.float16).tobytes()
        halves = np.unique(np.concatenate([_in_row(half, first) for first in range(0, WINDOW, 2)]))
        return cls(
            tuple(needle.encode() for needle in sorted(needles)),
            np.unique(pairs_of(vectors)),
            halves[halves != 0],
            vectors,
        )


def _words(text: str) -> set[str]:
    return {word for word in (*text.split(), *stems(text).split()) if len(word) >= 8}


def _in_row(content: bytes, first: int) -> Pairs:
    """Eight bytes each, side by side from a place on."""
    return np.frombuffer(content[first : first + (len(content) - first) // WINDOW * WINDOW], np.uint64)


def pairs_of(rows: Vectors) -> Pairs:
    """Neighbours in rows of float32 as one number, without their last bits: (..., dimension - 1)."""
    bits = (rows.view(np.uint32) & CLEARED).astype(np.uint64)
    return (bits[..., :-1] << np.uint64(32)) | bits[..., 1:]


def bytes_left(folder: Path, needles: Needles) -> int:
    """Bytes of all files below a folder that belong to what was erased."""
    return sum(int(covered(path.read_bytes(), needles).sum()) for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def covered(content: bytes, needles: Needles) -> Mask:
    """Which bytes are part of what was erased."""
    mask = np.zeros(len(content), np.bool_)
    for needle in needles.words:
        at = content.find(needle)
        while at >= 0:
            mask[at : at + len(needle)] = True
            at = content.find(needle, at + 1)
    for first in range(min(WINDOW, len(content))):
        for place in np.flatnonzero(np.isin(_in_row(content, first), needles.halves)):
            mask[first + int(place) * WINDOW :][:WINDOW] = True
    for first, pairs in _pairs_in(content):
        for place in np.flatnonzero(np.isin(pairs, needles.singles)):
            mask[first + int(place) * 4 :][:WINDOW] = True
    return mask


def _pairs_in(content: bytes) -> list[tuple[int, Pairs]]:
    """Where floats could begin, and the pairs that they would be."""
    found: list[tuple[int, Pairs]] = []
    for first in range(min(4, len(content))):
        floats = content[first : first + (len(content) - first) // 4 * 4]
        found.append((first, pairs_of(np.frombuffer(floats, np.float32))))
    return found


def vectors_left(folder: Path, vectors: Vectors) -> float:
    """Share of vectors of which at least half is in some file, in single precision."""
    pairs = pairs_of(vectors)  # (vectors, dimension - 1)
    there = np.zeros(pairs.shape, np.bool_)
    for path in _files(folder):
        for _, found in _pairs_in(path.read_bytes()):
            there |= np.isin(pairs, found)
    return float((there.mean(axis=1) >= 0.5).mean())


def erase_ours(folder: Path, index: str, places: Sequence[Path]) -> list[Erasure]:
    """Fill a memory, erase an owner, and look; with the memory open, and again when it is closed.

    Args:
        places: Folders to look through; the memory's, and maybe a server's.

    Returns:
        For each place; what is left is the larger of the two looks.
    """
    kept, gone = texts(KEPT, "stays"), texts(ERASED, "goes")
    embedder = WordSums()
    with Memory.open(folder, embedder=embedder, index=index) as memory:
        erased = memory.remember_all_sync([_record(text, GOES) for text in gone])
        memory.remember_all_sync([_record(text, STAYS) for text in kept])
        needles = Needles.of(gone, [each.id for each in erased], kept, embedder.embed(gone))
        for scope in (STAYS, GOES):
            memory.recall_sync(gone[0], scope=scope)
        before = [bytes_left(place, needles) for place in places]
        memory.erase_sync(GOES)
        memory.recall_sync(kept[0], scope=STAYS)
        open_still = [bytes_left(place, needles) for place in places]
    left = [max(pair) for pair in zip(open_still, (bytes_left(at, needles) for at in places), strict=True)]
    shares = [vectors_left(place, needles.vectors) for place in places]
    return [Erasure(*each) for each in zip(before, left, shares, strict=True)]


def _record(text: str, scope: Scope) -> Record:
    return Record(kind="episode", text=text, scope=scope)


def erase_on_server(folder: Path) -> list[Erasure]:
    """Ours with a Chroma server: the memory's own folder, and the server's."""
    port = free_port()
    with chroma_server(folder / "server", port):
        url = f"http://127.0.0.1:{port}"
        return erase_ours(folder / "memory", url, [folder / "memory", folder / "server"])


def erase_in_chroma(folder: Path) -> Erasure:
    """Chroma alone: records are deleted by their ids, the client is closed, and its own `vacuum` is run."""
    kept, gone = texts(KEPT, "stays"), texts(ERASED, "goes")
    embedder = WordSums()
    ids = [f"goes-{number}-{Random(text).getrandbits(64):016x}" for number, text in enumerate(gone)]
    needles = Needles.of(gone, ids, kept, embedder.embed(gone))
    collection = chroma_collection(str(folder))
    collection.add(ids=ids, embeddings=list(embedder.embed(gone)), documents=gone)
    collection.add(
        ids=[f"stays-{number}" for number in range(KEPT)],
        embeddings=list(embedder.embed(kept)),
        documents=kept,
    )
    before = bytes_left(folder, needles)
    collection.delete(ids=ids)
    _close(collection)
    _vacuum(folder)
    return Erasure(before, bytes_left(folder, needles), vectors_left(folder, needles.vectors))


def _close(collection: Any) -> None:
    """Close the client of a collection."""
    client = cast("Callable[[], None] | None", getattr(collection._client, "close", None))
    if client is not None:
        client()
    importlib.import_module("chromadb.api.shared_system_client").SharedSystemClient.clear_system_cache()


def _vacuum(folder: Path) -> None:
    command = [sys.executable, "-c", "from chromadb.cli.cli import app; app()", "vacuum"]
    quiet = os.environ | {"ANONYMIZED_TELEMETRY": "False"}
    done = subprocess.run(
        [*command, "--path", str(folder), "--force"], capture_output=True, text=True, timeout=120, env=quiet
    )
    if done.returncode:
        raise RuntimeError(f"chroma vacuum ended with {done.returncode}: {done.stderr[-300:]}")
