"""Games with numbers: combine all of them, two at a time, until one is left that equals a target.

A state is the sorted tuple of the numbers at hand, exact rationals. Two rules: in the Game of 24 any rational
may arise; in Countdown each intermediate result is a whole number, not negative, and a division leaves no
rest. Everything here is exact and pure: moves, texts, and the solver that says whether a state can still
reach a target.

Source of the Countdown rules: Gandhi et al. 2024, "Stream of Search", arXiv:2404.03683 (all numbers are
used).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import gcd
from typing import Literal, NamedTuple

State = tuple[Fraction, ...]
"""Numbers at hand, ascending."""

Rules = Literal["rational", "countdown"]
"""What may arise: any rational, or whole numbers from 0 up."""

Operator = Literal["+", "-", "*", "/"]

OPERATORS: tuple[Operator, ...] = ("+", "-", "*", "/")

_SOLVED_KEPT = 1 << 17
"""States of three or more numbers whose solvability is remembered, over all targets."""


class Move(NamedTuple):
    """Two numbers of a state, taken together."""

    left: Fraction
    operator: Operator
    right: Fraction
    result: Fraction

    def text(self) -> str:
        """As it is written, `8 - 6 = 2`."""
        return f"{write(self.left)} {self.operator} {write(self.right)} = {write(self.result)}"


class NotAtHand(ValueError):
    """A move takes a number that the state does not hold."""

    def __init__(self, number: Fraction, state: State) -> None:
        self.number, self.state = number, state
        super().__init__(f"{write(number)} is not among {write_state(state)}; take numbers that are at hand.")


def make_state(numbers: Iterable[int | Fraction]) -> State:
    """The state with these numbers at hand."""
    return tuple(sorted(Fraction(number) for number in numbers))


def write(number: Fraction) -> str:
    """A number's text: `24`, `-4`, `8/3`."""
    return str(number)


def write_state(state: State) -> str:
    """A state's text, numbers ascending: `8/3 4 6`."""
    return " ".join(map(str, state))


def read_state(text: str) -> State:
    """The state of a text that `write_state` wrote, in whatever order.

    Raises:
        ValueError: A word of it is no number.
    """
    return make_state(Fraction(word) for word in text.split())


def combine(left: Fraction, operator: Operator, right: Fraction, rules: Rules) -> Fraction | None:
    """The result of an operation; None where the rules forbid it (division by 0 always)."""
    if operator == "/":
        if not right:
            return None
        result = left / right
        return result if rules == "rational" or result.denominator == 1 else None
    if operator == "-":
        result = left - right
        return result if rules == "rational" or result >= 0 else None
    return left + right if operator == "+" else left * right


def after(state: State, move: Move) -> State:
    """The state that a move leads to.

    Raises:
        NotAtHand: It takes a number that is not there, or only once where it takes it twice.
    """
    rest = list(state)
    for number in (move.left, move.right):
        if number not in rest:
            raise NotAtHand(number, state)
        rest.remove(number)
    insort(rest, move.result)
    return tuple(rest)


def moves(state: State, rules: Rules = "rational") -> dict[State, Move]:
    """Every state that one legal move leads to, with the move that is written for it.

    Several moves may lead to the same state (6 * 1, 6 / 1): the first in the order of `OPERATORS`, larger
    number to the left where the order does not matter, stands for all of them. At most 36 of four numbers.
    """
    found: dict[State, Move] = {}
    for rest, low, high in _pairs(state):
        for move in _moves_of(low, high, rules):
            left_over = list(rest)
            insort(left_over, move.result)
            found.setdefault(tuple(left_over), move)
    return found


def _pairs(state: State) -> Iterator[tuple[State, Fraction, Fraction]]:
    """Each different pair of numbers, the smaller first, with what remains beside it."""
    seen: set[tuple[Fraction, Fraction]] = set()
    for first, second in combinations(range(len(state)), 2):
        pair = state[first], state[second]
        if pair not in seen:
            seen.add(pair)
            yield state[:first] + state[first + 1 : second] + state[second + 1 :], *pair


def _moves_of(low: Fraction, high: Fraction, rules: Rules) -> Iterator[Move]:
    for operator in OPERATORS:
        orders = ((high, low), (low, high)) if operator in "-/" and low != high else ((high, low),)
        for left, right in orders:
            result = combine(left, operator, right, rules)
            if result is not None:
                yield Move(left, operator, right, result)


# --- the solver: pairs of ints instead of Fractions, which are ten times slower -------------------------

_Ratio = tuple[int, int]
"""(numerator, denominator), in lowest terms, denominator positive."""


def solvable(state: State, target: int, rules: Rules = "rational") -> bool:
    """Whether the target can be reached from a state using each number once; exact.

    States of three or more numbers are remembered, so that whole trees cost little.
    """
    return _solvable(
        tuple(sorted((item.numerator, item.denominator) for item in state)), target, rules == "countdown"
    )


def _solvable(items: tuple[_Ratio, ...], target: int, whole: bool) -> bool:
    if len(items) > 2:
        return _remembered(items, target, whole)
    if len(items) == 2:
        return _pair_solvable(*items[0], *items[1], target)
    return items == ((target, 1),)


@lru_cache(_SOLVED_KEPT)
def _remembered(items: tuple[_Ratio, ...], target: int, whole: bool) -> bool:
    for first, second in combinations(range(len(items)), 2):
        rest = items[:first] + items[first + 1 : second] + items[second + 1 :]
        for result in _results(items[first], items[second], whole):
            if len(rest) == 1:
                if _pair_solvable(*rest[0], *result, target):
                    return True
            elif _remembered(tuple(sorted((*rest, result))), target, whole):
                return True
    return False


def _pair_solvable(top: int, below: int, other_top: int, other_below: int, target: int) -> bool:
    """Whether one operation on two ratios gives the target.

    Under the Countdown rules it is the same question: a target that is whole and positive is a legal result.
    """
    one, two, aim = top * other_below, other_top * below, target * below * other_below
    return (
        one + two == aim
        or one - two == aim
        or two - one == aim
        or top * other_top == aim
        or (two != 0 and one == target * two)
        or (one != 0 and two == target * one)
    )


def _results(left: _Ratio, right: _Ratio, whole: bool) -> set[_Ratio]:
    """Every legal result of two ratios."""
    a, b = left
    c, d = right
    if whole:
        found = {(a + c, 1), (abs(a - c), 1), (a * c, 1)}
        if c and a % c == 0:
            found.add((a // c, 1))
        if a and c % a == 0:
            found.add((c // a, 1))
        return found
    one, two, below = a * d, c * b, b * d
    found = {
        _lowest(one + two, below),
        _lowest(one - two, below),
        _lowest(two - one, below),
        _lowest(a * c, below),
    }
    if two:
        found.add(_lowest(one, two))
    if one:
        found.add(_lowest(two, one))
    return found


def _lowest(top: int, below: int) -> _Ratio:
    shared = gcd(top, below)
    return (top // shared, below // shared) if below > 0 else (-top // shared, -below // shared)


def good_moves(
    state: State, target: int, rules: Rules = "rational", allowed: Callable[[State], bool] = lambda _: True
) -> list[tuple[State, Move]]:
    """Moves after which the target can still be reached, with the states they lead to.

    Args:
        state: Two or more numbers.
        target: To reach.
        rules: Of the game.
        allowed: States that may be gone to.
    """
    return [
        (state_after, move)
        for state_after, move in moves(state, rules).items()
        if solvable(state_after, target, rules) and allowed(state_after)
    ]
