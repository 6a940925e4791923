"""ReAct: thoughts and calls of tools by turns; what fails is an observation, and no work is lost."""

from __future__ import annotations

import contextlib
import json
from typing import Literal

import pytest
from pydantic import BaseModel

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import Checked, ReAct, Task, think
from punchlist.agents.reasoning.react import action_grammar
from punchlist.agents.reasoning.search import SearchRefused
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.core_model.grammar import Grammar
from punchlist.tools import Policy, Rule, tool

from .killing import Killed, go_until
from .pupils import shape

STOCK = {"mug": 12, "lamp": 3}


@tool(effect="read")
def stock(item: str) -> int:
    """Units of an item.

    Args:
        item: Its name.
    """
    return STOCK[item]


class Box(BaseModel):
    """A box."""

    size: Literal["small", "large"]
    count: int = 1


@tool
def pack(box: Box) -> str:
    """Pack a box."""
    return f"{box.count} {box.size}"


def act(name, **arguments):
    return json.dumps({"thought": "hm", "tool": name, "arguments": arguments}, separators=(",", ":"))


def finish(answer):
    return json.dumps({"thought": "done", "tool": "finish", "answer": answer}, separators=(",", ":"))


async def go(script, *, tools=(stock,), task="How many mugs?", **settings):
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
    return await think(task, model, ReAct(tools, **settings)), model


async def test_what_a_tool_returns_is_what_the_model_reads_next():
    result, model = await go([act("stock", item="mug"), finish("12")])

    assert (result.answer, result.stop_reason) == ("12", "complete")
    assert model.asked[1] == "observation: 12"
    assert result.best.texts() == ['hm\nstock {"item": "mug"}\n-> 12', "done\n12"]


async def test_a_check_of_the_task_says_whether_it_is_solved():
    task = Task("How many mugs?", check=Checked(lambda node: node.answer == "12"))

    right, _ = await go([finish("12")], task=task)
    wrong, _ = await go([finish("13")], task=task)

    assert (right.stop_reason, wrong.stop_reason) == ("solved", "complete")


@pytest.mark.parametrize(
    ("call", "observation"),
    [
        (act("stock", item="sofa"), "KeyError"),
        (act("pack", box={"size": "small"}), "1 small"),
        ("no action at all", "not one of the legal actions"),
        (act("burn", item="mug"), "not one of the legal actions"),
        (act("stock", thing="mug"), "not one of the legal actions"),
    ],
)
async def test_whatever_comes_of_an_action_is_an_observation(call, observation):
    result, model = await go([call, finish("?")], tools=(stock, pack))

    assert result.answer == "?"
    assert observation in model.asked[1]


async def test_a_call_that_the_policy_refuses_is_not_made():
    made = []

    @tool
    def sell(item: str) -> str:
        """Sell it."""
        made.append(item)
        return "sold"

    policy = Policy([Rule("allow", effect="read")])
    _, model = await go([act("sell", item="mug"), finish("no")], tools=(sell,), policy=policy)

    assert made == []
    assert "not permitted" in model.asked[1]


async def test_when_the_steps_run_out_the_answer_is_taken_from_what_was_found_out():
    result, model = await go([act("stock", item="mug"), act("stock", item="lamp"), "12"], steps=2)

    assert (result.answer, result.stop_reason) == ("12", "steps")
    assert model.asked[2].startswith("observation: 3\n\nNo more steps are possible.")


async def test_without_an_answer_in_the_end_the_work_is_still_there():
    grammar = Grammar.regex("[0-9]+")
    result, _ = await go([act("stock", item="mug"), "many"], steps=1, task=Task("?", grammar=grammar))

    assert result.answer is None
    assert result.best.state.steps[0].observation == "12"


async def test_the_same_action_with_the_same_result_is_noticed_and_ended():
    again = act("stock", item="mug")
    result, model = await go([again, again, again, "12"], steps=9)

    assert (result.answer, result.stop_reason) == ("12", "actions repeat")
    assert "You did exactly this before" in model.asked[2]
    assert [event.body["times"] for event in result.trace.events if event.what == "repeated"] == [1, 2]


