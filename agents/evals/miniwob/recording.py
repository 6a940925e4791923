"""Decisions of the scripted experts on the tasks that are developed on, to train the role `browse` on.

Each seed is one episode. In some of them a useless or wrong action is taken now and then; what counts is what
the expert does then, which it says anew (`advice`). The wrong action stands in what was done, not among the
decisions. Only episodes that got the whole reward are kept. A learner may play in the expert's place
(`rollouts`). Only seeds for development are played.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ....tools.browser import Action, Element, View
from ...browsing import did, write_browse
from ...steps import Done
from ...training.web_steps import WebStep, write_episode
from ..harness import OptionRefused
from .advice import advise
from .episodes import BROKEN, MOST_STEPS
from .experts import EXPERTS
from .moves import FIELDS, Moves, NotSeen
from .pages import TASKS, Pages, find_page, find_pages
from .rollouts import TOLD, Learner, roll_out
from .stage import Stage

DEVELOPMENT = range(1000)
"""Seeds that may be played."""

TROUBLED = 0.45
"""Share of the episodes in which something goes wrong."""

WRONG = 0.3
"""Share of the actions of such an episode that are wrong ones."""

LEARNERS = "-own"
"""Before the learner in the name of a file of its episodes: they may lie beside the expert's and others'."""

ROUND = 10
"""Seeds of one task that are played behind one another: its page stays loaded."""


class Recording:
    """Episodes of many tasks and seeds, a file for ten seeds of a task; what is there is not played again.

    Args:
        out: Folder of the recordings.
        pages: Folder of the pages; None looks for the package.
        tasks: By name; None for all that are developed on.
        seeds: As `A-B`.
        learner: Who plays, and is closed when all is played; None for the expert itself.

    Raises:
        PagesMissing, UnknownTask: See `pages`.
        OptionRefused: Seeds are not of this form, or not for development.
    """

    def __init__(
        self,
        out: Path,
        pages: Path | None,
        tasks: tuple[str, ...] | None,
        seeds: str,
        learner: Learner | None = None,
    ) -> None:
        found = re.fullmatch(r"(\d+)-(\d+)", seeds)
        if found is None or int(found[2]) not in DEVELOPMENT or int(found[1]) > int(found[2]):
            kept = f"not like '0-199', within {DEVELOPMENT[0]}-{DEVELOPMENT[-1]}"
            raise OptionRefused("pages", "seeds", f"{seeds!r} is {kept}")
        self._out, self._pages, self._learner = out, find_pages(pages), learner
        self._seeds = range(int(found[1]), int(found[2]) + 1)
        self._tasks = tasks or TASKS
        for task in self._tasks:
            find_page(self._pages, task)
            if task not in EXPERTS:
                raise OptionRefused("pages", "only", f"no script plays {task!r}")

    def run(self, parallel: int, tell: Callable[[str], None]) -> tuple[int, int]:
        """Play what is missing.

        Args:
            parallel: Browsers at once.
            tell: Called with a line of progress for each round of seeds.

        Returns:
            Episodes that were kept, and that were played.
        """
        return asyncio.run(self._run(parallel, tell))

    async def _run(self, parallel: int, tell: Callable[[str], None]) -> tuple[int, int]:
        self._out.mkdir(parents=True, exist_ok=True)
        rounds = [
            (task, self._seeds[at : at + ROUND])
            for at in range(0, len(self._seeds), ROUND)
            for task in self._tasks
        ]
        todo = iter(rounds)
        counts: Counter[str] = Counter()

        async def work() -> None:
            server = Pages(self._pages)
            stage = Stage(server)
            try:
                for task, seeds in todo:
                    await self._play(stage, task, seeds, counts)
                    tell(f"{task} {seeds[0]}-{seeds[-1]}: {counts['kept']} of {counts['played']} kept")
            finally:
                await stage.close()
                server.close()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(parallel):
                    group.create_task(work())
        finally:
            if self._learner is not None:
                await self._learner.model.aclose()
        return counts["kept"], counts["played"]

    async def _play(self, stage: Stage, task: str, seeds: range, counts: Counter[str]) -> None:
        played = "" if self._learner is None else f"{LEARNERS}-{self._learner.mark}"
        file = self._out / f"{task}-{seeds[0]:03}-{seeds[-1]:03}{played}.jsonl.gz"
        if file.exists():
            return
        made = file.with_suffix(".part")
        made.unlink(missing_ok=True)
        for seed in seeds:
            steps = await record(stage, task, seed, self._learner)
            counts.update(played=1, kept=steps is not None)
            if steps is not None:
                write_episode(made, task, seed, steps)
        if made.exists():
            made.replace(file)


@dataclass
class _Episode:
    """What an episode has come to."""

    steps: list[WebStep]
    past: list[tuple[View, Action]]
    done: list[Done]
    moves: Moves | None = None


async def record(stage: Stage, task: str, seed: int, learner: Learner | None = None) -> list[WebStep] | None:
    """The decisions of one episode; None where it is not to be kept.

    Raises:
        ValueError: The seed is not for development.
    """
    if seed not in DEVELOPMENT:
        raise ValueError(f"seed {seed} is kept for measuring; {DEVELOPMENT[0]} to {DEVELOPMENT[-1]} are not")
    if learner is not None:
        return await roll_out(stage, task, seed, learner)
    rng = Random(f"{task} {seed}")
    troubled = rng.random() < TROUBLED
    told = rng.random() < TOLD
    try:
        session, goal = await stage.begin(task, seed)
        episode = _Episode([], [], [])
        for _ in range(MOST_STEPS):
            view = await session.view()
            if stage.ended is not None:
                break
            wrong = _wrong(view, goal, rng) if troubled and rng.random() < WRONG else None
            action = wrong or _right(episode, task, goal, view, troubled)
            if wrong is None:
                write_browse(action, view, goal)  # it can be said
                episode.steps.append(WebStep(goal, view, tuple(episode.done), action))
            result = await session.act(action)
            episode.past.append((view, action))
            episode.done.append(did(action, view, result.code if told else "ok"))
            if stage.ended is not None:
                break
    except (*BROKEN, NotSeen, StopIteration, ValueError, KeyError, IndexError):
        return None
    return episode.steps if stage.ended is not None and stage.ended.raw == 1 else None


def _right(episode: _Episode, task: str, goal: str, view: View, troubled: bool) -> Action:
    """What the expert does; said anew where something may have gone wrong."""
    if troubled:
        return advise(task, goal, view, episode.past)
    if episode.moves is None:
        episode.moves = EXPERTS[task](goal, view)
        return next(episode.moves)
    return episode.moves.send(view)


def _wrong(view: View, goal: str, rng: Random) -> Action | None:
    """Something that a policy may do by mistake on this page; None where nothing fits."""
    if view.dialog is not None:
        return None
    return next(_mistakes(view, goal, rng), None)


def _mistakes(view: View, goal: str, rng: Random) -> Iterator[Action]:
    items = [item for item in view.elements.values() if not item.disabled]
    rng.shuffle(items)
    if rng.random() < 0.15:
        yield Action("wait")
    for item in items:
        if item.role in FIELDS and rng.random() < 0.6:
            yield Action("type", item.number, _some_word(goal, rng))
        elif not _ends(item):
            yield Action("click", item.number)


def _some_word(goal: str, rng: Random) -> str:
    return rng.choice([word.strip('".,') for word in goal.split()])


def _ends(item: Element) -> bool:
    """Whether a click is likely to end the episode."""
    return item.role == "button" and item.name.lower() in ("submit", "search", "login", "ok", "go!")
