"""The model that a command names, opened; whether its server answers is found out before a run begins."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...core_model.remote import RemoteModel


def open_model(
    opener: Callable[[str | None], Model] | None,
    source: str | None,
    *,
    quiet: bool,
    price: str | None = None,
    sees: bool = False,
) -> Model:
    """The model.

    Args:
        opener: What opens it instead of `load_model`.
        source: As `--model` names it; None is the embedded one.
        quiet: Do not say on stderr that it takes a moment.
        price: What a million tokens of prompt and of answer cost, as `2.50/10`.
        sees: It is to be shown pictures; a server that does not say whether its model sees is shown them.

    Raises:
        CoreModelError: It cannot be opened, or does not see.
    """
    if not quiet:
        print("Loading the model ...", file=sys.stderr, flush=True)
    if opener is not None:
        return _seeing(opener(source), sees)
    from ...core_model.model import load_model
    from ...core_model.pricing import Price
    from ...core_model.remote import RemoteModel

    costs = None if price is None else Price(*price.split("/"))
    model = load_model(source, price=costs)
    if isinstance(model, RemoteModel):
        model.capabilities = replace(model.capabilities, images=sees)
        asyncio.run(_reach(model))
    return _seeing(model, sees)


def _seeing(model: Model, sees: bool) -> Model:
    """The model.

    Raises:
        NotSupported: It is to see pictures, and does not.
    """
    if sees and not model.capabilities.images:
        from ...core_model.errors import NotSupported

        raise NotSupported(model.name, "see pictures", "Leave out --observer, or name another with --model.")
    return model


async def _reach(model: RemoteModel) -> None:
    """Find out whether a model's server is there, before there is a journal.

    Raises:
        RemoteError: It is not.
    """
    try:
        await model.reach()
    finally:
        await model.aclose()
