"""Managers that work for managers: what is promised, done again, taken over and called off."""

import asyncio

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.errors import ProtocolViolation
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

FINE = Check("it is there", lambda result: result is not None)


def one_task(name="inside", **given):
    plan = Plan()
    plan.task(name, given.pop("text", name), spec=given.pop("spec", [FINE]), **given)
    return plan


def boss(function, planner=None):
    inner = Manager(None, [FunctionWorker("inner", function)])
    return inner.as_worker("boss", planner or (lambda order: one_task()))


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 there is no event for what any of them may change
            await asyncio.sleep(0)


async def spends(brief):
    """Uses 60 tokens, on record as a model's would be."""
    brief.mind.budget.check()
    brief.mind.budget.spend(tokens=60)
    told = {"role": "act", "prompt_tokens": 0, "tokens": 60}
    brief.mind.journal.append("decision", told, run=brief.mind.run, task="it/1/" + brief.goal)
    return brief.goal


@pytest.fixture
def counting():
    """A function that counts how often each goal was done; `last` waits until it is let go."""
    counts, go = {}, asyncio.Event()

    async def count(brief):
        if brief.goal == "last":
            await go.wait()
        counts[brief.goal] = counts.get(brief.goal, 0) + 1
        return counts[brief.goal]

    return count, counts, go


async def test_a_budget_that_runs_out_below_ends_the_run_for_now_and_with_more_it_goes_on(tmp_path):
    def planner(order):
        plan = one_task("i")
        plan.task("j", "j", after=[plan.node("i")], spec=[FINE])
        return plan

    path, plan = tmp_path / "run.db", one_task("it")
    first = await Manager(None, [boss(spends, planner)], journal=path, tokens=50).run(plan)
    with Journal.open(path, readonly=True) as journal:
        status = journal.runs()[0].status
    again = Manager(None, [boss(spends, planner)], tokens=500).go_on(path, plan=plan)
    outcome = await asyncio.wait_for(again.outcome(), 5)

    assert isinstance(first, Unverified) and status == "paused"
    assert isinstance(outcome, Confirmed) and outcome.cost.tokens == 120


@pytest.mark.parametrize(("budget", "kind"), [(130, Confirmed), (70, Unverified)])
async def test_what_was_spent_below_stays_spent_after_a_restart_and_no_more_than_that(tmp_path, budget, kind):
    begun = asyncio.Event()

    async def work(brief):
        if brief.goal == "i":
            return await spends(brief)
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return await spends(brief)

    def planner(order):
        plan = one_task("i", tokens=60)
        second = plan.task("j", "j", after=[plan.node("i")], spec=[FINE])
        if budget == 70:
            plan.task("k", "k", after=[second], spec=[FINE])
        return plan

    path, plan = tmp_path / "run.db", one_task("it", tokens=budget, attempts=1)
    running = Manager(None, [boss(work, planner)], journal=path).start(plan)
    await begun.wait()
    await running.stop()

    again = Manager(None, [boss(work, planner)]).go_on(path, plan=plan)
    outcome = await asyncio.wait_for(again.outcome(), 5)

    assert isinstance(outcome, kind) and outcome.cost.tokens == 120


async def test_a_task_with_subtasks_that_is_done_again_has_them_done_again(tmp_path, counting):
    count, counts, go = counting
    plan = Plan()
    one = plan.task("one", "one", worker="plain", spec=[FINE])
    plan.task("two", "two", inputs={"n": one}, worker="boss", spec=[FINE])
    plan.task("last", "last", worker="other", spec=[FINE])
    below = boss(count, lambda order: one_task(text=f"inside {order.inputs['n']}"))
    workers = [FunctionWorker("plain", count), FunctionWorker("other", count), below]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await until(lambda: running.tasks.get("two") == "confirmed")

    await running.reopen("one", "it was counted wrongly")
    await until(lambda: counts.get("inside 2"))
    go.set()

    assert isinstance(await running.outcome(), Confirmed)
    assert counts == {"one": 2, "inside 1": 1, "inside 2": 1, "last": 1}


async def test_what_is_done_again_looks_again(tmp_path, counting):
    count, _, go = counting
    looks = []

    @tool(effect="read")
    def look() -> int:
        """Look."""
        looks.append(1)
        return len(looks)

    async def work(brief):
        return await count(brief) if brief.goal == "last" else await brief.call("look")

    plan = one_task("it")
    plan.task("last", "last", spec=[FINE])
    workers = [FunctionWorker(name, work, tools=[look]) for name in "ab"]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await until(lambda: running.tasks.get("it") == "confirmed")

    await running.reopen("it", "it has changed")
    await until(lambda: len(looks) == 2)
    go.set()
    outcome = await running.outcome()

    assert outcome.result["it"] == 2


async def test_a_person_may_take_over_a_task_whose_subtasks_have_not_ended(tmp_path):
    async def hang(brief):
        await asyncio.Event().wait()

    running = Manager(None, [boss(hang)], journal=tmp_path / "run.db", patient=True).start(one_task("it"))
    await until(lambda: running.tasks.get("it/1/inside") == "working")

    running.take_over("it")
    await until(lambda: running.requests)
    running.reply(running.requests[0].id, "by hand")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "by hand"}


async def test_a_subtask_of_what_has_ended_cannot_be_done_again_by_itself(tmp_path, counting):
    count, _, go = counting
    plan = one_task("it", worker="boss")
    plan.task("last", "last", worker="plain", spec=[FINE])
    workers = [boss(count), FunctionWorker("plain", count)]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await until(lambda: running.tasks.get("it") == "confirmed")

    with pytest.raises(ProtocolViolation, match="the task above it"):
        await running.reopen("it/1/inside", "it is wrong")
    go.set()

    assert isinstance(await running.outcome(), Confirmed)
    assert running.tasks["it/1/inside"] == "confirmed"


@pytest.mark.parametrize("name", ["", "manager", "verifier", "boss"])
def test_nobody_is_named_as_who_it_works_for(name):
    def named(name):
        return FunctionWorker(name, lambda brief: 1)

    below = Manager(None, [named("inner")])
    below.workers = [named(name)]

    with pytest.raises(ValueError, match="another"):
        Manager(None, [below.as_worker("boss")])
    with pytest.raises(ValueError, match="another"):
        Manager(None, [Manager(None, [below.as_worker("boss")]).as_worker("chief")])
    if name != "boss":
        with pytest.raises(ValueError, match="another"):
            Manager(None, [named(name)])
