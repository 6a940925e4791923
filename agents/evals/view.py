"""`punchlist bench view`: what a view numbers, and how long it is, beside Playwright's snapshot for models.

Pages: fifteen of our own (`view_pages.py`) and, where the PyPI package `miniwob` is installed or its folder
`miniwob/html` is given with `--data`, three seeds of each of the 39 development tasks of MiniWoB++
(`--quick`: one). What can be used on a page is found without our observer (`view_truth.py`).

    things, things_tasks            things that can be seen and used, on our pages and on the tasks
    unnumbered_rate                 share of all of them that have no number and are reached by none
    unnumbered_rate_pages           the same on our pages, of which the longest has most of the things
    unnumbered_rate_short_pages     the same without that one
    unnumbered_rate_tasks           the same on the tasks
    unnumbered_rate_no_listeners    of all, where listeners are noted by a script in the page, as in a browser
                                    without a debugger
    chars_median, chars_median_snapshot
                                    characters of a view, and of the snapshot, over all pages but the longest
    chars_median_hints              of a view with hints and shared boxes
    chars_cards, chars_cards_window, chars_cards_snapshot
                                    the same of 1,000 cards: the usual view, which shows the part at hand of
                                    a long page, one of the window alone (`ViewStyle(window=True)`), the
                                    snapshot
    chars_median_of_<peer>, chars_cards_of_<peer>
                                    of what another framework shows its model of these pages (`--peers DIR`)

Does not cover: frames in processes of their own. What only listens on the whole document is no thing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright

from ...tools.browser.document import Debugger
from ...tools.browser.listeners import note_listeners
from ...tools.browser.locate import find_browser
from ...tools.browser.observer import Observer
from ...tools.browser.presenting import PART, WHOLE, present
from ...tools.browser.view import PLAIN, ViewStyle
from .browser_parties import Elsewhere
from .harness import Figures, Measuring, median
from .ledger import EvalError
from .miniwob.pages import TASKS
from .peers import BROWSING, BROWSING_SCRIPT, PeerBroke, opened
from .view_pages import PAGES, PageServer
from .view_truth import Node, unnumbered, usable

LONGEST = "cards"
SEEDS, QUICK_SEEDS = 3, 1
RICH = ViewStyle(hints=True, shared=True)

BEGIN = """async (seed) => {
  try { core.endEpisode(0); } catch { /* none was under way */ }
  Math.seedrandom(String(seed));
  core.EPISODE_MAX_TIME = 1e9;
  core.startEpisodeReal();
  const pause = () => new Promise((done) => setTimeout(done, 30));
  for (let wait = 0; wait < 100 && !WOB_TASK_READY; wait += 1) await pause();
  const told = document.querySelectorAll('#query,#reward-display,#click-canvas');
  for (const one of told) one.style.display = 'none';
}"""


@dataclass
class _Page:
    """What was found on one page."""

    name: str
    things: int
    missed: int
    missed_by_script: int
    chars: int
    chars_hints: int
    chars_window: int
    chars_snapshot: int
    chars_peers: dict[str, int]


@dataclass
class _Bench:
    """A browser at the pages' server, and other frameworks with theirs."""

    measuring: Measuring
    chromium: Chromium
    server: PageServer
    peers: list[Elsewhere]
    pages: list[_Page] = field(default_factory=list[_Page])

    async def own(self) -> None:
        """Look at our pages."""
        for name in PAGES:
            await self._look(name, f"{self.server.url}/{name}", None)

    async def task(self, name: str, seed: int) -> None:
        """Look at a task as it begins."""
        await self._look(f"{name} {seed}", f"{self.server.url}/miniwob/{name}.html", seed)

    async def _look(self, name: str, url: str, seed: int | None) -> None:
        async with self._open(url, seed) as page:
            observer, things = await self._things(page, by_debugger=True)
            missed = unnumbered(things, set(await observer.node_ids()))
            usual = await self._chars(observer, PLAIN)
            rich = await self._chars(observer, RICH)
            window = await self._chars(observer, ViewStyle(window=True))
            snapshot = len(await page.aria_snapshot(mode="ai"))
        async with self._open(url, seed, by_script=True) as page:
            observer, noted = await self._things(page, by_debugger=False)
            by_script = unnumbered(noted, set(await observer.node_ids()))
        counts = len(things), len(missed), len(by_script)
        others = {peer.name: await self._chars_of(peer, url, seed) for peer in self.peers}
        self.pages.append(_Page(name, *counts, usual, rich, window, snapshot, others))
        self.measuring.say(
            f"{name}: {len(missed)} of {len(things)} have no number; {usual} characters, snapshot {snapshot}"
        )

    @contextlib.asynccontextmanager
    async def _open(self, url: str, seed: int | None, by_script: bool = False) -> AsyncGenerator[Page]:
        context = await self.chromium.new_context(viewport={"width": 1280, "height": 720})
        try:
            page = await context.new_page()
            if by_script:
                await note_listeners(page)
            await page.goto(url)
            if seed is not None:
                await page.evaluate(BEGIN, seed)
            yield page
        finally:
            await context.close()

    async def _things(self, page: Page, by_debugger: bool) -> tuple[Observer, list[Node]]:
        """An observer that has looked once, and everything that can be used."""
        cdp = cast("Debugger", await page.context.new_cdp_session(page))
        observer = Observer(cdp, page, by_debugger=by_debugger)
        await observer.view()
        return observer, await usable(cdp)

    async def _chars(self, observer: Observer, style: ViewStyle) -> int:
        view, _ = present(await observer.view(style), None, style)
        return len(view.text())

    async def _chars_of(self, peer: Elsewhere, url: str, seed: int | None) -> int:
        """What another framework shows of the page."""
        await peer.go(url)
        if seed is not None:
            await peer.run(f"({BEGIN})({seed})")
        return (await peer.look()).chars


