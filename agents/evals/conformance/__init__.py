"""`punchlist eval conformance`: situations in which a refused result could pass for a success.

Each situation plays against the manager, the workers and the rules that run, with real journals and scripted
models; `must` of a situation says what the caller must get. Nothing of it depends on what a model can do.

    situations               how many there are
    held                     of these, those in which the caller got what it must get
    seconds_cpu              CPU time of all of them
    offered_<peer>           with `--peers DIR`: situations that can be set up in another framework
    held_<peer>              of these, those in which its caller got what it must get

settings.not_held names those that did not hold; settings.got has what the caller got in each,
settings.peers the same of other frameworks, with their versions (`peers/README.md` has the rules).

What it does not cover: whether checks ask for the right thing, and faults that no check looks at
(`eval faults` counts these).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from pydantic import JsonValue

from ..harness import Figures, Measuring
from ..ledger import Row
from ..peers import opened
from . import by_messages, by_thinking, by_tools
from .situation import Seen, Situation

__all__ = ["SITUATIONS", "Situation", "measure", "play"]

SITUATIONS: tuple[Situation, ...] = tuple(
    Situation(each) for module in (by_thinking, by_tools, by_messages) for each in module.PLAYS
)
"""All of them; names are unique."""


async def play(situation: Situation) -> Seen:
    """Act a situation out in a folder of its own; one that breaks down did not hold."""
    with tempfile.TemporaryDirectory(prefix="punchlist-") as folder:
        try:
            return await situation.play(Path(folder))
        except Exception as error:  # whatever reaches the caller here is what the caller gets
            return Seen(f"raised {type(error).__name__}: {error}", ("it ends with an outcome",))


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval conformance`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    by_name = {situation.name: situation for situation in SITUATIONS}
    names = list(by_name)[: measuring.count(len(by_name), len(by_name))]
    began = time.process_time()

    async def one(name: str) -> Row:
        found = await play(by_name[name])
        return {"got": found.got, "wrong": list(found.wrong)}

    rows = dict(zip(measuring.shard(names), await measuring.each(names, one, _tell), strict=False))
    measuring.settings["not_held"] = {name: row for name, row in rows.items() if row["wrong"]}
    measuring.settings["got"] = {name: row["got"] for name, row in rows.items()}
    figures: Figures = {
        "situations": len(rows),
        "held": sum(not row["wrong"] for row in rows.values()),
        "seconds_cpu": time.process_time() - began,
    }
    return (
        figures if measuring.options.peers is None else figures | _peers(measuring, measuring.options.peers)
    )


def _peers(measuring: Measuring, folder: Path) -> Figures:
    """The same situations in other frameworks."""
    figures: Figures = {}
    table: dict[str, JsonValue] = {}
    missing: dict[str, str] = {}
    with opened(folder, missing) as peers:
        for name, peer in peers.items():
            verdicts = {situation: peer.situation(situation) for situation in peer.situations}
            told: dict[str, JsonValue] = {
                each: {"verdict": verdict, **peer.told[each]} for each, verdict in verdicts.items()
            }
            table[name] = {"version": peer.version, "told": told}
            offered = [verdict for verdict in verdicts.values() if verdict in ("held", "not held")]
            figures |= {f"offered_{name}": len(offered), f"held_{name}": offered.count("held")}
            measuring.say(f"{name} {peer.version}: {offered.count('held')} of {len(offered)} held")
    for name, why in missing.items():
        figures |= {f"offered_{name}": None, f"held_{name}": None}
        measuring.skipped |= {f"held_{name}": why}
    measuring.settings["peers"] = table
    return figures


def _tell(row: Row) -> str:
    wrong: JsonValue = row["wrong"]
    return f"NOT held: {row['got']}" if wrong else "held"
