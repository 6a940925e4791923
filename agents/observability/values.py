"""Reading JSON that may be anything: journals of other versions, pruned rows, what a model or a page said.

A report about a damaged run is needed more than any other, so nothing here raises: what is not of the wanted
type counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import JsonValue

LONGEST = 4000
"""Characters of a text that are kept; what is longer ends in a note of how much is missing."""


def table(value: object) -> dict[str, JsonValue]:
    """The value if it is a JSON object, else an empty one."""
    return cast("dict[str, JsonValue]", value) if isinstance(value, dict) else {}


def listed(value: object) -> list[JsonValue]:
    """The value if it is a JSON array, else an empty one."""
    return list(cast("Sequence[JsonValue]", value)) if isinstance(value, list | tuple) else []


def text(value: object) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The value if it is a number, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: object) -> int:
    """The value if it is a whole number, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def shown(value: object, longest: int = LONGEST) -> str:
    """Any value as text: texts as they are, the rest as indented JSON; cut when it is too long."""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return clipped(words, longest)


def clipped(words: str, longest: int) -> str:
    """A text of at most so many characters, with a note of what is missing."""
    if len(words) <= longest:
        return words
    return f"{words[:longest]}… ({len(words) - longest:,} more characters are in the journal)"


def one_line(value: object, longest: int = 160) -> str:
    """Any value as one line of at most so many characters."""
    if isinstance(value, dict):
        parts = [
            f"{key} {one_line(item, longest)}" for key, item in cast("Mapping[str, object]", value).items()
        ]
        words = ", ".join(parts)
    else:
        words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    words = " ".join(words[: longest * 4].split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
