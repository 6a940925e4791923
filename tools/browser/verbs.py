"""What each action verb does to a tab; `session.py` compares the page before and after."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import Error, Page

from .actions import Action
from .dates import resolve_date
from .fence import Fence
from .gates import Gate, GateClosed, Gatekeeper, gates_at
from .observer import ContextLost, Seen, SeenElement
from .results import MASK, Code, secret_name
from .secrets import SecretRefused, Vault
from .tab import NAVIGATION_TIMEOUT, Tab, TooSlow
from .view import View, clip

READ_LIMIT = 2000
APPROVAL_LOOKS = 3
"""Times that a page may become another one while somebody is asked about it."""

WAIT_CAP = 2.0
NATIVE_FIELDS = frozenset({"time", "month", "week", "datetime-local", "range", "color"})
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
    """The latest view, with the observer's handles of its numbers and the reading it was made from."""

    view: View
    indexes: dict[int, int]
    seen: Seen | None


@dataclass(frozen=True)
class Done:
    """What a verb left behind.

    Attributes:
        value: What the field holds afterwards.
        text: What was read or found.
        moved: The view begins elsewhere.
    """

    value: str | None = None
    text: str = ""
    moved: bool = False


async def load(tab: Tab, url: str, fence: Fence) -> None:
    """Go to `url` and wait until the page is quiet.

    Raises:
        Refused: The fence forbids it, or the site does not answer.
        DialogOpened, BrowserCrashed, TooSlow: As `Tab.race`.
    """
    if not fence.allows(url):
        raise Refused("blocked_origin", f"{url[:80]} is outside the allowed sites")
    failure = await tab.race(_go(tab.page, url), NAVIGATION_TIMEOUT + 1)
    await tab.settle()
    if tab.blocked is not None:
        raise Refused("blocked_origin", f"{tab.blocked[:80]} is outside the allowed sites")
    if tab.unreachable is not None or failure:
        raise Refused("unreachable", tab.unreachable or f"{url[:80]} does not answer ({failure})")


async def _go(page: Page, url: str) -> str:
    """Navigate; the network error's name, empty when the new page has begun to arrive."""
    try:
        await page.goto(url, wait_until="commit", timeout=NAVIGATION_TIMEOUT * 1000)
    except Error as error:
        message = error.message
        if "interrupted by another navigation" in message or "ERR_ABORTED" in message:
            return ""
        start = message.find("net::")
        if start < 0:
            raise
        return message[start:].split()[0].removeprefix("net::")
    return ""


