"""The report of a run as files: everything as JSON, and tables for a reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from ...machine import machine
from ..harness import Figures, Measuring
from .rounds import Result

Headlines = Mapping[str, tuple[float | int | None, float | int | None]]
"""Figure -> by the fastest turns, by the medians."""

JSON_FILE, TABLE_FILE = "bench-engine.json", "bench-engine.md"


def write_report(folder: Path, measuring: Measuring, figures: Figures, results: Sequence[Result]) -> None:
    """Write both files into `folder`, which is made if needed; former ones are replaced."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    settings = {**measuring.settings, **measuring.how()}
    samples = [
        {"model": result.where, "workload": result.contest.work.as_json(), "seconds": result.seconds}
        for result in results
    ]
    whole = {
        "date": date, "machine": machine(), "figures": figures, "settings": settings, "samples": samples,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_FILE).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    headlines = {name: both for result in results for name, both in result.headlines().items()}
    headlines |= {name: (figures[name], None) for name in figures if "perplexity" in name}
    lines = [*_head(date, settings), *_headlines(headlines, measuring.skipped), *_times(results)]
    (folder / TABLE_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    measuring.say(f"report in {folder / JSON_FILE} and {folder / TABLE_FILE}")


def _head(date: str, settings: dict[str, JsonValue]) -> list[str]:
    here, quick = machine(), " --quick" if settings["quick"] else ""
    engines = settings.get("engines")
    names: set[str] = set()
    for each in engines.values() if isinstance(engines, dict) else ():
        names |= {str(name) for name in each.values()} if isinstance(each, dict) else set()
    return [
        "# The engine beside its peers",
        "",
        f"Written by `punchlist bench engine{quick}` on {date}: {here['cpu']}, {settings['threads']} threads "
        f"of {here['cores']} cores, torch {here['torch']}, load before {settings['load_before']}.",
        f"Engines: {', '.join(sorted(names))}.",
        "What each figure means stands at the top of `agents/evals/engine/__init__.py`.",
        "",
    ]


def _headlines(figures: Headlines, skipped: Mapping[str, str]) -> list[str]:
    """Ratios and what stands alone; of those that were not measured the reason."""
    rows = [
        (f"`{name}`", _told(minimum), _told(median), skipped.get(name, ""))
        for name, (minimum, median) in figures.items()
    ]
    return [*_table(("figure", "fastest turns", "medians", "why not"), rows), ""]


def _times(results: Iterable[Result]) -> list[str]:
    """Seconds and tokens per second of every engine."""
    rows: list[Sequence[str]] = []
    for result in results:
        for label, seconds in result.seconds.items():
            if seconds:
                rows.append(
                    (
                        result.where, result.contest.work.name, label or "ours", result.ways[label],
                        _told(result.minimum(label)), _told(result.median(label)),
                        _told(result.tokens_per_second(label)),
                    )
                )  # fmt: skip
    return _table(("model", "workload", "engine", "way", "seconds, fastest", "median", "tokens/s"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _told(value: float | int | None) -> str:
    return "" if value is None else f"{value:.4g}"
