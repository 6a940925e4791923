"""Programmatic checks of a page: its rows and fields, the lines of an order, person, day, number, state.

Every check works on a `Page`, what a verifier's own look returned, and answers True, a sentence (a fail), or
None (cannot say). They hold the words of the page against the words of the goal: a thing must have the same
words, so "Large green mug" is not "green mugs". Options are checked in `options`, what nobody asked for in
`extras`.

What proves anything is a row with a label (`Delivery | Express`, `Delivery: Express`) or a field of a form. A
link or a sentence that only mentions what was said proves nothing, and where rows contradict one another the
answer is None.

What this does not cover: pages that do not show an order's line as one row (name, count, price), or a chosen
thing next to its label: then the answer is None, and the task ends unverified rather than wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from ...tools.browser.view import TEXT_ROLES, Element, View
from ..days import DAY, days_in
from ..wording import fold, stem, stems, words

MONEY = re.compile(r"[£$€]\s?\d|\d\s?(?:€|(?:eur|usd|gbp)\b)|\d+[.,]\d\d\b", re.IGNORECASE)
COUNT = re.compile(r"^(?:x\s*|×\s*)?(\d{1,4})(?:\s*(?:x|×|pcs?|pieces?|units?|items?))?$", re.IGNORECASE)
LABEL = re.compile(r"^([^:]*[^:\d\s])\s*:\s*(\S.*)$")
"""A label and its value in one text; a time of the day is neither."""

NOT = frozenset("no off none not false without never except nor".split())

REMARK = frozenset(
    "note notes message comment comments remark remarks instruction instructions reply answer write".split()
)
"""Words of labels behind which anything may stand."""

PERSON = frozenset(
    "name recipient customer addressee receiver consignee client buyer person requester reporter".split()
)
NO_PERSON = frozenset("product article item shop store company brand user username file card".split())
STAFF = frozenset(
    """agent agents assignee assigned handler handled owner operator staff clerk representative responsible
    supervisor manager support team technician cc bcc copied watcher watchers follower followers
    escalated forwarded answered resolved solved signed logged""".split()
)
"""Words of labels of who deals with something or only looks on: a name behind them is not whose it is."""

AUTHORS = frozenset("written asked opened ordered bought placed raised reported submitted requested".split())
"""Words before `by` in labels of whose something is; of others that end so, whoever did some work."""

ARRIVAL = frozenset(
    "deliver delivers delivery delivered arrive arrives arrival arriving due eta expected".split()
)
ELSE = frozenset(
    """order ordered placed paid payment invoice created today return returns valid since dispatched shipped
    sent opened expires""".split()
)
"""Words of labels of dates on which nothing arrives."""

LEAVES = frozenset("dispatch dispatches dispatched dispatching shipped sent posted".split())
"""Words about a day on which something goes off, whatever else its label says."""

VAGUE = NOT | frozenset("earliest latest before after until till from".split())
"""Words before a date that make it another day than the one on which something arrives."""

NUMBERED = frozenset("order number no nr reference ref confirmation id".split())
AROUND = frozenset(
    """your this our my the a an is of for s given new last latest previous placed received purchase sales
    shop online web booking code""".split()
)
"""Words that may stand with one of those in the label of an order's number."""

NAMING = frozenset("number nr reference ref confirmation".split())
TOWARDS = frozenset("to at in from of".split())
"""Words before the number of a place or of something else."""

COUNTED = frozenset("items pieces goods units points packages lines total value weight".split())
"""Words of labels of what an order has a number of."""

FOREIGN = frozenset(
    """call ring phone tel telephone fax mobile customer account member invoice payment tracking parcel vat
    article item product sku card voucher postcode zip postal plz address house street""".split()
)
"""Words of labels of numbers that are not an order's."""

IDLE = frozenset("a an the and".split())
"""Words that make no difference in the name of a thing."""

MARKS = frozenset("+#%°")
APART = re.compile(r"[,;()\[\]–—|]|\s-\s")
"""What sets parts of a name apart."""

