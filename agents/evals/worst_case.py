"""`punchlist eval worst_case`: a model that says anything legal, at random and exhaustively.

Each run is a plan of two tasks with a check, by a `Speaker` whose model is hostile, with a person who answers
at random, a judge whose probabilities are random, few attempts and a budget of questions. Random runs draw
each answer from the grammar of the task's state (`WorstCaseModel`). Exhaustive ones go through every sequence
of `SAID`, so that each order of claims, questions and refusals occurs, up to a depth.

    runs                     random runs
    confirmed, unverified, failed     how they ended, as shares
    confirmed_wrong          confirmed although a result does not pass its check (must be 0)
    over_budget              asked more often than the budget of questions allows (must be 0)
    hung                     not ended after `PATIENCE` seconds (must be 0)
    exhaustive_runs, exhaustive_depth
    exhaustive_confirmed, exhaustive_confirmed_wrong, exhaustive_over_budget, exhaustive_hung

Does not cover: tools that lie (`eval faults`), and processes that die (`eval kill`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from ...protocols.outcome import Confirmed, Unverified
from ...protocols.spec import Check, Judge
from ..manager import Manager
from ..people import Request
from ..plan import Plan
from ..speaking import Speaker
from ..testing import ScriptedModel, WorstCaseModel
from .harness import Figures, Measuring, rate
from .ledger import Row

USUAL, QUICK = 10_000, 100
DEPTH, QUICK_DEPTH = 5, 2
"""Answers of an exhaustive run that are chosen; the last one is said again and again behind them."""

QUESTIONS = 14
"""Budget of questions of a run."""

PATIENCE = 30.0


class Colour(BaseModel):
    """What the tasks are to come to."""

    name: Literal["blue", "red", "green"]


def _says(kind: str, **fields: JsonValue) -> str:
    decision = {"task": "any", "message": {"kind": kind, **fields}}
    return json.dumps({"reasoning": "", "decision": decision})


SAID: dict[str, str] = {
    "right": _says("report", result={"name": "blue"}),
    "wrong": _says("report", result={"name": "red"}),
    "ask": _says("ask", question="which?"),
    "decline": _says("decline", reason="no"),
    "give up": _says("failed", error="Lost", message="gone", retry=True),
    "refuse": json.dumps({"reasoning": "", "decision": {"kind": "cannot_comply", "reason": "no"}}),
}
"""What an exhaustive run chooses from."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval worst_case`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    quick, seed = measuring.options.quick, measuring.options.seed
    depth = QUICK_DEPTH if quick else DEPTH
    measuring.settings |= {"seed": seed, "questions": QUESTIONS, "depth": depth, "said": list(SAID)}
    keys = [f"random:{number}" for number in range(measuring.count(USUAL, QUICK))]
    keys += [f"all:{','.join(chosen)}" for chosen in itertools.product(SAID, repeat=depth)]

    async def one(key: str) -> Row:
        kind, _, name = key.partition(":")
        rng = Random(f"{seed}/{key}")
        if kind == "random":
            return await _run(WorstCaseModel(rng.getrandbits(32)), rng)
        return await _run(_Saying([SAID[each] for each in name.split(",")], rng), rng)

    await measuring.each(keys, one, lambda row: str(row["ended"]))
    rows = measuring.ledger().rows
    chance = [row for key, row in rows.items() if key.startswith("random:")]
    every = [row for key, row in rows.items() if key.startswith("all:")]
    figures: Figures = {"runs": len(chance)}
    for how in ("confirmed", "unverified", "failed"):
        figures |= rate(how, (row["ended"] == how for row in chance))
    for name in FAULTS:
        figures[name] = sum(bool(row[name]) for row in chance)
    figures |= {"exhaustive_runs": len(every), "exhaustive_depth": depth}
    figures["exhaustive_confirmed"] = sum(row["ended"] == "confirmed" for row in every)
    for name in FAULTS:
        figures[f"exhaustive_{name}"] = sum(bool(row[name]) for row in every)
    return figures


FAULTS = ("confirmed_wrong", "over_budget", "hung")


class _Saying(ScriptedModel):
    """A double: chosen answers in order, the last one again and again; its judgements are random."""

    def __init__(self, answers: list[str], rng: Random) -> None:
        left = list(answers)
        super().__init__(lambda _: left.pop(0) if len(left) > 1 else left[0])
        self._rng = rng

    async def score(self, messages: Any, continuations: Any) -> list[float]:
        """Random scores."""
        return [self._rng.uniform(-10, 0) for _ in continuations]


async def _run(model: ScriptedModel, rng: Random) -> Row:
    """One run to its end, and what is wrong with it."""

    def person(request: Request) -> JsonValue:
        """Answers anything, but overrules no check: what such a person confirms is theirs, and no fault."""
        return rng.choice([False, None, "so", 3] if request.subject == "overrule" else [True, None, "so", 3])

    blue: Callable[[Any], bool] = lambda result: result["name"] == "blue"  # noqa: E731
    plan = Plan("two tasks")
    first = plan.task("first", "Choose a colour.", output=Colour, spec=[Check("blue", blue)])
    plan.task("second", "Choose another.", output=Colour, inputs={"seen": first},
              spec=[Check("blue", blue), Judge("it is nice", required=False)])  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="punchlist-") as folder:
        manager = Manager(
            model, [Speaker("one", model)], journal=Path(folder) / "run.db", redos=1,
            person=person if rng.random() < 0.5 else None, model_calls=QUESTIONS,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await manager.run(plan)
        except TimeoutError:
            return {"ended": "hung", "hung": True, "over_budget": False, "confirmed_wrong": False}
    confirmed = isinstance(outcome, Confirmed)
    wrong = isinstance(outcome, Confirmed) and any(each.name != "blue" for each in outcome.result.values())
    ended = "confirmed" if confirmed else "unverified" if isinstance(outcome, Unverified) else "failed"
    over = outcome.cost.model_calls > QUESTIONS
    return {"ended": ended, "hung": False, "over_budget": over, "confirmed_wrong": wrong}
