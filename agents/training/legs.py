"""What is told of how weights were trained, leg by leg: one training begins where another one ended.

A shipped folder tells its legs in `training.json`. A training that begins with such a folder keeps them in
its own (`origin.json`), because shipping may replace the folder that it began with.

Does not cover: a start that was never shipped tells no legs. Its weights are known by their sha256 alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ...core_model.errors import TrainingRefused
from ..machine import machine

TOLD = "training.json"
"""Name of the facts beside shipped weights."""

KEPT = "origin.json"
"""Name of an `Origin` in the folder of a training."""

GONE = "unknown"
"""Stands for the sha256 of start weights that nobody has any more."""


@dataclass(frozen=True)
class Leg:
    """One training, from its first step to its last.

    Attributes:
        command: The call that trains like this; folders by their last name alone.
        steps: Optimizer steps.
        tokens: Trained on, prompts and answers.
        documents: Trained on.
        seconds: Of computing, evaluations left out.
        machine: Where it was begun: processor and number of its cores.
        start: `weights_sha256` of the weights that it began with; None for fresh ones, `GONE` where unknown.
        history: What else is to be said of it.
    """

    command: str
    steps: int
    tokens: int
    documents: int
    seconds: float
    machine: str
    start: str | None
    history: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a training began.

    Attributes:
        machine: As in `Leg`.
        start: As in `Leg`.
        legs: Of the weights that it began with, oldest first.
    """

    machine: str
    start: str | None
    legs: tuple[Leg, ...] = ()


_LEGS = TypeAdapter(tuple[Leg, ...])
_ORIGIN = TypeAdapter(Origin)


def read_legs(folder: Path) -> tuple[Leg, ...]:
    """The legs that `training.json` in `folder` tells, oldest first; none where there is no such file.

    Raises:
        TrainingRefused: It cannot be read, or lacks something.
    """
    path = folder / TOLD
    if not path.is_file():
        return ()
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows: list[dict[str, Any]] = told["legs"] if "legs" in told else [_only_leg(told)]
        return _LEGS.validate_python([row | {"command": without_paths(row["command"])} for row in rows])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        remedy = f"Restore {TOLD} from a copy, or remove it if nothing is to be told of these weights."
        raise TrainingRefused(folder, f"its {TOLD} cannot be read", remedy) from error


def _only_leg(told: Mapping[str, Any]) -> dict[str, Any]:
    """The leg of a `training.json` without legs; of its start that tells only whether there was one."""
    names = ("command", "steps", "tokens", "documents", "seconds", "machine")
    started = None if told.get("start") is None else GONE
    return {name: told[name] for name in names} | {"start": started, "history": told.get("history", "")}


def keep_origin(out: Path, start: Path | None) -> Origin:
    """Read where a training begins and keep it in `out`, over what was kept there.

    Args:
        out: Folder of the training.
        start: Checkpoint with whose weights it begins; None for fresh ones.

    Raises:
        TrainingRefused: `start` has facts that cannot be read.
    """
    here = machine()
    where = f"{here['cpu']}, {here['cores']} cores"
    if start is None:
        origin = Origin(where, None)
    else:
        origin = Origin(where, weights_sha256(start) or GONE, read_legs(start))
    (out / KEPT).write_text(json.dumps(asdict(origin), indent=1) + "\n", encoding="utf-8")
    return origin


def origin_of(out: Path, start: Path | None) -> Origin:
    """Where the training in `out` began: what was kept, else what `start` still tells, which is then kept.

    Raises:
        TrainingRefused: What was kept, or what `start` tells, cannot be read.
    """
    path = out / KEPT
    if not path.exists():
        return keep_origin(out, start)
    try:
        return _ORIGIN.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        remedy = "Restore it from a copy, or remove it if the weights that it began with are still in place."
        raise TrainingRefused(out, f"{KEPT} cannot be read", remedy) from error


def weights_sha256(folder: Path) -> str | None:
    """Hex sha256 of the safetensors in `folder`, several in the order of their names; None without any."""
    files = sorted(folder.glob("*.safetensors"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest() if files else None


def without_paths(command: str) -> str:
    """A call with its start and whatever is absolute shortened to the last folder.

    Raises:
        ValueError: It has a quotation mark without its partner.
    """
    words = shlex.split(command)
    before = ["", *words]
    return shlex.join(
        last_folder(word) if previous == "--start" or os.path.isabs(word) else word
        for previous, word in zip(before, words, strict=False)
    )


def last_folder(path: str) -> str:
    """The name of a folder without what lies above it."""
    return Path(os.path.abspath(path)).name or "DIR"
