"""A household game as a problem, and the parts of Reflexion that play it: actor, evaluator, reflector.

    game = draw(Random(1))
    task = Task(game.task.line(), problem=HouseholdGame(game))
    loop = Reflexion(HouseholdActor(), evaluator_of(game), HouseholdReflector(), trials=5)
    result = await loop.solve(task, Thinking(model))

The model reads only what a player sees. The problem asks the world what comes of an action, as a player does;
`HouseholdGame.solved` tells the true state, for whoever measures and for no loop.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...memory.episodes import LONGEST, Lesson
from ..reasoning.asking import Prompt, Request
from ..reasoning.evaluators import Logits
from ..reasoning.problem import Rejected, Task
from ..reasoning.proposers import Sampled
from ..reasoning.reflexion import Trial
from ..reasoning.sampling import BestOfN
from ..reasoning.search import Result
from ..reasoning.tasks import Ends
from ..reasoning.thinking import Thinking
from ..reasoning.tree import Terminal
from .household import Game, World
from .household_roles import NO, YES, ask_act, ask_judge, ask_reflect, read_act, read_lesson
from .household_sight import Sight, Turn

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar
    from ..question import Question
    from ..reasoning.tree import Node

__all__ = ["HouseholdActor", "HouseholdGame", "HouseholdReflector", "NotAHousehold", "evaluator_of"]

ACTION_TOKENS, LESSON_TOKENS = 96, 192
"""Longest answers; a longer action has no effect in the world, a longer lesson is none."""


class NotAHousehold(ValueError):
    """A part of the household was given a task without a household game."""

    def __init__(self, task: Task) -> None:
        super().__init__(
            f"The task {task.question!r} has no household game; give Task(..., problem=HouseholdGame(game))."
        )


class HouseholdGame:
    """A game as a problem with states: a state is the turns so far, an action is a line of words."""

    def __init__(self, game: Game) -> None:
        self.game = game

    def initial(self) -> tuple[Turn, ...]:
        """No turn."""
        return ()

    def key(self, state: tuple[Turn, ...]) -> Hashable:
        """All that was done."""
        return state

    def apply(self, state: tuple[Turn, ...], action: str) -> tuple[Turn, ...] | Rejected:
        """One more turn; nothing is refused, what is impossible has no effect and costs a step."""
        return (*state, Turn(action, self._world(state).step(action)))

    def terminal(self, state: tuple[Turn, ...]) -> Terminal | None:
        """All turns, where the trial is over: the task is said to be done, or no step is left."""
        return Terminal("\n".join(turn.line() for turn in state)) if self._world(state).over else None

    def solved(self, state: Sequence[Turn]) -> bool:
        """Whether the task is done by the true state after these turns. No loop may ask."""
        return self._world(state).solved()

    def steps(self, state: Sequence[Turn]) -> int:
        """Steps that these turns took."""
        return self._world(state).spent

    def _world(self, state: Sequence[Turn]) -> World:
        world = World(self.game)
        for turn in state:
            world.step(turn.action)
        return world


@dataclass(frozen=True)
class HouseholdActor:
    """A strategy that plays one trial of a task's household game, with the task's lessons as notes.

    Attributes:
        temperature: Of each action; above 0, so that two trials search differently.
    """

    temperature: float = 0.5
    name: str = "household-actor"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """One trial to its end; see `Strategy`.

        Raises:
            NotAHousehold: The task has no household game.
        """
        problem = _game_of(task)
        game = problem.game

        def asked(node: Node) -> Question:
            sight = Sight.of(game.house, game.start, node.state)
            return ask_act(game.house, game.task, sight, node.state, task.lessons)

        proposer = Sampled(
            lambda node: _prompt(asked(node)),
            read=read_act,
            grammar=lambda node: _lark(asked(node).grammar),
            temperature=self.temperature,
            max_tokens=ACTION_TOKENS,
        )
        walk = BestOfN(1, game.limit + 2, name=self.name)  # every action but the last two costs a step
        return await walk.run(problem, proposer, Ends(), thinking)


def evaluator_of(game: Game) -> Logits:
    """The model's probability that a trial did the task, from what its player did and saw."""

    def asked(node: Node) -> Prompt:
        sight = Sight.of(game.house, game.start, node.state)
        return _prompt(ask_judge(game.task, sight, node.state))

    return Logits(asked, YES, NO)


@dataclass(frozen=True)
class HouseholdReflector:
    """Has the model write what a failed trial found out about the game.

    Attributes:
        keeps: False has the lesson written and thrown away: to measure what remembering is worth.
    """

    keeps: bool = True

    async def reflect(
        self, task: Task, trial: Trial, lessons: Sequence[Lesson], thinking: Thinking
    ) -> Lesson | None:
        """The lesson as lines of facts; None where the trial taught nothing or the answer was cut.

        Raises:
            NotAHousehold: The task has no household game.
        """
        game, turns = _game_of(task).game, trial.result.best.state
        question = ask_reflect(game.task, Sight.of(game.house, game.start, turns), turns)
        request = Request(
            _prompt(question),
            f"reflect {trial.number}",
            max_tokens=LESSON_TOKENS,
            grammar=_lark(question.grammar),
        )
        (said,) = await thinking.generate([request])
        text = "" if said.cut else read_lesson(said.text)
        while len(text) > LONGEST:
            text = text.rpartition("\n")[0]
        return Lesson(change=text) if text and self.keeps else None


def _game_of(task: Task) -> HouseholdGame:
    if not isinstance(task.problem, HouseholdGame):
        raise NotAHousehold(task)
    return task.problem


def _prompt(question: Question) -> Prompt:
    return Prompt.of(question.text, question.system())


def _lark(text: str) -> Grammar:
    from ...core_model.grammar import Grammar

    return Grammar.lark(text)
