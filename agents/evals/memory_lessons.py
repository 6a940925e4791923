"""Do lessons help? First attempts of the model at shops with a flaw, with and without lessons of other shops.

A family is a flaw that every shop of it has, so that a first attempt fails in the same way everywhere:

    quantity_resets     what is added first goes into the basket once, whatever was typed; only the basket
                        shows it, and only a plan that sets the count there again comes through
    field_resets        choosing the delivery empties the day; only a plan that fills the day last does

First the model works at shops for teaching, with two redos and a memory: what mends a failure there is kept
with its confirm. Then it meets other shops and goals, with no redo at all, in three ways:

    lessons_on          goals reached at the first attempt, with that memory
    lessons_off         the same goals without a memory
    lessons_shuffled    with the same records, each saying what lessons of another stage say: whether it
                        counts what is recalled, or only that something is
    lessons_*_<family>  the same for each family
    lessons_taught      records that teaching left
    lessons_recalled    share of the goals of `lessons_on` at which a lesson went into a plan
    lessons_goals       goals of each way

A goal is reached where the run says confirmed and the shop's database says right. Each goal gets a copy of
the memory, so that no goal learns of another one.

Does not cover: other models, and failures that no lesson of the closed list is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Generator, Iterable, Sequence
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...examples.site import ShopGoal, goal
from ..roles import LESSONS
from .harness import Figures, Measuring, OptionRefused, rate, share
from .ledger import Row
from .models import STRING_MATCH, model_mark, open_model
from .shop import Booth, GoalRow

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...memory import Memory

FAMILIES = ("quantity_resets", "field_resets")
ARMS = ("on", "off", "shuffled")
TAUGHT_FROM, MEASURED_FROM = 6_000_000, 7_000_000
"""Seeds of shops for teaching and for measuring begin here; those of `eval shop` lie apart from both."""

APART = 10_000
SWAPPED = {
    LESSONS[one]: other
    for one, other in zip(
        ("quantity", "missing", "order", "again"), ("order", "again", "quantity", "missing"), strict=True
    )
}
"""By the words of each lesson, one that is about another stage."""

TEACHING, QUICK_TEACHING = 8, 2
"""Shops of each family for teaching."""

USUAL, QUICK = 100, 4


def seeds_of(family: str, first: int, how_many: int) -> list[int]:
    """Seeds from `first` on whose goal is one order that the flaw of the family strikes."""
    return list(islice((seed for seed in count(first) if _is_struck(family, goal(seed))), how_many))


def _is_struck(family: str, wanted: ShopGoal) -> bool:
    """Whether a goal is a single order, and of more than one piece of a thing where counts are lost."""
    orders = wanted.expected.orders
    if len(orders) != 1 or wanted.expected.tickets:
        return False
    return family != "quantity_resets" or all(number > 1 for _, number in orders[0].lines)


def lessons(measuring: Measuring) -> Figures:
    """The figures. What was taught lies beside the ledger, for a resume.

    Raises:
        OptionRefused: Matching words makes no plan out of lessons.
    """
    if measuring.options.model == STRING_MATCH:
        raise OptionRefused(measuring.entry.name, "model", "matching words reads no lessons")
    place = measuring.ledger().path.with_suffix(".memory")
    return asyncio.run(_lessons(measuring, measuring.count(USUAL, QUICK), place))


async def _lessons(measuring: Measuring, goals: int, place: Path) -> Figures:
    options = measuring.options
    model = open_model(options.model)
    booth = Booth()
    try:
        await _teach(measuring, booth, model, place)
        keys = [
            f"lessons {arm} {family} {seed}"
            for seeds in zip(
                *(seeds_of(family, _first(MEASURED_FROM, options.seed), _part(goals)) for family in FAMILIES),
                strict=True,
            )
            for family, seed in zip(FAMILIES, seeds, strict=True)
            for arm in ARMS
        ]

        async def one(key: str) -> Row:
            _, arm, family, seed = key.split()
            with _copy(place, arm) as memory:
                row = await booth.run(goal(int(seed)), model, 0, flaws=[family], memory=memory)
            return row.model_dump(mode="json")

        rows = await measuring.each(keys, one, lambda row: GoalRow.model_validate(row).tell())
    finally:
        await booth.close()
        await model.aclose()
    done = [key for key in keys if key in measuring.ledger().rows]  # a shard has only some of them
    return figures_of(dict(zip(done, map(GoalRow.model_validate, rows), strict=True)), _taught(place))


def _first(begin: int, seed: int) -> int:
    return begin + seed * APART


def _teaching(measuring: Measuring) -> int:
    return QUICK_TEACHING if measuring.options.quick else TEACHING


def _part(goals: int) -> int:
    """Goals of each family."""
    return max(1, goals // len(FAMILIES))


async def _teach(measuring: Measuring, booth: Booth, model: Model, place: Path) -> None:
    """Let the model work at the shops for teaching, and shuffle what it learned."""
    from ...memory import Memory

    keys = [
        f"teach {family} {seed}"
        for family in FAMILIES
        for seed in seeds_of(family, _first(TAUGHT_FROM, measuring.options.seed), _teaching(measuring))
    ]
    if not any(key in measuring.ledger().rows for key in keys):
        shutil.rmtree(place, ignore_errors=True)
    with Memory.open(place / "on") as memory:

        async def one(key: str) -> Row:
            _, family, seed = key.split()
            row = await booth.run(goal(int(seed)), model, 2, flaws=[family], memory=memory)
            return row.model_dump(mode="json")

        await measuring.each(keys, one, lambda row: GoalRow.model_validate(row).tell(), sharded=False)
        shutil.rmtree(place / "shuffled", ignore_errors=True)
        with Memory.open(place / "shuffled", embedder=memory.embedder) as other:
            shuffle(memory, other)


def shuffle(taught: Memory, other: Memory) -> None:
    """Write the lessons of one memory into another, each with what one of another stage says."""
    for record in taught.records_sync(kinds=("reflection",)):
        stage, _, note = record.text.partition(": ")
        changed = f"{stage}: {LESSONS[SWAPPED[note]]}"
        proof = taught.proofs_sync(record.id)[0]
        kept = {"text": changed, "seen": 1, "standing": "unjudged", "id": f"{record.id}s"}
        other.remember_sync(record.model_copy(update=kept), proof)


@contextlib.contextmanager
def _copy(place: Path, arm: str) -> Generator[Memory | None]:
    """A memory of this goal's own."""
    from ...memory import Memory

    if arm == "off":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="punchlist-eval-") as folder:
        shutil.copytree(place / arm, Path(folder) / "memory")
        with Memory.open(Path(folder) / "memory") as memory:
            yield memory


