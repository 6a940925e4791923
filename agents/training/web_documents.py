"""Documents of the role `browse`: decisions on generated pages, and on recorded ones where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from ...core_model.errors import TrainingRefused
from ..browsing import ask_browse, write_browse
from .web_pages import web_episode
from .web_steps import WebStep, read_episodes

RECORDED = 0.32
"""Share of the recorded decisions, where there are some; the others are on generated pages."""


HEAVIER = {
    **dict.fromkeys(("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer"), 5.0),
    **dict.fromkeys(("read-table", "read-table-2", "multi-layouts", "multi-orderings", "odd-or-even"), 4.0),
    **dict.fromkeys(("buy-ticket", "choose-date", "choose-date-nodelay", "choose-date-medium"), 6.0),
    **dict.fromkeys(("search-engine", "navigate-tree", "text-transform", "click-option"), 2.0),
}
"""Tasks that take longer to learn, and how much oftener they are drawn."""

MISSED = 4
"""How much oftener a page is drawn on which the learner that came there chose wrong."""

ENDS = 0.6
"""Share of the steps that only say `done` which are kept: they are many and alike."""


def piece_of(step: WebStep) -> tuple[str, str]:
    """Question and answer of a decision."""
    question = ask_browse(step.view, step.did, step.goal)
    return question.text, write_browse(step.action, step.view, step.goal)


def browse(rng: Random, recorded: str | None = None) -> list[tuple[str, float]]:
    """A document of one decision.

    Args:
        rng: Draws it.
        recorded: Folder of recorded episodes (`*.jsonl.gz`); None for generated pages alone.

    Raises:
        TrainingRefused: See `recordings`.
    """
    if recorded is not None and rng.random() < RECORDED:
        told = recordings(recorded)
        weights = [len(steps) ** 0.5 * HEAVIER.get(task, 1.0) for task, steps in told.items()]
        task = rng.choices(tuple(told), weights)[0]
        question, answer = rng.choice(told[task])
    else:
        question, answer = piece_of(drawn(rng))
    return [(question, 0.0), (answer, 1.0)]


def drawn(rng: Random) -> WebStep:
    """A decision on a generated page."""
    while True:
        step = rng.choice(web_episode(rng))
        if step.action.verb != "done" or step.action.text or rng.random() < ENDS:
            return step


@lru_cache(maxsize=2)
def recordings(folder: str) -> dict[str, Sequence[tuple[str, str]]]:
    """Question and answer of every decision that was recorded, by task, as often as it is to be drawn.

    Raises:
        TrainingRefused: There is none in `folder`, or a file is damaged.
    """
    files = sorted(Path(folder).glob("*.jsonl.gz"))
    told: dict[str, list[tuple[str, str]]] = {}
    try:
        for task, _, steps in read_episodes(files):
            pieces = told.setdefault(task, [])
            for step in steps:
                pieces += [piece_of(step)] * (MISSED if step.missed else 1)
    except (OSError, EOFError, ValueError, KeyError) as error:
        why = f"a recording is damaged ({error})"
        raise TrainingRefused(Path(folder), why, "Record it again with `punchlist train pages`.") from error
    if not told:
        raise TrainingRefused(
            Path(folder), "there is no recorded episode in it", "Record some with `punchlist train pages`."
        )
    return {task: told[task] for task in sorted(told)}
