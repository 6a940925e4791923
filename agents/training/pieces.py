"""Tagged pieces that generated goals are made of: a goal's plan is read off the pieces of its text."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..roles import Field
from ..wording import Span

Piece = tuple[str, str]
"""(text, tag): the tag is a field's key, or empty for words that carry nothing."""


def join(pieces: Sequence[Piece]) -> str:
    """The pieces as one text; punctuation that begins a piece sticks to the word before it."""
    text = ""
    for word, _ in pieces:
        text += word if word[:1] in ",.;:!?" or word[:2] == "'s" else f" {word}"
    return text.strip()


def said(text: str) -> Piece:
    """Words that carry nothing, as one piece."""
    return text, ""


def spread(text: str) -> list[Piece]:
    """Words that carry nothing, a piece each."""
    return [said(word) for word in text.split()]


def framed(frame: tuple[str, str], text: str, tag: str) -> list[Piece]:
    """A field between the words of its frame."""
    return [*spread(frame[0]), (text, tag), *spread(frame[1])]


def field(key: str, text: str) -> Field:
    """A field whose span has no place yet: its text alone counts."""
    return Field(key, Span(text, 0, 0))


def titled(name: Sequence[str], rng: Random) -> str:
    """A name as one text, mostly with capitals; a single name always has one."""
    return " ".join(name).title() if len(name) == 1 or rng.random() < 0.8 else " ".join(name)
