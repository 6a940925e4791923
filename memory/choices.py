"""Choices that were made, and the habit that repeated ones show.

    Choice(what="seat", value="aisle", options=("aisle", "middle", "window")).episode(Scope(user="ada"))

An episode says that it is a choice by its form, which `Choice.text` writes and `Choice.read` reads:
`chose seat: aisle (from aisle | middle | window)`.

A habit is clear when a value was chosen at least `LEAST` times and more often than by chance: were each
choice taken at random, some value would come up so often with a probability of at most `RISK` (the exact
binomial tail, times the number of options). So three times the same out of five options is clear, four times
out of three, six times out of two. It changes when another value is clear in the same way in the choices made
since the old one was last chosen, and only these count for the new one.

Does not cover: choices of one thing among many sorts of occasions (a window seat by night, an aisle seat by
day). Whoever records them names the occasion in `what`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .records import Provenance, Record, Scope, Standing, Trust
from .words import stems

LEAST = 3
"""Times that a value is chosen before it is a habit."""

RISK = 0.05
"""Highest probability at which chance alone would have chosen some value so often."""

FEWEST_OPTIONS = 2
"""Options that a choice is taken to have had where it does not name them."""

_FORM = re.compile(r"chose ([^:\n]+): ([^\n]+?)(?: \(from ([^\n]+)\))?")
_SURE = 1.6448536269514722
"""Standard normal quantile of 95 %, one-sided."""


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    if not text or any(mark in text for mark in ("|", "(from ", "\0")):
        raise ValueError(f"{text!r} must be a few words, without '|' and '(from '")
    return text


def _thing(text: str) -> str:
    if ":" in (text := _one_line(text)):
        raise ValueError(f"{text!r} must have no colon")
    return text


Value = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]


class Choice(BaseModel):
    """One choice.

    Attributes:
        what: What was chosen, such as `seat`.
        value: The one that was taken.
        options: All that could be taken, the value among them; empty where nobody knows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Annotated[str, Field(max_length=200), AfterValidator(_thing)]
    value: Value
    options: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _was_an_option(self) -> Choice:
        if self.options and self.value not in self.options:
            raise ValueError(f"{self.value!r} is none of the options {self.options!r}")
        return self

    @property
    def text(self) -> str:
        """As an episode says it."""
        options = f" (from {' | '.join(self.options)})" if self.options else ""
        return f"chose {self.what}: {self.value}{options}"

    @classmethod
    def read(cls, text: str) -> Choice | None:
        """The choice that a text tells of in this form; None for every other text."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        options = tuple(found[3].split(" | ")) if found[3] else ()
        try:
            return cls(what=found[1], value=found[2], options=options)
        except ValueError:
            return None

    def episode(
        self,
        scope: Scope,
        *,
        happened: datetime | None = None,
        session: str = "",
        trust: Trust = "untrusted",
        standing: Standing = "unjudged",
        provenance: Provenance | None = None,
    ) -> Record:
        """The episode that tells of it. What was only read somewhere stays `untrusted`."""
        return Record(
            kind="episode",
            text=self.text,
            scope=scope,
            happened=happened,
            session=session,
            trust=trust,
            standing=standing,
            provenance=provenance or Provenance(),
        )


@dataclass(frozen=True)
class Habit:
    """What repeated choices show.

    Attributes:
        value: As it was last spelled.
        chosen: Places, in the choices given, where it was chosen since it became the habit.
        of: How many choices were made since then.
        options: How many there were to choose from.
        clear: Whether it is still chosen more often than by chance; it was once.
    """

    value: str
    chosen: tuple[int, ...]
    of: int
    options: int
    clear: bool

    @property
    def confidence(self) -> float:
        """Share of the choices that is exceeded with 95 % confidence.

        Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
        """
        return lower_bound(len(self.chosen), self.of)


def habit_of(choices: Sequence[Choice]) -> Habit | None:
    """The habit that choices of one thing show, oldest first; None where none was ever clear."""
    held, start, last = "", 0, -1
    for at, choice in enumerate(choices):
        value = _folded(choice)
        if held and value == held:
            last = at
            continue
        since = last + 1 if held else start
        clear = _clear(choices[since : at + 1])
        if clear:
            held, start = clear, since
            last = max(place for place in range(since, at + 1) if _folded(choices[place]) == clear)
    if not held:
        return None
    chosen = tuple(place for place in range(start, len(choices)) if _folded(choices[place]) == held)
    since = choices[start:]
    return Habit(choices[last].value, chosen, len(since), _options(since), _clear(since) == held)


@dataclass(frozen=True)
class Preference:
    """A preference as a person or a plan reads it.

    Attributes:
        evidence: How many records speak for it; 1 for what was said.
        overruled_by: What somebody said about the same thing; what only choices show gives way to it.
    """

    record: Record
    evidence: int
    overruled_by: Record | None = None


def preferences_of(records: Sequence[Record]) -> list[Preference]:
    """The open preferences among records: what was said, then what choices show, then what gives way.

    Two are about the same thing where the words for it, such as `seat`, stand in what was said.
    """
    records = [each for each in records if each.closed is None]
    said = [each for each in records if each.stance == "explicit"]
    words = [set(stems(each.text).split()) for each in said]
    shown = [each for each in records if each.stance == "implicit"]
    found: list[Preference] = []
    for each in shown:
        what = set(stems(each.provenance.job.removeprefix("preference/")).split())
        over = [said[at] for at, told in enumerate(words) if what and what <= told]
        found.append(Preference(each, len(each.provenance.sources), over[-1] if over else None))
    found.sort(key=lambda each: (each.overruled_by is not None, -each.record.confidence))
    return [*(Preference(each, 1) for each in said), *found]


def lower_bound(chosen: int, of: int) -> float:
    """Wilson's lower bound of a share, one-sided at 95 %; `of` is at least 1."""
    share, square = chosen / of, _SURE**2
    middle = share + square / (2 * of)
    spread = _SURE * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + square / of))


def tail(chosen: int, of: int, options: int) -> float:
    """Probability of so many choices of one value, or more, if each were taken by chance."""
    chance = 1 / options
    return math.fsum(
        math.comb(of, hits) * chance**hits * (1 - chance) ** (of - hits) for hits in range(chosen, of + 1)
    )


def _clear(choices: Sequence[Choice]) -> str:
    """The value that is chosen more often than by chance; empty where none is."""
    value, chosen = Counter(map(_folded, choices)).most_common(1)[0]
    options = _options(choices)
    clear = chosen >= LEAST and options * tail(chosen, len(choices), options) <= RISK
    return value if clear else ""


def _options(choices: Sequence[Choice]) -> int:
    """How many values there were to choose from, at the least."""
    named = max(len(set(choice.options)) for choice in choices)
    return max(FEWEST_OPTIONS, named, len(set(map(_folded, choices))))


def _folded(choice: Choice) -> str:
    return choice.value.casefold()
