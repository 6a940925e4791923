"""One run of one goal or plan: read its tasks, let the board see them through, and say how it ended.

Every event that the reducers of `protocols` allow is in the journal before it is applied, so a run that was
killed is rebuilt by applying the same events. Tasks that do not wait for one another are worked on at once.
Does not cover: several processes at one run (the journal's lock refuses the second).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from ..core_model.errors import CoreModelError
from ..protocols import records
from ..protocols.journal import Row
from ..protocols.messages import Cancel
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..protocols.spec import Criterion
from ..protocols.tasks import TERMINAL, Child
from ..tools.permissions import Policy
from . import roles
from .agent import Agent, NothingToWorkWith
from .budget import BudgetExhausted, MoneyOverdrawn, used
from .events import Event, Planned, Recalled
from .families import jobs_of, think_job
from .jobs import Job, Join
from .managing.board import CONFIRMED, NOT_BEGUN, Board
from .managing.crew import Crew, Within
from .managing.drive import RECORDED
from .managing.driving import Driver
from .managing.editing import Overtaken, adoption, edit_below, take_over_edits
from .managing.ending import (
    ENDED,
    RESUMABLE,
    as_expected,
    broken_off,
    ended_body,
    first_error,
    gathered,
    open_reasons,
    punch_items,
)
from .managing.lessons import Lessons, site_of
from .managing.modelless import NoModel
from .managing.preferences import PREFERENCE, Preferences, preferred_rows
from .mind import Mind, Truncated
from .people import Desk
from .plan import Plan, PlanChanged, PlanError
from .plan_edits import (
    OUTLINE,
    EditRefused,
    Outline,
    PlanEdit,
    begun_tasks,
    needless_parts,
    owner_of,
    record_edit,
    recorded_edits,
)
from .planning.doubts import READINGS, GoalNotUnderstood, doubts, reading_warmth
from .plans_below import outline_of
from .reasoning.trace import TraceDiverged
from .remembering import Remembering

if TYPE_CHECKING:
    from ..memory import Memory
    from .acting.attempt import Talk

KINDS_OF = {"browser": ("order", "ticket"), "tools": ("use",)}
"""Families that a worker with this equipment can do."""

PLAN_HASH = "plan_hash"
"""Kind of the journal's row that tells which plan of a program a run was begun with."""


