"""Goals through a whole run: plan, work, verification, redo, and how it ends."""

import asyncio
from dataclasses import replace

from punchlist.agents.events import Looked, Said, Stood
from punchlist.protocols import Confirmed, Failed, Unverified, passes
from punchlist.tools.errors import BrowserCrashed, SiteUnreachable

from .doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, URL, WANTED, knowing, next_action


async def test_a_goal_is_confirmed_with_the_order_number_after_every_task_passed(manager, watch, shop):
    outcome, events = await watch(manager(knowing(PLAN), [shop]), GOAL)

    assert isinstance(outcome, Confirmed)
    assert outcome.result["number"].lower() == "a-01"
    assert shop.orders == [
        {"items": {"Green mug": 2, "Desk lamp": 1}, "name": "Ada Lovelace", "speed": "Express"}
    ]
    assert (shop.tickets[1].said, shop.tickets[1].closed) == (["A-01"], True)
    assert not shop.tickets[0].said and not shop.tickets[0].closed
    confirmed = [event.task for event in events if isinstance(event, Stood) and event.status == "confirmed"]
    assert confirmed == ["1.cart", "1.details", "1.place", "2.ticket"]


async def test_nothing_is_confirmed_before_a_passing_verdict(manager, watch, shop):
    _, events = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    said = [event.envelope for event in events if isinstance(event, Said)]
    for confirm in (each for each in said if each.kind == "confirm" and each.recipient != "verifier"):
        before = [each for each in said[: said.index(confirm)] if each.task == confirm.task]
        spec = next(each.body.spec for each in before if each.kind == "verify")
        verdicts = [each.body for each in before if each.kind == "verdict"]
        assert verdicts and passes(verdicts[-1], spec)


async def test_a_failing_verdict_is_redone_with_plan_context_and_feedback(manager, watch, shop):
    shop.loses_quantity = True

    outcome, events = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    [redo] = [event.envelope for event in events if isinstance(event, Said) and event.envelope.kind == "redo"]
    assert redo.body.plan == ("open cart", "set 2 x green mugs")
    assert "Green mugs" in redo.body.context or "green mugs" in redo.body.context
    assert "the page shows 1" in redo.body.feedback
    [item] = outcome.punch_list
    assert (item.attempt, item.why, item.mended) == (1, "the page shows 1", "confirmed in attempt 2")
    assert shop.orders == [WANTED] and outcome.cost.redos == 1


async def test_when_attempts_run_out_the_run_is_unverified_and_nothing_is_ordered(manager, watch, shop):
    shop.loses_quantity = True
    never_mends = knowing(
        ORDER_PLAN, steps=lambda text: "open cart\nend" if "failed" in text else "do 1\nopen cart\nend"
    )

    outcome, events = await watch(manager(never_mends, [shop], redos=2), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert any("3 attempts ran out" in reason for reason in outcome.reasons)
    assert [item.attempt for item in outcome.punch_list] == [1, 2, 3]
    assert not any(item.mended for item in outcome.punch_list)
    assert shop.orders == []
    assert max(event.attempt for event in events if isinstance(event, Stood)) == 3


async def test_a_worker_that_claims_success_without_doing_anything_is_not_believed(manager, watch, shop):
    idle = knowing(ORDER_PLAN, act=lambda _: "done")

    outcome, _ = await watch(manager(idle, [shop]), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert shop.acted == []


async def test_an_order_that_came_out_wrong_is_not_confirmed_and_not_placed_again(manager, watch, shop):
    shop.sends_the_wrong_thing = True

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert (outcome.punch_list[0].criterion, outcome.punch_list[0].why) == ("not asked for", "Blue mug")
    assert len(shop.orders) == 1


async def test_where_no_page_shows_the_orders_a_failed_order_is_left_to_a_person(manager, watch, shop):
    shop.sends_the_wrong_thing = shop.hides_orders = True

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert any("cannot be told" in reason for reason in outcome.reasons)
    assert len(shop.orders) == 1


async def test_a_goal_outside_what_the_model_knows_ends_unverified_and_touches_nothing(manager, watch, shop):
    outcome, events = await watch(manager(knowing("cannot"), [shop]), "Write a poem about the sea.")

    assert isinstance(outcome, Unverified) and outcome.last is None
    assert "Write a poem" in outcome.reasons[0]
    assert not any(isinstance(event, Looked) for event in events)
    assert shop.visits == []


async def test_a_plan_that_leaves_words_of_the_goal_out_is_not_carried_out(manager, watch, shop):
    goal = ORDER_GOAL.replace("express", "but not express, gift wrapped")

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), goal)

    assert isinstance(outcome, Unverified)
    assert "'not'" in outcome.reasons[0] and "'gift'" in outcome.reasons[0]
    assert shop.visits == []


