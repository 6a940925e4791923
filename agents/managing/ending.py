"""What a run comes to: the results of its tasks as one record, and everything that failed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from ...core_model.errors import RemoteError
from ...protocols.messages import Confirm, Evidence
from ...protocols.outcome import Confirmed, Failed, PunchItem, Unverified
from ...protocols.tasks import Flaw, ManagerTask
from ...tools.errors import BrowserMissing, SiteUnreachable
from ..agent import NoPlace, NothingToWorkWith
from ..budget import BudgetExhausted
from ..events import plain
from ..jobs import Job, Results
from ..mind import Truncated
from ..wish import PREFERRED

RESUMABLE = (BudgetExhausted, SiteUnreachable, BrowserMissing, RemoteError, NothingToWorkWith, NoPlace)
"""What ends a run for now: it goes on with more budget, or when site, browser, server or place is there."""


ENDED = "ended"
"""Kind of the journal's row with which a run ends, for now or for good: what it came to and why."""


def ended_body(outcome: Confirmed[Any] | Unverified | Failed, status: str) -> dict[str, JsonValue]:
    """What is recorded of an outcome; results are in the reports that were confirmed.

    Args:
        status: How the run stands in the journal.
    """
    reasons = list(outcome.reasons) if isinstance(outcome, Unverified) else []
    if isinstance(outcome, Failed):
        reasons = [f"{type(outcome.error).__name__}: {outcome.error}"]
    told: list[JsonValue] = [*reasons]
    return {
        "outcome": type(outcome).__name__.lower(),
        "status": status,
        "reasons": told,
        "cost": plain(outcome.cost),
    }


def first_error(errors: ExceptionGroup[Exception]) -> Exception:
    """The error that ended a group of tasks, however deep it lies."""
    inner: Exception | ExceptionGroup[Exception] = errors.exceptions[0]
    if isinstance(inner, ExceptionGroup):
        return first_error(cast("ExceptionGroup[Exception]", inner))
    return inner


def broken_off(error: Exception, results: Results) -> Unverified | Failed:
    """What an error that ended a run makes of it."""
    if isinstance(error, BudgetExhausted | Truncated):
        return Unverified(dict(results) or None, (str(error),))
    return Failed(error)


def gathered(jobs: Sequence[Job], results: Results) -> dict[str, JsonValue]:
    """The results of all tasks as one record: an order and its number, tickets, answers."""
    value: dict[str, JsonValue] = {}
    orders: list[JsonValue] = []
    tickets: list[JsonValue] = []
    for job in jobs:
        found = results[job.id]
        if not isinstance(found, dict):
            continue
        plain = {key: item for key, item in found.items() if key not in ("changes", "returned", "left_out")}
        if job.id.endswith(".place"):
            orders.append(plain)
        elif job.id.endswith(".ticket"):
            tickets.append(plain)
        elif job.id.endswith((".use", ".think")):
            value |= plain
    if orders and isinstance(orders[0], dict):
        value |= orders[0]
    if len(orders) > 1:
        value["orders"] = orders
    if tickets:
        value["tickets"] = tickets
    return value


def latest_flaws(state: ManagerTask) -> list[Flaw]:
    """What was wrong with the last attempt that came to nothing."""
    last = max((flaw.attempt for flaw in state.flaws), default=0)
    return [flaw for flaw in state.flaws if flaw.attempt == last]


LOST = "WorkerLost"
"""Beginning of what is said of an attempt that was lost with its worker or process."""


def feedback_of(state: ManagerTask) -> str:
    """What the last attempt that came to an end was refused for; lost ones say nothing of the task."""
    real = [flaw for flaw in state.flaws if not flaw.why.startswith(LOST)]
    last = max((flaw.attempt for flaw in real), default=0)
    return "; ".join(
        f"{flaw.criterion} : {flaw.why}" if flaw.criterion else flaw.why
        for flaw in real
        if flaw.attempt == last
    )


def punch_items(title: str, state: ManagerTask) -> list[PunchItem]:
    """Everything that failed on the way, and how it was mended."""
    return [
        PunchItem(
            title,
            flaw.attempt,
            flaw.criterion,
            flaw.why,
            f"confirmed in attempt {state.attempt}"
            if state.status == "confirmed" and flaw.attempt < state.attempt
            else "",
        )
        for flaw in state.flaws
    ]


def open_reasons(jobs: Iterable[Job], states: dict[str, ManagerTask]) -> list[str]:
    """Why these jobs are not confirmed, a sentence each."""
    reasons: list[str] = []
    for job in jobs:
        state = states.get(job.id)
        if state is None:
            reasons.append(f"{job.title}: not begun, since what it needs was not confirmed")
            continue
        why = [
            *state.reasons,
            *(
                f"{flaw.criterion}: {flaw.why}" if flaw.criterion else flaw.why
                for flaw in latest_flaws(state)
            ),
        ]
        reasons += [f"{job.title}: {reason}" for reason in dict.fromkeys(why)]
    return reasons


def as_expected(
    value: dict[str, Any],
    expect: type[BaseModel] | None,
    evidence: tuple[Evidence, ...],
    confirm: Confirm | None,
) -> Confirmed[Any] | Unverified:
    """Confirmed results as the model that the user expects; unverified where they do not make one."""
    if expect is None:
        return Confirmed(value, evidence, confirm=confirm)
    if PREFERRED not in expect.model_fields:
        value = {key: item for key, item in value.items() if key != PREFERRED}
    try:
        return Confirmed(expect.model_validate(value), evidence, confirm=confirm)
    except ValidationError as error:
        missing = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5]
        )
        why = f"The confirmed results do not make a {expect.__name__}: {missing}"
        return Unverified(value, (why,), evidence=evidence)
