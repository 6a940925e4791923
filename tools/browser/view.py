"""What a model sees of a page: numbered things and text, one line each, within a character budget.

A view is a value: the same page state gives the same text. Element numbers are dense (1..k) and belong to
this view alone. The text format is documented in `tools/browser/README.md`; training data is made with this
very class, so what a model was trained on and what it meets cannot drift apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

TEXT_ROLES = frozenset({"textbox", "searchbox", "password", "number", "date", "file"})
"""Roles that take `type N TEXT` (`file` takes a path)."""

RUN_LIMIT = 120
"""Characters of one text run that a view prints; `read` gives the rest."""

SHOWN_LIMIT = 240
"""Characters of a line of a snapshot."""

UNCHANGED_SHARE = 0.7
"""Share of a view's lines that must be as before for it to be told as a difference."""

OPTION_LIMIT = 30
"""Options of one select that a view prints."""


@dataclass(frozen=True)
class ViewStyle:
    """What a view has beside the usual; the default is the text that the embedded model was trained on.

    Attributes:
        hints: A thing without text is named by shape, colour, place in its table and size as well.
        shared: Boxes that share one listener (cells of a board, days of a calendar) have a number each.
        states: Things say that they are expanded or collapsed, selected, pressed, read-only or focused.
        window: Only the lines that the browser's window shows, within the budget; `scroll` moves it.
        place: A second line with the tab, and how far the page is scrolled.
        new: A last line with the numbers of things that the view before did not have.
        snapshot: Playwright's snapshot for models instead of our lines, with numbers as refs; without
            `hints`, `shared`, `states` and `window`.
        diff: Lines as in the view before are told as one, where most are; numbers are of this view.
    """

    hints: bool = False
    shared: bool = False
    states: bool = False
    window: bool = False
    place: bool = False
    new: bool = False
    diff: bool = False
    snapshot: bool = False

    def look(self) -> dict[str, bool]:
        """What the observer in the page has to know of it."""
        asked = {"hints": self.hints, "shared": self.shared, "states": self.states}
        return asked | {"onscreen": self.window, "place": self.place}


PLAIN = ViewStyle()
SNAPSHOT = ViewStyle(snapshot=True)


@dataclass(frozen=True)
class Element:
    """One thing that can be acted on.

    Attributes:
        number: 1..k, valid for this view alone.
        role: link, button, textbox, searchbox, password, number, date, select, checkbox, radio, tab,
            menuitem, option, file or other.
        name: The accessible name, or a short hint when it has none.
        value: Current value of a field (`on`/`off` for checkbox and radio); None where values do not apply.
        options: A select's options, in order.
        disabled: It is shown but cannot be used.
        state: What else is told of it where the style asks for it: expanded, collapsed, selected, ...
        shown: Its line where it is not to be printed as usual, with `[ref=]` for the number.
        hinted: A field that nothing on the page was found to name: its name is its placeholder or its id.
    """

    number: int
    role: str
    name: str
    value: str | None = None
    options: tuple[str, ...] = ()
    disabled: bool = False
    state: str = ""
    shown: str = ""
    hinted: bool = False

    def text(self) -> str:
        """The element as a view prints it, for example `[2] select Size: M (S | M | L)`."""
        if self.shown:
            return self.shown.replace("[ref=]", f"[ref={self.number}]")[:SHOWN_LIMIT]
        parts = [f"[{self.number}] {self.role}"]
        if self.name:
            parts.append(f" {clip(self.name)}")
        if self.value is not None:
            parts.append(f": {clip(self.value)}" if self.value else ":")
        if self.options:
            shown = " | ".join(clip(option) for option in self.options[:OPTION_LIMIT])
            more = f" | … {len(self.options) - OPTION_LIMIT} more" if len(self.options) > OPTION_LIMIT else ""
            parts.append(f" ({shown}{more})")
        if self.disabled:
            parts.append(" (disabled)")
        if self.state:
            parts.append(f" ({self.state})")
        return "".join(parts)


@dataclass(frozen=True)
class Dialog:
    """A JavaScript dialog that waits for an answer; nothing else can be done meanwhile."""

    kind: str
    message: str


class NotInView(LookupError):
    """A view does not print exactly one thing of a name."""

    def __init__(self, what: str, there: tuple[str, ...]) -> None:
        self.what, self.there = what, there
        shown = "; ".join(there[:OPTION_LIMIT]) or "nothing that can be acted on"
        super().__init__(f"the view does not have exactly one {what}. It has: {shown}")


Line = tuple["str | Element", ...]
"""One printed line: a lone element, a text run, or a row of both (table row, list item, card)."""


