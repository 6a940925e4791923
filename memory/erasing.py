"""Proves an erasure: looks through every byte of every file for what was erased.

Covers the folder of the memory: the SQLite file, its log, Chroma's files, copies of older formats. Does not
cover: a Chroma server's own files, backups of the file system, exports, and blocks that the disk gave back.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .store import Gone, Store

SHORTEST = 12
"""Bytes from which on a text is looked for as it is; a shorter one is found in words that others use."""


@dataclass(frozen=True)
class Left:
    """Bytes of something erased that are still there."""

    path: Path
    what: str
    record: str


@dataclass(frozen=True)
class Erased:
    """What `erase` did and found.

    Attributes:
        records: How many were deleted, those derived from them included.
        index_pending: Another process holds the Chroma index; it drops the vectors at its next recall.
        verified: Whether the files were looked through.
        left: What was found; nothing if the erasure is proven.
        unseen: Places that cannot be looked through, such as a Chroma server.
        files, bytes: How much was looked through.
    """

    records: int
    index_pending: bool
    verified: bool
    left: tuple[Left, ...]
    unseen: tuple[str, ...]
    files: int = 0
    bytes: int = 0

    @property
    def proven(self) -> bool:
        """Whether nothing is left anywhere that could be looked at, and all of it was looked at."""
        return self.verified and not self.left and not self.unseen and not self.index_pending


@dataclass(frozen=True)
class Looked:
    """What a look through the files found, and how much it read."""

    left: tuple[Left, ...] = ()
    files: int = 0
    bytes: int = 0


def look_for(gone: Sequence[Gone], folder: Path, store: Store) -> Looked:
    """Whatever of these records is still in a file below `folder`, or in the words of the store.

    Looked for: ids, digests, texts of `SHORTEST` bytes and more, vectors in half and single precision, and
    every stem that no living record has.
    """
    needles = [(each.id, what, needle) for each in gone for what, needle in _needles(each)]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    found = [
        Left(path, what, record)
        for path, size in zip(files, sizes, strict=True)
        if size
        for record, what, _ in _in_file(path, needles)
    ]
    stems = {stem: each.id for each in gone for stem in each.terms.split()}
    words = [
        Left(store.path, "a word", record)
        for stem, record in stems.items()
        if store.documents_with(stem) > store.living_with(stem)
    ]
    return Looked((*found, *words), len(files), sum(sizes))


def _needles(gone: Gone) -> list[tuple[str, bytes]]:
    half = np.frombuffer(gone.vectors, dtype=np.float16)
    parts = [
        ("its id", gone.id.encode()),
        ("its digest", gone.digest.encode()),
        ("its vector (half precision)", gone.vectors[:64]),
        ("its vector (single precision)", half.astype(np.float32).tobytes()[:64]),
    ]
    text = gone.text.encode()
    if len(text) >= SHORTEST:
        parts.append(("its text", text))
    return [(what, needle) for what, needle in parts if needle.strip(b"\0")]


def _in_file(path: Path, needles: Sequence[tuple[str, str, bytes]]) -> list[tuple[str, str, bytes]]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [each for each in needles if content.find(each[2]) >= 0]