MOST_PARTS = 4
"""Parts of a name that are tried in every order."""

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
        cut: There is more on the page than was seen.
    """

    url: str
    path: str
    title: str
    rows: tuple[tuple[str, ...], ...]
    fields: tuple[tuple[str, str, str], ...]
    links: tuple[str, ...] = ()
    cut: bool = False

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
        cut = bool(view.above or view.below or view.unread_above or view.unread_below)
        return cls(view.url, view.path, view.title, tuple(rows), tuple(fields), links, cut)

    @classmethod
    def read(cls, value: Any) -> Page:
        """Back from JSON."""
        rows = tuple(tuple(str(cell) for cell in row) for row in value["rows"])
        fields = tuple((str(a), str(b), str(c)) for a, b, c in value["fields"])
        links = tuple(str(name) for name in value.get("links", ()))
        cut = value.get("cut") is True
        return cls(value["url"], value["path"], value["title"], rows, fields, links, cut)

    def as_json(self) -> dict[str, Any]:
        return {
            "url": self.url, "path": self.path, "title": self.title,
            "rows": [list(row) for row in self.rows], "fields": [list(item) for item in self.fields],
            "links": list(self.links), **({"cut": True} if self.cut else {}),
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
        if not row or row[0] in page.links or row[0] in ticks or is_order_line(row):
            continue
        label, *values = row
        values = [value for value in values if value.strip() and value not in (*page.links, *ticks)]
        if values:
            found.append((label, tuple(values)))
        elif match := LABEL.match(label.strip()):
            found.append((match[1], (match[2],)))
    return found


def typed(page: Page, *roles: str) -> list[Fact]:
    """What the fields of these roles hold, by their names."""
    return [(name, (value,)) for role, name, value in page.fields if role in roles and value.strip()]


def is_order_line(row: tuple[str, ...]) -> bool:
    """Whether a row has a name, a whole number and a price."""
    return bool(_counts(row) and names_in(row)) and any(MONEY.search(cell) for cell in row)


def _counts(row: tuple[str, ...]) -> set[int]:
    return {int(match.group(1)) for cell in row if (match := COUNT.match(cell.strip()))}


def names_in(row: tuple[str, ...]) -> list[str]:
    """The cells of a row that are words, and neither prices nor counts."""
    return [
        cell
        for cell in row
        if re.search(r"[^\W\d]", cell) and not MONEY.search(cell) and not COUNT.match(cell.strip())
    ]


def order_lines(page: Page) -> list[tuple[str, int | None]]:
    """Name and count of each row that is a line of an order: it has a name, a whole number and a price.

    The count is None where a row has two whole numbers that differ.
    """
    rows = [(names_in(row)[0], _counts(row)) for row in page.rows if is_order_line(row)]
    return [(name, next(iter(counts)) if len(counts) == 1 else None) for name, counts in rows]


def same_thing(left: str, right: str) -> bool:
    """Whether two names are of one thing: the same words in the same order, one or many, in any case.

    Articles and `and` do not count. Parts that are set apart may
    change places: `Mug, green` is a `green mug`.
    """
    return bool(_orders_of(left) & _orders_of(right))


def _orders_of(name: str) -> set[tuple[str, ...]]:
    """The words of a name in each order in which its parts may stand; no `()`."""
    parts = [part for part in map(_thing_words, APART.split(name)) if part]
    orders = permutations(parts) if len(parts) <= MOST_PARTS else [tuple(parts)]
    return {tuple(word for part in order for word in part) for order in orders if order}


def _thing_words(text: str) -> list[str]:
    """The words of a thing's name, and marks that are no punctuation (`C++`, `C#`)."""
    said = [stem(word) for word in words(text) if word[0].isalnum() or word in MARKS]
    return [word for word in said if word not in IDLE]


def root_words(text: str) -> set[str]:
    """The words of an option's name without endings and small words."""
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
    if not lines and not reads_empty(page):
        return None
    if not hits:
        return "not on the page"
    if len(hits) > 1:
        return f"the page shows it {len(hits)} times"
    if hits[0] is None:
        return None
    return True if hits[0] == count else f"the page shows {hits[0]}"


def reads_empty(page: Page) -> bool:
    """Whether a page says somewhere that there is nothing."""
    return any({"nothing", "empty", "no"} & set(words(cell)) for row in page.rows for cell in row)


def holds_value(page: Page, said: str) -> bool:
    """Whether a field of the page holds what was said, dates in any notation."""
    day = days_in(said)
    return any(
        fold(value) == fold(said) or (bool(day) and [hit[:2] for hit in days_in(value)] == [day[0][:2]])
        for role, _, value in page.fields
        if role in TEXT_ROLES and role != "searchbox"
    )


def shows_day(page: Page, said: str) -> bool | str | None:
    """Whether the day on which something arrives is the one that was said (the year too if it was said).

    Rows about delivery or arrival count; where there are none, rows about no other day. All must agree. The
    earliest day, the last one, and one on which something is not there or only sent off prove nothing.
    """
    wanted = days_in(said)
    if len(wanted) != 1:
        return None
    dated = [(about, hit) for about, hit in _dated(page) if not about & (VAGUE | LEAVES)]
    shown = [hit for about, hit in dated if about & ARRIVAL]
    shown = shown or [hit for about, hit in dated if not about & ELSE]
    hits = [_same_day(hit, wanted[0]) for hit in shown]
    if not any(hits):
        about = [hit for row in page.rows for cell in row for hit in days_in(cell)]
        loose = not shown and any(_same_day(hit, wanted[0]) for hit in about)
        return None if loose else "not on the page"
    return True if all(hits) and len({year for _, _, year in shown if year}) < 2 else None


