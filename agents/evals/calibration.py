"""`punchlist eval calibration`: whether the probability that a judge gives a pass is the share that holds.

Generated reports with the evidence for them, in about half of which a fault is planted; of each report one
criterion is asked about, as a `Judge` asks: alone, once as it stands and once with evidence and report in
reversed order. `reports` is their number and `sound` the share of criteria without a fault.

Probabilities of a pass, in the first order: `brier` is the mean square of their distance from what is so (0
or 1) and `brier_base` that of always saying `sound`. In ten bins of equal width, `bin_<n>` is how many of
them lie above (n-1)/10 up to n/10, `bin_<n>_believed` their mean and `bin_<n>_held` the share of sound
criteria there; `ece` is the mean distance of the two, weighted by bin (expected calibration error).

At thresholds T of 50 to 99 percent, `pass_precision_at_<T>` is the share of sound criteria among those
passed with at least T, `pass_recall_at_<T>` the share of sound ones that were passed so, and
`coverage_at_<T>` the share of all that were decided: passed or failed with at least T. `threshold_95` is
the least probability from which on passes have a precision of at least 0.95, and `threshold_95_recall` the
recall there; `threshold_95_sure` is the least from which on the lower end of the precision's 95 percent
interval is that high. They are null where there is none.

With the `sure` that judges have where they name none, `pass_precision` and `pass_recall` are those of one
judgement, `pass_precision_two_orders` and `pass_recall_two_orders` those of two that must agree
(`judges=2`), and `contradictions` is the share of reports of which the two orders say surely one a pass and
the other a fail.

A model that gives no probabilities is asked for votes, whose shares stand for them.

Sources: Guo et al. 2017, arXiv:1706.04599 (error over bins); Brier 1950.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, cast

from ...protocols.spec import SURE, Exhibit, Judge
from ..checking.judging import arranged, question_of
from ..checking.verifying import OUTCOMES, Outcome, weigh
from ..mind import VOTES
from ..training import verify_documents
from ..training.documents import HELD_OUT
from .harness import Figures, Measuring, mean, rate, share, wilson
from .ledger import Row
from .models import model_mark, open_model

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Model
    from ..question import Question

USUAL, QUICK = 1000, 40
"""Reports."""

SERIES = 500
"""Keeps these reports apart from those of `eval tools`."""

BINS = 10
THRESHOLDS = (50, 60, 70, 80, 90, 95, 99)
PRECISION = 0.95
MOST_TOKENS = 400


@dataclass(frozen=True)
class Belief:
    """What a model believes of one criterion: probabilities of pass and fail, in each order; what is so."""

    passes: tuple[float, float]
    fails: tuple[float, float]
    sound: bool


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval calibration`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options, count = measuring.options, measuring.count(USUAL, QUICK)
    measuring.settings |= {"model": model_mark(options.model), "reports": count, "seed": options.seed}
    model = open_model(options.model)

    async def one(key: str) -> Row:
        rng = Random((HELD_OUT + 1000 * (options.seed + 1) + SERIES) * 1_000_003 + int(key))
        return await _believed(model, rng)

    try:
        rows = await measuring.each([str(number) for number in range(count)], one, _tell)
    finally:
        await model.aclose()
    return figures_of([_belief(row) for row in rows])


async def _believed(model: Model, rng: Random) -> Row:
    """One criterion of a drawn report, weighed in both orders."""
    case = verify_documents.draw_case(rng)
    number = rng.randrange(len(case.facts))
    judge = Judge(case.criteria[number])
    exhibit = Exhibit(dict(case.result), case.evidence)
    shares = [await _shares(model, question_of(judge, arranged(exhibit, order))) for order in (0, 1)]
    return {
        "passes": [each["pass"] for each in shares],
        "fails": [each["fail"] for each in shares],
        "sound": not case.facts[number].fault,
        "fault": case.facts[number].fault,
    }


async def _shares(model: Model, question: Question) -> dict[Outcome, float]:
    """Probabilities of the outcomes, or shares of votes."""
    if model.capabilities.score:
        return await weigh(model, question)
    from ...core_model.sampling import Sampling

    messages: list[Message] = [
        {"role": "system", "content": question.system()},
        {"role": "user", "content": question.text},
    ]
    said: list[str] = []
    for seed in range(VOTES):
        sampling = Sampling(temperature=1.0, seed=seed, max_tokens=MOST_TOKENS)
        made = await model.generate(messages, sampling=sampling, grammar=question.compiled())
        said.append(made.text.strip() if made.stop_reason == "stop" else "")
    return {outcome: sum(each.startswith(f"1 {outcome}") for each in said) / VOTES for outcome in OUTCOMES}


def _tell(row: Row) -> str:
    belief = _belief(row)
    return f"{'sound' if belief.sound else 'faulty'}, pass {belief.passes[0]:.2f}"


def _belief(row: Row) -> Belief:
    one, other = cast("list[float]", row["passes"])
    fail, other_fail = cast("list[float]", row["fails"])
    return Belief((one, other), (fail, other_fail), bool(row["sound"]))


# --- figures --------------------------------------------------------------------------------------------


def figures_of(beliefs: Sequence[Belief]) -> Figures:
    """All figures; null where there is nothing to count."""
    sound = [each.sound for each in beliefs]
    figures: Figures = {"reports": len(beliefs)} | rate("sound", sound)
    base = mean([float(each) for each in sound])
    figures["brier"] = mean([(each.passes[0] - each.sound) ** 2 for each in beliefs])
    figures["brier_base"] = None if base is None else base * (1 - base)
    figures |= _reliability(beliefs)
    for threshold in THRESHOLDS:
        least = threshold / 100
        figures |= _selective(beliefs, f"_at_{threshold}", [each.passes[0] >= least for each in beliefs])
        decided = [max(each.passes[0], each.fails[0]) >= least for each in beliefs]
        figures |= rate(f"coverage_at_{threshold}", decided)
    figures |= _thresholds(beliefs)
    figures |= _selective(beliefs, "", [each.passes[0] >= SURE for each in beliefs])
    figures |= _selective(beliefs, "_two_orders", [min(each.passes) >= SURE for each in beliefs])
    contrary = [
        (each.passes[0] >= SURE and each.fails[1] >= SURE)
        or (each.fails[0] >= SURE and each.passes[1] >= SURE)
        for each in beliefs
    ]
    return figures | rate("contradictions", contrary)


def _reliability(beliefs: Sequence[Belief]) -> Figures:
    """The table of bins, and the error over them."""
    bins: list[list[Belief]] = [[] for _ in range(BINS)]
    for belief in beliefs:
        place = next(n for n in range(1, BINS + 1) if belief.passes[0] * BINS <= n or n == BINS)
        bins[place - 1].append(belief)
    figures: Figures = {}
    error = 0.0
    for number, found in enumerate(bins, 1):
        believed, held = (
            mean([each.passes[0] for each in found]),
            share(sum(each.sound for each in found), len(found)),
        )
        figures |= {
            f"bin_{number}": len(found),
            f"bin_{number}_believed": believed,
            f"bin_{number}_held": held,
        }
        if believed is not None and held is not None:
            error += len(found) * abs(believed - held)
    figures["ece"] = error / len(beliefs) if beliefs else None
    return figures


def _selective(beliefs: Sequence[Belief], which: str, passed: Sequence[bool]) -> Figures:
    """Precision and recall of passing just these."""
    pairs = list(zip(beliefs, passed, strict=True))
    precision = rate(f"pass_precision{which}", [each.sound for each, chosen in pairs if chosen])
    return precision | rate(f"pass_recall{which}", [chosen for each, chosen in pairs if each.sound])


def _thresholds(beliefs: Sequence[Belief]) -> Figures:
    """The least thresholds of sufficient precision, by going down from the most believed."""
    ordered = sorted(beliefs, key=lambda each: -each.passes[0])
    sound_of_all = sum(each.sound for each in beliefs)
    figures: Figures = {"threshold_95": None, "threshold_95_recall": None, "threshold_95_sure": None}
    hits = 0
    for taken, belief in enumerate(ordered, 1):
        hits += belief.sound
        if taken < len(ordered) and ordered[taken].passes[0] == belief.passes[0]:
            continue  # a threshold takes all of one probability, or none
        if hits / taken >= PRECISION:
            figures |= {"threshold_95": belief.passes[0], "threshold_95_recall": share(hits, sound_of_all)}
        if wilson(hits, taken)[0] >= PRECISION:
            figures["threshold_95_sure"] = belief.passes[0]
    return figures
