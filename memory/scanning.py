"""Which byte strings are in which files; run as a script, in a process of its own.

A process that closes a file lets go of every POSIX lock that it holds on it. SQLite's locks are of that kind,
so whoever has a database open must not open and close its file beside it, not even to read.

stdin: JSON, `{"files": [path, ...], "needles": [hexadecimal, ...]}`. stdout: JSON, for each file the places
of the needles that are in it. A file that was removed meanwhile holds none.
"""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def scan(files: Sequence[Path], needles: Sequence[bytes]) -> list[list[int]]:
    """For each file the places of the needles that are in it, found by another process.

    Raises:
        OSError: A file cannot be read, or the process did not end well.
    """
    asked = {"files": [str(path) for path in files], "needles": [each.hex() for each in needles]}
    done = subprocess.run(
        [sys.executable, "-I", __file__], input=json.dumps(asked), capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise OSError(f"the process that looks through the files ended with {done.returncode}: {last}")
    found: list[list[int]] = json.loads(done.stdout)
    return found


def _in_file(path: str, needles: Sequence[bytes]) -> list[int]:
    try:
        with open(path, "rb") as file:
            if not file.seek(0, 2):
                return []
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return [at for at, needle in enumerate(needles) if content.find(needle) >= 0]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    given: dict[str, Any] = json.load(sys.stdin)
    wanted = [bytes.fromhex(each) for each in given["needles"]]
    json.dump([_in_file(path, wanted) for path in given["files"]], sys.stdout)
