"""Reducers with one planted fault each, to show that the explorer finds what it must find.

Each is the shipped table with a row or two replaced by what a hurried programmer might have
written. Together they break every invariant that a fault of the reducers can break, and each
can be given one of those that it breaks and no other is given. None is ever used by a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from .explorer_model import Reducers
from .manager_handlers import hold, ignore, judged, overruled, reopened, reported
from .manager_rules import MANAGER_RULES, ManagerHandler
from .manager_steps import Step, mint_confirm, next_attempt
from .messages import Confirm, Envelope, Report, Verdict, artifact_hash
from .tasks import (
    Effect,
    Event,
    Finish,
    GiveAnswer,
    ManagerTask,
    Overrule,
    PersonAct,
    Reopen,
    Send,
    StartWork,
    WorkerTask,
    event_time,
)
from .worker_rules import WORKER_RULES, WorkerHandler, WorkerStep


@dataclass(frozen=True)
class Mutant:
    """A planted fault.

    Attributes:
        name: What it is called.
        says: What it does wrong.
        breaks: All invariants that the explorer finds violated, in that world.
        scenario: Which of the explorer's worlds it shows in.
        reducers: Its rules.
    """

    name: str
    says: str
    breaks: tuple[str, ...]
    scenario: str
    reducers: Reducers


def _manager(
    change: Callable[[ManagerHandler], ManagerHandler], *keys: tuple[str, str]
) -> Callable[[str], Reducers]:
    changed = {key: replace(MANAGER_RULES[key], run=change(MANAGER_RULES[key].run)) for key in keys}
    return lambda name: Reducers(name, manager={**MANAGER_RULES, **changed})


def _worker(
    change: Callable[[WorkerHandler], WorkerHandler], *keys: tuple[str, str]
) -> Callable[[str], Reducers]:
    changed = {key: replace(WORKER_RULES[key], run=change(WORKER_RULES[key].run)) for key in keys}
    return lambda name: Reducers(name, worker={**WORKER_RULES, **changed})


def _without(*keys: tuple[str, str]) -> Callable[[str], Reducers]:
    left = {key: rule for key, rule in MANAGER_RULES.items() if key not in keys}
    return lambda name: Reducers(name, manager=left)


def _as(other: ManagerHandler) -> Callable[[ManagerHandler], ManagerHandler]:
    return lambda _: other


def _believes_the_worker(state: ManagerTask, event: Event) -> Step:
    """Take the report for the proof."""
    if isinstance(event, Envelope) and isinstance(event.body, Report):
        return mint_confirm(replace(state, report=event.body, reporter=event.sender), event.sent_at)
    return state, ()


def _takes_any_verdict(state: ManagerTask, event: Event) -> Step:
    """Do not look whether the verdict is about this attempt."""
    if isinstance(event, Envelope) and event.kind == "verdict" and state.inquiry:
        event = event.model_copy(update={"in_reply_to": state.inquiry.id})
        return judged(state, event)
    return state, ()


def _takes_late_report(state: ManagerTask, event: Event) -> Step:
    """Do not look at the attempt."""
    return reported(state, event) if event.kind == "report" else ignore(state, event)


def _keeps_passes(rule: ManagerHandler) -> ManagerHandler:
    """Carry the passes of a refused attempt over to the next, to save the verifier work."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(state, event)
        if new.status != "not_done" or not isinstance(event, Envelope) or not isinstance(event.body, Verdict):
            return new, effects
        kept = tuple(finding for finding in event.body.findings if finding.outcome == "pass")
        return replace(new, findings=kept), effects

    return run


def _without_limit(rule: ManagerHandler) -> ManagerHandler:
    """Try again until it works."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(replace(state, limits=replace(state.limits, attempts=99)), event)
        return replace(new, limits=state.limits), effects

    return run


def _without_budget(rule: ManagerHandler) -> ManagerHandler:
    """Spend what is not there."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(replace(state, limits=replace(state.limits, budget=None)), event)
        return replace(new, limits=state.limits), effects

    return run


def _overlooks_anomalies(state: ManagerTask, event: Event) -> Step:
    """All findings pass, so what was odd does not matter."""
    if isinstance(event, Envelope) and isinstance(event.body, Verdict):
        body = event.body.model_copy(update={"anomalies": ()})
        return judged(state, event.model_copy(update={"body": body}))
    return judged(state, event)


