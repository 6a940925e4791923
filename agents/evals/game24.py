"""`punchlist eval game24`: puzzles 901-1000 of the Game of 24, the test split of Tree of Thoughts.

The model proposes moves and judges what they lead to; the calculator does the arithmetic and compares the
last number with 24. Beam search; the `WIDTH` legal moves of a state that the model finds likeliest are its
proposals (of four numbers there are up to 36); no stop before the end. A state of three numbers is judged by
the best of the two-number states that its legal moves make (look-ahead of one). A state of two is judged by a
trace and in one pass: the model writes one last move, the calculator its result. Every answer is checked
exactly afterwards.

    any_of_5, top_1, mean_of_5      beam of 5: one of the five best answers right, the best, the share of five
    b1_top_1                        beam of 1
    any_of_5_strict, top_1_strict, evaluator_auc_strict    no four numbers of the puzzles and no three-number
                                    state that they lead to was shown in training
    enumerating_proposer_any_of_5   all legal moves in place of the learnt proposer
    sampling_proposer_any_of_5      `WIDTH` moves sampled from the model, equal ones are one
    random_proposer_any_of_5        `WIDTH` legal moves drawn at random
    random_evaluator_any_of_5       random values in place of the learnt evaluator
    random_trace_any_of_5           the last move of each trace drawn at random
    no_trace_any_of_5               two numbers judged in one pass alone
    one_pass_any_of_5               no trace and no look-ahead
    no_tool_any_of_5, no_tool_top_1 sampled moves whose results the model writes too, and which are believed
    calls_per_puzzle, tokens_per_puzzle, seconds_per_puzzle    means of the beam of 5

    cot, cot_mean_of_100            chain of thought, greedy, and the mean of 100 samples
    cot_fault_<kind>                what was wrong with the greedy chains
    cot_sc_100                      majority of 100 samples at temperature 0.7, order of lines left aside
    cot_best_of_k, cot_k            samples at temperature 1 with an exact check at the end, as many as the
                                    tokens of the beam of 5 pay for; their mean number

    evaluator_auc                   of the states that one legal move leads to: area under the curve of the
                                    values against the exact solver
    evaluator_auc_<way>             the same with a `random_trace`, `no_trace`, in `one_pass`
    evaluator_accuracy_two, evaluator_recall_two    of the two-number states below them, judged in one pass:
                                    share judged right, and of those that reach 24
    trace_recall                    share of two-number states that reach 24 in which the trace does

    fork_seconds, resend_seconds, resend_vs_fork, fork_prefilled, resend_prefilled, same_tree
                                    the beam of 5, moves sampled, on a few puzzles with forked caches and
                                    with prompts sent anew: seconds, and prompt tokens computed for proposals,
                                    a puzzle; share of equal trees

`--only` names parts: tree, one, chain, enumerating, sampling, random_proposer, random, random_trace,
no_trace, one_pass, no_tool, judge, fork.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..domains.numbers import State, moves, solvable
from ..domains.numbers_game import (
    LONGEST_MOVE,
    MOST_MOVES,
    Board,
    Judge,
    NumberGame,
    RandomJudge,
    RandomMoves,
    enumerated,
    prompt_of,
    ranked,
    reads_instructions,
    sampled,
)
from ..domains.numbers_held_out import GAME, MANY, unseen_puzzles
from ..domains.numbers_prompts import Fault, read_chain
from ..reasoning.beam import Beam
from ..reasoning.evaluators import Checked
from ..reasoning.problem import Evaluator, Proposer
from ..reasoning.proposers import Sampled
from ..reasoning.sampling import BestOfN, SelfConsistency
from ..reasoning.search import Result
from ..reasoning.strategy import Answers
from ..reasoning.thinking import Thinking
from ..reasoning.tree import Node
from .harness import Figures, Measuring, OptionRefused, mean, rate, share
from .ledger import Row
from .models import EMBEDDED, model_mark, open_model
from .number_plays import CANDIDATES, Play, Player, area_under_curve

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...core_model.grammar import Grammar

USUAL, QUICK = 100, 2
"""Puzzles."""

WIDTH = 24
"""Proposals a state; equal ones are one."""

TO_THE_END = 2.0
"""A value that no state has: the beam does not stop at the first answer."""

SAMPLES = 100
"""Chains of which the majority counts."""

SC_TEMPERATURE = 0.7

MOST_PAID = 10
"""Times `SAMPLES`: most chains of which the best counts, of a model that does not tell its tokens."""

FORKED = 10
"""Puzzles that are played with forks and without."""

PARTS = (
    "tree", "one", "chain", "enumerating", "sampling", "random_proposer", "random", "random_trace",
    "no_trace", "one_pass", "no_tool", "judge", "fork",
)  # fmt: skip

TRIES = 1
"""Last moves that are written for a state of two numbers before it is judged."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval game24`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    from ...core_model.model import LocalModel

    options = measuring.options
    parts = chosen_parts(measuring, PARTS)
    count = min(measuring.count(USUAL, QUICK), USUAL)
    ranks = [rank for rank, _ in unseen_puzzles()[:count]]
    measuring.settings |= {
        "model": model_mark(options.model), "seed": options.seed, "puzzles": f"{ranks[0]}-{ranks[-1]}",
        "width": WIDTH, "tries": TRIES, "samples": SAMPLES,
        "check": "exact arithmetic on every answer, after the search",
    }  # fmt: skip
    if options.quick and "fork" in parts:
        parts.remove("fork")
        measuring.skipped["fork_seconds"] = "left out by --quick"
    model = open_model(options.model)
    try:
        table = Table(model, options.seed, reads_instructions(model))
        figures = await _tables(measuring, table, parts, ranks)
    finally:
        await model.aclose()
    if "fork" in parts and isinstance(model, LocalModel):
        figures |= await _forks(measuring, ranks[:FORKED])
    elif "fork" in parts:
        measuring.skipped["fork_seconds"] = "only a model in this process can be forked"
    return figures | _strict(measuring, figures)


