"""Plans of managers that work for managers: which there are, and which of them an edit still reaches.

A plan below the outermost one is named by the task that it belongs to, as that stands in the journal:
`shelf`, or `shelf/1/top` for the plan of a manager two below. Each attempt at such a task plans anew, under a
prefix of its own; what is told here is the plan of the last one. It is read off the journal alone, so a
process that is at the run and one that has no more than its file see the same.

Does not cover: tasks of managers that read them out of a goal in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..protocols.journal import Journal, Row
from .plan_edits import (
    OUTLINE,
    EditRefused,
    Outline,
    PlanEdit,
    edit_as_recorded,
    owner_of,
    record_edit,
    recorded_outline,
    refuse_if_ended,
)

Stands = Literal["open", "reported", "confirmed", "over"]


@dataclass(frozen=True)
class PlanBelow:
    """The last plan of a task.

    Attributes:
        task: That it belongs to.
        prefix: Before the names of its tasks in the journal, `TASK/TRIAL/`.
        stands: `open` while its tasks are done, `reported` when their task is being verified, `confirmed`
            when that was, `over` when the attempt came to nothing.
    """

    task: str
    prefix: str
    stands: Stands


def plans_below(journal: Journal, run: str) -> dict[str, PlanBelow]:
    """The plans below the outermost one, by the task that each belongs to, as they were begun."""
    begun: dict[str, Row] = {}
    for row in journal.rows(run, kinds=(OUTLINE,)):
        if row.task:
            begun[owner_of(row.task)] = row
    return {task: PlanBelow(task, row.task, _stands(journal, run, task, row)) for task, row in begun.items()}


def plan_below(journal: Journal, run: str, task: str) -> PlanBelow:
    """The plan of a task.

    Raises:
        EditRefused: It has none; says which tasks do.
    """
    known = plans_below(journal, run)
    if task not in known:
        told = f"Tasks that have one: {', '.join(known) or 'none yet'}."
        raise EditRefused("unknown", task, "has no plan of its own", told)
    return known[task]


def editable_below(journal: Journal, run: str, task: str) -> PlanBelow:
    """The plan of a task, if an edit of it can still count.

    Raises:
        EditRefused: It has none, or its attempt came to nothing.
    """
    plan = plan_below(journal, run, task)
    if plan.stands == "over":
        why = "has no plan that goes on: the attempt that it was made for is over"
        raise EditRefused("over", task, why, "Edit that of its next attempt, or re-open the task first.")
    return plan


def outline_of(journal: Journal, run: str, task: str = "") -> Outline | None:
    """The plan of a task, or the outermost, as it stands on record; None where that is none of a program.

    Raises:
        EditRefused: The task has none.
    """
    return recorded_outline(journal, run, plan_below(journal, run, task).prefix if task else "")


def edit_recorded(journal: Journal, run: str, edit: PlanEdit, person: str) -> Outline:
    """Edit a plan of a run that stands still, in its journal; the process that resumes the run takes it up.

    Raises:
        EditRefused: It may not be edited so, there is none, or the run has ended.
    """
    prefix = editable_below(journal, run, edit.of).prefix if edit.of else ""
    refuse_if_ended(journal, run, edit.task)
    edited = edit_as_recorded(journal, run, edit, prefix)
    record_edit(journal, run, edit, person, prefix)
    return edited


def kept_plan(journal: Journal, run: str, task: str) -> str:
    """The prefix of the plan that a new generation of a task goes on with; "" where it plans anew.

    It does where the task was re-opened last since its plan was edited: of its subtasks only those are done
    that the edit concerns.
    """
    last: Mapping[str, Any] = {}
    for row in journal.rows(run, kinds=("event",), task=task):
        last = reopening(row) or last
    return _kept(run, task, last)


def plan_id(run: str, prefix: str) -> str:
    """What stands for a plan, where a task is re-opened since that was edited."""
    return f"{run}.{prefix}"


def _kept(run: str, task: str, act: Mapping[str, Any]) -> str:
    """The prefix of the plan that an act of re-opening keeps, or ""."""
    upstream = str(act.get("upstream") or "")
    own = upstream.startswith(f"{run}.{task}/") and upstream.endswith("/")
    return upstream.removeprefix(f"{run}.") if own else ""


def reopening(row: Row) -> Mapping[str, Any]:
    """The act by which a row re-opened its task; empty where it tells something else."""
    event = _table(_table(row.body).get("event"))
    act = _table(event.get("act"))
    return act if event.get("kind") == "person" and act.get("kind") == "reopen" else {}


def _stands(journal: Journal, run: str, task: str, begun: Row) -> Stands:
    """How the plan stands that was put on record with `begun`, by what was said of its task since."""
    stands: Stands = "open"
    generation = 0
    for row in journal.rows(run, kinds=("event", "envelope"), task=task):
        body = _table(row.body)
        if row.kind == "event":
            if row.seq > begun.seq and (act := reopening(row)):
                stands, generation = (
                    "open" if _kept(run, task, act) == begun.task else "over",
                    generation + 1,
                )
            continue
        told, of = _table(body.get("body")), int(body.get("generation") or 1)
        said, lost = told.get("kind"), told.get("error") == "WorkerLost"
        if body.get("task") != f"{run}.{task}" or of < generation or lost:
            continue  # to a subtask, of a generation called off, or the next attempt has this plan too
        generation = of
        if row.seq > begun.seq:
            stands = _after(stands, str(said))
    return stands


def _after(stands: Stands, said: str) -> Stands:
    if stands == "over" and said != "confirm":
        return "over"
    if said in ("failed", "cancel", "decline", "verdict"):  # a verdict that passes is followed by a confirm
        return "over"
    if said in ("assign", "redo"):
        return "over" if stands != "open" else "open"
    return {"report": "reported", "confirm": "confirmed"}.get(said, stands)  # pyright: ignore[reportReturnType]


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
