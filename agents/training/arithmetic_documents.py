"""Documents about word problems: chains of thought, mended chains, and checks of chains.

Every document is a pure function of its `Random`; problems come from `domains.arithmetic_stories`, questions
and answers are written by `domains.arithmetic`, as a running agent asks and reads them.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

from ..domains.arithmetic import (
    KINDS,
    SIGNS,
    Attempt,
    Chain,
    Judgement,
    Kind,
    Line,
    Problem,
    Uncomputable,
    ask_check,
    ask_think,
    classify,
    compute,
    findings,
    numbers_in,
    write_check,
)
from .arithmetic_stories import LARGEST, draw_problem

Piece = tuple[str, float]
"""(text, weight in the loss)."""

WRONG = 0.5
"""Share of chains to check in which a mistake was planted."""

BLAMED = 0.08
"""Share of attempts to mend that were right."""

FAULT_SHARES = (20, 35, 25, 20)
"""Of the kinds of planted mistakes, in the order of `KINDS`."""


def word_problem(rng: Random) -> list[Piece]:
    """A word problem and its chain."""
    return _chain_document(draw_problem(rng), None)


def mended(rng: Random) -> list[Piece]:
    """A word problem, a failed attempt with what was found, and the right chain.

    A few attempts were right and blamed all the same, as by a verifier that errs: they are written again.
    """
    problem = draw_problem(rng)
    if rng.random() < BLAMED:
        chain = problem.chain()
        blamed = Judgement(rng.randint(1, len(chain.lines) + 1), rng.choice(KINDS[1:]))
        return _chain_document(problem, Attempt(chain, (blamed.words(chain),)))
    chain, judgement = plant(rng, problem)
    said = list(findings(problem.text, chain))
    if not said or rng.random() < 0.5:
        said = [judgement.words(chain)]
    return _chain_document(problem, Attempt(chain, tuple(said[:2])))


def check_work(rng: Random) -> list[Piece]:
    """A word problem and a chain, right or with a planted mistake: its lines judged one by one."""
    problem = draw_problem(rng)
    chain, judgement = plant(rng, problem) if rng.random() < WRONG else (problem.chain(), Judgement())
    question = ask_check(problem.text, chain)
    return [(question.text, 0.0), (write_check(chain, judgement, problem.chain()), 1.0)]


def _chain_document(problem: Problem, failed: Attempt | None) -> list[Piece]:
    question = ask_think(problem.text, failed)
    return [(question.text, 0.0), ("\n".join(problem.chain().rows()), 1.0)]


# --- planted mistakes -----------------------------------------------------------------------------------


def plant(rng: Random, problem: Problem, kind: Kind | None = None) -> tuple[Chain, Judgement]:
    """A chain with one mistake that makes its answer wrong, and where and what it is.

    What follows the mistake is computed rightly from it.

    Args:
        kind: One of `KINDS`; None draws it. Of a problem of one step none is missing: there the other kinds
            are drawn.
    """
    while True:
        drawn = kind or rng.choices(KINDS, FAULT_SHARES)[0]
        if drawn == "missing step" and len(problem.steps) == 1:
            if kind is not None:
                raise ValueError("A problem of one step has none that can be missing; draw another problem.")
            continue
        place = rng.randrange(len(problem.steps))
        chain = (
            _missing(rng, problem, place) if drawn == "missing step" else _bent(rng, problem, place, drawn)
        )
        if chain is not None and classify(problem, chain) == drawn:
            return chain, Judgement(_first_wrong(problem, chain), drawn)


def _first_wrong(problem: Problem, chain: Chain) -> int:
    right = problem.chain().lines
    for number, line in enumerate(chain.lines, 1):
        if line != right[number - 1]:
            return number
    return len(chain.lines) + 1


def _bent(rng: Random, problem: Problem, place: int, kind: Kind) -> Chain | None:
    """One line changed, the rest computed from it; None if that gives no fit numbers."""
    chain = problem.chain()
    values: dict[str, Fraction] = {}
    lines: list[Line] = []
    for number, step in enumerate(problem.steps):
        line = step.line(values)
        if number == place and kind != "calculator":
            line = _other(rng, problem, line, tuple(values.values()), kind)
        done = _done(line)
        if done is None or done.result is None:
            return None
        if number == place and kind == "calculator":
            done = replace(done, result=done.result + _slip(rng, done.result))
        if done.result is None or done.result < 1:
            return None
        values[step.name] = done.result
        lines.append(done)
    return Chain(chain.find, tuple(lines), lines[-1].result)


def _done(line: Line) -> Line | None:
    """The line computed; None if the result is not whole or out of range."""
    try:
        result = compute(line.left, line.sign, line.right)
    except Uncomputable:
        return None
    return replace(line, result=result) if result.denominator == 1 and 1 <= result <= LARGEST else None


def _slip(rng: Random, result: Fraction) -> int:
    """How far a wrong result is off: a digit, mostly."""
    sizes = [1, 1, 2, 3, 10] + ([10, 20, 100] if result >= 100 else [])
    return rng.choice(sizes) * rng.choice((1, -1))


def _other(rng: Random, problem: Problem, line: Line, results: tuple[Fraction, ...], kind: Kind) -> Line:
    """The line with another number or another operation."""
    if kind == "operation":
        return replace(line, sign=rng.choice([sign for sign in SIGNS if sign != line.sign]))
    invented = rng.random() < 0.15
    number = Fraction(rng.randint(2, 60)) if invented else rng.choice([*numbers_in(problem.text), *results])
    return replace(line, left=number) if rng.random() < 0.5 else replace(line, right=number)


def _missing(rng: Random, problem: Problem, place: int) -> Chain | None:
    """One step left out: what would use its result uses one of its own numbers."""
    gone = problem.steps[place]
    sides = (gone.left, gone.right)
    instead = next((part for part in sides if isinstance(part, str)), rng.choice(sides))
    steps = [step for step in problem.steps if step is not gone]
    patched = tuple(
        replace(
            step,
            left=instead if step.left == gone.name else step.left,
            right=instead if step.right == gone.name else step.right,
        )
        for step in steps
    )
    values: dict[str, Fraction] = {}
    lines: list[Line] = []
    for step in patched:
        done = _done(step.line(values))
        if done is None or done.result is None:
            return None
        values[step.name] = done.result
        lines.append(done)
    find = tuple(name for name in problem.chain().find if name != gone.name)
    return Chain(find, tuple(lines), lines[-1].result)
