"""Generated word problems with their ground truth: endless, fresh words, one to five steps.

A story says who has how many of a thing (`has 12`, `has 3 boxes with 4 each`, `4 more than`, `twice as many
as`), then what happens to it, then asks. All results are whole numbers from 1 to 999. Some facts are not
needed. A quantity that has to be computed is named by one word that no other quantity of the story has:
the person for what someone has, the verb for what happens, a word of the question for what only it asks for.

Does not cover: fractions, percentages, units, problems with more than one question. The texts are made here;
no benchmark's problems are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from ..domains.arithmetic import Problem, Step, compute, told
from . import words
from .words import phrases

LARGEST = 999
"""The largest result."""

DIFFICULTY = (40, 24, 15, 12, 9)
"""Shares, in percent, of problems with one to five steps."""

HAS = phrases("""
    {p} has {n} {t} | {p} owns {n} {t} | {p} counts {n} {t} | there are {n} {t} with {p} |
    {p} starts with {n} {t}
""")
GROUPS = phrases("""
    {p} has {n} {b} with {m} {t} each | {p} has {n} {b} of {m} {t} | {p} fills {n} {b} with {m} {t} each |
    {p} has {n} {b} , each with {m} {t} | in each of the {n} {b} of {p} are {m} {t} |
    {p} has {n} rows of {m} {t} | {p} makes {m} {t} a day for {n} days
""")
MORE = phrases("""
    {q} has {n} {t} more than {p} | {q} has {n} more {t} than {p} | {q} has {n} more than {p} |
    {q} has as many {t} as {p} and {n} more
""")
FEWER = phrases("""
    {q} has {n} {t} fewer than {p} | {q} has {n} fewer {t} than {p} | {q} has {n} less than {p} |
    {p} has {n} more than {q}
""")
TIMES = phrases("{q} has {n} times as many {t} as {p} | {q} has {n} times as many as {p}")
TWICE = phrases(
    "{q} has twice as many {t} as {p} | {q} has double what {p} has | {q} has twice as many as {p}"
)
HALF = phrases("{q} has half as many {t} as {p} | {q} has half of what {p} has")
THIRD = phrases("{q} has a third of what {p} has | {q} has a third as many {t} as {p}")
PARTS = phrases("{p} has {n} times as many {t} as {q} | {p} has {n} times as many as {q}")

GAINS = phrases("""
    {p} finds {n} more | {p} finds {n} {t} | {p} buys {n} more {t} | {p} gets {n} from a friend |
    {p} adds {n} | {p} makes {n} more | {p} wins {n} {t} | {p} collects {n} more
""")
LOSSES = phrases("""
    {p} gives {n} away | {p} loses {n} | {p} loses {n} of them | {p} sells {n} {t} | {p} sells {n} |
    {p} breaks {n} | {p} sends {n} {t} back | {p} throws {n} away | {p} lends {n} to a friend | {p} uses {n}
""")
GROWS = phrases("{p} doubles them | {p} triples them")
HALVES = phrases("{p} keeps half of them | {p} halves them")
SHRINKS = phrases("""
    {p} splits them into {n} equal parts and takes one | {p} divides them into {n} equal parts and keeps one
""")

NOW = phrases("""
    how many {t} has {p} now ? | how many {t} has {p} left ? | how many {t} has {p} in the end ? |
    how many has {p} now ?
""")
HOW_MANY = phrases("""
    how many {t} has {p} ? | how many {t} does {p} have ? | how many has {p} ? | find the {t} of {p} .
""")
TOGETHER = phrases("""
    how many {t} have {p} and {q} together ? | how many have {p} and {q} together ? |
    {p} and {q} put their {t} together . how many are there ?
""")
DIFFERENCE = phrases("""
    what is the difference between {p} and {q} ? | how large is the difference between {p} and {q} ?
""")
SHARED = phrases("""
    {p} shares them equally among {n} friends . how many {t} gets each friend ? |
    the {t} of {p} are shared equally by {n} people . how many does each get ? |
    {n} children divide the {t} of {p} equally . how many {t} gets each ?
