"""A ticket as a goal names it: the steps that answer and close it, and what its page must show for that.

A ticket that was closed before this task began is not the one that was meant: nothing is answered or closed
on its page, and its state proves nothing. So it is remembered which pages showed a ticket open.

Does not cover: pages that show ticket and state in no labelled row; then it cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...protocols.spec import Criterion
from ...tools.browser.view import View
from ..steps import Stage, Step
from ..wording import words
from . import checks
from .checks import Page
from .criteria import look

VOICE_WORDS = 4
"""Words that a voice may have that stands before a reply in one run of text."""


SUBJECT = frozenset("subject about title topic regarding re summary concern".split())
"""Words of labels of what a ticket is about."""

SUGGESTED = frozenset(
    "suggested suggestion suggestions draft drafts template templates proposed canned preview".split()
)
"""Words of labels of replies that were not sent."""

TITLE_PARTS = re.compile(r"\s[-–—|·•:]\s|:\s|[#\[(]\s*\d+[\])]?")
"""What stands between a subject and the rest of a page's title."""

NUMBERED = re.compile(r"^(?:ticket|case|request)\s*(?:no\.?\s*)?#?\d+\s*[:–-]\s*", re.IGNORECASE)
"""What stands before a subject in a heading."""


@dataclass(frozen=True)
class Ticket:
    """One ticket.

    Attributes:
        name, about: Whose it is, and its subject where the goal names one.
        text: What it is to be answered with; may be empty.
        close: Whether it is to be closed; else it stays open.
        fresh: Nobody could have written the text before this run: it is the number of an order made in it.
        opened: Paths of pages that showed the ticket open while this task was at it.
    """

    name: str
    about: str
    text: str
    close: bool
    fresh: bool = False
    opened: set[str] = field(default_factory=set[str], compare=False)

    def stage(self) -> Stage:
        """Open it, answer, then send or close."""
        opened = Step(
            "open ticket", f"of {self.name}" + (f" about {self.about}" if self.about else ""), (self.name,), 1
        )
        reply = Step("reply", self.text, (self.text,), 2, self.view_says, self.may_act)
        last = Step("send", shown=self.view_says if self.text else None, only_on=self.may_act)
        if self.close:
            last = replace(last, verb="close", shown=self.view_closed)
        return Stage("ticket", (opened, reply) if self.text else (opened,), (last,))

    # --- what the worker sees -----------------------------------------------------------------

    def may_act(self, view: View) -> bool:
        """Whether this is the page of the ticket, and it was not closed when we came."""
        page = self._note(view)
        closed = checks.ticket_is_closed(page) is True
        return self.is_theirs(page) is True and (not closed or page.path in self.opened)

    def view_says(self, view: View) -> bool:
        """Whether the answer is sent."""
        return self.is_said(self._note(view)) is True

    def view_closed(self, view: View) -> bool:
        """Whether the ticket was closed in this task."""
        page = self._note(view)
        return checks.ticket_is_closed(page) is True and self.was_open(page) is True

    def _note(self, view: View) -> Page:
        page = Page.of(view)
        if checks.ticket_is_closed(page) == "no":
            self.opened.add(page.path)
        return page

    # --- what proves it -----------------------------------------------------------------------

    def is_theirs(self, page: Page) -> bool | str | None:
        """Whether a page is about this person, and about this subject where one is named."""
        if checks.lists_tickets(page):
            return None
        rows = [(*row[:1], *_told(page, row[1:])) for row in page.rows]
        shown = checks.shows_name(replace(page, rows=tuple(row for row in rows if len(row) < 3)), self.name)
        told = replace(page, rows=tuple(_told(page, row) for row in page.rows))
        return shows_subject(told, self.about) if shown is True and self.about else shown

    def is_said(self, page: Page) -> bool | str | None:
        """Whether the answer stands in the thread once (not merely in a field that was not sent).

        It is a cell of its own or follows a voice, and the row does not name the customer. Where the words
        stand in another way it cannot be told whose they are. What is only suggested is not said.
        """
        unsent = {checks.plain(value) for role, _, value in page.fields if role == "textbox"}
        rows = [row for row in (_told(page, row) for row in page.rows) if row]
        voiced = any(len(row) == 1 and self._speaks(row[0]) for row in rows)
        found: list[bool | None] = []
        suggested = False
        for row in rows:
            answer = self._answers([cell for cell in row if checks.plain(cell) not in unsent], voiced)
            suggested = len(row) == 1 and (suggested or _heads_suggestions(row[0]))
            found.append(None if answer and suggested else answer)
        if found.count(True) > 1:
            return "it stands there more than once"
        if True in found:
            return True
        return None if None in found else "not on the page"

    def _speaks(self, cell: str) -> bool:
        """Whether a run of text begins with the customer's name: then voices stand before words."""
        return checks.plain(cell).startswith(f"{checks.plain(self.name)} ")

    def _answers(self, cells: Sequence[str], voiced: bool) -> bool | None:
        """Whether a row is our answer; None where it has the words otherwise, False where it has not."""
        said = checks.plain(self.text)
        hit = next((cell for cell in cells if said and checks.has_words(cell, self.text)), None)
        if hit is None:
            return False
        others = {word for cell in cells if cell != hit for word in words(cell)}
        voice = words(hit)[: -len(words(self.text))] if checks.plain(hit).endswith(f" {said}") else []
        if {*voice, *others} & SUGGESTED:
            return False
        if {*voice, *others} & {*words(self.name), *checks.NUMBERED}:
            return None
        if checks.plain(hit) == said:
            return True
        label = checks.LABEL.match(hit)
        behind = voiced or (label is not None and checks.plain(label[2]) == said)
        return True if behind and 0 < len(voice) <= VOICE_WORDS else None

    def was_open(self, page: Page) -> bool | str | None:
        """Whether the ticket was open when this task came to it; None where nobody saw it so."""
        ours = self.fresh and self.is_said(page) is True
        return True if page.path in self.opened or ours else None

    def is_closed(self, page: Page) -> bool | str | None:
        """Whether it is closed, and was not before."""
        closed = checks.ticket_is_closed(page)
        return self.was_open(page) if closed is True else closed

    def stays_open(self, page: Page) -> bool | str | None:
        """Whether it is open."""
        closed = checks.ticket_is_closed(page)
        return None if closed is None else "it is closed" if closed is True else True

    def criteria(self, lane: str) -> list[Criterion]:
        """What a page must show."""
        found: list[Criterion] = [look(f"1 : open ticket of {self.name}", lane, self.is_theirs)]
        if self.text:
            found.append(look(f"2 : reply {self.text}", lane, self.is_said))
        if self.close:
            return [*found, look("the ticket is closed", lane, self.is_closed)]
        return [*found, look("the ticket stays open", lane, self.stays_open)]


