"""An agent's end of the line to its manager, while it is at one attempt."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from .wire import AttemptOver, Heard, Sent, Told

LOOK = 1.0
"""Seconds between two looks at whether the manager is still there."""


class Link:
    """Says things to the manager, and waits for its answers.

    Args:
        dump: Makes a message what travels.
        lease: Seconds without a word of the manager after which the attempt is over.
    """

    def __init__(self, dump: Callable[[Any], Any], lease: float) -> None:
        self._dump, self._lease = dump, lease
        self._last = 0
        self._out: deque[tuple[int, Any]] = deque()
        self._waiting: dict[int, Future[Any]] = {}
        self._turn = threading.Condition()
        self._over = ""
        self._listened = time.monotonic()

    # --- for the agent ------------------------------------------------------------------

    def tell(self, kind: str, *args: Any, **given: Any) -> None:
        """Say something that wants no answer.

        Raises:
            AttemptOver: Nobody listens any more.
        """
        self._say(kind, args, given, wants=False)

    def call(self, kind: str, *args: Any, **given: Any) -> Any:
        """Say something and wait for the answer, holding up this thread.

        Raises:
            AttemptOver: Nobody listens any more.
            Whatever the manager's side raised.
        """
        future = self._say(kind, args, given, wants=True)
        while True:
            try:
                return future.result(LOOK)
            except TimeoutError:
                if future.done():
                    raise
                self.look()

    async def ask(self, kind: str, *args: Any, **given: Any) -> Any:
        """`call`, without holding up the event loop."""
        return await asyncio.wrap_future(self._say(kind, args, given, wants=True))

    def look(self) -> bool:
        """Whether the attempt goes on. It is over where the manager was silent for longer than the lease."""
        silent = time.monotonic() - self._listened
        if not self._over and silent > self._lease:
            self.close(f"its manager was not heard for {silent:.0f} s")
        return not self._over

    def close(self, why: str) -> None:
        """End it: whoever waits, and whoever says something from now on, gets `AttemptOver`."""
        with self._turn:
            self._over = self._over or why
            waiting, self._waiting = list(self._waiting.values()), {}
            self._turn.notify_all()
        for future in waiting:
            if not future.done():
                future.set_exception(AttemptOver(why))

    def last(self, kind: str, *args: Any) -> None:
        """Say the last thing; one that cannot travel is not the last."""
        self._say(kind, args, {}, wants=False)

    def _say(self, kind: str, args: tuple[Any, ...], given: dict[str, Any], *, wants: bool) -> Future[Any]:
        future: Future[Any] = Future()
        with self._turn:
            if self._over:
                raise AttemptOver(self._over)
            packed = self._dump(Sent(self._last + 1, kind, args, given, wants))
            self._last += 1
            self._out.append((self._last, packed))
            if wants:
                self._waiting[self._last] = future
            self._turn.notify_all()
        return future

    # --- for the manager ----------------------------------------------------------------

    def exchange(self, heard: int, told: Sequence[Told], seconds: float) -> Heard:
        """Take answers, and give what was said after the number `heard`, waiting for it so many seconds."""
        self._listened = time.monotonic()
        for answer in told:
            with self._turn:
                future = self._waiting.pop(answer.id, None)
            if future is not None and not future.done():
                if answer.raised is None:
                    future.set_result(answer.value)
                else:
                    future.set_exception(answer.raised.error())
        with self._turn:
            while self._out and self._out[0][0] <= heard:
                self._out.popleft()
            self._turn.wait_for(lambda: bool(self._out) or bool(self._over), seconds)
            self._listened = time.monotonic()
            return Heard(tuple(packed for _, packed in self._out), tuple(each.id for each in told))
