"""The planner's role: reading typed tasks out of a goal. Its prompt, its grammar and its parser.

The grammar is made anew for every goal. An order is read from left to right, each field a span behind the
one before it, and only words that carry a sentence can be passed over: a plan that leaves out a word with a
meaning, says one twice or swaps counts cannot be decoded. What the words mean is the model's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..tools.browser.actions import span_terminal
from .checks import DAY
from .question import Question, any_of
from .wording import CARRIERS, FUNCTION, Span, count_of, fold, locate

ORDER_FIELDS = ("count", "item", "name", "option", "date")
TICKET_FIELDS = ("name", "about", "text")


@dataclass(frozen=True)
class Field:
    """One field of a planned task: its key, and the span of the goal that fills it."""

    key: str
    span: Span


@dataclass(frozen=True)
class PlannedTask:
    """A task as the planner reads it out of a goal.

    Attributes:
        kind: `order`, `ticket` or `use`.
        fields: In the goal's order.
        number_of: For a ticket: the 1-based task whose order number is the text to send, if any.
        close: For a ticket: close it afterwards.
    """

    kind: str
    fields: tuple[Field, ...]
    number_of: int | None = None
    close: bool = False

    def values(self, key: str) -> list[str]:
        """The texts of all fields called `key`, in order."""
        return [item.span.text for item in self.fields if item.key == key]


def ask_plan(goal: str, kinds: Sequence[str]) -> Question:
    """Ask which tasks of the known `kinds` a goal asks for, with every field a literal span of the goal.

    A field takes only spans of its type: a count a word that is a number, a date words that are one, a name
    words without function words (so no `her`), a thing a few words that neither begin nor end with one; a
    kind whose typed fields nothing in the goal could fill is left out.
    """
    folded = fold(goal)
    counts = [word for word in dict.fromkeys(folded.split()) if count_of(word) is not None]
    items = folded.split()
    runs = [
        " ".join(run.split()) for run in _runs(items, 4) if all(word[0].isalnum() for word in run.split())
    ]
    quoted = [text.strip() for text in re.findall(r'(?<!\w)["“] (.+?) ["”]', folded)]
    aside = re.sub(r'(?<!\w)["“] .+? ["”]', " ", folded)
    called = [run for run in runs if _is_name(run.split()) and not _dated(run.split(), folded)]
    outside = [run for run in called if f" {run} " in f" {aside} "]
    names = list(dict.fromkeys(outside or called))
    tasks: list[str] = []
    rules: list[str] = []
    if "order" in kinds and counts:
        tasks.append("order")
        rules.append(_order_rules(items))
    if "ticket" in kinds and names:
        tasks.append("ticket")
        quote = f'" " ({any_of(quoted)})' if quoted else "SPAN"
        rules.append(
            f'ticket: "task ticket\\n" "name " ({any_of(names)}) "\\n" about? (text | number)? "close\\n"?\n'
            f'about: "about" {quote} "\\n"\n'
            f'text: "text" {quote} "\\n"\nnumber: "number " ("1" | "2" | "3") "\\n"'
        )
    if "use" in kinds:
        tasks.append("use")
        rules.append(f'use: "task use\\ntext " {json.dumps(folded, ensure_ascii=False)} "\\n"')
    spans = span_terminal([folded]) if any("SPAN" in rule for rule in rules) else ""
    more = " | ".join("later" if task == "order" else task for task in tasks)
    start = f'({" | ".join(tasks)}) ({more}){{0,3}} "end" | "cannot"' if tasks else '"cannot"'
    known = " ".join(kind for kind in ("order", "ticket", "use") if kind in kinds)
    text = f"kinds: {known}\ngoal: {folded}\nplan:"
    return Question("plan", text, "\n".join([f"start: {start}", *rules, spans]))


def _dated(run: Sequence[str], folded: str) -> bool:
    """Whether a word of these stands only in dates of the goal."""
    undated = DAY.sub(" ", folded).split()
    return any(word not in undated for word in run)


def _is_name(run: Sequence[str]) -> bool:
    return not set(run) & (FUNCTION | CARRIERS) and not any(word[0].isdigit() for word in run)


MEASURES = frozenset("x units pieces pairs".split())
"""Words that may stand between a count and its thing, beside function words."""

NOTHING = '"\\n\\n"'
"""A literal that no answer holds: a way that is closed."""


def _order_rules(items: Sequence[str]) -> str:
    """Rules of an order's fields, read from left to right: each field begins behind the one before it.

    Rule `oN` reads on from word N. A count is followed by its thing, at most two words behind it. Only words
    that carry a sentence can be passed over: what carries meaning has to stand in a field.
    """
    dated = {
        place
        for begin in range(len(items))
        for size in range(2, 5)
        if DAY.fullmatch(" ".join(items[begin : begin + size]))
        for place in range(begin, min(begin + size, len(items)))
    }
    anywhere = " | ".join(f"o{place}" for place in range(len(items)))
    rows = ['order: "task order\\n" o0', f'later: "task order\\n" ({anywhere})']
    for place, word in enumerate(items):
        choices = [f"o{place + 1}"] if word in CARRIERS or word in FUNCTION or not word[0].isalnum() else []
        if count_of(word) is not None:
            for begin in range(place + 1, min(place + 4, len(items))):
                if not set(items[place + 1 : begin]) <= FUNCTION | MEASURES:
                    break
                choices += [
                    _said(("count", word), ("item", thing)) + f" p{begin + size}"
                    for size, thing in _runs_at(items, begin)
                    if not {items[begin], items[begin + size - 1]} & FUNCTION
                ]
        for size, run in _runs_at(items, place):
            later = f" p{place + size}"
            if dated & set(range(place, place + size)):
                continue
            if _is_name(run.split()):
                choices.append(_said(("name", run)) + later)
            if items[place] not in FUNCTION - {"with", "in"} and not set(run.split()) <= FUNCTION | CARRIERS:
                choices.append(_said(("option", run)) + later)
        for size in range(1, min(5, len(items) - place) + 1):
            day = " ".join(items[place : place + size])
            if DAY.fullmatch(day):
                choices.append(_said(("date", day)) + f" p{place + size}")
        rows.append(f"o{place}: {' | '.join(choices) or NOTHING}")
        rows.append(f'p{place}: o{place} | ""')
    return "\n".join([*rows, f"o{len(items)}: {NOTHING}", f'p{len(items)}: ""'])


def _said(*fields: tuple[str, str]) -> str:
    """Lines of a plan as a literal of the grammar."""
    return json.dumps("".join(f"{key} {text}\n" for key, text in fields), ensure_ascii=False)


def _runs_at(items: Sequence[str], begin: int) -> Iterable[tuple[int, str]]:
    """Runs of one to four words that begin at a place, without punctuation."""
    for size in range(1, min(4, len(items) - begin) + 1):
        if not items[begin + size - 1][0].isalnum():
            return
        yield size, " ".join(items[begin : begin + size])


def _runs(items: Sequence[str], longest: int) -> Iterable[str]:
    """Every run of at most `longest` consecutive words."""
    for start in range(len(items)):
        for end in range(start + 1, min(len(items), start + longest) + 1):
            yield " ".join(items[start:end])


def read_plan(answer: str, goal: str) -> tuple[PlannedTask, ...]:
    """The tasks of a planner's answer, spans located in the goal as it was written; empty for `cannot`.

    A span is looked for after the field before it first, so that repeated words find their own place.
    """
    tasks: list[PlannedTask] = []
    cursor = 0
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        if key == "task":
            tasks.append(PlannedTask(value, ()))
        elif key == "close":
            tasks[-1] = replace(tasks[-1], close=True)
        elif key == "number":
            tasks[-1] = replace(tasks[-1], number_of=int(value))
        elif key not in ("end", "cannot"):
            span = locate(value, goal, after=cursor)
            if span is not None:
                cursor = max(cursor, span.end)
                tasks[-1] = replace(tasks[-1], fields=(*tasks[-1].fields, Field(key, span)))
    return tuple(tasks)


def write_plan(tasks: Sequence[PlannedTask]) -> str:
    """The answer that `read_plan` reads back; what a planner is trained to say."""
    rows: list[str] = []
    for task in tasks:
        rows.append(f"task {task.kind}")
        rows += [f"{item.key} {fold(item.span.text)}" for item in task.fields]
        if task.number_of is not None:
            rows.append(f"number {task.number_of}")
        if task.close:
            rows.append("close")
    return "\n".join([*rows, "end"]) if tasks else "cannot"
