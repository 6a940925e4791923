"""Generated reports with the evidence for them: in half of them a fault is planted.

A small world of things with properties is drawn, calls that look things up, a report that says what they
returned, and criteria. What is right follows from what evidence and report say of the same property. A fault
is a field that differs from the evidence, by a word or by one digit; one that is missing; a claim that no
evidence is for, or evidence of another thing only; a criterion that wants another value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from ..checking.verifying import ask_verify
from ..wording import fold
from . import words
from .note_documents import told_apart
from .tool_documents import OPEN, Inventory
from .words import phrases, pick

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt."""

WEIGHT = 2.0
"""Of an answer in the loss: a verdict is one token among few."""

PROPERTIES = """
    amount area city code colour cost count date height length level name number owner place price size speed
    state stock time type unit weight width year
""".split()
CALLS = phrases("""
    {what} {thing} | get {what} {thing} | {what} of {thing} | find {thing} {what} | {thing} : {what} |
    read {what} for {thing} | look up {thing} {what}
""")
FIELDS = phrases("{what} of {thing} | {thing} {what} | {what} | {what} {thing}")
OPEN_WANTS = phrases("""
    {what} of {thing} | the {what} of {thing} | {thing} {what} | says the {what} of {thing} |
    what is the {what} of {thing} ? | gives {what} of {thing}
""")
EXACT_WANTS = phrases("""
    {what} of {thing} is {value} | the {what} of {thing} is {value} | {thing} has {what} {value} |
    {what} {thing} : {value} | {thing} {what} must be {value}
""")
ERRORS = "not found | timed out | {thing} is unknown | no answer | broken | not permitted"
FAULTS = ("differs", "digit", "missing", "another", "unsupported", "failed", "unmet")


@dataclass(frozen=True)
class Fact:
    """What is said of one property of one thing.

    Attributes:
        seen: The value in the evidence; empty: none is for it.
        told: The value in the report; empty: it does not say.
        wanted: The value that the criterion asks for; empty: any.
        error: What the call came to instead of a value.
        fault: What was planted; empty: nothing.
    """

    what: str
    thing: str
    seen: str
    told: str
    wanted: str = ""
    error: str = ""
    fault: str = ""

    def verdict(self) -> str:
        """What a verifier should find."""
        if not self.seen:
            return "cannot check"
        agreed = fold(self.told) == fold(self.seen)
        met = not self.wanted or fold(self.wanted) == fold(self.seen)
        return "pass" if agreed and met else f"fail {fold(self.seen)}"


@dataclass(frozen=True)
class Case:
    """A report to verify: what it is about, evidence lines, its result, criteria and the right answer."""

    facts: tuple[Fact, ...]
    evidence: tuple[str, ...]
    result: dict[str, str]
    criteria: tuple[str, ...]

    @property
    def answer(self) -> str:
        """One line for each criterion."""
        return "\n".join(f"{number} {fact.verdict()}" for number, fact in enumerate(self.facts, 1))


def verify(rng: Random, inventory: Inventory = OPEN) -> list[Piece]:
    """A report to verify; at times some criteria about it once more, in other words or of other values."""
    case = draw_case(rng, inventory)
    pieces: list[Piece] = [(_text(case), 0), (case.answer, WEIGHT)]
    for _ in range(rng.choice((0, 1, 2))):
        drawn = rng.sample(case.facts, rng.randint(1, min(2, len(case.facts))))
        facts = tuple(wanting(rng, fact, inventory) for fact in drawn)
        again = replace(case, facts=facts, criteria=tuple(criterion(rng, fact) for fact in facts))
        rows = _text(again).splitlines()[len(case.evidence) + len(case.result) :]
        pieces += [("\n".join(rows), 0), (again.answer, WEIGHT)]
    return pieces


def wanting(rng: Random, fact: Fact, inventory: Inventory) -> Fact:
    """The fact with another criterion: any value, the right one, one near it, or of another thing."""
    roll = rng.random()
    if roll < 0.15:
        thing = inventory.phrase(rng)
        return fact if thing == fact.thing else replace(fact, thing=thing, seen="", wanted="")
    seen = fact.seen or fact.told
    wanted = "" if roll < 0.5 else seen if roll < 0.75 else near_value(rng, seen)
    return replace(fact, wanted=wanted)


def _text(case: Case) -> str:
    return ask_verify(case.criteria, dict(case.result), case.evidence).text


