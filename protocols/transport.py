"""How envelopes travel: one interface, in one process or through an SQLite file between several.

A transport delivers at least once: an envelope that was received and not acknowledged is
given out again after `recover`. It may be given twice or late, which the state machine
expects. Order is kept per recipient, but nothing depends on it.

What this does not cover: safety against loss of power (the journal is the truth, and what
it holds can be sent again), and other hosts.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import deque
from pathlib import Path
from typing import Protocol

from .messages import Envelope, read_envelope


class Transport(Protocol):
    """What every transport does."""

    async def send(self, envelope: Envelope) -> None:
        """Put an envelope under way to its recipient."""
        ...

    async def receive(self, recipient: str, timeout: float | None = None) -> Envelope | None:
        """The next envelope for `recipient`, waiting at most `timeout` seconds; None if none came."""
        ...

    async def acknowledge(self, envelope: Envelope) -> None:
        """The recipient has journalled the envelope: it need not be given out again."""
        ...

    async def recover(self, recipient: str) -> int:
        """Give out again what `recipient` had received and not acknowledged; returns how many."""
        ...

    async def close(self) -> None:
        """Stop. What was not received is lost in process, and kept in a file."""
        ...


class InProcess:
    """Queues in memory, for parties in one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Envelope]] = {}
        self._taken: dict[str, list[Envelope]] = {}
        self._arrived: dict[str, asyncio.Event] = {}

    async def send(self, envelope: Envelope) -> None:
        """Put an envelope into the recipient's queue."""
        self._waiting.setdefault(envelope.recipient, deque()).append(envelope)
        self._signal(envelope.recipient).set()

    async def receive(self, recipient: str, timeout: float | None = None) -> Envelope | None:
        """Take the oldest envelope, waiting at most `timeout` seconds."""
        waiting = self._waiting.setdefault(recipient, deque())
        try:
            async with asyncio.timeout(timeout):
                while not waiting:
                    self._signal(recipient).clear()
                    await self._signal(recipient).wait()
        except TimeoutError:
            return None
        envelope = waiting.popleft()
        self._taken.setdefault(recipient, []).append(envelope)
        return envelope

    async def acknowledge(self, envelope: Envelope) -> None:
        """Forget one delivery of the envelope."""
        taken = self._taken.get(envelope.recipient, [])
        if envelope in taken:
            taken.remove(envelope)

    async def recover(self, recipient: str) -> int:
        """Put what was not acknowledged back to the front."""
        taken = self._taken.pop(recipient, [])
        self._waiting.setdefault(recipient, deque()).extendleft(reversed(taken))
        if taken:
            self._signal(recipient).set()
        return len(taken)

    async def close(self) -> None:
        """Drop everything."""
        self._waiting.clear()
        self._taken.clear()

    def _signal(self, recipient: str) -> asyncio.Event:
        return self._arrived.setdefault(recipient, asyncio.Event())


class SqliteTransport:
    """Mailboxes in an SQLite file (mode 0600), for parties in several processes of one machine.

    Args:
        path: The file; made where there is none.
        poll_seconds: How often a waiting recipient looks.
    """

    def __init__(self, path: str | Path, *, poll_seconds: float = 0.02) -> None:
        self._poll_seconds = poll_seconds
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS mail (seq INTEGER PRIMARY KEY, recipient TEXT NOT NULL,"
            " id TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0, envelope TEXT NOT NULL) STRICT"
        )

    async def send(self, envelope: Envelope) -> None:
        """Write an envelope into the recipient's mailbox."""
        self._connection.execute(
            "INSERT INTO mail (recipient, id, envelope) VALUES (?, ?, ?)",
            (envelope.recipient, envelope.id, envelope.model_dump_json()),
        )

    async def receive(self, recipient: str, timeout: float | None = None) -> Envelope | None:
        """Take the oldest envelope, looking again and again for at most `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            found = self._connection.execute(
                "UPDATE mail SET taken = 1 WHERE seq ="
                " (SELECT min(seq) FROM mail WHERE recipient = ? AND NOT taken) RETURNING envelope",
                (recipient,),
            ).fetchone()
            if found:
                return read_envelope(found[0])
            if end is not None and time.monotonic() >= end:
                return None
            await asyncio.sleep(self._poll_seconds)

    async def acknowledge(self, envelope: Envelope) -> None:
        """Delete one delivery of the envelope."""
        self._connection.execute(
            "DELETE FROM mail WHERE seq ="
            " (SELECT min(seq) FROM mail WHERE recipient = ? AND id = ? AND taken)",
            (envelope.recipient, envelope.id),
        )

    async def recover(self, recipient: str) -> int:
        """Mark what was not acknowledged as not received."""
        changed = self._connection.execute(
            "UPDATE mail SET taken = 0 WHERE recipient = ? AND taken", (recipient,)
        )
        return changed.rowcount

    async def close(self) -> None:
        """Close the file; the mail stays in it."""
        self._connection.close()
