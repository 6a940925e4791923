"""Documents of games with numbers: can a target be reached, a good move, a whole chain of moves.

Prompts and answers are those of `agents.domains.numbers_prompts`. Six in ten documents are about the Game of
24 with any rational in between, the others about other targets under the rules of Countdown. Nothing that
`numbers_held_out.for_tests` names is ever shown: not as a question, not as a state within a chain, not as the
state that a proposed move leads to.
"""

from __future__ import annotations

from bisect import insort
from fractions import Fraction
from random import Random

from ..domains.numbers import OPERATORS, Move, Rules, State, combine, good_moves, make_state, solvable
from ..domains.numbers_held_out import GAME, LARGEST, MANY, TARGETS, for_tests
from ..domains.numbers_prompts import NO, YES, ask_chain, ask_propose, ask_value, write_chain

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt."""

VALUE_WEIGHT = 4.0
"""Of the one token that says whether the target can be reached: a document has no other that teaches."""

GAME_SHARE = 0.6
"""Of the Game of 24; the rest is Countdown."""

VALUE_SIZES = {4: 15, 3: 45, 2: 40}
"""Numbers of a state that is judged, with the shares. Look-ahead rests on judging two without fault."""

PROPOSE_SIZES = {4: 45, 3: 25, 2: 30}
"""Numbers of a state from which a move is proposed, with the shares."""


def value(rng: Random) -> list[Piece]:
    """Whether the target can be reached from a state that a search meets; as often yes as no."""
    wanted = rng.random() < 0.5
    size = rng.choices(tuple(VALUE_SIZES), tuple(VALUE_SIZES.values()))[0]
    target, rules = draw_game(rng)
    state = draw_state(rng, size, target, rules)
    while solvable(state, target, rules) is not wanted:
        state = draw_state(rng, size, target, rules)
    prompt = ask_value(state, target, rules).text
    return [(prompt, 0.0), (YES if wanted else NO, VALUE_WEIGHT)]


def propose(rng: Random) -> list[Piece]:
    """A move after which the target can still be reached, any of them."""
    size = rng.choices(tuple(PROPOSE_SIZES), tuple(PROPOSE_SIZES.values()))[0]
    while True:
        target, rules = draw_game(rng)
        state = draw_state(rng, size, target, rules)
        good = good_here(state, target, rules)
        if good:
            _, move = rng.choice(good)
            return [(ask_propose(state, target, rules).text, 0.0), (move.text(), 1.0)]


def chain(rng: Random) -> list[Piece]:
    """All moves of a solution, drawn one by one."""
    while True:
        target, rules = draw_game(rng)
        first = draw_state(rng, MANY, target, rules)
        done = draw_solution(rng, first, target, rules)
        if done:
            return [(ask_chain(first, target, rules).text, 0.0), (write_chain(done), 1.0)]


def draw_game(rng: Random) -> tuple[int, Rules]:
    """A target and its rules."""
    return (GAME, "rational") if rng.random() < GAME_SHARE else (rng.choice(TARGETS), "countdown")


def draw_state(rng: Random, size: int, target: int, rules: Rules) -> State:
    """A state of `size` numbers that random legal moves make of a random puzzle, and that no test knows."""
    while True:
        state = make_state(rng.randint(1, LARGEST) for _ in range(MANY))
        while len(state) > size:
            state = step(rng, state, rules)
        if not for_tests(state, target):
            return state


def step(rng: Random, state: State, rules: Rules) -> State:
    """The state after a random legal move."""
    while True:
        rest = list(state)
        left: Fraction = rest.pop(rng.randrange(len(rest)))
        right = rest.pop(rng.randrange(len(rest)))
        result = combine(left, rng.choice(OPERATORS), right, rules)
        if result is not None:
            insort(rest, result)
            return tuple(rest)


def good_here(state: State, target: int, rules: Rules) -> list[tuple[State, Move]]:
    """Moves that keep the target in reach and lead to no state of the tests."""
    if not solvable(state, target, rules):
        return []
    return good_moves(state, target, rules, lambda child: not for_tests(child, target))


def draw_solution(rng: Random, state: State, target: int, rules: Rules) -> list[Move]:
    """Moves that reach the target, each drawn among the good ones; empty where there are none."""
    done: list[Move] = []
    while len(state) > 1:
        good = good_here(state, target, rules)
        if not good:
            return []
        state, move = rng.choice(good)
        done.append(move)
    return done
