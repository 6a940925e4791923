"""What the rows of a journal say, as the JSON that is stored: without secrets, a message made text once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from .journal_chain import encode
from .messages import Frozen
from .redaction import Redact

Body = BaseModel | JsonValue | Mapping[str, BaseModel | JsonValue]
"""A model, a JSON value, or models and JSON values by name."""

More = Sequence[tuple[str, Body, int]]
"""Rows that are written with another one: kind, body and attempt of each."""


class Bodies:
    """Turns bodies into text.

    A message is recorded by who says it, on its way, and by who hears it, one right after the other: its text
    is made once.

    Args:
        redact: Applied to every value before it is written and hashed.
    """

    def __init__(self, redact: Redact | None = None) -> None:
        self._redact = redact
        self._last: tuple[BaseModel | None, str] = (None, "")

    def clean(self, value: JsonValue) -> JsonValue:
        """The value without secrets."""
        return self._redact(value) if self._redact else value

    def text(self, body: Body) -> str:
        """A body as it is stored.

        Raises:
            ValueError, TypeError: It is not JSON (NaN, or a Python object).
        """
        if isinstance(body, BaseModel):
            return self._of_model(body)
        if isinstance(body, dict) and any(isinstance(value, BaseModel) for value in body.values()):
            return f"{{{','.join(self._named(name, value) for name, value in body.items())}}}"
        value: Any = body
        return encode(self.clean(value))

    def plain(self, body: BaseModel | JsonValue) -> JsonValue:
        """A body as a JSON value."""
        return body.model_dump() if isinstance(body, BaseModel) else body

    def _named(self, name: str, value: BaseModel | JsonValue) -> str:
        return f"{encode(self.clean(name))}:{self.text(value)}"

    def _of_model(self, body: BaseModel) -> str:
        last, text = self._last
        if last is not body:
            text = encode(self.clean(body.model_dump()))
            self._last = (body if isinstance(body, Frozen) else None, text)
        return text
