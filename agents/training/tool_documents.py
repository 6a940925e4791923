"""Generated tools and tasks: which tool to call with what, what to answer, what to do after an error.

Most names are words that never were, so that nothing but copying helps. A document has up to four tasks for
the same tools: the first question in full, of the others only what follows the tools. Lengths are mixed: one
tool with one argument is the most frequent, six tools with three are rare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from .. import roles
from ..roles import ToolCard
from ..steps import Done
from ..tool_use import arguments_of, write_call
from ..wording import FUNCTION, fold
from . import words
from .words import phrases, pick

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt."""

VERBS = """
    book check convert count fetch find get list lock look measure move open paint ping price read rename rent
    save search send sort stop store track translate weigh
""".split()
ARGUMENTS = """
    amount area city code colour count country date day file height id item key length level limit name note
    number path person place price size speed text time topic unit user weight width year
""".split()
FRESH = 0.65
"""Share of the words in names and values that never were."""

ABOUT = phrases("""
    {verb} the {thing} | {verb} a {thing} | {verb} {thing} | {verb} of the {thing} | {thing} {verb} |
    {verb} for a {thing} | {verb} the {thing} of the {extra} | {extra} : {verb} {thing}
""")
ASKING = phrases("""
    {what} | please {what} | can you {what} | {what} now | what is {what} | i want to {what} | i need {what} |
    how many : {what} | tell me {what} | {what} | help me {what} | could you please {what} | we must {what}
""")
NAMED = phrases("""
    {name} {value} | {name} {value} | {name} : {value} | {name} = {value} | with {name} {value} |
    the {name} is {value} | {value} as {name} | {value} as the {name}
""")
INSIDE = phrases("""
    how many {value} are in {tool} ? | what is the {tool} of {value} ? | {tool} {value} |
    find {value} in {tool} | is {value} in the {tool} ? | {value} : {tool} ? | how much {tool} has {value} ? |
    do we have {value} in {tool} ?
""")
"""Questions with one value, by the tool's name alone."""
LINKS = "for | of | with | : | in | called | at | to | from | on | by | named"
AGAIN = """
    {tool} gave no answer within 60 s | timed out | {tool} is busy | try again | connection lost |
    try once more | server error 503
"""
"""Errors after which the same call is made again."""
OVER = """
    not found | there is no {value} | unknown {value} | {tool} is not permitted in this run |
    no such {value} | {tool} is broken | nothing known about {value} | {value} does not exist
"""
"""Errors of the right call with which the task is over."""
WRONG = """
    {name} is not valid | {name} must be a number | {name} is missing | arguments do not fit : {name} |
    wrong {name} | {tool} takes no such {name} |
    tool ' {tool} ' was called with arguments that do not fit its schema : {name} : field required |
    arguments that do not fit its schema : {name} : input should be a valid integer
"""
"""Errors of a call with a wrong argument, or of a wrong tool."""


@dataclass(frozen=True)
class Inventory:
    """Where words come from.

    Attributes:
        word: Makes a word that never was.
        fresh: Share of these; the rest comes from short common lists.
    """

    word: Callable[[Random], str] = words.fresh
    fresh: float = FRESH

    def either(self, rng: Random, common: Sequence[str]) -> str:
        """A word of `common`, or one that never was."""
        return self.word(rng) if rng.random() < self.fresh else rng.choice(common)

    def phrase(self, rng: Random) -> str:
        """One to three words that can be a value."""
        count = rng.choice((1, 1, 1, 2, 2, 3))
        common = words.THINGS + words.COLOURS + words.KINDS + words.FIRST
        return " ".join(self.either(rng, common) for _ in range(count))


OPEN = Inventory()


@dataclass(frozen=True)
class Job:
    """A task in words for one of several tools.

    Attributes:
        right: None where no tool fits.
        values: What the right call gives, by argument, in its order.
    """

    text: str
    cards: tuple[ToolCard, ...]
    right: ToolCard | None
    values: dict[str, str]


def use(rng: Random, inventory: Inventory = OPEN) -> list[Piece]:
    """Questions about one set of tools, with what to call or to answer."""
    cards = draw_cards(rng, inventory)
    pieces: list[Piece] = []
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        job = draw_job(rng, cards, inventory)
        done, answer = moment(rng, job, inventory)
        text = roles.ask_use(cards, done, job.text).text.splitlines()
        pieces += [("\n".join(text[len(cards) :] if pieces else text), 0), (answer, 1)]
    return pieces