async def test_the_same_action_with_another_result_is_no_repetition():
    counts = iter(range(9))

    @tool
    def turn() -> int:
        """Turn the page."""
        return next(counts)

    result, _ = await go([act("turn")] * 5 + [finish("end")], tools=(turn,))

    assert result.answer == "end"


async def test_an_answer_that_is_not_in_the_form_asked_for_is_asked_for_again():
    task = Task("How many?", grammar=Grammar.regex("[0-9]+"))

    result, model = await go([finish("a dozen"), "12"], task=task)

    assert result.answer == "12"
    assert "nothing else" in model.asked[1]


async def test_a_spent_budget_leaves_the_steps_that_were_taken():
    model = ScriptedModel([act("stock", item="mug")])

    result = await think("?", model, ReAct((stock,)), budget=Budget(model_calls=1))

    assert result.stop_reason == "budget.model_calls"
    assert result.best.state.steps[0].tool == "stock"


async def test_steps_count_against_the_budget():
    model = ScriptedModel(lambda question: act("stock", item="mug" if "3" in question else "lamp"))

    result = await think("?", model, ReAct((stock,), repeats=9), budget=Budget(steps=2))

    assert (result.stop_reason, result.usage.tool_calls) == ("budget.steps", 2)


async def test_the_oldest_steps_are_left_out_where_they_do_not_fit():
    class Short(ScriptedModel):
        context_length = 500

    rows = iter(range(99))

    @tool
    def read() -> str:
        """Read on."""
        return f"row {next(rows)} " + "word " * 90

    seen = []

    class Watching(Short):
        async def generate(self, messages, *, sampling=None, grammar=None):
            seen.append([message["content"] for message in messages])
            return await super().generate(messages, grammar=grammar)

    result, _ = await go(Watching([act("read")] * 6 + [finish("end")]), tools=(read,), max_tokens=100)

    assert result.answer == "end"
    assert all(sum(len(text.split()) for text in asked) < 400 for asked in seen)
    assert "earlier steps are left out" in seen[-1][1] and "row 5" in seen[-1][-1]


async def test_only_legal_actions_can_be_decoded(embedded):
    """Whatever the model wants: each step names a tool with arguments of its schema, or finishes."""
    grammar = action_grammar((stock, pack))

    assert grammar.accepts(act("pack", box={"size": "small", "count": 2}))
    assert not grammar.accepts(act("pack", box={"size": "huge", "count": 2}))
    assert not grammar.accepts(act("burn"))
    result = await think("How many?", WorstCaseModel(1), ReAct((stock, pack), steps=2))
    assert all(step.tool in ("stock", "pack") for node in result.tree for step in node.state.steps)


def test_a_tool_called_finish_is_refused():
    @tool(name="finish")
    def end() -> str:
        """End."""
        return ""

    with pytest.raises(SearchRefused, match="another `name`"):
        ReAct((end,))


@pytest.mark.parametrize("row", range(8))
async def test_a_call_is_made_once_wherever_the_run_was_cut(row, tmp_path):
    """The process dies before a row of its journal, and another one goes on."""
    sold = []

    @tool(recovery="keyed")
    def sell(item: str, idempotency_key: str) -> str:
        """Sell it, once for each key."""
        if idempotency_key not in sold:
            sold.append(idempotency_key)
        return f"{item} {sold.index(idempotency_key)}"

    def once():
        return ScriptedModel([act("sell", item="mug"), act("sell", item="lamp"), finish("sold")])

    def script(question):
        if "mug 0" in question:
            return act("sell", item="lamp")
        return finish("sold") if "lamp 1" in question else act("sell", item="mug")

    whole = await go_until(tmp_path / "whole.db", ReAct((sell,)), "Sell both.", once())
    sold.clear()
    path = tmp_path / "cut.db"
    with contextlib.suppress(Killed, BaseExceptionGroup):
        await go_until(path, ReAct((sell,)), "Sell both.", ScriptedModel(script), rows=row)
    resumed = await go_until(path, ReAct((sell,)), "Sell both.", ScriptedModel(script))

    assert shape(resumed) == shape(whole)
    assert len(sold) == 2
