"""What a model sees of a page: numbered things and text, one line each, within a character budget.

A view is a value: the same page state gives the same text. Element numbers are dense (1..k) and belong to
this view alone. The text format is documented in `tools/browser/README.md`; training data is made with this
very class, so what a model was trained on and what it meets cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT_ROLES = frozenset({"textbox", "searchbox", "password", "number", "date", "file"})
"""Roles that take `type N TEXT` (`file` takes a path)."""

RUN_LIMIT = 120
"""Characters of one text run that a view prints; `read` gives the rest."""

OPTION_LIMIT = 30
"""Options of one select that a view prints."""


@dataclass(frozen=True)
class ViewStyle:
    """What a view has beside the usual; the default is the text that the embedded model was trained on.

    Attributes:
        hints: A thing without text is named by shape, colour, place in its table and size as well.
        shared: Boxes that share one listener (cells of a board, days of a calendar) have a number each.
        window: Only the lines that the browser's window shows, within the budget; `scroll` moves it.
        place: A second line with the tab, and how far the page is scrolled.
        new: A last line with the numbers of things that the view before did not have.
        diff: Lines as in the view before are told as one line, where most are; numbers in it are of this view.
    """

    hints: bool = False
    shared: bool = False
    window: bool = False
    place: bool = False
    new: bool = False
    diff: bool = False

    def look(self) -> dict[str, bool]:
        """What the observer in the page has to know of it."""
        return {"hints": self.hints, "shared": self.shared, "onscreen": self.window}


PLAIN = ViewStyle()


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
    """

    number: int
    role: str
    name: str
    value: str | None = None
    options: tuple[str, ...] = ()
    disabled: bool = False

    def text(self) -> str:
        """The element as a view prints it, for example `[2] select Size: M (S | M | L)`."""
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
        return "".join(parts)


@dataclass(frozen=True)
class Dialog:
    """A JavaScript dialog that waits for an answer; nothing else can be done meanwhile."""

    kind: str
    message: str


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
    """

    url: str
    path: str
    title: str
    lines: tuple[Line, ...]
    dialog: Dialog | None = None
    above: int = 0
    below: int = 0

    @property
    def elements(self) -> dict[int, Element]:
        """The numbered elements that are printed, by number."""
        if self.dialog is not None:
            return {}
        return {part.number: part for line in self.lines for part in line if isinstance(part, Element)}

    def text(self) -> str:
        """The view as the model reads it."""
        return "\n".join([f"page {self.path}: {self.title}", *self.body()])

    def body(self) -> list[str]:
        """The printed lines below the page line."""
        if self.dialog is not None:
            return [f"dialog {self.dialog.kind}: {clip(self.dialog.message)}"]
        rows: list[str] = [f"... {self.above} more above"] if self.above else []
        for line in self.lines:
            text = " | ".join(part if isinstance(part, str) else part.text() for part in line)
            rows.append(text if isinstance(line[0], Element) else f"- {text}")
        if self.below:
            rows.append(f"... {self.below} more below")
        return rows


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
    for line, text in zip(view.lines, View(view.url, view.path, view.title, view.lines).body(), strict=True):
        used += len(text) + 1
        if kept and used > budget:
            break
        kept.append(line)
    cut = len(view.lines) - len(kept)
    return View(view.url, view.path, view.title, tuple(kept), view.dialog, view.above, view.below + cut)
