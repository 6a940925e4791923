"""Whether every model that a run may ask has a price, where money is limited: said before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..core_model.pricing import price_of
from .budget import PriceMissing
from .hierarchy import ManagingWorker

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from .agent import Agent


def refuse_unpriced(model: Model, workers: Sequence[Agent]) -> None:
    """Refuse a manager with workers of whom one, or one below it, has a model without a price.

    Does not see a model that is only made where its agent lives (`Fleet.place(..., model=...)`), or inside a
    function: those are refused when they are asked.

    Raises:
        PriceMissing: Names the first such model.
    """
    for each in (model, *_models(workers)):
        if price_of(each) is None:
            raise PriceMissing(each.name or str(getattr(each, "url", "")))


def _models(workers: Sequence[Agent]) -> Iterator[Model]:
    """The models of these agents, and of those below them."""
    for worker in workers:
        if isinstance(worker, ManagingWorker):
            yield worker.manager.model
            yield from _models(worker.manager.workers)
        else:
            own: Model | None = getattr(worker, "model", None)
            if own is not None:
                yield own