def chosen_parts(measuring: Measuring, parts: Sequence[str]) -> list[str]:
    """The parts that `--only` names, all without it.

    Raises:
        OptionRefused: There is no such part.
    """
    named = [part.strip() for part in (measuring.options.only or ",".join(parts)).split(",")]
    for part in named:
        if part not in parts:
            raise OptionRefused(measuring.entry.name, "only", f"{part!r} is none of {', '.join(parts)}")
    return [part for part in parts if part in named]


@dataclass(frozen=True)
class Table:
    """Where puzzles are played: the model and the seed of all its sampling.

    Attributes:
        told: The model reads instructions.
    """

    model: Model
    seed: int
    told: bool
    fork: bool = True

    async def tree(
        self,
        game: NumberGame,
        beam: int = CANDIDATES,
        proposer: Proposer | None = None,
        evaluator: Evaluator | None = None,
        width: int = WIDTH,
    ) -> tuple[Play, Result]:
        """Beam search with the learnt proposer and evaluator, where no others are given."""
        search = Beam(beam, width, MANY - 1, TO_THE_END)
        proposer = proposer or ranked(game, instructions=self.told)
        evaluator = evaluator or Judge(game, instructions=self.told, tries=TRIES)
        player = Player(search, self.seed, fork=self.fork)
        return await player.play(game, game, proposer, evaluator, self.model)

    async def part(self, part: str, game: NumberGame) -> Row:
        """A part of the measurement that is one beam search."""
        told = self.told
        if part == "one":
            play, _ = await self.tree(game, beam=1)
        elif part == "enumerating":
            play, _ = await self.tree(game, proposer=enumerated(game), width=MOST_MOVES)
        elif part == "sampling":
            play, _ = await self.tree(game, proposer=sampled(game, instructions=told))
        elif part == "random_proposer":
            play, _ = await self.tree(game, proposer=RandomMoves(game, self.seed))
        elif part == "random":
            play, _ = await self.tree(game, evaluator=RandomJudge(game, self.seed))
        elif part == "random_trace":
            play, _ = await self.tree(game, evaluator=self.random_trace(game))
        elif part == "no_trace":
            play, _ = await self.tree(game, evaluator=Judge(game, instructions=told))
        elif part == "one_pass":
            play, _ = await self.tree(game, evaluator=Judge(game, ahead=False, instructions=told))
        elif part == "no_tool":
            believing = NumberGame(game.numbers, game.target, checked=False)
            play, _ = await self.tree(believing, proposer=sampled(believing, instructions=told))
        else:
            play, _ = await self.tree(game)
        return play.model_dump(mode="json")

    def random_trace(self, game: NumberGame) -> Judge:
        """Random last moves in the place of the model's."""
        return Judge(game, instructions=self.told, tries=TRIES, last=RandomMoves(game, self.seed))

    # --- chains of thought ------------------------------------------------------------

    def chains(self, game: NumberGame, temperature: float) -> Sampled:
        """Whole chains, sampled."""
        question = game.chain()
        grammar = _lark(question.grammar)
        prompt = prompt_of(question, self.told)
        tokens = LONGEST_MOVE * (MANY - 1)
        return Sampled(
            lambda _: prompt, grammar=lambda _: grammar, temperature=temperature, max_tokens=tokens
        )

    async def chain(self, game: NumberGame, afford: int) -> Row:
        """Chain of thought: greedy, the majority of many, and the best of as many as `afford` tokens pay."""
        greedy, _ = await self._whole(game, BestOfN(1, 1, TO_THE_END), 0.0)
        vote, voters = await self._whole(
            game, SelfConsistency(SAMPLES, 1, _unordered, TO_THE_END), SC_TEMPERATURE
        )
        each = [game.right(node.answer or "") for node in voters.tree if node.terminal is not None]
        prompt = self.model.count_tokens(game.chain().text)
        affordable = round((afford - prompt) / max(1.0, (vote.tokens - prompt) / SAMPLES))
        count = min(max(1, affordable), MOST_PAID * SAMPLES)
        best, _ = await self._whole(game, BestOfN(count, 1), 1.0)
        fault = read_chain(greedy.answer, game.numbers, game.target)
        return {
            "greedy": greedy.first,
            "fault": fault.kind if isinstance(fault, Fault) else "",
            "mean": sum(each) / SAMPLES,
            "majority": vote.first,
            "k": count,
            "best_of_k": best.first,
            "tokens": best.tokens,
            "seconds": best.seconds,
        }

    async def _whole(
        self, game: NumberGame, search: BestOfN | SelfConsistency, temperature: float
    ) -> tuple[Play, Result]:
        check = Checked(lambda node: game.right(node.answer or ""), "tool", "every line is computed anew")
        proposer = self.chains(game, temperature)
        return await Player(search, self.seed).play(game, Answers(), proposer, check, self.model)

    # --- the evaluator alone ----------------------------------------------------------

    async def judge(self, game: NumberGame) -> Row:
        """Values of the states that one move leads to, and what the exact solver says of them."""
        thinking = Thinking(self.model, seed=self.seed)
        children = list(moves(game.numbers))
        nodes = [loose(child) for child in children]
        below = list(dict.fromkeys(state for child in children for state in moves(child)))
        one_pass = Judge(game, ahead=False, instructions=self.told)
        judges = {
            "ahead": Judge(game, instructions=self.told, tries=TRIES),
            "random_trace": self.random_trace(game),
            "no_trace": Judge(game, instructions=self.told),
            "one_pass": one_pass,
        }
        told = {name: await judge.score(nodes, thinking) for name, judge in judges.items()}
        ends = [loose(state) for state in below]
        two = await one_pass.score(ends, thinking)
        traced = await judges["ahead"].score(ends, thinking)
        truth = [solvable(state, game.target) for state in below]
        said = [score.value > 0.5 for score in two]
        found = [score.value >= 0.5 for score in traced]  # the calculator's 1 is half of the value
        pairs = list(zip(said, truth, strict=True))
        return {
            "truth": [solvable(child, game.target) for child in children],
            **{name: [round(score.value, 6) for score in scores] for name, scores in told.items()},
            "two": len(pairs),
            "two_right": sum(yes == true for yes, true in pairs),
            "two_true": sum(truth),
            "two_found": sum(yes and true for yes, true in pairs),
            "two_traced": sum(yes and true for yes, true in zip(found, truth, strict=True)),
        }


