"""Finds the world of a frame that its parent's document cannot reach: another origin, or another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from playwright.async_api import Error, Page

from .document import Debugger


@dataclass(frozen=True)
class World:
    """Where a frame's own scripts run.

    Attributes:
        cdp: The debugger session of the frame's process.
        context: The unique id of its world; None: the session's main frame.
    """

    cdp: Debugger
    context: str | None


async def frame_world(cdp: Debugger, page: Page | None, frame_id: str) -> World | None:
    """The world of the frame `frame_id`, a child of a document of the session `cdp`; None when it has none now."""
    contexts = await _contexts(cdp)
    if frame_id in contexts:
        return World(cdp, contexts[frame_id])
    if page is None:
        return None
    for frame in page.frames:
        try:
            session = cast("Debugger", await page.context.new_cdp_session(frame))
            tree = await session.send("Page.getFrameTree")
        except Error:  # it shares its parent's process, or is gone
            continue
        if tree["frameTree"]["frame"]["id"] == frame_id:
            return World(session, None)
    return None


async def _contexts(cdp: Debugger) -> dict[str, str]:
    """The unique id of the main world of each frame of a session, by frame."""
    found: dict[str, str] = {}

    def note(event: dict[str, Any]) -> None:
        context = event["context"]
        about = context.get("auxData", {})
        if about.get("isDefault"):
            found[str(about.get("frameId"))] = str(context["uniqueId"])

    cdp.on("Runtime.executionContextCreated", note)
    try:
        await cdp.send("Runtime.enable")
        await cdp.send("Runtime.disable")
    finally:
        cdp.remove_listener("Runtime.executionContextCreated", note)
    return found
