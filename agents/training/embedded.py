"""Train the embedded model: its shape, its tokenizer, its documents as token streams, its held-out accuracy.

`punchlist train embedded` calls `train_embedded`; the same seed gives the same documents in the same order.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from . import documents
from .documents import HELD_OUT, ROLES, Piece

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
    """Token ids of a document and the weight of each in the loss: 1 on answers and their end, else 0.

    Raises:
        ValueError: The tokenizer has no token for a beginning or an end.
    """
    assistant, eos, bos = tokenizer.id_of("<|assistant|>"), tokenizer.eos_id, tokenizer.bos_id
    if eos is None or bos is None:
        raise ValueError("The tokenizer has no beginning or end token; train it with make_tokenizer.")
    ids, weights = [bos], [0.0]
    for text, is_answer in pieces:
        part = tokenizer.encode(text)
        ids += part
        weights += [1.0 if is_answer else 0.0] * len(part)
        ids.append(eos if is_answer else assistant)
        weights.append(1.0 if is_answer else 0.0)
    return ids, weights


FURTHER = 100_000
"""Number of the first document of a training that begins with trained weights: past the curriculum."""


def stream(tokenizer: Tokenizer, seed: int, first: int = 0) -> Callable[[int], tuple[list[int], list[float]]]:
    """The training documents by number, from number `first` on."""
    return lambda index: encode(tokenizer, documents.document(seed, first + index, stage_of(first + index)))


def held_out_accuracy(
    model: Transformer, tokenizer: Tokenizer, count: int = 60, roles: Sequence[str] = ROLES
) -> dict[str, float]:
    """Share of held-out answers that the model gets right to the last token, without a grammar, per role.

    Every token is predicted given the right ones before it (teacher forcing); an answer counts when each
    token has the highest logit. `count` documents a role.
    """
    figures: dict[str, float] = {}
    for number, role in enumerate(roles):
        right = total = 0
        for index in range(count):
            rng = Random((HELD_OUT + number) * 1_000_003 + index)
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
        attend = DocumentAttention([len(ids)], kept)
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


def train_embedded(
    out: Path,
    *,
    steps: int,
    start: Path | None = None,
    batch_tokens: int = 4096,
    seed: int = 1,
    threads: int | None = None,
    evaluate_steps: int = 800,
    decay_steps: int = 1500,
) -> TrainResult:
    """Train in `out`, or continue what lies there; the checkpoint is `out/model`.

    Args:
        out: Folder of this run: tokenizer, state, log, checkpoint.
        steps: Optimizer steps in all; a run can be extended by calling again with more.
        start: A checkpoint of this shape whose weights and vocabulary to begin with; None begins afresh. The
            curriculum is then taken as done.
        batch_tokens: Tokens of a step.
        seed: Of the documents and the first weights.
        threads: Of torch; None leaves its default.
        evaluate_steps: How often held-out accuracy is measured.
        decay_steps: Length of the final decay of the learning rate.

    Raises:
        CoreModelError: `start` holds no checkpoint that can be read.
    """
    from ...core_model.checkpoint import load_checkpoint
    from ...core_model.tokenizer import Tokenizer
    from ...core_model.training.trainer import TrainConfig, train

    folder = out / "tokenizer"
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.load(folder)
    else:
        tokenizer = make_tokenizer(seed) if start is None else Tokenizer.load(start)
        tokenizer.save(folder)
    begun = out / "documents.json"  # a training that goes on reads on in the documents that it began with
    if not begun.exists():
        first = {"seed": seed, "first": 0 if start is None else FURTHER}
        begun.write_text(json.dumps(first) + "\n", encoding="utf-8")
    read: dict[str, int] = json.loads(begun.read_text(encoding="utf-8"))
    initial = None if start is None else load_checkpoint(start).float()
    plan = TrainConfig(
        steps=steps,
        batch_tokens=batch_tokens,
        seed=read["seed"],
        threads=threads,
        evaluate_steps=evaluate_steps,
        decay_steps=decay_steps,
        optimizer="adamw",
        other_rate=RATE,
    )
    return train(
        plan,
        stream(tokenizer, read["seed"], read["first"]),
        out,
        model_config=make_config(tokenizer) if initial is None else initial.config,
        tokenizer=tokenizer,
        initial=initial,
        evaluate=lambda model, _: held_out_accuracy(model, tokenizer),
    )


@dataclass(frozen=True)
class Facts:
    """What is told of a shipped training.

    Attributes:
        command: What reproduces it.
        seed: Of the documents and the first weights.
        steps: Optimizer steps.
        tokens: All that were trained on, prompts and answers.
        documents: All that were trained on.
        seconds: Of computing, evaluations left out.
        parameters: Of the model.
        vocabulary: Tokens.
        shape: Of the model.
        machine: Its processor's architecture.
        held_out: `held_out_accuracy`, 0 to 1.
    """

    command: str
    seed: int
    steps: int
    tokens: int
    documents: int
    seconds: float
    parameters: int
    vocabulary: int
    shape: dict[str, int]
    machine: str
    held_out: dict[str, float]


def ship(run: Path, weights: Path, command: str, seed: int = 1) -> dict[str, float]:
    """Copy a finished run's checkpoint to `weights`, with the facts of its training and a model card.

    Args:
        run: The folder that `train_embedded` trained in, finished.
        weights: Where the shipped model lies; replaced.
        command: What reproduces it, for the card.
        seed: That it was trained with.

    Returns:
        The held-out accuracies that stand in the card.

    Raises:
        FileNotFoundError: `run` holds no log or no checkpoint.
    """
    from ...core_model.checkpoint import load_checkpoint
    from ...core_model.tokenizer import Tokenizer

    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    last: dict[str, float] = json.loads(lines[-1])
    shutil.rmtree(weights, ignore_errors=True)
    shutil.copytree(run / "model", weights)
    model, tokenizer = load_checkpoint(weights), Tokenizer.load(weights)
    facts = Facts(
        command=command,
        seed=seed,
        steps=int(last["step"]),
        tokens=int(last["tokens"]),
        documents=int(last["documents"]),
        seconds=last["seconds"],
        parameters=sum(weight.numel() for weight in model.parameters()),
        vocabulary=tokenizer.vocab_size,
        shape=SHAPE,
        machine=platform.machine(),
        held_out=held_out_accuracy(model, tokenizer, count=300),
    )
    (weights / "training.json").write_text(json.dumps(asdict(facts), indent=1) + "\n", encoding="utf-8")
    (weights / "README.md").write_text(model_card(facts), encoding="utf-8")
    return facts.held_out


def model_card(facts: Facts) -> str:
    """The model card as Markdown, every figure from `facts`."""
    figures: dict[str, float] = {
        "parameters": facts.parameters,
        "vocabulary": facts.vocabulary,
        "steps": facts.steps,
        "tokens": facts.tokens,
        "documents": facts.documents,
        "seconds": facts.seconds,
        "seed": facts.seed,
        **facts.shape,
    }
    text = Path(__file__).with_name("card.md").read_text(encoding="utf-8").replace("{command}", facts.command)
    for name, value in figures.items():
        text = text.replace(f"{{{name}}}", f"{value:,.0f}")
    rows = [f"| {name.removeprefix('accuracy_')} | {value:.3f} |" for name, value in facts.held_out.items()]
    return text.replace("{accuracy}", "\n".join(rows))
