"""Pydantic AI: output validators with `ModelRetry` (its docs, "Output"), delegation in tools."""

from __future__ import annotations

from typing import Any

from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
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
    costs,
    ended,
    serve,
    told,
)


def scripted(script: Script) -> FunctionModel:
    """The framework's own double for models."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = script.next()
        return ModelResponse(parts=[TextPart(said) if isinstance(said, str) else said])

    return FunctionModel(answer)


def worker(script: Script, *checks: Any, retries: int = 1) -> Agent[None, str]:
    """An agent whose output is validated."""
    agent = Agent(scripted(script), output_type=str, retries=retries)
    for check in checks:
        agent.output_validator(check)
    return agent


def right(output: str) -> str:
    """A check."""
    if output != RIGHT:
        raise ModelRetry("that is not right")
    return output


def short(output: str) -> str:
    """Another check."""
    if len(output) > 3:
        raise ModelRetry("that is too long")
    return output


async def _ask(agent: Agent[None, str], script: Script) -> Told:
    async def run() -> Told:
        return ended((await agent.run(QUESTION)).output, calls=script.asked)

    return await told(run(), lambda: script.asked)


def crash(output: str) -> str:
    """A check that breaks down."""
    raise KeyError("no such column")


async def _held(script: Script, *checks: Any, attempts: int) -> Told:
    return await _ask(worker(script, *checks, retries=attempts - 1), script)


async def judged(verdict: str) -> Told:
    """A validator that asks another agent, with a typed verdict."""
    critic = Agent(scripted(Script(verdict)), output_type=str)

    async def judge(output: str) -> str:
        said = (await critic.run(output)).output
        if said != "pass":
            raise ModelRetry(f"the judge says {said}")
        return output

    script = Script(RIGHT)
    return await _ask(worker(script, judge), script)


async def delegated() -> Told:
    """Agent delegation: a tool of the manager runs the worker."""
    script = Script(WRONG)
    inner = worker(script, right)
    outer = Script(ToolCallPart("work", {}), "All done: 41")
    manager = Agent(scripted(outer), output_type=str)

    @manager.tool_plain
    async def work() -> str:
        """Have it worked out."""
        return (await inner.run(QUESTION)).output

    return await _ask(manager, script)


async def handed_on() -> Told:
    """Programmatic hand-off: one agent's output is the next one's input."""
    first, second = Script(WRONG), Script("shipped")

    async def run() -> Told:
        made = (await worker(first, right).run(QUESTION)).output
        return ended((await worker(second).run(made)).output, flag="the second was begun")

    return await told(run(), lambda: second.asked)


def _agent(*checks: Any) -> Agent[None, str]:
    agent = worker(Script(ToolCallPart("stock", {"item": ITEM}), UNITS), *checks)

    @agent.tool_plain
    def stock(item: str) -> str:
        """Units of an item in the warehouse."""
        return UNITS

    return agent


def _known(output: str) -> str:
    if output != UNITS:
        raise ModelRetry("that is not right")
    return output


if __name__ == "__main__":
    serve(
        "pydantic-ai-slim",
        by_checks(_held, right, short, crash)
        | {
            "judge_always_refuses": lambda: judged("fail"),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(lambda: _agent().run(TASK), lambda: _agent(_known).run(TASK)),
    )
