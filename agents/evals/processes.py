"""Which processes a process has started, and which of them outlive it (Linux: from /proc)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 10.0
"""Seconds within which children of a killed process must be gone."""

DYING = 5.0
"""Seconds that a process may take to end once it was killed."""


@dataclass(frozen=True)
class Process:
    """A process: its number, and when it started (clock ticks since boot), since numbers are used again."""

    pid: int
    started: int


def descendants(pid: int) -> set[Process]:
    """Everything below a process, without itself; zombies do not count."""
    table = _table()
    return _below({pid}, table)


def _below(roots: Iterable[int], table: dict[int, tuple[int, int]]) -> set[Process]:
    found: set[Process] = set()
    todo = set(roots)
    while todo:
        todo = {
            pid
            for pid, (parent, _) in table.items()
            if parent in todo and Process(pid, table[pid][1]) not in found
        }
        found |= {Process(pid, table[pid][1]) for pid in todo}
    return found


def _table() -> dict[int, tuple[int, int]]:
    """Number of each living process -> (number of its parent, start)."""
    table: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *rest = path.read_text(errors="replace").rpartition(")")[2].split()
            if state != "Z":
                table[int(path.parent.name)] = int(parent), int(rest[17])
    return table


async def leftovers(before: set[Process], patience: float = PATIENCE) -> int:
    """How many of these processes, and of those below, outlive `patience` seconds; then they are killed.

    It waits until those are dead, for up to `DYING` seconds: a kill returns before the process has ended.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    known = set(before)
    while alive := _alive(known):
        known |= alive
        if loop.time() > until:
            break
        await asyncio.sleep(0.1)
    for each in alive:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each.pid, signal.SIGKILL)
    dead_by = loop.time() + DYING
    while loop.time() < dead_by:
        if not alive & _alive(alive):
            break
        await asyncio.sleep(0.01)
    return len(alive)


def _alive(known: set[Process]) -> set[Process]:
    """Those that are there, and what is below them."""
    table = _table()
    alive = {each for each in known if each.pid in table and table[each.pid][1] == each.started}
    return alive | _below({each.pid for each in alive}, table)
