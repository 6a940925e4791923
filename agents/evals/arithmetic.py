"""`punchlist eval arithmetic`: word problems solved by chain of thought, with and without what helps it.

Generated problems that no training has seen (seeds from `HELD_OUT` up), each solved in three ways: with
everything (`accuracy`, `accuracy_steps_<count>`), without the calculator in chain and checks
(`accuracy_no_tool`), without the grammar (`accuracy_no_grammar`). `accuracy_no_redo` is the first attempt of
the first way, `accuracy_no_tool_no_redo` that of the second; `accuracy_random` draws chains at random out of
the same grammar. The right answer scores and is not known to the solver. `error_<kind>` are shares of all
problems: calculator, symbol, missing_step, and other with wrong operations, unreadable and unfinished chains.
`mended` is the share of wrong first attempts whose problem ended right, `spoiled` that of right ones whose
problem ended wrong. `tokens_per_problem` and `calls_per_problem` are those of the first way.

The verifier is tried on right chains and on ones with one planted mistake (half and half): `judge_precision`,
`judge_recall` and `judge_recall_<kind>` are the model alone, `judge_line` and `judge_kind` the shares of the
mistakes it found whose line and kind it names; `verifier_precision` and `verifier_recall` are it together
with the checks that compute. `verifier_recall_own` and `false_alarms_own` are of the solver's first attempts.

With `--data FOLDER` (`test.jsonl` of GSM8K: "question", "answer" that ends in "#### 18") also
`gsm8k_accuracy`, with everything and with constants allowed. The embedded model was not made for those.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from ..domains.arithmetic import Chain, Judgement, Problem, classify, findings
from ..domains.arithmetic_solving import Solved, Solver
from ..reasoning.thinking import Thinking
from ..testing import WorstCaseModel
from ..training.arithmetic_documents import plant
from ..training.arithmetic_stories import draw_problem
from ..training.documents import HELD_OUT
from .harness import Figures, Measuring, mean, rate
from .ledger import EvalError, Row
from .models import model_mark, open_model

if TYPE_CHECKING:
    from ...core_model.generation import Model

USUAL, QUICK = 200, 20
"""Problems, and chains to check."""

STREAM = 7_000
"""Which of the held-out streams these problems are."""

CHUNK = 10
"""Problems that are solved together: a line of the ledger."""

WAYS = {
    "full": Solver(),
    "no_tool": Solver(tool=False),
    "no_grammar": Solver(grammar=False),
    "gsm8k": Solver(constants=True),
}
BLIND = Solver(judge=False, redos=0)
"""For the chains that are drawn at random."""

Item = dict[str, JsonValue]


class DataDamaged(EvalError):
    """The file with foreign problems is not there or not what it should be."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"{path} {why}. Name the folder that has GSM8K's test.jsonl: --data FOLDER.")


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval arithmetic`.

    Raises:
        DataDamaged: `--data` has no such problems.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    count = measuring.count(USUAL, QUICK)
    foreign = [] if options.data is None else read_problems(options.data / "test.jsonl")[:count]
    measuring.settings |= {
        "model": model_mark(options.model),
        "problems": count,
        "seed": options.seed,
        "redos": WAYS["full"].redos,
        "foreign": len(foreign),
    }
    model = open_model(options.model)
    spans = [(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    parts = ["full", "no_tool", "no_grammar", "random", "judge"]
    keys = [f"{part}:{first}-{end}" for part in parts for first, end in spans]
    keys += [f"gsm8k:{first}-{min(first + CHUNK, len(foreign))}" for first in range(0, len(foreign), CHUNK)]

    async def do(key: str) -> Row:
        part, _, span = key.partition(":")
        first, _, end = span.partition("-")
        numbers = range(int(first), int(end))
        if part == "judge":
            return {"items": await _judged(model, options.seed, numbers)}
        if part == "gsm8k":
            wanted = [foreign[number] for number in numbers]
            return {"items": await _foreign(model, wanted)}
        problems = [held_out(options.seed, number) for number in numbers]
        if part == "random":
            drawn = [WorstCaseModel(number) for number in numbers]
            return {"items": await _solved(drawn, BLIND, problems)}
        return {"items": await _solved([model] * len(problems), WAYS[part], problems)}

    try:
        await measuring.each(keys, do, _tell)
    finally:
        await model.aclose()
    return _figures(measuring.ledger().rows, bool(foreign))


def held_out(seed: int, number: int) -> Problem:
    """A problem that no training has seen."""
    return draw_problem(Random((HELD_OUT + STREAM + seed) * 1_000_003 + number))


# --- the parts ------------------------------------------------------------------------------------------


async def _solve(model: Model, solver: Solver, text: str) -> tuple[Solved, int, int]:
    """What came of a problem, tokens and calls."""
    thinking = Thinking(model)
    try:
        solved = await solver.solve(thinking, text)
    finally:
        await thinking.aclose()
    return solved, thinking.used.tokens, thinking.used.model_calls


async def _solved(models: Sequence[Model], solver: Solver, problems: Sequence[Problem]) -> list[JsonValue]:
    """Each problem solved by its model, all at once."""
    works = [_solve(model, solver, problem.text) for model, problem in zip(models, problems, strict=True)]
    made = await asyncio.gather(*works)
    return [_item(problem, *each) for problem, each in zip(problems, made, strict=True)]


def _item(problem: Problem, solved: Solved, tokens: int, calls: int) -> Item:
    first = solved.attempts[0] if solved.attempts else None
    return {
        "steps": len(problem.steps),
        "error": classify(problem, solved.chain),
        "first_error": classify(problem, None if first is None else first.chain),
        "first_blamed": first is not None and bool(first.findings),
        "attempts": len(solved.attempts),
        "stop": solved.stop_reason,
        "tokens": tokens,
        "calls": calls,
    }


async def _foreign(model: Model, wanted: Sequence[tuple[str, Fraction]]) -> list[JsonValue]:
    made = await asyncio.gather(*(_solve(model, WAYS["gsm8k"], text) for text, _ in wanted))
    return [
        {"error": None if solved.answer == answer else "other", "tokens": tokens, "calls": calls}
        for (_, answer), (solved, tokens, calls) in zip(wanted, made, strict=True)
    ]


async def _judged(model: Model, seed: int, numbers: Iterable[int]) -> list[JsonValue]:
    """What the verifier says of chains; every second one has a planted mistake."""
    cases: list[tuple[Problem, Chain, Judgement]] = []
    for number in numbers:
        rng = Random((HELD_OUT + STREAM + 1 + seed) * 1_000_003 + number)
        problem = draw_problem(rng)
        right = problem.chain(), Judgement()
        cases.append((problem, *(plant(rng, problem) if number % 2 else right)))
    thinking = Thinking(model)
    try:
        said = await asyncio.gather(
            *(WAYS["full"].check(thinking, problem.text, chain) for problem, chain, _ in cases)
        )
    finally:
        await thinking.aclose()
    return [
        {
            "kind": truth.kind,
            "computed": any(findings(problem.text, chain)),
            "blamed": not judged.right,
            "placed": judged.line == truth.line,
            "named": judged.kind == truth.kind,
        }
        for (problem, chain, truth), judged in zip(cases, said, strict=True)
    ]


def read_problems(path: Path) -> list[tuple[str, Fraction]]:
    """Foreign problems with their answers.

    Raises:
        DataDamaged: The file is missing or a line of it is no problem.
    """
    if not path.is_file():
        raise DataDamaged(path, "is not there")
    found: list[tuple[str, Fraction]] = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told = cast("dict[str, Any]", json.loads(row))
            answer = str(told["answer"]).rpartition("####")[2]
            found.append((str(told["question"]), Fraction(answer.strip().replace(",", ""))))
        except (ValueError, KeyError, TypeError) as error:
            raise DataDamaged(path, f"has no problem in line {number}: {error}") from error
    return found


# --- the figures ----------------------------------------------------------------------------------------


def _tell(row: Row) -> str:
    items = _items(row)
    if "kind" in items[0]:
        hits = [item["blamed"] == (item["kind"] is not None) for item in items]
    else:
        hits = [item["error"] is None for item in items]
    return f"{sum(hits)} of {len(hits)}"


def _items(row: Row) -> list[Item]:
    return cast("list[Item]", row["items"])


def _figures(rows: dict[str, Row], foreign: bool) -> Figures:
    parts: dict[str, list[Item]] = {}
    for key, row in rows.items():
        parts.setdefault(key.partition(":")[0], []).extend(_items(row))
    full, no_tool = parts.get("full", []), parts.get("no_tool", [])
    figures = (
        _accuracy("", full)
        | _accuracy("_no_redo", full, "first_error")
        | _accuracy("_no_tool", no_tool)
        | _accuracy("_no_tool_no_redo", no_tool, "first_error")
        | _accuracy("_no_grammar", parts.get("no_grammar", []), errors=False)
        | _accuracy("_random", parts.get("random", []), errors=False)
    )
    for steps in range(1, 6):
        some = [item["error"] is None for item in full if item["steps"] == steps]
        figures |= rate(f"accuracy_steps_{steps}", some)
    figures |= _redos(full) | _verifier(parts.get("judge", []))
    figures |= {
        "tokens_per_problem": mean([float(str(item["tokens"])) for item in full]),
        "calls_per_problem": mean([float(str(item["calls"])) for item in full]),
    }
    if foreign:
        figures |= rate("gsm8k_accuracy", [item["error"] is None for item in parts.get("gsm8k", [])])
    return figures


def _accuracy(suffix: str, items: Sequence[Item], key: str = "error", *, errors: bool = True) -> Figures:
    """The share that is right, and that of each kind of mistake."""
    figures = rate(f"accuracy{suffix}", [item[key] is None for item in items])
    told = {
        "calculator": {"calculator"},
        "symbol": {"symbol"},
        "missing_step": {"missing step"},
        "other": {"operation", "other"},
    }
    for name, kinds in told.items() if errors else ():
        figures |= rate(f"error_{name}{suffix}", [item[key] in kinds for item in items])
    return figures


def _redos(full: Sequence[Item]) -> Figures:
    """What checking and thinking again did to the first attempts."""
    wrong = [item for item in full if item["first_error"] is not None]
    right = [item for item in full if item["first_error"] is None]
    return (
        rate("mended", [item["error"] is None for item in wrong])
        | rate("spoiled", [item["error"] is not None for item in right])
        | rate("verifier_recall_own", [item["first_blamed"] is True for item in wrong])
        | rate("false_alarms_own", [item["first_blamed"] is True for item in right])
    )


def _verifier(items: Sequence[Item]) -> Figures:
    """Precision and recall on planted mistakes."""
    wrong = [item for item in items if item["kind"] is not None]
    judge = [item for item in items if item["blamed"]]
    both = [item for item in items if item["blamed"] or item["computed"]]
    hit = [item for item in wrong if item["blamed"]]
    figures = (
        rate("verifier_precision", [item["kind"] is not None for item in both])
        | rate("verifier_recall", [bool(item["blamed"] or item["computed"]) for item in wrong])
        | rate("judge_precision", [item["kind"] is not None for item in judge])
        | rate("judge_recall", [item["blamed"] is True for item in wrong])
        | rate("judge_line", [item["placed"] is True for item in hit])
        | rate("judge_kind", [item["named"] is True for item in hit])
    )
    for kind in ("calculator", "symbol", "missing step", "operation"):
        some = [item["blamed"] is True for item in wrong if item["kind"] == kind]
        figures |= rate(f"judge_recall_{kind.replace(' ', '_')}", some)
    return figures
