"""Why the tickets of a plan may be misread: words and numbers to send, what is closed, whose ticket it is.

A goal says of a ticket that it be closed with a word of closing that is not negated; that an order's number
be sent by speaking of it; and what else to send in quotes or behind a word of saying. A plan must agree.

Covers: what is left out, added, or given to another ticket, where the goal's words tell. Does not cover:
tickets that a goal speaks of all at once (`close both`), other than all together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..wording import Span, tokens, words
from .reading import NUMBERS, QUOTED, PlannedTask

NOUNS = frozenset("ticket tickets case cases request requests".split())
DESKS = frozenset("desk helpdesk support question questions".split())
MANY = frozenset("tickets cases requests".split())
CLOSING = frozenset(
    """
    close closed closes closing resolve resolved resolves resolving solve solved solves solving settle
    settled settles settling finish finished finishes finishing shut shuts shutting
    """.split()
)
STAYING = frozenset(
    "leave leaves leaving left keep keeps keeping kept stay stays staying remain remains".split()
)
NEGATIONS = frozenset("not never without no nor t cannot".split())
TELLING = frozenset(
    """
    answer answers answered answering comment give giving inform let mention message messages post put
    quote reply replies replying respond say saying send sending state tell telling write writing
    """.split()
)
ANSWERING = frozenset("answer reply respond comment write".split())
"""Verbs that ask for an answer."""

SUBJECTS = frozenset("about on titled called named subject regarding concerning".split())
SAYERS = frozenset("with saying say says reply text words writing write them her him :".split())
UNQUOTED = SAYERS | frozenset("that answer , telling".split())
"""What can stand right before words to send that are not in quotes."""
RANKS = {"first": 0, "second": 1, "third": 2, "last": -1}
BREAKS = frozenset(". ; ! ? : , and then but".split())
POSSESSIVES = frozenset("her his their hers theirs she he they customer person".split())


@dataclass(frozen=True)
class Said:
    """A goal's words outside of quotes, as tickets are spoken of.

    Attributes:
        words: Every word and mark, with its place.
        free: Whether it stands outside of quotes and of fields.
    """

    words: list[Span]
    free: list[bool]

    @classmethod
    def of(cls, goal: str, tasks: Sequence[PlannedTask]) -> Said:
        """Hear a goal beside its plan."""
        taken = [item.span for task in tasks for item in task.fields if item.key != "text"]
        taken += [Span(hit.group(), *hit.span()) for hit in QUOTED.finditer(goal)]
        found = tokens(goal)
        return cls(found, [not any(a.start <= each.start < a.end for a in taken) for each in found])

    def word(self, place: int) -> str:
        """The folded word at a place that is free; a stop outside of the goal and in fields."""
        inside = 0 <= place < len(self.words) and self.free[place]
        return self.words[place].text.lower() if inside else ""

    def any_of(self, wanted: frozenset[str]) -> list[int]:
        """Places of free words that are among these."""
        return [place for place in range(len(self.words)) if self.word(place) in wanted]

    def before(self, place: int, count: int) -> list[str]:
        """The free words before a place, back to a mark that ends a part of the sentence."""
        found: list[str] = []
        for at in range(place - 1, max(-1, place - 1 - count), -1):
            if self.word(at) in (".", ";", ":", "!", "?", ","):
                break
            found.append(self.word(at))
        return found


@dataclass(frozen=True)
class Mention:
    """A word that says whether a ticket ends closed or open, and where."""

    start: int
    place: int
    closes: bool


def ticket_doubts(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """What speaks against the tickets of a plan; empty when nothing does."""
    said = Said.of(goal, tasks)
    tickets = [task for task in tasks if task.kind == "ticket"]
    found = [problem for task in tickets for problem in _one(goal, said, task)]
    found += _speaks_of(said, tickets) + _numbers(said, tasks) + _quotes(goal, tasks)
    found += _twice(tickets) + _unanswered(said, tickets) + _of_one(said, tickets)
    anchors = _anchors(said, tasks)
    if len(anchors) == len(tickets) and not found:
        found += _nearest(tasks, anchors) + _subjects(anchors) + _hers(said, tasks)
        found += _closed(said, anchors) + _given(goal, said, anchors)
    return found


def _one(goal: str, said: Said, task: PlannedTask) -> list[str]:
    """What is wrong with one ticket by itself."""
    found: list[str] = []
    if not (task.close or task.number_of or task.values("text")):
        found.append("The ticket is neither answered nor closed.")
    if (count := len(task.values("name"))) != 1:
        found.append(f"The ticket has {count} customers; it takes one.")
    if len(task.values("text")) + (task.number_of is not None) > 1 or len(task.values("about")) > 1:
        found.append("The ticket has more than one answer or subject.")
    for item in task.fields:
        before = _leading(goal, item.span)
        names = [field.span for field in task.fields if field.key == "name"]
        told = any(not goal[name.end : item.span.start].strip(' "“') for name in names)
        if item.key == "about" and (before in SAYERS or told):
            found.append(f"{item.span.text!r} is said, and read as the subject of a ticket.")
        if item.key == "about" and before not in SUBJECTS and not _is_quoted(goal, item.span):
            found.append(f"{item.span.text!r} does not read like the subject of a ticket.")
        if item.key == "text" and before in SUBJECTS:
            found.append(f"{item.span.text!r} is a subject, and read as words to send.")
        loose = item.key == "text" and not _is_quoted(goal, item.span)
        if loose and not _reads_whole(goal, item.span, before):
            found.append(f"{item.span.text!r} does not read like words to send.")
    if not said.any_of(NOUNS | DESKS | TELLING):
        found.append("The goal speaks of no ticket.")
    return found


def _reads_whole(goal: str, span: Span, before: str) -> bool:
    """Whether words to send that are not in quotes begin behind a word of saying, and end with the sentence.

    Behind `her` or `that` they are only whole where these stand behind such a word themselves; behind them
    another task may follow (`and close it`).
    """
    led, behind = words(goal[: span.start])[-2:], words(goal[span.end :])[:2]
    if before in ("her", "him", "them", "that") and len(led) > 1:
        whole = led[0] in TELLING | SAYERS or (before == "that" and led[0] in ("customer", "it"))
    else:
        whole = before in UNQUOTED
    if behind and behind[0] in ("and", "then", "but", ","):
        following = behind[1] if len(behind) > 1 else "."
        return whole and following in CLOSING | STAYING | TELLING | {"then", "and", "do", "please", "mark"}
    return whole and not (behind and behind[0][0].isalnum() and behind[0] not in BREAKS)


def _is_quoted(goal: str, span: Span) -> bool:
    return any(_inside(span, hit.span()) for hit in QUOTED.finditer(goal))


def _leading(goal: str, span: Span) -> str:
    """The word that leads to a quoted text: right before it, or before `is`; `the answer` is a reply."""
    led = words(goal[: span.start].rstrip('"“ '))[-3:]
    while led and led[-1] in ("is", "be"):
        led.pop()
    if led[-1:] == ["answer"] and {"the", "with", "an"} & set(led[-2:-1]):
        return "reply"
    return led[-1] if led else ""


def _inside(span: Span, stretch: tuple[int, int]) -> bool:
    return stretch[0] <= span.start and span.end <= stretch[1]


def _speaks_of(said: Said, tickets: Sequence[PlannedTask]) -> list[str]:
    """Tickets that the goal speaks of, and nothing in the plan is one."""
    spoken = [
        place for place in said.any_of(NOUNS) if said.word(place) != "case" or said.word(place - 1) != "in"
    ]
    spoken += [
        place for place in said.any_of(frozenset({"desk"})) if said.word(place - 1) in ("help", "service")
    ]
    if tickets:
        return []
    if spoken:
        return [f"The goal speaks of a {said.word(spoken[0])}, and no part of the plan is a ticket."]
    closing = [
        said.word(place) for place in said.any_of(CLOSING) if said.word(place).startswith(("clos", "resol"))
    ]
    return [f"The goal says {closing[0]!r}, and no part of the plan is a ticket."] if closing else []


def _numbers(said: Said, tasks: Sequence[PlannedTask]) -> list[str]:
    """Numbers that are to be told and are not, or the reverse, or of an order for somebody else."""
    told = [
        place for place in said.any_of(NUMBERS) if said.word(place - 1) not in ("", ",", "under", "phone")
    ]
    quoting = [task for task in tasks if task.number_of is not None]
    found: list[str] = []
    if told and not quoting:
        found.append(f"The goal speaks of a {said.word(told[0])}, and no part of the plan tells one.")
    if quoting and not told:
        found.append("The plan tells an order's number, and the goal speaks of none.")
    orders = [task for task in tasks if task.kind == "order"]
    ranks = [place for place in said.any_of(frozenset(RANKS)) if said.word(place + 1) == "order"]
    rank = RANKS[said.word(ranks[0])] if len(ranks) == 1 else None
    for index, task in enumerate(tasks, 1):
        if task.number_of is None:
            continue
        source = tasks[task.number_of - 1] if 0 < task.number_of < index else None
        if source is None or source.kind != "order":
            found.append(
                f"Task {index} quotes the number of task {task.number_of}, which is no order before it."
            )
            continue
        if rank is not None and orders and source is not orders[rank if rank < len(orders) else -1]:
            found.append(f"Task {index} quotes the number of another order than the goal says.")
        mine = [each for each in tasks if each.kind == "order" and _named(each) == _named(task)]
        if mine and source not in mine:
            found.append(f"Task {index} quotes the number of an order for somebody else.")
    return found


def _named(task: PlannedTask) -> list[str]:
    return [name.lower() for name in task.values("name")]


def _quotes(goal: str, tasks: Sequence[PlannedTask]) -> list[str]:
    """Quoted words that no field holds, or that one holds only a part of."""
    fields = [item for task in tasks for item in task.fields]
    found: list[str] = []
    for hit in QUOTED.finditer(goal):
        inside = [item for item in fields if _inside(item.span, hit.span())]
        if not inside:
            found.append(f"No part of the plan takes {hit.group()}.")
        whole = words(hit.group()[1:-1])
        found += [
            f"{item.span.text!r} is only a part of {hit.group()}."
            for item in inside
            if item.key in ("text", "about") and words(item.span.text) != whole
        ]
    return found


def _twice(tickets: Sequence[PlannedTask]) -> list[str]:
    """Tickets that nothing tells apart."""
    seen: list[tuple[list[str], list[str]]] = []
    for task in tickets:
        seen.append((_named(task), [text.lower() for text in task.values("about")]))
    return [
        f"The plan has a ticket of {' '.join(name)!r} twice."
        for index, (name, about) in enumerate(seen)
        if (name, about) in seen[:index]
    ]


def _unanswered(said: Said, tickets: Sequence[PlannedTask]) -> list[str]:
    """Answers that are asked for where no part of the plan has one."""
    if not tickets or any(task.values("text") or task.number_of for task in tickets):
        return []
    asked = [
        place
        for place in said.any_of(ANSWERING)
        if said.word(place - 1) in BREAKS | {"", "please"} and said.word(place + 1) not in ("", ".", ",")
    ]
    return [f"The goal says {said.word(asked[0])!r}, and no part of the plan answers." for _ in asked[:1]]


def _of_one(said: Said, tickets: Sequence[PlannedTask]) -> list[str]:
    """Several tickets that are spoken of at once, where the plan has one."""
    several = [
        place
        for place in said.any_of(frozenset({"both", "all"}))
        if MANY & {said.word(place + step) for step in (1, 2, 3)}
    ]
    named = bool(tickets) and any(task.values("about") for task in tickets)
    if len(tickets) != 1 or named or not several:
        return []
    return ["The goal speaks of several tickets, and the plan has one."]


def _anchors(said: Said, tasks: Sequence[PlannedTask]) -> list[tuple[int, PlannedTask]]:
    """Where the goal speaks of each ticket, in order: its customer's name, or `her` for one who orders."""
    ordering = [
        item.span for task in tasks if task.kind == "order" for item in task.fields if item.key == "name"
    ]
    found: list[tuple[int, PlannedTask]] = []
    for task in tasks:
        if task.kind != "ticket" or not task.values("name"):
            continue
        name = next(item.span for item in task.fields if item.key == "name")
        start = name.start
        used = [at for at, _ in found]
        if name in ordering:
            later = [
                said.words[place].start
                for place in said.any_of(POSSESSIVES)
                if said.words[place].start > name.end
                and said.words[place].start not in used
                and any(said.word(place + step) in NOUNS for step in range(1, 6))
            ]
            start = later[0] if later else start
        elif start in used:
            start = next((item.span.start for item in task.fields if item.key != "name"), start)
        found.append((start, task))
    return sorted(found, key=lambda pair: pair[0])


