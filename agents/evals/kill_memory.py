"""`punchlist eval kill --only memory`: SIGKILL while memories are written, many processes, a server gone.

Records are written by processes of their own (`kill_memory_target`), single ones and batches, with each
kind of index in turn: exact, Chroma in the folder, Chroma on a server. Acknowledged is what a call has
returned for. It is lost if it is not stored afterwards, and unfindable if its own words and its own vector,
asked from its owner's scope, do not have it among ten answers:

    memory_kills             processes that were killed while they wrote; up to ten, one after another, in a
                             folder
    memory_acknowledged, memory_lost, memory_unfindable
                             records, looked for by a new process after the last kill
    memory_halves            batches that were not acknowledged and of which only a part is there

    memory_writers_acknowledged, memory_writers_lost, memory_writers_unfindable
                             two processes write at once; a new process looks
    memory_writers_unfindable_live
                             the same, looked for by a process that was open all the time, while they write
                             and after
    memory_stale_asked, memory_stale_missed
                             a process that had opened the memory, and asked it, before another one wrote

    memory_server_kills      times that a Chroma server was killed while it was asked and its clients wrote
    memory_server_acknowledged, memory_server_lost, memory_server_unfindable
                             looked for once it is back
    memory_server_refused, memory_server_broke
                             questions that ended in a typed error while it was away, and otherwise without
                             their record

Beside it stands Chroma alone, embedded, as its documentation opens it, under the same two:

    chroma_alone_written, chroma_alone_lost
                             two processes add records at once, 100 a call
    chroma_alone_unfindable  share of these that a new process cannot find by their own vectors
    chroma_alone_stale_missed
                             share of what a process cannot find that had opened it before another one wrote

What it does not cover: power loss (SIGKILL leaves the operating system's buffers), network file systems, and
meaning: the embedder is a double.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.connection
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import BaseModel, ConfigDict

from . import kill_memory_target as target
from .harness import Figures, Measuring, share
from .kill_classes import hear
from .ledger import EvalError, Row

KILLS, QUICK_KILLS = 100, 4
IN_A_FOLDER = 10
EXACT, EMBEDDED, SERVER = "exact", "chroma", "server"
INDEXES = (EXACT, EMBEDDED)
WRITTEN, QUICK_WRITTEN = 2000, 150
"""Records of each of two writers."""

ALONE, QUICK_ALONE = 4000, 400
ALONE_AT_ONCE = 100
SERVER_KILLS, QUICK_SERVER_KILLS = 5, 1
AWAY = 1.0
"""Seconds for which a server stays away."""

LONGEST = 300.0
"""Seconds that a process may take for one answer."""

AT_ONCE = 100
"""Records that are asked for in one message."""


class MemoryRow(BaseModel):
    """What became of the records of one item.

    Attributes:
        kills: Of writers, or of a server.
        live: Records that a process could not find that was open while they were written.
        halves: See the module.
        refused, broke: Questions to a server that was away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    unfindable: int = 0
    live: int = 0
    halves: int = 0
    refused: int = 0
    broke: int = 0

    def tell(self) -> str:
        """One line of progress."""
        told = {name: value for name, value in self.model_dump().items() if value}
        return ", ".join(f"{name} {value}" for name, value in told.items())


@dataclass
class Child:
    """A process of `kill_memory_target`, and the line to it."""

    process: ForkServerProcess
    line: Connection

    @classmethod
    def start(cls, work: Callable[..., None], *given: object) -> Child:
        """Started; `ready` waits for its first word."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([target.__name__])
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(*given, theirs), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def ready(self) -> Child:
        """Raises EvalError where it does not begin."""
        if hear(self.line, LONGEST) is None:
            raise EvalError("A process that was to use a memory did not begin; its errors are above.")
        return self

    def ask(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Of a process that looks: which records are lost, and which cannot be found."""
        lost: list[str] = []
        unfindable: list[str] = []
        for first in range(0, len(names), AT_ONCE):
            self.line.send(list(names[first : first + AT_ONCE]))
            told = hear(self.line, LONGEST)
            if told is None:
                raise EvalError("A process that looked for records ended or hung; its errors are above.")
            lost += told[0]
            unfindable += told[1]
        return lost, unfindable

    def close(self) -> None:
        """Leave nothing of it."""
        self.process.kill()
        self.process.join()
        self.line.close()


