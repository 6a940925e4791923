"""One decision on a page, as the role `browse` learns it, and files of such decisions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ...tools.browser import Action, View
from ..steps import Done


@dataclass(frozen=True)
class WebStep:
    """A page, what was done before, and what is right to do next.

    Attributes:
        goal: As a person writes it.
        view: The page, looked at in `browsing.STYLE`.
        did: Actions before, oldest first, as `browsing.did` tells of them.
        action: The right next one; its text can be copied from the goal or the page.
        missed: Whether the learner that came here chose another one.
    """

    goal: str
    view: View
    did: tuple[Done, ...]
    action: Action
    missed: bool = False


_STEPS = TypeAdapter(list[WebStep])


def write_episode(file: Path, task: str, seed: int, steps: list[WebStep]) -> None:
    """Append one episode to a file, a line of JSON."""
    row = {"task": task, "seed": seed, "steps": _STEPS.dump_python(steps, mode="json")}
    with gzip.open(file, "at", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_episodes(files: Iterable[Path]) -> Iterator[tuple[str, int, list[WebStep]]]:
    """Task, seed and steps of every episode of some files, in order."""
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["task"], row["seed"], _STEPS.validate_python(row["steps"])
