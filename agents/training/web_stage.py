"""The play of an expert on a simulated web page: what goes wrong on the way, and how it is mended.

In part of the episodes actions go wrong: a wrong click, one that did nothing, a field that lost its text,
something that pops up, a stale number. These are in what was done, never among the steps. In some episodes
nobody tells what came of an action; then only the page shows it.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from random import Random

from ...tools.browser.actions import Action
from ...tools.browser.view import TEXT_ROLES, View, clip
from ..browsing import did
from ..steps import Done
from . import words
from .sites import Item, Line, Sheet
from .web_page import Move, Page
from .web_popups import Popup
from .web_steps import WebStep
from .web_words import caption, distinct
from .words import pick

MOST_STEPS = 15
HINT_LIMIT = 60


class NeverReached(Exception):
    """An expert did not come to its goal: a fault of the page's simulation."""

    def __init__(self, page: Page, steps: list[WebStep]) -> None:
        self.page, self.steps = page, steps
        super().__init__(
            f"{type(page).__name__} was not done within {MOST_STEPS} steps: {page.goal!r}. Its `move` has to "
            "come to its goal from every state."
        )


def surroundings(page: Page) -> tuple[list[Line], list[Line]]:
    """What stands above and below the page's own things; mostly nothing."""
    rng = page.rng
    if rng.random() < 0.6:
        return [], []
    names = distinct(
        rng, rng.randint(1, 5), apart=[page.goal, *(item.name for item in page.items.values() if item.name)]
    )
    made: list[Line] = []
    for index, name in enumerate(names):
        made.append([name] if rng.random() < 0.3 else [Item(f"around{index}", "link", name)])
    cut = rng.choice((0, len(made), rng.randint(0, len(made))))
    head: list[Line] = [[caption(rng)]] if rng.random() < 0.3 else []
    return head + made[:cut], made[cut:]


def ending(rng: Random) -> str:
    """What a page says when all is done."""
    said = pick(rng, "Thank you | Success | Finished | All set | Received | Well done")
    return said + rng.choice(("", ".", "!", f", {words.fresh(rng)}."))


