"""What is kept of one task of the protocol while it is driven, and how it is rebuilt from the journal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from ..protocols.errors import JournalCorrupt, ProtocolViolation
from ..protocols.journal import Journal
from ..protocols.states import advance, load_event, wake
from ..protocols.tasks import Event, ManagerTask, Patience, WorkerTask
from .families import Job, Work
from .lanes import Lane
from .steps import Step


@dataclass
class Drive:
    """One task of the protocol while it is being driven.

    Attributes:
        timers: The one that counts, per worker, and under "" the manager's.
        resumed: Something about the task was in the journal when this process began.
        fault: What broke down beside the main loop; it ends the run.
    """

    job: Job
    work: Work
    state: ManagerTask
    inbox: asyncio.Queue[Event]
    workers: dict[str, WorkerTask] = field(default_factory=dict[str, WorkerTask])
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict[str, asyncio.TimerHandle])
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    steps: tuple[Step, ...] = ()
    lesson: str = ""
    lesson_check: str = ""
    resumed: bool = False
    fault: BaseException | None = None
    patience: Patience = field(default_factory=Patience)

    def worker(self, name: str) -> WorkerTask:
        """The task as this worker keeps it."""
        return self.workers.get(name) or WorkerTask(
            self.state.run, self.state.task, name, patience=self.patience
        )


def replay(journal: Journal, run: str, drive: Drive, lane: Lane) -> None:
    """Apply what the journal already holds about this task; its worker is the lane's.

    Raises:
        JournalCorrupt: A recorded event is none, or the rules of the protocol refuse it.
    """
    for row in journal.rows(run, kinds=("event", "worker_event", "wake", "lane", "lesson")):
        if row.task != drive.job.id or not isinstance(row.body, dict):
            continue
        try:
            _apply(row.kind, row.body, drive, lane)
        except (ProtocolViolation, ValueError, TypeError, KeyError) as error:
            raise JournalCorrupt(journal.path, f"row {row.seq} cannot be applied: {error}") from error
    if drive.state.worker:
        lane.worker = drive.state.worker


def _apply(kind: str, body: dict[str, Any], drive: Drive, lane: Lane) -> None:
    """Apply one row."""
    if kind == "lane":
        storage = body["storage"]
        lane.storage, lane.url = storage if isinstance(storage, dict) else None, str(body["url"])
    elif kind == "lesson":
        drive.lesson, drive.lesson_check = str(body["lesson"]), str(body["check"])
    elif kind == "wake":
        drive.state, _ = wake(drive.state, float(body["now"]))
    elif kind == "event":
        drive.state, _ = advance(drive.state, load_event(body["event"]))
        drive.resumed = True
    else:
        name = str(body["worker"])
        drive.workers[name], _ = advance(drive.worker(name), load_event(body["event"]))
