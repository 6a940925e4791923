"""What happens around an attempt: its plan, the work of an agent, and the lesson of its failure."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue, ValidationError

from ...protocols.messages import Decline, Failed, Message, Report, Verdict
from ...protocols.outcome import Cost
from ...protocols.tasks import StartWork
from ...tools.errors import BrowserMissing, SiteUnreachable, ToolError
from .. import roles
from ..acting.attempt import Assignment, Declined, EffectUnknown, StepFailed, Talk, WatchStopped
from ..agent import Agent
from ..budget import BudgetExhausted, Part, used
from ..checking.lookup import CannotTell
from ..events import Learned, Recalled
from ..jobs import Job
from ..memory_tools import keepers_of
from ..mind import Mind, Truncated
from ..question import Question
from ..recalling import Memo, is_instructed, notes_for
from ..remembering import Place
from ..steps import TASK, THINK, Stage, Step
from .crew import Crew
from .drive import Drive
from .ending import feedback_of, latest_flaws
from .lessons import STEP_FAILED, check_of, note_of, step_failed
from .placed import already_placed

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...memory import Record
    from .lanes import Lane

log = logging.getLogger(__name__)
T = TypeVar("T")

_NOTHING: list[Record] = []

SAID_ONCE = (TASK, THINK, "use")
"""Stages whose one step is what was asked for: nothing is to be put in order."""


LARGEST_REPORT = 8_000_000
"""Bytes of a report as JSON; the journal, the verifier and the tasks behind it have to carry all of it."""

TOO_LARGE = f"report at most {LARGEST_REPORT}: put it into a file, and report where it is and its sha256"


def mind_for(crew: Crew, task: str, job: Job, *, begun: bool) -> Mind:
    """The crew's mind, with the share of its budget that a job may use, less what it has used already."""
    if job.tokens is None and job.money is None:
        return crew.mind
    cost = used(crew.journal, crew.run, task) if begun else Cost()
    part = Part(tokens=job.tokens, money=job.money, cost=cost, whole=crew.mind.budget)
    return dataclasses.replace(crew.mind, budget=part)


# --- before ---------------------------------------------------------------------------


async def plan(crew: Crew, drive: Drive, failed: Sequence[str], *, again: bool) -> tuple[Step, ...]:
    """The steps of the next attempt; after a failure with what it teaches."""
    refused = crew.lessons is not None and any(map(step_failed, latest_flaws(drive.state)))
    if (again or refused) and failed and drive.work.stage.name not in (THINK, TASK):
        await _reflect(crew, drive, [each.removeprefix(STEP_FAILED) for each in failed])
    drive.told = []
    if crew.lessons is not None:
        checks = _failed_checks(drive) if again or refused else []
        recalling = crew.lessons.recall(drive.work.stage.name, drive.job.title, checks, place_of(drive))
        drive.told = await _unless_lost(crew, drive, recalling, "recall_lost", drive.told)
    for memo in drive.told:
        crew.show(Recalled(drive.id, note_of(memo), label=memo.label()))
    return await _steps(crew, drive, drive.told, failed if again else [])


def known_steps(crew: Crew, drive: Drive, failed: Sequence[str], *, again: bool) -> tuple[Step, ...] | None:
    """What `plan` comes to where it asks neither the model nor memory; None where it asks."""
    stage = drive.work.stage
    reflects = again and failed and stage.name not in (THINK, TASK)
    if reflects or crew.lessons is not None:
        return None
    return _said_steps(stage)


def _said_steps(stage: Stage) -> tuple[Step, ...] | None:
    """The steps of a stage in which there is nothing to put in order; None where there is."""
    return stage.parts or stage.last if stage.name in SAID_ONCE or not stage.parts else None


async def _steps(crew: Crew, drive: Drive, told: Sequence[Memo], failed: Sequence[str]) -> tuple[Step, ...]:
    """Before a cart is mended it is looked at, so that nothing is added twice."""
    stage = drive.work.stage
    if (said := _said_steps(stage)) is not None:
        return said
    question = _ask_steps(crew.mind.model, stage, told, failed)
    answer = await crew.mind.of(drive.state.generation).ask(
        question, task=drive.id, attempt=drive.state.attempt
    )
    steps = roles.read_steps(answer, stage)
    adds = any(step.verb == "add" for step in steps)
    return (Step("open cart"), *steps) if failed and adds else steps


