"""`punchlist eval kill --only ray`: nodes of a Ray cluster that go away in the middle of a run.

Several nodes on this machine, an agent on each of two, a third one spare. Each agent settles an account with
a tool of every recovery class; the tools count their own effects in a database. Once in each run, after a
random number of its events, one of the two nodes goes away, in turn in one of three ways:

    machine  all its processes are killed at once, as when the power fails
    raylet   Ray's process of the node is killed; the agent's lives on until it notices
    frozen   all its processes stop, and go on after the run has ended: who was taken for dead comes back

    ray_kills                      trials in which the run had not ended when its node went away
    ray_lost                       the run could not be brought to an end; or it counts on an effect that is
                                   not there; or an effect is there of which the journal has no intent
    ray_doubled                    an effect is there more than once
    ray_unknown                    the run ended saying that a person must find out whether one is there
    ray_lost_attempts              attempts that were lost with their node
    ray_seconds, ray_whole_seconds medians of the runs, and how long one takes that nobody disturbs
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ...protocols.journal import Journal
from ...protocols.outcome import Confirmed, Failed, Unverified
from ..fleet import RayFleet
from ..manager import Manager
from ..running import Running
from .harness import Figures, Measuring, median
from .kill_classes_target import World
from .kill_ray_target import CLERKS, TOOLS, accounts, clerks
from .ledger import EvalError, Row
from .processes import Process, descendants

USUAL, QUICK = 50, 3
Way = Literal["machine", "raylet", "frozen"]
WAYS: tuple[Way, ...] = ("machine", "raylet", "frozen")
SILENCE, LONGEST, LATE, PAUSE = 8.0, 240.0, 3.0, 0.4
"""Seconds after which an agent counts as lost; for a run; for a node that came back to do harm; and the
longest between the event after which a node goes away and that."""

LAST = 6
"""Events of a whole run after which its accounts are settled."""

TRIES = 3
"""Times that a trial is begun again because the run ended before its node went away, each time earlier."""

NODE = {"object_store_memory": 80_000_000}
"""Of every node: bytes of its object store, near the smallest that Ray takes."""

HEALTH = {
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 3,
}
"""Ray asks whether its nodes are there more often than usual, so that a trial takes less long."""


class RayRow(BaseModel):
    """One run, one of whose nodes went away.

    Attributes:
        way: How; "" for the whole run.
        killed: The run had not ended by then.
        events: Of the run until then, or of the whole one.
        lost, doubled, unknown: Tools and accounts of which this is so.
        attempts: That were lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: str
    killed: bool
    events: int
    outcome: str
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unknown: tuple[str, ...]
    attempts: int
    seconds: float
    reasons: tuple[str, ...]

    def tell(self) -> str:
        """One line of progress."""
        flags = [f"{name} {', '.join(getattr(self, name))}" for name in ("lost", "doubled", "unknown")]
        told = [flag for flag in flags if not flag.endswith(" ")]
        began = f"{self.way} after {self.events} events" if self.killed else "whole"
        return "; ".join(
            [began, self.outcome, f"{self.attempts} attempts lost", f"{self.seconds:.1f} s", *told]
        )


@dataclass(frozen=True)
class Struck:
    """A node that went away, its processes, and those of them that felt it."""

    node: Any
    processes: tuple[int, ...]
    pids: tuple[int, ...]

    def signal(self, number: signal.Signals) -> None:
        """Send them all a signal."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Nodes:
    """A cluster of simulated nodes on this machine."""

    cluster: Any
    agents: list[Any] = field(default_factory=list[Any])

    @classmethod
    def start(cls) -> Nodes:
        """A head that takes no agents, and one node more than there are agents."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        make = import_module("ray.cluster_utils").Cluster
        head = {**NODE, "num_cpus": 0, "include_dashboard": False, "_system_config": HEALTH}
        nodes = cls(make(initialize_head=True, head_node_args=head))
        nodes.fill()
        return nodes

    def fill(self) -> None:
        """Replace the nodes that have gone away."""
        while len(self.agents) <= len(CLERKS):
            self.agents.append(self.cluster.add_node(**NODE, num_cpus=1, resources={"agents": 1}))

    def of(self, pid: int) -> Any:
        """The node that a process is on; None where there is none."""
        return next((node for node in self.agents if pid in {each.pid for each in _processes(node)}), None)

    def strike(self, node: Any, way: Way) -> Struck:
        """Let a node go away."""
        self.agents.remove(node)
        raylet = {info.process.pid for info in node.all_processes["raylet"]}
        pids = tuple(each.pid for each in _processes(node))
        struck = Struck(node, pids, tuple(pid for pid in pids if way != "raylet" or pid in raylet))
        struck.signal(signal.SIGSTOP if way == "frozen" else signal.SIGKILL)
        return struck

    def remove(self, struck: Struck) -> None:
        """Clear away what is left of a node."""
        Struck(struck.node, (), struck.processes).signal(signal.SIGKILL)
        self.cluster.remove_node(struck.node, allow_graceful=False)

    def stop(self) -> None:
        """End everything."""
        self.cluster.shutdown()


