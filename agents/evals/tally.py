"""What the public event stream of a run tells about it: plan, steps, actions, what could not be told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ...protocols.messages import Assign, Envelope, Failed, Redo, Verdict
from ..events import Acted, Ended, Event, Looked, Recalled, Said, Thought
from ..wording import fold

STEP_DONE = ("step done", "the page shows it already")
"""Results of a step that is over, as workers tell them."""


@dataclass
class FirstOrder:
    """The first order of a task: its steps, which of them were done, and which the verdict refuted."""

    plan: tuple[str, ...]
    done: set[int] = field(default_factory=set[int])
    refuted: set[int] = field(default_factory=set[int])

    def right(self) -> int:
        """Steps that were done and not refuted."""
        return len(self.done - self.refuted)

    def finish(self, step: str) -> None:
        """A step was done: the first of this wording that was not yet."""
        open_places = (place for place in range(len(self.plan)) if place not in self.done)
        place = next((place for place in open_places if self.plan[place] == step), None)
        if place is not None:
            self.done.add(place)

    def refute(self, criterion: str) -> None:
        """Blame the steps that a failed criterion names; the last one when it names none."""
        text = fold(criterion.partition(" : ")[2])
        named = {place for place, line in enumerate(self.plan) if text and line.endswith(text)}
        self.refuted |= named or {len(self.plan) - 1}


@dataclass
class Tally:
    """Counts, filled event by event.

    Attributes:
        plan: The planner's answer.
        first: First orders by task.
        actions: Result codes of the workers' actions.
        cannot_tell: A worker said that it cannot be told whether something irreversible was done.
        recalled: Lessons from memory that went into plans.
        lanes: Browsing sessions that were looked at.
        outcome: How it ended.
    """

    plan: str = ""
    first: dict[str, FirstOrder] = field(default_factory=dict[str, FirstOrder])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    actions: Counter[str] = field(default_factory=Counter[str])
    cannot_tell: bool = False
    recalled: int = 0
    lanes: set[str] = field(default_factory=set[str])
    ended: Ended | None = None

    def hear(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Thought) and event.role == "plan":
            self.plan = event.answer
        elif isinstance(event, Looked):
            self.lanes.add(event.lane)
        elif isinstance(event, Recalled):
            self.recalled += 1
        elif isinstance(event, Acted):
            self._acted(event)
        elif isinstance(event, Said):
            self._said(event.envelope)
        elif isinstance(event, Ended):
            self.ended = event

    def _acted(self, event: Acted) -> None:
        if event.result not in STEP_DONE:
            self.actions[event.result.split()[0].rstrip(":") if event.result else ""] += 1
        elif self.attempts.get(event.task) == 1 and event.task in self.first:
            self.first[event.task].finish(event.step)

    def _said(self, envelope: Envelope) -> None:
        task, body = envelope.task.removeprefix(f"{envelope.run}."), envelope.body
        if isinstance(body, Assign | Redo):
            self.attempts[task] = envelope.attempt
            if envelope.attempt == 1:
                self.first[task] = FirstOrder(body.plan)
        elif isinstance(body, Failed):
            self.cannot_tell = self.cannot_tell or body.error == "CannotTell"
        elif isinstance(body, Verdict) and envelope.attempt == 1 and task in self.first:
            for finding in body.findings:
                if finding.outcome == "fail":
                    self.first[task].refute(finding.criterion)