class Play:
    """One episode on a page.

    Attributes:
        honest: Results are told; else every line of what was done reads as if it had gone well.
        mends: How many steps come right after something went wrong.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.rng = page, page.rng
        self.honest = self.rng.random() < 0.6
        self.slips = self.rng.choice((0, 1, 1, 2, 2))
        self.above, self.below = surroundings(page)
        self.popup = Popup(self.rng, "loading") if self.rng.random() < 0.04 else None
        self.message = ending(self.rng)
        self.replaced = page.blank and self.rng.random() < 0.4
        self.did: list[Done] = []
        self.steps: list[WebStep] = []
        self.mends = 0

    def sheet(self) -> Sheet:
        """The page as it is now."""
        page = self.page
        made = Sheet(page.path, page.title, dialog=page.dialog)
        popup = self.popup
        if popup is not None and popup.kind != "banner":
            made.lines, made.dialog = popup.lines, popup.dialog
        elif page.reached and self.replaced:
            made.lines = [[self.message]]
        else:
            made.lines = [*self.above, *page.lines(), *self.below, *(popup.lines if popup else [])]
        return made

    def look(self, sheet: Sheet) -> View:
        """The view of a page, cut to its budget."""
        above, below = self.page.cut if self.popup is None else (0, 0)
        if self.page.reached and self.replaced:
            above = below = 0
        return replace(sheet.view(), above=above, below=below) if above or below else sheet.view()

    def right(self) -> Move:
        """The right next action."""
        if self.popup is not None:
            return self.popup.right
        return Move("done", "", self.page.answer) if self.page.reached else self.page.move()

    def run(self) -> list[WebStep]:
        """Play to the end.

        Raises:
            NeverReached: The expert does not come to its goal.
        """
        sheet = self.sheet()
        view = self.look(sheet)
        for _ in range(MOST_STEPS + 4):
            move = self.right()
            if self.may_slip(move, view) and self.slip(move, sheet, view):
                self.slips -= 1
                self.mends += 1
                sheet = self.sheet()
                view = self.look(sheet)
                move = self.right()
            action = act(move, sheet)
            self.steps.append(WebStep(self.page.goal, view, tuple(self.did), action))
            if move.verb in ("done", "cannot"):
                return self.steps
            self.do(move)
            sheet, before = self.sheet(), view
            view = self.look(sheet)
            self.tell(action, before, view)
        raise NeverReached(self.page, self.steps)

    def do(self, move: Move) -> None:
        """Carry an action out."""
        if self.popup is not None and (move.tag.startswith("popup") or move.verb == "dialog"):
            self.popup = None
        elif self.popup is not None and move.verb == "wait":
            self.popup = None if self.rng.random() < 0.7 else self.popup
        else:
            self.page.apply(move)

    def tell(self, action: Action, before: View, after: View, idle: str = "") -> None:
        """Note an action with its result; `idle` is the result where nothing changed."""
        if after.dialog is not None and before.dialog is None:
            line = f"dialog {after.dialog.kind}: {clip(after.dialog.message)}"
        elif not self.honest or self.rng.random() < 0.1:
            line = "ok"
        elif (
            before == after
            and action.verb in ("click", "press", "wait", "scroll")
            and (idle or action.verb == "wait")
        ):
            line = idle or "no effect"
        else:
            new = [] if before.path != after.path else texts_beyond(before, after)
            line = f"ok: {clip(new[0], HINT_LIMIT)}" if new else "ok"
        self.did.append(note(action, before, line))

    # What goes wrong ----------------------------------------------------------------------------------------

    def may_slip(self, move: Move, view: View) -> bool:
        """Whether something goes wrong now."""
        calm = self.popup is None and view.dialog is None and move.verb not in ("done", "cannot")
        return calm and self.slips > 0 and self.rng.random() < 0.5

    def slip(self, move: Move, sheet: Sheet, view: View) -> bool:
        """Let something go wrong at the point where `move` is right; whether anything did."""
        roll = self.rng.random()
        if roll < 0.2:
            return self.interrupt(move, sheet, view)
        if roll < 0.6:
            return self.dud(move, sheet, view)
        if roll < 0.7 and self.clear():
            return True
        return self.stray(move, sheet, view) or self.dud(move, sheet, view)

    def interrupt(self, move: Move, sheet: Sheet, view: View) -> bool:
        """Something pops up instead of what the action should do, or beside the last one."""
        popup = Popup(self.rng)
        if popup.kind == "banner":
            return self.cover(popup, move, sheet, view)
        self.popup = popup
        if self.rng.random() < 0.6 and move.verb == "click":
            self.tell(act(move, sheet), view, self.look(self.sheet()))
        return True

    def cover(self, popup: Popup, move: Move, sheet: Sheet, view: View) -> bool:
        """A banner lies over the thing to click; nothing on the page shows that, so it has to be told."""
        if not self.honest or move.verb != "click":
            return False
        cover = next((part for line in popup.lines for part in line if isinstance(part, str)), "")
        action = act(move, sheet)
        covered = f"covered: {named(action, view)} is covered by {cover!r}"
        self.did.append(note(action, view, covered))
        self.popup = popup
        return True

    def dud(self, move: Move, sheet: Sheet, view: View) -> bool:
        """The right action does nothing; if nobody tells, the page has to show it."""
        action = act(move, sheet)
        if not self.honest or self.rng.random() < 0.3:
            line = "ok" if self.shows(move) else ""
        elif move.verb in ("type", "select"):
            value = self.page.items[move.tag].value or ""
            line = f"value_differs: {'the field holds' if move.verb == 'type' else 'it shows'} {value!r}"
        elif move.verb == "click" and self.rng.random() < 0.25:
            line = self.stale(action, view)
        else:
            line = "no effect"
        if line:
            self.did.append(note(action, view, line))
        return bool(line)

    def stale(self, action: Action, view: View) -> str:
        """The result of an action on a number of before; at times the page has grown meanwhile."""
        rng = self.rng
        if rng.random() < 0.5 and self.page.cut == (0, 0):
            self.above.insert(0, [Item("late", "link", distinct(rng, 1, apart=[self.page.goal])[0])])
        gone = f"stale_ref: {named(action, view)} is gone from the page"
        return rng.choice((gone, "stale_ref: the page changed since it was looked at", "timeout"))

    def shows(self, move: Move) -> bool:
        """Whether the page would look otherwise after an action."""
        if not self.page.told:
            return False
        twin = copy.deepcopy(self.page, {id(self.rng): self.rng})
        twin.apply(move)
        return (twin.reached != self.page.reached and self.replaced) or twin.lines() != self.page.lines()

    def clear(self) -> bool:
        """A field that was filled is empty again."""
        page = self.page
        full = [item for item in page.items.values() if item.role in TEXT_ROLES and item.value]
        if not full or not page.told:
            return False
        page.put(self.rng.choice(full).tag, "")
        return True

    def stray(self, move: Move, sheet: Sheet, view: View) -> bool:
        """A wrong thing is clicked, or a wrong text typed."""
        rng, page = self.rng, self.page
        if (
            move.verb == "type"
            and page.items[move.tag].role in ("textbox", "searchbox")
            and rng.random() < 0.5
        ):
            wrong = replace(
                move,
                text=rng.choice(
                    (
                        caption(rng),
                        move.text[:-1].strip() or "x",
                        move.text.swapcase(),
                        f"{move.text} {words.fresh(rng)}",
                    )
                ),
            )
            if wrong.text == move.text:
                return False
        else:
            there = {
                part.tag
                for line in sheet.lines
                for part in line
                if isinstance(part, Item)
                and not part.disabled
                and part.role not in ("file", "select")
                and part.role not in TEXT_ROLES
            }
            there -= page.guarded | {move.tag}
            if not there or sheet.dialog is not None:
                return False
            wrong = Move("click", rng.choice(sorted(there)))
        action = act(wrong, sheet)
        page.apply(wrong)
        self.tell(action, view, self.look(self.sheet()), idle="no effect")
        return True


def act(move: Move, sheet: Sheet) -> Action:
    """The action with the number of its thing."""
    return Action(move.verb, sheet.number(move.tag) if move.tag else None, move.text)


def note(action: Action, view: View, line: str) -> Done:
    """An action with the code that begins the line of its result."""
    code = line.partition(":")[0].replace(" ", "_")
    return did(action, view, "ok" if code.startswith("dialog") else code)


def named(action: Action, view: View) -> str:
    """The thing that an action is about, as results name it."""
    element = view.elements[action.target or 0]
    return f"{element.role} {clip(element.name, 40)!r}"


def texts_beyond(before: View, after: View) -> list[str]:
    """The text of each line of a view that the one before did not have."""
    return list((Counter(line_texts(after)) - Counter(line_texts(before))).elements())


def line_texts(view: View) -> list[str]:
    """The text of each line, things left out; lines without text are absent."""
    joined = (" | ".join(clip(part) for part in line if isinstance(part, str)) for line in view.lines)
    return [text for text in joined if text]


def play(page: Page) -> list[WebStep]:
    """One episode on a page."""
    return Play(page).run()
