"""One episode: look, choose, act, until the page ends it, the policy does, or 20 actions are out."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ....tools.errors import BrowserCrashed, PageUnreadable, SiteUnreachable
from ...browsing import NOT_DONE
from .policies import Asked, Begin
from .stage import EpisodeStuck, Stage

MOST_STEPS = 20
FEWER_STEPS = 10
"""Actions within which the shorter rate counts."""

BROKEN = (EpisodeStuck, SiteUnreachable, BrowserCrashed, PageUnreadable)
"""What a page or its browser can do to an episode; it then counts as one without reward."""

End = Literal["page", "done", "cannot", "steps", "crashed", "stuck"]


class EpisodeRow(BaseModel):
    """One episode.

    Attributes:
        raw: The page's reward without its decay over time; None where the page gave none.
        steps: Actions that were taken in the browser.
        ended: By the page; by the policy (`done`, `cannot`); as the actions were out (`steps`); as the page's
            process was gone (`crashed`); or as it did not begin (`stuck`).
        failed: Actions by the code of their result, those that went well left out.
        redos: Times that the policy was told of an action that had no effect.
        seconds: To the end from the beginning, loading the page included where it is loaded.
        calls, tokens, malformed: Of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    seed: int
    raw: float | None
    reason: str | None = None
    steps: int = 0
    ended: End
    failed: dict[str, int] = {}
    redos: int = 0
    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    malformed: int = 0

    @property
    def success(self) -> bool:
        """Whether the whole reward was given."""
        return self.raw == 1

    @property
    def partial(self) -> bool:
        """Whether any reward was given; what some others count as a success."""
        return self.raw is not None and self.raw > 0

    def within(self, steps: int) -> bool:
        """Whether it succeeded with at most so many actions."""
        return self.success and self.steps <= steps

    def tell(self) -> str:
        """One line of progress."""
        reward = "no reward" if self.raw is None else f"reward {self.raw:g}"
        return f"{reward} in {self.steps} steps, ended by {self.ended}" + (
            f", {self.failed}" if self.failed else ""
        )


@dataclass
class Taken:
    """What was done so far in an episode."""

    steps: int
    failed: Counter[str]
    redos: int = 0


async def play(
    stage: Stage,
    task: str,
    seed: int,
    begin: Begin,
    *,
    redo: bool,
    fresh: bool = False,
    asked: Asked | None = None,
) -> EpisodeRow:
    """One episode, start to end.

    Args:
        stage: Where.
        task, seed: Which.
        begin: Who acts.
        redo: Tell the policy what came of its actions.
        fresh: Load the page anew.
        asked: What the policy counts its model's answers in.

    Raises:
        UnknownTask, BrowserMissing: See `Stage.begin`.
    """
    taken = Taken(0, Counter())
    began = time.monotonic()
    try:
        ended = await _act(stage, task, seed, begin, taken, redo, fresh)
    except BROKEN as error:
        ended = "stuck" if isinstance(error, EpisodeStuck | SiteUnreachable) else "crashed"
    told = stage.ended
    asked = asked or Asked()
    return EpisodeRow(
        task=task, seed=seed,
        raw=None if told is None else told.raw,
        reason=None if told is None else told.reason,
        steps=taken.steps, ended="page" if told is not None else ended, failed=dict(taken.failed),
        redos=taken.redos, seconds=round(time.monotonic() - began, 3),
        calls=asked.calls, tokens=asked.tokens, malformed=asked.malformed,
    )  # fmt: skip


async def _act(
    stage: Stage, task: str, seed: int, begin: Begin, taken: Taken, redo: bool, fresh: bool
) -> End:
    """The loop: look, choose, act. How it ended, where the page did not end it."""
    session, goal = await stage.begin(task, seed, fresh=fresh)
    policy = begin(task, goal)
    last = None
    while stage.ended is None:
        if taken.steps == MOST_STEPS:
            return "steps"
        view = await session.view()
        if stage.ended is not None:  # it ended by itself meanwhile
            break
        action = await policy.choose(view, last)
        if action.verb in ("done", "cannot"):
            return "done" if action.verb == "done" else "cannot"
        result = await session.act(action)
        taken.steps += 1
        if result.code != "ok":
            taken.failed[result.code] += 1
        if result.code == "crashed":
            return "crashed"
        taken.redos += redo and result.code in NOT_DONE
        last = result if redo else None
    return "page"
