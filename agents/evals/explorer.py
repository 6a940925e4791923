"""`punchlist eval explorer`: every configuration of the protocol's reducers, and planted faults found.

`configurations` are those of the shipped reducers over all worlds, `violations` what is wrong with them (0,
or the protocol is broken), `seconds` the time of that walk. Each planted fault is looked for in the world
where it shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

from ...protocols.explorer import BIG, SCENARIOS, explore
from ...protocols.mutants import MUTANTS
from .harness import Figures, Measuring
from .ledger import Row

QUICK = 3
"""Worlds, and faults, of a quick look."""

SHIPPED, PLANTED = "world:", "fault:"
WORLDS = BIG | SCENARIOS
"""A fault may show only in a larger world; the shipped reducers are walked in those of the default."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval explorer`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    most = measuring.count(len(SCENARIOS) + len(MUTANTS), QUICK)
    worlds = [f"{SHIPPED}{name}" for name in SCENARIOS][:most]
    faults = [f"{PLANTED}{mutant.name}" for mutant in MUTANTS][:most]
    measuring.settings["protocol"] = _mark()
    rows = await measuring.each([*worlds, *faults], _walk)
    shipped = [row for row in rows if row["planted"] is False]
    planted = [row for row in rows if row["planted"] is True]
    return {
        "configurations": sum(int(str(row["configurations"])) for row in shipped),
        "violations": sum(bool(row["found"]) for row in shipped),
        "planted": len(planted),
        "found": sum(bool(row["found"]) for row in planted),
        "seconds": sum(float(str(row["seconds"])) for row in shipped),
        "seconds_planted": sum(float(str(row["seconds"])) for row in planted),
        "worlds": len(shipped),
    }


async def _walk(key: str) -> Row:
    began = time.monotonic()
    if key.startswith(SHIPPED):
        walked = await asyncio.to_thread(explore, SCENARIOS[key.removeprefix(SHIPPED)])
    else:
        mutant = next(each for each in MUTANTS if f"{PLANTED}{each.name}" == key)
        walked = await asyncio.to_thread(
            explore, WORLDS[mutant.scenario], mutant.reducers, stop_at_first=True
        )
    return {
        "planted": key.startswith(PLANTED),
        "configurations": walked.configurations,
        "found": [violation.invariant for violation in walked.violations],
        "seconds": round(time.monotonic() - began, 3),
    }


def _mark() -> str:
    """First digits of the hash of the protocol's sources: results of another protocol are not resumed."""
    folder = Path(__file__).parents[2] / "protocols"
    sources = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:12]
