"""Knows what was told: words that were recalled and come back as a new record are not new.

Neither bare nor behind a phrase such as "Memory says:" or the label of a note. Does not cover: what was
recalled and comes back in other words, or put together of several records.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from .choices import Choice
from .errors import UnknownRecord
from .records import OWNERS, Record, Scope, now
from .store import LEAST_QUOTED, WORD, Store, bare, quotes

MOST_TOLD = 500
"""Records whose words are kept to notice when they come back."""

LONGEST_FRAME = 800
"""Characters before a text that are looked at for a phrase or a label that frames it."""

_STORES = r"(?:memory|memories|notes?|records?)"
_KINDS = "fact|episode|reflection|preference|skill|summary"
_BEFORE = re.compile(
    rf"""\s*(?:\[\d+\]\s*)?(?:
      (?:(?:from|according\ to|as\ per)\ )?(?:(?:my|the|our)\ )?{_STORES}
        (?:\ (?:says?|said|states?|tells?(?:\ (?:me|us))?|holds?)(?:\ that)?)?
    | (?:as\ )?(?:i|we)\ (?:can\ |do\ )?(?:recall|remember)(?:ed)?(?:\ that)?
    | (?:recalled|remembered)(?:\ from\ (?:(?:my|the|our)\ )?{_STORES})?
    | {_KINDS}
    | (?:un)?trusted,\ (?:{_KINDS})(?:,\ [^\n]*)?
    )?[\s:;,|>"'“‘«*-]*""",
    re.IGNORECASE | re.VERBOSE,
)
_AFTER = re.compile(
    rf"""[\s.,;!"'”’»*]*(?:[(\[]?(?:as\ )?(?:(?:i|we)\ (?:recall|remember)(?:ed)?
      |(?:recalled\ |remembered\ )?from\ (?:(?:my|the|our)\ )?{_STORES})[)\].!\s]*)?""",
    re.IGNORECASE | re.VERBOSE,
)


class Told:
    """The records that were recalled last, by their words. Not safe to share between threads without a lock.

    Every recall notes its answers, and every write is held against all of them at once: whether it is part of
    one is looked up in all their words put together, and whether one is part of it by the words that each
    begins with. Both are made of what was noted when a write asks.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._texts: dict[str, str] = {}  # by id, the one recalled last at the end
        self._changed: dict[str, None] = {}  # ids that were noted or dropped since a write asked
        self._words: dict[str, str] = {}  # of each, bare
        self._starts: dict[str, dict[str, None]] = {}  # what one begins with -> ids
        self._together = ""  # all bare words; made when they are looked through

    def note(self, records: Iterable[Record]) -> None:
        """These records were recalled."""
        texts, changed = self._texts, self._changed
        for record in records:
            name, text = record.id, record.text
            if texts.pop(name, None) != text:
                changed[name] = None
            texts[name] = text
        while len(texts) > MOST_TOLD:
            name = next(iter(texts))
            del texts[name]
            if name in self._words:
                changed[name] = None
            else:
                changed.pop(name, None)

    def lose(self, names: Collection[str]) -> None:
        """Know nothing more of these records."""
        for name in names:
            if self._texts.pop(name, None) is not None:
                self._changed[name] = None
        self._catch_up()

    def echo(self, record: Record) -> Record | None:
        """The open record that was told in these words; None where they are new, or say where they are from.

        Only what the record's own scope sees can have been told to whoever writes it. A person says what they
        know themselves. What somebody said, or was said in a session or at a time, and a choice are events of
        their own, in whichever words.
        """
        if not self._texts or record.provenance.by == "person":
            return None
        if record.kind == "episode" and _is_an_event(record):
            return None
        self._catch_up()
        own = (record.id, *record.provenance.sources)
        words = bare(record.text)
        for name in self._alike(words):
            if name in own or not _comes_back(record.text, words, self._words[name]):
                continue
            try:
                found = self._store.get(name)
            except UnknownRecord:  # another process has forgotten it
                self.lose([name])
                continue
            if _sees(record.scope, found.scope) and _holds(found):
                return found
        return None

    def _alike(self, words: str) -> list[str]:
        """Ids of what was told that has these bare words in it, or stands in them."""
        if words in self._together:
            return [name for name, told in self._words.items() if told in words or words in told]
        parts = words.split()
        starts = dict.fromkeys(f" {' '.join(parts[at : at + LEAST_QUOTED])} " for at in range(len(parts)))
        return [name for start in starts for name in self._starts.get(start, ())]

    def _catch_up(self) -> None:
        """Look at what was noted or dropped."""
        for name in self._changed:
            if (words := self._words.pop(name, None)) is not None:
                start = _start(words)
                del self._starts[start][name]
                if not self._starts[start]:
                    del self._starts[start]
            if (text := self._texts.get(name)) is not None:
                self._words[name] = words = bare(text)
                self._starts.setdefault(_start(words), {})[name] = None
        if self._changed:
            self._changed.clear()
            self._together = "\n".join(self._words.values())


def _start(words: str) -> str:
    """The first words of bare ones: as many as a quotation has at least."""
    return f" {' '.join(words.split(maxsplit=LEAST_QUOTED)[:LEAST_QUOTED])} "


def _is_an_event(episode: Record) -> bool:
    known = episode.speaker or episode.session or episode.happened
    return bool(known) or Choice.read(episode.text) is not None


def _sees(scope: Scope, other: Scope) -> bool:
    """Whether a question from a scope would see what lies in the other; see `Scope`."""
    if scope.tenant != other.tenant or (scope.key and other.key not in ("", scope.key)):
        return False
    return all(getattr(other, level) in ("", getattr(scope, level)) for level in OWNERS)


def _holds(record: Record) -> bool:
    ends = [end for end in (record.closed, record.valid_until) if end is not None]
    return all(end > now() for end in ends)


def _comes_back(text: str, words: str, told: str) -> bool:
    """Whether a text has the told words, or a part of them, and nothing else but a frame around them.

    Args:
        words, told: The text and what was told, both `bare`.
    """
    if quotes(words, told):
        return True
    if told.count(" ") <= LEAST_QUOTED or (start := words.find(told)) < 0:
        return False
    folded = text.casefold()
    places = [match.span() for match in WORD.finditer(folded)]
    first = words.count(" ", 0, start)
    last = first + told.count(" ") - 2
    before, after = folded[: places[first][0]], folded[places[last][1] :]
    framed = len(before) <= LONGEST_FRAME and len(after) <= LONGEST_FRAME
    return framed and bool(_BEFORE.fullmatch(before) and _AFTER.fullmatch(after))
