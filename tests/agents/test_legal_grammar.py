"""What a role can write under its grammar is what the protocol lets it say, and nothing else."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any, get_args

import pytest

from punchlist.agents.legal_grammar import (
    CUT,
    CannotComply,
    Legal,
    Live,
    in_protocol,
    legal_grammar,
    read_legal,
)
from punchlist.agents.testing import sample
from punchlist.core_model.grammar import Grammar
from punchlist.protocols.messages import KINDS, Anomaly, CriterionText, Report, SpecText
from punchlist.protocols.states import MANAGER_RULES, WORKER_RULES, advance, draft, legal_messages
from punchlist.protocols.tasks import ManagerStatus, ManagerTask, WorkerStatus, WorkerTask

SPEC = SpecText(
    criteria=(
        CriterionText(name="a", type="check", text="x"),
        CriterionText(name="b", type="judge", text="y"),
    ),
    hash="h1",
)
LIVE = Live(tools=("open_page", "read_cart"), evidence=("r1", "r2"))
ODD = Anomaly.of("four mugs")
TASK = ManagerTask("run", "t1", SPEC, worker="w", anomalies=(ODD,))
VERIFYING = replace(TASK, status="verifying")
EVIDENCE = {"id": "r1", "tool": "read_cart"}

EXAMPLES: dict[str, dict[str, Any]] = {
    "assign": {"task": "buy", "spec": SPEC.model_dump(mode="json"), "plan": ["look"], "context": ""},
    "accept": {},
    "decline": {"reason": "busy"},
    "progress": {"note": "half", "fraction": 0.5},
    "ask": {"question": "which?"},
    "answer": {"value": {"colour": "green"}},
    "report": {"result": {"total": 2}, "evidence": [EVIDENCE]},
    "verify": {"spec": SPEC.model_dump(mode="json"), "result": 1},
    "verdict": {"anomalies": [], "findings": [{"criterion": "a", "outcome": "pass"}]},
    "resolve": {"anomaly": ODD.id, "evidence": [EVIDENCE], "note": ""},
    "waive": {"anomaly": ODD.id, "reason": "fine"},
    "redo": {"plan": ["again"], "context": "c", "feedback": "f"},
    "cancel": {"reason": "over"},
    "failed": {"error": "Lost", "message": "gone", "retry": False},
    "take_over": {"reason": ""},
    "hand_back": {"result": None, "evidence": [EVIDENCE], "note": ""},
}


def answer(kind: str, task: str = "t1", **changes: Any) -> str:
    """A whole answer of this kind, with fields changed."""
    message = {"kind": kind, **EXAMPLES.get(kind, {}), **changes}
    said = {"reasoning": "so it is", "decision": {"task": task, "message": message}}
    return json.dumps(said, separators=(",", ":"))


def writable(grammar: Grammar, task: str = "t1") -> set[str]:
    return {kind for kind in KINDS if grammar.accepts(answer(kind, task))}


def legal_kinds(state: ManagerTask | WorkerTask, role: str) -> set[str]:
    return {message.model_fields["kind"].default for message in legal_messages(state, role)}


MANAGER_STATES = [
    replace(TASK, status=status, needs=needs, waiting_for=waiting, resolves=resolves)
    for status in get_args(ManagerStatus)
    for needs in (("assign", "redo") if status == "not_done" else ("redo",))
    for waiting in (("answer", "person", "children") if status == "waiting" else ("",))
    for resolves in ((0, 99) if status == "disposing" else (0,))
]
WORKER_STATES = [WorkerTask("run", "t1", "w", status=status) for status in get_args(WorkerStatus)]
PLACES = [(state, role) for state in MANAGER_STATES for role in ("manager", "verifier", "person")] + [
    (state, "worker") for state in WORKER_STATES
]


@pytest.mark.parametrize(
    ("state", "role"),
    PLACES,
    ids=[f"{state.status}-{role}-{number}" for number, (state, role) in enumerate(PLACES)],
)
def test_in_every_state_each_role_can_write_exactly_the_legal_kinds(
    state: ManagerTask | WorkerTask, role: str
) -> None:
    grammar = legal_grammar([state], role, LIVE)

    assert writable(grammar) == legal_kinds(state, role)
    assert grammar.accepts('{"reasoning":"","decision":{"kind":"cannot_comply","reason":"no"}}')
    table = MANAGER_RULES if isinstance(state, ManagerTask) else WORKER_RULES
    own = {"assign", "redo", "resolve", "answer"} if role == "manager" else {"report", "ask", "failed"}
    if role in ("manager", "worker"):
        assert {(state.status, kind) for kind in writable(grammar) & own} <= set(table)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_drawn_is_read_back_and_legal(seed: int) -> None:
    """Random texts of the grammar, letter by letter; a number may be too large for what a float can be."""
    rng = random.Random(seed)
    state, role = rng.choice([place for place in PLACES if legal_kinds(*place)])
    said = None
    for _ in range(5):
        text = sample(legal_grammar([state], role, LIVE, reasoning=20), rng, longest=60)
        try:
            said = read_legal(text)
        except ValueError as error:
            assert "range" in str(error) or "surrogate" in str(error)
            continue
        assert isinstance(said.message, CannotComply) or said.message.kind in legal_kinds(state, role)
    assert said is not None


@pytest.mark.parametrize(
    ("role", "state", "text"),
    [
        ("worker", WORKER_STATES[1], answer("report", evidence=[{"id": "r9", "tool": "read_cart"}])),
        ("worker", WORKER_STATES[1], answer("report", evidence=[{"id": "r1", "tool": "rm"}])),
        ("worker", WORKER_STATES[1], answer("report", confidence=1)),
        ("worker", WORKER_STATES[1], answer("report", task="t2")),
        ("worker", WORKER_STATES[1], answer("decline", reason="")),
        ("worker", WORKER_STATES[1], answer("decline", reason="  ")),
        ("manager", TASK, answer("assign", spec={"criteria": [], "hash": "h1"})),
        ("manager", replace(TASK, status="disposing"), answer("resolve", anomaly="other")),
        ("manager", replace(TASK, status="disposing"), answer("resolve", evidence=[])),
        ("manager", replace(TASK, status="disposing"), answer("redo", plan=[])),
        ("person", replace(TASK, status="disposing"), answer("waive", anomaly="other")),
        ("verifier", VERIFYING, answer("verdict", findings=[{"criterion": "c", "outcome": "pass"}])),
        ("verifier", VERIFYING, answer("verdict", findings=[{"criterion": "a", "outcome": "maybe"}])),
        ("verifier", VERIFYING, answer("confirm")),
    ],
)  # fmt: skip
def test_what_does_not_exist_cannot_be_written(role: str, state: ManagerTask | WorkerTask, text: str) -> None:
    assert not legal_grammar([state], role, LIVE).accepts(text)


def test_of_several_tasks_each_has_its_own_messages_and_closed_ones_have_none() -> None:
    new, argued = replace(TASK, task="new", anomalies=()), replace(TASK, task="argued", status="disposing")
    done, failed = replace(TASK, task="done", status="confirmed"), replace(TASK, task="lost", status="failed")

    grammar = legal_grammar([new, argued, done, failed], "manager", LIVE)

    assert writable(grammar, "new") == {"assign"}
    assert writable(grammar, "argued") == {"resolve", "redo"}
    assert writable(grammar, "done") == writable(grammar, "lost") == writable(grammar, "unheard") == set()


def test_without_evidence_none_can_be_claimed() -> None:
    grammar = legal_grammar([WORKER_STATES[1]], "worker")

    assert grammar.accepts(answer("report", evidence=[]))
    assert not grammar.accepts(answer("report"))
    assert writable(legal_grammar([replace(TASK, status="disposing")], "manager")) == {"redo"}


def test_what_was_written_moves_the_state_machine() -> None:
    text = answer("assign")
    assert legal_grammar([TASK], "manager", LIVE).accepts(text)

    said = read_legal(text)
    moved, _ = advance(TASK, draft(TASK, said.message, 1.0, recipient="w"))

    assert (said.reasoning, said.task, moved.status) == ("so it is", "t1", "assigned")


def test_the_reasoning_is_bounded() -> None:
    grammar = legal_grammar([WORKER_STATES[1]], "worker", LIVE, reasoning=10)

    assert grammar.accepts(answer("decline").replace("so it is", "ten letter"))
    assert not grammar.accepts(answer("decline").replace("so it is", "ten letters"))


def test_the_way_out_is_short_and_known_for_what_it_is() -> None:
    grammar = legal_grammar([WORKER_STATES[1]], "worker", LIVE)
    text = json.dumps(
        {"reasoning": "", "decision": {"kind": "cannot_comply", "reason": CUT}}, separators=(",", ":")
    )

    assert grammar.last is not None
    assert grammar.last.accepts(text)
    assert not grammar.last.accepts(answer("report"))
    assert read_legal(text) == Legal("", "", CannotComply(reason=CUT))
    assert read_legal(text).cut
    assert not read_legal(answer("report")).cut


def test_not_complying_has_a_form_in_the_protocol_for_those_who_owe_an_answer() -> None:
    verifying, working = replace(TASK, status="verifying", report=Report(result=1)), WORKER_STATES[1]
    said = CannotComply(reason="it is dark")

    verdict, failed = in_protocol(said, verifying, "verifier"), in_protocol(said, working, "worker")

    assert verdict is not None and verdict.kind == "verdict"
    assert {finding.outcome for finding in verdict.findings} == {"cannot_check"}
    assert failed is not None and failed.kind == "failed" and failed.message == "it is dark"
    assert in_protocol(said, TASK, "manager") is None


def test_a_role_that_does_not_go_with_a_state_is_refused() -> None:
    with pytest.raises(ValueError, match="manager"):
        legal_grammar([WORKER_STATES[0]], "manager")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"reasoning":"","decision":{"kind":"cannot_comply"}}', answer("shout")]
)
def test_another_text_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="not a legal answer"):
        read_legal(text)
