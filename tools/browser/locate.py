"""Finds a Chromium on this machine, or installs one.

Looked for in this order: the path in PUNCHLIST_BROWSER or BROWSER_EXECUTABLE, then on PATH
chromium-headless-shell (starts fastest and makes no connection by itself), chromium and Google Chrome, then
what Playwright downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import BrowserMissing

__all__ = ["BrowserMissing", "driver_failure", "find_browser", "install_browser", "start_failure"]

VARIABLES = ("PUNCHLIST_BROWSER", "BROWSER_EXECUTABLE")
NAMES = (
    "chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable", "chrome",
)  # fmt: skip
DOWNLOADED = ("headless_shell", "chrome-headless-shell", "chrome", "Chromium", "Google Chrome for Testing")
PACKAGE = "chromium-headless-shell"


PLAYWRIGHT_FROM, PLAYWRIGHT_BELOW = (1, 59), (2, 0)
"""Versions of Playwright that are known to give what is asked of it here."""

_SIGNS = (
    ("XServer|X server",
     "a window was asked for (headless=False) and there is no display: leave headless as it is, set DISPLAY, "
     "or call the program under xvfb-run"),
    ("sandboxing failed|without --no-sandbox is",
     "it insists on its sandbox, which root and many containers cannot have: run as another user, or name a "
     "Chromium that takes --no-sandbox"),
    ("Timeout",
     "it gave the driver no answer: it may be no Chromium, or far from what this Playwright was made for "
     "(pip install --upgrade playwright)"),
)  # fmt: skip


NO_WINDOW = (
    "a window was asked for (headless=False), which a headless shell cannot show; install a whole Chromium "
    "(Debian: sudo apt-get install chromium) or leave headless as it is"
)
"""Why a headless shell does not do."""


def start_failure(message: str) -> str:
    """Why a browser did not start and what to do, in one sentence without its full stop.

    Args:
        message: What Playwright says, with the browser's log.
    """
    if found := re.search(r"error while loading shared libraries: ([^\s:]+)", message):
        return (
            f"it misses the system library {found[1]} (as root: {sys.executable} -m playwright install-deps "
            "chromium, or install it with the system's package manager)"
        )
    for sign, why in _SIGNS:
        if re.search(sign, message):
            return why
    said = re.search(r"\[err\] (.+)", message)
    ended = re.search(r"exitCode=(\d+)", message)
    if said is not None:
        return f"it said {said[1].strip()[:160]!r}"
    return f"it ended at once with exit code {ended[1]}" if ended else message.partition("\n")[0][:200]


def driver_failure(version: str, told: str = "") -> str:
    """What is wrong with Playwright; empty where nothing is known to be.

    Args:
        version: Of the package.
        told: What its driver said when it did not start.
    """
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if not PLAYWRIGHT_FROM <= number < PLAYWRIGHT_BELOW:
        which = "old" if number < PLAYWRIGHT_FROM else "new"
        return (
            f"Playwright {version} is too {which}. Install one that fits: pip install 'playwright>=1.59,<2'."
        )
    if found := re.search(r"([^\s:]+): cannot open shared object", told):
        return (
            f"Playwright's driver misses the system library {found[1]}. Install it (Debian, Ubuntu: "
            "sudo apt-get install libatomic1)."
        )
    if told:
        return (
            f"Playwright's driver does not start: {told.strip()[:160].rstrip('.')}. Install it anew "
            "(pip install --force-reinstall playwright) without PLAYWRIGHT_NODEJS_PATH in the environment."
        )
    return ""


def find_browser(*, window: bool = False) -> Path:
    """The Chromium to drive.

    Args:
        window: It must be able to show a window, which headless shells are not.

    Raises:
        BrowserMissing: None was found, or the one that the environment names is not there.
    """
    if window:
        return _with_window()
    for variable in VARIABLES:
        if named := os.environ.get(variable):
            found = shutil.which(named)
            if found is None:
                raise BrowserMissing((f"{variable}={named}",))
            return Path(found)
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if downloaded := _downloaded():
        return downloaded
    raise BrowserMissing((*VARIABLES, *NAMES, str(_download_folder())))


def _with_window() -> Path:
    named = next((os.environ[variable] for variable in VARIABLES if os.environ.get(variable)), None)
    for name in (named,) if named is not None else NAMES:
        if "headless" not in Path(name).name and (found := shutil.which(name)):
            return Path(found)
    raise BrowserMissing(
        tuple(name for name in NAMES if "headless" not in name) if named is None else (named,),
        NO_WINDOW,
    )


def install_browser() -> Path:
    """Find a browser, or install one and say on stdout what is being done.

    Playwright's own download is tried first, then, as root, the distribution's package.

    Raises:
        BrowserMissing: None could be installed.
    """
    try:
        return find_browser()
    except BrowserMissing as missing:
        if any(variable in os.environ for variable in VARIABLES):
            raise
        failure = missing
    for says, command in _installers():
        print(says, flush=True)
        if subprocess.run(command, check=False).returncode == 0:
            try:
                return find_browser()
            except BrowserMissing as error:
                failure = error
    raise failure


def _installers() -> list[tuple[str, list[str]]]:
    playwright = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    steps = [
        ("No Chromium was found; asking Playwright for its own (a download of about 0.1 GB).", playwright)
    ]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = f"apt-get update -q; apt-get install -y -q --no-install-recommends {PACKAGE}"
        steps.append((f"Installing the distribution's {PACKAGE}.", ["sh", "-c", apt]))
    return steps


def _download_folder() -> Path:
    if folder := os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(folder)
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / caches / "ms-playwright"


def _downloaded() -> Path | None:
    """The newest Chromium that Playwright downloaded, its headless shell before the full browser."""
    folder = _download_folder()
    for name in DOWNLOADED:
        found = [
            path
            for path in folder.glob(f"chromium*/**/{name}")
            if path.is_file() and os.access(path, os.X_OK)
        ]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime)
    return None
