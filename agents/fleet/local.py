"""A fleet in one process: every agent in a thread and event loop of its own, behind the line of all fleets.

For tests of programs that will run on several machines, without the machines. Agents are not pickled: what
they share, they share.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ...tools.threads import in_thread
from ..agent import AgentLost
from .berth import Berth, Bundle
from .fleet import LEASE, Fleet
from .member import Member


class LocalBerth:
    """An agent in a thread."""

    def __init__(self, member: Member, name: str) -> None:
        self._member, self.agent, self.pid, self._gone = member, name, member.ready(), False
        self.where = "a thread of this process"

    async def call(self, name: str, *args: Any, seconds: float = 0.0) -> Any:
        """See `Berth.call`."""
        if self._gone:
            raise AgentLost(self.agent, "its place was ended")
        return await in_thread(partial(getattr(self._member, name), *args))

    async def end(self) -> None:
        """See `Berth.end`."""
        if not self._gone:
            self._gone = True
            await in_thread(self._member.close)


class LocalFleet(Fleet):
    """Places in threads of this process."""

    async def _spawn(self, bundle: Bundle) -> Berth:
        make = partial(Member, bundle.agent, bundle.model, _as_it_is, _as_it_is, LEASE)
        return LocalBerth(await in_thread(make), bundle.name)


def _as_it_is(thing: Any) -> Any:
    return thing
