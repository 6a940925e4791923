"""What a run did with memory, in plain words, as its journal tells: recalled, kept, weighed.

Lenient like all that reads journals: what a row does not say is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from ...protocols.journal import Row
from ..reasoning.boxes import clean
from ..recalling import memos_of
from ..remembering import FORGOTTEN, NOTED, PREFERRED, RECALLED, REMEMBERED
from .markup import dim
from .values import listed, number, one_line, table, text, whole


@dataclass(frozen=True)
class Deed:
    """One row about memory, in words."""

    at: float
    task: str
    kind: str
    words: str

    @classmethod
    def of_row(cls, row: Row) -> Deed:
        """What a row tells."""
        return cls(row.at, row.task, row.kind, remembered(row.kind, table(row.body)))


def remembered(kind: str, body: Mapping[str, JsonValue]) -> str:
    """A row about memory as a sentence."""
    if kind == RECALLED:
        return _recalled(body)
    if kind == REMEMBERED:
        proof = table(body.get("proof"))
        proven = f", proven by the confirm of attempt {whole(proof.get('attempt'))}" if proof else ""
        check = text(body.get("check"))
        taught = f", taught by the check {check!r}" if check else ""
        name = f"{text(body.get('kind'))} {text(body.get('id'))}"
        return f"kept as {name}{taught}{proven}: {text(body.get('text'))}"
    if kind == NOTED:
        return f"{text(body.get('agent'))} noted as {text(body.get('kind'))}: {text(body.get('text'))}"
    if kind == PREFERRED:
        return _preferred(body)
    if kind == FORGOTTEN:
        return f"{text(body.get('id'))}, as a person allowed"
    held = "held" if body.get("held") is True else "did not hold"
    given = f"with {text(body.get('id'))}: {text(body.get('text'))}" if body.get("id") else "without a lesson"
    return f"{text(body.get('check'))!r} {held} {given}"


def _preferred(body: Mapping[str, JsonValue]) -> str:
    told: list[str] = []
    for place, task in enumerate(listed(body.get("tasks")), 1):
        for wish in map(table, listed(task)):
            memos = memos_of([wish.get("preference")]) or []
            why = "".join(f": {memo.text} ({memo.id}, {memo.label()})" for memo in memos)
            told.append(f"task {place} takes {text(wish.get('option'))!r}, which the goal leaves open{why}")
    return "; ".join(told)


def _recalled(body: Mapping[str, JsonValue]) -> str:
    asked = " and ".join(repr(text(each)) for each in listed(body.get("queries")))
    used, found = memos_of(body.get("used")) or [], table(body.get("found"))
    what = text(body.get("what")) or "memory"
    if not used:
        return f"{what}: nothing fits, of {len(found)} found, for {asked}"
    told = "; ".join(f"{memo.id} ({memo.score:.2f}) {memo.text} [{memo.label()}]" for memo in used)
    others = [f"{name} ({number(score) or 0:.2f})" for name, score in found.items()]
    rest = [each for each in others if each.partition(" ")[0] not in {memo.id for memo in used}]
    beside = f"; not used: {', '.join(rest)}" if rest else ""
    return f"{what} for {asked}: {told}{beside}"


def memory_rows(deeds: Sequence[Deed], began: float, most: int) -> str:
    """What was done with memory, as rows of a page."""
    rows: list[str] = []
    for deed in deeds[:most]:
        when = f"{max(0.0, deed.at - began):.1f} s"
        where = dim(" · ".join(filter(None, (deed.task, when))))
        rows.append(
            f'<div class="item"><b>{clean(deed.kind)}</b> {clean(one_line(deed.words, 600))}<br>{where}</div>'
        )
    return "".join(rows)
