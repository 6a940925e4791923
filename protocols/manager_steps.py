"""What the manager's half of the protocol is made of: minting messages, attempts, verification, the end.

Whether a verdict passes is computed here from its findings, and the confirm is minted
here: no other place makes one.
"""

from __future__ import annotations

from typing import Any, Literal

from .enclosing import enclose
from .errors import ProtocolViolation
from .messages import (
    Ask,
    Cancel,
    Confirm,
    Envelope,
    Failed,
    Message,
    Resolve,
    Verdict,
    Verify,
    artifact_hash,
    message_id,
)
from .records import replace
from .spec import weigh
from .tasks import (
    TERMINAL,
    Child,
    Decide,
    Effect,
    Event,
    Finish,
    Flaw,
    ManagerTask,
    PersonAct,
    Schedule,
    Send,
    Supersede,
)

Step = tuple[ManagerTask, tuple[Effect, ...]]


def violation(state: ManagerTask, event: str, why: str) -> ProtocolViolation:
    return ProtocolViolation("manager", state.task, state.status, event, why)


def mint(
    state: ManagerTask,
    body: Message,
    recipient: str,
    at: float,
    *,
    number: int = 0,
    about: Envelope | None = None,
) -> Send:
    """Say something unasked; `about` is the message it answers, whose attempt it then carries."""
    generation = about.generation if about else state.generation
    attempt = about.attempt if about else state.attempt
    return Send(
        enclose(
            body,
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
        )
    )


def _cancel_children(state: ManagerTask, cancel: Cancel, at: float) -> tuple[Send, ...]:
    """Stop the subtasks that have not ended, unless a person re-opened them; their manager is this one."""
    reopened = dict(state.consumed)
    return tuple(
        _cancel_child(state, child, cancel, at)
        for child in state.children
        if not child.ended and child.task not in reopened
    )


def _cancel_child(state: ManagerTask, child: Child, cancel: Cancel, at: float) -> Send:
    envelope = enclose(
        cancel,
        id=message_id(child.task, child.generation, 1, "cancel", 4),
        run=state.run,
        task=child.task,
        attempt=1,
        generation=child.generation,
        sender=state.name,
        recipient=state.name,
        sent_at=at,
        trace=state.trace,
    )
    return Send(envelope)


def arm(state: ManagerTask, seconds: float, **changes: Any) -> tuple[ManagerTask, Schedule]:
    """Start a new timer; the earlier one no longer counts.

    Args:
        changes: Other fields that change with it, in the same copy; neither attempt nor generation, which are
            in the timer's name.
    """
    timer = f"{state.task}.{state.generation:03d}.{state.attempt:03d}.{state.arms + 1}"
    return replace(state, timer=timer, arms=state.arms + 1, **changes), Schedule(timer, seconds)


def patience_for(state: ManagerTask) -> float | None:
    limits = state.limits
    return {
        "assigned": limits.reply_seconds,
        "working": limits.work_seconds,
        "verifying": limits.verify_seconds,
        "disposing": limits.dispose_seconds,
    }.get(state.status)


def fresh(state: ManagerTask) -> ManagerTask:
    """Forget everything that belongs to one attempt: report, passes, anomalies, questions, timers."""
    return replace(
        state,
        order=None, silence=0, report=None, reporter="", inquiry=None, inquiries=0, breakdowns=0, resolves=0,
        findings=(), anomalies=(), waived=(), question=None, answer=None, asks=0, waiting_for="", timer="",
    )  # fmt: skip


def end_without_confirm(
    state: ManagerTask,
    outcome: Literal["unverified", "failed", "cancelled"],
    reasons: tuple[str, ...],
    at: float,
) -> Step:
    """End without a confirm, and tell everybody who is still at it."""
    cancel = Cancel(reason=f"{outcome}: {'; '.join(reasons)}")
    effects: tuple[Effect, ...] = ()
    if state.order and state.worker:
        effects += (mint(state, cancel, state.worker, at),)
    if state.inquiry and state.status in {"verifying", "disposing"}:
        effects += (mint(state, cancel, state.verifier, at, number=1),)
    effects += _cancel_children(state, cancel, at)
    state = replace(state, status=outcome, reasons=reasons, timer="", waiting_for="", paused_in="", held=())
    if state.parent:
        word = Failed(error=outcome, message="; ".join(reasons), retry=False)
        send = mint(state, word, state.owner or state.name, at, number=2)
        state, effects = replace(state, last_word=send.envelope), (*effects, send)
    return state, (*effects, Finish(outcome, reasons))