def draw_cards(rng: Random, inventory: Inventory) -> tuple[ToolCard, ...]:
    """One to six tools of different names; some differ from another in one word only."""
    count = rng.choices((1, 2, 3, 4, 5, 6), (28, 24, 18, 14, 8, 8))[0]
    cards: dict[str, ToolCard] = {}
    pairs: list[tuple[str, str]] = []
    while len(cards) < count:
        verb, thing = inventory.either(rng, VERBS), inventory.either(rng, words.THINGS)
        if pairs and rng.random() < 0.4:
            like = rng.choice(pairs)
            verb, thing = (like[0], thing) if rng.random() < 0.5 else (verb, like[1])
        if verb == thing or (verb, thing) in pairs:
            continue
        card = draw_card(rng, verb, thing, inventory)
        if card.name not in cards:
            cards[card.name] = card
            pairs.append((verb, thing))
    return tuple(cards.values())


def draw_card(rng: Random, verb: str, thing: str, inventory: Inventory) -> ToolCard:
    """A tool that does `verb` with `thing`: no to three arguments, the optional ones last."""
    name = rng.choice((f"{verb}_{thing}", f"{verb}_{thing}", f"{thing}_{verb}", f"{verb}{thing.title()}"))
    name = name if rng.random() < 0.85 else f"{verb}.{thing}"
    about = rng.choice(ABOUT).format(verb=verb, thing=thing, extra=inventory.word(rng))
    if rng.random() < 0.12:
        name, about = thing, f"{inventory.phrase(rng)} of {inventory.phrase(rng)}"
    drawn = [argument_name(rng, inventory) for _ in range(rng.choices((0, 1, 2, 3), (10, 48, 28, 14))[0])]
    names = tuple(dict.fromkeys(item for item in drawn if item not in (verb, thing)))
    card = ToolCard(name, about, names)
    if names and rng.random() < 0.3:
        card = replace(card, optional=names[rng.randint(0, len(names) - 1) :])
    kinds = {item: rng.random() for item in names}
    numbers = tuple(item for item, roll in kinds.items() if roll < 0.22)
    chosen = [item for item, roll in kinds.items() if roll > 0.9]
    values = {item: draw_values(rng, inventory) for item in chosen}
    return replace(card, numbers=numbers, values=values)


def argument_name(rng: Random, inventory: Inventory) -> str:
    """What an argument is called: a word, at times two joined by `_`."""
    first = inventory.either(rng, ARGUMENTS)
    return f"{first}_{inventory.either(rng, ARGUMENTS)}" if rng.random() < 0.2 else first


def draw_values(rng: Random, inventory: Inventory) -> tuple[str, ...]:
    """The only values of an argument: two to four words, or truth values."""
    if rng.random() < 0.15:
        return ("true", "false")
    common = words.COLOURS + words.KINDS
    drawn = [inventory.either(rng, common) for _ in range(rng.randint(2, 4))]
    return tuple(dict.fromkeys(drawn))


def draw_job(rng: Random, cards: tuple[ToolCard, ...], inventory: Inventory) -> Job:
    """A task for one of the tools, now and then for none; drawn anew until its words can be arguments."""
    while True:
        job = try_job(rng, cards, inventory)
        runs = arguments_of(job.text, job.right) if job.right and job.values else []
        free = [
            value
            for name, value in job.values.items()
            if job.right and name not in job.right.values and name not in job.right.numbers
        ]
        if all(fold(value) in runs for value in free):
            return job


def try_job(rng: Random, cards: tuple[ToolCard, ...], inventory: Inventory) -> Job:
    """A task whose values may be such as no argument can be (see `arguments_of`)."""
    right = rng.choice(cards)
    if rng.random() < 0.07:
        others = {word for card in cards for word in fold(card.about).split()}
        stranger = draw_card(rng, inventory.word(rng), inventory.word(rng), inventory)
        if not others & (set(stranger.about.split()) - FUNCTION):
            return Job(task_text(rng, stranger, draw_arguments(rng, stranger, inventory)), cards, None, {})
    values = draw_arguments(rng, right, inventory)
    said = {name: f'" {value} "' if quotes(rng, value) else value for name, value in values.items()}
    return Job(task_text(rng, right, said), cards, right, values)


def quotes(rng: Random, value: str) -> bool:
    """Whether a value stands in quotes: more often when it is longer."""
    return not any(map(str.isdigit, value)) and rng.random() < (0.08 if " " not in value else 0.2)


