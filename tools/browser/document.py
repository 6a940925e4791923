"""The in-page observer of one document: installs it, calls it, and opens what pages keep closed.

A document is that of a tab or of a frame; `observer.py` joins them. Nothing is written into the page.

Does not cover: a closed shadow root on a plain element whose children are all slotted into it (nothing
outside tells it apart from an open place); custom elements with such roots are found.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Protocol

from playwright.async_api import Error
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ..errors import PageUnreadable
from .view import clip

SOURCES = ("observer.js", "observer_walk.js", "observer_face.js")
ROUNDS = 4
"""How deep closed shadow roots may lie in one another."""

GROUP = "punchlist-roots"


class SeenElement(BaseModel):
    """A thing as the page's observer reports it; `index` is its handle until the next view. `shown` is its
    line where it is not to be printed as usual, with `[ref=]` for the number."""

    model_config = ConfigDict(frozen=True)

    role: str
    name: str
    index: int
    value: str | None = None
    options: tuple[str, ...] = ()
    disabled: bool = False
    state: str = ""
    shown: str = ""
    hinted: bool = False


SeenLine = tuple[str | SeenElement, ...]


class Seen(BaseModel):
    """One reading of a page, before numbers are given out and the budget is applied.

    Attributes:
        first: The line that views begin with.
        unread_above, unread_below: The page is too long to be read whole, and goes on there.
        onscreen: First and last line that the window shows some of, where that was asked; -1 without any.
        windows: How far the page is scrolled and how long it is, in heights of the window, where asked.
        raw: Lines are a snapshot's and keep their indentation.
        hosts: Elements that may have a closed shadow root and were not asked yet.
        frames: (line, id) of frames that have an observer of their own; their lines are empty.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    title: str
    scroll: str
    focus: str
    changes: int
    first: int
    lines: tuple[SeenLine, ...]
    unread_above: bool = False
    unread_below: bool = False
    onscreen: tuple[int, int] | None = None
    windows: tuple[float, float] = (0.0, 1.0)
    raw: bool = False
    hosts: int = 0
    frames: tuple[tuple[int, int], ...] = ()

    def texts(self) -> list[str]:
        """The text of every line, things left out; lines without text are absent."""
        joined = (" | ".join(clip(part) for part in line if isinstance(part, str)) for line in self.lines)
        return [text for text in joined if text]

    def state(self) -> tuple[SeenLine, ...]:
        """What a reader of the view could tell apart, numbers aside."""
        return tuple(
            tuple(part if isinstance(part, str) else part.model_copy(update={"index": 0}) for part in line)
            for line in self.lines
        )


_SEEN = TypeAdapter(Seen)
_ANSWER: TypeAdapter[Any] = TypeAdapter(Any)


class ContextLost(Exception):
    """The document that was being read is gone: the page navigated."""


class Debugger(Protocol):
    """A debugger session of one tab (Playwright's `CDPSession`, with its types said in full)."""

    async def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one command of the DevTools protocol."""
        ...

    def on(self, event: str, f: Any) -> Any:
        """Call `f` with the parameters of every event of that name."""
        ...

    def remove_listener(self, event: str, f: Any) -> Any:
        """Undo `on`."""
        ...


@cache
def source() -> str:
    """The observer's JavaScript, one expression."""
    folder = resources.files(__name__.rpartition(".")[0])
    return "".join((folder / name).read_text(encoding="utf-8") for name in SOURCES)


