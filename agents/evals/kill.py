"""`punchlist eval kill`: SIGKILL in the middle of runs, then resume in a new process to their end.

`--only shop` kills the main job at random moments, `--only classes` runs with a tool of each recovery class
at every moment (`kill_classes`); without it both are done, and the four numbers that both have are of both.
`--only resumes` kills such runs again and again while they are gone on with (`kill_resumes`), `--only races`
lets two processes want one run in PostgreSQL (`kill_races`), `--only peers` does to other durable frameworks
what `classes` does to ours (`kill_peers`), `--only ray` lets nodes of a cluster go away (`kill_ray`), `--only
memory` kills those who write to long-term memory (`kill_memory`); these have figures of their own.

The shop lives in this process, so a kill does not touch it; the run lives in a child (`kill_target`). Each
goal is first run whole, to learn how many events it has; a kill comes after a random number of them and a
random while, so that a busy machine does not move all kills to the beginning. The first ten kills have the
demonstration's goal, each ten after them an unseen one of `eval shop`. Afterwards the shop's judge says what
was done there:

    kills          trials in which the run was killed before it ended; only these count below
    lost           the run could not be brought to an end; or it says confirmed where the shop has fewer
                   orders; or the shop has an order that the run neither reports nor calls unknown
    doubled        the shop has more orders, or a ticket more answers, than the goal asks for
    unknown        the run ended saying that it cannot be told whether the effect is there; a person must look
    orphans        trials after which processes of the killed run were still there ten seconds later

These are numbers of kills. Shares of them are `confirmed_right` and `confirmed_wrong` (the run says confirmed
and the judge agrees, or does not), `unverified`, and `failed` (with those that could not be brought to an
end); the last two leave out what is `unknown`. `resume_median_seconds` is how long the process took that
ended the run, from when it was ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, JsonValue

from ...examples.site import DEMO_SEED, ShopGoal, Site, demo_goal, goal, judge
from ...examples.site.judge import count_done
from ...protocols.errors import JournalError
from ...protocols.journal import Journal
from .harness import Figures, Measuring, OptionRefused, median, rate
from .kill_classes import class_figures, kill_classes
from .kill_memory import kill_memory, memory_figures
from .kill_peers import kill_peers
from .kill_plan import TRIES
from .kill_races import kill_races, race_figures
from .kill_ray import kill_ray, ray_figures
from .kill_resumes import kill_resumes, resume_figures
from .ledger import EvalError, Row
from .models import EMBEDDED, model_mark
from .processes import descendants, leftovers
from .shop import goal_seeds

USUAL, QUICK = 100, 5
PARTS = ("shop", "classes", "resumes", "races", "peers", "ray", "memory")
IN_BOTH = ("kills", "lost", "doubled", "unknown")
KILLS_PER_GOAL = 10
CANDIDATES = 3
"""Unseen goals that are tried to find one that is confirmed when it is not killed."""

GOLDEN = 0.6180339887498949
"""Steps of this share, from a random beginning, spread any number of kills evenly over a run."""

READY, LONGEST, CLOSING = 180.0, 600.0, 30.0
"""Seconds that a child has to get ready, to end its run, and to end itself afterwards."""


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
        events: Of the first process, until its end or its kill.
        stage: Task and kind of the last thing in the journal when it was killed.
        outcome: "none" where it could not be brought to an end.
        orphans: Processes that outlived the killed run.
        seconds: Of the last process, from its beginning to its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    killed_at: float | None
    events: int
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


@dataclass(frozen=True)
class Moment:
    """When to kill: after so many events, and so many seconds more."""

    events: int
    pause: float


@dataclass
class Heard:
    """What a child said before it ended or was killed."""

    events: int = 0
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

    async def process(self, kill: Moment | None) -> Heard:
        """Start a process, and let it end or kill it.

        Raises:
            TargetBroke: It did not begin.
        """
        said = self.folder / f"stderr-{len(self.heard)}.txt"
        with said.open("wb") as errors:
            child = await self._start(errors)
            heard = Heard()
            try:
                if await _line(child, READY) is None:
                    raise TargetBroke(said.read_text(errors="replace"))
                since = time.monotonic()
                await _listen(child, heard, kill)
                heard.seconds = time.monotonic() - since
                heard.killed = heard.ended is None and child.returncode is None
            finally:
                heard.orphans = await _finish(child, kill=heard.ended is None)
        heard.errors = said.read_text(errors="replace")
        self.heard.append(heard)
        return heard

    async def _start(self, errors: IO[bytes]) -> asyncio.subprocess.Process:
        options = {"url": self.site.url, "goal": self.wanted.text, "model": self.model}
        options["journal"] = str(self.journal)
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        command = [sys.executable, "-m", f"{__package__}.kill_target", *given]
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
        done = count_done(self.site)
        unknown = ended["outcome"] != "confirmed" and self.cannot_tell()
        said = json.dumps(ended).lower()
        unsaid = [number for number in done.orders if number.lower() not in said]
        asked = len(self.wanted.expected.orders)
        lost = (
            ended["outcome"] == "none"
            or (ended["outcome"] == "confirmed" and len(done.orders) < asked)
            or (ended["outcome"] != "confirmed" and not unknown and bool(unsaid))
        )
        return TrialRow(
            seed=self.wanted.site_seed,
            killed_at=killed_at,
            events=self.heard[0].events,
            stage=stage,
            outcome=ended["outcome"],
            right=judged.right,
            unknown=unknown,
            doubled=len(done.orders) > asked or any(count > 1 for count in done.answers.values()),
            lost=lost,
            orphans=sum(heard.orphans for heard in self.heard if heard.killed),
            reasons=tuple(map(str, ended["reasons"])) or judged.reasons,
            seconds=round(last.seconds, 2),
        )


def _error_of(envelope: dict[str, JsonValue]) -> JsonValue:
    body = envelope.get("body")
    return body.get("error") if isinstance(body, dict) and body.get("kind") == "failed" else None


async def _listen(child: asyncio.subprocess.Process, heard: Heard, kill: Moment | None) -> None:
    """Follow a child until it ends, or until the moment of its kill."""
    until = time.monotonic() + LONGEST
    while kill is None or heard.events < kill.events:
        line = await _line(child, until - time.monotonic())
        if line is None or "ended" in line:
            heard.ended = line["ended"] if line else None
            return
        heard.events += 1
    until = time.monotonic() + kill.pause
    while (line := await _line(child, max(0.0, until - time.monotonic()))) is not None:
        if "ended" in line:
            heard.ended = line["ended"]
            return
        heard.events += 1


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
        child.kill()
    else:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await child.wait()
    left = await leftovers(below)
    if child.returncode is None:
        child.kill()
    await child.wait()
    return left


async def trial(wanted: ShopGoal, model: str, kill: Moment | None) -> TrialRow:
    """One goal, killed once (None: not at all), resumed until it ends."""
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as folder, Site(wanted.site_seed) as site:
        here = Trial(wanted, site, Path(folder), model)
        first = await here.process(kill)
        if kill is None or not first.killed:
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
    parts = [part.strip() for part in (options.only or "shop,classes").split(",")]
    if wrong := [part for part in parts if part not in PARTS]:
        raise OptionRefused("kill", "only", f"{', '.join(wrong)!r} is not one of {', '.join(PARTS)}")
    if "ray" in parts and find_spec("ray") is None:
        raise OptionRefused("kill", "only", "Ray is not installed: pip install 'punchlist[ray]'")
    if "ray" in parts and options.parallel > 1:
        raise OptionRefused("kill", "parallel", "the nodes of a cluster go away one at a time")
    measuring.settings |= {"seed": options.seed, "only": ",".join(sorted(parts))}
    if "shop" in parts:
        first = goal_seeds(options.seed, 1)[0]
        measuring.settings |= {"model": model_mark(options.model), "first_goal": first}
    of_ray = ray_figures(await kill_ray(measuring)) if "ray" in parts else {}
    of_races = race_figures(await kill_races(measuring)) if "races" in parts else {}
    of_classes = class_figures(await kill_classes(measuring)) if "classes" in parts else {}
    of_shop = await _kill_shop(measuring) if "shop" in parts else {}
    of_resumes = resume_figures(await kill_resumes(measuring)) if "resumes" in parts else {}
    of_peers = await kill_peers(measuring) if "peers" in parts else {}
    of_memory = memory_figures(await kill_memory(measuring)) if "memory" in parts else {}
    apart = of_resumes | of_races | of_peers | of_ray | of_memory
    if not of_classes and not of_shop:
        return apart
    both: Figures = {name: (of_shop.get(name) or 0) + (of_classes.get(name) or 0) for name in IN_BOTH}
    return of_classes | of_shop | both | apart


async def _kill_shop(measuring: Measuring) -> Figures:
    options = measuring.options
    count = measuring.count(USUAL, QUICK)
    offset = Random(f"kills {options.seed}").random()
    model = options.model or EMBEDDED
    victims = Victims(measuring, lambda seed: _whole(seed, model))

    async def killed(key: str) -> Row:
        number = int(key.partition(":")[2])
        whole = await victims.of(number // KILLS_PER_GOAL)
        rng = Random(f"kill {options.seed} {number}")
        share = (offset + number * GOLDEN) % 1
        moment = Moment(int(share * whole.events), rng.uniform(0, 2 * whole.seconds / whole.events))
        row = await trial(_wanted(whole.seed), model, moment)
        for _ in range(TRIES):
            if row.killed_at is None:
                moment = Moment(moment.events // 2, moment.pause)
                row = await trial(_wanted(whole.seed), model, moment)
        return row.model_dump(mode="json")

    found = await measuring.each([f"kill:{number}" for number in range(count)], killed, _tell)
    return _figures([TrialRow.model_validate(row) for row in found])


@dataclass
class Victims:
    """Chooses the goals that are killed, and learns how long they take.

    Attributes:
        run_whole: Runs the goal of a seed without a kill. Who asks while it runs waits for the same row.
    """

    measuring: Measuring
    run_whole: Callable[[int], Awaitable[Row]]
    _turns: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def of(self, group: int) -> TrialRow:
        """The whole run of the goal of a group of kills.

        The first group has the demonstration's goal; each other the first of a few unseen ones that is
        confirmed when nobody disturbs it, or the demonstration's again.
        """
        begin = (group - 1) * CANDIDATES
        seeds = goal_seeds(self.measuring.options.seed, begin + CANDIDATES)[begin:] if group else []
        for seed in seeds:
            row = await self._whole(seed)
            if row.outcome == "confirmed" and row.right:
                return row
        return await self._whole(DEMO_SEED)

    async def _whole(self, seed: int) -> TrialRow:
        async with self._turns[seed]:
            rows = await self.measuring.each(
                [f"whole:{seed}"], lambda _: self.run_whole(seed), _tell, sharded=False
            )
        return TrialRow.model_validate(rows[0])


def _wanted(seed: int) -> ShopGoal:
    return demo_goal() if seed == DEMO_SEED else goal(seed)


async def _whole(seed: int, model: str) -> Row:
    return (await trial(_wanted(seed), model, None)).model_dump(mode="json")


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
    figures |= rate("unverified", (row.outcome == "unverified" and not row.unknown for row in killed))
    figures |= rate("failed", (row.outcome in {"failed", "none"} and not row.unknown for row in killed))
    figures["resume_median_seconds"] = median([row.seconds for row in killed])
    return figures
