"""What the manager does about each kind of event; `manager_rules` says in which status."""

from __future__ import annotations

from .manager_steps import (
    Step,
    arm,
    body_of,
    breakdown,
    end_without_confirm,
    flawed,
    fresh,
    inquire,
    mint,
    next_attempt,
    patience_for,
    verify_report,
    violation,
    wake_manager,
    weigh_up,
)
from .messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Decline,
    Envelope,
    Failed,
    Finding,
    HandBack,
    Redo,
    Report,
    Resolve,
    Verdict,
    Waive,
    quote_occurs,
)
from .records import replace
from .tasks import (
    TERMINAL,
    Decide,
    Effect,
    Event,
    ManagerTask,
    Overrule,
    PersonAct,
    Reopen,
    Send,
    Supersede,
    Tick,
    WorkerLost,
    event_time,
)

AT_WORK = frozenset({"accept", "progress", "ask", "report"})
"""What a worker says that is still at it."""


# --- the order and the worker ------------------------------------------------


def ignore(state: ManagerTask, event: Event) -> Step:
    """Late, repeated or harmless: nothing changes."""
    return state, ()


def order(state: ManagerTask, event: Event) -> Step:
    """Send the manager's assign or redo."""
    if not isinstance(event, Envelope):
        raise violation(state, event.kind, "It is not an order.")
    if isinstance(event.body, Assign) and event.body.spec is not state.spec and event.body.spec != state.spec:
        raise violation(state, event.kind, "Its spec is not the task's.")
    if event.kind == "redo" and (state.needs != "redo" or event.recipient != state.worker):
        raise violation(state, event.kind, "A redo goes to the worker whose report was refused.")
    if state.available is not None and state.available <= 0:
        return end_without_confirm(state, "unverified", ("the budget ran out",), event.sent_at)
    state, timer = arm(
        state, state.limits.reply_seconds,
        status="assigned", worker=event.recipient, order=event, silence=0,
    )  # fmt: skip
    return state, (Send(event), timer)


def sign_of_life(state: ManagerTask, event: Event) -> Step:
    """The worker is at it."""
    state, timer = arm(state, state.limits.work_seconds, status="working", silence=0)
    return state, (timer,)


