"""The browser's fence: an in-process forward proxy that reaches only the origins a run names.

Covers: every connection the browser makes, so also redirects, `fetch`, images, WebSockets and frames, which
request interception inside the browser does not. Deny by default; an origin is an exact (scheme, host, port);
names are resolved here, and a name never leads to a link-local address (where clouds keep their keys).
Attempts that were refused are recorded.

Does not cover: what an allowed site does on its own server, a private address behind an allowed name, and
WebRTC (switched off where the browser starts).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from time import time
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
UNREACHABLE_HEADER = "x-punchlist-unreachable"
HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection"})
HEAD_LIMIT = 64 * 1024
HEAD_TIMEOUT = 30.0
CONNECT_TIMEOUT = 8.0
BLOCKED_KEPT = 1000


@dataclass(frozen=True)
class Origin:
    """An exact origin; `ws` and `wss` count as `http` and `https`."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" + ("" if default else f":{self.port}")


@dataclass(frozen=True)
class Blocked:
    """One attempt that the fence refused."""

    origin: Origin
    method: str
    at: float


def origin_of(url: str) -> Origin:
    """The origin of an http(s) or ws(s) address.

    Raises:
        ValueError: Another scheme, no host, or a port that is no number.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in PORTS or not parts.hostname or "\\" in url:
        raise ValueError(f"{url!r} is not an http or https address")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return Origin(scheme, parts.hostname.rstrip("."), parts.port or PORTS[scheme])


class Fence:
    """An allow-listing proxy on a loopback port of its own.

    Args:
        allow: Addresses whose origins may be reached; paths in them mean nothing. Empty: nothing.

    Raises:
        ValueError: An entry of `allow` is no http(s) address.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
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
            candidates = {Origin(scheme, host.strip("[]").lower(), int(port)) for scheme in ("http", "https")}
        else:
            candidates = {origin_of(target)}
        if not candidates & self.allowed:
            self._record(min(candidates, key=str) if not tunnel else _as_named(candidates), method)
            return await _refuse(writer, lines)
        origin = next(iter(candidates & self.allowed))
        try:
            up_reader, up_writer = await asyncio.wait_for(_connect(origin), CONNECT_TIMEOUT)
        except (OSError, TimeoutError):
            return await _unreachable(writer, origin)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            up_writer.write(_forwarded(method, target, version, lines[1:]))
        await _pump_both(reader, writer, up_reader, up_writer)

    def _record(self, origin: Origin, method: str) -> None:
        self.refusals += 1
        self.blocked.append(Blocked(origin, method, time()))


async def _connect(origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of `origin` that answers; link-local ones only when listed as such."""
    found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    failure = OSError(f"{origin} has no address that may be reached")
    for *_, address in found:
        host = str(address[0])
        if ip_address(host.partition("%")[0]).is_link_local and host != origin.host:
            continue
        try:
            return await asyncio.open_connection(host, origin.port)
        except OSError as error:
            failure = error
    raise failure


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


async def _pump_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    """Copy both ways until the site ends the connection or the browser goes away."""
    upward = asyncio.ensure_future(_pump(reader, up_writer))
    try:
        await _pump(up_reader, writer)
    finally:
        upward.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await upward
        up_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
