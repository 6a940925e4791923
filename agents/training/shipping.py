"""Put a finished training's checkpoint where it is used, with its facts (`training.json`) and a model card.

Both tell every leg of the training and the sums over them (`legs`). Neither names a folder by more than its
last name. Does not cover: what a history says is printed as it was given.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ...core_model.errors import TrainingRefused
from .embedded import SHAPE, Settings, held_out_accuracy
from .legs import GONE, TOLD, Leg, last_folder, origin_of

PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Facts:
    """What is told of shipped weights.

    Attributes:
        legs: The trainings that made them, oldest first.
        steps: Optimizer steps of all legs.
        tokens: That all legs were trained on, prompts and answers.
        documents: That all legs were trained on.
        seconds: Of computing in all legs, evaluations left out.
        parameters: Of the model.
        vocabulary: Tokens.
        shape: Of the model.
        held_out: `held_out_accuracy`, 0 to 1.
        held_out_documents: Documents of each role that it was measured on.
        revision: `revision()` of the code that shipped them.
    """

    legs: tuple[Leg, ...]
    steps: int
    tokens: int
    documents: int
    seconds: float
    parameters: int
    vocabulary: int
    shape: dict[str, int]
    held_out: dict[str, float]
    held_out_documents: int
    revision: str | None


def ship(run: Path, weights: Path, settings: Settings, *, history: str = "", count: int = 300) -> Facts:
    """Copy a finished run's checkpoint to `weights`, with the facts of its training and a model card.

    What lay there is replaced after everything was read and written: an interruption leaves it whole.

    Args:
        run: The folder that `train_embedded` trained in, finished.
        weights: Where the shipped model lies.
        settings: That it was trained with.
        history: A sentence or more for the card on how these weights came to be.
        count: Held-out documents a role.

    Raises:
        TrainingRefused: `run` holds no finished training, what it began with cannot be read, or `weights` is
            no place to replace.
        CoreModelError: The checkpoint cannot be read.
    """
    from ...core_model.checkpoint import load_checkpoint, write_manifest
    from ...core_model.tokenizer import Tokenizer

    check_place(run, weights)
    legs = legs_of(run, settings, history)
    weights.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{weights.name}-", dir=weights.parent) as place:
        made = Path(place) / "made"
        shutil.copytree(run / "model", made)
        model, tokenizer = load_checkpoint(made), Tokenizer.load(made)
        facts = Facts(
            legs=legs,
            steps=sum(leg.steps for leg in legs),
            tokens=sum(leg.tokens for leg in legs),
            documents=sum(leg.documents for leg in legs),
            seconds=round(sum(leg.seconds for leg in legs), 2),
            parameters=model.config.parameters,
            vocabulary=tokenizer.vocab_size,
            shape={name: getattr(model.config, name) for name in SHAPE},
            held_out=held_out_accuracy(model, tokenizer, count=count, roles=settings.roles),
            held_out_documents=count,
            revision=revision(),
        )
        (made / TOLD).write_text(json.dumps(asdict(facts), indent=1) + "\n", encoding="utf-8")
        (made / "README.md").write_text(model_card(facts), encoding="utf-8")
        write_manifest(made)
        if weights.exists():
            os.replace(weights, Path(place) / "before")
        os.replace(made, weights)
    return facts


def check_place(run: Path, weights: Path) -> None:
    """Refuse to ship to where something else than an earlier checkpoint would be lost.

    Raises:
        TrainingRefused: `weights` is a file, holds other things, or holds the training itself.
    """
    remedy = "Name another folder, for example a new one."
    if weights.exists() and not weights.is_dir():
        raise TrainingRefused(weights, "it is a file, and a checkpoint is a folder", remedy)
    if (run / "model").resolve().is_relative_to(weights.resolve()):
        raise TrainingRefused(weights, "the training itself lies there", remedy)
    if weights.is_dir() and any(weights.iterdir()) and not (weights / "config.json").exists():
        raise TrainingRefused(weights, "it holds other things than a checkpoint, which would be lost", remedy)


def legs_of(run: Path, settings: Settings, history: str) -> tuple[Leg, ...]:
    """The legs of what it began with, and the run itself as the last one."""
    last = _last_line(run)
    origin = origin_of(run, None if settings.start is None else Path(settings.start))
    steps = int(last["step"])
    own = Leg(
        command=command_of(replace(settings, steps=steps)),
        steps=steps,
        tokens=int(last["tokens"]),
        documents=int(last["documents"]),
        seconds=last["seconds"],
        machine=origin.machine,
        start=origin.start,
        history=history.strip(),
    )
    return (*origin.legs, own)


def _last_line(run: Path) -> dict[str, float]:
    try:
        lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
        last: dict[str, float] = json.loads(lines[-1])
    except (OSError, ValueError, IndexError) as error:
        remedy = "Train there first, to the end."
        raise TrainingRefused(run, "it has no log of a training (log.jsonl)", remedy) from error
    return last


def command_of(settings: Settings) -> str:
    """The call that trains with these settings."""
    started = "" if settings.start is None else f" --start {shlex.quote(last_folder(settings.start))}"
    started += "" if settings.widen is None else f" --widen {settings.widen}"
    started += "" if settings.only is None else f" --only {settings.only}"
    if settings.recorded is not None:
        started += f" --recorded {shlex.quote(last_folder(settings.recorded))}"
    return (
        f"punchlist train embedded --out DIR --steps {settings.steps} --batch-tokens {settings.batch_tokens} "
        f"--decay-steps {settings.decay_steps} --seed {settings.seed}{started}"
    )


def revision() -> str | None:
    """Commit of the checkout that this package is, "-dirty" where it was changed; None where it is none."""
    if not (PACKAGE / ".git").exists():
        return None
    ask = ["git", "-C", str(PACKAGE), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def model_card(facts: Facts) -> str:
    """The model card as Markdown, every figure and every sentence about this training from `facts`."""
    figures: dict[str, float] = {
        "parameters": facts.parameters,
        "vocabulary": facts.vocabulary,
        "documents": facts.documents,
        **facts.shape,
    }
    words = {
        "legs": "\n".join(_rows(facts)),
        "untold": _untold(facts.legs[0]),
        "commands": "\n".join(f"    {leg.command}" for leg in facts.legs),
        "history": "".join(f"\n{said}\n" for said in _histories(facts.legs)),
        "revision": f"\nShipped by revision `{facts.revision}`.\n" if facts.revision else "",
        "accuracy": "\n".join(
            f"| {name.removeprefix('accuracy_')} | {facts.held_out_documents} | {value:.3f} |"
            for name, value in facts.held_out.items()
        ),
    }
    words |= {name: f"{value:,.0f}" for name, value in figures.items()}
    card = "card_web.md" if set(facts.held_out) == {"accuracy_browse"} else "card.md"
    text = Path(__file__).with_name(card).read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: words[found[1]], text)


def _rows(facts: Facts) -> list[str]:
    """The table of legs, the sums in its last row."""
    rows = [
        f"| {number} | {_beginning(leg)} | {leg.steps:,} | {leg.tokens:,} | {leg.documents:,} "
        f"| {leg.seconds:,.0f} | {leg.machine} |"
        for number, leg in enumerate(facts.legs, 1)
    ]
    sums = f"{facts.steps:,} | {facts.tokens:,} | {facts.documents:,} | {facts.seconds:,.0f}"
    return [*rows, f"| all | | {sums} | |"]


def _beginning(leg: Leg) -> str:
    if leg.start is None:
        return "fresh weights"
    return "weights that are gone" if leg.start == GONE else f"weights `{leg.start[:12]}`"


def _untold(first: Leg) -> str:
    if first.start is None:
        return ""
    return "\nLeg 1 began with trained weights; the sums leave out what those were trained on.\n"


def _histories(legs: Sequence[Leg]) -> list[str]:
    """What is told of legs beside their figures; a number tells which of several is meant."""
    several = len(legs) > 1
    return [
        f"Leg {number}: {leg.history.strip()}" if several else leg.history.strip()
        for number, leg in enumerate(legs, 1)
        if leg.history.strip()
    ]
