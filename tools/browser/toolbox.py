"""A browser session as typed tools, for any agent that calls tools.

Each tool acts, looks again, and returns what came of it with the page as it is now, so that numbers in a call
are always those that the caller read last. What a page refuses is a value, not an error: `ok` is false and
`code` says why, which is evidence for whoever checks the work.

Does not cover: who may press what. The effects that the tools declare are what permissions go by.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from ...protocols.spec import Check
from ..tool import AnyTool, EffectClass, tool
from .actions import MalformedAction
from .calls import Direction
from .results import ActionResult, refused
from .session import BrowserSession

SECONDS = 60.0
"""Time of one call, above what its action and the look after it can take."""

Key = Literal[
    "Enter", "Tab", "Escape", "Backspace", "Delete", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"
]


@dataclass(frozen=True)
class Outcome:
    """What a tool of the browser returns.

    Attributes:
        did: The action in words that outlive the page: `click Like`.
        ok: It was carried out and had the effect that its verb promises.
        code: Why not, in one word; `ok` otherwise.
        result: One line about what came of it.
        found: What was read or found; empty for other actions.
        page: The page as it is now, things numbered.
    """

    did: str
    ok: bool
    code: str
    result: str
    found: str
    page: str


def browser_tools(session: BrowserSession, *, press_effect: EffectClass = "write") -> list[AnyTool]:
    """The actions of `session` as tools.

    Args:
        session: The session that all of them act on, one call at a time.
        press_effect: What a click, a key, an answered dialog or an upload may do on the sites of this
            session: `irreversible` where orders are placed or mail is sent.

    Returns:
        `look` and one tool for each action, named `browser_...`. `upload` is one of them when the session has
        `files`.
    """
    return [*_looking(session), *_filling(session), *_moving(session), *_pressing(session, press_effect)]


def _looking(session: BrowserSession) -> list[AnyTool]:
    async def look() -> Outcome:
        """Look at the page: its text, and everything that can be acted on, numbered."""
        return await _outcome(session)

    async def read(element: int | None = None) -> Outcome:
        """Read the whole text of the page or of one element.

        Args:
            element: Its number; null: the page.
        """
        return await _outcome(session, session.read(element))

    async def find(text: str) -> Outcome:
        """Scroll to a text and return the lines around it.

        Args:
            text: Words of the page.
        """
        return await _outcome(session, session.find(text))

    async def scroll(direction: Direction, element: int | None = None) -> Outcome:
        """Scroll the page, or what scrolls at an element.

        Args:
            direction: Where to.
            element: A number inside of what is to scroll; null: the page.
        """
        return await _outcome(session, session.scroll(direction, element))

    async def hover(element: int) -> Outcome:
        """Move the mouse over an element, as menus need it.

        Args:
            element: Its number.
        """
        return await _outcome(session, session.hover(element))

    async def wait(text: str | None = None) -> Outcome:
        """Wait until a text is on the page, or until the page changes.

        Args:
            text: What to wait for; null: any change.
        """
        return await _outcome(session, session.wait(text))

    return [
        _made(look, "read"), _made(read, "read"), _made(find, "read"), _made(scroll, "read"),
        _made(hover, "read"), _made(wait, "read"),
    ]  # fmt: skip


def _filling(session: BrowserSession) -> list[AnyTool]:
    async def type(element: int, text: str, key_by_key: bool = False) -> Outcome:
        """Replace what a field holds.

        Args:
            element: The field's number.
            text: What it shall hold.
            key_by_key: Press a key for every character, for fields that suggest while one types.
        """
        call = session.keys(element, text) if key_by_key else session.type(element, text)
        return await _outcome(session, call)

    async def select(element: int, options: list[str]) -> Outcome:
        """Choose in a list; several options where it takes several.

        Args:
            element: The list's number.
            options: What the options say.
        """
        return await _outcome(session, session.select(element, *options))

    return [_made(type, "write"), _made(select, "write")]


def _moving(session: BrowserSession) -> list[AnyTool]:
    async def goto(url: str) -> Outcome:
        """Go to an address of the allowed sites.

        Args:
            url: Absolute, or relative to the current page.
        """
        return await _outcome(session, session.goto(url))

    async def back() -> Outcome:
        """Return to the page before."""
        return await _outcome(session, session.back())

    async def tab(number: int | None = None, close: bool = False) -> Outcome:
        """List the open tabs, go to one, or close the current one.

        Args:
            number: The tab to go to; null: none.
            close: Close the current tab instead.
        """
        return await _outcome(session, session.tab("close" if close else number))

    return [_made(goto, "write"), _made(back, "write"), _made(tab, "write")]


def _pressing(session: BrowserSession, effect: EffectClass) -> list[AnyTool]:
    async def click(element: int) -> Outcome:
        """Click an element.

        Args:
            element: Its number.
        """
        return await _outcome(session, session.click(element))

    async def enter(element: int, text: str, key_by_key: bool = False) -> Outcome:
        """Replace what a field holds and press Enter, as search fields want it.

        Args:
            element: The field's number.
            text: What it shall hold.
            key_by_key: Press a key for every character, for fields that suggest while one types.
        """
        write = session.keys if key_by_key else session.type
        return await _outcome(session, write(element, text, enter=True))

    async def press(key: Key) -> Outcome:
        """Press a key.

        Args:
            key: Which.
        """
        return await _outcome(session, session.press(key))

    async def drag(element: int, to: int) -> Outcome:
        """Drag one element onto another.

        Args:
            element: The number of what is dragged.
            to: The number of where it is let go.
        """
        return await _outcome(session, session.drag(element, to))

    async def dialog(answer: Literal["accept", "dismiss"], text: str | None = None) -> Outcome:
        """Answer the open dialog; nothing else is possible while one is open.

        Args:
            answer: OK or Cancel.
            text: What a prompt is answered with; null: what it offers.
        """
        return await _outcome(session, session.dialog(answer, text))

    async def upload(element: int, file: str) -> Outcome:
        """Give a file of this task's folder to a field or button that asks for one.

        Args:
            element: Its number.
            file: The file's name.
        """
        return await _outcome(session, session.upload(element, file))

    made = [
        _made(click, effect), _made(enter, effect), _made(press, effect), _made(drag, effect),
        _made(dialog, effect),
    ]  # fmt: skip
    return [*made, _made(upload, effect)] if session.files is not None else made


def _made(function: Callable[..., Awaitable[Outcome]], effect: EffectClass) -> AnyTool:
    """The function as a tool named `browser_...`; what can be undone may be done again after a restart."""
    recovery = "unsafe" if effect == "irreversible" else "pure"
    name = f"browser_{function.__name__}"
    return tool(name=name, effect=effect, recovery=recovery, timeout=SECONDS)(function)


async def _outcome(session: BrowserSession, doing: Awaitable[ActionResult] | None = None) -> Outcome:
    try:
        result = ActionResult(True, "ok") if doing is None else await doing
    except MalformedAction as error:  # arguments that no page could take
        result = refused("bad_option", error.why, 0.0)
    view = await session.view()
    said = f"{result.line()} ({result.hint})" if result.hint else result.line()
    return Outcome(result.did or "look", result.ok, result.code, said, result.text, view.text())


def took_effect(did: str, *, name: str = "", required: bool = True) -> Check:
    """A criterion: the worker did this with a tool of the browser, and the last time the page obeyed.

    It reads what the tools returned, which the report carries, and asks neither a model nor the worker: who
    claims a click that changed nothing has to do it again.

    Args:
        did: An action as `Outcome.did` says it: `click Like`, `type Name`. Letter case does not count.
        name: What the criterion is called; made of `did` when empty.
        required: Whether the work stands and falls with it.
    """

    def found(result: Any) -> bool | str:
        outcomes = [item for item in _outcomes(result) if str(item["did"]).casefold() == did.casefold()]
        if not outcomes:
            return f"nobody did {did!r} in the browser"
        last = outcomes[-1]
        return True if last["ok"] is True else f"{did!r} was not done: {last['result']}"

    return Check(name or f"{did} took effect", found, required, must_refuse=({"returned": []}, None))


def _outcomes(result: Any) -> Iterator[dict[str, Any]]:
    """What the browser's tools returned, out of the result of a report."""
    returned = cast("dict[str, Any]", result).get("returned") if isinstance(result, dict) else None
    for item in cast("list[Any]", returned) if isinstance(returned, list) else []:
        try:
            value = json.loads(item) if isinstance(item, str) else item
        except ValueError:
            continue
        if isinstance(value, dict) and {"did", "ok", "result"} <= cast("dict[str, Any]", value).keys():
            yield cast("dict[str, Any]", value)
