"""Programmatic checks of a page: is the order in it, nothing else, the right person, day, options and number.

Every check works on a `Page`, what a verifier's own look returned, and answers True, a sentence (a fail), or
None (cannot say). They hold the words of the page against the words of the goal: stems must agree as sets, so
"Large green mug" is not "green mugs".

What proves anything is a row with a label (`Delivery | Express`, `Delivery: Express`) or a field of a form. A
link or a sentence that only mentions what was said proves nothing, and where rows contradict one another the
answer is None.

What this does not cover: pages that do not show an order's line as one row (name, count, price), or a chosen
thing next to its label: then the answer is None, and the task ends unverified rather than wrong.
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
LABEL = re.compile(r"^([^:]*[^:\d\s])\s*:\s*(\S.*)$")
"""A label and its value in one text; a time of the day is neither."""

NOT = frozenset("no off none not false without never except nor".split())
NO = NOT | frozenset("0 – -".split())
YES = frozenset("yes on true ✓ ✔ included added".split())
OFFER = frozenset("upgrade available unavailable recommended instead try sold also like".split())
"""Words of what could be chosen, and was not."""

REMARK = frozenset(
    "note notes message comment comments remark remarks instruction instructions reply answer write".split()
)
"""Words of labels behind which anything may stand."""

CONSENT = frozenset("agree accept terms conditions term condition".split())
PLAIN = CONSENT | frozenset(
    "tax vat shipping delivery postage price subtotal total stock available paid confirmed".split()
)
"""Words of labels that say yes about every order."""

PERSON = frozenset(
    "name recipient customer addressee receiver consignee client buyer person requester".split()
)
NO_PERSON = frozenset("product article item shop store company brand user username file card".split())
ARRIVAL = frozenset(
    "deliver delivers delivery delivered arrive arrives arrival arriving due eta expected".split()
)
ELSE = frozenset(
    """order ordered placed paid payment invoice created today return returns valid since dispatched shipped
    sent opened expires""".split()
)
"""Words of labels of dates on which nothing arrives."""

NUMBERED = frozenset("order number no nr reference ref confirmation id".split())
FOREIGN = frozenset(
    """call ring phone tel telephone fax customer account invoice payment tracking parcel vat article item
    product sku card voucher""".split()
)
"""Words of labels of numbers that are not an order's."""

MOST_WORDS = 7
"""A text of more words is a sentence about options in general, not a chosen one."""

SMALL = frozenset("a an the of as in on it up to for with and please by at".split())
CLOSED_WORDS = frozenset("closed resolved solved".split())
OPEN_WORDS = frozenset("open pending waiting unanswered new active reopened".split())
MOST_STATE_WORDS = 4
"""A text of more words is a sentence, and names no state."""


@dataclass(frozen=True)
class Page:
    """What a verifier saw.

    Attributes:
        rows: Cells as they were printed.
        fields: Role, name and value of each.
        links: The words of all that is there to be clicked.
    """

    url: str
    path: str
    title: str
    rows: tuple[tuple[str, ...], ...]
    fields: tuple[tuple[str, str, str], ...]
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, view: View) -> Page:
        """The page of a view. A field's cell is its value."""
        rows: list[tuple[str, ...]] = []
        fields: list[tuple[str, str, str]] = []
        for line in view.lines:
            rows.append(tuple(part if isinstance(part, str) else _cell(part) for part in line))
            fields += [
                (part.role, part.name, part.value)
                for part in line
                if isinstance(part, Element) and part.value is not None
            ]
        links = tuple(part.name for part in view.elements.values() if part.value is None)
        return cls(view.url, view.path, view.title, tuple(rows), tuple(fields), links)

    @classmethod
    def read(cls, value: Any) -> Page:
        """Back from JSON."""
        rows = tuple(tuple(str(cell) for cell in row) for row in value["rows"])
        fields = tuple((str(a), str(b), str(c)) for a, b, c in value["fields"])
        links = tuple(str(name) for name in value.get("links", ()))
        return cls(value["url"], value["path"], value["title"], rows, fields, links)

    def as_json(self) -> dict[str, Any]:
        return {
            "url": self.url, "path": self.path, "title": self.title,
            "rows": [list(row) for row in self.rows], "fields": [list(item) for item in self.fields],
            "links": list(self.links),
        }  # fmt: skip

    def text(self) -> str:
        """The rows as lines, for a judge that reads."""
        return "\n".join([f"page {self.path}: {self.title}", *("- " + " | ".join(row) for row in self.rows)])


def _cell(element: Element) -> str:
    if element.value is None:
        return element.name
    return element.value if element.role not in ("checkbox", "radio") else f"{element.name}: {element.value}"


Fact = tuple[str, tuple[str, ...]]
"""A label, and the values behind it."""


def facts(page: Page) -> list[Fact]:
    """What the page says by labels: rows of a label and its values, and texts like `Delivery: Express`.

    Lines of an order are none, nor are rows that begin with something to click; ticks are fields.
    """
    found: list[Fact] = []
    ticks = {f"{name}: {value}" for role, name, value in page.fields if role in ("checkbox", "radio")}
    for row in page.rows:
        if not row or row[0] in page.links or row[0] in ticks or _is_order_line(row):
            continue
        label, *values = row
        values = [value for value in values if value.strip() and value not in (*page.links, *ticks)]
        if values:
            found.append((label, tuple(values)))
        elif match := LABEL.match(label.strip()):
            found.append((match[1], (match[2],)))
    return found


