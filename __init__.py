"""Punchlist: agents whose work counts as done only after it was verified.

The names a user meets first. Each is imported from its package when it is used, so that
`import punchlist` loads neither torch nor chromadb nor playwright.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agents import Manager, Worker
    from .core_model import load_model
    from .memory import Memory
    from .protocols import Check, Confirmed, Failed, Judge, Schema, ToolCheck, Unverified
    from .protocols.journal import Journal
    from .tools import tool
    from .tools.browser import Browser

    __version__: str

__all__ = [
    "Browser",
    "Check",
    "Confirmed",
    "Failed",
    "Journal",
    "Judge",
    "Manager",
    "Memory",
    "Schema",
    "ToolCheck",
    "Unverified",
    "Worker",
    "load_model",
    "tool",
]

_HOME = {
    "Browser": ".tools.browser",
    "Check": ".protocols",
    "Confirmed": ".protocols",
    "Failed": ".protocols",
    "Journal": ".protocols.journal",
    "Judge": ".protocols",
    "Manager": ".agents",
    "Memory": ".memory",
    "Schema": ".protocols",
    "ToolCheck": ".protocols",
    "Unverified": ".protocols",
    "Worker": ".agents",
    "load_model": ".core_model",
    "tool": ".tools",
}


def __getattr__(name: str) -> object:
    """Import a public name from its package on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("punchlist")
    elif name in _HOME:
        value = getattr(import_module(_HOME[name], __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
