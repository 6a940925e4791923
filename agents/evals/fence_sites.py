"""Two servers on the loopback for `eval fence`: one that a browser may reach, and one that counts what comes.

The forbidden one counts connections, not requests, so that it also sees a browser that only gets ready to
ask; and datagrams, for what goes past every proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LOCAL = ("127.0.0.1", "127.0.0.2", "::1")
"""Where the forbidden server listens, so that every spelling of this machine finds it."""

PERMISSIVE = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `early` are interim answers before it, `stays` keeps the connection open after it."""

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    early: str = ""
    stays: bool = False

    def wire(self) -> bytes:
        """The answer as it is sent."""
        body = self.body.encode()
        named = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "keep-alive" if self.stays else "close",
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return f"{self.early}HTTP/1.1 {self.status} So\r\n{lines}\r\n".encode() + body


class AllowedSite:
    """Serves `pages` by path; what it has no page for is an empty one."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.url = ""
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOCAL[0], 0)
        self.url = f"http://{LOCAL[0]}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, IndexError, asyncio.LimitOverrunError):
            stays = True
            while stays:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode("latin-1")
                self.asked.append(path)
                answer = self.pages.get(path.partition("?")[0], Answer())
                writer.write(answer.wire())
                await writer.drain()
                stays = answer.stays
        writer.close()


class ForbiddenSite:
    """Counts every connection and datagram, and answers politely."""

    def __init__(self) -> None:
        self.hits = 0
        self.port = 0
        self._servers: list[asyncio.Server] = []
        self._ears: list[asyncio.DatagramTransport] = []

    @property
    def url(self) -> str:
        """Its address by number."""
        return f"http://{LOCAL[0]}:{self.port}"

    async def open(self, port: int = 0, hosts: Sequence[str] = LOCAL) -> None:
        """Listen on one port of every address of this machine's loopback that it has."""
        self.port = port
        loop = asyncio.get_running_loop()
        for host in hosts:
            with contextlib.suppress(OSError):  # a machine may have no IPv6
                server = await asyncio.start_server(self._serve, host, self.port)
                self.port = server.sockets[0].getsockname()[1]
                self._servers.append(server)
                ear, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), local_addr=(host, self.port))
                self._ears.append(ear)

    async def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()
        for ear in self._ears:
            ear.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(Answer("<title>Forbidden</title>", headers=PERMISSIVE).wire())
            await writer.drain()
        writer.close()


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, site: ForbiddenSite) -> None:
        self._site = site

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._site.hits += 1
