"""The measurement of speed: parties take turns at the same steps; only what all of them did is compared."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from punchlist.agents.evals import browser, browser_parties, view
from punchlist.agents.evals.browser import Bench, Found, Played, figures_of, ninth_of_ten
from punchlist.agents.evals.browser_parties import (
    Elsewhere,
    Looked,
    Move,
    Ours,
    Party,
    Snapshots,
    find_ref,
    move_of,
)
from punchlist.agents.evals.harness import EvalOptions, Measuring, execute
from punchlist.agents.evals.miniwob.pages import Pages
from punchlist.agents.evals.peers import BROWSING, BROWSING_SCRIPT, PeerBroke, opened
from punchlist.agents.evals.processes import descendants
from punchlist.agents.evals.registry import MEASUREMENTS
from punchlist.agents.evals.view_pages import PageServer
from punchlist.tools.browser import Action, Element, View
from punchlist.tools.browser.locate import find_browser

from .miniwob_pages import write_pages

Unexplained = Callable[[Any, dict[str, Any]], set[str]]

SNAPSHOT = """
- generic [ref=e2]:
  - textbox [ref=e3]
  - textbox "Name" [active] [ref=e4]: Ada
  - 'button "Send: now" [ref=e5]'
  - button "Say \\"no\\"" [ref=e6]
"""

TALKS = """
import json, sys
print(json.dumps({"version": "1.0", "situations": [], "works": []}), flush=True)
for line in sys.stdin:
    do = json.loads(line)["do"]
    print(json.dumps({"broke": "it fell"} if do == BROKEN else {"ms": 1.5, "chars": 70}), flush=True)
