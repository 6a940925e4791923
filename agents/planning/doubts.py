"""From a goal to a checked plan: the model reads tasks out of it, the runtime checks that nothing was lost.

Every field is a literal span of the goal. What every plan must satisfy, whatever its goal means, is checked:
each word that carries meaning stands in one field and in no other; what belongs together stands together
(`order_doubts`); what is sent, told and closed is what the goal speaks of (`ticket_doubts`). A plan that does
not is doubtful, and a doubtful plan is not carried out, because a misread goal could only confirm itself.

Covers: words and tasks that were left out, added or put twice. Does not cover: a span given to the wrong
field when it would fit there as well ("express" as a person's name).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..wording import CARRIERS, FUNCTION, Span, places, tokens
from .carrying import carried, titled
from .order_doubts import BEHIND, order_doubts
from .reading import Field, PlannedTask
from .sense_doubts import sense_doubts
from .ticket_doubts import CLOSING, NEGATIONS, STAYING, ticket_doubts

__all__ = ["CARRIERS", "READINGS", "GoalNotUnderstood", "doubts", "reading_warmth", "uncovered"]

READINGS = 60
"""Times that a goal is read before a doubtful plan is given up: reading costs little and touches nothing."""

WARMTH, WARMER, WARMEST = 1.0, 0.1, 2.0
"""Highest temperature at which a goal is read again; what each reading heard before adds; the most."""

ANSWERS = frozenset("answer reply replying response respond answering".split())


class GoalNotUnderstood(Exception):
    """The planner cannot read a task that it knows out of the goal, or the plan is doubtful."""


def reading_warmth(again: int) -> float:
    """Highest temperature of the next reading, after so many that only said again what was heard before."""
    return min(WARMEST, WARMTH + WARMER * again)


def doubts(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Why a plan may have misread its goal; empty when nothing speaks against it."""
    found = sense_doubts(goal, tasks) + order_doubts(goal, tasks)
    found += ticket_doubts(goal, tasks)
    if len({task.kind == "use" for task in tasks}) > 1:
        found.append("The plan gives the whole goal to tools, and parts of it to the browser as well.")
    found += _twice(tasks)
    found += _cut_short(goal, tasks)
    left = uncovered(goal, tasks)
    if left:
        found.append(f"No part of the plan covers {', '.join(repr(word) for word in left)} of the goal.")
    return found


def _twice(tasks: Sequence[PlannedTask]) -> list[str]:
    """Words of the goal that are read twice: one means one thing, but for a customer, and a text for many."""
    fields = [(index, item) for index, task in enumerate(tasks) if task.kind != "use" for item in task.fields]
    return [
        f"{item.span.text!r} is read twice, as {item.key} and as {before.key}."
        for at, (index, item) in enumerate(fields)
        for other, before in fields[:at]
        if item.span.start < before.span.end and before.span.start < item.span.end
        if not (item.key == before.key and item.key in ("name", "text") and index != other)
    ]


def _cut_short(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Names that are only a part of a name: of one that is read elsewhere, or of words that go on."""
    fields = [item for task in tasks for item in task.fields]
    names = [item.span for item in fields if item.key == "name"]
    found: list[str] = []
    told = not titled(tokens(goal)) and any(
        len(name.text.split()) > 1 and _has_capitals(name) for name in names
    )
    for name in names:
        if told and " " not in name.text and name.text[0].islower():
            found.append(f"{name.text!r} is not written like the other names.")
        longer = [
            place for other in names if len(other.text) > len(name.text) for place in places(other.text, goal)
        ]
        here = places(name.text, goal)
        if here and all(any(a.start <= place.start and place.end <= a.end for a in longer) for place in here):
            found.append(f"{name.text!r} is only a part of a name.")
        found += [f"{name.text!r} is cut off from {word!r}." for word in _beside(name, goal, fields)]
    return found


def _has_capitals(name: Span) -> bool:
    return all(word[0].isupper() for word in name.text.split())


def _beside(name: Span, goal: str, fields: Sequence[Field]) -> list[str]:
    """Words right before and behind a name that may be part of it."""
    said = tokens(goal)
    inside = [place for place, token in enumerate(said) if name.start <= token.start < name.end]
    if not inside:
        return []
    carries = carried(goal)
    capital = all(word[:1].isupper() for word in name.text.split()) and not titled(said)
    single = len(name.text.split()) == 1
    found: list[str] = []
    for place in (inside[0] - 1, inside[-1] + 1):
        if not 0 <= place < len(said) or not said[place].text[0].isalnum():
            continue
        token, word = said[place], said[place].text.lower()
        field = next((item for item in fields if item.span.start <= token.start < item.span.end), None)
        if field is None:
            if capital and token.text[0].isupper() and not carries[place] and word not in FUNCTION:
                found.append(token.text)
        elif single and field.key == "option" and place > inside[-1]:
            behind = [each.text.lower() for each in said if each.start >= field.span.end][:1]
            if not BEHIND & {*behind, field.span.text.split()[-1].lower()}:
                found.append(token.text)
    return found


def uncovered(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Words of the goal that carry meaning and stand in no field, in order."""
    read = [task for task in tasks if task.kind != "use"] or tasks
    taken = [(item.span.start, item.span.end) for task in read for item in task.fields]
    said = tokens(goal)
    low = [token.text.lower() for token in said]
    tickets = [task for task in tasks if task.kind == "ticket"]
    spared: set[str] = set(STAYING) if any(task.close for task in tickets) else set()
    if any(not task.close for task in tickets):
        spared |= CLOSING | STAYING
    if any(not task.values("text") and task.number_of is None for task in tickets):
        spared |= ANSWERS
    return [
        word
        for place, (word, carries) in enumerate(zip(low, carried(goal), strict=True))
        if not carries
        and not any(start <= said[place].start and said[place].end <= end for start, end in taken)
        and not (word in NEGATIONS and _governed(low, place) in spared)
    ]


def _governed(said: Sequence[str], place: int) -> str:
    """The word that a negation speaks of: the first behind it that is neither a function word nor a mark."""
    behind = place + 1
    while behind < len(said) and said[behind] in FUNCTION | {"need", "want"}:
        behind += 1
    return said[behind] if behind < len(said) else ""
