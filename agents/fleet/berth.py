"""A place with an agent in it, what travels there, and who gives such places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Berth(Protocol):
    """A place with one agent in it; see `Member`.

    Attributes:
        agent: Its name.
        where: For messages.
        pid: Of the process that it lives in, on the machine where that is.
    """

    agent: str
    where: str
    pid: int

    async def call(self, name: str, *args: Any, seconds: float = 0.0) -> Any:
        """Ask the member something that it may be asked twice.

        Args:
            seconds: How long it may take to answer, beside the way.

        Raises:
            AgentLost: It is gone, or does not answer.
            Whatever the member raised.
        """
        ...

    async def end(self) -> None:
        """End it, whatever it does. Never raises."""
        ...


@dataclass(frozen=True)
class Bundle:
    """An agent as it travels to its place, and what makes its model there."""

    name: str
    agent: Any
    model: Any


class Harbour(Protocol):
    """Who gives an agent its place; see `Fleet`."""

    def unpack(self, message: Any) -> Any:
        """What travelled as it is."""
        ...

    async def spawn(self, bundle: Bundle) -> Berth:
        """Give an agent a place."""
        ...

    async def stop(self, berth: Berth) -> None:
        """End one place."""
        ...

    async def rest(self) -> None:
        """End everything, where nobody has a place any more."""
        ...
