"""What a run may use and has used: tokens, calls, steps, seconds. Checked before it is spent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from ..protocols.outcome import Cost


class BudgetExhausted(Exception):
    """A limit of the run's budget is reached. What was done so far is kept."""

    def __init__(self, what: str, limit: float) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"The run's budget of {limit:g} {what} is used up. Run it again with a larger one.")


@dataclass
class Budget:
    """Limits of a run, shared by everything in it; None is no limit.

    Attributes:
        tokens: Model tokens, prompt and generated.
        model_calls: Requests to a model.
        steps: Actions of workers.
        seconds: Wall time of this process's part of the run.
        cost: What is used so far.
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

    def check(self) -> None:
        """Refuse to go on when a limit is reached.

        Raises:
            BudgetExhausted: Names the limit.
        """
        used = {
            "tokens": (self.cost.tokens, self.tokens),
            "model calls": (self.cost.model_calls, self.model_calls),
            "steps": (self.cost.steps, self.steps),
            "seconds": (time.monotonic() - self.began, self.seconds),
        }
        for what, (amount, limit) in used.items():
            if limit is not None and amount >= limit:
                raise BudgetExhausted(what, limit)

    def total(self) -> Cost:
        """What is used, with the seconds so far."""
        return replace(self.cost, seconds=round(time.monotonic() - self.began, 3))
