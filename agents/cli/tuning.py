"""`punchlist train lora|sft|dpo`: train a checkpoint on what runs found out."""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..reasoning.export import (
    Example,
    ExportRefused,
    Preference,
    read_preferences,
    read_sft,
)
from .edge import DONE, INTERRUPTED, SettingsError
from .exports import nothing_found, rows_of, trusted
from .training import Alarm, Progress, check_folder

if TYPE_CHECKING:
    from ...core_model.training.low_rank import LowRank
    from ...core_model.training.trainer import TrainConfig, TrainResult
    from ..training.from_traces import Learner

PASSES = 3
"""Over the rows, where `--steps` is left out."""


def tune(options: argparse.Namespace) -> int:
    """`punchlist train lora`, `train sft` and `train dpo`."""
    out = Path(options.out)
    check_folder(out, options.resume)
    if options.what == "dpo" and options.alpha is not None and options.rank is None:
        raise SettingsError("--alpha is of an adapter; give its --rank too, or leave out --alpha.")
    try:
        return _tune(options, out)
    except ExportRefused as error:
        raise SettingsError(str(error)) from error


def _tune(options: argparse.Namespace, out: Path) -> int:
    kind = "preferences" if options.what == "dpo" else "sft"
    rows = _rows(options, kind)
    print("Loading the model ...", file=sys.stderr, flush=True)
    from ..training.from_traces import Encoder, Learner, documents, pairs

    learner = Learner.open(options.model)
    encoder = Encoder(learner)
    learnt: list[Any] = (
        pairs(encoder, [row for row in rows if isinstance(row, Preference)])
        if kind == "preferences"
        else documents(encoder, [row for row in rows if isinstance(row, Example)])
    )
    if not learnt:
        raise SettingsError(
            f"None of the {len(rows)} rows fits the model's context of {encoder.context} tokens with answers "
            "that differ. Name a model with a longer one, or other runs."
        )
    config = _config(options, kind, learnt)
    told = f"Training on {len(learnt)} of {len(rows)} rows in {out}, {config.steps} steps."
    print(f"{told} Ctrl-C saves and stops; --resume goes on.", file=sys.stderr, flush=True)
    began, timed_out = time.monotonic(), threading.Event()
    with Progress(out / "log.jsonl", config.steps), Alarm(options.minutes, timed_out.set):
        result, made = _fit(options, config, learner, learnt, out)
    figures = {
        "what": options.what,
        "finished": result.finished,
        "step": result.step,
        "tokens": result.tokens,
        "rows": len(learnt),
        "left_out": len(rows) - len(learnt),
        "seconds": round(time.monotonic() - began, 1),
        "made": str(made),
        "base": str(learner.folder),
    }
    print(json.dumps(figures) if options.json else "\n".join(_told(figures)))
    return DONE if result.finished or timed_out.is_set() else INTERRUPTED


def _rows(options: argparse.Namespace, kind: str) -> list[Example | Preference]:
    """What the runs and files of `--from` teach.

    Raises:
        SettingsError: Nothing.
    """
    trust = trusted(options.trust)
    rows: list[Example | Preference] = []
    for named in options.runs:
        if Path(named).suffix.lower() == ".jsonl":
            rows += read_sft(named) if kind == "sft" else read_preferences(named)
        else:
            rows += rows_of(named, kind, trust, options.least)
    if not rows:
        raise SettingsError(nothing_found(kind, options.runs, trust))
    return list(dict.fromkeys(replace(row, scope="", node="") for row in rows))


def _config(options: argparse.Namespace, kind: str, learnt: Sequence[Any]) -> TrainConfig:
    """How to train; without `--steps` so long that every row comes some times."""
    from ...core_model.training.trainer import TrainConfig

    if kind == "sft":
        tokens = sum(len(document[0]) for document in learnt)
    else:
        tokens = sum(2 * len(pair.prompt) + len(pair.chosen) + len(pair.rejected) for pair in learnt)
    steps = options.steps or max(10, math.ceil(PASSES * tokens / options.batch_tokens))
    changes: dict[str, Any] = {"seed": options.seed, "batch_tokens": options.batch_tokens, "dtype": "float32"}
    if options.rate is not None:
        changes["other_rate"] = options.rate
    elif options.what == "dpo":
        changes["other_rate"] = 5e-5
    return TrainConfig.tuning(steps, threads=options.threads, **changes)


def _fit(
    options: argparse.Namespace, config: TrainConfig, learner: Learner, learnt: Sequence[Any], out: Path
) -> tuple[TrainResult, Path]:
    """Train; returns where what came of it lies."""
    from ...core_model.training.low_rank import LowRank, train_lora
    from ...core_model.training.low_rank import tune as tune_all
    from ...core_model.training.objective import CrossEntropy
    from ...core_model.training.preferences import train_preferences
    from ..training.from_traces import Shuffled

    name = str(learner.folder)
    if options.what == "lora":
        rank = options.rank or 8
        alpha = options.alpha or 2.0 * rank
        shuffled = Shuffled(learnt, options.seed)
        result = train_lora(config, shuffled, out, base=learner.model, rank=rank, alpha=alpha, base_name=name)
        return result, out / "adapter"
    if options.what == "sft":
        objective = CrossEntropy(Shuffled(learnt, options.seed))
        result = tune_all(config, objective, out, model=learner.model, tokenizer=learner.tokenizer)
        return result, out / "model"
    shape: LowRank | None = None
    if options.rank is not None:
        shape = LowRank(options.rank, options.alpha or 2.0 * options.rank)
    result = train_preferences(
        config, learnt, out, model=learner.model, beta=options.beta, low_rank=shape, base_name=name,
        tokenizer=learner.tokenizer,
    )  # fmt: skip
    return result, out / ("model" if shape is None else "adapter")


def _told(figures: dict[str, Any]) -> list[str]:
    """How a training ended, for a person."""
    state = "Trained" if figures["finished"] else "Saved; go on with --resume"
    made = figures["made"]
    if made.endswith("adapter"):
        use = f"Use it: punchlist serve {figures['base']} --adapter mine={made}"
    else:
        use = f'Use it: punchlist think "QUESTION" --model {made}'
    left = f" ({figures['left_out']} rows left out)" if figures["left_out"] else ""
    return [f"{state}: step {figures['step']}, {figures['tokens']:,} tokens{left}, {made}", use]
