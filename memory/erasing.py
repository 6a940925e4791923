"""Proves an erasure: looks through every byte of every file for what was erased.

Covers the folder of the memory: the SQLite file, its log, Chroma's files, copies of older formats. Does not
cover: a Chroma server's own files, backups of the file system, exports, and blocks that the disk gave back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import NoReturn

import numpy as np

from .errors import ForgetIncomplete, cause_of
from .scanning import paths_below, scan
from .store import Gone, Store

SHORTEST = 12
"""Bytes from which on a text or an id is looked for as it is; a shorter one is found in what others say."""

WINDOW, STRIDE = 48, 400
"""Characters of a piece that a text is looked for by, and from one to the next. SQLite spreads a long text
over pages of 4,096 bytes, where nothing holds it whole; at up to 4 bytes a character, each has a piece."""


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
        index_pending: Another process holds the Chroma index; its next recall drops the vectors, or anybody's
            once it has closed.
        verified: Whether the files were looked through.
        left: What was found; nothing if the erasure is proven.
        unseen: Places that cannot be looked through: every Chroma server that vectors ever went to.
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

    Looked for: digests, ids and texts of `SHORTEST` bytes and more (texts by pieces of them), vectors in half
    and single precision, and every stem; but not what something living has just so: a record in its own
    words, its owner, key or reason, a proof, a check (`rows.HELD`). Another process reads the files; see
    `scanning.py`.

    Raises:
        ForgetIncomplete: The files cannot be looked through.
    """
    needles = [needle for each in gone for needle in _needles(each)]
    try:
        states = _files(folder)
        files, sizes = list(states), [each.st_size for each in states.values()]
        places = scan(files, [needle.sought for needle in needles])
    except OSError as error:
        raise ForgetIncomplete(str(folder), str(error), cause_of(error)) from error
    hits = {at: needles[at] for each in places for at in each}
    living = {at for at, each in hits.items() if each.shared and store.holds(each.shared)}
    found = dict.fromkeys(
        Left(path, needles[at].what, needles[at].record)
        for path, ats in zip(files, places, strict=True)
        for at in ats
        if at not in living
    )
    stems = {stem: each.id for each in gone for stem in each.terms.split()}
    words = [
        Left(store.path, "a word", record)
        for stem, record in stems.items()
        if store.documents_with(stem) > store.living_with(stem)
    ]
    return Looked((*found, *words), len(files), sum(sizes))


def _files(folder: Path) -> dict[Path, os.stat_result]:
    """The files in a folder, at any depth, by path, with their state. Raises OSError: not all are seen."""
    found = dict[Path, os.stat_result]()
    for path in paths_below(folder, _refuse):
        with suppress(FileNotFoundError):
            found[path] = path.stat()
    return {path: each for path, each in found.items() if S_ISREG(each.st_mode)}


def _refuse(error: OSError) -> NoReturn:
    raise error


@dataclass(frozen=True)
class _Needle:
    """What is looked for, of which record, and what of it a living record may have just so."""

    record: str
    what: str
    sought: bytes
    shared: str | bytes


def _needles(gone: Gone) -> list[_Needle]:
    single = np.frombuffer(gone.vectors, dtype=np.float16).astype(np.float32).tobytes()
    begin = gone.vectors[:64]
    parts = [
        _Needle(gone.id, "its digest", gone.digest.encode(), gone.digest),
        _Needle(gone.id, "its vector (half precision)", begin, begin),
        _Needle(gone.id, "its vector (single precision)", single[:64], begin),
    ]
    if len(gone.id.encode()) >= SHORTEST:
        parts.append(_Needle(gone.id, "its id", gone.id.encode(), gone.id))
    if len(gone.text.encode()) >= SHORTEST:
        parts += [_Needle(gone.id, "its text", piece.encode(), piece) for piece in _pieces(gone.text)]
    return [each for each in parts if each.sought.strip(b"\0")]


def _pieces(text: str) -> list[str]:
    """A short text whole; of a long one pieces from its beginning to its end."""
    last = max(len(text) - WINDOW, 0)
    return [text[first : first + WINDOW] for first in (*range(0, last, STRIDE), last)]
