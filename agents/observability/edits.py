"""What people changed of a run's plans, as a reader of its journal is told: who, of which plan, what and why.

Does not cover: edits that were refused; what a letter asked for in vain stands in its own row of the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ...protocols.journal import Row
from ..plan_edits import EDIT_LEFT_OUT, PLAN_EDIT, owner_of
from ..reasoning.boxes import clean
from .markup import dim, grid, tag
from .values import listed, one_line, table, text

KINDS = (PLAN_EDIT, EDIT_LEFT_OUT)
"""Kinds of rows that tell of an edit."""

DONE = {"add": ("added", "to"), "drop": ("dropped", "from"), "change": ("changed", "in")}


@dataclass(frozen=True)
class Edited:
    """A change of a plan.

    Attributes:
        at: Seconds since 1970.
        of: The task that the plan belongs to; "" is the outermost.
        before: Prefix of the attempt's plan out of which it was taken over, or "".
        left_out: Why it could not be taken over, or "".
    """

    seq: int
    at: float
    person: str
    of: str
    edit: Mapping[str, JsonValue]
    before: str = ""
    left_out: str = ""

    @classmethod
    def of_row(cls, row: Row) -> Edited:
        """The edit that a row tells of; one that is pruned says nothing."""
        body = table(row.body)
        person, before = text(body.get("person")) or "somebody", text(body.get("from"))
        why = text(body.get("why")) or ("its reason is not on record" if row.kind == EDIT_LEFT_OUT else "")
        return cls(row.seq, row.at, person, owner_of(row.task), table(body.get("edit")), before, why)

    @property
    def done(self) -> str:
        """What was done, and to which task."""
        return f"{self._verb[0]} {text(self.edit.get('task'))!r}"

    @property
    def _verb(self) -> tuple[str, str]:
        return DONE.get(text(self.edit.get("edit")), ("edited", "in"))

    def details(self) -> str:
        """What the task is now, as far as the edit says it."""
        edit = self.edit
        parts = [text(edit.get("text"))] if edit.get("text") else []
        parts += [f"{name} from {source}" for name, source in table(edit.get("inputs")).items()]
        after = [text(each) for each in listed(edit.get("after"))]
        parts += [f"after {', '.join(after)}"] if after else []
        parts += [f"by {text(edit.get('worker'))}"] if edit.get("worker") else []
        parts += [f"held against the spec of {text(edit.get('like'))!r}"] if edit.get("like") else []
        parts += [f"checked: {text(each)}" for each in listed(edit.get("checks"))]
        parts += ["looked at by a person"] if edit.get("by_person") else []
        return "; ".join(parts)

    def words(self) -> str:
        """All of it in a line."""
        details, reason = self.details(), text(self.edit.get("reason"))
        where = f"{self._verb[1]} the plan{f' of {self.of!r}' if self.of else ''}"
        said = f"{self.person} {self.done} {where}{f': {details}' if details else ''}"
        said += f" ({reason})" if reason else ""
        if self.left_out:
            return f"left out of the next attempt: {said}. {self.left_out}"
        return f"taken over by the next attempt: {said}" if self.before else said


def edits_table(edits: Iterable[Edited], began: float) -> str:
    """A row for each edit; nothing where there is none."""
    rows = [
        (
            f"{max(0.0, each.at - began):.1f}",
            clean(each.person),
            clean(each.of) or dim("the outermost"),
            f"{clean(each.done)}{_fate(each)} {dim(one_line(each.details(), 400))}",
            clean(one_line(text(each.edit.get("reason")), 400)),
        )
        for each in edits
    ]
    return grid(("seconds", "who", "plan of", "what", "why"), rows, "edits") if rows else ""


def _fate(edited: Edited) -> str:
    if edited.left_out:
        return f" {tag('left out of the next attempt', edited.left_out)}"
    return f" {tag('taken over', f'from the attempt before, {edited.before}')}" if edited.before else ""
