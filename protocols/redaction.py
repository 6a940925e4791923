"""Keeps secrets out of what is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

Redact = Callable[[JsonValue], JsonValue]
"""Gives a value without what must not be written."""


def redactor(secrets: Mapping[str, str]) -> Redact:
    """Make a `redact` hook that replaces each secret's value by `{{name}}` in every text.

    Args:
        secrets: Name to value; empty values are skipped. Longer values go first.
    """
    known = sorted(
        ((value, f"{{{{{name}}}}}") for name, value in secrets.items() if value), key=lambda s: -len(s[0])
    )

    def redact(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for secret, name in known:
                value = value.replace(secret, name)
            return value
        if isinstance(value, dict):
            return {str(redact(key)): redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [redact(item) for item in value]
        return value

    return redact
