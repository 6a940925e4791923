"""Dates and times as people write them, resolved to what fields of dates and times mean."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from dateutil import parser

WORDS = {"today": 0, "tomorrow": 1, "the day after tomorrow": 2}


def resolve_date(
    text: str, *, today: date, earliest: date | None = None, day_first: bool = True
) -> date | None:
    """The day that `text` means: `3 May`, `May 3rd`, `2027-05-03`, `03/05/2027`, `Friday`, `tomorrow`.

    A date with a year is that day. Without one it is the next such day that is not before `earliest` (or
    `today`, whichever is later). `day_first` decides what 03/05 means. None when `text` is no date.
    """
    text = " ".join(text.split())
    floor = max(today, earliest) if earliest else today
    if text.lower() in WORDS:
        return today + timedelta(days=WORDS[text.lower()])
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    # What the two readings do not agree on was not in the text but in the default.
    one, other = _parse(text, date(2000, 1, 1), day_first), _parse(text, date(2008, 2, 14), day_first)
    if one is None or other is None:
        return None
    if one == other:
        return one
    if (one.month, one.day) == (other.month, other.day):
        return _next_such_day(one.month, one.day, floor)
    return _parse(text, floor, day_first) if one.weekday() == other.weekday() else None


def resolve_time(text: str) -> str | None:
    """The time of day that `text` means, as a field holds it: `6:09 PM` is `18:09`; None for no time."""
    text = re.sub(r"(?<=\d)\.(?=\d\d\b)", ":", " ".join(text.split()))  # 6.30 pm
    if not any(char.isdigit() for char in text) or any(char in "/-," for char in text):
        return None
    try:
        one, other = (parser.parse(text, default=datetime(2000, 1, 1, hour)) for hour in (3, 4))
    except (ValueError, OverflowError):
        return None
    if one != other:
        return None  # the hour was not in the text
    return f"{one:%H:%M:%S}" if one.second else f"{one:%H:%M}"


def _parse(text: str, default: date, day_first: bool) -> date | None:
    try:
        found = parser.parse(
            text, default=datetime(default.year, default.month, default.day), dayfirst=day_first
        )
    except (ValueError, OverflowError):
        return None
    return found.date()


def _next_such_day(month: int, day: int, floor: date) -> date | None:
    for year in range(floor.year, floor.year + 9):  # 29 February may be eight years away
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= floor:
            return found
    return None
