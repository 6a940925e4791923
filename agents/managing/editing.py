"""Edits of plans below the outermost, by the process at the run: who takes them up, and what is re-opened.

A manager that is at the plan takes an edit up itself. Where all of its tasks have ended, the task that they
served is re-opened, and the tasks above it, as far as they have ended too. Each goes on with the plan that it
had, so that of its subtasks only those are done, or done again, that the edit concerns.

Whoever resumes a run finds by `Overtaken` what was edited while nobody was at it, and tasks whose process was
killed between the re-opening of what they consumed and their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...protocols.errors import BudgetOverdrawn, ProtocolViolation
from ...protocols.journal import Journal, Row
from ...protocols.states import with_children
from ...protocols.tasks import TERMINAL, Child, Reopen
from ..jobs import Job
from ..plan_edits import (
    EDIT_LEFT_OUT,
    OUTLINE,
    PLAN_EDIT,
    EditRefused,
    PlanEdit,
    edit_as_recorded,
    owner_of,
    record_edit,
)
from ..plans_below import PlanBelow, editable_below, plan_id, plans_below, reopening

if TYPE_CHECKING:
    from ..plan import Plan
    from .board import Board
    from .crew import Crew, Driven
    from .driving import Driver


def edit_below(crew: Crew, edit: PlanEdit, person: str) -> None:
    """Edit the plan of a manager that works for another one.

    Args:
        crew: Of the outermost run.

    Raises:
        EditRefused: It may not be edited so, or there is none.
    """
    journal, run = crew.journal, crew.run
    plan = editable_below(journal, run, edit.of)
    at_it = crew.within.routes.get(f"{run}.{plan.task}")
    if at_it is not None and at_it.below is not None and at_it.below.takes_edits(plan.prefix):
        at_it.below.edit(edit, person)
        return
    edit_as_recorded(journal, run, edit, plan.prefix)
    found = _to_reopen(crew, plan, edit.task)
    record_edit(journal, run, edit, person, plan.prefix)
    if found is not None:
        driver, act = found
        driver.again(act, person)


def _to_reopen(crew: Crew, plan: PlanBelow, edited: str) -> tuple[Driven, Reopen] | None:
    """The lowest task above an edit whose run goes on, and how it is re-opened; None where none has to be.

    Of a run that was resumed, tasks below one that is still at work come again, and find the edit then; tasks
    below one that was done before come only if that is re-opened.

    Raises:
        EditRefused: Nothing can be re-opened.
    """
    task, prefix, missing = plan.task, plan.prefix, False
    while task:
        driver = crew.within.routes.get(f"{crew.run}.{task}")
        if driver is not None and not driver.over:
            break
        missing = driver is None
        prefix = task.rpartition("/")[0] + "/"
        task = owner_of(prefix)
    else:
        if missing:
            return None
        raise EditRefused("over", edited, "is of a run that is over", "Begin a new run.")
    if missing and driver.state.status not in TERMINAL and driver.state.report is None:
        return None
    act = reopened_below(crew.run, driver, prefix)
    if act is None:
        why = f"would be done for {task!r}, which ended {driver.state.status}"
        raise EditRefused("over", edited, why, "Re-open that first: it plans anew; edit the new plan.")
    return driver, act


def reopened_below(run: str, driver: Driven, prefix: str) -> Reopen | None:
    """How a task is re-opened since its plan was edited; None where it ended and was not confirmed."""
    state, plan = driver.state, plan_id(run, prefix)
    if state.status in TERMINAL and state.status != "confirmed":
        return None
    generation = dict(state.consumed).get(plan, 1) + 1
    return Reopen(reason=f"the plan of {driver.id} was edited", upstream=plan, generation=generation)


def adoption(parent: Driven | None, children: Sequence[Child], edited: str) -> Callable[[], None]:
    """What tells a task of its subtasks after an edit; those that have ended stay so.

    Raises:
        EditRefused: Together they are promised more than it has left, or it has ended meanwhile.
    """
    if parent is None:
        return _nobody_to_tell
    known = {child.task: child for child in parent.state.children}
    now = tuple(known.get(child.task, child) for child in children)
    try:
        with_children(parent.state, now)
    except BudgetOverdrawn as error:
        why = f"is promised too much: {error}"
        raise EditRefused("unfit", edited, why, "Drop another one first.") from error
    except ProtocolViolation as error:
        raise EditRefused("over", edited, f"comes too late: {error}", "Re-open the task above it.") from error
    return lambda: parent.adopt(now)


def take_over_edits(journal: Journal, run: str, plan: Plan, prefix: str) -> None:
    """Take over what people changed of the plan of the attempt before, as far as this plan can take it.

    What cannot be taken over is left out on record.

    Args:
        prefix: Of the plan that has just begun; the outermost has none before it.
    """
    rows = journal.rows(run, kinds=(OUTLINE,)) if prefix else ()
    before = [row.task for row in rows if row.task != prefix and _names(row.task) == _names(prefix)]
    outline = plan.outline()
    for row in journal.rows(run, kinds=(PLAN_EDIT,), task=before[-1]) if before else ():
        body = row.body if isinstance(row.body, dict) else {}
        edit = PlanEdit.model_validate(body.get("edit"))
        try:
            outline = outline.replayed([edit])
        except EditRefused as error:
            told: dict[str, JsonValue] = {**body, "why": str(error)}
            journal.append(EDIT_LEFT_OUT, told, run=run, task=prefix, key=edit.task)
        else:
            journal.append(PLAN_EDIT, {**body, "from": before[-1]}, run=run, task=prefix, key=edit.task)


def _names(prefix: str) -> list[str]:
    """The tasks on the way down to a plan, without the numbers of their attempts."""
    return prefix.split("/")[:-1:2]


def _nobody_to_tell() -> None:
    """The outermost plan serves no task."""


class Overtaken:
    """What happened since the tasks of a plan were last at work, as a process finds it that resumes the run.

    Args:
        recorded: Rows of the journal, by the task that they are of.
    """

    def __init__(
        self, journal: Journal, run: str, prefix: str, recorded: Mapping[str, Sequence[Row]]
    ) -> None:
        self._journal, self._run, self._prefix = journal, run, prefix
        self._since = {task: _last_begun(rows) for task, rows in recorded.items()}
        self.hear()

    def hear(self) -> None:
        """Look which plans were edited, also those that were since the run was resumed."""
        rows = self._journal.rows(self._run, kinds=(PLAN_EDIT,))
        below = [row for row in rows if row.task.startswith(self._prefix) and row.task != self._prefix]
        self._edits = [(row.seq, row.task) for row in below]
        self._plans = plans_below(self._journal, self._run) if below else {}

    def reopen(self, driver: Driver, board: Board) -> None:
        """Re-open a task that has just been rebuilt, where something above says that it has to be."""
        act = self._consumes_anew(driver, board) or self._edited(driver)
        if act is None:
            return
        driver.again(act, seen=False)
        self._since[driver.id] = _NOW

    def _edited(self, driver: Driver) -> Reopen | None:
        since, plan = self._since.get(driver.id, 0), self._plans.get(driver.id)
        if plan is None or plan.stands not in ("reported", "confirmed"):
            return None
        later = any(seq > since and prefix.startswith(plan.prefix) for seq, prefix in self._edits)
        return reopened_below(self._run, driver, plan.prefix) if later else None

    def _consumes_anew(self, driver: Driver, board: Board) -> Reopen | None:
        since, consumed = self._since.get(driver.id, 0), dict(driver.state.consumed)
        for name in _sources(board, driver.job):
            source = driver.peers.get(name)
            if source is None or self._since.get(source.id, 0) <= since:
                continue
            state = source.state
            if state.generation > consumed.get(state.task, 1):
                return Reopen(
                    reason=f"{name} is done again", upstream=state.task, generation=state.generation
                )
        return None


_NOW = 1 << 62
"""Behind every row that a process found."""


def _last_begun(rows: Sequence[Row]) -> int:
    """The row with which a task began, or began anew."""
    begun = rows[0].seq if rows else 0
    return next((row.seq for row in reversed(rows) if row.kind == "event" and reopening(row)), begun)


def _sources(board: Board, job: Job) -> list[str]:
    """Names of the jobs whose results a job was given, directly or through joins."""
    found, todo = list[str](), list(job.after)
    while todo:
        part = board.parts[todo.pop()]
        if isinstance(part, Job):
            found.append(part.id)
        else:
            todo.extend(part.of)
    return found
