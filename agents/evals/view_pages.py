"""Fifteen pages that a view must number: what people click is often neither a button nor a link.

Addresses of a second origin stand in them as `{other}` (same machine, other port) and `{far}` (another site).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

PAGES = (
    "login", "row-buttons", "toolbar", "svg-points", "cells", "colours", "tree", "custom-select",
    "date-picker", "tabs", "shadow", "frames", "canvas", "editable", "cards",
)  # fmt: skip

KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".png": "image/png",
    ".gif": "image/gif",
}


def page(name: str) -> str:
    """The HTML of a page, addresses of other origins not filled in."""
    folder = resources.files(__name__.rpartition(".")[0]) / "data"
    return (folder / f"view-{name}.html").read_text(encoding="utf-8")


class PageServer:
    """Serves the pages, and the files of a folder, from two loopback ports; a context manager.

    Args:
        folder: Files that are served beside the pages; None: none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder.resolve() if folder is not None else None
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._answering()) for _ in range(2)]
        first, second = (server.server_port for server in self._servers)
        self.url = f"http://127.0.0.1:{first}"
        self.others: Mapping[str, str] = {
            "other": f"http://127.0.0.1:{second}", "far": f"http://localhost:{second}"
        }  # fmt: skip

    @property
    def origins(self) -> list[str]:
        """All that a browser has to be allowed."""
        return [self.url, *self.others.values()]

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _find(self, path: str) -> tuple[bytes, str] | None:
        """Content and media type at a path; None when there is nothing."""
        name = path.partition("?")[0].lstrip("/")
        if name in (*PAGES, "inner"):
            text = page(name)
            for mark, url in self.others.items():
                text = text.replace("{" + mark + "}", url)
            return text.encode(), "text/html"
        if self._folder is None:
            return None
        file = (self._folder / name).resolve()
        if not file.is_relative_to(self._folder) or not file.is_file():
            return None
        return file.read_bytes(), KINDS.get(file.suffix, "application/octet-stream")

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        find = self._find

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = find(self.path)
                body, kind = found or (b"no such page", "text/plain")
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        return Answering
