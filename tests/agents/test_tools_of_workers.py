"""Plugged-in tools: what they return is the answer, and what goes wrong in them ends typed."""

import asyncio

import pytest

from punchlist.protocols import Confirmed, Unverified
from punchlist.tools import Policy, Rule, tool

STOCK = {"green mugs": 12}
GOAL = "How many green mugs are in stock?"
PLAN = "task use\ntext how many green mugs are in stock ?\nend"


@tool(effect="read")
def stock(item: str) -> int:
    """Units of an item in stock."""
    return STOCK[item]


def caller(*answers: str, plan: str = PLAN):
    """Plans, then gives these answers in turn; the last one again and again."""
    left = list(answers)

    def answer(question: str) -> str:
        if question.endswith("plan:"):
            return plan
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


CALL = "call stock\nitem green mugs\nend"


async def test_the_answer_is_what_the_tool_returned(manager, watch):
    outcome, _ = await watch(manager(caller(CALL, "answer 12"), [stock]), GOAL)

    assert isinstance(outcome, Confirmed)
    assert outcome.result["answer"] == "12"
    assert (outcome.evidence[0].tool, outcome.evidence[0].data) == ("stock", 12)


async def test_an_answer_that_no_tool_returned_is_refused(manager, watch):
    outcome, _ = await watch(manager(caller(CALL, "answer 13"), [stock]), GOAL)

    assert isinstance(outcome, Unverified)
    assert "no tool returned it" in outcome.reasons[0]


async def test_a_tool_that_raises_is_an_observation_of_the_model(manager, watch):
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return (
            PLAN
            if question.endswith("plan:")
            else "cannot"
            if "did :" in question
            else "call stock\nitem stock\nend"
        )

    outcome, _ = await watch(manager(answer, [stock], redos=0), GOAL)

    assert isinstance(outcome, Unverified)
    assert "keyerror" in asked[-1]
    assert "no tool fits" in " ".join(outcome.reasons)


async def test_a_tool_that_hangs_is_left_behind_after_its_timeout(manager, watch):
    @tool(effect="read", timeout=0.05)
    async def stock(item: str) -> int:
        """Units of an item in stock."""
        await asyncio.sleep(60)
        return 1

    async with asyncio.timeout(5):
        outcome, _ = await watch(manager(caller(CALL, "cannot"), [stock], redos=1), GOAL)

    assert isinstance(outcome, Unverified)
    assert len(outcome.punch_list) == 2


async def test_a_tool_that_returns_the_wrong_type_proves_nothing(manager, watch):
    @tool(effect="read")
    def stock(item: str) -> int:
        """Units of an item in stock."""
        return "12"  # what its signature does not promise

    outcome, _ = await watch(manager(caller(CALL, "answer 12"), [stock], redos=0), GOAL)

    assert isinstance(outcome, Unverified)
    assert "no tool returned it" in outcome.reasons[0]


async def test_a_tool_that_the_policy_refuses_is_not_run(manager, watch):
    ran: list[str] = []

    @tool(effect="irreversible")
    def stock(item: str) -> int:
        """Units of an item in stock."""
        ran.append(item)
        return 12

    careful = Policy([Rule("allow", effect="read")])
    outcome, _ = await watch(manager(caller(CALL, "answer 12"), [stock], policy=careful), GOAL)

    assert isinstance(outcome, Unverified)
    assert ran == []


async def test_numbers_reach_a_tool_as_numbers(manager, watch):
    @tool(effect="read")
    def double(amount: int) -> int:
        """Twice the amount."""
        return amount * 2

    plan = "task use\ntext double 21\nend"
    outcome, _ = await watch(
        manager(caller("call double\namount 21\nend", "answer 42", plan=plan), [double]), "Double 21"
    )

    assert outcome.result["answer"] == "42"


@pytest.mark.parametrize("names", [[], ["one", "one"]])
def test_a_manager_needs_workers_with_different_names(names):
    from punchlist.agents import Manager, Worker
    from punchlist.agents.testing import ScriptedModel

    model = ScriptedModel([])

    with pytest.raises(ValueError, match="different names"):
        Manager(model, [Worker(name, model) for name in names])
