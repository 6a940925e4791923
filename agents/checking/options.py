"""Whether an option of an order is chosen, as the rows or the form of a page show it.

A row of a label and its value says so, or a label whose value says yes. What could be chosen, a name or an
address with the same word in it, and a row about something else than such options choose nothing: where they
leave it open the answer is None.

Does not cover: options whose words are in none of the `KINDS`; every label that is not about a person or an
address may hold those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..days import days_in
from ..wording import fold, words
from .checks import NOT, REMARK, STAFF, Fact, Page, about_a_person, facts, root_words, typed

NO = NOT | frozenset("0 – -".split())
YES = frozenset("yes on true ✓ ✔ included added".split())
OFFER = frozenset("upgrade available unavailable recommended instead try sold also like".split())
"""Words of what could be chosen, and was not."""

CHOICES = frozenset("options choices available alternatives".split())
"""Words of labels behind which stands what could be chosen."""

ADDRESS = frozenset(
    "address street road city town place postcode zip country email account user username".split()
)
"""Words of labels behind which any word may be part of an address or a name."""

ROADS = frozenset("street st road rd avenue ave lane square drive close way".split())
"""Words that make an address of a text."""

MOST_WORDS = 7
"""A text of more words is a sentence about options in general, not a chosen one."""

LIST = re.compile(r"[,;|•]|(?<=[^\W\d])\s*/\s*(?=[^\W\d])|\bor\b", re.IGNORECASE)
"""What stands between the parts of a list."""

BRACKETS = re.compile(r"\([^)]*\)")
NUMBERS = re.compile(r"[\d.,]+|[£$€]|\b(?:eur|usd|gbp)\b", re.IGNORECASE)


class Kind:
    """What options may be about: words of such options, and words of labels behind which they stand."""

    def __init__(self, options: str, labels: str) -> None:
        self.options, self.labels = root_words(options), frozenset(labels.split())
        self._spoken = self.options | root_words(labels) | {"service"}

    def has(self, wanted: set[str]) -> bool:
        """Whether an option of these words is of this kind."""
        return bool(wanted & self.options) and wanted <= self._spoken


KINDS = (
    Kind(
        "standard express economy overnight priority regular normal fast saver expedited pickup collection",
        """deliver delivery delivered shipping shipment ship dispatch courier carrier postage post parcel
        speed fast send sent""",
    ),
    Kind(
        "invoice card cash transfer paypal debit credit cheque bank prepayment",
        "pay pays paid paying payment billing billed charge charged",
    ),
)
"""Kinds of options whose words say what they are about."""

ELSEWHERE = frozenset(
    "packaging packing wrapping size colour color material edition version model finish quality".split()
)
"""Words of labels behind which options of no such kind stand."""


def shows_option(page: Page, said: str) -> bool | str | None:
    """Whether an option is chosen: it stands as a value, or as a label whose value says yes.

    In a form: the chosen option of a select, or a radio or checkbox that is on.
    """
    wanted = root_words(said)
    if not wanted:
        return None
    selects = [(_plain_label(label), values) for label, values in typed(page, "select")]
    told = [fact for fact in (*facts(page), *selects) if not _about_somebody(fact[0])]
    found = {_weighed(fact, told, wanted) for fact in told} | {_ticked(page, wanted)}
    if "yes" in found:
        return None if "no" in found or _disagree(told, wanted) else True
    if "no" in found:
        return "not on the page"
    lone = [row[0] for row in page.rows if len(row) == 1 and row[0] not in page.links]
    mentioned = any(wanted <= root_words(text) and len(words(text)) <= MOST_WORDS for text in lone)
    return None if "maybe" in found or mentioned else "not on the page"


def _plain_label(label: str) -> str:
    """The name of a select without words of what could be chosen: its value is chosen."""
    return " ".join(word for word in words(label) if word not in CHOICES | OFFER)


def _about_somebody(label: str) -> bool:
    return about_a_person(label) or bool(set(words(label)) & (REMARK | STAFF | ADDRESS))


def _offers(text: str) -> bool:
    """Whether a text speaks of what could be chosen, or was not."""
    return bool(set(words(text)) & (NOT | OFFER | CHOICES))


def _weighed(fact: Fact, told: Sequence[Fact], wanted: set[str]) -> str:
    """What a labelled row says of an option, where its label is one of such options: yes, no, maybe, nothing.

    Behind a label that says nothing of the kind it counts as long as no label of that kind holds another.
    """
    said, about = _chosen(fact, wanted), set(words(fact[0]))
    kind = next((kind for kind in KINDS if kind.has(wanted)), None)
    if said not in ("yes", "no") or kind is None:
        return said
    if wanted <= root_words(fact[0]):
        fits = bool(about & kind.labels) or wanted == root_words(fact[0])
        if said == "no":
            return "no" if fits else "maybe"
    else:
        foreign = ELSEWHERE.union(*(other.labels for other in KINDS if other is not kind))
        fits = bool(about & kind.labels) and not about & ELSEWHERE
        if not fits and about & foreign:
            return "maybe"
    rivals = [
        set[str]().union(*map(root_words, values))
        for label, values in told
        if set(words(label)) & kind.labels and not _offers(label) and _says_words(values)
    ]
    others = [rival for rival in rivals if not wanted <= rival]
    return "maybe" if any(not fits or rival & kind.options - wanted for rival in others) else "yes"


def _chosen(fact: Fact, wanted: set[str]) -> str:
    """What a labelled row says of an option, whatever its label is about: yes, no, maybe, or nothing."""
    label, values = fact
    if any(wanted <= root_words(value) for value in values):
        return "maybe" if _offers(label) or not _is_option(values, wanted) else "yes"
    if not wanted <= root_words(label):
        return ""
    said = set(words(" ".join(values)))
    if _offers(label):
        return "maybe"
    return "no" if said & NO else "yes" if said & YES else "maybe"


def _is_option(values: Sequence[str], wanted: set[str]) -> bool:
    """Whether a value is the option: it comes first, and no other option behind it."""
    bare = [BRACKETS.sub(" ", value) for value in values]
    at = next((at for at, value in enumerate(bare) if wanted <= root_words(value)), None)
    if at is None or any(len(words(value)) > MOST_WORDS for value in bare):
        return False
    whole = wanted == root_words(bare[at])
    head, *rest = [bare[at]] if whole else [part for part in LIST.split(bare[at]) if part.strip()]
    known = set[str]().union(*(kind.options for kind in KINDS if kind.has(wanted)))
    listed = any(
        root_words(part) & known - wanted and not set(words(part)) & NOT
        for part in (*rest, *bare[:at], *bare[at + 1 :])
    )
    refused = bool(set(words(head)) & (NOT | OFFER | ROADS))
    return wanted <= root_words(head) and not refused and not listed


def _says_words(values: Sequence[str]) -> bool:
    """Whether a value says something in words: no date, no price, nothing that is free."""
    text = NUMBERS.sub(" ", " ".join(values))
    said = {word for word in words(text) if word[0].isalpha()}
    return bool(said - {"free"}) and not days_in(" ".join(values))


def _ticked(page: Page, wanted: set[str]) -> str:
    """What the radios and checkboxes say of an option: yes, no, or nothing.

    Those that are called just so count, else radios before checkboxes.
    """
    named = [field for field in page.fields if field[0] in ("radio", "checkbox")]
    named = [field for field in named if wanted <= root_words(field[1])]
    just = [field for field in named if root_words(LIST.split(BRACKETS.sub(" ", field[1]))[0]) == wanted]
    named = just or [field for field in named if field[0] == "radio"] or named
    states = {(value == "on", _refuses(name, wanted)) for _, name, value in named}
    chosen, others = (True, False) in states, states - {(False, True)}
    return "yes" if chosen else "no" if others else ""


def _refuses(name: str, wanted: set[str]) -> bool:
    """Whether the name of a choice says no before it names the option (`no gift wrap`)."""
    said = words(name)
    first = next((at for at, word in enumerate(said) if root_words(word) & wanted), 0)
    return bool(set(said[:first]) & NOT)


def _disagree(told: Sequence[Fact], wanted: set[str]) -> bool:
    """Whether rows of one label say that this is chosen, and that something else is."""
    labels = {fold(label) for label, values in told if any(wanted <= root_words(value) for value in values)}
    others = {
        fold(label)
        for label, values in told
        if not any(wanted <= root_words(value) for value in values) and _says_words(values)
    }
    return bool(labels & others)
