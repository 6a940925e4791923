"""Dates as people write them in goals and as pages print them."""

from __future__ import annotations

import re

MONTHS: tuple[str, ...] = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_YEAR = r"(?:(?:\s*\.)?(?:\s*,)?\s+(?P<{}>\d{{4}}))?\b"
DAY = re.compile(
    r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<n2>{MONTH})\b{_YEAR.format('y2')}"
    rf"|\b(?P<n3>{MONTH})\b(?:\s*\.)?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b{_YEAR.format('y3')}",
    re.IGNORECASE,
)
"""A date, also where folding has set its marks apart."""


def days_in(text: str) -> list[tuple[int, int, int | None]]:
    """Every date in a text as (day, month, year or None)."""
    found: list[tuple[int, int, int | None]] = []
    for match in DAY.finditer(text):
        if match["y"]:
            found.append((int(match["d"]), int(match["m"]), int(match["y"])))
            continue
        parts = ("n2", "d2", "y2") if match["n2"] else ("n3", "d3", "y3")
        name, number, year = (match[part] for part in parts)
        found.append((int(number), MONTHS.index(name[:3].casefold()) + 1, int(year) if year else None))
    return found
