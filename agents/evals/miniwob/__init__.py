"""`punchlist eval miniwob`: short tasks on pages that nobody here wrote, in the project's own browser.

The pages are MiniWoB++'s, of the PyPI package `miniwob` (`pages.py` says how to install it), served on a
loopback address, which is all that the browser can reach. An episode is one task drawn by one seed: the
policy gets the goal and the view, acts with the browser's verbs, and the page says what it came to. Only the
page's whole reward counts, before its decay over time; its time limit is out of the way. Goal and score are
kept out of the view, and what happens after a page is done does not count (`driver.js`).

Without `--only` the tasks are the 39 that are developed on; `--only a,b` (or `--tasks`) runs any by name.
Seeds are 10000 and on, `--limit` of each task (25); `--seeds A-B` takes others. Seeds 0-999 are for
development.

    success             share of episodes with the whole reward within 20 actions, by the model, that is told
                        nothing of what its actions did: redo is off
    success_10_steps    the same within 10 actions
    success_any_reward  share of episodes with a reward above nothing, for comparison: some others count that
    success_with_redo   the model again, told of what had no effect, which is not offered again on that page
    success_of_ceiling  `success` over `expert_ceiling`, both over the tasks that have an expert
    string_match_baseline, string_match_10_steps
                        clicking what the goal names, typing what it quotes
    expert_ceiling, expert_10_steps, expert_any_reward, expert_with_redo
                        scripted experts that see the view and emit the verbs, over the tasks that have one
    task_<task>, string_match_task_<task>, expert_task_<task>
                        `success`, baseline and ceiling of one task
    restarts_equal      share of tasks where a seed that is begun in place, on a page that was acted on, shows
                        the same goal and view as on a page loaded anew; other tasks are loaded anew each time

`episodes` were run by the model. Means over its episodes: `steps_per_episode`, `redos_per_episode` (actions
without effect that it was told of), `calls_per_episode` and `tokens_per_episode` (of the model),
`malformed_answers` (that were no action); `median_seconds` of an episode. Of an expert's episodes
`expert_steps_per_episode` and `expert_seconds` (the median), and `expert_episodes_per_second`, what one
browser makes in a second.

The model is `embedded-web`, unless `--model` names another one, by the same role (`agents/browsing.py`).
`--model expert` and `--model string-match` put these policies in the model's place.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..harness import Figures, Measuring, OptionRefused, mean, median, rate
from ..ledger import Row
from ..models import EMBEDDED_WEB, STRING_MATCH, model_mark, open_model
from .episodes import BROKEN, FEWER_STEPS, MOST_STEPS, EpisodeRow, play
from .experts import EXPERTS
from .moves import FIELDS, click, things, typed
from .pages import SMOKE, TASKS, Pages, find_page, find_pages
from .policies import Asked, Begin, ModelPolicy, Scripted, StringMatch
from .stage import Stage

if TYPE_CHECKING:
    from ....core_model.generation import Model

FIRST_SEED = 10_000
USUAL, QUICK = 25, 3
"""Seeds of each task."""

EXPERT = "expert"
"""The scripted experts, as the name of a model."""

PROOF_SEEDS = (5, 6)
"""Seeds, of those for development, by which restarts in place are compared with pages loaded anew."""

MEDDLED = 3
"""Things of a page that are clicked or typed into before it is restarted."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval miniwob`.

    Raises:
        PagesMissing, UnknownTask: See `pages`.
        OptionRefused: `--seeds` is not of the form A-B.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    folder = find_pages(options.data)
    tasks = _tasks(measuring)
    seeds = seeds_of(measuring)
    model = EXPERT if options.model == EXPERT else model_mark(options.model or EMBEDDED_WEB)
    measuring.settings |= {
        "model": model,
        "tasks": list(tasks),
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "most_steps": MOST_STEPS,
        "pages": _mark(folder, tasks),
    }
    async with _stages(measuring, folder) as stages:
        walk = Walk(measuring, stages, tasks, seeds)
        figures = await walk.prove_restarts()
        main = options.model or EMBEDDED_WEB
        alone = await walk.walk("alone", main, redo=False)
        figures |= _figures(alone)
        if options.compare:
            figures |= await _compared(walk, main, alone)
            return figures | await _with_redo(walk, main)
    compared = ("success_with_redo", "string_match_baseline", "expert_ceiling")
    measuring.skipped |= dict.fromkeys(compared, "left out as asked")
    return figures | dict.fromkeys(compared)