def _processes(node: Any) -> set[Process]:
    """The processes of a simulated node: its raylet's and those that this one has started."""
    pids = [info.process.pid for kind in node.all_processes.values() for info in kind]
    known = {Process(pid, 0) for pid in pids}
    return known | {below for pid in pids for below in descendants(pid)}


@dataclass
class Trial:
    """One run on a cluster, in a folder of its own."""

    nodes: Nodes
    folder: Path

    async def through(self, way: Way | None, after: int, pause: float, rng: Random) -> RayRow:
        """The run; after so many events and seconds a node goes away."""
        fleet = RayFleet(self.nodes.cluster.address, resources={"agents": 1}, silence=SILENCE)
        world = World(self.folder / "world.db")
        manager = Manager(None, fleet.place(*clerks(world)), journal=self.folder / "run.db")
        began, events, struck = monotonic(), 0, None
        try:
            async with asyncio.timeout(LONGEST):
                running = manager.start(accounts())
                async for _ in running:
                    events += 1
                    if way is not None and struck is None and events >= after:
                        await asyncio.sleep(pause)
                        struck = self._strike(fleet, way, rng, running)
                        after = events
                outcome = await running.outcome()
            seconds = monotonic() - began
            if struck is not None and way == "frozen":
                struck.signal(signal.SIGCONT)
                await asyncio.sleep(LATE)
        finally:
            await fleet.close()
            if struck is not None:
                self.nodes.remove(struck)
        reached = after if struck is not None else events
        return judged(self.folder, outcome, None if struck is None else way, reached, seconds)

    def _strike(self, fleet: RayFleet, way: Way, rng: Random, running: Running) -> Struck | None:
        """Let the node of an agent go away, or any; None where the run has ended by itself."""
        if running.tasks and all(status in ("confirmed", "failed") for status in running.tasks.values()):
            return None
        places = [node for berth in fleet.places if (node := self.nodes.of(berth.pid)) is not None]
        return self.nodes.strike(rng.choice(places or self.nodes.agents), way)


def judged(
    folder: Path, outcome: Confirmed[Any] | Unverified | Failed, way: Way | None, events: int, seconds: float
) -> RayRow:
    """What came of a run, by its journal and the world that its tools changed.

    Args:
        folder: With `run.db` and `world.db`.
        way: None: no node went away before it ended.
    """
    world = World(folder / "world.db")
    with Journal.open(folder / "run.db", readonly=True) as journal:
        run = journal.runs()[-1].run
        calls = {(call.tool, str(call.args.get("who"))): call for call in journal.calls(run)}
        lost_attempts = _lost_attempts(journal, run)
        torn = any(found.fault is not None for found in journal.verify())
    confirmed = isinstance(outcome, Confirmed)
    lost, doubled, unknown = ["the journal"] if torn else list[str](), list[str](), list[str]()
    for who in CLERKS.values():
        for tool, recovery in TOOLS.items():
            call, name = calls.get((tool, who)), f"{tool} {who}"
            effects = 0 if recovery == "pure" else world.count(name)
            if call is not None and recovery != "pure" and call.status in (None, "unknown"):
                unknown.append(name)
            if call is None and (effects or confirmed):
                lost.append(name)
            if call is not None and call.status == "ok" and recovery != "pure" and not effects:
                lost.append(name)
            if effects > 1:
                doubled.append(name)
    if not confirmed and not unknown:
        lost.append("the run")
    return RayRow(
        way=way or "",
        killed=way is not None,
        events=events,
        outcome=type(outcome).__name__.lower(),
        lost=tuple(lost),
        doubled=tuple(doubled),
        unknown=tuple(unknown),
        attempts=lost_attempts,
        seconds=round(seconds, 2),
        reasons=_reasons(outcome),
    )