class Document:
    """The observer in one document; reinstalls itself in every new document of its session.

    Args:
        cdp: The debugger session.
        context: The unique id of the frame's own world; None: the session's main frame.
        by_debugger: Listeners are asked of the debugger; otherwise of `listeners.py`.
    """

    def __init__(self, cdp: Debugger, context: str | None = None, by_debugger: bool = True) -> None:
        self.cdp = cdp
        self._by_debugger = by_debugger
        self._context = context
        self._object: str | None = None

    async def read(self, look: dict[str, bool] | None = None) -> Seen:
        """Read the document, closed shadow roots included.

        Args:
            look: What the view is to have beside the usual (`ViewStyle.look`); None: as the latest view was,
                whose numbers stay valid.

        Raises:
            ContextLost: It navigated again and again, or the frame is gone.
            PageUnreadable: It keeps the observer from reading it.
        """
        seen = await self._read(look)
        for _ in range(ROUNDS):
            if not seen.hosts or not await self._open_roots():
                break
            seen = await self._read(look)
        return seen

    async def ask(self, method: str, argument: Any = None) -> Any:
        """Call one method of the observer in the document of the latest reading.

        Raises:
            ContextLost: That document is gone.
        """
        if self._object is None:
            raise ContextLost
        return _ANSWER.validate_json(
            str((await self._call(method, [{"value": argument}])).get("value", "null"))
        )

    async def frame_id(self, mark: int) -> str:
        """The browser's id of the frame that the latest reading calls `mark`; empty when it is gone."""
        element = await self._call("frame", [{"value": mark}], by_value=False)
        if "objectId" not in element:
            return ""
        return str((await self._describe(element["objectId"])).get("frameId", ""))

    async def node_ids(self) -> list[int]:
        """The browser's ids of the elements that the latest view numbers, in order."""
        try:
            return [
                int((await self._describe(handle))["backendNodeId"])
                for handle in await self._elements("numbered")
            ]
        finally:
            await self._send("Runtime.releaseObjectGroup", {"objectGroup": GROUP})

    def forget(self) -> None:
        """The page navigated: the next reading installs the observer anew."""
        self._object = None

    async def _read(self, look: dict[str, bool] | None) -> Seen:
        method, given = ("peek", []) if look is None else ("view", [{"value": look}])
        for attempt in (1, 2, 3):
            if self._object is None:
                await self._install()
            if self._object is None:
                continue
            try:
                return _SEEN.validate_json(str((await self._call(method, given)).get("value", "null")))
            except ContextLost:
                if attempt == 3:
                    raise
            except ValidationError as error:
                raise PageUnreadable("the current page", str(error)) from error
        raise ContextLost

    async def _open_roots(self) -> bool:
        """Hand the observer the closed shadow roots of its candidates; whether there was one."""
        found = False
        try:
            for host in await self._elements("hosts"):
                found = await self._open_root(host) or found
        finally:
            await self._send("Runtime.releaseObjectGroup", {"objectGroup": GROUP})
        return found

    async def _elements(self, method: str) -> list[str]:
        """Handles of the elements that `method` of the observer lists."""
        array = await self._call(method, [], by_value=False)
        listed = await self._send(
            "Runtime.getProperties", {"objectId": array["objectId"], "ownProperties": True}
        )
        return [str(entry["value"]["objectId"]) for entry in listed["result"] if entry["name"].isdecimal()]

    async def _describe(self, handle: str) -> dict[str, Any]:
        return dict((await self._send("DOM.describeNode", {"objectId": handle}))["node"])

    async def _open_root(self, host: str) -> bool:
        node = await self._describe(host)
        closed = [root for root in node.get("shadowRoots", ()) if root.get("shadowRootType") == "closed"]
        if not closed:
            return False
        root = await self._send(
            "DOM.resolveNode", {"backendNodeId": closed[0]["backendNodeId"], "objectGroup": GROUP}
        )
        handle = root["object"]["objectId"]
        try:
            await self._call("open", [{"objectId": host}, {"objectId": handle}])
        except ContextLost:  # the root belongs to a frame's world, where its own observer can hold it
            if self._object is None:
                raise
            await self._call("part", [{"objectId": host}])
        return True

    async def _install(self) -> None:
        where = {} if self._context is None else {"uniqueContextId": self._context}
        try:
            answer = await self.cdp.send(
                "Runtime.evaluate",
                {"expression": source(), "includeCommandLineAPI": self._by_debugger, "silent": True, **where},
            )
        except Error as error:
            if _is_closed(error):
                raise
            if self._context is not None:
                raise ContextLost from error
            return
        if "exceptionDetails" in answer:
            raise PageUnreadable("the current page", str(answer["exceptionDetails"].get("text", "")))
        self._object = answer["result"].get("objectId")

    async def _call(
        self, method: str, arguments: list[dict[str, Any]], by_value: bool = True, settles: bool = True
    ) -> dict[str, Any]:
        """The remote object that `method` of the observer answers with.

        Args:
            settles: A promise is waited for. One that answers at once also does so while the page is held.
        """
        answer = await self._send(
            "Runtime.callFunctionOn",
            {
                "objectId": self._object,
                "functionDeclaration": f"function (...given) {{ return this.{method}(...given); }}",
                "arguments": arguments,
                "returnByValue": by_value,
                "awaitPromise": settles,
                "silent": True,
                "objectGroup": GROUP,
            },
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"].get("exception", {}).get("description", "")
            raise PageUnreadable("the current page", str(details))
        return dict(answer["result"])

    async def _send(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.cdp.send(command, params)
        except Error as error:
            if _is_closed(error):
                raise
            if "same JavaScript world" not in error.message:
                self._object = None
            raise ContextLost from error


def _is_closed(error: Error) -> bool:
    return "closed" in error.message.lower() and "session" not in error.message.lower()