def loose(state: State) -> Node:
    """A node outside of any tree."""
    return Node("", None, Board(state))


def _unordered(answer: str) -> str:
    """A chain without the order of its lines."""
    return "\n".join(sorted(answer.splitlines()))


def _lark(grammar: str) -> Grammar:
    from ...core_model.grammar import Grammar

    return Grammar.lark(grammar)


# --- the parts as items of the ledger -------------------------------------------------------------------


async def _tables(measuring: Measuring, table: Table, parts: Sequence[str], ranks: Sequence[int]) -> Figures:
    """All parts but the forks."""
    games = {rank: NumberGame(numbers, GAME) for rank, numbers in unseen_puzzles()}
    rows = measuring.ledger().rows

    async def one(key: str) -> Row:
        part, _, rank = key.partition(":")
        game = games[int(rank)]
        if part == "chain":
            tree = rows.get(f"tree:{rank}") or await table.part("tree", game)
            return await table.chain(game, Play.model_validate(tree).tokens)
        return await (table.judge(game) if part == "judge" else table.part(part, game))

    figures: Figures = {}
    for part in PARTS[:-1]:
        if part not in parts:
            continue
        found = await measuring.each([f"{part}:{rank}" for rank in ranks], one, _tell)
        figures |= _SUMS.get(part, partial(_any_of_5, part))(found)
    return figures


