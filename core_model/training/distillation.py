"""Learn from a teacher's probabilities instead of the one token that was written.

The loss is the divergence KL(teacher || student) at temperature T, times T squared so that its gradients keep
their size (Hinton et al. 2015, arXiv:1503.02531); with `hard` that share of it is replaced by the plain cross
entropy. Where only the teacher's likeliest tokens are known, all others count as one: no share of the
teacher's probability is left out.

Teacher and student must have the same vocabulary. What it does not cover: aligning different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import TrainingRefused
from ..tokenizer import Tokenizer
from ..transformer import Transformer
from .batches import Accompanied, Batch, Layout, kept_logits, make_batch
from .corpus import Document, SoftDocument
from .low_rank import Evaluate, LowRank, fingerprint, tune
from .objective import weighted_mean
from .trainer import TrainConfig, TrainResult


@dataclass(frozen=True)
class Likeliest:
    """The teacher's likeliest tokens at each row: `ids` (M, k) int64, `logprobs` (M, k) in nats."""

    ids: Tensor
    logprobs: Tensor


@dataclass(frozen=True)
class _Taught(Accompanied):
    likeliest: Likeliest | None = None


class Distillation:
    """The objective with a teacher in this process, which reads each batch too."""

    def __init__(
        self,
        documents: Callable[[int], Document],
        teacher: Transformer,
        *,
        temperature: float = 1.0,
        hard: float = 0.0,
        vocabulary: int | None = None,
    ) -> None:
        """Documents as in `trainer.train`: only tokens with a weight are learned.

        Args:
            temperature: Above 0; above 1 shows more of what the teacher holds unlikely.
            hard: Share of the plain cross entropy in the loss, 0 to 1.
            vocabulary: Ids from 0 on that both know, where tables were filled up to different sizes.
        """
        _check(temperature, hard)
        self._documents, self._teacher = documents, teacher
        self._temperature, self._hard, self._vocabulary = temperature, hard, vocabulary

    @property
    def facts(self) -> Mapping[str, str | int | float | None]:
        """Teacher and settings."""
        return {
            "objective": "distillation",
            "teacher": fingerprint(self._teacher),
            "temperature": self._temperature,
            "hard": self._hard,
            "vocabulary": self._vocabulary,
        }

    def portion(self, first: int, tokens: int, context: int) -> _Taught:
        """Documents from `first` on."""
        context = min(context, self._teacher.config.context_length)
        return _Taught(make_batch(self._documents, first, tokens, context))

    def loss(
        self, model: Transformer, portion: _Taught, dtype: torch.dtype
    ) -> tuple[Tensor, dict[str, float]]:
        """The divergence from all of the teacher's probabilities."""
        with torch.no_grad():
            taught = kept_logits(self._teacher, portion.batch, dtype)[:, : self._vocabulary]
        logits = kept_logits(model, portion.batch, dtype)[:, : self._vocabulary]
        losses = divergence(logits, taught, self._temperature)
        return _mixed(logits, losses, portion.batch, self._temperature, self._hard)


class StoredDistillation:
    """The objective with what was kept of a teacher that is not here any more, see `SoftCorpus`."""

    def __init__(
        self,
        documents: Callable[[int], SoftDocument],
        *,
        temperature: float = 1.0,
        hard: float = 0.0,
    ) -> None:
        """Documents with the teacher's likeliest tokens at `temperature`, the same in all of them."""
        _check(temperature, hard)
        self._documents, self._temperature, self._hard = documents, temperature, hard

    @property
    def facts(self) -> Mapping[str, str | int | float | None]:
        """The settings."""
        return {
            "objective": "stored distillation",
            "temperature": self._temperature,
            "hard": self._hard,
        }

    def portion(self, first: int, tokens: int, context: int) -> _Taught:
        """Documents from `first` on."""
        layout, number = Layout(context), first
        ids: list[Tensor] = []
        logprobs: list[Tensor] = []
        while len(layout.tokens) < tokens:
            document = self._documents(number)
            number += 1
            shown = layout.add(document.tokens, document.weights)
            if shown:
                ids.append(torch.as_tensor(document.ids)[shown])
                logprobs.append(torch.as_tensor(document.logprobs)[shown])
            elif number - first > 100_000:
                raise ValueError(f"No document from {first} to {number} has a token to learn.")
        likeliest = Likeliest(torch.cat(ids).long(), torch.cat(logprobs).float())
        return _Taught(layout.batch(number), likeliest)

    def loss(
        self, model: Transformer, portion: _Taught, dtype: torch.dtype
    ) -> tuple[Tensor, dict[str, float]]:
        """The divergence from the likeliest tokens and the rest."""
        logits = kept_logits(model, portion.batch, dtype)
        assert portion.likeliest is not None  # `portion` gives them
        losses = divergence_of_likeliest(logits, portion.likeliest, self._temperature)
        return _mixed(logits, losses, portion.batch, self._temperature, self._hard)


