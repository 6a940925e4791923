"""Why a goal may not ask for what its plan does: questions, conditions, exceptions, things told of others.

A plan is made of words that were copied; what stands between them can turn their meaning round. Sentences of
these forms are not carried out, whatever was read out of them.

Covers: the forms that are listed here. Does not cover: irony, and meaning that needs knowledge of the world.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..wording import CARRIERS, FUNCTION, fold, words
from .reading import QUOTED, PlannedTask

_COUNT = r"(?:\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PERSON = r"(?:she|he|they|who|i|we)"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (why, re.compile(form))
    for why, form in (
        ("asks something", r"(?:^|[.;!?:] )(?:has|is|are|was|were|does|did|had) "),
        (
            "asks something",
            r"(?:^|[.;!?:,] )(?:when|where|why|how|who|which|what) "
            r"(?:do|does|did|will|would|is the|are|was|were|has|have|can|much|many) ",
        ),
        ("asks something", r"\bknow (?:when|whether|if|where|how|why)\b"),
        ("makes an exception", r"\b(?:leave|leaves|leaving|left) out\b"),
        ("makes an exception", r"\b(?:apart from|other than|except|besides) (?!that\b|this\b|:)\w"),
        ("makes an exception", r"\b(?:everything|anything|all|every|each)(?: [\w']+){0,3} but\b"),
        ("gives something back", r"\b(?:send|sends|sending|give|bring|take|ship) back\b"),
        ("sets a condition", r"\bwait\b|\bhold\b|\b(?:till|until|unless|provided)\b|\bin case\b"),
        (
            "leaves something to others",
            r"\b(?:leave|leaves|leaving)\b(?: [\w']+){0,5} to (?:me|us|them|him|her)\b",
        ),
        (
            "tells of what was done before",
            rf"\b{_PERSON}(?: has| have| had)?(?: already)? (?:ordered|received|bought|got) {_COUNT}\b",
        ),
        ("speaks of somebody whom it does not name", r"\bcolleague of\b|\b(?:her|his|their) colleague\b"),
        (
            "asks for things apart",
            r"\b(?:ship|ships|shipped|send|sent|deliver|delivered|packed) separately\b",
        ),
        ("asks for a present", r"\bas a present(?! for\b)"),
        ("names no day", rf"\b(?:after|from|since|before) (?:the )?(?:\d|{_MONTH}[a-z]* \d)"),
    )
)
"""What a goal does, and by which words it is known; in folded text outside of quotes."""

_WHEN = re.compile(r"\b(?:once|when|if|as soon as) ([^.,;:!?]*)")

_OPEN = frozenset("pay paid pays say says said agree agrees confirm confirms call calls".split())
"""Carriers that make a condition of the clause that they stand in."""


def sense_doubts(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """What speaks against carrying a goal out as tasks at all; empty when nothing does."""
    said = fold(QUOTED.sub(' "" ', goal))
    found = [
        f"The goal {why}: {hit.group().strip()!r}." for why, form in _FORMS if (hit := form.search(said))
    ]
    for hit in _WHEN.finditer(said):
        clause = words(hit[1])
        if _OPEN & set(clause) or not set(clause) <= FUNCTION | CARRIERS:
            found.append(f"The goal sets a condition: {hit.group().strip()!r}.")
    return found
