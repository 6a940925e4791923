"""The report of a worker that thought: the answer as its claim, the thoughts and calls as evidence."""

from __future__ import annotations

from pydantic import JsonValue

from ...protocols.messages import Evidence, Report
from ..reasoning.react import Trajectory
from ..reasoning.search import Result


def thought_report(found: Result, key: str, how: str, *, acted: bool) -> Report:
    """What a search came to, as a worker reports it.

    Args:
        found: With an answer.
        key: `run/task/attempt`; ids of the evidence begin with it.
        how: Name of the strategy.
        acted: Whether what tools returned belongs to the result, for the spec of a task with tools.
    """
    state = found.best.state
    calls = [step for step in state.steps if step.tool] if isinstance(state, Trajectory) else []
    evidence = [Evidence(id=f"{key}/{how}", tool=how, summary="\n".join(found.best.texts())[-200:])]
    evidence += [
        Evidence(id=f"{key}/{place}", tool=step.tool, summary=step.observation[:200], data=step.observation)
        for place, step in enumerate(calls, 1)
    ]
    result: dict[str, JsonValue] = {"answer": found.answer}
    if acted:
        result["returned"] = [step.observation for step in calls]
    return Report(result=result, evidence=tuple(evidence))
