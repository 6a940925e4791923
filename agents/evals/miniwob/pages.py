"""The pages of MiniWoB++ and the server that hands them out on a loopback address, with a driver put in.

The pages are those of the PyPI package `miniwob` (MIT licence); none of them is part of this package. A page
is served as UTF-8, with two things put into its head: the driver (`driver.js`), which runs its episodes and
posts what became of them, and a style that keeps the goal, the score display and the trace of clicks out of
sight without moving anything.
"""

from __future__ import annotations

import asyncio
import mimetypes
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from ..ledger import EvalError

VERSION = "1.1.0"
"""The version of the package whose pages are measured."""

TASKS = tuple(
    """
    buy-ticket choose-date choose-date-easy choose-date-medium choose-date-nodelay click-checkboxes
    click-checkboxes-large click-checkboxes-transfer click-collapsible click-collapsible-2
    click-collapsible-2-nodelay click-collapsible-nodelay click-dialog click-dialog-2 click-option
    click-test-2 click-test-transfer enter-date enter-password enter-text enter-text-2 enter-text-dynamic
    enter-time
    focus-text focus-text-2 identify-shape login-user login-user-popup multi-layouts multi-orderings
    navigate-tree odd-or-even read-table read-table-2 search-engine text-transform unicode-test
    use-autocomplete use-autocomplete-nodelay
""".split()
)
"""The tasks that are developed on. All others are held out: nothing is made from their pages."""

SMOKE = ("click-test-2", "login-user", "click-checkboxes", "enter-text", "read-table", "search-engine")
"""A few of them, for a look that takes seconds."""

HIDDEN = "#query,#reward-display,#click-canvas{visibility:hidden!important}"
LONGEST_REPORT = 64 * 1024


class PagesMissing(EvalError):
    """The package with the pages is not installed, or does not hold them."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The pages of MiniWoB++ are not there: {why}. "
            f"Install them with `pip install --no-deps miniwob=={VERSION}` "
            "(or with the extra punchlist[miniwob], which brings what they do not need), "
            "or name their folder with --data."
        )


class UnknownTask(EvalError):
    """There is no page of that name."""

    def __init__(self, task: str, folder: Path) -> None:
        self.task = task
        super().__init__(f"There is no task {task!r} in {str(folder)!r}. Tasks are names like click-test-2.")


class Told(BaseModel):
    """What a page's driver posts: the goal when an episode began, the raw reward when it ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    goal: str | None = None
    raw: float | None = None
    reason: str | None = None


def find_pages(data: Path | None = None) -> Path:
    """The folder `html` with the pages.

    Args:
        data: Where they are; None: in the installed package, which is found and not imported.

    Raises:
        PagesMissing: They are not there.
    """
    if data is None:
        spec = find_spec("miniwob")
        if spec is None or spec.origin is None:
            raise PagesMissing("the package miniwob is not installed")
        data = Path(spec.origin).parent / "html"
    if not (data / "core" / "core.js").is_file() or not (data / "miniwob").is_dir():
        raise PagesMissing(f"{str(data)!r} has no core/core.js or no miniwob/")
    return data


def find_page(folder: Path, task: str) -> Path:
    """The page of a task.

    Raises:
        UnknownTask: There is none.
    """
    page = folder / "miniwob" / f"{task}.html"
    if not task.replace("-", "").replace("_", "").isalnum() or not page.is_file():
        raise UnknownTask(task, folder)
    return page


class Pages:
    """Serves the pages of `folder`; what their drivers post goes to `hear`, on the loop that opened it.

    Only one page is listened to at a time: reports have no other address than the seed.

    Args:
        folder: As `find_pages` gives it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hear: Callable[[Told], None] = _nobody
        self._loop = asyncio.get_running_loop()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, task: str) -> str:
        """Where a task's page is.

        Raises:
            UnknownTask: There is none.
        """
        return f"{self.url}/miniwob/{find_page(self.folder, task).name}"

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body of what is at `path`; None when there is nothing."""
        if path == "/driver.js":
            return "text/javascript; charset=utf-8", driver()
        parts = PurePosixPath(path).parts[1:]
        file = self.folder.joinpath(*parts)
        if ".." in parts or not file.is_file():
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        body = file.read_bytes()
        if kind == "text/html":
            body = with_driver(body)
        text = kind.startswith("text/") or kind == "application/javascript"
        return (f"{kind}; charset=utf-8" if text else kind), body

    def told(self, said: Told) -> None:
        """Pass on what a page said; called by the server's threads."""
        self._loop.call_soon_threadsafe(self.hear, said)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _nobody(said: Told) -> None:
    """Nobody listens yet."""


def driver() -> bytes:
    """The script that runs a page's episodes."""
    return resources.files(__package__ or "").joinpath("driver.js").read_bytes()


def with_driver(page: bytes) -> bytes:
    """A page with the driver and the style at the end of its head; untouched where it has no head."""
    added = f'<style>{HIDDEN}</style><script src="/driver.js"></script>'.encode()
    head, end, rest = page.partition(b"</head>")
    return head + added + end + rest if end else page


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle of a reply is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        found = self.server.pages.read(urlsplit(self.path).path)
        if found is None:
            self._reply(404, "text/plain; charset=utf-8", b"There is no such file.")
        else:
            self._reply(200, *found)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if self.path != "/episode" or size > LONGEST_REPORT:
            self.close_connection = True
            return self._reply(404, "text/plain; charset=utf-8", b"")
        try:
            said = Told.model_validate_json(self.rfile.read(size))
        except ValidationError:
            return self._reply(400, "text/plain; charset=utf-8", b"")
        self.server.pages.told(said)
        self._reply(200, "text/plain; charset=utf-8", b"")

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600" if status == 200 else "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""
