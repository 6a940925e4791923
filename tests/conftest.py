"""What every test shares: the `browser` marker, and a fence that keeps tests on this machine."""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0", "::ffff:127.")


def _refuse_to_leave_this_machine(event: str, args: tuple[object, ...]) -> None:
    """An audit hook: connecting to anything but loopback fails as it does on a machine without a network."""
    if event != "socket.connect":
        return
    address = args[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise OSError(errno.ENETUNREACH, f"tests stay on this machine; refused to connect to {address!r}")


sys.addaudithook(_refuse_to_leave_this_machine)


@cache
def _browser_problem() -> str | None:
    """Why no browser can be driven here, or None."""
    from punchlist.tools.browser.locate import BrowserMissing, find_browser

    try:
        find_browser()
    except BrowserMissing as error:
        return str(error)
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is None or (problem := _browser_problem()) is None:
        return
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"REQUIRE_BROWSER is set: {problem}")
    pytest.skip(problem)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, which is the package `punchlist`."""
    return ROOT
