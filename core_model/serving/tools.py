"""Function calls: how this model writes them, the grammar of what it may write, and reading what comes.

A call is JSON, `{"name": ..., "arguments": {...}}`, and its arguments are decoded within the tool's schema:
they always fit it unless tokens run out. Models whose chat template knows tools are asked in its way: between
`<tool_call>` tags where it has them (Hermes, Qwen), bare otherwise (Llama 3). Others are told in a message.

What it does not cover: a call in the bare form after other text, or several of them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..chat_template import ChatTemplate, Message, ToolCall
from ..errors import TemplateError
from ..grammar import Grammar
from ..json_schema import enforceable
from .refusals import Refusal
from .requests import Tool

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_HEAD = re.compile(r'\s*\{"name": ?"([^"]*)", ?"(?:arguments|parameters)": ?')
_PYTHON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


@dataclass(frozen=True)
class ToolForm:
    """How a model writes calls, and how it hears of tools and their results.

    Attributes:
        tagged: Calls stand between `<tool_call>` tags.
        key: What the arguments are called.
        knows_tools: The chat template tells the model about tools.
        knows_results: The chat template shows calls and their results.
        knows_system: The chat template shows what the model is told beforehand.
    """

    tagged: bool
    key: str
    knows_tools: bool
    knows_results: bool
    knows_system: bool

    @classmethod
    def of(cls, template: ChatTemplate) -> ToolForm:
        """Find out, from what the template makes of a conversation with tools."""
        tool: dict[str, Any] = {
            "type": "function",
            "function": {
                "name": "probe_tool",
                "description": "",
                "parameters": {"type": "object", "properties": {}},
            },
        }
        asked: list[Message] = [{"role": "user", "content": "probe"}]
        call: ToolCall = {
            "id": "call00000",
            "type": "function",
            "function": {"name": "probe_call", "arguments": {"probe_key": 1}},
        }
        told: list[Message] = [
            *asked,
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "probe_result", "tool_call_id": "call00000", "name": "probe_call"},
        ]
        knows_tools = "probe_tool" in _rendered(template, asked, [tool])
        shown = _rendered(template, told, [tool] if knows_tools else None)
        knows_results = all(word in shown for word in ("probe_call", "probe_key", "probe_result"))
        beforehand: list[Message] = [{"role": "system", "content": "probe_system"}, *asked]
        knows_system = "probe_system" in _rendered(template, beforehand, None)
        if not knows_tools:
            return cls(True, "arguments", False, knows_results, knows_system)
        key = "parameters" if '"parameters": {"probe_key"' in shown else "arguments"
        return cls(_OPEN in shown or not knows_results, key, True, knows_results, knows_system)

    def told(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[Message]:
        """`messages` in a form that the chat template shows: where it knows no tools, they become text."""
        shown = list(messages) if self.knows_results else [_as_text(message) for message in messages]
        if not tools or self.knows_tools:
            return shown
        listed = "\n".join(json.dumps(as_json(tool), ensure_ascii=False) for tool in tools)
        call = f'{_OPEN}\n{{"name": NAME, "arguments": OBJECT}}\n{_CLOSE}'
        said = f"You may call these functions:\n{listed}\nTo call one, write:\n{call}"
        role = "system" if self.knows_system else "user"
        for place, message in enumerate(shown):
            if message["role"] == role:
                shown[place] = {"role": role, "content": f"{message['content']}\n\n{said}"}
                return shown
        return [{"role": role, "content": said}, *shown]


def _rendered(template: ChatTemplate, messages: Sequence[Message], tools: list[dict[str, Any]] | None) -> str:
    try:
        return template.render(messages, tools)
    except TemplateError:
        return ""


def _as_text(message: Message) -> Message:
    """Calls and results as an assistant and a user would write them."""
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    calls = message.get("tool_calls")
    if not calls:
        return message
    try:
        written = [json.dumps(dict(call["function"]), ensure_ascii=False) for call in calls]
    except RecursionError as error:
        raise TemplateError("the arguments of a call are nested too deeply") from error
    texts = [message["content"], *(f"{_OPEN}\n{call}\n{_CLOSE}" for call in written)]
    return {"role": message["role"], "content": "\n".join(text for text in texts if text)}


def as_json(tool: Tool) -> dict[str, Any]:
    """A tool as chat templates take it."""
    return tool.model_dump(exclude_none=True, exclude={"function": {"strict"}})


def grammar(
    form: ToolForm, tools: Sequence[Tool], *, required: bool, parallel: bool, answer: dict[str, Any] | None
) -> Grammar:
    """What the model may write when it may call `tools`.

    Args:
        form: How it writes calls.
        tools: Those that it may call, at least one.
        required: It must call one.
        parallel: It may call several.
        answer: Schema of an answer without calls; None: any text.

    Raises:
        InvalidGrammar: A schema uses something that cannot be enforced; names the keyword and its place.
        Refusal: The arguments of a tool are no object.
    """
    rules: list[str] = []
    for number, tool in enumerate(tools):
        head = _head(form, tool, apart=answer is not None and not form.tagged)
        rules.append(f'call{number}: {head} arguments{number} "}}"')
        rules.append(f"arguments{number}: %json {json.dumps(_arguments(tool), ensure_ascii=False)}")
    rules.append("call: " + " | ".join(f"call{number}" for number in range(len(tools))))
    many = " more*" if parallel and form.tagged else ""
    if form.tagged:
        rules.append(f'one: "\\n" call "\\n{_CLOSE}"')
        rules.append(f'more: "\\n{_OPEN}" one')
    marker = _OPEN if form.tagged else '{"name"'
    if required:
        start = f'"{_OPEN}" one{many}' if form.tagged else "call"
    elif answer is not None:
        compact = enforceable(answer) | {"x-guidance": {"whitespace_flexible": False}}
        rules.append(f"answer: %json {json.dumps(compact, ensure_ascii=False)}")
        start = "answer | " + (f'"{_OPEN}" one{many}' if form.tagged else "call")
    elif form.tagged:
        rules.append(f"open[lazy]: /(?s:.*){re.escape(marker)}/")
        rules.append(f"TEXT: /(?s:.*)/ & ~/(?s:.*{re.escape(marker)}.*)/")
        start = f"TEXT | open one{many}"
    else:
        rules.append(f"TEXT: /(?s:.*)/ & ~/(?s:\\s*{re.escape(marker)}.*)/")
        start = "TEXT | call"
    return Grammar.lark("\n".join([f"start: {start}", *rules]))


def _head(form: ToolForm, tool: Tool, apart: bool) -> str:
    """What stands before the arguments, as a Lark expression.

    Where an answer in JSON may stand instead, it must be cut `apart` as JSON itself is: the longest lexeme
    that fits is taken, and a longer one of a call would rule out the answer.
    """
    if not apart:
        return json.dumps(f'{{"name": "{tool.function.name}", "{form.key}": ')
    lexemes = ["{", '"name"', ":", f'"{tool.function.name}"', ",", f'"{form.key}"', ":"]
    return " ".join(json.dumps(lexeme) for lexeme in lexemes)


def _arguments(tool: Tool) -> dict[str, Any]:
    """The schema of a tool's arguments, an object in any case; without one it takes none."""
    name = tool.function.name
    if tool.function.parameters is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    schema = {"type": "object", **tool.function.parameters}
    if schema["type"] != "object":
        raise Refusal(400, f"The parameters of {name!r} must have the type 'object'.", param="tools")
    return enforceable(schema) | {"x-guidance": _PYTHON_STYLE}


