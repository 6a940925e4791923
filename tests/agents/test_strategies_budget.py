"""The budget holds in a strategy too: a call of a tool is paid once, and time ends a search."""

import asyncio
import json
from decimal import Decimal

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.budget import Budget, BudgetExhausted, Part, used
from punchlist.agents.reasoning.asking import Prompt, Request
from punchlist.agents.reasoning.problem import Task
from punchlist.agents.reasoning.react import ReAct
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.reasoning.trace import Trace
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Check, Confirmed
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

PRICE = Decimal("0.10")


def says(prompt):
    """Sends one parcel, and is done."""
    if "observation" in prompt:
        return json.dumps({"thought": "", "tool": "finish", "answer": "sent"})
    return json.dumps({"thought": "", "tool": "send", "arguments": {"text": "mugs"}})


def post():
    """A tool, and the parcels that it sent."""
    sent = []

    @tool(effect="write", recovery="keyed", cost=PRICE)
    def send(text: str, idempotency_key: str) -> str:
        """Send a parcel."""
        sent.append(text)
        return text

    return send, sent


async def test_what_a_redo_of_a_strategy_gets_back_from_the_journal_is_paid_once(tmp_path):
    (send, sent), looks = post(), []
    third = Check("it is the third", lambda _: len(looks.append(1) or looks) >= 3)
    plan, workers = Plan(), [Worker("clerk", ScriptedModel(says), [send], strategy="react")]
    plan.task("send", "send the mugs", spec=[third])

    outcome = await Manager(None, workers, journal=tmp_path / "run.db", money=PRICE, steps=3).run(plan)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        told = used(journal, outcome.run)
    assert isinstance(outcome, Confirmed) and outcome.confirm.attempt == 3 and sent == ["mugs"]
    assert outcome.cost.money == told.money == PRICE
    assert outcome.cost.steps == told.steps == outcome.cost.tool_calls == told.tool_calls == 1


async def test_a_call_whose_answer_a_kill_kept_off_the_record_is_counted_when_it_is_given_back(
    tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    def unless_killed(trace, key, answer):
        if "name" in answer:
            raise Killed
        record(trace, key, answer)

    (send, sent), path, record = post(), tmp_path / "run.db", Trace.record
    react, model, task = ReAct([send]), ScriptedModel(says), Task("send the mugs")
    with Trace.open(path) as trace:
        monkeypatch.setattr(Trace, "record", unless_killed)
        with pytest.raises(Killed):
            await react.solve(task, Thinking(model, Budget(), trace))
    monkeypatch.undo()
    budget = Budget()
    with Trace.open(path) as trace:
        found = await react.solve(task, Thinking(model, budget, trace))

    assert found.answer == "sent" and sent == ["mugs"]
    assert (budget.cost.steps, budget.cost.tool_calls, budget.cost.money) == (1, 1, PRICE)


async def test_the_time_of_the_run_ends_a_search_that_has_a_share_of_its_budget():
    class Endless(ScriptedModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            await asyncio.Event().wait()

    part = Part(whole=Budget(seconds=0.05))
    asking = Thinking(Endless([]), part).generate([Request(Prompt.of("why?"))])

    with pytest.raises(BudgetExhausted, match=r"0\.05 seconds"):
        await asyncio.wait_for(asking, 5)
