"""Who may call what: rules as data. The first that matches decides; where none matches, a call is refused.

Covers: tool names, declared effects and argument texts of every call that goes through the executor. Does not
cover: what a tool does beyond its declaration, and two spellings of one thing (a path with `..`, an address
with other letter case): patterns compare text, so tools must bring such arguments to one spelling themselves.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal

from pydantic import JsonValue

from .errors import ToolDenied

Verdict = Literal["allow", "deny", "ask"]
NO_RULE = "no rule (none matches)"


@dataclass(frozen=True)
class Call:
    """What is to be permitted: a tool's name, its effect class, and its validated arguments as JSON.

    Attributes:
        key: Under which the call is recorded; "" where it is not.
    """

    tool: str
    effect: str
    arguments: Mapping[str, JsonValue]
    key: str = ""


@dataclass(frozen=True)
class Rule:
    """One line of a policy.

    Attributes:
        verdict: What happens to a call that matches.
        tool, effect: Shell-style patterns (`*`, `?`, `[ab]`), letter case counts.
        arguments: Pattern by argument name. A value that is no string is compared as JSON; an argument that
            the call does not have never matches.
    """

    verdict: Verdict
    tool: str = "*"
    effect: str = "*"
    arguments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def matches(self, call: Call) -> bool:
        """Whether this rule is about `call`."""
        return (
            fnmatchcase(call.tool, self.tool)
            and fnmatchcase(call.effect, self.effect)
            and all(
                name in call.arguments and fnmatchcase(_text(call.arguments[name]), pattern)
                for name, pattern in self.arguments.items()
            )
        )

    def __str__(self) -> str:
        shown = "".join(f" {name}={pattern}" for name, pattern in self.arguments.items())
        return f"the rule `{self.verdict} {self.tool} effect={self.effect}{shown}`"


Person = Callable[[Call], "bool | Awaitable[bool]"]
"""Asks a person about one call; True permits it."""


class Policy:
    """Rules in order, and the person who is asked where a rule says so.

    Args:
        rules: The first that matches decides. None at all: every call is refused.
        person: Whom `ask` goes to; without a person `ask` refuses.
    """

    def __init__(self, rules: Iterable[Rule], person: Person | None = None) -> None:
        self.rules = tuple(rules)
        self.person = person

    async def permit(self, call: Call) -> str:
        """Let `call` pass, and say by what.

        Raises:
            ToolDenied: A rule, or the person it asked, refuses it, or no rule matches.
        """
        rule = next((rule for rule in self.rules if rule.matches(call)), None)
        if rule is None:
            raise ToolDenied(call.tool, NO_RULE)
        if rule.verdict == "allow":
            return str(rule)
        if rule.verdict == "deny":
            raise ToolDenied(call.tool, str(rule))
        if self.person is None:
            raise ToolDenied(call.tool, f"{rule}, and nobody is there to be asked")
        answer = self.person(call)
        if (await answer if inspect.isawaitable(answer) else answer) is not True:
            raise ToolDenied(call.tool, f"a person, asked by {rule}")
        return f"a person, asked by {rule}"


PRESETS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "suggest": (Rule("ask", effect="read"), Rule("deny")),
        "ask_each": (Rule("ask"),),
        "ask_risky": (Rule("allow", effect="read"), Rule("ask")),
        "ask_irreversible": (Rule("ask", effect="irreversible"), Rule("allow")),
        "unattended": (Rule("allow"),),
    }
)
"""Autonomy as rules. `suggest`: a person does everything but look; `ask_each`: every call is asked about;
`ask_risky`: all but reading; `ask_irreversible`: only what cannot be undone; `unattended`: nothing."""


def preset(name: str, person: Person | None = None) -> Policy:
    """The policy of one of `PRESETS`.

    Raises:
        ValueError: There is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"{name!r} is no autonomy; there are {', '.join(PRESETS)}")
    return Policy(PRESETS[name], person)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
