"""Why the orders of a plan may be misread: counts without their things, fields of another order.

Covers: what every order must satisfy, whatever it is of. Does not cover: an option that is none, where it
reads like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from ..wording import FUNCTION, Span, count_of, tokens, words
from .carrying import ENDS, titled
from .reading import BEHIND, MEASURES, NOUNS, WEEKDAYS, Field, PlannedTask

JOINING = frozenset(": and plus".split())
STOPS = frozenset(". ; ! ?".split())
LINKING = frozenset(
    """
    addition another apart besides different further independent job matter second separate separately
    somebody someone task then unrelated
    """.split()
)
"""Words that begin another task."""

ORDERING = frozenset(
    "order buy get purchase need want send ship dispatch deliver take reserve arrange".split()
)
ASKING = frozenset(
    """
    ask book call cancel check email e-mail find forward inform invite mail message notify phone refund
    remind reply return ring send tell translate write
    """.split()
)
"""Verbs that ask for something to be done: no option begins with one."""

WANTING = frozenset(
    "asked wanted wants needs requested wrote is has would should must shall gets orders receives".split()
)
"""What somebody does who is named right before."""

PERSONS = frozenset("her him she he them they same hers his theirs person customer".split())
"""Words that speak of somebody who was named before."""


def order_doubts(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """What speaks against the orders of a plan; empty when nothing does."""
    orders = [task for task in tasks if task.kind == "order"]
    found: list[str] = []
    for task in orders:
        found += _lines(goal, task)
        found += _options(goal, task)
        if len(names := task.values("name")) != 1:
            found.append(f"The order has {len(names)} customers; it takes one.")
        if len(task.values("date")) > 1:
            found.append("The order has more than one date.")
    return found + _cut(tasks) + _astray(goal, orders) + _for_whom(goal, orders)


def _lines(goal: str, task: PlannedTask) -> list[str]:
    """Counts that are none or not right before their things; things that go on; two orders in one."""
    counts = task.values("count")
    found: list[str] = []
    if not counts or len(counts) != len(task.values("item")):
        found.append("The order has no items that go with counts.")
    found += [f"{text!r} is not a number of things." for text in counts if (count_of(text) or 0) < 1]
    for count, item in pairwise(task.fields):
        if count.key == "count":
            between = set(words(goal[count.span.end : item.span.start]))
            if item.key != "item" or item.span.start < count.span.end or not between <= FUNCTION | MEASURES:
                found.append(f"{count.span.text!r} is not the count of {item.span.text!r} in the goal.")
    found += [
        f"{item.span.text!r} is cut off from {behind[0]!r}."
        for item in task.fields
        if item.key == "item" and (behind := words(goal[item.span.end :])[:1]) and behind[0] in NOUNS
    ]
    found += [
        f"{item.span.text!r} is cut off from {option.span.text!r}."
        for item, option in pairwise(task.fields)
        if (item.key, option.key) == ("item", "option")
        and not words(goal[item.span.end : option.span.start])
        and not BEHIND & set(words(goal[option.span.end :])[:1])
    ]
    items = [item.span for item in task.fields if item.key == "item"]
    for one, other in pairwise(items):
        between = words(goal[one.end : other.start])
        if STOPS & set(between) and ORDERING & set(between):
            found.append(f"{other.text!r} is ordered for itself.")
    return found


def _options(goal: str, task: PlannedTask) -> list[str]:
    """Options that are somebody's name, or ask for something else to be done."""
    said = tokens(goal)
    starts = {token.start: place for place, token in enumerate(said)}
    found: list[str] = []
    for item in task.fields:
        if item.key != "option":
            continue
        parts = item.span.text.split()
        place = starts.get(item.span.start, 0)
        before = said[place - 1].text.lower() if place else "."
        behind = words(goal[item.span.end :])[:1]
        if parts[0].lower() in ASKING:
            found.append(f"{item.span.text!r} asks for something that is no option.")
        if before in ENDS and len(parts) > 1 and set(behind) & WANTING:
            found.append(f"{item.span.text!r} reads like a name, not like an option.")
            continue
        if titled(said) or not all(part[0].isupper() for part in parts[:2]):
            continue
        person = (
            before in ORDERING | {"for", "to", "give"}
            or behind == ["'s"]
            or (before in ENDS and len(parts) > 1)
        )
        if person and parts[0].lower() not in WEEKDAYS and not set(behind) & BEHIND:
            found.append(f"{item.span.text!r} reads like a name, not like an option.")
    return found


def _own(task: PlannedTask, tasks: Sequence[PlannedTask]) -> list[Field]:
    """The fields of an order that no other task speaks of: all but a customer who is named at one place."""
    others = [
        item.span for other in tasks if other is not task for item in other.fields if item.key == "name"
    ]
    return [item for item in task.fields if item.key != "name" or item.span not in others]


def _cut(tasks: Sequence[PlannedTask]) -> list[str]:
    """Fields of an order between the fields of another: what is asked for together stands together."""
    orders = [own for task in tasks if task.kind == "order" and (own := _own(task, tasks))]
    found: list[str] = []
    for one, other in combinations(orders, 2):
        for outer, inner in ((one, other), (other, one)):
            begin, end = min(item.span.start for item in outer), max(item.span.end for item in outer)
            found += [
                f"{item.span.text!r} stands between the parts of another order."
                for item in inner
                if begin < item.span.start < end
            ][:1]
    return found


def _astray(goal: str, orders: Sequence[PlannedTask]) -> list[str]:
    """Options and days at the seam of two orders that the goal parts from the one that they are read for."""
    found: list[str] = []
    for one, other in pairwise(orders):
        fields = [*sorted(one.fields, key=_start), *sorted(_own(other, orders), key=_start)]
        last = len(one.fields)
        if last < 2 or len(fields) < last + 2 or fields[last].span.start < fields[last - 1].span.end:
            continue
        gaps = [words(goal[a.span.end : b.span.start]) for a, b in pairwise(fields)]
        for at, far, seam in ((last - 1, gaps[last - 2], gaps[last - 1]), (last, gaps[last], gaps[last - 1])):
            if fields[at].key in ("option", "date") and _parts(far) > max(_parts(seam), _orders(seam)):
                found.append(f"{fields[at].span.text!r} belongs to another order.")
    return found


def _parts(gap: Sequence[str]) -> int:
    """How strongly words between two fields part them: 3 as another task, 2 as a sentence, 1 as a clause."""
    said = set(gap)
    return 3 if said & LINKING else 2 if said & STOPS else 1 if said & JOINING else 0


def _orders(gap: Sequence[str]) -> int:
    """2 where the words between two fields order something anew, else 0."""
    anew = [word for word, after in pairwise([*gap, ""]) if word in ORDERING and after not in ("it", "them")]
    return 2 if anew else 0


def _start(item: Field) -> int:
    return item.span.start


def _for_whom(goal: str, orders: Sequence[PlannedTask]) -> list[str]:
    """Orders without a customer of their own, where nothing speaks of one who was named before."""
    found: list[str] = []
    taken: list[Span] = []
    end = 0
    for task in orders:
        names = [item.span for item in task.fields if item.key == "name"]
        rest = [item.span for item in task.fields if item.key != "name"]
        if rest and any(name in taken for name in names):
            stretch = words(goal[min(end, rest[0].start) : rest[-1].end + 40])
            if not PERSONS & set(stretch):
                found.append(f"Nothing says that {rest[0].text!r} is for {names[0].text!r} as well.")
        taken += names
        end = max((span.end for span in rest), default=end)
    return found
