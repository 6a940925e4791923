"""A journal's rows in a PostgreSQL database, where several hosts write; each run has one writer at a time.

Who first writes a run claims it: its lease gets a new epoch, and every transaction that writes first holds
its epoch against the lease. So a process that was thought dead and wakes up writes nothing more. A claim ends
when its process does (the server sees the connection end, and frees the lock that the session holds), or when
it was not renewed for `LEASE` seconds by the server's clock: a process that hangs, or a host that is cut off.
No clock of a client counts.

Covers: two processes, on one machine or two, at one run. Does not cover: a call of a tool that was let
through the door an instant before the lease was lost (the tool's own key or query does), and losing the
server's disk.
Rows are as durable as a commit of the server with `synchronous_commit = on`, which is set here.

Needs the extra `postgres` (psycopg 3). Tables lie in the schema `punchlist`, which is made on first use.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .errors import JournalError, JournalFull, JournalMissing, JournalVersionError
from .journal_errors import JournalReadonly, JournalUnavailable, LeaseLost, PostgresMissing, RunTaken
from .journal_store import FORMAT, INSERT_ROW, Statement

try:
    import psycopg
    from psycopg import errors as causes
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    raise PostgresMissing("postgresql://...") from error

LEASE = 30.0
"""Seconds after which a claim that is not renewed may be taken over; it is renewed three times as often."""

_MAKING = 0x504E4348  # lock under which tables are made
_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS punchlist;
CREATE TABLE punchlist.format (major INTEGER NOT NULL, minor INTEGER NOT NULL);
CREATE TABLE punchlist.runs (
    run TEXT PRIMARY KEY, goal TEXT NOT NULL, settings TEXT NOT NULL, status TEXT NOT NULL,
    began DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL, sealed BIGINT NOT NULL
);
CREATE TABLE punchlist.rows (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL,
    attempt INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
    body TEXT NOT NULL, place BIGINT NOT NULL, hash BYTEA, pruned BYTEA, UNIQUE (run, place)
);
CREATE INDEX rows_of_run ON punchlist.rows (run, seq);
CREATE UNIQUE INDEX one_intent ON punchlist.rows (key) WHERE kind = 'intent';
CREATE UNIQUE INDEX one_outcome ON punchlist.rows (key) WHERE kind = 'outcome';
CREATE TABLE punchlist.leases (
    run TEXT PRIMARY KEY, epoch BIGINT NOT NULL, holder TEXT NOT NULL, expires TIMESTAMPTZ NOT NULL
);
"""
# Makes no other format: who does not know it reads and writes the tables all the same.
_CALLS = (
    "CREATE INDEX IF NOT EXISTS calls_of_task ON punchlist.rows (run, task)"
    " WHERE kind IN ('intent', 'outcome')"
)
_HAS_CALLS = "SELECT 1 FROM pg_indexes WHERE schemaname = 'punchlist' AND indexname = 'calls_of_task'"
_SAID = frozenset({"user", "host", "port", "dbname"})
_SECRET = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
_HELD = "SELECT 1 FROM leases WHERE run = ? AND epoch = ?"
_FOR = "now() + make_interval(secs => ?)"


