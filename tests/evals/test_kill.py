"""Which goals are killed, and how often they are run whole before."""

import asyncio

import pytest

from punchlist.agents.evals import harness
from punchlist.agents.evals.harness import EvalOptions, Measuring
from punchlist.agents.evals.kill import CANDIDATES, TrialRow, Victims
from punchlist.agents.evals.shop import goal_seeds
from punchlist.examples.site import DEMO_SEED

KILL = next(entry for entry in harness.MEASUREMENTS if entry.name == "kill")


def silent(line):
    """A double for stderr."""


def whole(seed, right=True):
    """The row of a run that nobody disturbed."""
    return TrialRow(
        seed=seed,
        killed_at=None,
        events=80,
        stage="",
        outcome="confirmed",
        right=right,
        unknown=False,
        doubled=False,
        lost=False,
        orphans=0,
        reasons=(),
        seconds=5.0,
    ).model_dump(mode="json")


class Runs:
    """A double for whole runs: goals of `wrong` end wrong; remembers which were run."""

    def __init__(self, *wrong):
        self.wrong, self.seeds = wrong, []

    async def __call__(self, seed):
        self.seeds.append(seed)
        await asyncio.sleep(0)
        return whole(seed, right=seed not in self.wrong)


@pytest.fixture
def measuring(tmp_path):
    with Measuring(KILL, EvalOptions(out=tmp_path / "x.jsonl", parallel=3, say=silent)) as work:
        yield work


async def test_kills_of_one_goal_that_begin_together_run_it_whole_once(measuring):
    runs = Runs()
    victims = Victims(measuring, runs)

    rows = await asyncio.gather(*(victims.of(1) for _ in range(3)))

    assert runs.seeds == goal_seeds(0, 1)
    assert [row.seed for row in rows] == runs.seeds * 3


async def test_nobody_is_given_a_goal_that_is_not_confirmed_undisturbed(measuring):
    first, second, *_ = goal_seeds(0, CANDIDATES)
    runs = Runs(first)
    victims = Victims(measuring, runs)

    rows = await asyncio.gather(victims.of(1), victims.of(1))

    assert [row.seed for row in rows] == [second, second]
    assert runs.seeds == [first, second]


async def test_the_first_kills_have_the_demonstration_and_so_have_those_that_find_no_goal(measuring):
    runs = Runs(*goal_seeds(0, CANDIDATES))
    victims = Victims(measuring, runs)

    rows = [await victims.of(0), await victims.of(1)]

    assert [row.seed for row in rows] == [DEMO_SEED, DEMO_SEED]
    assert runs.seeds == [DEMO_SEED, *goal_seeds(0, CANDIDATES)]
