"""The state of a task as manager and worker keep it, what can happen to it, and what follows.

States are values: `advance` (in `states.py`) makes new ones and changes none. Events are
records that can be journalled; effects are data that the caller carries out, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from .enclosing import enclose
from .errors import BudgetOverdrawn
from .messages import (
    Anomaly,
    Answer,
    Ask,
    Assign,
    Cancel,
    Confirm,
    Decline,
    Envelope,
    Failed,
    Finding,
    Frozen,
    HandBack,
    Progress,
    Redo,
    Report,
    Resolve,
    SpecText,
    TakeOver,
    Text,
    Waive,
    message_id,
)

ManagerStatus = Literal[
    "not_done",
    "assigned",
    "working",
    "verifying",
    "disposing",
    "waiting",
    "paused",
    "confirmed",
    "unverified",
    "failed",
    "cancelled",
]
WorkerStatus = Literal["idle", "working", "reported"]
TERMINAL: frozenset[str] = frozenset({"confirmed", "unverified", "failed", "cancelled"})
"""Statuses of the manager that only a re-opening leaves."""


# --- events ---------------------------------------------------------------------------


class Tick(Frozen):
    """Time has passed, or the meter was read.

    Attributes:
        now: Seconds since 1970.
        timer: Name of the timer that ran out (`Schedule`), or "" for a reading only. A timer
            that is no longer the task's current one is ignored.
        spent: Units of budget used by this task so far, or None.
    """

    kind: Literal["tick"] = "tick"
    now: float
    timer: str = ""
    spent: Annotated[int, Field(ge=0)] | None = None


class WorkerLost(Frozen):
    """To the manager: this worker is gone. To a worker: its earlier incarnation died while it worked."""

    kind: Literal["worker_lost"] = "worker_lost"
    now: float
    worker: Text


class VerifierLost(Frozen):
    """The verifier will not answer the verification that is pending."""

    kind: Literal["verifier_lost"] = "verifier_lost"
    now: float
    verifier: Text


class Pause(Frozen):
    """A person stops the task where it is; what arrives meanwhile is held."""

    kind: Literal["pause"] = "pause"


class Resume(Frozen):
    """A person lets a paused task go on."""

    kind: Literal["resume"] = "resume"


class Reopen(Frozen):
    """An ended task is to be done again as a new generation, or something that it consumed is.

    Attributes:
        upstream: Task that was re-opened and whose artifact this task consumed, or a plan, `RUN.TASK/TRIAL/`,
            that was edited below this task; "" when this task itself is the first.
        generation: The upstream task's new generation.
    """

    kind: Literal["reopen"] = "reopen"
    reason: Text
    upstream: str = ""
    generation: int = 0


class Overrule(Frozen):
    """A person decides about a criterion that the verifier could not check, or that failed for the last time.

    Attributes:
        criterion: Its name.
        outcome: What the person finds; it stands in the verdict as theirs.
        reason: Why, in a sentence.
    """

    kind: Literal["overrule"] = "overrule"
    criterion: Text
    outcome: Literal["pass", "fail"]
    reason: Text


class PersonAct(Frozen):
    """A person intervenes.

    Attributes:
        person: Who; recorded.
        now: Seconds since 1970.
    """

    kind: Literal["person"] = "person"
    person: Text
    now: float
    act: Annotated[
        Answer | Waive | TakeOver | HandBack | Cancel | Pause | Resume | Reopen | Overrule,
        Field(discriminator="kind"),
    ]


Event = Envelope | Tick | WorkerLost | VerifierLost | PersonAct


# --- effects --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Journal the envelope, then hand it to the transport. Its id is the same when it is sent again."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Schedule:
    """After `seconds`, feed back `Tick(now, timer)`. Replaces the task's earlier timer."""

    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Decide:
    """The manager is to draft a message: an order (`assign`, `redo`), `dispose` of anomalies, or `answer`.

    `overrule`: a person is to decide about what could not be verified.
    """

    what: Literal["assign", "redo", "dispose", "answer", "overrule"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class StartWork:
    """The worker begins an attempt: `brief` has task and spec, `order` is the brief or the redo."""

    brief: Envelope
    order: Envelope


@dataclass(frozen=True, slots=True)
class StopWork:
    """The worker stops the attempt it is at; nothing it still produces for it counts."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveAnswer:
    """The worker's question is answered; work goes on."""

    answer: Envelope


@dataclass(frozen=True, slots=True)
class Supersede:
    """Feed `Reopen(upstream=task, generation=...)` to every task that consumed this task's artifact."""

    task: str
    generation: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The task has ended; `confirmed` only together with a confirm."""

    outcome: Literal["confirmed", "unverified", "failed", "cancelled"]
    reasons: tuple[str, ...] = ()


Effect = Send | Schedule | Decide | StartWork | StopWork | GiveAnswer | Supersede | Finish


# --- states ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long, per task.

    Attributes:
        attempts: Orders that may come to nothing (refused, declined, failed) per generation.
        losses: Orders that may be lost with their worker, per generation; these do not count as attempts.
        resends: Times an unanswered message is sent again before its recipient counts as lost.
        breakdowns: Failures of the verifier that are tolerated in an attempt.
        resolves: Anomalies that may be argued in an attempt.
        asks: Questions that a worker may ask in an attempt.
        budget: Units (of the run's choice, e.g. tokens), or None for no limit.
        attended: A person decides where otherwise the task would end unverified over its verdict.
        reply_seconds: Patience for an accept.
        work_seconds: Patience between two signs of life of a working worker.
        verify_seconds: Patience for a verdict.
        dispose_seconds: Patience for the disposal of anomalies; then they count as a fail.
    """

    attempts: int = 3
    losses: int = 10
    resends: int = 3
    breakdowns: int = 2
    resolves: int = 2
    asks: int = 5
    budget: int | None = None
    attended: bool = False
    reply_seconds: float = 30.0
    work_seconds: float = 300.0
    verify_seconds: float = 300.0
    dispose_seconds: float = 3600.0


@dataclass(frozen=True)
class Child:
    """A subtask as its parent sees it.

    Attributes:
        task: Task id.
        budget: Units set aside for it.
        generation: Its current one.
        ended: "" while it runs, else the kind of its last word: `confirm`, `failed` or `cancel`.
    """

    task: str
    budget: int = 0
    generation: int = 1
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What was wrong with an attempt: a criterion's name (or "") and why. Material of the punch list."""

    attempt: int
    criterion: str
    why: str


@dataclass(frozen=True)
class ManagerTask:
    """A task as the manager keeps it. Make one with `ManagerTask(run, task, spec, ...)`.

    Attributes:
        run: Run id.
        task: Task id, unique over runs (`new_id`).
        spec: What is asked.
        name: The manager's own name.
        verifier: Name of the verifier.
        owner: Name of who may cancel by message: the manager of the parent.
        parent: Parent's task id, or "".
        limits: How often and how long.
        children: Subtasks; the task is verified only when all of them are confirmed.
        trace: W3C trace context put on every envelope.
        status: See the table.
        generation: From 1.
        attempt: From 1; the one in progress, or to be ordered next.
        losses: Orders of this generation that were lost with their worker.
        needs: Which order comes next while `not_done`.
        worker: Who has the task, or had the failed attempt; "" when nobody.
        order: The assign or redo of this attempt.
        silence: Times that it, or the pending verification, was sent again.
        report: The report of this attempt.
        reporter: Who made it: the worker, or a person.
        inquiry: The pending or last verify or resolve of this attempt.
        inquiries: Number of them in this attempt.
        breakdowns: Failures of the verifier in this attempt.
        resolves: Anomalies argued in this attempt.
        findings: The last finding per criterion, of this attempt only.
        anomalies: Open ones.
        waived: Those that a person let through in this attempt.
        question: The worker's last question in this attempt.
        answer: The reply to it, once given.
        asks: Number of questions in this attempt.
        waiting_for: Set in `waiting`.
        paused_in: Status to go back to from `paused`.
        held: What arrived while paused.
        timer: Name of the timer that counts, or "".
        arms: Timers set so far.
        spent: Last reading of the meter.
        flaws: What failed so far, oldest first.
        last: The last report of any attempt.
        consumed: Generation last heard of, per upstream task that was re-opened.
        last_word: What the parent was told in the end.
        reasons: Why the task ended as it did.
        confirm: The confirm, when confirmed.
    """

    run: str
    task: str
    spec: SpecText
    name: str = "manager"
    verifier: str = "verifier"
    owner: str = ""
    parent: str = ""
    limits: Limits = Limits()
    children: tuple[Child, ...] = ()
    trace: str = ""
    status: ManagerStatus = "not_done"
    generation: int = 1
    attempt: int = 1
    losses: int = 0
    needs: Literal["assign", "redo"] = "assign"
    worker: str = ""
    order: Envelope | None = None
    silence: int = 0
    report: Report | None = None
    reporter: str = ""
    inquiry: Envelope | None = None
    inquiries: int = 0
    breakdowns: int = 0
    resolves: int = 0
    findings: tuple[Finding, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    waived: tuple[Anomaly, ...] = ()
    question: Envelope | None = None
    answer: Envelope | None = None
    asks: int = 0
    waiting_for: Literal["", "answer", "person", "children", "overrule"] = ""
    paused_in: ManagerStatus | Literal[""] = ""
    held: tuple[Event, ...] = ()
    timer: str = ""
    arms: int = 0
    spent: int = 0
    flaws: tuple[Flaw, ...] = ()
    last: Report | None = None
    consumed: tuple[tuple[str, int], ...] = ()
    last_word: Envelope | None = None
    reasons: tuple[str, ...] = ()
    confirm: Confirm | None = None

    def __post_init__(self) -> None:
        if self.limits.budget is None:
            return
        promised = sum(child.budget for child in self.children)
        if promised > self.limits.budget:
            raise BudgetOverdrawn(self.task, promised, self.limits.budget)

    @property
    def available(self) -> int | None:
        """Units left for this task itself: its budget less what is spent and what children were promised."""
        if self.limits.budget is None:
            return None
        return self.limits.budget - self.spent - sum(child.budget for child in self.children)


@dataclass(frozen=True, slots=True)
class Patience:
    """A worker's timers.

    Attributes:
        beat_seconds: A working worker gives a sign of life this often.
        resend_seconds: A report without a reply is sent again after this long.
        resends: So many times; then the worker lets go of the task.
    """

    beat_seconds: float = 60.0
    resend_seconds: float = 60.0
    resends: int = 5


@dataclass(frozen=True)
class WorkerTask:
    """A task as its worker keeps it. Make one with `WorkerTask(run, task, name)`.

    Attributes:
        run: Run id.
        task: Task id.
        name: The worker's own name.
        patience: Its timers.
        trace: W3C trace context put on every envelope.
        status: See the table.
        generation: Highest seen; 0 before the first order.
        attempt: Highest seen in that generation.
        brief: The last assign: task and spec.
        order: The order of this attempt.
        report: The report of this attempt.
        question: The question that is open.
        last_word: The decline or failure of this attempt, said again when the order comes again.
        asks: Questions asked in this attempt.
        notes: Notes of progress sent in this attempt.
        resends: Times that the report was sent again.
        timer: Name of the timer that counts, or "".
        arms: Timers set so far.
    """

    run: str
    task: str
    name: str
    patience: Patience = Patience()
    trace: str = ""
    status: WorkerStatus = "idle"
    generation: int = 0
    attempt: int = 0
    brief: Envelope | None = None
    order: Envelope | None = None
    report: Envelope | None = None
    question: Envelope | None = None
    last_word: Envelope | None = None
    asks: int = 0
    notes: int = 0
    resends: int = 0
    timer: str = ""
    arms: int = 0


Decision = Assign | Redo | Resolve | Answer
"""What a manager decides to say; everything else the reducer says by itself."""

Work = Decline | Progress | Ask | Report | Failed
"""What a worker's work makes it say; everything else the reducer says by itself."""


def draft(
    state: ManagerTask | WorkerTask, body: Decision | Work, now: float, *, recipient: str = ""
) -> Envelope:
    """Put the next message of a manager or worker in an envelope, to be fed to `advance`.

    Nothing is sent by this: `advance` checks whether it is legal and returns the effect.

    Args:
        state: The task as the sender keeps it.
        body: The message.
        now: Seconds since 1970.
        recipient: Needed for an assign; the others know theirs.
    """
    if isinstance(state, ManagerTask):
        attempt = state.attempt + (state.status == "disposing" and isinstance(body, Redo))
        to = recipient or (state.verifier if isinstance(body, Resolve) else state.worker)
        number = state.inquiries + 1 if isinstance(body, Resolve) else state.asks
        source = state.question.id if isinstance(body, Answer) and state.question else ""
    else:
        attempt = max(state.attempt, 1)
        to = recipient or (state.order.sender if state.order else "manager")
        number = {"ask": state.asks + 1, "progress": state.notes + 1}.get(body.kind, 0)
        source = state.order.id if state.order else ""
    generation = max(state.generation, 1)
    return enclose(
        body, id=message_id(state.task, generation, attempt, body.kind, max(number, 0)), run=state.run,
        task=state.task, attempt=attempt, generation=generation, sender=state.name, recipient=to or "nobody",
        sent_at=now, in_reply_to=source, trace=state.trace,
    )  # fmt: skip


def event_time(event: Event) -> float:
    """Seconds since 1970 at which the event happened, by the clock of its source."""
    return event.sent_at if isinstance(event, Envelope) else event.now