def draw_arguments(rng: Random, card: ToolCard, inventory: Inventory) -> dict[str, str]:
    """Values for a tool; optional arguments are left out from the last one on."""
    names = list(card.arguments)
    while names and names[-1] in card.optional and rng.random() < 0.5:
        names.pop()
    return {name: draw_value(rng, card, name, inventory) for name in names}


def draw_value(rng: Random, card: ToolCard, name: str, inventory: Inventory) -> str:
    """A value of the argument's kind."""
    if name in card.values:
        return rng.choice(card.values[name])
    roll = rng.random()
    if name in card.numbers or roll < 0.14:
        digits = rng.choice((1, 2, 2, 3, 3, 4, 5))
        number = str(rng.randint(10 ** (digits - 1), 10**digits - 1))
        number = f"-{number}" if name in card.numbers and rng.random() < 0.06 else number
        return f"{number}.{rng.randint(1, 99)}" if rng.random() < 0.12 else number
    if roll < 0.22:
        dates = (words.day(rng)[0] for _ in iter(int, 1))
        return next(date for date in dates if not date.startswith("the "))
    if roll < 0.27:
        return words.reference(rng)
    if roll < 0.32:
        return f"{inventory.word(rng)}.{rng.choice(('txt', 'csv', 'com', 'md', 'png', 'org'))}"
    return inventory.phrase(rng)


def task_text(rng: Random, card: ToolCard, said: dict[str, str]) -> str:
    """A task that asks for this call, by the tool's name or by what it is about.

    Without their names, values stand in the tool's order; a truth value is always named.
    """
    spoken = fold(card.name.replace("_", " ").replace(".", " "))
    if len(said) == 1 and rng.random() < 0.25:
        return rng.choice(INSIDE).format(tool=spoken, value=next(iter(said.values())))
    by_name = not set(spoken.split()) & set(card.about.split())
    what = rng.choice((card.name.lower(), spoken)) if by_name or rng.random() < 0.25 else card.about
    text = rng.choice(ASKING).format(what=what)
    bare = [name for name in said if card.values.get(name) != ("true", "false")]
    if len(bare) == len(said) and rng.random() < 0.65:
        return " ".join([text, *(f"{pick(rng, LINKS)} {value}" for value in said.values())])
    order = rng.sample(list(said), len(said))
    parts = [rng.choice(NAMED).format(name=name.replace("_", " "), value=said[name]) for name in order]
    first = "" if not parts else ":" if parts[0].startswith("with ") else rng.choice((",", ":", "with"))
    return f"{text} {first} {rng.choice((' , ', ' and ', ' ; ')).join(parts)}".strip()


def moment(rng: Random, job: Job, inventory: Inventory) -> tuple[list[Done], str]:
    """What was done at some moment of a job, and the right answer then."""
    card = job.right
    if card is None:
        return [], "cannot"
    call = write_call(card.name, job.values)
    roll = rng.random()
    if roll < 0.66:
        return [], call
    right = Done(" ".join([card.name, *job.values.values()]), "")
    if roll < 0.8:
        done = [broken(rng, job)] if rng.random() < 0.3 else []
        result = draw_result(rng, inventory)
        return [*done, replace(right, result=result)], f"answer {fold(result)}"
    if roll >= 0.93:
        return [broken(rng, job)], call
    again = roll < 0.87
    value = next(iter(job.values.values()), card.name)
    error = pick(rng, AGAIN if again else OVER).format(tool=card.name, value=value)
    return [replace(right, result=f"error: {error}")], call if again else "cannot"


def broken(rng: Random, job: Job) -> Done:
    """A call that was refused: of another tool, or with its arguments mixed up."""
    card = job.right or job.cards[0]
    values = list(job.values.values())
    others = [each for each in job.cards if each is not card]
    if others and (len(values) < 2 or rng.random() < 0.5):
        card = rng.choice(others)
    else:
        values = rng.sample(values, rng.randint(0, len(values)))
    name = rng.choice(card.arguments or ("arguments",))
    return Done(
        " ".join([card.name, *values]), "error: " + pick(rng, WRONG).format(tool=card.name, name=name)
    )


def draw_result(rng: Random, inventory: Inventory) -> str:
    """What a call returned: a number, a few words, a date or a small record."""
    roll = rng.random()
    if roll < 0.45:
        return str(rng.randint(0, 10 ** rng.randint(1, 4)))
    if roll < 0.55:
        return words.day(rng)[0]
    if roll < 0.65:
        return f"{rng.randint(1, 99)} {inventory.either(rng, ARGUMENTS)}"
    return inventory.phrase(rng)
