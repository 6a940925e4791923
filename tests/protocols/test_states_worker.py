"""Orders, questions, reports and restarts, as a worker keeps them."""

import pytest

from punchlist.protocols.errors import ProtocolViolation
from punchlist.protocols.messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Report,
)
from punchlist.protocols.states import (
    Decide,
    GiveAnswer,
    ManagerTask,
    Send,
    StartWork,
    StopWork,
    Tick,
    WorkerTask,
    advance,
    draft,
    wake,
)

from .pairs import REDO, SPEC, Pair, act, kinds, reported


def test_a_redo_puts_the_worker_to_work_again_and_only_it() -> None:
    pair = reported()
    pair.judge(b="fail")
    redo = draft(pair.manager, REDO, 4.0)

    with pytest.raises(ProtocolViolation):
        advance(pair.manager, redo.model_copy(update={"recipient": "someone else"}))
    pair.tell(redo)

    assert (pair.manager.status, pair.worker.status, pair.worker.attempt) == ("working", "working", 2)


def test_a_question_waits_for_its_answer_and_is_answered_once() -> None:
    pair = Pair()
    pair.assign()
    pair.work(draft(pair.worker, Ask(question="which green?"), 2.0))
    assert (pair.manager.status, pair.manager.waiting_for) == ("waiting", "answer")
    answer = draft(pair.manager, Answer(value="dark"), 3.0)

    sent = advance(pair.manager, answer)[1][0]
    assert isinstance(sent, Send)
    _, effects = advance(pair.worker, sent.envelope)
    pair.tell(act(Answer(value="light")))

    assert isinstance(effects[0], GiveAnswer)
    assert (pair.manager.status, pair.worker.question) == ("working", None)


def test_an_order_that_its_cancel_overtook_is_not_begun() -> None:
    manager = ManagerTask("run", "t", SPEC)
    order = draft(manager, Assign(task="do", spec=SPEC), 1.0, recipient="w")
    cancel = order.model_copy(update={"id": "c", "body": Cancel(reason="enough")})

    worker, _ = advance(WorkerTask("run", "t", "w"), cancel)
    worker, effects = advance(worker, order)

    assert (worker.status, effects) == ("idle", ())


def test_a_worker_drops_an_older_attempt_for_a_newer_one() -> None:
    pair = Pair()
    pair.assign()
    newer = pair.manager.order
    assert newer is not None

    _, effects = advance(pair.worker, newer.model_copy(update={"id": "n", "attempt": 2}))

    assert isinstance(effects[0], StopWork)
    assert any(isinstance(effect, StartWork) for effect in effects)


def test_a_worker_lets_go_of_a_report_that_nobody_answers() -> None:
    worker = WorkerTask("run", "t", "w")
    order = draft(ManagerTask("run", "t", SPEC), Assign(task="do", spec=SPEC), 1.0, recipient="w")
    worker, _ = advance(worker, order)
    worker, _ = advance(worker, draft(worker, Report(result=1), 2.0))
    for _ in range(worker.patience.resends + 1):
        worker, _ = advance(worker, Tick(now=3.0, timer=worker.timer))

    assert worker.status == "idle"
    assert kinds(advance(worker, order)[1]) == ["report"]  # and still says it when asked again


def test_after_a_restart_the_manager_takes_up_what_is_pending_and_the_worker_gives_up() -> None:
    pair = Pair()
    assert wake(pair.manager, 1.0)[1] == (Decide("assign", "this attempt has no order yet"),)
    pair.assign()

    worker, effects = wake(pair.worker, 5.0)
    assert (worker.status, kinds(effects)) == ("idle", ["failed"])
    assert kinds(wake(pair.manager, 5.0)[1]) == ["assign"]
