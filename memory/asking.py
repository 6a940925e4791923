"""What a question asks, and the answer: ranked by the finder, read from the store.

It also knows what it told: words that were recalled and come back as a new record are not new, neither bare
nor behind a phrase such as "Memory says:" or the label of a note. Does not cover: what was recalled and comes
back in other words, or put together of several records.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .choices import Choice
from .embedder import Vectors
from .errors import UnknownRecord
from .finder import Finder
from .hops import depth, unite
from .ranking import Question
from .records import OWNERS, Filter, Kind, Owner, Recalled, Record, Scope, now
from .store import LEAST_QUOTED, WORD, Store, bare, quotes
from .summed_up import making_room

MOST_AHEAD = timedelta(days=1)
"""How far the clock of somebody who wrote may be ahead and still be followed."""

MOST_READ = 5_000
"""Records that are kept as they were read until something changes."""

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

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Query:
    """What is asked for besides words; see `Memory.recall`."""

    k: int
    admitted: Filter
    present: datetime
    min_score: float
    diversity: float

    @classmethod
    def of(
        cls,
        k: int,
        kinds: Collection[Kind] | None,
        scope: Scope | Sequence[Scope] | None,
        across: Collection[Owner],
        at: datetime | None,
        between: Span | None,
        trusted: bool,
        min_score: float,
        diversity: float,
    ) -> Query:
        """From what a caller gives. Raises ValueError where a number is out of range or a word unknown."""
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k!r}")
        for name, value in (("min_score", min_score), ("diversity", diversity)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {value!r}")
        present = now()
        seen_from = Scope.shared() if scope is None else scope
        return cls(
            k,
            Filter.of(kinds, seen_from, at, across, trusted, between),
            present,
            min_score,
            diversity,
        )

    def asked_at(self, clock: datetime) -> Query:
        """Of the moment that was asked for; else of now, or of `clock` where that is later."""
        at = self.admitted.at or max(self.present, min(clock, self.present + MOST_AHEAD))
        return replace(self, admitted=replace(self.admitted, at=at))

    def question(self, text: str, vector: Vectors) -> Question:
        """As ranking reads it."""
        at, between = self.admitted.at, self.admitted.between
        return Question(
            text=text,
            vector=vector,
            k=self.k,
            now=(at or self.present).timestamp(),
            kinds=self.admitted.kinds,
            at=None if at is None else at.timestamp(),
            trusted=self.admitted.trusted,
            between=None if between is None else (between[0].timestamp(), between[1].timestamp()),
            min_score=self.min_score,
            diversity=self.diversity,
        )


class Asker:
    """Not safe to share between threads without a lock."""

    def __init__(self, store: Store, finder: Finder) -> None:
        self._store, self._finder = store, finder
        self._told: OrderedDict[str, str] = OrderedDict()
        self._read: dict[str, Record] = {}
        self._read_at = (-1, -1)

    def ask(self, texts: Sequence[str], vectors: Sequence[Vectors], query: Query) -> list[Recalled]:
        """The best answers to all of the texts together, best first, `query.k` at most.

        Args:
            vectors: (dimension,) of each text.
        """
        found = making_room(
            lambda k: self._best(texts, vectors, replace(query, k=k)),
            query.k,
            query.admitted.kinds,
            self._store,
        )
        for each in found:
            self._told[each.record.id] = bare(each.record.text)
            self._told.move_to_end(each.record.id)
        while len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        return found

    def _best(self, texts: Sequence[str], vectors: Sequence[Vectors], query: Query) -> list[Recalled]:
        each = query if len(texts) == 1 else replace(query, k=depth(query.k))
        rankings = [
            self._finder.find(each.question(text, vector), query.admitted)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        ranked = unite(rankings, query.k)
        here = self._records([each.id for each in ranked])
        # One that was forgotten in this moment is left out.
        return [Recalled(here[each.id], each.score, each.why) for each in ranked if each.id in here]

    def echo(self, record: Record) -> Record | None:
        """The open record that was told in these words; None where they are new, or say where they are from.

        Only what the record's own scope sees can have been told to whoever writes it. What somebody said, or
        was said in a session or at a time, and a choice are events of their own, in whichever words.
        """
        if record.kind == "episode" and _is_an_event(record):
            return None
        own = (record.id, *record.provenance.sources)
        words = bare(record.text)
        for name in [name for name, told in self._told.items() if told in words or quotes(words, told)]:
            if name in own or not _comes_back(record.text, words, self._told[name]):
                continue
            try:
                found = self._store.get(name)
            except UnknownRecord:  # another process has forgotten it
                self._told.pop(name)
                continue
            if _sees(record.scope, found.scope) and _holds(found):
                return found
        return None

    def _records(self, names: Sequence[str]) -> dict[str, Record]:
        """The records of these ids that are here; those read since the last change are not read again."""
        state = self._store.state
        if self._read_at != (state.generation, state.changes) or len(self._read) > MOST_READ:
            self._read_at = (state.generation, state.changes)
            self._read.clear()
        lacking = [name for name in names if name not in self._read]
        if lacking:
            self._read |= self._store.picked(lacking)
        return self._read

    def lose(self, names: Collection[str]) -> None:
        """Know nothing more of these records."""
        for name in names:
            self._told.pop(name, None)


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
