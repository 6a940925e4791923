"""Walk every configuration that manager, workers and verifier can reach, and check what must hold.

The reducers explored are the ones that run. Within its bounds the walk is complete: every
order of delivery, and every fault at every point. Ending is checked on the finished graph:
from each configuration the end, and rest after it, must be in reach without further faults,
and without faults and signs of life no run may go on for ever. Together: every task ends,
provided that faults do not go on for ever (in one run at most `Bounds.faults` of them here)
and work does not.

What this does not cover: anything beyond the bounds, and whether verdicts are right.
"""

from __future__ import annotations

import time
from array import array
from collections import deque
from dataclasses import dataclass

from .explorer_model import Bounds, Config, Reducers, Verdicts
from .explorer_world import World
from .invariants import INVARIANTS

__all__ = [
    "BIG",
    "INVARIANTS",
    "SCENARIOS",
    "Bounds",
    "Exploration",
    "Reducers",
    "Violation",
    "explore",
    "explore_all",
]

_YES_NO: tuple[Verdicts, ...] = ("pass", "fail")

SCENARIOS: dict[str, Bounds] = {
    "two workers": Bounds(attempts=2, verdicts=_YES_NO, give_up=()),
    "workers that give up": Bounds(workers=1, attempts=3, verdicts=_YES_NO, give_up=("fails", "declines")),
    "workers that get lost": Bounds(attempts=2, losses=0, verdicts=_YES_NO, give_up=("fails",)),
    "three redos": Bounds(workers=1, verdicts=("pass", "fail", "half"), give_up=()),
    "anomalies": Bounds(workers=1, attempts=2, give_up=()),
    "a bad verifier": Bounds(
        workers=1, attempts=2, breakdowns=2, verdicts=("pass", "fail", "half", "nonsense"), give_up=()
    ),
    "forgetful workers": Bounds(
        attempts=2, kinds=("loss", "duplicate", "delay", "amnesia"), verdicts=_YES_NO, give_up=()
    ),
    "questions": Bounds(workers=1, attempts=2, asks=1, verdicts=_YES_NO, give_up=()),
    "people": Bounds(workers=1, attempts=2, acts=1, kinds=("delay", "crash"), verdicts=_YES_NO, give_up=()),
    "people and questions": Bounds(
        workers=1,
        attempts=2,
        asks=1,
        acts=1,
        act_kinds=("take_over", "pause"),
        faults=0,
        verdicts=_YES_NO,
        give_up=(),
    ),
    "more people": Bounds(workers=1, attempts=2, acts=2, faults=0, verdicts=("pass", "anomaly"), give_up=()),
    "a person decides": Bounds(
        workers=1,
        attempts=2,
        attended=True,
        acts=1,
        act_kinds=("cancel", "take_over", "pause"),
        kinds=("duplicate", "delay", "crash"),
        verdicts=("pass", "fail", "cannot_check"),
        give_up=(),
    ),
    "budget": Bounds(workers=1, budget=2, verdicts=_YES_NO),
    "parent and child": Bounds(
        attempts=1, child=True, acts=1, act_kinds=("cancel", "reopen"), faults=0, verdicts=_YES_NO, give_up=()
    ),
    "parent, child, crash": Bounds(
        attempts=1, resends=0, child=True, kinds=("crash",), verdicts=("pass",), give_up=()
    ),
}
"""What is walked by default: one world per concern, each small enough to be walked completely."""

BIG: dict[str, Bounds] = {
    "two workers, three redos": Bounds(
        kinds=("loss", "duplicate", "delay", "crash"), verdicts=_YES_NO, give_up=()
    ),
    "two workers that give up": Bounds(attempts=2, verdicts=_YES_NO),
    "two faults": Bounds(workers=1, attempts=2, faults=2, verdicts=_YES_NO, give_up=()),
    "people and anomalies": Bounds(
        workers=1,
        attempts=2,
        acts=1,
        kinds=("loss", "duplicate", "crash"),
        verdicts=("pass", "anomaly"),
        give_up=(),
    ),
    "parent, child, faults": Bounds(
        attempts=1, child=True, kinds=("duplicate", "delay", "crash"), verdicts=_YES_NO, give_up=()
    ),
}
"""Larger worlds, which take minutes."""


@dataclass(frozen=True)
class Violation:
    """Something that must hold and does not.

    Attributes:
        invariant: Name in `INVARIANTS`.
        detail: What was seen.
        trace: The steps that lead there, from the start.
    """

    invariant: str
    detail: str
    trace: tuple[str, ...]


