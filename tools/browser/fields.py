"""The verbs that fill something in: type, keys, select, upload."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date

from playwright.async_api import FileChooser

from .actions import SEVERAL, Action
from .approval import Approval, inside
from .dates import resolve_date, resolve_time
from .reach import Done, Refused
from .results import MASK, secret_name
from .secrets import SecretRefused
from .tab import TooSlow
from .view import clip

NATIVE_FIELDS = frozenset({"time", "month", "week", "datetime-local", "range", "color"})
KEYS_A_SECOND = 100
"""Key presses that a page is given time for, beyond the limit of an action."""

CHOOSE_SEVERAL = """function (texts) {
  const clean = (text) => text.replace(/\\s+/g, " ").trim();
  const at = this.nodeType === 1 ? this : this.parentElement;
  const list = at.closest("select") || (at.closest("label") || {}).control;
  if (!list || !list.multiple) return { code: "single" };
  const options = [...list.options].filter((option) => !option.disabled);
  const said = options.map((option) => clean(option.label || option.text));
  const found = texts.map((text) => {
    const wanted = clean(text).toLowerCase();
    const exact = said.findIndex((one) => one.toLowerCase() === wanted);
    const near = said.flatMap((one, place) => (one.toLowerCase().includes(wanted) ? [place] : []));
    return exact >= 0 ? exact : near.length === 1 ? near[0] : -1;
  });
  if (found.includes(-1)) return { code: "bad_option", options: said };
  options.forEach((option, place) => { option.selected = found.includes(place); });
  list.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  list.dispatchEvent(new Event("change", { bubbles: true }));
  return { chosen: found.map((place) => said[place]) };
}"""


class Fields(Approval):
    """Fills in the fields of one view."""

    async def _type(self, action: Action) -> Done:
        tab, index, text = self._tab, self._index(action), action.text
        facts = await self._ask("focus", index)
        self._check(action, facts)
        kind = str(facts["kind"])
        if kind == "file":
            raise Refused("not_editable", "files cannot be chosen in this run")
        if (name := secret_name(text)) is not None:
            return await self._type_secret(action, kind, name)
        if kind == "date" and text:
            text = _day(text, str(facts["min"]), str(facts["lang"]))
        if kind == "time" and text:
            text = _time(text)
        if kind == "date" or kind in NATIVE_FIELDS:
            await self._ask("fill", {"index": index, "text": text})
        else:
            text = _spoken(text, kind, action.verb)
            await (self._key_by_key(text) if action.verb == "keys" else self._insert(text))
            await self._ask_if_there("typed", index)
        await tab.settle()
        holds = await self._ask_if_there("holds", {"index": index, "text": text})
        value = await self._value(index)
        if holds is False:
            raise Refused("value_differs", f"the field holds {value!r}", value)
        if action.enter:
            await self._press_enter(action)
        return Done(value)

    async def _type_secret(self, action: Action, kind: str, name: str) -> Done:
        """Put a secret's value into the very field that was looked at; a page can move the caret."""
        if kind in ("textarea", "div", "date") or kind in NATIVE_FIELDS:
            raise Refused("not_editable", "a secret goes into a one-line field")
        seen = self._look.seen
        try:
            value = self._vault.value(name, self._tab.page.url, seen.url if seen is not None else "")
        except SecretRefused as error:
            raise Refused("secret_refused", str(error)) from error
        held = await self._ask("fill", {"index": self._index(action), "text": value})
        await self._tab.settle()
        if held != value:
            raise Refused("value_differs", f"the field does not hold secret {name!r}", MASK)
        if action.enter:
            await self._press_enter(action)
        return Done(MASK)

    async def _insert(self, text: str) -> None:
        """Insert `text` at the caret, its last character as a real key press, so that pages that listen for
        keys (suggestions, counters) hear one."""
        keyboard = self._tab.page.keyboard
        if not text:
            await self._tab.race(keyboard.press("Delete"))
            return
        *_, last = text
        if last in "\n\t":
            await self._tab.race(keyboard.insert_text(text))
            return
        if text[:-1]:
            await self._tab.race(keyboard.insert_text(text[:-1]))
        await self._tab.race(keyboard.type(last))

    async def _key_by_key(self, text: str) -> None:
        """Press a key for every character, as pages that suggest while one types need it."""
        keyboard = self._tab.page.keyboard
        await self._tab.race(keyboard.press("Delete"))
        await self._tab.race(keyboard.type(text), self._tab.limits.action + len(text) / KEYS_A_SECOND)

    async def _select(self, action: Action) -> Done:
        index = self._index(action)
        element = self._look.view.elements.get(action.target or 0)
        texts = pieces(action.text, element.options if element else ())
        if len(texts) > 1:
            return await self._select_several(action, texts)
        answer = await self._ask("choose", {"index": index, "text": action.text})
        if answer.get("code") == "bad_option":
            raise Refused("bad_option", f"the options are {' | '.join(answer['options'])}")
        self._check(action, answer)
        await self._tab.settle()
        value, chosen = await self._value(index), self._vault.mask(str(answer["chosen"]))
        if value is not None and chosen not in value:
            raise Refused("value_differs", f"it shows {value!r}", value)
        if value not in (None, chosen):  # a list that takes several holds others as well
            return await self._select_several(action, [answer["chosen"]])
        return Done(value)

    async def _select_several(self, action: Action, texts: Sequence[str]) -> Done:
        """Exactly these options of a list that takes several."""
        answer = await self._at(await self._point(action), CHOOSE_SEVERAL, list(texts))
        if answer.get("code") == "bad_option":
            raise Refused("bad_option", f"the options are {' | '.join(answer['options'])}")
        if answer.get("code") == "single":
            raise Refused("bad_option", f"it takes one option, not {SEVERAL.join(texts)!r}")
        await self._tab.settle()
        value = await self._value(self._index(action))
        chosen = self._vault.mask(", ".join(answer["chosen"]))
        if value is not None and set(value.split(", ")) != set(chosen.split(", ")):
            raise Refused("value_differs", f"it shows {value!r}", value)
        return Done(value)

    async def _upload(self, action: Action) -> Done:
        """Click what opens the page's file chooser, and answer it with a file of the task's folder."""
        path = inside(self.files, action.text)
        page, came = self._tab.page, asyncio.get_running_loop().create_future()

        def on_chooser(chooser: FileChooser) -> None:
            if not came.done():
                came.set_result(chooser)

        page.on("filechooser", on_chooser)
        try:
            x, y = await self._point(action)
            await self._tab.race(page.mouse.click(x, y))
            chooser: FileChooser | None = None
            with contextlib.suppress(TooSlow):
                chooser = await self._tab.race(_awaited(came))
        finally:
            page.remove_listener("filechooser", on_chooser)
        if chooser is None:
            raise Refused("not_editable", "it asks for no file")
        await self._tab.race(chooser.set_files(path), self._tab.limits.fetch)
        await self._tab.settle()
        value = await self._value(self._index(action))
        if value and self._vault.mask(path.name) not in value:
            raise Refused("value_differs", f"it holds {value!r}", value)
        return Done(value)


