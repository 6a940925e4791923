"""Scripted experts for the tasks that are developed on: goal and view in, action verbs out, nothing else.

They see the text that a model sees, and say what a model can say. What they reach is the ceiling that a
policy can be measured against, and their actions are labels to train on. One function serves a family.

An expert goes on from what the view shows: what a field holds already is not typed again, what is ticked and
should not be is unticked. So one that is begun in the middle of an episode says what to do there (`advise`),
except where the view does not show what was done: which folders of a tree are open, which page of results is
shown, which of two buttons was pressed last.

Does not cover: any other task; an expert that does not find what it looks for gives up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....tools.browser import Action, Element, View
from .moves import (
    FIELDS,
    PRESSED,
    Expert,
    Moves,
    NotSeen,
    click,
    first,
    holds,
    labels,
    named,
    quoted,
    sender,
    texts,
    things,
    typed,
)

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
MOST_PAGES = 24
"""Months turned back, pages turned or folders opened before an expert gives up."""


def press_named(goal: str, view: View) -> Moves:
    """Press the one thing that the goal names: in quotes, or in capitals. The "x" of a dialog closes it."""
    names = quoted(goal) or re.findall(r"\b[A-Z]{2,}\b", goal)
    name = names[0] if names else ""
    yield click(named(view, "Close" if name == "x" else name, *PRESSED))


def choose_named(goal: str, view: View) -> Moves:
    """Tick what the goal lists, then submit."""
    found = re.search(r"Select (.*) and click Submit", goal)
    wanted = [] if found is None or found[1] == "nothing" else found[1].split(", ")
    for item in things(view, "checkbox"):
        if item.value == "on" and item.name not in wanted:
            view = yield click(named(view, item.name, "checkbox"))
    for name in wanted:
        item = named(view, name, "checkbox", "radio")
        if item.value != "on":
            view = yield click(item)
    yield click(sender(view))


def type_quoted(goal: str, view: View) -> Moves:
    """Type what the goal quotes into the fields in order, the last again where fields are left; submit."""
    words = quoted(goal)
    if not words:
        raise NotSeen
    if "upper case" in goal:
        words = [words[0].upper()]
    elif "lower case" in goal:
        words = [words[0].lower()]
    for place in range(len(things(view, *FIELDS))):
        field, word = first(things(view, *FIELDS)[place:]), words[min(place, len(words) - 1)]
        if not holds(field, word):
            view = yield typed(field, word)
    yield click(sender(view))


def log_in(goal: str, view: View) -> Moves:
    """Type user name and password, closing whatever pops up, then press the button below them."""
    user, password = quoted(goal)[:2]
    for _ in range(MOST_PAGES):
        if popup := _popup(view):
            view = yield click(popup)
            continue
        name, secret = first(things(view, "textbox")), first(things(view, "password"))
        if not holds(name, user):
            view = yield typed(name, user)
        elif not holds(secret, password):
            view = yield typed(secret, password)
        else:
            view = yield click(sender(view))


def _popup(view: View) -> Element | None:
    """What leaves a pop-up that asks whether to stay."""
    leaves = ("cancel", "close", "dismiss", "no", "x")
    return next((item for item in things(view, *PRESSED) if item.name.lower() in leaves), None)


def focus(goal: str, view: View) -> Moves:
    """Click into the field that the goal counts."""
    number = re.search(r"(\d+)(?:st|nd|rd|th)", goal)
    place = int(number[1]) - 1 if number else 0
    yield click(first(things(view, *FIELDS)[place:]))


def enter_date(goal: str, view: View) -> Moves:
    """Type the date as the goal has it, then submit."""
    found = re.search(r"\d+/\d+/\d+", goal)
    month, day, year = _numbers_of(goal, r"(\d+)/(\d+)/(\d+)")
    yield from _fill(view, found[0] if found else "", holding=f"{year:04}-{month:02}-{day:02}")


def enter_time(goal: str, view: View) -> Moves:
    """Type the time as the goal has it, then submit."""
    found = re.search(r"\d+:\d+ [AP]M", goal)
    hour, minute = _numbers_of(goal, r"(\d+):(\d+)")
    hour = hour % 12 + (12 if " PM" in goal else 0)
    yield from _fill(view, found[0] if found else "", holding=f"{hour:02}:{minute:02}")


def _fill(view: View, text: str, holding: str = "") -> Moves:
    """Type into the first field what it does not hold yet, as `text` or as it holds it then; submit."""
    field = first(things(view, *FIELDS))
    if not holds(field, holding or text):
        view = yield typed(field, text)
    yield click(sender(view))


def _numbers_of(goal: str, pattern: str) -> tuple[int, ...]:
    found = re.search(pattern, goal)
    if found is None:
        raise NotSeen
    return tuple(map(int, found.groups()))


def pick_date(goal: str, view: View) -> Moves:
    """Open the calendar, turn back to the month, click the day, submit."""
    month, day, year = _numbers_of(goal, r"(\d+)/(\d+)/(\d+)")
    for _ in range(MOST_PAGES):
        field, shown = first(things(view, *FIELDS)), _month_shown(view)
        if holds(field, f"{month:02}/{day:02}/{year}"):
            yield click(sender(view))
            return
        if shown is None:
            view = yield click(field)
        elif shown == (year, month):
            view = yield click(named(view, str(day), "link"))
        else:
            view = yield click(named(view, "Next" if shown < (year, month) else "Prev"))
    raise NotSeen


def _month_shown(view: View) -> tuple[int, int] | None:
    """Year and month of the open calendar; None while it is closed."""
    for text in texts(view):
        found = re.fullmatch(r"(\w+) (\d{4})", text)
        if found and found[1] in MONTHS:
            return int(found[2]), MONTHS.index(found[1]) + 1
    return None


def book_ticket(goal: str, view: View) -> Moves:
    """Press the button of the ticket with the least or most of what the goal names."""
    by_time = "duration" in goal
    most = any(word in goal for word in ("longest", "most expensive"))
    offers: list[tuple[int, Element]] = []
    minutes = 0
    for part in _parts(view):
        if isinstance(part, str):
            found = re.fullmatch(r"(\d+)h (\d+)m", part)
            minutes = int(found[1]) * 60 + int(found[2]) if found else minutes
        elif price := re.search(r"\$(\d+)", part.name):
            offers.append((minutes if by_time else int(price[1]), part))
    if not offers:
        raise NotSeen
    best = (max if most else min)(offers, key=lambda offer: offer[0])
    yield click(best[1])


def _parts(view: View) -> Iterator[str | Element]:
    for line in view.lines:
        yield from line


def expand_and_submit(goal: str, view: View) -> Moves:
    """Open the section, then press the button."""
    if not texts(view):
        view = yield click(first(things(view, "tab", *PRESSED)))
    yield click(named(view, "Submit", "button"))


def find_link(goal: str, view: View) -> Moves:
    """Open one section after another until the link is there."""
    name = quoted(goal)[0]
    for _ in range(MOST_PAGES):
        if found := links_named(view, name):
            yield click(found[0])
            return
        view = yield click(first(things(view, "tab")[_last_open(view) + 1 :]))
    raise NotSeen


def _last_open(view: View) -> int:
    """The last section that shows something below its head, from 0; -1 where none does."""
    last, place = -1, -1
    for part in _parts(view):
        if isinstance(part, Element) and part.role == "tab":
            place += 1
        else:
            last = place
    return last


def links_named(view: View, name: str) -> list[Element]:
    """Links of that name; marks behind it aside where there is none with them."""
    links = things(view, "other", "link")
    plain = name.rstrip(".,")
    return [item for item in links if item.name == name] or [
        item for item in links if item.name.rstrip(".,") == plain
    ]


def find_in_tree(goal: str, view: View) -> Moves:
    """Click the name where it is shown, else open the folders that are not open, in order."""
    name = quoted(goal)[0]
    opened: set[str] = set()
    for _ in range(MOST_PAGES):
        if found := [item for item in things(view, "other") if item.name == name]:
            view = yield click(found[0])
            continue
        folder = first(item for item in folders_in(view) if item.name not in opened)
        opened.add(folder.name)
        view = yield click(folder)


def folders_in(view: View) -> list[Element]:
    """Things with something to open before them."""
    rows = [[part for part in line if isinstance(part, Element)] for line in view.lines]
    return [row[1] for row in rows if len(row) > 1 and row[0].name.startswith("hitarea")]


def mark_numbers(goal: str, view: View) -> Moves:
    """Press odd or even beside each number, then submit."""
    for number, place in enumerate(numbers_in(view)):
        pair = [item for item in things(view, "button") if item.name in ("Odd", "Even")][number * 2 :][:2]
        view = yield click(first(item for item in pair if item.name == ("Odd" if place % 2 else "Even")))
    yield click(sender(view))


def numbers_in(view: View) -> list[int]:
    """The whole numbers among the texts, in order."""
    return [int(text) for text in texts(view) if re.fullmatch(r"-?\d+", text)]


def copy_cell(goal: str, view: View) -> Moves:
    """Type the cell beside the one that the goal names, then submit."""
    found = re.search(r"value of (.+) into", goal)
    wanted = found[1] if found else ""
    yield from _fill(view, _cell(view, wanted))


def copy_cells(goal: str, view: View) -> Moves:
    """Type into each field the cell beside its label, then submit."""
    yield from _fill_all(view, {number: _cell(view, label) for number, label in labels(view).items()})


def _fill_all(view: View, values: dict[int, str]) -> Moves:
    """Type into each field, by its number, what it does not hold yet, then submit."""
    for number, text in values.items():
        if not holds(view.elements[number], text):
            view = yield Action("type", number, text)
    yield click(sender(view))


def _cell(view: View, label: str) -> str:
    for line in view.lines:
        cells = [part for part in line if isinstance(part, str)]
        if len(cells) == 2 and cells[0].lower() == label.lower():
            return cells[1]
    raise NotSeen


def copy_text(goal: str, view: View) -> Moves:
    """Type the text of the page as one word, then submit."""
    yield from _fill(view, "".join(texts(view)).replace(" ", ""))


def search_films(goal: str, view: View) -> Moves:
    """Fill genre, director and year by their labels, then send."""
    found = re.search(r"for (.+) movies directed by (.+) from year (\d+)", goal)
    if found is None:
        raise NotSeen
    values = {"genre": found[1], "director": found[2], "year": found[3], "date": found[3]}
    fitting = {
        number: [value for word, value in values.items() if word in label]
        for number, label in labels(view).items()
    }
    if not all(fitting.values()):
        raise NotSeen
    yield from _fill_all(view, {number: found[0] for number, found in fitting.items()})


def search_results(goal: str, view: View) -> Moves:
    """Search, turn to the page of the result that is counted, click it there."""
    wanted = ordinal_in(goal)
    if not holds(first(things(view, *FIELDS)), quoted(goal)[0]):
        view = yield typed(first(things(view, *FIELDS)), quoted(goal)[0])
    if not things(view, "link"):
        view = yield click(sender(view))
    before = 0
    for page in range(2, MOST_PAGES):
        results = [item for item in things(view, "link") if not turns_page(item)]
        if wanted <= before + len(results):
            yield click(results[wanted - before - 1])
            return
        before += len(results)
        view = yield click(named(view, str(page), "link"))
    raise NotSeen


def ordinal_in(goal: str) -> int:
    """Which search result the goal counts, from 1."""
    return _numbers_of(goal, r"(\d+)(?:st|nd|rd|th) search result")[0]


def turns_page(item: Element) -> bool:
    """Whether a link turns the pages of results."""
    return item.name.isdigit() or item.name in ("<", ">")


def complete(goal: str, view: View) -> Moves:
    """Type how the item starts, wait for the suggestions, click the one that ends right, submit."""
    starts, *ends = quoted(goal)
    for _ in range(MOST_PAGES):
        field = first(things(view, *FIELDS))
        offered = things(view, "other", "option", "menuitem")
        fitting = [item for item in offered if _fits(item.name, starts, ends)]
        if fitting:
            view = yield click(fitting[0])
        elif field.value != starts and _fits(field.value or "", starts, ends):
            yield click(sender(view))
            return
        elif field.value != starts:
            view = yield typed(field, starts)
        else:
            view = yield Action("wait")
    raise NotSeen


def _fits(text: str, starts: str, ends: list[str]) -> bool:
    return text.startswith(starts) and all(text.endswith(end) for end in ends)


SHAPES = {
    "circle": "Circle", "ellipse": "Circle", "rect": "Rectangle", "polygon": "Triangle", "path": "Triangle",
}  # fmt: skip
"""What a view says of a figure without text, and the button that names it."""


def name_shape(goal: str, view: View) -> Moves:
    """Press what names the figure: a digit, a letter, or the shape that the view hints at."""
    buttons = [item.name for item in things(view, "button")]
    figure = first(item for item in things(view) if item.name not in buttons)
    hinted = [name for hint, name in SHAPES.items() if hint in figure.name.lower()]
    if len(figure.name) == 1:
        hinted = ["Number" if figure.name.isdigit() else "Letter"]
    if not hinted:
        raise NotSeen
    yield click(named(view, hinted[0], "button"))


FAMILIES: dict[Expert, str] = {
    press_named: "click-dialog click-dialog-2 click-test-2 click-test-transfer unicode-test",
    choose_named: "click-checkboxes click-checkboxes-large click-checkboxes-transfer click-option",
    type_quoted: "enter-password enter-text enter-text-2 enter-text-dynamic",
    log_in: "login-user login-user-popup",
    focus: "focus-text focus-text-2",
    enter_date: "enter-date",
    enter_time: "enter-time",
    pick_date: "choose-date choose-date-easy choose-date-medium choose-date-nodelay",
    book_ticket: "buy-ticket",
    expand_and_submit: "click-collapsible click-collapsible-nodelay",
    find_link: "click-collapsible-2 click-collapsible-2-nodelay",
    find_in_tree: "navigate-tree",
    mark_numbers: "odd-or-even",
    copy_cell: "read-table",
    copy_cells: "read-table-2",
    copy_text: "text-transform",
    search_films: "multi-layouts multi-orderings",
    search_results: "search-engine",
    complete: "use-autocomplete use-autocomplete-nodelay",
    name_shape: "identify-shape",
}

EXPERTS: dict[str, Expert] = {task: expert for expert, tasks in FAMILIES.items() for task in tasks.split()}
"""The expert of each task."""