def _typed(page: Page, *roles: str) -> list[Fact]:
    """What the fields of these roles hold, by their names."""
    return [(name, (value,)) for role, name, value in page.fields if role in roles and value.strip()]


def _is_order_line(row: tuple[str, ...]) -> bool:
    return bool(_counts(row) and _names(row)) and any(MONEY.search(cell) for cell in row)


def _counts(row: tuple[str, ...]) -> set[int]:
    return {int(match.group(1)) for cell in row if (match := COUNT.match(cell.strip()))}


def _names(row: tuple[str, ...]) -> list[str]:
    return [
        cell
        for cell in row
        if re.search(r"[^\W\d]", cell) and not MONEY.search(cell) and not COUNT.match(cell.strip())
    ]


def order_lines(page: Page) -> list[tuple[str, int | None]]:
    """Name and count of each row that is a line of an order: it has a name, a whole number and a price.

    The count is None where a row has two whole numbers that differ.
    """
    rows = [(_names(row)[0], _counts(row)) for row in page.rows if _is_order_line(row)]
    return [(name, next(iter(counts)) if len(counts) == 1 else None) for name, counts in rows]


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
    if hits[0] is None:
        return None
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
    """Whether the day on which something arrives is the one that was said (the year too if it was said).

    Rows about delivery or arrival count; where there are none, rows about no other day. All must agree.
    """
    wanted = days_in(said)
    if len(wanted) != 1:
        return None
    dated = [
        (set(words(label)), hit)
        for label, values in [*facts(page), *_typed(page, "date", "textbox")]
        if not set(words(label)) & REMARK
        for hit in days_in(" ".join(values))
    ]
    shown = [hit for label, hit in dated if label & ARRIVAL]
    shown = shown or [hit for label, hit in dated if not label & ELSE]
    hits = [_same_day(hit, wanted[0]) for hit in shown]
    if not any(hits):
        about = [hit for row in page.rows for cell in row for hit in days_in(cell)]
        loose = not shown and any(_same_day(hit, wanted[0]) for hit in about)
        return None if loose else "not on the page"
    return True if all(hits) and len({year for _, _, year in shown if year}) < 2 else None


def _same_day(shown: tuple[int, int, int | None], wanted: tuple[int, int, int | None]) -> bool:
    years = {shown[2], wanted[2]} - {None}
    return shown[:2] == wanted[:2] and len(years) < 2


def shows_text(page: Page, said: str) -> bool | str:
    """Whether the words stand on the page one after another, apart from case and punctuation."""
    return True if any(has_words(cell, said) for row in page.rows for cell in row) else "not on the page"


def has_words(text: str, said: str) -> bool:
    """Whether `text` has these words one after another, apart from case and punctuation."""
    return f" {plain(said)} " in f" {plain(text)} "


def plain(text: str) -> str:
    """The words of a text without case and punctuation."""
    return " ".join(word for word in fold(text).split() if word[0].isalnum())


def shows_name(page: Page, name: str) -> bool | str | None:
    """Whether a labelled row or a field holds this name, alone or before a comma, and none another's."""
    told = [*facts(page), *_typed(page, "textbox")]
    values = [value for label, values in told for value in values if not set(words(label)) & REMARK]
    if any(_head(value) == plain(name) for value in values):
        others = [other for other in persons(page) if _head(other) != plain(name)]
        return None if others else True
    wanted = set(plain(name).split())
    mentioned = any(wanted <= set(plain(cell).split()) for row in page.rows for cell in row)
    return None if mentioned else "not on the page"


def persons(page: Page) -> list[str]:
    """Every name that stands in a row or field about a person."""
    told = [*facts(page), *_typed(page, "textbox")]
    found = [value for label, values in told if _about_a_person(label) for value in values[:1]]
    return [value for value in found if not any(char.isdigit() for char in value)]


def _about_a_person(label: str) -> bool:
    said = words(label.rstrip(" :"))
    written = said[-1:] == ["by"] and bool({"written", "asked", "opened"} & set(said))
    named = bool(PERSON & set(said)) or said[-1:] in (["to"], ["for"], ["from"]) or written
    return named and not (NO_PERSON | REMARK) & set(said)


def _head(value: str) -> str:
    return plain(re.split(r"[,;(<]", value)[0])


def shows_option(page: Page, said: str) -> bool | str | None:
    """Whether an option is chosen: it stands as a value, or as a label whose value says yes.

    In a form: the chosen option of a select, or a radio or checkbox that is on.
    """
    wanted = root_words(said)
    if not wanted:
        return None
    told = [*facts(page), *_typed(page, "select")]
    found = {_chosen(fact, wanted) for fact in told}
    states = {
        value
        for role, name, value in page.fields
        if role in ("checkbox", "radio") and wanted <= root_words(name)
    }
    found |= {"yes"} if "on" in states else {"no"} if states else set()
    if "yes" in found:
        return None if "no" in found or _disagree(told, wanted) else True
    if "no" in found:
        return "not on the page"
    lone = [row[0] for row in page.rows if len(row) == 1 and row[0] not in page.links]
    mentioned = any(wanted <= root_words(text) and len(words(text)) <= MOST_WORDS for text in lone)
    return None if "maybe" in found or mentioned else "not on the page"


