"""A worker that browses elsewhere: its sessions stay where it is, and a verifier still sees its pages."""

import pytest

from punchlist.agents import Manager, Worker
from punchlist.agents.fleet import LocalFleet
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed

from ..doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, WANTED, PaperShop, knowing
from .doubles import CutOffFleet


@pytest.mark.parametrize(("goal", "plan"), [(ORDER_GOAL, ORDER_PLAN), (GOAL, PLAN)])
async def test_an_order_is_placed_once_and_seen_by_the_verifier(tmp_path, goal, plan):
    shop, model = PaperShop(), ScriptedModel(knowing(plan))
    async with LocalFleet() as fleet:
        workers = fleet.place(Worker("shop", model, [shop]))

        outcome = await Manager(model, workers, journal=tmp_path / "run.db").run(goal)

    assert isinstance(outcome, Confirmed) and len(shop.orders) == 1
    assert shop.looked, "nobody looked at the page again"


async def test_a_browsing_agent_that_is_lost_goes_on_with_the_cookies_of_its_lane(tmp_path):
    shop, cuts = PaperShop(), []

    def cut(question):
        if "step : review" in question and not cuts:
            cuts.append(question)
            fleet.places[0].cut()
        return knowing(ORDER_PLAN)(question)

    model = ScriptedModel(cut)
    async with CutOffFleet() as fleet:
        workers = fleet.place(Worker("shop", model, [shop]))

        outcome = await Manager(model, workers, journal=tmp_path / "run.db").run(ORDER_GOAL)

    assert cuts and isinstance(outcome, Confirmed)
    assert shop.orders == [WANTED] and len(shop.visits) == 1
