"""Goals of the example site can be reached, whatever its flaws, and are judged right then."""

import asyncio

import pytest

from punchlist.examples.site import FLAWS, Site, demo_goal, goal, judge

pytestmark = pytest.mark.browser


def first_goal(wanted):
    """The first goal whose truth satisfies `wanted`."""
    return next(drawn for drawn in map(goal, range(1000)) if wanted(drawn.expected))


def an_order_and_its_ticket(expected):
    return len(expected.orders) == 1 and any(not ticket.reply for ticket in expected.tickets)


async def test_twenty_goals_can_be_reached_and_are_judged_right(visiting):
    at_once = asyncio.Semaphore(3)

    async def play(seed):
        async with at_once:
            with Site(seed) as site:
                async with visiting(site) as visitor:
                    await visitor.play(goal(seed).expected)
                return judge(site, goal(seed).expected).reasons

    outcomes = await asyncio.gather(*(play(seed) for seed in range(9000, 9020)))

    assert [reasons for reasons in outcomes if reasons] == []


async def test_every_flaw_at_once_can_be_overcome(visiting):
    drawn = first_goal(an_order_and_its_ticket)

    with Site(drawn.site_seed, flaws=FLAWS) as site:
        async with visiting(site) as visitor:
            await visitor.play(drawn.expected)

        assert judge(site, drawn.expected).reasons == ()


async def test_the_goal_of_record_meets_a_lost_quantity_and_a_dialog(visiting):
    drawn = demo_goal()
    order = drawn.expected.orders[0]

    with Site(drawn.site_seed) as site:
        async with visiting(site) as visitor:
            await visitor.put_in_bag("Green mug", 2)
            await visitor.open_bag()
            held = (
                await visitor.page.get_by_role("row")
                .filter(has_text="Green mug")
                .locator("input")
                .input_value()
            )
            await visitor.set_quantity("Green mug", 2)
            await visitor.put_in_bag("Desk lamp", 1)
            await visitor.open_bag()
            await visitor.fill_form(order)
            number = await visitor.place()
            await visitor.answer(drawn.expected.tickets[0], number)

        assert held == "1"
        assert visitor.dialogs == [site.plan.say("final_question")]
        assert judge(site, drawn.expected).right