@contextmanager
def child(work: Callable[..., None], *given: object) -> Generator[Child]:
    """A process that has begun, and is gone after the block."""
    made = Child.start(work, *given)
    try:
        yield made.ready()
    finally:
        made.close()


def looked(work: Callable[..., None], given: Sequence[object], names: Sequence[str]) -> tuple[int, int]:
    """How many records a new process finds lost, and how many unfindable."""
    with child(work, *given) as reader:
        lost, unfindable = reader.ask(names)
    return len(lost), len(unfindable)


def killed_writers(folder: Path, index: str, kills: int, seed: str) -> MemoryRow:
    """Writers in one folder, each killed after a random number of writes and a random while."""
    rng, acknowledged, pending, killed = Random(seed), list[str](), list[list[str]](), 0
    for number in range(kills):
        writer = Child.start(target.write, str(folder), index, f"k{number}", f"{seed} {number}", 10**9)
        try:
            writer.ready().line.send("go")
            until = rng.randint(1, 25)
            heard = _follow(writer, acknowledged, until)
            time.sleep(rng.uniform(0, 0.05))
            writer.process.kill()
            writer.process.join()
            killed += heard is not None
            begun = _rest(writer, acknowledged, heard or [])
            if len(begun) > 1:
                pending.append(begun)
        finally:
            writer.close()
    lost, unfindable = looked(target.look, (str(folder), index), acknowledged)
    with child(target.look, str(folder), index) as reader:
        halves = sum(0 < len(reader.ask(batch)[0]) < len(batch) for batch in pending)
    return MemoryRow(
        kills=killed, acknowledged=len(acknowledged), lost=lost, unfindable=unfindable, halves=halves
    )


def _follow(writer: Child, acknowledged: list[str], until: int) -> list[str] | None:
    """Hear a writer until so many writes have returned; which records it had begun then. None: it ended."""
    begun: list[str] = []
    while until:
        said = hear(writer.line, LONGEST)
        if said is None:
            return None
        what, names = said
        if what == "wrote":
            acknowledged += names
            until -= 1
        begun = names if what == "begins" else []
    return begun


def _rest(writer: Child, acknowledged: list[str], begun: list[str]) -> list[str]:
    """What a killed writer had still said; which records it had begun and not written."""
    while (said := hear(writer.line, 0)) is not None:
        what, names = said
        if what == "wrote":
            acknowledged += names
        begun = names if what == "begins" else []
    return begun


def two_writers(folder: Path, index: str, most: int) -> MemoryRow:
    """Two writers, and a reader that was open before and is asked for what both have written."""
    acknowledged: list[str] = []
    live = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(child(target.write, str(folder), index, name, name, most)) for name in "ab"
        ]
        reader = stack.enter_context(child(target.look, str(folder), index))
        for writer in writers:
            writer.line.send("go")
        for names in _both(writers):
            acknowledged += names
            live += sum(map(len, reader.ask(names[-1:])))
        live += sum(map(len, reader.ask(acknowledged)))
    lost, unfindable = looked(target.look, (str(folder), index), acknowledged)
    return MemoryRow(acknowledged=len(acknowledged), lost=lost, unfindable=unfindable, live=live)


def _both(writers: Sequence[Child]) -> Generator[list[str]]:
    """What writers say that they wrote, until all have ended."""
    left = [writer.line for writer in writers]
    while left:
        heard = multiprocessing.connection.wait(left, LONGEST)
        for line in [each for each in left if each in heard]:
            said = hear(line, 0)
            if said is None:
                raise EvalError("A writer ended before it had written everything; its errors are above.")
            if said[0] == "wrote":
                yield said[1]
            elif said[0] == "ended":
                left.remove(line)


