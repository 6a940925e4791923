"""The journal's file: its format, its lock, opening it, writing it, and SQLite's errors in our types."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .errors import JournalCorrupt, JournalError, JournalFull, JournalVersionError, RunLocked
from .journal_errors import JournalReadonly, LeaseLost
from .journal_migration import migrate
from .journal_store import FORMAT, INSERT_ROW, Durability, Statement

_APPLICATION = 0x504E4348  # "PNCH": tells our files from other SQLite files
_CHECKPOINT_PAGES = 4096  # the log may grow to 16 MiB; each checkpoint costs two fsyncs
# A quota or a limit on the file's size shows as a failed write, a full tmpfs as failed shared memory.
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
)
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
# What came with format 1.1 stands last, as a migration leaves it. The third index tells in no time whether a
# run has rows at all, at the cost of one entry a run.
_SCHEMA = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, goal TEXT NOT NULL, settings TEXT NOT NULL, status TEXT NOT NULL,
    began REAL NOT NULL, changed REAL NOT NULL, sealed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL,
    place INTEGER NOT NULL DEFAULT 0, hash BLOB, pruned BLOB
) STRICT;
CREATE UNIQUE INDEX one_intent ON rows (key) WHERE kind = 'intent';
CREATE UNIQUE INDEX one_outcome ON rows (key) WHERE kind = 'outcome';
CREATE UNIQUE INDEX one_beginning ON rows (run) WHERE place = 1;
"""
# Makes no other format: who does not know it reads and writes the file all the same.
_CALLS = "CREATE INDEX IF NOT EXISTS calls_of_task ON rows (run, task) WHERE kind IN ('intent', 'outcome')"


class FileStore:
    """An SQLite file in WAL mode, written by the process that holds its lock.

    Attributes:
        format: Of the file: the present one, or an older one that was opened to read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int | None, how: Durability) -> None:
        self.path, self.named = path, str(path)
        self._connection, self._lock, self._how = connection, lock, how
        self._open_transaction = False
        with typed_errors(path):
            self.format = divmod(int(connection.execute("PRAGMA user_version").fetchone()[0]), 1000)

    @classmethod
    def open(cls, path: Path, *, readonly: bool, durability: Durability) -> FileStore:
        """See `Journal.open`."""
        if readonly:
            return cls(path, open_readonly(path), None, durability)
        with _permitted(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take_lock(path)
        try:
            return cls(path, open_to_write(path, durability), lock, durability)
        except BaseException:
            os.close(lock)
            raise

    def hold(self, run: str) -> int:
        """0, while this process may write; a file is locked as a whole.

        Raises:
            JournalReadonly: It was opened to read.
            LeaseLost: Somebody removed the lock, so that another process may hold it.
        """
        if self._lock is None:
            raise JournalReadonly(self.path, "it was opened READONLY or is closed")
        if not os.fstat(self._lock).st_nlink:
            raise LeaseLost(self.path, run, 0)
        return 0

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a query finds."""
        with typed_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    def write(self, run: str, *statements: Statement, durable: bool = False) -> int:
        """Carry statements out, all or none; see `Store`."""
        with typed_errors(self.path):
            if self._how == "full" or not durable:
                return self._all(statements)
            if self._open_transaction:
                raise ValueError("a call is begun on the disk, not in a group: record its intent outside")
            self._connection.execute("PRAGMA synchronous = FULL")
            try:
                return self._all(statements)
            finally:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    def _all(self, statements: Sequence[Statement]) -> int:
        sql = statements[0][0]
        if len(statements) == 1:
            return self._one(*statements[0])
        if sql.startswith(INSERT_ROW) and all(each == sql for each, _ in statements):
            values = [value for _, given in statements for value in given]
            return self._one(_several(sql, len(statements)), values) - len(statements) + 1
        with nullcontext() if self._open_transaction else self.together(""):
            first, *_ = [self._one(*statement) for statement in statements]
        return first

    def _one(self, sql: str, values: Sequence[Any]) -> int:
        cursor = self._connection.execute(sql, values)
        return cursor.lastrowid or 0 if sql.startswith(INSERT_ROW) else cursor.rowcount

    @contextmanager
    def together(self, run: str) -> Generator[None]:
        """Everything that is written inside is written at the end, or not at all."""
        with typed_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._open_transaction = True
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._open_transaction = False

    def erased(self) -> None:
        """See that what was replaced is gone from the disk as well."""
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write everything into the one file and release the lock. A second call does nothing."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@lru_cache(maxsize=32)
def _several(sql: str, count: int) -> str:
    """The insertion of one row as one of several with consecutive numbers: one statement, all or none."""
    head, _, marks = sql.partition(" VALUES ")
    return f"{head} VALUES {', '.join([marks] * count)}"


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


