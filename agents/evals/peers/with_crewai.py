"""CrewAI: a task's guardrails and their retries (its docs, "Tasks"), the hierarchical process."""

from __future__ import annotations

import json
from typing import Any

from crewai import Agent, BaseLLM, Crew, Process, Task
from crewai.tools import tool
from speaking import ITEM, QUESTION, RIGHT, TASK, UNITS, WRONG, Script, Told, costs, ended, serve, told


class Scripted(BaseLLM):
    """A model that says what a script says, in the framework's ReAct form."""

    script: Any = None

    def __init__(self, script: Script) -> None:
        super().__init__(model="scripted")
        self.script = script

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        said = self.script.next()
        if isinstance(said, str):
            return f"Thought: I now know the final answer\nFinal Answer: {said}"
        return f"Thought: I use a tool\nAction: {said[0]}\nAction Input: {json.dumps(said[1])}"

    def supports_function_calling(self) -> bool:
        return False

    def supports_stop_words(self) -> bool:
        return False


def worker(script: Script, **more: Any) -> Agent:
    return Agent(role="worker", goal="Work.", backstory="A worker.", llm=Scripted(script), **more)


def task(agent: Agent | None, *checks: Any, retries: int = 1, asked: str = QUESTION, **more: Any) -> Task:
    guarded: dict[str, Any] = {"guardrail": checks[0]} if len(checks) == 1 else {"guardrails": list(checks)}
    return Task(
        description=asked, expected_output="A number.", agent=agent, guardrail_max_retries=retries,
        **(guarded if checks else {}), **more,
    )  # fmt: skip


def right(output: Any):  # an annotation would have to be no string
    return (True, output.raw) if output.raw == RIGHT else (False, "that is not right")


def short(output: Any):  # an annotation would have to be no string
    return (True, output.raw) if len(output.raw) < 4 else (False, "that is too long")


async def _ask(crew: Crew, script: Script) -> Told:
    async def run() -> Told:
        return ended((await crew.kickoff_async()).raw, calls=script.asked)

    return await told(run(), lambda: script.asked)


async def _task(script: Script, *checks: Any, retries: int = 1) -> Told:
    agent = worker(script)
    return await _ask(Crew(agents=[agent], tasks=[task(agent, *checks, retries=retries)]), script)


async def wrong() -> Told:
    return await _task(Script(WRONG), right)


async def mended() -> Told:
    return await _task(Script(WRONG, RIGHT), right)


async def last() -> Told:
    return await _task(Script(WRONG, WRONG, RIGHT), right, retries=2)


async def two_checks() -> Told:
    """The first passes, the second refuses; what mends the second breaks the first."""

    def has_it(output: Any):  # an annotation would have to be no string
        return (True, output.raw) if RIGHT in output.raw else (False, "that is not right")

    return await _task(Script(WRONG, "it is 42"), short, has_it, retries=2)


async def crashes() -> Told:
    def crash(output: Any):  # an annotation would have to be no string
        raise KeyError("no such column")

    return await _task(Script(RIGHT), crash)


async def judged(verdict: str) -> Told:
    """A guardrail that asks a model."""
    critic = Scripted(Script(verdict))

    def judge(output: Any):  # an annotation would have to be no string
        said = critic.call(output.raw).rpartition(": ")[2]
        return (True, output.raw) if said == "pass" else (False, said)

    return await _task(Script(RIGHT), judge)


async def delegated() -> Told:
    """Hierarchical: the manager delegates to a coworker; the coworker has a guardrail."""
    script = Script(WRONG)
    ask = {"task": QUESTION, "context": "none", "coworker": "worker"}
    outer = Script(("Delegate work to coworker", ask), "All done: 41")
    agent = worker(script, guardrail=right)
    manager = Agent(
        role="manager", goal="Manage.", backstory="A manager.", llm=Scripted(outer), allow_delegation=True
    )
    crew = Crew(agents=[agent], tasks=[task(None)], process=Process.hierarchical, manager_agent=manager)
    return await _ask(crew, outer)


async def handed_on() -> Told:
    """The second task has the first as its context."""
    script, second = Script(WRONG), Script("shipped")
    one, two = worker(script), worker(second)
    first = task(one, right)
    crew = Crew(agents=[one, two], tasks=[first, task(two, asked="Ship it.", context=[first])])
    return await _ask(crew, second)


@tool("stock")
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


async def _one(*checks: Any) -> Any:
    agent = worker(Script(("stock", {"item": ITEM}), UNITS), tools=[stock])
    return (await Crew(agents=[agent], tasks=[task(agent, *checks, asked=TASK)]).kickoff_async()).raw


def known(output: Any):  # an annotation would have to be no string
    return (True, output.raw) if output.raw == UNITS else (False, "that is not right")


if __name__ == "__main__":
    serve(
        "crewai",
        {
            "wrong_with_budget_2": wrong,
            "judge_always_refuses": lambda: judged("fail"),
            "judge_cannot_be_read": lambda: judged("Well, that depends."),
            "mended_by_redo": mended,
            "right_in_the_last_attempt": last,
            "redo_breaks_the_first_check": two_checks,
            "check_raises": crashes,
            "delegated_work_is_refused": delegated,
            "refused_result_is_not_handed_on": handed_on,
        },
        costs(_one, lambda: _one(known)),
    )
