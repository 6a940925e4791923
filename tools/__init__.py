"""What an agent can do: `@tool` functions behind one executor with permissions, and a real browser.

The browser is `punchlist.tools.browser`; nothing of it is loaded here.
"""

from .errors import ToolError
from .executor import CallJournal, Executor, ToolResult
from .permissions import PRESETS, Policy, Rule, preset
from .tool import Found, Tool, tool

__all__ = [
    "PRESETS",
    "CallJournal",
    "Executor",
    "Found",
    "Policy",
    "Rule",
    "Tool",
    "ToolError",
    "ToolResult",
    "preset",
    "tool",
]
