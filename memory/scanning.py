"""Which byte strings are in which files; run as a script, in a process of its own.

A process that closes a file lets go of every POSIX lock that it holds on it. SQLite's locks are of that kind,
so whoever has a database open must not open and close its file beside it, not even to read.

stdin: JSON, `{"files": [path, ...], "needles": [hexadecimal, ...]}`. stdout: JSON, `{"found": [...]}` with
for each file the places of the needles that are in it, or `{"refused": [errno, reason, path]}`. A file that
was removed meanwhile holds none.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def paths_below(folder: Path, refused: Callable[[OSError], object]) -> list[Path]:
    """All files and folders in a folder, at any depth, links not followed, sorted.

    Args:
        refused: Called with the error of a folder that cannot be looked into; one that is gone holds nothing.
    """

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            refused(error)

    walk = os.walk(folder, onerror=tell)
    return sorted(Path(at, name) for at, folders, files in walk for name in (*folders, *files))


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
    told = json.loads(done.stdout)
    if "refused" in told:
        raise OSError(*told["refused"])
    found: list[list[int]] = told["found"]
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
    try:
        answer: dict[str, Any] = {"found": [_in_file(path, wanted) for path in given["files"]]}
    except OSError as error:
        answer = {"refused": [error.errno, error.strerror, error.filename]}
    json.dump(answer, sys.stdout)
