"""A timer that is set anew far more often than it rings: each message of a task puts its end off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Rings once, so long after it was last set.

    While the loop's own timer would come earlier, setting this one anew only notes the new end.
    """

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        self._end = 0.0
        self._ring: Callable[[], None] | None = None

    def set(self, seconds: float, ring: Callable[[], None]) -> None:
        """Let it ring after so long, in place of what it was set to before."""
        loop = asyncio.get_running_loop()
        self._end, self._ring = loop.time() + seconds, ring
        if self._handle is not None and self._handle.when() <= self._end:
            return
        self.cancel()
        self._handle, self._ring = loop.call_at(self._end, self._come), ring

    def cancel(self) -> None:
        """Let it not ring."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._ring = None, None

    def _come(self) -> None:
        ring, handle = self._ring, self._handle
        self._handle = None
        if ring is None or handle is None:
            return
        if handle.when() < self._end:
            self._handle = asyncio.get_running_loop().call_at(self._end, self._come)
            return
        self._ring = None
        ring()
