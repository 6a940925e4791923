"""`punchlist bench soak`: 2,000 episodes in one process, by one browser: does memory stay flat, what is left?

Scripted experts on a few development tasks of MiniWoB++, where its pages are (`miniwob/pages.py`; `--data`
names their folder), else looks, clicks and typed words on our own pages (`view_pages.py`). Of every hundred
episodes each task gets an equal part in one go: a fresh context for the first, a restart in place for the
others. So memory is read with the same page open each time: before the first episode and after every
hundred. It is the sum of PSS (what a process has alone, and its part of what it shares): of this process,
of Playwright's driver, and of the browser's processes.

    episodes                how many (`--limit`)
    on_tasks                1 where they were tasks of MiniWoB++, 0 where they were our own pages
    succeeded               share with the whole reward; of our own pages, where every action was done
    contexts                fresh contexts among them
    episodes_per_second
    own_mb, driver_mb, browser_mb
                            MB (1e6 bytes) at the end
    own_mb_early, driver_mb_early, browser_mb_early
                            after the first 200 episodes, in which caches fill
    own_mb_growth_per_thousand, driver_mb_growth_per_thousand, browser_mb_growth_per_thousand
                            MB a thousand episodes from there on: the slope of the line nearest to them
    processes_left          processes that outlive the closing of the browser

`--quick` runs 60 episodes and reads after every 20; slopes of so few say nothing.

Does not cover: systems other than Linux, where memory is not read this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...tools.browser import Browser, BrowserSession
from .harness import Figures, Measuring, share
from .miniwob.episodes import play
from .miniwob.experts import EXPERTS
from .miniwob.moves import FIELDS, click, things, typed
from .miniwob.pages import SMOKE, Pages, PagesMissing, find_pages
from .miniwob.policies import Scripted
from .miniwob.stage import Stage
from .processes import descendants, leftovers
from .view_pages import PAGES, PageServer

EPISODES, QUICK_EPISODES = 2_000, 60
EVERY, QUICK_EVERY = 100, 20
"""Episodes between two readings of memory."""

EARLY = 2
"""Readings after the first one that caches have to fill; growth counts from the last of them on."""

OWN_PAGES = PAGES[:-1]
"""All but the longest."""

TOUCHED = 3
"""Things of one of our pages that are clicked or typed into in an episode."""

Parts = tuple[float, float, float]
PARTS = ("own", "driver", "browser")


def proportional_bytes(pid: int) -> int:
    """PSS of a process; 0 when it is gone.

    Source: Linux, Documentation/filesystems/proc.rst, `smaps_rollup`.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def memory() -> Parts:
    """MB of this process, of Playwright's driver below it, and of everything else below it."""
    gc.collect()
    driver = browser = 0
    for process in descendants(os.getpid()):
        used = proportional_bytes(process.pid)
        if _is_driver(process.pid):
            driver += used
        else:
            browser += used
    return proportional_bytes(os.getpid()) / 1e6, driver / 1e6, browser / 1e6


