"""What a user prefers, where a goal leaves it open: an order without a way of delivery, or of payment.

    fill_in(goal, read_plan(answer, goal), memos)      # orders with the wishes that fit them

The goal's words always win: a kind of option of which the goal names any (`options.KINDS`) is settled, for
all its orders. A preference is taken where its words name exactly one option of an open kind and put no
condition to it ("express, if it is free" is nobody's default); only trusted ones count. Of several the
explicit one goes before one that was seen in choices, and the one learned later before the earlier.

A wish is marked as one in the plan, the order and its result, and no order fails for it: a site that does not
offer it gets the order without.

Does not cover: preferences about anything else than the options of an order; those are shown to a model that
reads instructions, as notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from ..checking.checks import NOT, root_words
from ..checking.options import KINDS, Kind
from ..recalling import Memo, memos_of
from ..wish import PREFERRED, Wish
from ..wording import tokens
from .reading import PlannedTask

LEAST_SURE = 0.5
"""Confidence from which a preference counts that was only seen in choices: more often than not."""

KIND_NAMES = ("delivery", "payment")
"""What the `KINDS` of options are called where a choice among them is remembered."""

CONDITIONS = NOT | frozenset(
    """
    if when unless until only but instead than rather or avoid avoids dislike dislikes hate hates against
    neither cannot can't don't doesn't won't refuses stopped longer
    """.split()
)
"""Words that make a preference one for some cases, or against something."""


def fill_in(goal: str, tasks: Sequence[PlannedTask], memos: Iterable[Memo]) -> tuple[PlannedTask, ...]:
    """The tasks, with the preferences that fill what their goal leaves open."""
    wishes = [found for memo in _best_first(memos) for found in _wishes_in(memo)]
    said = root_words(goal)
    return tuple(_filled(task, wishes, said) for task in tasks)


def _filled(task: PlannedTask, wishes: Sequence[tuple[Kind, Wish]], said: set[str]) -> PlannedTask:
    if task.kind != "order":
        return task
    taken: list[Wish] = []
    chosen = [root_words(option) for option in task.values("option")]
    for kind in KINDS:
        named = any(option & kind.options or option & kind.labels for option in chosen)
        wish = next((wish for about, wish in wishes if about is kind), None)
        if wish is not None and not named and not said & kind.options:
            taken.append(wish)
    return replace(task, wishes=tuple(taken))


def _best_first(memos: Iterable[Memo]) -> list[Memo]:
    """Those that may fill in anything: trusted and sure enough, explicit ones first, later ones first."""
    fit = [
        memo
        for memo in memos
        if memo.kind == "preference"
        and memo.trusted
        and (memo.stance == "explicit" or memo.confidence >= LEAST_SURE)
    ]
    newest = sorted(fit, key=lambda memo: memo.learned, reverse=True)
    return sorted(newest, key=lambda memo: memo.stance != "explicit")


def _wishes_in(memo: Memo) -> list[tuple[Kind, Wish]]:
    """The one option of each kind that a preference names."""
    said = [token.text for token in tokens(memo.text)]
    if {word.lower() for word in said} & CONDITIONS:
        return []
    found: list[tuple[Kind, Wish]] = []
    for kind in KINDS:
        named = {word.lower(): word for word in said if root_words(word) & kind.options}
        if len(named) == 1:
            [word] = named.values()
            found.append((kind, Wish(word, memo)))
    return found


def choices_in(facts: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    """What the goal of a confirmed order chose: kind and option, for each kind of which it named exactly one.

    Args:
        facts: Of the order. What of it was only preferred is no choice.
    """
    options, preferred = facts.get("options"), facts.get(PREFERRED)
    told = [str(each) for each in options] if isinstance(options, list) else []
    wished = len(preferred) if isinstance(preferred, list) else 0
    said = [token.text.lower() for option in told[: len(told) - wished] for token in tokens(option)]
    found: list[tuple[str, str]] = []
    for name, kind in zip(KIND_NAMES, KINDS, strict=True):
        named = {word for word in said if root_words(word) & kind.options}
        if len(named) == 1 and not set(said) & CONDITIONS:
            found.append((name, named.pop()))
    return found


def as_row(tasks: Sequence[PlannedTask]) -> list[JsonValue]:
    """What was filled in, for the journal: of each task its wishes, with the preferences they are from."""
    return [
        [{"option": wish.option, "preference": wish.memo.as_json()} for wish in task.wishes] for task in tasks
    ]


def from_row(tasks: Sequence[PlannedTask], row: JsonValue) -> tuple[PlannedTask, ...]:
    """The tasks as they were filled in by a process before this one."""
    rows = row if isinstance(row, list) else []
    return tuple(
        replace(task, wishes=_read(rows[place]) if place < len(rows) else ())
        for place, task in enumerate(tasks)
    )


def _read(row: JsonValue) -> tuple[Wish, ...]:
    found: list[Wish] = []
    for each in row if isinstance(row, list) else ():
        body = each if isinstance(each, dict) else {}
        memos, option = memos_of([body.get("preference")]), body.get("option")
        if memos and isinstance(option, str):
            found.append(Wish(option, memos[0]))
    return tuple(found)
