"""A web server on the loopback for browser tests: pages as strings, hits counted, no file touched."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from time import sleep

Reply = str | tuple[int, dict[str, str], bytes]


def drop(request: BaseHTTPRequestHandler) -> Reply:
    """End the connection without a word."""
    request.connection.shutdown(SHUT_RDWR)
    return ""


class Site:
    """Serves `pages` by path; an entry is HTML, a full reply, or a function that makes one of the request."""

    def __init__(
        self, pages: dict[str, Reply | Callable[[BaseHTTPRequestHandler], Reply]] | None = None
    ) -> None:
        self.pages = {"/drop": drop, **(pages or {})}
        self.hits: Counter[str] = Counter()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.hits[self.path] += 1
                page = site.pages.get(self.path.partition("?")[0], "<title>None</title><p>No such page")
                reply = page(self) if callable(page) else page
                status, headers, body = (200, {}, reply.encode()) if isinstance(reply, str) else reply
                self.send_response(status)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                return

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                return  # a browser that goes away in the middle of a reply is part of the tests

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def slow(seconds: float, html: str) -> Callable[[BaseHTTPRequestHandler], Reply]:
    """A page that takes its time."""

    def page(_: BaseHTTPRequestHandler) -> Reply:
        sleep(seconds)
        return html

    return page


def redirect(to: str) -> Reply:
    """A 302."""
    return 302, {"Location": to}, b""
