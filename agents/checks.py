"""Programmatic checks of a page: is the order in it, nothing else, the right person, day and options.

Every check works on a `Page`, what a verifier's own look returned, and answers True, a sentence (a fail), or
None (cannot say). They hold the words of the page against the words of the goal: stems must agree as sets, so
"Large green mug" is not "green mugs".

What this does not cover: pages that do not show an order's line as one row (name, count, price): then the
answer is None, and the task ends unverified rather than wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..tools.browser.view import Element, View
from .wording import fold, stems, words

MONEY = re.compile(r"[£$€]\s?\d|\d\s?(?:€|eur|usd|gbp)\b|\d+[.,]\d\d\b", re.IGNORECASE)
COUNT = re.compile(r"^(?:x\s*|×\s*)?(\d{1,4})(?:\s*(?:x|×|pcs?|pieces?|units?|items?))?$", re.IGNORECASE)
MONTHS: tuple[str, ...] = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
DAY = re.compile(
    r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<n2>{MONTH})\b\.?(?:,?\s+(?P<y2>\d{{4}}))?\b"
    rf"|\b(?P<n3>{MONTH})\b\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y3>\d{{4}}))?\b",
    re.IGNORECASE,
)
NO = frozenset("no off none not false without never 0 – -".split())
YES = frozenset("yes on true ✓ ✔ included added".split())
MOST_WORDS = 7
"""A text of more words is a sentence about options in general, not a chosen one."""

SMALL = frozenset("a an the of as in on it up to for with and please by at".split())
CLOSED_WORDS = frozenset("closed resolved solved".split())
OPEN_WORDS = frozenset("open pending waiting unanswered new active reopened".split())


PAGE_KEYS = ("url", "path", "title", "rows", "fields")
"""Keys of a page as JSON."""


@dataclass(frozen=True)
class Page:
    """What a verifier saw: address, title, and rows of cells as they were printed."""

    url: str
    path: str
    title: str
    rows: tuple[tuple[str, ...], ...]
    fields: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, view: View) -> Page:
        """The page of a view. A field's cell is its value; `fields` has (role, name, value) of each."""
        rows: list[tuple[str, ...]] = []
        fields: list[tuple[str, str, str]] = []
        for line in view.lines:
            rows.append(tuple(part if isinstance(part, str) else _cell(part) for part in line))
            fields += [
                (part.role, part.name, part.value)
                for part in line
                if isinstance(part, Element) and part.value is not None
            ]
        return cls(view.url, view.path, view.title, tuple(rows), tuple(fields))

    @classmethod
    def read(cls, value: Any) -> Page:
        """Back from JSON."""
        rows = tuple(tuple(str(cell) for cell in row) for row in value["rows"])
        fields = tuple((str(a), str(b), str(c)) for a, b, c in value["fields"])
        return cls(value["url"], value["path"], value["title"], rows, fields)

    def as_json(self) -> dict[str, Any]:
        return {
            "url": self.url, "path": self.path, "title": self.title,
            "rows": [list(row) for row in self.rows], "fields": [list(item) for item in self.fields],
        }  # fmt: skip

    def text(self) -> str:
        """The rows as lines, for a judge that reads."""
        return "\n".join([f"page {self.path}: {self.title}", *("- " + " | ".join(row) for row in self.rows)])


def _cell(element: Element) -> str:
    if element.value is None:
        return element.name
    return element.value if element.role not in ("checkbox", "radio") else f"{element.name}: {element.value}"


def order_lines(page: Page) -> list[tuple[str, int]]:
    """Name and count of each row that is a line of an order: it has a name, a whole number and a price."""
    found: list[tuple[str, int]] = []
    for row in page.rows:
        counts = [int(match.group(1)) for cell in row if (match := COUNT.match(cell.strip()))]
        names = [
            cell
            for cell in row
            if re.search(r"[^\W\d]", cell) and not MONEY.search(cell) and not COUNT.match(cell.strip())
        ]
        if counts and names and any(MONEY.search(cell) for cell in row):
            found.append((names[0], counts[0]))
    return found


def same_thing(left: str, right: str) -> bool:
    """Whether two names have the same words, apart from endings, order, case and small words."""
    return root_words(left) == root_words(right) and bool(root_words(left))


def root_words(text: str) -> set[str]:
    """The words of a text without endings and small words."""
    return {root(word) for word in stems(text) if word not in SMALL}


def root(word: str) -> str:
    """A stem without -ed and -ing, so that `wrapped`, `wrapping` and `wrap` agree."""
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word
    return word


