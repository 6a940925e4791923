"""Steps of a worker's plan, the stage that they belong to, and what was done in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..tools.browser.view import View
from .wording import fold


@dataclass(frozen=True)
class Step:
    """One step of a worker's plan.

    Attributes:
        verb: add, set, remove, open cart, fill, choose, review, place, open ticket, reply, send, close.
        text: The argument as the worker reads it.
        spans: What may be typed during this step.
        part: 1-based part of the stage that the step serves; 0 for the steps that serve the whole stage.
        shown: Whether a page shows the step's effect already; then it is not done again.
        only_on: Pages on which this step may act; on others it waits a little, and then fails.
    """

    verb: str
    text: str = ""
    spans: tuple[str, ...] = ()
    part: int = 0
    shown: Callable[[View], bool] | None = field(default=None, compare=False, repr=False)
    only_on: Callable[[View], bool] | None = field(default=None, compare=False, repr=False)

    def line(self) -> str:
        return fold(f"{self.verb} {self.text}")


THINK = "think"
"""Name of the stage of a job that a worker does by thinking alone."""

TASK = "task"
"""Name of the stage of a task of a plan: its one step is what the program asks for."""


@dataclass(frozen=True)
class Stage:
    """A stage of a task: what it is called, its parts, and the steps that end it."""

    name: str
    parts: tuple[Step, ...]
    last: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Done:
    """One action that was taken in this step, and what came of it.

    Attributes:
        action: In words that outlive the page.
        result: What came of it, in a few words.
        served: Whether the action could have done what the step is about; see `claims.serves`.
    """

    action: str
    result: str
    served: bool = field(default=True, compare=False)

    def line(self) -> str:
        return f"{fold(self.action)} -> {fold(self.result)}"
