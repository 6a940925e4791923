"""What must hold in every run, said a second time and independently of the rules that run.

`Watch` follows one task from outside: which orders, verifications and verdicts went by. It
knows nothing of the manager's state, so a manager that confirms wrongly cannot fool it.
The other checks look at one step. Each gives the names of what is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .messages import (
    Anomaly,
    Cancel,
    Confirm,
    Envelope,
    Resolve,
    SpecText,
    Verdict,
    Verify,
    Waive,
    artifact_hash,
)
from .tasks import (
    TERMINAL,
    Decide,
    Effect,
    Event,
    Finish,
    GiveAnswer,
    ManagerTask,
    Overrule,
    PersonAct,
    Reopen,
    Schedule,
    Send,
    StartWork,
    WorkerTask,
)

INVARIANTS: dict[str, str] = {
    "confirmed_without_verdict": "A task is confirmed only when its last verification was answered.",
    "confirmed_by_a_late_verdict": "No verdict confirms that answers an earlier verification than the last.",
    "confirmed_for_other_work": "No verdict confirms that is about another artifact than the one in hand.",
    "confirmed_without_finding": "A task is confirmed only when this attempt has a finding about every"
    " required criterion; a redo voids earlier ones.",
    "confirmed_over_a_finding": "A task is not confirmed while the last finding about a required criterion is"
    " no pass and no person has overruled it.",
    "confirmed_over_a_persons_no": "A task is not confirmed in an attempt that a person has refused.",
    "confirmed_over_an_anomaly": "A task is not confirmed while an anomaly is open that nobody has waived.",
    "confirm_of_another_spec": "A confirm carries the hash of the task's spec.",
    "confirm_of_another_artifact": "A confirm carries the hash of the artifact that was verified.",
    "confirm_of_another_attempt": "A confirm carries the generation and the attempt that were verified.",
    "finished_without_confirm": "A task finishes as confirmed only with a confirm in hand.",
    "end_untold": "A task's end is told when it comes: once, and as what it is.",
    "parent_before_child": "A parent is not confirmed while a child is not.",
    "parent_stays_confirmed": "A confirmed parent whose child is re-opened is confirmed no longer.",
    "too_many_attempts": "No more orders are given than attempts, and losses beside them, are allowed.",
    "too_many_losses": "No order is given when more were lost with their workers than is allowed.",
    "over_budget": "No order is given when the budget is used up.",
    "cancel_unheard": "A task that is cancelled before its end ends as cancelled.",
    "busy_in_a_pause": "A paused task orders, asks and confirms nothing.",
    "person_overtaken": "While a person has a task, nothing that its worker says changes it.",
    "end_is_not_final": "An ended task changes only by being re-opened.",
    "late_message_counted": "A message of an earlier attempt changes nothing.",
    "repetition_counted": "A message that arrives a second time changes nothing.",
    "work_begun_twice": "A worker that remembers begins each attempt at most once.",
    "work_unlike_status": "Work is in progress exactly while the worker's status says so.",
    "answered_unasked": "Work is given only the answer to the question that it has open.",
    "broke_down": "No message of a correct partner is refused, and no rule fails.",
    "outside_the_table": "A step leads where the table says.",
    "no_end_in_reach": "From everywhere, without further faults, the task can end.",
    "no_rest_in_reach": "From everywhere, without further faults, the workers can come to rest after that.",
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
        failed: Criteria whose last finding is something else, and none by a person.
        refused: Criteria that a person found wanting; nothing in this attempt outweighs that.
        open: Ids of anomalies of the last verdict that nobody waived.
        waived: Ids of anomalies that a person waived in this attempt.
    """

    place: tuple[int, int] = (1, 0)
    asked: str = ""
    answered: bool = False
    artifact: str = ""
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()

    def after(self, event: Event, effects: Iterable[Effect]) -> Watch:
        """Follow one step of the manager."""
        watch = self._told(event)
        for effect in effects:
            if isinstance(effect, Send):
                watch = watch._sent(effect.envelope)
        return watch

    def stands_in_the_way(self, spec: SpecText) -> list[str]:
        """Names of the rules that a confirm would break now."""
        required = {criterion.name for criterion in spec.criteria if criterion.required}
        rules = {
            "confirmed_without_verdict": not self.answered,
            "confirmed_without_finding": required - self.passed - self.failed - self.refused,
            "confirmed_over_a_finding": required & self.failed,
            "confirmed_over_a_persons_no": required & self.refused,
            "confirmed_over_an_anomaly": self.open,
        }
        return [name for name, broken in rules.items() if broken]

    def answers_another(self, event: Event) -> list[str]:
        """Names of the rules that a confirm on this verdict would break; none for what is no verdict."""
        if not isinstance(event, Envelope) or not isinstance(event.body, Verdict):
            return []
        if event.in_reply_to != self.asked:
            return ["confirmed_by_a_late_verdict"]
        return ["confirmed_for_other_work"] if _about(event.body) - {self.artifact} else []

    def _told(self, event: Event) -> Watch:
        if isinstance(event, PersonAct) and isinstance(event.act, Overrule):
            name = frozenset({event.act.criterion})
            if event.act.outcome == "fail":
                return replace(self, failed=self.failed - name, refused=self.refused | name)
            if not self.answered or not name <= self.failed:
                return self
            return replace(self, passed=self.passed | name, failed=self.failed - name)
        if isinstance(event, PersonAct) and isinstance(event.act, Waive):
            name = frozenset({event.act.anomaly})
            return replace(self, open=self.open - name, waived=self.waived | name)
        if not isinstance(event, Envelope) or not isinstance(event.body, Verdict):
            return self
        verdict = event.body
        if self.answered or self.answers_another(event):
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


