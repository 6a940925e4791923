"""A model that says anything legal: runs end, and nothing wrong is ever confirmed, whatever it says."""

import asyncio

import pytest

from punchlist.agents import Manager, Worker
from punchlist.agents.testing import WorstCaseModel, answered
from punchlist.examples.site import Site, demo_goal, judge
from punchlist.protocols import Confirmed, Failed
from punchlist.tools.browser import Browser

from .doubles import GOAL, PLAN, PaperShop, knowing

STEPS = 60
DEMO_PLAN = PLAN.replace("option express\n", "option express\ndate 3 may\n")


class SaboteurModel(WorstCaseModel):
    """Answers some roles rightly and says anything legal for the others."""

    def __init__(self, seed, right=None, roles=()):
        super().__init__(seed)
        self._right, self._roles = right, roles

    async def generate(self, messages, **settings):
        text = messages[-1]["content"]
        if self._right is not None and text.rpartition("\n")[2] in self._roles:
            return answered(self._right(text), text)
        return await super().generate(messages, **settings)


def right_in_the_paper_shop(shop):
    order = {"items": {"Green mug": 2, "Desk lamp": 1}, "name": "Ada Lovelace", "speed": "Express"}
    return shop.orders == [order] and shop.tickets[1].said == ["A-01"] and shop.tickets[1].closed


async def outcome_of(model, browser, goal, path):
    manager = Manager(model, [Worker("worker", model, [browser])], journal=path, steps=STEPS)
    async with asyncio.timeout(120):
        return await manager.run(goal)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("right", [(), ("plan:",), ("plan:", "steps:"), ("plan:", "do:")], ids=" ".join)
async def test_every_run_ends_and_a_confirmed_one_is_right(seed, right, tmp_path):
    shop = PaperShop(loses_quantity=seed % 2 == 1)

    outcome = await outcome_of(SaboteurModel(seed, knowing(PLAN), right), shop, GOAL, tmp_path / "run.db")

    assert not isinstance(outcome, Failed), outcome
    assert outcome.cost.steps <= STEPS
    assert not isinstance(outcome, Confirmed) or right_in_the_paper_shop(shop)


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_is_ordered_twice(seed, tmp_path):
    shop = PaperShop(sends_the_wrong_thing=True)
    right = ("plan:", "steps:", "do:") if seed < 2 else ("plan:", "steps:")

    await outcome_of(SaboteurModel(seed, knowing(PLAN), right), shop, GOAL, tmp_path / "run.db")

    assert len(shop.orders) <= 1


LATER = [pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20)]


@pytest.mark.browser
@pytest.mark.parametrize("seed", [0, *LATER])
async def test_on_the_example_site_too(seed, tmp_path):
    wanted = demo_goal()
    model = SaboteurModel(seed, lambda _: DEMO_PLAN, ("plan:",))
    with Site(wanted.site_seed) as site:
        async with Browser(allow=[site.url]) as browser:
            outcome = await outcome_of(model, browser, wanted.text, tmp_path / "run.db")

        assert not isinstance(outcome, Failed), outcome
        assert not isinstance(outcome, Confirmed) or judge(site, wanted.expected).right
