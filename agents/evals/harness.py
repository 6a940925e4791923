"""What all measurements share: options, results that survive a kill, intervals, the one JSON form.

    names("eval")                                        # ("shop", "embedded", ...)
    execute("eval", "shop", EvalOptions(limit=5))        # {"name", "figures", "settings", ...}

Every item of an eval is a line of a JSONL ledger as soon as it is done, so one that was killed goes on with
`resume`. Shards keep a ledger each; a run with `resume` and without a shard reads all of them and sums up.

Does not cover: changes of code between a kill and its resume. Only settings and weights are compared.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from math import sqrt
from pathlib import Path
from typing import Protocol, cast

from pydantic import JsonValue

from ..machine import machine
from .ledger import EvalError, Ledger, Row, settings_mark
from .registry import ALWAYS, MEASUREMENTS, Kind, Measurement, abouts, names

__all__ = [
    "MEASUREMENTS",
    "EvalOptions",
    "Figures",
    "Kind",
    "Measuring",
    "OptionRefused",
    "UnknownMeasurement",
    "abouts",
    "execute",
    "names",
]

Figures = dict[str, float | int | None]

RESULTS = Path(".punchlist") / "measured"
"""Folder, in the working directory, where ledgers go when no file is named."""

Z95 = 1.959963984540054


class UnknownMeasurement(EvalError):
    """There is no measurement of that name."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"There is no {kind} {name!r}. There are: {', '.join(known)}.")


class OptionRefused(EvalError):
    """A measurement was given an option that means nothing to it, or a value that cannot be."""

    def __init__(self, name: str, option: str, why: str) -> None:
        self.name, self.option = name, option
        super().__init__(f"{name!r} refuses --{_flag(option)}: {why}.")


def _flag(option: str) -> str:
    return "no-compare" if option == "compare" else option


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class EvalOptions:
    """How to measure. A measurement refuses an option that it has no use for.

    Attributes:
        model: None or "embedded"; "string-match" (the baseline); else what `load_model` takes.
        limit: Number of items; None is the measurement's own.
        seed: From 0 up; draws other items.
        quick: A small fixed subset.
        json: The caller prints the object itself; progress goes to stderr in either case.
        shard: "2/4" is the second of four parts of the items.
        data: File or folder of data that is not ours.
        out: Ledger of results; None: one per settings under `.punchlist/measured/`. A bench has none.
        resume: Keep what the ledger holds; otherwise it begins anew.
        parallel: Items at once.
        compare: Also make the passes that only compare (without redo, string matching).
        clone: Repository to clone; None: the one this package lies in.
        shape: Which model's sizes; None is the measurement's own choice.
        threads: Threads to compute with; None takes all cores.
        only: Parts of the measurement, separated by commas; None is all of them.
        repeats: Turns of each part; None is the measurement's own.
        report: Folder to write a report into; None writes none.
        peers: Folder of virtual environments of other frameworks; None compares with none.
        seeds: "10000-10024", the seeds of each part; None is the measurement's own.
        say: Takes each line of progress.
    """

    model: str | None = None
    limit: int | None = None
    seed: int = 0
    quick: bool = False
    json: bool = False
    shard: str | None = None
    data: Path | None = None
    out: Path | None = None
    resume: bool = False
    parallel: int = 1
    compare: bool = True
    clone: Path | None = None
    shape: str | None = None
    threads: int | None = None
    only: str | None = None
    repeats: int | None = None
    report: Path | None = None
    peers: Path | None = None
    seeds: str | None = None
    say: Callable[[str], None] = _to_stderr


def execute(kind: Kind, name: str, options: EvalOptions | None = None) -> dict[str, JsonValue]:
    """Measure.

    Returns:
        {"name", "figures", "settings", "machine", "seconds"}. A figure that could not be measured is null,
        and `settings["skipped"]` says why. Beside every share `x` of whole items (goals, kills, answers)
        stand `x_low` and `x_high`, its 95 % Wilson interval. Shares of parts of items (steps, fields,
        actions), means, medians and numbers have none.

    Raises:
        UnknownMeasurement, OptionRefused: See there.
        EvalError: The ledger is of other settings, damaged or in use.
    """
    options = options or EvalOptions()
    entry = next((each for each in MEASUREMENTS if (each.kind, each.name) == (kind, name)), None)
    if entry is None:
        raise UnknownMeasurement(kind, name, names(kind))
    _refuse_unused(entry, options)
    began = time.monotonic()
    module = cast(_Module, import_module(f".{entry.module}", __package__))
    with Measuring(entry, options) as measuring:
        figures = module.measure(measuring)
    settings = {**measuring.settings, **measuring.how()}
    return {
        "name": name,
        "figures": {
            key: rounded(value) if isinstance(value, float) else value for key, value in figures.items()
        },
        "settings": settings,
        "machine": machine(),
        "seconds": round(time.monotonic() - began, 3),
    }


def rounded(value: float) -> float:
    """Four digits behind the point; below a tenth three that count, since a fork takes microseconds."""
    return round(value, 4) if abs(value) >= 0.1 else float(f"{value:.3g}")


