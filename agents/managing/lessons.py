"""Lessons of mended tasks: kept when the mending was confirmed, recalled when a similar task is planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...protocols.tasks import ManagerTask
from ..agent import Agent
from ..roles import LESSONS

if TYPE_CHECKING:
    from ...memory import Memory


class Lessons:
    """What a run may learn and recall about one site.

    Args:
        memory: Where lessons lie.
        run: Recorded as where they were learned.
        site: Host that they are about; empty: any.
    """

    def __init__(self, memory: Memory, run: str, site: str) -> None:
        self._memory, self._run, self._site = memory, run, site

    async def recall(self, stage: str, title: str) -> dict[str, str]:
        """The lesson that fits a stage of a task best, in the words that the planner knows; at most one.

        Returns:
            Its words, with the id of its record.
        """
        from ...memory import Scope

        found = await self._memory.recall(
            f"stage {stage}: {title}", k=4, kinds=("reflection",), scope=Scope.shared(self._site)
        )
        for item in found:
            told, _, note = item.record.text.partition("\n")[0].partition(": ")
            if told == f"stage {stage}" and note in LESSONS.values():
                return {note: item.record.id}
        return {}

    async def tell(self, stage: str, recalled: Sequence[str], held: bool) -> None:
        """Tell how a first attempt at a stage came out: with these lessons, or without any."""
        from ...memory import Scope

        await self._memory.outcome(f"stage {stage}", held, Scope.shared(self._site), recalled)

    async def keep(self, stage: str, lesson: str, check: str, state: ManagerTask) -> str:
        """Keep a lesson that the task's confirm proves; returns its text, empty when there is none."""
        from ...memory import Provenance, Record, Scope

        confirm = state.confirm
        if confirm is None or not check or lesson not in LESSONS or lesson == "none":
            return ""
        if any(finding.outcome == "fail" for finding in confirm.verdict.findings):
            return ""  # an optional check failed: the confirm does not prove a lesson
        record = Record(
            kind="reflection",
            text=f"stage {stage}: {LESSONS[lesson]}",
            scope=Scope.shared(self._site),
            provenance=Provenance(
                run=self._run, task=state.task, attempt=max(1, confirm.attempt - 1), check=check
            ),
        )
        await self._memory.remember(record, confirm)
        return record.text


def site_of(workers: Sequence[Agent]) -> str:
    """Host of the site that the workers browse first; what a lesson is about."""
    browsers = [worker.browser for worker in workers if worker.browser is not None]
    return urlsplit(browsers[0].allow[0]).hostname or "" if browsers and browsers[0].allow else ""
