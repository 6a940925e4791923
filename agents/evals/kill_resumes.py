"""`punchlist eval kill --only resumes`: SIGKILL while a killed run is gone on with, several times in a row.

The runs, tools and moments are those of `--only classes`. A run is killed, the process that goes on with it
is killed, and the one after that; each at one of the moments, or after a while, both at random. Then another
process goes on to the end. `--limit` says how many runs.

    resumes_runs       runs that were killed at least once while they were gone on with; only these count
    resumes_kills      how often they were killed in all
    resumes_lost, resumes_doubled, resumes_unknown and the same for each class: of these runs, as in `classes`
    resumes_moments    in a whole run
"""

from __future__ import annotations

from random import Random

from .harness import Figures, Measuring
from .kill_classes import ClassRow, class_figures, trial
from .kill_plan import Kill, in_row, run_whole, telling
from .ledger import Row

USUAL, QUICK = 300, 4
"""Runs."""

IN_A_ROW = 3
"""Times that a run is killed before it is let to its end."""


async def kill_resumes(measuring: Measuring) -> list[ClassRow]:
    """A whole run, then those that are killed again and again."""
    whole = await run_whole(measuring, ClassRow, trial)
    keys = [f"resumes:{number}" for number in range(measuring.count(USUAL, QUICK))]

    async def one(key: str) -> Row:
        rng = Random(f"{measuring.options.seed} {key}")
        kills = [_any_moment(rng, whole) for _ in range(IN_A_ROW)]
        return await in_row(lambda: trial(*kills))

    rows = await measuring.each(keys, one, telling(ClassRow))
    return [whole, *(ClassRow.model_validate(row) for row in rows)]


def _any_moment(rng: Random, whole: ClassRow) -> Kill:
    """One of the moments of a whole run, or any time in it: most time goes by in few of the moments."""
    if rng.random() < 0.5:
        return Kill(at=rng.randint(1, whole.moments))
    return Kill(after=rng.uniform(0, whole.seconds))


def resume_figures(rows: list[ClassRow]) -> Figures:
    """The figures of runs that were killed at least twice.

    Args:
        rows: The whole run first.
    """
    again: Figures = {"resumes_runs": sum(row.kills > 1 for row in rows)}
    return again | class_figures(rows, "resumes_", least=2)
