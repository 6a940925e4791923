"""Chat messages to prompt text, with the jinja template that a checkpoint brings.

The text is that of `apply_chat_template` in transformers: same options, filters and tags. Templates come with
downloaded checkpoints, so they run in jinja's immutable sandbox and see plain JSON values only.

Text inside messages can not act as markup. Special tokens written in it are encoded as plain characters, in
what users and tools say and in tool calls every added token is (`<tool_call>`, `</think>`), and a token
cannot come about where two contents meet. What it does not cover: markup that is no token (`### User:`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NoReturn, NotRequired, TypedDict, cast

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .errors import TemplateError
from .tokenizer import Tokenizer

_REASONING = ("reasoning_content", "thinking", "reasoning")
_TAG = "CONTINUE_FINAL_MESSAGE_TAG "  # ends in a space, by which is seen whether the template trims
_HELD = re.compile(r"(?:\ue000|\\ue000)([0-9]{1,9})(?:\ue001|\\ue001)")  # escaped as in ASCII JSON
_DEEPEST = 200
_LIKE_HELD = r"\ue000|\ue001|(?:(?<=\\)|\A)(?:ue00[01]|ue?0{0,2}\Z)"
"""What placeholders could be made of, the escaped form without its backslash, which templates escape again.

Pieces of that form at either end of a text are in it, since two contents may meet.
"""


class CalledFunction(TypedDict):
    """Which tool with which arguments, as an object or as the JSON text of one."""

    name: str
    arguments: Mapping[str, Any] | str


class ToolCall(TypedDict):
    """One call that an assistant made."""

    id: NotRequired[str]
    type: NotRequired[Literal["function"]]
    function: CalledFunction


class Message(TypedDict):
    """One turn of a conversation; a "tool" turn is the result of the call with its `tool_call_id`.

    `images` are pictures that a user shows behind the text, as `data:` URLs (`pictures.data_url`) or as
    addresses that the server fetches; for models whose `capabilities.images` is True.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: NotRequired[Sequence[str]]
    name: NotRequired[str]
    tool_calls: NotRequired[Sequence[ToolCall]]
    tool_call_id: NotRequired[str]
    reasoning_content: NotRequired[str]


class ChatTemplate:
    """Renders messages for one tokenizer; without a template, contents are joined by newlines."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Compile the tokenizer's templates.

        Raises:
            TemplateError: One of them is no jinja template.
        """
        self._tokenizer = tokenizer
        environment = _environment()
        self._sources = tokenizer.chat_templates
        try:
            self._templates = {
                name: environment.from_string(source) for name, source in self._sources.items()
            }
        except jinja2.TemplateError as error:
            raise TemplateError(str(error)) from error
        self._added = {token.content: token for token in tokenizer.fast.get_added_tokens_decoder().values()}
        self._any_added = _one_of(self._added)

    @property
    def source(self) -> str | None:
        """The template that conversations without tools are rendered with, None where there is none."""
        return self._sources.get("default")

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None = None,
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Prompt text.

        Args:
            messages: The conversation.
            tools: JSON schemas of functions, `{"type": "function", "function": {...}}` each.
            add_generation_prompt: End where the assistant begins to speak.
            continue_final_message: End inside the last message, so that the model goes on with it.
            variables: What this template knows besides, for example `{"enable_thinking": False}`.

        Raises:
            TemplateError: The template fails, refuses these messages, or cannot do what was asked.
        """
        if add_generation_prompt and continue_final_message:
            raise TemplateError("a prompt cannot both go on with the last message and begin a new one")
        _refuse_depth(messages, tools, variables)
        plain = [_with_reasoning(cast("dict[str, Any]", _plain(message))) for message in messages]
        name = "tool_use" if tools is not None and "tool_use" in self._templates else "default"
        if name not in self._templates:
            return self._joined(plain, tools)
        told = {**self._named_tokens(), **(variables or {})}
        last: dict[str, Any] = plain[-1] if plain else {}
        final = str(last.get("content", ""))
        if continue_final_message:
            last["content"] = final + _TAG
        try:
            text = self._templates[name].render(
                messages=plain,
                tools=None if tools is None else _plain(tools),
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **cast("dict[str, Any]", _plain(told)),
            )
        except (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise TemplateError(str(error)) from error
        except RecursionError as error:
            raise TemplateError(f"it calls itself without end ({error})") from error
        return _cut_open(text, final) if continue_final_message else text

    def encode(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None = None,
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Token ids of the rendered prompt; what `render` takes and raises."""
        _refuse_depth(messages, tools)
        guard = _Guard(self._added, self._tokenizer.special_tokens)
        text = self.render(
            [cast("Message", guard.message(cast("Mapping[str, Any]", message))) for message in messages],
            None if tools is None else [guard.strictly(tool) for tool in tools],
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            variables=variables,
        )
        bos = self._tokenizer.bos_id
        begin = [] if self._templates or bos is None else [bos]
        ids = self._encode_held(text, guard.held) if guard.held else self._tokenizer.encode(text)
        return begin + ids

    def _encode_held(self, text: str, held: Sequence[str]) -> list[int]:
        """Added tokens that the template wrote are tokens; all between them is plain, what was held too."""
        ids: list[int] = []
        parts = self._any_added.split(text)
        for place, part in enumerate(parts):
            if place % 2:
                ids.append(self._tokenizer.id_of(part))
                continue
            if place and self._added[parts[place - 1]].rstrip:
                part = part.lstrip()
            if place + 1 < len(parts) and self._added[parts[place + 1]].lstrip:
                part = part.rstrip()
            part = _HELD.sub(lambda found: _released(found, held), part)
            ids += self._tokenizer.encode_literal(part, at_start=place == 0)
        return ids

    def _joined(self, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]] | None) -> str:
        if tools is not None or any("tool_calls" in message for message in messages):
            raise TemplateError("the checkpoint has none that could tell the model about tools")
        return "\n".join(str(message["content"]) for message in messages)

    def _named_tokens(self) -> dict[str, str]:
        named: dict[str, str] = {}
        for key, value in self._tokenizer.settings.items():
            text: object = cast("dict[str, Any]", value).get("content") if isinstance(value, dict) else value
            if key.endswith("_token") and isinstance(text, str):
                named[key] = text
        return named