def asked(state: ManagerTask, event: Event) -> Step:
    """The worker asks: wait for an answer, or give the one that was given before."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Ask):
        raise violation(state, event.kind, "It is not a question.")
    if state.status == "waiting" and state.waiting_for != "answer":
        return release(state, event) if state.waiting_for == "person" else ignore(state, event)
    if state.question and event.id <= state.question.id:
        repeat = event.id == state.question.id and state.answer is not None
        return state, (Send(state.answer),) if repeat and state.answer else ()
    if state.asks >= state.limits.asks:
        why = (f"the worker asked more than {state.limits.asks} questions",)
        return next_attempt(flawed(state, ("", why[0])), why, event.sent_at, needs="assign")
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
    body = body_of(event)
    if state.waiting_for != "answer" or state.question is None or not isinstance(body, Answer):
        raise violation(state, event.kind, "No question is open.")
    send = mint(state, body, state.worker, event_time(event), number=state.asks, about=state.question)
    state = replace(state, status="working", waiting_for="", answer=send.envelope, silence=0)
    state, timer = arm(state, state.limits.work_seconds)
    return state, (send, timer)


def reported(state: ManagerTask, event: Event) -> Step:
    """The worker claims to be done: keep the claim and verify it."""
    body = body_of(event)
    if not isinstance(event, Envelope) or not isinstance(body, Report):
        raise violation(state, event.kind, "It is not a report.")
    if state.status == "waiting" and state.waiting_for != "answer":
        return release(state, event) if state.waiting_for == "person" else ignore(state, event)
    state = replace(state, report=body, last=body, reporter=event.sender, waiting_for="", silence=0)
    return verify_report(state, event.sent_at)


def gave_up(state: ManagerTask, event: Event) -> Step:
    """The worker declines or has failed: another attempt, or the end where none may help."""
    body, at = body_of(event), event_time(event)
    if state.status == "waiting" and state.waiting_for != "answer":
        return ignore(state, event)
    if isinstance(body, Decline):
        why = f"{state.worker} declined: {body.reason}"
        return next_attempt(flawed(state, ("", why)), (why,), at, needs="assign")
    if not isinstance(body, Failed):
        raise violation(state, event.kind, "It is neither a decline nor a failure.")
    why = f"{body.error}: {body.message}"
    if not body.retry:
        return end_without_confirm(flawed(state, ("", why)), "failed", (why,), at)
    if body.error == "WorkerLost":
        return next_attempt(flawed(state, ("", why)), (why,), at, needs="assign", lost=True)
    return next_attempt(flawed(state, ("", why)), (why,), at, needs="assign")


def release(state: ManagerTask, event: Event) -> Step:
    """Someone still works on what is over: tell them so; their message changes nothing."""
    if not isinstance(event, Envelope) or event.kind not in AT_WORK:
        return state, ()
    cancel = Cancel(reason="this attempt is over")
    return state, (mint(state, cancel, event.sender, event.sent_at, number=3, about=event),)


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
    return state, (mint(state, state.confirm, state.worker, event.sent_at),)


# --- verification -------------------------------------------------------------


def judged(state: ManagerTask, event: Event) -> Step:
    """Take the findings of the pending verification, and of no other, and weigh them."""
    body = body_of(event)
    if not isinstance(event, Envelope) or not isinstance(body, Verdict):
        raise violation(state, event.kind, "It is not a verdict.")
    if state.inquiry is None or event.in_reply_to != state.inquiry.id or state.report is None:
        return ignore(state, event)
    names = {criterion.name for criterion in state.spec.criteria}
    unknown = [finding.criterion for finding in body.findings if finding.criterion not in names]
    if unknown:
        return breakdown(state, f"findings about unknown criteria {unknown!r}", event.sent_at)
    result, evidence = state.report.result, state.report.evidence
    if not all(quote_occurs(anomaly.quote, result, evidence) for anomaly in body.anomalies):
        return breakdown(state, "an anomaly quotes words that are not in the artifact", event.sent_at)
    new = {finding.criterion for finding in body.findings}
    findings = (*(f for f in state.findings if f.criterion not in new), *body.findings)
    through = {anomaly.id for anomaly in state.waived}
    anomalies = tuple(anomaly for anomaly in body.anomalies if anomaly.id not in through)
    return weigh_up(replace(state, findings=findings, anomalies=anomalies), event.sent_at)


def verifier_lost(state: ManagerTask, event: Event) -> Step:
    """Ask the verifier again, with a new id."""
    return breakdown(state, "the verifier was lost", event_time(event))


def resolved(state: ManagerTask, event: Event) -> Step:
    """The manager has new evidence against an anomaly: verify again with it."""
    body = body_of(event)
    if not isinstance(body, Resolve) or body.anomaly not in {anomaly.id for anomaly in state.anomalies}:
        raise violation(state, event.kind, "No open anomaly has this id.")
    if state.resolves >= state.limits.resolves:
        raise violation(state, event.kind, f"{state.resolves} anomalies were argued already: redo or waive.")
    return inquire(replace(state, resolves=state.resolves + 1), body, event_time(event))


def waived(state: ManagerTask, event: Event) -> Step:
    """A person lets an anomaly through; with the last one the findings count."""
    body, at = body_of(event), event_time(event)
    if not isinstance(event, PersonAct) or not isinstance(body, Waive):
        raise violation(state, event.kind, "Only a person may waive.")
    chosen = [anomaly for anomaly in state.anomalies if anomaly.id == body.anomaly]
    if not chosen:
        raise violation(state, event.kind, f"No open anomaly has the id {body.anomaly!r}.")
    state = replace(
        state,
        waived=(*state.waived, *chosen),
        anomalies=tuple(anomaly for anomaly in state.anomalies if anomaly.id != body.anomaly),
    )
    send = mint(state, body, state.verifier, at, number=len(state.waived))
    if state.anomalies:
        return state, (send,)
    state, effects = weigh_up(state, at)
    return state, (send, *effects)


def overruled(state: ManagerTask, event: Event) -> Step:
    """A person decides about a criterion; what is still undecided waits, else the findings count."""
    body = body_of(event)
    if state.waiting_for != "overrule" or not isinstance(event, PersonAct) or not isinstance(body, Overrule):
        raise violation(state, event.kind, "Nothing waits for a person's decision.")
    if not any(f.criterion == body.criterion and f.outcome != "pass" for f in state.findings):
        raise violation(state, event.kind, f"{body.criterion!r} is not among what did not pass.")
    mine = Finding(criterion=body.criterion, outcome=body.outcome, why=body.reason, by=event.person)
    findings = (*(f for f in state.findings if f.criterion != body.criterion), mine)
    return weigh_up(replace(state, findings=findings, waiting_for=""), event.now)


def redone(state: ManagerTask, event: Event) -> Step:
    """The manager takes the anomalies for true: the attempt is void and a redo goes out."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Redo):
        raise violation(state, event.kind, "It is not a redo.")
    failed, effects = _anomalous(state, event.sent_at)
    if failed.status != "not_done":
        return failed, effects
    return order(failed, event)


def _anomalous(state: ManagerTask, at: float) -> Step:
    bad = [("", f"{anomaly.why}: {anomaly.quote}") for anomaly in state.anomalies]
    return next_attempt(flawed(state, *bad), tuple(why for _, why in bad), at, needs="redo")


# --- time, loss, people, family ----------------------------------------------


