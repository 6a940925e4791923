"""Reports held against criteria: the question, findings and their quotes, and planted faults."""

from random import Random

import pytest

from punchlist.agents.checking.verifying import (
    OUTCOMES,
    Found,
    UnreadableFindings,
    ask_verify,
    read_verify,
    weigh,
)
from punchlist.agents.testing import ScriptedModel, sample
from punchlist.agents.training.verify_documents import FAULTS, draw_case, near_value, verify
from punchlist.core_model.grammar import Grammar

CRITERIA = ["Stock of Green Mug is 12", "the owner"]
RESULT = {"answer": 12, "checked_by": ["Ada", "Bo"], "sure": None}
EVIDENCE = ["stock Green Mug -> 40 Pieces", "owner Green Mug -> Ada Lovelace"]


def test_evidence_stands_first_then_the_report_then_what_is_wanted():
    assert ask_verify(CRITERIA, RESULT, EVIDENCE).text.splitlines() == [
        "seen stock green mug -> 40 pieces",
        "seen owner green mug -> ada lovelace",
        "said answer : 12",
        "said checked by : ada , bo",
        "said sure : none",
        "1 : stock of green mug is 12",
        "2 : the owner",
        "found:",
    ]


@pytest.mark.parametrize(
    ("answer", "legal"),
    [
        ("1 fail 40 pieces\n2 pass", True),
        ("1 cannot check\n2 fail ada , bo", True),
        ("1 fail 41\n2 pass", False),
        ("1 fail pieces owner\n2 pass", False),
        ("1 fail\n2 pass", False),
        ("2 pass\n1 pass", False),
        ("1 pass", False),
    ],
)
def test_a_finding_is_an_outcome_for_each_criterion_and_quotes_one_line(answer, legal):
    grammar = Grammar.lark(ask_verify(CRITERIA, RESULT, EVIDENCE).grammar)

    assert grammar.accepts(answer) is legal


def test_a_quote_is_read_as_its_source_spells_it():
    found = read_verify("1 fail 40 pieces\n2 cannot check", CRITERIA, RESULT, EVIDENCE)

    assert found == [Found("fail", "40 Pieces", "stock Green Mug -> 40 Pieces"), Found("cannot check")]


@pytest.mark.parametrize(
    "answer", ["", "1 pass", "1 pass\n3 pass", "1 pass\n2 maybe", "1 pass\n2 fail nowhere"]
)
def test_what_is_no_list_of_findings_is_refused_with_the_answer(answer):
    with pytest.raises(UnreadableFindings) as caught:
        read_verify(answer, CRITERIA, RESULT, EVIDENCE)

    assert caught.value.answer == answer


def test_whatever_the_grammar_allows_can_be_read():
    grammar = Grammar.lark(ask_verify(CRITERIA, RESULT, EVIDENCE).grammar)

    for seed in range(30):
        assert len(read_verify(sample(grammar, Random(seed), 200), CRITERIA, RESULT, EVIDENCE)) == 2


def test_without_evidence_and_report_nothing_can_fail():
    grammar = Grammar.lark(ask_verify(["the owner"], {}, []).grammar)

    assert grammar.accepts("1 cannot check") and not grammar.accepts("1 fail owner")


def test_without_a_criterion_there_is_nothing_to_ask():
    with pytest.raises(ValueError, match="at least one criterion"):
        ask_verify([], RESULT, EVIDENCE)


async def test_the_probabilities_of_a_criterion_go_on_from_the_lines_before_it():
    model = ScriptedModel(
        [], scores={"1 pass\n2 pass": -0.1, "1 pass\n2 fail": -3.0, "1 pass\n2 cannot check": -4.0}
    )

    shares = await weigh(model, ask_verify(CRITERIA, RESULT, EVIDENCE), 2, ["1 pass"])

    assert tuple(shares) == OUTCOMES
    assert sum(shares.values()) == pytest.approx(1) and shares["pass"] > 0.9 > shares["fail"]


# --- documents ------------------------------------------------------------------------------------------


def test_half_of_the_reports_have_a_fault_and_only_their_criteria_do_not_pass():
    cases = [draw_case(Random(seed)) for seed in range(400)]

    assert 0.4 < sum(any(fact.fault for fact in case.facts) for case in cases) / len(cases) < 0.6
    assert {fact.fault for case in cases for fact in case.facts} == {"", *FAULTS}
    for case in cases:
        found = read_verify(case.answer, case.criteria, dict(case.result), case.evidence)
        assert [each.outcome != "pass" for each in found] == [bool(fact.fault) for fact in case.facts]


def test_right_findings_are_legal_and_quote_the_evidence():
    for seed in range(150):
        case = draw_case(Random(seed))
        question = ask_verify(case.criteria, dict(case.result), case.evidence)

        assert Grammar.lark(question.grammar).accepts(case.answer)
        for found in read_verify(case.answer, case.criteria, dict(case.result), case.evidence):
            assert not found.quote or any(found.quote in line for line in case.evidence)


def test_a_number_that_is_off_is_off_by_one_digit():
    for seed in range(50):
        near = near_value(Random(seed), "x-1234")

        assert len(near) == 6 and sum(a != b for a, b in zip(near, "x-1234", strict=True)) == 1


def test_later_questions_are_about_the_same_report():
    longer = [pieces for seed in range(40) if len(pieces := verify(Random(seed))) > 2]

    assert longer
    for pieces in longer:
        assert pieces[0][0].startswith(("seen ", "said ")) and pieces[0][1] == 0 < pieces[1][1]
        assert all(text.startswith("1 : ") and text.endswith("found:") for text, _ in pieces[2::2])
