"""browser-use in `bench browser` and `bench view`: its BrowserSession and its Tools, as its agent uses them.

A step of its agent (`Agent.step`) is `get_browser_state_summary`, a prompt made of
`dom_state.llm_representation()`, and `Tools.act` of what the model said; a look here is the first two, an
action is the third. What its agent does beside that is left out, and so is its screenshot, which it takes at
every step by default. Extensions, which it would fetch from a shop, are off, and so are telemetry and cloud.

The things of the page have the kind and the name that its own state gives them.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import socket
import sys
import tempfile
import time
import traceback
from typing import Any

from speaking import QUIET

OFF = {
    "BROWSER_USE_CLOUD_SYNC": "false", "BROWSER_USE_LOGGING_LEVEL": "result",
    "BROWSER_USE_VERSION_CHECK": "false", "BROWSER_USE_CLOUD_HINTS": "false",
    "BROWSER_USE_DISABLE_EXTENSIONS": "1",
}  # fmt: skip


def only_loopback() -> None:
    """Connections of this process to its own machine alone; the browser is reached through one."""
    connect = socket.socket.connect

    def connect_near(self: socket.socket, address: Any) -> Any:
        near = self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1", "localhost")
        if not near:
            raise OSError("the benchmark has no network")
        return connect(self, address)

    socket.socket.connect = connect_near  # type: ignore[method-assign]


def kind_of(node: Any) -> str:
    """field, checkbox, radio, button or other."""
    given = node.attributes.get("type", "")
    if node.tag_name == "input" and given in ("checkbox", "radio"):
        return str(given)
    if node.tag_name == "button" or (node.tag_name == "input" and given in ("button", "submit")):
        return "button"
    return "field" if node.tag_name in ("input", "textarea") else "other"


def name_of(node: Any) -> str:
    """What its state calls a thing."""
    name = node.ax_node.name if node.ax_node is not None else ""
    return str(name or node.get_all_children_text()).strip()


class Browsing:
    """One session and the requests for it."""

    def __init__(self) -> None:
        from browser_use import Tools

        self.tools = Tools()
        self.session: Any = None
        self.things: dict[int, Any] = {}
        self.page = ""

    async def start(self, executable: str, url: str) -> dict[str, Any]:
        """A new browser, up to the first look at a page."""
        from browser_use import BrowserSession

        await self.close()
        began = time.perf_counter()
        self.session = BrowserSession(
            executable_path=executable, headless=True, chromium_sandbox=False, user_data_dir=None,
            enable_default_extensions=False, viewport={"width": 1280, "height": 720},
        )  # fmt: skip
        await self.session.start()
        await self.go(url)
        await self.look()
        return {"ms": (time.perf_counter() - began) * 1000}

    async def go(self, url: str) -> dict[str, Any]:
        """To an address; only to another place of the page where it is that page's."""
        page, mark, place = url.partition("#")
        if page == self.page and mark:
            await self.run(f"location.hash = {json.dumps(place)}")
        else:
            await self.session.navigate_to(url)
        self.page = page
        return {}

    async def run(self, script: str) -> dict[str, Any]:
        """Evaluate a script in the page."""
        target = await self.session.get_or_create_cdp_session()
        await target.cdp_client.send.Runtime.evaluate(
            params={"expression": script, "awaitPromise": True}, session_id=target.session_id
        )
        return {}

    async def look(self) -> dict[str, Any]:
        """Its state and the text of it."""
        began = time.perf_counter()
        state = await self.session.get_browser_state_summary(include_screenshot=False)
        text = state.dom_state.llm_representation()
        spent = (time.perf_counter() - began) * 1000
        if state.dom_state._root is None:
            raise RuntimeError(f"no state of the page after {spent:,.0f} ms: {text}")
        self.things = dict(state.dom_state.selector_map)
        return {"ms": spent, "chars": len(text)}

    async def act(self, kind: str, name: str, place: int, text: str | None) -> dict[str, Any]:
        """Click, or type a text, at the thing of that kind and name, else at the one in that place."""
        same = [index for index, node in self.things.items() if kind_of(node) == kind]
        named = [index for index in same if name and name_of(self.things[index]) == name]
        if not named and place >= len(same):
            return {"missing": f"{kind} {name!r}"}
        index = named[0] if named else same[place]
        began = time.perf_counter()
        if text is None:
            done = await self.tools.click(index=index, browser_session=self.session)
        else:
            done = await self.tools.input(index=index, text=text, browser_session=self.session)
        spent = (time.perf_counter() - began) * 1000
        return {"missing": str(done.error)[:200]} if done.error else {"ms": spent}

    async def close(self) -> dict[str, Any]:
        """End the browser."""
        session, self.session, self.page = self.session, None, ""
        if session is not None:
            with contextlib.suppress(Exception):
                await session.kill()
        return {}


async def serve() -> None:
    """Answer requests until standard input ends, all in one loop: its session belongs to that."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what it prints goes where it does not disturb
    only_loopback()

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    browsing = Browsing()
    say({"version": importlib.metadata.version("browser-use"), "situations": [], "works": []})
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            answer = await getattr(browsing, request.pop("do"))(**request)
        except Exception:
            answer = {"broke": traceback.format_exc()[-1500:]}
        say(answer)
    await browsing.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({**QUIET, **OFF, "BROWSER_USE_CONFIG_DIR": folder})
        asyncio.run(serve())
