"""Train the embedded model: its shape, its tokenizer, its documents as token streams, its held-out accuracy.

`punchlist train embedded` calls `train_embedded`; the same seed gives the same documents in the same order.
With what it was begun is kept in its folder: `settings.json`, so that it goes on with the same, and
`origin.json` for what is told when it is shipped (`shipping`).
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from ...core_model.errors import TrainingRefused
from . import documents
from .documents import HELD_OUT, JOBS, ROLES, Piece
from .legs import keep_origin

if TYPE_CHECKING:
    from ...core_model.config import ModelConfig
    from ...core_model.tokenizer import Tokenizer
    from ...core_model.training.trainer import TrainResult
    from ...core_model.transformer import Transformer

VOCABULARY = 2048

SHAPE: dict[str, Any] = {
    "hidden_size": 256,
    "num_layers": 6,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 64,
    "intermediate_size": 384,
    "context_length": 2048,
}
"""Sizes of `ModelConfig`, beside its vocabulary."""

RATE = 0.001
"""Full learning rate (AdamW). At 0.003 copying was not learnt."""

STAGES = (12_000, 16_000, 22_000)
"""Numbers of the documents at which the curriculum moves on: drill, small pages, most pages, everything."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ message['content'] }}"
    "{% endif %}{% endfor %}<|assistant|>"
)
"""Only what the user says is rendered: instructions are for models that were not trained on these roles."""


def stage_of(index: int) -> int:
    """Curriculum stage of document `index`, 0 to 3."""
    return sum(index >= limit for limit in STAGES)


def make_tokenizer(seed: int = 1, count: int = 10_000) -> Tokenizer:
    """Learn the vocabulary from the first documents of the last stage."""
    from ...core_model.tokenizer import Tokenizer

    texts = (text for index in range(count) for text, _ in documents.document(seed, index))
    return Tokenizer.train(texts, VOCABULARY, chat_template=CHAT_TEMPLATE)


def encode(tokenizer: Tokenizer, pieces: Sequence[Piece]) -> tuple[list[int], list[float]]:
    """Token ids of a document and the weight of each in the loss: that of the answer, 1 on its end, else 0.

    Raises:
        ValueError: The tokenizer has no token for a beginning or an end.
    """
    assistant, eos, bos = tokenizer.id_of("<|assistant|>"), tokenizer.eos_id, tokenizer.bos_id
    if eos is None or bos is None:
        raise ValueError("The tokenizer has no beginning or end token; train it with make_tokenizer.")
    ids, weights = [bos], [0.0]
    for text, weight in pieces:
        part = tokenizer.encode(text)
        ids += part
        weights += [float(weight)] * len(part)
        ids.append(eos if weight else assistant)
        weights.append(1.0 if weight else 0.0)
    return ids, weights


FURTHER = 100_000
"""Number of the first document of a training that begins with trained weights: past the curriculum."""


def stream(
    tokenizer: Tokenizer, seed: int, first: int = 0, recorded: str | None = None, only: Sequence[str] = JOBS
) -> Callable[[int], tuple[list[int], list[float]]]:
    """The training documents by number, from number `first` on."""

    def numbered(index: int) -> tuple[list[int], list[float]]:
        number = first + index
        return encode(tokenizer, documents.document(seed, number, stage_of(number), recorded, only))

    return numbered


def held_out_accuracy(
    model: Transformer, tokenizer: Tokenizer, count: int = 60, roles: Sequence[str] = JOBS
) -> dict[str, float]:
    """Share of held-out answers that the model gets right to the last token, without a grammar, per role.

    Every token is predicted given the right ones before it (teacher forcing); an answer counts when each
    token has the highest logit. `count` documents a role.
    """
    figures: dict[str, float] = {}
    for role in roles:
        right = total = 0
        for index in range(count):
            rng = Random((HELD_OUT + ROLES.index(role)) * 1_000_003 + index)
            hits = answer_hits(model, tokenizer, documents.role_document(role, rng))
            right, total = right + sum(hits), total + len(hits)
        figures[f"accuracy_{role}"] = round(right / max(1, total), 4)
    return figures


