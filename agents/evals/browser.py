"""`punchlist bench browser`: how fast our browser looks and acts, beside others that drive the same Chromium.

The others are Playwright's own `aria_snapshot(mode="ai")` with `get_by_ref`, without a fence, and with
`--peers DIR` browser-use, in an environment of its own (`peers/README.md`), without a model, without its
screenshots and without its telemetry (`peers/browsing_browser_use.py`). All take turns in one run, so that
what else the machine does falls on all of them. The pages are MiniWoB++'s development tasks
(`miniwob/pages.py` says how to install them; `--data` names their folder) and a page of 1,000 cards.
Milliseconds are medians, with `_p90` behind them the ninth of ten; `_of_<party>` says whose a figure is,
those without it are ours.

    start_ms, start_ms_p90, start_ms_of_<party>, start_ms_p90_of_<party>
                            from nothing to the first look at a page: driver, browser, context, page, look
    view_ms, view_ms_p90, view_ms_of_<party>, view_ms_p90_of_<party>
                            a look at a task that has just begun, three looks of each
    view_cards_ms, view_cards_ms_p90, view_cards_ms_of_<party>, view_cards_ms_p90_of_<party>
                            a look at 1,000 cards
    click_ms, click_ms_p90, click_ms_of_<party>, click_ms_p90_of_<party>
                            a click of an episode: ours until the page is quiet, with a reading before and
                            after it; of others until their own call returns
    step_ms, step_ms_p90, step_ms_of_<party>, step_ms_p90_of_<party>
                            a look and the action after it
    episodes_per_second, episodes_per_second_of_<party>
                            of six tasks, from going to the page to its reward, over the episodes in which all
                            parties got the whole reward
    solved_per_second, solved_per_second_of_<party>
                            the same without going to the page and its beginning: from the goal to the reward
    episodes_compared       how many those are
    succeeded, succeeded_of_<party>
                            share of all episodes with the whole reward
    chars, chars_of_<party>, chars_cards, chars_cards_of_<party>
                            characters of a look: the median over the tasks, and of the cards
    vs_<party>, vs_<party>_solved
                            episodes a second, ours by theirs; above 1 ours is faster
    vs_<party>_start, vs_<party>_view, vs_<party>_view_cards, vs_<party>_click, vs_<party>_step
                            median milliseconds, theirs by ours; above 1 ours is faster

In an episode a scripted expert leads our browser by our views, and the others do the same moves after it
(`browser_parties.py`), so that a step is a look and an action for everyone. A seed begins in place where the
page of its task is open already. `--limit` is the number of episodes of each task; `--quick` takes few of
everything.

Does not cover: models, whose time is the same whoever drives the browser; pages of the internet.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ...tools.browser.locate import find_browser
from .browser_parties import Elsewhere, Looked, Move, NotThere, Ours, Party, Snapshots, move_of
from .harness import Figures, Measuring, median, share
from .miniwob.episodes import MOST_STEPS
from .miniwob.experts import EXPERTS
from .miniwob.pages import SMOKE, TASKS, Pages, find_pages
from .miniwob.policies import Scripted
from .miniwob.referee import Referee
from .miniwob.stage import START_SECONDS, EpisodeStuck
from .peers import BROWSING, BROWSING_SCRIPT, PeerBroke, opened
from .view_pages import PageServer

if TYPE_CHECKING:
    from pydantic import JsonValue

PLAYED = ("click-test-2", "login-user", "click-checkboxes", "enter-text", "read-table", "click-option")
"""Tasks whose things are buttons, fields and boxes, which every party can use."""

EPISODES, QUICK_EPISODES = 10, 2
STARTS, QUICK_STARTS = 5, 1
LOOKS = 3
BEHIND = 1.0
"""Seconds that a page may take to tell its reward once the last action is over."""

FIRST_SEED = 500


@dataclass
class Played:
    """One episode of one party.

    Attributes:
        seconds, begun: All of it, and the part before the goal was told.
        clicks, steps: Milliseconds.
    """

    task: str
    seed: int
    seconds: float = 0.0
    begun: float = 0.0
    rewarded: bool = False
    moves: list[Move] = field(default_factory=list[Move])
    clicks: list[float] = field(default_factory=list[float])
    steps: list[float] = field(default_factory=list[float])

    def add(self, look: Looked, move: Move | None, ms: float) -> None:
        """A step."""
        self.steps.append(look.ms + ms)
        if move is not None:
            self.moves.append(move)
            if move.text is None:
                self.clicks.append(ms)


@dataclass
class Found:
    """What was measured of one party."""

    start: list[float] = field(default_factory=list[float])
    view: list[float] = field(default_factory=list[float])
    view_cards: list[float] = field(default_factory=list[float])
    chars: list[int] = field(default_factory=list[int])
    chars_cards: int | None = None
    played: list[Played] = field(default_factory=list[Played])

    def times(self) -> dict[str, list[float]]:
        """All milliseconds, by what they are of."""
        return {
            "start": self.start,
            "view": self.view,
            "view_cards": self.view_cards,
            "click": [ms for one in self.played for ms in one.clicks],
            "step": [ms for one in self.played for ms in one.steps],
        }


class Bench:
    """Has the parties take turns.

    Attributes:
        found: By the party's name; ours is "".
    """

    def __init__(
        self, measuring: Measuring, pages: Pages, cards: str, ours: Ours, others: Sequence[Party]
    ) -> None:
        self.measuring, self.pages, self.cards = measuring, pages, cards
        self.ours = ours
        self.parties: list[Party] = [ours, *others]
        self.referee = Referee(pages)
        self.found: dict[str, Found] = {party.name: Found() for party in self.parties}

    async def start(self, times: int) -> None:
        """Start every party so many times; the last time it stays."""

        async def one(party: Party) -> None:
            ms = await party.start(self.pages.address(PLAYED[0]))
            self.found[party.name].start.append(ms)
            self._say(party, f"start {ms:,.0f} ms")

        for _ in range(times):
            await self._turn(one)

    async def view(self, tasks: Sequence[str], times: int) -> None:
        """Look at tasks that have just begun, and at the cards."""
        for seed in range(times):
            await self._turn(self._view_cards)
            for task in tasks:
                await self._turn(partial(self._view_task, task, seed))

    async def play(self, tasks: Sequence[str], times: int) -> None:
        """Play: ours by a scripted expert, then all others the same moves."""
        for task in tasks:
            for seed in range(FIRST_SEED, FIRST_SEED + times):
                led = await self._lead(task, seed)
                await self._turn(partial(self._follow, led))

    async def _turn(self, do: Callable[[Party], Awaitable[None]]) -> None:
        """Once for each party, each time begun with another; one that breaks is left out from then on."""
        self.parties.append(self.parties.pop(0))
        for party in list(self.parties):
            try:
                await do(party)
            except (PeerBroke, EpisodeStuck) as error:
                if party is self.ours:
                    raise
                self.parties.remove(party)
                self.measuring.skipped[f"vs_{party.name}"] = str(error)

    async def _view_cards(self, party: Party) -> None:
        await party.go(self.cards)
        found = self.found[party.name]
        for _ in range(LOOKS):
            looked = await party.look()
            found.view_cards.append(looked.ms)
            found.chars_cards = looked.chars
        self._say(party, f"1,000 cards {found.view_cards[-1]:,.1f} ms, {found.chars_cards:,} characters")

    async def _view_task(self, task: str, seed: int, party: Party) -> None:
        await self._begin(party, task, seed)
        found = self.found[party.name]
        looks = [await party.look() for _ in range(LOOKS)]
        found.view += [each.ms for each in looks]
        found.chars.append(looks[0].chars)

    async def _begin(self, party: Party, task: str, seed: int) -> None:
        self.referee.expect(seed)
        await party.go(f"{self.pages.address(task)}#{seed}")
        if not await self.referee.begins(START_SECONDS):
            raise EpisodeStuck(task, seed)

    async def _lead(self, task: str, seed: int) -> Played:
        """An episode of ours, by the task's expert."""
        played = Played(task, seed)
        began = perf_counter()
        await self._begin(self.ours, task, seed)
        played.begun = perf_counter() - began
        policy, last = Scripted(EXPERTS[task], self.referee.goal), None
        while self.referee.told is None and len(played.steps) < MOST_STEPS:
            looked = await self.ours.look()
            action = await policy.choose(self.ours.view, last)
            if action.verb in ("done", "cannot"):
                break
            acted = perf_counter()
            last = await self.ours.session.act(action)
            played.add(looked, move_of(action, self.ours.view), (perf_counter() - acted) * 1000)
        self._keep(self.ours, played, began, await self.referee.rewarded(BEHIND))
        return played

    async def _follow(self, led: Played, party: Party) -> None:
        """The same moves by another party."""
        if not isinstance(party, Snapshots | Elsewhere):
            return
        played = Played(led.task, led.seed)
        began = perf_counter()
        await self._begin(party, led.task, led.seed)
        played.begun = perf_counter() - began
        missing = ""
        for move in led.moves:
            looked = await party.look()
            try:
                played.add(looked, move, await party.act(move))
            except NotThere as error:
                missing = str(error)
                break
        rewarded = not missing and await self.referee.rewarded(BEHIND)
        self._keep(party, played, began, rewarded, missing)

    def _keep(self, party: Party, played: Played, began: float, rewarded: bool, missing: str = "") -> None:
        played.seconds, played.rewarded = perf_counter() - began, rewarded
        self.found[party.name].played.append(played)
        came = "whole reward" if rewarded else f"no reward {missing}".strip()
        took = f"{len(played.steps)} steps, {played.seconds:.2f} s"
        self._say(party, f"{played.task} {played.seed}: {took}, {came}")

    def _say(self, party: Party, what: str) -> None:
        self.measuring.say(f"{party.name or 'punchlist'}: {what}")


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench browser`.

    Raises:
        PagesMissing: The pages of MiniWoB++ are not there.
        NoPeers: The folder of --peers has no environment of a party.
        BrowserMissing: No browser was found.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    quick = measuring.options.quick
    folder, executable = find_pages(measuring.options.data), find_browser()
    episodes = measuring.count(EPISODES, QUICK_EPISODES)
    starts = QUICK_STARTS if quick else STARTS
    measuring.settings |= {"chromium": executable.name, "episodes": episodes, "starts": starts}
    async with _bench(measuring, folder, executable) as bench:
        await bench.start(starts)
        await bench.view(SMOKE if quick else TASKS, 1 if quick else 2)
        await bench.play(PLAYED, episodes)
    return figures_of(bench.found)


@contextlib.asynccontextmanager
async def _bench(measuring: Measuring, folder: Path, executable: Path) -> AsyncGenerator[Bench]:
    """Servers and parties; what they started is gone at the end."""
    with contextlib.ExitStack() as stack:
        cards, pages = stack.enter_context(PageServer()), stack.enter_context(Pages(folder))
        parties: list[Party] = [Snapshots(executable)]
        if measuring.options.peers is not None:
            missing: dict[str, str] = {}
            peers = stack.enter_context(opened(measuring.options.peers, missing, BROWSING, BROWSING_SCRIPT))
            versions: dict[str, JsonValue] = {name: peer.version for name, peer in peers.items()}
            measuring.settings["peers"] = versions
            measuring.skipped |= {f"vs_{name}": why for name, why in missing.items()}
            parties += [Elsewhere(peer, executable) for peer in peers.values()]
        ours = Ours(executable, [pages.url, cards.url])
        try:
            yield Bench(measuring, pages, f"{cards.url}/cards", ours, parties)
        finally:
            for party in (ours, *parties):
                with contextlib.suppress(PeerBroke):
                    await party.close()


def figures_of(found: dict[str, Found]) -> Figures:
    """See the top of the module."""
    figures: Figures = {}
    compared = _compared(found)
    figures["episodes_compared"] = len(compared)
    for name, each in found.items():
        end = f"_of_{name}" if name else ""
        for what, times in each.times().items():
            figures |= {f"{what}_ms{end}": median(times), f"{what}_ms_p90{end}": ninth_of_ten(times)}
        figures |= {
            f"chars{end}": median(each.chars),
            f"chars_cards{end}": each.chars_cards,
            f"succeeded{end}": share(sum(one.rewarded for one in each.played), len(each.played)),
            f"episodes_per_second{end}": _rate(each, compared, lambda one: one.seconds),
            f"solved_per_second{end}": _rate(each, compared, lambda one: one.seconds - one.begun),
        }
    for name in found.keys() - {""}:
        figures |= _versus(name, figures)
    return figures


def _versus(name: str, figures: Figures) -> Figures:
    """Ratios to another party, above 1 where ours is faster."""

    def ratio(more: str, less: str) -> float | None:
        above, below = figures[more], figures[less]
        return above / below if above is not None and below else None

    versus = {
        f"vs_{name}": ratio("episodes_per_second", f"episodes_per_second_of_{name}"),
        f"vs_{name}_solved": ratio("solved_per_second", f"solved_per_second_of_{name}"),
    }
    for what in Found().times():
        versus[f"vs_{name}_{what}"] = ratio(f"{what}_ms_of_{name}", f"{what}_ms")
    return dict(versus)


def _compared(found: dict[str, Found]) -> set[tuple[str, int]]:
    """Episodes in which every party got the whole reward."""
    rewarded = [{(one.task, one.seed) for one in each.played if one.rewarded} for each in found.values()]
    return {episode for episode in rewarded[0] if all(episode in each for each in rewarded)}


def _rate(each: Found, compared: set[tuple[str, int]], seconds_of: Callable[[Played], float]) -> float | None:
    """Episodes a second over those that are compared; None of none."""
    seconds = sum(seconds_of(one) for one in each.played if (one.task, one.seed) in compared)
    return len(compared) / seconds if seconds else None


def ninth_of_ten(times: Sequence[float]) -> float | None:
    """The 90th percentile; None of fewer than two."""
    return statistics.quantiles(times, n=10, method="inclusive")[-1] if len(times) > 1 else None
