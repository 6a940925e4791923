"""`punchlist eval countdown`: unseen Countdown problems by every search, at equal budgets of model calls.

Four numbers from 1 to 13, a target from 10 to 100, all numbers used, whole results from 0 up; all problems
are solvable, and none of them (numbers with target) occurs in training. Every search may ask the model
`CALLS` times a problem: one call ranks the legal moves of a state, one judges a state, in one pass. An answer
is checked exactly afterwards.

    beam, dfs, best_first, mcts     share solved
    dfs_no_backtracking             the first dead end is the end
    dfs_no_pruning                  no state is left out however low its value
    calls_<search>                  calls a problem, mean
    seconds_per_problem             mean of a problem by a search

Neighbour, not the same problems: Gandhi et al. 2024, "Stream of Search", arXiv:2404.03683, where a model of
250 M parameters writes the search itself. `--only` names searches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from ..domains.numbers_game import Judge, NumberGame, ranked, reads_instructions
from ..domains.numbers_held_out import LARGEST, MANY, countdown_problems
from ..reasoning.beam import Beam
from ..reasoning.best_first import BestFirst
from ..reasoning.depth_first import DepthFirst
from ..reasoning.mcts import MonteCarlo
from .game24 import chosen_parts
from .harness import Figures, Measuring, mean, rate
from .ledger import Row
from .models import model_mark, open_model
from .number_plays import Play, Player, Searching

if TYPE_CHECKING:
    from ...core_model.generation import Model

USUAL, QUICK = 500, 10
"""Problems."""

CALLS = 60
"""Of the model, at most, for a problem and a search."""

WIDTH = 8
"""Moves of a state that are looked at."""

PRUNE_BELOW = 0.1
"""States that the model gives less are not visited in a search with pruning."""

CHUNK = 10
"""Problems that are a line of the ledger together."""

_DFS = DepthFirst(WIDTH, MANY - 1, PRUNE_BELOW)

SEARCHES: dict[str, Searching] = {
    "beam": Beam(5, WIDTH, MANY - 1),
    "dfs": _DFS,
    "best_first": BestFirst(WIDTH, MANY - 1),
    "mcts": MonteCarlo(CALLS, WIDTH, MANY - 1),
    "dfs_no_backtracking": replace(_DFS, backtrack=False),
    "dfs_no_pruning": replace(_DFS, prune_below=0.0),
}
"""By the names of their figures."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval countdown`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    names = chosen_parts(measuring, tuple(SEARCHES))
    count = measuring.count(USUAL, QUICK)
    measuring.settings |= {
        "model": model_mark(options.model), "seed": options.seed, "problems": count, "calls": CALLS,
        "width": WIDTH, "prune_below": PRUNE_BELOW, "numbers": f"1-{LARGEST}",
        "proposer": "legal moves in the model's order", "evaluator": "the model, one pass",
    }  # fmt: skip
    games = [
        NumberGame(numbers, target, "countdown")
        for numbers, target in islice(countdown_problems(options.seed), count)
    ]
    model = open_model(options.model)
    try:
        told = reads_instructions(model)

        async def one(key: str) -> Row:
            name, _, first = key.partition(":")
            part = games[int(first) : int(first) + CHUNK]
            plays = [await _play(name, game, model, options.seed, told) for game in part]
            return {"plays": [play.model_dump(mode="json") for play in plays]}

        figures: Figures = {}
        every: list[Play] = []
        for name in names:
            keys = [f"{name}:{first}" for first in range(0, count, CHUNK)]
            plays = _plays(await measuring.each(keys, one, _tell))
            figures |= rate(name, (play.first for play in plays))
            figures[f"calls_{name}"] = mean([play.calls for play in plays])
            every += plays
    finally:
        await model.aclose()
    return figures | {"seconds_per_problem": mean([play.seconds for play in every])}


async def _play(name: str, game: NumberGame, model: Model, seed: int, told: bool) -> Play:
    """A problem by one search."""
    player = Player(SEARCHES[name], seed, CALLS)
    judge = Judge(game, ahead=False, instructions=told)
    play, _ = await player.play(game, game, ranked(game, instructions=told), judge, model)
    return play


def _plays(rows: Sequence[Row]) -> list[Play]:
    found: list[Play] = []
    for row in rows:
        plays = row["plays"]
        found += [Play.model_validate(play) for play in plays] if isinstance(plays, list) else []
    return found


def _tell(row: Row) -> str:
    plays = _plays([row])
    return f"{sum(play.first for play in plays)} of {len(plays)} solved"