def _hears_what_it_likes(state: ManagerTask, event: Event) -> Step:
    """Take whatever a person decides for a yes."""
    if isinstance(event, PersonAct) and isinstance(event.act, Overrule):
        event = event.model_copy(update={"act": event.act.model_copy(update={"outcome": "pass"})})
    return overruled(state, event)


def _forgets_children(rule: ManagerHandler) -> ManagerHandler:
    """Verify the parent whatever its children do."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(replace(state, children=()), event)
        return replace(new, children=state.children), effects

    return run


def _never_repeats(rule: ManagerHandler) -> ManagerHandler:
    """Trust that messages arrive."""
    return ignore


def _asks_under_the_old_name(rule: ManagerHandler) -> ManagerHandler:
    """Number verifications from one again when a person takes over within the attempt."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(state, event)
        return replace(new, inquiries=0), effects

    return run


def _stays_confirmed(state: ManagerTask, event: Event) -> Step:
    """Change a confirmed task's children and leave it confirmed."""
    new, effects = reopened(state, event)
    if isinstance(event, PersonAct) and isinstance(event.act, Reopen) and not event.act.upstream:
        return new, effects
    return replace(state, children=new.children), ()


def _writes(change: Callable[[ManagerTask], dict[str, object]]) -> Callable[[ManagerHandler], ManagerHandler]:
    """Put something else into a confirm than belongs there."""

    def altered(effect: Effect, state: ManagerTask) -> Effect:
        if not isinstance(effect, Send) or not isinstance(effect.envelope.body, Confirm):
            return effect
        body = effect.envelope.body.model_copy(update=change(state))
        return Send(effect.envelope.model_copy(update={"body": body}))

    def around(rule: ManagerHandler) -> ManagerHandler:
        def run(state: ManagerTask, event: Event) -> Step:
            new, effects = rule(state, event)
            return new, tuple(altered(effect, new) for effect in effects)

        return run

    return around


def _first_attempt(state: ManagerTask) -> dict[str, object]:
    return {"attempt": 1}


def _hash_of_the_criteria(state: ManagerTask) -> dict[str, object]:
    """Hash what a spec says, and not what checks it."""
    return {"spec_hash": artifact_hash([criterion.text for criterion in state.spec.criteria], ())}


def _hash_of_the_report(state: ManagerTask) -> dict[str, object]:
    """Hash the whole report, for the artifact in it."""
    return {"artifact_hash": artifact_hash(state.report.model_dump() if state.report else None, ())}


def _ends_in_silence(rule: ManagerHandler) -> ManagerHandler:
    """End, and tell the worker and the verifier but not whoever waits for the task."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(state, event)
        return new, tuple(effect for effect in effects if not isinstance(effect, Finish))

    return run


def _rounds_up(state: ManagerTask, event: Event) -> Step:
    """Take what cannot be checked for a pass, since nothing speaks against it."""
    if not isinstance(event, Envelope) or not isinstance(event.body, Verdict):
        return judged(state, event)
    found = event.body.findings
    doubts = [each.model_copy(update={"outcome": "pass"}) for each in found if each.outcome == "cannot_check"]
    sure = [each for each in found if each.outcome != "cannot_check"]
    body = event.body.model_copy(update={"findings": (*sure, *doubts)})
    return judged(state, event.model_copy(update={"body": body}))


def _forgives_losses(rule: ManagerHandler) -> ManagerHandler:
    """Take another worker however many were lost."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(replace(state, limits=replace(state.limits, losses=99)), event)
        return replace(new, limits=state.limits), effects

    return run


def _verifies_in_a_pause(state: ManagerTask, event: Event) -> Step:
    """Take a report at once, paused or not; only the status stays what it was."""
    if state.paused_in not in {"assigned", "working"}:
        return ignore(state, event) if state.report else hold(state, event)
    new, effects = reported(replace(state, status=state.paused_in, paused_in=""), event)
    return replace(new, status="paused", paused_in=new.status), effects


def _lets_the_worker_finish(state: ManagerTask, event: Event) -> Step:
    """Take a worker's report although a person has taken the task over."""
    if state.waiting_for != "person":
        return reported(state, event)
    return reported(replace(state, waiting_for="answer"), event)


