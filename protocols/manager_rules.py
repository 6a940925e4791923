"""The manager's half of the protocol: what each event does to a task that the manager keeps.

`MANAGER_RULES` is the table: for a status and an event, the function that runs, the
statuses it can lead to, and a sentence. What is not in the table is illegal. Whether a
verdict passes is computed here from its findings, and the confirm is minted here: no other
place makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .errors import ProtocolViolation
from .messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Confirm,
    Decline,
    Envelope,
    Failed,
    HandBack,
    Message,
    Redo,
    Report,
    Resolve,
    Verdict,
    Verify,
    Waive,
    artifact_hash,
    message_id,
    quote_occurs,
)
from .spec import weigh
from .tasks import (
    TERMINAL,
    Child,
    Decide,
    Effect,
    Event,
    Finish,
    Flaw,
    ManagerStatus,
    ManagerTask,
    PersonAct,
    Reopen,
    Schedule,
    Send,
    Supersede,
    Tick,
    WorkerLost,
    event_time,
)

Step = tuple[ManagerTask, tuple[Effect, ...]]
ManagerHandler = Callable[[ManagerTask, Event], Step]


@dataclass(frozen=True)
class ManagerRule:
    """One row of the table: the function, the statuses it can lead to, and what it does in words."""

    run: ManagerHandler
    to: tuple[ManagerStatus, ...]
    does: str


OWN = frozenset({"assign", "redo", "resolve", "answer"})
FROM_WORKER = frozenset({"accept", "decline", "progress", "ask", "report", "failed"})
AT_WORK = frozenset({"accept", "progress", "ask", "report"})
HELD = FROM_WORKER | {"verdict", "worker_lost", "verifier_lost", "child_end", "reopen"}


def advance_manager(
    state: ManagerTask, event: Event, rules: Mapping[tuple[str, str], ManagerRule] | None = None
) -> Step:
    """Apply one event to the manager's state.

    Raises:
        ProtocolViolation: The event is not legal in this state. Nothing has changed.
    """
    table = MANAGER_RULES if rules is None else rules
    key = _classify(state, event)
    rule = table.get((state.status, key))
    if rule is None:
        raise _violation(state, key, "No row of the table allows it.")
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


def _violation(state: ManagerTask, event: str, why: str) -> ProtocolViolation:
    return ProtocolViolation("manager", state.task, state.status, event, why)


def _classify(state: ManagerTask, event: Event) -> str:
    """Name the row of the table for an event; refuse what nobody may say here."""
    if isinstance(event, PersonAct):
        return event.act.kind
    if not isinstance(event, Envelope):
        return event.kind
    kind = event.kind
    if event.run != state.run:
        raise _violation(state, kind, f"It belongs to run {event.run!r}.")
    if event.task != state.task:
        if any(child.task == event.task for child in state.children) and kind in {
            "confirm",
            "failed",
            "cancel",
        }:
            return "child_end"
        raise _violation(state, kind, f"It belongs to task {event.task!r}.")
    if kind in OWN:
        return _own(state, event)
    if kind == "cancel" and event.sender == state.owner:
        return kind if event.generation >= state.generation else "late"
    if kind in FROM_WORKER and event.sender not in {state.name, state.verifier}:
        return _placed(state, event)
    if kind == "verdict" and event.sender == state.verifier:
        return _placed(state, event)
    raise _violation(state, kind, f"{event.sender!r} may not say it.")


def _own(state: ManagerTask, event: Envelope) -> str:
    if event.sender != state.name:
        raise _violation(state, event.kind, f"Only {state.name!r} may say it, not {event.sender!r}.")
    place = (state.generation, state.attempt + (state.status == "disposing" and event.kind == "redo"))
    if (event.generation, event.attempt) != place:
        raise _violation(state, event.kind, f"It is for attempt {event.attempt}, not {place[1]}.")
    return event.kind


def _placed(state: ManagerTask, event: Envelope) -> str:
    """Tell late messages from current ones; nobody can speak about an attempt that was not ordered."""
    place, current = (event.generation, event.attempt), (state.generation, state.attempt)
    if place < current:
        return "late"
    if place > current or state.order is None:
        raise _violation(state, event.kind, f"Attempt {event.attempt} was not ordered.")
    if event.kind in FROM_WORKER and event.sender != state.order.recipient:
        raise _violation(state, event.kind, f"Attempt {event.attempt} was not ordered from {event.sender!r}.")
    return event.kind


# --- parts ----------------------------------------------------------------------------


def _mint(
    state: ManagerTask,
    body: Message,
    recipient: str,
    at: float,
    *,
    number: int = 0,
    about: Envelope | None = None,
) -> Send:
    """Say something by ourselves; `about` is the message it answers, whose attempt it then carries."""
    generation = about.generation if about else state.generation
    attempt = about.attempt if about else state.attempt
    return Send(
        Envelope(
            id=message_id(state.task, generation, attempt, body.kind, number),
            run=state.run,
            task=state.task,
            attempt=attempt,
            generation=generation,
            sender=state.name,
            recipient=recipient,
            sent_at=at,
            in_reply_to=about.id if about else "",
            trace=state.trace,
            body=body,
        )
    )


def _cancel_child(state: ManagerTask, child: Child, cancel: Cancel, at: float) -> Send:
    envelope = Envelope(
        id=message_id(child.task, child.generation, 1, "cancel", 4),
        run=state.run,
        task=child.task,
        attempt=1,
        generation=child.generation,
        sender=state.name,
        recipient=state.name,
        sent_at=at,
        trace=state.trace,
        body=cancel,
    )
    return Send(envelope)


def _arm(state: ManagerTask, seconds: float) -> tuple[ManagerTask, Schedule]:
    """Start a new timer; the earlier one no longer counts."""
    timer = f"{state.task}.{state.generation:03d}.{state.attempt:03d}.{state.arms + 1}"
    return replace(state, timer=timer, arms=state.arms + 1), Schedule(timer, seconds)


def _patience(state: ManagerTask) -> float | None:
    limits = state.limits
    return {
        "assigned": limits.reply_seconds,
        "working": limits.work_seconds,
        "verifying": limits.verify_seconds,
        "disposing": limits.dispose_seconds,
    }.get(state.status)


def _fresh(state: ManagerTask) -> ManagerTask:
    """Forget everything that belongs to one attempt: report, passes, anomalies, questions, timers."""
    return replace(
        state,
        order=None, silence=0, report=None, reporter="", inquiry=None, inquiries=0, breakdowns=0, resolves=0,
        findings=(), anomalies=(), waived=(), question=None, answer=None, asks=0, waiting_for="", timer="",
    )  # fmt: skip


def _end(
    state: ManagerTask,
    outcome: Literal["unverified", "failed", "cancelled"],
    reasons: tuple[str, ...],
    at: float,
) -> Step:
    """End without a confirm, and tell everybody who is still at it."""
    cancel = Cancel(reason=f"{outcome}: {'; '.join(reasons)}")
    effects: tuple[Effect, ...] = ()
    if state.order and state.worker:
        effects += (_mint(state, cancel, state.worker, at),)
    if state.inquiry and state.status in {"verifying", "disposing"}:
        effects += (_mint(state, cancel, state.verifier, at, number=1),)
    effects += tuple(_cancel_child(state, child, cancel, at) for child in state.children if not child.ended)
    if state.parent:
        word = (
            cancel
            if outcome == "cancelled"
            else Failed(error=outcome, message="; ".join(reasons), retry=False)
        )
        effects += (_mint(state, word, state.owner or state.name, at, number=2),)
    state = replace(state, status=outcome, reasons=reasons, timer="", waiting_for="", paused_in="", held=())
    return state, (*effects, Finish(outcome, reasons))


def _next_attempt(
    state: ManagerTask,
    why: tuple[str, ...],
    at: float,
    *,
    needs: Literal["assign", "redo"],
    lost: bool = False,
) -> Step:
    """Begin a new attempt, which voids all passes of this one; or end when none is left."""
    losses = state.losses + lost
    if losses > state.limits.losses:
        return _end(state, "unverified", (*why, f"workers were lost {losses} times"), at)
    if not lost and state.attempt - state.losses >= state.limits.attempts:
        return _end(state, "unverified", (*why, f"{state.limits.attempts} attempts ran out"), at)
    if state.available is not None and state.available <= 0:
        return _end(state, "unverified", (*why, "the budget ran out"), at)
    worker = "" if lost else state.worker
    if not worker:
        needs = "assign"
    state = _fresh(replace(state, worker=worker, attempt=state.attempt + 1, losses=losses))
    return replace(state, status="not_done", needs=needs), (Decide(needs, "; ".join(why)),)


def _flawed(state: ManagerTask, *flaws: tuple[str, str]) -> ManagerTask:
    return replace(
        state, flaws=(*state.flaws, *(Flaw(state.attempt, criterion, why) for criterion, why in flaws))
    )


def _inquire(state: ManagerTask, body: Verify | Resolve, at: float) -> Step:
    """Send a verification request with a new id, so that answers to earlier ones are late."""
    state = replace(state, status="verifying", inquiries=state.inquiries + 1, silence=0, waiting_for="")
    send = _mint(state, body, state.verifier, at, number=state.inquiries)
    state, timer = _arm(replace(state, inquiry=send.envelope), state.limits.verify_seconds)
    return state, (send, timer)


def _verify(state: ManagerTask, at: float) -> Step:
    """Verify the report in hand, unless a child is unfinished: then wait for it, or give up with it."""
    ended_badly = [child.task for child in state.children if child.ended not in {"", "confirm"}]
    if ended_badly:
        return _end(
            state, "unverified", tuple(f"subtask {task} was not confirmed" for task in ended_badly), at
        )
    if any(child.ended != "confirm" for child in state.children):
        return replace(state, status="waiting", waiting_for="children", timer=""), ()
    if state.report is None:
        raise _violation(state, "report", "There is nothing to verify.")
    body = Verify(spec=state.spec, result=state.report.result, evidence=state.report.evidence)
    return _inquire(state, body, at)


def _breakdown(state: ManagerTask, why: str, at: float) -> Step:
    """The verifier gave no usable verdict: ask again, a bounded number of times."""
    state = replace(state, breakdowns=state.breakdowns + 1)
    if state.breakdowns > state.limits.breakdowns or state.inquiry is None:
        return _end(state, "unverified", (f"the verifier failed {state.breakdowns} times: {why}",), at)
    body = state.inquiry.body
    return _inquire(state, body, at) if isinstance(body, Verify | Resolve) else _verify(state, at)


def _weigh(state: ManagerTask, at: float) -> Step:
    """Decide by findings and anomalies of this attempt what becomes of it."""
    standing = weigh(state.findings, state.anomalies, state.spec)
    if standing == "pass":
        return _confirm(state, at)
    if standing == "anomalies":
        state, timer = _arm(replace(state, status="disposing"), state.limits.dispose_seconds)
        return state, (Decide("dispose", "; ".join(anomaly.why for anomaly in state.anomalies)), timer)
    if standing == "missing":
        return _breakdown(state, "a required criterion has no finding", at)
    bad = [(f.criterion, f.why) for f in state.findings if f.outcome == standing]
    why = tuple(f"{criterion}: {reason or standing}" for criterion, reason in bad)
    if standing == "cannot_check":
        return _end(_flawed(state, *bad), "unverified", why, at)
    return _next_attempt(_flawed(state, *bad), why, at, needs="redo")


def _confirm(state: ManagerTask, at: float) -> Step:
    """Mint the confirm. Called only when the findings of this attempt were weighed as a pass."""
    if state.report is None or any(child.ended != "confirm" for child in state.children):
        return _verify(state, at)
    body = Confirm(
        spec_hash=state.spec.hash,
        artifact_hash=artifact_hash(state.report.result, state.report.evidence),
        verdict=Verdict(anomalies=state.waived, findings=state.findings),
        waived=tuple(anomaly.id for anomaly in state.waived),
        attempt=state.attempt,
        generation=state.generation,
    )
    effects: tuple[Effect, ...] = ()
    if state.worker:
        effects += (_mint(state, body, state.worker, at),)
    effects += (_mint(state, body, state.verifier, at, number=1),)
    if state.parent:
        effects += (_mint(state, body, state.owner or state.name, at, number=2),)
    return replace(state, status="confirmed", confirm=body, timer=""), (*effects, Finish("confirmed"))


def _body(event: Event) -> object:
    """The message or the person's act inside an event."""
    if isinstance(event, Envelope):
        return event.body
    return event.act if isinstance(event, PersonAct) else event