def _nearest(tasks: Sequence[PlannedTask], anchors: Sequence[tuple[int, PlannedTask]]) -> list[str]:
    """Tickets of `her` that are read as of somebody else than the person who was named last before."""
    named = [item.span for task in tasks for item in task.fields if item.key == "name"]
    found: list[str] = []
    for start, task in anchors:
        own = next(item.span for item in task.fields if item.key == "name")
        before = [span for span in named if span.end <= start]
        if start != own.start and before and max(before, key=lambda span: span.start).text != own.text:
            found.append(f"The ticket is read as of {own.text!r}, who was not named last before it.")
    return found


def _subjects(anchors: Sequence[tuple[int, PlannedTask]]) -> list[str]:
    """Subjects that are given to a ticket though another one stands between."""
    found: list[str] = []
    for start, task in anchors:
        for about in (item.span.start for item in task.fields if item.key == "about"):
            low, high = sorted((start, about))
            if any(low < other < high for other, _ in anchors):
                found.append("The subject is given to another ticket than the goal gives it to.")
    return found


def _hers(said: Said, tasks: Sequence[PlannedTask]) -> list[str]:
    """`Her ticket` where no ticket of the plan is hers."""
    spoken = [
        place
        for place in said.any_of(frozenset({"her", "his", "their", "has", "have"}))
        for step in (1, 2, 3, 4)
        if said.word(place + step) in NOUNS
        and not any(said.word(place + near) in BREAKS | {"", "in"} for near in range(1, step))
    ]
    named = [item.span for task in tasks for item in task.fields if item.key == "name"]
    theirs = {name.lower() for task in tasks if task.kind == "ticket" for name in task.values("name")}
    before = [
        max(behind, key=lambda span: span.start).text.lower()
        for place in spoken
        if (behind := [span for span in named if span.end <= said.words[place].start])
    ]
    if not before or theirs & set(before):
        return []
    return [f"The goal says {said.word(spoken[0])!r} of a ticket, and no ticket of the plan is theirs."]


