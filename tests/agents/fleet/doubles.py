"""Fleets for tests: one whose line loses, doubles and reorders, and one whose agents can be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from punchlist.agents.agent import AgentLost
from punchlist.agents.fleet import LocalFleet
from punchlist.agents.fleet.wire import Heard


async def until(true: Callable[[], Any]) -> None:
    """Wait until something in another thread or process is so, at most 5 s."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 nobody there can set an event here
            await asyncio.sleep(0.01)


class BadLine:
    """A place behind a line on which requests and replies get lost, come twice, or come late."""

    def __init__(self, inner: Any, rng: Random) -> None:
        self._inner, self._rng, self._old = inner, rng, Heard()
        self.agent, self.where, self.pid = inner.agent, inner.where, inner.pid

    async def call(self, name: str, *args: Any, seconds: float = 0.0) -> Any:
        while True:
            if name == "exchange":
                args = (*args[:-1], min(args[-1], 0.05))  # what is lost is asked for again soon
            fault = self._rng.choice(("request lost", "reply lost", "twice", "old reply", "", ""))
            if fault == "request lost":
                await asyncio.sleep(0)
                continue
            made = await self._inner.call(name, *args, seconds=seconds)
            if fault == "twice":
                made = await self._inner.call(name, *args, seconds=seconds)
            if fault == "reply lost":
                continue
            if name == "exchange":
                old, self._old = self._old, made
                return old if fault == "old reply" else made
            return made

    async def end(self) -> None:
        await self._inner.end()


class BadLines(LocalFleet):
    """A fleet behind bad lines."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = Random(seed)

    async def _spawn(self, bundle: Any) -> Any:
        return BadLine(await super()._spawn(bundle), self._rng)


class CutOff:
    """A place that is not reached any more once it is cut off; its agent lives on."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._cut, self._loop = inner, asyncio.Event(), asyncio.get_running_loop()
        self.agent, self.where, self.pid = inner.agent, inner.where, inner.pid

    def cut(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._cut.set)

    async def call(self, name: str, *args: Any, seconds: float = 0.0) -> Any:
        calling = asyncio.ensure_future(self._inner.call(name, *args, seconds=seconds))
        cutting = asyncio.ensure_future(self._cut.wait())
        await asyncio.wait([calling, cutting], return_when=asyncio.FIRST_COMPLETED)
        if self._cut.is_set():
            calling.cancel()
            raise AgentLost(self.agent, "it was cut off")
        cutting.cancel()
        return calling.result()

    async def end(self) -> None:
        if not self._cut.is_set():
            await self.end_at_last()

    async def end_at_last(self) -> None:
        """Where it lives goes away as well."""
        await self._inner.end()


class CutOffFleet(LocalFleet):
    """A fleet whose places can be cut off."""

    async def _spawn(self, bundle: Any) -> Any:
        return CutOff(await super()._spawn(bundle))