def _is_driver(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"run-driver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def growth(readings: list[tuple[int, float]]) -> float | None:
    """Slope of the line nearest to (episodes, MB), in MB a thousand episodes; None of fewer than two."""
    if len(readings) < 2:
        return None
    episodes, used = zip(*readings, strict=True)
    return statistics.linear_regression(episodes, used).slope * 1000


class Grounds(Protocol):
    """Where episodes are played."""

    @property
    def names(self) -> Sequence[str]:
        """Of the pages."""
        ...

    async def play(self, name: str, seed: int, fresh: bool) -> bool:
        """One episode, in a fresh context or in place; whether it went well."""
        ...

    async def close(self) -> None:
        """End the browser and the server."""
        ...


class Tasks:
    """MiniWoB++'s pages with the scripted experts."""

    names: Sequence[str] = SMOKE

    def __init__(self, folder: Path) -> None:
        self._pages = Pages(folder)
        self._stage = Stage(self._pages)

    async def play(self, name: str, seed: int, fresh: bool) -> bool:
        """See `Grounds`."""
        row = await play(
            self._stage,
            name,
            seed,
            lambda task, goal: Scripted(EXPERTS[task], goal),
            redo=True,
            fresh=fresh,
        )
        return row.success

    async def close(self) -> None:
        """See `Grounds`."""
        await self._stage.close()
        self._pages.close()


class OwnPages:
    """Our own pages: look, use the first things, look again."""

    names: Sequence[str] = OWN_PAGES

    def __init__(self) -> None:
        self._server = PageServer()
        self._server.__enter__()
        self._browser = Browser(allow=self._server.origins)
        self._session: BrowserSession | None = None

    async def play(self, name: str, seed: int, fresh: bool) -> bool:
        """See `Grounds`."""
        address = f"{self._server.url}/{name}"
        if fresh or self._session is None:
            self._session = await self._browser.open("soak", url=address)
        else:
            await self._session.load(address)
        good = True
        for place in range(TOUCHED):
            found = things(await self._session.view())[place : place + 1]
            for item in found:
                action = typed(item, f"word {seed}") if item.role in FIELDS else click(item)
                good &= (await self._session.act(action)).code in ("ok", "no_effect", "value_differs")
        return good

    async def close(self) -> None:
        """See `Grounds`."""
        await self._browser.close()
        self._server.__exit__(None, None, None)


@dataclass
class _Soak:
    """What was read so far."""

    readings: list[tuple[int, Parts]] = field(default_factory=list[tuple[int, Parts]])
    well: int = 0
    contexts: int = 0

    def figures(self, episodes: int, seconds: float, left: int) -> Figures:
        """See the top of the module."""
        late = self.readings[EARLY:]
        figures: Figures = {
            "episodes": episodes,
            "succeeded": share(self.well, episodes),
            "contexts": self.contexts,
            "episodes_per_second": episodes / seconds,
        }
        for at, part in enumerate(PARTS):
            figures |= {
                f"{part}_mb": self.readings[-1][1][at],
                f"{part}_mb_early": late[0][1][at] if late else None,
                f"{part}_mb_growth_per_thousand": growth([(done, used[at]) for done, used in late]),
            }
        return figures | {"processes_left": left}


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench soak`.

    Raises:
        PagesMissing: The folder of --data holds no pages of MiniWoB++.
        BrowserMissing: No browser was found.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    episodes = measuring.count(EPISODES, QUICK_EPISODES)
    every = QUICK_EVERY if measuring.options.quick else EVERY
    before = descendants(os.getpid())
    grounds = _grounds(measuring)
    measuring.settings |= {"episodes": episodes, "read_every": every, "pages": list(grounds.names)}
    soak = _Soak()
    began = time.monotonic()
    try:
        await _play(measuring, grounds, soak, episodes, every)
        seconds = time.monotonic() - began
        ours = descendants(os.getpid()) - before
    finally:
        await grounds.close()
    left = await leftovers(ours)
    if len(soak.readings) < EARLY + 2:
        why = f"it takes {every * (EARLY + 1)} episodes"
        measuring.skipped |= {f"{part}_mb_growth_per_thousand": why for part in PARTS}
    on_tasks = {"on_tasks": int(isinstance(grounds, Tasks))}
    return soak.figures(episodes, seconds, left) | on_tasks


def _grounds(measuring: Measuring) -> Grounds:
    """The tasks where their pages are, else our own pages."""
    data = measuring.options.data
    try:
        return Tasks(find_pages(data))
    except PagesMissing as error:
        if data is not None:
            raise
        measuring.skipped["on_tasks"] = str(error)
        return OwnPages()


async def _play(measuring: Measuring, grounds: Grounds, soak: _Soak, episodes: int, every: int) -> None:
    """All episodes, and a reading of memory before them and after every `every`."""
    before = ""
    for done in range(episodes):
        name = grounds.names[done % every * len(grounds.names) // every]
        fresh, before = name != before, name
        soak.contexts += fresh
        soak.well += await grounds.play(name, done, fresh)
        if done == 0:
            soak.readings.append((0, memory()))
        if (done + 1) % every == 0:
            soak.readings.append((done + 1, memory()))
            said = ", ".join(
                f"{part} {used:.1f} MB" for part, used in zip(PARTS, soak.readings[-1][1], strict=True)
            )
            measuring.say(f"{done + 1}/{episodes} episodes: {said}")
