"""`punchlist eval kill`: SIGKILL at random moments of the main job, then resume in a new process to its end.

The shop lives in this process, so a kill does not touch it; the run lives in a child (`kill_target`). Each
goal is first run whole, to learn how long it takes; the moments of its kills are drawn evenly over that time.
Afterwards the shop's database is the judge:

    lost         the run could not be brought to an end; or it says confirmed where the shop has fewer orders;
                 or the shop has an order that the run neither reports nor calls unknown
    doubled      the shop has more orders, or a ticket more answers, than the goal asks for
    unknown      the run ended saying that it cannot be told whether the effect is there; a person must look
    orphans      trials after which processes of the killed run were still there ten seconds later
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, JsonValue

from ...examples.site import ShopGoal, Site, goal, judge
from ...examples.site.store import read_tickets
from ...protocols.errors import JournalError
from ...protocols.journal import Journal
from .harness import Figures, Measuring, mean, median, rate
from .ledger import EvalError, Row
from .models import EMBEDDED, model_mark
from .processes import descendants, leftovers
from .shop import goal_seeds

USUAL, QUICK = 100, 5
KILLS_PER_GOAL = 10
TRIES = 4
"""Times that a trial is begun again because the run ended before its kill, each time killed earlier."""

READY, LONGEST = 180.0, 600.0
"""Seconds that a child has to get ready, and to end its run."""


class TargetBroke(EvalError):
    """The child process ended or hung before its run began: nothing was measured."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"The process that was to do the job did not begin: {said.strip()[-800:] or 'it said nothing'}"
        )


class TrialRow(BaseModel):
    """One run that was killed once, or, for the whole ones, not at all.

    Attributes:
        killed_at: Seconds after its beginning; None where it ended before.
        stage: Task and kind of the last thing in the journal when it was killed.
        outcome: "none" where it could not be brought to an end.
        orphans: Processes that outlived the killed run.
        seconds: Of the last process, from its beginning to its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    killed_at: float | None
    stage: str
    outcome: str
    right: bool
    unknown: bool
    doubled: bool
    lost: bool
    orphans: int
    reasons: tuple[str, ...]
    seconds: float

    def tell(self) -> str:
        """One line of progress."""
        killed = "whole" if self.killed_at is None else f"killed at {self.killed_at:.1f} s ({self.stage})"
        flags = [name for name in ("lost", "doubled", "unknown", "orphans") if getattr(self, name)]
        return " ".join([killed, self.outcome, "right" if self.right else "not right", *flags])


@dataclass
class Heard:
    """What a child said before it ended or was killed."""

    ended: dict[str, Any] | None = None
    killed: bool = False
    orphans: int = 0
    seconds: float = 0.0
    errors: str = ""


@dataclass
class Trial:
    """A goal, its shop, its journal, and one process after another that works on it."""

    wanted: ShopGoal
    site: Site
    folder: Path
    model: str
    heard: list[Heard] = field(default_factory=list[Heard])

    @property
    def journal(self) -> Path:
        return self.folder / "run.db"

    async def process(self, kill_after: float | None) -> Heard:
        """Start a process, and let it end or kill it so many seconds after its run began.

        Raises:
            TargetBroke: It did not begin.
        """
        said = self.folder / f"stderr-{len(self.heard)}.txt"
        with said.open("wb") as errors:
            child = await self._start(errors)
            heard = Heard()
            try:
                began = await _line(child, READY)
                if began is None:
                    raise TargetBroke(said.read_text(errors="replace"))
                since = time.monotonic()
                line = await _line(child, LONGEST if kill_after is None else kill_after)
                heard.seconds = time.monotonic() - since
                heard.ended = line["ended"] if line else None
                heard.killed = line is None and child.returncode is None
            finally:
                heard.orphans = await _finish(child, kill=heard.ended is None)
        heard.errors = said.read_text(errors="replace")
        self.heard.append(heard)
        return heard

    async def _start(self, errors: IO[bytes]) -> asyncio.subprocess.Process:
        command = [
            sys.executable, "-m", f"{__package__}.kill_target",
            "--url", self.site.url, "--goal", self.wanted.text, "--journal", str(self.journal), "--model", self.model,
        ]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
        )

    def stage(self) -> str:
        """Task and kind of the journal's last row."""
        try:
            with Journal.open(self.journal, readonly=True) as journal:
                runs = journal.runs()
                rows = list(journal.rows(runs[-1].run)) if runs else []
        except JournalError:
            return "no journal"
        return f"{rows[-1].task or 'plan'} {rows[-1].kind}" if rows else "nothing"

    def cannot_tell(self) -> bool:
        """Whether a worker said that it cannot be told what was done."""
        try:
            with Journal.open(self.journal, readonly=True) as journal:
                bodies = [
                    row.body for run in journal.runs() for row in journal.rows(run.run, kinds=("envelope",))
                ]
        except JournalError:
            return False
        return any(isinstance(body, dict) and _error_of(body) == "CannotTell" for body in bodies)

    def row(self, killed_at: float | None, stage: str) -> TrialRow:
        """Judge what came of it."""
        last = self.heard[-1]
        ended = last.ended or {
            "outcome": "none",
            "reasons": [last.errors.strip()[-400:] or "no end in time"],
            "value": None,
        }
        judged = judge(self.site, self.wanted.expected)
        numbers, answered_twice = _effects(self.site)
        unknown = ended["outcome"] != "confirmed" and self.cannot_tell()
        said = json.dumps(ended).lower()
        unsaid = [number for number in numbers if number.lower() not in said]
        asked = len(self.wanted.expected.orders)
        lost = (
            ended["outcome"] == "none"
            or (ended["outcome"] == "confirmed" and len(numbers) < asked)
            or (ended["outcome"] != "confirmed" and not unknown and bool(unsaid))
        )
        return TrialRow(
            seed=self.wanted.site_seed, killed_at=killed_at, stage=stage,
            outcome=ended["outcome"], right=judged.right, unknown=unknown, doubled=len(numbers) > asked or answered_twice, lost=lost,
            orphans=sum(heard.orphans for heard in self.heard if heard.killed),
            reasons=tuple(map(str, ended["reasons"])) or judged.reasons, seconds=round(last.seconds, 2),
        )  # fmt: skip


