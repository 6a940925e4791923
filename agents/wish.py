"""What is ordered because the user prefers it, and not because the goal says so."""

from __future__ import annotations

from dataclasses import dataclass

from .recalling import Memo

PREFERRED = "preferred"
"""Key of an order's result that says what of it is from preferences and not from the goal."""


@dataclass(frozen=True)
class Wish:
    """An option that the goal leaves open and the user prefers.

    Attributes:
        option: A word of the preference, as it is written there.
        memo: The preference.
    """

    option: str
    memo: Memo

    def told(self) -> str:
        """The option and why, for whoever reads the result."""
        seen = "" if self.memo.stance == "explicit" else f", seen {self.memo.evidence} times"
        return f"{self.option}, not in the goal: {self.memo.text} ({self.memo.stance} preference{seen})"