def _ask_steps(model: Model, stage: Stage, told: Sequence[Memo], failed: Sequence[str]) -> Question:
    """The question with lessons: as lines of its own for a model that was trained on it, else as notes."""
    if not is_instructed(model):
        return roles.ask_steps(stage, [note_of(memo) for memo in told], failed)
    return dataclasses.replace(roles.ask_steps(stage, (), failed), notes=notes_for(model, told).text)


def _failed_checks(drive: Drive) -> list[str]:
    """What was wrong with the last attempt, as lessons name it."""
    return [check for flaw in latest_flaws(drive.state) if (check := check_of(flaw))]


def place_of(drive: Drive) -> Place:
    """Where in the run an attempt stands."""
    state = drive.state
    return Place(drive.id, state.attempt, state.generation, state.losses)


# --- the attempt ------------------------------------------------------------------------


async def attempt(
    crew: Crew, drive: Drive, mind: Mind, agent: Agent, start: StartWork, talk: Talk, lane: Lane
) -> Report | Failed | Decline:
    """One attempt of an agent, from order to its last word.

    Raises:
        NobodyThere: It has to wait for a person.
        BudgetExhausted: The budget of the run is used up.
        SiteUnreachable, BrowserMissing: Nothing that a redo could mend: the run stops and can be resumed.
    """
    again = drive.resumed or start.order.attempt > 1
    try:
        report = (
            await already_placed(crew.journal, crew.run, drive, agent, lane)
            if again and drive.job.irreversible
            else None
        )
        if report is None:
            await agent.ready()
            order = await _order(crew, drive, start, talk, lane)
            if mind.budget.left() == 0.0:
                mind.budget.check()  # an agent that waits for nothing is done before a clock is looked at
            report = await _in_time(agent.perform(order, mind, crew.policy), drive, mind)
        await _snapshot(crew, drive, agent, lane)
        size = len(report.model_dump_json())
        if size > LARGEST_REPORT:
            raise StepFailed(drive.job.title, f"a report of {size} bytes", TOO_LARGE)
        return report
    except Declined as error:
        return Decline(reason=str(error) or "no reason given")
    except StepFailed as error:
        last = drive.state.attempt - drive.state.losses >= drive.state.limits.attempts
        if last and error.reason.startswith("unreachable: "):  # resumed, it is tried once more
            raise SiteUnreachable(lane.url or "the site", error.reason[13:]) from error
        hopeless = error.reason == "out of stock" or isinstance(error, EffectUnknown | WatchStopped)
        return Failed(error=type(error).__name__, message=error.feedback(), retry=not hopeless)
    except CannotTell as error:
        return Failed(error="CannotTell", message=str(error), retry=False)
    except (SiteUnreachable, BrowserMissing):
        raise
    except asyncio.CancelledError as error:
        working = asyncio.current_task()
        if working is None or working.cancelling():
            raise
        return Failed(error="CancelledError", message=f"{agent.name} broke off by itself: {error}")
    except BudgetExhausted as error:
        if isinstance(mind.budget, Part) and not mind.budget.is_above(error):
            return Failed(error="BudgetExhausted", message=str(error))
        raise  # that of the run ends the run
    except (ToolError, Truncated) as error:
        await agent.drop(drive.lane)
        return Failed(error=type(error).__name__, message=str(error))


async def _in_time(working: Awaitable[T], drive: Drive, mind: Mind) -> T:
    """What an agent comes to before its deadline, and before the run's time is up.

    Raises:
        StepFailed: The task's deadline passed.
        BudgetExhausted: The run's did.
    """
    limits = [each for each in (drive.job.seconds, mind.budget.left()) if each is not None]
    if not limits:
        return await working
    clock = asyncio.timeout(min(limits))
    try:
        async with clock:
            return await working
    except TimeoutError as error:
        if not clock.expired():
            raise
        mind.budget.check()
        why = f"not done within {drive.job.seconds:g} s"
        raise StepFailed(drive.job.title, why) from error


