"""What pages say of the episode of the moment: that it began, with which goal, and what it came to."""

from __future__ import annotations

import asyncio
import contextlib

from .pages import Pages, Told


class Referee:
    """Hears one server's pages; of one episode at a time, told by its seed."""

    def __init__(self, pages: Pages) -> None:
        self._seed = -1
        self._begun, self._over = asyncio.Event(), asyncio.Event()
        self.goal = ""
        self.told: Told | None = None
        pages.hear = self._hear

    def expect(self, seed: int) -> None:
        """An episode of this seed is about to begin."""
        self._seed, self.told = seed, None
        self._begun.clear()
        self._over.clear()

    async def begins(self, seconds: float) -> bool:
        """Whether the page says in time that the episode has begun."""
        return await _within(seconds, self._begun)

    async def rewarded(self, seconds: float) -> bool:
        """Whether the whole reward is given, now or in so much time."""
        await _within(seconds, self._over)
        return self.told is not None and self.told.raw == 1

    def _hear(self, said: Told) -> None:
        if said.seed != self._seed:
            return  # of an episode that was left
        if said.goal is not None:
            self.goal = said.goal
            self._begun.set()
        elif self.told is None:
            self.told = said
            self._over.set()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