def _lost_attempts(journal: Journal, run: str) -> int:
    bodies = [row.body for row in journal.rows(run, kinds=("worker_event",))]
    events = [body.get("event") for body in bodies if isinstance(body, dict)]
    return sum(isinstance(event, dict) and event.get("kind") == "worker_lost" for event in events)


def _reasons(outcome: Confirmed[Any] | Unverified | Failed) -> tuple[str, ...]:
    if isinstance(outcome, Failed):
        return (f"{type(outcome.error).__name__}: {outcome.error}",)
    return outcome.reasons if isinstance(outcome, Unverified) else ()


@contextlib.contextmanager
def _cluster() -> Generator[Nodes]:
    """A cluster, started and stopped in this thread, as Ray wants it.

    Ray tells on standard output, at length, which of its nodes died: that is not mixed with figures.
    """
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        nodes = Nodes.start()
        try:
            yield nodes
        finally:
            nodes.stop()


async def kill_ray(measuring: Measuring) -> list[RayRow]:
    """A whole run, then the trials, on one cluster.

    Raises:
        EvalError: Not even the whole run was confirmed.
    """
    with _cluster() as nodes:

        async def one(way: Way | None, after: int, rng: Random) -> RayRow:
            nodes.fill()
            with tempfile.TemporaryDirectory(prefix="punchlist-kill-") as name:
                return await Trial(nodes, Path(name)).through(way, after, rng.uniform(0, PAUSE), rng)

        return await strike_everywhere(measuring, one)


One = Callable[[Way | None, int, Random], Awaitable[RayRow]]
"""A run whose node goes away in a way after so many events; what else is random is drawn from the third."""


async def strike_everywhere(measuring: Measuring, one: One) -> list[RayRow]:
    """A whole run, then as many as --limit says, each way in turn, after a random number of events.

    One that ended before its node went away is begun again, and the node goes away earlier.

    Raises:
        EvalError: Not even the whole run was confirmed.
    """
    count, seed = measuring.count(USUAL, QUICK), measuring.options.seed

    async def undisturbed(_: str) -> Row:
        return (await one(None, 0, Random(0))).model_dump(mode="json")

    [found] = await measuring.each(["whole"], undisturbed, _tell, sharded=False)
    whole = RayRow.model_validate(found)
    if whole.outcome != "confirmed":
        raise EvalError(f"A run on Ray that nobody disturbed was not confirmed: {'; '.join(whole.reasons)}")

    async def struck(key: str) -> Row:
        number = int(key.partition(":")[2])
        rng, way = Random(f"ray {seed} {number}"), WAYS[number % len(WAYS)]
        after = rng.randrange(1, max(2, whole.events - LAST))
        row = await one(way, after, rng)
        for _ in range(TRIES):
            if not row.killed:  # it had fewer events than the whole one
                after //= 2
                row = await one(way, after, rng)
        return row.model_dump(mode="json")

    rows = await measuring.each([f"ray:{number}" for number in range(count)], struck, _tell)
    return [whole, *(RayRow.model_validate(row) for row in rows)]


def _tell(row: Row) -> str:
    return RayRow.model_validate(row).tell()


def ray_figures(rows: list[RayRow]) -> Figures:
    """Numbers of trials in which a node went away, and of those with something lost, doubled or unknown.

    Args:
        rows: The whole run first.
    """
    killed = [row for row in rows if row.killed]
    figures: Figures = {"ray_kills": len(killed)}
    for name in ("lost", "doubled", "unknown"):
        figures[f"ray_{name}"] = sum(bool(getattr(row, name)) for row in killed)
    for way in WAYS:
        figures[f"ray_kills_{way}"] = sum(row.way == way for row in killed)
    figures["ray_lost_attempts"] = sum(row.attempts for row in killed)
    figures["ray_seconds"] = median([row.seconds for row in killed])
    figures["ray_whole_seconds"] = rows[0].seconds
    return figures