""")
PACKED = phrases("""
    {p} packs them into {b} of {n} . how many {b} are needed ? |
    each box takes {n} {t} . how many boxes does {p} need ?
""")
PRICED = phrases("""
    each {s} costs {n} coins . what is the price of the {t} of {p} ? |
    {p} sells all for {n} coins each . what is the price ? |
    one {s} weighs {n} grams . what do the {t} of {p} weigh ?
""")
REST = phrases("""
    {n} of the {t} of {p} are {c} . how many are not {c} ? |
    {n} of them are {c} , the others of {p} are {d} . how many are {d} ?
""")
"""Endings whose name is a word of the question."""

ASIDE = phrases("""
    {r} is {n} years old | the way takes {n} minutes | {r} has {n} {o} | {r} was here {n} days ago |
    {r} paid {n} coins for lunch | it is {n} degrees warm | {r} lives at number {n} | the shop opens at {n}
""")
BOXES = "box bag crate jar shelf basket tray pack drawer chest".split()


class Infeasible(Exception):
    """No number fits what was drawn; draw again."""


@dataclass(frozen=True)
class Amount:
    """A quantity on the way: where it comes from (a given number or a step's name), and its value."""

    source: int | str
    value: int


@dataclass
class Story:
    """A story under way."""

    rng: Random
    one: str
    things: str
    steps: list[Step] = field(default_factory=list[Step])
    facts: list[str] = field(default_factory=list[str])
    events: list[str] = field(default_factory=list[str])
    names: set[str] = field(default_factory=set[str])

    @classmethod
    def draw(cls, rng: Random) -> Story:
        """An empty one about fresh things."""
        one = words.either(rng, words.THINGS, 0.4)
        return cls(rng, one, words.plural(one), names={one, words.plural(one)})

    def person(self) -> str:
        """Somebody who is not in the story yet."""
        while (name := words.either(self.rng, words.FIRST, 0.5)) in self.names:
            pass
        self.names.add(name)
        return name

    def say(self, wordings: Sequence[str], **slots: object) -> str:
        """One of the wordings, filled in."""
        return self.rng.choice(wordings).format(t=self.things, s=self.one, **slots)

    def number(self, value: int) -> str:
        """A number as the text says it, now and then in words."""
        return SPELLED[value] if value in SPELLED and self.rng.random() < 0.1 else str(value)

    def step(self, name: str, left: Amount, sign: str, right: Amount) -> Amount:
        """One more quantity that has to be computed.

        Raises:
            Infeasible: It is not whole or out of range.
        """
        result = compute(Fraction(left.value), sign, Fraction(right.value))
        if result.denominator != 1 or not 1 <= result <= LARGEST:
            raise Infeasible
        self.names.add(name)
        self.steps.append(Step(name, left.source, sign, right.source))
        return Amount(name, int(result))


SPELLED = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def draw_problem(rng: Random, steps: int | None = None) -> Problem:
    """A word problem.

    Args:
        steps: 1 to 5; None draws it.
    """
    steps = steps or rng.choices(range(1, 6), DIFFICULTY)[0]
    while True:
        story = Story.draw(rng)
        try:
            question, answer = _tell(story, steps)
        except Infeasible:
            continue
        _aside(story)
        if rng.random() < 0.6:
            rng.shuffle(story.facts)
        text = told(" . ".join([*story.facts, *story.events, question]))
        return Problem(text, tuple(story.steps), answer.value)


def _tell(story: Story, steps: int) -> tuple[str, Amount]:
    """Facts and events with so many steps, and the question."""
    rng = story.rng
    endings: Sequence[Ending | None] = (None, None, None, together, together, difference, *SINGLE)
    ending = rng.choice(endings)
    left = steps - (ending is not None)
    if ending is not None and ending in (together, difference):
        first = rng.randint(0, left)
        one = holder(story, first)
        other = holder(story, left - first, one)
        return ending(story, one, other)
    who = holder(story, left, events=True)
    if ending is not None:
        return ending(story, who, who)
    asked = story.say(NOW if who.changed else HOW_MANY, p=who.name)
    return asked, who.amount


@dataclass(frozen=True)
class Holder:
    """Somebody and what he or she has; `changed` once something has happened to it."""

    name: str
    amount: Amount
    changed: bool = False


def holder(story: Story, steps: int, beside: Holder | None = None, events: bool = False) -> Holder:
    """Somebody whose amount takes so many steps; perhaps said by comparing with somebody `beside`."""
    rng = story.rng
    happen = rng.randint(0, steps) if events and rng.random() < 0.7 else 0
    steps -= happen
    if beside is not None and steps and rng.random() < 0.4:
        who = beside
    elif steps and (rng.random() < 0.35):
        who = grouped(story)
        steps -= 1
    else:
        who = given(story)
    for _ in range(steps):
        who = compared(story, who)
    for _ in range(happen):
        who = event(story, who)
    return who


def given(story: Story) -> Holder:
    """Somebody whose amount is said."""
    name, value = story.person(), size(story.rng)
    story.facts.append(story.say(HAS, p=name, n=story.number(value)))
    return Holder(name, Amount(value, value))


def size(rng: Random) -> int:
    """A number to begin with: mostly small, often with divisors."""
    roll = rng.random()
    if roll < 0.35:
        return rng.randint(2, 20)
    if roll < 0.75:
        return rng.choice((2, 3, 4, 5, 6, 8, 10)) * rng.randint(2, 12)
    return rng.randint(11, 99)


def grouped(story: Story) -> Holder:
    """Somebody with some groups of so many: one step."""
    name, count, many = story.person(), story.rng.randint(2, 12), story.rng.randint(2, 12)
    box = words.plural(words.either(story.rng, BOXES, 0.25))
    wording = story.rng.choice(GROUPS)
    first, second = (many, count) if wording.index("{m}") < wording.index("{n}") else (count, many)
    text = story.say([wording], p=name, n=story.number(count), m=story.number(many), b=box)
    story.facts.append(text)
    return Holder(name, story.step(name, Amount(first, first), "*", Amount(second, second)))


def compared(story: Story, than: Holder) -> Holder:
    """Somebody who has more, fewer, or a multiple of what another has: one step."""
    rng, value = story.rng, than.amount.value
    sign, wordings, number = rng.choice(
        [
            ("+", MORE, rng.randint(2, 30)),
            ("-", FEWER, rng.randint(2, 30)),
            ("*", TIMES, rng.randint(3, 6)),
            ("*", TWICE, 2),
            *([("/", HALF, 2)] if value % 2 == 0 else []),
            *([("/", THIRD, 3)] if value % 3 == 0 else []),
            *[("/", PARTS, part) for part in (3, 4, 5) if value % part == 0][:1],
        ]
    )
    name = story.person()
    amount = story.step(name, than.amount, sign, Amount(number, number))
    story.facts.append(story.say(wordings, q=name, p=than.name, n=story.number(number)))
    return Holder(name, amount)


def event(story: Story, who: Holder) -> Holder:
    """What happens to what somebody has: one step, named by its verb."""
    rng, value = story.rng, who.amount.value
    splits = [part for part in (2, 3, 4, 5, 6) if value % part == 0 and value > part]
    kind = rng.choice(("+", "+", "+", "-", "-", "-", "*", *("/" if splits else "")))
    if kind == "+":
        number, wordings = rng.randint(2, 40), GAINS
    elif kind == "-":
        if value < 3:
            raise Infeasible
        number, wordings = rng.randint(1 if value < 4 else 2, min(value - 1, 60)), LOSSES
    elif kind == "*":
        number, wordings = rng.choice(((2, GROWS[:1]), (3, GROWS[1:])))
    else:
        number = rng.choice(splits)
        wordings = HALVES if number == 2 and rng.random() < 0.6 else SHRINKS
    text = story.say(wordings, p=who.name, n=story.number(number))
    verb = text.split()[1]
    if any(verb in said.split() for said in (*story.facts, *story.events)):
        raise Infeasible
    amount = story.step(verb, who.amount, kind, Amount(number, number))
    subject = rng.choice((who.name, who.name, "then " + who.name))
    story.events.append(text.replace(who.name, subject, 1))
    return Holder(who.name, amount, changed=True)


# --- questions that take a step of their own --------------------------------------------------------------

Ending = Callable[[Story, Holder, Holder], tuple[str, Amount]]
"""Gets two holders, which are the same where only one is needed; gives the question and what it asks for."""


def together(story: Story, one: Holder, other: Holder) -> tuple[str, Amount]:
    """The sum of two."""
    asked = story.say(TOGETHER, p=one.name, q=other.name)
    return asked, story.step("together", one.amount, "+", other.amount)


def difference(story: Story, one: Holder, other: Holder) -> tuple[str, Amount]:
    """The larger less the smaller."""
    large, small = (one, other) if one.amount.value > other.amount.value else (other, one)
    asked = story.say(DIFFERENCE, p=one.name, q=other.name)
    return asked, story.step("difference", large.amount, "-", small.amount)


def shared(story: Story, who: Holder, _: Holder) -> tuple[str, Amount]:
    """One part of so many."""
    number = divisor(story.rng, who.amount.value)
    asked = story.say(SHARED, p=who.name, n=story.number(number))
    return asked, story.step("each", who.amount, "/", Amount(number, number))


def packed(story: Story, who: Holder, _: Holder) -> tuple[str, Amount]:
    """How many boxes of so many."""
    number = divisor(story.rng, who.amount.value)
    box = words.plural(words.either(story.rng, BOXES, 0.25))
    asked = story.say(PACKED, p=who.name, n=story.number(number), b=box)
    name = "packs" if "packs" in asked else "need"
    return asked, story.step(name, who.amount, "/", Amount(number, number))


def divisor(rng: Random, value: int) -> int:
    """What a number can be divided by.

    Raises:
        Infeasible: Nothing small.
    """
    fitting = [part for part in range(2, 13) if value % part == 0 and value > part]
    if not fitting:
        raise Infeasible
    return rng.choice(fitting)


def priced(story: Story, who: Holder, _: Holder) -> tuple[str, Amount]:
    """What all of them cost or weigh."""
    number = story.rng.randint(2, 20)
    asked = story.say(PRICED, p=who.name, n=story.number(number))
    name = "weigh" if "weigh" in asked.split() else "price"
    return asked, story.step(name, who.amount, "*", Amount(number, number))


def rest(story: Story, who: Holder, _: Holder) -> tuple[str, Amount]:
    """Those that are not of a colour."""
    rng, value = story.rng, who.amount.value
    if value < 4:
        raise Infeasible
    number = rng.randint(2, value - 1)
    colour, other = rng.sample(words.COLOURS, 2)
    asked = story.say(REST, p=who.name, c=colour, d=other, n=story.number(number))
    name = "not" if "not" in asked.split() else other
    return asked, story.step(name, who.amount, "-", Amount(number, number))


SINGLE: tuple[Ending, ...] = (shared, packed, priced, rest)


def _aside(story: Story) -> None:
    """Facts that are not needed: none in half of the stories."""
    rng = story.rng
    for _ in range(rng.choices((0, 1, 2), (50, 35, 15))[0]):
        value = rng.randint(2, 60)
        other = words.plural(words.either(rng, words.THINGS, 0.4))
        if other in story.names:
            continue
        who = story.person()
        text = story.say(ASIDE, r=who, n=story.number(value), o=other)
        if rng.random() < 0.3:
            text = story.say(HAS, p=who, n=story.number(value))
        story.facts.insert(rng.randint(0, len(story.facts)), text)
