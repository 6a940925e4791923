"""Runs that die before a chosen row of their journal, and go on in what stands for another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import Result, Strategy, Task, Thinking, Trace
from punchlist.protocols.journal import Journal

EVER = 10**9


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the library may catch it."""


class DyingJournal(Journal):
    """The process dies when the row after `rows_left` is to be written; later rows find it dead."""

    rows_left = EVER

    def _insert(self, *arguments: Any, **named: Any) -> Any:
        if self.rows_left <= 0:
            raise Killed
        self.rows_left -= 1
        return super()._insert(*arguments, **named)


async def go_until(
    path: Path,
    strategy: Strategy,
    task: str | Task,
    model: Any,
    rows: int = EVER,
    budget: Budget | None = None,
) -> Result:
    """One process's part of a run; it dies after so many rows."""
    asked = task if isinstance(task, Task) else Task(task)
    with DyingJournal.open(path) as journal:
        journal.begin("run", asked.question)
        trace = Trace(journal, "run")
        limits = Budget(cost=trace.cost())
        journal.rows_left = rows
        thinking = Thinking(model, limits, trace)
        try:
            return await strategy.solve(asked, thinking)
        finally:
            await thinking.aclose()


def rows_of(path: Path) -> int:
    """How many rows of its run a journal has."""
    with Journal.open(path) as journal:
        return sum(1 for _ in journal.rows("run"))