def draw_case(rng: Random, inventory: Inventory = OPEN) -> Case:
    """One to four criteria about one or two things; half of the cases have a fault."""
    count = rng.choices((1, 2, 3, 4), (40, 28, 20, 12))[0]
    things = [inventory.phrase(rng)]
    other = inventory.phrase(rng)
    things += [other] if rng.random() < 0.5 and told_apart(other, things[0]) else []
    facts: list[Fact] = []
    while len(facts) < count:
        what, thing = inventory.either(rng, PROPERTIES), rng.choice(things)
        if (what, thing) in [(fact.what, fact.thing) for fact in facts] or fold(what) in fold(thing):
            continue
        value = draw_value(rng, inventory)
        wanted = value if rng.random() < 0.35 else ""
        facts.append(Fact(what, thing, value, value, wanted))
    if rng.random() < 0.5:
        faulty = set(rng.sample(range(count), 1 if rng.random() < 0.8 else min(2, count)))
        facts = [plant(rng, fact, inventory) if n in faulty else fact for n, fact in enumerate(facts)]
    return lay_out(rng, facts, inventory)


def draw_value(rng: Random, inventory: Inventory) -> str:
    """A number, a date, a reference or a few words."""
    roll = rng.random()
    if roll < 0.45:
        return str(rng.randint(1, 10 ** rng.choice((1, 2, 2, 3, 4))))
    if roll < 0.55:
        return words.day(rng)[0]
    return words.reference(rng) if roll < 0.62 else inventory.phrase(rng)


def plant(rng: Random, fact: Fact, inventory: Inventory) -> Fact:
    """The fact with a fault."""
    fault = rng.choice(FAULTS)
    other = other_value(rng, fact.seen, lambda: draw_value(rng, inventory))
    near = near_value(rng, fact.seen) or other
    changes: dict[str, dict[str, str]] = {
        "differs": {"told": other},
        "digit": {"told": near},
        "missing": {"told": ""},
        "another": {"seen": ""},
        "unsupported": {"seen": ""},
        "failed": {"seen": "", "error": pick(rng, ERRORS).format(thing=fact.thing)},
        "unmet": {"wanted": rng.choice((near, other))},
    }
    return replace(fact, fault=fault, **changes[fault])


def other_value(rng: Random, value: str, draw: Callable[[], str]) -> str:
    """A value that does not read the same."""
    while True:
        other = draw()
        if fold(other) != fold(value):
            return other


def near_value(rng: Random, value: str) -> str:
    """The value with one digit changed, or one of its words; empty where it has neither."""
    places = [place for place, char in enumerate(value) if char.isdigit()]
    if places:
        place = rng.choice(places)
        digit = rng.choice([char for char in "123456789" if char != value[place]])
        return f"{value[:place]}{digit}{value[place + 1 :]}"
    parts = value.split()
    if len(parts) < 2:
        return ""
    parts[rng.randrange(len(parts))] = words.fresh(rng)
    return " ".join(parts)


def lay_out(rng: Random, facts: list[Fact], inventory: Inventory) -> Case:
    """Evidence, report and criteria of facts, among evidence of other things."""
    lines: list[str] = []
    for fact in facts:
        call = rng.choice(CALLS).format(what=fact.what, thing=fact.thing)
        if fact.seen or fact.error:
            lines.append(f"{call} -> {fact.seen or f'error : {fact.error}'}")
        if fact.fault == "another" or rng.random() < 0.25:
            lines.append(foreign(rng, fact, inventory))
    rng.shuffle(lines)
    told = [fact for fact in facts if fact.told]
    field = rng.choice(FIELDS)
    if len({fact.what for fact in facts}) < len(facts):
        field = FIELDS[0]
    result = {field.format(what=fact.what, thing=fact.thing): fact.told for fact in told}
    if len(facts) == 1 and told and rng.random() < 0.5:
        result = {"answer": told[0].told}
    if told and rng.random() < 0.1:
        result["note"] = inventory.phrase(rng)
    return Case(tuple(facts), tuple(lines), result, tuple(criterion(rng, fact) for fact in facts))


def foreign(rng: Random, fact: Fact, inventory: Inventory) -> str:
    """A line of evidence about another thing or another property, often with the same value."""
    what, thing = fact.what, fact.thing
    if rng.random() < 0.65:
        parts = thing.split()
        parts[rng.randrange(len(parts))] = inventory.word(rng)
        thing = " ".join(parts)
    else:
        what = inventory.word(rng)
    value = fact.told if fact.told and rng.random() < 0.6 else draw_value(rng, inventory)
    return f"{rng.choice(CALLS).format(what=what, thing=thing)} -> {value}"


def criterion(rng: Random, fact: Fact) -> str:
    """What the spec wants of a fact, in words."""
    wants = EXACT_WANTS if fact.wanted else OPEN_WANTS
    return rng.choice(wants).format(what=fact.what, thing=fact.thing, value=fact.wanted)