"""


def talking(folder: Path, broken: str = "") -> Path:
    """A double of an environment whose script answers everything, but one request with a traceback."""
    path = folder / BROWSING[0] / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{TALKS.replace('BROKEN', repr(broken))}")
    path.chmod(0o700)
    return folder


def measuring() -> Measuring:
    entry = next(each for each in MEASUREMENTS if each.name == "browser")
    return Measuring(entry, EvalOptions(say=lambda line: None))


@pytest.mark.parametrize(
    ("move", "ref"),
    [
        (Move("field", "Name", 0), "e4"),
        (Move("field", "shown by us alone", 0), "e3"),
        (Move("field", "", 1), "e4"),
        (Move("button", "Send: now", 1), "e5"),
        (Move("button", 'Say "no"', 0), "e6"),
        (Move("button", "gone", 2), None),
    ],
)
def test_a_thing_is_found_in_a_snapshot_by_its_name_else_by_its_place(move: Move, ref: str | None) -> None:
    assert find_ref(SNAPSHOT, move) == ref


def test_an_action_of_ours_is_told_by_kind_name_and_place() -> None:
    things = Element(1, "textbox", "Name"), Element(2, "link", "More"), Element(3, "password", "Secret")
    shown = View("", "", "", tuple((thing,) for thing in things))

    assert move_of(Action("type", 3, "x"), shown) == Move("field", "Secret", 1, "x")
    assert move_of(Action("click", 2), shown) == Move("other", "More", 0)
    assert move_of(Action("wait"), shown) is None


def found(seconds: float, rewarded: tuple[bool, ...]) -> Found:
    played = [
        Played("task", seed, seconds, seconds / 2, good, clicks=[seconds], steps=[seconds])
        for seed, good in enumerate(rewarded)
    ]
    return Found([seconds], [seconds], [seconds], [70], 90, played)


def test_only_episodes_that_all_parties_did_are_compared_and_ratios_are_theirs_by_ours() -> None:
    made = figures_of({"": found(1, (True, True, False)), "playwright": found(4, (True, False, True))})

    assert made["episodes_compared"] == 1
    assert (made["episodes_per_second"], made["episodes_per_second_of_playwright"]) == (1, 0.25)
    assert (made["vs_playwright"], made["vs_playwright_view"], made["vs_playwright_solved"]) == (4, 4, 4)
    assert made["succeeded"] == pytest.approx(2 / 3)


def test_nothing_in_common_is_no_figure() -> None:
    made = figures_of({"": found(1, (True, False)), "playwright": found(1, (False, True))})

    assert (made["episodes_compared"], made["vs_playwright"]) == (0, None)


def test_the_figures_are_explained(unexplained: Unexplained) -> None:
    made = figures_of({"": found(1, (True,)), "browser_use": found(2, (True,))})

    assert unexplained(browser, made) == set()


def test_the_ninth_of_ten_is_of_all_that_was_read() -> None:
    assert ninth_of_ten([float(number) for number in range(11)]) == 9
    assert ninth_of_ten([1.0]) is None


@pytest_asyncio.fixture
async def parties(tmp_path: Path) -> AsyncIterator[tuple[Pages, str, Ours, Snapshots]]:
    """Ours and Playwright's at pages in the form of MiniWoB's, nothing started yet."""
    with PageServer() as cards, Pages(write_pages(tmp_path / "html")) as pages:
        ours, snapshots = Ours(find_browser(), [pages.url, cards.url]), Snapshots(find_browser())
        yield pages, f"{cards.url}/login", ours, snapshots
        await ours.close()
        await snapshots.close()


@pytest.mark.browser
async def test_parties_look_at_the_same_pages_and_do_the_same_moves(
    parties: tuple[Pages, str, Ours, Snapshots], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, cards, ours, snapshots = parties
    monkeypatch.setattr(browser, "PLAYED", ("click-test-2",))
    bench = Bench(measuring(), pages, cards, ours, [snapshots])

    await bench.start(1)
    await bench.view(["click-test-2"], 1)
    await bench.play(["click-test-2"], 2)

    for each in bench.found.values():
        assert [(one.rewarded, len(one.moves)) for one in each.played] == [(True, 1), (True, 1)]
        assert (len(each.start), len(each.view), len(each.view_cards)) == (1, browser.LOOKS, browser.LOOKS)
    assert bench.found[""].played[0].moves == bench.found["playwright"].played[0].moves
    assert bench.found[""].chars != bench.found["playwright"].chars


@pytest.mark.browser
async def test_another_framework_that_breaks_is_left_out_with_the_reason(
    parties: tuple[Pages, str, Ours, Snapshots], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, cards, ours, _ = parties
    monkeypatch.setattr(browser, "PLAYED", ("click-test-2",))
    with opened(talking(tmp_path / "peers", "go"), {}, BROWSING, BROWSING_SCRIPT) as running:
        others: list[Party] = [Elsewhere(running["browser_use"], find_browser())]
        bench = Bench(measuring(), pages, cards, ours, others)

        await bench.start(1)
        await bench.view([], 1)

    assert "it fell" in bench.measuring.skipped["vs_browser_use"]
    assert bench.parties == [ours]
    assert figures_of(bench.found)["vs_browser_use_view_cards"] is None


async def test_another_framework_is_asked_through_its_script(tmp_path: Path) -> None:
    with opened(talking(tmp_path, "run"), {}, BROWSING, BROWSING_SCRIPT) as running:
        there = Elsewhere(running["browser_use"], Path("chromium"))

        assert await there.look() == Looked(1.5, 70)
        assert await there.act(Move("button", "Go", 0)) == 1.5
        with pytest.raises(PeerBroke, match="it fell"):
            await there.run("1")


@pytest.mark.long
@pytest.mark.browser
def test_what_other_frameworks_show_stands_beside_our_views(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unexplained: Unexplained,
) -> None:
    def no_tasks(given: Path | None) -> None:
        return None

    monkeypatch.setattr(view, "PAGES", ("login", "cards"))
    monkeypatch.setattr(view, "_task_folder", no_tasks)
    options = EvalOptions(peers=talking(tmp_path), say=lambda line: None)

    report = execute("bench", "view", options)

    figures = cast("dict[str, float | None]", report["figures"])
    assert (figures["chars_median_of_browser_use"], figures["chars_cards_of_browser_use"]) == (70, 70)
    assert cast("dict[str, object]", report["settings"])["peers"] == {"browser_use": "1.0"}
    assert unexplained(view, figures) == set()


async def test_what_a_framework_leaves_running_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that ends the script it started, and not the browser that the script started."""
    monkeypatch.setattr(browser_parties, "PATIENCE", 0.1)
    code = "import subprocess\nsubprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL)\n" + TALKS
    folder = talking(tmp_path)
    path = folder / BROWSING[0] / "bin" / "python"
    path.write_text(f"#!{sys.executable}\n{code.replace('BROKEN', repr(''))}")
    with opened(folder, {}, BROWSING, BROWSING_SCRIPT) as running:
        peer = running["browser_use"]
        below = descendants(peer.process.pid)

        await Elsewhere(peer, Path("chromium")).close()

        assert len(below) == 1 and descendants(peer.process.pid) == set()
