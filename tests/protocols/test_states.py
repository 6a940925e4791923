"""The state machine, one behaviour at a time; `test_explorer.py` walks all of it."""

from dataclasses import replace

import pytest

from punchlist.protocols.errors import BudgetOverdrawn, ProtocolViolation
from punchlist.protocols.messages import (
    KINDS,
    Anomaly,
    Answer,
    Ask,
    Assign,
    Cancel,
    Confirm,
    CriterionText,
    Envelope,
    Evidence,
    Failed,
    Finding,
    HandBack,
    Redo,
    Report,
    Resolve,
    SpecText,
    TakeOver,
    Verdict,
    Waive,
    new_id,
)
from punchlist.protocols.states import (
    MANAGER_RULES,
    WORKER_RULES,
    Child,
    Decide,
    Effect,
    Event,
    Finish,
    GiveAnswer,
    Limits,
    ManagerTask,
    Pause,
    PersonAct,
    Reopen,
    Resume,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Supersede,
    Tick,
    VerifierLost,
    WorkerLost,
    WorkerTask,
    advance,
    descendants,
    draft,
    dump_event,
    legal_messages,
    load_event,
    wake,
    with_children,
)

SPEC = SpecText(
    criteria=(
        CriterionText(name="a", type="check", text="a"),
        CriterionText(name="b", type="judge", text="b"),
    ),
    hash="h",
)
REDO = Redo(plan=("again",), context="before", feedback="wrong colour")


class Pair:
    """A manager and a worker joined by a perfect wire, for arranging tests."""

    def __init__(self, **changes: object) -> None:
        self.manager = replace(ManagerTask("run", "t", SPEC), **changes)  # pyright: ignore[reportArgumentType]
        self.worker = WorkerTask("run", "t", "w")
        self.told: list[Event] = []

    def tell(self, event: Event) -> tuple[Effect, ...]:
        """Feed the manager; what it sends to the worker arrives at once, and so do the replies."""
        self.told.append(event)
        self.manager, effects = advance(self.manager, event)
        for effect in effects:
            if isinstance(effect, Send) and effect.envelope.recipient == "w":
                self.work(effect.envelope)
        return effects

    def work(self, event: Event) -> tuple[Effect, ...]:
        """Feed the worker; what it sends arrives at once."""
        self.worker, effects = advance(self.worker, event)
        for effect in effects:
            if isinstance(effect, Send):
                self.tell(effect.envelope)
        return effects

    def assign(self) -> None:
        self.tell(draft(self.manager, Assign(task="do", spec=SPEC), 1.0, recipient="w"))

    def report(self, result: str = "a green mug") -> None:
        self.work(draft(self.worker, Report(result=result), 2.0))

    def verdict(self, *, a: str = "pass", b: str = "pass", odd: str = "") -> Envelope:
        assert self.manager.inquiry is not None
        findings = [{"criterion": name, "outcome": how} for name, how in (("a", a), ("b", b)) if how]
        body = Verdict.model_validate({"findings": findings, "anomalies": [Anomaly.of(odd)] if odd else []})
        return Envelope(
            id=new_id(),
            run="run",
            task="t",
            attempt=self.manager.attempt,
            generation=self.manager.generation,
            sender="verifier",
            recipient="manager",
            sent_at=3.0,
            in_reply_to=self.manager.inquiry.id,
            body=body,
        )

    def judge(self, **says: str) -> tuple[Effect, ...]:
        return self.tell(self.verdict(**says))


def act(what: Answer | Waive | TakeOver | HandBack | Cancel | Pause | Resume | Reopen) -> PersonAct:
    return PersonAct(person="Ada", now=9.0, act=what)


def reported(**changes: object) -> Pair:
    pair = Pair(**changes)
    pair.assign()
    pair.report()
    return pair


def kinds(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.envelope.kind for effect in effects if isinstance(effect, Send)]


def test_a_task_is_confirmed_by_a_passing_verdict_and_the_worker_comes_to_rest() -> None:
    pair = reported()
    assert (pair.manager.status, pair.worker.status) == ("verifying", "reported")

    effects = pair.judge()

    assert (pair.manager.status, pair.worker.status) == ("confirmed", "idle")
    assert kinds(effects) == ["confirm", "confirm"]
    assert effects[-1] == Finish("confirmed")
    assert pair.manager.confirm is not None
    assert pair.manager.confirm.spec_hash == "h"


def test_a_failing_verdict_voids_all_passes_and_asks_for_a_redo() -> None:
    pair = reported()

    effects = pair.judge(b="fail")

    assert (pair.manager.status, pair.manager.attempt, pair.manager.findings) == ("not_done", 2, ())
    assert [flaw.criterion for flaw in pair.manager.flaws] == ["b"]
    assert effects == (Decide("redo", "b: fail"),)


def test_a_redo_puts_the_worker_to_work_again_and_only_it() -> None:
    pair = reported()
    pair.judge(b="fail")
    redo = draft(pair.manager, REDO, 4.0)

    with pytest.raises(ProtocolViolation):
        advance(pair.manager, redo.model_copy(update={"recipient": "someone else"}))
    pair.tell(redo)

    assert (pair.manager.status, pair.worker.status, pair.worker.attempt) == ("working", "working", 2)


def test_a_verdict_that_leaves_a_criterion_out_after_a_redo_does_not_pass() -> None:
    """The first attempt's pass of `a` is void."""
    pair = reported()
    pair.judge(a="pass", b="fail")
    pair.tell(draft(pair.manager, REDO, 4.0))
    pair.report("a red mug")

    effects = pair.judge(a="", b="pass")

    assert pair.manager.status == "verifying"
    assert kinds(effects) == ["verify"]


