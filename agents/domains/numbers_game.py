"""A game with numbers as a problem that the searches take, with the parts that propose and judge.

    game = NumberGame(make_state((4, 9, 10, 13)))
    await Beam(5, 24, 3).run(game, sampled(game), Judge(game), Thinking(model))

The model proposes moves and judges open states; the calculator does the arithmetic, and compares the last
number with the target. Nothing here knows a solution.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING

from ..question import Question
from ..reasoning.evaluators import Logits, Lookahead
from ..reasoning.problem import Evaluator, Proposer, Rejected
from ..reasoning.proposers import Enumerated, Sampled
from ..reasoning.thinking import Prompt, Thinking
from ..reasoning.tree import Kind, Node, Score, Terminal, Thought
from .numbers import Move, Rules, State, after, moves, write_state
from .numbers_prompts import (
    NO,
    YES,
    Fault,
    ask_chain,
    ask_propose,
    ask_value,
    read_chain,
    read_move,
    write_chain,
)

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...core_model.grammar import Grammar

MOST_MOVES = 64
"""More than any state of four numbers has."""

LONGEST_MOVE = 32
"""Tokens."""


@dataclass(frozen=True)
class Board:
    """A state of the game with how it came about."""

    numbers: State
    done: tuple[Move, ...] = ()

    def __str__(self) -> str:
        return write_state(self.numbers)


@dataclass(frozen=True)
class NumberGame:
    """Combine all numbers until the target is left; implements `Problem`.

    Attributes:
        numbers: To begin with.
        target: To reach.
        rules: See `numbers.Rules`.
        checked: A calculator checks every move. Without it a move's result is believed as it is written, and
            whether an answer is right is for `right` to say afterwards.
    """

    numbers: State
    target: int = 24
    rules: Rules = "rational"
    checked: bool = True

    def initial(self) -> Board:
        """All numbers, nothing done."""
        return Board(self.numbers)

    def key(self, state: Board) -> Hashable:
        """The numbers; where results are believed also the way, or a made-up way would shadow a right one."""
        return state.numbers if self.checked else (state.numbers, state.done)

    def apply(self, state: Board, action: str) -> Board | Rejected:
        """The state after a move as it is written, `8 - 6 = 2`."""
        move = read_move(action, state.numbers, self.rules, believe=not self.checked)
        if isinstance(move, Fault):
            return Rejected(f"{move.kind.replace('_', ' ')}: {move.text}")
        return Board(after(state.numbers, move), (*state.done, move))

    def terminal(self, state: Board) -> Terminal | None:
        """All moves, a line each, once one number is left."""
        return Terminal(write_chain(state.done)) if len(state.numbers) == 1 else None

    def right(self, answer: str) -> bool:
        """Whether an answer is a right way to the target; exact, every line is checked."""
        return not isinstance(read_chain(answer, self.numbers, self.target, self.rules), Fault)

    # --- questions ------------------------------------------------------------------

    def value(self, state: State) -> Question:
        """Can the target be reached from here?"""
        return ask_value(state, self.target, self.rules)

    def propose(self, state: State) -> Question:
        """Which move?"""
        return ask_propose(state, self.target, self.rules, calculator=self.checked)

    def chain(self) -> Question:
        """All moves at once."""
        return ask_chain(self.numbers, self.target, self.rules)


def prompt_of(question: Question, instructions: bool = True) -> Prompt:
    """A question as a prompt; `instructions` are of use only to models that were not trained on the role."""
    return Prompt.of(question.text, _instructions(question.role) if instructions else "")


@lru_cache(8)
def _instructions(role: str) -> str:
    return Question(role, "", "").system()


def reads_instructions(model: Model) -> bool:
    """Whether instructions reach the model: the embedded one's chat template leaves them out."""
    from ...core_model.model import LocalModel

    if not isinstance(model, LocalModel):
        return True
    plain = Prompt.of("24? 4 6")
    return model.encode(plain.messages) != model.encode(Prompt.of("24? 4 6", "count").messages)


# --- who proposes ---------------------------------------------------------------------------------------


def sampled(
    game: NumberGame, *, temperature: float = 1.0, samples: float = 1.0, instructions: bool = True
) -> Sampled:
    """The model writes moves, each sampled by itself; the calculator writes the results, if there is one."""
    return Sampled(
        _asks_move(game, instructions),
        grammar=lambda node: _grammar(game.propose(_numbers(node)).grammar),
        temperature=temperature,
        max_tokens=LONGEST_MOVE,
        samples=samples,
    )


def ranked(game: NumberGame, *, instructions: bool = True) -> Enumerated:
    """All legal moves, in the order of the model's probability of writing them: one pass a state."""
    return Enumerated(lambda board: _legal(game, board), _asks_move(game, instructions))


