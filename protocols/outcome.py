"""How a run ends: `Confirmed`, `Unverified` or `Failed`, told apart with `match`.

match outcome:
    case Confirmed(result, evidence): ...
    case Unverified(last, reasons): ...
    case Failed(error): ...
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import JsonValue

from .messages import Confirm, Evidence

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class PunchItem:
    """One thing that failed on the way, and what became of it.

    Attributes:
        task: Task id or title.
        attempt: Attempt in which it failed, from 1.
        criterion: Name of the criterion, or "" where the attempt itself broke down.
        why: What was wrong.
        mended: How a later attempt put it right; "" while it is not.
    """

    task: str
    attempt: int
    criterion: str
    why: str
    mended: str = ""


@dataclass(frozen=True)
class Cost:
    """What a run has used.

    Attributes:
        tokens: Model tokens, prompt and generated.
        model_calls: Requests to a model.
        tool_calls: Calls of tools, those of the verifier included.
        steps: Actions of workers.
        redos: Attempts beyond the first, over all tasks.
        seconds: Wall time.
        money: What models and tools cost, in the currency of their prices.
    """

    tokens: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    steps: int = 0
    redos: int = 0
    seconds: float = 0.0
    money: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        """Sum of both, field by field."""
        return Cost(
            self.tokens + other.tokens,
            self.model_calls + other.model_calls,
            self.tool_calls + other.tool_calls,
            self.steps + other.steps,
            self.redos + other.redos,
            self.seconds + other.seconds,
            self.money + other.money,
        )


@dataclass(frozen=True)
class Confirmed(Generic[T_co]):
    """The result passed its spec.

    Attributes:
        result: As the spec's schema types it, or JSON.
        evidence: What proves it.
        confirm: The runtime's confirm, with the hashes of spec and artifact.
    """

    result: T_co
    evidence: tuple[Evidence, ...] = ()
    punch_list: tuple[PunchItem, ...] = ()
    cost: Cost = Cost()
    run: str = ""
    confirm: Confirm | None = None


@dataclass(frozen=True)
class Unverified:
    """Attempts, budget or verification ran out.

    Attributes:
        last: The last result that was reported, not to be trusted; None where there is none.
        reasons: Why it was not confirmed, at least one sentence.
    """

    last: JsonValue
    reasons: tuple[str, ...]
    punch_list: tuple[PunchItem, ...] = ()
    cost: Cost = Cost()
    run: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The run broke down or was cancelled; `error` says how and what to do."""

    error: Exception
    punch_list: tuple[PunchItem, ...] = ()
    cost: Cost = Cost()
    run: str = ""


Outcome = Confirmed[T_co] | Unverified | Failed
