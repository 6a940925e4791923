"""Share what agents know: processes of one machine by a folder, two machines by exports, with one server.

What is remembered lies in one SQLite file. Any number of processes of one machine may share its folder, and
all find what one of them has written. A Chroma server can be the index of all of them, on all machines: it
holds vectors and scopes and no word, a collection for each memory, so that the server alone carries nothing
over. Two machines exchange exports instead; each takes in what it lacks.

What the folder needs: a local file system. SQLite's write-ahead log wants locks and shared memory between all
processes that use it, so a network share (NFS, SMB) is not covered: machines do not share one folder. What an
exchange does not carry: what is forgotten here is forgotten there only when that is said there, too.

Prints:
    clerk finds: The driver says that bay 3 is closed until noon.
    driver finds: The clerk says that order 4471 has to be weighed again.
    of the other machine, by the server alone: 0 records
    taken over to the other machine: 2 records
    there it finds: The driver says that bay 3 is closed until noon. [chroma (the server), ...]
    and back here: The night shift says that the scales are mended.
"""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from punchlist.memory import Memory, Provenance, Record

BAY, ORDER = "Which bay can I not use?", "What about order 4471?"
NOTES = {
    "clerk": ("The clerk says that order 4471 has to be weighed again.", BAY),
    "driver": ("The driver says that bay 3 is closed until noon.", ORDER),
}
"""What each agent knows, and what it wants to know."""


def note(text: str, agent: str) -> Record:
    """What was said, for everybody."""
    return Record(kind="episode", text=text, provenance=Provenance(origin=agent), speaker=agent)


def work(folder: str, server: str, agent: str, both: Barrier) -> None:
    """An agent in a process of its own: it writes, waits until both have written, and asks."""
    text, question = NOTES[agent]
    with Memory.open(folder, index=server) as memory:
        memory.remember_sync(note(text, agent))
        both.wait(60)
        print(f"{agent} finds: {memory.recall_sync(question, k=1)[0].record.text}", flush=True)


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    """URL of a Chroma server on loopback; `chroma run --path FOLDER --port PORT` starts one by hand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-c", "from chromadb.cli.cli import app; app()", "run"]
    options = ["--path", str(folder), "--host", "127.0.0.1", "--port", port]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, env=environment)
    try:
        yield answering(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait()


def answering(url: str, process: subprocess.Popen[bytes]) -> str:
    """The URL, once the server behind it answers."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            urlopen(f"{url}/api/v2/heartbeat", timeout=1).close()
            return url
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise SystemExit(f"The Chroma server at {url} does not answer.")


def main(place: Path, server: str) -> None:
    """Two processes on one machine, and then another machine."""
    here, there = place / "here", place / "there"
    Memory.open(here, index=server).close()
    spawn = multiprocessing.get_context("spawn")
    both = spawn.Barrier(2)
    agents = [spawn.Process(target=work, args=(str(here), server, name, both)) for name in NOTES]
    for each in agents:
        each.start()
    for each in agents:
        each.join()

    with Memory.open(here, index=server) as ours, Memory.open(there, index=server) as theirs:
        print(f"of the other machine, by the server alone: {len(theirs.recall_sync(BAY))} records")
        ours.export_sync(place / "here.jsonl")
        number = theirs.import_sync(place / "here.jsonl")
        print(f"taken over to the other machine: {number} records")
        print(f"there it finds: {theirs.recall_sync(BAY, k=1)[0].record.text} [{theirs.used}]")
        theirs.remember_sync(note("The night shift says that the scales are mended.", "night shift"))
        theirs.export_sync(place / "there.jsonl")
        ours.import_sync(place / "there.jsonl")
        print(f"and back here: {ours.recall_sync('Do the scales work?', k=1)[0].record.text}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder, chroma_server(Path(folder) / "server") as url:
        main(Path(folder), url)
