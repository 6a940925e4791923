"""`punchlist bench overhead`: what the framework itself costs, with scripted models everywhere.

CPU seconds (user and system) of the whole process. Parties take turns, each in a process of its own but ours;
a figure is of the cheapest turn, with `_median` behind it of the medians. The same work everywhere:

    agent      an agent with one tool: a call of it, then the answer; two calls of a model
    verified   the same, and a check of the answer before it counts: ours is manager, worker and verification
    thousand   1,000 such agents at once, per agent

    seconds_per_message          of `verified`, by the number of protocol messages in it, without a journal
    seconds_per_message_journal  the same with a journal, synchronous=NORMAL
    seconds_per_message_journal_full  the same with every row on the disk before the run goes on
    messages                     in one such run
    seconds_<work>, seconds_<work>_journal, seconds_<work>_journal_full
                                 of a unit of work, ours
    seconds_<work>_of_<peer>, seconds_<work>_journal_of_<peer>, seconds_<work>_journal_full_of_<peer>
                                 the same of a peer; with durability of langgraph alone: SqliteSaver at the
                                 same `synchronous`
    vs_<peer>                    of `verified`: seconds of the peer by ours; above 1 ours is cheaper
    vs_<peer>_<work>, vs_<peer>_journal, vs_<peer>_journal_full
                                 of another work, and of `verified` with durability on both sides
    bytes_per_idle_agent         memory of an agent in a run of 1,000, each of which waits for its model
    bytes_per_worker             memory of a worker without a task
    first_1000_seconds, last_1000_seconds, first_1000_journal_seconds, last_1000_journal_seconds
                                 CPU seconds of the first and last thousand of 10,000 tasks that one manager
                                 gives out in one run; the first thousand has the setting up of all of them
    growth, growth_journal       seconds of the last by those of the second tenth of the tasks; 1 is flat

`--quick` takes fewer turns, 100 agents at once and 300 tasks; figures of thousands are null then.
`--peers DIR` names the folder of virtual environments of other frameworks (`peers/README.md`); without it
their figures are absent. No ledger.

What it does not cover: real models, beside which all of this is small, waiting for disk (CPU time does not
count it), and the time to import.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from .harness import Figures, Measuring
from .overhead_cases import Durability, agents, idle_bytes, many_tasks, verified, worker_bytes
from .peers import Peer, PeerBroke, opened

MODES: dict[Durability, str] = {"off": "", "NORMAL": "_journal", "FULL": "_journal_full"}
WORKS = ("agent", "verified", "thousand")
DURABLE = ("langgraph",)
"""Peers that are measured with their own durability too."""

TASKS, QUICK_TASKS, THOUSAND = 10_000, 300, 1_000
IDLE, QUICK_CROWD = 1_000, 100

Turns = dict[tuple[str, str, Durability], list[float]]
"""(party, work, durability) -> CPU seconds of a unit, turn by turn; ours is the party ""."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench overhead`."""
    quick = measuring.options.quick
    turns = measuring.options.repeats or (2 if quick else 5)
    count = 20 if quick else 100
    crowd = QUICK_CROWD if quick else THOUSAND
    measuring.settings |= {"turns": turns, "units_a_turn": count, "at_once": crowd}
    found: Turns = {}
    with tempfile.TemporaryDirectory(prefix="punchlist-") as folder:
        bench = _Bench(measuring, Path(folder), found, {"thousand": crowd}, count)
        _with_peers(bench, turns)
        figures = _figures(found, bench.messages)
        idle = asyncio.run(idle_bytes(Path(folder), QUICK_CROWD if quick else IDLE))
        figures |= {"bytes_per_idle_agent": idle, "bytes_per_worker": worker_bytes(IDLE)}
        return figures | _long_runs(measuring, Path(folder))