def _told(page: Page, cells: Sequence[str]) -> tuple[str, ...]:
    """The cells that say something, and are not there to be clicked."""
    return tuple(cell for cell in cells if cell not in page.links)


def shows_subject(page: Page, about: str) -> bool | str | None:
    """Whether a ticket's page is about this: its title, a line of its own, or a row of the subject says so.

    It must be the whole subject, apart from small words. A row about the subject that says something else
    speaks against it; what a message mentions proves nothing.
    """
    wanted = _gist(about)
    if not wanted:
        return None
    told = [values for label, values in checks.facts(page) if SUBJECT & set(words(label))]
    rows = {_gist(value) for values in told for value in values}
    heads = {_gist(NUMBERED.sub("", row[0])) for row in page.rows if len(row) == 1}
    heads |= {_gist(part) for part in TITLE_PARTS.split(page.title)}
    if wanted in rows or (wanted in heads and not rows):
        return True
    mentioned = checks.shows_text(page, about) is True or checks.has_words(page.title, about)
    return None if mentioned else "not on the page"


def _gist(text: str) -> str:
    return " ".join(word for word in checks.plain(text).split() if word not in {*checks.SMALL, "re", "fwd"})


def _heads_suggestions(text: str) -> bool:
    """Whether a line is a heading above replies that could be sent."""
    return len(words(text)) <= VOICE_WORDS and bool(SUGGESTED & set(words(text)))
