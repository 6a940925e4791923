"""What is stored where, and what is wrong with it, for a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .embedder import Embedder
from .finder import Finder
from .records import Filter
from .schema import backups
from .store import Store


@dataclass(frozen=True)
class Health:
    """The state of a memory.

    Attributes:
        records: How many, closed ones included.
        counts: Open ones by owner and kind: tenant, user, agent, run, kind, number.
        embedder: The one that the records were embedded with; empty before the first.
        opened_with: The one that the memory was opened with.
        index: What was asked for.
        used: What answered the last question of this process.
        bytes: Size of all files.
        backups: Copies of older formats.
        faults: What is wrong, each with what to do; nothing if all is well.
    """

    records: int
    counts: tuple[tuple[str, str, str, str, str, int], ...]
    embedder: str
    opened_with: str
    index: str
    used: str
    bytes: int
    backups: tuple[Path, ...]
    faults: tuple[str, ...]


def health_of(store: Store, folder: Path, embedder: Embedder, index: str, finder: Finder) -> Health:
    """Look at the store, its words, the permissions, the embedder, and a server if one was named."""
    state = store.state
    faults = [f"{store.path}: {each}. Restore it from an export or a copy." for each in store.faults()]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o077 and path.suffix in ("", ".sqlite3", ".lock"):
            faults.append(f"{path} can be read by others. Run: chmod go= {path}")
    if state.embedder and state.embedder != embedder.name:
        faults.append(
            f"It was embedded with {state.embedder!r} and opened with {embedder.name!r}. "
            "Open it with the first, or call reembed()."
        )
    faults += finder.faults()
    return Health(
        records=store.count(Filter()),
        counts=tuple(store.counts()),
        embedder=state.embedder,
        opened_with=embedder.name,
        index=index,
        used=finder.used,
        bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        backups=tuple(backups(store.path)),
        faults=tuple(faults),
    )
