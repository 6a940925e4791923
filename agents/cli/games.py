"""`punchlist think --game24`: a Game of 24 as a question, and the searches that play it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..domains.numbers import make_state, write_state
from ..domains.numbers_game import Judge, NumberGame, reads_instructions, sampled
from ..reasoning.beam import Beam
from ..reasoning.best_first import BestFirst
from ..reasoning.depth_first import DepthFirst
from ..reasoning.mcts import MonteCarlo
from ..reasoning.problem import Task
from ..reasoning.search import Result
from ..reasoning.strategy import Strategy
from ..reasoning.thinking import Thinking
from .edge import SettingsError

Order = Beam | BestFirst | DepthFirst | MonteCarlo

MOST_NUMBERS, LARGEST = 6, 99
"""Of a game; each number is at least 1."""

SEARCHES: Mapping[str, Order] = {
    "tree-of-thoughts": Beam(beam=5, width=24, depth=MOST_NUMBERS),
    "best-first": BestFirst(width=24, depth=MOST_NUMBERS, at_once=4, most=200),
    "dfs": DepthFirst(width=24, depth=MOST_NUMBERS, prune_below=0.05),
    "mcts": MonteCarlo(simulations=200, width=24, depth=MOST_NUMBERS),
}
"""How a game is played, by the name of the strategy."""

SHORT = {"tot": "tree-of-thoughts", "beam": "tree-of-thoughts"}


@dataclass
class PlayGame:
    """A game as a strategy: the model proposes moves and judges states, the calculator the last number."""

    name: str
    search: Order

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`.

        Raises:
            ValueError: The task has no such game.
        """
        game = task.problem
        if not isinstance(game, NumberGame):
            raise ValueError(f"the problem is {game!r}, and this strategy plays a NumberGame only")
        told = reads_instructions(thinking.model)
        proposer, judge = sampled(game, instructions=told), Judge(game, instructions=told)
        return await self.search.run(game, proposer, judge, thinking)


def game_of(text: str) -> NumberGame:
    """The game with these numbers.

    Raises:
        SettingsError: They are none, too many or too large.
    """
    words = text.replace(",", " ").split()
    if not all(_in_a_game(word) for word in words):
        raise SettingsError(
            f"--game24 is {text!r}. Give whole numbers from 1 to {LARGEST}, like --game24 '4 6 8 3'."
        )
    if not 2 <= len(words) <= MOST_NUMBERS:
        raise SettingsError(f"--game24 has {len(words)} numbers. Give 2 to {MOST_NUMBERS}, usually 4.")
    return NumberGame(make_state(int(word) for word in words))


def _in_a_game(word: str) -> bool:
    digits = word.lstrip("0")
    return digits.isascii() and digits.isdigit() and len(digits) <= 4 and int(digits) <= LARGEST


def game_question(game: NumberGame) -> str:
    """The game in words."""
    return f"Use {write_state(game.numbers)} once each with + - * / to make {game.target}."


def game_strategy(name: str) -> Strategy:
    """The strategy of that name for games.

    Raises:
        SettingsError: None of that name plays games.
    """
    chosen = SHORT.get(name, name)
    if chosen not in SEARCHES:
        raise SettingsError(f"No strategy {name!r} plays --game24. Choose among {', '.join(SEARCHES)}.")
    return PlayGame(chosen, SEARCHES[chosen])
