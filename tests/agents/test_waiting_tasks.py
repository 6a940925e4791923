"""A task that waits for a busy agent is called off, paused or taken over at once."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan
from punchlist.protocols import Confirmed, Unverified

from .doubles import FINE, worker


@pytest.fixture
def begin(tmp_path):
    """A run of one worker that is busy with `long` while `next` waits for it; and what ends that."""

    async def begin(**given):
        gate, done = asyncio.Event(), []

        async def work(brief):
            if brief.goal == "long":
                await gate.wait()
            done.append(brief.goal)
            return brief.goal

        plan = Plan()
        plan.task("long", "long", spec=[FINE])
        plan.task("next", "next", spec=[FINE])
        manager = Manager(None, [worker("worker", work)], journal=tmp_path / "run.db", patient=True, **given)
        running = manager.start(plan)
        await until(lambda: running.tasks == {"long": "working", "next": "not_done"})
        return running, gate, done

    return begin


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)


async def end(running, gate):
    gate.set()
    return await asyncio.wait_for(running.outcome(), 5)


async def test_it_is_cancelled_at_once(begin):
    running, gate, done = await begin()

    running.cancel("not needed", "next")
    await until(lambda: running.tasks["next"] == "cancelled")

    assert running.tasks["long"] == "working"
    outcome = await end(running, gate)
    assert isinstance(outcome, Unverified) and outcome.last == {"long": "long"} and done == ["long"]


async def test_it_is_taken_over_at_once_and_the_agent_is_nobodys(begin):
    running, gate, done = await begin()

    running.take_over("next", person="ada")
    await until(lambda: running.requests)
    running.reply(running.requests[0].id, "by hand", "ada")
    await until(lambda: running.tasks["next"] == "confirmed")

    outcome = await end(running, gate)
    assert isinstance(outcome, Confirmed) and outcome.result == {"long": "long", "next": "by hand"}
    assert done == ["long"]


async def test_it_is_paused_at_once_and_goes_on_when_it_may(begin):
    running, gate, done = await begin()

    running.pause("next")
    await until(lambda: running.tasks["next"] == "paused")
    gate.set()
    await until(lambda: running.tasks["long"] == "confirmed")
    still = list(done)
    running.go_on("next")

    outcome = await asyncio.wait_for(running.outcome(), 5)
    assert isinstance(outcome, Confirmed) and still == ["long"] and done == ["long", "next"]


async def test_after_a_restart_one_that_waits_for_its_agent_is_called_off_at_once(tmp_path):
    """`asks` gave its agent back when nobody was there to answer; now both want it again."""
    gate, path = asyncio.Event(), tmp_path / "run.db"

    async def work(brief):
        if brief.goal == "asks":
            return await brief.ask("Which colour?")
        await gate.wait()
        return brief.goal

    plan = Plan()
    for name in ("asks", "works"):
        plan.task(name, name, spec=[FINE])
    first = Manager(None, [worker("worker", work)], journal=path).start(plan)
    await until(lambda: first.tasks.get("works") == "working")
    await first.stop()

    again = Manager(None, [worker("worker", work)], patient=True).go_on(path, plan=plan)
    await until(lambda: len(again.tasks) == 2)
    for _ in range(50):
        await asyncio.sleep(0)
    holds, waits = (
        ("asks", "works") if again.tasks["asks"] == "waiting" and again.requests else ("works", "asks")
    )
    again.cancel("not needed", waits)
    await until(lambda: again.tasks[waits] == "cancelled")
    assert again.tasks[holds] != "cancelled"

    await again.stop()
