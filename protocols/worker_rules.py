"""The worker's half of the protocol: what each event does to a task that a worker keeps.

A worker never decides that it is done: it reports, and stays `reported` until the manager
confirms, redoes or cancels, or until its patience ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .enclosing import enclose
from .errors import ProtocolViolation
from .messages import (
    Accept,
    Ask,
    Assign,
    Decline,
    Envelope,
    Failed,
    Message,
    Progress,
    Redo,
    Report,
    message_id,
)
from .records import replace
from .tasks import (
    Effect,
    Event,
    Finish,
    GiveAnswer,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Tick,
    WorkerLost,
    WorkerStatus,
    WorkerTask,
    event_time,
)

Step = tuple[WorkerTask, tuple[Effect, ...]]
WorkerHandler = Callable[[WorkerTask, Event], Step]
WorkerStep = Step


@dataclass(frozen=True)
class WorkerRule:
    """One row of the table: the function, the statuses it can lead to, and what it does in words."""

    run: WorkerHandler
    to: tuple[WorkerStatus, ...]
    does: str


OWN = frozenset({"decline", "progress", "ask", "report", "failed"})
ORDERS = frozenset({"assign", "redo"})
FROM_MANAGER = ORDERS | {"answer", "confirm", "cancel"}


def advance_worker(
    state: WorkerTask, event: Event, rules: Mapping[tuple[str, str], WorkerRule] | None = None
) -> Step:
    """Apply one event to the worker's state.

    Raises:
        ProtocolViolation: The event is not legal in this state. Nothing has changed.
    """
    key = _classify(state, event)
    rule = (WORKER_RULES if rules is None else rules).get((state.status, key))
    if rule is None:
        raise _violation(state, key, "No row of the table allows it.")
    return rule.run(state, event)


def _violation(state: WorkerTask, event: str, why: str) -> ProtocolViolation:
    return ProtocolViolation("worker", state.task, state.status, event, why)


def _classify(state: WorkerTask, event: Event) -> str:
    """Name the row of the table for an event: new, repeated or late; refuse what nobody may say here."""
    if not isinstance(event, Envelope):
        if isinstance(event, Tick | WorkerLost):
            return event.kind
        raise _violation(state, event.kind, "Workers hear of it from the manager only.")
    kind, place, current = event.kind, (event.generation, event.attempt), (state.generation, state.attempt)
    if (event.run, event.task) != (state.run, state.task):
        raise _violation(state, kind, f"It belongs to task {event.task!r} of run {event.run!r}.")
    if kind in OWN and event.sender == state.name:
        if place > current:
            raise _violation(state, kind, f"Attempt {event.attempt} was not ordered.")
        return kind if place == current else "late"
    if kind not in FROM_MANAGER or event.recipient != state.name:
        raise _violation(state, kind, f"{event.sender!r} may not say it to {state.name!r}.")
    if place < current:
        return "late"
    if kind in ORDERS:
        return "repeated" if place == current else kind
    # A worker that has forgotten the attempt, or whose order was overtaken, must not begin it later.
    return "cancel" if place > current and kind == "confirm" else kind


# --- parts ----------------------------------------------------------------------------


def _reply(state: WorkerTask, body: Message, at: float, *, number: int = 0) -> Send:
    if state.order is None:
        raise _violation(state, body.kind, "There is no order to reply to.")
    envelope = enclose(
        body,
        id=message_id(state.task, state.generation, state.attempt, body.kind, number),
        run=state.run,
        task=state.task,
        attempt=state.attempt,
        generation=state.generation,
        sender=state.name,
        recipient=state.order.sender,
        sent_at=at,
        in_reply_to=state.order.id,
        trace=state.trace,
    )
    return Send(envelope)


def _arm(state: WorkerTask, seconds: float, **changes: Any) -> tuple[WorkerTask, Schedule]:
    """Start a new timer, and change other fields with it; neither attempt nor generation."""
    timer = f"{state.task}.{state.name}.{state.generation:03d}.{state.attempt:03d}.{state.arms + 1}"
    return replace(state, timer=timer, arms=state.arms + 1, **changes), Schedule(timer, seconds)


_IDLE: dict[str, Any] = {
    "status": "idle", "question": None, "report": None, "last_word": None, "resends": 0, "timer": "",
}  # fmt: skip
"""What a worker forgets with an attempt."""


def _idle(state: WorkerTask, **changes: Any) -> WorkerTask:
    return replace(state, **(_IDLE | changes))


# --- handlers -------------------------------------------------------------------------


def ignore(state: WorkerTask, event: Event) -> Step:
    """Late, repeated or harmless: nothing changes."""
    return state, ()


def ordered(state: WorkerTask, event: Event) -> Step:
    """Begin a new attempt; whatever was being done before is dropped."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Assign | Redo):
        raise _violation(state, event.kind, "It is not an order.")
    stop: tuple[Effect, ...] = (StopWork("a newer order came"),) if state.status == "working" else ()
    brief = event if isinstance(event.body, Assign) else state.brief
    state = _idle(state, generation=event.generation, attempt=event.attempt, order=event, asks=0, notes=0)
    if brief is None or brief.generation != event.generation:
        word = _reply(state, Decline(reason="I do not hold this task: assign it"), event.sent_at)
        return replace(state, last_word=word.envelope), (*stop, word)
    state, timer = _arm(state, state.patience.beat_seconds, status="working", brief=brief)
    return state, (*stop, _reply(state, Accept(), event.sent_at), StartWork(brief, event), timer)


