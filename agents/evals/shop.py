"""`punchlist eval shop`: unseen goals at unseen shops, from the sentence to the verdict.

Each goal gets a shop of its own, in this process, and a manager with two workers, a browser and a fresh
journal; no memory. Whether the goal was truly reached is judged from the shop's database, which only the shop
and its judge open.

    step_accuracy       share of the steps of all first orders that the worker did and the verdict did not
                        refute: what a flaw of the shop undid counts against it
    spec_accuracy       share of the fields that the plan read right, made-up ones counted as wrong
    spec_exact          share of goals whose plan has no mistake
    action_accuracy     share of browser actions that had an effect
    goals               goals that were run, of which the shares are

A goal ends as exactly one of `confirmed_right`, `confirmed_wrong`, `unknown` (it cannot be told whether
something irreversible was done), `unverified` and `failed`. `redos_per_goal`, `tokens_per_goal` and
`calls_per_goal` (of the model) are means, `median_seconds` is the time from the sentence to the outcome.
`confirmed_right_no_redo` is the model's share without redo; `string_match_baseline` and
`string_match_confirmed_wrong` are those of string matching.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from ...examples.site import ShopGoal, Site, goal, judge
from ...protocols.outcome import Confirmed, Cost, Failed, Unverified
from ...tools.browser import Browser
from ..manager import Manager
from ..roles import read_plan
from ..worker import Worker
from .harness import Figures, Measuring, mean, median, rate, share
from .ledger import Row
from .models import STRING_MATCH, model_mark, open_model
from .reading import read_right
from .tally import Tally

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...memory import Memory

FOR_DEVELOPMENT = range(2_000_000)
"""Seeds of goals that people look at, tests play, and decisions are made on. None of them is measured."""

FIRST_GOAL = 2_000_000
"""Goals of seed 0 begin here: far from those for development."""

GOALS_APART = 10_000
USUAL, QUICK = 100, 8
LONGEST = 900.0
"""Seconds after which a goal counts as failed."""

Outcome = Literal["confirmed", "unverified", "unknown", "failed"]


class GoalRow(BaseModel):
    """One goal, once through.

    Attributes:
        outcome: As the run said.
        right: As the shop's database says.
        reasons: Of the run, or of the judge where the run said that all was well.
        steps, steps_right: Of first orders.
        fields, fields_right: Of the plan.
        recalled: Lessons that went into plans.
        seconds: From the sentence to the outcome.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    outcome: Outcome
    right: bool
    reasons: tuple[str, ...] = ()
    steps: int = 0
    steps_right: int = 0
    actions: int = 0
    actions_right: int = 0
    fields: int = 0
    fields_right: int = 0
    tokens: int = 0
    model_calls: int = 0
    redos: int = 0
    recalled: int = 0
    seconds: float = 0.0

    def tell(self) -> str:
        """One line of progress."""
        judged = self.outcome + (" right" if self.right else " wrong" if self.outcome == "confirmed" else "")
        return f"{judged} in {self.seconds:.1f} s" + (f": {self.reasons[0][:120]}" if self.reasons else "")


def goal_seeds(seed: int, count: int) -> list[int]:
    """Seeds of unseen goals and their shops; those of two `seed`s do not meet up to `GOALS_APART` goals."""
    first = FIRST_GOAL + seed * GOALS_APART
    return list(range(first, first + count))


class Booth:
    """A browser and an address that shops open at one after another."""

    def __init__(self) -> None:
        self._port = 0
        self._browser: Browser | None = None

    async def run(
        self,
        wanted: ShopGoal,
        model: Model,
        redos: int,
        *,
        flaws: Sequence[str] | None = None,
        memory: Memory | None = None,
    ) -> GoalRow:
        """One goal, start to end, and what became of it.

        Args:
            flaws: Exactly those that the shop has; None: those of its seed.
        """
        tally = Tally()
        error: str | None = None
        began = time.monotonic()
        with (
            Site(wanted.site_seed, flaws=flaws, port=self._port) as site,
            tempfile.TemporaryDirectory(prefix="punchlist-eval-") as folder,
        ):
            self._port = site.port
            self._browser = browser = self._browser or Browser(allow=[site.url])
            workers = [Worker(name, model, [browser]) for name in ("a", "b")]
            manager = Manager(model, workers, memory=memory, journal=Path(folder) / "run.db", redos=redos)
            try:
                async with asyncio.timeout(LONGEST):
                    async for event in manager.stream(wanted.text):
                        tally.hear(event)
            except Exception as broken:  # this is the outer edge of a run: whatever breaks it is its result
                error = f"{type(broken).__name__}: {broken}"
            seconds = time.monotonic() - began
            for session in [worker.live(lane) for worker in workers for lane in tally.lanes]:
                if session is not None:
                    await session.close()
            judged = judge(site, wanted.expected)
        return goal_row(wanted, tally, error, judged.right, judged.reasons, seconds)

    async def close(self) -> None:
        """End the browser."""
        if self._browser is not None:
            await self._browser.close()