# --- handlers: the order and the worker ------------------------------------------------


def ignore(state: ManagerTask, event: Event) -> Step:
    """Late, repeated or harmless: nothing changes."""
    return state, ()


def order(state: ManagerTask, event: Event) -> Step:
    """Send the manager's assign or redo."""
    if not isinstance(event, Envelope):
        raise _violation(state, event.kind, "It is not an order.")
    if isinstance(event.body, Assign) and event.body.spec != state.spec:
        raise _violation(state, event.kind, "Its spec is not the task's.")
    if event.kind == "redo" and (state.needs != "redo" or event.recipient != state.worker):
        raise _violation(state, event.kind, "A redo goes to the worker whose report was refused.")
    if state.available is not None and state.available <= 0:
        return _end(state, "unverified", ("the budget ran out",), event.sent_at)
    state = replace(state, status="assigned", worker=event.recipient, order=event, silence=0)
    state, timer = _arm(state, state.limits.reply_seconds)
    return state, (Send(event), timer)


def sign_of_life(state: ManagerTask, event: Event) -> Step:
    """The worker is at it."""
    state, timer = _arm(replace(state, status="working", silence=0), state.limits.work_seconds)
    return state, (timer,)


def asked(state: ManagerTask, event: Event) -> Step:
    """The worker asks: wait for an answer, or give the one that was given before."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Ask):
        raise _violation(state, event.kind, "It is not a question.")
    if state.question and event.id <= state.question.id:
        repeat = event.id == state.question.id and state.answer is not None
        return state, (Send(state.answer),) if repeat and state.answer else ()
    if state.asks >= state.limits.asks:
        why = (f"the worker asked more than {state.limits.asks} questions",)
        return _next_attempt(_flawed(state, ("", why[0])), why, event.sent_at, needs="assign")
    state = replace(
        state,
        status="waiting",
        waiting_for="answer",
        question=event,
        answer=None,
        asks=state.asks + 1,
        timer="",
    )
    return state, (Decide("answer", event.body.question),)


def answered(state: ManagerTask, event: Event) -> Step:
    """The manager or a person answers the worker's question."""
    body = _body(event)
    if state.waiting_for != "answer" or state.question is None or not isinstance(body, Answer):
        raise _violation(state, event.kind, "No question is open.")
    send = _mint(state, body, state.worker, event_time(event), number=state.asks, about=state.question)
    state = replace(state, status="working", waiting_for="", answer=send.envelope, silence=0)
    state, timer = _arm(state, state.limits.work_seconds)
    return state, (send, timer)