def stale_reader(folder: Path, index: str, most: int) -> MemoryRow:
    """A reader that has opened the memory and asked it before another process writes."""
    with child(target.write, str(folder), index, "old", "old", 100) as writer:
        writer.line.send("go")
        list(_both([writer]))
    with child(target.look, str(folder), index) as reader:
        with child(target.write, str(folder), index, "new", "new", most) as writer:
            writer.line.send("go")
            names = [name for wrote in _both([writer]) for name in wrote]
        lost, unfindable = reader.ask(names)
    return MemoryRow(acknowledged=len(names), live=len(lost) + len(unfindable))


def lost_server(folder: Path, kills: int) -> MemoryRow:
    """A server that is killed while it is asked, and comes back after a while."""
    port, wrote, refused, broke = free_port(), list[str](), 0, 0
    url = f"http://127.0.0.1:{port}"
    for number in range(kills):
        with ExitStack() as stack:
            server = stack.enter_context(chroma_server(folder / "server", port))
            client = stack.enter_context(child(target.ask_server, str(folder / "memory"), url, f"s{number}"))
            time.sleep(AWAY)
            server.kill()
            server.wait()
            time.sleep(AWAY)
            stack.enter_context(chroma_server(folder / "server", port))
            time.sleep(AWAY)
            client.line.send("stop")
            told: dict[str, Any] | None = hear(client.line, LONGEST)
            if told is None:
                raise EvalError("A client of a server ended without a word; its errors are above.")
            wrote += told["wrote"]
            refused, broke = refused + told["refused"], broke + told["broke"]
    with chroma_server(folder / "server", port):
        lost, unfindable = looked(target.look, (str(folder / "memory"), url), wrote)
    return MemoryRow(
        kills=kills, acknowledged=len(wrote), lost=lost, unfindable=unfindable, refused=refused, broke=broke
    )


