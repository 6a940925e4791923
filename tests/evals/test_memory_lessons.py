"""Do lessons help: which goals count, what is shuffled, and how figures are made of episodes."""

import pytest

from punchlist.agents.evals.memory_lessons import FAMILIES, SWAPPED, figures_of, seeds_of, shuffle
from punchlist.agents.evals.shop import FIRST_GOAL, GoalRow
from punchlist.agents.roles import LESSONS
from punchlist.examples.site import goal
from punchlist.memory import Memory, Provenance, Record, Scope

from ..agents.doubles import FakeEmbedder
from ..memory.doubles import confirm


@pytest.fixture
def place(tmp_path):
    """A folder with what was taught: a lesson of each of two stages."""
    with Memory.open(tmp_path / "on", embedder=FakeEmbedder(), index="exact") as memory:
        for stage, lesson in (("cart", "quantity"), ("details", "order")):
            where = Provenance(run="r", task="t", attempt=1, check="cart")
            text = f"stage {stage}: {LESSONS[lesson]}"
            record = Record(kind="reflection", text=text, scope=Scope.shared("site"), provenance=where)
            memory.remember_sync(record, confirm())
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES)
def test_every_goal_is_one_order_that_the_flaw_strikes(family):
    seeds = seeds_of(family, FIRST_GOAL, 5)

    for wanted in map(goal, seeds):
        [order] = wanted.expected.orders
        assert not wanted.expected.tickets
        assert family != "quantity_resets" or all(number > 1 for _, number in order.lines)


def test_a_shuffled_lesson_says_what_one_of_another_stage_says(place, tmp_path):
    with (
        Memory.open(place / "on", embedder=FakeEmbedder(), index="exact") as taught,
        Memory.open(tmp_path / "other", embedder=FakeEmbedder(), index="exact") as other,
    ):
        shuffle(taught, other)

        said = {record.text for record in other.records_sync()}
        assert said == {f"stage cart: {LESSONS['order']}", f"stage details: {LESSONS['quantity']}"}
        assert [proof.attempt for record in other.records_sync() for proof in other.proofs_sync(record.id)]
    assert all(LESSONS[other] != note for note, other in SWAPPED.items())


def test_a_goal_counts_where_the_run_and_the_database_say_so():
    def row(outcome, right, recalled=0):
        return GoalRow(seed=1, outcome=outcome, right=right, recalled=recalled)

    rows = {
        "lessons on quantity_resets 1": row("confirmed", True, 1),
        "lessons on field_resets 1": row("confirmed", False),
        "lessons off quantity_resets 1": row("unverified", False),
        "lessons shuffled quantity_resets 1": row("confirmed", True, 1),
    }

    figures = figures_of(rows, taught=2)

    assert (figures["lessons_on"], figures["lessons_off"], figures["lessons_shuffled"]) == (0.5, 0, 1)
    assert figures["lessons_on_quantity_resets"] == 1 and figures["lessons_on_field_resets"] == 0
    assert figures["lessons_off_field_resets"] is None
    assert (figures["lessons_taught"], figures["lessons_recalled"], figures["lessons_goals"]) == (2, 0.5, 2)
    assert 0 < figures["lessons_on_low"] < 0.5 < figures["lessons_on_high"] < 1