def reported(state: ManagerTask, event: Event) -> Step:
    """The worker claims to be done: keep the claim and verify it."""
    body = _body(event)
    if not isinstance(event, Envelope) or not isinstance(body, Report):
        raise _violation(state, event.kind, "It is not a report.")
    if state.status == "waiting" and state.waiting_for != "answer":
        return release(state, event) if state.waiting_for == "person" else ignore(state, event)
    state = replace(state, report=body, last=body, reporter=event.sender, waiting_for="", silence=0)
    return _verify(state, event.sent_at)


def gave_up(state: ManagerTask, event: Event) -> Step:
    """The worker declines or has failed: another attempt, or the end where none may help."""
    body, at = _body(event), event_time(event)
    if state.status == "waiting" and state.waiting_for != "answer":
        return ignore(state, event)
    if isinstance(body, Decline):
        why = f"{state.worker} declined: {body.reason}"
        return _next_attempt(_flawed(state, ("", why)), (why,), at, needs="assign")
    if not isinstance(body, Failed):
        raise _violation(state, event.kind, "It is neither a decline nor a failure.")
    why = f"{body.error}: {body.message}"
    if not body.retry:
        return _end(_flawed(state, ("", why)), "failed", (why,), at)
    if body.error == "WorkerLost":
        return _next_attempt(_flawed(state, ("", why)), (why,), at, needs="assign", lost=True)
    return _next_attempt(_flawed(state, ("", why)), (why,), at, needs="assign")