@dataclass
class CallPiece:
    """What is new of a call: its name and id when it begins, then its arguments."""

    index: int
    arguments: str = ""
    name: str | None = None
    id: str | None = None


@dataclass
class Read:
    """What new text turned out to be."""

    text: str = ""
    calls: list[CallPiece] = field(default_factory=list[CallPiece])


class CallReader:
    """Tells calls from text as it comes. It relies on the grammar: after a marker there is a whole call."""

    def __init__(self, form: ToolForm) -> None:
        self.calls = 0
        self._form = form
        self._held = ""
        self._state = "text" if form.tagged else "start"
        self._depth = 0
        self._in_string = self._escaped = False

    def add(self, text: str, *, last: bool = False) -> Read:
        """Take further text; with `last` nothing follows, and what was held back is given out."""
        self._held += text
        read = Read()
        while self._go_on(read, last):
            pass
        return read

    def _go_on(self, read: Read, last: bool) -> bool:
        """One step; False when more text is needed."""
        if not self._held:
            return False
        step = {
            "text": self._read_text,
            "start": self._read_start,
            "plain": self._read_plain,
            "head": self._read_head,
            "arguments": self._read_arguments,
            "between": self._read_between,
        }[self._state]
        return step(read, last)

    def _read_start(self, read: Read, last: bool) -> bool:
        begin = self._held.lstrip()
        if begin.startswith('{"name"'):
            self._state = "head"
            return True
        if not last and '{"name"'.startswith(begin):
            return False
        self._state = "plain"
        return True

    def _read_plain(self, read: Read, last: bool) -> bool:
        read.text, self._held = read.text + self._held, ""
        return False

    def _read_text(self, read: Read, last: bool) -> bool:
        place = self._held.find(_OPEN)
        if place >= 0:
            read.text += self._held[:place]
            self._held, self._state = self._held[place + len(_OPEN) :], "head"
            return True
        kept = 0
        if not last:
            kept = max((n for n in range(1, len(_OPEN)) if self._held.endswith(_OPEN[:n])), default=0)
        end = len(self._held) - kept
        read.text, self._held = read.text + self._held[:end], self._held[end:]
        return False

    def _read_head(self, read: Read, last: bool) -> bool:
        found = _HEAD.match(self._held)
        if found is None:
            if last:  # cut off, or an answer in JSON that begins like a call
                read.text += (_OPEN if self._form.tagged else "") + self._held
                self._held = ""
            return False
        self._held = self._held[found.end() :]
        call = CallPiece(self.calls, name=found.group(1), id=f"call_{secrets.token_hex(12)}")
        read.calls.append(call)
        self.calls += 1
        self._state, self._depth = "arguments", 0
        return True

    def _read_arguments(self, read: Read, last: bool) -> bool:
        if not self._depth:
            self._held = self._held.lstrip()
        for place, character in enumerate(self._held):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = character == "\\"
                self._in_string = character != '"'
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self._give(read, place + 1)
                    self._state = "between"
                    return True
        self._give(read, len(self._held))
        return False

    def _give(self, read: Read, end: int) -> None:
        piece = CallPiece(self.calls - 1, self._held[:end])
        if read.calls and read.calls[-1].index == piece.index:
            read.calls[-1].arguments += piece.arguments
        else:
            read.calls.append(piece)
        self._held = self._held[end:]

    def _read_between(self, read: Read, last: bool) -> bool:
        place = self._held.find(_OPEN)
        if place < 0:
            return False
        self._held, self._state = self._held[place + len(_OPEN) :], "head"
        return True


def parsed_arguments(text: str) -> dict[str, Any] | str:
    """Arguments of an earlier call as templates want them: an object, or the text where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return cast("dict[str, Any]", value) if isinstance(value, dict) else text
