"""How an agent thinks about a task: the face that all loops have, their names, and the front door `think`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..budget import Budget
from .problem import Problem, Rejected, Task
from .search import Result
from .thinking import Thinking
from .trace import Trace, TraceEvent
from .tree import Terminal

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...tools.tool import AnyTool


class Strategy(Protocol):
    """A way to think. Strategies nest: what is inside shares budget and record (`Thinking.within`)."""

    @property
    def name(self) -> str:
        """As it stands in the record, and among `STRATEGIES`."""
        ...

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """The best answer that the budget allows.

        Raises:
            CoreModelError: The model failed. A spent budget or a stop is no error: the result tells it.
        """
        ...


class UnknownStrategy(ValueError):
    """There is no strategy of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no strategy {name!r}. Choose among {', '.join(STRATEGIES)}.")


class NoStrategy(TypeError):
    """What was given as a strategy is none."""

    def __init__(self, given: object) -> None:
        self.given = given
        if isinstance(given, type):
            remedy = f"Give an object of the class: {given.__name__}(...)."
        elif hasattr(given, "run"):
            remedy = f"A search goes into one: TreeOfThoughts(search={type(given).__name__}(...))."
        else:
            remedy = f"Name one of {', '.join(STRATEGIES)}, or give an object such as TreeOfThoughts(...)."
        super().__init__(f"{given!r} is no strategy. {remedy}")


STRATEGIES = {
    "direct": ("chain_of_thought", "Direct"),
    "chain-of-thought": ("chain_of_thought", "ChainOfThought"),
    "self-consistency": ("chain_of_thought", "SelfConsistent"),
    "best-of-n": ("chain_of_thought", "BestOf"),
    "tree-of-thoughts": ("tree_of_thoughts", "TreeOfThoughts"),
    "react": ("react", "ReAct"),
    "reflexion": ("reflexion", "Reflexion"),
    "self-refine": ("self_refine", "SelfRefine"),
    "socratic": ("socratic", "Socratic"),
}
"""Strategies by name: module and class. Each works without arguments."""

ACTING = frozenset({"react"})
"""Strategies that call tools."""

SHORT = {"cot": "chain-of-thought", "sc": "self-consistency", "tot": "tree-of-thoughts"}
"""Other names that the field uses."""


def strategy_named(named: str | Strategy, tools: Sequence[AnyTool] = ()) -> Strategy:
    """A strategy by name, or the object itself.

    Args:
        tools: What one that acts (`ACTING`) may call; the others only think, and an object has its own.

    Raises:
        UnknownStrategy: There is none of that name.
        NoStrategy: The object is none.
    """
    if not isinstance(named, str):
        if isinstance(named, type) or not hasattr(named, "solve"):
            raise NoStrategy(named)
        return named
    name = SHORT.get(named, named)
    if name not in STRATEGIES:
        raise UnknownStrategy(named)
    module, kind = STRATEGIES[name]
    given = {"tools": tuple(tools)} if tools and name in ACTING else {}
    return getattr(import_module(f".{module}", __package__), kind)(**given)


@dataclass(frozen=True)
class Answers:
    """A task as a problem of one step: every thought is an answer, and every answer is final."""

    answer_of: Callable[[str], str | None] = str.strip

    def initial(self) -> str:
        """No answer."""
        return ""

    def key(self, state: str) -> Hashable:
        """The text."""
        return state

    def apply(self, state: str, action: str) -> str | Rejected:
        """The text as it was said; refused where it gives no answer."""
        return action if self.answer_of(action) else Rejected("it gives no answer")

    def terminal(self, state: str) -> Terminal | None:
        """The answer in a text."""
        answer = self.answer_of(state) if state else None
        return Terminal(answer) if answer else None


async def think(
    task: str | Task | Problem[Any, Any],
    model: Model,
    strategy: str | Strategy | None = None,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    journal: Path | str | None = None,
    show: Callable[[TraceEvent], None] | None = None,
    thinking: Callable[[Thinking], None] | None = None,
) -> Result:
    """Think about a task and return the best answer with how it came about.

    Args:
        task: A question, a `Task`, or a `Problem` with states.
        model: Anything that `load_model` gives.
        strategy: See `STRATEGIES`, or an object. None: a tree of thoughts where there is a problem with
            states, else a chain of thought.
        budget: Limits; None sets none. It is left as it is: `Result.usage` tells what was used.
        seed: The same seed gives the same result.
        journal: File in which everything is recorded; given one that holds a search already, it is resumed.
        show: Called with each event.
        thinking: Called with the door before anything is asked, so that it can be stopped (`Thinking.stop`).

    Raises:
        UnknownStrategy, NoStrategy, JournalError, TraceDiverged, CoreModelError.
    """
    if isinstance(task, str):
        task = Task(task)
    elif not isinstance(task, Task):
        task = Task("", problem=task)
    usual = "chain-of-thought" if task.problem is None else "tree-of-thoughts"
    chosen = strategy_named(usual if strategy is None else strategy)
    trace = Trace() if journal is None else Trace.open(journal, task.question or type(task.problem).__name__)
    with trace:
        if show is not None:
            trace.listeners.append(show)
        limits = replace(budget, began=time.monotonic()) if budget else Budget()
        limits.cost += trace.cost()
        door = Thinking(model, limits, trace, seed=seed)
        if thinking is not None:
            thinking(door)
        try:
            return await chosen.solve(task, door)
        finally:
            await door.aclose()


def think_sync(
    task: str | Task | Problem[Any, Any],
    model: Model,
    strategy: str | Strategy | None = None,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    journal: Path | str | None = None,
    show: Callable[[TraceEvent], None] | None = None,
) -> Result:
    """`think` for programs without an event loop. Ctrl-C returns the best so far, a second one breaks off."""

    async def run() -> Result:
        return await think(
            task,
            model,
            strategy,
            budget=budget,
            seed=seed,
            journal=journal,
            show=show,
            thinking=stop_on_interrupt,
        )

    return asyncio.run(run())


def stop_on_interrupt(door: Thinking) -> None:
    """Let the next Ctrl-C of the running event loop stop a search, and the one after it break off."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        door.stop()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(ValueError, RuntimeError):  # no main thread, or no such signals here
        loop.add_signal_handler(signal.SIGINT, stop)
