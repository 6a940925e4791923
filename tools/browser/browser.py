"""One browser process with its fence, and a fresh context for each lane.

Covers: whatever happens to the program, no browser stays behind. `close` ends it; at interpreter exit its
process group is killed; when the program itself is killed, the driver sees its pipe close and ends it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Error, Playwright, StorageState, async_playwright

from ..errors import BrowserCrashed, BrowserMissing
from ..permissions import Policy
from .document import Debugger
from .fence import Blocked, Fence, Resolve
from .gates import Gatekeeper
from .locate import NO_WINDOW, driver_failure, find_browser, start_failure
from .secrets import Secret, Vault
from .session import BrowserSession
from .tab import Tab
from .trace import trace_folder
from .view import PLAIN, SNAPSHOT

VIEWPORT = (1280, 720)
FLAGS = (
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=MediaRouter,OptimizationHints",
)
START_TIMEOUT = 30.0

Observer = Literal["view", "aria", "screenshot"]
"""What is shown of pages: our numbered view; Playwright's snapshot for models, its refs as numbers; or the
view, and beside it a picture of the window on which the numbers stand, for models that see."""


class Browser:
    """A Chromium that reaches only the origins of `allow`. It starts at the first `open`.

    It belongs to the event loop it was opened in: close it there. One that was left open in a loop that ended
    is killed and replaced at the next `open`, and its sessions are lost.

    Args:
        allow: Addresses whose origins may be reached, exact (scheme, host, port). Empty: nothing.
        executable: The Chromium to drive; found on this machine when None.
        headless: False shows its window (needs a full Chromium and a display).
        budget: Characters of a view's text; None: a page of up to `presenting.WHOLE` is shown whole, of a
            longer one `presenting.PART`.
        resolve: Finds the addresses of names; the system's way when None.
        secrets: What `type N secret:NAME` may name.
        policy: Decides actions that have to be approved (see `gates`); None approves none of them.
        record: A folder in which each session leaves a trace of what it does; None records nothing.
        observer: What a worker's model is shown of pages (see `Observer`).

    Raises:
        ValueError: An entry of `allow` is no http(s) address; or there is no such observer.
        SecretUnusable: A secret has no usable value.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        executable: str | Path | None = None,
        headless: bool = True,
        budget: int | None = None,
        resolve: Resolve | None = None,
        secrets: Mapping[str, Secret] | None = None,
        policy: Policy | None = None,
        record: str | Path | None = None,
        observer: Observer = "view",
    ) -> None:
        if observer not in get_args(Observer):
            raise ValueError(f"observer {observer!r} is none; there are {', '.join(get_args(Observer))}.")
        self.observer: Observer = observer
        self.allow = tuple(allow)
        self.record = None if record is None else Path(record)
        self.budget = budget
        self._vault = Vault(secrets)
        self._policy = policy
        self._fence = Fence(self.allow, resolve)
        self._executable = executable
        self._headless = headless
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._lanes: dict[str, BrowserSession] = {}
        self._mark = ""

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """Attempts to reach an origin that is not allowed, in order, the last 1,000."""
        return tuple(self._fence.blocked)

    async def open(
        self,
        lane: str,
        storage_state: Mapping[str, Any] | None = None,
        url: str | None = None,
        files: Path | None = None,
        downloads: Path | None = None,
    ) -> BrowserSession:
        """A fresh session for `lane`; a session that the lane had before is closed.

        Args:
            lane: Who browses; each lane has cookies and tabs of its own.
            storage_state: Cookies and local storage to begin with, from `BrowserSession.storage_state`.
            url: Where to begin.
            files: The folder that `upload` takes files from; None refuses every upload.
            downloads: The folder that files of pages are kept in; None refuses them.

        Raises:
            NotADirectoryError: `downloads` cannot be made, or is a file.
            BrowserMissing: No browser was found, or it does not start.
            OriginBlocked: `url` is outside the allowed origins.
            SiteUnreachable: The site of `url` does not answer.
            BrowserCrashed: The browser ended meanwhile.
            OSError: The folder of traces cannot be made.
        """
        if (former := self._lanes.pop(lane, None)) is not None and self._loop is asyncio.get_running_loop():
            await former.close()
        try:
            context, tab = await self._fresh(storage_state)
        except BrowserCrashed:  # where its driver ended, too, that comes to light only now
            await self.close()
            context, tab = await self._fresh(storage_state)
        keeper = Gatekeeper(self._policy)
        session = BrowserSession(context, tab, self._fence, self.budget, self._vault, keeper)
        self._lanes[lane] = session
        session.files = files
        session.style = SNAPSHOT if self.observer == "aria" else PLAIN
        if downloads is not None:
            await session.keep_downloads(downloads)
        if url is not None:
            await session.load(url)
        if self.record is not None:
            await session.record(trace_folder(self.record, lane))
        return session

    async def close(self) -> None:
        """Close every session, the browser and the fence. `open` starts it again."""
        chromium, driver = self._chromium, self._playwright
        self._chromium = self._playwright = None
        lanes, self._lanes = list(self._lanes.values()), {}
        same_loop = self._loop is asyncio.get_running_loop()
        try:
            if same_loop:
                for session in lanes:
                    await session.close()
                with contextlib.suppress(Error):
                    if chromium is not None:
                        await chromium.close()
                with contextlib.suppress(Error):
                    if driver is not None:
                        await driver.stop()
                await self._fence.close()
        finally:
            self._kill()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _fresh(self, storage_state: Mapping[str, Any] | None) -> tuple[BrowserContext, Tab]:
        """A new context with an empty tab.

        Raises:
            BrowserCrashed: The browser is gone.
            ValueError: `storage_state` is none.
        """
        chromium = await self._started()
        try:
            context = await chromium.new_context(
                viewport={"width": VIEWPORT[0], "height": VIEWPORT[1]},
                service_workers="block",
                accept_downloads=False,
                storage_state=cast("StorageState | None", storage_state),
            )
            context.set_default_timeout(10_000)
            return context, await Tab.attach(await context.new_page(), self._fence)
        except Error as error:
            if "closed" not in error.message.lower() and chromium.is_connected():
                raise ValueError(f"the browser takes no such storage state: {error.message[:200]}") from error
            raise BrowserCrashed from error

    async def _started(self) -> Chromium:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._starting = loop, asyncio.Lock()
            self._chromium = self._playwright = None
            self._kill()
        async with self._starting:
            if self._chromium is not None and self._chromium.is_connected():
                return self._chromium
            if self._playwright is not None:
                await self.close()
            return await self._start()

    async def _start(self) -> Chromium:
        executable = Path(self._executable or find_browser(window=not self._headless))
        self._mark = f"--punchlist-browser={uuid.uuid4().hex}"
        atexit.register(self._kill)
        try:
            proxy = await self._fence.start()
            self._playwright = await _driver()
            self._chromium = await self._playwright.chromium.launch(
                executable_path=executable,
                headless=self._headless,
                proxy={"server": proxy, "bypass": "<-loopback>"},  # loopback goes through the proxy, too
                args=[*FLAGS, self._mark],
                timeout=START_TIMEOUT * 1000,
            )
        except Error as error:
            await self.close()
            raise BrowserMissing((str(executable),), start_failure(error.message)) from error
        except BaseException:
            await self.close()
            raise
        if not self._headless and await _windowless(self._chromium):
            await self.close()
            raise BrowserMissing((str(executable),), NO_WINDOW)
        return self._chromium

    def _kill(self) -> None:
        """Kill the browser's process group and its driver, if they are still there."""
        mark, self._mark = self._mark, ""
        atexit.unregister(self._kill)
        if not mark:
            return
        browsers = _processes(mark)
        drivers = {_parent(pid) for pid in browsers} - set(browsers)
        for pid in browsers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                group = os.getpgid(pid)
                if group != os.getpgid(0):
                    os.killpg(group, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)
        for pid in drivers:
            if _parent(pid) == os.getpid():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


async def _windowless(chromium: Chromium) -> bool:
    """Whether it is a headless shell, which takes the wish for a window and shows none."""
    session = await chromium.new_browser_cdp_session()
    told = await cast("Debugger", session).send("Browser.getVersion")
    await session.detach()
    return str(told["product"]).startswith("Headless")


async def _driver() -> Playwright:
    """Playwright's own process.

    Raises:
        BrowserMissing: It does not start.
    """
    try:
        return await async_playwright().start()
    except Exception as error:  # Playwright has no class of its own for that
        why = driver_failure(version("playwright"), str(error))
        raise BrowserMissing(("playwright",), why.rstrip(".")) from error


def _processes(mark: str) -> list[int]:
    """Processes of this machine whose command line carries `mark` (Linux; elsewhere the driver ends them)."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def _parent(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