def _tasks(measuring: Measuring) -> tuple[str, ...]:
    """The tasks by name, each once.

    Raises:
        OptionRefused: None is named.
    """
    given = measuring.options.only
    if given is None:
        return SMOKE if measuring.options.quick else TASKS
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    if not names:
        raise OptionRefused(measuring.entry.name, "only", f"{given!r} names no task")
    return names


def seeds_of(measuring: Measuring) -> range:
    """The seeds of each task.

    Raises:
        OptionRefused: They are not of the form A-B.
    """
    given, limit = measuring.options.seeds, measuring.options.limit
    if given is None:
        return range(FIRST_SEED, FIRST_SEED + measuring.count(USUAL, QUICK))
    found = re.fullmatch(r"(\d+)-(\d+)", given)
    if found is None or int(found[1]) > int(found[2]):
        raise OptionRefused(measuring.entry.name, "seeds", f"{given!r} is not like '10000-10024'")
    return range(int(found[1]), int(found[2]) + 1)[:limit]


def _mark(folder: Path, tasks: Sequence[str]) -> str:
    """Twelve hexadecimal digits that tell versions of the pages apart.

    Raises:
        UnknownTask: A task has no page.
    """
    digest = hashlib.sha256((folder / "core" / "core.js").read_bytes())
    for task in tasks:
        digest.update(find_page(folder, task).read_bytes())
    return digest.hexdigest()[:12]


@asynccontextmanager
async def _stages(measuring: Measuring, folder: Path) -> AsyncGenerator[list[Stage]]:
    """As many browsers, each with a server of its own, as there are episodes at once."""
    pages = [Pages(folder) for _ in range(measuring.options.parallel)]
    stages = [Stage(each) for each in pages]
    try:
        yield stages
    finally:
        for stage in stages:
            await stage.close()
        for each in pages:
            each.close()


class Walk:
    """All episodes of a measurement, pass by pass."""

    def __init__(
        self, measuring: Measuring, stages: list[Stage], tasks: Sequence[str], seeds: Sequence[int]
    ) -> None:
        self.tasks, self.seeds = tasks, seeds
        self.measuring, self._free = measuring, list(stages)
        self._fresh: set[str] = set()

    async def prove_restarts(self) -> Figures:
        """Whether seeds begun in place show what pages loaded anew show; and remember where they do not."""

        async def one(key: str) -> Row:
            task = key.partition(":")[2]
            stage = self._free.pop()
            try:
                return {"task": task, "same": await restarts_equal(stage, task)}
            finally:
                self._free.append(stage)

        keys = [f"restart:{task}" for task in self.tasks]
        rows = await self.measuring.each(
            keys, one, lambda row: "the same" if row["same"] else "not the same", sharded=False
        )
        self._fresh = {str(row["task"]) for row in rows if not row["same"]}
        return rate("restarts_equal", (bool(row["same"]) for row in rows))

    async def walk(self, name: str, which: str, *, redo: bool) -> list[EpisodeRow]:
        """One pass: every task that the policy can do, by every seed, but for what the ledger has."""
        tasks = [task for task in self.tasks if which != EXPERT or task in EXPERTS]
        keys = [f"{name}:{task}:{seed}" for task in tasks for seed in self.seeds]
        measuring = self.measuring
        missing = [key for key in measuring.shard(keys) if key not in measuring.ledger().rows]
        scripted = which in (EXPERT, STRING_MATCH)
        model = open_model(which) if missing and not scripted else None

        async def one(key: str) -> Row:
            _, task, seed = key.split(":")
            asked = Asked()
            stage = self._free.pop()
            try:
                begin = _beginner(which, model, asked)
                row = await play(
                    stage, task, int(seed), begin, redo=redo, fresh=task in self._fresh, asked=asked
                )
            finally:
                self._free.append(stage)
            return row.model_dump(mode="json")

        try:
            rows = await measuring.each(keys, one, lambda row: EpisodeRow.model_validate(row).tell())
        finally:
            if model is not None:
                await model.aclose()
        return [EpisodeRow.model_validate(row) for row in rows]


