"""What holds whatever becomes of the line between an agent and its manager, and of where the agent lives."""

import asyncio
import threading

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.acting.attempt import StepFailed
from punchlist.agents.fleet import CannotTravel, LocalFleet
from punchlist.agents.fleet.wire import AttemptOver, Raised
from punchlist.agents.question import Question, choices
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.tools import Found, tool

from .doubles import BadLines, CutOffFleet, until

FINE = Check("it is there", lambda result: result is not None)


class World:
    """Effects of a tool of each class, and a gate behind each."""

    def __init__(self):
        self.done, self.keys = [], set()
        self.reached, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def effect(self, name, key=None):
        if key is None or key not in self.keys:
            self.done.append(name)
            self.keys.add(key)
        self.reached.set()
        self.gate.wait(5)
        return name

    def tools(self):
        @tool(effect="write", recovery="keyed")
        def pay(idempotency_key: str) -> str:
            """Pay."""
            return self.effect("pay", idempotency_key)

        def shipped() -> Found | None:
            return Found("ship") if "ship" in self.done else None

        @tool(effect="write", recovery="queryable", outcome_of=shipped)
        def ship() -> str:
            """Ship."""
            return self.effect("ship")

        @tool(effect="write", recovery="unsafe")
        def mail() -> str:
            """Mail."""
            return self.effect("mail")

        return [pay, ship, mail]


def one_task():
    plan = Plan()
    plan.task("it", "it", spec=[FINE])
    return plan


async def everything(brief):
    return [await brief.call(name) for name in ("pay", "ship", "mail")]


@pytest.mark.parametrize("seed", range(8))
async def test_a_line_that_loses_doubles_and_reorders_changes_nothing(carry_out, seed):
    world = World()
    async with BadLines(seed) as fleet:
        worker = FunctionWorker("w", everything, tools=world.tools())

        outcome = await carry_out(one_task(), fleet.place(worker))

    assert outcome.result == {"it": ["pay", "ship", "mail"]} and outcome.confirm.attempt == 1
    assert outcome.cost.tool_calls == 3
    assert world.done == ["pay", "ship", "mail"]


@pytest.mark.parametrize(("name", "again"), [("pay", True), ("ship", True), ("mail", False)])
async def test_an_agent_lost_in_a_call_is_replaced_and_the_call_settled_by_its_class(carry_out, name, again):
    world = World()

    async def work(brief):
        if brief.attempt == 1:
            world.gate.clear()
        return await brief.call(name)

    async with CutOffFleet() as fleet:
        run = asyncio.ensure_future(
            carry_out(one_task(), fleet.place(FunctionWorker("w", work, tools=world.tools())))
        )
        await asyncio.to_thread(world.reached.wait, 5)
        fleet.places[0].cut()
        world.gate.set()
        outcome = await run

    assert world.done == [name]
    assert isinstance(outcome, Confirmed) == again
    assert again or "whether 'mail' took effect is not known" in outcome.reasons[0]


async def test_an_agent_that_was_taken_for_dead_and_lives_calls_nothing_any_more(carry_out):
    world, left, trying, refused = World(), threading.Event(), threading.Event(), []

    async def work(brief):
        if brief.attempt > 1:
            return await brief.call("mail")
        world.reached.set()
        await asyncio.to_thread(left.wait, 5)
        trying.set()
        try:
            await brief.call("mail")
        except AttemptOver as error:
            refused.append(error)

    async with CutOffFleet() as fleet:
        run = asyncio.ensure_future(
            carry_out(one_task(), fleet.place(FunctionWorker("w", work, tools=world.tools())))
        )
        await asyncio.to_thread(world.reached.wait, 5)
        zombie = fleet.places[0]
        zombie.cut()
        outcome = await run
        left.set()
        await asyncio.to_thread(trying.wait, 5)
        await zombie.end_at_last()  # until then it waits for an answer that nobody gives
        await until(lambda: refused)

    assert isinstance(outcome, Confirmed) and world.done == ["mail"]


async def test_agents_that_are_lost_again_and_again_end_the_task_unverified(carry_out):
    async with CutOffFleet() as fleet:

        def work(brief):
            fleet.places[-1].cut()
            threading.Event().wait(1)

        outcome = await carry_out(one_task(), fleet.place(FunctionWorker("w", work)))

    assert isinstance(outcome, Unverified) and "lost" in " ".join(outcome.reasons)


def test_a_manager_stays_with_its_journal():
    below = Manager(None, [FunctionWorker("w", everything)]).as_worker("team")

    with pytest.raises(CannotTravel, match="place its workers"):
        LocalFleet().place(below)


def test_errors_come_back_whole_and_those_that_cannot_come_back_as_their_text():
    class Holds(Exception):
        def __init__(self):
            super().__init__("it holds a lock")
            self.lock = threading.Lock()

    whole, text = Raised.of(StepFailed("a", "b", "c")).error(), Raised.of(Holds()).error()

    assert isinstance(whole, StepFailed) and (whole.reason, str(whole)) == ("b", "a: b: c")
    assert "Holds: it holds a lock" in str(text)


async def test_an_agent_elsewhere_waits_for_what_a_call_of_another_was_promised(tmp_path):
    """What is left beside it does not do for a whole answer; once that call has ended it does."""
    asked, gate, order = asyncio.Event(), asyncio.Event(), []

    class Held(ScriptedModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            order.append(sampling.max_tokens)
            if not asked.is_set():
                asked.set()
                await gate.wait()
            return await super().generate(messages)

    async def work(brief):
        question = Question("think", "which one?", choices(["a", "b"]))
        return await brief.mind.ask(question, task=brief.goal, attempt=brief.attempt)

    plan = Plan()
    plan.task("near", "near", spec=[FINE], worker="near")
    plan.task("far", "far", spec=[FINE], worker="far")
    async with LocalFleet() as fleet:
        workers = [FunctionWorker("near", work), *fleet.place(FunctionWorker("far", work))]
        manager = Manager(Held(["a", "a"]), workers, journal=tmp_path / "run.db", tokens=600)
        running = manager.start(plan)
        async with asyncio.timeout(5):
            await asked.wait()
            alone = len(order)
            gate.set()
            outcome = await running.outcome()

    assert isinstance(outcome, Confirmed) and alone == 1 and order == [400, 400]
