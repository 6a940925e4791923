"""The measurement over many episodes: memory is read of all processes, a leak shows, nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from punchlist.agents.evals import browser_soak
from punchlist.agents.evals.browser_soak import OwnPages, Tasks, growth, memory, proportional_bytes
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.miniwob.pages import PagesMissing
from punchlist.agents.evals.processes import descendants

from .miniwob_pages import write_pages


def test_growth_is_the_slope_a_thousand_episodes_and_none_of_one_reading() -> None:
    assert growth([(200, 10.0), (300, 10.5), (400, 11.0)]) == pytest.approx(5)
    assert growth([(200, 10.0)]) is None


def test_memory_is_of_this_process_and_of_those_below_it() -> None:
    _, _, before = memory()
    fill = "held = bytearray(b'x') * 300_000_000"
    hold = f"print('x', flush=True); {fill}; print(len(held), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.readline()
        own, driver, below = memory()
        child.kill()

    assert below - before > 150
    assert driver >= 0 and own > 1
    assert proportional_bytes(child.pid) == 0


@pytest.mark.browser
def test_episodes_are_counted_and_no_process_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unexplained: Callable[[Any, dict[str, Any]], set[str]],
) -> None:
    monkeypatch.setattr(Tasks, "names", ("click-test-2", "press-named"))
    monkeypatch.setattr(
        browser_soak, "EXPERTS", dict.fromkeys(Tasks.names, browser_soak.EXPERTS["click-test-2"])
    )
    monkeypatch.setattr(browser_soak, "QUICK_EVERY", 4)
    options = EvalOptions(quick=True, limit=4, data=write_pages(tmp_path / "html"), say=lambda line: None)
    before = descendants(os.getpid())

    figures = cast("dict[str, Any]", execute("bench", "soak", options)["figures"])

    assert (figures["episodes"], figures["contexts"], figures["succeeded"], figures["on_tasks"]) == (
        4,
        2,
        1,
        1,
    )
    assert figures["processes_left"] == 0 and descendants(os.getpid()) == before
    assert figures["browser_mb"] > 10 and figures["driver_mb"] > 10
    assert figures["own_mb_growth_per_thousand"] is None
    assert unexplained(browser_soak, figures) == set()


@pytest.mark.browser
def test_without_the_tasks_our_own_pages_are_used_and_a_wrong_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(data: Path | None) -> Path:
        raise PagesMissing("none")

    with pytest.raises(PagesMissing, match="miniwob"):
        execute("bench", "soak", EvalOptions(data=tmp_path, say=lambda line: None))
    monkeypatch.setattr(browser_soak, "find_pages", missing)
    monkeypatch.setattr(OwnPages, "names", ("login", "tabs"))
    monkeypatch.setattr(browser_soak, "QUICK_EVERY", 2)

    made = execute("bench", "soak", EvalOptions(quick=True, limit=2, say=lambda line: None))

    assert isinstance(made["figures"], dict) and isinstance(made["settings"], dict)
    assert (made["figures"]["on_tasks"], made["figures"]["succeeded"]) == (0, 1)
    assert "pip install --no-deps miniwob" in str(made["settings"]["skipped"])
