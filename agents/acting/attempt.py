"""An attempt at a task: what a worker gets, what piles up while it is at it, and how it can break off.

Does not cover: how it is carried out (`worker` in a browser, `using` with plugged-in tools).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import JsonValue

from ...protocols.messages import Evidence
from ...protocols.records import replace
from ...protocols.spec import Spec
from ...protocols.tasks import Child, WorkerTask
from ..events import Alarmed
from ..steps import Done, Stage, Step
from ..watch import ALARM, Sighting, Watch

if TYPE_CHECKING:
    from ...tools.browser import ActionResult, BrowserSession
    from ...tools.browser.view import View
    from ...tools.executor import Executor
    from ..managing.preferences import Known
    from ..mind import Mind
    from ..people import Desk

NUDGE = "that was done before and led no further ; do something else"
"""What a model is told that the watch caught."""


class StepFailed(Exception):
    """A worker says that a step cannot be done. Becomes the task's feedback."""

    def __init__(self, step: str, reason: str, hint: str = "") -> None:
        self.step, self.reason, self.hint = step, reason, hint
        super().__init__(f"{step}: {reason}{': ' + hint if hint else ''}")

    def feedback(self) -> str:
        """What went wrong, as the planner of a redo reads it."""
        if self.reason == "refused":
            return f"refused : {self.hint or self.step}"
        return f"{self.step} : {self.reason}{' : ' + self.hint if self.hint else ''}"


class WatchStopped(StepFailed):
    """The watch saw too often that the work gets nowhere: another attempt would not either."""


class Declined(Exception):
    """An agent will not do a task, and has done nothing of it. Another may be asked."""


class StepStuck(StepFailed):
    """A step went round in circles or took too many actions."""


class EffectUnknown(StepFailed):
    """A call may have taken effect. It is not made again: a person has to look at what it acts on."""

    def __init__(self, step: str, tool: str) -> None:
        super().__init__(
            step,
            f"whether {tool!r} took effect is not known",
            "it was not repeated; look at what it acts on yourself before you run it again",
        )


@dataclass(frozen=True)
class Assignment:
    """What a worker gets beside the protocol's order: the concrete stage, its lane, and where to begin.

    Attributes:
        run, task, attempt: Name the attempt; keys of tool calls are made of them (see `Attempt`).
        stage: Parts and last steps.
        steps: The plan, already in order.
        lane: The browsing session to go on with.
        irreversible: Clicks of this stage cannot be undone.
        storage: Cookies to begin with when the lane has no live session.
        url: Where to begin then; None: the browser's first allowed address.
        feedback: In a redo, what the attempt before was refused for.
        lost: Attempts that were lost with their process; what was thought in them is gone on with.
        inputs: What the task gets of the results before it, by name.
        spec: What the result will be held against.
        context: Where the task comes from, in words.
        talk: The way back to the manager while at work; None where nobody listens.
        desk: Where people are asked.
        watch: Sees whether the work gets anywhere; None: nobody watches.
        attended: A person decides what cannot be verified.
        manager: Name of the manager that gave it.
        routes: See `crew.Within`; for managers below.
        preferences: Of the run's user; None: nobody knows any.
        generation: Of the task, from 1; one that was re-opened looks again, and has other subtasks.
    """

    run: str
    task: str
    attempt: int
    stage: Stage
    steps: tuple[Step, ...]
    lane: str
    irreversible: bool = False
    storage: Mapping[str, Any] | None = None
    url: str | None = None
    feedback: str = ""
    lost: int = 0
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    spec: Spec | None = None
    context: str = ""
    talk: Talk | None = None
    desk: Desk | None = None
    watch: Watch | None = None
    attended: bool = False
    manager: str = "manager"
    routes: dict[str, Any] = field(default_factory=dict[str, Any])
    generation: int = 1
    preferences: Known | None = None

    @property
    def anew(self) -> str:
        """What sets keys and ids of this generation apart from those of the ones before."""
        return f"g{self.generation}." if self.generation > 1 else ""

    @property
    def goal(self) -> str:
        """What is to be done, as the program or planner said it."""
        return self.steps[0].text if self.steps else self.stage.name


def notes_of(order: Assignment, mind: Mind) -> str:
    """What the user prefers, as a prompt of this model shows it."""
    return "" if order.preferences is None else order.preferences.notes(mind.model)


class Talk(Protocol):
    """What an agent may say to its manager while it is at an attempt, beside its last word."""

    async def ask(self, question: str, schema: dict[str, JsonValue] | None = None) -> JsonValue:
        """Ask, and wait for the answer.

        Raises:
            StepFailed: Nobody answers, or no more may be asked.
        """
        ...

    def state(self) -> WorkerTask:
        """The task as its worker keeps it: what may be said follows from it."""
        ...

    async def progress(self, note: str, fraction: float | None = None) -> None:
        """Say how far it is."""
        ...

    async def adopt(self, children: Sequence[Child]) -> None:
        """Say which subtasks this attempt has: it is verified only when all of them are confirmed.

        Raises:
            BudgetOverdrawn: Together they are promised more than is left.
        """
        ...


@dataclass
class Attempt:
    """What piles up while a worker is at it.

    Attributes:
        done: Calls of plugged-in tools and what they returned.
        returned: The values among them.
        made: How often each call with an effect was made in this attempt, by its hash.
        cart: The cart as it was when this attempt opened it; what it holds is not added again.
        last: What the browser made of the latest action; None where it was not carried out.
    """

    order: Assignment
    mind: Mind
    executor: Executor
    session: BrowserSession | None = None
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    changes: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    answer: str = ""
    calls: int = 0
    done: list[Done] = field(default_factory=list[Done])
    returned: list[JsonValue] = field(default_factory=list[JsonValue])
    made: dict[str, int] = field(default_factory=dict[str, int])
    seen_tokens: int = 0
    cart: View | None = None
    last: ActionResult | None = None

    async def watched(self, sighting: Sighting) -> Done | None:
        """Show an action to the watch and follow its advice; what the model is to be told of it, if anything.

        Raises:
            StepStuck: This attempt gets nowhere.
            WatchStopped: No attempt will.
        """
        used = self.mind.budget.cost.tokens
        sighting, self.seen_tokens = replace(sighting, tokens=used - self.seen_tokens), used
        alarm = None if self.order.watch is None else self.order.watch.see(sighting)
        if alarm is None:
            return None
        order = self.order
        self.mind.journal.append(ALARM, alarm.body(), run=order.run, task=order.task, attempt=order.attempt)
        said = alarm.evidence[0]
        self.mind.show(Alarmed(order.task, alarm.kind, said, alarm.advice))
        if alarm.advice == "nudge":
            return Done("watch", NUDGE)
        if alarm.advice == "stop":
            raise WatchStopped(sighting.step, alarm.kind, said)
        if alarm.advice == "escalate" and order.talk is not None and order.attended:
            told = await order.talk.ask(f"{sighting.step}: {said}. Go on? Say how, or null to try anew.")
            if isinstance(told, str) and told.strip():
                return Done("a person", told)
        raise StepStuck(sighting.step, alarm.kind, said)

    def key(self) -> str:
        """The key of a call that belongs to this attempt only."""
        self.calls += 1
        return f"{self.order.run}/{self.order.task}/{self.order.attempt}/{self.order.anew}{self.calls}"

    def lasting_key(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """The key of a call with an effect: the same in every attempt, so that it is not made twice."""
        text = json.dumps([tool, dict(arguments)], sort_keys=True)
        mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.made[mark] = self.made.get(mark, 0) + 1
        return f"{self.order.run}/{self.order.task}/0/{mark}.{self.made[mark]}"
