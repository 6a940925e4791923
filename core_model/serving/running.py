"""The server on a port: opens it, announces itself, closes idle connections, stops without losing answers."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import Scope

from .app import App

_ENOUGH_FILES = 65_536


def listen(host: str, port: int) -> socket.socket:
    """Open a port; 0 takes a free one.

    Raises:
        OSError: It is in use, or may not be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


class ModelServer:
    """An `App` on an open port. `run` serves until `stop` is called or a signal comes."""

    def __init__(
        self,
        app: App,
        opened: socket.socket,
        *,
        on_ready: Callable[[], None] = lambda: None,
        on_stopping: Callable[[int], None] = lambda running: None,
    ) -> None:
        """Prepare it.

        Args:
            app: What answers.
            opened: A port that was opened with `listen`.
            on_ready: Called once requests are answered.
            on_stopping: Called when it begins to stop, with the number of requests that are still here.
        """
        host, port = opened.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._socket = opened
        config = uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=5,
        )
        self._server = _Server(config, app, on_ready, on_stopping)
        app.drop = self._server.drop

    def run(self) -> None:
        """Serve. The first SIGINT or SIGTERM stops it as `stop` does, the second ends what is still running.

        Call it in the main thread where signals are to be heard.
        """
        _allow_files()
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Refuse what comes, finish what runs within `stop_seconds` of the settings, end; from any thread."""
        self._server.stopping = True


class IdleConnections:
    """Since when each connection has had nothing to do, seen from time to time."""

    SECONDS = 30.0

    def __init__(self) -> None:
        self._since: dict[Any, tuple[Any, float]] = {}  # with the last cycle of request and answer

    def overdue(self, connections: Iterable[Any], now: float) -> list[Any]:
        """Those on which no request has come for `SECONDS`.

        Args:
            connections: uvicorn's, all that are open now; their `cycle` is another one with each request.
            now: By the monotonic clock.
        """
        since: dict[Any, tuple[Any, float]] = {}
        for connection in connections:
            cycle: Any = connection.cycle
            if cycle is not None and not cycle.response_complete:
                continue
            known, start = self._since.get(connection, (None, now))
            since[connection] = (cycle, start if known is cycle else now)
        self._since = since
        return [connection for connection, (_, start) in since.items() if now - start > self.SECONDS]


class _Server(uvicorn.Server):
    """uvicorn's server, except for how it stops and whom it disconnects.

    Attributes:
        stopping: It is to stop.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: App,
        on_ready: Callable[[], None],
        on_stopping: Callable[[int], None],
    ) -> None:
        super().__init__(config)
        self.stopping = False
        self._app, self._on_ready, self._on_stopping = app, on_ready, on_stopping
        self._ready = False
        self._deadline: float | None = None
        self._idle = IdleConnections()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.stopping:
            self._deadline = 0.0
        self.stopping = True

    async def on_tick(self, counter: int) -> bool:
        if not self._ready:
            self._ready = True
            self._on_ready()
        if self.stopping:
            self._stop_when_done()
        if counter % 10 == 0:
            self._close_idle()
        return await super().on_tick(counter)

    def _stop_when_done(self) -> None:
        admission = self._app.admission
        if not admission.draining:
            admission.draining = True
            self._on_stopping(admission.present)
        if self._deadline is None:
            self._deadline = time.monotonic() + self._app.settings.stop_seconds
        if admission.idle:
            self.should_exit = True
        elif time.monotonic() >= self._deadline:
            admission.abort()
            self.should_exit = True  # uvicorn waits a moment for the refusals to be sent

    def _close_idle(self) -> None:
        """Close connections on which no request comes; uvicorn does so after an answer only."""
        for connection in self._idle.overdue(self.server_state.connections, time.monotonic()):
            _transport(connection).abort()

    def drop(self, scope: Scope) -> None:
        """End the connection of a request at once."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == scope.get("client"):
                _transport(connection).abort()


def _transport(connection: Any) -> Any:
    return connection.transport


def _allow_files() -> None:
    """Allow as many open files, thus connections, as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
