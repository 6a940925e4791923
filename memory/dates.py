"""Stretches of time that a question speaks of: "last May", "in 2022", "on 3 June", "two weeks ago".

    spans("What did she do in May 2023?", now)    # [(2023-05-01, 2023-06-01)] as epoch seconds

Ranking lifts what happened in such a stretch; it never leaves out the rest, since a date in a question is
often only nearly right. Days are those of UTC. "3/5/2023" may be either day. Does not cover: other languages
than English, holidays, dates that need another date to be understood ("the day after the party"), and numbers
that look like a year and count something ("2019 mugs").
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Span = tuple[float, float]
"""From (included) and until (not included), in epoch seconds; either may be infinite."""

DAY = 86_400.0

LONGEST = 2_000
"""Characters of a question that are looked through."""

WORDS_BEFORE = 60
"""Characters before a date in which "two weeks before" may stand."""

_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_NUMBERS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
} | {"a": 1, "an": 1, "couple": 2, "few": 3, "several": 4}

_MONTH = "|".join(
    f"{name}|{name[:3]}|{name[:4]}" if name == "september" else f"{name}|{name[:3]}" for name in _MONTHS
)
_DAY, _SEASON, _COUNT = "|".join(_DAYS), "|".join(_SEASONS), "|".join(_NUMBERS)
_LONG = "day|week|month|year"
_YEAR = r"(?:19|20)\d\d"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_UNIT = "day|night|week|weekend|month|year|season"

_HINTS = (
    *_MONTHS, *_DAYS, *_SEASONS,
    *"ago last past previous this next coming yesterday today tonight tomorrow".split(),
)  # fmt: skip
_HINT = re.compile(rf"\b(?:{_YEAR}|\d{{1,2}}[/-]\d|{_MONTH}|{'|'.join(_HINTS)})")
_PATTERN = re.compile(
    rf"""\b(?:
      (?P<iso>{_YEAR}-\d{{1,2}}(?:-\d{{1,2}})?)
    | (?P<slashed>(?P<slashed_a>\d{{1,2}})[/.-](?P<slashed_b>\d{{1,2}})[/.-](?P<slashed_y>{_YEAR}))
    | (?P<dmy>(?P<dmy_d>{_NTH})(?:\s+of)?\s+(?P<dmy_m>{_MONTH})\b\.?(?:,?\s+(?P<dmy_y>{_YEAR}))?)
    | (?P<mdy>(?P<mdy_m>{_MONTH})\.?\s+(?P<mdy_d>{_NTH})(?!\d)(?:,?\s+(?P<mdy_y>{_YEAR}))?)
    | (?P<my>(?P<my_m>{_MONTH})\.?,?(?:\s+of)?\s+(?P<my_y>{_YEAR}))
    | (?P<sy>(?P<sy_s>{_SEASON})(?:\s+of)?,?\s+(?P<sy_y>{_YEAR}))
    | (?P<ago>(?P<ago_n>\d{{1,3}}|{_COUNT})(?:\s+of)?\s+(?P<ago_u>{_LONG})s?\s+(?:ago|earlier|back))
    | (?P<within>(?:last|past|previous)\s+(?P<within_n>\d{{1,3}}|{_COUNT})(?:\s+of)?
        \s+(?P<within_u>{_LONG})s?)
    | (?P<rel>(?P<rel_w>last|past|previous|this|next|coming)\s+(?P<rel_u>{_UNIT}|{_MONTH}|{_DAY}|{_SEASON}))
    | (?P<near>yesterday|today|tonight|tomorrow)
    | (?P<month>(?:in|during|since|until|before|after|of|early|late|mid)[\s-]+(?P<month_m>{_MONTH})\b
        (?!\.?,?(?:\s+of)?\s+(?:{_YEAR}|{_NTH})\b))
    | (?P<day>(?:on)\s+(?P<day_d>{_DAY}))
    | (?P<year>{_YEAR})
    )\b""",
    re.VERBOSE,
)
_DATE = (
    rf"{_YEAR}-\d{{1,2}}(?:-\d{{1,2}})?|(?:{_NTH}(?:\s+of)?\s+(?:{_MONTH})|(?:{_MONTH})(?:\s+{_NTH}(?!\d))?)\b"
    rf"(?:,?\s+{_YEAR})?|{_YEAR}"
)
_RANGE = re.compile(
    rf"\b(?:between|from)\s+(?:the\s+)?(?P<low>{_DATE})\s+(?:and|to|until|till)\s+(?:the\s+)?(?P<high>{_DATE})\b",
)
_A_YEAR = re.compile(rf"\b{_YEAR}\b")
_NUMBERED = re.compile(
    r"(?:\b(?:room|flat|suite|apartment|house|gate|seat|number|no|nr|order|invoice|ticket|page|line|chapter"
    r"|port|version|flight|train|bus|channel|code|pin|item)[\s.:]+|[#$€£]\s?)$",
)
"""Right before a number that is the name of something, and no year."""

_SIDE = re.compile(
    rf"""(?:(?P<number>\d{{1,3}}|the|{_COUNT})(?:\s+of)?\s+(?P<unit>day|night|week|weekend|month|year)s?\s+)?
    \b(?P<side>since|after|before|until|till|by)\s+(?:the\s+|early\s+|late\s+)?$""",
    re.VERBOSE,
)
_LENGTHS = {"day": 1, "night": 1, "week": 7, "weekend": 7, "month": 30, "year": 365}
_FAR = float("inf")


def spans(text: str, now: float) -> list[Span]:
    """The stretches that the text names in its first `LONGEST` characters; empty if it names none.

    Those from one date to another come first, else they are in order. A day or month without its year is the
    last one before `now` and the next one after it. "Since", "after", "before" and "until" before a date open
    the stretch to that side.

    Args:
        now: Epoch seconds of the moment of asking, from which "last week" counts.
    """
    text = text[:LONGEST].casefold()  # a pattern that ignores case takes three times as long
    if not _HINT.search(text):
        return []
    try:
        today = datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError, OSError):
        return []
    found: list[Span] = []
    for match in _RANGE.finditer(text):
        found += _from_to(match["low"], match["high"], today)
    text = _RANGE.sub(" ", text)
    for match in _PATTERN.finditer(text):
        start = match.start("month_m") if match["month"] else match.start()
        before = text[max(start - WORDS_BEFORE, 0) : start]
        side = _SIDE.search(before)
        found += [_to_side(span, side, now) if side else span for span in _read(match, today)]
    return found


def _read(match: re.Match[str], today: datetime) -> list[Span]:
    """The stretches of one date expression; none when there is no such day."""
    kind = match.lastgroup or ""
    try:
        return _READERS[next(name for name in _READERS if match[name])](match, today)
    except (ValueError, OverflowError):
        _ = kind
        return []


def _from_to(low: str, high: str, today: datetime) -> list[Span]:
    """From the beginning of a date to the end of another; one year may stand for both."""
    year, own = _A_YEAR.search(high), _A_YEAR.search(low)
    begins, ends = (_dated(each, today) for each in (low, high))
    if year and not own:
        begins = _dated(f"{low} {year[0]}", today)
        if begins and ends and begins[0][0] > ends[0][0]:
            begins = _dated(f"{low} {int(year[0]) - 1}", today)
    found: list[Span] = []
    for start, _ in begins:
        after = [end for _, end in ends if end > start]
        found += [(start, after[0])] if after else []
    return found


def _dated(text: str, today: datetime) -> list[Span]:
    """The stretches of a date that stands alone, earliest first."""
    match = _PATTERN.search(f"in {text}")
    return sorted(_read(match, today)) if match else []


def _to_side(span: Span, side: re.Match[str], now: float) -> Span:
    """ "Before" a stretch, or "two weeks before" it; and so for the other words."""
    low, high = span
    word, unit = side["side"].lower(), (side["unit"] or "").lower()
    if unit and word in ("before", "after"):
        number = 1 if side["number"].lower() == "the" else _number(side["number"])
        length = _LENGTHS[unit] * DAY
        if word == "before":
            return low - number * length, low - (number - 1) * length
        return high + (number - 1) * length, high + number * length
    if word == "since":
        return low, max(now, high)
    if word == "after":
        return high, _FAR
    return (-_FAR, low) if word == "before" else (-_FAR, high)


def _span(start: datetime, end: datetime) -> Span:
    return start.timestamp(), end.timestamp()


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _days(start: datetime, days: int = 1) -> Span:
    return _span(start, start + timedelta(days=days))


def _month(year: int, month: int) -> Span:
    start = datetime(year, month, 1, tzinfo=UTC)
    return _days(start, monthrange(year, month)[1])


def _year(year: int) -> Span:
    return _span(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


def _season(year: int, name: str) -> Span:
    """Three months; a winter begins in December of its year."""
    month = _SEASONS[name]
    after = (year + 1, 3) if month == 12 else (year, month + 3)
    return _span(datetime(year, month, 1, tzinfo=UTC), datetime(*after, 1, tzinfo=UTC))


def _month_number(name: str) -> int:
    return next(number for number, full in enumerate(_MONTHS, 1) if full.startswith(name.lower()[:3]))


def _day_of_week(name: str) -> int:
    return next(number for number, full in enumerate(_DAYS) if full == name.lower())


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _NUMBERS[text.lower()]


def _day_number(text: str) -> int:
    return int(text.rstrip("stndrhSTNDRH"))


def _iso(match: re.Match[str], today: datetime) -> list[Span]:
    parts = [int(part) for part in match["iso"].split("-")]
    return [_month(*parts) if len(parts) == 2 else _days(datetime(*parts, tzinfo=UTC))]  # pyright: ignore


def _slashed(match: re.Match[str], today: datetime) -> list[Span]:
    """Day first, and month first where that is another day."""
    one, other, year = (int(match[f"slashed_{part}"]) for part in "aby")
    orders = [(day, month) for day, month in dict.fromkeys([(one, other), (other, one)]) if month <= 12]
    return [_days(datetime(year, month, day, tzinfo=UTC)) for day, month in orders]


def _date(prefix: str) -> Callable[[re.Match[str], datetime], list[Span]]:
    """Reader of a day and a month, with or without its year."""

    def read(match: re.Match[str], today: datetime) -> list[Span]:
        month, day = _month_number(match[f"{prefix}_m"]), _day_number(match[f"{prefix}_d"])
        year = match[f"{prefix}_y"]
        if year:
            return [_days(datetime(int(year), month, day, tzinfo=UTC))]
        return _around(today, lambda year: _days(datetime(year, month, day, tzinfo=UTC)))

    return read


def _around(today: datetime, of_year: Callable[[int], Span]) -> list[Span]:
    """The last stretch of its kind that has begun, and the one after it."""
    now = today.timestamp()
    years = [of_year(year) for year in (today.year - 1, today.year, today.year + 1)]
    begun = [span for span in years if span[0] <= now]
    return [begun[-1], *(span for span in years if span[0] > now)][:2]


def _month_year(match: re.Match[str], today: datetime) -> list[Span]:
    return [_month(int(match["my_y"]), _month_number(match["my_m"]))]


def _season_year(match: re.Match[str], today: datetime) -> list[Span]:
    return [_season(int(match["sy_y"]), match["sy_s"].lower())]


def _ago(match: re.Match[str], today: datetime) -> list[Span]:
    """The stretch around a moment so many units back, one unit long; a day for days."""
    number, unit = _number(match["ago_n"]), match["ago_u"].lower()
    return [_unit_at(_back(today, unit, number), unit)]


def _within(match: re.Match[str], today: datetime) -> list[Span]:
    number, unit = _number(match["within_n"]), match["within_u"].lower()
    return [_span(_midnight(_back(today, unit, number)), today)]


def _back(today: datetime, unit: str, number: int) -> datetime:
    if unit in ("day", "night"):
        return today - timedelta(days=number)
    if unit in ("week", "weekend"):
        return today - timedelta(weeks=number)
    months = today.year * 12 + today.month - 1 - number * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return today.replace(year=year, month=month + 1, day=min(today.day, monthrange(year, month + 1)[1]))


def _unit_at(moment: datetime, unit: str) -> Span:
    """The calendar day, week (from Monday), weekend, month or year that holds the moment."""
    if unit == "month":
        return _month(moment.year, moment.month)
    if unit == "year":
        return _year(moment.year)
    day = _midnight(moment)
    monday = day - timedelta(days=day.weekday())
    if unit == "week":
        return _days(monday, 7)
    return _days(monday + timedelta(days=5), 2) if unit == "weekend" else _days(day)


def _relative(match: re.Match[str], today: datetime) -> list[Span]:
    which, unit = match["rel_w"].lower(), match["rel_u"].lower()
    step = {"this": 0, "next": -1, "coming": -1}.get(which, 1)
    if unit in ("day", "night", "week", "weekend", "month", "year"):
        return [_unit_at(_back(today, unit, step), unit)]
    if unit == "season":
        return []
    if unit in _DAYS:
        return [_weekday(today, _day_of_week(unit), step)]
    name = next((each for each in _SEASONS if each == unit), None)
    month = _month_number(unit) if name is None else 0
    years = [
        _month(year, month) if name is None else _season(year, name)
        for year in range(today.year - 2, today.year + 3)
    ]
    now = today.timestamp()
    if step < 0:
        return [next(span for span in years if span[0] > now)]
    if step > 0:
        return [[span for span in years if span[1] <= now][-1]]
    return _around(today, lambda year: _month(year, month) if name is None else _season(year, name))[:1]


def _weekday(today: datetime, weekday: int, step: int) -> Span:
    """That day of the week before today, after it, or nearest before or today."""
    day = _midnight(today)
    back = (day.weekday() - weekday) % 7
    if step < 0:
        return _days(day + timedelta(days=(7 - back) % 7 or 7))
    return _days(day - timedelta(days=back or (7 if step else 0)))


def _near(match: re.Match[str], today: datetime) -> list[Span]:
    days = {"yesterday": -1, "tomorrow": 1}.get(match["near"].lower(), 0)
    return [_days(_midnight(today) + timedelta(days=days))]


def _bare_month(match: re.Match[str], today: datetime) -> list[Span]:
    month = _month_number(match["month_m"])
    return _around(today, lambda year: _month(year, month))


def _bare_day(match: re.Match[str], today: datetime) -> list[Span]:
    return [_weekday(today, _day_of_week(match["day_d"]), 0)]


def _bare_year(match: re.Match[str], today: datetime) -> list[Span]:
    if _NUMBERED.search(match.string[max(match.start() - WORDS_BEFORE, 0) : match.start()]):
        return []
    return [_year(int(match["year"]))]


_READERS: dict[str, Callable[[re.Match[str], datetime], list[Span]]] = {
    "iso": _iso,
    "slashed": _slashed,
    "dmy": _date("dmy"),
    "mdy": _date("mdy"),
    "my": _month_year,
    "sy": _season_year,
    "ago": _ago,
    "within": _within,
    "rel": _relative,
    "near": _near,
    "month": _bare_month,
    "day": _bare_day,
    "year": _bare_year,
}
