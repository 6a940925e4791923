"""The way from an agent at an attempt to its manager."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..protocols.messages import Ask, Progress
from ..protocols.tasks import Child, WorkerTask

if TYPE_CHECKING:
    from .driving import Driver


class Line:
    """What an agent of this name says goes to its driver; a `Talk`."""

    def __init__(self, driver: Driver, name: str) -> None:
        self._driver, self._name = driver, name

    async def ask(self, question: str, schema: dict[str, JsonValue] | None = None) -> JsonValue:
        """See `Talk.ask`."""
        waiting: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._driver.drive.answers[self._name] = waiting
        await self._driver.say(self._name, Ask(question=question, answer_schema=schema))
        return await waiting

    def state(self) -> WorkerTask:
        """See `Talk.state`."""
        return self._driver.drive.worker(self._name)

    async def progress(self, note: str, fraction: float | None = None) -> None:
        """See `Talk.progress`."""
        await self._driver.say(self._name, Progress(note=note, fraction=fraction))

    async def adopt(self, children: Sequence[Child]) -> None:
        """See `Talk.adopt`."""
        self._driver.adopt(tuple(children))
