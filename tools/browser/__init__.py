"""A real browser for agents: numbered views of pages, a closed set of actions, typed results, a fence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actions import Action, MalformedAction, action_grammar, parse_action
    from .browser import Browser
    from .gates import Gate
    from .results import ActionResult, Effect, evidence
    from .secrets import Secret
    from .session import BrowserSession
    from .view import Dialog, Element, View

__all__ = [
    "Action", "ActionResult", "Browser", "BrowserSession", "Dialog", "Effect", "Element", "Gate",
    "MalformedAction", "Secret", "View", "action_grammar", "evidence", "parse_action",
]  # fmt: skip

_HOMES = {
    "Action": "actions", "MalformedAction": "actions", "action_grammar": "actions", "parse_action": "actions",
    "ActionResult": "results", "Effect": "results", "evidence": "results", "Browser": "browser",
    "Gate": "gates", "Secret": "secrets",
    "BrowserSession": "session", "Dialog": "view", "Element": "view", "View": "view",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