def _chosen(fact: Fact, wanted: set[str]) -> str:
    """What a labelled row says of an option: yes, no, maybe, or nothing."""
    label, values = fact
    if set(words(label)) & REMARK:
        return ""
    if any(wanted <= root_words(value) for value in values):
        bare = [re.sub(r"\([^)]*\)", " ", value) for value in values]
        parts = [part for value in bare for part in (*re.split("[,;]", value), value)]
        named = next((part for part in parts if wanted <= root_words(part)), "")
        clear = bool(named) and not {*words(named), *words(label)} & (NOT | OFFER)
        return "yes" if clear and all(len(words(value)) <= MOST_WORDS for value in bare) else "maybe"
    said = set(words(" ".join(values)))
    if not wanted <= root_words(label):
        return ""
    return "no" if said & NO else "yes" if said & YES else "maybe"


def _disagree(told: Sequence[Fact], wanted: set[str]) -> bool:
    """Whether rows of one label say that this is chosen, and that something else is."""
    labels = [fold(label) for label, values in told if any(wanted <= root_words(value) for value in values)]
    others = [
        fold(label) for label, values in told if not any(wanted <= root_words(value) for value in values)
    ]
    return bool(set(labels) & set(others))


def nothing_unasked(page: Page, said: Iterable[str]) -> bool | str:
    """Whether every row and checkbox that says yes is about something that was asked for."""
    asked = [root_words(item) for item in said]
    ticks = [(name, (value,)) for role, name, value in page.fields if role == "checkbox"]
    for label, values in [*facts(page), *ticks]:
        value = {word for word in words(" ".join(values)) if word not in ".,!"}
        if (
            value
            and value <= YES
            and not set(words(label)) & PLAIN
            and not any(item <= root_words(label) for item in asked)
        ):
            return fold(label)
    return True


def numbers_in(text: str) -> list[str]:
    """Words that could be an order's number: three digits or more, or digits behind a letter.

    No amounts, no years, nothing out of a date.
    """
    if days_in(text) or MONEY.search(text):
        return []
    found = [word for word in words(text) if "." not in word and any(char.isdigit() for char in word)]
    return [
        word
        for word in found
        if (sum(char.isdigit() for char in word) >= 3 or word[0].isalpha())
        and not (len(word) == 4 and word.startswith("20"))
    ]


def shows_number(page: Page, number: str) -> bool | str | None:
    """Whether this is the order's number: it stands in a cell of its own, or next to a label that says so.

    Numbers of other things (telephones, customers, invoices) do not count; of two order numbers none is sure.
    """
    shown: set[str] = set()
    alone = False
    for row in page.rows:
        cells = [cell for cell in row if cell not in page.links]
        said = set(words(" ".join(cells)))
        if said & FOREIGN or _is_order_line(row):
            continue
        alone = alone or any(plain(cell) == plain(number) for cell in cells)
        if said & NUMBERED:
            shown |= {word for cell in cells for word in numbers_in(cell)}
    if fold(number) in shown or (alone and plain(number)):
        return True if shown <= {fold(number)} else None
    return "not on the page"


def state_of(text: str) -> str:
    """The state of a ticket that a short text names: open, closed, or empty where it names none surely."""
    said = [word for word in words(text) if word[0].isalnum()]
    while said and said[0] in ("still", "is", "now", "currently", "already"):
        said = said[1:]
    if not said or len(said) > MOST_STATE_WORDS or (said[0] == "new" and len(said) > 1):
        return ""
    closed, opened = said[0] in CLOSED_WORDS, said[0] in OPEN_WORDS
    if closed == opened or set(said) & (NOT | (OPEN_WORDS if closed else CLOSED_WORDS)):
        return ""
    return "closed" if closed else "open"


def lists_tickets(page: Page) -> bool:
    """Whether two rows or more name a state: a list of tickets, and no ticket."""
    cells = [
        [cell for cell in row[1:] if cell not in page.links] if len(row) > 1 else [LABEL.sub(r"\2", row[0])]
        for row in page.rows
        if len(row) > 1 or (row and LABEL.match(row[0]) and row[0] not in page.links)
    ]
    return sum(any(state_of(cell) for cell in row) for row in cells) > 1


def ticket_is_closed(page: Page) -> bool | str | None:
    """Whether the row about the ticket's state says closed; None where none does surely, or several do."""
    if lists_tickets(page):
        return None
    told = [(set(words(label)), state_of(values[0])) for label, values in facts(page) if len(values) == 1]
    states = [state for label, state in told if label & {"status", "state", "stands"}]
    found = set(states or [state for label, state in told if "ticket" in label and state])
    return True if found == {"closed"} else "no" if found == {"open"} else None