def _mentions(said: Said) -> list[Mention]:
    """Every word that says of a ticket that it be closed, or stay open."""
    found: list[Mention] = []
    for place, token in enumerate(said.words):
        word, near = said.word(place), said.before(place, 4)
        if word in CLOSING or _ends(said, place):
            found.append(Mention(token.start, place, not NEGATIONS & set(near[:3])))
        if word == "open" and said.word(place + 1) not in NOUNS:
            staying = [back for back in range(1, 6) if said.word(place - back) in STAYING]
            if staying:
                negated = bool(NEGATIONS & set(said.before(place - staying[0], 3)))
                found.append(Mention(token.start, place, negated))
    return found


def _ends(said: Said, place: int) -> bool:
    """Whether `end` or `done` here says that a ticket is over."""
    near = said.before(place, 4)
    if said.word(place) in ("end", "ends", "ended"):
        return not {"the", "at", "by", "in", "to"} & set(near[:1]) and said.word(place + 1) not in (
            ".",
            ",",
            "of",
        )
    over = bool({"is", "as", "be"} & set(near[:1]))
    return said.word(place) == "done" and over and not {"when", "once", "after", "that", "soon"} & set(near)


def _closed(said: Said, anchors: Sequence[tuple[int, PlannedTask]]) -> list[str]:
    """Tickets that the plan closes and the goal does not, or the reverse."""
    mentions = _mentions(said)
    if not anchors:
        return []
    closing = any(each.closes for each in mentions)
    if _speaks_of_all(said, mentions):
        done = {task.close for _, task in anchors}
        return [] if done == {closing} else ["The plan closes what the goal does not, or the reverse."]
    verdicts: list[set[bool]] = [set() for _ in anchors]
    starts = [start for start, _ in anchors]
    for each in mentions:
        verdicts[_whose(said, each, starts)].add(each.closes)
    for index in range(1, len(anchors)):
        between = [
            said.word(place)
            for place, token in enumerate(said.words)
            if starts[index - 1] < token.start < starts[index]
        ]
        if not verdicts[index] and not TELLING & set(between):
            verdicts[index] = verdicts[index - 1]
    found: list[str] = []
    for (_, task), verdict in zip(anchors, verdicts, strict=True):
        name = task.values("name")[0]
        if len(verdict) > 1:
            found.append(f"The goal both closes the ticket of {name!r} and leaves it open.")
        elif task.close and True not in verdict:
            found.append(f"The plan closes the ticket of {name!r}, and the goal does not.")
        elif not task.close and True in verdict:
            found.append(f"The goal closes the ticket of {name!r}, and the plan does not.")
    return found


