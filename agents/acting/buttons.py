"""What buttons on a ticket's page say that they do: answer, close, both, or leave open."""

from __future__ import annotations

from ..steps import Step
from ..wording import words

ANSWERING = frozenset("reply answer send post submit respond".split())
CLOSING = frozenset("close closed closes resolve resolved solve solved".split())
KEEPING = frozenset("keep keeps leave stay stays without not".split())
"""Words of buttons on a ticket's page: that they answer, that they close, that they do not close."""


def says_both(name: str) -> bool:
    """Whether a button says that it answers and closes at once."""
    said = set(words(name))
    return bool(said & ANSWERING) and bool(said & CLOSING) and not said & KEEPING


def against(name: str, step: Step, joint: bool) -> bool:
    """Whether a button says the opposite of what a step on a ticket's page is about.

    Where one button answers and closes at once, a reply is only typed: the step after it sends it.
    """
    said = set(words(name))
    if step.verb == "close":
        return bool(said & KEEPING)
    if step.verb == "send":
        return bool(said & CLOSING) and not said & KEEPING
    return step.verb == "reply" and joint and bool(said & (ANSWERING | CLOSING))