def holds_item(page: Page, name: str, count: int) -> bool | str | None:
    """Whether the page has exactly one line for `name`, with `count`."""
    lines = order_lines(page)
    hits = [number for shown, number in lines if same_thing(shown, name)]
    if not lines and not _reads_empty(page):
        return None
    if not hits:
        return "not on the page"
    if len(hits) > 1:
        return f"the page shows it {len(hits)} times"
    return True if hits[0] == count else f"the page shows {hits[0]}"


def _reads_empty(page: Page) -> bool:
    return any({"nothing", "empty", "no"} & set(words(cell)) for row in page.rows for cell in row)


def holds_nothing_else(page: Page, names: Sequence[str]) -> bool | str | None:
    """Whether every line of the order is one of `names`."""
    lines = order_lines(page)
    strangers = [shown for shown, _ in lines if not any(same_thing(shown, name) for name in names)]
    if strangers:
        return ", ".join(strangers)
    return True if lines or _reads_empty(page) else None


def days_in(text: str) -> list[tuple[int, int, int | None]]:
    """Every date in a text as (day, month, year or None)."""
    found: list[tuple[int, int, int | None]] = []
    for match in DAY.finditer(text):
        if match["y"]:
            found.append((int(match["d"]), int(match["m"]), int(match["y"])))
            continue
        parts = ("n2", "d2", "y2") if match["n2"] else ("n3", "d3", "y3")
        name, number, year = (match[part] for part in parts)
        found.append((int(number), MONTHS.index(name[:3].lower()) + 1, int(year) if year else None))
    return found


def shows_day(page: Page, said: str) -> bool | str | None:
    """Whether a date on the page is the one that was said (day and month; the year too if it was said)."""
    wanted = days_in(said)
    if len(wanted) != 1:
        return None
    day, month, year = wanted[0]
    shown = [hit for row in page.rows for cell in row for hit in days_in(cell)]
    if any((d, m) == (day, month) and (year is None or y is None or y == year) for d, m, y in shown):
        return True
    return "not on the page"


def shows_text(page: Page, said: str) -> bool | str:
    """Whether the words stand on the page one after another, apart from case and punctuation."""
    wanted = f" {_plain(said)} "
    if any(wanted in f" {_plain(cell)} " for row in page.rows for cell in row):
        return True
    return "not on the page"


def _plain(text: str) -> str:
    return " ".join(word for word in fold(text).split() if word[0].isalnum())


def shows_option(page: Page, said: str) -> bool | str:
    """Whether an option is chosen: it stands as a value, or as a label whose value says yes.

    In a form: the chosen option of a select, or a radio or checkbox that is on.
    """
    wanted = root_words(said)
    for role, name, value in page.fields:
        if role in ("checkbox", "radio") and wanted <= root_words(name):
            return True if value == "on" else "not on the page"
        if role == "select" and wanted <= root_words(value):
            return True
    for row in page.rows:
        label, values = (row[0], row[1:]) if len(row) > 1 else _split_label(row[0] if row else "")
        if any(wanted <= root_words(value) and len(words(value)) <= MOST_WORDS for value in values):
            return True
        if wanted <= root_words(label) and values:
            said_yes = set(words(" ".join(values)))
            return True if said_yes & YES and not said_yes & NO else "not on the page"
    return "not on the page"


def _split_label(text: str) -> tuple[str, tuple[str, ...]]:
    label, mark, value = text.partition(":")
    return (label, (value,)) if mark and value.strip() else ("", (text,))


def nothing_unasked(page: Page, said: Iterable[str]) -> bool | str:
    """Whether every row that says yes is about something that was asked for."""
    asked = [root_words(item) for item in said]
    for row in page.rows:
        label, values = (row[0], row[1:]) if len(row) > 1 else _split_label(row[0] if row else "")
        if (
            values
            and set(words(" ".join(values))) == {"yes"}
            and not any(item <= root_words(label) for item in asked)
        ):
            return fold(label)
    return True


def ticket_is_closed(page: Page) -> bool | str | None:
    """Whether a row or line about the ticket's state says closed; None where none does."""
    for row in page.rows:
        text = " ".join(row)
        if len(row) == 1 and ":" not in text and len(words(text)) > 6:
            continue
        label, values = (row[0], row[1:]) if len(row) > 1 else _split_label(text)
        if not {"status", "state", "ticket", "stands"} & set(words(label)):
            continue
        said = set(words(" ".join(values)))
        if said & CLOSED_WORDS:
            return True
        if said & OPEN_WORDS:
            return "no"
    return None
