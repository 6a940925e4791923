"""`punchlist eval embedded`: how well the embedded model answers as each role, on documents it never saw.

`accuracy_<role>` is teacher-forced and without a grammar: an answer counts when every token has the highest
logit given the right ones before it. `accuracy_<role>_grammar` is what a running agent sees: greedy decoding
under the role's grammar, the whole answer right. Parameters are counted; training figures
come from `training.json` beside the weights.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..training.documents import ROLES
from .harness import Figures, Measuring, wilson
from .ledger import EvalError, Row
from .models import EMBEDDED, WEIGHTS, model_mark, open_model
from .questions import Exam, held_out

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
        forced: dict[str, float] = {}
        keys = [f"{way}:{role}" for role in ROLES for way in ("forced", "grammar")]
        await measuring.each(keys, lambda key: _role(model, key, count, forced), _tell)
        figures = _figures(measuring.ledger().rows)
        figures["parameters"] = sum(weight.numel() for weight in model.engine.model.parameters())
    finally:
        await model.aclose()
    return figures | _training(measuring, which)


async def _role(model: LocalModel, key: str, count: int, forced: dict[str, float]) -> Row:
    """One role, one way; `forced` keeps what is measured for all roles in one go."""
    from ..training.embedded import held_out_accuracy

    way, _, role = key.partition(":")
    if way == "grammar":
        return await _under_grammar(model, list(held_out(role, count)))
    if not forced:
        forced |= await asyncio.to_thread(held_out_accuracy, model.engine.model, model.tokenizer, count)
    return {"accuracy": forced[f"accuracy_{role}"], "right": None, "of": None}


async def _under_grammar(model: LocalModel, exams: Sequence[Exam]) -> Row:
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

    hits = await asyncio.gather(*(right(exam) for exam in exams))
    return {"accuracy": sum(hits) / len(hits), "right": sum(hits), "of": len(hits)}


def _tell(row: Row) -> str:
    counted = f" ({row['right']} of {row['of']})" if row["of"] else ""
    return f"{row['accuracy']:.3f}{counted}"


def _figures(rows: dict[str, Row]) -> Figures:
    figures: Figures = {}
    for key, row in rows.items():
        way, _, role = key.partition(":")
        name = f"accuracy_{role}" + ("_grammar" if way == "grammar" else "")
        figures[name] = float(str(row["accuracy"]))
        if row["of"] is not None:
            low, high = wilson(int(str(row["right"])), int(str(row["of"])))
            figures |= {f"{name}_low": low, f"{name}_high": high}
    return figures


def _training(measuring: Measuring, which: str | None) -> Figures:
    """Tokens and seconds of the training, where the weights say so."""
    path = WEIGHTS / "training.json"
    if which not in (None, EMBEDDED) or not path.is_file():
        why = f"{path.name} is not beside the weights"
        measuring.skipped |= {"training_tokens": why, "training_seconds": why}
        return {"training_tokens": None, "training_seconds": None}
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    measuring.settings["training"] = {key: told.get(key) for key in ("steps", "seed", "command")}
    return {"training_tokens": told.get("tokens"), "training_seconds": told.get("seconds")}
