"""Journals of real runs: a scripted worker in a shop on paper that loses a quantity, so there is a redo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ..doubles import ORDER_GOAL, ORDER_PLAN, PaperShop, knowing

Recorded = tuple[Path, Any]


@pytest.fixture
def recorded(
    manager: Callable[..., Any], watch: Callable[..., Any], shop: PaperShop, tmp_path: Path
) -> Callable[..., Awaitable[Recorded]]:
    """Runs a goal and gives the journal's path and the outcome; the first attempt at the cart is refused."""

    async def run(**settings: Any) -> Recorded:
        shop.loses_quantity = True
        outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], **settings), ORDER_GOAL)
        return tmp_path / "run.db", outcome

    return run
