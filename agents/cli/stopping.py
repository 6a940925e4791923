"""What SIGINT and SIGTERM do to a command that runs until it is stopped.

Covers: from `stop_signals` to its end no signal raises anything, wherever in the program it comes. The first
does what the command last asked for with `then`, also when it came before that; further ones are ignored, so
that they cannot break the closing. What closes must therefore have an end of its own.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the command is to stop, and how it is told.

    Attributes:
        heard: A signal came.
    """

    def __init__(self) -> None:
        self.heard = False
        self._act: Callable[[], object] | None = None

    def then(self, act: Callable[[], object] | None) -> None:
        """What the signal does from now on, once; done at once if it was heard. Called in the main thread."""
        self._act = act
        if self.heard:
            self._do()

    def wait(self) -> None:
        """Until it is heard. Called in the main thread.

        Through a pipe: a handler that sets an event could come while the same thread holds its lock.
        """
        reads, writes = os.pipe()
        os.set_blocking(writes, False)
        before = signal.set_wakeup_fd(writes)  # written to also where a signal comes just before the read
        try:
            self.then(lambda: os.write(writes, b"\0"))
            while not self.heard:
                os.read(reads, 1)
        finally:
            self.then(None)
            signal.set_wakeup_fd(before)
            os.close(reads)
            os.close(writes)

    def take(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.heard = True
        self._do()

    def _do(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()


@contextmanager
def stop_signals() -> Generator[Stop]:
    """Let SIGINT and SIGTERM be taken by a `Stop` for as long as the block runs.

    Outside the main thread, whose owner handles signals, none is heard.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.take) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
