"""Number puzzles that no model of ours is trained on: what the evals measure, and what leads to them.

Three sets are kept out of every training document:
  - the four numbers of puzzles 901-1000 of the Game of 24, whatever the target;
  - with the target 24, every state of three numbers that one legal move makes of them;
  - a tenth of all pairs of four numbers and target, chosen by a stable hash: Countdown's test problems.

States of two numbers are not kept out: they are arithmetic, and each is reached from many puzzles.

Source of the puzzles: princeton-nlp/tree-of-thought-llm (MIT, licence beside the file), the test split of Yao
et al. 2023, "Tree of Thoughts", arXiv:2305.10601.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib import resources
from random import Random

from .numbers import State, make_state, moves, read_state, solvable, write_state

GAME = 24
"""The target of the Game of 24."""

TARGETS = range(10, 101)
"""Targets of Countdown problems."""

LARGEST = 13
"""The numbers of a puzzle go from 1 to this, as cards do."""

MANY = 4
"""Numbers of a puzzle."""

HELD_OUT_SHARE = 10
"""One in so many pairs of numbers and target is for tests alone."""


@cache
def unseen_puzzles() -> tuple[tuple[int, State], ...]:
    """Puzzles 901-1000 of the Game of 24: (rank, numbers), in the order of their ranks."""
    agents = (__package__ or "").rpartition(".")[0]
    file = resources.files(f"{agents}.evals").joinpath("data", "game24_901_1000.csv")
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return tuple((int(row["Rank"]), read_state(row["Puzzles"])) for row in rows)


@cache
def _unseen_numbers() -> frozenset[State]:
    return frozenset(numbers for _, numbers in unseen_puzzles())


@cache
def _unseen_children() -> frozenset[State]:
    """States of three numbers that the test puzzles lead to by one move."""
    return frozenset(child for _, numbers in unseen_puzzles() for child in moves(numbers))


def for_tests(state: State, target: int) -> bool:
    """Whether a state with this target belongs to the tests, so that no training document may show it."""
    if len(state) == MANY:
        return state in _unseen_numbers() or in_test_tenth(state, target)
    return len(state) == MANY - 1 and target == GAME and state in _unseen_children()


def in_test_tenth(state: State, target: int) -> bool:
    """Whether numbers and target fall into the tenth of pairs that is for tests, alike on every machine."""
    text = f"{target}: {write_state(state)}"
    return blake2b(text.encode(), digest_size=8).digest()[0] % HELD_OUT_SHARE == 0


def countdown_problems(seed: int) -> Iterator[tuple[State, int]]:
    """Endless different solvable Countdown problems of the tests' tenth: numbers and target."""
    rng = Random(f"countdown {seed}")
    seen: set[tuple[State, int]] = set()
    while True:
        numbers = make_state(rng.randint(1, LARGEST) for _ in range(MANY))
        problem = numbers, rng.choice(TARGETS)
        if problem not in seen and in_test_tenth(*problem) and solvable(*problem, "countdown"):
            seen.add(problem)
            yield problem
