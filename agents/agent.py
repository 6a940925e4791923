"""Who does tasks: what a manager knows of anybody it gives work to.

`Worker` thinks with a model and acts with tools, `FunctionWorker` is a function of yours, and a manager can
be another manager's worker. Write your own by deriving from `Agent`: a name, and `perform`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..protocols.messages import Report
    from ..tools.browser import Browser, BrowserSession
    from ..tools.permissions import Policy
    from ..tools.tool import AnyTool
    from .acting.attempt import Assignment
    from .mind import Mind


class NothingToWorkWith(ValueError):
    """Nobody among the workers can do a job, or one was made without what it needs."""

    def __init__(self, worker: str, needs: str) -> None:
        lacks = "browser, no tools and no strategy" if needs == "strategy" else needs
        super().__init__(
            f"Worker {worker!r} has no {lacks}. "
            "Give it one: Worker(..., tools=[Browser(allow=[url])]), your own @tool functions, or a way to "
            'think: Worker(..., strategy="chain-of-thought").'
        )


class AgentLost(Exception):
    """An agent is gone in the middle of its work, with whatever it lived in: another attempt begins."""

    def __init__(self, agent: str, why: str) -> None:
        self.agent, self.why = agent, why
        super().__init__(f"{agent} was lost: {why.rstrip(' .')}.")


class NoPlace(Exception):
    """A fleet has no place for an agent. What was done is kept: the run goes on once there is one."""

    def __init__(self, agent: str, why: str) -> None:
        self.agent, self.why = agent, why
        super().__init__(
            f"There is no place for agent {agent!r}: {why.rstrip(' .')}. See to it, then resume the run."
        )


class Agent(ABC):
    """Somebody who does tasks and reports what it claims is done. Never its own judge.

    Args:
        name: Unique among the workers of a manager.
        about: One line about what it is good at.
        skills: What it declares it can do; a task that asks for skills goes to those who have all of them.

    Attributes:
        browser: What it browses with, if it does.
        functions: Tools that were plugged into it.
    """

    browser: Browser | None = None
    functions: tuple[AnyTool, ...] = ()

    def __init__(self, name: str, about: str = "", skills: Iterable[str] = ()) -> None:
        self.name, self.about, self.skills = name, about, frozenset(skills)

    def has(self, needs: str) -> bool:
        """Whether it can do jobs that need a `browser`, `tools`, a `strategy`, or nothing in particular."""
        return not needs

    async def ready(self) -> None:  # noqa: B027 most are
        """Wait until it can begin; the time of a task does not count before.

        Raises:
            AgentLost, NoPlace: It cannot.
        """

    @abstractmethod
    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Do one attempt.

        Raises:
            StepFailed: It cannot be done; what it says becomes feedback.
            Declined: This agent will not do it, and has done nothing.
            BudgetExhausted, ToolError, CoreModelError: The attempt broke down.
            AgentLost: It is gone, with where it lived.
        """

    def live(self, lane: str) -> BrowserSession | None:
        """The lane's browsing session, if it has it open."""
        return None

    async def session(self, order: Assignment) -> BrowserSession:
        """The lane's live session, or a fresh one with the stored cookies.

        Raises:
            NothingToWorkWith: It does not browse.
        """
        raise NothingToWorkWith(self.name, "browser")

    async def drop(self, lane: str) -> None:  # noqa: B027 who does not browse has nothing to close
        """Close a lane's session and forget it."""

    async def close(self) -> None:
        """End what was started for it. It starts again when it is needed."""
        if self.browser is not None:
            await self.browser.close()