class _Guard:
    """Replaces tokens inside contents by placeholders, so that they are encoded as characters."""

    def __init__(self, added: Mapping[str, object], special: Sequence[str]) -> None:
        self.held: list[str] = []
        self._added, self._special = tuple(added), tuple(special)
        self._patterns = {tokens: _held_of(tokens) for tokens in (self._added, self._special)}

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        strict = message["role"] in ("user", "tool")
        return {
            key: value
            if key == "role"
            else self._value(value, self._added if strict or key == "tool_calls" else self._special)
            for key, value in message.items()
        }

    def strictly(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        return cast("dict[str, Any]", self._value(tool, self._added))

    def _value(self, value: object, tokens: tuple[str, ...]) -> object:
        if isinstance(value, str):
            return self._text(value, tokens)
        if isinstance(value, Mapping):
            pairs = cast("Mapping[object, object]", value).items()
            return {self._value(key, tokens): self._value(each, tokens) for key, each in pairs}
        if isinstance(value, list | tuple):
            return [self._value(each, tokens) for each in cast("Sequence[object]", value)]
        return value

    def _text(self, text: str, tokens: tuple[str, ...]) -> str:
        text = self._patterns[tokens].sub(lambda found: self._hold(found.group()), text)
        for size in range(min(len(text), max(map(len, tokens), default=1) - 1), 0, -1):
            if any(token.startswith(text[-size:]) for token in tokens if len(token) > size):
                return text[:-size] + self._hold(text[-size:])  # what follows might complete the token
        return text

    def _hold(self, text: str) -> str:
        self.held.append(text)
        return f"\ue000{len(self.held) - 1}\ue001"


class _Generation(Extension):
    """The tag `generation` around what the assistant said; here it only shows what it encloses."""

    tags = {"generation"}  # noqa: RUF012  (so declared by jinja)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_shown"), [], [], body).set_lineno(line)

    def _shown(self, caller: Callable[[], str]) -> str:
        return caller()


class _Namespace(jinja2.utils.Namespace):
    """Jinja's, without names that Python keeps for itself."""

    def __setitem__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            raise jinja2.TemplateError(f"a namespace cannot hold {name!r}")
        super().__setitem__(name, value)


def _namespace(*values: Any, **named: Any) -> _Namespace:
    made = _Namespace()
    for name, value in dict(*values, **named).items():
        made[name] = value
    return made


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    cast("dict[str, Any]", made.filters)["tojson"] = _to_json
    known = cast("dict[str, Any]", made.globals)
    known["raise_exception"] = _refuse
    known["namespace"] = _namespace
    known["strftime_now"] = lambda form: datetime.now().strftime(str(form))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    return made


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without the escapes for HTML that jinja's own filter makes."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _one_of(texts: Mapping[str, object] | Sequence[str]) -> re.Pattern[str]:
    """Matches any of `texts`, the longest first, in one group."""
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("(" + ("|".join(map(re.escape, longest_first)) or "(?!)") + ")")


def _held_of(tokens: Sequence[str]) -> re.Pattern[str]:
    """Matches any of `tokens`, and what could be taken for a placeholder."""
    return re.compile(f"{_one_of(tokens).pattern}|{_LIKE_HELD}")


def _released(found: re.Match[str], held: Sequence[str]) -> str:
    number = int(found.group(1))
    return held[number] if number < len(held) else found.group()


def _refuse_depth(*values: object) -> None:
    """Refuse JSON values that hold others more than `_DEEPEST` deep, which Python could not walk through.

    Raises:
        TemplateError: One of them does.
    """
    level: list[object] = [*values]
    for _ in range(_DEEPEST):
        inner: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                inner.extend(cast("Mapping[object, object]", value).values())
            elif isinstance(value, list | tuple):
                inner.extend(cast("Sequence[object]", value))
        if not inner:
            return
        level = inner
    raise TemplateError(f"a value is nested more than {_DEEPEST} deep")


def _plain(value: object) -> object:
    """A copy of JSON values, so that a template can neither change nor call what it is given."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("Sequence[object]", value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TemplateError(f"{type(value).__name__} is no JSON value")


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """Reasoning under the names that templates know it by."""
    found = next((message[key] for key in _REASONING if message.get(key) is not None), None)
    return message if found is None else {"thinking": found, **message, "reasoning_content": found}


def _cut_open(text: str, final: str) -> str:
    """`text` up to the end of the last message, where `_TAG` stands."""
    if final.strip() not in text or _TAG.strip() not in text:
        raise TemplateError("the last message does not appear in the prompt as it is, so it cannot go on")
    place = text.rindex(_TAG.strip())
    return text[:place] if text[place : place + len(_TAG)] == _TAG else text[:place].rstrip()
