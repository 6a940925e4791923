"""Threads for functions that are not `async`: the user's tools and workers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, ClassVar


class _Hand:
    """A daemon thread that makes one call after another: unlike an executor's, it does not hold up the end of
    the process.

    Who hangs in a call never comes back to `idle`, and another is made.
    """

    idle: ClassVar[list[_Hand]] = []

    def __init__(self) -> None:
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="punchlist-tool", daemon=True).start()

    def _work(self) -> None:
        while True:
            self.calls.get()()
            if len(self.idle) >= MOST_IDLE:
                return
            self.idle.append(self)

    @classmethod
    def free(cls) -> _Hand:
        """One that has nothing to do."""
        try:
            return cls.idle.pop()
        except IndexError:
            return cls()


MOST_IDLE = 16
"""Threads that wait for the next call."""

os.register_at_fork(after_in_child=_Hand.idle.clear)  # a forked process has none of these threads


QUICK = 50e-6
"""Seconds that the last call of a function took, at most, for its next one to be waited for in place."""

IN_PLACE = 200e-6
"""Seconds that the event loop waits at most for a call to be over before it turns to others.

Sleeping until a thread wakes the loop through its pipe costs twice as much as a function that only looks
something up, with all that is scheduled around it.
"""


TURN = 1e-3
"""Seconds after which whoever makes one call in place after another lets others have a turn."""


class _Turn(threading.local):
    """When the others of this thread's event loop had their last turn for sure."""

    at = 0.0


_turn = _Turn()


async def give_way() -> None:
    """Let others have a turn now and then (`TURN`), also who wants to cancel; for before a call is begun.

    Calls that are waited for in place would otherwise keep the event loop for as long as one follows another.
    """
    now = time.perf_counter()
    if now - _turn.at > TURN:
        await asyncio.sleep(0)
        _turn.at = time.perf_counter()


class Pace:
    """How long the last call of a function took, in seconds; unknown at first, which is not quick."""

    def __init__(self) -> None:
        self.seconds = math.inf


class _Call:
    """One call: its thread hands the outcome over in place while somebody waits there, or by the loop."""

    def __init__(self, call: Callable[[], Any], pace: Pace | None) -> None:
        loop = asyncio.get_running_loop()
        self.future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        self._loop, self._call, self._pace = loop, call, pace
        self._context = contextvars.copy_context()
        self._over, self._decided = threading.Lock(), threading.Lock()
        self._over.acquire()
        self._outcome: tuple[Any, BaseException | None] = (None, None)

    def work(self) -> None:
        """In the thread."""
        began = time.perf_counter()
        try:
            self._outcome = self._context.run(self._call), None
        except BaseException as error:  # the edge to foreign code: it is raised again where it is awaited
            self._outcome = None, error
        if self._pace is not None:
            self._pace.seconds = time.perf_counter() - began
        if self._decided.acquire(blocking=False):
            self._over.release()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._deliver)

    def wait_in_place(self) -> None:
        """In the loop: for a moment if the function was quick the last time."""
        quick = self._pace is not None and self._pace.seconds <= QUICK
        if (quick and self._over.acquire(timeout=IN_PLACE)) or not self._decided.acquire(blocking=False):
            self._deliver()

    def _deliver(self) -> None:
        if not self.future.done():
            self.future.set_result(self._outcome)


def begin(
    call: Callable[[], Any], pace: Pace | None = None
) -> asyncio.Future[tuple[Any, BaseException | None]]:
    """Begin a call in a thread that holds up neither the event loop nor the process.

    A call that hangs keeps nobody waiting for a place: there is a thread for each.

    Args:
        pace: Of the function; one that was quick the last time (`QUICK`) is waited for in place (`IN_PLACE`).
            None: never.

    Returns:
        What will hold what it returned, and what it raised.
    """
    made = _Call(call, pace)
    _Hand.free().calls.put(made.work)
    made.wait_in_place()
    return made.future


async def in_thread(call: Callable[[], Any]) -> Any:
    """What `call` returns or raises, out of a thread: see `begin`."""
    value, failure = await begin(call)
    if failure is not None:
        raise failure
    return value