def _keeps_no_confirm(rule: ManagerHandler) -> ManagerHandler:
    """Send the confirm and forget it."""

    def run(state: ManagerTask, event: Event) -> Step:
        new, effects = rule(state, event)
        return replace(new, confirm=None), effects

    return run


def _lets_the_worker_go(state: ManagerTask, event: Event) -> Step:
    """Forget, after the end, who did it: the worker that comes back is told to stop, not that it is done."""
    return replace(state, worker=""), ()


def _blames_the_worker(state: ManagerTask, event: Event) -> Step:
    """Take a lost verifier for a refusal of the work."""
    return next_attempt(state, ("it was not verified",), event_time(event), needs="redo")


def _forgets_that_it_asked(rule: WorkerHandler) -> WorkerHandler:
    """Do not count the question."""

    def run(state: WorkerTask, event: Event) -> WorkerStep:
        new, effects = rule(state, event)
        return replace(new, asks=state.asks), effects

    return run


def _gives_every_answer(rule: WorkerHandler) -> WorkerHandler:
    """Hand an answer to the work whenever one comes."""

    def run(state: WorkerTask, event: Event) -> WorkerStep:
        given = (GiveAnswer(event),) if isinstance(event, Envelope) else ()
        return replace(state, question=None), given

    return run


def _begins_again(rule: WorkerHandler) -> WorkerHandler:
    """Start the work whenever the order comes."""

    def run(state: WorkerTask, event: Event) -> WorkerStep:
        new, effects = rule(state, event)
        if state.brief is None or state.order is None:
            return new, effects
        return new, (*effects, StartWork(state.brief, state.order))

    return run


def _pretends_to_work(rule: WorkerHandler) -> WorkerHandler:
    """Come back from a crash as if nothing had happened."""
    return lambda state, event: (state, ())


def _forgets_its_report(rule: WorkerHandler) -> WorkerHandler:
    """Say nothing when the order comes again after the report, and do not repeat the report."""
    return lambda state, event: (state, ())


_WORKING = ("assigned", "working")