def repeated(state: WorkerTask, event: Event) -> Step:
    """The order came again: say again what was said last."""
    if state.status == "reported" and state.report:
        return state, (Send(state.report),)
    if state.status == "idle":
        return state, (Send(state.last_word),) if state.last_word else ()
    again = Send(state.question) if state.question else _reply(state, Accept(), event_time(event))
    return state, (again,)


def said(state: WorkerTask, event: Event) -> Step:
    """The work says something: a note, a question, a report, or that it gives up."""
    if not isinstance(event, Envelope):
        raise _violation(state, event.kind, "It is not a message.")
    body = event.body
    if isinstance(body, Report):
        send = _reply(state, body, event.sent_at)
        state = _idle(state, status="reported", report=send.envelope)
        state, timer = _arm(state, state.patience.resend_seconds)
        return state, (send, timer)
    if isinstance(body, Progress):
        state = replace(state, notes=state.notes + 1)
        return state, (_reply(state, body, event.sent_at, number=state.notes),)
    if isinstance(body, Ask):
        if state.question:
            raise _violation(state, event.kind, "Another question is open.")
        send = _reply(state, body, event.sent_at, number=state.asks + 1)
        return replace(state, asks=state.asks + 1, question=send.envelope), (send,)
    send = _reply(state, body, event.sent_at)
    return _idle(state, last_word=send.envelope), (send,)


def answered(state: WorkerTask, event: Event) -> Step:
    """Give the work its answer, once."""
    if not isinstance(event, Envelope) or state.question is None or event.in_reply_to != state.question.id:
        return ignore(state, event)
    return replace(state, question=None), (GiveAnswer(event),)


def confirmed(state: WorkerTask, event: Event) -> Step:
    """The manager has confirmed this attempt: the task is over for the worker."""
    stop: tuple[Effect, ...] = (StopWork("it was confirmed"),) if state.status == "working" else ()
    return _idle(state), (*stop, Finish("confirmed"))


def cancelled(state: WorkerTask, event: Event) -> Step:
    """Stop. An order of this attempt that was overtaken by its cancel will not be begun."""
    if not isinstance(event, Envelope):
        raise _violation(state, event.kind, "It is not a message.")
    stop: tuple[Effect, ...] = (StopWork("it was cancelled"),) if state.status == "working" else ()
    done: tuple[Effect, ...] = (Finish("cancelled"),) if state.status != "idle" else ()
    return _idle(state, generation=event.generation, attempt=event.attempt), (*stop, *done)