def _tell(row: Row) -> str:
    if "stopped" in row:
        return Play.model_validate(row).tell()
    if "greedy" in row:
        return f"greedy {row['greedy']}, majority {row['majority']}, best of {row['k']} {row['best_of_k']}"
    return f"{row['two_right']} of {row['two']} two-number states judged right"


def _plays(rows: Sequence[Row]) -> list[Play]:
    return [Play.model_validate(row) for row in rows]


def _tree_figures(rows: Sequence[Row]) -> Figures:
    plays = _plays(rows)
    return {
        **rate("any_of_5", (play.any for play in plays)),
        **rate("top_1", (play.first for play in plays)),
        "mean_of_5": mean([sum(play.right) / CANDIDATES for play in plays]),
        "calls_per_puzzle": mean([play.calls for play in plays]),
        "tokens_per_puzzle": mean([play.tokens for play in plays]),
        "seconds_per_puzzle": mean([play.seconds for play in plays]),
    }


def _one_figures(rows: Sequence[Row]) -> Figures:
    return rate("b1_top_1", (play.first for play in _plays(rows)))


def _any_of_5(part: str, rows: Sequence[Row]) -> Figures:
    name = {
        "enumerating": "enumerating_proposer",
        "sampling": "sampling_proposer",
        "random": "random_evaluator",
    }
    return rate(f"{name.get(part, part)}_any_of_5", (play.any for play in _plays(rows)))


def _no_tool_figures(rows: Sequence[Row]) -> Figures:
    return _any_of_5("no_tool", rows) | rate("no_tool_top_1", (play.first for play in _plays(rows)))


def _chain_figures(rows: Sequence[Row]) -> Figures:
    figures = rate("cot", (row["greedy"] is True for row in rows))
    figures |= rate("cot_sc_100", (row["majority"] is True for row in rows))
    figures |= rate("cot_best_of_k", (row["best_of_k"] is True for row in rows))
    faults = [str(row["fault"]) for row in rows if row["fault"]]
    figures |= {f"cot_fault_{kind}": share(faults.count(kind), len(rows)) for kind in sorted(set(faults))}
    return figures | {
        "cot_mean_of_100": mean([_number(row["mean"]) for row in rows]),
        "cot_k": mean([_number(row["k"]) for row in rows]),
    }


