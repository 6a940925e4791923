"""The tables of the record of truth, and how an older file becomes a current one.

A file is only ever carried forward: a copy of it is made first (`VACUUM INTO`), then all steps run in one
transaction, so that a crash leaves either the old format or the new one. Does not cover: a file of a later
format, which is refused.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreUnusable, StoreVersion, cause_of
from .words import stems

FORMAT = 3
BUSY_SECONDS = 30.0
NO_END = 2**62  # microseconds; later than any moment that datetime can hold
BACKUP = ".backup"

SCHEMA = """
CREATE TABLE records (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    agent TEXT NOT NULL,
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    provenance TEXT NOT NULL,
    trust TEXT NOT NULL,
    speaker TEXT NOT NULL,
    session TEXT NOT NULL,
    happened INTEGER,
    learned INTEGER NOT NULL,
    since INTEGER,
    until INTEGER NOT NULL,
    importance REAL NOT NULL,
    confidence REAL NOT NULL,
    stance TEXT,
    standing TEXT NOT NULL,
    seen INTEGER NOT NULL,
    outcomes TEXT NOT NULL,
    closed INTEGER NOT NULL,
    reason TEXT NOT NULL,
    superseded_by TEXT,
    digest TEXT NOT NULL,
    terms TEXT NOT NULL,
    vectors BLOB NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX records_by_place ON records (tenant, user, agent, run, key);
CREATE INDEX records_by_digest ON records (digest);
CREATE INDEX records_by_change ON records (changed);
CREATE INDEX records_by_session ON records (session, tenant, user, agent, run, row) WHERE session <> '';
CREATE INDEX records_by_successor ON records (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX records_derived ON records (kind) WHERE kind <> 'episode';
CREATE INDEX records_of_choices ON records (user) WHERE substr(text, 1, 6) = 'chose ';
CREATE TABLE checks (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    agent TEXT NOT NULL,
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    outcomes TEXT NOT NULL,
    PRIMARY KEY (tenant, user, agent, run, key, name)
) WITHOUT ROWID;
CREATE TABLE sources (
    record INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
    source TEXT NOT NULL,
    PRIMARY KEY (source, record)
) WITHOUT ROWID;
CREATE INDEX sources_by_record ON sources (record);
CREATE TABLE links (
    one INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
    cosine REAL NOT NULL,
    PRIMARY KEY (one, other)
) WITHOUT ROWID;
CREATE INDEX links_by_other ON links (other);
CREATE TABLE proofs (
    record INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
    proof TEXT NOT NULL
);
CREATE INDEX proofs_by_record ON proofs (record);
"""

WORDS = """
CREATE VIRTUAL TABLE lexicon USING fts5 (
    terms, content='records', content_rowid='row', tokenize='ascii'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (lexicon, row);
"""
"""The index of words, which is derived from `records.terms`."""

META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"

FROM_1 = f"""
DROP TRIGGER words_in; DROP TRIGGER words_out; DROP TABLE words;
DROP INDEX records_by_scope; DROP INDEX records_by_digest; DROP INDEX records_by_change;
DROP INDEX proofs_by_record;
ALTER TABLE records RENAME TO records_1; ALTER TABLE proofs RENAME TO proofs_1;
{SCHEMA}
INSERT INTO records
    SELECT row, id, kind, text, '', iif(level = 'user', owner, ''), iif(level = 'agent', owner, ''),
        iif(level = 'run', owner, ''), key, provenance, trust, '', '', happened, learned, NULL,
        iif(superseded_by IS NULL, until, {NO_END}), 0.5, 1.0, iif(kind = 'preference', 'explicit', NULL),
        'confirmed', 1, '', iif(superseded_by IS NULL, {NO_END}, until), '', superseded_by,
        digest, stems(text), vector, changed
    FROM records_1 ORDER BY row;
INSERT INTO proofs SELECT record, proof FROM proofs_1 ORDER BY rowid;
DROP TABLE proofs_1; DROP TABLE records_1;
UPDATE meta SET value = value + 1 WHERE name = 'generation';
INSERT INTO meta VALUES ('clock', 0);
"""

FROM_2 = f"""
DROP TRIGGER IF EXISTS words_in; DROP TRIGGER IF EXISTS words_out;
DROP TABLE IF EXISTS vocabulary; DROP TABLE IF EXISTS words; DROP TABLE IF EXISTS lexicon;
{WORDS}
INSERT OR IGNORE INTO meta VALUES ('worded', 0);
"""
"""The index of words has another name since: who wrote by triggers is told so, and leaves it alone."""

STEPS = {1: FROM_1, 2: FROM_2}
"""What makes the next format of each."""

SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
    "temp_store=MEMORY",
)


def open_file(path: Path, redigest: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Open the file, make it, or carry it forward to the current format.

    Args:
        redigest: Gives every record its digest of the current format; called inside the transaction that
            carries a file forward.

    Raises:
        StoreVersion: A later format.
        StoreUnusable: Not a database, no permission, disk full.
    """
    try:
        with _only_process(path.with_suffix(".lock")):
            # Only where it is not there: closing the file again would drop every lock that this process holds
            # on it (POSIX), and another one would take itself for the last and delete the log.
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection, path, redigest)
            except BaseException:
                connection.close()
                raise
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(path, str(error), cause_of(error)) from error
    return connection


def backups(path: Path) -> list[Path]:
    """Copies of the file that were made before it was carried forward."""
    return sorted(path.parent.glob(f"{path.name}.*{BACKUP}"))


def _prepare(
    connection: sqlite3.Connection, path: Path, redigest: Callable[[sqlite3.Connection], None]
) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > FORMAT:
        raise StoreVersion(path, found, FORMAT)
    for setting in SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    if found == FORMAT:
        return
    if found == 0:
        identity = secrets.token_hex(8)
        connection.executescript(
            f"BEGIN IMMEDIATE; {META} {SCHEMA} {WORDS}"
            f"INSERT INTO meta VALUES ('identity', '{identity}'), ('changes', 0), ('generation', 0),"
            " ('clock', 0), ('worded', 0);"
            f"PRAGMA user_version = {FORMAT}; COMMIT;"
        )
        return
    _carry_forward(connection, path, found, redigest)


def _carry_forward(
    connection: sqlite3.Connection,
    path: Path,
    found: int,
    redigest: Callable[[sqlite3.Connection], None],
) -> None:
    """Copy the file beside itself, then bring it to the current format in one transaction."""
    copy = path.with_name(f"{path.name}.{found}{BACKUP}")
    part = copy.with_name(f"{copy.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection.execute("VACUUM INTO ?", (str(part),))
    part.replace(copy)
    connection.create_function("stems", 1, stems, deterministic=True)
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA legacy_alter_table=ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(found, FORMAT):
            for statement in _statements(STEPS[step]):
                connection.execute(statement)
        redigest(connection)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA legacy_alter_table=OFF")
    connection.execute("PRAGMA foreign_keys=ON")


def _statements(script: str) -> Generator[str, None, None]:
    """The statements of a script one by one: `executescript` would commit before it begins."""
    part = ""
    for line in script.split(";"):
        part += f"{line};"
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def _only_process(path: Path) -> Generator[None, None, None]:
    """Hold a lock file: two processes that make the same file at once would trip over each other."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
