"""`punchlist eval explorer`: every configuration of the protocol's reducers, and planted faults found.

`configurations` are those of the shipped reducers in all `worlds` that were walked, `configurations_<world>`
those in one of them; `violations` is the number of worlds in which something is wrong (0, or the protocol is
broken), `seconds` the time of these walks. Each of the `planted` faults is looked for in the world where it
shows; it counts as `found` when all is seen that it breaks. `rules` is the number of different rules that
found them: as many as can be given to one fault each, out of what was seen broken. `seconds_planted` is the
time of that.

The larger worlds (`BIG`) are walked too, which takes minutes; `--quick` walks three of the default ones and
looks for three faults.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ...protocols.explorer import BIG, SCENARIOS, explore
from ...protocols.mutants import MUTANTS, rules_apart
from .harness import Figures, Measuring
from .ledger import Row

QUICK = 3
"""Worlds, and faults, of a quick look."""

SHIPPED, PLANTED = "world:", "fault:"
WORLDS = SCENARIOS | BIG
BREAKS = {mutant.name: mutant.breaks for mutant in MUTANTS}
"""Name of a planted fault -> the invariants that it breaks."""


class WalkRow(BaseModel):
    """One walk through one world.

    Attributes:
        fault: Name of the planted fault; "" where the shipped reducers were walked.
        broken: Invariants that do not hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: str
    fault: str
    configurations: int
    broken: tuple[str, ...]
    seconds: float


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval explorer`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    most = measuring.count(len(WORLDS) + len(MUTANTS), QUICK)
    worlds = [f"{SHIPPED}{name}" for name in (SCENARIOS if measuring.options.quick else WORLDS)][:most]
    faults = [f"{PLANTED}{mutant.name}" for mutant in MUTANTS][:most]
    measuring.settings["protocol"] = _mark()
    rows = [WalkRow.model_validate(row) for row in await measuring.each([*worlds, *faults], _walk, _tell)]
    shipped, planted = [row for row in rows if not row.fault], [row for row in rows if row.fault]
    figures: Figures = {
        "configurations": sum(row.configurations for row in shipped),
        "violations": sum(bool(row.broken) for row in shipped),
        "planted": len(planted),
        "found": sum(set(BREAKS[row.fault]) <= set(row.broken) for row in planted),
        "rules": len(rules_apart({row.fault: row.broken for row in planted})),
        "worlds": len(shipped),
        "seconds": sum(row.seconds for row in shipped),
        "seconds_planted": sum(row.seconds for row in planted),
    }
    return figures | {f"configurations_{_plain(row.world)}": row.configurations for row in shipped}


async def _walk(key: str) -> Row:
    began = time.monotonic()
    mutant = next((each for each in MUTANTS if f"{PLANTED}{each.name}" == key), None)
    world = mutant.scenario if mutant else key.removeprefix(SHIPPED)
    walked = await asyncio.to_thread(explore, WORLDS[world], mutant.reducers if mutant else None)
    return WalkRow(
        world=world,
        fault=mutant.name if mutant else "",
        configurations=walked.configurations,
        broken=tuple(violation.invariant for violation in walked.violations),
        seconds=round(time.monotonic() - began, 3),
    ).model_dump(mode="json")


def _tell(row: Row) -> str:
    walk = WalkRow.model_validate(row)
    return f"{walk.configurations:,} configurations, {', '.join(walk.broken) or 'nothing'} broken"


def _plain(world: str) -> str:
    return world.replace(",", "").replace(" ", "_")


def _mark() -> str:
    """First digits of the hash of the protocol's sources: results of another protocol are not resumed."""
    folder = Path(__file__).parents[2] / "protocols"
    sources = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:12]
