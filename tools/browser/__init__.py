"""A real browser for agents: numbered views of pages, a closed set of actions, typed results, a fence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actions import Action, MalformedAction, action_grammar, parse_action
    from .blocking import BlockingBrowser, BlockingSession
    from .browser import Browser
    from .gates import Gate
    from .results import ActionResult, Download, Effect, evidence
    from .secrets import Secret
    from .session import BrowserSession
    from .tab import Limits
    from .toolbox import browser_tools, took_effect
    from .trace import Trace, TraceUnreadable
    from .trace_replay import Replayed, replay
    from .trace_script import to_playwright
    from .view import Dialog, Element, NotInView, View, ViewStyle

__all__ = [
    "Action", "ActionResult", "BlockingBrowser", "BlockingSession", "Browser", "BrowserSession", "Dialog",
    "Download", "Effect", "Element", "Gate", "Limits", "MalformedAction", "NotInView", "Replayed", "Secret",
    "Trace", "TraceUnreadable", "View", "ViewStyle", "action_grammar", "browser_tools", "evidence",
    "parse_action", "replay", "to_playwright", "took_effect",
]  # fmt: skip

_HOMES = {
    "Action": "actions", "MalformedAction": "actions", "action_grammar": "actions", "parse_action": "actions",
    "BlockingBrowser": "blocking", "BlockingSession": "blocking", "Download": "results", "Limits": "tab",
    "browser_tools": "toolbox", "took_effect": "toolbox", "ActionResult": "results", "Effect": "results",
    "evidence": "results", "Browser": "browser", "Gate": "gates", "Secret": "secrets", "ViewStyle": "view",
    "Trace": "trace", "TraceUnreadable": "trace", "Replayed": "trace_replay", "replay": "trace_replay",
    "to_playwright": "trace_script", "BrowserSession": "session", "Dialog": "view", "Element": "view",
    "NotInView": "view",    "View": "view",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
