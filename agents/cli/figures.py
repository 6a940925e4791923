"""`punchlist eval` and `punchlist bench`: measure, and print what was measured."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from ..evals.harness import EvalOptions, Kind, abouts, execute
from .edge import DONE


def evaluate(options: argparse.Namespace) -> int:
    """`punchlist eval`."""
    return _measure("eval", options)


def bench(options: argparse.Namespace) -> int:
    """`punchlist bench`."""
    return _measure("bench", options)


def _measure(kind: Kind, options: argparse.Namespace) -> int:
    if options.name is None:
        known = abouts(kind)
        print(json.dumps({kind: known}) if options.json else _listed(kind, known))
        return DONE
    made = execute(kind, options.name, options_of(options))
    print(json.dumps(made) if options.json else "\n".join(lines(made)))
    return DONE


def options_of(options: argparse.Namespace) -> EvalOptions:
    """The harness's options out of those of the command line."""
    return EvalOptions(
        model=options.model,
        limit=options.limit,
        seed=options.seed,
        quick=options.quick,
        json=options.json,
        shard=options.shard,
        data=_path(options.data),
        out=_path(options.out),
        resume=options.resume,
        parallel=options.parallel,
        compare=not options.no_compare,
        clone=_path(options.clone),
        shape=options.shape,
        threads=options.threads,
        only=options.only,
        repeats=options.repeats,
        report=_path(options.report),
        peers=_path(options.peers),
        seeds=options.seeds,
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _listed(kind: str, known: dict[str, str]) -> str:
    rows = [f"  {name:<10} {about}" for name, about in known.items()]
    return "\n".join([f"Name one: punchlist {kind} NAME", *rows])


def lines(made: dict[str, Any]) -> list[str]:
    """A measurement for a person: a figure a line, its 95 % interval beside it, then settings and machine."""
    figures: dict[str, JsonValue] = made["figures"]
    rows = [f"{made['name']}, {made['seconds']:.1f} s"]
    for name, value in figures.items():
        base, _, end = name.rpartition("_")
        if end in ("low", "high") and base in figures:
            continue
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        between = f"   95 %: {low} to {high}" if low is not None else ""
        rows.append(f"  {name:<28} {'not measured' if value is None else value}{between}")
    for what in ("settings", "machine"):
        said = ", ".join(f"{key} {value}" for key, value in made[what].items() if value not in (None, False))
        rows.append(f"{what:<9} {said}")
    return rows
