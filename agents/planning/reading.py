"""The planner's role: reading typed tasks out of a goal. Its prompt, its grammar and its parser.

The grammar is made anew for every goal. An order is read from left to right, each field a span behind the
one before it, and inside of it only words that carry a sentence can be passed over: such a word is not left
out or said twice, and counts are not swapped. What the words mean is the model's to say; what a whole plan
leaves out is for `doubts` to find.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...tools.browser.actions import span_terminal
from ..days import DAY, MONTH
from ..question import Question, any_of
from ..wish import Wish
from ..wording import FUNCTION, Span, count_of, fold, locate, places, tokens
from .carrying import begins, carried, glued, titled

ORDER_FIELDS = ("count", "item", "name", "option", "date")
TICKET_FIELDS = ("name", "about", "text")


@dataclass(frozen=True)
class Field:
    """One field of a planned task: its key, and the span of the goal that fills it."""

    key: str
    span: Span


@dataclass(frozen=True)
class PlannedTask:
    """A task as the planner reads it out of a goal.

    Attributes:
        kind: `order`, `ticket` or `use`.
        fields: In the goal's order.
        number_of: For a ticket: the 1-based task whose order number is the text to send, if any.
        close: For a ticket: close it afterwards.
        wishes: For an order: what the goal does not say and the user prefers; see `wishes`.
    """

    kind: str
    fields: tuple[Field, ...]
    number_of: int | None = None
    close: bool = False
    wishes: tuple[Wish, ...] = ()

    def values(self, key: str) -> list[str]:
        """The texts of all fields called `key`, in order."""
        return [item.span.text for item in self.fields if item.key == key]


def ask_plan(goal: str, kinds: Sequence[str]) -> Question:
    """Ask which tasks of the known `kinds` a goal asks for, with every field a literal span of the goal.

    A field takes only spans of its type: a count a word that is a number, a date words that are one, a name
    words without function words (so no `her`), a thing a few words that neither begin nor end with one; a
    kind whose typed fields nothing in the goal could fill is left out.
    """
    folded = fold(goal)
    heard = Heard.of(goal)
    counted = any(count_of(word) is not None for word in heard.words)
    quoted = [text.strip() for text in re.findall(r'(?<!\w)["“] (.+?) ["”]', folded)]
    aside = re.sub(r'(?<!\w)["“] .+? ["”]', " ", folded)
    called = [run for place in range(len(heard.words)) for run in heard.persons_at(place)]
    outside = [run for run in called if f" {run} " in f" {aside} "]
    names = list(dict.fromkeys(outside or called))
    tasks: list[str] = []
    rules: list[str] = []
    if "order" in kinds and counted:
        tasks.append("order")
        rules.append(_order_rules(heard, names))
    if "ticket" in kinds and names:
        tasks.append("ticket")
        quote = f'" " ({any_of(quoted)})' if quoted else "SPAN"
        asker = "" if quoted else heard.asker()
        owners = [asker] if asker else names
        told = heard.told()
        early = [name for name in owners if f" {name} " in f" {told} "]
        said = f'"name " ({any_of(owners)}) "\\n" about? text?'
        numbered = f' | "name " ({any_of(early)}) "\\n" about? number' if early else ""
        rules.append(
            f'ticket: "task ticket\\n" ({said}{numbered}) "close\\n"?\n'
            f'about: "about" {quote} "\\n"\n'
            f'text: "text" {quote} "\\n"\nnumber: "number " ("1" | "2" | "3") "\\n"'
        )
    if "use" in kinds:
        tasks.append("use")
        rules.append(f'use: "task use\\ntext " {json.dumps(folded, ensure_ascii=False)} "\\n"')
    spans = span_terminal([folded]) if any("SPAN" in rule for rule in rules) else ""
    more = " | ".join("later" if task == "order" else task for task in tasks)
    start = f'({" | ".join(tasks)}) ({more}){{0,3}} "end" | "cannot"' if tasks else '"cannot"'
    known = " ".join(kind for kind in ("order", "ticket", "use") if kind in kinds)
    text = f"kinds: {known}\ngoal: {folded}\nplan:"
    return Question("plan", text, "\n".join([f"start: {start}", *rules, spans]))


@dataclass(frozen=True)
class Heard:
    """A goal word by word: the folded words and marks, and what can be told of each by its neighbours.

    Attributes:
        words: The folded words and marks.
        carried: Whether a word only carries the sentence, or is a mark.
        dated: Whether it is part of a date.
        inside: Whether it is an apostrophe inside a word.
        capital: Whether it begins with a capital letter.
        begins: Whether a sentence or a part of one begins with it, so that a capital says nothing.
        tells: Whether capitals tell names in this goal.
    """

    words: tuple[str, ...]
    carried: tuple[bool, ...]
    dated: tuple[bool, ...]
    inside: tuple[bool, ...]
    capital: tuple[bool, ...]
    begins: tuple[bool, ...]
    tells: bool

    @classmethod
    def of(cls, goal: str) -> Heard:
        """Hear a goal as it was written."""
        found = tokens(goal)
        said = tuple(token.text.lower() for token in found)
        days = {
            place
            for begin in range(len(said))
            for size in range(1, 5)
            if DAY.fullmatch(" ".join(said[begin : begin + size]))
            for place in range(begin, min(begin + size, len(said)))
        }
        dated = tuple(place in days for place in range(len(said)))
        inside = tuple(glued(found, place) for place in range(len(said)))
        capital = tuple(token.text[0].isupper() for token in found)
        first = tuple(begins(found, place) for place in range(len(said)))
        return cls(said, tuple(carried(goal)), dated, inside, capital, first, not titled(found))

    def passed(self, place: int) -> bool:
        """Whether a plan may pass over a word: it carries the sentence, or is a function word or a mark."""
        return self.carried[place] or self.words[place] in FUNCTION

    def runs_at(self, begin: int) -> Iterable[tuple[int, str]]:
        """Runs of one to four words that begin at a place; the only marks in them are inside of words."""
        size = count = 0
        while begin + size < len(self.words) and count < 4:
            here = begin + size
            if not self.words[here][0].isalnum() and not (size and self.inside[here]):
                return
            size += 1
            count += not (self.inside[here] or (size > 1 and self.inside[here - 1]))
            if not self.inside[here] and not (here + 1 < len(self.words) and self.inside[here + 1]):
                yield size, " ".join(self.words[begin : begin + size])

    def names_at(self, begin: int) -> Iterable[tuple[int, str]]:
        """Runs that can be a name: no function words, no carriers, no numbers and no days.

        Where capitals tell names, a name begins and ends with one or has none at all, and it is whole.
        """
        for size, run in self.runs_at(begin):
            if not all(self._names(place) or self.inside[place] for place in range(begin, begin + size)):
                continue
            if not self.tells or self._whole(begin, begin + size - 1):
                yield size, run

    def persons_at(self, begin: int) -> Iterable[str]:
        """Names that can be spoken of away from where they stand: no part of a thing, and not cut short.

        What follows a count is a thing; `fox's ticket` and `ticket of fox` take the words before as well.
        """
        counted = any(
            self.counts_at(place)
            and not self.dated[place]
            and all(self._names(at) for at in range(place + 1, begin))
            for place in range(max(0, begin - 4), begin)
        )
        led = (
            begin > 1
            and self._names(begin - 1)
            and self.words[begin - 2] in ("of", "from", "by", "for", "to")
        )
        for size, run in self.names_at(begin):
            end = begin + size
            before = begin > 0 and self._names(begin - 1) and self._is_owner(end)
            behind = end < len(self.words) and self._names(end) and self._is_owner(end + 1)
            if not (counted or led or before or behind):
                yield run

    def asker(self) -> str:
        """Who asked for an order, in a sentence that goes on with the only ticket of the goal; else empty.

        `Ida Fox asked for it: answer that customer's ticket with the number`: no ticket is anybody else's.
        """
        if sum(word in TICKETS for word in self.words) != 1:
            return ""
        for place in (at for at in range(len(self.words)) if self.begins[at]):
            end = next((at for at in range(place, len(self.words)) if not self._names(at)), len(self.words))
            rest = self.words[end:]
            sentence = rest[
                : next((at for at, word in enumerate(rest) if word in (".", "!", "?")), len(rest))
            ]
            counted = any(self.counts_at(at) for at in range(end, end + len(sentence)))
            asks = sentence[:1] in (("asked",), ("wanted",), ("requested",)) and not counted
            if end > place and asks and TICKETS & set(sentence):
                return " ".join(self.words[place:end])
        return ""

    def told(self) -> str:
        """The words up to the end of the last sentence that speaks of a number, quotes left out; else empty.

        Who is told an order's number is named by then.
        """
        inside, end = False, 0
        free: list[str] = []
        for word in self.words:
            inside = inside != (word in ('"', "“", "”"))
            free.append("" if inside else word)
        for place, word in enumerate(free):
            if word in NUMBERS:
                end = next((at for at in range(place, len(free)) if free[at] in (".", "!", "?")), len(free))
        return " ".join(word for word in free[:end] if word)

    def _is_owner(self, place: int) -> bool:
        return place < len(self.words) and self.words[place] in ("'s", "’s")

    def _whole(self, first: int, last: int) -> bool:
        small = not any(self.capital[first + 1 : last + 1])
        if not self.capital[first] or (self.begins[first] and small):
            return small
        before = first - 1
        while before > 0 and self.words[before] in PARTICLES:
            before -= 1
        led = before >= 0 and self._is_named(before) and not self.begins[before]
        return self.capital[last] and not led and not self._is_named(last + 1)

    def _is_named(self, place: int) -> bool:
        """Whether a word has a capital that makes it part of a name."""
        inside = place < len(self.words) and self.capital[place]
        return inside and self._names(place) and self.words[place] not in WEEKDAYS

    def _names(self, place: int) -> bool:
        word = self.words[place]
        if self._is_small_name(place):
            return True
        return not (self.passed(place) or self.dated[place] or word[0].isdigit())

    def _is_small_name(self, place: int) -> bool:
        """Whether a function word is written like a name, beside another: `An Nguyen`, `John Do`."""
        if self.words[place] not in FUNCTION - LINKS or not self.capital[place] or self.begins[place]:
            return False
        beside = [near for near in (place - 1, place + 1) if 0 <= near < len(self.words)]
        return self.tells and any(self.capital[near] and not self.passed(near) for near in beside)

    def things_at(self, begin: int) -> Iterable[tuple[int, str]]:
        """Runs that can be a thing: no function word at an end, no day, and nothing of its name behind.

        A run with a function word inside (`blanket for two`) is no thing where it breaks off before another
        word with a meaning (`blanket to ida | fox`).
        """
        for size, run in self.runs_at(begin):
            end = begin + size
            ends = {self.words[begin], self.words[end - 1]}
            if ends & FUNCTION or self.goes_on(end) or any(self.dated[begin + 1 : end]):
                continue
            if not self._breaks_off(begin, end):
                yield size, run

    def _breaks_off(self, begin: int, end: int) -> bool:
        inner = FUNCTION & set(self.words[begin + 1 : end])
        return bool(inner) and end < len(self.words) and self._names(end)

    def options_at(self, begin: int) -> Iterable[tuple[int, str]]:
        """Runs that can be an option: no day, no number of things, nobody whom something goes to.

        Words that carry a sentence are no part of it at its ends: `paid by card` is `card`.
        """
        first = self.words[begin]
        if first in FUNCTION - {"with", "in"} or (self.passed(begin) and first not in ("with", "in")):
            return
        for size, run in self.runs_at(begin):
            end = begin + size
            trails = self.passed(end - 1) and self.words[end - 1] != "it"
            things = self.counts_at(begin) and not TIMES & set(self.words[begin + 1 : end])
            goes = any(
                self.words[at] in ("to", "for") and self.words[at + 1] not in FUNCTION
                for at in range(begin, end - 1)
            )
            cut = self.tells and any(
                self._is_named(inner) and self._is_named(outer)
                for inner, outer in ((begin, begin - 1), (end - 1, end))
                if outer >= 0
            )
            dated = any(self.dated[begin:end])
            if not (dated or trails or things or goes or cut or self._breaks_off(begin, end)):
                yield size, run

    def counts_at(self, place: int) -> bool:
        """Whether a word is a number that can count things: no day (`august 24`), price, size of a pack."""
        far, near = ["", "", *self.words[:place]][-2:]
        day = re.fullmatch(MONTH, near) is not None and not (far[:1].isdigit() or far == "of")
        described = near in ("a", "an") or near in MONEY or (near == "of" and far in PACKS)
        return count_of(self.words[place]) is not None and not day and not described

    def ties_at(self, place: int) -> bool:
        """Whether what stands here can only belong to the order before it: `, gift wrapped .`

        That is a few words between marks that carry a meaning, are no number and have no capital, tied to
        what stands before them by nothing that begins anew.
        """
        begin = place
        while begin < len(self.words) and self.words[begin] in TIES and self.passed(begin):
            begin += 1
        end = begin
        while end < len(self.words) and self._names(end):
            end += 1
        behind = end
        while behind < len(self.words) and self.words[behind] in BEHIND:
            behind += 1
        closed = behind == len(self.words) or self.words[behind] in CLAUSE_ENDS
        return begin > place and 0 < end - begin <= 3 and closed and not self.capital[begin]

    def goes_on(self, place: int) -> bool:
        """Whether the word here is one that a thing's name ends with, when it stands right behind it."""
        return place < len(self.words) and self.carried[place] and self.words[place] in NOUNS


