"""What must hold in every run, said a second time and independently of the rules that run.

`Watch` follows one task from outside: which orders, verifications and verdicts went by. It
knows nothing of the manager's state, so a manager that confirms wrongly cannot fool it.
The other checks look at one step. Each gives the names of what is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .messages import Anomaly, Confirm, Envelope, Resolve, SpecText, Verdict, Verify, Waive, artifact_hash
from .tasks import (
    TERMINAL,
    Effect,
    Event,
    Finish,
    ManagerTask,
    Overrule,
    PersonAct,
    Reopen,
    Send,
    StartWork,
    WorkerTask,
)

INVARIANTS: dict[str, str] = {
    "confirmed_without_pass": "A confirm is minted only when every required criterion has passed and no"
    " anomaly is open, by verdicts about this generation, attempt and artifact, or by a person who overruled"
    " them; a redo voids earlier passes.",
    "confirm_unlike_the_work": "A confirm carries the hashes, attempt and generation of what was verified.",
    "finished_without_confirm": "A task finishes as confirmed only together with a confirm.",
    "parent_before_child": "A parent is not confirmed while a child is not.",
    "too_many_attempts": "No more orders are given than attempts and losses are allowed.",
    "over_budget": "No order is given when the budget is used up.",
    "end_is_not_final": "An ended task changes only by being re-opened.",
    "late_message_counted": "A message of an earlier attempt changes nothing.",
    "repetition_counted": "A message that arrives a second time changes nothing.",
    "work_begun_twice": "A worker that remembers begins each attempt at most once.",
    "work_unlike_status": "Work is in progress exactly while the worker's status says so.",
    "broke_down": "No message of a correct partner is refused, and no rule fails.",
    "outside_the_table": "A step leads where the table says.",
    "no_end_in_reach": "From everywhere, without further faults, the task can end and its workers rest.",
    "endless": "Without faults and signs of life, no run goes on for ever.",
    "too_large": "The exploration finished within its limit of configurations.",
}
"""Name to sentence; the explorer checks all of them."""


@dataclass(frozen=True)
class Watch:
    """What went by about one task's current attempt.

    Attributes:
        place: (generation, attempt) of the last order.
        asked: Id of the last verification request, or "".
        answered: Whether it has its verdict.
        artifact: `artifact_hash` of what it is about.
        passed: Criteria whose last finding is a pass.
        failed: Criteria whose last finding is something else.
        open: Ids of anomalies of the last verdict that nobody waived.
        waived: Ids of anomalies that a person waived in this attempt.
    """

    place: tuple[int, int] = (1, 0)
    asked: str = ""
    answered: bool = False
    artifact: str = ""
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()

    def after(self, event: Event, effects: Iterable[Effect]) -> Watch:
        """Follow one step of the manager."""
        watch = self._told(event)
        for effect in effects:
            if isinstance(effect, Send):
                watch = watch._sent(effect.envelope)
        return watch

    def passes(self, spec: SpecText) -> bool:
        """Whether what went by allows a confirm now."""
        required = {criterion.name for criterion in spec.criteria if criterion.required}
        return required <= self.passed and not required & self.failed and not self.open and self.answered

    def _told(self, event: Event) -> Watch:
        if isinstance(event, PersonAct) and isinstance(event.act, Overrule):
            name, passes = frozenset({event.act.criterion}), event.act.outcome == "pass"
            if not self.answered or not name <= self.failed or not passes:
                return self
            return replace(self, passed=self.passed | name, failed=self.failed - name)
        if isinstance(event, PersonAct) and isinstance(event.act, Waive):
            name = frozenset({event.act.anomaly})
            return replace(self, open=self.open - name, waived=self.waived | name)
        if not isinstance(event, Envelope) or not isinstance(event.body, Verdict):
            return self
        verdict = event.body
        about = {source for finding in verdict.findings for source in finding.evidence}
        if event.in_reply_to != self.asked or self.answered or about - {self.artifact}:
            return self
        new = {finding.criterion for finding in verdict.findings}
        passed = {finding.criterion for finding in verdict.findings if finding.outcome == "pass"}
        failed = {finding.criterion for finding in verdict.findings if finding.outcome != "pass"}
        return replace(
            self,
            answered=True,
            passed=frozenset((self.passed - new) | (passed - failed)),
            failed=frozenset((self.failed - new) | failed),
            open=frozenset(_names(verdict.anomalies)) - self.waived,
        )

    def _sent(self, envelope: Envelope) -> Watch:
        body, place = envelope.body, (envelope.generation, envelope.attempt)
        if envelope.kind in {"assign", "redo"} and place > self.place:
            return Watch(place=place)
        if isinstance(body, Verify):
            artifact = artifact_hash(body.result, body.evidence)
            if artifact != self.artifact:
                return Watch(place=place, asked=envelope.id, artifact=artifact)
        if isinstance(body, Verify | Resolve) and envelope.id != self.asked:
            return replace(self, asked=envelope.id, answered=False)
        return self


def _names(anomalies: tuple[Anomaly, ...]) -> set[str]:
    return {anomaly.id for anomaly in anomalies}


def manager_step(
    old: ManagerTask, event: Event, new: ManagerTask, effects: tuple[Effect, ...], before: Watch, after: Watch
) -> list[str]:
    """Check one step of the manager; `before` and `after` are the watch around it."""
    broken: list[str] = []
    confirms = [
        effect.envelope
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.envelope.body, Confirm)
    ]
    if new.status == "confirmed" and old.status != "confirmed" and not after.passes(new.spec):
        broken.append("confirmed_without_pass")
    for envelope in confirms:
        body = envelope.body
        same = isinstance(body, Confirm) and (
            (body.spec_hash, body.artifact_hash, (body.generation, body.attempt))
            == (new.spec.hash, after.artifact, after.place)
        )
        if not after.passes(new.spec):
            broken.append("confirmed_without_pass")
        elif not same or after.place != (envelope.generation, envelope.attempt):
            broken.append("confirm_unlike_the_work")
    finished = any(isinstance(effect, Finish) and effect.outcome == "confirmed" for effect in effects)
    if finished != (new.status == "confirmed" and old.status != "confirmed") or (
        finished and new.confirm is None
    ):
        broken.append("finished_without_confirm")
    if any(_is_order(effect, before) for effect in effects):
        if (
            after.place[1] > new.limits.attempts + new.limits.losses
            or new.attempt - new.losses > new.limits.attempts
        ):
            broken.append("too_many_attempts")
        if new.limits.budget is not None and new.spent >= new.limits.budget:
            broken.append("over_budget")
    reopening = isinstance(event, PersonAct) and isinstance(event.act, Reopen)
    if old.status in TERMINAL and not reopening and replace(new, children=old.children) != old:
        broken.append("end_is_not_final")
    if isinstance(event, Envelope) and event.task == old.task and new != old and event.kind != "cancel":
        late = (event.generation, event.attempt) < (old.generation, old.attempt)
        broken += ["late_message_counted"] if late else []
    return broken


def _is_order(effect: Effect, before: Watch) -> bool:
    if not isinstance(effect, Send) or effect.envelope.kind not in {"assign", "redo"}:
        return False
    return (effect.envelope.generation, effect.envelope.attempt) > before.place


def worker_step(old: WorkerTask, new: WorkerTask, effects: tuple[Effect, ...], *, running: bool) -> list[str]:
    """Check one step of a worker that remembers; `running` is whether work is in progress after it."""
    broken: list[str] = []
    for effect in effects:
        if isinstance(effect, StartWork):
            begun = (effect.order.generation, effect.order.attempt)
            if begun <= (old.generation, old.attempt):
                broken.append("work_begun_twice")
    if running != (new.status == "working"):
        broken.append("work_unlike_status")
    return broken
