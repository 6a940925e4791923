"""AutoGen AgentChat: the reflection pattern (its docs, "Teams"): a critic, and a limit of turns.

The critics are scripted to say what a check of the answer would say. A check that is no agent is not offered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import TeamTool
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage
from speaking import (
    ITEM,
    QUESTION,
    RIGHT,
    TASK,
    UNITS,
    WRONG,
    Script,
    Told,
    costs,
    ended,
    not_offered,
    serve,
    told,
)

APPROVE, REJECT = "APPROVE", "That is not right, do it again."


class Scripted(ChatCompletionClient):
    """A client that says what a script says."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def create(self, messages: Sequence[Any], **_: Any) -> CreateResult:
        said = self.script.next()
        content = said if isinstance(said, str) else [FunctionCall("1", json.dumps(said[1]), said[0])]
        reason = "stop" if isinstance(said, str) else "function_calls"
        return CreateResult(finish_reason=reason, content=content, usage=RequestUsage(1, 1), cached=False)

    def create_stream(self, messages: Sequence[Any], **_: Any) -> Any:
        raise RuntimeError("not scripted")

    async def close(self) -> None:
        pass

    def actual_usage(self) -> RequestUsage:
        return RequestUsage(0, 0)

    def total_usage(self) -> RequestUsage:
        return RequestUsage(0, 0)

    def count_tokens(self, messages: Sequence[Any], **_: Any) -> int:
        return 1

    def remaining_tokens(self, messages: Sequence[Any], **_: Any) -> int:
        return 1000

    @property
    def capabilities(self) -> Any:
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        return ModelInfo(
            vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
        )


def assistant(name: str, script: Script, **more: Any) -> AssistantAgent:
    return AssistantAgent(name, Scripted(script), **more)


def team(script: Script, *critics: Script, attempts: int = 2) -> RoundRobinGroupChat:
    """A worker and its critics, until every critic approves."""
    names = [f"critic{number}" for number in range(len(critics))]
    over: Any = TextMentionTermination(APPROVE, sources=names[:1])
    for name in names[1:]:
        over = over & TextMentionTermination(APPROVE, sources=[name])
    members = [assistant("worker", script), *map(assistant, names, critics)]
    return RoundRobinGroupChat(members, termination_condition=over, max_turns=attempts * len(members))


async def _ask(chat: RoundRobinGroupChat, script: Script) -> Told:
    async def run() -> Told:
        made = await chat.run(task=QUESTION)
        answers = [each.content for each in made.messages if each.source == "worker"]
        return ended(answers[-1], flag=f"stop_reason={made.stop_reason}", calls=script.asked)

    return await told(run(), lambda: script.asked)


async def wrong() -> Told:
    script = Script(WRONG)
    return await _ask(team(script, Script(REJECT)), script)


async def refused() -> Told:
    script = Script(RIGHT)
    return await _ask(team(script, Script(REJECT)), script)


async def unreadable() -> Told:
    script = Script(RIGHT)
    return await _ask(team(script, Script("Well, that depends.")), script)


async def mended() -> Told:
    script = Script(WRONG, RIGHT)
    return await _ask(team(script, Script(REJECT, APPROVE)), script)


async def last() -> Told:
    script = Script(WRONG, WRONG, RIGHT)
    return await _ask(team(script, Script(REJECT, REJECT, APPROVE), attempts=3), script)


async def two_checks() -> Told:
    script = Script(WRONG, "it is 42", "43")
    critics = Script(APPROVE, REJECT, APPROVE), Script(REJECT, APPROVE, REJECT)
    return await _ask(team(script, *critics, attempts=3), script)


async def crashes() -> Told:
    return not_offered("critics are agents; there is no check that is a function")


async def delegated() -> Told:
    """The team is a tool of a manager."""
    script, outer = Script(WRONG), Script(("work", {"task": QUESTION}), "All done: 41")
    inner = TeamTool(team(script, Script(REJECT)), name="work", description="Has it worked out.")
    manager = assistant("manager", outer, tools=[inner], reflect_on_tool_use=True)

    async def run() -> Told:
        made = await manager.run(task=QUESTION)
        return ended(made.messages[-1].content, flag=f"stop_reason={made.stop_reason}", calls=outer.asked)

    return await told(run(), lambda: outer.asked)


async def handed_on() -> Told:
    """The worker's last message is the next agent's task."""
    script, second = Script(WRONG), Script("shipped")

    async def run() -> Told:
        made = await team(script, Script(REJECT)).run(task=QUESTION)
        last = [each.content for each in made.messages if each.source == "worker"][-1]
        after = await assistant("shipper", second).run(task=last)
        return ended(after.messages[-1].content, flag=f"stop_reason={made.stop_reason}")

    return await told(run())


async def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


def _clerk() -> AssistantAgent:
    script = Script(("stock", {"item": ITEM}), UNITS)
    return assistant("worker", script, tools=[stock], reflect_on_tool_use=True)


async def _one() -> Any:
    return (await _clerk().run(task=TASK)).messages[-1].content


async def _checked() -> Any:
    """Verified by a critic: one call of a model more than elsewhere, since a check must be an agent."""
    over = TextMentionTermination(APPROVE, sources=["critic"])
    chat = RoundRobinGroupChat([_clerk(), assistant("critic", Script(APPROVE))], termination_condition=over)
    return (await chat.run(task=TASK)).messages[-2].content


if __name__ == "__main__":
    serve(
        "autogen-agentchat",
        {
            "wrong_with_budget_2": wrong,
            "judge_always_refuses": refused,
            "judge_cannot_be_read": unreadable,
            "mended_by_redo": mended,
            "right_in_the_last_attempt": last,
            "redo_breaks_the_first_check": two_checks,
            "check_raises": crashes,
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(_one, _checked),
    )
