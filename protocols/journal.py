"""The journal of a run: everything that was said, begun and decided, written before it takes effect.

One SQLite file in WAL mode, or a PostgreSQL database where several hosts write; one row each. A row that
`append` has returned is safe against SIGKILL at any moment; the intent of a call with side effects is also
safe against loss of power (`synchronous=FULL`), the rest as far as the last checkpoint or such an intent, or
with `durability="full"` every row. One process writes: for a file the kernel's lock on `<file>.lock` ensures
it, from any of its threads and tasks; for each run of a database a lease with an epoch. Any number may read.
The rows of a run are chained by hashes (`journal_chain`), and `verify` says what was done to them.

What this does not cover: a file system without locks or `fsync`, secrets that the `redact` hook was not told,
and who rewrites a whole chain.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from pydantic import BaseModel, JsonValue

from .errors import IntentExists, IntentMissing, JournalCorrupt, JournalMissing
from .journal_bodies import Bodies, Body, More
from .journal_chain import (
    ENDED,
    KEPT,
    PRUNED,
    SEAL,
    Header,
    Link,
    Verified,
    digest_of,
    encode,
    link,
    seal_body,
    start_of,
    verify,
)
from .journal_errors import ChainMissing, LeaseLost
from .journal_file import FileStore
from .journal_rows import Call, Recovery, Row, RunInfo, Status, joined
from .journal_store import FORMAT, INSERT_ROW, Durability, Statement, Store
from .redaction import Redact, redactor

__all__ = [
    "FORMAT",
    "Call",
    "Durability",
    "Journal",
    "Recovery",
    "Redact",
    "Row",
    "RunInfo",
    "Status",
    "redactor",
]

_INSERT = (
    f"{INSERT_ROW} (run, task, attempt, kind, key, at, body, place, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RESTORE = (
    f"{INSERT_ROW} (run, task, attempt, kind, key, at, body, place, hash, pruned) VALUES (?{', ?' * 9})"
)
_HEADER = "SELECT run, goal, settings, status, began, changed, sealed FROM runs"
_BEGIN = (
    "INSERT INTO runs (run, goal, settings, status, began, changed, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (run) DO NOTHING"
)
_LAST = "SELECT (SELECT 1 FROM rows WHERE run = ? AND place = 1), max(seq) FROM rows"
_CALL = "SELECT run, task, attempt, kind, key, body, seq FROM rows WHERE"


class Journal:
    """An open journal. Make one with `Journal.open`; close it, or use it as a context manager."""

    def __init__(self, store: Store, redact: Redact | None) -> None:
        """Use `Journal.open`."""
        self.path, self.named = store.path, store.named  # named: for messages, without a password
        self._store = store
        self._bodies = Bodies(redact)
        self._mutex = threading.RLock()
        self._tails: dict[str, tuple[int, bytes]] = {}  # place and hash of the last row of runs that we write
        self._since: dict[str, int] = {}  # of runs that we began: the last row before their first
        self._begun: dict[str, Call] = {}  # calls that we began and that have no outcome yet
        self._missed = ""  # a key that was looked for last and is of no call

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: bool = True,
        readonly: bool = False,
        redact: Redact | None = None,
        durability: Durability = "normal",
    ) -> Self:
        """Open a journal to write it, or with `readonly` to look at it while another process writes.

        A file of an older format is brought to the present one, unless it is opened `readonly`.

        Args:
            path: The file; its mode becomes 0600. Or `postgresql://user@host/database`: each run of it is
                claimed by the process that first writes it.
            create: Make it (and its folder, 0700) where there is none.
            readonly: Take no lock and change nothing.
            redact: Applied to every value before it is written and hashed.
            durability: What survives loss of power: see the module, and README for what it costs.

        Raises:
            JournalMissing: There is none, and none was to be made.
            JournalCorrupt: The file is damaged or something else.
            JournalVersionError: Another format.
            RunLocked: Another process (or this one) has it open to write.
            JournalFull: No space to make it.
            JournalReadonly: This user may not write it.
            ValueError: There is no such durability.
            JournalUnavailable, PostgresMissing: The database does not answer, or its library is not there.
        """
        if durability not in get_args(Durability):
            raise ValueError(f"durability is one of {get_args(Durability)}; got {durability!r}")
        if str(path).startswith(("postgresql://", "postgres://")):
            from .postgres import PostgresStore

            return cls(PostgresStore.open(str(path), create=create, readonly=readonly), redact)
        file = Path(path)
        if not file.exists() and (readonly or not create):
            raise JournalMissing(file)
        return cls(FileStore.open(file, readonly=readonly, durability=durability), redact)

    # --- runs -------------------------------------------------------------------------

    def begin(self, run: str, goal: str, settings: Mapping[str, JsonValue] | None = None) -> None:
        """Record a new run. A run that is there already is left as it is."""
        now = time.time()
        told = str(self._bodies.clean(goal)), self._bodies.text(dict(settings or {}))
        header = Header(run, *told, "running", now, now)
        with self._mutex:
            if self._write(run, (_BEGIN, tuple(vars(header).values()))):
                begun, last = self._read(_LAST, (run,))[0]
                if not begun:  # its first row vouches for this header
                    self._tails[run], self._since[run] = (0, start_of(run, header)), last or 0

    def set_status(self, run: str, status: str) -> None:
        """Record how a run stands: "running", "paused", "confirmed", "unverified", "failed", "cancelled".

        The last four end and seal it; a sealed run can be gone on with, and is sealed again.
        """
        with self._mutex:
            now = time.time()
            header = self.header(run)
            place, head = self._tail(run)
            if header is None or status not in ENDED or (status, place) == (header.status, header.sealed):
                self._write(
                    run, ("UPDATE runs SET status = ?, changed = ? WHERE run = ?", (status, now, run))
                )
                return
            body = encode(seal_body(place, head, status, header))
            seal = Link(0, place + 1, run, "", 0, SEAL, "", now, body)
            linked = seal.linked(head)
            changes = "UPDATE runs SET status = ?, changed = ?, sealed = ? WHERE run = ?"
            self._write(run, (_INSERT, _values(seal, linked)), (changes, (status, now, place + 1, run)))
            self._tails[run] = place + 1, linked

    def runs(self) -> tuple[RunInfo, ...]:
        """Every run of this journal, oldest first."""
        found = self._read("SELECT run, goal, settings, status, began, changed FROM runs ORDER BY began, run")
        return tuple(RunInfo(r[0], r[1], self._decode(r[2], 0), r[3], r[4], r[5]) for r in found)

    def hold(self, run: str) -> int:
        """Claim a run for this process, or see that it still has it; asked right before every call of a tool.

        Returns:
            The epoch of the claim: 0 in a file; in a database it grows whenever a process takes the run over.

        Raises:
            LeaseLost, RunTaken: Another process writes the run.
            JournalReadonly: Nothing may be written.
        """
        with self._mutex:
            return self._store.hold(run)

    @contextmanager
    def together(self, run: str) -> Generator[None]:
        """Rows of a run that are written inside are written at the end, at once or not at all.

        Nothing inside is acknowledged before that, so no effect may follow from it yet; no other thread
        writes meanwhile, so nothing inside may wait. Intents of calls with side effects are refused.
        """
        with self._mutex:
            self._tail(run)
            tails = dict(self._tails)
            try:
                with self._store.together(run):
                    yield
            except BaseException:
                self._tails = tails
                self._begun.clear()
                raise

    # --- rows -------------------------------------------------------------------------

    def append(
        self,
        kind: str,
        body: Body,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        key: str = "",
        then: More = (),
    ) -> int:
        """Write one row; when this returns, a SIGKILL cannot lose it.

        Args:
            kind: What it is; "intent" and "outcome" have methods of their own.
            body: A model, a JSON value, or models and values by name.
            run: Run id.
            task: Task id, or "".
            attempt: From 1, or 0 where it does not apply.
            key: Any name under which it is looked for.
            then: More rows of the same task, which are written with it or not at all.

        Returns:
            The row's number.

        Raises:
            JournalFull: It was not written.
            ValueError: The body is not JSON (NaN, or a Python object).
        """
        more = ((each, said, number, "") for each, said, number in then)
        return self._insert(run, task, [(kind, body, attempt, key), *more])

    def rows(
        self, run: str, *, kinds: Sequence[str] = (), after: int = 0, task: str | None = None
    ) -> Iterator[Row]:
        """Rows of a run in order, of some kinds or all, with numbers greater than `after`.

        With `task` only those of that task; "" are the rows of none. Pages through the file, so rows that are
        written meanwhile may appear.
        """
        chosen = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        chosen += "" if task is None else " AND task = ?"
        after = max(after, self._since.get(run, 0))
        if self._tails.get(run, (1, b""))[0] == 0:
            return  # nobody else writes it
        while True:
            page = self._read(
                "SELECT seq, run, task, attempt, kind, key, at, body FROM rows"
                f" WHERE run = ? AND seq > ?{chosen} ORDER BY seq LIMIT 500",
                (run, after, *kinds, *(() if task is None else (task,))),
            )
            if not page:
                return
            for found in page:
                seq, of_run, of_task, attempt, kind, key, at, body = found
                yield Row(seq, of_run, of_task, attempt, kind, key, at, self._decode(body, seq))
            after = page[-1][0]

    def prune(self, run: str, kinds: Sequence[str], *, before: float | None = None) -> int:
        """Replace the bodies of rows by `{"pruned": true}`, also on the disk; the rows stay.

        So do their hashes and the hashes of their bodies, by which who guesses a short body can prove it.
        Intents and outcomes cannot be pruned: recovery needs them. Nor can seals: `verify` does.

        Args:
            run: Run id.
            kinds: E.g. ("view",) for the text of pages.
            before: Only rows written before this time (seconds since 1970), or None for all.

        Returns:
            Number of rows changed.
        """
        if KEPT & set(kinds):
            raise ValueError(f"intents, outcomes and seals are kept for recovery; got kinds {kinds!r}")
        marks = ",".join("?" * len(kinds))
        with self._mutex, self.together(run):
            found = self._read(
                f"SELECT seq, body FROM rows WHERE run = ? AND kind IN ({marks}) AND at < ?"
                " AND pruned IS NULL",
                (run, *kinds, float("inf") if before is None else before),
            )
            for seq, body in found:
                change = "UPDATE rows SET body = ?, pruned = ? WHERE seq = ?"
                self._write(run, (change, (PRUNED, digest_of(body), seq)))
        with self._mutex:
            self._store.erased()
        return len(found)

    # --- tool calls -------------------------------------------------------------------

    def intent(
        self,
        key: str,
        tool: str,
        args: Mapping[str, JsonValue],
        recovery: Recovery,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        again: bool = False,
    ) -> int:
        """Record that a tool is about to be called. Call it only after this has returned.

        For every class but `pure` the row is on the disk itself when this returns (some
        milliseconds), so that a call is never made without a trace.

        Args:
            key: Idempotency key; one intent each.
            again: The same call is made again, by a tool whose class permits it.

        Raises:
            IntentExists: The call was begun before, and this is not said to be a repetition.
            IntentMissing: It is said to be one, and the call was never begun or is settled.
        """
        body: JsonValue = {"tool": tool, "args": dict(args), "recovery": recovery}
        with self._mutex:
            call = None if self._missed == key and run in self._tails else self.call(key)
            if again and (call is None or call.status is not None):
                raise IntentMissing(self.named, key)
            if not again and call is not None:
                raise IntentExists(self.named, key)
            kind = "intent_again" if again else "intent"
            seq = self._insert(run, task, [(kind, body, attempt, key)], durable=recovery != "pure")
            self._missed = ""
            self._begun[key] = call or Call(key, run, task, attempt, tool, {}, recovery)
            return seq

    def outcome(self, key: str, result: BaseModel | JsonValue, *, status: Status = "ok") -> int:
        """Record what a call came to; from then on it is never made again.

        Args:
            result: What the tool returned, or its error.
            status: `unknown` where only a person can tell whether it took effect.

        Raises:
            IntentMissing: The call was not begun, or is settled already.
        """
        with self._mutex:
            call = self._begun.pop(key, None) or self.call(key)
            if call is None or call.status is not None:
                raise IntentMissing(self.named, key)
            body: JsonValue = {"status": status, "result": self._bodies.plain(result)}
            return self._insert(call.run, call.task, [("outcome", body, call.attempt, key)])

    def call(self, key: str) -> Call | None:
        """The recorded call with this key, settled or not; None where it was never begun."""
        found = self._read(
            f"{_CALL} key = ? AND kind = 'intent' UNION ALL {_CALL} key = ? AND kind = 'outcome'", (key, key)
        )
        self._missed = "" if found else key
        return joined(found, self._decode)[0] if found else None

    def settled(self, key: str) -> Call | None:
        """The call with this key if its outcome is recorded, else None."""
        call = self.call(key)
        return call if call and call.status is not None else None

    def calls(self, run: str, task: str = "") -> tuple[Call, ...]:
        """Calls of a run, or of one task of it, settled or not, oldest first."""
        of = "run = ? AND task = ?" if task else "run = ?"
        sql = f"{_CALL} {of} AND kind IN ('intent', 'outcome') ORDER BY seq"
        found = self._read(sql, (run, task) if task else (run,))
        return tuple(joined(found, self._decode))

    def unsettled(self, run: str) -> tuple[Call, ...]:
        """Calls of a run that were begun and have no outcome, oldest first."""
        return tuple(call for call in self.calls(run) if call.status is None)

    # --- the chain --------------------------------------------------------------------

    def verify(self, run: str | None = None, *, head: str = "") -> tuple[Verified, ...]:
        """Hold the rows of a run, or of all, against their hashes.

        Args:
            run: Run id, or None.
            head: The head that an earlier look at this one run gave: a row must have it still.

        Returns:
            One for each run that has rows, or that was named.

        Raises:
            ChainMissing: The file is of an older format, opened to read.
        """
        if self._store.format < (1, 1):
            raise ChainMissing(self._store.named, ".".join(map(str, self._store.format)))
        found = [row[0] for row in self._read("SELECT DISTINCT run FROM rows ORDER BY run")]
        begun = [info.run for info in self.runs()]
        order = [*begun, *(each for each in found if each not in begun)] if run is None else [run]
        return tuple(verify(each, self.header(each), self.links(each), head) for each in order)

    def header(self, run: str) -> Header | None:
        """What was said of a run when it was begun, as it is stored; None where it was not."""
        found = self._read(f"{_HEADER} WHERE run = ?", (run,))
        return Header(*found[0]) if found else None

    def links(self, run: str) -> Iterator[Link]:
        """The rows of a run as they are stored, in order."""
        after = 0
        while page := self._read(
            "SELECT seq, place, run, task, attempt, kind, key, at, body, pruned, hash FROM rows"
            " WHERE run = ? AND seq > ? ORDER BY seq LIMIT 500",
            (run, after),
        ):
            for row in page:
                yield Link(*row)
            after = page[-1][0]

    def restore(self, header: Header, links: Iterable[Link]) -> int:
        """Write a run that another journal held, rows and hashes as they are; returns how many rows.

        Raises:
            ValueError: This journal holds rows of it.
        """
        run = header.run
        with self._mutex:
            if self._tail(run)[0] or self.header(run) is not None:
                raise ValueError(f"this journal holds run {run!r} already")
            with self.together(run):
                self._write(run, (_BEGIN, tuple(vars(header).values())))
                for row in links:
                    self._write(run, (_RESTORE, (*_values(row, row.hash or b""), row.pruned)))
                    self._tails[run] = row.place, row.hash or b""
            return self._tails[run][0]

    # --- the file ---------------------------------------------------------------------

    def close(self) -> None:
        """Write everything into the one file and release the lock. A second call does nothing."""
        with self._mutex:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _insert(
        self, run: str, task: str, rows: Sequence[tuple[str, Body, int, str]], *, durable: bool = False
    ) -> int:
        """Write rows of kind, body, attempt and key, all or none; gives the number of the first."""
        said = [(kind, self._bodies.text(body), attempt, key) for kind, body, attempt, key in rows]
        with self._mutex:
            place, head = self._tail(run)
            now, statements = time.time(), list[Statement]()
            for kind, text, attempt, key in said:
                place += 1
                head = link(head, digest_of(text), place, run, task, attempt, kind, key, now)
                statements.append((_INSERT, (run, task, attempt, kind, key, now, text, place, head)))
            seq = self._write(run, *statements, durable=durable)
            self._tails[run] = place, head
            return seq

    def _tail(self, run: str) -> tuple[int, bytes]:
        """Place and hash of a run's last row, or what stands before its first; claims the run."""
        if run not in self._tails:
            self._store.hold(run)
            begun = self._read("SELECT 1 FROM rows WHERE run = ? AND place = 1", (run,))
            last = "SELECT place, hash FROM rows WHERE run = ? ORDER BY seq DESC LIMIT 1"
            found = self._read(last, (run,)) if begun else [(0, start_of(run, self.header(run)))]
            self._tails[run] = found[0][0], bytes(found[0][1] or b"")
        return self._tails[run]

    def _decode(self, text: str, seq: int) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            where = f"row {seq}" if seq else "what was said of a run"
            raise JournalCorrupt(self._store.named, f"{where} is no JSON") from error

    def _write(self, run: str, *statements: Statement, durable: bool = False) -> int:
        with self._mutex:
            try:
                return self._store.write(run, *statements, durable=durable)
            except LeaseLost:
                self._tails.pop(run, None)
                raise

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._mutex:
            return self._store.read(sql, values)


def _values(row: Link, linked: bytes) -> tuple[Any, ...]:
    """What `_INSERT` takes."""
    return row.run, row.task, row.attempt, row.kind, row.key, row.at, row.body, row.place, linked
