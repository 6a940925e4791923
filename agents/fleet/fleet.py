"""What a fleet is: it gives agents a place, sees whether they are still there, and ends them.

Where an agent lives changes nothing of what its manager promises: the manager's process journals every step
of the agent before it is made, and takes an agent that is gone for lost (`agents.agent.AgentLost`). The work
then begins again, as the next attempt, in a new place.

Does not cover: moving an agent while it is at work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..hierarchy import ManagingWorker
from .berth import Berth, Bundle
from .placed import Placed

if TYPE_CHECKING:
    from ...core_model.generation import Model

LEASE = 60.0
"""Seconds without a word of its manager after which an agent ends its attempt."""


class CannotTravel(ValueError):
    """An agent cannot be placed elsewhere."""

    def __init__(self, agent: str, why: str) -> None:
        self.agent, self.why = agent, why
        super().__init__(
            f"Agent {agent!r} cannot be placed: {why}. What is large or bound to a process (a model, a "
            "connection) has to be made where the agent lives: place(..., model=lambda: load_model(NAME)), "
            "or inside its functions."
        )


class Fleet(ABC):
    """Places for agents."""

    def __init__(self) -> None:
        self._berths: list[Berth] = []
        self._coming = 0

    def place(self, *agents: Agent, model: Callable[[], Model] | None = None) -> list[Agent]:
        """The agents as their manager knows them, living elsewhere from their first attempt on.

        Args:
            model: Makes the model of each in its place; None: what each has goes along.

        Raises:
            CannotTravel: One cannot be sent, or is a manager: place its workers instead.
        """
        placed: list[Agent] = []
        for agent in agents:
            if isinstance(agent, ManagingWorker):
                raise CannotTravel(
                    agent.name, "it is a manager, and stays with the journal; place its workers"
                )
            goes = copy(agent)
            if model is not None:
                vars(goes)["model"] = None
            bundle = Bundle(agent.name, self.pack(agent.name, goes), self.pack(agent.name, model))
            placed.append(Placed(agent, bundle, self))
        return placed

    def pack(self, name: str, thing: Any) -> Any:
        """A thing as it travels.

        Raises:
            CannotTravel: It cannot.
        """
        return thing

    async def spawn(self, bundle: Bundle) -> Berth:
        """Give an agent a place.

        Raises:
            NoPlace: There is none.
        """
        self._coming += 1
        try:
            berth = await self._spawn(bundle)
            self._berths.append(berth)
        finally:
            self._coming -= 1
        return berth

    @abstractmethod
    async def _spawn(self, bundle: Bundle) -> Berth: ...

    @property
    def places(self) -> tuple[Berth, ...]:
        """The agents that have a place now."""
        return tuple(self._berths)

    def unpack(self, message: Any) -> Any:
        """What travelled as it is."""
        return message

    async def stop(self, berth: Berth) -> None:
        """End one place."""
        if berth in self._berths:
            self._berths.remove(berth)
        await berth.end()

    async def rest(self) -> None:
        """`close`, where nobody has a place any more, or is to get one."""
        if not self._berths and not self._coming:
            await self.close()

    async def close(self) -> None:
        """End all places, and whatever was started for them. They begin again when they are needed."""
        for berth in list(self._berths):
            await self.stop(berth)

    async def __aenter__(self) -> Fleet:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