async def test_a_site_that_is_down_stops_the_run_and_it_can_be_resumed(manager, watch, shop, tmp_path):
    shop.outages = [SiteUnreachable(URL, "connection refused")]

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)
    events = [event async for event in manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db")]

    assert isinstance(outcome, Failed) and isinstance(outcome.error, SiteUnreachable)
    assert isinstance(events[-1].outcome, Confirmed) and shop.orders == [WANTED]


async def test_a_browser_that_crashes_is_replaced_in_the_next_attempt(manager, watch, shop):
    shop.outages = [BrowserCrashed()]

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Confirmed)
    assert [item.attempt for item in outcome.punch_list] == [1] and shop.orders == [WANTED]


async def test_a_ticket_of_somebody_else_is_neither_answered_nor_closed(manager, watch, shop):
    """The first attempt opens the wrong one; nothing is typed or clicked there."""
    goal = 'Reply to Ada Lovelace\'s ticket with "on its way" and close it.'
    plan = "task ticket\nname ada lovelace\ntext on its way\nclose\nend"
    strayed: list[str] = []

    def act(question):
        if "step : open ticket" in question and "ticket 0 | grace hopper" in question and not strayed:
            strayed.append(question)
            return "click grace hopper"
        return next_action(question)

    outcome, _ = await watch(manager(knowing(plan, act=act), [shop]), goal)

    assert strayed and isinstance(outcome, Confirmed)
    assert (shop.tickets[0].said, shop.tickets[0].closed) == ([], False)
    assert (shop.tickets[1].said, shop.tickets[1].closed) == (["on its way"], True)


async def test_a_fault_of_our_own_ends_the_run_with_it_and_is_not_tried_again(manager, watch, shop):
    fault = ZeroDivisionError("a fault")
    shop.outages = [fault]

    outcome, events = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Failed) and outcome.error is fault
    assert max(event.attempt for event in events if isinstance(event, Stood)) == 1


async def test_independent_tasks_are_worked_on_at_once(manager, watch, shop):
    """Each opens its session only when the other does: one after the other they would wait for ever."""
    both, open_one = asyncio.Barrier(2), shop.open

    async def open_together(lane, *rest):
        await both.wait()
        return await open_one(lane, *rest)

    shop.open = open_together
    goal = "Order 2 green mugs for Ada Lovelace. Also order 1 desk lamp for Grace Hopper."
    plan = (
        "task order\ncount 2\nitem green mugs\nname ada lovelace\n"
        "task order\ncount 1\nitem desk lamp\nname grace hopper\nend"
    )

    async with asyncio.timeout(5):
        outcome, events = await watch(manager(knowing(plan), [shop], [shop]), goal)

    assert isinstance(outcome, Confirmed) and len(shop.orders) == 2
    assert {event.worker for event in events if isinstance(event, Looked)} == {"worker 1", "worker 2"}


async def test_a_dependent_task_waits_until_what_it_needs_is_confirmed(manager, watch, shop):
    _, events = await watch(manager(knowing(PLAN), [shop], [shop]), GOAL)

    stood = [(event.task, event.status) for event in events if isinstance(event, Stood)]
    first = min(index for index, (task, _) in enumerate(stood) if task == "2.ticket")
    assert first > stood.index(("1.place", "confirmed"))


async def test_what_depends_on_an_unconfirmed_task_is_not_begun(manager, watch, shop):
    shop.sends_the_wrong_thing = True

    outcome, events = await watch(manager(knowing(PLAN), [shop], [shop]), GOAL)

    assert not any(event.task == "2.ticket" for event in events if isinstance(event, Stood))
    assert any("not begun" in reason for reason in outcome.reasons)
    assert not shop.tickets[1].closed


async def test_the_result_is_typed_when_a_model_for_it_is_given(manager, shop):
    from pydantic import BaseModel

    class Order(BaseModel):
        number: str
        name: str

    outcome = await manager(knowing(ORDER_PLAN), [shop]).run(ORDER_GOAL, expect=Order)

    assert outcome.result == Order(number="A-01", name="Ada Lovelace")


async def test_results_that_do_not_make_the_expected_model_are_unverified(manager, shop):
    from pydantic import BaseModel

    class Invoice(BaseModel):
        total: float

    outcome = await manager(knowing(ORDER_PLAN), [shop]).run(ORDER_GOAL, expect=Invoice)

    assert isinstance(outcome, Unverified)
    assert "Invoice" in outcome.reasons[0] and "total" in outcome.reasons[0]
    assert replace(outcome, reasons=()).last["number"] == "A-01"
