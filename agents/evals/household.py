"""`punchlist eval household`: unseen household games, up to five trials each, with and without lessons.

Every trial begins at the game's start. The evaluator is the model: it reads what the player did and saw and
says how likely the task is done; a trial that it passes ends the game. Of several trials the one counts that
it thinks most of. Whether the game was truly solved is the world's state, which no loop reads.

    trial_1, trial_3, trial_5   games solved after so many trials at most, with Reflexion: a lesson is written
                                of each failed trial, and the actor reads the last three
    trial_3_no_reflection, trial_5_no_reflection
                                the same actor, sampling and evaluator, no lesson is written: plain retries
    trial_5_no_memory           lessons are written as with Reflexion, and no actor is given any: all that is
                                left out is that they are remembered
    trial_5_last_lesson         the actor reads the newest lesson alone
    trial_5_told                no lesson is written, and notes tell the actor from the first of five trials
                                where things are, what is locked and what is broken: what lessons could reach
    judge_precision, judge_recall
                                of the evaluator's passes, over all trials: truly solved ones among those it
                                passed, and passed ones among the truly solved
    lesson_facts_true           share of the facts in lessons of Reflexion that are so in the game
    repeats                     share of games that Reflexion gave up because the reflector repeated itself
    trials, steps, tokens, calls
                                means of a game with Reflexion: trials until it ended, steps of its actions,
                                tokens read and written, requests to the model
    games                       of which the shares are
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict

from ...memory.episodes import EpisodicMemory
from ..domains.household import Game
from ..domains.household_planner import told_everything
from ..domains.household_play import HouseholdActor, HouseholdGame, HouseholdReflector, evaluator_of
from ..domains.household_roles import KEPT_LESSONS
from ..domains.household_sight import Lesson
from ..reasoning.problem import Task
from ..reasoning.reflexion import REPEATS, Reflexion, Trial
from ..reasoning.thinking import Thinking
from ..reasoning.trace import Trace
from ..training.household_games import held_out
from .harness import Figures, Measuring, OptionRefused, mean, rate, share
from .ledger import Row
from .models import STRING_MATCH, model_mark, open_model

if TYPE_CHECKING:
    from ...core_model.generation import Model

USUAL, QUICK = 134, 8
"""Games; 134 are the unseen ones of ALFWorld (Shridhar et al. 2021, arXiv:2010.03768)."""

TRIALS = 5
TEMPERATURE = 0.5
PASS = 0.5
"""Probability from which a trial passes."""

AT_ONCE = 24
"""Games that are under way together."""


@dataclass(frozen=True)
class Arm:
    """A way to play a game several times; all of them are `Reflexion` with something left out or added.

    Attributes:
        reflects: A lesson is written of each failed trial.
        remembers: How many lessons the actor is given, the newest ones.
        told: The hidden state is given as a lesson from the start.
        apart: With random numbers of its own; the others share them, and thus the first trial.
    """

    name: str
    reflects: bool = False
    remembers: int = 0
    told: bool = False
    apart: bool = False

    def loop(self, game: Game, memory: EpisodicMemory) -> Reflexion:
        """The strategy."""
        reflector = HouseholdReflector(keeps=self.remembers > 0) if self.reflects else _Silent()
        return Reflexion(HouseholdActor(TEMPERATURE), evaluator_of(game), reflector, memory, TRIALS, PASS)


class _Silent:
    """A reflector that says nothing, so that the loop goes on without a lesson."""

    async def reflect(self, task: Task, trial: Trial, lessons: object, thinking: Thinking) -> None:
        """No lesson, and no request to the model."""


ARMS = (
    Arm("reflexion", reflects=True, remembers=KEPT_LESSONS),
    Arm("no_reflection"),
    Arm("no_memory", reflects=True, apart=True),
    Arm("last_lesson", reflects=True, remembers=1),
    Arm("told", told=True),
)


class TrialRow(BaseModel):
    """One trial: what the evaluator thought of it, and what was so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solved: bool
    judged: float
    steps: int