class PostgresStore:
    """See `Store`. Made by `Journal.open("postgresql://...")`."""

    def __init__(
        self, named: str, connection: psycopg.Connection[Any], *, readonly: bool, lease: float
    ) -> None:
        """Use `open`."""
        self.path, self.named, self.format = Path(named.partition("?")[0]), named, FORMAT
        self._connection, self._readonly, self._lease = connection, readonly, lease
        self._turn = threading.RLock()
        self._epochs: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._in_transaction = False
        self._closed = threading.Event()
        self._renewing: threading.Thread | None = None

    @classmethod
    def open(
        cls, url: str, *, create: bool = True, readonly: bool = False, lease: float = LEASE
    ) -> PostgresStore:
        """Connect, and make the tables where there are none.

        Args:
            lease: Seconds; see `LEASE`.

        Raises:
            JournalUnavailable: The server does not answer or refuses the user.
            JournalMissing: It has no journal, and none was to be made.
            JournalVersionError: It has one of another format.
            JournalError: The address is none.
        """
        named, settings = _address(url)
        with _typed_errors(named):
            connection = psycopg.connect(**settings, autocommit=True)
        store = cls(named, connection, readonly=readonly, lease=lease)
        try:
            store._prepare(create=create and not readonly)
        except BaseException:
            connection.close()
            raise
        return store

    def _prepare(self, *, create: bool) -> None:
        with _typed_errors(self.named):
            if create and not self._made():
                with self._connection.transaction():
                    self._run("SELECT pg_advisory_xact_lock(?)", (_MAKING,))
                    if not self._made():
                        self._connection.execute(_SCHEMA.encode())
                        self._run("INSERT INTO punchlist.format VALUES (?, ?)", FORMAT)
            if not self._made():
                raise JournalMissing(self.named)
            major, minor = self._run("SELECT major, minor FROM punchlist.format")[0]
            if major != FORMAT[0] or (minor != FORMAT[1] and not self._readonly):
                raise JournalVersionError(self.named, f"{major}.{minor}", ".".join(map(str, FORMAT)))
            if not self._readonly and not self._run(_HAS_CALLS):
                self._make_index()
            self._run("SET search_path TO punchlist")
            self._run("SET synchronous_commit TO on")
            if self._readonly:
                self._run("SET default_transaction_read_only TO on")
            # A writer that hangs in a transaction would keep the row of its lease from who takes it over.
            self._run(f"SET idle_in_transaction_session_timeout TO {int(self._lease * 1000)}")

    def _make_index(self) -> None:
        """Make what tables of an earlier build lack; who may not make it does without."""
        try:
            with self._connection.transaction():
                self._run("SELECT pg_advisory_xact_lock(?)", (_MAKING,))
                self._run(_CALLS)
        except causes.InsufficientPrivilege:
            pass

    def _made(self) -> bool:
        # Of the tables themselves: a lookup by name may be answered from before another process made them.
        return bool(self._run("SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'punchlist'"))

    # --- reading and writing ------------------------------------------------------------

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a query finds."""
        with self._turn, _typed_errors(self.named):
            return self._run(sql, values)

    def write(self, run: str, *statements: Statement, durable: bool = False) -> int:
        """Carry statements out, all or none; see `Store`. Every commit is durable here."""
        if len(statements) == 1 and not self._in_transaction:
            sql, values = statements[0]
            if sql.startswith(INSERT_ROW) and None not in values:
                return self._append(run, sql, values)
        with (
            self._turn,
            nullcontext() if self._in_transaction else self.together(run),
            _typed_errors(self.named),
        ):
            first, *_ = [self._one(*statement) for statement in statements]
            return first

    def _append(self, run: str, sql: str, values: Sequence[Any]) -> int:
        """One row, in one statement that also holds the epoch against the lease: one way to the server."""
        head, _, marks = sql.partition(" VALUES (")
        fenced = f"WITH held AS ({_HELD} FOR SHARE) {head} SELECT {marks.rstrip(')')} FROM held RETURNING seq"
        with self._turn, _typed_errors(self.named):
            epoch = self._epochs.get(run) or self.hold(run)
            found = self._run(fenced, (run, epoch, *values))
            if not found:
                raise self._fenced(run)
            return int(found[0][0])

    def _one(self, sql: str, values: Sequence[Any]) -> int:
        if sql.startswith(INSERT_ROW):
            return int(self._run(f"{sql} RETURNING seq", values)[0][0])
        return self._connection.execute(_dialect(sql), values).rowcount

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        cursor = self._connection.execute(_dialect(sql), values)
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def together(self, run: str) -> Generator[None]:
        """Everything that is written inside is written at the end, or not at all."""
        with self._turn:
            epoch = self._epochs.get(run) or self.hold(run)
            with _typed_errors(self.named), self._connection.transaction():
                # The lock on the lease's row keeps who would take it over waiting until this is committed.
                if not self._run(f"{_HELD} FOR SHARE", (run, epoch)):
                    raise self._fenced(run)
                self._in_transaction = True
                try:
                    yield
                finally:
                    self._in_transaction = False

    def erased(self) -> None:
        """Let the server forget what was replaced."""
        with self._turn, _typed_errors(self.named):
            self._run("VACUUM rows")

    # --- claims -----------------------------------------------------------------------

    def hold(self, run: str) -> int:
        """Claim the run for this process, or see that it still has it; see `Store`."""
        if self._readonly:
            raise JournalReadonly(self.named, "it was opened READONLY")
        with self._turn, _typed_errors(self.named):
            if run in self._lost:
                raise LeaseLost(self.named, run, self._lost[run])
            if run not in self._epochs:
                self._epochs[run] = self._claim(run)
                self._renew_from_now_on()
            elif not self._run(_HELD, (run, self._epochs[run])):
                raise self._fenced(run)
            return self._epochs[run]

    def _fenced(self, run: str) -> LeaseLost:
        self._lost[run] = self._epochs.pop(run)
        return LeaseLost(self.named, run, self._lost[run])

    def _claim(self, run: str) -> int:
        """A new epoch of the run's lease.

        The lock of the session tells a writer that lives from one that died; its lease, one that hangs.
        """
        lock = f"punchlist.{run}"
        with self._connection.transaction():
            self._run("SELECT pg_advisory_xact_lock(hashtextextended(?, 1))", (lock,))  # one claims at a time
            free = self._run("SELECT pg_try_advisory_lock(hashtextextended(?, 0))", (lock,))[0][0]
            found = self._run("SELECT holder, expires > now() FROM leases WHERE run = ?", (run,))
            if not free and (not found or found[0][1]):
                raise RunTaken(self.named, run, found[0][0] if found else "another process")
            claim = (
                f"INSERT INTO leases VALUES (?, 1, ?, {_FOR}) ON CONFLICT (run) DO UPDATE"
                " SET epoch = leases.epoch + 1, holder = excluded.holder, expires = excluded.expires"
                " RETURNING epoch"
            )
            who = f"{socket.gethostname()}:{os.getpid()}"
            return int(self._run(claim, (run, who, self._lease))[0][0])

    def _renew_from_now_on(self) -> None:
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, name="punchlist-lease", daemon=True)
            self._renewing.start()

    def _renew(self) -> None:
        while not self._closed.wait(self._lease / 3):
            with self._turn:
                try:
                    for run, epoch in self._epochs.items():
                        renewal = f"UPDATE leases SET expires = {_FOR} WHERE run = ? AND epoch = ?"
                        self._run(renewal, (self._lease, run, epoch))
                except psycopg.Error:
                    return  # whoever writes next is told why

    def close(self) -> None:
        """Give every claim back and disconnect. A second call does nothing."""
        self._closed.set()
        with self._turn:
            if self._connection.closed:
                return
            try:
                for run, epoch in self._epochs.items():
                    self._run("UPDATE leases SET expires = now() WHERE run = ? AND epoch = ?", (run, epoch))
            except psycopg.Error:
                pass  # the server gives them back: it sees the connection end
            self._connection.close()
        if self._renewing is not None:
            self._renewing.join(timeout=5)


@cache
def _dialect(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


def _address(url: str) -> tuple[str, dict[str, Any]]:
    """An address that leads to the same place, without its password, and what psycopg connects with.

    The folder of a socket stands where a host does, percent-encoded, so that a shell leaves it alone.
    Source: libpq, "Connection URIs".
    """
    try:
        settings = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:  # its text may hold the password
        raise JournalError(
            "postgresql://...",
            "That is no address of a PostgreSQL database. It looks like postgresql://user@host:5432/database.",
        ) from None
    user, database = (quote(settings.get(name, ""), safe="") for name in ("user", "dbname"))
    hosts, ports = (settings.get(name, "").split(",") for name in ("host", "port"))
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(_place(*each) for each in zip(hosts, ports, strict=False))
    left = [f"{name}={quote(settings[name], safe='/')}" for name in settings if name not in _SAID | _SECRET]
    named = f"postgresql://{user}{'@' if user else ''}{where}/{database}{'?' if left else ''}{'&'.join(left)}"
    return named, {"connect_timeout": 10, **settings}


def _place(host: str, port: str) -> str:
    shown = quote(host, safe=":")
    return f"{f'[{shown}]' if ':' in host else shown}{':' if port else ''}{port}"


@contextmanager
def _typed_errors(named: str) -> Generator[None]:
    """Turn psycopg's errors into ours."""
    try:
        yield
    except causes.DiskFull as error:
        raise JournalFull(named, _said(error)) from error
    except (causes.ReadOnlySqlTransaction, causes.InsufficientPrivilege) as error:
        raise JournalReadonly(named, _said(error)) from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        causes.IdleInTransactionSessionTimeout,  # this process hung in a write, and was cut off
    ) as error:
        raise JournalUnavailable(named, _said(error)) from error
    except psycopg.Error as error:
        raise JournalError(
            named, f"The journal {named!r} could not be used ({_said(error)}). See the server's log."
        ) from error


def _said(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