async def _awaited(future: asyncio.Future[FileChooser]) -> FileChooser:
    return await future


def pieces(text: str, options: Sequence[str]) -> tuple[str, ...]:
    """The options that a `select` names; one that contains the separator itself is kept whole."""
    said = text.split(SEVERAL)
    if len(said) == 1 or text in options:
        return (text,)
    found: list[str] = []
    while said:
        size = next((n for n in range(len(said), 1, -1) if SEVERAL.join(said[:n]) in options), 1)
        found.append(SEVERAL.join(said[:size]).strip())
        said = said[size:]
    return tuple(filter(None, found))


def _spoken(text: str, kind: str, verb: str) -> str:
    """`text` as it can be typed into such a field, without keys that would leave or submit it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if verb == "keys":
        text = text.replace("\t", " ")
    return text if kind in ("textarea", "div") else " ".join(text.split("\n"))


def _time(text: str) -> str:
    time = resolve_time(text)
    if time is None:
        raise Refused("bad_option", f"{clip(text, 40)!r} is not a time; write it like 6:09 PM or 18:09")
    return time


def _day(text: str, minimum: str, lang: str) -> str:
    try:
        earliest = date.fromisoformat(minimum) if minimum else None
    except ValueError:
        earliest = None
    day = resolve_date(text, today=date.today(), earliest=earliest, day_first=lang.lower() != "en-us")
    if day is None:
        raise Refused("bad_option", f"{clip(text, 40)!r} is not a date; write it like 3 May or 2027-05-03")
    return day.isoformat()
