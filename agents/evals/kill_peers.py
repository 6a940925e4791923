"""`punchlist eval kill --only peers --peers DIR`: other durable frameworks under the same kills as ours.

LangGraph with SqliteSaver and `durability="sync"`, and DBOS on SQLite, do the plan of `--only classes`: a
scripted model calls a tool that looks and three that have an effect, which they count in a database of their
own, without a key. They are killed before and after each commit to their own store and each effect, and as
often at random moments as `--limit` says; then another process goes on as their documentation says. Both
document that a step which was interrupted is run again, and ask for steps that may be: so what is doubled
here is what they say of a tool that may not. Ours meets the same kind of tool in `doubled_unsafe`.

    <peer>_kills      processes that were killed before their run ended
    <peer>_lost       of these, runs that could not be brought to an end, or ended without one of the effects
    <peer>_doubled    of these, runs with an effect that is there more than once
    <peer>_moments    in a whole run
"""

from __future__ import annotations

import asyncio
import tempfile
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from .harness import Figures, Measuring, OptionRefused
from .kill_classes import TRIES
from .ledger import Row
from .peers import Peer, PeerBroke, opened

KILLED = ("langgraph", "dbos")
"""Names of the scripts `peers/killed_<peer>.py`, and of their virtual environments."""

USUAL, QUICK = 50, 2
"""Random moments."""

QUICK_MOMENTS = 6


class PeerRow(BaseModel):
    """One run of a peer that was killed once, or not at all.

    Attributes:
        stage: How often each effect was there when it was killed; empty where it was not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    killed: bool
    lost: bool
    doubled: bool
    moments: int
    seconds: float
    stage: str

    def tell(self) -> str:
        """One line of progress."""
        flags = [name for name in ("lost", "doubled") if getattr(self, name)]
        return " ".join([f"killed at {self.stage}" if self.killed else "whole", *flags])


def trial(peer: Peer, at: int | None, after: float | None) -> PeerRow:
    """A run that is killed at a moment or after some seconds, gone on with, and judged.

    Raises:
        PeerBroke: The script ended, or the run broke without being killed.
    """
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as folder:
        first = peer.ask(folder=folder, at=at, after=after)
        last = peer.ask(folder=folder, at=None, after=None) if first.get("killed") else first
    if not first.get("killed") and not last.get("finished"):
        raise PeerBroke(peer.name, str(last.get("broke", last)))
    counts: dict[str, int] = last["effects"]
    return PeerRow(
        killed=bool(first.get("killed")),
        lost=not last.get("finished") or 0 in counts.values(),
        doubled=any(count > 1 for count in counts.values()),
        moments=int(last.get("moments", 0)),
        seconds=round(float(last.get("seconds", 0.0)), 4),
        stage=_shown(first["effects"]) if first.get("killed") else "",
    )


def _shown(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


async def kill_peers(measuring: Measuring) -> Figures:
    """A whole run of each peer, then the trials.

    Raises:
        OptionRefused: It was not said where the peers are.
        NoPeers: None of them is there.
    """
    folder = measuring.options.peers
    if folder is None:
        raise OptionRefused("kill", "only", "peers needs --peers DIR: agents/evals/peers/README.md says how")
    missing: dict[str, str] = {}
    figures: Figures = {}
    with opened(folder, missing, KILLED, script="killed") as peers:
        versions: dict[str, JsonValue] = {name: peer.version for name, peer in peers.items()}
        measuring.settings["peers"] = versions
        for name in KILLED:
            rows = await _of_peer(measuring, peers[name]) if name in peers else None
            figures |= _figures(name, rows)
    measuring.skipped |= {f"{name}_kills": why for name, why in missing.items()}
    return figures


async def _of_peer(measuring: Measuring, peer: Peer) -> list[PeerRow]:
    async def row(at: int | None, after: float | None) -> Row:
        return (await asyncio.to_thread(trial, peer, at, after)).model_dump(mode="json")

    [whole] = await measuring.each([f"{peer.name}:whole"], lambda _: row(None, None), _tell, sharded=False)
    known = PeerRow.model_validate(whole)
    every = max(1, known.moments // QUICK_MOMENTS) if measuring.options.quick else 1
    keys = [f"{peer.name}:moment:{at}" for at in range(1, known.moments + 1, every)]
    keys += [f"{peer.name}:random:{number}" for number in range(measuring.count(USUAL, QUICK))]

    async def one(key: str) -> Row:
        _, kind, number = key.split(":")
        if kind == "moment":
            return await row(int(number), None)
        after = Random(f"{measuring.options.seed} {key}").uniform(0, known.seconds)
        made = await row(None, after)
        for _ in range(TRIES):
            if not made["killed"]:
                after /= 2
                made = await row(None, after)
        return made

    return [known, *(PeerRow.model_validate(row) for row in await measuring.each(keys, one, _tell))]


def _tell(row: Row) -> str:
    return PeerRow.model_validate(row).tell()


def _figures(name: str, rows: list[PeerRow] | None) -> Figures:
    if rows is None:
        return dict.fromkeys(f"{name}_{what}" for what in ("kills", "lost", "doubled", "moments"))
    killed = [row for row in rows if row.killed]
    return {
        f"{name}_kills": len(killed),
        f"{name}_lost": sum(row.lost for row in killed),
        f"{name}_doubled": sum(row.doubled for row in killed),
        f"{name}_moments": rows[0].moments,
    }
