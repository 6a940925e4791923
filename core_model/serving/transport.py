"""Bodies in and streams out, over ASGI, with a client that may leave, dawdle or never read.

What it does not cover: connections on which nothing is asked; `running` closes those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from .refusals import Refusal

_REST_SECONDS = 2.0
_REST_BYTES = 64_000_000


class ClientGone(Exception):
    """Nobody is there any more to read the answer."""


class Body:
    """The body of a request, read piece by piece."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
        self._complete = False

    async def read(self, limit: int, seconds: float, take: Callable[[int], None]) -> bytes:
        """All of it.

        Args:
            limit: Most bytes.
            seconds: Longest time for it to arrive.
            take: Called with the size of each piece before it is kept.

        Raises:
            Refusal: 413 as soon as it is too large, 408 when it does not arrive, 415 when it is no JSON.
            ClientGone: The client left meanwhile.
        """
        kind = self._headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refusal(415, "Send JSON with the header 'Content-Type: application/json'.")
        told = self._headers.get(b"content-length", b"")
        if told.isdigit() and int(told) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while not self._complete:
                    piece = await self._piece()
                    size += len(piece)
                    if size > limit:
                        raise _too_large(limit)
                    take(len(piece))
                    pieces.append(piece)
        except TimeoutError as error:
            raise Refusal(408, f"The body did not arrive within {seconds:g} s. Send it again.") from error
        return b"".join(pieces)

    async def discard(self) -> None:
        """Read on for a moment and keep nothing, so that a client still sending gets to read its refusal."""
        size = 0
        try:
            async with asyncio.timeout(_REST_SECONDS):
                while not self._complete and size < _REST_BYTES:
                    size += len(await self._piece())
        except (TimeoutError, ClientGone):
            return

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The body is larger than {limit} bytes. Send less, or raise --max-body.")


def patient(send: Send, seconds: float, drop: Callable[[], None]) -> Send:
    """`send` that gives up on a client which reads nothing for so long.

    Args:
        send: Waits while more is unread than the connection's buffer holds.
        seconds: How long it may wait.
        drop: Ends the connection at once, with what is unread.

    Raises (when called):
        ClientGone: The client did not read.
    """

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError as error:
            drop()
            raise ClientGone from error

    return send_in_time


async def while_connected(
    receive: Receive, work: Coroutine[Any, Any, None], is_sent: Callable[[], bool]
) -> None:
    """Do `work`, and cancel it when the client leaves. Call it once the body has been read.

    Args:
        receive: ASGI's; it tells of a disconnect also when the answer is complete.
        work: Sends the answer.
        is_sent: Whether the answer is complete.

    Raises:
        ClientGone: The client left first.
    """

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(watch())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and not is_sent():
            raise ClientGone
        await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def send_events(send: Send, events: AsyncIterator[str], describe: Callable[[Exception], str]) -> None:
    """Send each text as one server-sent event, and `[DONE]` at the end.

    An error before the first event is raised; after it, what `describe` makes of it is the last event.

    Source: WHATWG HTML, section 9.2, and OpenAI's API reference.
    """
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    ]
    begun = False
    try:
        async for event in events:
            if not begun:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            await send({"type": "http.response.body", "body": _event(event), "more_body": True})
        last = "[DONE]"
    except ClientGone:
        raise
    except Exception as error:  # the status line is sent already: nothing but the stream can tell of it
        if not begun:
            raise
        last = describe(error)
    await send({"type": "http.response.body", "body": _event(last), "more_body": False})


def _event(text: str) -> bytes:
    return f"data: {text}\n\n".encode()