MEASURES = frozenset("x units pieces pairs".split())
"""Words that may stand between a count and its thing, beside function words."""

NOUNS = frozenset(
    """
    account address article can case cases charge date day delivery desk form goods house item job mark matter
    pack
    message minute moment number option order orders parcel person piece pieces place post present quote
    reference remark reply request result service shipment speed state subject support task text thing
    things ticket tickets unit units way word words
    """.split()
)
"""Carriers that a thing's name can end with (`pen case`): right behind a thing they are part of it."""

BEHIND = frozenset("delivery shipping speed service payment post mail courier".split())
"""Words behind an option that show it to be one."""

MONEY = frozenset("$£€#")

PACKS = frozenset("pack packs set sets box boxes case cases bag bags bundle bundles".split())

TIMES = frozenset("day days hour hours week weeks month months minute minutes".split())

WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())

NUMBERS = frozenset("number numbers reference".split())

TICKETS = frozenset("ticket tickets case cases request requests".split())

LINKS = frozenset("a the and or for from to of on onto in into with without via by at per i".split())
"""Function words that are no names, whatever their capitals."""

PARTICLES = frozenset("van von de der den del della di da la le zu bin al ter".split())
"""Small words inside of names."""

TIES = frozenset(", and with in by ( ) as paid paying payment delivery please".split())
"""Words and marks that tie what follows to the order before it."""

