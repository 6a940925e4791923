"""The journal's file: its format, its lock, opening it, and SQLite's errors in our types."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from .errors import JournalCorrupt, JournalError, JournalFull, JournalVersionError, RunLocked

FORMAT = (1, 0)
"""Major and minor version of the file's format, kept in its header (`user_version`)."""

_APPLICATION = 0x504E4348  # "PNCH": tells our files from other SQLite files
_CHECKPOINT_PAGES = 4096  # the log may grow to 16 MiB; each checkpoint costs two fsyncs
# A quota or a limit on the file's size shows as a failed write, a full tmpfs as failed shared memory.
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
)
_SCHEMA = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, goal TEXT NOT NULL, settings TEXT NOT NULL, status TEXT NOT NULL,
    began REAL NOT NULL, changed REAL NOT NULL
) STRICT;
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_intent ON rows (key) WHERE kind = 'intent';
CREATE UNIQUE INDEX one_outcome ON rows (key) WHERE kind = 'outcome';
"""


def take_lock(path: Path) -> int:
    """Lock `<file>.lock` for this process; the kernel frees it when the process ends, however it ends.

    Raises:
        RunLocked: A process writes the file.
        JournalCorrupt, JournalVersionError: `path` is no journal that may be written. It is left as it is,
            and nothing is made beside it.
    """
    _refuse_what_is_not_ours(path)
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(handle, 32).decode("ascii", "replace").strip()
        os.close(handle)
        raise RunLocked(path, int(text) if text.isdigit() else None) from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError as error:
        os.close(handle)
        raise JournalFull(path, error.strerror or str(error)) from error
    return handle


def is_locked(path: Path) -> bool:
    """Whether a process has the journal open to write at this moment."""
    try:
        handle = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # never locked, or not ours to look at
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open or make the file, with mode 0600. The caller holds the lock of `take_lock`."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    with typed_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        try:
            if _check_format(path, connection, to_write=True) == "new":
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION};"
                    f" PRAGMA user_version = {FORMAT[0] * 1000 + FORMAT[1]}; COMMIT;"
                )
            else:
                _check_pages(path, connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing file without a lock, without the right to change it, and leave no file beside it."""
    _check_header(path)
    # A log beside the file means that a writer has it open, or was killed: SQLite must read the two together.
    # Without one the file is whole, and `immutable` reads it alone, without making files of shared memory; so
    # it does in a folder that we may not write to, where there is no writer that we could disturb or miss.
    logged = any(os.path.exists(f"{path}{end}") for end in ("-wal", "-journal"))
    for mode in ("mode=ro", "immutable=1") if logged else ("immutable=1",):
        with typed_errors(path):
            connection = _connect_readonly(path, mode)
            try:
                if _check_format(path, connection, to_write=False) == "new":
                    raise JournalCorrupt(path, "it is empty")
                return connection
            except sqlite3.OperationalError:
                connection.close()
                if mode == "immutable=1":
                    raise
            except BaseException:
                connection.close()
                raise
    raise JournalCorrupt(path, "it cannot be read")


def _connect_readonly(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )


def _refuse_what_is_not_ours(path: Path) -> None:
    """Look at what is at `path` before anything is locked, made or changed; nothing at all is fine."""
    if not path.exists():
        return
    _check_header(path)
    connection = _connect_readonly(path, "immutable=1")
    try:
        _check_format(path, connection, to_write=True)
    except sqlite3.DatabaseError:
        return  # half of it is in the log of a writer, or it is damaged: opening it will tell
    finally:
        connection.close()


def _check_header(path: Path) -> None:
    if not path.is_file():
        raise JournalCorrupt(path, "it is not a regular file")
    with path.open("rb") as file:
        head = file.read(16)
    if head and head != b"SQLite format 3\x00":
        raise JournalCorrupt(path, "it is not an SQLite file")


def _check_format(path: Path, connection: sqlite3.Connection, *, to_write: bool) -> Literal["new", "ours"]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application == 0 and not tables:
        return "new"  # also a file whose making was interrupted
    if application != _APPLICATION:
        raise JournalCorrupt(path, "it is an SQLite file of another program")
    major, minor = divmod(version, 1000)
    if major != FORMAT[0] or (to_write and minor > FORMAT[1]):
        raise JournalVersionError(path, f"{major}.{minor}", f"{FORMAT[0]}.{FORMAT[1]}")
    return "ours"


def _check_pages(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalCorrupt(path, str(found).replace("\n", " "))


@contextmanager
def typed_errors(path: Path) -> Generator[None]:
    """Turn SQLite's errors into ours, by their codes."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise JournalError(path, f"The journal {str(path)!r} is closed: open it again ({error}).") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF == sqlite3.SQLITE_FULL or code in _UNWRITABLE:
            raise JournalFull(path, str(error)) from error
        if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise JournalCorrupt(path, str(error)) from error
        name = getattr(error, "sqlite_errorname", "")
        raise JournalError(
            path, f"The journal {str(path)!r} could not be used ({name} {error}). Check its folder and disk."
        ) from error
