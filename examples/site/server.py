"""The site's HTTP server: routes, cookies and forms, on a loopback address."""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from . import desk_pages, order_pages, shop_pages
from .frame import Reply, Request, Shop, missing, redirect
from .look import script, style_sheet
from .plan import draw_plan
from .store import Store

LONGEST_FORM = 64 * 1024
"""Bytes of a form; a longer one is refused."""

_VISIT = re.compile(r"[0-9a-f]{24}")

Page = Callable[..., Reply]


def _close(shop: Shop, request: Request, number: str) -> Reply:
    return desk_pages.set_closed(shop, request, number, closed=True)


def _open(shop: Shop, request: Request, number: str) -> Reply:
    return desk_pages.set_closed(shop, request, number, closed=False)


def _to_bag(shop: Shop, request: Request) -> Reply:
    return redirect("/bag")


def _to_check(shop: Shop, request: Request) -> Reply:
    return redirect("/check")


def _to_ticket(shop: Shop, request: Request, number: str) -> Reply:
    return redirect(f"/desk/{number}")


ROUTES: tuple[tuple[str, str, Page], ...] = (
    ("GET", r"/|/shelf", shop_pages.shelf),
    ("GET", r"/thing/([a-z-]+)", shop_pages.thing),
    ("GET", r"/bag", shop_pages.bag),
    ("POST", r"/bag", shop_pages.change_bag),
    ("POST", r"/bag/add", shop_pages.add),
    ("POST", r"/bag/voucher", shop_pages.voucher),
    ("GET", r"/details", order_pages.details),
    ("POST", r"/details", order_pages.take_details),
    ("GET", r"/check", order_pages.check),
    ("POST", r"/place", order_pages.place),
    ("GET", r"/orders", order_pages.orders),
    ("GET", r"/order/([\w-]+)", order_pages.order),
    ("GET", r"/desk", desk_pages.desk),
    ("GET", r"/desk/(\d+)", desk_pages.ticket),
    ("POST", r"/desk/(\d+)/answer", desk_pages.answer),
    ("POST", r"/desk/(\d+)/close", _close),
    ("POST", r"/desk/(\d+)/open", _open),
    # addresses of forms, opened as pages: by a reload, or from the history
    ("GET", r"/bag/(?:add|voucher)", _to_bag),
    ("GET", r"/place", _to_check),
    ("GET", r"/desk/(\d+)/(?:answer|close|open)", _to_ticket),
)
"""Method, pattern of the whole path, and the page; the pattern's groups are the page's arguments."""


def respond(shop: Shop, method: str, request: Request) -> Reply:
    """The reply to one request; an address that the site does not have gets the 404 page."""
    for known, pattern, page in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == known:
            shop.store.visit(request.visit)
            return page(shop, request, *match.groups())
    return missing(shop, request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], shop: Shop) -> None:
        self.shop = shop
        super().__init__(address, _Visitor)

    def handle_error(self, request: object, client_address: object) -> None:
        """Forget visitors that hang up and requests that the end of the site cut off; report the rest."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | sqlite3.ProgrammingError):
            traceback.print_exc()


class _Visitor(BaseHTTPRequestHandler):
    """Turns one connection's bytes into requests, and replies into bytes."""

    protocol_version = "HTTP/1.0"  # one request a connection, so that a stopped site leaves none behind
    server_version = "shop"
    timeout = 30

    def do_GET(self) -> None:
        self._serve("GET", {})

    def do_HEAD(self) -> None:
        self._serve("GET", {})

    def do_POST(self) -> None:
        form = self._form()
        if form is not None:
            self._serve("POST", form)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the site runs inside tests and demonstrations."""

    def _serve(self, method: str, form: Mapping[str, str]) -> None:
        address = urlsplit(self.path)
        shop = cast(_Server, self.server).shop
        if address.path == "/site.css":
            return self._send(Reply(style_sheet(shop.plan.layout.theme), content_type="text/css"), "")
        if address.path == "/site.js":
            return self._send(Reply(script(), content_type="text/javascript"), "")
        cookies = self._cookies()
        visit = cookies.get("visit", "")
        known = bool(_VISIT.fullmatch(visit))
        if not known:
            visit = secrets.token_hex(12)
        request = Request(
            path=unquote(address.path),
            query=dict(parse_qsl(address.query)),
            form=form,
            visit=visit,
            banner_seen=cookies.get("banner") == "seen",
        )
        self._send(respond(shop, method, request), "" if known else visit)

    def _cookies(self) -> dict[str, str]:
        try:
            return {
                name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()
            }
        except CookieError:
            return {}

    def _form(self) -> dict[str, str] | None:
        """The posted form, or None where it was refused."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LONGEST_FORM:
            self.close_connection = True
            self._send(Reply("This form is too long.", 413, content_type="text/plain; charset=utf-8"), "")
            return None
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        return dict(parse_qsl(body, keep_blank_values=True))

    def _send(self, reply: Reply, visit: str) -> None:
        if reply.delay_ms:
            time.sleep(reply.delay_ms / 1000)
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if reply.location:
            self.send_header("Location", reply.location)
        if visit:
            self.send_header("Set-Cookie", f"visit={visit}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Site:
    """A small shop and help desk that serves on a loopback port while it is started.

    The same seed gives the same shop. State lives in one SQLite file in `folder`, so a site that
    is stopped and started again, here or in a new process, goes on where it was; without a folder
    the file lives as long as this object. It is meant for one trusted machine: no passwords, no
    TLS, and the help desk is open to every visitor.

    Args:
        seed: Any integer; see `draw_plan`.
        flaws: None for those of the seed, a mapping to force some on or off, or exactly these names.
        folder: Where to keep the state; made if missing.
        host: Address to listen on.
        port: 0 takes a free port, which is kept from the first start on.

    Raises:
        UnknownFlaw: a flaw was named that does not exist.
    """

    def __init__(
        self,
        seed: int,
        *,
        flaws: Iterable[str] | Mapping[str, bool] | None = None,
        folder: str | Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.plan = draw_plan(seed, flaws)
        self.host, self.port = host, port
        if folder is None:
            folder = tempfile.mkdtemp(prefix="punchlist-site-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = Path(folder)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def seed(self) -> int:
        """The seed that this site was drawn from."""
        return self.plan.seed

    @property
    def url(self) -> str:
        """Address of the home page, without a slash at the end; known once the site has started."""
        return f"http://{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        """The state; only the site and the module `judge` open it."""
        return self.folder / f"site-{self.seed}.sqlite3"

    def start(self) -> Self:
        """Start serving, on a thread of its own; a second call does nothing.

        Raises:
            OSError: the port is taken, or the folder cannot be made.
            sqlite3.Error: the state cannot be opened: it is no database, or not one of a site.
        """
        if self._server is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            store = Store(self.database, self.plan)
            try:
                self._server = _Server((self.host, self.port), Shop(self.plan, store))
            except OSError:
                store.close()
                raise
            self.port = self._server.server_address[1]
            self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close the state; a second call does nothing."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(timeout=5)
            self._server.shop.store.close()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
