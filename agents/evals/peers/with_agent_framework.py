"""Microsoft Agent Framework: `AgentLoopMiddleware` with a predicate or a judge, agents as tools, workflows.

The loop is what its documentation offers for "try again until it is good"; it is experimental there.
"""

from __future__ import annotations

import warnings
from typing import Any

from agent_framework import (
    Agent,
    AgentLoopMiddleware,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    tool,
)
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

warnings.simplefilter("ignore")


class Scripted(FunctionInvocationLayer, BaseChatClient):
    """A chat client that says what a script says."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def _inner_get_response(self, *, messages: Any, stream: bool, options: Any, **_: Any) -> Any:
        form = options.get("response_format")

        async def pieces() -> Any:
            said = self.script.next()
            content = Content.from_text(said) if isinstance(said, str) else said
            yield ChatResponseUpdate(contents=[content], role="assistant")

        async def answer() -> ChatResponse:
            return ChatResponse(messages=Message("assistant", [self.script.next()]), response_format=form)

        return self._build_response_stream(pieces(), response_format=form) if stream else answer()


def call(name: str, **arguments: Any) -> Content:
    return Content.from_function_call("1", name, arguments=arguments)


def worker(script: Script, *checks: Any, attempts: int = 2, tools: Any = (), **more: Any) -> Agent:
    """An agent that is run again while a check refuses its answer."""

    def again(last_result: Any, **_: Any) -> tuple[bool, str | None]:
        return (
            (False, None) if all(check(last_result.text) for check in checks) else (True, "that is not right")
        )

    loop = AgentLoopMiddleware(again, max_iterations=attempts, return_final_only=True)
    return Agent(Scripted(script), tools=list(tools), middleware=[loop] if checks else None, **more)


async def _ask(agent: Any, script: Script) -> Told:
    async def run() -> Told:
        made = await agent.run(QUESTION)
        return ended(
            made.text, flag=f"finish_reason={getattr(made, 'finish_reason', None)}", calls=script.asked
        )

    return await told(run(), lambda: script.asked)


def right(answer: str) -> bool:
    return answer == RIGHT


def short(answer: str) -> bool:
    return len(answer) < 4


def crash(answer: str) -> bool:
    raise KeyError("no such column")


async def _held(script: Script, *checks: Any, attempts: int) -> Told:
    return await _ask(worker(script, *checks, attempts=attempts), script)


async def judged(verdict: str) -> Told:
    """The judge of the framework itself."""
    script = Script(RIGHT)
    loop = AgentLoopMiddleware.with_judge(Scripted(Script(verdict)), max_iterations=2)
    return await _ask(Agent(Scripted(script), middleware=[loop]), script)


async def delegated() -> Told:
    script, outer = Script(WRONG), Script(call("work", task=QUESTION), "All done: 41")
    inner = worker(script, right, name="worker").as_tool(name="work", description="Have it worked out.")
    return await _ask(Agent(Scripted(outer), tools=[inner]), outer)


async def handed_on() -> Told:
    """One agent's text is the next one's input."""
    script, second = Script(WRONG), Script("shipped")

    async def run() -> Told:
        made = await worker(script, right).run(QUESTION)
        return ended((await worker(second).run(made.text)).text, flag="the second was begun")

    return await told(run())


@tool(approval_mode="never_require")
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


async def _one(*checks: Any) -> Any:
    return (await worker(Script(call("stock", item=ITEM), UNITS), *checks, tools=[stock]).run(TASK)).text


if __name__ == "__main__":
    serve(
        "agent-framework-core",
        by_checks(_held, right, short, crash)
        | {
            "judge_always_refuses": lambda: judged('{"answered": false, "reasoning": "no"}'),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(_one, lambda: _one(lambda answer: answer == UNITS)),
    )
