"""Situations that only messages can bring about: late, forged, repeated, contradictory ones, and delegation.

The reducers that run are fed with them as a runtime would; what the caller gets is the task's status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ....protocols.errors import ProtocolViolation
from ....protocols.messages import (
    Anomaly,
    Assign,
    Cancel,
    Confirm,
    Envelope,
    Finding,
    Message,
    Redo,
    Report,
    Verdict,
    new_id,
)
from ....protocols.spec import Check, Spec
from ....protocols.states import (
    Child,
    Effect,
    Event,
    Finish,
    Limits,
    ManagerTask,
    PersonAct,
    Send,
    VerifierLost,
    WorkerLost,
    advance,
    draft,
    with_children,
)
from .situation import Seen, false

SPEC = Spec([Check("right", bool), Check("complete", bool)]).describe()
PASSES = (Finding(criterion="right", outcome="pass"), Finding(criterion="complete", outcome="pass"))


class Desk:
    """A manager's task, and what everybody says about it."""

    def __init__(self, task: str = "task", limits: Limits | None = None, parent: str = "") -> None:
        self.state = ManagerTask("run", task, SPEC, limits=limits or Limits(), parent=parent)
        self.clock = 1.0
        self.effects: list[Effect] = []

    def take(self, event: Event) -> bool:
        """Apply an event; whether it was legal."""
        try:
            self.state, effects = advance(self.state, event)
        except ProtocolViolation:
            return False
        self.effects += effects
        return True

    def order(self) -> None:
        """Give the order that is due."""
        redo = Redo(plan=("again",), context="the same", feedback="it was wrong")
        body = redo if self.state.needs == "redo" else Assign(task="do it", spec=SPEC)
        recipient = "" if self.state.needs == "redo" else "worker"
        self.take(draft(self.state, body, self._now(), recipient=recipient))

    def hear(self, sender: str, body: Message, *, attempt: int = 0, task: str = "", about: str = "") -> bool:
        """What somebody says to the manager."""
        return self.take(
            Envelope(
                id=new_id(),
                run="run",
                task=task or self.state.task,
                attempt=attempt or self.state.attempt,
                sender=sender,
                recipient="manager",
                sent_at=self._now(),
                in_reply_to=about,
                body=body,
            )
        )

    def verdict(self, *findings: Finding, anomalies: tuple[Anomaly, ...] = (), about: str = "") -> bool:
        """The verifier answers the verification that is pending, or the one named."""
        pending = self.state.inquiry.id if self.state.inquiry else ""
        return self.hear("verifier", Verdict(findings=findings, anomalies=anomalies), about=about or pending)

    def report(self, result: Any = "made", *, sender: str = "worker", attempt: int = 0) -> bool:
        """A worker reports."""
        return self.hear(sender, Report(result=result), attempt=attempt)

    def seen(self, **claims: bool) -> Seen:
        """The status, and the claims that are false."""
        return Seen(self.state.status, false(claims.items()))

    @property
    def confirmed(self) -> bool:
        """Whether the task counts as done, by status or by an effect."""
        done = any(isinstance(each, Finish) and each.outcome == "confirmed" for each in self.effects)
        minted = any(isinstance(each, Send) and each.envelope.kind == "confirm" for each in self.effects)
        return done or minted or self.state.status == "confirmed"

    def _now(self) -> float:
        self.clock += 1.0
        return self.clock


def failed(criterion: str) -> Finding:
    """A finding that refuses."""
    return Finding(criterion=criterion, outcome="fail", why="wrong")


def reported() -> Desk:
    """A task whose first attempt was reported."""
    desk = Desk()
    desk.order()
    desk.report()
    return desk


async def late_report_of_an_old_attempt(_: Path) -> Seen:
    """A report of attempt 1 that arrives in attempt 2 changes nothing: not confirmed, not verified."""
    desk = reported()
    desk.verdict(failed("right"), PASSES[1])
    desk.order()
    before = desk.state
    desk.report("the old thing", attempt=1)
    return desk.seen(nothing_changed=desk.state == before, is_not_confirmed=not desk.confirmed)


