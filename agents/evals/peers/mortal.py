"""A run that dies at a chosen moment, for the scripts `killed_<peer>.py`: no library, nothing of ours.

The plan is the one of `eval kill --only classes`: a scripted model calls `look`, then `pay`, `ship` and
`mail`, each of which has an effect that it counts in a database of its own, without a key. Moments are before
and after each commit of the framework to its own store, and before and after each effect. A process dies by
its own SIGKILL at one of them, or by that of its parent after some seconds; another one goes on in the same
folder.

A script gives `serve_kills` the name of its distribution and a function of a folder that does the plan, or
goes on with it, as its framework's documentation says. It runs in a fork, so that the framework is imported
once.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speaking import QUIET, block_network

TOOLS = ("look", "pay", "ship", "mail")
"""In the order in which they are called; the first has no effect."""

LONGEST = 60.0
"""Seconds that a process has."""


class Moments:
    """Counts what may be the last thing that the process does, and dies at the chosen one."""

    at: int | None = None
    seen = 0

    @classmethod
    def pass_by(cls) -> None:
        """One more; maybe the last."""
        cls.seen += 1
        if cls.seen == cls.at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalConnection(sqlite3.Connection):
    """A connection of the framework; the process may die at each of its commits that writes something."""

    def commit(self) -> None:
        """Commit, unless the process dies before."""
        if not self.in_transaction:
            super().commit()
            return
        Moments.pass_by()
        super().commit()
        Moments.pass_by()


_connect = sqlite3.connect


def mortal_connect(*args: Any, **options: Any) -> sqlite3.Connection:
    """`sqlite3.connect`, for the framework."""
    return _connect(*args, **{"factory": MortalConnection, **options})


class World:
    """The effects, in a database that no kill touches."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "world.db"
        connection = _connect(self.path, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS effects (tool TEXT)")
        connection.close()

    def do(self, name: str) -> str:
        """What a tool does and returns."""
        Moments.pass_by()
        if name != TOOLS[0]:
            connection = _connect(self.path, isolation_level=None, timeout=10)
            connection.execute("INSERT INTO effects VALUES (?)", (name,))
            connection.close()
            Moments.pass_by()
        return f"{name} receipt 77"

    def counts(self) -> dict[str, int]:
        """How many effects each tool had."""
        connection = _connect(self.path)
        found = dict(connection.execute("SELECT tool, count(*) FROM effects GROUP BY tool").fetchall())
        connection.close()
        return {name: found.get(name, 0) for name in TOOLS[1:]}


Plan = Callable[[Path], bool]
"""Does the plan in a folder, or goes on with it; whether it came to its end."""


def _child(plan: Plan, folder: Path, at: int | None, out: int) -> None:
    """One process at the run; it tells when it begins and how it ended."""
    Moments.at, Moments.seen = at, 0
    os.write(out, b"began\n")
    began = time.monotonic()
    try:
        told: dict[str, Any] = {"finished": plan(folder)}
    except BaseException:
        told = {"broke": traceback.format_exc()[-1500:]}
    told |= {"moments": Moments.seen, "seconds": time.monotonic() - began}
    os.write(out, json.dumps(told).encode() + b"\n")
    os._exit(0)


def one_process(plan: Plan, folder: Path, at: int | None, after: float | None) -> dict[str, Any]:
    """What came of one process: `killed`, or what it told."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        _child(plan, folder, at, write)
    os.close(write)
    heard = b""
    try:
        heard = _hear(read, LONGEST, heard, 1)
        heard = _hear(read, LONGEST if after is None else after, heard, 2)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
    lines = heard.decode().splitlines()
    if len(lines) > 1:
        return json.loads(lines[1])
    return {"killed": True} if at is not None or after is not None else {"broke": "it ended without a word"}


def _hear(read: int, seconds: float, heard: bytes, lines: int) -> bytes:
    """What was said until there are so many lines, the time is over, or nobody is there."""
    end = time.monotonic() + seconds
    while heard.count(b"\n") < lines:
        ready = select.select([read], [], [], max(0.0, end - time.monotonic()))[0]
        said = os.read(read, 65536) if ready else b""
        if not said:
            break
        heard += said
    return heard


def serve_kills(distribution: str, plan: Plan) -> None:
    """Answer requests `{"folder", "at", "after"}` until standard input ends: one process each."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    block_network()
    hello = {"version": importlib.metadata.version(distribution), "python": sys.version.split()[0]}
    out.write(json.dumps({**hello, "situations": [], "works": []}) + "\n")
    out.flush()
    for line in sys.stdin:
        request = json.loads(line)
        folder = Path(request["folder"])
        World(folder)
        told = one_process(plan, folder, request["at"], request["after"])
        out.write(json.dumps({**told, "effects": World(folder).counts()}) + "\n")
        out.flush()


os.environ.update(QUIET)