class ArmRow(BaseModel):
    """One game in one way.

    Attributes:
        stopped: Why the loop ended.
        facts, facts_true: Of its lessons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: tuple[TrialRow, ...]
    tokens: int
    calls: int
    stopped: str = ""
    facts: int = 0
    facts_true: int = 0

    def solved_by(self, count: int) -> bool:
        """Whether the trial that the evaluator thinks most of, among the first `count`, solved the game."""
        return max(self.trials[:count], key=lambda trial: trial.judged).solved


class GameRow(BaseModel):
    """One game in every way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arms: dict[str, ArmRow]

    def tell(self) -> str:
        """One line of progress."""
        return ", ".join(
            f"{name} {'solved' if arm.solved_by(TRIALS) else 'not solved'} in {len(arm.trials)}"
            for name, arm in self.arms.items()
        )


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval household`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    if measuring.options.model == STRING_MATCH:
        raise OptionRefused(measuring.entry.name, "model", "matching words plays no household")
    which, seed = measuring.options.model, measuring.options.seed
    count = measuring.count(USUAL, QUICK)
    measuring.settings |= {
        "model": model_mark(which),
        "seed": seed,
        "games": count,
        "trials": TRIALS,
        "temperature": TEMPERATURE,
        "evaluator": "model",
    }
    measuring.options = replace(measuring.options, parallel=AT_ONCE)
    model = open_model(which)
    try:

        async def do(key: str) -> Row:
            played = await play_game(model, held_out(int(key.split()[1]), seed), seed)
            return cast("Row", played.model_dump(mode="json"))

        keys = [f"game {index}" for index in range(count)]
        rows = await measuring.each(keys, do, lambda row: GameRow.model_validate(row).tell())
    finally:
        await model.aclose()
    return figures_of([GameRow.model_validate(row) for row in rows])


async def play_game(model: Model, game: Game, seed: int = 0) -> GameRow:
    """A game in every way."""
    trace = Trace()  # what one way has asked already, another one need not ask again
    arms: dict[str, ArmRow] = {}
    for arm in ARMS:
        thinking = Thinking(model, trace=trace, seed=seed)
        try:
            arms[arm.name] = await _play(thinking.within(arm.name) if arm.apart else thinking, game, arm)
        finally:
            await thinking.aclose()
    return GameRow(arms=arms)


async def _play(thinking: Thinking, game: Game, arm: Arm) -> ArmRow:
    problem, memory = HouseholdGame(game), EpisodicMemory(arm.remembers)
    told = ("\n".join(told_everything(game).lines()),) if arm.told else ()
    task = Task(game.task.line(), problem=problem, lessons=told)
    result = await arm.loop(game, memory).solve(task, thinking)
    trials: list[TrialRow] = []
    for node in result.tree.root.children:
        turns = cast("Trial", node.state).result.best.state
        trials.append(TrialRow(solved=problem.solved(turns), judged=node.value, steps=problem.steps(turns)))
    facts = [true_facts(game, lesson.change) for lesson in memory.lessons(task.question)]
    return ArmRow(
        trials=tuple(trials),
        tokens=result.usage.tokens,
        calls=result.usage.model_calls,
        stopped=result.stop_reason,
        facts=sum(count for _, count in facts),
        facts_true=sum(right for right, _ in facts),
    )


def true_facts(game: Game, lesson: str) -> tuple[int, int]:
    """How many facts of a lesson are so in the game, and how many it has."""
    said = Lesson.read(game.task, lesson.splitlines())
    held = {game.lies[thing] for thing in game.task.things()}
    right = [
        *(game.lies[thing] == place for thing, place in said.found),
        *(place not in held for place in said.absent),
        *(place in game.locked for place in said.locked),
        *(place in game.broken for place in said.broken),
    ]
    return sum(right), len(right)


def figures_of(rows: Sequence[GameRow]) -> Figures:
    """The figures of so many games."""
    figures: Figures = {}
    for name, arm, count in (
        ("trial_1", "reflexion", 1),
        ("trial_3", "reflexion", 3),
        ("trial_5", "reflexion", 5),
        ("trial_3_no_reflection", "no_reflection", 3),
        ("trial_5_no_reflection", "no_reflection", 5),
        ("trial_5_no_memory", "no_memory", 5),
        ("trial_5_last_lesson", "last_lesson", 5),
        ("trial_5_told", "told", 5),
    ):
        figures |= rate(name, [row.arms[arm].solved_by(count) for row in rows])
    trials = [trial for row in rows for arm in row.arms.values() for trial in arm.trials]
    figures |= rate("judge_precision", [trial.solved for trial in trials if trial.judged >= PASS])
    figures |= rate("judge_recall", [trial.judged >= PASS for trial in trials if trial.solved])
    played = [row.arms["reflexion"] for row in rows]
    facts = sum(arm.facts for arm in played)
    return figures | {
        "lesson_facts_true": share(sum(arm.facts_true for arm in played), facts),
        "repeats": share(sum(arm.stopped == REPEATS for arm in played), len(played)),
        "trials": mean([len(arm.trials) for arm in played]),
        "steps": mean([sum(trial.steps for trial in arm.trials) for arm in played]),
        "tokens": mean([arm.tokens for arm in played]),
        "calls": mean([arm.calls for arm in played]),
        "games": len(rows),
    }
