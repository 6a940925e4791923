"""One suite for every fleet: where an agent lives does not change what is observed.

What the agents do is seen in a file, since nothing else is shared with a process of its own.
"""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.acting.attempt import Declined, StepFailed
from punchlist.agents.events import Ended, Said
from punchlist.agents.question import Question, choices
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import tool
from punchlist.tools.permissions import Policy, Rule

from .doubles import until

FINE = Check("it is there", lambda result: result is not None)


class Count(BaseModel):
    units: int


@pytest.fixture
def world(tmp_path):
    """What was done, a line each."""
    path = tmp_path / "world.txt"
    path.touch()
    return path


def paying(world: Path):
    @tool(effect="irreversible", recovery="keyed")
    def pay(who: str, idempotency_key: str) -> str:
        """Pay somebody."""
        with world.open("a") as file:
            file.write(f"paid {who}\n")
        return f"paid {who}"

    return pay


def one_task(**given):
    plan = Plan()
    plan.task("it", "ada", **{"spec": [FINE]} | given)
    return plan


async def test_results_are_handed_on_as_their_models(place, carry_out):
    plan = Plan()
    count = plan.task("count", "count", output=Count)
    plan.task("order", lambda got: f"order {10 - got['n'].units}", inputs={"n": count}, spec=[FINE])

    def work(brief):
        return Count(units=4) if brief.goal == "count" else f"{brief.goal} of {brief.inputs['n'].units}"

    outcome = await carry_out(plan, place(FunctionWorker("w", work)))

    assert outcome.result == {"count": Count(units=4), "order": "order 6 of 4"}


async def test_a_redo_reads_the_feedback_and_pays_nobody_twice(place, carry_out, world):
    async def work(brief):
        await brief.call("pay", who=brief.goal)
        return brief.feedback or "nothing yet"

    plan = one_task(spec=[Check("it was told", lambda said: "nothing" not in said or "tell me")])

    outcome = await carry_out(plan, place(FunctionWorker("w", work, tools=[paying(world)])))

    assert isinstance(outcome, Confirmed) and "tell me" in outcome.result["it"]
    assert world.read_text() == "paid ada\n"


def declines():
    raise Declined("not today")


def fails():
    raise StepFailed("it", "not", "today")


@pytest.mark.parametrize(
    ("ends", "why"),
    [(declines, "not today"), (fails, "it : not : today"), (lambda: {}["today"], "KeyError: 'today'")],
)
async def test_what_an_agent_raises_is_an_attempt_that_failed(place, carry_out, ends, why):
    def work(brief):
        return "done" if brief.attempt > 1 else ends()

    outcome = await carry_out(one_task(), place(FunctionWorker("w", work)))

    assert isinstance(outcome, Confirmed) and outcome.confirm.attempt == 2
    assert why in outcome.punch_list[0].why


async def test_a_question_reaches_a_person_and_the_answer_comes_back(place, carry_out):
    async def work(brief):
        return (await brief.ask("How many?", Count)).units

    outcome = await carry_out(
        one_task(), place(FunctionWorker("w", work)), person=lambda request: {"units": 7}
    )

    assert outcome.result == {"it": 7}


async def test_a_person_is_asked_for_a_call_and_what_they_refuse_is_not_made(place, carry_out, world):
    async def work(brief):
        await brief.call("pay", who=brief.goal)

    asked = []
    policy = Policy([Rule("ask")], lambda call: asked.append(call.arguments["who"]) is not None)
    workers = place(FunctionWorker("w", work, tools=[paying(world)]))

    outcome = await carry_out(one_task(), workers, policy=policy, redos=0)

    assert isinstance(outcome, Unverified) and "not permitted" in outcome.reasons[0]
    assert asked == ["ada"] and world.read_text() == ""


async def test_a_deadline_reaches_the_attempt_and_another_begins(place, carry_out, world):
    async def work(brief):
        if brief.attempt > 1:
            return "done"
        try:
            await asyncio.Event().wait()
        finally:
            with world.open("a") as file:
                file.write("stopped\n")

    outcome = await carry_out(one_task(seconds=3), place(FunctionWorker("w", work)))

    assert isinstance(outcome, Confirmed) and "not done within 3 s" in outcome.punch_list[0].why
    assert world.read_text() == "stopped\n"


async def test_a_run_that_is_stopped_goes_on_and_pays_nobody_twice(place, carry_out, world, tmp_path):
    async def work(brief):
        await brief.call("pay", who=brief.goal)
        await brief.progress("paid")
        if brief.attempt == 1:
            await asyncio.Event().wait()
        return "done"

    manager = Manager(
        None, place(FunctionWorker("w", work, tools=[paying(world)])), journal=tmp_path / "run.db"
    )
    async with contextlib.aclosing(manager.stream(one_task())) as events:
        async for event in events:
            if isinstance(event, Said) and getattr(event.envelope.body, "note", "") == "paid":
                break

    resumed = [event async for event in manager.resume(tmp_path / "run.db", plan=one_task())]

    assert isinstance(resumed[-1], Ended) and isinstance(resumed[-1].outcome, Confirmed)
    assert world.read_text() == "paid ada\n"


async def test_a_cancelled_run_ends_the_attempt_where_it_is(place, world, tmp_path):
    async def work(brief):
        try:
            await brief.progress("at it")
            await asyncio.Event().wait()
        finally:
            world.write_text("stopped")

    manager = Manager(None, place(FunctionWorker("w", work)), journal=tmp_path / "run.db")
    running = manager.start(one_task())
    async for event in running:
        if isinstance(event, Said) and getattr(event.envelope.body, "note", "") == "at it":
            running.cancel("not needed")
    outcome = await running.outcome()

    assert isinstance(outcome, Unverified) and "not needed" in outcome.reasons[0]
    await until(world.read_text)


async def test_an_agent_without_a_model_thinks_with_its_managers_and_is_counted(place, carry_out):
    async def work(brief):
        question = Question("think", "which one?", choices(["a", "b"]))
        return await brief.mind.ask(question, task="it", attempt=brief.attempt)

    outcome = await carry_out(one_task(), place(FunctionWorker("w", work)), ScriptedModel(["b"]))

    assert outcome.result == {"it": "b"}
    assert outcome.cost.model_calls == 1 and outcome.cost.tokens > 0


async def test_a_budget_is_checked_before_a_step_and_ends_the_run_for_now(place, carry_out, world):
    async def work(brief):
        for name in ("ada", "grace"):
            brief.mind.budget.check()
            await brief.call("pay", who=name)

    workers = place(FunctionWorker("w", work, tools=[paying(world)]))

    outcome = await carry_out(one_task(), workers, steps=1)

    assert isinstance(outcome, Unverified) and "1 steps is used up" in outcome.reasons[0]
    assert world.read_text() == "paid ada\n"


async def test_every_call_is_in_the_journal_of_the_manager(place, carry_out, world, tmp_path):
    async def work(brief):
        await brief.call("pay", who=brief.goal)
        return os.getpid()

    await carry_out(one_task(), place(FunctionWorker("w", work, tools=[paying(world)])))

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        (call,) = journal.calls(journal.runs()[0].run)
        (found,) = journal.verify()
    assert (call.tool, call.args["who"], call.status) == ("pay", "ada", "ok")
    assert found.intact and found.sealed
