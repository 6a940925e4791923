"""What all tasks of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...protocols.journal import Journal
from ...protocols.records import replace
from ...protocols.tasks import Child, Event, Limits, ManagerTask, Patience, Reopen
from ...tools.permissions import Policy
from ..agent import Agent
from ..events import Event as Shown
from ..mind import Mind
from ..people import Desk
from ..plan_edits import PlanEdit
from .lanes import Lanes
from .lessons import Lessons
from .preferences import Preferences


class Driven(Protocol):
    """A task of a run, as others can reach it.

    Attributes:
        below: The run of a manager that is at it, the last one; None where nobody is who has workers.
    """

    below: Editable | None

    @property
    def id(self) -> str:
        """Under which it stands in the journal."""
        ...

    @property
    def state(self) -> ManagerTask:
        """As its manager keeps it."""
        ...

    def deliver(self, event: Event) -> None:
        """An event from outside; also a task that nobody is at any more takes note of it."""
        ...

    def act(self, act: Any, person: str = ...) -> None:
        """Let a person do something about it.

        Raises:
            ProtocolViolation: It is not legal as the task stands.
        """
        ...

    async def reopen(self, act: Reopen, person: str = ...) -> None:
        """Begin a new generation of it. Raises as `act` does."""
        ...

    def again(self, act: Reopen, person: str = ...) -> None:
        """`reopen`, for who cannot wait."""
        ...

    def adopt(self, children: tuple[Child, ...]) -> None:
        """Note the subtasks of its attempt."""
        ...

    @property
    def over(self) -> bool:
        """Whether nothing of the run that it is of is left to be done."""
        ...


class Editable(Protocol):
    """A run of a manager that works for another one, as edits of its plan reach it."""

    def takes_edits(self, prefix: str) -> bool:
        """Whether it is at the plan whose tasks have this prefix, and something of it is still to be done."""
        ...

    def edit(self, edit: PlanEdit, person: str) -> None:
        """Change its plan.

        Raises:
            EditRefused: It may not be edited so.
        """
        ...

    def hear(self) -> None:
        """An edit below was put on record: tasks that are still to be rebuilt find it."""
        ...


@dataclass(frozen=True)
class Within:
    """Where a run stands whose manager is another one's worker; as it is here, it is the outermost.

    Attributes:
        prefix: Put before ids of its tasks in the journal: `TASK/TRIAL/`.
        parent: Id of the task that it serves.
        name: The manager's.
        owner: Name of the manager above.
        routes: All tasks of the run, by the task's id.
    """

    prefix: str = ""
    parent: str = ""
    name: str = "manager"
    owner: str = ""
    routes: dict[str, Driven] = field(default_factory=dict[str, "Driven"])


@dataclass
class Crew:
    """The agents of a run, and what they and their manager work with.

    Attributes:
        run: Run id; the first part of keys and of the ids of tasks.
        within: Where the run stands.
    """

    run: str
    goal: str
    workers: list[Agent]
    mind: Mind
    policy: Policy
    show: Callable[[Shown], None]
    desk: Desk
    lessons: Lessons | None = None
    preferences: Preferences | None = None
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    within: Within = field(default_factory=Within)
    _alone: Crew | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.lanes = Lanes(self.workers)
        self._named = {worker.name: worker for worker in self.workers}

    def alone(self) -> Crew:
        """The same crew, without the routes to its tasks: for those that are over, and refer to it."""
        if self._alone is None:
            self._alone = object.__new__(Crew)
            vars(self._alone).update(vars(self), within=replace(self.within, routes={}), _alone=None)
        return self._alone

    @property
    def journal(self) -> Journal:
        """The record of the run."""
        return self.mind.journal

    def is_here(self, name: str) -> bool:
        """Whether there is an agent of this name."""
        return name in self._named

    def agent(self, name: str) -> Agent:
        """The agent of this name."""
        return self._named[name]
