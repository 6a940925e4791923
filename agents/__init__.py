"""Who does what: managers, workers, verifiers, and the programs around them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import Agent
    from .budget import Budget, BudgetExhausted
    from .events import Event
    from .functions import Brief, FunctionWorker
    from .manager import Manager
    from .plan import Plan, PlanError
    from .plan_edits import PlanEdit
    from .running import Running
    from .speaking import Speaker
    from .worker import Worker

__all__ = [
    "Agent",
    "Brief",
    "Budget",
    "BudgetExhausted",
    "Event",
    "FunctionWorker",
    "Manager",
    "Plan",
    "PlanEdit",
    "PlanError",
    "Running",
    "Speaker",
    "Worker",
]

_HOMES = {
    "Agent": "agent",
    "Brief": "functions",
    "Budget": "budget",
    "BudgetExhausted": "budget",
    "Event": "events",
    "FunctionWorker": "functions",
    "Manager": "manager",
    "Plan": "plan",
    "PlanEdit": "plan_edits",
    "PlanError": "plan",
    "Running": "running",
    "Speaker": "speaking",
    "Worker": "worker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