def _dated(page: Page) -> list[tuple[set[str], tuple[int, int, int | None]]]:
    """Every date behind a label or in a field, with the words before it."""
    found: list[tuple[set[str], tuple[int, int, int | None]]] = []
    for label, values in [*facts(page), *typed(page, "date", "textbox")]:
        text = " ".join(values)
        first = DAY.search(text)
        if first and not set(words(label)) & REMARK:
            about = {*words(label), *words(text[: first.start()])}
            found += [(about, hit) for hit in days_in(text)]
    return found


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
    """Whether a labelled row or a field holds this name, alone or before a comma, and none another's.

    A name behind a label about who deals with something proves nothing.
    """
    told = [*facts(page), *typed(page, "textbox")]
    values = [value for label, values in told for value in values if not _about_others(label)]
    if any(_head(value) == plain(name) for value in values):
        others = [other for other in persons(page) if _head(other) != plain(name)]
        return None if others else True
    wanted = set(plain(name).split())
    mentioned = any(wanted <= set(plain(cell).split()) for row in page.rows for cell in row)
    return None if mentioned else "not on the page"


def persons(page: Page) -> list[str]:
    """Every name that stands in a row or field about a person."""
    told = [*facts(page), *typed(page, "textbox")]
    found = [value for label, values in told if about_a_person(label) for value in values[:1]]
    return [value for value in found if not any(char.isdigit() for char in value)]


def about_a_person(label: str) -> bool:
    """Whether a person stands behind a label whose something is."""
    said = words(label.rstrip(" :"))
    written = said[-1:] == ["by"] and bool(AUTHORS & set(said))
    named = bool(PERSON & set(said)) or said[-1:] in (["to"], ["for"], ["from"]) or written
    return named and not NO_PERSON & set(said) and not _about_others(label)


def _about_others(label: str) -> bool:
    """Whether anything may stand behind a label, or somebody whose it is not."""
    said = words(label.rstrip(" :"))
    worked = said[-1:] == ["by"] and len(said) > 1 and not {*AUTHORS, "sent"} & set(said)
    return worked or bool((REMARK | STAFF) & set(said))


def _head(value: str) -> str:
    return plain(re.split(r"[,;(<]", value)[0])


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
    """Whether this is the order's number: alone in a row of one cell, or next to a label that says so.

    Numbers of other things (telephones, customers, postcodes) do not count; of two of orders none is sure.
    """
    wanted = plain(number)
    if not wanted:
        return "not on the page"
    shown: set[str] = set()
    alone = mentioned = False
    for row in page.rows:
        cells = [cell for cell in row if cell not in page.links]
        if not cells or set(words(" ".join(cells))) & FOREIGN or is_order_line(row):
            continue
        shown |= _order_numbers(cells, wanted)
        alone = alone or (len(row) == 1 and plain(row[0]) == wanted)
        mentioned = mentioned or any(has_words(cell, number) for cell in cells)
    if wanted in shown or (alone and not shown):
        return True if shown <= {wanted} else None
    return None if mentioned and not shown else "not on the page"


def _order_numbers(cells: Sequence[str], wanted: str) -> set[str]:
    """What a row gives as an order's number: behind such a label, or in a text behind a word for it."""
    found = {number for cell in cells for number in _spoken_numbers(cell)}
    label, *values = cells
    if not values and (match := LABEL.match(label.strip())):
        label, values = match[1], [match[2]]
    said = {word for word in words(label) if word.isalpha()}
    surely = {"order"} < said & NUMBERED and not said & COUNTED
    if not surely and not (said & NUMBERED and said <= NUMBERED | AROUND):
        return found
    for value in values:
        bare = " ".join(word for word in plain(value).split() if word not in NUMBERED)
        short = bare.isalnum() and said & NUMBERED != {"order"} and any(char.isdigit() for char in bare)
        if wanted in (bare, plain(value)):
            found.add(wanted)
        else:
            found |= {bare} if short and not MONEY.search(value) else set(numbers_in(value))
    return found


def _spoken_numbers(text: str) -> set[str]:
    """Numbers that a sentence gives right behind a word for an order's number (`your order no. 4711`).

    Behind words that mean nothing but a number, up to two others may stand between.
    """
    said = [word for word in words(text) if word[0].isalnum() and word != "is"]
    found: set[str] = set()
    for number in numbers_in(text):
        before = said[: said.index(number)][-3:] if number in said else []
        near = bool(NAMING & set(before)) and not TOWARDS & set(before)
        found |= {number} if near or NUMBERED & set(before[-1:]) else set()
    return found


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