async def late_verdict_of_an_old_attempt(_: Path) -> Seen:
    """A pass that was meant for attempt 1 does not confirm attempt 2."""
    desk = reported()
    old = desk.state.inquiry.id if desk.state.inquiry else ""
    desk.verdict(failed("right"), PASSES[1])
    desk.order()
    desk.report()
    desk.verdict(*PASSES, about=old)
    return desk.seen(is_not_confirmed=not desk.confirmed, still_verifying=desk.state.status == "verifying")


async def passes_of_two_attempts(_: Path) -> Seen:
    """One check passes in attempt 1 and the other in attempt 2: the first pass is void, not confirmed."""
    desk = reported()
    desk.verdict(failed("right"), PASSES[1])
    desk.order()
    desk.report()
    desk.verdict(PASSES[0])
    return desk.seen(is_not_confirmed=not desk.confirmed)


async def worker_confirms_itself(_: Path) -> Seen:
    """A worker sends a confirm: refused, nothing changes."""
    desk = reported()
    spec_hash = desk.state.spec.hash
    forged = Confirm(
        spec_hash=spec_hash, artifact_hash="x", verdict=Verdict(findings=PASSES), attempt=1, generation=1
    )
    took = desk.hear("worker", forged)
    return desk.seen(is_refused=not took, is_not_confirmed=not desk.confirmed)


async def worker_judges_itself(_: Path) -> Seen:
    """A worker sends a passing verdict about its own work: refused."""
    desk = reported()
    inquiry = desk.state.inquiry
    took = desk.hear("worker", Verdict(findings=PASSES), about=inquiry.id if inquiry else "")
    return desk.seen(is_refused=not took, is_not_confirmed=not desk.confirmed)


async def report_by_a_stranger(_: Path) -> Seen:
    """Somebody who does not have the task reports it: refused."""
    desk = Desk()
    desk.order()
    took = desk.report(sender="stranger")
    return desk.seen(is_refused=not took, is_not_verified=desk.state.report is None)


async def report_for_another_task(_: Path) -> Seen:
    """A report about another's task: refused."""
    desk = Desk()
    desk.order()
    took = desk.hear("worker", Report(result="made"), task="another")
    return desk.seen(is_refused=not took, is_not_verified=desk.state.report is None)


async def second_report_of_an_attempt(_: Path) -> Seen:
    """A worker reports twice: the first counts, and what is confirmed is the first."""
    desk = reported()
    desk.report("something else")
    desk.verdict(*PASSES)
    result = desk.state.report.result if desk.state.report else None
    return desk.seen(is_confirmed=desk.confirmed, is_the_first=result == "made")


async def report_without_an_order(_: Path) -> Seen:
    """A report of what nobody ordered: refused."""
    desk = Desk()
    took = desk.report()
    return desk.seen(is_refused=not took)


async def flagged_and_approved(_: Path) -> Seen:
    """The verifier flags an anomaly and passes every criterion: not confirmed until it is disposed of."""
    desk = reported()
    desk.verdict(*PASSES, anomalies=(Anomaly.of("made", "it looks invented"),))
    return desk.seen(is_not_confirmed=not desk.confirmed, waits=desk.state.status == "disposing")


async def flagged_and_redone(_: Path) -> Seen:
    """An anomaly that the manager takes for true voids the attempt: a redo goes out."""
    desk = reported()
    desk.verdict(*PASSES, anomalies=(Anomaly.of("made", "it looks invented"),))
    redo = Redo(plan=("again",), context="the same", feedback="it looks invented")
    desk.take(draft(desk.state, redo, 9.0))
    return desk.seen(is_attempt_2=desk.state.attempt == 2, is_not_confirmed=not desk.confirmed)


async def anomaly_with_an_invented_quote(_: Path) -> Seen:
    """An anomaly quotes words that are not in the artifact: the verdict does not count, either way."""
    desk = reported()
    desk.verdict(*PASSES, anomalies=(Anomaly.of("never said", "it looks invented"),))
    return desk.seen(is_not_confirmed=not desk.confirmed, asks_again=desk.state.status == "verifying")


async def verdict_leaves_a_criterion_out(_: Path) -> Seen:
    """A verdict without a finding on a required criterion is no pass."""
    desk = reported()
    desk.verdict(PASSES[0])
    return desk.seen(is_not_confirmed=not desk.confirmed)


