"""What verdicts, findings and anomalies make of a task."""

import pytest

from punchlist.protocols.errors import ProtocolViolation
from punchlist.protocols.messages import (
    Evidence,
    Finding,
    Redo,
    Resolve,
    Verdict,
    Waive,
)
from punchlist.protocols.states import (
    Decide,
    Finish,
    Limits,
    Send,
    Tick,
    VerifierLost,
    draft,
    legal_messages,
)

from .pairs import REDO, act, kinds, reported


def test_a_task_is_confirmed_by_a_passing_verdict_and_the_worker_comes_to_rest() -> None:
    pair = reported()
    assert (pair.manager.status, pair.worker.status) == ("verifying", "reported")

    effects = pair.judge()

    assert (pair.manager.status, pair.worker.status) == ("confirmed", "idle")
    assert kinds(effects) == ["confirm", "confirm"]
    assert effects[-1] == Finish("confirmed")
    assert pair.manager.confirm is not None
    assert pair.manager.confirm.spec_hash == "h"


def test_a_confirm_names_its_run_and_task_as_its_envelope_does() -> None:
    pair = reported()

    effects = pair.judge()

    (told,) = {(sent.envelope.run, sent.envelope.task) for sent in effects if isinstance(sent, Send)}
    confirm = pair.manager.confirm
    assert confirm is not None and (confirm.run, confirm.task) == told
    assert told == (pair.manager.run, pair.manager.task)


def test_a_failing_verdict_voids_all_passes_and_asks_for_a_redo() -> None:
    pair = reported()

    effects = pair.judge(b="fail")

    assert (pair.manager.status, pair.manager.attempt, pair.manager.findings) == ("not_done", 2, ())
    assert [flaw.criterion for flaw in pair.manager.flaws] == ["b"]
    assert effects == (Decide("redo", "b: fail"),)


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


def test_findings_about_other_criteria_are_the_verifiers_failure() -> None:
    pair = reported()
    verdict = pair.verdict()
    body = Verdict(findings=(Finding(criterion="vibes", outcome="pass"),))

    pair.tell(verdict.model_copy(update={"body": body}))

    assert (pair.manager.status, pair.manager.breakdowns) == ("verifying", 1)