def test_findings_of_one_attempt_add_up() -> None:
    pair = reported()
    pair.judge(a="pass", b="")

    pair.judge(a="", b="pass")

    assert pair.manager.status == "confirmed"


def test_what_cannot_be_checked_ends_unverified_and_is_not_redone() -> None:
    pair = reported()

    effects = pair.judge(b="cannot_check")

    assert pair.manager.status == "unverified"
    assert pair.manager.reasons == ("b: cannot_check",)
    assert "cancel" in kinds(effects)


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


def test_an_anomaly_keeps_a_task_from_being_confirmed_until_a_person_waives_it() -> None:
    pair = reported()
    pair.judge(odd="green")
    assert pair.manager.status == "disposing"
    odd = pair.manager.anomalies[0]

    effects = pair.tell(act(Waive(anomaly=odd.id, reason="the shop is always green")))

    assert pair.manager.status == "confirmed"
    assert kinds(effects)[0] == "waive"
    assert pair.manager.confirm is not None
    assert pair.manager.confirm.waived == (odd.id,)


def test_an_anomaly_is_argued_with_evidence_and_verified_again() -> None:
    pair = reported(limits=Limits(resolves=1))
    pair.judge(odd="green")
    proof = Resolve(anomaly=pair.manager.anomalies[0].id, evidence=(Evidence(id="e", tool="page"),))
    late = pair.verdict()

    effects = pair.tell(draft(pair.manager, proof, 4.0))
    pair.tell(late)
    assert (kinds(effects), pair.manager.status) == (["resolve"], "verifying")
    pair.judge(odd="mug")
    with pytest.raises(ProtocolViolation, match="argued already"):
        pair.tell(
            draft(pair.manager, proof.model_copy(update={"anomaly": pair.manager.anomalies[0].id}), 5.0)
        )

    assert legal_messages(pair.manager, "manager") == (Redo,)


def test_anomalies_that_nobody_disposes_of_count_as_a_fail() -> None:
    pair = reported()
    pair.judge(odd="green")

    pair.tell(Tick(now=99.0, timer=pair.manager.timer))

    assert (pair.manager.status, pair.manager.attempt, pair.manager.needs) == ("not_done", 2, "redo")


def test_an_anomaly_whose_quote_is_not_in_the_artifact_is_the_verifiers_failure() -> None:
    pair = reported(limits=Limits(breakdowns=1))

    pair.judge(odd="purple")
    assert (pair.manager.status, pair.manager.breakdowns) == ("verifying", 1)
    pair.tell(VerifierLost(now=4.0, verifier="verifier"))

    assert pair.manager.status == "unverified"
    assert "verifier failed 2 times" in pair.manager.reasons[0]


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


def test_the_journalled_events_give_the_same_state_again() -> None:
    pair = Pair()
    pair.assign()
    pair.report()
    pair.judge(b="fail")
    pair.tell(act(Cancel(reason="enough")))

    state = ManagerTask("run", "t", SPEC)
    for event in pair.told:
        state, _ = advance(state, load_event(dump_event(event)))

    assert state == pair.manager
    with pytest.raises(ValueError, match="not an event"):
        load_event({"kind": "rumour"})


def test_what_nobody_may_say_is_refused_and_changes_nothing() -> None:
    pair = reported()
    state = pair.manager
    verdict = pair.verdict()
    wrong: list[Event] = [
        verdict.model_copy(update={"sender": "w"}),
        verdict.model_copy(update={"run": "another"}),
        verdict.model_copy(update={"task": "another"}),
        verdict.model_copy(update={"attempt": 2}),
        draft(state, Assign(task="do", spec=SPEC), 1.0, recipient="x"),
        draft(state, Answer(value=1), 1.0),
        act(Waive(anomaly="x", reason="r")),
        act(HandBack(result=1)),
        act(Resume()),
        act(Reopen(reason="r")),
        verdict.model_copy(update={"sender": "x", "body": Report(result=1)}),
    ]

    for event in wrong:
        with pytest.raises(ProtocolViolation):
            advance(state, event)
    with pytest.raises(ProtocolViolation, match="verifying"):
        pair.tell(wrong[4])
    assert pair.manager == state


def test_the_grammar_offers_exactly_what_the_table_allows() -> None:
    """For every status: what `legal_messages` leaves out, `advance` refuses."""
    own = {"assign", "redo", "resolve", "answer"}
    for status in {status for status, _ in MANAGER_RULES}:
        waiting = "answer" if status == "waiting" else ""
        state = replace(
            ManagerTask("run", "t", SPEC), status=status, worker="w", needs="redo", waiting_for=waiting
        )  # pyright: ignore[reportArgumentType]
        offered = {message.model_fields["kind"].default for message in legal_messages(state, "manager")}
        assert offered == {kind for (at, kind) in MANAGER_RULES if at == status and kind in own}
    said = {"decline", "progress", "ask", "report", "failed"}
    working = WorkerTask("run", "t", "w", status="working")
    offered = {message.model_fields["kind"].default for message in legal_messages(working, "worker")}
    assert offered == {kind for (at, kind) in WORKER_RULES if at == "working" and kind in said} <= set(KINDS)
    with pytest.raises(ValueError, match="role"):
        legal_messages(working, "manager")


def test_findings_about_other_criteria_are_the_verifiers_failure() -> None:
    pair = reported()
    verdict = pair.verdict()
    body = Verdict(findings=(Finding(criterion="vibes", outcome="pass"),))

    pair.tell(verdict.model_copy(update={"body": body}))

    assert (pair.manager.status, pair.manager.breakdowns) == ("verifying", 1)