@dataclass(frozen=True)
class View:
    """One observation of one page.

    Attributes:
        url: Full address of the page.
        path: Path and query, the part of the address that a model reads.
        title: The document's title.
        lines: What is shown, in reading order.
        dialog: The open dialog, if any; then the page behind it is not printed.
        above, below: How many lines the budget cut before and after.
        unread_above, unread_below: The page is too long to be read whole, and goes on there.
        place: Which tab this is and how far the page is scrolled, where the style asks for it.
        new: Numbers of things that the view before did not have, where the style asks for them.
        raw: Lines are those of a snapshot, printed as they are.
        earlier: Lines of the view before, without numbers; with some, the text is the difference to them.
    """

    url: str
    path: str
    title: str
    lines: tuple[Line, ...]
    dialog: Dialog | None = None
    above: int = 0
    below: int = 0
    unread_above: bool = False
    unread_below: bool = False
    place: str = ""
    new: tuple[int, ...] = ()
    earlier: tuple[str, ...] = ()
    raw: bool = False

    @property
    def elements(self) -> dict[int, Element]:
        """The numbered elements that are printed, by number."""
        if self.dialog is not None:
            return {}
        return {part.number: part for line in self.lines for part in line if isinstance(part, Element)}

    def find(self, name: str, role: str | None = None) -> Element:
        """The one printed thing of that name, letter case aside: `view.find("Email", "textbox").number`.

        Args:
            name: The whole name, as the view prints it.
            role: One of `Element.role`; any when None.

        Raises:
            NotInView: There is none, or more than one; says what there is.
        """
        there = tuple(each for each in self.elements.values() if role in (None, each.role))
        found = [each for each in there if clip(each.name).casefold() == clip(name).casefold()]
        if len(found) != 1:
            shown = tuple(each.text() for each in found or there)
            raise NotInView(f"{role or 'thing'} {name!r}", shown)
        return found[0]

    def text(self) -> str:
        """The view as the model reads it."""
        return "\n".join([f"page {self.path}: {self.title}", *self.body()])

    def body(self) -> list[str]:
        """The printed lines below the page line."""
        if self.dialog is not None:
            return [f"dialog {self.dialog.kind}: {clip(self.dialog.message)}"]
        rows = [self.place] if self.place else []
        if self.above or self.unread_above:
            rows.append(_cut(self.above, "above", self.unread_above))
        rows += _difference(self.earlier, self.printed()) or self.printed()
        if self.below or self.unread_below:
            rows.append(_cut(self.below, "below", self.unread_below))
        if self.new:
            rows.append(f"new: {' '.join(f'[{number}]' for number in self.new)}")
        return rows

    def printed(self) -> list[str]:
        """The text of each line."""
        texts = [
            " | ".join(part if isinstance(part, str) else part.text() for part in line) for line in self.lines
        ]
        return [
            text if self.raw or isinstance(line[0], Element) else f"- {text}"
            for line, text in zip(self.lines, texts, strict=True)
        ]


def _cut(count: int, where: str, unread: bool) -> str:
    return f"... {count} more {where}" + (", and more that was not read" if unread else "")


def unnumbered(line: str) -> str:
    """A printed line without its numbers: what stays the same when others come and go before it."""
    return re.sub(r"\[\d+\] ", "[] ", line)


def _difference(earlier: tuple[str, ...], now: list[str]) -> list[str]:
    """`now` with runs of lines of `earlier` told as one line each; empty when too much is different."""
    if not earlier:
        return []
    matcher = SequenceMatcher(None, earlier, [unnumbered(line) for line in now], autojunk=False)
    if sum(block.size for block in matcher.get_matching_blocks()) <= UNCHANGED_SHARE * max(len(now), 1):
        return []
    rows: list[str] = []
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        rows += [f"gone: {clip(line, 60)}" for line in earlier[old_from:old_to] if kind != "equal"]
        run = now[new_from:new_to]
        rows += run if kind != "equal" or len(run) == 1 else [_same(run)]
    return rows


def _same(run: list[str]) -> str:
    numbers = re.findall(r"(?:^|\| )\[(\d+)\] ", "\n".join(run), re.MULTILINE)
    held = f" with [{numbers[0]}]" + (f" to [{numbers[-1]}]" if len(numbers) > 1 else "") if numbers else ""
    return f"= {len(run)} lines as before{held}"


def clip(text: str, limit: int = RUN_LIMIT) -> str:
    """`text` on one line, at most `limit` characters, an ellipsis where it was cut."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def render_within(view: View, budget: int) -> View:
    """The view with as many lines as `budget` characters allow, cut from the end.

    Elements keep their numbers; `below` counts the lines that were cut. At least one line stays.
    """
    used = len(view.path) + len(view.title) + 7
    kept: list[Line] = []
    for line, text in zip(view.lines, view.printed(), strict=True):
        used += len(text) + 1
        if kept and used > budget:
            break
        kept.append(line)
    cut = len(view.lines) - len(kept)
    return replace(view, lines=tuple(kept), below=view.below + cut)
