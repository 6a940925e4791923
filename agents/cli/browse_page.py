"""`punchlist browse`: a page on loopback from which another page is driven by hand.

    GET  /TOKEN/            the page; its script and its style beside it
    GET  /TOKEN/state       what the model sees, what can be done, what was done, what is asked
    GET  /TOKEN/picture     the window as PNG, secrets painted over
    POST /TOKEN/act         {"line": ..., "view": N}: an action of the N-th view
    POST /TOKEN/look        read the page again
    POST /TOKEN/answer      {"question": N, "allow": true or false}
    POST /TOKEN/anew        open the first address again, in a new session

Whoever knows the token drives. It is drawn anew for each drive and printed. The page answers on 127.0.0.1,
under that name or localhost (no other name leads here, as after DNS rebinding), and takes orders from its own
origin alone, as JSON. What comes from the driven page is put into this one as text, never as markup, and a
content security policy lets nothing run but the script that is served here. The driven page cannot reach it:
the fence does not list it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from importlib import resources
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...tools.errors import ToolError
from .browse_drive import Drive, unopened
from .browse_driver import Busy, Driver, Misread
from .edge import DONE, describe_error
from .serving import opened_port
from .stopping import Stop, stop_signals

HOST = "127.0.0.1"
LARGEST = 100_000
"""Bytes of an order."""

ASSETS = {
    "": ("browse.html", "text/html"),
    "browse.css": ("browse.css", "text/css"),
    "browse.js": ("browse.js", "text/javascript"),
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered as it was wished. Carries the HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


def drive_in_page(drive: Drive, port: int) -> int:
    """Serve the page until Ctrl-C; the exit code."""
    with opened_port(HOST, port) as opened, stop_signals() as stop:
        try:
            asyncio.run(_serve(drive, opened, stop))
        except asyncio.CancelledError:  # it was stopped before there was a page to drive
            raise KeyboardInterrupt from None
        print("Stopped.", flush=True)
    return DONE


async def _serve(drive: Drive, opened: socket.socket, stop: Stop) -> None:
    print(f"Opening {drive.url} ...", file=sys.stderr, flush=True)
    try:
        async with Driver(drive) as driver:
            await _begin(driver, drive, stop)
            door = DriverDoor(driver, opened.getsockname()[1])
            config = uvicorn.Config(
                door, http="h11", ws="none", lifespan="off", log_level="critical", timeout_graceful_shutdown=1
            )
            server = _Server(config)
            stop.then(server.stop)
            print(f"Drive it at {door.url} until Ctrl-C.", flush=True)
            await server.serve(sockets=[opened])
    finally:
        stop.then(None)


async def _begin(driver: Driver, drive: Drive, stop: Stop) -> None:
    """Open the page, or be cancelled."""
    loop = asyncio.get_running_loop()
    begun = loop.create_task(driver.begin())
    stop.then(lambda: loop.call_soon_threadsafe(begun.cancel))
    try:
        await begun
    except ToolError as error:
        raise unopened(error, drive) from error


class _Server(uvicorn.Server):
    """A server that leaves the signals to `Stop`: the browser is closed behind it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """End within the next tick."""
        self.should_exit = True


class DriverDoor:
    """An ASGI application over one driver.

    Args:
        driver: What is driven.
        port: Where it is served, on 127.0.0.1.
    """

    def __init__(self, driver: Driver, port: int) -> None:
        self._driver = driver
        self._token = secrets.token_urlsafe(18)
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")
        self.url = f"http://{self._hosts[0]}/{self._token}/"
        orders: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "act": self._act, "look": self._look, "answer": self._answer, "anew": self._anew,
        }  # fmt: skip
        self._app = Starlette(
            routes=[
                Route("/{token}/state", self._answering(self._state), methods=["GET"]),
                Route("/{token}/picture", self._answering(self._picture), methods=["GET"]),
                *(
                    Route(f"/{{token}}/{name}", self._answering(order), methods=["POST"])
                    for name, order in orders.items()
                ),
                Route("/{token}/{asset:path}", self._answering(self._asset), methods=["GET"]),
                Route("/{any:path}", self._answering(self._asset)),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    def _answering(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            try:
                self._refuse_strangers(request)
                response = await answer(request)
            except Refused as refused:
                response = JSONResponse({"error": refused.why}, status_code=refused.status)
            except Misread as error:
                response = JSONResponse({"error": str(error)}, status_code=422)
            except Busy as error:
                response = JSONResponse({"error": str(error)}, status_code=409)
            except Exception as error:  # the edge of the process: a person reads a sentence
                response = JSONResponse({"error": describe_error(error)}, status_code=500)
            response.headers.update(HEADERS)
            return response

        return answered

    def _refuse_strangers(self, request: Request) -> None:
        host = request.headers.get("host", "").lower()
        token = str(request.path_params.get("token", ""))
        if host not in self._hosts:
            raise Refused(403, "This page answers under the address that was printed, and under no other.")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise Refused(403, "Open the whole address that `punchlist browse` printed.")
        site = request.headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin"):
            raise Refused(403, "Another site asked for this.")
        if request.method == "POST":
            if request.headers.get("origin") != f"http://{host}":
                raise Refused(403, "Orders are taken from this page alone.")
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise Refused(415, "Send orders as Content-Type: application/json.")

    async def _asset(self, request: Request) -> Response:
        name = str(request.path_params.get("asset", "?"))
        if name not in ASSETS:
            raise Refused(404, "There is nothing here.")
        file, kind = ASSETS[name]
        text = (resources.files(__package__ or "") / file).read_text(encoding="utf-8")
        return Response(text, media_type=kind)

    async def _state(self, _: Request) -> Response:
        return JSONResponse(self._driver.state())

    async def _picture(self, _: Request) -> Response:
        picture = self._driver.picture
        if picture is None:
            raise Refused(404, "There is no picture now.")
        return Response(picture, media_type="image/png")

    async def _act(self, request: Request) -> Response:
        order = await _order(request)
        line, view = order.get("line"), order.get("view")
        if not isinstance(line, str) or not isinstance(view, int):
            raise Refused(422, 'Say which action of which view: {"line": "click 1", "view": 3}.')
        await self._driver.act(line, view)
        return JSONResponse(self._driver.state())

    async def _look(self, request: Request) -> Response:
        await _order(request)
        await self._driver.look()
        return JSONResponse(self._driver.state())

    async def _answer(self, request: Request) -> Response:
        order = await _order(request)
        question, allow = order.get("question"), order.get("allow")
        if not isinstance(question, int) or not isinstance(allow, bool):
            raise Refused(422, 'Say what is answered: {"question": 1, "allow": false}.')
        await self._driver.answer(question, allow)
        return JSONResponse(self._driver.state())

    async def _anew(self, request: Request) -> Response:
        await _order(request)
        await self._driver.anew()
        return JSONResponse(self._driver.state())


async def _order(request: Request) -> dict[str, Any]:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LARGEST:
            raise Refused(413, f"The order is larger than {LARGEST} bytes.")
    try:
        order: object = json.loads(found or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The order is no JSON: {error}.") from error
    if not isinstance(order, dict):
        raise Refused(400, "The order must be a JSON object.")
    return cast("dict[str, Any]", order)
