"""`punchlist eval embedded`: how well the embedded model answers as each role, on documents it never saw.

`accuracy_<role>` is teacher-forced and without a grammar: an answer counts when every token has the highest
logit given the right ones before it. `accuracy_<role>_grammar` is what a running agent sees: greedy decoding
under the role's grammar, the whole answer right. Both are shares of whole answers. Where a role has several
right answers (a good move, a chain that reaches the target) only the second counts all of them; the first
holds the model to the one that was drawn. `parameters` are counted; `training_tokens` and `training_seconds`
are sums over the legs that `training.json` beside the weights tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..training.documents import JOBS
from ..training.legs import TOLD, read_legs
from .harness import Figures, Measuring, wilson
from .ledger import EvalError, Row
from .models import EMBEDDED, EMBEDDED_WEB, model_mark, open_model
from .questions import Exam, documents, held_out

if TYPE_CHECKING:
    from ...core_model.model import LocalModel

USUAL, QUICK = 60, 8
"""Held-out documents per role."""

AT_ONCE = 8
"""Requests to the engine that are under way together."""


class NotLocal(EvalError):
    """Logits are only at hand in this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The model {name!r} does not run in this process; name the embedded one or a checkpoint folder."
        )


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval embedded`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    from ...core_model.model import LocalModel

    which = measuring.options.model
    count = measuring.count(USUAL, QUICK)
    measuring.settings |= {"model": model_mark(which), "documents_per_role": count}
    model = open_model(which)
    if not isinstance(model, LocalModel):
        raise NotLocal(model.name)
    try:
        roles = ("browse",) if which == EMBEDDED_WEB else JOBS
        keys = [f"{way}:{role}" for role in roles for way in ("forced", "grammar")]
        await measuring.each(keys, lambda key: _role(model, key, count), _tell)
        figures = _figures(measuring.ledger().rows)
        figures["parameters"] = model.engine.config.parameters
    finally:
        await model.aclose()
    return figures | _training(measuring, which)


async def _role(model: LocalModel, key: str, count: int) -> Row:
    """One role, one way."""
    way, _, role = key.partition(":")
    if way == "grammar":
        hits = await _under_grammar(model, list(held_out(role, count)))
    else:
        hits = await asyncio.to_thread(_forced, model, role, count)
    return {"accuracy": sum(hits) / max(1, len(hits)), "right": sum(hits), "of": len(hits)}


def _forced(model: LocalModel, role: str, count: int) -> list[bool]:
    from ...core_model.checkpoint import load_checkpoint
    from ..training.embedded import answer_hits

    if model.folder is None:
        raise NotLocal(model.name)
    transformer = load_checkpoint(model.folder)  # the engine keeps its weights in another form
    drawn = documents(role, count)
    return [hit for pieces in drawn for hit in answer_hits(transformer, model.tokenizer, pieces)]


async def _under_grammar(model: LocalModel, exams: Sequence[Exam]) -> list[bool]:
    from ...core_model.grammar import Grammar
    from ...core_model.sampling import Sampling

    turn = asyncio.Semaphore(AT_ONCE)

    async def right(exam: Exam) -> bool:
        async with turn:
            made = await model.generate(
                [{"role": "user", "content": exam.question.text}],
                sampling=Sampling(max_tokens=400),
                grammar=Grammar.lark(exam.question.grammar),
            )
        return made.stop_reason == "stop" and exam.right(made.text)

    return await asyncio.gather(*(right(exam) for exam in exams))


def _tell(row: Row) -> str:
    return f"{row['accuracy']:.3f} ({row['right']} of {row['of']})"


def _figures(rows: dict[str, Row]) -> Figures:
    figures: Figures = {}
    for key, row in rows.items():
        way, _, role = key.partition(":")
        name = f"accuracy_{role}" + ("_grammar" if way == "grammar" else "")
        low, high = wilson(int(str(row["right"])), int(str(row["of"])))
        figures |= {name: float(str(row["accuracy"])), f"{name}_low": low, f"{name}_high": high}
    return figures


def _training(measuring: Measuring, which: str | None) -> Figures:
    """Tokens and seconds of all legs of the training, where the weights tell them."""
    from ...core_model.model import SHIPPED

    legs = read_legs(SHIPPED[which or EMBEDDED] if which is None or which in SHIPPED else Path(which))
    if not legs:
        why = f"{TOLD} is not beside the weights"
        measuring.skipped |= {"training_tokens": why, "training_seconds": why}
        return {"training_tokens": None, "training_seconds": None}
    measuring.settings["training"] = {
        "steps": sum(leg.steps for leg in legs),
        "commands": [leg.command for leg in legs],
        "from_fresh_weights": legs[0].start is None,
    }
    return {
        "training_tokens": sum(leg.tokens for leg in legs),
        "training_seconds": round(sum(leg.seconds for leg in legs), 2),
    }
