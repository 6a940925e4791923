"""What has to be approved in a browser goes through the run's own policy, and says so where it is refused."""

import pytest

from punchlist.protocols import Confirmed
from punchlist.tools.permissions import Policy, Rule, preset

from .doubles import ORDER_GOAL, ORDER_PLAN, PaperShop, Tab, knowing


class PayingTab(Tab):
    """Pressing `review` submits a card."""

    async def gates(self, action):
        element = self._draw().elements.get(action.target or 0)
        return ("payment_form",) if element is not None and element.name == "review" else ()

    async def act(self, action, approved=()):
        self.shop.approved.append((await self.gates(action), tuple(approved)))
        return await super().act(action, approved)


class PayingShop(PaperShop):
    def __init__(self):
        super().__init__()
        self.approved = []

    async def open(self, *where):
        tab = await super().open(*where)
        tab.__class__ = PayingTab
        return tab


async def test_what_the_policy_allows_passes_the_gate_and_no_other(manager, watch):
    shop = PayingShop()

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], policy=preset("unattended")), ORDER_GOAL)

    assert isinstance(outcome, Confirmed) and len(shop.orders) == 1
    assert (("payment_form",), ("payment_form", "new_origin")) in shop.approved
    assert all(set(found) <= set(passed) <= {*found, "new_origin"} for found, passed in shop.approved)


@pytest.mark.parametrize("says", [True, False])
async def test_a_person_is_asked_about_the_gate_by_name(says, manager, watch):
    shop, asked = PayingShop(), []

    def person(call):
        asked.append(call)
        return says if call.arguments.get("gate") else True

    policy = preset("ask_irreversible", person)
    outcome, events = await watch(manager(knowing(ORDER_PLAN), [shop], policy=policy, redos=0), ORDER_GOAL)

    gated = [call for call in asked if call.arguments.get("gate") == "payment_form"]
    assert gated[0].effect == "irreversible" and gated[0].arguments["action"].startswith("click ")
    assert isinstance(outcome, Confirmed) is says and len(shop.orders) == int(says)
    assert any("needs_approval" in str(event) for event in events) is not says
    assert says or not [found for found, _ in shop.approved if found]


async def test_a_rule_closes_one_gate(manager, watch):
    shop = PayingShop()
    policy = Policy([Rule("deny", "browser", arguments={"gate": "*payment_form*"}), Rule("allow")])

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], policy=policy, redos=0), ORDER_GOAL)

    assert not isinstance(outcome, Confirmed) and shop.orders == []