def goal_row(
    wanted: ShopGoal, tally: Tally, error: str | None, right: bool, faults: tuple[str, ...], seconds: float
) -> GoalRow:
    """Sum up one goal."""
    ended = tally.ended.outcome if tally.ended is not None else None
    cost = ended.cost if ended is not None else Cost()
    outcome: Outcome = "failed"
    reasons: tuple[str, ...] = (error or "the run gave no outcome",)
    if isinstance(ended, Confirmed):
        outcome, reasons = "confirmed", faults
    elif isinstance(ended, Unverified):
        outcome, reasons = "unknown" if tally.cannot_tell else "unverified", ended.reasons
    elif isinstance(ended, Failed):
        reasons = (f"{type(ended.error).__name__}: {ended.error}",)
    reading = read_right(wanted, read_plan(tally.plan, wanted.text))
    return GoalRow(
        seed=wanted.site_seed, outcome=outcome, right=right, reasons=reasons,
        steps=sum(len(order.plan) for order in tally.first.values()),
        steps_right=sum(order.right() for order in tally.first.values()),
        actions=tally.actions.total(), actions_right=tally.actions["ok"],
        fields=reading.of, fields_right=reading.right,
        tokens=cost.tokens, model_calls=cost.model_calls, redos=cost.redos,
        recalled=tally.recalled, seconds=round(seconds, 2),
    )  # fmt: skip


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval shop`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    seeds = goal_seeds(options.seed, measuring.count(USUAL, QUICK))
    measuring.settings |= {"model": model_mark(options.model), "first_goal": seeds[0]}
    full = await _walk(measuring, "full", seeds, options.model, redos=2)
    figures = _figures(full)
    compare = options.compare and not options.quick
    if not compare:
        why = "left out by --quick" if options.quick else "left out as asked"
        measuring.skipped |= {"confirmed_right_no_redo": why, "string_match_baseline": why}
        return figures | {"confirmed_right_no_redo": None, "string_match_baseline": None}
    alone = await _walk(measuring, "no redo", seeds, options.model, redos=0)
    plain = (
        full
        if options.model == STRING_MATCH
        else await _walk(measuring, "string match", seeds, STRING_MATCH, redos=2)
    )
    figures |= rate("confirmed_right_no_redo", (_right(row) for row in alone))
    figures |= rate("string_match_baseline", (_right(row) for row in plain))
    return figures | rate("string_match_confirmed_wrong", (_wrong(row) for row in plain))


async def _walk(
    measuring: Measuring, name: str, seeds: Sequence[int], which: str | None, redos: int
) -> list[GoalRow]:
    """All goals once, with one model; those in the ledger are not run again."""
    keys = [f"{name}:{seed}" for seed in seeds]
    missing = [key for key in measuring.shard(keys) if key not in measuring.ledger().rows]
    model = open_model(which) if missing else None
    booths = [Booth() for _ in range(measuring.options.parallel)]
    free = list(booths)

    async def one(key: str) -> Row:
        booth = free.pop()
        try:
            row = await booth.run(goal(int(key.partition(":")[2])), model or open_model(which), redos)
        finally:
            free.append(booth)
        return row.model_dump(mode="json")

    try:
        rows = await measuring.each(keys, one, lambda row: GoalRow.model_validate(row).tell())
    finally:
        for booth in booths:
            await booth.close()
        if model is not None:
            await model.aclose()
    return [GoalRow.model_validate(row) for row in rows]


def _right(row: GoalRow) -> bool:
    return row.outcome == "confirmed" and row.right


def _wrong(row: GoalRow) -> bool:
    return row.outcome == "confirmed" and not row.right


def _figures(rows: Sequence[GoalRow]) -> Figures:
    figures: Figures = {
        "step_accuracy": share(sum(row.steps_right for row in rows), sum(row.steps for row in rows)),
        "spec_accuracy": share(sum(row.fields_right for row in rows), sum(row.fields for row in rows)),
    }
    figures |= rate("confirmed_right", map(_right, rows)) | rate("confirmed_wrong", map(_wrong, rows))
    for outcome in ("unverified", "unknown", "failed"):
        figures |= rate(outcome, (row.outcome == outcome for row in rows))
    figures |= rate("spec_exact", (row.fields_right == row.fields for row in rows))
    return figures | {
        "goals": len(rows),
        "action_accuracy": share(sum(row.actions_right for row in rows), sum(row.actions for row in rows)),
        "redos_per_goal": mean([row.redos for row in rows]),
        "tokens_per_goal": mean([row.tokens for row in rows]),
        "calls_per_goal": mean([row.model_calls for row in rows]),
        "median_seconds": median([row.seconds for row in rows]),
    }
