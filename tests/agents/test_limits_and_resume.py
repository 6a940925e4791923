"""Budgets, interrupted runs, and what the journal spares the second time."""

import asyncio
from contextlib import aclosing

import pytest

from punchlist.agents import Budget, BudgetExhausted
from punchlist.agents.events import Acted, Ended, Stood
from punchlist.agents.manager import UnknownRun
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal

from .doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, WANTED, knowing


def test_a_budget_names_the_limit_that_is_reached():
    budget = Budget(steps=3)
    budget.spend(steps=2)
    budget.check()
    budget.spend(steps=1)

    with pytest.raises(BudgetExhausted, match="3 steps"):
        budget.check()
    assert budget.total().steps == 3


def test_a_budget_without_limits_is_never_used_up():
    budget = Budget()
    budget.spend(tokens=10**9, steps=10**9, model_calls=10**9, tool_calls=10**9)

    budget.check()


@pytest.mark.parametrize(
    "limit", [{"steps": 2}, {"tokens": 1}, {"tokens": 400}, {"tokens": 600}, {"seconds": 0.0}]
)
async def test_a_used_up_budget_ends_the_run_unverified(manager, watch, shop, limit):
    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], **limit), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert "is used up" in " ".join(outcome.reasons)
    assert shop.orders in ([], [WANTED])


async def interrupted(manager, goal, at):
    """Run until `at` says so of an event, and drop the run there as Ctrl-C does."""
    async with aclosing(manager.stream(goal)) as events:
        async for event in events:
            if at(event):
                return


async def resumed(manager, path):
    async with asyncio.timeout(5):
        events = [event async for event in manager.resume(path)]
    assert isinstance(events[-1], Ended)
    return events[-1].outcome, events


def confirmed(task):
    return lambda event: isinstance(event, Stood) and (event.task, event.status) == (task, "confirmed")


@pytest.mark.parametrize("task", ["1.cart", "1.details", "1.place", "2.ticket"])
async def test_a_confirmed_task_is_not_done_again_after_a_restart(manager, shop, tmp_path, task):
    await interrupted(manager(knowing(PLAN), [shop]), GOAL, confirmed(task))
    done = len(shop.acted)

    outcome, events = await resumed(manager(knowing(PLAN), [shop]), tmp_path / "run.db")

    assert isinstance(outcome, Confirmed)
    assert not any(event.task == task for event in events if isinstance(event, Acted))
    assert shop.acted.count("click place order") == 1 and len(shop.orders) == 1
    assert shop.tickets[1].said == ["A-01"] and done <= len(shop.acted)


@pytest.mark.parametrize("act", range(0, 14, 2))
async def test_a_run_cut_off_at_any_action_orders_once(manager, shop, tmp_path, act):
    cut = iter(range(100))
    await interrupted(
        manager(knowing(ORDER_PLAN), [shop]),
        ORDER_GOAL,
        lambda event: isinstance(event, Acted) and next(cut) == act,
    )

    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")

    assert isinstance(outcome, Confirmed)
    assert shop.orders == [WANTED]


async def test_the_plan_is_not_asked_for_twice(manager, shop, tmp_path):
    await interrupted(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL, confirmed("1.cart"))
    again = manager(knowing("cannot"), [shop])

    outcome, _ = await resumed(again, tmp_path / "run.db")

    assert isinstance(outcome, Confirmed)
    assert not any(question.endswith("plan:") for question in again.model.asked)


async def test_a_run_that_had_ended_ends_the_same_when_resumed(manager, watch, shop, tmp_path):
    first, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)
    done = list(shop.acted)

    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")

    assert isinstance(outcome, Confirmed) and outcome.result == first.result
    assert shop.acted == done


async def test_an_unknown_run_is_refused_with_the_runs_there_are(manager, watch, shop, tmp_path):
    outcome, _ = await watch(manager(knowing("cannot"), [shop]), ORDER_GOAL)

    with pytest.raises(UnknownRun, match=outcome.run):
        [event async for event in manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db", "nope")]


async def test_the_journal_says_how_the_run_stands(manager, watch, shop, tmp_path):
    await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        [run] = journal.runs()
        kinds = {row.kind for row in journal.rows(run.run)}

    assert (run.goal, run.status) == (ORDER_GOAL, "confirmed")
    assert {"plan", "envelope", "event", "decision", "intent", "outcome", "lane"} <= kinds


async def test_an_empty_goal_is_refused(manager, shop):
    with pytest.raises(ValueError, match="goal is empty"):
        await manager(knowing(ORDER_PLAN), [shop]).run("  ")
