"""`eval tools`: what counts as right, of calls, findings and answers, and of the leaderboard's calls."""

import json

import pytest

from punchlist.agents.evals import bfcl, tools
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.ledger import EvalError
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.training import words

FUNCTION = {
    "name": "geometry.area",
    "description": "Area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "integer"},
            "height": {"type": "float"},
            "unit": {"type": "string"},
            "parts": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["base", "height"],
    },
}
POSSIBLE = {"base": [10], "height": [5.0], "unit": ["square meters", ""], "parts": [["a", "b"], ""]}


@pytest.fixture
def leaderboard(tmp_path):
    """A folder with one case."""
    folder = tmp_path / "bfcl"
    folder.mkdir()
    task = {"role": "user", "content": "Area of a triangle with base 10 and height 5?"}
    rows = {
        bfcl.QUESTIONS: {"id": "simple_0", "question": [[task]], "function": [FUNCTION]},
        bfcl.ANSWERS: {"id": "simple_0", "ground_truth": [{"geometry.area": POSSIBLE}]},
    }
    for name, row in rows.items():
        (folder / name).write_text(json.dumps(row) + "\n")
    return folder


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measures a model that answers by a function of the question."""

    def measure(answer, **options):
        model = ScriptedModel(answer, scores={"1 pass": -0.1})
        monkeypatch.setattr(tools, "open_model", lambda name: model)
        given = EvalOptions(limit=6, out=tmp_path / "x.jsonl", say=lambda line: None, **options)
        return execute("eval", "tools", given)

    return measure


def cautious(question):
    """Knows nothing, and says so in every role."""
    lines = question.splitlines()
    if lines[-1] == "found:":
        count = sum(line.partition(" : ")[0].isdigit() for line in lines)
        return "\n".join(f"{number} cannot check" for number in range(1, count + 1))
    return "unknown" if lines[-1] == "answer:" else "cannot"


def test_who_passes_nothing_misses_no_fault_and_who_knows_nothing_is_right_on_what_nobody_knows(
    measured, unexplained
):
    made = measured(cautious)["figures"]

    assert made["verifier_recall"] == 1 and made["verifier_precision"] < 1
    assert made["notes_unknown_recall"] == 1
    assert made["notes_accuracy"] == made["notes_unknown_precision"] < 1
    assert made["verifier_auc"] == 0.5
    assert unexplained(tools, made) == set()


def test_a_refused_call_goes_back_once_with_what_was_wrong(measured):
    asked = []

    def wrong(question):
        asked.append(question)
        return "call nothing_like_it\nend" if question.endswith("do:") else cautious(question)

    made = measured(wrong)["figures"]

    again = [question for question in asked if "error : there is no tool nothing_like_it" in question]
    assert len(again) == 2 * 12
    assert made["accuracy"] == made["accuracy_no_grammar"] == 0


def test_without_data_there_is_no_figure_and_it_is_said_why(measured):
    made = measured(cautious)

    assert made["figures"]["bfcl_simple_python"] is None
    assert "--data" in made["settings"]["skipped"]["bfcl_simple_python"]


def test_a_call_of_the_leaderboard_is_asked_for_and_judged(measured, leaderboard):
    def answer(question):
        if "geometry.area ( base # , height # , unit ? , parts ? )" in question:
            return "call geometry.area\n base 10\n height 5\nend"
        return cautious(question)

    made = measured(answer, data=leaderboard)

    assert made["figures"]["bfcl_simple_python"] == made["figures"]["bfcl_expressible"] == 1


def test_a_value_that_the_task_does_not_say_cannot_be_said(measured, leaderboard):
    answers = leaderboard / bfcl.ANSWERS
    answers.write_text(answers.read_text().replace('"base": [10]', '"base": [11]'))

    made = measured(cautious, data=leaderboard)

    assert made["figures"]["bfcl_expressible"] == 0


@pytest.mark.parametrize(
    ("function", "arguments", "right"),
    [
        ("geometry.area", {"base": 10, "height": 5}, True),
        ("geometry.area", {"base": 10, "height": 5.0, "unit": "Square-Meters", "parts": ["A", "b"]}, True),
        ("geometry.area", {"base": 10, "height": 5, "parts": ["a"]}, False),
        ("geometry.area", {"base": 10, "height": 5, "unit": "acres"}, False),
        ("geometry.area", {"base": "10", "height": 5}, False),
        ("geometry.area", {"base": True, "height": 5}, False),
        ("geometry.area", {"base": 10}, False),
        ("geometry.area", {"base": 10, "height": 5, "width": 2}, False),
        ("area", {"base": 10, "height": 5}, False),
    ],
)
def test_the_possible_answers_decide(leaderboard, function, arguments, right):
    case = bfcl.read_cases(leaderboard)["simple_0"]

    assert bfcl.is_right(case, function, arguments) is right


def test_a_folder_of_something_else_is_refused(tmp_path, leaderboard):
    with pytest.raises(EvalError, match="Name the leaderboard's folder"):
        bfcl.read_cases(tmp_path)
    (leaderboard / bfcl.ANSWERS).write_text("{}\n")
    with pytest.raises(EvalError, match="another form"):
        bfcl.read_cases(leaderboard)


def test_unseen_words_begin_as_no_word_of_the_training_does():
    onsets, vowels, _ = tools.SYLLABLES

    assert not set(onsets) & set(words.ONSETS)
    assert not set(vowels) & set(words.VOWELS)
