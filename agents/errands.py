"""The attempt that an agent is at, for tools that have to know: where it is recorded, who is told, by whom.

Set by a worker around its attempt, and seen by its asynchronous tools alone: a tool that runs in a thread of
its own, or for a program without a manager, finds none.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from .remembering import Place

if TYPE_CHECKING:
    from ..protocols.journal import Journal
    from .acting.attempt import Assignment
    from .mind import Mind


@dataclass(frozen=True)
class Errand:
    """One attempt of an agent.

    Attributes:
        agent: Its name.
        mind: With the run's journal, and the model that the agent thinks with.
    """

    agent: str
    mind: Mind
    place: Place

    @property
    def journal(self) -> Journal:
        """The record of the run."""
        return self.mind.journal

    def note(self, kind: str, body: JsonValue, key: str = "") -> None:
        """Write a row about the attempt."""
        place = self.place
        self.journal.append(kind, body, run=self.mind.run, task=place.task, attempt=place.attempt, key=key)


_AT: ContextVar[Errand | None] = ContextVar("punchlist_errand", default=None)


def errand() -> Errand | None:
    """The attempt that whoever calls is at; None where it is at none."""
    return _AT.get()


@contextmanager
def on_errand(agent: str, order: Assignment, mind: Mind) -> Generator[None]:
    """Be at an attempt."""
    place = Place(order.task, order.attempt, order.generation, order.lost)
    token = _AT.set(Errand(agent, mind, place))
    try:
        yield
    finally:
        _AT.reset(token)