MUTANTS: tuple[Mutant, ...] = tuple(
    Mutant(name, says, tuple(breaks.split()), scenario, make(name))
    for name, says, breaks, scenario, make in (
        ("believes the worker", "confirms on the report, without a verdict",
         "confirmed_without_verdict confirmed_without_finding outside_the_table", "three redos",
         _manager(_as(_believes_the_worker), *((s, "report") for s in _WORKING))),
        ("takes any verdict", "confirms on a verdict about an earlier attempt",
         "confirmed_by_a_late_verdict confirmed_without_verdict confirmed_without_finding"
         " late_message_counted outside_the_table", "two faults",
         _manager(_as(_takes_any_verdict), ("verifying", "late"))),
        ("keeps passes", "a redo does not void earlier passes",
         "confirmed_without_finding", "three redos",
         _manager(_keeps_passes, ("verifying", "verdict"))),
        ("takes late reports", "accepts the report of an earlier attempt",
         "late_message_counted outside_the_table", "three redos",
         _manager(_as(_takes_late_report), *((s, "late") for s in _WORKING))),
        ("has no limit", "ignores the limit of attempts",
         "too_many_attempts", "three redos",
         _manager(_without_limit, ("verifying", "verdict"))),
        ("has no budget", "orders work that nothing is left for",
         "over_budget", "budget",
         _manager(_without_budget, ("verifying", "verdict"), ("not_done", "redo"), ("not_done", "assign"))),
        ("overlooks anomalies", "confirms with an open anomaly",
         "confirmed_over_an_anomaly", "anomalies",
         _manager(_as(_overlooks_anomalies), ("verifying", "verdict"))),
        ("hears what it likes", "takes a person's no for a yes",
         "confirmed_over_a_persons_no", "a person decides",
         _manager(_as(_hears_what_it_likes), ("waiting", "overrule"))),
        ("forgets children", "confirms a parent before its child",
         "parent_before_child", "parent and child",
         _manager(_forgets_children, *((s, "report") for s in _WORKING), ("verifying", "verdict"))),
        ("never repeats", "does not send again what was lost",
         "no_end_in_reach", "three redos",
         _manager(_never_repeats, *((s, "tick") for s in _WORKING))),
        ("verifies twice", "a repeated report starts a second verification",
         "repetition_counted", "three redos",
         _manager(_as(reported), ("verifying", "report"))),
        ("asks under the old name", "a verdict on other work confirms the person's",
         "confirmed_for_other_work confirmed_without_verdict confirmed_without_finding", "people",
         _manager(_asks_under_the_old_name, ("verifying", "take_over"), ("disposing", "take_over"))),
        ("stays confirmed", "re-opening a child leaves the parent",
         "parent_stays_confirmed", "parent and child",
         _manager(_as(_stays_confirmed), ("confirmed", "reopen"))),
        ("confirms the first attempt", "a confirm carries the wrong attempt",
         "confirm_of_another_attempt", "three redos",
         _manager(_writes(_first_attempt), ("verifying", "verdict"))),
        ("hashes the criteria", "a confirm does not say which spec, with its checks, was met",
         "confirm_of_another_spec", "three redos",
         _manager(_writes(_hash_of_the_criteria), ("verifying", "verdict"))),
        ("hashes the report", "a confirm does not say which artifact was verified",
         "confirm_of_another_artifact", "three redos",
         _manager(_writes(_hash_of_the_report), ("verifying", "verdict"))),
        ("keeps no confirm", "ends as confirmed with no confirm in hand",
         "finished_without_confirm", "three redos",
         _manager(_keeps_no_confirm, ("verifying", "verdict"))),
        ("ends in silence", "whoever waits for the task does not hear that it was confirmed",
         "end_untold", "three redos",
         _manager(_ends_in_silence, ("verifying", "verdict"))),
        ("rounds up", "confirms what could not be checked",
         "confirmed_over_a_finding", "anomalies",
         _manager(_as(_rounds_up), ("verifying", "verdict"))),
        ("forgives losses", "ignores the limit of losses",
         "too_many_losses too_many_attempts", "workers that get lost",
         _manager(_forgives_losses, *((s, k) for s in _WORKING for k in ("tick", "worker_lost", "failed")))),
        ("is busy when cancelled", "goes on with the work and drops the cancel",
         "cancel_unheard outside_the_table", "more people",
         _manager(_as(ignore), *((s, "cancel") for s in _WORKING))),
        ("verifies in a pause", "a report that comes in a pause is verified at once",
         "busy_in_a_pause", "more people",
         _manager(_as(_verifies_in_a_pause), ("paused", "report"))),
        ("lets the worker finish", "the worker's late report displaces the person who took over",
         "person_overtaken", "more people",
         _manager(_as(_lets_the_worker_finish), ("waiting", "report"))),
        ("lets the worker go", "forgets after the end who did the work",
         "end_is_not_final", "three redos",
         _manager(_as(_lets_the_worker_go), ("confirmed", "worker_lost"))),
        ("insists on the accept", "refuses a sign of life when the accept was lost",
         "broke_down", "three redos",
         _without(("assigned", "progress"))),
        ("blames the worker", "begins a new attempt because the verifier was lost",
         "outside_the_table", "three redos",
         _manager(_as(_blames_the_worker), ("verifying", "verifier_lost"))),
        ("begins again", "starts an attempt's work twice",
         "work_begun_twice", "three redos",
         _worker(_begins_again, ("working", "repeated"))),
        ("pretends to work", "goes on after a crash with nothing in hand",
         "work_unlike_status", "three redos",
         _worker(_pretends_to_work, ("working", "worker_lost"))),
        ("gives every answer", "an answer that comes twice is given to the work twice",
         "answered_unasked", "questions",
         _worker(_gives_every_answer, ("working", "answer"))),
        ("reports once", "a lost report is never sent again",
         "no_rest_in_reach", "three redos",
         _worker(_forgets_its_report, ("reported", "repeated"), ("reported", "tick"))),
        ("asks for ever", "does not count its questions",
         "endless", "questions",
         _worker(_forgets_that_it_asked, ("working", "ask"))),
    )
)  # fmt: skip
"""Every planted fault."""


def rules_apart(broken: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Give as many faults as possible a rule that they break, each another one.

    A maximum matching, by augmenting paths.

    Args:
        broken: What each fault breaks.

    Returns:
        Rule to fault. A fault that is not there could only share a rule with another.
    """
    given: dict[str, str] = {}

    def give(fault: str, tried: set[str]) -> bool:
        for rule in broken[fault]:
            if rule in tried:
                continue
            tried.add(rule)
            if rule not in given or give(given[rule], tried):
                given[rule] = fault
                return True
        return False

    for fault in broken:
        give(fault, set())
    return given
