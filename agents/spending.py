"""What a run has used, as its journal tells.

Does not cover: what a killed process spent after the last row it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pydantic import JsonValue

from ..protocols.journal import Journal, Row
from ..protocols.outcome import Cost
from ..tools.executor import UNMADE

SITTING = "sitting"
"""Kind of the journal's row with which a process begins its part of a run."""

CUT_OFF = "cut_off"
"""Kind of the journal's row about calls of a model that gave no answer and are paid for; see `cut_off`."""

NOTHING = Decimal(0)


def used(journal: Journal, run: str, task: str | None = None) -> Cost:
    """What a run, or a task of it with those below it, has used so far, as its journal tells."""
    cost, before = Cost(), 0.0
    costs: Mapping[str, Decimal] = {}
    for row in journal.rows(run):
        if row.kind == SITTING:
            costs = tool_costs_of(row.body)
        if task is not None and row.task != task and not row.task.startswith((f"{task}/", f"{task}#")):
            continue
        cost += _cost_of(row, costs)
        if before and row.kind != SITTING:  # between two sittings nobody was at it
            cost += Cost(seconds=max(0.0, row.at - before))
        before = row.at
    return cost


def answer_cost(answer: Mapping[str, JsonValue]) -> Cost:
    """What an answer on the record of a search cost; calls of tools cost no tokens."""
    if answer.get("counted") is True:  # given back for a call that another answer was counted for
        return Cost()
    if "name" in answer:
        return Cost(tool_calls=1, steps=_whole(answer.get("steps")), money=_money(answer))
    tokens = _whole(answer.get("read")) + _whole(answer.get("tokens"))
    return Cost(tokens=tokens, model_calls=1, money=_money(answer))


def tool_costs_of(sitting: JsonValue) -> dict[str, Decimal]:
    """What calls of tools cost while a process was at the run, as the row says with which it began."""
    told = sitting.get("tool_costs") if isinstance(sitting, dict) else None
    return {name: Decimal(str(each)) for name, each in told.items()} if isinstance(told, dict) else {}


def _cost_of(row: Row, costs: Mapping[str, Decimal]) -> Cost:
    """What one row says was used, beside time."""
    body: dict[str, JsonValue] = row.body if isinstance(row.body, dict) else {}
    if row.kind == "thought":
        return answer_cost(body)
    if row.kind == CUT_OFF:
        return answer_cost(body) + Cost(model_calls=_whole(body.get("model_calls")) - 1)
    if "#" in row.task:  # a call of a strategy's tool: its thought was counted
        return Cost()
    if row.kind == "decision" and "strategy" not in body:  # its thoughts are counted one by one
        tokens = _whole(body.get("prompt_tokens")) + _whole(body.get("tokens"))
        return Cost(tokens=tokens, model_calls=1, money=_money(body))
    if row.kind == "intent" or (row.kind == "intent_again" and body.get("recovery") == "pure"):
        # Another class is sent again as the same call, with one effect.
        return Cost(tool_calls=1, steps=1, money=costs.get(str(body.get("tool")), NOTHING))
    if row.kind == "outcome" and isinstance(told := body.get("result"), dict) and told.get(UNMADE) is True:
        return Cost(tool_calls=-1, steps=-1, money=-costs.get(str(told.get("tool")), NOTHING))
    if row.kind == "look":
        return Cost(tool_calls=1, money=costs.get(str(body.get("tool")), NOTHING))
    event = body.get("event") if row.kind == "event" else None
    said = event.get("body") if isinstance(event, dict) else None
    return Cost(redos=1) if isinstance(said, dict) and said.get("kind") == "redo" else Cost()


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _money(body: Mapping[str, JsonValue]) -> Decimal:
    value = body.get("money")
    return Decimal(value) if isinstance(value, str) else NOTHING
