"""`eval calibration`: what its figures say of models whose beliefs are known."""

import math

import pytest

from punchlist.agents.evals import calibration
from punchlist.agents.evals.calibration import Belief, figures_of
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.capabilities import Capabilities


def beliefs(*rows):
    """(probability of pass, how many, how many of them sound) of each row."""
    return [
        Belief((belief, belief), (1 - belief, 1 - belief), number < sound)
        for belief, count, sound in rows
        for number in range(count)
    ]


def test_a_model_whose_probabilities_are_the_shares_is_calibrated():
    made = figures_of(beliefs((0.9, 10, 9), (0.3, 10, 3)))

    assert made["ece"] == pytest.approx(0) and made["sound"] == 0.6
    assert made["brier"] == pytest.approx((0.9 * 0.01 + 0.1 * 0.81 + 0.3 * 0.49 + 0.7 * 0.09) / 2)
    assert made["brier_base"] == pytest.approx(0.24)
    assert (made["bin_9"], made["bin_9_believed"], made["bin_9_held"]) == (10, pytest.approx(0.9), 0.9)
    assert (made["bin_1"], made["bin_1_believed"]) == (0, None)


def test_a_model_that_is_always_certain_and_right_half_the_time_is_not():
    made = figures_of(beliefs((1.0, 10, 5)))

    assert made["ece"] == made["brier"] == 0.5
    assert made["threshold_95"] is made["threshold_95_recall"] is made["threshold_95_sure"] is None


def test_the_threshold_is_the_least_from_which_passes_are_right_often_enough():
    made = figures_of(beliefs((0.99, 20, 20), (0.8, 20, 19), (0.6, 20, 5)))

    assert made["threshold_95"] == 0.8
    assert made["threshold_95_recall"] == pytest.approx(39 / 44)
    assert made["threshold_95_sure"] is None  # 39 of 40 may by chance be of a lower share
    assert figures_of(beliefs((0.99, 200, 200), (0.8, 20, 19)))["threshold_95_sure"] == 0.8


def test_precision_is_held_against_how_much_is_decided():
    made = figures_of(beliefs((0.95, 10, 9), (0.55, 10, 5), (0.05, 10, 0)))

    assert made["pass_precision_at_90"] == 0.9 and made["pass_precision_at_50"] == 0.7
    assert made["pass_recall_at_90"] == pytest.approx(9 / 14) and made["pass_recall_at_50"] == 1
    assert made["coverage_at_90"] == pytest.approx(2 / 3) and made["coverage_at_50"] == 1
    assert made["pass_precision_at_99"] is None


def test_two_orders_must_both_pass():
    both, one, contrary = (
        Belief((0.9, 0.9), (0, 0), True),
        Belief((0.9, 0.5), (0, 0.5), False),
        Belief((0.9, 0.1), (0, 0.9), False),
    )

    made = figures_of([both, one, contrary])

    assert made["pass_precision"] == pytest.approx(1 / 3) and made["pass_precision_two_orders"] == 1
    assert made["contradictions"] == pytest.approx(1 / 3)


def test_of_nothing_there_is_no_figure():
    made = figures_of([])

    assert made["ece"] is made["brier"] is made["threshold_95"] is None and made["reports"] == 0


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measures a model."""

    def measure(model, **options):
        monkeypatch.setattr(calibration, "open_model", lambda name: model)
        given = {"limit": 20, "out": tmp_path / "x.jsonl", "say": lambda line: None} | options
        return execute("eval", "calibration", EvalOptions(**given))["figures"]

    return measure


def test_what_is_measured_is_named_at_the_top_of_the_module(measured, unexplained):
    made = measured(ScriptedModel([], scores={"1 pass": math.log(0.5), "1 fail": math.log(0.25)}))

    assert made["reports"] == 20 and unexplained(calibration, made) == set()


def test_what_is_done_is_not_done_again(measured):
    first, second = ScriptedModel([]), ScriptedModel([])

    made = measured(first)

    assert measured(second, resume=True) == made
    assert len(first.asked) == 2 * 20 and second.asked == []


def test_reports_are_those_of_the_seed(measured, tmp_path):
    models = [ScriptedModel([]) for _ in range(3)]

    for number, (model, seed) in enumerate(zip(models, (0, 0, 1), strict=True)):
        measured(model, seed=seed, out=tmp_path / f"{number}.jsonl")

    assert models[0].asked == models[1].asked != models[2].asked


def test_votes_stand_for_probabilities_where_there_are_none(measured):
    model = ScriptedModel(lambda question: "1 pass")
    model.capabilities = Capabilities(grammar=True, logprobs=False, fork=False, score=False, seed=True)

    made = measured(model, limit=3)

    assert made["bin_10"] == 3 and made["bin_10_believed"] == 1
