"""Reducers with one planted fault each, to show that the explorer finds what it must find.

Each is the shipped table with a row or two replaced by what a hurried programmer might have
written. None is ever used by a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .explorer_model import Reducers
from .manager_handlers import ignore, judged, reopened, reported
from .manager_rules import MANAGER_RULES, ManagerHandler
from .manager_steps import Step, mint_confirm
from .messages import Envelope, Report, Verdict
from .tasks import Event, ManagerTask, PersonAct, Reopen, StartWork, WorkerTask
from .worker_rules import WORKER_RULES, WorkerHandler, WorkerStep


@dataclass(frozen=True)
class Mutant:
    """A planted fault: what it does wrong, in which of the explorer's worlds it shows, and its rules."""

    name: str
    says: str
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
    Mutant(name, says, scenario, make(name))
    for name, says, scenario, make in (
        ("believes the worker", "confirms on the report, without a verdict", "three redos",
         _manager(_as(_believes_the_worker), *((s, "report") for s in _WORKING))),
        ("takes any verdict", "confirms on a verdict about an earlier attempt", "two faults",
         _manager(_as(_takes_any_verdict), ("verifying", "late"))),
        ("keeps passes", "a redo does not void earlier passes", "three redos",
         _manager(_keeps_passes, ("verifying", "verdict"))),
        ("takes late reports", "accepts the report of an earlier attempt", "three redos",
         _manager(_as(_takes_late_report), *((s, "late") for s in _WORKING))),
        ("has no limit", "ignores the limit of attempts", "three redos",
         _manager(_without_limit, ("verifying", "verdict"))),
        ("has no budget", "orders work that nothing is left for", "budget",
         _manager(_without_budget, ("verifying", "verdict"), ("not_done", "redo"), ("not_done", "assign"))),
        ("overlooks anomalies", "confirms with an open anomaly", "anomalies",
         _manager(_as(_overlooks_anomalies), ("verifying", "verdict"))),
        ("forgets children", "confirms a parent before its child", "parent and child",
         _manager(_forgets_children, *((s, "report") for s in _WORKING), ("verifying", "verdict"))),
        ("never repeats", "does not send again what was lost", "three redos",
         _manager(_never_repeats, *((s, "tick") for s in _WORKING))),
        ("verifies twice", "a repeated report starts a second verification", "three redos",
         _manager(_as(reported), ("verifying", "report"))),
        ("asks under the old name", "a verdict on other work confirms the person's", "people",
         _manager(_asks_under_the_old_name, ("verifying", "take_over"), ("disposing", "take_over"))),
        ("stays confirmed", "re-opening a child leaves the parent", "parent and child",
         _manager(_as(_stays_confirmed), ("confirmed", "reopen"))),
        ("begins again", "starts an attempt's work twice", "three redos",
         _worker(_begins_again, ("working", "repeated"))),
        ("pretends to work", "goes on after a crash with nothing in hand", "three redos",
         _worker(_pretends_to_work, ("working", "worker_lost"))),
        ("reports once", "a lost report is never sent again", "three redos",
         _worker(_forgets_its_report, ("reported", "repeated"), ("reported", "tick"))),
    )
)  # fmt: skip
"""Every planted fault."""
