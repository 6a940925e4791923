"""Threads for functions that are not `async`: the user's tools and workers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
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


def begin(call: Callable[[], Any]) -> asyncio.Future[tuple[Any, BaseException | None]]:
    """Begin a call in a thread that holds up neither the event loop nor the process.

    A call that hangs keeps nobody waiting for a place: there is a thread for each.

    Returns:
        What will hold what it returned, and what it raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(value: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_result((value, error))

    def work() -> None:
        value, failure = None, None
        try:
            value = context.run(call)
        except BaseException as error:  # the edge to foreign code: it is raised again where it is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, value, failure)

    _Hand.free().calls.put(work)
    return future


async def in_thread(call: Callable[[], Any]) -> Any:
    """What `call` returns or raises, out of a thread: see `begin`."""
    value, failure = await begin(call)
    if failure is not None:
        raise failure
    return value
