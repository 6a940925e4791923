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
    """The world of a frame in a document of the session `cdp`; None when it has none now."""
    worlds = await contexts(cdp)
    if frame_id in worlds:
        return World(cdp, worlds[frame_id])
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


async def contexts(cdp: Debugger, name: str | None = None) -> dict[str, str]:
    """The unique id of a world of each frame of a session, by frame.

    Args:
        name: What the name of the world begins with; None: the page's own.
    """
    found: dict[str, str] = {}

    def note(event: dict[str, Any]) -> None:
        context = event["context"]
        about = context.get("auxData", {})
        own = bool(about.get("isDefault"))
        if own if name is None else not own and str(context["name"]).startswith(name):
            found[str(about.get("frameId"))] = str(context["uniqueId"])

    cdp.on("Runtime.executionContextCreated", note)
    try:
        await cdp.send("Runtime.enable")
        await cdp.send("Runtime.disable")
    finally:
        cdp.remove_listener("Runtime.executionContextCreated", note)
    return found