def ticked(state: WorkerTask, event: Event) -> Step:
    """Give a sign of life, or report again; at the end of patience let go."""
    if not isinstance(event, Tick) or not state.timer or event.timer != state.timer:
        return ignore(state, event)
    if state.status == "working":
        state = replace(state, notes=state.notes + 1)
        beat = _reply(state, Progress(note="at work"), event.now, number=state.notes)
        state, timer = _arm(state, state.patience.beat_seconds)
        return state, (beat, timer)
    if state.report is None or state.resends >= state.patience.resends:
        return _idle(state, last_word=state.report), ()
    state, timer = _arm(state, state.patience.resend_seconds, resends=state.resends + 1)
    return state, (Send(state.report), timer) if state.report else (timer,)


def restarted(state: WorkerTask, event: Event) -> Step:
    """The worker came back after it had died: unfinished work is not continued, a report is said again."""
    if not isinstance(event, WorkerLost) or event.worker != state.name:
        raise _violation(state, event.kind, "Another worker was lost.")
    if state.status == "reported" and state.report:
        state, timer = _arm(state, state.patience.resend_seconds)
        return state, (Send(state.report), timer) if state.report else (timer,)
    if state.status == "idle":
        return state, ()
    word = _reply(
        state, Failed(error="WorkerLost", message=f"{state.name} died at work and came back"), event.now
    )
    return _idle(state, last_word=word.envelope), (word,)


# --- the table ------------------------------------------------------------------------

_R = WorkerRule
_ORDER: tuple[WorkerStatus, ...] = ("working", "idle")
_STATUSES: tuple[WorkerStatus, ...] = ("idle", "working", "reported")


def _table() -> dict[tuple[str, str], WorkerRule]:
    rules: dict[tuple[str, str], WorkerRule] = {
        ("working", "decline"): _R(said, ("idle",), "send it"),
        ("working", "failed"): _R(said, ("idle",), "send it"),
        ("working", "progress"): _R(said, ("working",), "send it"),
        ("working", "ask"): _R(said, ("working",), "send it; one question is open at a time"),
        ("working", "report"): _R(said, ("reported",), "send it; wait for confirm, redo or cancel"),
        ("working", "answer"): _R(answered, ("working",), "give it to the work, once"),
        ("working", "tick"): _R(ticked, ("working",), "send a sign of life"),
        ("reported", "tick"): _R(ticked, ("reported", "idle"), "report again; at the end of patience let go"),
        ("idle", "tick"): _R(ignore, ("idle",), "late"),
        ("working", "worker_lost"): _R(restarted, ("idle",), "say that the attempt was interrupted"),
        ("reported", "worker_lost"): _R(restarted, ("reported",), "report again"),
        ("idle", "worker_lost"): _R(restarted, ("idle",), "nothing was lost"),
    }
    rules |= {("idle", kind): _R(ignore, ("idle",), "the work was stopped") for kind in OWN}
    rules["reported", "progress"] = _R(ignore, ("reported",), "late")
    for status in _STATUSES:
        rules |= {
            (status, kind): _R(ordered, _ORDER, "begin; decline a redo of what is not held")
            for kind in ORDERS
        }
        rules |= {
            (status, "repeated"): _R(repeated, (status,), "say again what was said last"),
            (status, "late"): _R(ignore, (status,), "of an earlier attempt"),
            (status, "confirm"): _R(confirmed if status != "idle" else ignore, ("idle",), "it is over"),
            (status, "cancel"): _R(cancelled, ("idle",), "stop"),
        }
        if status != "working":
            rules[status, "answer"] = _R(ignore, (status,), "late")
    rank = {str(status): number for number, status in enumerate(_STATUSES)}
    return {key: rules[key] for key in sorted(rules, key=lambda key: (rank[key[0]], key[1]))}


WORKER_RULES: Mapping[tuple[str, str], WorkerRule] = _table()
"""The table: (status, event) to rule."""
