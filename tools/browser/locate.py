"""Finds a Chromium on this machine, or installs one.

Looked for in this order: the path in PUNCHLIST_BROWSER or BROWSER_EXECUTABLE, then on PATH
chromium-headless-shell (starts fastest and makes no connection by itself), chromium and Google Chrome, then
what Playwright downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import BrowserMissing

__all__ = ["BrowserMissing", "find_browser", "install_browser"]

VARIABLES = ("PUNCHLIST_BROWSER", "BROWSER_EXECUTABLE")
NAMES = (
    "chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable", "chrome",
)  # fmt: skip
DOWNLOADED = ("headless_shell", "chrome-headless-shell", "chrome", "Chromium", "Google Chrome for Testing")
PACKAGE = "chromium-headless-shell"


def find_browser() -> Path:
    """The Chromium to drive.

    Raises:
        BrowserMissing: None was found, or the one that the environment names is not there.
    """
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
