"""What is legal in each state; `test_states_*.py` hold what it comes to, `test_explorer.py` walks all."""

from dataclasses import replace

import pytest

from punchlist.protocols.errors import ProtocolViolation
from punchlist.protocols.messages import (
    KINDS,
    Answer,
    Assign,
    Cancel,
    HandBack,
    Report,
    Waive,
)
from punchlist.protocols.states import (
    MANAGER_RULES,
    WORKER_RULES,
    Event,
    ManagerTask,
    Reopen,
    Resume,
    WorkerTask,
    advance,
    draft,
    dump_event,
    legal_messages,
    load_event,
)

from .pairs import SPEC, Pair, act, reported


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
