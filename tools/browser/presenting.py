"""From a reading of a page to the view that is shown: numbers, the budget, and what a style adds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

from .document import Seen, SeenElement
from .view import PLAIN, SHOWN_LIMIT, Element, Line, View, ViewStyle, clip, render_within, unnumbered

WHOLE = 4000
"""Characters up to which a page is shown whole, where nobody sets another budget."""

PART = 2400
"""Characters of the part that is shown of a longer page then: there is more to come in any case."""

MARKERS = 44
"""Characters kept free for the two lines that say how much was cut."""

EXTRA = 60
"""Characters kept free for each line that a style adds."""

NEW_LIMIT = 8
"""Numbers of new things that are printed; more are no news but another page."""


def present(
    seen: Seen,
    budget: int | None = None,
    style: ViewStyle = PLAIN,
    before: tuple[View, Seen | None] | None = None,
    tab: tuple[int, int] = (1, 1),
) -> tuple[View, dict[int, int]]:
    """The view of a reading in a style.

    Args:
        budget: Characters of the text; a difference to the view before has fewer. None: see `number`.
        before: The view before and its reading, for `new` and `diff`.
        tab: Which tab it is, and of how many.

    Returns:
        The view, and the observer's index of each number.
    """
    view, indexes = _shown(seen, budget, style, _extra(style))
    if style.place:
        view = replace(
            view, place=f"tab {tab[0]} of {tab[1]}, window {seen.windows[0]:g} of {seen.windows[1]:g}"
        )
    if before is None or before[1] is None or before[0].path != view.path:
        return view, indexes
    if style.new:
        view = replace(view, new=_new(view, before[1]))
    if style.diff and before[0].dialog is None:
        view = replace(view, earlier=tuple(unnumbered(line) for line in before[0].printed()))
    return view, indexes


def _shown(seen: Seen, budget: int | None, style: ViewStyle, extra: int) -> tuple[View, dict[int, int]]:
    if not style.window or seen.onscreen is None or seen.onscreen[0] < 0:
        return number(seen, budget, extra)
    first, last = seen.onscreen
    part, indexes = _numbered(seen, first, last + 1)
    return _within(part, max((budget or WHOLE) - extra - MARKERS, 1), indexes)


def _new(view: View, before: Seen) -> tuple[int, ...]:
    had = Counter(
        (part.role, part.name) for line in before.lines for part in line if isinstance(part, SeenElement)
    )
    found: list[int] = []
    for element in view.elements.values():
        key = (element.role, element.name)
        had[key] -= 1
        if had[key] < 0:
            found.append(element.number)
    return tuple(found) if len(found) <= NEW_LIMIT else ()


def number(seen: Seen, budget: int | None = None, extra: int = 0) -> tuple[View, dict[int, int]]:
    """Give out numbers 1..k from the first line shown, and cut to `budget` characters.

    The whole page is shown when it fits; else from the line that the page was scrolled to.

    Args:
        budget: None: a page of up to `WHOLE` characters is shown whole, of a longer one `PART`.
        extra: Characters to keep free of them.

    Returns:
        The view, and the observer's index of each number.
    """
    whole, indexes = _numbered(seen, 0)
    limit = (budget or WHOLE) - extra
    if len(whole.text()) <= limit:
        return _within(whole, limit, indexes)
    budget = max((budget or PART) - extra - MARKERS, 1)
    last_start = _start_before(whole, len(seen.lines), budget)
    part, indexes = _numbered(seen, min(seen.first, last_start, len(seen.lines) - 1))
    return _within(part, budget, indexes)


def part_before(seen: Seen, line: int, budget: int | None = None, style: ViewStyle = PLAIN) -> int:
    """The line at which the part before a line begins, so that a view of it leaves none out between them."""
    whole, _ = _numbered(seen, 0)
    room = max((budget or PART) - _extra(style) - MARKERS, 1)
    return min(_start_before(whole, line, room), max(line - 1, 0))


def _extra(style: ViewStyle) -> int:
    return EXTRA * (style.place + style.new)


def _start_before(whole: View, line: int, budget: int) -> int:
    """The first of the lines before `line` that fit into `budget` together, as the whole page prints them."""
    room = budget - len(whole.path) - len(whole.title) - 7
    for text in reversed(whole.printed()[:line]):
        room -= len(text) + 1
        if room < 0:
            break
        line -= 1
    return line


def _within(view: View, budget: int, indexes: dict[int, int]) -> tuple[View, dict[int, int]]:
    """The view cut to `budget`; where the page goes on unread, `below` leads there."""
    view = render_within(view, budget)
    if view.unread_below and not view.below:
        view = replace(view, below=1)
    return view, indexes


def _numbered(seen: Seen, first: int, end: int | None = None) -> tuple[View, dict[int, int]]:
    indexes: dict[int, int] = {}
    lines: list[Line] = []
    for seen_line in seen.lines[first:end]:
        parts: list[str | Element] = []
        for part in seen_line:
            if isinstance(part, str):
                parts.append(part[:SHOWN_LIMIT] if seen.raw else clip(part))
                continue
            indexes[len(indexes) + 1] = part.index
            parts.append(
                Element(
                    len(indexes),
                    part.role,
                    clip(part.name),
                    part.value,
                    part.options,
                    part.disabled,
                    part.state,
                    part.shown,
                    part.hinted,
                )
            )
        lines.append(tuple(parts))
    below = 0 if end is None else max(len(seen.lines) - end, 0)
    view = View(
        seen.url, path_of(seen.url), clip(seen.title), tuple(lines), None, first, below,
        unread_above=seen.unread_above, unread_below=seen.unread_below, raw=seen.raw,
    )  # fmt: skip
    return view, indexes


def path_of(url: str) -> str:
    """Path, query and fragment of an address: the part a model reads."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url[:80]
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{parts.path or '/'}{query}{fragment}"