def ticked(state: ManagerTask, event: Event) -> Step:
    """Read the meter; when the task's timer ran out, send again, or give the other side up."""
    if not isinstance(event, Tick):
        raise violation(state, event.kind, "It is not a tick.")
    if event.spent is not None:
        state = replace(state, spent=max(state.spent, event.spent))
        if state.available is not None and state.available < 0:
            return end_without_confirm(state, "unverified", ("the budget ran out",), event.now)
    if not state.timer or event.timer != state.timer:
        return state, ()
    if state.status == "disposing":
        return _anomalous(state, event.now)
    message = state.inquiry if state.status == "verifying" else state.order
    if state.silence < state.limits.resends and message:
        state, timer = arm(replace(state, silence=state.silence + 1), patience_for(state) or 0.0)
        return state, (Send(message), timer)
    if state.status == "verifying":
        return breakdown(state, "no verdict came", event.now)
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
    return next_attempt(flawed(state, ("", why)), (why,), event.now, needs="assign", lost=True)


def cancelled(state: ManagerTask, event: Event) -> Step:
    """A person or the parent's manager stops the task."""
    body = body_of(event)
    reason = body.reason if isinstance(body, Cancel) else event.kind
    return end_without_confirm(state, "cancelled", (reason,), event_time(event))


def paused(state: ManagerTask, event: Event) -> Step:
    """A person pauses the task: no timer counts, and what arrives is held."""
    return replace(state, status="paused", paused_in=state.status, timer=""), ()


def hold(state: ManagerTask, event: Event) -> Step:
    """Keep what arrives until the task goes on; a repetition is not kept twice."""
    return (state, ()) if event in state.held else (replace(state, held=(*state.held, event)), ())


def resumed(state: ManagerTask, event: Event) -> Step:
    """A person lets the task go on where it was; then what was held is applied."""
    if state.paused_in == "":
        raise violation(state, event.kind, "It was never paused.")
    return wake_manager(replace(state, status=state.paused_in, paused_in=""), event_time(event))


def taken_over(state: ManagerTask, event: Event) -> Step:
    """A person does it: the worker is called off and the attempt is theirs."""
    if state.waiting_for == "person":
        raise violation(state, event.kind, "A person has it already.")
    call_off = state.order is not None and state.worker and state.report is None
    cancel = Cancel(reason="a person took over")
    effects = (mint(state, cancel, state.worker, event_time(event)),) if call_off else ()
    state = replace(
        fresh(state), order=state.order, inquiries=state.inquiries, status="waiting", waiting_for="person"
    )
    return state, effects


def handed_back(state: ManagerTask, event: Event) -> Step:
    """The person's result is verified like any other; without one a new attempt begins."""
    body, at = body_of(event), event_time(event)
    if state.waiting_for != "person" or not isinstance(event, PersonAct) or not isinstance(body, HandBack):
        raise violation(state, event.kind, "No person has the task.")
    if body.result is None:
        why = f"{event.person} did a part of it: {body.note}"
        return next_attempt(replace(state, worker=""), (why,), at, needs="assign")
    report = Report(result=body.result, evidence=body.evidence)
    state = replace(state, report=report, last=report, reporter=event.person, waiting_for="")
    return verify_report(state, at)


def child_ended(state: ManagerTask, event: Event) -> Step:
    """A subtask has ended; with the last one a waiting report is verified. An ended parent takes note."""
    if not isinstance(event, Envelope):
        raise violation(state, event.kind, "It is not a subtask's last word.")
    children = tuple(
        replace(child, ended=event.kind, generation=event.generation)
        if child.task == event.task and event.generation >= child.generation
        else child
        for child in state.children
    )
    state = replace(state, children=children)
    return verify_report(state, event.sent_at) if state.waiting_for == "children" else (state, ())


def reopened(state: ManagerTask, event: Event) -> Step:
    """Begin a new generation: nothing of the old one counts any more."""
    body = body_of(event)
    if not isinstance(event, PersonAct) or not isinstance(body, Reopen):
        raise violation(state, event.kind, "Only a person may re-open.")
    if not body.upstream and state.status not in TERMINAL:
        raise violation(state, event.kind, "It has not ended yet.")
    if body.upstream and body.generation <= dict(state.consumed).get(body.upstream, 1):
        return ignore(state, event)
    consumed = (
        {**dict(state.consumed), body.upstream: body.generation} if body.upstream else dict(state.consumed)
    )
    state = replace(state, consumed=tuple(sorted(consumed.items())))
    children = tuple(
        replace(child, ended="", generation=max(child.generation, body.generation))
        if child.task == body.upstream
        else child
        for child in state.children
    )
    untouched = state.status == "not_done" and state.attempt == 1
    if untouched or (body.upstream and state.status in TERMINAL - {"confirmed"}):
        return replace(state, children=children), ()
    cancel = Cancel(reason=f"re-opened: {body.reason}")
    at_work = state.status not in TERMINAL and state.order is not None and state.worker
    effects: tuple[Effect, ...] = (mint(state, cancel, state.worker, event.now),) if at_work else ()
    state = replace(
        fresh(state),
        status="not_done", generation=state.generation + 1, attempt=1, losses=0, needs="assign", worker="",
        children=children, confirm=None, last_word=None, reasons=(), flaws=(),
    )  # fmt: skip
    return state, (*effects, Supersede(state.task, state.generation), Decide("assign", body.reason))