CLAUSE_ENDS = frozenset(", ; . ! ) and".split())

NOTHING = '"\\n\\n"'
"""A literal that no answer holds: a way that is closed."""


def _order_rules(heard: Heard, names: Sequence[str]) -> str:
    """Rules of an order's fields, read from left to right: each field begins behind the one before it.

    Rule `oN` reads on from word N, where a field can still come; `pN` reads on, or ends. Only words that
    carry a sentence can be passed over: what carries meaning has to stand in a field. A later order may be
    for a customer who is named elsewhere.
    """
    rows: list[str] = []
    on = ""
    going: list[str] = []
    for place in reversed(range(len(heard.words))):
        choices = [on] if on and heard.passed(place) else []
        choices += [f"{said} p{end}" for said, end in _fields_at(heard, place)]
        on = f"o{place}" if choices else ""
        going += [on] if on else []
        rows += [f"{on}: {' | '.join(choices)}"] if on else []
        ends = "" if heard.ties_at(place) else ' | ""'
        rows.append(f"p{place}: {on}{ends}" if on else f'p{place}: ""')
    named = " | ".join(_said(("name", name)) for name in names)
    known = f"({named})? " if named else ""
    return "\n".join(
        [
            f'order: "task order\\n" {on or NOTHING}',
            f'later: "task order\\n" {known}({" | ".join(going[::-1]) or NOTHING})',
            *rows[::-1],
            f'p{len(heard.words)}: ""',
        ]
    )


