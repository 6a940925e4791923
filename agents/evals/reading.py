"""How well a plan read its goal: the planner's fields against the words that truly carry the values.

Every field of every task counts once: count and item of each line, customer, options, day, subject, text, the
order whose number is quoted, and whether the ticket is closed. So does every field that should not be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...examples.site import ShopGoal
from ..checking.checks import root_words
from ..days import days_in
from ..roles import PlannedTask
from ..wording import count_of, fold

OPTIONS = ("delivery", "gift", "payment")


@dataclass
class WantedTask:
    """A task as its goal truly means it; texts as the goal spells them."""

    kind: str
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    fields: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    number_of: int | None = None
    close: bool = False


@dataclass(frozen=True)
class Reading:
    """Fields read right, of those that there are or were made up."""

    right: int
    of: int


def wanted_tasks(goal: ShopGoal) -> list[WantedTask]:
    """The tasks of a goal, from its slots and what the site expects."""
    tasks: list[WantedTask] = []
    parts: dict[str, dict[str, str]] = {}
    for slot in goal.slots:
        part, _, name = slot.name.partition(".")
        parts.setdefault(part, {})[name] = slot.text
    tickets = list(goal.expected.tickets)
    orders = 0
    for slots in parts.values():
        at = 0
        if "name" in slots:
            tasks.append(_order(slots))
            at = len(tasks)
            orders += 1
        meant = tickets[0] if tickets else None
        if meant is None or not ("customer" in slots or (not meant.reply and meant.order == orders - 1)):
            continue
        tickets.pop(0)
        task = WantedTask("ticket", close=meant.closed, number_of=None if meant.reply else at)
        task.fields.append(("name", slots.get("customer", slots.get("name", ""))))
        task.fields += [
            (key, slots[name]) for key, name in (("about", "subject"), ("text", "reply")) if name in slots
        ]
        tasks.append(task)
    return tasks


def _order(slots: dict[str, str]) -> WantedTask:
    task = WantedTask("order")
    numbers = [name.partition(".")[2] for name in slots if name.startswith("product.")]
    task.lines = [(slots[f"quantity.{number}"], slots[f"product.{number}"]) for number in numbers]
    task.fields = [("name", slots["name"]), ("date", slots["day"])]
    task.fields += [("option", slots[name]) for name in OPTIONS if name in slots]
    return task


def read_right(goal: ShopGoal, tasks: Sequence[PlannedTask]) -> Reading:
    """Hold a plan against its goal; tasks are compared in their order."""
    right = of = 0
    wanted = wanted_tasks(goal)
    for index in range(max(len(wanted), len(tasks))):
        want = wanted[index] if index < len(wanted) else None
        task = tasks[index] if index < len(tasks) else None
        hits, expected, found = _compare(want, task)
        right, of = right + hits, of + expected + found - hits
    return Reading(right, of)


def _compare(want: WantedTask | None, task: PlannedTask | None) -> tuple[int, int, int]:
    """Right fields, fields there are, fields that were read."""
    expected = _size(want) if want is not None else 0
    found = (
        len(task.fields) + (task.number_of is not None) + (task.kind == "ticket") if task is not None else 0
    )
    if want is None or task is None or want.kind != task.kind:
        return 0, expected, found
    read_lines = list(zip(task.values("count"), task.values("item"), strict=False))
    hits = 0
    for count, item in want.lines:
        line = next((each for each in read_lines if root_words(each[1]) == root_words(item)), None)
        if line is not None:
            read_lines.remove(line)
            hits += 1 + (count_of(line[0]) == count_of(count))
    left = [(each.key, each.span.text) for each in task.fields]
    for key, text in want.fields:
        hit = next((each for each in left if each[0] == key and _agree(key, each[1], text)), None)
        if hit is not None:
            left.remove(hit)
            hits += 1
    if want.kind == "ticket":
        hits += want.close == task.close
        hits += want.number_of is not None and want.number_of == task.number_of
    return hits, expected, found


def _size(want: WantedTask) -> int:
    return 2 * len(want.lines) + len(want.fields) + (want.number_of is not None) + (want.kind == "ticket")


def _agree(key: str, read: str, text: str) -> bool:
    """Whether a span says what the goal's words say; an option may have words beside it."""
    if key == "date":
        return days_in(read) == days_in(text)
    if key == "option":
        one, other = root_words(read), root_words(text)
        return bool(one) and bool(other) and (one <= other or other <= one)
    return _bare(read) == _bare(text)


def _bare(text: str) -> list[str]:
    return [word for word in fold(text).split() if word[0].isalnum()]