def release(state: ManagerTask, event: Event) -> Step:
    """Someone still works on what is over: tell them so; their message changes nothing."""
    if not isinstance(event, Envelope) or event.kind not in AT_WORK:
        return state, ()
    cancel = Cancel(reason="this attempt is over")
    return state, (_mint(state, cancel, event.sender, event.sent_at, number=3, about=event),)


def called_off(state: ManagerTask, event: Event) -> Step:
    """A sign of life while waiting: harmless, unless a person has the task."""
    return release(state, event) if state.waiting_for == "person" else ignore(state, event)


def release_stranger(state: ManagerTask, event: Event) -> Step:
    """A report is in hand already; a worker that did not make it is told to stop."""
    overtaken = isinstance(event, Envelope) and event.sender != state.reporter
    return release(state, event) if overtaken else ignore(state, event)


def after_the_end(state: ManagerTask, event: Event) -> Step:
    """The worker has not heard the end: say it again."""
    if not isinstance(event, Envelope) or event.kind not in AT_WORK:
        return state, ()
    if state.confirm is None or event.sender != state.worker:
        return release(state, event)
    return state, (_mint(state, state.confirm, state.worker, event.sent_at),)


# --- handlers: verification -------------------------------------------------------------


def judged(state: ManagerTask, event: Event) -> Step:
    """Take the findings of the pending verification, and of no other, and weigh them."""
    body = _body(event)
    if not isinstance(event, Envelope) or not isinstance(body, Verdict):
        raise _violation(state, event.kind, "It is not a verdict.")
    if state.inquiry is None or event.in_reply_to != state.inquiry.id or state.report is None:
        return ignore(state, event)
    names = {criterion.name for criterion in state.spec.criteria}
    unknown = [finding.criterion for finding in body.findings if finding.criterion not in names]
    if unknown:
        return _breakdown(state, f"findings about unknown criteria {unknown!r}", event.sent_at)
    result, evidence = state.report.result, state.report.evidence
    if not all(quote_occurs(anomaly.quote, result, evidence) for anomaly in body.anomalies):
        return _breakdown(state, "an anomaly quotes words that are not in the artifact", event.sent_at)
    new = {finding.criterion for finding in body.findings}
    findings = (*(f for f in state.findings if f.criterion not in new), *body.findings)
    through = {anomaly.id for anomaly in state.waived}
    anomalies = tuple(anomaly for anomaly in body.anomalies if anomaly.id not in through)
    return _weigh(replace(state, findings=findings, anomalies=anomalies), event.sent_at)