def _fields_at(heard: Heard, place: int) -> Iterable[tuple[str, int]]:
    """What can be said of the words from a place on, as a literal, and where reading goes on.

    A count is followed by its thing, at most two words behind it.
    """
    items = heard.words
    if heard.counts_at(place):
        for begin in _behind_count(items, place):
            for size, thing in heard.things_at(begin):
                yield _said(("count", items[place]), ("item", thing)), begin + size
    for size, run in heard.names_at(place):
        yield _said(("name", run)), place + size
    for size, run in heard.options_at(place):
        yield _said(("option", run)), place + size
    for size in range(1, min(5, len(items) - place) + 1):
        day = " ".join(items[place : place + size])
        if DAY.fullmatch(day):
            yield _said(("date", day)), place + size


def _behind_count(items: Sequence[str], place: int) -> Iterable[int]:
    """Where the thing of a count can begin: right behind it, or behind at most two words of measure."""
    for begin in range(place + 1, min(place + 4, len(items))):
        if not set(items[place + 1 : begin]) <= FUNCTION | MEASURES:
            return
        yield begin


def _said(*fields: tuple[str, str]) -> str:
    """Lines of a plan as a literal of the grammar."""
    return json.dumps("".join(f"{key} {text}\n" for key, text in fields), ensure_ascii=False)


