"""How a verifier looks at the world: the lane's page, loaded again, or a reading tool of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.messages import Verify, new_id
from ...tools.errors import ToolError, UnknownTool
from ..acting.attempt import Assignment
from ..agent import Agent
from ..checking.checks import Page
from ..checking.criteria import LOOK
from .drive import Drive
from .lanes import Lane

BUDGET = 20_000
"""Characters of a page that a verifier reads: all of it, on any ordinary page."""


PATIENCE = "patience"
"""Argument of the look at a page: seconds to let pass first, for content that comes late."""


async def look(
    journal: Journal,
    run: str,
    workers: Sequence[Agent],
    drive: Drive,
    lane: Lane,
    verify: Verify,
    tool: str,
    args: Mapping[str, JsonValue],
) -> Any:
    """Make one call of a `ToolCheck`; that it is made is journalled.

    The page is the verifier's own: loaded again in a tab of its own with the lane's cookies, or, where a page
    cannot be loaded again without losing it (a form), as the tab stands.

    Raises:
        ToolError: It cannot be looked at.
    """
    body: dict[str, JsonValue] = {"tool": tool, "args": dict(args)}
    journal.append("look", body, run=run, task=drive.id, attempt=drive.state.attempt)
    known = [each for each in workers if each.name == lane.worker]
    worker = (known or [each for each in workers if each.has(drive.job.needs)])[0]
    if tool != LOOK:
        item = next((each for each in worker.functions if each.name == tool), None)
        if item is None:
            raise UnknownTool(tool, tuple(each.name for each in worker.functions))
        return await item.run(item.validate(dict(args)), new_id())
    url = verify.result.get("url") if isinstance(verify.result, dict) else None
    session = worker.live(drive.lane)
    if session is None and worker.browser is None:
        raise ToolError(f"Worker {worker.name!r} has no browser: there is no page to look at.")
    if session is None:  # after a restart: the same cookies, at the page that was reported
        stage, start = drive.work.stage, url if isinstance(url, str) else lane.url
        order = Assignment(run, drive.id, 0, stage, (), drive.lane, False, lane.storage, start)
        session = await worker.session(order)
    given = args.get(PATIENCE)
    patience = float(given) if isinstance(given, int | float) else 0.0
    if args.get("again") and isinstance(url, str):
        return Page.of(await session.new_tab_view(url, BUDGET, patience)).as_json()
    await asyncio.sleep(patience)
    return Page.of(await session.view(budget=BUDGET)).as_json()
