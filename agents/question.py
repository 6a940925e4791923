"""A question to a model: its role, its text, and the grammar of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from ..tools.browser.untrusted import fence_text

if TYPE_CHECKING:
    from ..core_model.grammar import Grammar


@dataclass(frozen=True)
class Question:
    """One question to a model: the instructions' file, the user text, and the grammar of the answer.

    Attributes:
        data: The part of `text` that was read from a page or a tool, word for word; "" where there is none.
        notes: What was recalled from memory for it, labelled and between marks (`recalling.notes_for`); only
            models that read instructions are shown it.
        picture: What the page looks like, as PNG, for models that see; None where they are told text alone.
    """

    role: str
    text: str
    grammar: str
    data: str = field(default="", kw_only=True)
    notes: str = field(default="", kw_only=True)
    picture: bytes | None = field(default=None, kw_only=True, repr=False)

    def compiled(self) -> Grammar:
        """The grammar as a model takes it."""
        return _compiled(self.grammar)

    def fenced(self) -> str:
        """The user text, for models that were not trained on it: notes first, its data between marks."""
        text = self.text.replace(self.data, fence_text(self.data), 1) if self.data else self.text
        return f"{self.notes}\n\n{text}" if self.notes else text

    def system(self) -> str:
        """The instructions of this role, for models that were not trained on it."""
        shown = "" if self.picture is None else _instructions("picture")
        return _instructions(self.role) + shown


@lru_cache(maxsize=128)
def _compiled(grammar: str) -> Grammar:
    from ..core_model.grammar import Grammar

    return Grammar.lark(grammar)


@cache
def _instructions(role: str) -> str:
    folder = resources.files(__package__ or "")
    return folder.joinpath("prompts", f"{role}.md").read_text(encoding="utf-8")


_quoted = json.JSONEncoder(ensure_ascii=False).encode


def choices(options: Iterable[str]) -> str:
    """A grammar that accepts exactly `options`."""
    return f"start: {' | '.join(_quoted(option) for option in options)}\n"


def any_of(items: Iterable[str]) -> str:
    """Alternatives of a rule: each distinct, non-empty item as a literal."""
    return " | ".join(_quoted(item) for item in dict.fromkeys(items) if item)
