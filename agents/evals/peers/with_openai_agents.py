"""OpenAI Agents SDK: output guardrails (its docs, "Guardrails"), agents as tools, its own scripted model.

A guardrail halts; the SDK has no redo of an answer that one refused.
"""

from __future__ import annotations

import importlib
from typing import Any

from speaking import ITEM, QUESTION, RIGHT, TASK, UNITS, WRONG, Told, costs, ended, not_offered, serve, told

sdk: Any = importlib.import_module("agents")  # one of our own packages has this name
double: Any = importlib.import_module("agents.testing")
Runner, GuardrailFunctionOutput, output_guardrail = (
    sdk.Runner,
    sdk.GuardrailFunctionOutput,
    sdk.output_guardrail,
)
assistant_message, function_call = double.assistant_message, double.function_call

sdk.set_tracing_disabled(True)
CONFIG = sdk.RunConfig(tracing_disabled=True)


def scripted(*said: Any) -> Any:
    """The SDK's own double; an answer is a text, or items of an output."""
    return double.ScriptedModel(
        [[assistant_message(each)] if isinstance(each, str) else [each] for each in said]
    )


def guard(check: Any) -> Any:
    """A check as an output guardrail."""

    @output_guardrail
    async def guardrail(context: Any, agent: Any, output: Any) -> Any:
        wrong = check(output)
        return GuardrailFunctionOutput(output_info=wrong, tripwire_triggered=bool(wrong))

    return guardrail


def right(output: str) -> str:
    return "" if output == RIGHT else "that is not right"


def worker(model: Any, *checks: Any, tools: Any = ()) -> Any:
    return sdk.Agent(
        name="worker",
        instructions="Work.",
        model=model,
        tools=list(tools),
        output_guardrails=[guard(c) for c in checks],
    )


async def _ask(agent: Any) -> Told:
    async def run() -> Told:
        return ended((await Runner.run(agent, QUESTION, run_config=CONFIG)).final_output)

    return await told(run())


async def wrong() -> Told:
    return await _ask(worker(scripted(WRONG, WRONG), right))


async def judged(verdict: str) -> Told:
    """A guardrail that runs another agent, with its verdict as text."""
    critic = worker(scripted(verdict))

    @output_guardrail
    async def judge(context: Any, agent: Any, output: Any) -> Any:
        said = (await Runner.run(critic, str(output), run_config=CONFIG)).final_output
        return GuardrailFunctionOutput(output_info=said, tripwire_triggered=said != "pass")

    agent = sdk.Agent(name="worker", model=scripted(RIGHT), output_guardrails=[judge])
    return await _ask(agent)


async def crashes() -> Told:
    def crash(output: str) -> str:
        raise KeyError("no such column")

    return await _ask(worker(scripted(RIGHT), crash))


async def no_redo() -> Told:
    return not_offered("a guardrail halts the run; nothing sends the answer back")


async def delegated() -> Told:
    """The worker is a tool of a manager (docs, "Agents as tools")."""
    inner = worker(scripted(WRONG), right)
    tool = inner.as_tool(tool_name="work", tool_description="Have it worked out.")
    manager = worker(
        scripted(function_call("work", {"input": QUESTION}, call_id="1"), "All done: 41"), tools=[tool]
    )
    return await _ask(manager)


async def handed_on() -> Told:
    """One run's output is the next one's input."""
    second = worker(scripted("shipped"))

    async def run() -> Told:
        made = (await Runner.run(worker(scripted(WRONG), right), QUESTION, run_config=CONFIG)).final_output
        return ended((await Runner.run(second, made, run_config=CONFIG)).final_output)

    return await told(run())


@sdk.function_tool
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


def known(output: str) -> str:
    return "" if output == UNITS else "that is not right"


async def _one(*checks: Any) -> Any:
    agent = worker(
        scripted(function_call("stock", {"item": ITEM}, call_id="1"), UNITS), *checks, tools=[stock]
    )
    return (await Runner.run(agent, TASK, run_config=CONFIG)).final_output


if __name__ == "__main__":
    serve(
        "openai-agents",
        {
            "wrong_with_budget_2": wrong,
            "judge_always_refuses": lambda: judged("fail"),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "mended_by_redo": no_redo,
            "right_in_the_last_attempt": no_redo,
            "redo_breaks_the_first_check": no_redo,
            "check_raises": crashes,
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(_one, lambda: _one(known)),
    )
