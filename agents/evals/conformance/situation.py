"""What a situation of the conformance lab is, and what was seen of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ....protocols.outcome import Confirmed, Failed, Unverified

Play = Callable[[Path], Awaitable["Seen"]]
"""Acts a situation out, with journals in the folder that it is given."""


@dataclass(frozen=True)
class Seen:
    """What the caller got, in a few words, and what is wrong with it; nothing where the situation held."""

    got: str
    wrong: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the caller got what it must get."""
        return not self.wrong


@dataclass(frozen=True)
class Situation:
    """One situation. Its name and what the caller must get are those of the function that plays it."""

    play: Play

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.play, "__name__", "")

    @property
    def must(self) -> str:
        """What the caller must get: the function's docstring, on one line."""
        return " ".join((self.play.__doc__ or "").split())


def seen(outcome: Confirmed[object] | Unverified | Failed, **claims: bool) -> Seen:
    """An outcome in a few words, and the claims about it that are false."""
    return Seen(told(outcome), false(claims.items()))


def false(claims: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """The claims that do not hold, in words."""
    return tuple(name.replace("_", " ") for name, holds in claims if not holds)


def told(outcome: Confirmed[object] | Unverified | Failed) -> str:
    """An outcome on one line."""
    if isinstance(outcome, Confirmed):
        return f"Confirmed({outcome.result!r})"
    if isinstance(outcome, Unverified):
        return f"Unverified({'; '.join(outcome.reasons)})"
    return f"Failed({type(outcome.error).__name__}: {outcome.error})"
