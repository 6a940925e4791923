"""Attempts, silence, losses, budgets and subtasks, as the manager keeps them."""

import pytest

from punchlist.protocols.errors import BudgetOverdrawn, ProtocolViolation
from punchlist.protocols.messages import (
    Assign,
    Confirm,
    Envelope,
    Failed,
    Report,
    Verdict,
    new_id,
)
from punchlist.protocols.states import (
    Child,
    Decide,
    Limits,
    ManagerTask,
    Schedule,
    Tick,
    WorkerLost,
    advance,
    draft,
    legal_messages,
    with_children,
)

from .pairs import REDO, SPEC, Pair, kinds, reported


def test_attempts_run_out() -> None:
    pair = reported(limits=Limits(attempts=2))
    pair.judge(b="fail")
    pair.tell(draft(pair.manager, REDO, 4.0))
    pair.report()

    pair.judge(b="fail")

    assert pair.manager.status == "unverified"
    assert "2 attempts ran out" in pair.manager.reasons
    assert pair.worker.status == "idle"


def test_a_lost_worker_does_not_use_up_an_attempt() -> None:
    pair = Pair(limits=Limits(attempts=1, losses=1))
    pair.assign()

    effects = pair.tell(WorkerLost(now=5.0, worker="w"))
    assert effects == (Decide("assign", "w was lost"),)
    pair.assign()
    pair.tell(WorkerLost(now=6.0, worker="w"))

    assert pair.manager.status == "unverified"


def test_the_loss_of_another_worker_or_of_one_that_has_reported_changes_no_attempt() -> None:
    pair = reported()

    pair.tell(WorkerLost(now=5.0, worker="x"))
    pair.tell(WorkerLost(now=5.0, worker="w"))

    assert (pair.manager.status, pair.manager.attempt, pair.manager.worker) == ("verifying", 1, "")
    assert legal_messages(pair.manager, "verifier") == (Verdict,)


def test_a_report_of_an_earlier_attempt_is_ignored_and_its_sender_stopped() -> None:
    pair = Pair()
    pair.assign()
    old = draft(pair.worker, Report(result="late"), 2.0)
    pair.tell(WorkerLost(now=3.0, worker="w"))
    before = pair.manager

    _, effects = advance(pair.manager, old)

    assert (pair.manager, kinds(effects)) == (before, ["cancel"])


def test_messages_that_arrive_twice_change_nothing_the_second_time() -> None:
    pair = Pair()
    pair.assign()
    report = draft(pair.worker, Report(result="a green mug"), 2.0)
    pair.tell(report)
    once = pair.manager
    pair.tell(report)
    assert pair.manager == once
    verdict = pair.verdict(b="fail")
    pair.tell(verdict)
    once = pair.manager

    pair.tell(verdict)

    assert pair.manager == once


@pytest.mark.parametrize("of", [{"task": "another"}, {"run": "another"}, {"sender": "x"}, {"attempt": 2}])
def test_a_report_for_another_task_or_by_another_worker_is_refused(of: dict[str, object]) -> None:
    pair = Pair()
    pair.assign()
    before, report = pair.manager, draft(pair.worker, Report(result="a green mug"), 2.0)

    with pytest.raises(ProtocolViolation):
        pair.tell(report.model_copy(update=of))

    assert pair.manager == before


def test_of_two_reports_of_one_attempt_the_first_counts() -> None:
    pair = Pair()
    pair.assign()
    first = draft(pair.worker, Report(result="a green mug"), 2.0)
    pair.tell(first)

    pair.tell(first.model_copy(update={"id": new_id(), "body": Report(result="a blue mug")}))

    assert pair.manager.report is not None and pair.manager.report.result == "a green mug"
    assert pair.manager.status == "verifying"


def test_silence_is_met_with_repetition_and_then_with_a_new_attempt() -> None:
    manager = ManagerTask("run", "t", SPEC, limits=Limits(resends=1))
    manager, effects = advance(manager, draft(manager, Assign(task="do", spec=SPEC), 1.0, recipient="w"))
    first = effects[0]
    assert isinstance(effects[1], Schedule)

    manager, effects = advance(manager, Tick(now=2.0, timer=effects[1].timer))
    assert effects[0] == first  # the same envelope with the same id
    stale, nothing = advance(manager, Tick(now=2.5, timer="some other timer"))
    assert (stale, nothing) == (manager, ())
    manager, _ = advance(manager, Tick(now=3.0, timer=manager.timer))

    assert (manager.status, manager.attempt) == ("not_done", 2)


def test_a_failure_that_no_retry_mends_ends_the_task() -> None:
    pair = Pair()
    pair.assign()

    pair.work(draft(pair.worker, Failed(error="NoSuchShop", message="it is closed", retry=False), 2.0))

    assert (pair.manager.status, pair.manager.reasons) == ("failed", ("NoSuchShop: it is closed",))


def test_the_budget_ends_a_task_and_begins_no_attempt() -> None:
    pair = reported(limits=Limits(budget=10))
    pair.tell(Tick(now=3.0, spent=10))
    assert pair.manager.status == "verifying"

    pair.judge(b="fail")
    assert pair.manager.status == "unverified"

    pair = reported(limits=Limits(budget=10))
    pair.tell(Tick(now=3.0, spent=11))
    assert pair.manager.reasons == ("the budget ran out",)


def test_children_are_promised_at_most_what_their_parent_has() -> None:
    task = ManagerTask("run", "t", SPEC, limits=Limits(budget=10), spent=4)

    assert with_children(task, (Child("c", 3), Child("d", 3))).available == 0
    with pytest.raises(BudgetOverdrawn, match="7 units, but 6"):
        with_children(task, (Child("c", 3), Child("d", 4)))


def test_a_parent_waits_for_its_child_and_cannot_be_confirmed_without_it() -> None:
    pair = reported(children=(Child("c"),))
    assert (pair.manager.status, pair.manager.waiting_for) == ("waiting", "children")
    failed = Envelope(
        id=new_id(), run="run", task="c", attempt=1, sender="manager", recipient="manager", sent_at=1.0,
        body=Failed(error="unverified", message="m", retry=False),
    )  # fmt: skip
    confirm = Confirm(spec_hash="h", artifact_hash="a", verdict=Verdict(), attempt=1, generation=1)

    assert advance(pair.manager, failed)[0].status == "unverified"
    assert advance(pair.manager, failed.model_copy(update={"body": confirm}))[0].status == "verifying"