def distil(
    config: TrainConfig,
    documents: Callable[[int], Document],
    out_dir: Path | str,
    *,
    student: Transformer,
    teacher: Transformer,
    temperature: float = 1.0,
    hard: float = 0.0,
    vocabulary: int | None = None,
    low_rank: LowRank | None = None,
    base_name: str = "",
    tokenizer: Tokenizer | None = None,
    evaluate: Evaluate | None = None,
) -> TrainResult:
    """Train `student` on a teacher's probabilities, continuing from `out_dir` when it holds a state.

    Args:
        documents: See `trainer.train`.
        student: With its weights at the beginning; see `low_rank.tune`.
        teacher: Any checkpoint with the same vocabulary.
        temperature, hard, vocabulary: See `Distillation`.
        low_rank, base_name, tokenizer, evaluate: See `low_rank.tune`.

    Raises:
        TrainingRefused: teacher and student have vocabularies of different sizes.
        ValueError: `out_dir` holds a state of something else.
    """
    theirs, ours = teacher.config.vocab_size, student.config.vocab_size
    if theirs != ours if vocabulary is None else vocabulary > min(theirs, ours):
        why = f"the teacher has a vocabulary of {theirs}, the student of {ours}"
        remedy = "Take a teacher with the same tokenizer; say with `vocabulary` how many ids both know."
        raise TrainingRefused(out_dir, why, remedy)
    teacher.requires_grad_(False).eval()
    objective = Distillation(documents, teacher, temperature=temperature, hard=hard, vocabulary=vocabulary)
    return tune(
        config,
        objective,
        out_dir,
        model=student,
        low_rank=low_rank,
        base_name=base_name,
        tokenizer=tokenizer,
        evaluate=evaluate,
    )


@torch.no_grad()
def ask_teacher(
    teacher: Transformer,
    document: Document,
    top: int,
    *,
    temperature: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> SoftDocument:
    """A document with the teacher's `top` likeliest tokens at each place that counts; zeros elsewhere."""
    tokens, weights = document
    layout = Layout(teacher.config.context_length)
    shown = layout.add(tokens, weights)
    ids = torch.zeros(len(tokens), top, dtype=torch.int64)
    logprobs = torch.zeros(len(tokens), top)
    if shown:
        logits = kept_logits(teacher, layout.batch(1), dtype) / temperature
        likely = logits.log_softmax(-1).topk(top)
        ids[shown], logprobs[shown] = likely.indices, likely.values
    return SoftDocument(tokens, weights, ids.numpy(), logprobs.numpy())


def divergence(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """KL(teacher || student) in nats at each row, (M,), of logits (M, vocab)."""
    student = (logits / temperature).log_softmax(-1)
    teacher = (taught / temperature).log_softmax(-1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


def divergence_of_likeliest(logits: Tensor, taught: Likeliest, temperature: float) -> Tensor:
    """`divergence` where the teacher's likeliest tokens are known and all others count as one."""
    student = (logits / temperature).log_softmax(-1)
    likely = student.gather(1, taught.ids)  # (M, k)
    shares = taught.logprobs.exp()
    known = (shares * (taught.logprobs - likely)).sum(-1)
    if taught.ids.shape[1] == logits.shape[1]:
        return known
    others = student.scatter(1, taught.ids, -torch.inf).logsumexp(-1)  # (M,)
    rest = (1 - shares.sum(-1)).clamp(min=0.0)
    left = torch.where(rest > 1e-6, rest * (rest.clamp(min=1e-6).log() - others), torch.zeros_like(rest))
    return known + left


def _mixed(
    logits: Tensor, losses: Tensor, batch: Batch, temperature: float, hard: float
) -> tuple[Tensor, dict[str, float]]:
    soft = weighted_mean(losses, batch)
    figures = {"divergence": round(soft.item(), 5)}
    loss = soft * temperature**2
    if hard:
        plain = F.cross_entropy(logits, batch.targets, reduction="none")
        loss = (1 - hard) * loss + hard * weighted_mean(plain, batch)
    return loss, figures


def _check(temperature: float, hard: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature!r}; it must be above 0.")
    if not 0 <= hard <= 1:
        raise ValueError(f"hard is {hard!r}; it is a share, 0 to 1.")
