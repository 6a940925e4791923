"""Agno: a workflow's Loop with an end condition (its docs, "Workflows", "Loop"), teams, its agents."""

from __future__ import annotations

import json
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.team import Team
from agno.tools import tool
from agno.workflow import Loop, Step, Workflow
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


class Scripted(Model):
    """A model that says what a script says."""

    def __init__(self, script: Script) -> None:
        super().__init__(id="scripted", name="scripted", provider="scripted")
        self.script = script

    def _said(self) -> ModelResponse:
        said = self.script.next()
        if isinstance(said, str):
            return ModelResponse(role="assistant", content=said)
        name, arguments = said
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        return ModelResponse(role="assistant", content="", tool_calls=[call])

    def invoke(self, *_: Any, **__: Any) -> ModelResponse:
        return self._said()

    async def ainvoke(self, *_: Any, **__: Any) -> ModelResponse:
        return self._said()

    def invoke_stream(self, *_: Any, **__: Any) -> Any:
        yield self._said()

    async def ainvoke_stream(self, *_: Any, **__: Any) -> Any:
        yield self._said()

    def _parse_provider_response(self, response: Any, **_: Any) -> Any:
        return response

    def _parse_provider_response_delta(self, response: Any) -> Any:
        return response


def worker(script: Script, **more: Any) -> Agent:
    return Agent(name="worker", model=Scripted(script), telemetry=False, **more)


def looped(script: Script, *checks: Any, attempts: int = 2, more: Any = ()) -> Workflow:
    """Worker in a loop that ends when every check passes."""

    def over(outputs: Any) -> bool:
        return all(check(str(outputs[-1].content)) for check in checks)

    steps = [
        Loop(steps=[Step(name="work", agent=worker(script))], max_iterations=attempts, end_condition=over),
        *more,
    ]
    return Workflow(name="workflow", steps=steps, telemetry=False)


async def _ask(flow: Any, script: Script) -> Told:
    async def run() -> Told:
        made = await flow.arun(QUESTION)
        status = str(getattr(made.status, "value", made.status))
        return ended(
            made.content, success=status.lower() == "completed", flag=f"status={status}", calls=script.asked
        )

    return await told(run(), lambda: script.asked)


def right(answer: str) -> bool:
    return answer == RIGHT


def short(answer: str) -> bool:
    return len(answer) < 4


def crash(answer: str) -> bool:
    raise KeyError("no such column")


async def _held(script: Script, *checks: Any, attempts: int) -> Told:
    return await _ask(looped(script, *checks, attempts=attempts), script)


async def judged(verdict: str) -> Told:
    """The end condition asks a model."""
    critic, script = Script(verdict), Script(RIGHT)
    judge = Agent(name="judge", model=Scripted(critic), telemetry=False)
    return await _ask(looped(script, lambda answer: judge.run(answer).content == "pass"), script)


async def delegated() -> Told:
    """A team's leader delegates to a member whose output is refused by a post-hook."""

    def refuse(run_output: Any) -> None:
        if run_output.content != RIGHT:
            from agno.exceptions import CheckTrigger, OutputCheckError

            raise OutputCheckError("that is not right", check_trigger=CheckTrigger.OUTPUT_NOT_ALLOWED)

    script, outer = (
        Script(WRONG),
        Script(("delegate_task_to_member", {"member_id": "worker", "task": QUESTION}), "All done: 41"),
    )
    member = worker(script, id="worker", post_hooks=[refuse])
    return await _ask(Team(members=[member], model=Scripted(outer), telemetry=False), script)


async def handed_on() -> Told:
    """The next step of the workflow takes what the loop gave."""
    script, second = Script(WRONG), Script("shipped")
    return await _ask(looped(script, right, more=[Step(name="ship", agent=worker(second))]), script)


@tool
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


async def _one() -> Any:
    return (await worker(Script(("stock", {"item": ITEM}), UNITS), tools=[stock]).arun(TASK)).content


async def _checked() -> Any:
    step = Step(name="work", agent=worker(Script(("stock", {"item": ITEM}), UNITS), tools=[stock]))
    loop = Loop(steps=[step], max_iterations=3, end_condition=lambda outputs: outputs[-1].content == UNITS)
    return (await Workflow(name="workflow", steps=[loop], telemetry=False).arun(TASK)).content


if __name__ == "__main__":
    serve(
        "agno",
        by_checks(_held, right, short, crash)
        | {
            "judge_always_refuses": lambda: judged("fail"),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(_one, _checked),
    )
