"""Turns: every engine does the same work in turn, so that whatever else the machine does hits all alike.

Before, each engine tries its ways of doing the work on a short form of it; the fastest of them takes part.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..harness import Figures
from .contests import Contest, Entrant
from .parties import Child, PartyFailed, Seat
from .work import Work

TRIES = 2
"""Short runs per way; the first also warms up."""


@dataclass
class Result:
    """What a contest gave.

    Attributes:
        contest: Which one.
        where: Name of the model.
        suffix: Stands behind the names of its figures.
        seconds: Label -> seconds per unit of each turn.
        ways: Label -> the way that was fastest.
        reasons: Label -> why it has no seconds.
    """

    contest: Contest
    where: str
    suffix: str
    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    ways: dict[str, str] = field(default_factory=dict[str, str])
    reasons: dict[str, str] = field(default_factory=dict[str, str])

    def minimum(self, label: str) -> float | None:
        """Fewest seconds per unit; None where there are none."""
        return min(self.seconds[label]) if self.seconds.get(label) else None

    def median(self, label: str) -> float | None:
        """Median seconds per unit; None where there are none."""
        return statistics.median(self.seconds[label]) if self.seconds.get(label) else None

    def tokens_per_second(self, label: str) -> float | None:
        """Of the fastest turn; None where there is none, or tokens say nothing."""
        work, seconds = self.contest.work, self.minimum(label)
        if seconds is None or not work.tokens_in_all:
            return None
        return work.tokens_in_all / (seconds * work.units)

    def headlines(self) -> dict[str, tuple[float | None, float | None]]:
        """Ratios, and seconds that stand alone: by the fastest turns, and by the medians."""
        found: dict[str, tuple[float | None, float | None]] = {}
        for name, (slow, fast) in self.contest.ratios.items():
            minima = _ratio(self.minimum(slow), self.minimum(fast))
            found[name + self.suffix] = minima, _ratio(self.median(slow), self.median(fast))
        if not found:
            (alone,) = self.contest.entrants
            name = f"{self.contest.work.name}_seconds{self.suffix}"
            found[name] = self.minimum(alone.label), self.median(alone.label)
        return found

    def figures(self) -> tuple[Figures, dict[str, str]]:
        """All figures, and why some of them are null."""
        figures: Figures = {}
        reasons: dict[str, str] = {}
        name, suffix = self.contest.work.name, self.suffix
        for ratio, (slow, fast) in self.contest.ratios.items():
            figures[ratio + suffix] = _ratio(self.minimum(slow), self.minimum(fast))
            figures[f"{ratio}_median{suffix}"] = _ratio(self.median(slow), self.median(fast))
            why = "; ".join(self.reasons[label] for label in (slow, fast) if label in self.reasons)
            if why:
                reasons[ratio + suffix] = why
        for label in (entrant.label for entrant in self.contest.entrants):
            behind = f"_{label}{suffix}" if label else suffix
            figures[f"{name}_seconds{behind}"] = self.minimum(label)
            if self.contest.work.tokens_in_all:
                figures[f"{name}_tokens_per_second{behind}"] = self.tokens_per_second(label)
            if label in self.reasons:
                reasons[f"{name}_seconds{behind}"] = self.reasons[label]
        return figures, reasons


def _ratio(slow: float | None, fast: float | None) -> float | None:
    return None if slow is None or fast is None else slow / fast


def compare(
    result: Result,
    children: Mapping[Seat, Child],
    absent: Mapping[Seat, str],
    repeats: int,
    say: Callable[[str], None],
) -> None:
    """Hold a contest.

    Args:
        result: Is filled.
        children: Loaded parties.
        absent: Why others are not among them.
        repeats: Turns of each entrant.
        say: Takes a line of progress.
    """
    contest = result.contest
    entrants: list[tuple[Entrant, Child, Work]] = []
    for entrant in contest.entrants:
        if entrant.seat in absent:
            result.reasons[entrant.label] = absent[entrant.seat]
            continue
        child, work = children[entrant.seat], replace(contest.work, kind=entrant.kind or contest.work.kind)
        try:
            result.ways[entrant.label] = _fastest_way(child, work, say)
        except PartyFailed as error:
            result.reasons[entrant.label] = error.why
            continue
        result.seconds[entrant.label] = []
        entrants.append((entrant, child, work))
    for turn in range(repeats):
        start = turn % max(1, len(entrants))
        for entrant, child, work in (*entrants[start:], *entrants[:start]):
            if entrant.label not in result.reasons:
                _take_turn(result, entrant.label, child, work, turn)
    for child in {id(child): child for _, child, _ in entrants}.values():
        child.forget()


def _take_turn(result: Result, label: str, child: Child, work: Work, turn: int) -> None:
    try:
        seconds = child.run(work, result.ways[label], turn)
    except PartyFailed as error:
        result.reasons[label] = error.why
        result.seconds[label] = []
    else:
        result.seconds[label].append(seconds / work.units)


def _fastest_way(child: Child, work: Work, say: Callable[[str], None]) -> str:
    """The way that is fastest at the short form of the work; each is warmed up before.

    Raises:
        PartyFailed: No way leads to the end.
    """
    ways = child.ways(work)
    took: dict[str, list[float]] = {way: [] for way in ways}
    failed = PartyFailed(child.seat.label, "it has no way")
    turn = -1
    for _ in range(1 if len(ways) == 1 else TRIES):
        for way in list(took):
            try:
                took[way].append(child.run(work.brief, way, turn))
            except PartyFailed as error:
                say(f"{work.name}: {child.seat.label} cannot go the way {way!r}: {error.why}")
                failed = error
                del took[way]
            turn -= 1
    if not took:
        raise failed
    return min(took, key=lambda way: min(took[way]))
