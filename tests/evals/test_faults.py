"""What the planted faults are, that they land, and that the figures tell them apart."""

import random

import pytest

from punchlist.agents.evals import faults
from punchlist.agents.evals.faults.operators import OPERATORS, TARGETS, altered_text, slip
from punchlist.agents.evals.faults.trials import CLEAN, Trial, run_trial
from punchlist.agents.evals.faults.warehouse import Warehouse, clerk
from punchlist.agents.evals.harness import EvalOptions, execute


def silent(line):
    """A double for stderr."""


def trial(operator, **changes):
    """A trial whose fault was found and made good."""
    usual = {"part": "count", "got": "", "landed": True, "covered": True, "detected": True, "acted_on": True}
    usual |= {"confirmed": True, "right": True, "undamaged": True}
    return Trial(operator=operator, **{**usual, **changes})


@pytest.mark.parametrize("operator", OPERATORS)
async def test_a_fault_that_a_check_covers_is_acted_on_and_not_confirmed_wrong(operator):
    trials = [await run_trial(operator, number, seed=1) for number in range(3)]

    assert all(each.landed for each in trials)
    assert all(each.acted_on and not each.confirmed_wrong for each in trials if each.covered), trials


@pytest.mark.parametrize("operator", ["silent_noop", "tool_lie"])
async def test_what_a_tool_did_not_do_or_said_wrong_is_made_good_by_a_redo(operator):
    trials = [await run_trial(operator, number, seed=1) for number in range(4)]

    assert any(each.covered for each in trials)
    assert all(each.recovered for each in trials if each.covered), trials


async def test_the_same_seed_gives_the_same_run():
    assert await run_trial("tool_lie", 4, 7) == await run_trial("tool_lie", 4, 7)


async def test_a_run_without_a_fault_ends_right_and_without_an_alarm():
    made = await run_trial(None, 0, 0)

    assert (made.operator, made.recovered, made.detected, made.landed) == (CLEAN, True, False, False)


async def test_a_fault_that_no_check_looks_at_is_confirmed_wrong():
    """Verification is as good as the checks: the figures must be able to show it."""
    trials = [await run_trial("silent_noop", number, 0) for number in range(2)]

    missed = next(each for each in trials if each.part == "remark")
    assert missed.confirmed_wrong and not missed.covered and not missed.detected


@pytest.mark.parametrize("seed", range(30))
def test_an_alteration_always_changes_something(seed):
    rng = random.Random(seed)
    world = Warehouse.stocked(rng)
    texts = [part.text({"count": {"answer": "12"}, "total": {"answer": "4090"}}) for part in world.parts()]

    said = [clerk(f"task : {text}\ndo:") for text in texts]

    assert [text for text in texts if altered_text(text, rng) == text] == []
    assert [answer for answer in said if slip(answer, rng) == answer] == []


def test_every_operator_has_a_task_that_is_covered_and_all_tasks_are_targets_of_some():
    assert {part for parts in TARGETS.values() for part in parts} == set(faults.warehouse.PARTS)
    assert all(faults.warehouse.CHECKED & set(parts) for parts in TARGETS.values())


def test_the_figures_tell_found_from_missed_and_clean_from_planted():
    missed = trial("false_success", detected=False, acted_on=False, right=False, covered=False)
    alarmed = trial(CLEAN, landed=False)
    void = trial("tool_lie", landed=False, detected=False)

    made = faults.figures([trial("tool_lie"), missed, alarmed, void])

    assert made["planted"] == 2
    assert (made["detected"], made["confirmed_wrong"], made["confirmed_wrong_covered"]) == (0.5, 0.5, 0.0)
    assert made["false_alarms"] == 1.0


def test_the_figures_of_a_small_run_are_explained(tmp_path, unexplained):
    made = execute("eval", "faults", EvalOptions(out=tmp_path / "x.jsonl", limit=1, say=silent))

    assert made["figures"]["planted"] == len(OPERATORS)
    assert unexplained(faults, made["figures"]) == set()