def _judge_figures(rows: Sequence[Row]) -> Figures:
    truth = [value is True for row in rows for value in _list(row["truth"])]
    figures: Figures = {}
    for column in ("ahead", "random_trace", "no_trace", "one_pass"):
        name = "evaluator_auc" if column == "ahead" else f"evaluator_auc_{column}"
        figures[name] = area_under_curve([_number(v) for row in rows for v in _list(row[column])], truth)

    def total(column: str) -> int:
        return int(sum(_number(row[column]) for row in rows))

    figures["evaluator_accuracy_two"] = share(total("two_right"), total("two"))
    figures["trace_recall"] = share(total("two_traced"), total("two_true"))
    figures["evaluator_recall_two"] = share(total("two_found"), total("two_true"))
    return figures


_SUMS: dict[str, Callable[[Sequence[Row]], Figures]] = {
    "tree": _tree_figures,
    "one": _one_figures,
    "no_tool": _no_tool_figures,
    "chain": _chain_figures,
    "judge": _judge_figures,
}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _strict(measuring: Measuring, figures: Figures) -> Figures:
    """Under the strict exclusion: the embedded model was trained under it, of others nobody knows."""
    names = ("any_of_5", "top_1", "evaluator_auc")
    if measuring.options.model in (None, EMBEDDED):
        measuring.settings["strict"] = (
            "the same run: the embedded model is trained under the strict exclusion"
        )
        return {f"{name}_strict": figures.get(name) for name in names if name in figures}
    why = "it is not known which states this model saw in training"
    measuring.skipped |= {f"{name}_strict": why for name in names}
    return {f"{name}_strict": None for name in names}


# --- forks ----------------------------------------------------------------------------------------------


async def _forks(measuring: Measuring, ranks: Sequence[int]) -> Figures:
    """The same trees with forked caches and with prompts that are sent anew, one puzzle at a time."""
    from ...core_model import load_model

    games = {rank: NumberGame(numbers, GAME) for rank, numbers in unseen_puzzles()}
    which, seed = measuring.options.model, measuring.options.seed
    # without a prefix cache a prompt that is sent again is computed again
    model = load_model(None if which in (None, EMBEDDED) else which, prefix_cache=False)
    told = reads_instructions(model)
    alone = asyncio.Lock()

    async def one(key: str) -> Row:
        game = games[int(key.partition(":")[2])]
        async with alone:
            moves_of = sampled(game, instructions=told)
            fork, grown = await Table(model, seed, told).tree(game, proposer=moves_of)
            resend, again = await Table(model, seed, told, fork=False).tree(game, proposer=moves_of)
        same = [str(node.state) for node in grown.tree] == [str(node.state) for node in again.tree]
        return {
            "fork": fork.seconds, "resend": resend.seconds, "same": same,
            "fork_prefilled": fork.prefilled, "resend_prefilled": resend.prefilled,
        }  # fmt: skip

    try:
        rows = await measuring.each([f"fork:{rank}" for rank in ranks], one, _tell_fork)
    finally:
        await model.aclose()
    means = {
        name: mean([_number(row[column]) for row in rows])
        for name, column in zip(
            ("fork_seconds", "resend_seconds", "fork_prefilled", "resend_prefilled"),
            ("fork", "resend", "fork_prefilled", "resend_prefilled"),
            strict=True,
        )
    }
    fork, resend = means["fork_seconds"], means["resend_seconds"]
    return {
        **means,
        "resend_vs_fork": resend / fork if fork and resend else None,
        "same_tree": share(sum(row["same"] is True for row in rows), len(rows)),
    }


def _tell_fork(row: Row) -> str:
    return f"{row['fork']} s with forks, {row['resend']} s without"
