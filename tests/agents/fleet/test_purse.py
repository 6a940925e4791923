"""Agents elsewhere draw on the one budget of their run: two of them together never spend more than it has."""

import asyncio
import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.fleet import LocalFleet
from punchlist.agents.question import Question, choices
from punchlist.agents.spending import used
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.generation import Generation
from punchlist.core_model.pricing import Price
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

from .doubles import CutOffFleet, until

FINE = Check("it is there", lambda result: result is not None)
PRICE = Price("1000", "10000")
QUESTION = Question("judge", "Is it so?", choices(["yes", "no"]))

TOGETHER = 0.3
"""Seconds for which a call waits for a second one beside it."""


class Talkative(ScriptedModel):
    """Uses all the tokens that it is allowed, and waits a little for a second call beside the first."""

    def __init__(self):
        super().__init__(lambda text: "yes")
        self.price, self.allowed, self.both = PRICE, [], threading.Event()

    async def generate(self, messages, *, sampling=None, grammar=None):
        self.allowed.append(sampling.max_tokens)
        if len(self.allowed) > 1:
            self.both.set()
        await asyncio.to_thread(self.both.wait, TOGETHER)
        made = await super().generate(messages)
        return replace(made, untold_tokens=sampling.max_tokens)


def plan_of(*names, **given):
    plan = Plan()
    for name in names:
        plan.task(name, name, spec=[FINE], worker=name, **given)
    return plan


def asking(model=None):
    """Asks again and again: the manager's model, or one of its own."""

    async def work(brief):
        mind = brief.mind if model is None else replace(brief.mind, model=model)
        for _ in range(4):
            await mind.ask(QUESTION, task=brief.goal, attempt=brief.attempt)
        return "done"

    return work


@pytest.mark.parametrize("own", [False, True], ids=["the manager's model", "their own"])
@pytest.mark.parametrize(
    ("what", "limit"),
    [("tokens", 1000), ("money", "9"), ("model_calls", 1)],
    ids=["tokens", "money", "calls"],
)
async def test_two_agents_elsewhere_never_spend_more_than_the_run_has(tmp_path, what, limit, own):
    model = Talkative()
    async with LocalFleet() as fleet:
        workers = fleet.place(*(FunctionWorker(name, asking(model if own else None)) for name in "ab"))
        manager = Manager(model, workers, journal=tmp_path / "run.db", **{what: limit})

        outcome = await asyncio.wait_for(manager.run(plan_of("a", "b")), 10)

    spent = outcome.cost
    assert isinstance(outcome, Unverified) and "is used up" in outcome.reasons[0]
    assert 0 < getattr(spent, what) <= Decimal(limit)
    assert spent.model_calls == len(model.allowed) >= 1 and spent.money > 0


def posting(cost):
    """A tool whose first call waits for a second, a function that calls it, and what it was called with."""
    made, both = [], threading.Event()

    @tool(effect="write", recovery="keyed", cost=cost)
    def post(text: str, idempotency_key: str) -> str:
        """Send a parcel."""
        made.append(text)
        if len(made) > 1:
            both.set()
        both.wait(TOGETHER)
        return text

    async def send(brief):
        return await brief.call("post", text=brief.goal)

    return post, send, made


async def test_two_agents_elsewhere_do_not_pay_for_tools_with_the_same_money(tmp_path):
    post, send, made = posting("1")

    async with LocalFleet() as fleet:
        workers = fleet.place(*(FunctionWorker(name, send, tools=[post]) for name in "ab"))
        manager = Manager(None, workers, journal=tmp_path / "run.db", money="1.50")

        outcome = await asyncio.wait_for(manager.run(plan_of("a", "b", tokens=1000)), 10)

    assert isinstance(outcome, Unverified) and outcome.cost.money == 1 and len(made) <= 1


async def test_two_agents_elsewhere_do_not_take_the_same_step(tmp_path):
    post, send, made = posting("0")

    async with LocalFleet() as fleet:
        workers = fleet.place(*(FunctionWorker(name, send, tools=[post]) for name in "abc"))
        manager = Manager(None, workers, journal=tmp_path / "run.db", steps=1)

        outcome = await asyncio.wait_for(manager.run(plan_of("a", "b", "c")), 10)

    assert isinstance(outcome, Unverified) and outcome.cost.steps == 1 >= len(made)


async def test_a_share_that_limits_nothing_of_money_is_held_to_that_of_the_run(tmp_path):
    model = Talkative()
    async with LocalFleet() as fleet:
        workers = fleet.place(FunctionWorker("a", asking(model)))
        manager = Manager(model, workers, journal=tmp_path / "run.db", money="5")

        outcome = await asyncio.wait_for(manager.run(plan_of("a", tokens=100_000)), 10)

    assert isinstance(outcome, Unverified) and "5 money" in outcome.reasons[0]
    assert 4 < outcome.cost.money <= 5


class Endless(ScriptedModel):
    """Answers no call but those after the first."""

    def __init__(self):
        super().__init__(lambda text: "yes")
        self.price, self.reached = PRICE, threading.Event()

    async def generate(self, messages, *, sampling=None, grammar=None):
        if not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()
        return Generation("yes", (), (), "stop", 10, 0.0, 1)


@pytest.mark.parametrize("own", [False, True], ids=["the manager's model", "its own"])
async def test_what_an_agent_was_promised_that_is_lost_in_a_call_counts_as_spent(tmp_path, own):
    model, path = Endless(), tmp_path / "run.db"

    async def work(brief):
        mind = replace(brief.mind, model=model) if own else brief.mind
        return await mind.ask(QUESTION, task=brief.goal, attempt=brief.attempt)

    async with CutOffFleet() as fleet:
        manager = Manager(model, fleet.place(FunctionWorker("a", work)), journal=path, money="20")
        running = asyncio.ensure_future(manager.run(plan_of("a")))
        await until(model.reached.is_set)
        fleet.places[0].cut()
        outcome = await asyncio.wait_for(running, 10)

    assert isinstance(outcome, Confirmed) and outcome.confirm.attempt == 2
    assert outcome.cost.money > PRICE.of(0, 400) and outcome.cost.model_calls == 2
    with Journal.open(path, readonly=True) as journal:
        told = used(journal, outcome.run)
    assert (told.money, told.tokens) == (outcome.cost.money, outcome.cost.tokens)
