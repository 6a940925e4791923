"""How a verb reaches the element of a number: through the observer, and through the debugger at its place."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from .actions import Action
from .observer import ContextLost, Seen, SeenElement, path_of
from .results import Code
from .secrets import Vault
from .tab import Tab
from .view import PLAIN, Dialog, View, ViewStyle, clip

LIKE = 0.5
"""How much of a name must be the same for an element to be named as like another."""

MESSAGES: dict[str, str] = {
    "stale_ref": "{} is gone from the page",
    "disabled": "{} cannot be used now",
    "not_visible": "{} cannot be seen",
    "not_editable": "{} takes no such input",
}


class Refused(Exception):
    """An action that was not carried out, or not so: its code, why, and what the field holds, if any."""

    def __init__(self, code: Code, message: str = "", value: str | None = None) -> None:
        self.code: Code = code
        self.message, self.value = message, value
        super().__init__(message)


@dataclass(frozen=True)
class Look:
    """The latest view, with the observer's handles of its numbers and the reading it was made from.

    Attributes:
        budget, style: What it was made by.
    """

    view: View
    indexes: dict[int, int]
    seen: Seen | None
    budget: int | None = None
    style: ViewStyle = PLAIN


@dataclass(frozen=True)
class Done:
    """What a verb left behind.

    Attributes:
        value: What the field holds afterwards.
        text: What was read or found.
        moved: The view begins elsewhere, or what was waited for is there.
    """

    value: str | None = None
    text: str = ""
    moved: bool = False


def behind_dialog(url: str, dialog: Dialog | None, seen: Seen | None) -> Look:
    """What there is to see while a dialog is open: the dialog, and the title of the page if it was read."""
    title = clip(seen.title) if seen is not None and seen.url == url else ""
    return Look(View(url, path_of(url), title, (), dialog), {}, seen)


class Reach:
    """The elements of `look` on `tab`, with what `vault` holds masked in all that is read of them."""

    def __init__(self, tab: Tab, look: Look, vault: Vault) -> None:
        self._tab = tab
        self._look = look
        self._vault = vault

    async def _point(self, action: Action, target: int | None = None) -> tuple[float, float]:
        """A point of the action's element, or of `target`, that nothing covers; scrolled into sight.

        Raises:
            Refused: There is none, or it cannot be used.
        """
        chosen = action if target is None else Action(action.verb, target)
        point = await self._ask("point", self._index(chosen))
        self._check(chosen, point)
        return float(point["x"]), float(point["y"])

    async def _at(self, point: tuple[float, float], function: str, *arguments: object) -> Any:
        """Call a JavaScript function with `this` being the innermost node at a point of the page."""
        send, (x, y) = self._tab.cdp.send, point
        place = {"x": round(x), "y": round(y), "ignorePointerEventsNone": True}
        found = await self._tab.race(send("DOM.getNodeForLocation", place))
        node = await self._tab.race(send("DOM.resolveNode", {"backendNodeId": found["backendNodeId"]}))
        call = {
            "objectId": node["object"]["objectId"],
            "functionDeclaration": function,
            "arguments": [{"value": argument} for argument in arguments],
            "returnByValue": True,
            "silent": True,
        }
        answer = await self._tab.race(send("Runtime.callFunctionOn", call))
        if "exceptionDetails" in answer:
            raise ContextLost
        return answer["result"].get("value")

    def _index(self, action: Action) -> int:
        index = self._look.indexes.get(action.target or 0)
        if index is None:
            raise Refused("stale_ref", f"there is no element {action.target} in the latest view")
        return index

    async def _ask(self, method: str, argument: object = None) -> Any:
        return await self._tab.race(self._tab.observer.ask(method, argument))

    async def _ask_if_there(self, method: str, argument: object) -> Any:
        """As `_ask`; None when the document is gone."""
        try:
            return await self._ask(method, argument)
        except ContextLost:
            return None

    async def _value(self, index: int) -> str | None:
        """What the field holds; None when it is gone or is no field, or its document is gone."""
        value = await self._ask_if_there("value", index)
        return None if value is None else self._vault.mask(str(value))

    def _check(self, action: Action, answer: dict[str, Any]) -> None:
        """Raise what the observer refused, in words that name the element."""
        if "code" not in answer:
            return
        code: Code = answer["code"]
        element = self._look.view.elements.get(action.target or 0)
        named = f"{element.role} {clip(element.name, 40)!r}" if element else "it"
        if code == "covered":
            number = {index: shown for shown, index in self._look.indexes.items()}.get(int(answer["index"]))
            cover = self._vault.mask_cut(str(answer["text"]))
            by = f"[{number}] {cover!r}" if number else repr(cover)
            raise Refused(code, f"{named} is covered by {by}")
        raise Refused(code, MESSAGES.get(code, "{}").format(named))


def nearest(view: View, action: Action, now: Seen | None) -> str:
    """The element of the page now that is most like the one that an action was meant for, in words.

    Empty when nothing is: another role, or a name that shares less than half with it.
    """
    meant = view.elements.get(action.target or 0)
    if meant is None or now is None:
        return ""
    things = [part for line in now.lines for part in line if isinstance(part, SeenElement)]

    def likeness(thing: SeenElement) -> float:
        same = SequenceMatcher(None, thing.name.casefold(), meant.name.casefold()).ratio()
        return same if thing.role == meant.role else 0.0

    best = max(things, key=likeness, default=None)
    if best is None or likeness(best) < LIKE:
        return ""
    return f"most like it now: {best.role} {clip(best.name, 40)!r}; look again for its number"
