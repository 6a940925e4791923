"""What is stored where, and what is wrong with it, for a person."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from .embedder import Embedder
from .errors import MemoryFault, MemoryRefused
from .finder import Finder
from .records import Filter, now
from .rows import moment_of
from .scanning import paths_below
from .schema import backups
from .store import Store

CLOCKS_APART = timedelta(hours=1)
"""How far the clock here may be behind that of whoever wrote last without being called wrong."""


@dataclass(frozen=True)
class Health:
    """The state of a memory.

    Attributes:
        records: How many, closed ones included.
        counts: Open ones by owner and kind: tenant, user, agent, run, kind, number.
        embedder: The one that the records were embedded with; empty before the first.
        opened_with: The one that the memory was opened with; empty where it cannot say its name.
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
    """Look at the store, its words, permissions, the clock, the embedder, and the server if one is named."""
    state = store.state
    modes, unseen = _modes(folder)
    faults = store.faults() + unseen
    faults += _open_to_others(folder, modes)
    faults += clock_faults(store)
    try:
        opened_with = embedder.name
    except (MemoryFault, MemoryRefused) as error:  # of a server or a folder that is not there
        opened_with = ""
        faults.append(str(error))
    if state.embedder and opened_with and state.embedder != opened_with:
        faults.append(
            f"It was embedded with {state.embedder!r} and opened with {opened_with!r}. "
            "Open it with the first, or call reembed()."
        )
    faults += finder.faults()
    return Health(
        records=store.count(Filter()),
        counts=tuple(store.counts()),
        embedder=state.embedder,
        opened_with=opened_with,
        index=index,
        used=finder.used,
        bytes=sum(each.st_size for each in modes.values() if S_ISREG(each.st_mode)),
        backups=tuple(backups(store.path)),
        faults=tuple(faults),
    )


def clock_faults(store: Store) -> list[str]:
    """What is wrong with the time here, with what to do: it may be well behind the last write."""
    last = moment_of(store.state.clock)
    behind = last - now()
    if behind < CLOCKS_APART:
        return []
    days, hours = behind.days, behind // timedelta(hours=1)
    much = f"{days} day{'s' * (days > 1)}" if days else f"{hours} hour{'s' * (hours > 1)}"
    return [
        f"The clock of this machine is {much} behind the last write ({last:%Y-%m-%d %H:%M} UTC). Set it "
        "right: by it is judged what holds from or until a moment, and what is written gets wrong times."
    ]


def _modes(folder: Path) -> tuple[dict[Path, os.stat_result], list[str]]:
    """The folder and all that is in it, links left out, by path, and a fault for each folder that cannot be
    looked into; what goes away meanwhile is left out."""
    found, refused = dict[Path, os.stat_result](), list[OSError]()
    for path in (folder, *paths_below(folder, refused.append)):
        try:
            found[path] = path.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:  # its folder may be listed, but not looked into
            refused.append(error)
    unseen = [
        f"{each.filename} cannot be looked into ({each.strerror}). Give this user the right to read and "
        "change what is in there: nothing in it is checked or erased."
        for each in refused
    ]
    return {path: each for path, each in found.items() if not S_ISLNK(each.st_mode)}, unseen


def _open_to_others(folder: Path, modes: Mapping[Path, os.stat_result]) -> list[str]:
    """One fault, however many files and folders others may read or change: one command mends it."""
    wide = {path: each.st_mode & 0o777 for path, each in modes.items() if each.st_mode & 0o077}
    if not wide:
        return []
    worst = max(wide, key=lambda path: wide[path] & 0o022)
    may = "changed" if wide[worst] & 0o022 else "read"
    if len(wide) == 1:
        return [f"{worst} can be {may} by others (mode {wide[worst]:03o}). Run: chmod go= {worst}"]
    return [
        f"{len(wide)} files and folders can be {may} by others, such as {worst} (mode {wide[worst]:03o}). "
        f"Run: chmod -R go= {folder}"
    ]