def free_port() -> int:
    """A port of this machine that nobody has."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


@contextmanager
def chroma_server(folder: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    """A Chroma server of this machine that answers, and is gone after the block."""
    command = [sys.executable, "-c", "from chromadb.cli.cli import app; app()", "run", "--path", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/api/v2/heartbeat")
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + LONGEST
    while True:
        try:
            urlopen(url, timeout=1).close()
            return
        except (URLError, ConnectionError, TimeoutError):
            if process.poll() is not None or time.monotonic() > until:
                raise EvalError("A Chroma server did not start: chroma run") from None
            time.sleep(0.05)


def chroma_alone(folder: Path, most: int) -> MemoryRow:
    """Chroma without our ledger: two processes add at once; a new one looks."""
    names: list[str] = []
    with ExitStack() as stack:
        first = stack.enter_context(
            child(target.chroma_writes, str(folder), "a", most, ALONE_AT_ONCE)
        )  # one after the other: two that begin at once on an empty folder may break
        second = stack.enter_context(child(target.chroma_writes, str(folder), "b", most, ALONE_AT_ONCE))
        for writer in (first, second):
            writer.line.send("go")
        for wrote in _both([first, second]):
            names += wrote
    lost, unfindable = looked(target.chroma_looks, (str(folder),), names)
    return MemoryRow(acknowledged=len(names), lost=lost, unfindable=unfindable)


def stale_chroma(folder: Path, most: int) -> MemoryRow:
    """Chroma without our ledger: a reader that had opened it before another process wrote."""
    with child(target.chroma_writes, str(folder), "old", ALONE_AT_ONCE, ALONE_AT_ONCE) as writer:
        writer.line.send("go")
        list(_both([writer]))
    with child(target.chroma_looks, str(folder)) as reader:
        with child(target.chroma_writes, str(folder), "new", most, ALONE_AT_ONCE) as writer:
            writer.line.send("go")
            names = [name for wrote in _both([writer]) for name in wrote]
        lost, unfindable = reader.ask(names)
    return MemoryRow(acknowledged=len(names), live=len(lost) + len(unfindable))


async def kill_memory(measuring: Measuring) -> dict[str, list[MemoryRow]]:
    """Every item once, by what it is about."""
    quick, kills = measuring.options.quick, measuring.count(KILLS, QUICK_KILLS)
    written, alone = (QUICK_WRITTEN, QUICK_ALONE) if quick else (WRITTEN, ALONE)
    server_kills = QUICK_SERVER_KILLS if quick else SERVER_KILLS
    measuring.settings |= {"memory": [kills, written, alone, server_kills]}
    folders = [min(IN_A_FOLDER, kills - done) for done in range(0, kills, IN_A_FOLDER)]
    todo: dict[str, Callable[[Path], MemoryRow]] = {}
    for number, count in enumerate(folders):
        index, seed = INDEXES[number % len(INDEXES)], f"{measuring.options.seed} memory {number}"
        todo[f"memory-killed:{number}"] = lambda at, i=index, c=count, s=seed: killed_writers(at, i, c, s)
    for index in INDEXES:
        todo[f"memory-writers:{index}"] = lambda at, i=index: two_writers(at, i, written)
        todo[f"memory-stale:{index}"] = lambda at, i=index: stale_reader(at, i, written // 2)
    todo["memory-writers:server"] = lambda at: _on_server(at, lambda url: two_writers(at / "m", url, written))
    todo["memory-stale:server"] = lambda at: _on_server(
        at, lambda url: stale_reader(at / "m", url, written // 2)
    )
    todo["memory-server"] = lambda at: lost_server(at, server_kills)
    todo["chroma-alone"] = lambda at: chroma_alone(at, alone)
    todo["chroma-stale"] = lambda at: stale_chroma(at, alone // 10)

    async def one(key: str) -> Row:
        with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as folder:
            return (await asyncio.to_thread(todo[key], Path(folder))).model_dump(mode="json")

    await measuring.each(list(todo), one, lambda row: MemoryRow.model_validate(row).tell())
    found: dict[str, list[MemoryRow]] = {}
    for key in todo:
        if key in (rows := measuring.ledger().rows):
            found.setdefault(key.partition(":")[0], []).append(MemoryRow.model_validate(rows[key]))
    return found


def _on_server(folder: Path, work: Callable[[str], MemoryRow]) -> MemoryRow:
    port = free_port()
    with chroma_server(folder / "server", port):
        return work(f"http://127.0.0.1:{port}")


def memory_figures(found: dict[str, list[MemoryRow]]) -> Figures:
    """See the module."""

    def total(item: str, name: str) -> int:
        return sum(getattr(row, name) for row in found.get(item, []))

    figures: Figures = {"memory_kills": total("memory-killed", "kills")}
    for begin, item in (("memory_", "memory-killed"), ("memory_writers_", "memory-writers")):
        for name in ("acknowledged", "lost", "unfindable"):
            figures[begin + name] = total(item, name)
    figures |= {
        "memory_halves": total("memory-killed", "halves"),
        "memory_writers_unfindable_live": total("memory-writers", "live"),
        "memory_stale_asked": total("memory-stale", "acknowledged"),
        "memory_stale_missed": total("memory-stale", "live"),
    }
    for name in ("kills", "acknowledged", "lost", "unfindable", "refused", "broke"):
        figures[f"memory_server_{name}"] = total("memory-server", name)
    alone = total("chroma-alone", "acknowledged")
    return figures | {
        "chroma_alone_written": alone,
        "chroma_alone_lost": total("chroma-alone", "lost"),
        "chroma_alone_unfindable": share(total("chroma-alone", "unfindable"), alone),
        "chroma_alone_stale_missed": share(
            total("chroma-stale", "live"), total("chroma-stale", "acknowledged")
        ),
    }
