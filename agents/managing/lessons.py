"""Lessons of mended tasks: kept when the mending was confirmed, recalled for a similar task or failed check.

A lesson names the check that failed, or the step that a page refused. Once it was in a plan, the end of that
first attempt tells whether what it is about passed, and memory is told, as it is told how attempts without
any lesson come out: what stops predicting is retired (`memory/outcomes.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...protocols.messages import Failed
from ...protocols.tasks import Flaw, ManagerTask
from ..agent import Agent
from ..recalling import Memo
from ..remembering import Place, Remembering, known_at
from ..roles import LESSONS

if TYPE_CHECKING:
    from ...memory.records import Scope
    from ...protocols.messages import Verdict

STEP_FAILED = "StepFailed: "
"""Begins the flaw of an attempt that came to no report, and the check of a lesson about such a failure."""

LESSON = "lesson"
"""What a recall is for, in its row."""


class Lessons:
    """What a run may learn and recall about one site.

    Args:
        remembering: Where lessons lie, and where it is recorded that they were asked for.
        site: Host that they are about; empty: any.
    """

    def __init__(self, remembering: Remembering, site: str) -> None:
        self._remembering, self._site = remembering, site

    @property
    def _scope(self) -> Scope:
        from ...memory import Scope

        return Scope.shared(self._site)

    async def recall(self, stage: str, title: str, failed: Sequence[str], place: Place) -> list[Memo]:
        """The lesson that fits a stage of a task best, at most one; `note_of` has its words.

        Args:
            failed: Checks that the attempt before failed; lessons of such checks come first.

        Raises:
            MemoryFault: Memory cannot be used.
        """
        queries = [f"stage {stage}: {title}", *(f"stage {stage}: {check}" for check in failed)]
        pick = partial(fitting, stage=stage, about={subject(check) for check in failed})
        return await self._remembering.recall(
            LESSON, queries, self._scope, place, k=20, kinds=("reflection",), pick=pick
        )

    async def keep(self, stage: str, lesson: str, check: str, state: ManagerTask, place: Place) -> str:
        """Keep a lesson that the task's confirm proves; returns its text, empty when there is none."""
        from ...memory import Provenance, Record
        from ...memory.records import kept_name

        confirm = state.confirm
        if confirm is None or not check or lesson not in LESSONS or lesson == "none":
            return ""
        if any(finding.outcome == "fail" for finding in confirm.verdict.findings):
            return ""  # an optional check failed: the confirm does not prove a lesson
        record = Record(
            kind="reflection",
            text=f"stage {stage}: {LESSONS[lesson]}",
            scope=self._scope,
            trust="trusted",
            provenance=Provenance(
                run=self._remembering.run,
                task=state.task,
                attempt=max(1, confirm.attempt - 1),
                check=kept_name(check),
            ),
        )
        await self._remembering.remember(record, confirm, place)
        return record.text

    async def weigh(self, stage: str, told: Sequence[Memo], end: Verdict | Failed, place: Place) -> None:
        """Tell memory how a first attempt at a stage came out, with these lessons in its plan or without any.

        Later attempts were told what had failed as well, so they say nothing of lessons.

        Raises:
            MemoryFault: Memory cannot be used.
        """
        if place.attempt - place.lost > 1:
            return
        name = f"stage {stage}"
        for memo in told or (None,):
            held = came_through(end) if memo is None else kept_its_word(memo.check, end)
            about = name if memo is None else memo.check
            if held is not None:
                await self._remembering.weigh(memo, held, about, self._scope, name, place)

    def told(self, place: Place) -> list[Memo]:
        """What an attempt was told, as its rows say."""
        return known_at(self._remembering.journal, self._remembering.run, LESSON, place) or []


def note_of(memo: Memo) -> str:
    """A lesson in the words that a planner was taught; further lines say what a job drew it from."""
    return memo.text.partition("\n")[0].partition(": ")[2]


def fitting(found: Sequence[Memo], stage: str, about: set[str]) -> list[Memo]:
    """The best lesson of a stage: where checks failed one of such a check, then the one that held best."""
    of_stage = [memo for memo in found if memo.text.startswith(f"stage {stage}: ")]
    known = [memo for memo in of_stage if note_of(memo) in LESSONS.values()]
    return sorted(known, key=lambda memo: (subject(memo.check) not in about, -_share_held(memo)))[:1]


def _share_held(memo: Memo) -> float:
    """Share of the attempts with a lesson at which its check held; 0.5 before any (Laplace's rule)."""
    return (memo.outcomes.count("+") + 1) / (len(memo.outcomes) + 2)


def subject(check: str) -> str:
    """What a check is about, without its values: `1 : 2 x mugs` and `3 : 1 x lamp` are both about items."""
    number, colon, rest = check.partition(" : ")
    if check.startswith(STEP_FAILED):
        return number
    if not (colon and number.isdigit()):
        return check
    if re.match(r"\d+ x ", rest):
        return "items"
    field, colon, _ = rest.partition(" : ")
    return field if colon else "option"


def check_of(flaw: Flaw) -> str:
    """What a flaw is about, as a lesson names it; "" where it says nothing of the task (a lost worker)."""
    return flaw.criterion or (flaw.why if step_failed(flaw) else "")


def step_failed(flaw: Flaw) -> bool:
    """Whether an attempt came to no report because a step could not be done: a form was refused, say."""
    return not flaw.criterion and flaw.why.startswith(STEP_FAILED)


def kept_its_word(check: str, end: Verdict | Failed) -> bool | None:
    """Whether what a check is about passed in an attempt; None where its end does not tell."""
    if isinstance(end, Failed):
        return False if subject(f"{end.error}: {end.message}") == subject(check) else None
    if check.startswith(STEP_FAILED):
        return True  # it came to a report
    about = {each.outcome for each in end.findings if subject(each.criterion) == subject(check)}
    if "fail" in about:
        return False
    return None if "cannot_check" in about or not about else True


def came_through(end: Verdict | Failed) -> bool | None:
    """Whether an attempt met all its criteria; None where that cannot be told, or where it broke off."""
    if isinstance(end, Failed):
        return False if end.error == "StepFailed" else None
    about = {each.outcome for each in end.findings}
    return False if "fail" in about else None if "cannot_check" in about else True


def site_of(workers: Sequence[Agent]) -> str:
    """Host of the site that the workers browse first; what a lesson is about."""
    browsers = [worker.browser for worker in workers if worker.browser is not None]
    return urlsplit(browsers[0].allow[0]).hostname or "" if browsers and browsers[0].allow else ""
