"""A budget of steps refuses before the effect: with so many steps there are exactly so many effects."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.budget import Budget, BudgetExhausted, Part
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

from .doubles import FINE, ORDER_GOAL, ORDER_PLAN, knowing


class Post:
    """A tool that counts its effects, and that holds up the first for others beside it."""

    def __init__(self, beside=1):
        self.sent, self.gate = [], asyncio.Event()

        @tool(effect="write", recovery="keyed")
        async def mail(text: str, idempotency_key: str) -> str:
            """Send a letter."""
            self.sent.append(text)
            if len(self.sent) < beside:
                for _ in range(200):
                    await asyncio.sleep(0)
            return f"sent {text}"

        self.mail = mail


def sends(question):
    """Sends the letters of its task one after another."""
    sent = question.count("-> sent") + question.count("sent l")
    return f"call mail\ntext letter {sent}\nend"


def plan_of(*names):
    plan = Plan()
    for name in names:
        plan.task(name, "send letter 0 and letter 1 and letter 2 and letter 3", spec=[FINE], worker=name)
    return plan


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("names", ["a", "ab"], ids=["one worker", "two at once"])
async def test_calls_of_a_workers_tools(tmp_path, steps, names):
    post, path = Post(beside=len(names)), tmp_path / "run.db"
    workers = [Worker(name, ScriptedModel(sends), [post.mail]) for name in names]

    outcome = await asyncio.wait_for(
        Manager(None, workers, journal=path, steps=steps).run(plan_of(*names)), 10
    )

    assert isinstance(outcome, Unverified) and f"{steps} steps" in outcome.reasons[0]
    assert len(post.sent) == outcome.cost.steps == steps


@pytest.mark.parametrize("share", [False, True])
async def test_calls_of_strategies_tools_at_once(share):
    budget, gate, made = Budget(steps=1), asyncio.Event(), []

    async def act():
        made.append(1)
        await gate.wait()
        return "done"

    of = Part(whole=budget) if share else budget
    calls = [Thinking(ScriptedModel([]), of).call(name, {}, act, steps=1) for name in ("a", "b")]
    both = [asyncio.create_task(call) for call in calls]
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()

    said = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5)
    assert said[0] == "done" and isinstance(said[1], BudgetExhausted) and said[1].what == "steps"
    assert len(made) == budget.cost.steps == 1


@pytest.mark.parametrize("steps", [1, 2, 4])
async def test_actions_in_a_browser(manager, shop, tmp_path, steps):
    outcome = await manager(knowing(ORDER_PLAN), [shop], steps=steps).run(ORDER_GOAL)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        made = [row for row in journal.rows(outcome.run) if row.kind == "intent"]
    assert isinstance(outcome, Unverified) and f"{steps} steps" in outcome.reasons[0]
    assert len(made) == outcome.cost.steps == steps