class _Module(Protocol):
    def measure(self, measuring: Measuring) -> Figures: ...


def _refuse_unused(entry: Measurement, options: EvalOptions) -> None:
    for item in fields(options):
        given = getattr(options, item.name) != item.default
        if given and item.name not in entry.takes | ALWAYS | {"say"}:
            others = sorted(map(_flag, entry.takes | ALWAYS))
            raise OptionRefused(entry.name, item.name, f"it takes {', '.join(others)}")
    for option, least in (("limit", 1), ("seed", 0), ("parallel", 1), ("threads", 1), ("repeats", 1)):
        value = getattr(options, option)
        if value is not None and value < least:
            raise OptionRefused(entry.name, option, f"{value} is below {least}")


@dataclass
class Measuring:
    """One measurement under way: what a `measure` function works with.

    Attributes:
        settings: Whatever decides the results; complete before the first item, since they name the ledger.
        skipped: Figure -> why it was not measured.
    """

    entry: Measurement
    options: EvalOptions
    settings: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    kept: int = 0
    _ledger: Ledger | None = None

    def __enter__(self) -> Measuring:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._ledger is None:
            return
        self._ledger.close()
        if kind is not None:
            self.say(
                f"stopped; {len(self._ledger.rows)} results are in {self._ledger.path}, --resume goes on"
            )

    def say(self, line: str) -> None:
        """A line of progress."""
        self.options.say(f"{self.entry.name}: {line}")

    def count(self, usual: int, quick: int) -> int:
        """How many items."""
        return self.options.limit or (quick if self.options.quick else usual)

    def how(self) -> dict[str, JsonValue]:
        """Settings that do not decide an item's result, for the report."""
        found: dict[str, JsonValue] = {"quick": self.options.quick, "shard": self.options.shard}
        if self._ledger is not None:
            found |= {"ledger": str(self._ledger.path), "resumed_items": self.kept}
        if self.skipped:
            found["skipped"] = dict(self.skipped)
        return found

    def shard(self, keys: Iterable[str]) -> list[str]:
        """The keys of this shard.

        Raises:
            OptionRefused: The shard is not of the form "2/4".
        """
        if self.options.shard is None:
            return list(keys)
        found = re.fullmatch(r"(\d+)/(\d+)", self.options.shard)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise OptionRefused(self.entry.name, "shard", f"{self.options.shard!r} is not like '2/4'")
        return list(keys)[int(found[1]) - 1 :: int(found[2])]

    def ledger(self) -> Ledger:
        """Where the items go; opened by the first call."""
        if self._ledger is None:
            mark = settings_mark(self.entry.name, self.settings)
            path = self.options.out or RESULTS / f"{self.entry.kind}-{self.entry.name}-{mark}.jsonl"
            self._ledger = Ledger(
                path, self.entry.name, self.settings, resume=self.options.resume, shard=self.options.shard
            )
            self.kept = len(self._ledger.rows)
        return self._ledger

    async def each(
        self,
        keys: Sequence[str],
        do: Callable[[str], Awaitable[Row]],
        tell: Callable[[Row], str] = str,
        *,
        sharded: bool = True,
    ) -> list[Row]:
        """Do what is not in the ledger yet, `parallel` items at once.

        Args:
            keys: Names of the items.
            do: Gives an item's row.
            tell: A row as a line of progress.
            sharded: Only this shard's items.

        Returns:
            The rows there are, in the order of `keys`.
        """
        ledger = self.ledger()
        todo = [key for key in (self.shard(keys) if sharded else keys) if key not in ledger.rows]
        left = sum(key not in ledger.rows for key in keys)
        turn = asyncio.Semaphore(self.options.parallel)

        async def one(key: str) -> None:
            async with turn:
                row = await do(key)
                ledger.add(key, row)
                nonlocal left
                left -= 1
                self.say(f"{len(keys) - left}/{len(keys)} {key} {tell(row)}")

        try:
            async with asyncio.TaskGroup() as group:
                for key in todo:
                    group.create_task(one(key))
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        return [ledger.rows[key] for key in keys if key in ledger.rows]


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """The error that stopped the others."""
    inner = errors.exceptions[0]
    return _first(cast("ExceptionGroup[Exception]", inner)) if isinstance(inner, ExceptionGroup) else inner


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a rate, both ends in 0..1; (0, 1) of nothing.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if total == 0:
        return 0.0, 1.0
    rate, z = hits / total, Z95
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, min(rate, middle - half)), min(1.0, max(rate, middle + half))


def rate(name: str, hits: Iterable[bool]) -> Figures:
    """A share of whole items, and its interval, as figures; null of nothing."""
    seen = list(hits)
    low, high = wilson(sum(seen), len(seen))
    return {name: sum(seen) / len(seen) if seen else None, f"{name}_low": low, f"{name}_high": high}


def share(part: int, whole: int) -> float | None:
    """The share of parts of items (steps, fields), without an interval; None of nothing."""
    return part / whole if whole else None


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return statistics.fmean(values) if values else None


def median(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None
