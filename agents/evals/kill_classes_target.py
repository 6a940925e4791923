"""One process at a run whose tools count their own effects in a database: what `eval kill` kills per class.

A scripted model plans one task and calls one tool of each recovery class, then answers; everything else is
the shipped code: manager's run, protocol, journal, executor. A process dies by its own SIGKILL before or
after a chosen write to the journal or effect of a tool, or by that of its parent at any moment.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...protocols.journal import Journal
from ...protocols.journal_store import Statement
from ...protocols.outcome import Confirmed, Failed, Unverified
from ...tools.permissions import preset
from ...tools.tool import AnyTool, Found, tool
from ..budget import Budget, used
from ..mind import Mind
from ..run import Run
from ..testing import ScriptedModel
from ..worker import Worker

RUN = "run"
GOAL = "Settle the account of Ada Lovelace"
PLAN = "task use\ntext settle the account of ada lovelace\nend"
TOOLS = {"look": "pure", "pay": "keyed", "ship": "queryable", "mail": "unsafe"}
"""The tools, in the order in which they are called, and their recovery classes."""


@dataclass
class Moments:
    """Counts what may be the last thing that the process does, and dies at the chosen one."""

    at: int | None
    seen: int = 0

    def pass_by(self) -> None:
        """One more; maybe the last."""
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal(Journal):
    """A journal at each of whose writes the process may die."""

    moments = Moments(None)

    def _write(self, run: str, *statements: Statement, durable: bool = False) -> int:
        self.moments.pass_by()
        written = super()._write(run, *statements, durable=durable)
        self.moments.pass_by()
        return written


class World:
    """A database of effects. The order of key and effect is one transaction's, as a tool's should be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS effects (tool TEXT, key TEXT, UNIQUE (tool, key))")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=10)

    def do(self, name: str, key: str | None = None) -> None:
        """One effect; of one key only one."""
        connection = self._open()
        try:
            connection.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", (name, key))
        finally:
            connection.close()

    def count(self, name: str) -> int:
        """How many effects a tool had."""
        connection = self._open()
        try:
            return int(
                connection.execute("SELECT count(*) FROM effects WHERE tool = ?", (name,)).fetchone()[0]
            )
        finally:
            connection.close()


def tools_of(world: World, moments: Moments) -> list[AnyTool]:
    """One tool of each class; each may be the last thing that the process does."""

    def effect(name: str, key: str | None = None) -> str:
        moments.pass_by()
        world.do(name, key)
        moments.pass_by()
        return f"{name} receipt 77"

    @tool(effect="read")
    async def look(who: str) -> str:
        """Look at an account."""
        moments.pass_by()
        return "look receipt 77"

    @tool(effect="irreversible", recovery="keyed")
    async def pay(who: str, idempotency_key: str) -> str:
        """Pay somebody."""
        return effect("pay", idempotency_key)

    def shipped(who: str) -> Found | None:
        return Found("ship receipt 77") if world.count("ship") else None

    @tool(effect="irreversible", recovery="queryable", outcome_of=shipped)
    async def ship(who: str) -> str:
        """Ship to somebody."""
        return effect("ship")

    @tool(effect="irreversible", recovery="unsafe")
    async def mail(who: str) -> str:
        """Mail somebody."""
        return effect("mail")

    return [look, pay, ship, mail]


def script(question: str) -> str:
    """What the scripted model says: the tool after the one that was called last, then the answer."""
    if question.endswith("plan:"):
        return PLAN
    if question.endswith("lesson:"):
        return "none"
    called = re.findall(r"^did : .*-> (\w+) receipt", question, re.MULTILINE)
    order = list(TOOLS)
    left = order[order.index(called[-1]) + 1 :] if called else order
    return f"call {left[0]}\nwho ada lovelace\nend" if left else "answer receipt 77"


def work(folder: str, at: int | None, parent: Connection, place: str = "") -> None:
    """Run, or go on with, the run in a folder; tells its parent when it begins and how it ended.

    Args:
        at: The moment at which it dies, from 1; None: it lives.
        place: Of the journal, where that is not in the folder.
    """
    parent.send("began")
    began = time.monotonic()
    moments = Moments(at)
    outcome = asyncio.run(_at(Path(folder), moments, place))
    told = {
        "outcome": type(outcome).__name__.lower(),
        "reasons": reasons_of(outcome),
        "moments": moments.seen,
    }
    parent.send({**told, "seconds": time.monotonic() - began})


async def _at(folder: Path, moments: Moments, place: str) -> Confirmed[Any] | Unverified | Failed:
    with MortalJournal.open(place or folder / "run.db") as journal:
        return await run_in(folder, journal, moments)


async def run_in(
    folder: Path, journal: MortalJournal, moments: Moments
) -> Confirmed[Any] | Unverified | Failed:
    """Begin the run in a journal, or go on with it; its world is in the folder."""
    model = ScriptedModel(script)
    tools = tools_of(World(folder / "world.db"), moments)
    journal.moments = moments
    journal.begin(RUN, GOAL)
    mind = Mind(model, Budget(cost=used(journal, RUN)), journal, RUN, lambda _: None)
    run = Run(RUN, GOAL, [Worker("clerk", model, tools)], mind, preset("unattended"), show=mind.show)
    return await run.to_the_end()


def reasons_of(outcome: Confirmed[Any] | Unverified | Failed) -> list[str]:
    """Why it was not confirmed."""
    if isinstance(outcome, Failed):
        return [f"{type(outcome.error).__name__}: {outcome.error}"]
    return list(outcome.reasons) if isinstance(outcome, Unverified) else []