def next_attempt(
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
        return end_without_confirm(state, "unverified", (*why, f"workers were lost {losses} times"), at)
    if not lost and state.attempt - state.losses >= state.limits.attempts:
        return end_without_confirm(
            state, "unverified", (*why, f"{state.limits.attempts} attempts ran out"), at
        )
    if state.available is not None and state.available <= 0:
        return end_without_confirm(state, "unverified", (*why, "the budget ran out"), at)
    worker = "" if lost else state.worker
    if not worker:
        needs = "assign"
    state = fresh(replace(state, worker=worker, attempt=state.attempt + 1, losses=losses))
    return replace(state, status="not_done", needs=needs), (Decide(needs, "; ".join(why)),)


def flawed(state: ManagerTask, *flaws: tuple[str, str]) -> ManagerTask:
    return replace(
        state, flaws=(*state.flaws, *(Flaw(state.attempt, criterion, why) for criterion, why in flaws))
    )


def inquire(state: ManagerTask, body: Verify | Resolve, at: float) -> Step:
    """Send a verification request with a new id, so that answers to earlier ones are late."""
    number = state.inquiries + 1
    send = mint(state, body, state.verifier, at, number=number)
    state, timer = arm(
        state, state.limits.verify_seconds,
        status="verifying", inquiries=number, silence=0, waiting_for="", inquiry=send.envelope,
    )  # fmt: skip
    return state, (send, timer)


def verify_report(state: ManagerTask, at: float) -> Step:
    """Verify the report in hand, unless a child is unfinished: then wait for it, or give up with it."""
    ended_badly = [child.task for child in state.children if child.ended not in {"", "confirm"}]
    if ended_badly:
        return end_without_confirm(
            state, "unverified", tuple(f"subtask {task} was not confirmed" for task in ended_badly), at
        )
    if any(child.ended != "confirm" for child in state.children):
        return replace(state, status="waiting", waiting_for="children", timer=""), ()
    if state.report is None:
        raise violation(state, "report", "There is nothing to verify.")
    body = Verify(spec=state.spec, result=state.report.result, evidence=state.report.evidence)
    return inquire(state, body, at)


def breakdown(state: ManagerTask, why: str, at: float) -> Step:
    """The verifier gave no usable verdict: ask again, a bounded number of times."""
    state = replace(state, breakdowns=state.breakdowns + 1)
    if state.breakdowns > state.limits.breakdowns or state.inquiry is None:
        return end_without_confirm(
            state, "unverified", (f"the verifier failed {state.breakdowns} times: {why}",), at
        )
    body = state.inquiry.body
    return inquire(state, body, at) if isinstance(body, Verify | Resolve) else verify_report(state, at)


def weigh_up(state: ManagerTask, at: float) -> Step:
    """Decide by findings and anomalies of this attempt what becomes of it."""
    standing = weigh(state.findings, state.anomalies, state.spec)
    if standing == "pass":
        return mint_confirm(state, at)
    if standing == "anomalies":
        state, timer = arm(state, state.limits.dispose_seconds, status="disposing")
        return state, (Decide("dispose", "; ".join(anomaly.why for anomaly in state.anomalies)), timer)
    if standing == "missing":
        return breakdown(state, "a required criterion has no finding", at)
    bad = [(f.criterion, f.why) for f in state.findings if f.outcome == standing]
    why = tuple(f"{criterion}: {reason or standing}" for criterion, reason in bad)
    last = state.attempt - state.losses >= state.limits.attempts
    undecided = any(f.outcome == standing and not f.by for f in state.findings)
    if state.limits.attended and undecided and (last or standing == "cannot_check"):
        state = replace(state, status="waiting", waiting_for="overrule", timer="")
        return state, (Decide("overrule", "; ".join(why)),)
    if standing == "cannot_check":
        return end_without_confirm(flawed(state, *bad), "unverified", why, at)
    return next_attempt(flawed(state, *bad), why, at, needs="redo")


def mint_confirm(state: ManagerTask, at: float) -> Step:
    """Mint the confirm. Called only when the findings of this attempt were weighed as a pass."""
    if state.report is None or any(child.ended != "confirm" for child in state.children):
        return verify_report(state, at)
    body = Confirm(
        spec_hash=state.spec.hash,
        artifact_hash=artifact_hash(state.report.result, state.report.evidence),
        verdict=Verdict(anomalies=state.waived, findings=state.findings),
        waived=tuple(anomaly.id for anomaly in state.waived),
        attempt=state.attempt,
        generation=state.generation,
        run=state.run,
        task=state.task,
    )
    effects: tuple[Effect, ...] = ()
    if state.worker:
        effects += (mint(state, body, state.worker, at),)
    effects += (mint(state, body, state.verifier, at, number=1),)
    state = replace(state, status="confirmed", confirm=body, timer="")
    if state.parent:
        send = mint(state, body, state.owner or state.name, at, number=2)
        state, effects = replace(state, last_word=send.envelope), (*effects, send)
    return state, (*effects, Finish("confirmed"))


def body_of(event: Event) -> object:
    """The message or the person's act inside an event."""
    if isinstance(event, Envelope):
        return event.body
    return event.act if isinstance(event, PersonAct) else event


def wake_manager(state: ManagerTask, at: float) -> Step:
    """Set a task going again after a pause or a restart: its timer, and the decision it waits for.

    What is pending is sent again, with its old id: the order, the verification, and an ended
    task's last word to its parent. All of it is ignored where it had arrived.
    """
    patience = patience_for(state)
    effects: tuple[Effect, ...] = ()
    if state.status in {"assigned", "working"} and state.order:
        effects = (Send(state.order),)
    elif state.status == "verifying" and state.inquiry:
        effects = (Send(state.inquiry),)
    elif state.status == "not_done":
        effects = (Decide(state.needs, "this attempt has no order yet"),)
    elif state.status == "disposing":
        effects = (Decide("dispose", "; ".join(anomaly.why for anomaly in state.anomalies)),)
    elif state.status in TERMINAL:
        effects = (Send(state.last_word),) if state.last_word else ()
        if state.status != "confirmed":
            effects += _cancel_children(state, Cancel(reason=f"the parent is {state.status}"), at)
    elif state.waiting_for == "answer" and state.question and isinstance(state.question.body, Ask):
        effects = (Decide("answer", state.question.body.question),)
    elif state.waiting_for == "overrule":
        bad = [f for f in state.findings if f.outcome != "pass" and not f.by]
        effects = (Decide("overrule", "; ".join(f"{f.criterion}: {f.why or f.outcome}" for f in bad)),)
    if state.generation > 1 and state.status not in TERMINAL:
        effects = (Supersede(state.task, state.generation), *effects)
    if patience is None:
        return state, effects
    state, timer = arm(state, patience)
    return state, (*effects, timer)
