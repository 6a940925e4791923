"""Files that pages send: into one folder, under cleaned names, up to a size, and never opened.

Covers: a file that is too large, or too slow, is cancelled while it arrives and leaves nothing behind; a page
chooses neither the folder nor a hidden, overlong or deceiving name. Does not cover: what is in the file. It
is data of a stranger: nothing here reads, unpacks or runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from playwright.async_api import BrowserContext, CDPSession, Error

from ..errors import BrowserCrashed
from .observer import Debugger
from .results import Download

SIZE_LIMIT = 50_000_000
"""Bytes of one file when nothing else is said."""

NAME_LIMIT = 100
NAMELESS = "download"
_UNSAFE = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def cleaned_name(proposed: str) -> str:
    """A file name out of what a page proposes.

    No folders, no control or direction characters, not hidden, not reserved by any system, at most 100
    characters with its ending kept.
    """
    shown = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in proposed)
    name = _UNSAFE.sub("_", " ".join(re.split(r"[/\\]", shown)[-1].split())).strip(". ")
    if not name:
        return NAMELESS
    if _RESERVED.match(name):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if len(name) <= NAME_LIMIT:
        return name
    return (
        f"{stem[: NAME_LIMIT - len(ending) - 1]}.{ending}" if dot and len(ending) < 20 else name[:NAME_LIMIT]
    )


def made_folder(folder: Path) -> Path:
    """The folder, made where it was not there, links followed.

    Raises:
        NotADirectoryError: It cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve(strict=True)
    except OSError as error:
        raise NotADirectoryError(f"{str(folder)!r} cannot hold downloads: {error.strerror}") from error


@dataclass
class _Arriving:
    """One file on its way."""

    guid: str
    proposed: str
    size: int = 0
    state: str = "inProgress"
    problem: str = ""


class Downloads:
    """The quarantine of one browser context. Made by `keep`."""

    def __init__(
        self, folder: Path, limit: int, cdp: CDPSession, context_id: str, mask: Callable[[str], str]
    ) -> None:
        self.folder, self.limit = folder, limit
        self._mask = mask
        self._session = cdp
        self._cdp = cast("Debugger", cdp)
        self._context_id = context_id
        self._files: dict[str, _Arriving] = {}
        self._earlier: set[str] = set()
        self._moved = asyncio.Event()
        self._cancels: set[asyncio.Task[None]] = set()
        cdp.on("Browser.downloadWillBegin", self._on_begin)
        cdp.on("Browser.downloadProgress", self._on_progress)

    @classmethod
    async def keep(
        cls,
        context: BrowserContext,
        page_cdp: Debugger,
        folder: Path,
        limit: int,
        mask: Callable[[str], str],
    ) -> Downloads:
        """Let the pages of `context` send files into `folder`.

        Raises:
            ValueError: `limit` is below 1.
            NotADirectoryError: `folder` cannot be made, or is a file.
            BrowserCrashed: The context has no browser any more.
        """
        if limit < 1:
            raise ValueError(f"a download may have at least 1 byte, got a limit of {limit!r}")
        folder = made_folder(folder)
        browser = context.browser
        if browser is None:
            raise BrowserCrashed
        cdp = await browser.new_browser_cdp_session()
        target = (await page_cdp.send("Target.getTargetInfo"))["targetInfo"]
        made = cls(folder, limit, cdp, str(target["browserContextId"]), mask)
        await made._cdp.send(
            "Browser.setDownloadBehavior",
            {
                "behavior": "allowAndName",
                "browserContextId": made._context_id,
                "downloadPath": str(made.folder),
                "eventsEnabled": True,
            },
        )
        return made

    def begin(self) -> None:
        """Another action begins: what comes from now on is due to it."""
        self._earlier = set(self._files)

    async def arrived(self, seconds: float, asked: bool) -> Download | None:
        """The file that came last, waited for at most `seconds`; None when there is none.

        A file that began to come before the action, and after the one before it was over, is `late`.

        Args:
            seconds: Above 0.
            asked: The page asked for a file, so one is waited for before it begins to come.
        """
        if not self._files and not asked:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._files or any(item.state == "inProgress" for item in self._files.values()):
                    self._moved.clear()
                    await self._moved.wait()
        if not self._files:
            return Download(NAMELESS, problem=f"it did not begin to arrive within {seconds:g} s")
        for item in self._files.values():
            if item.state == "inProgress":
                item.problem = f"it did not arrive within {seconds:g} s"
                await self._cancel(item.guid)
        *_, last = self._files
        kept = [self._kept(item) for item in self._files.values()]
        late = last in self._earlier
        self._files = {}
        return replace(kept[-1], late=late)

    async def close(self) -> None:
        """Cancel what is on its way."""
        for item in self._files.values():
            if item.state == "inProgress":
                await self._cancel(item.guid)
        self._files = {}
        with contextlib.suppress(Error):
            await self._session.detach()

    def _kept(self, item: _Arriving) -> Download:
        """The file under its own name; or why there is none."""
        arrived, name = self.folder / item.guid, cleaned_name(item.proposed)
        if item.problem or item.state != "completed" or not arrived.is_file():
            arrived.unlink(missing_ok=True)
            return Download(name, item.size, problem=item.problem or "the site ended it")
        size = arrived.stat().st_size
        if size > self.limit:  # small files arrive before their size is told
            arrived.unlink()
            return Download(name, size, problem=self._too_large(size))
        path = self._free(name)
        arrived.chmod(0o600)
        arrived.rename(path)
        return Download(path.name, size, str(path))

    def _free(self, name: str) -> Path:
        """A path that no file has yet."""
        path, count = self.folder / name, 2
        while path.exists() or path.is_symlink():
            path, count = self.folder / f"{Path(name).stem} ({count}){Path(name).suffix}", count + 1
        return path

    def _too_large(self, size: int) -> str:
        return f"it has {size:,} bytes, more than the {self.limit:,} that this run keeps"

    def _on_begin(self, event: dict[str, Any]) -> None:
        self._files[event["guid"]] = _Arriving(event["guid"], self._mask(str(event["suggestedFilename"])))
        self._moved.set()

    def _on_progress(self, event: dict[str, Any]) -> None:
        item = self._files.get(event["guid"])
        if item is None:
            return
        size = max(int(event["totalBytes"]), int(event["receivedBytes"]))
        item.size = int(event["receivedBytes"])
        if size > self.limit and not item.problem:
            item.problem = self._too_large(size)
            if event["state"] == "inProgress":
                task = asyncio.ensure_future(self._cancel(item.guid))
                self._cancels.add(task)
                task.add_done_callback(self._cancels.discard)
        item.state = str(event["state"])
        self._moved.set()

    async def _cancel(self, guid: str) -> None:
        with contextlib.suppress(Error):
            await self._cdp.send(
                "Browser.cancelDownload", {"guid": guid, "browserContextId": self._context_id}
            )
