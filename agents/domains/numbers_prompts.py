"""What a model is asked about a game with numbers, the grammars of its answers, and how they are read.

    value     `24? 4 6 8`    -> `yes` or `no`: can the target still be reached
    propose   `24: 4 6 8`    -> one move, `8 - 6 = 2`
    chain     `24= 4 6 8`    -> all moves, a line each

Countdown's numbers are separated by commas (`24? 4,6,8`), so that the rules can be told from the text.
Running agents and training documents both take their prompts from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from ..question import Question, any_of, choices
from .numbers import Move, Rules, State, after, combine, moves, read_state, write, write_state

YES, NO = "yes", "no"

NUMBER = "-?[0-9]{1,7}(/[0-9]{1,7})?"
"""A number as a model may write it: a regular expression."""

_LINE = re.compile(rf"({NUMBER}) ([-+*/]) ({NUMBER}) = ({NUMBER})")

FaultKind = Literal["malformed", "not_at_hand", "forbidden", "arithmetic", "unfinished", "wrong_target"]


@dataclass(frozen=True)
class Fault:
    """Why a move or a chain of moves does not count.

    Attributes:
        kind: `malformed` is no move at all; `not_at_hand` takes a number that is not there (any more);
            `forbidden` is against the rules (division by 0; in Countdown also a rest or a negative result);
            `arithmetic` has a wrong result; `unfinished` leaves several numbers; `wrong_target` ends with
            another number than the target.
        line: Number of the line, from 1.
        text: The line.
    """

    kind: FaultKind
    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.text!r}: {self.kind.replace('_', ' ')}"


def _prompt(mark: str, state: State, target: int, rules: Rules) -> str:
    numbers = write_state(state)
    return f"{target}{mark} {numbers if rules == 'rational' else numbers.replace(' ', ',')}"


def ask_value(state: State, target: int, rules: Rules = "rational") -> Question:
    """Ask whether the target can be reached from a state."""
    return Question("value", _prompt("?", state, target, rules), choices((YES, NO)))


def ask_propose(state: State, target: int, rules: Rules = "rational", *, calculator: bool = True) -> Question:
    """Ask for one move.

    Args:
        state: Two or more numbers.
        target: To reach.
        rules: Of the game.
        calculator: Results are computed while the move is decoded, so that only right ones can be written;
            without it the model writes any number.
    """
    legal = moves(state, rules).values()
    if calculator:
        grammar = choices(move.text() for move in legal)
    else:
        grammar = (
            f"start: undone NUMBER\nundone: {any_of(map(_undone, legal))}\nNUMBER: /{_for_lark(NUMBER)}/\n"
        )
    return Question("propose", _prompt(":", state, target, rules), grammar)


def ask_chain(state: State, target: int, rules: Rules = "rational") -> Question:
    """Ask for all moves at once, a line each; the grammar knows their form, not their arithmetic."""
    lines = ' "\\n" '.join(["line"] * (len(state) - 1))
    grammar = (
        f'start: {lines}\nline: NUMBER OPERATOR NUMBER " = " NUMBER\n'
        f"NUMBER: /{_for_lark(NUMBER)}/\nOPERATOR: / [-+*\\/] /\n"
    )
    return Question("chain", _prompt("=", state, target, rules), grammar)


def _undone(move: Move) -> str:
    return move.text().rpartition(" ")[0] + " "


def _for_lark(expression: str) -> str:
    return expression.replace("/", "\\/")


def write_chain(done: Iterable[Move]) -> str:
    """Moves as the answer of a chain."""
    return "\n".join(move.text() for move in done)


def read_move(
    text: str, state: State, rules: Rules = "rational", line: int = 1, *, believe: bool = False
) -> Move | Fault:
    """The move that an answer says, or why it does not count.

    Args:
        text: A line.
        state: Before the move.
        rules: Of the game.
        line: Its number, for a fault to tell.
        believe: Take a wrong result as it is written.
    """
    found = _LINE.fullmatch(text.strip())
    parts = _numbers(found) if found is not None else None
    if found is None or parts is None:
        return Fault("malformed", line, text)
    left, right, result = parts
    operator = found[3]
    rest = list(state)
    for number in (left, right):
        if number not in rest:
            return Fault("not_at_hand", line, text)
        rest.remove(number)
    if operator not in ("+", "-", "*", "/"):
        return Fault("malformed", line, text)
    right_result = combine(left, operator, right, rules)
    if right_result is None:
        return Fault("forbidden", line, text)
    if result != right_result and not believe:
        return Fault("arithmetic", line, text)
    return Move(left, operator, right, result)


def _numbers(found: re.Match[str]) -> tuple[Fraction, Fraction, Fraction] | None:
    try:
        return Fraction(found[1]), Fraction(found[4]), Fraction(found[6])
    except ZeroDivisionError:
        return None


def read_chain(text: str, state: State, target: int, rules: Rules = "rational") -> list[Move] | Fault:
    """The moves of a chain that reaches the target, or its first fault."""
    done: list[Move] = []
    lines = text.strip().splitlines()
    for number, line in enumerate(lines, 1):
        move = read_move(line, state, rules, number)
        if isinstance(move, Fault):
            return move
        state = after(state, move)
        done.append(move)
    if len(state) != 1:
        return Fault("unfinished", max(1, len(lines)), lines[-1] if lines else "")
    if state[0] != target:
        return Fault("wrong_target", max(1, len(lines)), lines[-1] if lines else write(state[0]))
    return done


def read_value(text: str) -> bool | None:
    """Whether an answer says that the target can be reached; None of another answer."""
    return {YES: True, NO: False}.get(text.strip())


def read_prompt(text: str) -> tuple[str, State, int, Rules]:
    """The role, state, target and rules of a prompt that was written here.

    Raises:
        ValueError: It was not.
    """
    found = _PROMPT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no prompt of a game with numbers; they look like '24? 4 6 8'.")
    rules: Rules = "countdown" if "," in found[3] else "rational"
    return _ROLES[found[2]], read_state(found[3].replace(",", " ")), int(found[1]), rules


_ROLES = {"?": "value", ":": "propose", "=": "chain"}
_PROMPT = re.compile(r"(\d+)([?:=]) ([-0-9/ ,]+)")


def ask_again(text: str) -> Question:
    """The question, with its grammar, that a prompt belongs to.

    Raises:
        ValueError: It is no prompt of these roles.
    """
    role, state, target, rules = read_prompt(text)
    ask = {"value": ask_value, "propose": ask_propose, "chain": ask_chain}[role]
    return ask(state, target, rules)
