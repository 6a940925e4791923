"""`punchlist eval faults`: one planted fault a run, by Sabot's six operators; what do checks do?

Runs of five tasks with tools that change a warehouse, and as many runs without a fault. Specs look at the
warehouse again; one of the five tasks has a spec that looks at nothing that matters. What an operator does,
and what is simplified against the published one, stands in `operators.py`. There is no real model.

    planted                  faults that landed: they changed something
    covered                  of these, share in tasks whose specs look at what they are about
    detected                 share that a verdict or a reported failure found
    acted_on                 share after which the task was redone, or the run did not end as confirmed
    recovered                share after which everything ended right and confirmed
    confirmed_wrong          share after which something is wrong and the run ended as confirmed
    recovered_undetected     share that ended right although nothing was found
    undamaged                share after which nothing has happened that was not to
    recoverable              share that could be made good: covered and undamaged (what was ordered or written
                             wrongly stays so: no tool takes it back)
    recovered_of_recoverable of these, share after which everything ended right and confirmed
    detected_<of>, acted_on_<of>, recovered_<of>, confirmed_wrong_<of>, recovered_undetected_<of>
                             the same of: covered faults, undamaged ones, those of one operator
    false_alarms             of runs without a fault, share in which something was found
    clean_confirmed          of runs without a fault, share that ended right and confirmed

`--limit` is faults per operator. What it does not cover: faults in the verifier itself, in the journal, or
two at once (`eval explorer` and `eval kill` are about those).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..harness import Figures, Measuring, rate
from ..ledger import Row
from .operators import OPERATORS, OperatorName
from .trials import CLEAN, Trial, run_trial

__all__ = ["measure"]

USUAL, QUICK = 150, 10
"""Faults per operator."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval faults`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    seed, count = measuring.options.seed, measuring.count(USUAL, QUICK)
    measuring.settings |= {"seed": seed, "faults_per_operator": count}
    keys = [f"{operator}/{number}" for operator in OPERATORS for number in range(count)]
    keys += [f"{CLEAN}/{number}" for number in range(count * len(OPERATORS))]
    by_name: dict[str, OperatorName] = {operator: operator for operator in OPERATORS}

    async def one(key: str) -> Row:
        name, _, number = key.partition("/")
        return (await run_trial(by_name.get(name), int(number), seed)).model_dump(mode="json")

    trials = [Trial.model_validate(row) for row in await measuring.each(keys, one, _tell)]
    return figures(trials)


def figures(trials: Sequence[Trial]) -> Figures:
    """What trials come to."""
    clean = [trial for trial in trials if trial.operator == CLEAN]
    planted = [trial for trial in trials if trial.operator != CLEAN and trial.landed]
    made: Figures = {"planted": len(planted)}
    made |= rate("covered", [trial.covered for trial in planted])
    made |= _shares(planted, "")
    made |= _shares([trial for trial in planted if trial.covered], "_covered")
    made |= rate("undamaged", [trial.undamaged for trial in planted])
    made |= _shares([trial for trial in planted if trial.undamaged], "_undamaged")
    made |= rate("recoverable", [trial.covered and trial.undamaged for trial in planted])
    mendable = [trial for trial in planted if trial.covered and trial.undamaged]
    made |= rate("recovered_of_recoverable", [trial.recovered for trial in mendable])
    for operator in OPERATORS:
        made |= _shares([trial for trial in planted if trial.operator == operator], f"_{operator}")
    made |= rate("false_alarms", [trial.detected for trial in clean])
    return made | rate("clean_confirmed", [trial.recovered for trial in clean])


def _shares(of: Sequence[Trial], end: str) -> Figures:
    return (
        rate(f"detected{end}", [trial.detected for trial in of])
        | rate(f"acted_on{end}", [trial.acted_on for trial in of])
        | rate(f"recovered{end}", [trial.recovered for trial in of])
        | rate(f"confirmed_wrong{end}", [trial.confirmed_wrong for trial in of])
        | rate(f"recovered_undetected{end}", [trial.recovered and not trial.detected for trial in of])
    )


def _tell(row: Row) -> str:
    trial = Trial.model_validate(row)
    if trial.operator == CLEAN:
        return "alarm" if trial.detected else "right" if trial.recovered else "WRONG"
    found = "acted on" if trial.acted_on else "detected" if trial.detected else "not noticed"
    end = "right" if trial.recovered else "CONFIRMED WRONG" if trial.confirmed_wrong else "unverified"
    return f"{trial.part}{'' if trial.covered else ' (no check)'}: {found}, {end}"
