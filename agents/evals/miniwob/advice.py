"""What the expert of a task does in a view, whoever acted before it.

Most pages show what was done on them; then the view alone tells what is next. On the pages of `RECALLED` it
does not, and what was done is gone through again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ....tools.browser import Action, Element, View
from .experts import EXPERTS, folders_in, links_named, numbers_in, ordinal_in, turns_page
from .moves import FIELDS, NotSeen, click, first, holds, named, quoted, sender, things, typed

Past = Sequence[tuple[View, Action]]
"""The actions of an episode so far, each with the view that it was taken in."""


def advise(task: str, goal: str, view: View, past: Past = ()) -> Action:
    """What is right to do next.

    Args:
        past: What was done; without it an episode is taken to begin here.

    Raises:
        KeyError: The task has no expert.
        NotSeen: It does not find what it looks for.
    """
    try:
        if task in RECALLED:
            return RECALLED[task](goal, view, past)
        return next(EXPERTS[task](goal, view))
    except (IndexError, ValueError) as error:  # the goal is worded otherwise than it looks for
        raise NotSeen from error


def _pressed(past: Past) -> Iterator[tuple[View, Element]]:
    """What was clicked, with the view that had it."""
    for view, action in past:
        if action.verb == "click" and action.target in view.elements:
            yield view, view.elements[action.target]


def tree(goal: str, view: View, past: Past) -> Action:
    """Click the name where it is shown, else open the first folder that never was, or is not."""
    name = quoted(goal)[0]
    nodes = [item for item in things(view, "other") if item.name == name]
    if nodes:
        return click(nodes[0])
    turned = Counter(folder for before, item in _pressed(past) if (folder := _folder(before, item)))
    closed = [item for item in folders_in(view) if not turned[item.name] % 2]
    return click(first(sorted(closed, key=lambda item: turned[item.name] > 0)))


def _folder(view: View, pressed: Element) -> str:
    """The folder that a click opened or closed; empty where it was none."""
    found = (item.name for item in folders_in(view) if pressed.number in (item.number - 1, item.number))
    return next(found, "")


def sections(goal: str, view: View, past: Past) -> Action:
    """Click the link where it is shown, else open the next section that was not open yet."""
    name = quoted(goal)[0]
    if found := links_named(view, name):
        return click(found[0])
    opened = {item.name for _, item in _pressed(past) if item.role == "tab"}
    return click(first(item for item in things(view, "tab") if item.name not in opened))


def parities(goal: str, view: View, past: Past) -> Action:
    """Press odd or even beside the first number that is not marked right, then submit."""
    marked: dict[int, str] = {}
    for before, item in _pressed(past):
        pairs = _pairs(before)
        if item in pairs:
            marked[pairs.index(item) // 2] = item.name
    pairs = _pairs(view)
    for place, number in enumerate(numbers_in(view)):
        right = "Odd" if number % 2 else "Even"
        if marked.get(place) != right:
            return click(first(item for item in pairs[place * 2 :][:2] if item.name == right))
    return click(sender(view))


def _pairs(view: View) -> list[Element]:
    return [item for item in things(view, "button") if item.name in ("Odd", "Even")]


def results(goal: str, view: View, past: Past) -> Action:
    """Search, turn page by page to the result that is counted, click it there."""
    wanted, field = ordinal_in(goal), first(things(view, *FIELDS))
    if not holds(field, quoted(goal)[0]):
        return typed(field, quoted(goal)[0])
    page = _page_of(past)
    found = _results(view)
    if not page or not found:
        return click(sender(view))
    length = max(len(found), *(len(_results(before)) for before, _ in past))
    aim = (wanted - 1) // length + 1
    if aim != page:
        return click(named(view, str(page + (1 if aim > page else -1)), "link"))
    return click(found[(wanted - 1) % length])


def _results(view: View) -> list[Element]:
    return [item for item in things(view, "link") if not turns_page(item)]


def _page_of(past: Past) -> int:
    """The page of results that was turned to; 0 where nothing was searched since something was typed."""
    page = 0
    for view, action in past:
        item = view.elements.get(action.target or 0)
        if item is None:
            continue
        if action.verb == "type":
            page = 0
        elif item == sender(view):
            page = 1
        elif page and item.name.isdigit():
            page = int(item.name)
        elif page and item.name in ("<", ">"):
            page = max(1, page + (1 if item.name == ">" else -1))
    return page


RECALLED: dict[str, Callable[[str, View, Past], Action]] = {
    "navigate-tree": tree,
    "click-collapsible-2": sections,
    "click-collapsible-2-nodelay": sections,
    "odd-or-even": parities,
    "search-engine": results,
}
"""Tasks whose pages do not show what was done."""
