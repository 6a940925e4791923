"""A task that was re-opened is thought about anew; its effects with the same arguments are not made again."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan
from punchlist.agents.managing.ordering import Ordering
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed
from punchlist.tools import tool

from .doubles import FINE, worker

HOLD = "hold"


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)


def two_tasks():
    """`it`, and one that keeps the run going."""
    plan = Plan()
    plan.task("it", "it", spec=[FINE], worker="worker")
    plan.task(HOLD, HOLD, spec=[FINE], worker="holder")
    return plan


async def twice(tmp_path, model, work, tools=()):
    """The outcome of a run whose task was confirmed, and then re-opened."""
    gate = asyncio.Event()

    async def hold(brief):
        await gate.wait()
        return brief.goal

    workers = [worker("worker", work, tools=tools), worker("holder", hold)]
    running = Manager(model, workers, journal=tmp_path / "run.db", strategy=None).start(two_tasks())
    await until(lambda: running.tasks.get("it") == "confirmed")
    await running.reopen("it", "once more")
    await until(lambda: running.tasks["it"] == "confirmed")
    gate.set()
    return await asyncio.wait_for(running.outcome(), 5)


async def test_what_was_thought_before_it_was_reopened_is_thought_anew(tmp_path):
    model = ScriptedModel(["first", "second"])

    async def thinks(brief):
        found = await brief.mind.think_through("What is it?", "", "it", brief.attempt)
        return found.answer

    outcome = await twice(tmp_path, model, thinks)

    assert isinstance(outcome, Confirmed) and outcome.result["it"] == "second"
    model.assert_complete()


async def test_an_effect_with_the_same_arguments_is_given_back_and_another_one_is_made(tmp_path):
    sent = []

    @tool(effect="irreversible", recovery="keyed")
    def send(text: str, idempotency_key: str) -> str:
        """Send a letter."""
        sent.append(text)
        return f"sent {len(sent)}"

    times = iter(range(10))

    async def sends(brief):
        same = await brief.call("send", text="same")
        other = await brief.call("send", text=f"other {next(times)}")
        return [same, other]

    outcome = await twice(tmp_path, None, sends, tools=[send])

    assert sent == ["same", "other 0", "other 1"] and outcome.result["it"] == ["sent 1", "sent 3"]


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_task_that_waits_for_its_agent_waits_for_what_is_done_again_first(tmp_path, paused, times):
    """Its order was to be made of what it was given; that does not count any more."""
    busy, again, made, used = asyncio.Event(), asyncio.Event(), [], []

    async def first(brief):
        made.append(brief.goal)
        if len(made) > 1:
            await again.wait()
        return f"made {len(made)}"

    async def second(brief):
        used.append(brief.goal)
        await busy.wait()
        return brief.goal

    plan = Plan()
    plan.task("long", "long", spec=[FINE], worker="second")
    given = plan.task("first", "first", spec=[FINE], worker="first")
    plan.task("use", lambda got: f"use {got['x']}", inputs={"x": given}, spec=[FINE], worker="second")
    workers = [worker("first", first), worker("second", second)]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await until(lambda: "use" in running.tasks)
    if paused:
        running.pause("use")
        await until(lambda: running.tasks["use"] == "paused")

    for number in range(times):
        again.clear()
        await until(lambda: running.tasks["first"] == "confirmed")
        await running.reopen("first", "once more")
        await until(lambda wanted=number + 2: len(made) == wanted)
        if number < times - 1:
            again.set()
    if paused:
        running.go_on("use")
    busy.set()
    await until(lambda: running.tasks["long"] == "confirmed")
    for _ in range(50):
        await asyncio.sleep(0)
    early = used[1:]
    again.set()

    outcome = await asyncio.wait_for(running.outcome(), 5)
    assert isinstance(outcome, Confirmed) and early == []
    assert outcome.result["use"] == f"use made {times + 1}"


async def test_an_order_of_an_older_decision_does_not_spoil_the_one_that_counts():
    class Order:
        def __init__(self, name):
            self.id, self.generation, self.attempt = name, 1, 1

    class Task:
        class state:
            status, generation, attempt = "not_done", 1, 1

    ordering = Ordering(Task, None, None)
    ordering._drafted = "new"

    assert [ordering.take(Order(name)) for name in ("old", "new", "new")] == [False, True, False]