def _speaks_of_all(said: Said, mentions: Sequence[Mention]) -> bool:
    """Whether the goal closes several tickets with one word: `close both`, `close their tickets`."""
    plural = [place for place in said.any_of(MANY) if said.word(place + 1) not in ("of", "from", "by")]
    every = said.any_of(frozenset({"both", "each"}))
    return bool(plural or every or any(said.word(each.place + 1) in ("them", "these") for each in mentions))


def _whose(said: Said, mention: Mention, starts: Sequence[int]) -> int:
    """Which ticket a mention speaks of: the next where nothing parts them, else the one before."""
    before = [index for index, start in enumerate(starts) if start <= mention.start]
    behind = [index for index, start in enumerate(starts) if start > mention.start]
    if not before:
        return 0
    if not behind:
        return before[-1]
    between = [
        token.text.lower()
        for place, token in enumerate(said.words)
        if mention.place < place and token.start < starts[behind[0]]
    ]
    return before[-1] if (BREAKS | {"it", '"', "“"}) & set(between) else behind[0]


def _given(goal: str, said: Said, anchors: Sequence[tuple[int, PlannedTask]]) -> list[str]:
    """Words to send that are given to another ticket than the goal gives them to."""
    numbers = [said.words[place].start for place in said.any_of(NUMBERS)]
    quoting = [task for _, task in anchors if task.number_of is not None]
    contents: list[int | None] = []
    for _, task in anchors:
        text = [item.span.start for item in task.fields if item.key == "text"]
        if not text and task.number_of is not None and len(numbers) == len(quoting):
            text = [numbers[quoting.index(task)]]
        contents.append(text[0] if text else None)
    given = [content for content in contents if content is not None]
    if given != sorted(given):
        return ["The words to send are given to the wrong tickets."]
    found: list[str] = []
    for (one, mine), (other, theirs) in pairwise(zip((start for start, _ in anchors), contents, strict=True)):
        if mine is not None and mine > other and theirs is None:
            found.append("Words to send are given to the ticket before theirs.")
        if mine is None and theirs is not None and one < theirs < other:
            before, behind = set(words(goal[one:theirs])), set(words(goal[theirs:other]))
            if behind & (BREAKS - {":"}) and not before & (BREAKS - {":"}):
                found.append("Words to send are given to the ticket behind theirs.")
    return found
