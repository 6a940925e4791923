"""Episodes that the learner plays itself: pages that it comes to, and what the expert does there.

Recordings of an expert show few of the pages that a learner's own slips lead to; these do (Ross et al. 2011,
DAgger, arXiv:1011.0686). The learner is any model in the role `browse`. In a share of the actions the expert
takes its place, also where it would give up or be done too early. The labels of an episode are kept whatever
it came to, but for one that the expert's own word ended without the whole reward.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from ....tools.browser import Action, ActionResult, View
from ....tools.browser.trace import plain_name
from ...browsing import did, write_browse
from ...steps import Done
from ...training.web_steps import WebStep
from .advice import advise
from .episodes import BROKEN, MOST_STEPS
from .moves import NotSeen
from .policies import Asked, ModelPolicy
from .stage import Stage

if TYPE_CHECKING:
    from ....core_model.generation import Model

EXPERT_SHARE = 0.25
"""Share of the actions that the expert takes in the learner's place."""

TOLD = 0.35
"""Share of the episodes in which what came of an action is told."""

MOST_ALIKE = 2
"""Times that the same page with the same label is kept of one episode."""


@dataclass(frozen=True)
class Learner:
    """Who plays.

    Attributes:
        model: Asked in the role `browse`.
        expert_share: Share of the actions that the expert takes in its place, 0 to 1.
        told: Share of the episodes in which it is told what came of an action, 0 to 1.
    """

    model: Model
    expert_share: float = EXPERT_SHARE
    told: float = TOLD

    @property
    def mark(self) -> str:
        """What tells its episodes from another's, in the name of a file."""
        return f"{plain_name(self.model.name)}-{self.expert_share:g}-{self.told:g}"


async def roll_out(stage: Stage, task: str, seed: int, learner: Learner) -> list[WebStep] | None:
    """The pages of one episode that the learner plays, with their labels; None where none is to be kept."""
    rng = Random(f"{task} {seed} rolled out")
    told = rng.random() < learner.told
    try:
        session, goal = await stage.begin(task, seed)
        episode = _RollOut(task, goal, ModelPolicy(learner.model, goal, Asked()))
        last: ActionResult | None = None
        for _ in range(MOST_STEPS):
            view = await session.view()
            if stage.ended is not None:
                break
            own = await episode.policy.choose(view, last)
            right = episode.label(view, own)
            action = _taken(own, right, rng.random() < learner.expert_share)
            if action is None:
                break
            episode.policy.took(view, action)
            result = await session.act(action)
            episode.note(view, action, result.code if told else "ok")
            last = result if told else None
            if stage.ended is not None:
                break
    except BROKEN:
        return None
    misled = stage.ended is not None and stage.ended.raw != 1 and episode.followed
    return None if misled or not episode.steps else episode.steps


def _taken(own: Action, right: Action | None, expert: bool) -> Action | None:
    """What is done: the learner's action or the expert's; None where nobody goes on."""
    ends = own.verb in ("done", "cannot")
    if right is not None and (expert or ends):
        return right
    return None if ends else own


class _RollOut:
    """What one episode has come to.

    Attributes:
        steps: Pages with their labels.
        followed: Whether the last action was the one that the expert said.
    """

    def __init__(self, task: str, goal: str, policy: ModelPolicy) -> None:
        self.task, self.goal, self.policy = task, goal, policy
        self.steps: list[WebStep] = []
        self.followed = False
        self._past: list[tuple[View, Action]] = []
        self._done: list[Done] = []
        self._alike: Counter[tuple[str, Action]] = Counter()
        self._right: Action | None = None

    def label(self, view: View, own: Action) -> Action | None:
        """What the expert does here, which is kept; None where it finds nothing to do or cannot say it."""
        try:
            right = self._right = advise(self.task, self.goal, view, self._past)
            write_browse(right, view, self.goal)
        except (NotSeen, StopIteration, ValueError):
            self._right = None
            return None
        alike = view.text(), right
        self._alike[alike] += 1
        if self._alike[alike] <= MOST_ALIKE:
            self.steps.append(WebStep(self.goal, view, tuple(self._done), right, missed=own != right))
        return right

    def note(self, view: View, action: Action, code: str) -> None:
        """Note what was done."""
        self.followed = action == self._right
        self._past.append((view, action))
        self._done.append(did(action, view, code))