def enumerated(game: NumberGame) -> Enumerated:
    """All legal moves, without the model."""
    return Enumerated(lambda board: _legal(game, board))


def _asks_move(game: NumberGame, instructions: bool) -> Callable[[Node], Prompt]:
    return lambda node: prompt_of(game.propose(_numbers(node)), instructions)


def _legal(game: NumberGame, board: Board) -> list[tuple[str, str]]:
    texts = [move.text() for move in moves(board.numbers, game.rules).values()]
    return [(text, text) for text in texts]


@lru_cache(4096)
def _grammar(lark: str) -> Grammar:
    from ...core_model.grammar import Grammar

    return Grammar.lark(lark)


def _numbers(node: Node) -> State:
    board: Board = node.state
    return board.numbers


# --- who judges -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LastNumber:
    """Compares the last number with the target: 1 or 0. Of open states it knows nothing, and says 0."""

    game: NumberGame
    kind: Kind = "tool"

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        return [Score(float(_numbers(node) == (self.game.target,)), self.kind) for node in nodes]


@dataclass(frozen=True)
class Judge:
    """The model's probability that the target can be reached; of the last number the calculator's word.

    Attributes:
        ahead: States of three numbers are judged by the best of the two-number states that any legal move
            makes of them, instead of in one pass: states that the model never saw are judged by arithmetic
            that it knows. States of four are judged in one pass.
        tries: Of two numbers, so many moves of `last` are tried, and the calculator says whether one of them
            gives the target; the value is the mean of that and the model's probability. 0 tries none. As
            many as there are moves would leave nothing to the model.
        last: Proposes the moves that are tried; None is the model, which writes its likeliest one word by
            word, so that it has decided before it sees the result.
    """

    game: NumberGame
    ahead: bool = True
    instructions: bool = True
    tries: int = 0
    last: Proposer | None = None
    kind: Kind = "model"

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        one_pass = Logits(
            lambda node: prompt_of(self.game.value(_numbers(node)), self.instructions),
            YES,
            NO,
            final=LastNumber(self.game),
        )
        two = _TwoNumbers(one_pass, self._tried()) if self.tries else one_pass
        ahead = Lookahead(self.game, enumerated(self.game), two, 1, MOST_MOVES)
        far = [node for node in nodes if self.ahead and len(_numbers(node)) == 3]
        seen = set(map(id, far))
        near = [node for node in nodes if id(node) not in seen]
        scores = dict(zip(map(id, near), await two.score(near, thinking) if near else [], strict=True))
        scores |= zip(map(id, far), await ahead.score(far, thinking) if far else [], strict=True)
        return [scores[id(node)] for node in nodes]

    def _tried(self) -> Evaluator:
        proposer = self.last or sampled(self.game, temperature=0.0, instructions=self.instructions)
        return Lookahead(self.game, proposer, LastNumber(self.game), 1, self.tries)


@dataclass(frozen=True)
class _TwoNumbers:
    """One evaluator for all states, and for those of two numbers the mean of it and another."""

    usual: Evaluator
    beside: Evaluator
    kind: Kind = "model"

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`. Equal states are looked at once."""
        scores = await self.usual.score(nodes, thinking)
        different = {_numbers(node): node for node in nodes if len(_numbers(node)) == 2}
        told = await self.beside.score(list(different.values()), thinking) if different else []
        tried = {numbers: score.value for numbers, score in zip(different, told, strict=True)}
        return [
            replace(score, value=(score.value + tried[_numbers(node)]) / 2)
            if _numbers(node) in tried
            else score
            for node, score in zip(nodes, scores, strict=True)
        ]


@dataclass(frozen=True)
class RandomMoves:
    """Legal moves in random order, to see what the model's order is worth."""

    game: NumberGame
    seed: int = 0

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        found: list[list[Thought]] = []
        for node in nodes:
            legal = [Thought(action, text) for action, text in _legal(self.game, node.state)]
            Random(f"{self.seed} {self.game.target} {node.state}").shuffle(legal)
            found.append(legal[:width])
        return found


@dataclass(frozen=True)
class RandomJudge:
    """Random values in place of the model's, to see what judging is worth; the last number is compared."""

    game: NumberGame
    seed: int = 0
    kind: Kind = "tool"

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        exact = await LastNumber(self.game).score(nodes, thinking)
        return [
            score if node.terminal is not None else Score(self._draw(node), self.kind, 0, "random")
            for node, score in zip(nodes, exact, strict=True)
        ]

    def _draw(self, node: Node) -> float:
        mark = f"{self.seed} {self.game.target} {self.game.numbers} {node.id} {node.state}"
        return int.from_bytes(blake2b(mark.encode(), digest_size=6).digest(), "big") / 2**48
