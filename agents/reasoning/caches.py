"""Caches of what a model has read, kept for whoever goes on from there.

A prompt's thread always holds the tokens that its text has in one piece, also where it grew piece by piece:
otherwise what the model says would depend on what happened to be kept, and a search that is resumed, or that
had to close some caches, would come out differently.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .asking import Prompt

if TYPE_CHECKING:
    from ...core_model.generation import Model, Thread

MOST_THREADS = 256
"""Caches that are kept open for thoughts that may be gone on with."""


@dataclass(eq=False)
class _Kept:
    """A prompt's thread; None while it is being opened. It is closed only while nobody uses it."""

    thread: Thread | None = None
    users: int = 0
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class Caches:
    """Threads by prompt; of those that nobody uses the least recently used are closed.

    Args:
        most: Threads that are kept; more only while more are in use.
    """

    def __init__(self, model: Model, most: int = MOST_THREADS) -> None:
        self._model, self._most = model, most
        self._kept: OrderedDict[Prompt, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def use(self, prompt: Prompt) -> AsyncGenerator[Thread]:
        """The thread that has read `prompt`: kept, forked from the longest that is kept, or fresh."""
        kept = self._kept.setdefault(prompt, _Kept())
        self._kept.move_to_end(prompt)
        kept.users += 1
        try:
            async with kept.opening:
                thread = kept.thread = kept.thread or await self._open(prompt)
            yield thread
        finally:
            kept.users -= 1
            if kept.thread is None and not kept.users:
                del self._kept[prompt]
            await self._close_where(lambda: len(self._kept) > self._most)

    def keep(self, prompt: Prompt, thread: Thread) -> bool:
        """Keep a thread that has read `prompt`; False where that is no use, and it stays the caller's."""
        if prompt in self._kept or not self._as_one_piece(prompt, thread):
            return False
        self._kept[prompt] = _Kept(thread)
        return True

    async def fresh(self, prompt: Prompt) -> Thread:
        """A thread of the caller's own that has read `prompt` and shares nothing."""
        thread = await self._model.open(prompt.messages)
        return await _extended(thread, prompt.said)

    async def drop(self) -> None:
        """Close all that nobody uses."""
        await self._close_where(lambda: True)

    async def _open(self, prompt: Prompt) -> Thread:
        base = max(
            (
                known
                for known, kept in self._kept.items()
                if kept.thread is not None
                and known.turns == prompt.turns
                and prompt.said.startswith(known.said)
            ),
            key=lambda known: len(known.said),
            default=None,
        )
        if base is not None:
            async with self.use(base) as trunk:
                thread = await _extended((await trunk.fork())[0], prompt.said[len(base.said) :])
            if self._as_one_piece(prompt, thread):
                return thread
            await thread.close()
        return await self.fresh(prompt)

    def _as_one_piece(self, prompt: Prompt, thread: Thread) -> bool:
        """Whether the thread's tokens are those of a fresh one; only threads in this process have tokens."""
        tokens, split = getattr(thread, "tokens", None), getattr(self._model, "speech", None)
        if tokens is None or split is None:
            return True
        return tokens[thread.prompt_tokens :] == split(prompt.said)

    async def _close_where(self, wanted: Callable[[], bool]) -> None:
        for prompt, kept in list(self._kept.items()) if wanted() else []:
            if not wanted():
                return
            if kept.thread is not None and not kept.users and self._kept.get(prompt) is kept:
                del self._kept[prompt]
                await kept.thread.close()


async def _extended(thread: Thread, text: str) -> Thread:
    if text:
        try:
            await thread.extend(text)
        except BaseException:
            await thread.close()
            raise
    return thread