@contextlib.asynccontextmanager
async def _others(measuring: Measuring, executable: Path, url: str) -> AsyncGenerator[list[Elsewhere]]:
    """The frameworks of --peers, each with a browser of its own."""
    folder = measuring.options.peers
    if folder is None:
        yield []
        return
    missing: dict[str, str] = {}
    with opened(folder, missing, BROWSING, BROWSING_SCRIPT) as running:
        measuring.skipped |= {f"chars_median_of_{name}": why for name, why in missing.items()}
        measuring.settings["peers"] = {name: peer.version for name, peer in running.items()}
        parties = [Elsewhere(peer, executable) for peer in running.values()]
        try:
            for party in parties:
                await party.start(url)
            yield parties
        finally:
            for party in parties:
                with contextlib.suppress(PeerBroke):
                    await party.close()


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench view`.

    Raises:
        EvalError: The folder of --data holds no pages of MiniWoB++, or that of --peers no environment, or
            another framework broke.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    folder = _task_folder(measuring.options.data)
    seeds = QUICK_SEEDS if measuring.options.quick else SEEDS
    measuring.settings |= {
        "pages": len(PAGES),
        "tasks": len(TASKS) if folder else 0,
        "seeds": seeds,
        "whole": WHOLE,
        "part": PART,
    }
    executable = find_browser()
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=executable, args=["--disable-dev-shm-usage"])
        try:
            with PageServer(folder) as server:
                async with _others(measuring, executable, f"{server.url}/{PAGES[0]}") as others:
                    own = _Bench(measuring, chromium, server, others)
                    tasks = _Bench(measuring, chromium, server, others)
                    await own.own()
                    for name in TASKS if folder is not None else ():
                        for seed in range(seeds):
                            await tasks.task(name, seed)
        finally:
            await chromium.close()
    if folder is None:
        why = "the package is not installed: pip install --no-deps miniwob==1.1.0, or --data .../miniwob/html"
        measuring.skipped |= dict.fromkeys(("things_tasks", "unnumbered_rate_tasks"), why)
    return _figures(own.pages, tasks.pages)


def _figures(own: list[_Page], tasks: list[_Page]) -> Figures:
    short = [page for page in own if page.name != LONGEST]
    cards = next(page for page in own if page.name == LONGEST)
    compared = short + tasks
    others: Figures = {}
    for name in cards.chars_peers:
        others[f"chars_median_of_{name}"] = median([page.chars_peers[name] for page in compared])
        others[f"chars_cards_of_{name}"] = cards.chars_peers[name]
    return {
        "things": sum(page.things for page in own),
        "things_tasks": sum(page.things for page in tasks) if tasks else None,
        "unnumbered_rate": _rate(own + tasks),
        "unnumbered_rate_pages": _rate(own),
        "unnumbered_rate_short_pages": _rate(short),
        "unnumbered_rate_tasks": _rate(tasks) if tasks else None,
        "unnumbered_rate_no_listeners": sum(page.missed_by_script for page in own + tasks)
        / sum(page.things for page in own + tasks),
        "chars_median": median([page.chars for page in compared]),
        "chars_median_hints": median([page.chars_hints for page in compared]),
        "chars_median_snapshot": median([page.chars_snapshot for page in compared]),
        "chars_cards": cards.chars,
        "chars_cards_window": cards.chars_window,
        "chars_cards_snapshot": cards.chars_snapshot,
        **others,
    }


def _rate(pages: list[_Page]) -> float:
    return sum(page.missed for page in pages) / sum(page.things for page in pages)


def _task_folder(given: Path | None) -> Path | None:
    """The folder of MiniWoB++'s pages; None when there is none and none was named."""
    if given is not None:
        if not (given / "miniwob" / f"{TASKS[0]}.html").is_file():
            raise EvalError(
                f"{str(given)!r} has no miniwob/{TASKS[0]}.html. Name the folder miniwob/html of the package."
            )
        return given
    spec = find_spec("miniwob")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "html"
    return folder if folder.is_dir() else None
