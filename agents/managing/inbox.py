"""The events that wait for one task, in the order in which they came.

An `asyncio.Queue` for one reader: nothing is awaited where an event is there already, and one that waits and
is called off takes none with it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from ...protocols.tasks import Event


class Inbox:
    """See the module."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        """Add an event, and wake who waits for one."""
        self._events.append(event)
        waiting = self._waiting
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def get(self) -> Event:
        """The first event, once there is one."""
        while not self._events:
            waiting = self._waiting = asyncio.get_running_loop().create_future()
            try:
                await waiting
            finally:
                if self._waiting is waiting:
                    self._waiting = None
        return self._events.popleft()

    def clear(self) -> list[Event]:
        """All that is there, taken out."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def empty(self) -> bool:
        """Whether nothing is there."""
        return not self._events
