"""Approvals that come while nobody is at the run: what was approved is done, once, and nothing else is."""

import asyncio
from dataclasses import asdict

import pytest

from punchlist.agents.people import Desk, Reply, Request, UnfitReply, waiting
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import preset

from .doubles import ORDER_GOAL, ORDER_PLAN, WANTED, knowing


@pytest.fixture
def begin(manager, watch, shop, tmp_path):
    """Begins an order that a person has to approve, with nobody there; how it ends, and how it goes on."""
    path = tmp_path / "run.db"

    def made():
        return manager(knowing(ORDER_PLAN), [shop], policy=preset("ask_irreversible"))

    async def resume():
        return [event async for event in made().resume(path)][-1].outcome

    async def begin():
        outcome, _ = await watch(made(), ORDER_GOAL)
        return outcome, resume

    return begin


def answer(path, run, value):
    """Answer what waits; gives the calls that it is about."""
    with Journal.open(path) as journal:
        asked = waiting(journal, run)
        desk = Desk(journal, run)
        for request in asked:
            desk.reply(request.id, Reply(value, "ada"))
    return [request.body["arguments"]["what"] for request in asked]


async def test_what_was_approved_after_the_process_had_gone_is_done_in_the_next_attempt(
    begin, shop, tmp_path
):
    outcome, resume = await begin()
    assert isinstance(outcome, Unverified) and shop.orders == []

    asked = answer(tmp_path / "run.db", outcome.run, True)
    outcome = await resume()

    assert isinstance(outcome, Confirmed) and shop.orders == [WANTED]
    assert len(asked) == 1 and asked[0].startswith("click ")  # what it is, not only its number on the page
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        replies = [row.body for row in journal.rows(outcome.run, kinds=("reply",))]
    assert [reply["person"] for reply in replies] == ["ada", "ada"] and "of" in replies[1]


async def test_what_was_refused_after_the_process_had_gone_is_not_done(begin, shop, tmp_path):
    outcome, resume = await begin()

    answer(tmp_path / "run.db", outcome.run, False)
    outcome = await resume()

    assert isinstance(outcome, Unverified) and shop.orders == []


def test_an_approval_that_was_used_counts_for_no_other_call(tmp_path):
    call = {"tool": "pay", "effect": "irreversible", "arguments": {"who": "ada"}}
    first, second, third = (
        Request(f"approve.run/it/{attempt}/1", "approve", "it", "May it?", {"type": "boolean"}, call)
        for attempt in (1, 2, 3)
    )

    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "pay")
        journal.append("request", asdict(first), run="run", task="it", key=first.id)
        desk = Desk(journal, "run")
        before = desk.approved_before(second)
        desk.reply(first.id, Reply(True, "ada"))
        after = desk.approved_before(second)
        journal.intent("run/it/2/1", "pay", {"who": "ada"}, "keyed", run="run", task="it", attempt=2)
        later = [each.approved_before(third) for each in (desk, Desk(journal, "run"))]

    assert (before, after, later) == (False, True, [False, False])


@pytest.mark.parametrize("value", ["maybe", 1, None])
async def test_a_reply_of_another_type_is_refused_and_nothing_is_recorded(manager, shop, value):
    made = manager(knowing(ORDER_PLAN), [shop], policy=preset("ask_irreversible"), patient=True)
    running = made.start(ORDER_GOAL)
    async with asyncio.timeout(10):
        while not running.requests:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)

    with pytest.raises(UnfitReply, match="say true or false"):
        running.reply(running.requests[0].id, value)
    running.reply(running.requests[0].id, True)

    assert isinstance(await asyncio.wait_for(running.outcome(), 10), Confirmed)
