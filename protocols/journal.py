"""The journal of a run: everything that was said, begun and decided, written before it takes effect.

One SQLite file in WAL mode, one row each. A row that `append` has returned is safe against
SIGKILL at any moment; the intent of a call with side effects is also safe against loss of
power (`synchronous=FULL`), the rest as far as the last checkpoint or such an intent. One
process writes, which the kernel's lock on `<file>.lock` ensures, from any of its threads
and tasks; any number may read.

What this does not cover: several hosts (the lock is the machine's), a file system without
locks or `fsync`, and secrets that the `redact` hook was not told.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import BaseModel, JsonValue

from .errors import IntentExists, IntentMissing, JournalMissing
from .journal_file import FORMAT, open_readonly, open_to_write, take_lock, typed_errors

__all__ = ["FORMAT", "Call", "Journal", "Recovery", "Redact", "Row", "RunInfo", "Status", "redactor"]

Recovery = Literal["pure", "keyed", "queryable", "unsafe"]
Status = Literal["ok", "error", "unknown"]
Redact = Callable[[JsonValue], JsonValue]


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        seq: From 1, growing, never reused.
        kind: E.g. "event", "envelope", "intent", "outcome", "decision".
        key: Idempotency key of a tool call, or "".
        at: Seconds since 1970.
    """

    seq: int
    run: str
    task: str
    attempt: int
    kind: str
    key: str
    at: float
    body: JsonValue


@dataclass(frozen=True)
class RunInfo:
    """What a run is: its goal and settings, as given, and how it stands."""

    run: str
    goal: str
    settings: dict[str, JsonValue]
    status: str
    began: float
    changed: float


@dataclass(frozen=True)
class Call:
    """A tool call as recorded.

    Attributes:
        key: Idempotency key, `run/task/attempt/call`.
        recovery: How it is settled when its outcome is missing.
        status: None while no outcome is recorded.
        result: The outcome.
    """

    key: str
    run: str
    task: str
    attempt: int
    tool: str
    args: dict[str, JsonValue]
    recovery: Recovery
    status: Status | None = None
    result: JsonValue = None