def verifier_lost(state: ManagerTask, event: Event) -> Step:
    """Ask the verifier again, with a new id."""
    return _breakdown(state, "the verifier was lost", event_time(event))


def resolved(state: ManagerTask, event: Event) -> Step:
    """The manager has new evidence against an anomaly: verify again with it."""
    body = _body(event)
    if not isinstance(body, Resolve) or body.anomaly not in {anomaly.id for anomaly in state.anomalies}:
        raise _violation(state, event.kind, "No open anomaly has this id.")
    if state.resolves >= state.limits.resolves:
        raise _violation(state, event.kind, f"{state.resolves} anomalies were argued already: redo or waive.")
    return _inquire(replace(state, resolves=state.resolves + 1), body, event_time(event))


def waived(state: ManagerTask, event: Event) -> Step:
    """A person lets an anomaly through; with the last one the findings count."""
    body, at = _body(event), event_time(event)
    if not isinstance(event, PersonAct) or not isinstance(body, Waive):
        raise _violation(state, event.kind, "Only a person may waive.")
    chosen = [anomaly for anomaly in state.anomalies if anomaly.id == body.anomaly]
    if not chosen:
        raise _violation(state, event.kind, f"No open anomaly has the id {body.anomaly!r}.")
    state = replace(
        state,
        waived=(*state.waived, *chosen),
        anomalies=tuple(anomaly for anomaly in state.anomalies if anomaly.id != body.anomaly),
    )
    send = _mint(state, body, state.verifier, at, number=len(state.waived))
    if state.anomalies:
        return state, (send,)
    state, effects = _weigh(state, at)
    return state, (send, *effects)


