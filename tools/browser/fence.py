"""The browser's fence: an in-process forward proxy that reaches only the origins a run names.

Covers: every connection the browser makes, so also redirects, `fetch`, images, WebSockets and frames, which
request interception inside the browser does not. Deny by default; an origin is an exact (scheme, host, port).
Names are resolved here, once for each connection, and what is connected to is the address that was looked at:
a name never leads to an address that is not public, unless that address is listed itself. Attempts that were
refused are recorded.

Does not cover: what an allowed site does on its own server, and UDP, which goes through no proxy (WebRTC and
QUIC are switched off where the browser starts).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from time import time
from urllib.parse import urlsplit

from .origins import PORTS, Origin, host_of, may_reach, origin_of

__all__ = ["Blocked", "Fence", "Origin", "Resolve", "origin_of"]

UNREACHABLE_HEADER = "x-punchlist-unreachable"
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"proxy-authenticate"}
)
HEAD_LIMIT = 64 * 1024
HEAD_TIMEOUT = 30.0
CONNECT_TIMEOUT = 8.0
BLOCKED_KEPT = 1000


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the IP addresses of a host and port; raises OSError where there is none."""


@dataclass(frozen=True)
class Blocked:
    """One attempt that the fence refused.

    Attributes:
        at: Seconds since the epoch.
        address: The address that an allowed name led to, where that is why it was refused.
    """

    origin: Origin
    method: str
    at: float
    address: str = ""


class Fence:
    """An allow-listing proxy on a loopback port of its own.

    Args:
        allow: Addresses whose origins may be reached; paths in them mean nothing. Empty: nothing.
        resolve: How names are found; the system's way when None.

    Raises:
        ValueError: An entry of `allow` is no http(s) address.
    """

    def __init__(self, allow: Iterable[str] = (), resolve: Resolve | None = None) -> None:
        self._resolve = resolve or resolve_name
        self.allowed = frozenset(origin_of(url) for url in allow)
        self.blocked: deque[Blocked] = deque(maxlen=BLOCKED_KEPT)
        self.refusals = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def allows(self, url: str) -> bool:
        """Whether the browser may go to `url`; `about:blank` is always allowed."""
        if url == "about:blank":
            return True
        try:
            return origin_of(url) in self.allowed
        except ValueError:
            return False

    def names(self) -> tuple[str, ...]:
        """The allowed origins as text, sorted."""
        return tuple(sorted(str(origin) for origin in self.allowed))

    async def start(self) -> str:
        """Listen, and return the proxy's address."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening and end every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            pass  # a malformed or broken connection ends; the browser reports it as failed
        except asyncio.CancelledError:
            if self._server is not None:
                raise
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One proxied request or tunnel. Plain requests are forwarded with `Connection: close`."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT)
        lines = head[:-4].split(b"\r\n")
        method, target, version = lines[0].decode("latin-1").split(" ", 2)
        tunnel = method == "CONNECT"
        if tunnel:
            host, _, port = target.rpartition(":")
            candidates = {Origin(scheme, host_of(host), int(port)) for scheme in ("http", "https")}
        else:
            candidates = {origin_of(target)}
        if not candidates & self.allowed:
            self._record(min(candidates, key=str) if not tunnel else _as_named(candidates), method)
            return await _refuse(writer, lines)
        origin = next(iter(candidates & self.allowed))
        try:
            up_reader, up_writer = await asyncio.wait_for(self._connect(origin, method), CONNECT_TIMEOUT)
        except (OSError, TimeoutError):
            return await _unreachable(writer, origin)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            down = _pump(up_reader, writer)
        else:
            up_writer.write(_forwarded(method, target, version, lines[1:]))
            down = _pump_answer(up_reader, writer)
        await _until_one_ends(reader, up_writer, down)

    async def _connect(
        self, origin: Origin, method: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address of `origin` that may be reached and answers.

        Raises:
            OSError: There is none.
        """
        failure = OSError(f"{origin} has no address that may be reached")
        for address in await self._resolve(origin.host, origin.port):
            if not may_reach(address, origin, self.allowed):
                self._record(origin, method, address)
                continue
            try:
                return await asyncio.open_connection(address, origin.port, limit=HEAD_LIMIT)
            except OSError as error:
                failure = error
        raise failure

    def _record(self, origin: Origin, method: str, address: str = "") -> None:
        self.refusals += 1
        self.blocked.append(Blocked(origin, method, time(), address))


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, in the system's order.

    Raises:
        OSError: It has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _as_named(candidates: set[Origin]) -> Origin:
    """A refused tunnel's origin: https, unless the port says plain http (a WebSocket)."""
    return min(candidates, key=lambda origin: (origin.port != PORTS[origin.scheme], origin.scheme != "https"))


def _forwarded(method: str, target: str, version: str, headers: list[bytes]) -> bytes:
    """The request as the site sees it: its own path, hop-by-hop headers dropped, one request a connection."""
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [line for line in headers if _name(line) not in HOP_BY_HOP]
    head = [f"{method} {path} {version}".encode("latin-1"), *kept, b"Connection: close"]
    return b"\r\n".join(head) + b"\r\n\r\n"


def _name(header: bytes) -> bytes:
    return header.split(b":", 1)[0].strip().lower()


async def _refuse(writer: asyncio.StreamWriter, lines: list[bytes]) -> None:
    """Refuse. A navigation gets `204`, on which the browser stays on the page it is on."""
    names = {_name(line) for line in lines[1:]}
    status = "204 No Content" if b"upgrade-insecure-requests" in names else "403 Forbidden"
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


async def _unreachable(writer: asyncio.StreamWriter, origin: Origin) -> None:
    body = f"<title>Site not reachable</title><p>{origin} does not answer.</p>".encode()
    writer.write(
        f"HTTP/1.1 502 Bad Gateway\r\n{UNREACHABLE_HEADER}: 1\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()


async def _until_one_ends(
    reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter, down: Coroutine[None, None, None]
) -> None:
    """Copy both ways until the site has answered or ends the connection, or the browser goes away."""
    upward = asyncio.ensure_future(_pump(reader, up_writer))
    downward = asyncio.ensure_future(down)
    try:
        await asyncio.wait({upward, downward}, return_when=asyncio.FIRST_COMPLETED)
        if not reader.at_eof():  # the site hears no more, and may still be answering
            await downward
    finally:
        upward.cancel()
        downward.cancel()
        await asyncio.gather(upward, downward, return_exceptions=True)
        up_writer.close()


async def _pump_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one answer, which ends the connection: the browser would send the next request for any site on it.

    Interim answers are left out: of them browsers use early hints, to connect elsewhere.
    """
    while True:
        lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        status = lines[0].split(b" ")[1:2]
        if not lines[0].startswith(b"HTTP/1.") or status == [b"101"]:
            return
        if not status or not status[0].startswith(b"1"):
            break
    kept = [line for line in lines if _name(line) not in HOP_BY_HOP]
    writer.write(b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n")
    await _pump(reader, writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
