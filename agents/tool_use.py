"""The role `use`: tools and a task -> the next call of a tool, or the answer out of what calls returned.

A tool is one line, made of its JSON schema: `tool convert ( amount # , unit = c | f , note ? ) : about`.
`#` marks a number, `=` the only values there are, `?` what may be left out. Under the grammar a call names a
tool that there is and gives each argument once, in the tool's order: a number of the task, one of the values,
or a run of the task's words. The arguments of an answer stand behind a blank, as names do in the prompt, so
that they are the same tokens.

Does not cover: arguments that the task does not say, and values nested deeper than a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from ..tools.browser.actions import span_terminal
from .planning.reading import QUOTED
from .question import Question, any_of
from .steps import Done
from .wording import FUNCTION, NUMBER_WORDS, fold, locate, stem, words

FAILED = "error :"
"""What the folded result of a call begins with that came to nothing."""

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")

ANY_NUMBER = "/[0-9]{1,9}(\\.[0-9]{1,4})?/"
"""What a number may be where the task says none."""

ASKED = FUNCTION | frozenset("how many much what which when where why there".split())
"""Words with which no argument of a tool begins or ends, unless it is quoted."""

STATING = frozenset("is are was were do does did have has had".split())
"""Verbs that no argument has inside, unless it is quoted."""


@dataclass(frozen=True)
class ToolCard:
    """A tool as the model reads it.

    Attributes:
        name, about: Its name, and one line about it.
        arguments: Names, in the order in which a call gives them.
        optional: Names of those that a call may leave out.
        numbers: Names of those that are numbers.
        values: Those that are one of few values, as the schema spells them.
    """

    name: str
    about: str
    arguments: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], hash=False)

    def line(self) -> str:
        """The tool as a line of the prompt; `read_card` reads it back."""
        inside = " , ".join(self._shown(name) for name in self.arguments)
        return f"tool {self.name} ( {inside} ) : {fold(self.about)}"

    def _shown(self, name: str) -> str:
        kind = " #" if name in self.numbers else ""
        kind += f" = {' | '.join(map(fold, self.values[name]))}" if name in self.values else ""
        return f"{name}{kind}{' ?' if name in self.optional else ''}"


@dataclass(frozen=True)
class Call:
    """A chosen tool call, or an answer when `tool` is empty."""

    tool: str
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    answer: str = ""


def card_of(name: str, about: str, schema: Mapping[str, Any]) -> ToolCard:
    """A tool out of the JSON schema of its arguments: `properties`, and which are `required`."""
    properties = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    numbers: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    for key, given in properties.items():
        about_it = _plain(given)
        if "enum" in about_it:
            values[key] = tuple(map(str, about_it["enum"]))
        elif about_it.get("type") == "boolean":
            values[key] = ("true", "false")
        elif about_it.get("type") in ("integer", "number", "float"):
            numbers.append(key)
    left = tuple(key for key in properties if key not in required)
    return ToolCard(name, about, tuple(properties), left, tuple(numbers), values)


def _plain(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a value that may also be null, without the null."""
    either = cast("Sequence[Mapping[str, Any]]", schema.get("anyOf", ()))
    return next((each for each in either if each.get("type") != "null"), schema)


def read_card(line: str) -> ToolCard:
    """The tool of a line of a prompt."""
    head, _, rest = line.removeprefix("tool ").partition(" ( ")
    inside, _, about = f" {rest}".partition(" ) : ")
    names: list[str] = []
    optional: list[str] = []
    numbers: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in inside.split(" , "))):
        name, _, kind = part.partition(" ")
        names.append(name)
        optional += [name] if kind.endswith("?") else []
        numbers += [name] if kind.startswith("#") else []
        if kind.startswith("="):
            values[name] = tuple(each.strip() for each in kind.strip("=? ").split("|"))
    return ToolCard(head, about, tuple(names), tuple(optional), tuple(numbers), values)


def ask_use(tools: Sequence[ToolCard], done: Sequence[Done], task: str) -> Question:
    """Ask for the next tool call for `task`, or the answer out of the results so far."""
    cards, calls, spans = _callable(tuple(tools), task)
    read = "\n".join(f"did : {item.line()}" for item in done[-3:])
    rows = [*cards, *([read] if read else []), f"task : {fold(task)}", "do:"]
    rules = list(calls)
    results = [text for item in done[-3:] if (text := fold(item.result)) and not text.startswith(FAILED)]
    if results:
        rules.append('"answer" SPAN')
        spans += span_terminal(results)
    rules.append('"cannot"')
    return Question("use", "\n".join(rows), f"start: {' | '.join(rules)}\n{spans}", data=read)


@lru_cache(maxsize=256)
def _callable(tools: tuple[ToolCard, ...], task: str) -> tuple[list[str], list[str], str]:
    """The tools as a prompt and a grammar say them, and what a call may be given out of the task.

    A task asks for the next call again and again, with the same tools.
    """
    rules: list[str] = []
    spans = ""
    for number, tool in enumerate(tools):
        arguments = "".join(_argument(tool, name, number) for name in tool.arguments)
        rules.append(f'"call {tool.name}"{arguments} "\\nend"')
        if tool.arguments:
            spans += f"given{number}: {any_of(arguments_of(task, tool)) or json.dumps(fold(task))}\n"
        if tool.numbers:
            spans += f"number{number}: {any_of(numbers_of(task)) or ANY_NUMBER}\n"
    return [tool.line() for tool in tools], rules, spans


