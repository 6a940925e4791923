"""Leaves a trace of each attempt in a browser that records, and notes in the journal where it is."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

from ...tools.browser.trace import plain_name, trace_folder
from .attempt import Attempt

RECORDING = "recording"
"""Kind of the journal's row that names the folder of an attempt's trace, or says why there is none."""

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def recorded(attempt: Attempt, base: Path | None) -> AsyncGenerator[None]:
    """Record what the attempt does in its session; a trace that cannot be written is no failure of the task.

    Args:
        base: Where traces go, a folder for each run; None records nothing.
    """
    order, session = attempt.order, attempt.session
    if base is None or session is None:
        yield
        return
    folder = trace_folder(base / plain_name(order.run), f"{order.task}-{order.anew}{order.attempt}")
    problem = ""
    try:
        await session.record(folder, about="; ".join(step.line() for step in order.steps) or order.goal)
    except OSError as error:
        problem = f"{str(folder)!r} cannot be made: {error.strerror or error}"
    _note(attempt, folder, problem)
    try:
        yield
    finally:
        recording = session.recording
        if recording is not None and recording.folder == folder:
            if recording.problem:
                _note(attempt, folder, recording.problem)
            await session.record(None)


def _note(attempt: Attempt, folder: Path, problem: str) -> None:
    order = attempt.order
    body = {"folder": str(folder.absolute()), **({"problem": problem} if problem else {})}
    attempt.mind.journal.append(RECORDING, body, run=order.run, task=order.task, attempt=order.attempt)
    if problem:
        _log.warning("no trace of task %s: %s", order.task, problem)
