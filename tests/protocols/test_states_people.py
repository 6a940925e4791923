"""What a person does to a task: pause, cancel, take over, hand back, re-open."""

from punchlist.protocols.messages import (
    Ask,
    Cancel,
    HandBack,
    TakeOver,
)
from punchlist.protocols.states import (
    Pause,
    Reopen,
    Resume,
    Supersede,
    descendants,
    draft,
)

from .pairs import Pair, act, kinds, reported


def test_a_pause_holds_what_arrives_and_applies_it_afterwards() -> None:
    pair = Pair()
    pair.assign()
    pair.tell(act(Pause()))
    pair.report()
    assert pair.manager.status == "paused"
    assert pair.manager.timer == ""

    pair.tell(act(Resume()))

    assert pair.manager.status == "verifying"


def test_a_persons_work_is_verified_like_any_other() -> None:
    pair = Pair()
    pair.assign()
    pair.tell(act(TakeOver()))
    assert (pair.manager.status, pair.worker.status) == ("waiting", "idle")

    pair.tell(act(HandBack(result="a green mug")))
    assert (pair.manager.status, pair.manager.reporter) == ("verifying", "Ada")
    pair.judge(b="fail")

    assert pair.manager.status == "not_done"


def test_a_question_that_comes_after_a_person_took_over_takes_nothing_from_them() -> None:
    pair = Pair()
    pair.assign()
    question = draft(pair.worker, Ask(question="which green?"), 2.0)
    pair.tell(act(TakeOver()))

    effects = pair.tell(question)

    assert (pair.manager.waiting_for, kinds(effects)) == ("person", ["cancel"])


def test_a_verdict_about_the_workers_result_does_not_confirm_the_persons() -> None:
    pair = reported()
    about_the_worker = pair.verdict()
    pair.tell(act(TakeOver()))
    pair.tell(act(HandBack(result="a blue mug")))

    pair.tell(about_the_worker)

    assert pair.manager.status == "verifying"


def test_cancelling_stops_the_worker_and_the_verifier() -> None:
    pair = reported()

    effects = pair.tell(act(Cancel(reason="enough")))

    assert kinds(effects) == ["cancel", "cancel"]
    assert (pair.manager.status, pair.worker.status) == ("cancelled", "idle")


def test_reopening_mints_a_new_generation_and_supersedes_what_consumed_it() -> None:
    pair = reported()
    pair.judge()
    old = pair.manager

    effects = pair.tell(act(Reopen(reason="the shop sent the wrong mug")))

    assert (pair.manager.generation, pair.manager.attempt, pair.manager.confirm) == (2, 1, None)
    assert (old.status, old.generation) == ("confirmed", 1)
    assert Supersede("t", 2) in effects
    assert descendants({"t": ("u", "p"), "u": ("p",), "p": ("root",)}, "t") == ("u", "p", "root")


def test_reopening_an_upstream_task_voids_work_in_progress_once() -> None:
    pair = reported()
    reopen = act(Reopen(reason="new prices", upstream="prices", generation=2))

    pair.tell(reopen)
    again = pair.tell(reopen)

    assert (pair.manager.generation, pair.manager.status, again) == (2, "not_done", ())