def answer_hits(model: Transformer, tokenizer: Tokenizer, pieces: Sequence[Piece]) -> list[bool]:
    """Whether each answer of a document is predicted to its last token, given the right ones before each."""
    import torch

    from ...core_model.transformer import DocumentAttention

    ids, weights = encode(tokenizer, pieces)
    keep = [place - 1 for place in range(1, len(ids)) if weights[place] > 0]
    tokens = torch.tensor(ids)
    kept = torch.tensor(keep)
    with torch.no_grad():
        attend = DocumentAttention([len(ids)], kept, window=model.config.window)
        hidden = model.hidden(tokens, torch.arange(len(ids)), attend, kept, torch.float32)
        best = model.logits(hidden).argmax(-1)  # (kept,)
    hits: list[bool] = []
    fine = True
    for place, token in zip(keep, best, strict=True):
        fine = fine and int(token) == ids[place + 1]
        if ids[place + 1] == tokenizer.eos_id:
            hits.append(fine)
            fine = True
    return hits


def make_config(tokenizer: Tokenizer) -> ModelConfig:
    """The decoder's sizes and the special tokens of this vocabulary."""
    from ...core_model.config import ModelConfig

    return ModelConfig(
        tokenizer.vocab_size,
        **SHAPE,
        bos_token_id=tokenizer.bos_id,
        eos_token_ids=(tokenizer.eos_id or 0,),
        pad_token_id=tokenizer.pad_id,
    )