def _about(verdict: Verdict) -> set[str]:
    """Hashes of the artifacts that a verdict's findings name."""
    return {source for finding in verdict.findings for source in finding.evidence}


def _names(anomalies: tuple[Anomaly, ...]) -> set[str]:
    return {anomaly.id for anomaly in anomalies}


def manager_step(
    old: ManagerTask, event: Event, new: ManagerTask, effects: tuple[Effect, ...], before: Watch, after: Watch
) -> list[str]:
    """Check one step of the manager; `before` and `after` are the watch around it."""
    return [
        *_confirms(old, event, new, effects, before, after),
        *_ends(old, event, new, effects),
        *_orders(new, effects, before, after),
        *_heard(old, event, new, effects),
    ]


def _confirms(
    old: ManagerTask, event: Event, new: ManagerTask, effects: tuple[Effect, ...], before: Watch, after: Watch
) -> Iterator[str]:
    confirms = [
        (effect.envelope, effect.envelope.body)
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.envelope.body, Confirm)
    ]
    becomes = new.status == "confirmed" != old.status
    if becomes or confirms:
        yield from after.stands_in_the_way(new.spec)
    if becomes:
        yield from before.answers_another(event)
    for envelope, body in confirms:
        if after.stands_in_the_way(new.spec):
            continue
        if body.spec_hash != new.spec.hash:
            yield "confirm_of_another_spec"
        if body.artifact_hash != after.artifact:
            yield "confirm_of_another_artifact"
        places = {(body.generation, body.attempt), (envelope.generation, envelope.attempt)}
        if places != {after.place}:
            yield "confirm_of_another_attempt"


def _ends(old: ManagerTask, event: Event, new: ManagerTask, effects: tuple[Effect, ...]) -> Iterator[str]:
    told = [effect.outcome for effect in effects if isinstance(effect, Finish)]
    came = [new.status] if new.status in TERMINAL and new.status != old.status else []
    if told != came:
        yield "end_untold"
    if "confirmed" in {*told, *came} and new.confirm is None:
        yield "finished_without_confirm"
    reopening = isinstance(event, PersonAct) and isinstance(event.act, Reopen)
    if old.status in TERMINAL and not reopening and replace(new, children=old.children) != old:
        yield "end_is_not_final"
    cancelling = isinstance(event, PersonAct) and isinstance(event.act, Cancel)
    if old.status not in TERMINAL and (cancelling or _told_to_stop(old, event)) and new.status != "cancelled":
        yield "cancel_unheard"


def _told_to_stop(old: ManagerTask, event: Event) -> bool:
    """Whether the manager of the parent stops this generation of the task."""
    if not isinstance(event, Envelope) or event.kind != "cancel":
        return False
    return (event.task, event.sender) == (old.task, old.owner) and event.generation >= old.generation


def _orders(new: ManagerTask, effects: tuple[Effect, ...], before: Watch, after: Watch) -> Iterator[str]:
    if not any(_is_order(effect, before) for effect in effects):
        return
    limits = new.limits
    if after.place[1] > limits.attempts + limits.losses or new.attempt - new.losses > limits.attempts:
        yield "too_many_attempts"
    if new.losses > limits.losses:
        yield "too_many_losses"
    if limits.budget is not None and new.spent >= limits.budget:
        yield "over_budget"


def _heard(old: ManagerTask, event: Event, new: ManagerTask, effects: tuple[Effect, ...]) -> Iterator[str]:
    """What must have no effect, or none yet."""
    if old.status == new.status == "paused" and any(_is_business(effect) for effect in effects):
        yield "busy_in_a_pause"
    if not isinstance(event, Envelope) or event.task != old.task or event.kind == "cancel" or new == old:
        return
    if (event.generation, event.attempt) < (old.generation, old.attempt):
        yield "late_message_counted"
    theirs = old.status == "waiting" and old.waiting_for == "person"
    if theirs and event.sender not in {old.name, old.verifier}:
        yield "person_overtaken"


def _is_business(effect: Effect) -> bool:
    if isinstance(effect, Send):
        return effect.envelope.kind not in {"cancel", "failed"}
    return isinstance(effect, Decide | Schedule)


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
        if isinstance(effect, GiveAnswer) and (
            old.question is None or effect.answer.in_reply_to != old.question.id
        ):
            broken.append("answered_unasked")
    if running != (new.status == "working"):
        broken.append("work_unlike_status")
    return broken