def redone(state: ManagerTask, event: Event) -> Step:
    """The manager takes the anomalies for true: the attempt is void and a redo goes out."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Redo):
        raise _violation(state, event.kind, "It is not a redo.")
    failed, effects = _anomalous(state, event.sent_at)
    if failed.status != "not_done":
        return failed, effects
    return order(failed, event)


def _anomalous(state: ManagerTask, at: float) -> Step:
    bad = [("", f"{anomaly.why}: {anomaly.quote}") for anomaly in state.anomalies]
    return _next_attempt(_flawed(state, *bad), tuple(why for _, why in bad), at, needs="redo")


# --- handlers: time, loss, people, family ----------------------------------------------


def ticked(state: ManagerTask, event: Event) -> Step:
    """Read the meter; when the task's timer ran out, send again, or give the other side up."""
    if not isinstance(event, Tick):
        raise _violation(state, event.kind, "It is not a tick.")
    if event.spent is not None:
        state = replace(state, spent=max(state.spent, event.spent))
        if state.available is not None and state.available < 0:
            return _end(state, "unverified", ("the budget ran out",), event.now)
    if not state.timer or event.timer != state.timer:
        return state, ()
    if state.status == "disposing":
        return _anomalous(state, event.now)
    message = state.inquiry if state.status == "verifying" else state.order
    if state.silence < state.limits.resends and message:
        state, timer = _arm(replace(state, silence=state.silence + 1), _patience(state) or 0.0)
        return state, (Send(message), timer)
    if state.status == "verifying":
        return _breakdown(state, "no verdict came", event.now)
    return worker_lost(state, WorkerLost(now=event.now, worker=state.worker or "nobody"))


def worker_lost(state: ManagerTask, event: Event) -> Step:
    """The worker is gone: a new attempt with an assign, unless its report is already in hand."""
    if not isinstance(event, WorkerLost) or event.worker != state.worker:
        return ignore(state, event)
    if state.status == "not_done":
        return replace(state, worker="", needs="assign"), (Decide("assign", f"{event.worker} was lost"),)
    if state.report or state.waiting_for == "person":
        return replace(state, worker=""), ()
    why = f"{event.worker} was lost"
    return _next_attempt(_flawed(state, ("", why)), (why,), event.now, needs="assign", lost=True)


def cancelled(state: ManagerTask, event: Event) -> Step:
    """A person or the parent's manager stops the task."""
    body = _body(event)
    reason = body.reason if isinstance(body, Cancel) else event.kind
    return _end(state, "cancelled", (reason,), event_time(event))


def paused(state: ManagerTask, event: Event) -> Step:
    """A person pauses the task: no timer counts, and what arrives is held."""
    return replace(state, status="paused", paused_in=state.status, timer=""), ()


def hold(state: ManagerTask, event: Event) -> Step:
    """Keep what arrives until the task goes on; a repetition is not kept twice."""
    return (state, ()) if event in state.held else (replace(state, held=(*state.held, event)), ())


def resumed(state: ManagerTask, event: Event) -> Step:
    """A person lets the task go on where it was; then what was held is applied."""
    if state.paused_in == "":
        raise _violation(state, event.kind, "It was never paused.")
    return wake_manager(replace(state, status=state.paused_in, paused_in=""))


def taken_over(state: ManagerTask, event: Event) -> Step:
    """A person does it: the worker is called off and the attempt is theirs."""
    if state.waiting_for == "person":
        raise _violation(state, event.kind, "A person has it already.")
    call_off = state.order is not None and state.worker and state.report is None
    cancel = Cancel(reason="a person took over")
    effects = (_mint(state, cancel, state.worker, event_time(event)),) if call_off else ()
    state = replace(
        _fresh(state), order=state.order, inquiries=state.inquiries, status="waiting", waiting_for="person"
    )
    return state, effects


