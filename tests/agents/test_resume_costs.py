"""What a resumed run is held to: its cost so far, the limits it was begun with, the model of its result."""

import asyncio
from contextlib import aclosing

import pytest
from pydantic import BaseModel

from punchlist.agents.budget import BudgetExhausted
from punchlist.agents.events import Ended, Stood, Thought
from punchlist.agents.manager import ResultModelMissing
from punchlist.protocols import Confirmed, Failed, Unverified
from punchlist.protocols.errors import JournalCorrupt, JournalFull
from punchlist.protocols.journal import Journal
from punchlist.tools.errors import BrowserMissing, SiteUnreachable

from .doubles import ORDER_GOAL, ORDER_PLAN, URL, knowing


class Order(BaseModel):
    number: str


async def interrupted(manager, at, goal=ORDER_GOAL, expect=None):
    """Run until `at` says so of an event, and drop the run there as Ctrl-C does; what was seen."""
    seen = []
    async with aclosing(manager.stream(goal, expect)) as events:
        async for event in events:
            seen.append(event)
            if at(event):
                return seen
    return seen


async def resumed(manager, path, **named):
    async with asyncio.timeout(5):
        events = [event async for event in manager.resume(path, **named)]
    assert isinstance(events[-1], Ended)
    return events[-1].outcome, events


def stood(task, status):
    return lambda event: isinstance(event, Stood) and (event.task, event.status) == (task, status)


def tokens(events):
    return sum(event.prompt_tokens + event.tokens for event in events if isinstance(event, Thought))


def status(path):
    with Journal.open(path, readonly=True) as journal:
        return journal.runs()[-1].status


async def test_the_cost_of_a_resumed_run_is_that_of_all_its_parts(manager, shop, tmp_path):
    shop.loses_quantity = True
    first = await interrupted(manager(knowing(ORDER_PLAN), [shop]), stood("1.details", "confirmed"))

    outcome, second = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")
    again, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")

    thoughts = [event for event in [*first, *second] if isinstance(event, Thought)]
    assert outcome.cost.tokens == tokens(first) + tokens(second) > 0
    assert outcome.cost.model_calls == len(thoughts)
    assert (outcome.cost.redos, outcome.cost.steps) == (1, len(shop.acted))
    assert again.cost.seconds >= outcome.cost.seconds > 0
    assert (again.cost.tokens, again.cost.tool_calls) == (outcome.cost.tokens, outcome.cost.tool_calls)


async def test_a_budget_holds_over_all_parts_of_a_run(manager, shop, tmp_path):
    await interrupted(manager(knowing(ORDER_PLAN), [shop]), stood("1.cart", "confirmed"))

    outcome, events = await resumed(manager(knowing(ORDER_PLAN), [shop], tokens=50), tmp_path / "run.db")

    assert isinstance(outcome, Unverified) and not any(isinstance(event, Thought) for event in events)
    assert status(tmp_path / "run.db") == "paused"


@pytest.mark.parametrize("what", ["tokens", "seconds", "steps", "model calls"])
def test_a_used_up_budget_says_to_resume_and_never_to_run_again(what):
    said = str(BudgetExhausted(what, 5))

    assert "resume" in said.lower() and "again" not in said


@pytest.mark.parametrize("error", [SiteUnreachable(URL, "refused"), BrowserMissing(("chromium",))])
async def test_a_run_that_its_surroundings_ended_is_paused(manager, watch, shop, tmp_path, error):
    shop.outages = [error]

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Failed) and status(tmp_path / "run.db") == "paused"


async def test_a_run_keeps_the_redos_it_was_begun_with(manager, shop, tmp_path):
    """Otherwise an attempt that the journal holds would be one too many."""
    shop.loses_quantity = True
    await interrupted(manager(knowing(ORDER_PLAN), [shop], redos=2), stood("1.details", "confirmed"))

    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop], redos=0), tmp_path / "run.db")

    assert isinstance(outcome, Confirmed)


async def test_a_run_can_be_interrupted_and_resumed_again_and_again(manager, shop, tmp_path):
    """Each resume sets timers anew; the record of one part is legal in the next."""
    first = manager(knowing(ORDER_PLAN), [shop])
    await interrupted(first, stood("1.cart", "working"))
    for task in ("1.cart", "1.details", "1.place"):
        async with aclosing(manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db")) as events:
            async for event in events:
                if stood(task, "verifying")(event):
                    break

    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")

    assert isinstance(outcome, Confirmed) and len(shop.orders) == 1


async def test_a_recorded_event_that_the_rules_refuse_ends_typed(manager, shop, tmp_path):
    await interrupted(manager(knowing(ORDER_PLAN), [shop]), stood("1.cart", "working"))
    with Journal.open(tmp_path / "run.db") as journal:
        run = journal.runs()[-1].run
        event = next(row.body for row in journal.rows(run, kinds=("worker_event",)))
        journal.append("event", event, run=run, task="1.cart")  # an order, as if the manager had got it

    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")

    assert isinstance(outcome, Failed) and isinstance(outcome.error, JournalCorrupt)


async def test_a_model_for_the_result_is_asked_for_again_at_the_resume(manager, shop, tmp_path):
    ordered = stood("1.place", "confirmed")
    await interrupted(manager(knowing(ORDER_PLAN), [shop]), ordered, expect=Order)

    with pytest.raises(ResultModelMissing, match="expect=Order"):
        await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db")
    outcome, _ = await resumed(manager(knowing(ORDER_PLAN), [shop]), tmp_path / "run.db", expect=Order)

    assert outcome.result == Order(number="A-01")


def test_a_run_is_resumed_without_an_event_loop(manager, shop, tmp_path):
    first = manager(knowing(ORDER_PLAN), [shop], steps=2).run_sync(ORDER_GOAL, Order)

    outcome = manager(knowing(ORDER_PLAN), [shop]).resume_sync(tmp_path / "run.db", expect=Order)

    assert isinstance(first, Unverified) and isinstance(outcome.result, Order)


async def test_a_disk_that_is_full_at_the_very_end_is_the_outcome(manager, watch, shop, monkeypatch):
    def full(self, run, status):
        raise JournalFull(self.path, "no space")

    monkeypatch.setattr(Journal, "set_status", full)

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Failed) and isinstance(outcome.error, JournalFull)
    assert outcome.run and outcome.cost.model_calls


async def test_a_fault_of_our_own_beside_the_tasks_is_raised(manager, watch, shop):
    def answer(_):
        raise ZeroDivisionError("a fault")

    with pytest.raises(ZeroDivisionError):
        await watch(manager(answer, [shop]), ORDER_GOAL)
