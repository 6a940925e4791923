"""Generated notes of a made-up world, and questions that they answer or do not.

A fact is a value of a property of somebody or something, told in one of several wordings. Later notes may
tell it otherwise, or say that it holds no longer; other notes tell other facts of the same one, or the same
of others. A question asks for a fact that the notes tell, or for one that they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ..answering import UNKNOWN, Note, ask_recall
from ..wording import fold
from . import words
from .tool_documents import OPEN, Inventory
from .words import phrases

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt."""

FIRST_DAY = date(2024, 1, 1)


@dataclass(frozen=True)
class Relation:
    """A property: who has it, what its values are, and how it is told and asked.

    Attributes:
        of: "person" or "thing".
        kind: Of value: word, number, date or person.
        told, asked: Wordings, with {x} for who has it, {v} for the value and {p} for the property's name.
        ended: Wordings of its end; empty where it does not end.
    """

    of: str
    kind: str
    told: tuple[str, ...]
    asked: tuple[str, ...]
    ended: tuple[str, ...] = ()


NAMED = Relation(
    "thing",
    "any",
    phrases("""
        the {p} of {x} is {v} | {x} has {p} {v} | {x} {p} : {v} | {p} of {x} : {v} | {x} : {p} is {v} |
        {v} is the {p} of {x} | {x} now has {v} as {p} | the {p} of {x} was set to {v}
    """),
    phrases("""
        what is the {p} of {x} ? | which {p} has {x} ? | {p} of {x} ? | {x} {p} ? | tell me the {p} of {x} |
        what {p} does {x} have ? | do you know the {p} of {x} ?
    """),
    phrases("{x} has no {p} any more | the {p} of {x} is not known any more | forget the {p} of {x}"),
)
"""A property with a name of its own, which may be a word that never was."""

RELATIONS = (
    Relation(
        "person",
        "word",
        phrases("{x} lives in {v} | {x} moved to {v} | {x} has a house in {v} | home of {x} : {v}"),
        phrases("where does {x} live ? | in which place does {x} live ? | where is the home of {x} ?"),
        phrases("{x} has no home any more | {x} does not live there any more"),
    ),
    Relation(
        "person",
        "word",
        phrases("{x} works for {v} | {x} has a job at {v} | {x} started at {v} | {x} is employed by {v}"),
        phrases("where does {x} work ? | who employs {x} ? | for whom does {x} work ?"),
        phrases("{x} has no job any more | {x} lost the job"),
    ),
    Relation(
        "person",
        "word",
        phrases("{x} likes {v} best | {x} prefers {v} | the favourite of {x} is {v} | {x} loves {v}"),
        phrases("what does {x} like best ? | what does {x} prefer ? | what is the favourite of {x} ?"),
    ),
    Relation(
        "person",
        "date",
        phrases("{x} comes on {v} | {x} will visit on {v} | the visit of {x} is on {v} | expect {x} on {v}"),
        phrases("when does {x} come ? | when is the visit of {x} ? | on which day will {x} visit ?"),
        phrases("{x} will not come | the visit of {x} is off"),
    ),
    Relation(
        "thing",
        "number",
        phrases("{x} costs {v} | the price of {x} is {v} | {x} now costs {v} | you pay {v} for {x}"),
        phrases("how much is {x} ? | what does {x} cost ? | what is the price of {x} ?"),
    ),
    Relation(
        "thing",
        "number",
        phrases(
            "we have {v} of {x} | there are {v} of {x} in stock | stock of {x} : {v} | {v} of {x} are left"
        ),
        phrases("how many of {x} are there ? | how many of {x} are in stock ? | what is the stock of {x} ?"),
    ),
    Relation(
        "thing",
        "word",
        phrases("{x} is kept in {v} | {x} lies in {v} | put {x} into {v} | you find {x} in {v}"),
        phrases("where is {x} ? | where do i find {x} ? | where is {x} kept ? | where does {x} lie ?"),
        phrases("{x} is lost | nobody knows where {x} is"),
    ),
    Relation(
        "thing",
        "person",
        phrases("{x} belongs to {v} | {v} owns {x} | {x} was given to {v} | {v} bought {x}"),
        phrases("who owns {x} ? | to whom does {x} belong ? | whose is {x} ?"),
        phrases("nobody owns {x} any more | {x} belongs to nobody"),
    ),
    Relation(
        "thing",
        "date",
        phrases("{x} is due on {v} | {x} arrives on {v} | {x} must be done by {v} | {x} is planned for {v}"),
        phrases("when is {x} due ? | when does {x} arrive ? | by when must {x} be done ?"),
        phrases("{x} is put off | {x} has no day any more"),
    ),
)
PROPERTIES = """
    age area code colour count email height id length number phone room score size speed state street time
    title type unit weight width year
""".split()
OTHER_NOTES = phrases("""
    {a} and {b} had a talk | {a} was seen near {b} | do not forget {b} | {a} asked about {b} |
    {b} needs paint | {a} thanked {b} | call {a} about {b} | {b} was cleaned by {a} | nothing new about {b}
""")