async def verdict_about_something_else(_: Path) -> Seen:
    """A verdict with findings on criteria that the spec does not have is no pass."""
    desk = reported()
    desk.verdict(*PASSES, Finding(criterion="nice", outcome="pass"))
    return desk.seen(is_not_confirmed=not desk.confirmed)


async def verdict_contradicts_itself(_: Path) -> Seen:
    """A verdict that passes and fails one criterion counts as its worst."""
    desk = reported()
    desk.verdict(*PASSES, failed("right"))
    return desk.seen(is_not_confirmed=not desk.confirmed, is_attempt_2=desk.state.attempt == 2)


async def verifier_lost_again_and_again(_: Path) -> Seen:
    """The verifier never answers: Unverified after a bounded number of times."""
    desk = reported()
    for _turn in range(10):
        desk.take(VerifierLost(now=9.0, verifier="verifier"))
    return desk.seen(is_unverified=desk.state.status == "unverified")


async def worker_lost_again_and_again(_: Path) -> Seen:
    """Every worker is lost: Unverified after a bounded number of times."""
    desk = Desk(limits=Limits(losses=3))
    for _turn in range(10):
        desk.order()
        desk.take(WorkerLost(now=9.0, worker="worker"))
    return desk.seen(is_unverified=desk.state.status == "unverified")


async def cancelled_while_being_verified(_: Path) -> Seen:
    """A person cancels while the verifier is at it: a pass that comes later does not confirm."""
    desk = reported()
    desk.take(PersonAct(person="Ada", now=9.0, act=Cancel(reason="no longer needed")))
    desk.verdict(*PASSES)
    return desk.seen(is_cancelled=desk.state.status == "cancelled", is_not_confirmed=not desk.confirmed)


async def delegated_work_is_refused(_: Path) -> Seen:
    """A manager delegates a part, the part is refused: the whole is not confirmed by its own passes."""
    desk = _parent()
    desk.report()
    desk.verdict(*PASSES)
    child = Desk("part", Limits(attempts=1), parent="task")
    child.order()
    child.report()
    child.verdict(failed("right"), PASSES[1])
    for effect in child.effects:
        if isinstance(effect, Send) and effect.envelope.recipient == "manager":
            desk.take(effect.envelope)
    return desk.seen(
        child_is_unverified=child.state.status == "unverified", is_not_confirmed=not desk.confirmed
    )


async def delegated_work_is_not_verified_yet(_: Path) -> Seen:
    """A manager reports while a delegated part is still open: it waits for the part."""
    desk = _parent()
    desk.report()
    desk.verdict(*PASSES)
    return desk.seen(is_not_confirmed=not desk.confirmed, waits=desk.state.status == "waiting")


async def delegated_work_passes_the_check(_: Path) -> Seen:
    """The part is confirmed, then the whole passes: Confirmed, in this order."""
    desk = _parent()
    desk.report()
    child = Desk("part", parent="task")
    child.order()
    child.report()
    child.verdict(*PASSES)
    for effect in child.effects:
        if isinstance(effect, Send) and effect.envelope.kind == "confirm":
            desk.take(effect.envelope)
    desk.verdict(*PASSES)
    return desk.seen(child_is_confirmed=child.confirmed, is_confirmed=desk.confirmed)


def _parent() -> Desk:
    desk = Desk()
    desk.order()
    desk.state = with_children(desk.state, (Child("part"),))
    return desk


PLAYS: Iterable[Callable[[Path], Any]] = (
    late_report_of_an_old_attempt,
    late_verdict_of_an_old_attempt,
    passes_of_two_attempts,
    worker_confirms_itself,
    worker_judges_itself,
    report_by_a_stranger,
    report_for_another_task,
    second_report_of_an_attempt,
    report_without_an_order,
    flagged_and_approved,
    flagged_and_redone,
    anomaly_with_an_invented_quote,
    verdict_leaves_a_criterion_out,
    verdict_about_something_else,
    verdict_contradicts_itself,
    verifier_lost_again_and_again,
    worker_lost_again_and_again,
    cancelled_while_being_verified,
    delegated_work_is_refused,
    delegated_work_is_not_verified_yet,
    delegated_work_passes_the_check,
)
