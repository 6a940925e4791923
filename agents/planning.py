"""From a goal to a checked plan: the model reads tasks out of it, the runtime checks that nothing was lost.

Every field is a literal span of the goal. Words of the goal that no field covers and that carry meaning, a
count that is no number, counts and items that do not go together, or a ticket without a name make the plan
doubtful; a doubtful plan is not carried out, because a misread goal could only confirm itself.

Covers: words that were left out or put twice. Does not cover: a span given to the wrong field when it would
fit there as well ("express" as a person's name).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from .checks import DAY
from .families import Order
from .roles import PlannedTask
from .wording import CARRIERS, FUNCTION, NUMBER_WORDS, Span, locate, places, words

READINGS = 10
"""Times that a goal is read before a doubtful plan is given up: reading costs little and touches nothing."""


class GoalNotUnderstood(Exception):
    """The planner cannot read a task that it knows out of the goal, or the plan is doubtful."""


KEEP_OPEN = (
    ("not", "close"),
    ("without", "closing"),
    ("not", "resolve"),
    ("keep", "open"),
    ("leave", "open"),
    ("keep", "it", "open"),
)
"""Negations that a plan answers by leaving a ticket open."""


def doubts(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Why a plan may have misread its goal; empty when nothing speaks against it."""
    found = [problem for task in tasks for problem in _task_doubts(task)]
    found += [
        f"Task {index} quotes the number of task {task.number_of}, which is no order before it."
        for index, task in enumerate(tasks, 1)
        if task.number_of is not None
        and not (task.number_of < index and tasks[task.number_of - 1].kind == "order")
    ]
    found += _two_meanings(tasks)
    found += _left_undone(goal, tasks)
    found += _cut_short(goal, tasks)
    found += _ahead_of_itself(goal, tasks)
    left = uncovered(goal, tasks)
    if left:
        found.append(f"No part of the plan covers {', '.join(repr(word) for word in left)} of the goal.")
    return found


def _left_undone(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """What the goal speaks of outside of quotes, and no task does: a ticket, or that one be closed."""
    said = words(QUOTED.sub(" ", goal))
    tickets = [task for task in tasks if task.kind == "ticket"]
    if not tickets and "ticket" in said:
        return ["The goal speaks of a ticket, and no part of the plan is one."]
    closing = [
        word
        for index, word in enumerate(said)
        if word in CLOSING and not NEGATIONS & set(said[max(0, index - 3) : index])
    ]
    if closing and tickets and not any(task.close for task in tickets):
        return [f"The goal says {closing[0]!r}, and the plan closes no ticket."]
    return []


QUOTED = re.compile(r"[\"“][^\"“”]+[\"”]")
CLOSING = frozenset("close closed closes closing".split())
NEGATIONS = frozenset("not without never no".split())


def _cut_short(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Names that are only a part of a name: of one that is read elsewhere, or of words with capitals."""
    names = [item.span for task in tasks for item in task.fields if item.key == "name"]
    taken = [item.span for task in tasks for item in task.fields]
    found: list[str] = []
    for name in names:
        longer = [
            place for other in names if len(other.text) > len(name.text) for place in places(other.text, goal)
        ]
        here = places(name.text, goal)
        if here and all(any(a.start <= place.start and place.end <= a.end for a in longer) for place in here):
            found.append(f"{name.text!r} is only a part of a name.")
        found += [
            f"{name.text!r} is cut off from {word!r}."
            for word, start, end in _capitals_beside(name, goal)
            if not any(span.start <= start and end <= span.end for span in taken if span in names)
            and word.lower() not in CARRIERS | FUNCTION
            and not any(start < day.end and day.start < end for day in _days(goal))
        ]
    return found


def _capitals_beside(name: Span, goal: str) -> list[tuple[str, int, int]]:
    """Words with a capital right before and after a name that has capitals itself."""
    if not all(word[:1].isupper() for word in name.text.split()):
        return []
    before = re.search(r"(?<![\w'’])[A-Z][\w-]*(?= $)", goal[: name.start])
    after = re.match(r" ([A-Z][\w-]*)", goal[name.end :])
    found = [(before.group(), before.start(), before.end())] if before else []
    return found + ([(after.group(1), name.end + 1, name.end + after.end())] if after else [])


def _days(goal: str) -> list[Span]:
    return [Span(hit.group(), hit.start(), hit.end()) for hit in DAY.finditer(goal)]


def _ahead_of_itself(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Fields whose words come only where a later task is spoken of already."""
    begins = [min((item.span.start for item in task.fields), default=len(goal)) for task in tasks]
    return [
        f"{item.span.text!r} belongs to a later part of the goal."
        for index, task in enumerate(tasks)
        for item in task.fields
        if task.kind == "ticket"
        for begin in begins[index + 1 :]
        if begins[index] < begin or len(task.fields) == 1
        if all(place.start > begin for place in places(item.span.text, goal))
    ]


def _two_meanings(tasks: Sequence[PlannedTask]) -> list[str]:
    """Names that are read as something else as well: a word of a goal means one thing."""
    fields = [item for task in tasks for item in task.fields]
    others = {
        word: item
        for item in fields
        if item.key in ("item", "option", "date")
        for word in words(item.span.text)
    }
    return [
        f"{item.span.text!r} is read as a name and as part of {others[word].span.text!r}."
        for item in fields
        if item.key == "name"
        for word in words(item.span.text)[:1]
        if word in others
    ]


def _task_doubts(task: PlannedTask) -> list[str]:
    problems: list[str] = []
    if task.kind == "order":
        order = Order.of(task)
        counts = task.values("count")
        if not order.items or len(counts) != len(task.values("item")):
            problems.append("The order has no items that go with counts.")
        problems += [
            f"{text!r} is not a number of things." for text in counts if not (n := _number(text)) or n < 1
        ]
        problems += _out_of_order(task)
        names = task.values("name")
        if len(names) != 1:
            problems.append(f"The order has {len(names)} customers; it takes one.")
        if len(task.values("date")) > 1:
            problems.append("The order has more than one date.")
    if task.kind == "ticket" and not (task.close or task.number_of or task.values("text")):
        problems.append("The ticket is neither answered nor closed.")
    return problems


def _out_of_order(task: PlannedTask) -> list[str]:
    """Counts that do not stand right before their items: swapped counts cover every word as well."""
    pairs = [(item.span, after.span) for item, after in pairwise(task.fields) if item.key == "count"]
    starts = [item.span.start for item in task.fields]
    return [
        f"{count.text!r} is not the count of {item.text!r} in the goal."
        for count, item in pairs
        if item.start < count.end or any(count.end <= start < item.start for start in starts)
    ]


def _number(text: str) -> int | None:
    folded = text.lower()
    return int(folded) if folded.isdigit() else NUMBER_WORDS.get(folded)


def uncovered(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Words of the goal that carry meaning and stand in no field, in order."""
    taken: list[tuple[int, int]] = [
        (item.span.start, item.span.end) for task in tasks for item in task.fields
    ]
    leaves_open = any(task.kind == "ticket" and not task.close for task in tasks)
    left: list[str] = []
    cursor = 0
    folded = words(goal)
    for index, word in enumerate(folded):
        span = locate(word, goal, after=cursor)
        if span is None:
            continue
        cursor = span.end
        if any(start <= span.start and span.end <= end for start, end in taken) or not word[0].isalnum():
            continue
        near = folded[index : index + 4]
        if leaves_open and any(
            near[: len(form)] == list(form) or (form[0] == word and form[-1] in near) for form in KEEP_OPEN
        ):
            continue
        if word not in CARRIERS:
            left.append(word)
    return left