def open_to_write(path: Path, durability: Durability = "normal") -> sqlite3.Connection:
    """Open or make the file, with mode 0600. The caller holds the lock of `take_lock`."""
    with _permitted(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    with typed_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        try:
            found = _check_format(path, connection, to_write=True)
            if found is None:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION};"
                    f" PRAGMA user_version = {FORMAT[0] * 1000 + FORMAT[1]}; COMMIT;"
                )
            else:
                _check_pages(path, connection)
            connection.execute("PRAGMA journal_mode = WAL")
            if found is not None and found != FORMAT:
                migrate(connection, found)
            connection.execute(_CALLS)
            connection.execute(f"PRAGMA synchronous = {durability}")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing file without a lock, without the right to change it, and leave no file beside it."""
    _check_header(path)
    _check_end(path)
    # A log beside the file means that a writer has it open, or was killed: SQLite must read the two together.
    # Without one the file is whole, and `immutable` reads it alone, without making files of shared memory; so
    # it does in a folder that we may not write to, where there is no writer that we could disturb or miss.
    logged = any(os.path.exists(f"{path}{end}") for end in ("-wal", "-journal"))
    for mode in ("mode=ro", "immutable=1") if logged else ("immutable=1",):
        with typed_errors(path):
            connection = _connect_readonly(path, mode)
            try:
                if _check_format(path, connection, to_write=False) is None:
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
    _check_end(path)
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


def _check_end(path: Path) -> None:
    """Refuse a file that ends within a page: SQLite reads zeros where the rest was."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:18], "big") or 4096
    if size > 1 and path.stat().st_size % size and not os.path.exists(f"{path}-wal"):
        raise JournalCorrupt(path, "its end is missing")


def _check_format(path: Path, connection: sqlite3.Connection, *, to_write: bool) -> tuple[int, int] | None:
    """The format of the file; None where it is new."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application == 0 and not tables:
        return None  # also a file whose making was interrupted
    if application != _APPLICATION:
        raise JournalCorrupt(path, "it is an SQLite file of another program")
    major, minor = divmod(version, 1000)
    if major != FORMAT[0] or (to_write and minor > FORMAT[1]):
        raise JournalVersionError(path, f"{major}.{minor}", f"{FORMAT[0]}.{FORMAT[1]}")
    return major, minor


def _check_pages(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalCorrupt(path, str(found).replace("\n", " "))


@contextmanager
def _permitted(path: Path) -> Generator[None]:
    """Turn what the system forbids into our type."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise
        raise JournalReadonly(path, error.strerror or str(error)) from error


class typed_errors:
    """Turn SQLite's errors into ours, by their codes. A class, since every row passes through it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise our error in place of SQLite's."""
        if isinstance(error, sqlite3.Error):
            _raise_ours(self._path, error)


def _raise_ours(path: Path, error: sqlite3.Error) -> None:
    if isinstance(error, sqlite3.ProgrammingError):
        raise JournalError(path, f"The journal {str(path)!r} is closed: open it again ({error}).") from error
    if isinstance(error, sqlite3.DatabaseError):
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF == sqlite3.SQLITE_FULL or code in _UNWRITABLE:
            raise JournalFull(path, str(error)) from error
        if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise JournalCorrupt(path, str(error)) from error
        name = getattr(error, "sqlite_errorname", "")
        if code & 0xFF == sqlite3.SQLITE_READONLY:
            raise JournalReadonly(path, f"{name} {error}") from error
        raise JournalError(
            path, f"The journal {str(path)!r} could not be used ({name} {error}). Check its folder and disk."
        ) from error