class Journal:
    """An open journal. Make one with `Journal.open`; close it, or use it as a context manager."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: int | None, redact: Redact | None
    ) -> None:
        """Use `Journal.open`."""
        self.path = path
        self._connection = connection
        self._lock_file = lock
        self._redact = redact
        self._mutex = threading.RLock()

    @classmethod
    def open(
        cls, path: str | Path, *, create: bool = True, readonly: bool = False, redact: Redact | None = None
    ) -> Journal:
        """Open a journal to write it, or with `readonly` to look at it while another process writes.

        Args:
            path: The file; its mode becomes 0600.
            create: Make it (and its folder, 0700) where there is none.
            readonly: Take no lock and change nothing.
            redact: Applied to every value before it is written.

        Raises:
            JournalMissing: There is none, and none was to be made.
            JournalCorrupt: The file is damaged or something else.
            JournalVersionError: Another format.
            RunLocked: Another process (or this one) has it open to write.
            JournalFull: No space to make it.
        """
        file = Path(path)
        if not file.exists() and (readonly or not create):
            raise JournalMissing(file)
        if readonly:
            return cls(file, open_readonly(file), None, redact)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = take_lock(file)
        try:
            return cls(file, open_to_write(file), lock, redact)
        except BaseException:
            os.close(lock)
            raise

    # --- runs -------------------------------------------------------------------------

    def begin(self, run: str, goal: str, settings: Mapping[str, JsonValue] | None = None) -> None:
        """Record a new run. A run that is there already is left as it is."""
        now = time.time()
        values = (run, str(self._clean(goal)), self._encode(dict(settings or {})), now, now)
        self._write("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, 'running', ?, ?)", values)

    def set_status(self, run: str, status: str) -> None:
        """Record how a run stands: "running", "paused", "confirmed", "unverified", "failed", "cancelled"."""
        self._write("UPDATE runs SET status = ?, changed = ? WHERE run = ?", (status, time.time(), run))

    def runs(self) -> tuple[RunInfo, ...]:
        """Every run of this file, oldest first."""
        found = self._read("SELECT run, goal, settings, status, began, changed FROM runs ORDER BY began, run")
        return tuple(RunInfo(r[0], r[1], json.loads(r[2]), r[3], r[4], r[5]) for r in found)

    # --- rows -------------------------------------------------------------------------

    def append(
        self,
        kind: str,
        body: BaseModel | JsonValue,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        key: str = "",
    ) -> int:
        """Write one row; when this returns, a SIGKILL cannot lose it.

        Args:
            kind: What it is; "intent" and "outcome" have methods of their own.
            body: A model or a JSON value.
            run: Run id.
            task: Task id, or "".
            attempt: From 1, or 0 where it does not apply.
            key: Any name under which it is looked for.

        Returns:
            The row's number.

        Raises:
            JournalFull: It was not written.
            ValueError: The body is not JSON (NaN, or a Python object).
        """
        return self._insert(kind, body, run, task, attempt, key)

    def rows(
        self, run: str, *, kinds: Sequence[str] = (), after: int = 0, task: str | None = None
    ) -> Iterator[Row]:
        """Rows of a run in order, of some kinds or all, with numbers greater than `after`.

        With `task` only those of that task; "" are the rows of none. Pages through the file, so rows that are
        written meanwhile may appear.
        """
        chosen = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        chosen += "" if task is None else " AND task = ?"
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
                yield Row(seq, of_run, of_task, attempt, kind, key, at, json.loads(body))
            after = page[-1][0]

    def prune(self, run: str, kinds: Sequence[str], *, before: float | None = None) -> int:
        """Replace the bodies of rows by `{"pruned": true}`, also on the disk; the rows stay.

        Intents and outcomes cannot be pruned: recovery needs them.

        Args:
            run: Run id.
            kinds: E.g. ("view",) for the text of pages.
            before: Only rows written before this time (seconds since 1970), or None for all.

        Returns:
            Number of rows changed.
        """
        if {"intent", "intent_again", "outcome"} & set(kinds):
            raise ValueError(f"intents and outcomes are kept for recovery; got kinds {kinds!r}")
        marks = ",".join("?" * len(kinds))
        with self._mutex:
            cursor = self._write(
                f"UPDATE rows SET body = ? WHERE run = ? AND kind IN ({marks}) AND at < ?",
                ('{"pruned": true}', run, *kinds, float("inf") if before is None else before),
            )
            self._write("PRAGMA wal_checkpoint(TRUNCATE)", ())
        return cursor.rowcount

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
            call = self.call(key)
            if again and (call is None or call.status is not None):
                raise IntentMissing(self.path, key)
            if not again and call is not None:
                raise IntentExists(self.path, key)
            kind = "intent_again" if again else "intent"
            return self._insert(kind, body, run, task, attempt, key, durable=recovery != "pure")

    def outcome(self, key: str, result: BaseModel | JsonValue, *, status: Status = "ok") -> int:
        """Record what a call came to; from then on it is never made again.

        Args:
            result: What the tool returned, or its error.
            status: `unknown` where only a person can tell whether it took effect.

        Raises:
            IntentMissing: The call was not begun, or is settled already.
        """
        with self._mutex:
            call = self.call(key)
            if call is None or call.status is not None:
                raise IntentMissing(self.path, key)
            body: JsonValue = {"status": status, "result": self._plain(result)}
            return self._insert("outcome", body, call.run, call.task, call.attempt, key)

    def call(self, key: str) -> Call | None:
        """The recorded call with this key, settled or not; None where it was never begun."""
        found = self._read(
            "SELECT run, task, attempt, kind, key, body FROM rows WHERE key = ?1 AND kind = 'intent'"
            " UNION ALL SELECT run, task, attempt, kind, key, body FROM rows"
            " WHERE key = ?1 AND kind = 'outcome'",
            (key,),
        )
        return _calls(found)[0] if found else None

    def settled(self, key: str) -> Call | None:
        """The call with this key if its outcome is recorded, else None."""
        call = self.call(key)
        return call if call and call.status is not None else None

    def calls(self, run: str, task: str = "") -> tuple[Call, ...]:
        """Calls of a run, or of one task of it, settled or not, oldest first."""
        found = self._read(
            "SELECT run, task, attempt, kind, key, body FROM rows"
            " WHERE run = ?1 AND (?2 = '' OR task = ?2) AND kind IN ('intent', 'outcome') ORDER BY seq",
            (run, task),
        )
        return tuple(_calls(found))

    def unsettled(self, run: str) -> tuple[Call, ...]:
        """Calls of a run that were begun and have no outcome, oldest first."""
        return tuple(call for call in self.calls(run) if call.status is None)

    # --- the file ---------------------------------------------------------------------

    def close(self) -> None:
        """Write everything into the one file and release the lock. A second call does nothing."""
        with self._mutex:
            self._connection.close()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _insert(
        self,
        kind: str,
        body: BaseModel | JsonValue,
        run: str,
        task: str,
        attempt: int,
        key: str,
        *,
        durable: bool = False,
    ) -> int:
        values = (run, task, attempt, kind, key, time.time(), self._encode(self._plain(body)))
        sql = "INSERT INTO rows (run, task, attempt, kind, key, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        with self._mutex:
            if not durable:
                return self._write(sql, values).lastrowid or 0
            self._write("PRAGMA synchronous = FULL", ())
            try:
                return self._write(sql, values).lastrowid or 0
            finally:
                self._write("PRAGMA synchronous = NORMAL", ())

    def _plain(self, body: BaseModel | JsonValue) -> JsonValue:
        return body.model_dump() if isinstance(body, BaseModel) else body

    def _clean(self, value: JsonValue) -> JsonValue:
        return self._redact(value) if self._redact else value

    def _encode(self, value: JsonValue) -> str:
        # ASCII, because page text may hold lone surrogates, which SQLite's UTF-8 refuses.
        return json.dumps(self._clean(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    def _write(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        with self._mutex, typed_errors(self.path):
            return self._connection.execute(sql, values)

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._mutex, typed_errors(self.path):
            return self._connection.execute(sql, values).fetchall()


def redactor(secrets: Mapping[str, str]) -> Redact:
    """Make a `redact` hook that replaces each secret's value by `{{name}}` in every text.

    Args:
        secrets: Name to value; empty values are skipped. Longer values go first.
    """
    known = sorted(
        ((value, f"{{{{{name}}}}}") for name, value in secrets.items() if value), key=lambda s: -len(s[0])
    )

    def redact(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for secret, name in known:
                value = value.replace(secret, name)
            return value
        if isinstance(value, dict):
            return {str(redact(key)): redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [redact(item) for item in value]
        return value

    return redact


def _calls(found: Sequence[Any]) -> list[Call]:
    """Join intents with their outcomes; rows are (run, task, attempt, kind, key, body) in order."""
    calls: dict[str, Call] = {}
    for run, task, attempt, kind, key, text in found:
        body = json.loads(text)
        if kind == "intent":
            calls[key] = Call(key, run, task, attempt, body["tool"], body["args"], body["recovery"])
        elif key in calls:
            calls[key] = Call(**{**vars(calls[key]), "status": body["status"], "result": body["result"]})
    return list(calls.values())
