"""What a run asks of people: withdrawn when nobody needs it any more, and never a hang."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan
from punchlist.agents.events import Asked
from punchlist.agents.people import Desk, NobodyThere, Reply, Request, RequestWithdrawn, waiting
from punchlist.agents.running import RunOver
from punchlist.protocols import Confirmed, Failed
from punchlist.protocols.journal import Journal
from punchlist.tools import preset, tool

from .doubles import FINE, worker


def one_task():
    plan = Plan()
    plan.task("it", "it", spec=[FINE])
    return plan


async def asks(brief):
    return await brief.ask("Which colour?")


async def last(events):
    return [event async for event in events][-1].outcome


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)


@pytest.fixture
def manager(tmp_path):
    def manager(function, **given):
        workers = [worker("worker", function, tools=given.pop("tools", ()))]
        return Manager(None, workers, journal=tmp_path / "run.db", **given)

    return manager


async def test_what_a_task_asked_that_has_ended_is_withdrawn_and_takes_no_reply(manager, tmp_path):
    running = manager(asks, patient=True).start(one_task())
    await until(lambda: running.requests)
    request = running.requests[0].id
    running.cancel("not needed", "it")
    await asyncio.wait_for(running.outcome(), 5)

    with Journal.open(tmp_path / "run.db", create=False) as journal:
        kinds = [row.kind for row in journal.rows(running.id, kinds=("request", "reply", "withdrawn"))]
        with pytest.raises(RequestWithdrawn, match="task 'it' has ended"):
            Desk(journal, running.id).reply(request, Reply("blue"))
        assert waiting(journal, running.id) == [] and kinds == ["request", "withdrawn"]


async def test_whoever_watches_is_told_once_what_is_asked(manager):
    running = manager(asks, patient=True).start(one_task())
    told = []

    async for event in running:
        if isinstance(event, Asked):
            told.append(event)
            running.reply(event.request, "blue")

    assert [(event.task, event.subject, event.text) for event in told] == [("it", "answer", "Which colour?")]


async def test_what_is_asked_again_after_it_was_withdrawn_waits_again(tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        desk, request = Desk(journal, "run"), Request("it.1", "answer", "it", "Which?")
        for _ in range(2):
            with pytest.raises(NobodyThere):
                await desk.ask(request)
            desk.close("it")
        with pytest.raises(NobodyThere):
            await desk.ask(request)

        assert waiting(journal, "run") == [request]
        assert Desk(journal, "run").reply("it.1", Reply("blue")).value == "blue"


async def test_what_a_strategy_of_an_ended_task_asked_is_withdrawn_too(tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        desk = Desk(journal, "run")
        for task in ("it#0a1b.1", "it/1/below", "item"):
            with pytest.raises(NobodyThere):
                await desk.ask(Request(f"{task}.1", "approve", task, "May it?"))

        desk.close("it")

        assert [each.task for each in waiting(journal, "run")] == ["item"] and list(desk.open) == ["item.1"]


def cancels_itself(request):
    raise asyncio.CancelledError


async def cancels_itself_later(request):
    await asyncio.sleep(0)
    raise asyncio.CancelledError


@pytest.mark.parametrize("person", [cancels_itself, cancels_itself_later])
async def test_a_person_whose_callback_cancels_itself_does_not_hang_the_run(manager, person):
    outcome = await asyncio.wait_for(last(manager(asks, person=person).stream(one_task())), 5)

    assert isinstance(outcome, Failed) and "cancelled itself over 'Which colour?'" in str(outcome.error)


async def test_nor_does_one_who_is_asked_to_approve(manager):
    @tool(effect="irreversible", recovery="unsafe")
    def send(text: str) -> str:
        """Send a letter."""
        return "sent"

    async def work(brief):
        return await brief.call("send", text="hello")

    policy = preset("ask_irreversible", cancels_itself_later)
    outcome = await asyncio.wait_for(last(manager(work, tools=[send], policy=policy).stream(one_task())), 5)

    assert not isinstance(outcome, Confirmed)


async def test_a_run_that_has_ended_for_now_takes_neither_replies_nor_acts(manager):
    running = manager(asks).start(one_task())
    await asyncio.wait_for(running.outcome(), 5)
    [request] = running.requests

    for act in (
        lambda: running.reply(request.id, "blue"),
        lambda: running.pause("it"),
        lambda: running.cancel("enough"),
        lambda: running.take_over("it"),
    ):
        with pytest.raises(RunOver, match="punchlist answer"):
            act()