def _error_of(envelope: dict[str, JsonValue]) -> JsonValue:
    body = envelope.get("body")
    return body.get("error") if isinstance(body, dict) and body.get("kind") == "failed" else None


async def _line(child: asyncio.subprocess.Process, seconds: float) -> dict[str, Any] | None:
    """The child's next line; None when it ends or the time is over."""
    if child.stdout is None:
        raise TargetBroke("its output cannot be read")
    try:
        async with asyncio.timeout(seconds):
            line = await child.stdout.readline()
    except TimeoutError:
        return None
    if not line:
        await child.wait()
        return None
    return json.loads(line)


async def _finish(child: asyncio.subprocess.Process, kill: bool) -> int:
    """Let a child end, or kill it; returns how many of its processes outlive it."""
    below = descendants(child.pid)
    if kill and child.returncode is None:
        child.send_signal(signal.SIGKILL)
    try:
        async with asyncio.timeout(30):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
    return await leftovers(below)


def _effects(site: Site) -> tuple[list[str], bool]:
    """Numbers of the orders on the site, and whether a ticket got more than one answer."""
    with closing(sqlite3.connect(site.database)) as database:
        database.row_factory = sqlite3.Row

        def query(text: str, *values: object) -> list[sqlite3.Row]:
            return database.execute(text, values).fetchall()

        numbers = [str(row["number"]) for row in query("SELECT number FROM orders ORDER BY id")]
        states = {state.id: state for state in read_tickets(query)}
    before = {ticket.id: len(ticket.lines) for ticket in site.plan.tickets}
    return numbers, any(len(states[ticket].lines) > lines + 1 for ticket, lines in before.items())


async def trial(wanted: ShopGoal, model: str, kill_after: float | None) -> TrialRow:
    """One goal, killed once so many seconds after it began (None: not at all), resumed until it ends."""
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as folder, Site(wanted.site_seed) as site:
        here = Trial(wanted, site, Path(folder), model)
        first = await here.process(kill_after)
        if kill_after is None or not first.killed:
            return here.row(None, "")
        stage = here.stage()
        for _ in range(2):
            if (await here.process(None)).ended is not None:
                break
        return here.row(round(first.seconds, 2), stage)


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval kill`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    count = measuring.count(USUAL, QUICK)
    model = options.model or EMBEDDED
    seeds = goal_seeds(options.seed, -(-count // KILLS_PER_GOAL))
    measuring.settings |= {"model": model_mark(options.model), "first_goal": seeds[0]}
    lengths: dict[int, float] = {}

    async def whole(seed: int) -> TrialRow:
        rows = await measuring.each([f"whole:{seed}"], lambda _: _whole(seed, model), _tell, sharded=False)
        return TrialRow.model_validate(rows[0])

    async def killed(key: str) -> Row:
        number = int(key.partition(":")[2])
        seed = seeds[number // KILLS_PER_GOAL]
        if seed not in lengths:
            lengths[seed] = (await whole(seed)).seconds
        after = Random(f"kill {options.seed} {number}").uniform(0, lengths[seed])
        row = await trial(goal(seed), model, after)
        for _ in range(TRIES):
            if row.killed_at is None:
                after = after / 2
                row = await trial(goal(seed), model, after)
        return row.model_dump(mode="json")

    found = await measuring.each([f"kill:{number}" for number in range(count)], killed, _tell)
    rows = [TrialRow.model_validate(row) for row in found]
    return _figures(rows)


async def _whole(seed: int, model: str) -> Row:
    return (await trial(goal(seed), model, None)).model_dump(mode="json")


def _tell(row: Row) -> str:
    return TrialRow.model_validate(row).tell()


def _figures(rows: list[TrialRow]) -> Figures:
    killed = [row for row in rows if row.killed_at is not None]
    figures: Figures = {
        "kills": len(killed),
        "lost": sum(row.lost for row in killed),
        "doubled": sum(row.doubled for row in killed),
        "unknown": sum(row.unknown for row in killed),
        "orphans": sum(row.orphans > 0 for row in killed),
    }
    figures |= rate("confirmed_right", (row.outcome == "confirmed" and row.right for row in killed))
    figures |= rate("confirmed_wrong", (row.outcome == "confirmed" and not row.right for row in killed))
    outcomes = Counter(row.outcome for row in killed)
    figures["unverified"] = mean([float(row.outcome == "unverified" and not row.unknown) for row in killed])
    figures["failed"] = (outcomes["failed"] + outcomes["none"]) / len(killed) if killed else None
    figures["resume_median_seconds"] = median([row.seconds for row in killed])
    return figures
