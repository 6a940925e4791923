"""The last step of set-up: a browser that is found or installed, starts, and can be driven.

Installs nothing where a page can already be opened. As root on a machine with apt it also installs the system
libraries that Playwright's driver or the browser miss; elsewhere it ends with one sentence that names them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from punchlist.tools.browser.locate import BrowserMissing, install_browser

PLAYWRIGHT = [sys.executable, "-m", "playwright"]
DRIVER = [*PLAYWRIGHT, "--version"]
DRIVER_LIBRARY = "libatomic1"
MISSES_A_LIBRARY = "shared librar"
OPEN_A_PAGE = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], timeout=60_000)
    browser.new_page().goto("data:text/html,ready")
    browser.close()
"""


def main() -> None:
    """Leave a working browser behind, or exit with one sentence on what to install."""
    reason = failure(DRIVER)
    if reason and MISSES_A_LIBRARY in reason and installed_by_apt(DRIVER_LIBRARY):
        reason = failure(DRIVER)
    if reason:
        sys.exit(
            f"setup: Playwright's driver does not start: {reason}. Install the library it misses "
            f"(Debian, Ubuntu: sudo apt-get install {DRIVER_LIBRARY}), then call make again."
        )
    try:
        path = install_browser()
        reason = cannot_open_a_page(path)
        if reason and MISSES_A_LIBRARY in reason and is_root_with_apt():
            say(f"{path} misses system libraries; installing them")
            subprocess.run([*PLAYWRIGHT, "install-deps", "chromium-headless-shell"], check=False)
            reason = cannot_open_a_page(path)
        if reason:
            raise BrowserMissing((str(path),), reason)
    except BrowserMissing as missing:
        sys.exit(f"setup: {missing} Then call make again.")
    say(f"browser: {path}")


def cannot_open_a_page(path: Path) -> str | None:
    """Why the browser at `path` cannot be driven, or None: it was started and opened a page."""
    return failure([sys.executable, "-c", OPEN_A_PAGE, str(path)])


def failure(command: list[str]) -> str | None:
    """The most telling line of what a failed command said, or None where it went well within 90 s."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within 90 s"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    telling = [line for sign in (MISSES_A_LIBRARY, "Error: ") for line in lines if sign in line]
    return [*telling, *lines, f"exit status {done.returncode}"][0]


def is_root_with_apt() -> bool:
    """Whether system packages can be installed here without asking for a password."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def installed_by_apt(package: str) -> bool:
    """Install a system package where that is possible; whether it was."""
    if not is_root_with_apt():
        return False
    say(f"installing {package}")
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    return subprocess.run(command, env=quiet, check=False).returncode == 0


def say(what: str) -> None:
    """Tell the person who waits."""
    print(f"setup: {what}", flush=True)


if __name__ == "__main__":
    main()
