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

import tempfile
from functools import partial
from typing import Any

from pydantic import JsonValue

from .harness import Figures, Measuring, OptionRefused
from .kill_plan import Amounts, Kill, KilledRow, kill_everywhere
from .peers import Peer, PeerBroke, opened

KILLED = ("langgraph", "dbos")
"""Names of the scripts `peers/killed_<peer>.py`, and of their virtual environments."""

AMOUNTS = Amounts(usual=50, quick=2, quick_moments=6)


class PeerRow(KilledRow):
    """One run of a peer. Its stage: how often each effect was there when it was killed."""

    lost: bool
    doubled: bool

    def tell(self) -> str:
        """One line of progress."""
        flags = [name for name in ("lost", "doubled") if getattr(self, name)]
        return " ".join([super().tell(), *flags])


def trial(peer: Peer, kill: Kill | None = None) -> PeerRow:
    """A run that is killed or not, gone on with, and judged. Where it ends before, another is killed earlier.

    Raises:
        PeerBroke: The script ended, or the run broke without being killed.
    """
    if kill is None:
        return _trial(peer, None)
    tried = kill.ever_earlier()
    row = _trial(peer, next(tried))
    while not row.kills and (earlier := next(tried, None)) is not None:
        row = _trial(peer, earlier)
    return row


def _trial(peer: Peer, kill: Kill | None) -> PeerRow:
    at, after = (None, None) if kill is None else (kill.at, kill.after)
    with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as folder:
        first = peer.ask(folder=folder, at=at, after=after)
        last = peer.ask(folder=folder, at=None, after=None) if first.get("killed") else first
    if not first.get("killed") and not last.get("finished"):
        raise PeerBroke(peer.name, str(last.get("broke", last)))
    counts: dict[str, int] = last["effects"]
    return PeerRow(
        kills=int(bool(first.get("killed"))),
        lost=not last.get("finished") or 0 in counts.values(),
        doubled=any(count > 1 for count in counts.values()),
        moments=int(last.get("moments", 0)),
        seconds=round(float(last.get("seconds", 0.0)), 4),
        stage=f"at {_shown(first['effects'])}" if first.get("killed") else "",
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
            rows = None
            if name in peers:
                kill = partial(trial, peers[name])
                rows = await kill_everywhere(measuring, PeerRow, kill, AMOUNTS, f"{name}:")
            figures |= _figures(name, rows)
    measuring.skipped |= {f"{name}_kills": why for name, why in missing.items()}
    return figures


def _figures(name: str, rows: list[PeerRow] | None) -> Figures:
    if rows is None:
        return dict.fromkeys(f"{name}_{what}" for what in ("kills", "lost", "doubled", "moments"))
    killed = [row for row in rows if row.kills]
    return {
        f"{name}_kills": len(killed),
        f"{name}_lost": sum(row.lost for row in killed),
        f"{name}_doubled": sum(row.doubled for row in killed),
        f"{name}_moments": rows[0].moments,
    }
