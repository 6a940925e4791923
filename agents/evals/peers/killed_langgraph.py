"""LangGraph under SIGKILL: the prebuilt agent with SqliteSaver and `durability="sync"`.

As its documentation says under "Durable execution": a graph is gone on with by invoking it with the same
thread and no input, and a node that had not ended is run again from its beginning; side effects are to be
idempotent. The tools here are not, so that what is run again shows.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.prebuilt import create_react_agent
from mortal import TOOLS, World, mortal_connect, serve_kills

warnings.simplefilter("ignore")


class Clerk(BaseChatModel):
    """A chat model that calls the tools one after another, then answers."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        done = sum(isinstance(message, ToolMessage) for message in messages)
        calls = [{"name": TOOLS[done], "args": {"who": "ada"}, "id": str(done)}] if done < len(TOOLS) else []
        message = AIMessage("" if calls else "receipt 77", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self


def plan(folder: Path) -> bool:
    """Do it, or go on with it."""
    world = World(folder)

    @tool
    def look(who: str) -> str:
        """Look at an account."""
        return world.do("look")

    @tool
    def pay(who: str) -> str:
        """Pay somebody."""
        return world.do("pay")

    @tool
    def ship(who: str) -> str:
        """Ship to somebody."""
        return world.do("ship")

    @tool
    def mail(who: str) -> str:
        """Mail somebody."""
        return world.do("mail")

    saver = SqliteSaver(mortal_connect(folder / "graph.db", check_same_thread=False))
    agent = create_react_agent(Clerk(), [look, pay, ship, mail], checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "run"}}
    begun = bool(agent.get_state(config).created_at)
    asked = None if begun else {"messages": [("user", "Settle the account of Ada Lovelace")]}
    agent.invoke(asked, config, durability="sync")
    state = agent.get_state(config)
    return not state.next and state.values["messages"][-1].content == "receipt 77"


if __name__ == "__main__":
    serve_kills("langgraph", plan)
