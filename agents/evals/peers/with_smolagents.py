"""smolagents: `final_answer_checks` and `max_steps` (its docs, "Agents"), managed agents."""

from __future__ import annotations

import asyncio
from typing import Any

from smolagents import Model, ToolCallingAgent, tool
from smolagents.models import ChatMessage, ChatMessageToolCall, ChatMessageToolCallFunction, MessageRole
from speaking import (
    ITEM,
    QUESTION,
    RIGHT,
    TASK,
    UNITS,
    WRONG,
    Script,
    Told,
    by_checks,
    ended,
    per_unit,
    serve,
    told,
)


class Scripted(Model):
    """A model that says what a script says."""

    def __init__(self, script: Script) -> None:
        super().__init__(model_id="scripted")
        self.script = script

    def generate(
        self, messages: Any, stop_sequences: Any = None, tools_to_call_from: Any = None, **_: Any
    ) -> Any:
        said = self.script.next()
        name, arguments = said if isinstance(said, tuple) else ("final_answer", {"answer": said})
        if tools_to_call_from is None:  # asked for words, at the end of its steps
            return ChatMessage(role=MessageRole.ASSISTANT, content=str(arguments.get("answer")))
        call = ChatMessageToolCall(
            id="1", type="function", function=ChatMessageToolCallFunction(name=name, arguments=arguments)
        )
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])


def right(answer: Any, memory: Any, agent: Any = None) -> bool:
    return answer == RIGHT


def short(answer: Any, memory: Any, agent: Any = None) -> bool:
    return len(str(answer)) < 4


def worker(script: Script, *checks: Any, steps: int = 2, tools: Any = (), **more: Any) -> ToolCallingAgent:
    return ToolCallingAgent(
        tools=list(tools), model=Scripted(script), max_steps=steps, final_answer_checks=list(checks),
        verbosity_level=0, **more,
    )  # fmt: skip


async def _plain(agent: ToolCallingAgent, script: Script) -> Told:
    """As its docs call an agent: the caller gets the answer alone."""

    async def run() -> Told:
        return ended(agent.run(QUESTION), flag="RunResult.state, if asked for", calls=script.asked)

    return await told(run(), lambda: script.asked)


def crash(answer: Any, memory: Any, agent: Any = None) -> bool:
    raise KeyError("no such column")


async def _held(script: Script, *checks: Any, attempts: int) -> Told:
    return await _plain(worker(script, *checks, steps=attempts), script)


async def judged(verdict: str) -> Told:
    """A check that asks a model."""
    critic, script = Script(verdict), Script(RIGHT)
    return await _plain(worker(script, lambda answer, memory, agent=None: critic.next() == "pass"), script)


async def delegated() -> Told:
    """The worker is a managed agent."""
    script, outer = Script(WRONG), Script(("worker", {"task": QUESTION}), "All done: 41")
    inner = worker(script, right, name="worker", description="Works it out.")
    return await _plain(worker(outer, managed_agents=[inner]), outer)


async def handed_on() -> Told:
    script, second = Script(WRONG), Script("shipped")

    async def run() -> Told:
        made = worker(script, right).run(QUESTION)
        return ended(worker(second).run(str(made)), flag="the second was begun")

    return await told(run())


@tool
def stock(item: str) -> str:
    """Units of an item in the warehouse.

    Args:
        item: What it is.
    """
    return UNITS


async def _one(*checks: Any) -> Any:
    return worker(Script(("stock", {"item": ITEM}), UNITS), *checks, tools=[stock]).run(TASK)


async def agent(count: int, durability: str) -> float:
    return await per_unit(_one, count)


async def verified(count: int, durability: str) -> float:
    return await per_unit(lambda: _one(lambda answer, memory, agent=None: answer == UNITS), count)


async def thousand(count: int, durability: str) -> float:
    """It has no asynchronous face: threads, as its docs do it in a server."""

    async def one() -> Any:
        return await asyncio.to_thread(lambda: asyncio.run(_one()))

    return await per_unit(one, count, at_once=True)


if __name__ == "__main__":
    serve(
        "smolagents",
        by_checks(_held, right, short, crash)
        | {
            "judge_always_refuses": lambda: judged("fail"),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        {"agent": agent, "verified": verified, "thousand": thousand},
    )
