"""The sites that runs are about: is it there? And the demo's shop, kept so that its run can resume."""

from __future__ import annotations

import argparse
import errno
import http.client
import json
import shutil
import sqlite3
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from ...examples.site import DEMO_SEED, Site, demo_goal, goal, judge
from ...tools.errors import SiteUnreachable
from ..manager import RUNS
from .edge import DONE, SettingsError
from .stopping import stop_signals

ANSWER_SECONDS = 10.0
"""How long a site may take to answer before a run begins."""


def check_site(url: str | None, *, resuming: bool = False) -> None:
    """Ask a site for its page; whatever it answers, it is there.

    Args:
        resuming: There is a run, which can go on once the site is there.

    Raises:
        SettingsError: It is no http(s) address, or there is no run yet and it does not answer.
        SiteUnreachable: Nobody answers the run that is there, or not in time, or not in HTTP.
    """
    if not url:
        raise SettingsError("Name the site with --site URL, for example --site http://127.0.0.1:8000.")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{url!r} is no address of a site. Give one like http://127.0.0.1:8000.")
    why = _silence(url)
    if why is not None and resuming:
        raise SiteUnreachable(url, why)
    if why is not None:
        raise SettingsError(f"{url!r} cannot be reached: {why}. Start the site, or name another with --site.")


def _silence(url: str) -> str | None:
    """Why a site gives no answer; None where it gives any."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS):
            return None
    except urllib.error.HTTPError:
        return None
    except urllib.error.URLError as error:
        return _why(error.reason)
    except (OSError, http.client.HTTPException) as error:
        return _why(error)


def _why(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({reason.verify_message})"
    if isinstance(reason, TimeoutError):
        return f"no answer within {ANSWER_SECONDS:g} s"
    if isinstance(reason, http.client.RemoteDisconnected | ConnectionResetError):
        return "it dropped the connection without an answer"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason).rstrip(" .") or type(reason).__name__


class DemoShop:
    """The example shop with the goal of record, in a folder that is kept until its run is confirmed.

    Attributes:
        folder: The shop's state; a resumed run opens the same shop at the same address.
        finished: The state may be deleted when the shop closes.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Use `new` or `again`."""
        self.folder = folder
        self.finished = False
        self._wanted = demo_goal()
        self._site = Site(DEMO_SEED, folder=folder, port=port)

    @classmethod
    def new(cls) -> Self:
        """A fresh shop on a free port."""
        Path(RUNS).mkdir(mode=0o700, exist_ok=True)
        place = Path(RUNS) / "demo"
        folder = place / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{time.time_ns() % 1_000_000:06}"
        return cls(folder.absolute())

    @classmethod
    def again(cls, folder: Path, url: str) -> Self:
        """The shop of an earlier run, at its address.

        Raises:
            SettingsError: Its state was deleted.
        """
        if not folder.is_dir():
            raise SettingsError(
                f"The demo's shop {str(folder)!r} was closed and deleted, so this run cannot go on. "
                "Start a new one: punchlist run --demo."
            )
        return cls(folder, urlsplit(url).port or 0)

    @property
    def goal(self) -> str:
        """What is to be done there."""
        return self._wanted.text

    @property
    def url(self) -> str:
        """Where it is open."""
        return self._site.url

    def judged(self) -> dict[str, Any]:
        """What the shop's own database says about the goal: `right`, and the `reasons` if it is not."""
        found = judge(self._site, self._wanted.expected)
        return {"right": found.right, "reasons": list(found.reasons)}

    def __enter__(self) -> Self:
        kept = self.folder.exists()
        try:
            self._site.start()
        except (OSError, sqlite3.Error) as error:
            if not kept:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise SettingsError(self._why_closed(error)) from error
        return self

    def _why_closed(self, error: OSError | sqlite3.Error) -> str:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            return (
                f"The shop cannot be opened at {self._site.url}: {error.strerror}. "
                "Another process has the port: end that one, then resume."
            )
        return (
            f"The shop's state cannot be kept in {str(self.folder)!r}: "
            f"{getattr(error, 'strerror', None) or error}. "
            "Make room on its disk and check that you may write there, then give the command again."
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._site.stop()
        if self.finished:
            shutil.rmtree(self.folder, ignore_errors=True)


def _check_folder(folder: str) -> None:
    """Find out whether a shop's state can be kept there.

    Raises:
        SettingsError: It cannot.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"The folder {folder!r} cannot be written: {error.strerror}. Choose another with --folder."
        ) from error


def serve(options: argparse.Namespace) -> int:
    """`punchlist site`."""
    if options.folder is not None:
        _check_folder(options.folder)
    seed: int = DEMO_SEED if options.seed is None else options.seed
    wanted = demo_goal() if seed == DEMO_SEED else goal(seed)
    site = Site(seed, folder=options.folder, port=options.port)
    try:
        site.start()
    except sqlite3.Error as error:
        raise SettingsError(
            f"{str(site.database)!r} is no state of a shop ({error}). Choose another folder with --folder."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"Port {options.port} of 127.0.0.1 cannot be opened: {error.strerror or error}. "
            "Choose another with --port."
        ) from error
    with stop_signals() as stop:
        try:
            if options.json:
                print(json.dumps({"url": site.url, "name": site.plan.name, "goal": wanted.text}), flush=True)
            else:
                print(f"{site.plan.name} is open at {site.url} until Ctrl-C.", flush=True)
                print(f'Try: punchlist run "{wanted.text}" --site {site.url}', flush=True)
            stop.wait()
        finally:
            site.stop()
    return DONE
