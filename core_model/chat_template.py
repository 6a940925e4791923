"""Chat messages to prompt text, with the jinja template that a checkpoint brings.

Templates run in jinja's immutable sandbox: they come with downloaded checkpoints. Text inside messages can
not act as markup: special tokens written in it are encoded as plain characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, TypedDict, cast

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .errors import TemplateError
from .tokenizer import Tokenizer


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatTemplate:
    """Renders messages for one tokenizer; without a template, contents are joined by newlines."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._template: jinja2.Template | None = None
        self._special = re.compile("|".join(re.escape(token) for token in tokenizer.special_tokens) or "(?!)")
        if tokenizer.chat_template is not None:
            environment = ImmutableSandboxedEnvironment(
                trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
            )
            cast("dict[str, Any]", environment.globals)["raise_exception"] = _refuse
            try:
                self._template = environment.from_string(tokenizer.chat_template)
            except jinja2.TemplateError as error:
                raise TemplateError(str(error)) from error

    def render(self, messages: Sequence[Message]) -> str:
        """Prompt text that ends where the assistant begins to speak.

        Raises:
            TemplateError: the template fails or refuses these messages.
        """
        if self._template is None:
            return "\n".join(message["content"] for message in messages)
        tokens: dict[str, Any] = {
            key: value for key, value in self._tokenizer.settings.items() if key.endswith("_token")
        }
        named: dict[str, Any] = {}
        for key, value in tokens.items():
            named[key] = cast("dict[str, Any]", value)["content"] if isinstance(value, dict) else value
        try:
            return self._template.render(messages=list(messages), add_generation_prompt=True, **named)
        except jinja2.TemplateError as error:
            raise TemplateError(str(error)) from error

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the rendered prompt; at least one."""
        guarded, literal = self._guard(messages)
        text = self.render(guarded)
        if self._template is None and self._tokenizer.bos_id is not None:
            ids = [self._tokenizer.bos_id]
        else:
            ids: list[int] = []
        if not literal:
            return ids + self._tokenizer.encode(text)
        for place, part in enumerate(re.split("\ue000(\\d+)\ue001", text)):
            if place % 2:
                ids += self._tokenizer.encode_literal(literal[int(part)])
            elif part:
                ids += self._tokenizer.encode(part)
        return ids

    def _guard(self, messages: Sequence[Message]) -> tuple[list[Message], list[str]]:
        """Replace special tokens inside contents by placeholders, so that they are encoded as characters."""
        literal: list[str] = []

        def hold(match: re.Match[str]) -> str:
            literal.append(match.group())
            return f"\ue000{len(literal) - 1}\ue001"

        guarded: list[Message] = []
        for message in messages:
            content = re.sub("[\ue000\ue001]", "\ufffd", message["content"])
            guarded.append({"role": message["role"], "content": self._special.sub(hold, content)})
        return guarded, literal


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