def read_plan(answer: str, goal: str) -> tuple[PlannedTask, ...]:
    """The tasks of a planner's answer, spans located in the goal as it was written; empty for `cannot`.

    A span is looked for after the field before it first, so that repeated words find their own place; a count
    right before its thing, and what is no text of a ticket outside of quotes first.
    """
    tasks: list[PlannedTask] = []
    quotes = [hit.span() for hit in QUOTED.finditer(goal)]
    cursor = 0
    counted = ""
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        if key == "task":
            tasks.append(PlannedTask(value, ()))
        elif key == "close":
            tasks[-1] = replace(tasks[-1], close=True)
        elif key == "number":
            tasks[-1] = replace(tasks[-1], number_of=int(value))
        elif key == "count":
            counted = value
            count = locate(value, goal, after=cursor)
            tasks[-1] = _with(tasks[-1], key, count)
        elif key not in ("end", "cannot"):
            span = _place(key, value, goal, cursor, quotes)
            if counted and key == "item" and span is not None:
                nearer = [
                    hit for hit in places(counted, goal) if cursor <= hit.start and hit.end <= span.start
                ]
                if nearer:
                    tasks[-1] = _with(replace(tasks[-1], fields=tasks[-1].fields[:-1]), "count", nearer[-1])
            counted = ""
            cursor = max(cursor, span.end) if span is not None else cursor
            tasks[-1] = _with(tasks[-1], key, span)
    return tuple(tasks)


QUOTED = re.compile(r"(?<!\w)[\"“][^\"“”]+[\"”]")


def _with(task: PlannedTask, key: str, span: Span | None) -> PlannedTask:
    return replace(task, fields=(*task.fields, Field(key, span))) if span is not None else task


def _place(key: str, value: str, goal: str, cursor: int, quotes: Sequence[tuple[int, int]]) -> Span | None:
    """Where a field's words stand: behind the cursor before elsewhere; a text in quotes, the rest outside."""
    hits = places(value, goal)
    wanted = key in ("text", "about")
    fit = [hit for hit in hits if any(a < hit.start and hit.end < b for a, b in quotes) is wanted] or hits
    return next((hit for hit in fit if hit.start >= cursor), fit[0] if fit else None)


def write_plan(tasks: Sequence[PlannedTask]) -> str:
    """The answer that `read_plan` reads back; what a planner is trained to say."""
    rows: list[str] = []
    for task in tasks:
        rows.append(f"task {task.kind}")
        rows += [f"{item.key} {fold(item.span.text)}" for item in task.fields]
        if task.number_of is not None:
            rows.append(f"number {task.number_of}")
        if task.close:
            rows.append("close")
    return "\n".join([*rows, "end"]) if tasks else "cannot"