async def _order(crew: Crew, drive: Drive, start: StartWork, talk: Talk, lane: Lane) -> Assignment:
    steps = drive.steps or await _steps(crew, drive, [], [])
    drive.watch.began([step.line() for step in steps])
    return Assignment(
        crew.run,
        drive.id,
        start.order.attempt,
        drive.work.stage,
        steps,
        drive.lane,
        drive.job.irreversible,
        lane.storage,
        lane.url,
        feedback_of(drive.state),
        drive.state.losses,
        drive.work.inputs,
        drive.work.spec,
        f"{drive.job.title}; part of: {crew.goal}",
        talk,
        crew.desk,
        drive.watch,
        crew.limits.attended,
        crew.within.name,
        crew.within.routes,
        start.order.generation,
        crew.preferences,
    )


async def _snapshot(crew: Crew, drive: Drive, agent: Agent, lane: Lane) -> None:
    """Record what a fresh session of this lane would begin with, before the report is."""
    session = agent.live(drive.lane)
    if session is not None:
        lane.storage, lane.url = dict(await session.storage_state()), session.url
        body: dict[str, JsonValue] = {"storage": dict(lane.storage), "url": lane.url}
        crew.journal.append("lane", body, run=crew.run, task=drive.id, attempt=drive.state.attempt)


# --- lessons ----------------------------------------------------------------------------


async def _reflect(crew: Crew, drive: Drive, failed: Sequence[str]) -> None:
    """Ask what the failure teaches; kept only if the redo is confirmed."""
    done = [step.line() for step in drive.steps]
    question = roles.ask_reflect(drive.work.stage.name, failed, done)
    drive.lesson = await crew.mind.of(drive.state.generation).ask(
        question, task=drive.id, attempt=drive.state.attempt
    )
    drive.lesson_check = next(iter(_failed_checks(drive)), "")
    body: JsonValue = {"lesson": drive.lesson, "check": drive.lesson_check}
    crew.journal.append("lesson", body, run=crew.run, task=drive.id, attempt=drive.state.attempt)


async def when_confirmed(crew: Crew, drive: Drive) -> None:
    """Keep what the confirm proves: what the agent noted, and the lesson.

    Where memory fails or refuses it, the confirm stands without.
    """
    confirm, place = drive.state.confirm, place_of(drive)
    if confirm is None:
        return
    for keeper in keepers_of(crew.agent(drive.state.worker)) if crew.is_here(drive.state.worker) else ():
        noting = keeper.keep(crew.journal, crew.run, confirm, place, drive.state.task)
        for record in await _unless_lost(crew, drive, noting, "noting_lost", _NOTHING):
            crew.show(Learned(drive.id, record.text, record.kind))
    if crew.preferences is not None:
        choosing = crew.preferences.keep_choices(drive.work, confirm, place, drive.state.task)
        await _unless_lost(crew, drive, choosing, "noting_lost", _NOTHING)
    if crew.lessons is None:
        return
    keeping = crew.lessons.keep(drive.work.stage.name, drive.lesson, drive.lesson_check, drive.state, place)
    if kept := await _unless_lost(crew, drive, keeping, "lesson_lost", ""):
        crew.show(Learned(drive.id, kept))


async def when_ended(crew: Crew, drive: Drive, end: Message) -> None:
    """Tell memory whether the plan's lessons helped, once an attempt has a verdict or failed without one."""
    stage = drive.work.stage
    if crew.lessons is None or not isinstance(end, Verdict | Failed) or _said_steps(stage) is not None:
        return
    place = place_of(drive)
    told = drive.told or crew.lessons.told(place)  # a process before this one may have made the plan
    await _unless_lost(crew, drive, crew.lessons.weigh(stage.name, told, end, place), "weighing_lost", None)


async def _unless_lost(crew: Crew, drive: Drive, asked: Awaitable[T], kind: str, otherwise: T) -> T:
    """What memory answers. Where it fails or refuses, or what it was to keep makes no record, a row of `kind`
    says so; the run goes on without."""
    from ...memory import MemoryFault, MemoryRefused

    try:
        return await asked
    except (MemoryFault, MemoryRefused, ValidationError) as error:
        crew.journal.append(kind, str(error), run=crew.run, task=drive.id)
        log.warning("Memory failed (%s), the run goes on without it: %s", kind, error)
        return otherwise