def _argument(tool: ToolCard, name: str, number: int) -> str:
    """The grammar of one argument of a call: its line, or nothing where it may be left out."""
    said = f"given{number}"
    if name in tool.values:
        said = f"({any_of(map(fold, tool.values[name]))})"
    elif name in tool.numbers:
        said = f"number{number}"
    line = f'"\\n" " "? "{name} " {said}'
    return f" ({line})?" if name in tool.optional else f" {line}"


def arguments_of(task: str, tool: ToolCard) -> list[str]:
    """Runs of a task's words that can be an argument: what is quoted, or a run that says more than the tool.

    A run neither begins nor ends with a mark or a word that only asks, has no verb that states something, and
    has a word that is not in the tool's name; the only argument of a tool breaks off before no other word.
    Where a task has no such run, any run of its words will do.
    """
    return list(_runs(task, tool.name, len(tool.arguments)))


@lru_cache(maxsize=512)
def _runs(task: str, name: str, arguments: int) -> tuple[str, ...]:
    said = words(task)
    named = {stem(word) for word in words(name.replace("_", " "))}
    quoted = [fold(hit.group()[1:-1]) for hit in QUOTED.finditer(task)]
    spans = [(begin, end) for begin in range(len(said)) for end in range(begin + 1, len(said) + 1)]
    single = arguments == 1
    kept = [
        (begin, end)
        for begin, end in spans
        if not any(word in ASKED or not word[0].isalnum() for word in (said[begin], said[end - 1]))
        and not STATING & set(said[begin:end])
        and not {stem(word) for word in said[begin:end]} <= named
        and not (single and end < len(said) and said[end][0].isalnum() and said[end] not in ASKED)
    ]
    return tuple(dict.fromkeys([*quoted, *(" ".join(said[begin:end]) for begin, end in kept or spans)]))


def numbers_of(task: str) -> list[str]:
    """The words of a task that say a number; a minus belongs to it unless it stands between two numbers."""
    spelled = NUMBER_WORDS.keys() - {"a", "an"}
    said = words(task)
    found: list[str] = []
    for place, word in enumerate(said):
        if word in spelled or NUMBER.fullmatch(word):
            negative = said[place - 1 : place] == ["-"] and not NUMBER.fullmatch(said[max(0, place - 2)])
            found.append(f"- {word}" if negative else word)
    return list(dict.fromkeys(found))


def write_call(name: str, arguments: Mapping[str, str]) -> str:
    """The answer that `read_use` reads back as this call."""
    return "\n".join([f"call {name}", *(f" {key} {fold(value)}" for key, value in arguments.items()), "end"])


def read_use(answer: str, task: str, done: Sequence[Done], tools: Sequence[ToolCard] = ()) -> Call:
    """The call or answer, its texts as the task, the results and the schemas spell them.

    What is none of both is read as a call of a tool that there is not, which `refusal` says.
    """
    head, *rest = answer.splitlines() or [""]
    verb, _, value = head.partition(" ")
    if verb == "answer":
        hits = (locate(value, item.result) for item in reversed(done))
        span = next((hit for hit in hits if hit is not None), None)
        return Call("", answer=span.text if span else value)
    if verb == "cannot":
        return Call("")
    if verb != "call":
        return Call(repr(head))  # quotes are in no name of a tool
    card = next((tool for tool in tools if tool.name == value), ToolCard(value, ""))
    arguments: dict[str, str] = {}
    for line in rest:
        name, _, text = line.strip().partition(" ")
        if text or name != "end":  # an argument may be called so
            arguments[name] = _spelled(card, name, text, task)
    return Call(value, arguments)


def _spelled(card: ToolCard, name: str, text: str, task: str) -> str:
    """An argument as the schema or the task writes it."""
    if name in card.values:
        return next((value for value in card.values[name] if fold(value) == text), text)
    if name in card.numbers:
        return str(NUMBER_WORDS.get(text, text.replace("- ", "-")))
    span = locate(text, task)
    return span.text if span else text


def refusal(tools: Sequence[ToolCard], call: Call) -> str:
    """Why a call does not fit the tools, in words for the model; empty where it fits."""
    card = next((tool for tool in tools if tool.name == call.tool), None)
    if card is None:
        return f"there is no tool {call.tool}"
    missing = [name for name in card.arguments if name not in call.arguments and name not in card.optional]
    strange = [name for name in call.arguments if name not in card.arguments]
    problems = [f"{name} : field required" for name in missing]
    problems += [f"there is no argument {name}" for name in strange]
    for name, value in call.arguments.items():
        if name in card.numbers and not NUMBER.fullmatch(value):
            problems.append(f"{name} : input should be a valid number")
        elif name in card.values and value not in card.values[name]:
            problems.append(f"{name} : input should be {' or '.join(card.values[name])}")
    return f"arguments that do not fit its schema : {' ; '.join(problems)}" if problems else ""


def typed(schema: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, Any]:
    """Arguments as a schema types them: what must be a number, a truth value or a list is read as one.

    What cannot be read so stays text, for the tool's validation to refuse.
    """
    properties = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
    return {name: _as(_plain(properties.get(name, {})), text) for name, text in arguments.items()}


def _as(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "string" or kind is None:
        return text
    if kind == "array" and not text.lstrip().startswith("["):
        inner = cast("Mapping[str, Any]", schema.get("items", {}))
        parts = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", text.strip(" []"))
        return [_as(inner, part.strip("'\" ")) for part in parts if part]
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return int(value) if kind == "integer" and isinstance(value, float) and value.is_integer() else value
