"""LangGraph: a graph of worker and evaluator (its docs, "Workflows and agents"), and SqliteSaver.

The graph has no counter of attempts: as in the docs, `recursion_limit` bounds it. The agent of the work is
the prebuilt one.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent
from speaking import ITEM, QUESTION, RIGHT, TASK, UNITS, WRONG, Script, Told, ended, per_unit, serve, told

warnings.simplefilter("ignore")


class Scripted(BaseChatModel):
    """A chat model that says what a script says."""

    script: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        said = self.script.next()
        message = said if isinstance(said, AIMessage) else AIMessage(said)
        return ChatResult(generations=[ChatGeneration(message=message.model_copy())])

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self


class State(TypedDict, total=False):
    """What the graph carries."""

    answer: str
    feedback: str


Check = Callable[[str], str]
"""Empty, or what is wrong."""


def right(answer: str) -> str:
    return "" if answer == RIGHT else "that is not right"


def short(answer: str) -> str:
    return "" if len(answer) < 4 else "that is too long"


def graph(script: Script, *checks: Check) -> Any:
    """Worker, then one evaluator a check; each sends what it refuses back to the worker."""
    model = Scripted(script=script)
    drawn = StateGraph(State)
    drawn.add_node(
        "worker", lambda state: {"answer": model.invoke(QUESTION + state.get("feedback", "")).content}
    )
    drawn.add_edge(START, "worker")
    names = [f"check{number}" for number in range(len(checks))]
    if not names:
        drawn.add_edge("worker", END)
    for name, check, after in zip(names, checks, [*names[1:], END], strict=True):
        drawn.add_node(name, lambda state, check=check: {"feedback": check(state["answer"])})
        drawn.add_conditional_edges(name, lambda state, after=after: "worker" if state["feedback"] else after)
    if names:
        drawn.add_edge("worker", names[0])
    return drawn.compile()


async def _ask(drawn: Any, script: Script, attempts: int, checks: int = 1) -> Told:
    async def run() -> Told:
        limit = attempts * (1 + checks) + 1
        return ended(drawn.invoke({}, {"recursion_limit": limit})["answer"], calls=script.asked)

    return await told(run(), lambda: script.asked)


async def wrong() -> Told:
    script = Script(WRONG)
    return await _ask(graph(script, right), script, 2)


async def mended() -> Told:
    script = Script(WRONG, RIGHT)
    return await _ask(graph(script, right), script, 2)


async def last() -> Told:
    script = Script(WRONG, WRONG, RIGHT)
    return await _ask(graph(script, right), script, 3)


async def two_checks() -> Told:
    script = Script(WRONG, "it is 42", "43")
    return await _ask(graph(script, short, right), script, 3, 2)


async def crashes() -> Told:
    def crash(answer: str) -> str:
        raise KeyError("no such column")

    script = Script(RIGHT)
    return await _ask(graph(script, crash), script, 2)


async def judged(verdict: str) -> Told:
    """The evaluator is a model; what it says is compared, as the docs route on its grade."""
    critic = Scripted(script=Script(verdict))
    script = Script(RIGHT)
    return await _ask(
        graph(script, lambda answer: "" if critic.invoke(answer).content == "pass" else "no"), script, 2
    )


def _call(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": "1"}])


async def delegated() -> Told:
    """The worker's graph is a tool of a manager (as its documentation shows under "Multi-agent")."""
    script = Script(WRONG)
    inner = graph(script, right)

    @tool
    def work() -> str:
        """Have it worked out."""
        return inner.invoke({}, {"recursion_limit": 5})["answer"]

    manager = create_react_agent(Scripted(script=Script(_call("work"), "All done: 41")), [work])

    async def run() -> Told:
        return ended(
            manager.invoke({"messages": [("user", QUESTION)]})["messages"][-1].content, calls=script.asked
        )

    return await told(run(), lambda: script.asked)


async def handed_on() -> Told:
    """The worker's graph is a node of a graph; its answer is the next node's input."""
    script, second = Script(WRONG), Script("shipped")
    drawn = StateGraph(State)
    inner = graph(script, right)
    drawn.add_node("make", lambda state: {"answer": inner.invoke({}, {"recursion_limit": 5})["answer"]})
    drawn.add_node("ship", lambda state: {"answer": Scripted(script=second).invoke(state["answer"]).content})
    drawn.add_edge(START, "make")
    drawn.add_edge("make", "ship")
    drawn.add_edge("ship", END)
    return await _ask(drawn.compile(), script, 4)


@tool
def stock(item: str) -> str:
    """Units of an item in the warehouse."""
    return UNITS


THREADS = itertools.count()


class Bench:
    """An agent, or a graph of agent and check, with or without SqliteSaver."""

    def __init__(self, durability: str, *, checked: bool) -> None:
        self.saver: Any = None
        if durability != "off":
            path = Path(tempfile.mkdtemp(prefix="punchlist-")) / "graph.db"
            connection = sqlite3.connect(path, check_same_thread=False)
            self.saver = SqliteSaver(connection)
            self.saver.setup()
            connection.execute(f"PRAGMA synchronous = {durability}")
        self.checked = checked

    def compiled(self) -> Any:
        """A new agent, as every unit of work makes one."""
        model = Scripted(script=Script(_call("stock", item=ITEM), UNITS))
        if not self.checked:
            return create_react_agent(model, [stock], checkpointer=self.saver)
        agent = create_react_agent(model, [stock])

        class Checked(TypedDict, total=False):
            messages: list[Any]
            feedback: str

        drawn = StateGraph(Checked)
        drawn.add_node("worker", agent)
        drawn.add_node(
            "check", lambda state: {"feedback": "" if state["messages"][-1].content == UNITS else "no"}
        )
        drawn.add_edge(START, "worker")
        drawn.add_edge("worker", "check")
        drawn.add_conditional_edges("check", lambda state: "worker" if state["feedback"] else END)
        return drawn.compile(checkpointer=self.saver)

    async def one(self) -> Any:
        """One unit; SqliteSaver is the synchronous one."""
        config = {"configurable": {"thread_id": str(next(THREADS))}}
        asked = {"messages": [("user", TASK)]}
        if self.saver is None:
            made = await self.compiled().ainvoke(asked, config)
        else:
            made = self.compiled().invoke(asked, config, durability="sync")
        return made["messages"][-1].content


async def agent(count: int, durability: str) -> float:
    return await per_unit(Bench(durability, checked=False).one, count)


async def verified(count: int, durability: str) -> float:
    return await per_unit(Bench(durability, checked=True).one, count)


async def thousand(count: int, durability: str) -> float:
    return await per_unit(Bench(durability, checked=False).one, count, at_once=True)


if __name__ == "__main__":
    serve(
        "langgraph",
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
        {"agent": agent, "verified": verified, "thousand": thousand},
    )