def _taught(place: Path) -> int:
    """Lessons that teaching left."""
    from ...memory import Memory

    with Memory.open(place / "on") as memory:
        return len(memory.records_sync(kinds=("reflection",)))


def figures_of(rows: dict[str, GoalRow], taught: int) -> Figures:
    """The figures of these goals, by keys `lessons ARM FAMILY SEED`."""
    figures: Figures = {}
    for arm in ARMS:
        figures |= rate(f"lessons_{arm}", _reached(_rows(rows, arm)))
        for family in FAMILIES:
            figures |= rate(f"lessons_{arm}_{family}", _reached(_rows(rows, arm, family)))
    on = _rows(rows, "on")
    figures["lessons_taught"] = taught
    figures["lessons_recalled"] = share(sum(row.recalled > 0 for row in on), len(on))
    figures["lessons_goals"] = len(on)
    return figures


def _rows(rows: dict[str, GoalRow], arm: str, family: str = "") -> list[GoalRow]:
    parts = [(key.split(), row) for key, row in rows.items()]
    return [row for key, row in parts if key[1] == arm and family in ("", key[2])]


def _reached(rows: Iterable[GoalRow]) -> Sequence[bool]:
    return [row.outcome == "confirmed" and row.right for row in rows]


def settings_of(measuring: Measuring) -> dict[str, JsonValue]:
    """What decides the figures."""
    return {
        "model": model_mark(measuring.options.model),
        "families": list(FAMILIES),
        "teaching": _teaching(measuring),
    }
