"""A timer that is set anew rings once, as late as it was set last and as early as it was set last."""

from __future__ import annotations

import asyncio
from functools import partial

from punchlist.agents.managing.timing import Timer


async def rung(*seconds: float, wait: float = 0.2) -> list[float]:
    """The settings of a timer, each of which overtakes the one before, that ring."""
    timer, heard = Timer(), list[float]()
    done = asyncio.Event()

    def ring(each: float) -> None:
        heard.append(each)
        done.set()

    for each in seconds:
        timer.set(each, partial(ring, each))
    try:
        async with asyncio.timeout(wait):
            await done.wait()
    except TimeoutError:
        timer.cancel()
    return heard


async def test_the_last_setting_rings_whether_it_is_earlier_or_later() -> None:
    assert await rung(0.01, 0.03) == [0.03]
    assert await rung(5.0, 0.01) == [0.01]


async def test_one_that_was_put_off_does_not_ring_before() -> None:
    assert await rung(0.01, 5.0, wait=0.05) == []


async def test_one_that_was_cancelled_does_not_ring_and_can_be_set_again() -> None:
    timer, heard = Timer(), asyncio.Event()
    timer.set(0.0, lambda: None)
    timer.cancel()

    timer.set(0.01, heard.set)

    await asyncio.wait_for(heard.wait(), 5)