@dataclass(frozen=True)
class Fact:
    """What a relation is to somebody or something; `name` is the property's own, where it has one."""

    relation: Relation
    who: str
    name: str = ""

    def fill(self, wording: str, value: str = "") -> str:
        """A wording with the names in it."""
        return wording.format(x=self.who, v=value, p=self.name)


def recall(rng: Random, inventory: Inventory = OPEN) -> list[Piece]:
    """Notes and up to four questions about them: the first in full, of the others only the question."""
    notes, known, missing = draw_notes(rng, inventory)
    pieces: list[Piece] = []
    for _ in range(rng.choice((1, 2, 3, 4))):
        fact = rng.choice(list(known) if rng.random() < 0.72 or not missing else missing)
        value = known.get(fact, "")
        text = ask_recall(notes, fact.fill(rng.choice(fact.relation.asked))).text.splitlines()
        rows = text[len(notes) :] if pieces else text
        pieces += [("\n".join(rows), 0), (f"says {fold(value)}" if value else UNKNOWN, 1)]
    return pieces


def draw_notes(rng: Random, inventory: Inventory) -> tuple[list[Note], dict[Fact, str], list[Fact]]:
    """Two to eight notes; what they tell in the end (an ended fact has no value); facts they do not tell."""
    cast = [who(rng, inventory) for _ in range(rng.randint(1, 3))]
    facts: list[Fact] = []
    for _ in range(rng.randint(2, 6)):
        fact = draw_fact(rng, cast, inventory)
        if fact not in facts and all(told_apart(fact.who, other.who) for other in facts):
            facts.append(fact)
    cut = max(1, len(facts) - rng.choice((1, 1, 2)))
    told, missing = facts[:cut], facts[cut:]
    known: dict[Fact, str] = {}
    texts: list[str] = []
    for fact in told:
        known[fact] = draw_value(rng, fact, inventory)
        texts.append(fact.fill(rng.choice(fact.relation.told), known[fact]))
    rng.shuffle(texts)
    for fact in told:
        if len(texts) < 8 and rng.random() < 0.25:
            ends = bool(fact.relation.ended) and rng.random() < 0.2
            known[fact] = "" if ends else draw_value(rng, fact, inventory)
            wordings = fact.relation.ended if ends else fact.relation.told
            texts.append(fact.fill(rng.choice(wordings), known[fact]))
    people = [name for name, kind in cast if kind == "person"] or [inventory.word(rng)]
    while len(texts) < 2 or (len(texts) < 8 and rng.random() < 0.3):
        other = rng.choice(OTHER_NOTES).format(a=rng.choice(people), b=inventory.phrase(rng))
        texts.insert(rng.randint(0, len(texts)), other)
    return dated(rng, texts), known, missing


def who(rng: Random, inventory: Inventory) -> tuple[str, str]:
    """Somebody or something: name and kind."""
    if rng.random() < 0.45:
        first = inventory.either(rng, words.FIRST)
        return f"{first} {inventory.either(rng, words.LAST)}" if rng.random() < 0.4 else first, "person"
    return inventory.phrase(rng), "thing"


def told_apart(one: str, other: str) -> bool:
    """Whether two names are the same or neither is a part of the other."""
    here, there = set(one.split()), set(other.split())
    return one == other or not (here <= there or there <= here)


def draw_fact(rng: Random, cast: list[tuple[str, str]], inventory: Inventory) -> Fact:
    """A fact of one of the cast, or of somebody who is not among them."""
    name, kind = rng.choice(cast) if rng.random() < 0.8 else who(rng, inventory)
    if rng.random() < 0.4:
        return Fact(NAMED, name, inventory.either(rng, PROPERTIES))
    return Fact(rng.choice([each for each in RELATIONS if each.of == kind]), name)


def draw_value(rng: Random, fact: Fact, inventory: Inventory) -> str:
    """A value of the relation's kind."""
    kind = fact.relation.kind
    if kind == "any":
        kind = rng.choice(("word", "word", "number", "number", "date", "person", "reference"))
    if kind == "number":
        return str(rng.randint(1, 10 ** rng.randint(1, 4)))
    if kind == "date":
        days = (words.day(rng)[0] for _ in iter(int, 1))
        return next(day for day in days if not day.startswith("the "))
    if kind == "person":
        return " ".join(inventory.either(rng, words.FIRST) for _ in range(rng.choice((1, 2))))
    return words.reference(rng) if kind == "reference" else inventory.phrase(rng)


def dated(rng: Random, texts: list[str]) -> list[Note]:
    """Texts as notes of rising dates; at times none has one."""
    if rng.random() < 0.25:
        return [Note(text) for text in texts]
    day = FIRST_DAY + timedelta(days=rng.randint(0, 1200))
    notes: list[Note] = []
    for text in texts:
        day += timedelta(days=rng.choice((1, 2, 5, 30, 90, 400)))
        notes.append(Note(text, day))
    return notes
