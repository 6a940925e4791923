"""The report of a worker that thought: the answer as its claim, the thoughts and calls as evidence."""

from __future__ import annotations

import json

from pydantic import JsonValue

from ...protocols.messages import Evidence, Report
from ..reasoning.react import Trajectory
from ..reasoning.search import Result


def thought_report(found: Result, key: str, how: str, *, acted: bool, typed: bool = False) -> Report:
    """What a search came to, as a worker reports it.

    Args:
        found: With an answer.
        key: `run/task/attempt`; ids of the evidence begin with it.
        how: Name of the strategy.
        typed: The answer is JSON, and is the result as it stands.
        acted: Whether what tools returned belongs to the result, for the spec of a task with tools.
    """
    state = found.best.state
    calls = [step for step in state.steps if step.tool] if isinstance(state, Trajectory) else []
    evidence = [Evidence(id=f"{key}/{how}", tool=how, summary="\n".join(found.best.texts())[-200:])]
    evidence += [
        Evidence(id=f"{key}/{place}", tool=step.tool, summary=step.observation[:200], data=step.observation)
        for place, step in enumerate(calls, 1)
    ]
    if typed:
        return Report(result=_read(found.answer), evidence=tuple(evidence))
    result: dict[str, JsonValue] = {"answer": found.answer}
    if acted:
        result["returned"] = [step.observation for step in calls]
    return Report(result=result, evidence=tuple(evidence))


def _read(answer: str | None) -> JsonValue:
    """An answer as JSON; as text where it is none, for the spec to refuse."""
    try:
        return json.loads(answer or "null")
    except ValueError:
        return answer