class Verbs:
    """Carries out one action on `tab`, chosen from `look`.

    Args:
        approved: Gates that the caller's own policy lets pass.
    """

    def __init__(
        self,
        tab: Tab,
        look: Look,
        fence: Fence,
        budget: int,
        vault: Vault,
        keeper: Gatekeeper,
        approved: Collection[Gate] = (),
    ) -> None:
        self._vault, self._keeper, self._approved = vault, keeper, approved
        self._tab = tab
        self._look = look
        self._fence = fence
        self._budget = budget

    async def do(self, action: Action) -> Done:
        """Do it and wait until the page is quiet.

        Raises:
            Refused: It could not be done, it was not approved, or its value did not stay.
            DialogOpened, BrowserCrashed, TooSlow, ContextLost: As `Tab.race`.
        """
        doing: dict[str, Callable[[Action], Awaitable[Done]]] = {
            "click": self._click, "type": self._type, "select": self._select, "press": self._press,
            "scroll": self._scroll, "back": self._back, "goto": self._goto, "find": self._find,
            "read": self._read, "wait": self._wait, "dialog": self._answer,
        }  # fmt: skip
        await self._pass_gates(action)
        return await doing[action.verb](action)

    async def gates(self, action: Action) -> set[Gate]:
        """The gates that the action would have to pass on the page as it is now.

        Raises:
            Refused: It could not be done in any case.
            DialogOpened, BrowserCrashed, TooSlow, ContextLost: As `Tab.race`.
        """
        if action.verb == "dialog":
            kind = self._tab.dialog.type if self._tab.dialog is not None else ""
            return {"confirm"} if action.text == "accept" and kind in ("confirm", "beforeunload") else set()
        if action.verb == "goto":
            url = urljoin(self._tab.page.url, action.text.strip())
            return {"new_origin"} if self._fence.allows(url) and self._keeper.is_new(url) else set()
        if action.verb == "type":
            element = self._look.view.elements.get(action.target or 0)
            return {"upload"} if element is not None and element.role == "file" else set()
        if action.verb != "click" and (action.verb, action.text) != ("press", "Enter"):
            return set()
        point = await self._point(action) if action.verb == "click" else None
        found, leads = await self._tab.race(gates_at(self._tab.cdp, point))
        if leads and self._fence.allows(leads) and self._keeper.is_new(leads):
            found.add("new_origin")
        return found

    async def _pass_gates(self, action: Action) -> None:
        """Have the action approved; where that took asking, the page is looked at once more."""
        passed = set(self._approved)
        for _ in range(APPROVAL_LOOKS):
            gates = await self.gates(action)
            line, url = self._vault.mask(action.line()), self._vault.mask(self._tab.page.url)
            try:
                if not await self._keeper.require(sorted(gates), passed, line, url):
                    return
            except GateClosed as error:
                raise Refused("needs_approval", str(error)) from error
            passed |= gates
        raise Refused("stale_ref", "the page changed while approval was asked for")

    async def _point(self, action: Action) -> dict[str, float]:
        point: dict[str, float] = await self._ask("point", self._index(action))
        self._check(action, point)
        return point

    async def _click(self, action: Action) -> Done:
        index = self._index(action)
        point = await self._point(action)
        await self._tab.race(self._tab.page.mouse.click(point["x"], point["y"]))
        await self._tab.settle()
        return Done(await self._value(index))

    async def _type(self, action: Action) -> Done:
        tab, index, text = self._tab, self._index(action), action.text
        facts = await self._ask("focus", index)
        self._check(action, facts)
        kind = str(facts["kind"])
        if kind == "file":
            raise Refused("not_editable", "files cannot be chosen in this run")
        if (name := secret_name(text)) is not None:
            return await self._type_secret(index, kind, name)
        if kind == "date":
            text = _day(text, str(facts["min"]), str(facts["lang"]))
        if kind == "date" or kind in NATIVE_FIELDS:
            await self._ask("fill", {"index": index, "text": text})
        else:
            text = text if kind in ("textarea", "div") else " ".join(text.split("\n"))
            await self._keys(text)
            await self._ask("typed", index)
        await tab.settle()
        holds = await self._ask_if_there("holds", {"index": index, "text": text})
        value = await self._value(index)
        if holds is False:
            raise Refused("value_differs", f"the field holds {value!r}", value)
        return Done(value)

    async def _type_secret(self, index: int, kind: str, name: str) -> Done:
        """Put a secret's value into the very field that was looked at; a page can move the caret."""
        if kind in ("textarea", "div", "date") or kind in NATIVE_FIELDS:
            raise Refused("not_editable", "a secret goes into a one-line field")
        seen = self._look.seen
        try:
            value = self._vault.value(name, self._tab.page.url, seen.url if seen is not None else "")
        except SecretRefused as error:
            raise Refused("secret_refused", str(error)) from error
        held = await self._ask("fill", {"index": index, "text": value})
        await self._tab.settle()
        if held != value:
            raise Refused("value_differs", f"the field does not hold secret {name!r}", MASK)
        return Done(MASK)

    async def _keys(self, text: str) -> None:
        """Insert `text` at the caret, its last character as a real key press, so that pages that listen for
        keys (suggestions, counters) hear one."""
        keyboard = self._tab.page.keyboard
        *_, last = text
        if last in "\n\t":
            await self._tab.race(keyboard.insert_text(text))
            return
        if text[:-1]:
            await self._tab.race(keyboard.insert_text(text[:-1]))
        await self._tab.race(keyboard.type(last))

    async def _select(self, action: Action) -> Done:
        index = self._index(action)
        answer = await self._ask("choose", {"index": index, "text": action.text})
        if answer.get("code") == "bad_option":
            raise Refused("bad_option", f"the options are {' | '.join(answer['options'])}")
        self._check(action, answer)
        await self._tab.settle()
        value = await self._value(index)
        if value is not None and answer["chosen"] not in value:
            raise Refused("value_differs", f"it shows {value!r}", value)
        return Done(value)

    async def _press(self, action: Action) -> Done:
        await self._tab.race(self._tab.page.keyboard.press(action.text))
        await self._tab.settle()
        return Done()

    async def _scroll(self, action: Action) -> Done:
        """To the lines that the view had no room for; by most of a window where it had."""
        view, seen = self._look.view, self._look.seen
        down = action.text == "down"
        if seen is not None and (view.below if down else view.above):
            line = view.above + len(view.lines) if down else self._page_before(seen, view.above)
            await self._ask("begin", line or None)
            await self._tab.settle()
            return Done(moved=True)
        moved = await self._ask("scroll", 1 if down else -1)
        await self._tab.settle()
        return Done(moved=moved != 0)

    def _page_before(self, seen: Seen, line: int) -> int:
        room = self._budget
        while line > 0 and room > 0:
            line -= 1
            room -= len(_plain(seen.lines[line])) + 8
        return line

    async def _back(self, action: Action) -> Done:
        tab = self._tab
        history = await tab.race(tab.cdp.send("Page.getNavigationHistory"))
        current = int(history["currentIndex"])
        if current == 0 or history["entries"][current - 1]["url"] == "about:blank":
            raise Refused("no_effect", "there is no page to go back to")
        await tab.race(tab.page.go_back(wait_until="commit"), NAVIGATION_TIMEOUT)
        await tab.settle()
        return Done()

    async def _goto(self, action: Action) -> Done:
        await load(self._tab, urljoin(self._tab.page.url, action.text.strip()), self._fence)
        return Done()

    async def _find(self, action: Action) -> Done:
        wanted = " ".join(action.text.split()).casefold()
        seen = self._look.seen
        lines = [_plain(line) for line in seen.lines] if seen is not None else []
        at = next((place for place, text in enumerate(lines) if wanted in text.casefold()), None)
        if at is None:
            raise Refused("no_effect", f"{clip(action.text, 60)!r} is not on the page")
        await self._ask("begin", at)
        await self._tab.settle()
        return Done(text="\n".join(lines[max(0, at - 2) : at + 3])[:READ_LIMIT], moved=True)

    async def _read(self, action: Action) -> Done:
        index = None if action.target is None else self._index(action)
        found = await self._ask("whole", index)
        self._check(action, found)
        return Done(text=self._vault.mask(str(found["text"]))[:READ_LIMIT])

    async def _wait(self, action: Action) -> Done:
        changes = self._look.seen.changes if self._look.seen is not None else 0
        call = self._tab.observer.ask("awaitChange", {"from": changes, "cap": WAIT_CAP * 1000})
        with contextlib.suppress(ContextLost, TooSlow):  # a navigation is a change
            await self._tab.race(call, WAIT_CAP + 1)
        await self._tab.settle()
        return Done()

    async def _answer(self, action: Action) -> Done:
        if self._tab.dialog is None:
            raise Refused("no_effect", "no dialog is open")
        await self._tab.answer(action.text == "accept")
        await self._tab.settle()
        return Done()

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


def _plain(line: tuple[str | SeenElement, ...]) -> str:
    """A line without numbers, as `find` reports it."""
    return " | ".join(clip(part if isinstance(part, str) else _element(part)) for part in line)


def _element(part: SeenElement) -> str:
    return f"{part.role} {part.name}" + (f": {part.value}" if part.value else "")


def _day(text: str, minimum: str, lang: str) -> str:
    try:
        earliest = date.fromisoformat(minimum) if minimum else None
    except ValueError:
        earliest = None
    day = resolve_date(text, today=date.today(), earliest=earliest, day_first=lang.lower() != "en-us")
    if day is None:
        raise Refused("bad_option", f"{clip(text, 40)!r} is not a date; write it like 3 May or 2027-05-03")
    return day.isoformat()
