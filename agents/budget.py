"""What a run may use and has used: tokens, calls, steps, seconds. Checked before it is spent.

The limits are those of the whole run, however often it was interrupted: `used` reads from the journal what
its earlier processes have spent. Does not cover: what a killed process spent after the last row it wrote.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from ..protocols.journal import Journal, Row
from ..protocols.outcome import Cost

SITTING = "sitting"
"""Kind of the journal's row with which a process begins its part of a run."""

REMEDIES = {
    "tokens": "`punchlist resume FILE --tokens N`",
    "seconds": "`punchlist resume FILE --seconds N`",
    "model calls": "`punchlist think --resume FILE --calls N`",
    "steps": "`Manager(..., steps=N).resume(FILE)`",
}


class BudgetExhausted(Exception):
    """A limit of the run's budget is reached. What was done so far is kept, and the run can be resumed."""

    def __init__(self, what: str, limit: float) -> None:
        self.what, self.limit = what, limit
        remedy = REMEDIES.get(what)
        super().__init__(
            f"The run's budget of {limit:g} {what} is used up. "
            f"Resume it with a larger budget{': ' + remedy if remedy else ''}."
        )


@dataclass
class Budget:
    """Limits of a run, shared by everything in it; None is no limit.

    Attributes:
        tokens: Model tokens, prompt and generated.
        model_calls: Requests to a model.
        steps: Actions of workers.
        seconds: Wall time in which a process was at the run.
        cost: What is used so far; begins with what earlier processes used.
    """

    tokens: int | None = None
    model_calls: int | None = None
    steps: int | None = None
    seconds: float | None = None
    cost: Cost = field(default_factory=Cost)
    began: float = field(default_factory=time.monotonic)

    def spend(
        self, *, tokens: int = 0, model_calls: int = 0, tool_calls: int = 0, steps: int = 0, redos: int = 0
    ) -> None:
        """Add to what is used."""
        self.cost = self.cost + Cost(tokens, model_calls, tool_calls, steps, redos)

    def check(self, *, model_calls: int = 0) -> None:
        """Refuse to go on when a limit is reached, or would be exceeded by so many `model_calls`.

        Raises:
            BudgetExhausted: Names the limit.
        """
        cost = self.cost
        used = (
            ("tokens", cost.tokens, self.tokens),
            ("model calls", cost.model_calls + max(0, model_calls - 1), self.model_calls),
            ("steps", cost.steps, self.steps),
            ("seconds", 0.0 if self.seconds is None else self.total().seconds, self.seconds),
        )
        for what, amount, limit in used:
            if limit is not None and amount >= limit:
                raise BudgetExhausted(what, limit)

    def left(self) -> float | None:
        """Seconds until the run's time is used up; None where it has no limit."""
        return None if self.seconds is None else max(0.0, self.seconds - self.total().seconds)

    def total(self) -> Cost:
        """What is used, with the seconds so far."""
        return replace(self.cost, seconds=round(self.cost.seconds + time.monotonic() - self.began, 3))


@dataclass
class Part(Budget):
    """A share of a budget, for one task: what is spent here is spent there too, and both limits hold.

    Attributes:
        whole: The budget that it is a share of.
    """

    whole: Budget = field(default_factory=Budget)

    def spend(
        self, *, tokens: int = 0, model_calls: int = 0, tool_calls: int = 0, steps: int = 0, redos: int = 0
    ) -> None:
        """Add to what is used, here and of the whole."""
        given = {"tokens": tokens, "model_calls": model_calls, "tool_calls": tool_calls, "steps": steps}
        super().spend(**given, redos=redos)
        self.whole.spend(**given, redos=redos)

    def check(self, *, model_calls: int = 0) -> None:
        """Refuse to go on when a limit of the whole or of the share is reached.

        Raises:
            BudgetExhausted: Names the limit.
        """
        self.whole.check(model_calls=model_calls)
        super().check(model_calls=model_calls)

    def left(self) -> float | None:
        """Seconds until the time of the whole is used up."""
        return self.whole.left()


def used(journal: Journal, run: str, task: str | None = None) -> Cost:
    """What a run, or a task of it with those below it, has used so far, as its journal tells."""
    cost, before = Cost(), 0.0
    for row in journal.rows(run):
        if task is not None and row.task != task and not row.task.startswith((f"{task}/", f"{task}#")):
            continue
        cost += _cost_of(row)
        if before and row.kind != SITTING:  # between two sittings nobody was at it
            cost += Cost(seconds=max(0.0, row.at - before))
        before = row.at
    return cost


def answer_cost(answer: Mapping[str, JsonValue]) -> Cost:
    """What an answer on the record of a search cost; calls of tools cost no tokens."""
    if "name" in answer:
        return Cost(tool_calls=1, steps=_whole(answer.get("steps")))
    return Cost(tokens=_whole(answer.get("read")) + _whole(answer.get("tokens")), model_calls=1)


def _cost_of(row: Row) -> Cost:
    """What one row says was used, beside time."""
    body: dict[str, JsonValue] = row.body if isinstance(row.body, dict) else {}
    if row.kind == "thought":
        return answer_cost(body)
    if "#" in row.task:  # a call of a strategy's tool: its thought was counted
        return Cost()
    if row.kind == "decision" and "strategy" not in body:  # its thoughts are counted one by one
        return Cost(tokens=_whole(body.get("prompt_tokens")) + _whole(body.get("tokens")), model_calls=1)
    if row.kind in ("intent", "intent_again"):
        return Cost(tool_calls=1, steps=1)
    if row.kind == "look":
        return Cost(tool_calls=1)
    event = body.get("event") if row.kind == "event" else None
    said = event.get("body") if isinstance(event, dict) else None
    return Cost(redos=1) if isinstance(said, dict) and said.get("kind") == "redo" else Cost()


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0
