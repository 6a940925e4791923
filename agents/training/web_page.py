"""Simulated web pages: a small state with three faces.

A `Page` says which lines a browser's view would print, what each action does to it, and which action is right
next. That one depends on the state alone, so it is right after any slip as well.

Does not cover: a page that cannot come to its goal any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ...tools.browser.view import Dialog
from . import words
from .sites import Item, Line
from .web_words import HINTS, SPARES, caption, cased, distinct
from .words import pick

BULLETS = "••••••"


@dataclass(frozen=True)
class Move:
    """An action before its thing has a number: it is named by its tag."""

    verb: str
    tag: str = ""
    text: str = ""


class Page:
    """One simulated page; subclasses say what it shows and what is right on it.

    Attributes:
        goal: What the page is to be brought to.
        items: Its things by tag; fields hold their values.
        reached: Whether the goal holds.
        answer: What `done` returns.
        guarded: Tags that no slip presses, because it could not be mended.
        told: Whether the view shows all that the next action depends on.
        absent: Whether the goal names what is not there; then `move` comes to `cannot`.
        blank: Whether a message may take the page's place once the goal is reached.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.goal = self.answer = ""
        self.items: dict[str, Item] = {}
        self.secrets: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.style = pick(rng, "named | named | before | before | row | behind")
        self.colon = rng.choice(("", "", ":", ":", " *"))
        place = rng.choice(
            (
                words.fresh(rng),
                f"{words.fresh(rng)}/{words.fresh(rng)}.html",
                f"{words.fresh(rng)}-{words.fresh(rng)}.html",
            )
        )
        self.path = f"/{place}"
        self.title = rng.choice((cased(place.partition("/")[0].replace(".html", ""), rng), caption(rng)))
        self.reached = self.absent = False
        self.guarded: set[str] = set()
        self.told = True
        self.blank = True

    # What a subclass says -----------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """What the page shows."""
        raise TypeError(f"{type(self).__name__} shows nothing: it needs `lines`")

    def move(self) -> Move:
        """The right next action, while the goal is not reached."""
        raise TypeError(f"{type(self).__name__} does nothing: it needs `move`")

    def pressed(self, tag: str) -> None:
        """A thing that is no field was clicked."""

    def changed(self, tag: str) -> None:
        """A field holds something else."""

    def keyed(self, key: str) -> None:
        """A key was pressed."""

    def waited(self) -> None:
        """Time passed."""

    def scrolled(self, down: bool) -> None:
        """The window moved."""

    def went_back(self) -> None:
        """The browser went back."""

    def answered(self, accepted: bool) -> None:
        """The page's own dialog was answered."""

    @property
    def cut(self) -> tuple[int, int]:
        """How many lines the view's budget cut before and after."""
        return 0, 0

    @property
    def dialog(self) -> Dialog | None:
        """The page's own dialog."""
        return None

    # What all share -----------------------------------------------------------------------------------------

    def thing(self, tag: str, role: str, name: str = "") -> Item:
        """Add a thing to press."""
        item = self.items[tag] = Item(tag, role, name)
        return item

    def field(
        self, tag: str, label: str, role: str = "textbox", value: str = "", options: tuple[str, ...] = ()
    ) -> Item:
        """Add a field, named or labelled as the page's style has it."""
        known = self.style == "named" or role in ("checkbox", "radio")
        hint = "" if self.rng.random() < 0.3 else pick(self.rng, HINTS)
        item = self.items[tag] = Item(tag, role, label if known else hint, value, options)
        item.hinted = not (known and label)
        self.labels[tag] = label
        return item

    def shown(self, tag: str) -> list[Line]:
        """The lines of a field with its label."""
        item, label = self.items[tag], f"{self.labels[tag]}{self.colon}"
        if self.style == "named" or item.role in ("checkbox", "radio") or not self.labels[tag]:
            return [[item]]
        if self.style == "row":
            return [[label, item]]
        return [[label], [item]] if self.style == "before" else [[item], [label]]

    def held(self, tag: str) -> str:
        """What a field holds."""
        return (
            self.secrets.get(tag, "") if self.items[tag].role == "password" else self.items[tag].value or ""
        )

    def put(self, tag: str, text: str) -> None:
        """Let a field hold a text."""
        item = self.items[tag]
        if item.role == "password":
            self.secrets[tag] = text
            text = BULLETS if text else ""
        item.value = text
        self.changed(tag)

    def toward(self, tag: str, value: str) -> Move:
        """The action by which a field comes to hold a value."""
        role = self.items[tag].role
        if role in ("checkbox", "radio"):
            return Move("click", tag)
        return Move("select" if role == "select" else "type", tag, value)

    def apply(self, move: Move) -> None:
        """What an action does."""
        if move.verb in ("type", "select"):
            self.put(move.tag, move.text)
        elif move.verb == "click":
            self._click(move.tag)
        elif move.verb == "press":
            self.keyed(move.text)
        elif move.verb == "wait":
            self.waited()
        elif move.verb == "scroll":
            self.scrolled(move.text == "down")
        elif move.verb == "back":
            self.went_back()
        elif move.verb == "dialog":
            self.answered(move.text == "accept")

    def _click(self, tag: str) -> None:
        item = self.items.get(tag)
        if item is None or item.disabled:
            return
        if item.role == "checkbox":
            self.put(tag, "off" if item.value == "on" else "on")
        elif item.role == "radio":
            group = tag.partition(":")[0]
            for other in self.items.values():
                if other.role == "radio" and other.tag.partition(":")[0] == group:
                    other.value = "off"
            self.put(tag, "on")
        else:
            self.pressed(tag)


class Form(Page):
    """A page whose fields have to hold something, and a button that sends it."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.want: dict[str, str] = {}
        self.note = ""
        self.complaint = pick(
            rng,
            """Please check your entries | Something is missing | Not complete yet |
                Please look at this again: | Error: check the form""",
        )
        if rng.random() < 0.6:
            self.guarded.add("send")

    def sender(self, name: str, spare: float = 0.25) -> list[Line]:
        """Add the button, and at times one that does something else."""
        role = "other" if self.rng.random() < 0.1 else "button"
        found: list[Line] = [[self.thing("send", role, name)]]
        if self.rng.random() < spare:
            other = distinct(self.rng, 1, lambda rng: pick(rng, SPARES), [name])[0]
            found.insert(self.rng.randint(0, 1), [self.thing("spare", "button", other)])
        return found

    def missing(self) -> str:
        """The tag of the first field that does not hold what it should; empty when all do."""
        return next((tag for tag, value in self.want.items() if self.held(tag) != value), "")

    def move(self) -> Move:
        """Fill what is missing, then send."""
        tag = self.missing()
        return self.toward(tag, self.want[tag]) if tag else Move("click", "send")

    def pressed(self, tag: str) -> None:
        if tag == "send":
            self.reached = not self.missing()
            self.note = "" if self.reached else self.complaint

    def noted(self) -> list[Line]:
        """The complaint of a form that was sent too early."""
        return [[self.note]] if self.note else []
