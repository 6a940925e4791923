"""What is kept of one task of the protocol while it is driven, and how it is rebuilt from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..protocols.journal import Journal
from ..protocols.states import advance, load_event
from ..protocols.tasks import Event, ManagerTask, WorkerTask
from .families import Job, Work
from .steps import Step


@dataclass
class Lane:
    """A browsing session that several tasks share: who has it, and what a fresh one would begin with."""

    worker: str = ""
    storage: Mapping[str, Any] | None = None
    url: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Drive:
    """One task of the protocol while it is being driven."""

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


def replay(journal: Journal, run: str, drive: Drive, lane: Lane) -> None:
    """Apply what the journal already holds about this task."""
    for row in journal.rows(run, kinds=("event", "worker_event", "lane", "lesson")):
        body = row.body
        if row.task != drive.job.id or not isinstance(body, dict):
            continue
        if row.kind == "lane":
            storage = body["storage"]
            lane.storage, lane.url = storage if isinstance(storage, dict) else None, str(body["url"])
        elif row.kind == "lesson":
            drive.lesson, drive.lesson_check = str(body["lesson"]), str(body["check"])
        elif row.kind == "event":
            drive.state, _ = advance(drive.state, load_event(body["event"]))
            drive.resumed = True
        else:
            name = str(body["worker"])
            worker = drive.workers.get(name) or WorkerTask(run, drive.state.task, name)
            drive.workers[name], _ = advance(worker, load_event(body["event"]))