@dataclass(frozen=True)
class Settings:
    """With what a training is begun, and with what it therefore goes on.

    Attributes:
        steps: Optimizer steps in all. Only these may be changed later, to more.
        seed: Of the documents and the first weights.
        batch_tokens: Tokens of a step.
        decay_steps: Length of the final decay of the learning rate.
        start: Checkpoint with whose weights and vocabulary to begin; None begins afresh. The curriculum is
            then taken as done.
        widen: Width that the feed-forward of `start` gets before; None leaves it as it is.
        recorded: Folder with recorded decisions on pages (`punchlist train pages`); None for generated pages.
        only: Roles to train, separated by commas; None for those of jobs.
    """

    steps: int = 9000
    seed: int = 1
    batch_tokens: int = 4096
    decay_steps: int = 1500
    start: str | None = None
    widen: int | None = None
    recorded: str | None = None
    only: str | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that are trained.

        Raises:
            ValueError: There is none of a name in `only`.
        """
        if self.only is None:
            return JOBS
        named = tuple(dict.fromkeys(name.strip() for name in self.only.split(",")))
        if unknown := set(named) - set(ROLES):
            raise ValueError(f"there is no role {sorted(unknown)[0]!r}; there are {', '.join(ROLES)}")
        return named

    @property
    def first(self) -> int:
        """Number of the first document that is read."""
        return 0 if self.start is None else FURTHER


KEPT = "settings.json"
"""Name of the settings in the folder of a training."""


def settle(out: Path, **given: Any) -> Settings:
    """The settings of a training in `out`: those that it was begun with, else those given, else the defaults.

    Args:
        out: Folder of the training, perhaps not there yet.
        given: Fields of `Settings`; None stands for what was recorded, or the default.

    Raises:
        TrainingRefused: It was begun with others, was given fewer steps, or its settings are lost.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if not (out / "state.pt").exists():
        if "widen" in named and "start" not in named:
            remedy = "Name the checkpoint with start, or leave it out: fresh weights have their own shape."
            raise TrainingRefused(out, "there is nothing to widen", remedy)
        begun = Settings(**named)
        try:
            roles = begun.roles
        except ValueError as error:
            remedy = "Name some of them, separated by commas."
            raise TrainingRefused(out, str(error), remedy) from error
        if begun.recorded is not None and "browse" not in roles:
            remedy = "Name browse with only, or leave the recordings out."
            raise TrainingRefused(out, "recordings teach the role browse, which is not trained", remedy)
        return begun
    try:
        begun = Settings(**json.loads((out / KEPT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        why = f"its settings ({KEPT}) cannot be read"
        raise TrainingRefused(
            out, why, "Begin again in another folder, with its checkpoint as start."
        ) from error
    other = [
        f"{name} {getattr(begun, name)!r}, not {value!r}"
        for name, value in named.items()
        if name != "steps" and value != getattr(begun, name)
    ]
    if other:
        remedy = "Leave these out to go on as it was begun, or begin in another folder."
        raise TrainingRefused(out, f"it was begun with {'; '.join(other)}", remedy)
    if named.get("steps", begun.steps) < begun.steps:
        remedy = (
            f"Name more to extend it; to end it early, make a file {str(out / 'finish')!r} while it runs."
        )
        raise TrainingRefused(out, f"it was planned for {begun.steps} steps, not {named['steps']}", remedy)
    return replace(begun, **named)


def read_state(out: Path) -> dict[str, Any] | None:
    """What the trainer keeps in `out`; None before it has kept anything.

    Raises:
        TrainingRefused: A file of it is damaged.
    """
    import torch

    state: dict[str, Any] | None = None
    for path in (out / "stable.pt", out / "state.pt"):
        if not path.exists():
            continue
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state is None or not {"model", "run", "shape", "optimizers", "rng"} <= state.keys():
                raise ValueError("it lacks parts")
        except (
            pickle.UnpicklingError,
            RuntimeError,
            EOFError,
            ValueError,
            LookupError,
            AttributeError,
        ) as error:
            remedy = "Restore it from a copy, or begin in another folder with its checkpoint as start."
            raise TrainingRefused(out, f"{path.name} is damaged ({_first_line(error)})", remedy) from error
    return state


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(" .")


def steps_in_all(out: Path, settings: Settings) -> int:
    """How many steps a training in `out` will have made at its end: fewer where it was told to finish."""
    state = read_state(out)
    if state is None or settings.steps > state["run"]["planned"]:
        return settings.steps
    return int(state["run"]["steps"])


def train_embedded(
    out: Path, settings: Settings, *, threads: int | None = None, evaluate_steps: int = 800
) -> TrainResult:
    """Train in `out`, or continue what lies there; the checkpoint is `out/model`.

    Args:
        out: Folder of this run: settings, origin, tokenizer, state, log, checkpoint.
        settings: Of `settle`.
        threads: Of torch; None leaves its default.
        evaluate_steps: How often held-out accuracy is measured.

    Raises:
        CoreModelError: `settings.start` holds no checkpoint that can be read.
        TrainingRefused: The state in `out` is damaged, or of a model of another shape; or what
            `settings.start` tells of its training cannot be read.
    """
    from ...core_model.checkpoint import load_checkpoint
    from ...core_model.config import ModelConfig
    from ...core_model.training.trainer import TrainConfig, train

    state = read_state(out)
    start = None if settings.start is None else Path(settings.start)
    initial = load_checkpoint(start).float() if start is not None and state is None else None
    tokenizer = _tokenizer(out / "tokenizer", settings.seed, start, going_on=state is not None)
    if initial is not None and settings.widen is not None:
        initial = _widened(out, initial, settings)
    config = initial.config if initial is not None else make_config(tokenizer)
    if state is not None:
        if start is None and state["shape"] != config.to_hf():
            remedy = "Begin in another folder, or go on with the version of punchlist that began it."
            raise TrainingRefused(out, "its model has another shape than the embedded one", remedy)
        config = ModelConfig.from_hf(state["shape"])
    else:
        keep_origin(out, start)
    (out / KEPT).write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")
    plan = TrainConfig(
        steps=settings.steps,
        batch_tokens=settings.batch_tokens,
        seed=settings.seed,
        threads=threads,
        evaluate_steps=evaluate_steps,
        decay_steps=settings.decay_steps,
        optimizer="adamw",
        other_rate=RATE,
    )
    return train(
        plan,
        stream(tokenizer, settings.seed, settings.first, settings.recorded, settings.roles),
        out,
        model_config=config,
        tokenizer=tokenizer,
        initial=initial,
        evaluate=lambda model, _: held_out_accuracy(model, tokenizer, roles=settings.roles),
    )


def _widened(out: Path, initial: Transformer, settings: Settings) -> Transformer:
    from ...core_model.training.widening import widen

    try:
        return widen(initial, settings.widen or 0, settings.seed)
    except ValueError as error:
        remedy = "Name a larger width, or leave it out."
        raise TrainingRefused(out, f"its start cannot be widened: {_first_line(error)}", remedy) from error


def _tokenizer(folder: Path, seed: int, start: Path | None, *, going_on: bool) -> Tokenizer:
    """The vocabulary of a training, made when it begins."""
    from ...core_model.tokenizer import Tokenizer

    if going_on:
        return Tokenizer.load(folder)
    tokenizer = make_tokenizer(seed) if start is None else Tokenizer.load(start)
    tokenizer.save(folder)
    return tokenizer