async def restarts_equal(stage: Stage, task: str, seeds: Sequence[int] = PROOF_SEEDS) -> bool:
    """Whether each seed shows the same, goal and view, on a page loaded anew and on one that was used.

    A page that cannot be begun or read is not equal.
    """

    async def shown(seed: int, fresh: bool) -> tuple[str, str]:
        session, goal = await stage.begin(task, seed, fresh=fresh)
        return goal, (await session.view()).text()

    async def used(seed: int) -> tuple[str, str]:
        session, _ = await stage.begin(task, seed + 1)
        for item in things(await session.view())[:MEDDLED]:
            await session.act(typed(item, "x") if item.role in FIELDS else click(item))
        return await shown(seed, False)

    try:
        return all([await shown(seed, True) == await used(seed) for seed in seeds])
    except BROKEN:
        return False


def _beginner(which: str, model: Model | None, asked: Asked) -> Begin:
    """How a policy of this name begins an episode."""
    if which == STRING_MATCH:
        return StringMatch
    if model is None:
        return lambda task, goal: Scripted(EXPERTS[task], goal)
    return lambda task, goal: ModelPolicy(model, goal, asked)


async def _compared(walk: Walk, main: str, alone: list[EpisodeRow]) -> Figures:
    """The passes that only compare, without redo as the model's."""

    async def again(name: str, which: str) -> list[EpisodeRow]:
        return alone if which == main else await walk.walk(name, which, redo=False)

    expert = await again("expert", EXPERT)
    figures = _rates("expert_ceiling", expert, _success) | _rates("expert_10_steps", expert, _within)
    figures |= _rates("expert_any_reward", expert, _partial)
    figures |= _by_task("expert_task_", expert)
    figures["expert_steps_per_episode"] = mean([row.steps for row in expert])
    figures["expert_seconds"] = median([row.seconds for row in expert])
    spent = sum(row.seconds for row in expert)
    figures["expert_episodes_per_second"] = len(expert) / spent if spent else None
    plain = await again("string match", STRING_MATCH)
    figures |= _rates("string_match_baseline", plain, _success)
    figures |= _rates("string_match_10_steps", plain, _within)
    figures |= _by_task("string_match_task_", plain)
    reached = mean([row.success for row in alone if row.task in EXPERTS])
    ceiling = mean([row.success for row in expert])
    figures["success_of_ceiling"] = reached / ceiling if reached is not None and ceiling else None
    return figures


async def _with_redo(walk: Walk, main: str) -> Figures:
    """The passes with redo; a quick measurement leaves them out."""
    if walk.measuring.options.quick:
        left = dict.fromkeys(("success_with_redo", "expert_with_redo"), "left out by --quick")
        walk.measuring.skipped |= left
        return dict.fromkeys(left)
    expert = await walk.walk("expert with redo", EXPERT, redo=True)
    told = expert if main == EXPERT else await walk.walk("with redo", main, redo=True)
    return _rates("expert_with_redo", expert, _success) | _rates("success_with_redo", told, _success)


def _figures(rows: list[EpisodeRow]) -> Figures:
    figures = _rates("success", rows, _success) | _rates("success_10_steps", rows, _within)
    figures |= _rates("success_any_reward", rows, _partial)
    figures |= {
        "episodes": len(rows),
        "steps_per_episode": mean([row.steps for row in rows]),
        "redos_per_episode": mean([row.redos for row in rows]),
        "calls_per_episode": mean([row.calls for row in rows]),
        "tokens_per_episode": mean([row.tokens for row in rows]),
        "malformed_answers": mean([row.malformed for row in rows]),
        "median_seconds": median([row.seconds for row in rows]),
    }
    return figures | _by_task("task_", rows)


def _rates(name: str, rows: Sequence[EpisodeRow], counts: Callable[[EpisodeRow], bool]) -> Figures:
    return rate(name, map(counts, rows))


def _by_task(prefix: str, rows: Sequence[EpisodeRow]) -> Figures:
    figures: Figures = {}
    for task in dict.fromkeys(row.task for row in rows):
        figures |= _rates(f"{prefix}{task}", [row for row in rows if row.task == task], _success)
    return figures


def _success(row: EpisodeRow) -> bool:
    return row.success


def _partial(row: EpisodeRow) -> bool:
    return row.partial


def _within(row: EpisodeRow) -> bool:
    return row.within(FEWER_STEPS)
