"""One of two processes that want the same run in PostgreSQL: what `eval kill --only races` disturbs."""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...protocols.errors import JournalError
from ...protocols.journal_errors import JournalUnavailable, LeaseLost, RunTaken
from ...protocols.outcome import Confirmed, Failed, Unverified
from ...protocols.postgres import PostgresStore
from .kill_classes_target import Moments, MortalJournal, reasons_of, run_in

LEASE = 0.3
"""Seconds after which the run of a process that hangs is free; short, for many races in little time."""

AGAIN = 0.01
"""Seconds until a process that was too late tries again."""

TURNED_AWAY = (RunTaken, LeaseLost, JournalUnavailable)
"""What a process is told that has not, or no longer, got the run; who hangs in a write is cut off."""


def contend(folder: str, url: str, parent: Connection) -> None:
    """Want the run until it has ended, whoever ended it; begins when the parent says so.

    Tells its parent how the run ended, and how often it was turned away (`late`) and put out (`put_out`).
    """
    parent.send("ready")
    parent.recv()
    began, late, put_out = time.monotonic(), 0, 0
    while True:
        came = _once(Path(folder), url)
        if not isinstance(came, Exception):
            break
        late, put_out = late + isinstance(came, RunTaken), put_out + (not isinstance(came, RunTaken))
        time.sleep(AGAIN)
    seconds = time.monotonic() - began
    told: dict[str, Any] = {"outcome": type(came).__name__.lower(), "reasons": reasons_of(came)}
    parent.send({**told, "moments": 0, "seconds": seconds, "late": late, "put_out": put_out})


def _once(folder: Path, url: str) -> Confirmed[Any] | Unverified | Failed | JournalError:
    """What the run came to, or why this process has it not."""
    try:
        with MortalJournal(PostgresStore.open(url, lease=LEASE), None) as journal:
            outcome = asyncio.run(run_in(folder, journal, Moments(None)))
    except TURNED_AWAY as error:
        return error
    if isinstance(outcome, Failed) and isinstance(outcome.error, TURNED_AWAY):
        return outcome.error
    return outcome
