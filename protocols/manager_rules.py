"""The manager's half of the protocol: what each event does to a task that the manager keeps.

`MANAGER_RULES` is the table: for a status and an event, the function that runs, the
statuses it can lead to, and a sentence. What is not in the table is illegal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .manager_handlers import (
    after_the_end,
    answered,
    asked,
    called_off,
    cancelled,
    child_ended,
    gave_up,
    handed_back,
    hold,
    ignore,
    judged,
    order,
    overruled,
    paused,
    redone,
    release,
    release_stranger,
    reopened,
    reported,
    resolved,
    resumed,
    sign_of_life,
    taken_over,
    ticked,
    verifier_lost,
    waived,
    worker_lost,
)
from .manager_steps import Step, violation
from .messages import Envelope
from .records import replace
from .tasks import TERMINAL, Event, ManagerStatus, ManagerTask, PersonAct

ManagerHandler = Callable[[ManagerTask, Event], Step]


@dataclass(frozen=True)
class ManagerRule:
    """One row of the table: the function, the statuses it can lead to, and what it does in words."""

    run: ManagerHandler
    to: tuple[ManagerStatus, ...]
    does: str


OWN = frozenset({"assign", "redo", "resolve", "answer"})
FROM_WORKER = frozenset({"accept", "decline", "progress", "ask", "report", "failed"})
HELD = FROM_WORKER | {"verdict", "worker_lost", "verifier_lost", "child_end", "reopen"}


def advance_manager(
    state: ManagerTask, event: Event, rules: Mapping[tuple[str, str], ManagerRule] | None = None
) -> Step:
    """Apply one event to the manager's state.

    Raises:
        ProtocolViolation: The event is not legal in this state. Nothing has changed.
    """
    table = MANAGER_RULES if rules is None else rules
    key = classify(state, event)
    rule = table.get((state.status, key))
    if rule is None:
        raise violation(state, key, "No row of the table allows it.")
    if state.status == "paused" and key in HELD:
        _drain(replace(state, status=state.paused_in, held=(*state.held, event)), table)
    state, effects = rule.run(state, event)
    if state.held and state.status != "paused" and state.status not in TERMINAL:
        state, more = _drain(state, table)
        effects += more
    return state, effects


def _drain(state: ManagerTask, table: Mapping[tuple[str, str], ManagerRule]) -> Step:
    held, effects = state.held, ()
    state = replace(state, held=())
    for event in held:
        state, more = advance_manager(state, event, table)
        effects += more
    return state, effects


def classify(state: ManagerTask, event: Event) -> str:
    """Name the row of the table for an event; refuse what nobody may say here."""
    if not isinstance(event, Envelope):
        return event.act.kind if isinstance(event, PersonAct) else event.kind
    kind = event.body.kind
    if event.run != state.run:
        raise violation(state, kind, f"It belongs to run {event.run!r}.")
    if event.task != state.task:
        if kind in {"confirm", "failed"} and any(child.task == event.task for child in state.children):
            return "child_end"
        raise violation(state, kind, f"It belongs to task {event.task!r}.")
    if kind in OWN:
        return _own(state, event)
    if kind == "cancel" and event.sender == state.owner:
        return kind if event.generation >= state.generation else "late"
    if kind in FROM_WORKER and event.sender not in {state.name, state.verifier}:
        return _placed(state, event)
    if kind == "verdict" and event.sender == state.verifier:
        return _placed(state, event)
    raise violation(state, kind, f"{event.sender!r} may not say it.")


def _own(state: ManagerTask, event: Envelope) -> str:
    if event.sender != state.name:
        raise violation(state, event.kind, f"Only {state.name!r} may say it, not {event.sender!r}.")
    place = (state.generation, state.attempt + (state.status == "disposing" and event.kind == "redo"))
    if (event.generation, event.attempt) != place:
        raise violation(state, event.kind, f"It is for attempt {event.attempt}, not {place[1]}.")
    return event.kind


def _placed(state: ManagerTask, event: Envelope) -> str:
    """Tell late messages from current ones; nobody can speak about an attempt that was not ordered."""
    place, current = (event.generation, event.attempt), (state.generation, state.attempt)
    if place < current:
        return "late"
    if place > current or (state.order is None and event.kind in FROM_WORKER):
        raise violation(state, event.kind, f"Attempt {event.attempt} was not ordered.")
    if state.order and event.kind in FROM_WORKER and event.sender != state.order.recipient:
        raise violation(state, event.kind, f"Attempt {event.attempt} was not ordered from {event.sender!r}.")
    return event.kind


# --- the table ------------------------------------------------------------------------

_R = ManagerRule
_NEXT: tuple[ManagerStatus, ...] = ("not_done", "unverified")
_VERIFY: tuple[ManagerStatus, ...] = ("verifying", "waiting", "unverified")
_WEIGH: tuple[ManagerStatus, ...] = (
    "confirmed", "disposing", "verifying", "not_done", "unverified", "waiting",
)  # fmt: skip
_OPEN: tuple[ManagerStatus, ...] = (
    "not_done", "assigned", "working", "verifying", "disposing", "waiting",
)  # fmt: skip
_STATUSES: tuple[ManagerStatus, ...] = (*_OPEN, "paused", "confirmed", "unverified", "failed", "cancelled")


def _same(status: ManagerStatus) -> tuple[ManagerStatus, ...]:
    return (status,)


_TICKED: dict[ManagerStatus, tuple[ManagerStatus, ...]] = {
    "not_done": _NEXT,
    "assigned": ("assigned", *_NEXT),
    "working": ("working", *_NEXT),
    "verifying": ("verifying", "unverified"),
    "disposing": ("disposing", *_NEXT),
    "waiting": ("waiting", "unverified"),
}
_LOST: dict[ManagerStatus, tuple[ManagerStatus, ...]] = {
    "not_done": ("not_done",),
    "assigned": ("assigned", *_NEXT),
    "working": ("working", *_NEXT),
    "verifying": ("verifying",),
    "disposing": ("disposing",),
    "waiting": ("waiting", *_NEXT),
}


def _table() -> dict[tuple[str, str], ManagerRule]:
    rules: dict[tuple[str, str], ManagerRule] = {
        ("not_done", "assign"): _R(order, ("assigned", "unverified"), "send it; wait for the accept"),
        ("not_done", "redo"): _R(order, ("assigned", "unverified"), "send it; wait for the accept"),
        ("assigned", "accept"): _R(sign_of_life, ("working",), "the work has begun"),
        ("assigned", "progress"): _R(sign_of_life, ("working",), "the work has begun (the accept was lost)"),
        ("working", "progress"): _R(sign_of_life, ("working",), "start the timer anew"),
        ("working", "accept"): _R(ignore, ("working",), "repeated"),
        ("verifying", "verdict"): _R(judged, _WEIGH, "weigh it; a pass mints the confirm"),
        ("verifying", "verifier_lost"): _R(verifier_lost, ("verifying", "unverified"), "ask anew, boundedly"),
        ("disposing", "resolve"): _R(resolved, ("verifying",), "verify again with the new evidence"),
        ("disposing", "waive"): _R(waived, _WEIGH, "drop the anomaly; with the last one, weigh the findings"),
        ("disposing", "redo"): _R(redone, ("assigned", "unverified"), "the anomalies count as a fail"),
        ("waiting", "answer"): _R(answered, ("working",), "send the answer"),
        ("waiting", "overrule"): _R(overruled, _WEIGH, "the person's finding counts; weigh it"),
        ("waiting", "hand_back"): _R(handed_back, (*_VERIFY, "not_done"), "verify the person's result"),
        ("paused", "resume"): _R(resumed, (*_OPEN, "unverified", "confirmed", "failed"), "then apply it"),
        ("paused", "tick"): _R(ticked, ("paused", "unverified"), "read the meter"),
        ("paused", "cancel"): _R(cancelled, ("cancelled",), "tell the worker and the verifier"),
    }  # fmt: skip
    for status in ("assigned", "working", "waiting"):
        again = _same(status) if status == "waiting" else ()
        repeat = () if status == "assigned" else _same(status)
        rules |= {
            (status, "ask"): _R(asked, ("waiting", *repeat, *_NEXT), "decide on an answer, or repeat it"),
            (status, "report"): _R(reported, _VERIFY, "verify it, once the children are done"),
            (status, "decline"): _R(gave_up, (*_NEXT, *again), "void the attempt; assign anew"),
            (status, "failed"): _R(gave_up, (*_NEXT, "failed", *again), "void the attempt, or end"),
            (status, "verdict"): _R(ignore, _same(status), "late"),
            (status, "verifier_lost"): _R(ignore, _same(status), "nothing is being verified"),
        }
    for status in ("verifying", "disposing"):
        rules |= {
            (status, key): _R(release_stranger, _same(status), "repeated or overtaken") for key in FROM_WORKER
        }
    rules |= {
        ("waiting", key): _R(called_off, ("waiting",), "repeated or overtaken")
        for key in ("accept", "progress")
    }
    rules |= {
        (status, "verifier_lost"): _R(ignore, _same(status), "late") for status in ("not_done", "disposing")
    }
    rules |= {("disposing", "verdict"): _R(ignore, ("disposing",), "repeated")}
    for status in _OPEN:
        rules |= {
            (status, "late"): _R(release, _same(status), "changes nothing; its sender is told to stop"),
            (status, "tick"): _R(ticked, _TICKED[status], "send again; in the end give up"),
            (status, "worker_lost"): _R(worker_lost, _LOST[status], "void the attempt, if unreported"),
            (status, "cancel"): _R(cancelled, ("cancelled",), "tell the worker and the verifier"),
            (status, "pause"): _R(paused, ("paused",), "stop the timer"),
            (status, "take_over"): _R(taken_over, ("waiting",), "call the worker off; wait for the person"),
            (status, "child_end"): _R(
                child_ended,
                _VERIFY if status == "waiting" else _same(status),
                "verify once all are confirmed",
            ),
            (status, "reopen"): _R(
                reopened, ("not_done", *_same(status)), "what it consumed was re-opened: new generation"
            ),
        }
    rules |= {("paused", key): _R(hold, ("paused",), "held until the task goes on") for key in HELD}
    rules |= {("paused", "late"): _R(release, ("paused",), "changes nothing; its sender is told to stop")}
    for status in ("confirmed", "unverified", "failed", "cancelled"):
        rules |= {
            (status, key): _R(after_the_end, _same(status), "say the last word again") for key in FROM_WORKER
        }
        rules |= {
            (status, key): _R(ignore, _same(status), "late")
            for key in ("verdict", "tick", "worker_lost", "verifier_lost", "cancel")
        }
        rules |= {
            (status, "late"): _R(release, _same(status), "changes nothing; its sender is told to stop"),
            (status, "child_end"): _R(child_ended, _same(status), "take note"),
            (status, "reopen"): _R(reopened, ("not_done", *_same(status)), "begin a new generation"),
        }
    rank = {str(status): number for number, status in enumerate(_STATUSES)}
    return {key: rules[key] for key in sorted(rules, key=lambda key: (rank[key[0]], key[1]))}


MANAGER_RULES: Mapping[tuple[str, str], ManagerRule] = _table()
"""The table: (status, event) to rule."""
