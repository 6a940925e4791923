"""A manager as another manager's worker: its tasks are subtasks of the one that it was given.

The subtasks stand in the same journal and count against the same budget. The task is verified only when all
of them are confirmed, and its own spec is held against what they came to; nobody is confirmed over a subtask
that is not. A redo plans anew, under ids of its own, and takes over what people changed of the plan before it
if that was the same; a task that is re-opened since the plan below it was edited goes on with that plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ..protocols.errors import BudgetOverdrawn
from ..protocols.messages import Report
from ..protocols.outcome import Confirmed, Failed
from .acting.attempt import Assignment, StepFailed
from .agent import Agent
from .budget import MoneyOverdrawn
from .managing.crew import Within
from .people import Desk, NobodyThere
from .plan import Plan
from .plans_below import kept_plan

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory import Memory
    from ..tools.permissions import Policy
    from .mind import Mind
    from .reasoning.strategy import Strategy

Planner = Callable[[Assignment], "Plan | str"]
"""Says how a manager goes about a task: by a plan, or by a goal in words for its model."""


class Leader(Protocol):
    """What a manager brings that is another one's worker."""

    model: Model
    strategy: Strategy | None
    workers: list[Agent]
    memory: Memory | None
    user: str
    redos: int


class ManagingWorker(Agent):
    """A worker that gives its tasks to workers of its own.

    Args:
        name: Unique among the workers of the manager above.
        manager: Plans, and has the workers. Its journal, budget and policy are those of the run above.
        planner: Makes a plan, or a goal, out of a task; None: the task's own words are the goal.
        about, skills: See `Agent`.
    """

    def __init__(
        self,
        name: str,
        manager: Leader,
        planner: Planner | None = None,
        *,
        about: str = "",
        skills: Iterable[str] = (),
    ) -> None:
        super().__init__(name, about, skills)
        self.manager, self.planner = manager, planner

    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Get the task done by its own workers. See `Agent.perform`."""
        from .run import Run

        manager = self.manager
        above = replace(mind, model=manager.model, strategy=manager.strategy)
        desk = order.desk or Desk(mind.journal, order.run)
        # attempts that were lost with their process share their subtasks: what is confirmed is not done again
        trial = order.attempt - order.lost
        kept = kept_plan(mind.journal, order.run, order.task) if order.generation > 1 and trial == 1 else ""
        prefix = kept or f"{order.task}/{order.anew}{trial}/"
        run = Run(
            order.run, self._goal(order), manager.workers, above, policy, memory=manager.memory,
            user=manager.user, redos=manager.redos, attended=order.attended, desk=desk, show=mind.show,
            within=Within(prefix, f"{order.run}.{order.task}", self.name, order.manager, order.routes),
        )  # fmt: skip
        try:
            outcome = await run.below(order.talk)
        except (BudgetOverdrawn, MoneyOverdrawn) as error:
            raise StepFailed(order.goal, "its subtasks are promised too much", str(error)) from error
        if not isinstance(outcome, Confirmed) and order.talk is not None:
            await order.talk.adopt(())  # what they were promised and did not use is there for another attempt
        if isinstance(outcome, Confirmed):
            return Report(result=_plain(outcome.result), evidence=outcome.evidence)
        if isinstance(outcome, Failed):
            raise outcome.error
        waiting = [each for each in desk.open.values() if each.task.startswith(prefix)]
        if waiting:
            raise NobodyThere(waiting[0])
        raise StepFailed(order.goal, "its subtasks were not confirmed", "; ".join(outcome.reasons))

    def _goal(self, order: Assignment) -> Plan | str:
        try:
            return order.goal if self.planner is None else self.planner(order)
        except StepFailed:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise StepFailed(order.goal, f"the planner of {self.name} broke down", why) from error


def _plain(result: Any) -> Any:
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result
