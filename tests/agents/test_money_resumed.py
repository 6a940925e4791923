"""What a priced call costs a run that was stopped in the middle of it: one effect is paid once."""

import asyncio
import contextlib
from decimal import Decimal

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.budget import used
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import Found, tool

from .doubles import FINE, worker

PRICE = Decimal("0.10")


class Post:
    """A double of a service that carries parcels out and, the first time, never says so."""

    def __init__(self, arrives=True):
        self.arrives, self.calls, self.called = arrives, [], asyncio.Event()

    async def send(self, text, key=""):
        self.calls.append(key)
        if len(self.calls) == 1:
            self.called.set()
            await asyncio.Event().wait()
        return f"sent {text}"

    def tool(self, recovery):
        """`send` as a tool of a recovery class."""
        if recovery == "keyed":

            @tool(name="send", effect="write", recovery="keyed", cost=PRICE)
            async def send(text: str, idempotency_key: str) -> str:
                """Send a parcel."""
                return await self.send(text, idempotency_key)

            return send

        def found(text: str):
            return Found(f"sent {text}") if self.calls and self.arrives else None

        asked = {"outcome_of": found} if recovery == "queryable" else {}

        @tool(name="send", effect="write", recovery=recovery, cost=PRICE, **asked)
        async def send_unkeyed(text: str) -> str:
            """Send a parcel."""
            return await self.send(text)

        return send_unkeyed


async def sends(brief):
    return await brief.call("send", text="mugs")


def plan():
    made = Plan()
    made.task("send", "send", spec=[FINE])
    return made


async def stopped(manager, goal, post):
    """Begin a run and stop it while the service is being called."""
    task = asyncio.create_task(manager.run(goal))
    await asyncio.wait_for(post.called.wait(), 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def recorded(path):
    """What the run has used, as a next process will read it."""
    with Journal.open(path, readonly=True) as journal:
        return used(journal, journal.runs()[-1].run)


@pytest.mark.parametrize(
    ("recovery", "arrives", "calls", "times"),
    [("keyed", True, 2, 1), ("queryable", True, 1, 1), ("queryable", False, 2, 1), ("pure", True, 2, 2)],
)
async def test_a_call_is_paid_once_unless_it_is_made_for_its_answer_alone(
    tmp_path, recovery, arrives, calls, times
):
    post, path, money = Post(arrives), tmp_path / "run.db", times * PRICE
    workers = [worker("worker", sends, tools=[post.tool(recovery)])]
    await stopped(Manager(None, workers, journal=path, money=money), plan(), post)

    outcome = await Manager(None, workers, money=money).go_on(path, plan=plan()).outcome()

    assert isinstance(outcome, Confirmed) and len(post.calls) == calls and len(set(post.calls)) == 1
    assert outcome.cost.money == recorded(path).money == money
    assert outcome.cost.tool_calls == recorded(path).tool_calls == outcome.cost.steps == times


async def test_a_call_that_is_made_again_for_its_answer_has_to_fit_into_the_budget(tmp_path):
    post, path = Post(), tmp_path / "run.db"
    workers = [worker("worker", sends, tools=[post.tool("pure")])]
    await stopped(Manager(None, workers, journal=path, money=PRICE), plan(), post)

    outcome = await Manager(None, workers, money=PRICE).go_on(path, plan=plan()).outcome()

    assert isinstance(outcome, Unverified) and "0.10 money" in outcome.reasons[0] and len(post.calls) == 1
    assert outcome.cost.money == PRICE and (outcome.cost.tool_calls, outcome.cost.steps) == (1, 1)


def says(question):
    """What a model says that sends one parcel."""
    if question.endswith("plan:"):
        return "task use\ntext send the mugs\nend"
    return "answer sent mugs" if "did :" in question else "call send\ntext mugs\nend"


@pytest.mark.parametrize(("recovery", "calls"), [("keyed", 2), ("queryable", 1)])
async def test_a_worker_that_takes_up_a_call_pays_for_it_once(tmp_path, recovery, calls):
    post, path = Post(), tmp_path / "run.db"
    model = ScriptedModel(says)
    workers = [Worker("clerk", model, [post.tool(recovery)])]
    await stopped(Manager(model, workers, journal=path, money=PRICE), "Send the mugs", post)

    outcome = await Manager(model, workers, money=PRICE).go_on(path).outcome()

    assert isinstance(outcome, Confirmed) and len(post.calls) == calls
    assert outcome.cost.money == recorded(path).money == PRICE


async def test_what_the_world_says_of_a_call_in_a_redo_is_not_paid_as_another(tmp_path):
    sent, path = [], tmp_path / "run.db"

    @tool(recovery="queryable", cost=PRICE, outcome_of=lambda text: Found("lost"))
    def send(text: str) -> str:
        """Send a parcel."""
        sent.append(text)
        return f"sent {text}"

    async def tries(brief):
        return [await sends(brief), brief.attempt]

    goal = Plan()
    goal.task("send", "send", spec=[Check("at the third time", lambda result: result[1] == 3)])
    workers = [worker("worker", tries, tools=[send])]

    outcome = await Manager(None, workers, journal=path, money=PRICE).run(goal)

    assert isinstance(outcome, Confirmed) and outcome.result["send"] == ["lost", 3] and sent == ["mugs"]
    assert outcome.cost.money == recorded(path).money == PRICE
    assert outcome.cost.tool_calls == recorded(path).tool_calls == outcome.cost.steps == 1
