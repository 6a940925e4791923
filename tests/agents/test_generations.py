"""A task that was re-opened is thought about anew; its effects with the same arguments are not made again."""

import asyncio

from punchlist.agents import Manager, Plan
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
