"""One run of one goal: plan it, drive every task through the protocol, and say how it ended.

The reducers of `protocols` decide what happens; this module carries their effects out. Every event that they
allow is in the journal before it is applied, so a run that was killed is rebuilt by applying the same events.
Tasks that do not wait for one another are worked on at once.
Does not cover: several processes at one run (the journal's lock refuses the second).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, JsonValue

from ..core_model.errors import CoreModelError
from ..protocols.errors import JournalError
from ..protocols.journal import Journal
from ..protocols.messages import Assign, Envelope, Redo, Report, Verdict, Verify, new_id
from ..protocols.messages import Failed as FailedMessage
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..protocols.spec import Criterion
from ..protocols.states import advance, draft, dump_event, wake
from ..protocols.tasks import (
    TERMINAL,
    Decide,
    Effect,
    Finish,
    Limits,
    ManagerTask,
    Patience,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Tick,
    WorkerLost,
)
from ..protocols.tasks import Event as ProtocolEvent
from ..tools.errors import BrowserMissing, SiteUnreachable, ToolError
from ..tools.permissions import Policy
from . import roles
from .acting.attempt import Assignment, EffectUnknown, StepFailed
from .budget import BudgetExhausted
from .checking.lookup import CannotTell
from .drive import Drive, replay
from .ending import (
    RESUMABLE,
    as_expected,
    broken_off,
    feedback_of,
    first_error,
    gathered,
    latest_flaws,
    open_reasons,
    punch_items,
)
from .events import Event, Learned, Planned, Recalled, Said, Stood
from .families import Job, jobs_of, think_job
from .lanes import Lane, Lanes
from .lessons import Lessons, site_of
from .looking import look
from .mind import Mind, Truncated
from .placed import already_placed
from .planning.doubts import READINGS, GoalNotUnderstood, doubts, reading_warmth
from .reasoning.trace import TraceDiverged
from .steps import THINK, Step
from .verifier import Verifier
from .worker import NothingToWorkWith, Worker

if TYPE_CHECKING:
    from ..memory import Memory

log = logging.getLogger(__name__)
T = TypeVar("T")

KINDS_OF = {"browser": ("order", "ticket"), "tools": ("use",)}
"""Families that a worker with this equipment can do."""


class Run:
    """Carries one goal to an outcome. Made by `Manager`; see there for the arguments."""

    def __init__(
        self,
        run: str,
        goal: str,
        workers: Sequence[Worker],
        mind: Mind,
        policy: Policy,
        *,
        memory: Memory | None = None,
        expect: type[BaseModel] | None = None,
        spec: Sequence[Criterion] = (),
        redos: int = 2,
        show: Callable[[Event], None],
    ) -> None:
        self.run, self.goal, self.workers = run, goal, list(workers)
        self.mind, self.policy, self.expect, self.spec = mind, policy, expect, spec
        self.lessons = None if memory is None else Lessons(memory, run, site_of(workers))
        self.journal: Journal = mind.journal
        self.limits, self.patience = Limits(attempts=redos + 1), Patience()
        self.show = show
        self.lanes = Lanes(workers)
        self.results: dict[str, JsonValue] = {}
        self.drives: dict[str, Drive] = {}
        self._ended: dict[str, asyncio.Task[str]] = {}

    # --- the whole --------------------------------------------------------------------

    async def to_the_end(self) -> Confirmed[Any] | Unverified | Failed:
        """Plan, do, and sum up. Typed errors of the machinery end in `Failed`."""
        try:
            jobs = await self._plan()
        except GoalNotUnderstood as error:
            return self._end(Unverified(None, tuple(str(error).splitlines())))
        except (BudgetExhausted, Truncated, CoreModelError, NothingToWorkWith, TraceDiverged) as error:
            return self._end(broken_off(error, self.results), error)
        self.show(Planned({job.id: job.title for job in jobs}, {job.id: job.after for job in jobs}))
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    self._ended[job.id] = group.create_task(self._when_ready(job))
        except ExceptionGroup as errors:
            error = first_error(errors)
            return self._end(broken_off(error, self.results), error)
        return self._end(self._sum_up(jobs))

    def _end(
        self, outcome: Confirmed[Any] | Unverified | Failed, error: Exception | None = None
    ) -> Confirmed[Any] | Unverified | Failed:
        """Record how the run stands: paused, where an error ended it that can be mended from outside."""
        punch = tuple(
            item for drive in self.drives.values() for item in punch_items(drive.job.title, drive.state)
        )
        outcome = replace(outcome, punch_list=punch, cost=self.mind.budget.total(), run=self.run)
        status = {Confirmed: "confirmed", Unverified: "unverified", Failed: "failed"}[type(outcome)]
        self.journal.set_status(self.run, "paused" if isinstance(error, RESUMABLE) else status)
        return outcome

    # --- planning ---------------------------------------------------------------------

    async def _plan(self) -> list[Job]:
        """Read tasks out of the goal, or take the plan that is in the journal."""
        recorded = next((row.body for row in self.journal.rows(self.run, kinds=("plan",))), None)
        if not any(worker.browser or worker.functions for worker in self.workers):
            return [think_job(self.goal, self.spec)]
        if isinstance(recorded, str):
            return jobs_of(roles.read_plan(recorded, self.goal))
        needs = dict.fromkeys(need for worker in self.workers for need in KINDS_OF if worker.has(need))
        kinds = [kind for need in needs for kind in KINDS_OF[need]]
        answer, tasks = "", ()
        question, heard = roles.ask_plan(self.goal, kinds), Counter[str]()
        for attempt in range(1, READINGS + 1):
            again = heard.total() - len(heard)  # a model that says the same again is asked more warmly
            answer = await self.mind.ask(question, attempt=attempt, warmest=reading_warmth(again))
            tasks = roles.read_plan(answer, self.goal)
            if not self._doubts(tasks):
                break
            heard[answer] += 1
        self._refuse_doubtful(tasks)
        self.journal.append("plan", answer, run=self.run)
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

    async def _when_ready(self, job: Job) -> str:
        """Wait for what the job needs, then drive it; returns the status it ended in."""
        for needed in job.after:
            if await self._ended[needed] != "confirmed":
                return "not begun"
        lane = self.lanes.of(job)
        async with lane.turn:
            return await self._drive(job, lane)

    async def _drive(self, job: Job, lane: Lane) -> str:
        work = job.make(self.results)
        state = ManagerTask(self.run, f"{self.run}.{job.id}", work.spec.describe(), limits=self.limits)
        drive = Drive(job, work, state, asyncio.Queue(), patience=self.patience)
        self.drives[job.id] = drive
        replay(self.journal, self.run, drive, lane)
        if drive.state.status in TERMINAL:
            return self._settle(drive)
        try:
            await self._wake(drive, lane)
            while drive.state.status not in TERMINAL:
                event = await drive.inbox.get()
                if drive.fault is not None:
                    raise drive.fault
                await self._feed(drive, event, lane)
        finally:
            for handle in drive.timers.values():
                handle.cancel()
            for task in drive.tasks:
                task.cancel()
            await asyncio.gather(*drive.tasks, return_exceptions=True)
            await self.lanes.release(lane)
        return self._settle(drive)

    async def _wake(self, drive: Drive, lane: Lane) -> None:
        """Set a task going: from its beginning, or from where the journal leaves it."""
        known = drive.state.worker
        if self._is_here(known):
            await self.lanes.book(drive.job, lane)
        for name in filter(self._is_here, list(drive.workers)):
            await self._feed_worker(drive, name, WorkerLost(now=time.time(), worker=name), lane)
        if known and not self._is_here(known):
            await self._feed(drive, WorkerLost(now=time.time(), worker=known), lane)
        now = time.time()
        state, effects = wake(drive.state, now)
        if drive.resumed:  # it sets a new timer, whose name later events may carry
            self.journal.append("wake", {"now": now}, run=self.run, task=drive.job.id)
        drive.state = state
        await self._carry_out(drive, effects, lane)

    def _is_here(self, name: str) -> bool:
        return any(worker.name == name for worker in self.workers)

    def _settle(self, drive: Drive) -> str:
        """Keep the result of a task that was confirmed; returns how it ended."""
        if drive.state.status == "confirmed" and drive.state.last is not None:
            result = drive.state.last.result
            facts = dict(drive.work.facts)
            self.results[drive.job.id] = {**facts, **result} if isinstance(result, dict) else result
        return drive.state.status

    # --- events and effects --------------------------------------------------------------

    async def _feed(self, drive: Drive, event: ProtocolEvent, lane: Lane) -> None:
        """Journal an event that the rules allow, apply it, and carry out what follows."""
        before = drive.state.status, drive.state.attempt
        state, effects = advance(drive.state, event)
        body: dict[str, JsonValue] = {"event": dump_event(event)}
        self.journal.append("event", body, run=self.run, task=drive.job.id, attempt=drive.state.attempt)
        drive.state = state
        if (drive.state.status, drive.state.attempt) != before:
            self.show(Stood(drive.job.id, drive.job.title, drive.state.status, drive.state.attempt))
        if drive.state.status == "confirmed":
            await self._when_confirmed(drive)
        await self._carry_out(drive, effects, lane)

    async def _carry_out(self, drive: Drive, effects: Sequence[Effect], lane: Lane) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                await self._send(drive, effect.envelope, lane)
            elif isinstance(effect, Schedule):
                self._schedule(drive, effect, lane)
            elif isinstance(effect, Decide):
                await self._decide(drive, effect, lane)
            elif isinstance(effect, Finish):
                return

    def _schedule(self, drive: Drive, effect: Schedule, lane: Lane, worker: str = "") -> None:
        """Set the timer of a worker, or of the manager, in place of the one before."""

        def ring() -> None:
            tick = Tick(now=time.time(), timer=effect.timer)
            if worker:
                self._spawn(drive, self._feed_worker(drive, worker, tick, lane))
            else:
                drive.inbox.put_nowait(tick)

        if worker in drive.timers:
            drive.timers[worker].cancel()
        drive.timers[worker] = asyncio.get_running_loop().call_later(effect.seconds, ring)

    async def _send(self, drive: Drive, envelope: Envelope, lane: Lane) -> None:
        """Journal a message, show it, and hand it to its recipient in this process."""
        self.journal.append("envelope", envelope, run=self.run, task=drive.job.id, attempt=envelope.attempt)
        self.show(Said(envelope, drive.job.title))
        if envelope.recipient == drive.state.name:
            drive.inbox.put_nowait(envelope)
        elif isinstance(envelope.body, Verify):
            self._spawn(drive, self._verify(drive, envelope, envelope.body))
        elif envelope.recipient in drive.workers or self._is_here(envelope.recipient):
            await self._feed_worker(drive, envelope.recipient, envelope, lane)

    def _spawn(self, drive: Drive, work: Any, name: str = "") -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name or None)
        drive.tasks.add(task)

        def over(ended: asyncio.Task[None]) -> None:
            drive.tasks.discard(ended)
            if ended.cancelled() or (error := ended.exception()) is None:
                return
            drive.fault = error
            drive.inbox.put_nowait(Tick(now=time.time()))
            with contextlib.suppress(JournalError):
                self.journal.append("breakdown", repr(error), run=self.run, task=drive.job.id)

        task.add_done_callback(over)

    async def _decide(self, drive: Drive, effect: Decide, lane: Lane) -> None:
        """Draft what the manager has to say: the first order, or a redo with plan, context and feedback."""
        if effect.what not in ("assign", "redo"):
            return
        failed = [
            f"{flaw.criterion} : {flaw.why}" if flaw.criterion else flaw.why
            for flaw in latest_flaws(drive.state)
        ]
        worker = await self.lanes.book(drive.job, lane)
        if effect.what == "redo" and failed and drive.work.stage.name != THINK:
            await self._reflect(drive, failed)
        notes: list[str] = []
        if self.lessons is not None:
            recalling = self.lessons.recall(drive.work.stage.name, drive.job.title)
            notes = await self._unless_lost(drive, recalling, "recall_lost", notes)
        for note in notes:
            self.show(Recalled(drive.job.id, note))
        drive.steps = await self._steps(drive, notes, failed if effect.what == "redo" else [])
        plan = tuple(step.line() for step in drive.steps)
        context = f"{drive.job.title}; part of: {self.goal}"
        body = (
            Redo(plan=plan, context=context, feedback="; ".join(failed) or "the attempt was lost")
            if effect.what == "redo"
            else Assign(task=drive.job.title, spec=drive.state.spec, plan=plan, context=context)
        )
        self.mind.budget.spend(redos=int(isinstance(body, Redo)))
        recipient = worker.name if isinstance(body, Assign) else ""
        await self._feed(drive, draft(drive.state, body, time.time(), recipient=recipient), lane)

    async def _steps(self, drive: Drive, notes: Sequence[str], failed: Sequence[str]) -> tuple[Step, ...]:
        """The plan of an attempt; before a cart is mended it is looked at, so that nothing is added twice."""
        stage = drive.work.stage
        if stage.name in ("use", THINK) or not stage.parts:
            return stage.parts or stage.last
        answer = await self.mind.ask(
            roles.ask_steps(stage, notes, failed), task=drive.job.id, attempt=drive.state.attempt
        )
        steps = roles.read_steps(answer, stage)
        adds = any(step.verb == "add" for step in steps)
        return (Step("open cart"), *steps) if failed and adds else steps

    # --- workers ----------------------------------------------------------------------

    async def _feed_worker(self, drive: Drive, name: str, event: ProtocolEvent, lane: Lane) -> None:
        state, effects = advance(drive.worker(name), event)
        body: dict[str, JsonValue] = {"worker": name, "event": dump_event(event)}
        self.journal.append(
            "worker_event", body, run=self.run, task=drive.job.id, attempt=drive.state.attempt
        )
        drive.workers[name] = state
        await self._carry_out_work(drive, name, effects, lane)

    async def _carry_out_work(self, drive: Drive, name: str, effects: Sequence[Effect], lane: Lane) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                await self._send(drive, effect.envelope, lane)
            elif isinstance(effect, Schedule):
                self._schedule(drive, effect, lane, name)
            elif isinstance(effect, StartWork):
                self._spawn(drive, self._work(drive, name, effect, lane), f"work {name}")
            elif isinstance(effect, StopWork):
                for task in list(drive.tasks):
                    if task is not asyncio.current_task() and task.get_name() == f"work {name}":
                        task.cancel()

    async def _work(self, drive: Drive, name: str, start: StartWork, lane: Lane) -> None:
        """One attempt of a worker, from order to report or failure."""
        worker = next(each for each in self.workers if each.name == name)
        again = drive.resumed or start.order.attempt > 1
        try:
            report = (
                await already_placed(self.journal, self.run, drive, worker, lane)
                if again and drive.job.irreversible
                else None
            )
            if report is None:
                steps = drive.steps or await self._steps(drive, [], [])
                order = Assignment(
                    self.run,
                    drive.job.id,
                    start.order.attempt,
                    drive.work.stage,
                    steps,
                    drive.job.lane,
                    drive.job.irreversible,
                    lane.storage,
                    lane.url,
                    feedback_of(drive.state),
                    drive.state.losses,
                )
                report = await worker.perform(order, self.mind, self.policy)
            await self._snapshot(drive, worker, lane)
            body: Report | FailedMessage = report
        except StepFailed as error:
            last = drive.state.attempt - drive.state.losses >= self.limits.attempts
            if last and error.reason.startswith("unreachable: "):  # resumed, it is tried once more
                raise SiteUnreachable(lane.url or "the site", error.reason[13:]) from error
            hopeless = error.reason == "out of stock" or isinstance(error, EffectUnknown)
            body = FailedMessage(error=type(error).__name__, message=error.feedback(), retry=not hopeless)
        except CannotTell as error:
            body = FailedMessage(error="CannotTell", message=str(error), retry=False)
        except (SiteUnreachable, BrowserMissing):
            raise  # nothing that a redo could mend: the run stops here and can be resumed
        except (ToolError, Truncated) as error:
            await worker.drop(drive.job.lane)
            body = FailedMessage(error=type(error).__name__, message=str(error))
        await self._feed_worker(drive, name, draft(drive.workers[name], body, time.time()), lane)

    async def _snapshot(self, drive: Drive, worker: Worker, lane: Lane) -> None:
        """Record what a fresh session of this lane would begin with, before the report is."""
        session = worker.live(drive.job.lane)
        if session is not None:
            lane.storage, lane.url = dict(await session.storage_state()), session.url
            body: dict[str, JsonValue] = {"storage": dict(lane.storage), "url": lane.url}
            self.journal.append("lane", body, run=self.run, task=drive.job.id, attempt=drive.state.attempt)

    # --- verification -------------------------------------------------------------------

    async def _verify(self, drive: Drive, envelope: Envelope, verify: Verify) -> None:
        verifier = Verifier(
            self.mind,
            partial(look, self.journal, self.run, self.workers, drive, self.lanes.of(drive.job), verify),
        )
        verdict = await verifier.verify(drive.work.spec, verify, task=drive.job.id, attempt=envelope.attempt)
        await self._answer(drive, envelope, verdict)

    async def _answer(self, drive: Drive, envelope: Envelope, verdict: Verdict) -> None:
        answer = Envelope(
            id=new_id(),
            run=self.run,
            task=envelope.task,
            attempt=envelope.attempt,
            generation=envelope.generation,
            sender=drive.state.verifier,
            recipient=drive.state.name,
            sent_at=time.time(),
            in_reply_to=envelope.id,
            body=verdict,
        )
        await self._send(drive, answer, self.lanes.of(drive.job))

    # --- lessons ------------------------------------------------------------------

    async def _reflect(self, drive: Drive, failed: Sequence[str]) -> None:
        """Ask what the failure teaches; kept only if the redo is confirmed."""
        done = [step.line() for step in drive.steps]
        question = roles.ask_reflect(drive.work.stage.name, failed, done)
        drive.lesson = await self.mind.ask(question, task=drive.job.id, attempt=drive.state.attempt)
        drive.lesson_check = next(
            (flaw.criterion for flaw in latest_flaws(drive.state) if flaw.criterion), ""
        )
        body: JsonValue = {"lesson": drive.lesson, "check": drive.lesson_check}
        self.journal.append("lesson", body, run=self.run, task=drive.job.id, attempt=drive.state.attempt)

    async def _when_confirmed(self, drive: Drive) -> None:
        """Keep the lesson that the confirm proves. Where memory fails, the confirm stands without it."""
        if self.lessons is None or drive.state.confirm is None:
            return
        keeping = self.lessons.keep(drive.work.stage.name, drive.lesson, drive.lesson_check, drive.state)
        if kept := await self._unless_lost(drive, keeping, "lesson_lost", ""):
            self.show(Learned(drive.job.id, kept))

    async def _unless_lost(self, drive: Drive, asked: Awaitable[T], kind: str, otherwise: T) -> T:
        """What memory answers. Where it fails, a row of `kind` says so and the run goes on without."""
        from ..memory import MemoryFault

        try:
            return await asked
        except MemoryFault as error:
            self.journal.append(kind, str(error), run=self.run, task=drive.job.id)
            log.warning("Memory failed (%s), the run goes on without it: %s", kind, error)
            return otherwise

    # --- the end --------------------------------------------------------------------------

    def _sum_up(self, jobs: Sequence[Job]) -> Confirmed[Any] | Unverified | Failed:
        open_jobs = [job for job in jobs if job.id not in self.results]
        evidence = tuple(
            item
            for drive in self.drives.values()
            if drive.state.last
            for item in drive.state.last.evidence[-3:]
        )
        if open_jobs:
            reasons = open_reasons(open_jobs, {key: drive.state for key, drive in self.drives.items()})
            return Unverified(dict(self.results), tuple(reasons), evidence=evidence)
        value = gathered(jobs, self.results)
        confirm = self.drives[jobs[-1].id].state.confirm
        return as_expected(value, self.expect, evidence, confirm)