class _Bench:
    """Takes turns."""

    def __init__(
        self, measuring: Measuring, folder: Path, found: Turns, counts: dict[str, int], usual: int
    ) -> None:
        self.measuring, self.folder, self.found = measuring, folder, found
        self.counts = {**dict.fromkeys(WORKS, usual), **counts}
        self.messages = 0
        self.broken: set[tuple[str, str, Durability]] = set()

    def ours(self, work: str, durability: Durability) -> None:
        """One turn of ours."""
        if work == "verified":
            seconds, self.messages = asyncio.run(verified(self.folder, durability, self.counts[work]))
        else:
            at_once = work == "thousand"
            seconds = asyncio.run(agents(self.folder, durability, self.counts[work], at_once=at_once))
        self._keep("", work, durability, seconds)

    def theirs(self, peer: Peer, work: str, durability: Durability) -> None:
        """One turn of a peer; one that breaks is left out from then on."""
        if work not in peer.works or (peer.name, work, durability) in self.broken:
            return
        try:
            seconds = peer.work(work, self.counts[work], durability)
        except PeerBroke as error:
            self.broken.add((peer.name, work, durability))
            self.measuring.skipped[f"seconds_{work}{MODES[durability]}_of_{peer.name}"] = str(error)
            return
        self._keep(peer.name, work, durability, seconds)

    def _keep(self, party: str, work: str, durability: Durability, seconds: float) -> None:
        self.found.setdefault((party, work, durability), []).append(seconds)
        who = party or "punchlist"
        self.measuring.say(f"{work}{MODES[durability]} {who}: {seconds * 1e6:,.0f} us")


def _with_peers(bench: _Bench, turns: int) -> None:
    folder = bench.measuring.options.peers
    if folder is None:
        _turns(bench, turns, {})
        return
    missing: dict[str, str] = {}
    with opened(folder, missing) as peers:
        versions: dict[str, JsonValue] = {name: peer.version for name, peer in peers.items()}
        bench.measuring.settings["peers"] = versions
        bench.measuring.skipped |= {f"vs_{name}": why for name, why in missing.items()}
        _turns(bench, turns, peers)


def _turns(bench: _Bench, turns: int, peers: dict[str, Peer]) -> None:
    """Every party in every turn, so that what else the machine does falls on all of them."""
    todo: list[Callable[[], None]] = []
    for work in WORKS:
        for durability in MODES:
            todo.append(lambda work=work, durability=durability: bench.ours(work, durability))
            for peer in peers.values():
                if durability == "off" or (peer.name in DURABLE and work != "thousand"):
                    todo.append(lambda p=peer, w=work, d=durability: bench.theirs(p, w, d))
    for _ in range(turns + 1):
        for turn in todo:
            turn()
    for seconds in bench.found.values():
        del seconds[0]  # the first turn warms up


def _figures(found: Turns, messages: int) -> Figures:
    figures: Figures = {"messages": messages}
    for (party, work, durability), seconds in found.items():
        name = f"seconds_{work}{MODES[durability]}" + (f"_of_{party}" if party else "")
        figures |= {name: min(seconds), f"{name}_median": statistics.median(seconds)}
        ours = found.get(("", work, durability))
        if party and ours:
            end = MODES[durability] if work == "verified" else f"_{work}{MODES[durability]}"
            figures |= {
                f"vs_{party}{end}": min(seconds) / min(ours),
                f"vs_{party}{end}_median": statistics.median(seconds) / statistics.median(ours),
            }
    for durability, end in MODES.items():
        seconds = found["", "verified", durability]
        figures[f"seconds_per_message{end}"] = min(seconds) / messages
        figures[f"seconds_per_message{end}_median"] = statistics.median(seconds) / messages
    return figures


def _long_runs(measuring: Measuring, folder: Path) -> Figures:
    count = QUICK_TASKS if measuring.options.quick else TASKS
    measuring.settings["tasks"] = count
    figures: Figures = {}
    runs: tuple[tuple[Durability, str], ...] = (("off", ""), ("NORMAL", "_journal"))
    for durability, end in runs:
        measuring.say(f"{count:,} tasks through one manager{end.replace('_', ', ')}")
        ends = asyncio.run(many_tasks(folder, durability, count))
        figures |= {
            f"first_1000{end}_seconds": ends[THOUSAND - 1] if count >= 2 * THOUSAND else None,
            f"last_1000{end}_seconds": ends[-1] - ends[-THOUSAND - 1] if count >= 2 * THOUSAND else None,
        }
        tenth = count // 10
        second = ends[2 * tenth - 1] - ends[tenth - 1]
        figures[f"growth{end}"] = (ends[-1] - ends[-tenth - 1]) / second
    return figures
