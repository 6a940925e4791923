"""Who is answered now, who waits, and who is sent away.

At most `running` requests are answered at once and `queue` wait, in order of arrival; any more are refused
with 429. Bodies that are held at once have a common limit. While the server stops, all are refused with 503.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from .refusals import Refusal

_BODIES = 64_000_000  # bytes of request bodies held at once, beside the largest single one

Result = TypeVar("Result")


class Admission:
    """The places of the server. Used on the event loop only.

    Attributes:
        draining: Nobody is let in any more.
        aborting: Nobody runs any more.
        present: Requests that are here.
        running: Those of them whose turn it is.
    """

    def __init__(self, running: int, queue: int, max_body: int) -> None:
        self.draining = self.aborting = False
        self.running = 0
        self.present = 0
        self._places, self._queue = running, queue
        self._room = _BODIES + max_body
        self._turns: deque[asyncio.Future[None]] = deque()
        self._cancels: set[Callable[[], object]] = set()

    def check_open(self) -> None:
        """Raise Refusal when the server is stopping."""
        if self.draining:
            raise Refusal(503, "The server is stopping. Try again when it is up.", retry_after=5)

    @contextmanager
    def seat(self) -> Generator[None]:
        """A place in the house, from arrival to the end of the answer.

        Raises:
            Refusal: The server is stopping, or all places to run and to wait are taken.
        """
        self.check_open()
        if self.present >= self._places + self._queue:
            message = f"{self.running} requests are running and {self.waiting} wait already. Try again later."
            raise Refusal(429, message, code="queue_full", retry_after=1 + self.waiting // 64)
        self.present += 1
        try:
            yield
        finally:
            self.present -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait until it may run, in order of arrival.

        Raises:
            Refusal: The server stopped meanwhile.
        """
        if self.running < self._places:
            self.running += 1
        else:
            await self._wait()
        try:
            self._check_not_aborting()
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # it came as the sender left
            with suppress(ValueError):  # it was passed over already
                self._turns.remove(turn)
            raise

    def _pass_on(self) -> None:
        """Give the place to whoever has waited longest."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    @contextmanager
    def held_body(self) -> Generator[Callable[[int], None]]:
        """Account for a body while it is held: call what is yielded with the bytes of each piece.

        Raises:
            Refusal: All bodies together have become too many bytes.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if size > self._room:
                raise Refusal(429, "Too many large requests at once. Try again later.", retry_after=2)
            self._room -= size
            held += size

        try:
            yield take
        finally:
            self._room += held

    @contextmanager
    def work(self, cancel: Callable[[], object]) -> Generator[None]:
        """Work under way, which `abort` may end by `cancel`."""
        self._check_not_aborting()
        self._cancels.add(cancel)
        try:
            yield
        finally:
            self._cancels.discard(cancel)

    async def abortable(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do `work`, which `abort` cancels.

        Raises:
            Refusal: The server stopped meanwhile.
        """
        task = asyncio.ensure_future(work)
        try:
            with self.work(task.cancel):
                return await task
        except asyncio.CancelledError:
            self._check_not_aborting()
            raise
        finally:
            task.cancel()

    def _check_not_aborting(self) -> None:
        if self.aborting:
            raise Refusal(503, "The server stopped before the answer was complete.", retry_after=5)

    def abort(self) -> None:
        """End all work under way; who waits is refused."""
        self.draining = self.aborting = True
        for cancel in list(self._cancels):
            cancel()

    @property
    def waiting(self) -> int:
        """Requests that are here and not running."""
        return self.present - self.running

    @property
    def idle(self) -> bool:
        """Whether no request is here."""
        return not self.present
