"""The way from an agent at an attempt to its manager."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pydantic import JsonValue

from ...protocols.messages import Ask, Progress
from ...protocols.tasks import Child, WorkerTask
from .drive import Drive

Saying = Callable[[str, Progress | Ask], Awaitable[None]]
"""Feeds what a worker of this name says into its task."""


class Line:
    """What an agent says on its way, and what it hears; a `Talk`.

    Args:
        drive: The task that it is at.
        name: The agent's.
        say, adopt: Take what it says, and the subtasks of its attempt.
    """

    def __init__(
        self, drive: Drive, name: str, say: Saying, adopt: Callable[[tuple[Child, ...]], None]
    ) -> None:
        self._drive, self._name, self._say, self._adopt = drive, name, say, adopt

    async def ask(self, question: str, schema: dict[str, JsonValue] | None = None) -> JsonValue:
        """See `Talk.ask`."""
        waiting: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._drive.answers[self._name] = waiting
        await self._say(self._name, Ask(question=question, answer_schema=schema))
        return await waiting

    def state(self) -> WorkerTask:
        """See `Talk.state`."""
        return self._drive.worker(self._name)

    async def progress(self, note: str, fraction: float | None = None) -> None:
        """See `Talk.progress`."""
        await self._say(self._name, Progress(note=note, fraction=fraction))

    async def adopt(self, children: Sequence[Child]) -> None:
        """See `Talk.adopt`."""
        self._adopt(tuple(children))