def handed_back(state: ManagerTask, event: Event) -> Step:
    """The person's result is verified like any other; without one a new attempt begins."""
    body, at = _body(event), event_time(event)
    if state.waiting_for != "person" or not isinstance(event, PersonAct) or not isinstance(body, HandBack):
        raise _violation(state, event.kind, "No person has the task.")
    if body.result is None:
        why = f"{event.person} did a part of it: {body.note}"
        return _next_attempt(replace(state, worker=""), (why,), at, needs="assign")
    report = Report(result=body.result, evidence=body.evidence)
    state = replace(state, report=report, last=report, reporter=event.person, waiting_for="")
    return _verify(state, at)


def child_ended(state: ManagerTask, event: Event) -> Step:
    """A subtask has ended; with the last one a waiting report is verified."""
    if not isinstance(event, Envelope):
        raise _violation(state, event.kind, "It is not a subtask's last word.")
    children = tuple(
        replace(child, ended=event.kind, generation=event.generation)
        if child.task == event.task and event.generation >= child.generation
        else child
        for child in state.children
    )
    state = replace(state, children=children)
    return _verify(state, event.sent_at) if state.waiting_for == "children" else (state, ())


def reopened(state: ManagerTask, event: Event) -> Step:
    """Begin a new generation: nothing of the old one counts any more."""
    body = _body(event)
    if not isinstance(event, PersonAct) or not isinstance(body, Reopen):
        raise _violation(state, event.kind, "Only a person may re-open.")
    if not body.upstream and state.status not in TERMINAL:
        raise _violation(state, event.kind, "It has not ended yet.")
    if body.upstream and state.status in TERMINAL - {"confirmed"}:
        return ignore(state, event)
    children = tuple(
        replace(child, ended="", generation=max(child.generation, body.generation))
        if child.task == body.upstream
        else child
        for child in state.children
    )
    if state.status == "not_done" and state.attempt == 1:
        return replace(state, children=children), ()
    cancel = Cancel(reason=f"re-opened: {body.reason}")
    at_work = state.status not in TERMINAL and state.order is not None and state.worker
    effects: tuple[Effect, ...] = (_mint(state, cancel, state.worker, event.now),) if at_work else ()
    state = replace(
        _fresh(state),
        status="not_done", generation=state.generation + 1, attempt=1, losses=0, needs="assign", worker="",
        children=children, confirm=None, reasons=(), flaws=(),
    )  # fmt: skip
    return state, (*effects, Supersede(state.task, state.generation), Decide("assign", body.reason))


def wake_manager(state: ManagerTask) -> Step:
    """Set a task going again after a pause or a restart: its timer, and the decision it waits for.

    The order or verification that is pending is sent again, with its old id.
    """
    patience = _patience(state)
    effects: tuple[Effect, ...] = ()
    if state.status in {"assigned", "working"} and state.order:
        effects = (Send(state.order),)
    elif state.status == "verifying" and state.inquiry:
        effects = (Send(state.inquiry),)
    elif state.status == "not_done":
        effects = (Decide(state.needs, "this attempt has no order yet"),)
    elif state.status == "disposing":
        effects = (Decide("dispose", "; ".join(anomaly.why for anomaly in state.anomalies)),)
    elif state.waiting_for == "answer" and state.question and isinstance(state.question.body, Ask):
        effects = (Decide("answer", state.question.body.question),)
    if patience is None:
        return state, effects
    state, timer = _arm(state, patience)
    return state, (*effects, timer)


# --- the table ------------------------------------------------------------------------

_R = ManagerRule
_NEXT: tuple[ManagerStatus, ...] = ("not_done", "unverified")
_VERIFY: tuple[ManagerStatus, ...] = ("verifying", "waiting", "unverified")
_WEIGH: tuple[ManagerStatus, ...] = ("confirmed", "disposing", "verifying", "not_done", "unverified")
_OPEN: tuple[ManagerStatus, ...] = (
    "not_done", "assigned", "working", "verifying", "disposing", "waiting",
)  # fmt: skip
_STATUSES: tuple[ManagerStatus, ...] = (*_OPEN, "paused", "confirmed", "unverified", "failed", "cancelled")


def _same(status: ManagerStatus) -> tuple[ManagerStatus, ...]:
    return (status,)


