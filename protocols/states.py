"""The state machine of verify and redo: one pure function, `advance`, for manager and worker.

A loop that drives it: append the event to the journal, call `advance`, keep the new state,
carry out the effects in order. Restart: apply the journalled events again, then `wake`.

What this does not cover: what the messages say (the model's business), and whether a
verifier judges well. Silence is covered only as far as the caller feeds back the `Tick`s it
was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from pydantic import TypeAdapter, ValidationError

from .errors import BudgetOverdrawn, ProtocolViolation
from .manager_rules import MANAGER_RULES, advance_manager
from .manager_steps import wake_manager
from .messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Decline,
    Failed,
    HandBack,
    Message,
    Progress,
    Redo,
    Report,
    Resolve,
    TakeOver,
    Verdict,
    Waive,
)
from .records import replace
from .tasks import (
    TERMINAL,
    Child,
    Decide,
    Decision,
    Effect,
    Event,
    Finish,
    Flaw,
    GiveAnswer,
    Limits,
    ManagerStatus,
    ManagerTask,
    Overrule,
    Patience,
    Pause,
    PersonAct,
    Reopen,
    Resume,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Supersede,
    Tick,
    VerifierLost,
    Work,
    WorkerLost,
    WorkerStatus,
    WorkerTask,
    draft,
    event_time,
)
from .worker_rules import WORKER_RULES, advance_worker

__all__ = [
    "MANAGER_RULES",
    "TERMINAL",
    "WORKER_RULES",
    "Child",
    "Decide",
    "Decision",
    "Effect",
    "Event",
    "Finish",
    "Flaw",
    "GiveAnswer",
    "Limits",
    "ManagerStatus",
    "ManagerTask",
    "Overrule",
    "Patience",
    "Pause",
    "PersonAct",
    "ProtocolViolation",
    "Reopen",
    "Resume",
    "Schedule",
    "Send",
    "StartWork",
    "StopWork",
    "Supersede",
    "Tick",
    "VerifierLost",
    "Work",
    "WorkerLost",
    "WorkerStatus",
    "WorkerTask",
    "advance",
    "advance_manager",
    "advance_worker",
    "descendants",
    "draft",
    "dump_event",
    "event_time",
    "legal_messages",
    "load_event",
    "state_table",
    "wake",
    "with_children",
]


@overload
def advance(state: ManagerTask, event: Event) -> tuple[ManagerTask, tuple[Effect, ...]]: ...
@overload
def advance(state: WorkerTask, event: Event) -> tuple[WorkerTask, tuple[Effect, ...]]: ...
def advance(
    state: ManagerTask | WorkerTask, event: Event
) -> tuple[ManagerTask | WorkerTask, tuple[Effect, ...]]:
    """Apply one event to one party's state of a task. Pure: the same arguments give the same answer.

    Repeated and late events are recognised and change nothing.

    Returns:
        The new state, and what is to be done, in order.

    Raises:
        ProtocolViolation: The event is not legal in this state. Nothing has changed.
    """
    if isinstance(state, ManagerTask):
        return advance_manager(state, event)
    return advance_worker(state, event)


@overload
def wake(state: ManagerTask, now: float) -> tuple[ManagerTask, tuple[Effect, ...]]: ...
@overload
def wake(state: WorkerTask, now: float) -> tuple[WorkerTask, tuple[Effect, ...]]: ...
def wake(state: ManagerTask | WorkerTask, now: float) -> tuple[ManagerTask | WorkerTask, tuple[Effect, ...]]:
    """What to do about a task after its process was restarted.

    A manager sends what is pending again and takes up the decision it owes. A worker says
    that its attempt was interrupted: unfinished work is never continued.
    """
    if isinstance(state, ManagerTask):
        return wake_manager(state, now)
    return advance_worker(state, WorkerLost(now=now, worker=state.name))


def legal_messages(state: ManagerTask | WorkerTask, role: str) -> tuple[type[Message], ...]:
    """The messages that `role` may say now, for the grammar under which its model decodes.

    Args:
        state: The manager's state for the roles "manager", "verifier" and "person"; the
            worker's state for "worker".
        role: One of these four.

    Raises:
        ValueError: There is no such role, or it does not go with this state.
    """
    if isinstance(state, WorkerTask):
        if role != "worker":
            raise ValueError(f"a worker's state says nothing about the role {role!r}")
        if state.status != "working":
            return ()
        said: tuple[Any, ...] = (Progress, Report, Failed, Decline)
        return said if state.question else (*said, Ask)
    legal = _LEGAL.get(role)
    if legal is None:
        raise ValueError(f"a manager's state says nothing about the role {role!r}")
    return legal(state)


def _manager_may(state: ManagerTask) -> tuple[Any, ...]:
    if state.status == "not_done":
        return (Redo, Assign) if state.needs == "redo" else (Assign,)
    if state.status == "disposing":
        again = (Redo,) if state.worker else ()
        return (Resolve, *again) if state.resolves < state.limits.resolves else again
    return (Answer,) if state.waiting_for == "answer" and state.status == "waiting" else ()


def _verifier_may(state: ManagerTask) -> tuple[Any, ...]:
    return (Verdict,) if state.status == "verifying" else ()


def _person_may(state: ManagerTask) -> tuple[Any, ...]:
    if state.status in TERMINAL:
        return ()
    if state.status == "paused":
        return (Cancel,)
    acts: tuple[Any, ...] = (Cancel,)
    if state.waiting_for == "person":
        return (*acts, HandBack)
    acts = (*acts, TakeOver)
    if state.waiting_for == "answer":
        acts = (*acts, Answer)
    return (*acts, Waive) if state.status == "disposing" else acts


_LEGAL: dict[str, Callable[[ManagerTask], tuple[Any, ...]]] = {
    "manager": _manager_may,
    "verifier": _verifier_may,
    "person": _person_may,
}


def with_children(state: ManagerTask, children: tuple[Child, ...]) -> ManagerTask:
    """Give a task its subtasks: it is verified only when all of them are confirmed.

    Raises:
        BudgetOverdrawn: Together they are promised more than the task has left.
        ProtocolViolation: The task has ended or is being verified.
    """
    if state.status in TERMINAL or state.report is not None:
        raise ProtocolViolation(
            "manager", state.task, state.status, "children", "It is too late for subtasks."
        )
    left = None if state.limits.budget is None else state.limits.budget - state.spent
    promised = sum(child.budget for child in children)
    if left is not None and promised > left:
        raise BudgetOverdrawn(state.task, promised, left)
    return replace(state, children=children)


def descendants(consumers: dict[str, tuple[str, ...]], task: str) -> tuple[str, ...]:
    """Every task that consumed the artifact of `task`, directly or through others, nearest first.

    Args:
        consumers: For a task, the tasks that use its artifact (its parent among them).
        task: The one that is re-opened.
    """
    found: list[str] = []
    todo = list(consumers.get(task, ()))
    while todo:
        near = todo.pop(0)
        if near not in found and near != task:
            found.append(near)
            todo.extend(consumers.get(near, ()))
    return tuple(found)


_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


def dump_event(event: Event) -> dict[str, Any]:
    """The event as JSON, for the journal."""
    return event.model_dump(mode="json")


def load_event(data: object) -> Event:
    """Read an event that `dump_event` wrote.

    Raises:
        ValueError: It is none.
    """
    try:
        return _EVENTS.validate_python(data)
    except ValidationError as error:
        raise ValueError(f"not an event of the protocol: {error.errors()[0]['msg']}") from error


def state_table() -> str:
    """Both tables as Markdown, made from the rules that run."""
    parts: list[str] = []
    for title, rules in (("Manager", MANAGER_RULES), ("Worker", WORKER_RULES)):
        parts += [f"### {title}", "", "| status | event | leads to | what happens |", "|---|---|---|---|"]
        rows: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
        for (status, event), rule in rules.items():
            rows.setdefault((status, tuple(dict.fromkeys(rule.to)), rule.does), []).append(event)
        for (status, to, does), events in rows.items():
            parts.append(f"| {status} | {', '.join(events)} | {', '.join(to)} | {does} |")
        parts.append("")
    return "\n".join(parts)