class Run:
    """Carries one goal or plan to an outcome. Made by `Manager`; see there for the arguments.

    Attributes:
        driving: What sees one task to its end.
        over: It has come to its end.
    """

    driving: type[Driver] = Driver

    def __init__(
        self,
        run: str,
        goal: str | Plan,
        workers: Sequence[Agent],
        mind: Mind,
        policy: Policy,
        *,
        memory: Memory | None = None,
        user: str = "",
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
        redos: int = 2,
        attended: bool = False,
        desk: Desk | None = None,
        show: Callable[[Event], None],
        within: Within | None = None,
    ) -> None:
        self.run, self.plan = run, goal if isinstance(goal, Plan) else None
        self._written = self.plan
        self.goal = goal if isinstance(goal, str) else goal.title or "the plan"
        self.expect, self.spec, self.mind = expect, spec, mind
        remembering = None if memory is None else Remembering(memory, mind.journal, run)
        site = site_of(workers)
        lessons = None if remembering is None else Lessons(remembering, site)
        preferences = Preferences(remembering, mind.journal, run, user, site)
        desk = desk or Desk(mind.journal, run)
        within = within or Within()
        self.crew = Crew(
            run, self.goal, list(workers), mind, policy, show, desk, lessons, preferences, within=within
        )
        self.crew.limits = replace(self.crew.limits, attempts=redos + 1, attended=attended)
        self._preferences = preferences
        self.drivers: dict[str, Driver] = {}
        self.cancelled, self.over = "", False
        self._recorded: dict[str, list[Row]] = {}
        self.board: Board | None = None
        self._overtaken: Overtaken | None = None

    # --- the whole --------------------------------------------------------------------

    async def to_the_end(self) -> Confirmed[Any] | Unverified | Failed:
        """Plan, do, and sum up. Typed errors of the machinery end in `Failed`."""
        try:
            outcome, error = await self._outcome()
        finally:
            self.over = True
        punch = tuple(
            item for driver in self.drivers.values() for item in punch_items(driver.job.title, driver.state)
        )
        outcome = records.replace(outcome, punch_list=punch, cost=self.mind.budget.total(), run=self.run)
        status = {Confirmed: "confirmed", Unverified: "unverified", Failed: "failed"}[type(outcome)]
        paused = isinstance(error, RESUMABLE) or bool(self.crew.desk.open)
        status = "cancelled" if self.cancelled and not isinstance(outcome, Confirmed) else status
        status = "paused" if paused else status
        self.mind.journal.append(ENDED, ended_body(outcome, status), run=self.run)
        self.mind.journal.set_status(self.run, status)
        return outcome

    async def below(self, talk: Talk | None) -> Confirmed[Any] | Unverified | Failed:
        """Do it as part of another run, whose task is told of the subtasks through `talk`.

        Raises:
            BudgetOverdrawn: Together they are promised more than that task has left.
            BudgetExhausted: That of the task, or of the whole run, was used up on the way.
        """
        outcome, error = await self._outcome(talk)
        if isinstance(error, BudgetExhausted):
            raise error
        return outcome

    async def _outcome(
        self, talk: Talk | None = None
    ) -> tuple[Confirmed[Any] | Unverified | Failed, Exception | None]:
        """How it ended, and the error that ended it, if one did."""
        journal, prefix = self.mind.journal, self.crew.within.prefix
        try:
            parts = await self._parts()
        except GoalNotUnderstood as error:
            return Unverified(None, tuple(str(error).splitlines())), None
        except (
            BudgetExhausted, Truncated, CoreModelError, NothingToWorkWith, TraceDiverged, PlanChanged,
        ) as error:  # fmt: skip
            return broken_off(error, {}), error
        for row in journal.rows(self.run, kinds=RECORDED):
            if row.task.startswith(prefix):
                self._recorded.setdefault(row.task, []).append(row)
        self.board = board = Board(parts, journal, self.run, self.call_off, prefix)
        jobs = board.jobs
        if talk is not None:
            self._refuse_overdrawn(jobs)
            await talk.adopt(self._children(jobs))
            self.crew.within.routes[self.crew.within.parent].below = self
        self._overtaken = Overtaken(journal, self.run, prefix, self._recorded)
        self._show_plan(jobs)
        try:
            await board.through(partial(self._see, board))
        except ExceptionGroup as errors:
            error = first_error(errors)
            return broken_off(error, self._so_far(board)), error
        return self._sum_up(board), None

    def _show_plan(self, jobs: Sequence[Job]) -> None:
        prefix = self.crew.within.prefix
        titles = {f"{prefix}{job.id}": job.title for job in jobs}
        self.crew.show(Planned(titles, {f"{prefix}{job.id}": job.after for job in jobs}))

    def _refuse_overdrawn(self, jobs: Sequence[Job]) -> None:
        """Refuse to promise subtasks more money than the task above has left.

        Raises:
            MoneyOverdrawn: Together they are promised more.
        """
        left = self.mind.budget.purse()
        promised = sum((self._money_promised(job) for job in jobs), Decimal(0))
        if left is not None and promised > left:
            raise MoneyOverdrawn(self.crew.within.parent, promised, left)

    def _children(self, jobs: Sequence[Job]) -> list[Child]:
        prefix = f"{self.run}.{self.crew.within.prefix}"
        return [Child(f"{prefix}{job.id}", self._promised(job)) for job in jobs]

    def _money_promised(self, job: Job) -> Decimal:
        name = f"{self.crew.within.prefix}{job.id}"
        if job.money is None or name not in self._recorded:
            return job.money or Decimal(0)
        return max(Decimal(0), job.money - used(self.mind.journal, self.run, name).money)

    def _promised(self, job: Job) -> int:
        """Tokens that are set aside for a job: its budget, less what it used in a process before this one."""
        name = f"{self.crew.within.prefix}{job.id}"
        if job.tokens is None or name not in self._recorded:
            return job.tokens or 0
        return max(0, job.tokens - used(self.mind.journal, self.run, name).tokens)

    def call_off(self, job: str, reason: str) -> None:
        """Stop a job that is not needed any more; one that has ended stays as it is."""
        driver = self.drivers.get(job)
        if driver is not None and driver.state.status not in TERMINAL:
            driver.act(Cancel(reason=reason))

    # --- planning ---------------------------------------------------------------------

    async def _parts(self) -> Sequence[Job | Join]:
        """The tasks of the program's plan, or those that are read out of the goal."""
        if self._written is None:
            return await self._read_goal()
        journal, prefix = self.mind.journal, self.crew.within.prefix
        rows = journal.rows(self.run, kinds=(PLAN_HASH,), task=prefix)
        recorded = next((row.body for row in rows), None)
        if recorded is None:
            journal.append(PLAN_HASH, self._written.hash, run=self.run, task=prefix)
            journal.append(OUTLINE, self._outline(self._written).as_json(), run=self.run, task=prefix)
            take_over_edits(journal, self.run, self._written, prefix)
        self.plan = plan = self._as_recorded(self._written)
        for job in plan.parts:
            if isinstance(job, Job):
                self.crew.lanes.able(job)
        return plan.parts

    def _as_recorded(self, plan: Plan) -> Plan:
        """The program's plan with what people changed of it.

        Raises:
            PlanChanged: It is not the one that the run was begun with.
        """
        journal, prefix = self.mind.journal, self.crew.within.prefix
        for row in journal.rows(self.run, kinds=(PLAN_HASH,), task=prefix):
            if row.body != plan.hash:
                raise PlanChanged(self.run)
        try:
            for edit in recorded_edits(journal, self.run, prefix):
                plan = plan.edited(edit, plan.outline().replayed([edit]))
        except PlanError as error:  # what no hash tells: other inputs, or models of results
            raise PlanChanged(self.run) from error
        return plan

    def _outline(self, plan: Plan) -> Outline:
        model = not isinstance(self.mind.model, NoModel)
        return plan.outline([worker.name for worker in self.crew.workers], model=model)

    def outline(self, of: str = "") -> Outline | None:
        """The plan as it stands, in words, or that of a task; None where it is none of a program.

        Raises:
            EditRefused: The task has none.
        """
        if of:
            return outline_of(self.mind.journal, self.run, of)
        return None if self.plan is None else self._outline(self.plan)

    def takes_edits(self, prefix: str) -> bool:
        """See `Editable.takes_edits`."""
        return prefix == self.crew.within.prefix and self.board is not None and not self.board.ending

    def edit(self, edit: PlanEdit, person: str) -> None:
        """Change the plan as a person wants it; on record before it counts.

        Raises:
            EditRefused: The task has begun, the run is over, no plan would be left, or there is none.
            PlanChanged: The run was begun with another plan.
        """
        if self.cancelled or self.over or (self.board is not None and self.board.ending):
            raise EditRefused("over", edit.task, "is of a run that is over", "Begin a new run.")
        journal, prefix = self.mind.journal, self.crew.within.prefix
        if edit.of != owner_of(prefix):
            edit_below(self.crew, edit, person)
            self.hear()
            return
        if self.plan is None or self._written is None:
            why = "is of a run whose tasks were read out of its goal"
            raise EditRefused("unfit", edit.task, why, "Only plans that a program wrote can be edited.")
        begun = {*self.drivers, *(task.removeprefix(prefix) for task, rows in self._recorded.items() if rows)}
        if self.board is None:  # the journal was not read yet
            self.plan = self._as_recorded(self._written)
            begun.update(begun_tasks(journal, self.run))
        before = self._outline(self.plan)
        outline = before.edited(edit, begun, needless_parts(journal, self.run, before, prefix))
        plan = self.plan.edited(edit, outline)
        adopt = self._fitting(plan, edit.task, begun)
        record_edit(journal, self.run, edit, person, prefix)
        self.plan = plan
        adopt()
        if self.board is not None:
            self.board.replace(plan.parts, edit.task)
            self._show_plan(self.board.jobs)

    def hear(self) -> None:
        """See `Editable.hear`."""
        if self._overtaken is not None:
            self._overtaken.hear()
        for driver in self.drivers.values():
            if driver.below is not None:
                driver.below.hear()

    def _fitting(self, plan: Plan, edited: str, begun: Collection[str]) -> Callable[[], None]:
        """Hold an edited plan against agents and budgets.

        Returns:
            Tells the task above, if there is one, of its subtasks.

        Raises:
            EditRefused: Nobody can do the task, or more is promised than there is.
        """
        jobs = [part for part in plan.parts if isinstance(part, Job)]
        above = self.crew.within.routes.get(self.crew.within.parent)
        try:
            for job in jobs:
                if job.id == edited:
                    self.crew.lanes.able(job)
            if above is not None:
                self._refuse_overdrawn([job for job in jobs if job.id not in begun])
        except NothingToWorkWith as error:
            raise EditRefused("unfit", edited, f"finds nobody: {error}", "Name another.") from error
        except MoneyOverdrawn as error:
            raise EditRefused("unfit", edited, f"is promised too much: {error}", "Drop another.") from error
        return adoption(above, self._children(jobs), edited)

    async def _read_goal(self) -> list[Job]:
        """Read tasks out of the goal, or take the plan that is in the journal."""
        journal, workers = self.mind.journal, self.crew.workers
        rows = journal.rows(self.run, kinds=("plan",), task=self.crew.within.prefix)
        recorded = next((row.body for row in rows), None)
        await self._recall_preferences()
        if not any(worker.browser or worker.functions for worker in workers):
            return [think_job(self.goal, self.spec)]
        if isinstance(recorded, str):
            known = roles.read_plan(recorded, self.goal)
            return self._jobs_of(self._preferences.as_recorded(known, self.crew.within.prefix))
        needs = dict.fromkeys(need for worker in workers for need in KINDS_OF if worker.has(need))
        kinds = [kind for need in needs for kind in KINDS_OF[need]]
        answer, tasks = "", ()
        question, heard = roles.ask_plan(self.goal, kinds), Counter[str]()
        question = replace(question, notes=self._preferences.notes(self.mind.model))
        for attempt in range(1, READINGS + 1):
            again = heard.total() - len(heard)  # a model that says the same again is asked more warmly
            answer = await self.mind.ask(question, attempt=attempt, warmest=reading_warmth(again))
            tasks = roles.read_plan(answer, self.goal)
            if not self._doubts(tasks):
                break
            heard[answer] += 1
        self._refuse_doubtful(tasks)
        filled = self._preferences.fill_in(self.goal, tasks)
        told = preferred_rows(filled)
        journal.append("plan", answer, run=self.run, task=self.crew.within.prefix, then=told)
        return self._jobs_of(filled)

    async def _recall_preferences(self) -> None:
        """Know what the user prefers; where memory fails, the run goes on without, and a row says so."""
        from ..memory import MemoryFault

        try:
            await self._preferences.recall(self.goal, self.crew.within.prefix)
        except MemoryFault as error:
            self.mind.journal.append("recall_lost", str(error), run=self.run, task=self.crew.within.prefix)

    def _jobs_of(self, tasks: Sequence[roles.PlannedTask]) -> list[Job]:
        """The jobs of a plan; what of it is from preferences is shown."""
        for wish in (wish for task in tasks for wish in task.wishes):
            self.crew.show(Recalled("", wish.told(), PREFERENCE, wish.memo.label()))
        return jobs_of(tasks)

    def _doubts(self, tasks: Sequence[roles.PlannedTask]) -> list[str]:
        known = any(task.kind != "use" for task in tasks)
        return doubts(self.goal, tasks) if known else []

    def _refuse_doubtful(self, tasks: Sequence[roles.PlannedTask]) -> None:
        if not tasks:
            raise GoalNotUnderstood(
                f"The model finds no task that it knows in {self.goal!r}. `punchlist tasks` lists them."
            )
        if found := self._doubts(tasks):
            raise GoalNotUnderstood("\n".join(found))

    # --- one task ---------------------------------------------------------------------

    async def _see(self, board: Board, job: Job) -> str:
        """See one task to its end; returns the status it ended in."""
        async with self.crew.lanes.of(job).turn:
            driver = self.drivers.get(job.id)
            if driver is None:
                recorded = self._recorded.pop(f"{self.crew.within.prefix}{job.id}", [])
                if self.cancelled or (job.id in board.needless and not recorded):
                    return NOT_BEGUN
                driver = self.driving(self.crew, board, job, self.drivers, recorded)
                self.drivers[job.id] = driver
                if recorded and self._overtaken is not None:
                    self._overtaken.reopen(driver, board)
                if job.id in board.needless:
                    driver.offer(Cancel(reason="another was first"))
            return await driver.to_the_end()

    # --- the end --------------------------------------------------------------------------

    def _sum_up(self, board: Board) -> Confirmed[Any] | Unverified | Failed:
        wanted = [name for name in board.parts if name not in board.needless]
        evidence = tuple(
            item
            for driver in self.drivers.values()
            if driver.state.last
            for item in driver.state.last.evidence[-3:]
        )
        if any(board.status.get(name) != CONFIRMED for name in wanted):
            failed = [job for job in board.jobs if job.id not in board.results]
            reasons = open_reasons(failed, {key: driver.state for key, driver in self.drivers.items()})
            reasons += [
                f"{board.parts[name].id}: waits for a person: {request.text}"
                for request in self.crew.desk.open.values()
                for name in board.parts
                if request.task == f"{self.crew.within.prefix}{name}"
            ]
            if self.cancelled:
                reasons.insert(0, f"cancelled by {self.cancelled}")
            return Unverified(self._so_far(board), tuple(reasons), evidence=evidence)
        needed = [job.id for job in board.jobs if job.id not in board.needless]
        last = self.drivers.get(needed[-1]) if needed else None
        confirm = None if last is None else last.state.confirm
        if self.plan is not None:
            return as_expected(self.plan.gathered(board.results), self.expect, evidence, confirm)
        return as_expected(gathered(board.jobs, board.results), self.expect, evidence, confirm)

    def _so_far(self, board: Board) -> dict[str, JsonValue]:
        """What was reported last, task by task; what is confirmed as it was confirmed."""
        reported = {name: driver.state.last for name, driver in self.drivers.items()}
        last = {name: report.result for name, report in reported.items() if report is not None}
        return {**last, **board.results}
