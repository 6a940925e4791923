"""What a training step makes smaller: the trainer's loop is given one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..transformer import Transformer
from .batches import Batch, kept_logits, make_batch
from .corpus import Document


class Portion(Protocol):
    """What one step learns from."""

    @property
    def next_document(self) -> int:
        """Number of the document, or pair, with which the following step begins."""
        ...

    @property
    def read(self) -> int:
        """Tokens in it."""
        ...

    @property
    def counted(self) -> int:
        """Tokens whose prediction counts."""
        ...


Some = TypeVar("Some", bound=Portion)


class Objective(Protocol[Some]):
    """A loss over numbered documents. The same numbers must always give the same loss."""

    @property
    def facts(self) -> Mapping[str, str | int | float | None]:
        """What must not change while a training goes on; kept with its state."""
        ...

    def portion(self, first: int, tokens: int, context: int) -> Some:
        """What the step that begins with document `first` learns from, at least `tokens` long."""
        ...

    def loss(self, model: Transformer, portion: Some, dtype: torch.dtype) -> tuple[Tensor, dict[str, float]]:
        """A float32 scalar to differentiate, and figures for the log."""
        ...


class CrossEntropy:
    """Predict each token of the documents, as far as its weight says."""

    facts: Mapping[str, str | int | float | None] = {}

    def __init__(self, documents: Callable[[int], Document]) -> None:
        self._documents = documents

    def portion(self, first: int, tokens: int, context: int) -> Batch:
        """Documents from `first` on."""
        return make_batch(self._documents, first, tokens, context)

    def loss(self, model: Transformer, portion: Batch, dtype: torch.dtype) -> tuple[Tensor, dict[str, float]]:
        """See `batch_loss`."""
        return batch_loss(model, portion, dtype), {}


def batch_loss(model: Transformer, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Weighted mean cross entropy in nats over the counted tokens, a float32 scalar."""
    losses = F.cross_entropy(kept_logits(model, batch, dtype), batch.targets, reduction="none")
    return weighted_mean(losses, batch)


def weighted_mean(losses: Tensor, batch: Batch) -> Tensor:
    """The mean of `losses` (M,) by the weights of the rows, a scalar."""
    return (losses * batch.weights).sum() / batch.weights.sum()
