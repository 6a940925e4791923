"""What a call of a model costs that ended without an answer: cancelled, or broken off on the way.

What it came to is what the model says with the error (`core_model.pricing.spent_by`). One that says nothing
and was cancelled counts as all that it was promised: nobody knows how far it had come, and money and tokens
are never counted too low.

Does not cover: a call in the middle of which the process was killed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..core_model.pricing import Bound, spent_by
from .spending import CUT_OFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core_model.pricing import Price
    from ..protocols.journal import Journal
    from .budget import Budget


def spent_without_answer(error: BaseException, bound: Callable[[], Bound], most: int) -> tuple[int, int]:
    """Tokens, read and written, of a call that raised.

    Args:
        bound: The most that the call can come to; asked only where the model says nothing.
        most: Its `max_tokens`.
    """
    told = spent_by(error)
    if told is not None:
        return told
    if not isinstance(error, asyncio.CancelledError):
        return (0, 0)
    whole = bound()
    return whole.read + whole.again * most, whole.answers * most


def count_cut_off(
    budget: Budget,
    journal: Journal | None,
    spent: tuple[int, int],
    price: Price,
    *,
    run: str,
    task: str,
    attempt: int,
) -> None:
    """Count a call that ended without an answer, and put it on record; not where it came to nothing."""
    read, written = spent
    if not read and not written:
        return
    money = price.of(read, written)
    budget.spend(tokens=read + written, model_calls=1, money=money)
    body: dict[str, JsonValue] = {"read": read, "tokens": written, "model_calls": 1}
    if not price.free:
        body["money"] = str(money)
    if journal is not None:
        journal.append(CUT_OFF, body, run=run, task=task, attempt=attempt)
