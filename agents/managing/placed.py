"""Before an order is placed again: ask the shop whether an attempt that was cut short has placed it.

Where nothing was pressed, nothing was placed: an older order of the same things is not taken for this one. A
press may take effect after the first look; so the shop is asked again for a while.
Does not cover: an order that shows only after that time (`PATIENCE`), an older order of the very same things
after a press, and stages other than placing.
"""

from __future__ import annotations

import asyncio
import time

from ...protocols.journal import Journal
from ...protocols.messages import Report
from ..acting.attempt import Assignment
from ..agent import Agent
from ..checking.lookup import CannotTell, Found, find_order
from .drive import Drive
from .lanes import Lane

PATIENCE = 30.0
"""Seconds for which the shop is asked."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0
"""Seconds between two looks; doubled each time."""


async def already_placed(
    journal: Journal, run: str, drive: Drive, worker: Agent, lane: Lane
) -> Report | None:
    """The report of an order that is there, with the worker's session at its page; None when there is none.

    Raises:
        CannotTell: It cannot be told; then nothing is done again.
        ToolError: The shop cannot be reached.
    """
    if drive.work.stage.name != "place" or worker.browser is None or not worker.browser.allow:
        return None
    start = worker.browser.allow[0]
    if drive.state.last is not None and drive.state.last.result:
        raise CannotTell(start, "an order was placed, and what the shop shows of it does not pass")
    if all(call.recovery == "pure" for call in journal.calls(run, drive.id)):
        return None
    found = await _look_for(drive, worker, lane, start)
    if found is None:
        return None
    order = Assignment(run, drive.id, 0, drive.work.stage, (), drive.lane, True, lane.storage, found.url)
    session = await worker.session(order)
    await session.load(found.url)
    return Report(result={"number": found.number, "url": found.url, "changes": []})


async def _look_for(drive: Drive, worker: Agent, lane: Lane, start: str) -> Found | None:
    """Look until the order is found or the time is over; the last look decides."""
    if worker.browser is None:
        return None
    until, wait = time.monotonic() + PATIENCE, FIRST_WAIT
    while True:
        last = time.monotonic() >= until
        try:
            found = await find_order(worker.browser, lane.storage, start, drive.work.facts)
        except CannotTell:
            if last:
                raise
            found = None
        if found is not None or last:
            return found
        await asyncio.sleep(wait)
        wait = min(LONGEST_WAIT, 2 * wait)