@dataclass(frozen=True)
class Exploration:
    """What a walk has found.

    Attributes:
        configurations: Distinct ones reached.
        steps: Moves between them.
        seconds: Wall time.
        violations: The first of each invariant. Whether everything ends is not checked where something else
            is violated.
        rows: (role, status, event, status after) that occurred.
    """

    configurations: int
    steps: int
    seconds: float
    violations: tuple[Violation, ...]
    rows: frozenset[tuple[str, str, str, str]]

    @property
    def holds(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations


class _Walk:
    """The graph as it grows: for each configuration how it was reached, and its moves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers: dict[Config, int] = {}
        self.parents = array("q")
        self.labels: list[str] = []
        self.sources = array("q")
        self.targets = array("q")
        self.beats = array("b")
        self.found: dict[str, Violation] = {}
        self.steps = 0

    def add(self, config: Config, parent: int, label: str) -> tuple[int, bool]:
        number = self.numbers.setdefault(config, len(self.parents))
        new = number == len(self.parents)
        if new:
            self.parents.append(parent)
            self.labels.append(label)
        return number, new

    def trace(self, number: int, last: str = "") -> tuple[str, ...]:
        steps = [last] if last else []
        while self.parents[number] >= 0:
            steps.append(self.labels[number])
            number = self.parents[number]
        return tuple(reversed(steps))

    def blame(self, broken: str, number: int, label: str = "") -> None:
        name, _, detail = broken.partition(": ")
        if name not in self.found:
            self.found[name] = Violation(name, detail or INVARIANTS[name], self.trace(number, label))

    def run(self, stop_at_first: bool) -> None:
        start, _ = self.add(self.world.start(), -1, "")
        todo: deque[tuple[int, Config]] = deque([(start, self.world.start())])
        while todo:
            number, config = todo.popleft()
            for move in self.world.moves(config):
                self.steps += 1
                for broken in move.broken:
                    self.blame(broken, number, move.label)
                if move.broken or move.target is None:
                    continue
                target, new = self.add(move.target, number, move.label)
                if new:
                    todo.append((target, move.target))
                if move.sort in {"normal", "beat"} and target != number:
                    self.sources.append(number)
                    self.targets.append(target)
                    self.beats.append(move.sort == "beat")
            if self.found and stop_at_first:
                return
            if len(self.parents) > self.world.bounds.most:
                self.blame("too_large", number)
                return
        self._check_ends()

    def _check_ends(self) -> None:
        """No end and no rest out of reach, and no circle, among the moves that are not faults."""
        size = len(self.parents)
        into: list[array[int]] = [array("q") for _ in range(size)]
        waits = array("q", bytes(8 * size))
        for source, target, beat in zip(self.sources, self.targets, self.beats, strict=True):
            into[target].append(source)
            if not beat:
                waits[source] += 1
        if not self.found:
            self._check_reach(into)
        self._check_circles(waits)

    def _check_reach(self, into: list[array[int]]) -> None:
        """Where even the end is out of reach that is the matter, elsewhere it is the rest after it."""
        restless = _cannot_reach(
            [number for config, number in self.numbers.items() if self.world.at_rest(config)], into
        )
        if restless.find(1) < 0:
            return
        unended = _cannot_reach(
            [number for config, number in self.numbers.items() if self.world.at_end(config)], into
        )
        if unended.find(1) >= 0:
            self.blame("no_end_in_reach", unended.find(1))
        only = next((n for n in range(len(into)) if restless[n] and not unended[n]), None)
        if only is not None:
            self.blame("no_rest_in_reach", only)

    def _check_circles(self, waits: array[int]) -> None:
        """Take away what has no move left, again and again; what stays lies on or before a circle."""
        size = len(self.parents)
        into: list[array[int]] = [array("q") for _ in range(size)]
        for source, target, beat in zip(self.sources, self.targets, self.beats, strict=True):
            if not beat:
                into[target].append(source)
        ready = [number for number in range(size) if not waits[number]]
        gone = len(ready)
        while ready:
            for source in into[ready.pop()]:
                waits[source] -= 1
                if not waits[source]:
                    gone += 1
                    ready.append(source)
        if gone < size and not self.found:
            self.blame("endless", self._on_a_circle(waits))

    def _on_a_circle(self, waits: array[int]) -> int:
        """A configuration that comes again: of those that stayed, each has a move to another that did."""
        onward = {
            source: target
            for source, target, beat in zip(self.sources, self.targets, self.beats, strict=True)
            if not beat and waits[source] and waits[target]
        }
        seen: set[int] = set()
        number = next(iter(onward))
        while number not in seen:
            seen.add(number)
            number = onward[number]
        return number


def _cannot_reach(goals: list[int], into: list[array[int]]) -> bytearray:
    """1 for every number from which no goal is in reach; `into` has the sources of what leads to each."""
    far = bytearray(b"\x01") * len(into)
    for goal in goals:
        far[goal] = 0
    while goals:
        for source in into[goals.pop()]:
            if far[source]:
                far[source] = 0
                goals.append(source)
    return far


def explore(
    bounds: Bounds | None = None, reducers: Reducers | None = None, *, stop_at_first: bool = False
) -> Exploration:
    """Walk one world completely.

    Args:
        bounds: How large it is.
        reducers: Whose rules; the shipped ones by default.
        stop_at_first: Return as soon as something is violated.
    """
    began = time.perf_counter()
    world = World(bounds or Bounds(), reducers or Reducers())
    walk = _Walk(world)
    walk.run(stop_at_first)
    return Exploration(
        configurations=len(walk.parents),
        steps=walk.steps,
        seconds=time.perf_counter() - began,
        violations=tuple(walk.found.values()),
        rows=frozenset(world.rows),
    )


def explore_all(
    scenarios: dict[str, Bounds] | None = None,
    reducers: Reducers | None = None,
    *,
    stop_at_first: bool = False,
) -> dict[str, Exploration]:
    """Walk several worlds, by name; with `stop_at_first` none after the first with a violation."""
    found: dict[str, Exploration] = {}
    for name, bounds in (scenarios or SCENARIOS).items():
        found[name] = explore(bounds, reducers, stop_at_first=stop_at_first)
        if stop_at_first and found[name].violations:
            break
    return found