def _table() -> dict[tuple[str, str], ManagerRule]:
    rules: dict[tuple[str, str], ManagerRule] = {
        ("not_done", "assign"): _R(order, ("assigned", "unverified"), "send it; wait for the accept"),
        ("not_done", "redo"): _R(order, ("assigned", "unverified"), "send it; wait for the accept"),
        ("assigned", "accept"): _R(sign_of_life, ("working",), "the work has begun"),
        ("assigned", "progress"): _R(sign_of_life, ("working",), "the work has begun (the accept was lost)"),
        ("working", "progress"): _R(sign_of_life, ("working",), "start the timer anew"),
        ("working", "accept"): _R(ignore, ("working",), "repeated"),
        ("verifying", "verdict"): _R(judged, _WEIGH, "weigh findings and anomalies; mint the confirm on a pass"),
        ("verifying", "verifier_lost"): _R(verifier_lost, ("verifying", "unverified"), "verify again, bounded"),
        ("disposing", "resolve"): _R(resolved, ("verifying",), "verify again with the new evidence"),
        ("disposing", "waive"): _R(waived, _WEIGH, "drop the anomaly; with the last one, weigh the findings"),
        ("disposing", "redo"): _R(redone, ("assigned", "unverified"), "the anomalies count as a fail; send the redo"),
        ("waiting", "answer"): _R(answered, ("working",), "send the answer"),
        ("waiting", "hand_back"): _R(handed_back, (*_VERIFY, "not_done"), "verify the person's result"),
        ("paused", "resume"): _R(resumed, (*_OPEN, "confirmed", "failed"), "go on; then apply what was held"),
        ("paused", "tick"): _R(ticked, ("paused", "unverified"), "read the meter"),
        ("paused", "cancel"): _R(cancelled, ("cancelled",), "tell the worker and the verifier"),
    }  # fmt: skip
    for status in ("assigned", "working", "waiting"):
        rules |= {
            (status, "ask"): _R(
                asked, ("waiting", *_same(status), *_NEXT), "decide on an answer, or repeat it"
            ),
            (status, "report"): _R(
                reported, (*_VERIFY, *_same(status)), "verify it, once the children are done"
            ),
            (status, "decline"): _R(gave_up, (*_NEXT, *_same(status)), "void the attempt; assign anew"),
            (status, "failed"): _R(gave_up, (*_NEXT, "failed", *_same(status)), "void the attempt, or end"),
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
            (status, "tick"): _R(
                ticked, (*_same(status), *_NEXT, "verifying"), "send again; in the end give up"
            ),
            (status, "worker_lost"): _R(
                worker_lost, (*_same(status), *_NEXT), "void the attempt, if unreported"
            ),
            (status, "cancel"): _R(cancelled, ("cancelled",), "tell the worker and the verifier"),
            (status, "pause"): _R(paused, ("paused",), "stop the timer"),
            (status, "take_over"): _R(taken_over, ("waiting",), "call the worker off; wait for the person"),
            (status, "child_end"): _R(
                child_ended, (*_same(status), *_VERIFY), "verify once all are confirmed"
            ),
            (status, "reopen"): _R(reopened, ("not_done",), "what it consumed was re-opened: new generation"),
        }
    rules |= {("paused", key): _R(hold, ("paused",), "held until the task goes on") for key in HELD}
    rules |= {("paused", "late"): _R(release, ("paused",), "changes nothing; its sender is told to stop")}
    for status in ("confirmed", "unverified", "failed", "cancelled"):
        rules |= {
            (status, key): _R(after_the_end, _same(status), "say the last word again") for key in FROM_WORKER
        }
        rules |= {
            (status, key): _R(ignore, _same(status), "late")
            for key in ("verdict", "tick", "worker_lost", "verifier_lost", "child_end", "cancel")
        }
        rules |= {
            (status, "late"): _R(release, _same(status), "changes nothing; its sender is told to stop"),
            (status, "reopen"): _R(reopened, ("not_done", *_same(status)), "begin a new generation"),
        }
    return {key: rules[key] for key in sorted(rules, key=lambda key: (_STATUSES.index(key[0]), key[1]))}  # pyright: ignore[reportArgumentType]


MANAGER_RULES: Mapping[tuple[str, str], ManagerRule] = _table()
"""The table: (status, event) to rule."""
