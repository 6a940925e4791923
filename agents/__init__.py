"""Who does what: managers, workers, verifiers, and the programs around them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .budget import Budget, BudgetExhausted
    from .events import Event
    from .manager import Manager
    from .worker import Worker

__all__ = ["Budget", "BudgetExhausted", "Event", "Manager", "Worker"]

_HOMES = {
    "Budget": "budget",
    "BudgetExhausted": "budget",
    "Event": "events",
    "Manager": "manager",
    "Worker": "worker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
