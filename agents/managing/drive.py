"""What is kept of one task of the protocol while it is driven, and how it is rebuilt from the journal."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter

from ...protocols.errors import JournalCorrupt, ProtocolViolation
from ...protocols.journal import Row
from ...protocols.messages import SpecText
from ...protocols.states import advance, load_event, wake, with_children
from ...protocols.tasks import Child, ManagerTask, Patience, WorkerTask
from ..jobs import Job, Work
from ..people import BrokeOff
from ..steps import Step
from ..watch import ALARM, Watch
from .inbox import Inbox
from .lanes import Lane
from .timing import Timer

RECORDED = ("event", "worker_event", "wake", "lane", "lesson", "children", "spec", ALARM)
"""Kinds of the rows out of which a task is rebuilt."""

_CHILDREN = TypeAdapter(tuple[Child, ...])


@dataclass
class Drive:
    """One task of the protocol while it is being driven.

    Attributes:
        id: Under which it stands in the journal.
        lane: Name of its browsing session.
        timers: The one that counts, per worker, and under "" the manager's.
        answers: Where a worker waits for the answer to its question.
        recalled: Lessons by which the first attempt was planned, until what came of them is told; else None.
        resumed: Something about the task was in the journal when this process began.
        fault: What broke down beside the main loop; it ends the run.
    """

    id: str
    lane: str
    job: Job
    work: Work
    state: ManagerTask
    inbox: Inbox = field(default_factory=Inbox)
    workers: dict[str, WorkerTask] = field(default_factory=dict[str, WorkerTask])
    timers: defaultdict[str, Timer] = field(default_factory=lambda: defaultdict(Timer))
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    answers: dict[str, asyncio.Future[JsonValue]] = field(
        default_factory=dict[str, "asyncio.Future[JsonValue]"]
    )
    steps: tuple[Step, ...] = ()
    lesson: str = ""
    lesson_check: str = ""
    recalled: tuple[str, ...] | None = None
    resumed: bool = False
    fault: BaseException | None = None
    patience: Patience = field(default_factory=Patience)
    watch: Watch = field(default_factory=Watch)

    def worker(self, name: str) -> WorkerTask:
        """The task as this worker keeps it."""
        return self.workers.get(name) or WorkerTask(
            self.state.run, self.state.task, name, patience=self.patience
        )

    def rebuild(self, rows: Iterable[Row], lane: Lane, path: Path) -> None:
        """Apply what the journal at `path` already holds about this task; its worker is the lane's.

        Raises:
            JournalCorrupt: A recorded event is none, or the rules of the protocol refuse it.
        """
        for row in rows:
            if not isinstance(row.body, dict):
                continue
            try:
                self._apply(row.kind, row.body, lane)
            except (ProtocolViolation, ValueError, TypeError, KeyError) as error:
                raise JournalCorrupt(path, f"row {row.seq} cannot be applied: {error}") from error
        if self.state.worker:
            lane.worker = self.state.worker

    def _apply(self, kind: str, body: dict[str, Any], lane: Lane) -> None:
        """Apply one row."""
        if kind == "lane":
            storage = body["storage"]
            lane.storage, lane.url = storage if isinstance(storage, dict) else None, str(body["url"])
        elif kind == "lesson":
            self.lesson, self.lesson_check = str(body["lesson"]), str(body["check"])
        elif kind == "wake":
            self.state, _ = wake(self.state, float(body["now"]))
        elif kind == "children":
            self.state = with_children(self.state, _CHILDREN.validate_python(body["children"]))
        elif kind == ALARM:
            self.watch.remember(str(body["kind"]))
        elif kind == "spec":
            self.state = replace(self.state, spec=SpecText.model_validate(body["spec"]))
        elif kind == "event":
            self.state, _ = advance(self.state, load_event(body["event"]))
            self.resumed = True
        else:
            name = str(body["worker"])
            self.workers[name], _ = advance(self.worker(name), load_event(body["event"]))


def children_told(children: Iterable[Child]) -> JsonValue:
    """Subtasks as they are recorded."""
    return _CHILDREN.dump_python(tuple(children), mode="json")


def with_person(state: ManagerTask) -> bool:
    """Whether a person does the task."""
    return state.status == "waiting" and state.waiting_for == "person"


def ended_well(task: asyncio.Task[None]) -> bool:
    """Whether it has ended by itself, so that nothing of it is left to wait for."""
    return task.done() and not task.cancelled() and task.exception() is None


def what_broke(ended: asyncio.Task[None]) -> BaseException | None:
    """Why something beside the loop broke off; None where it did not, or was called off."""
    if not ended.cancelled():
        return ended.exception()
    if ended.cancelling():
        return None
    return BrokeOff("something that the task waits for was cancelled by itself, by nobody's wish")
