"""The eval of word problems: what it counts, on models whose answers are known."""

import json
from fractions import Fraction

import pytest

from punchlist.agents.evals import arithmetic
from punchlist.agents.evals.arithmetic import DataDamaged, held_out, read_problems
from punchlist.agents.evals.harness import EvalOptions, Measuring
from punchlist.agents.evals.registry import LEDGER, Measurement
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.training.documents import document

COUNT = 4
ENTRY = Measurement("eval", "arithmetic", "", "arithmetic", LEDGER | {"model", "limit", "seed", "data"})


def knowing(asked):
    """Knows the first held-out problems, slips once a chain where no calculator stands by, blames nobody."""
    if asked.endswith("check:"):
        tried = asked.split("tried:\n")[1].splitlines()
        return "\n".join(f"{row.split()[0]} ok" for row in tried[:-1])
    text, _, said = asked.partition("\n")
    problem = next((item for item in map(lambda n: held_out(0, n), range(COUNT)) if item.text == text), None)
    if problem is None:
        return "find coins" if not said.count("\n") else "coins : 2 * 9 ="
    begun = said.rpartition("think:")[2]
    return problem.chain().rows()[begun.count("\n")]


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Figures of a scripted model."""

    def of(answer, **options):
        model = ScriptedModel(answer)
        monkeypatch.setattr(arithmetic, "open_model", lambda name: model)
        told = EvalOptions(limit=COUNT, out=tmp_path / "ledger.jsonl", say=lambda line: None, **options)
        with Measuring(ENTRY, told) as measuring:
            return arithmetic.measure(measuring)

    return of


def test_a_model_that_knows_the_answers_is_right_in_every_way(measured, unexplained):
    figures = measured(knowing)

    assert figures["accuracy"] == figures["accuracy_no_tool"] == figures["accuracy_no_grammar"] == 1
    assert figures["error_symbol"] == figures["error_other_no_tool_no_redo"] == 0
    assert figures["mended"] is None and figures["spoiled"] == 0
    assert figures["accuracy_random"] < 1
    assert not unexplained(arithmetic, figures)


def test_a_verifier_that_blames_nobody_finds_nothing_but_what_is_computed(measured):
    figures = measured(knowing)

    assert figures["judge_recall"] == 0 and figures["judge_precision"] is None
    assert figures["verifier_precision"] in (1, None)


def test_wrong_results_are_calculator_errors_without_the_tool_and_none_with_it(measured):
    def slipping(asked):
        row = knowing(asked)
        if " = " not in row:
            last = asked.rstrip("\n").rpartition(" = ")[2]
            return f"answer {last}" if row.startswith("answer ") else row
        return f"{row.rpartition(' ')[0]} 1"

    figures = measured(slipping)

    assert figures["accuracy_no_redo"] == 1 and figures["error_calculator"] == 0
    assert figures["accuracy_no_tool_no_redo"] < 1
    assert figures["error_calculator_no_tool_no_redo"] > 0


def test_a_first_attempt_that_is_wrong_and_seen_to_be_counts_as_mended(measured):
    def second_time_right(asked):
        if asked.endswith("check:"):
            return knowing(asked)
        if "tried:" in asked:
            return knowing(asked.replace("tried:", "", 1))
        begun = asked.rpartition("think:")[2].count("\n")
        return ("find x", "has : 1 + 1 =", "answer 2")[begun]

    figures = measured(second_time_right)

    assert figures["accuracy_no_redo"] == 0
    assert figures["mended"] == figures["accuracy"] == 1


def test_what_is_done_is_not_done_again(measured):
    measured(knowing)

    figures = measured(lambda asked: pytest.fail("asked again"), resume=True)

    assert figures["accuracy"] == 1


def test_foreign_problems_are_scored_by_their_answer(measured, tmp_path):
    row = {"question": "A pen costs $2. What do 9 pens cost?", "answer": "2*9=<<2*9=18>>18\n#### 18"}
    (tmp_path / "test.jsonl").write_text(json.dumps(row))

    def answer(asked):
        if not asked.startswith("a pen costs"):
            return knowing(asked)
        if asked.endswith("check:"):
            return knowing(asked)
        return ("find cost", "cost : 2 * 9 =", "answer 18")[asked.rpartition("think:")[2].count("\n")]

    assert measured(answer, data=tmp_path)["gsm8k_accuracy"] == 1


def test_foreign_answers_are_read_with_separators(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"question": "q", "answer": "so\\n#### 1,250"}\n')

    assert read_problems(path) == [("q", Fraction(1250))]


@pytest.mark.parametrize(
    "text", [None, "no json", '{"question": "q"}', '{"question": "q", "answer": "none"}']
)
def test_a_damaged_file_of_problems_is_refused_by_name(tmp_path, text):
    path = tmp_path / "test.jsonl"
    if text is not None:
        path.write_text(text)

    with pytest.raises(DataDamaged, match=r"test\.jsonl"):
        read_problems(path)


def test_held_out_problems_come_from_seeds_that_no_training_has():
    texts = {held_out(0, number).text for number in range(50)}
    trained = "\n".join(text for index in range(200) for text, _ in document(1, index))

    assert len(texts) == 50 and not any(text in trained for text in texts)
    assert held_out(0, 1) != held_out(1, 1)
