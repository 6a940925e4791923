"""Generated goals with the plans they mean: order things, handle a ticket, use a tool, or something unknown.

A goal is built of tagged pieces, so its plan is read off the same pieces that its text is made of. Wording is
composed of clauses in many orders; the sentences of `examples/site` are not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..roles import Field, PlannedTask
from ..wording import Span
from . import words
from .pages import asked

Piece = tuple[str, str]
"""(text, tag): the tag is a field's key, or empty for words that carry nothing."""


@dataclass(frozen=True)
class Goal:
    """A goal's text and the tasks that a planner should read out of it."""

    text: str
    tasks: tuple[PlannedTask, ...]


def join(pieces: list[Piece]) -> str:
    """The pieces as one text; punctuation sticks to the word before it."""
    text = ""
    for word, _ in pieces:
        text += word if word[:1] in ",.;:!?'" and word[:2] not in ("'n",) else f" {word}"
    return text.strip()


def field(key: str, text: str) -> Field:
    return Field(key, Span(text, 0, 0))


def spoken_count(count: int, rng: Random) -> str:
    """`2`, at times `two`; one is often `a` or `an`."""
    names = "zero one two three four five six seven eight nine ten eleven twelve".split()
    if count == 1 and rng.random() < 0.35:
        return "a"
    return names[count] if count < len(names) and rng.random() < 0.25 else str(count)


def items(rng: Random) -> list[Piece]:
    """One to four things with their counts, as a list in prose."""
    many = rng.choice((1, 1, 1, 2, 2, 3, 4))
    pieces: list[Piece] = []
    for index in range(many):
        if index:
            last = index == many - 1
            joint = rng.choice((" and", " and", ", and", " plus", " as well as", ",", " together with", " and also", " &")) if last else ","
            pieces += [(part, "") for part in joint.split()]
        count = rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12))
        said = spoken_count(count, rng)
        name = asked(words.product(rng), count, rng)
        if rng.random() < 0.25:
            name = name.title() if rng.random() < 0.4 else name.capitalize()
        style = rng.random()
        if style < 0.82 or said == "a":
            pieces += [(said, "count"), (name, "item")]
        elif style < 0.9:
            pieces += [(said, "count"), (rng.choice(("x", "of the", "pieces of", "of")), ""), (name, "item")]
        else:
            pieces += [(said, "count"), ("units of", ""), (name, "item")]
    return pieces


def titled(name: list[str], rng: Random) -> str:
    return " ".join(name).title() if rng.random() < 0.8 else " ".join(name)


def person_clause(name: str, rng: Random) -> list[Piece]:
    before, after = rng.choice((
        ("for", ""), ("for", ""), ("for", ""), ("on behalf of", ""), ("in the name of", ""), ("to", ""), (", for", ""), ("; they are for", ""), (", to be sent to", ""),
        ("for our customer", ""), (", recipient", ""), (", the customer is", ""), ("as a present for", ""), (", addressed to", ""), ("under the name", ""), ("for my colleague", ""),
        (", it is for", ""), (", name :", ""), ("and send it to", ""), ("for customer", ""),
    ))  # fmt: skip
    return [*((part, "") for part in before.split()), (name, "name"), *((part, "") for part in after.split())]


def option_clause(rng: Random) -> list[Piece]:
    name = " ".join(words.option(rng))
    before, after = rng.choice((
        (",", ""), (",", ""), ("with", "delivery"), ("by", "delivery"), ("with", "shipping"), (", send it", ""), ("via", ""), (", use", "delivery"), ("using", ""), (", ship it", ""),
        (", choose", ""), ("with", ""), (", with", "please"), (", by", ""), (", paid by", ""), (", pay with", ""), ("with the option", ""), (", delivery :", ""), ("and make it", ""),
        (", payment by", ""), ("with", "as the delivery"), (", shipped", ""), ("with", "service"), (", take", "shipping"), ("(", ")"), (", add", ""), ("and", ""), ("by", ""),
    ))  # fmt: skip
    if rng.random() < 0.12:
        name += rng.choice(("ed", "ped", "d"))
    return [*((part, "") for part in before.split()), (name, "option"), *((part, "") for part in after.split())]


def date_clause(rng: Random) -> list[Piece]:
    when = words.day(rng)[0]
    if rng.random() < 0.6:
        when = " ".join(word.capitalize() if word[0].isalpha() and word not in ("of", "the") and not word[0].isdigit() else word for word in when.split())
    before, after = rng.choice((
        ("deliver on", ""), (", to arrive on", ""), (", to arrive by", ""), ("for", ""), ("on", ""), (", delivery on", ""), (", delivered on", ""), ("arriving", ""), (", due", ""),
        ("by", ""), (", they should come on", ""), (", it is needed on", ""), (", we need it on", ""), (", date :", ""), ("to be there on", ""), (", on", ""), ("with delivery on", ""),
        (", arriving on", ""), (", must be here by", ""), (", schedule it for", ""), (", delivery day", ""), (", bring it on", ""), ("and have it delivered on", ""),
    ))  # fmt: skip
    article = []
    if when.startswith("the "):
        when, article = when[4:], [("the", "")]
    return [*((part, "") for part in before.split()), *article, (when, "date"), *((part, "") for part in after.split())]


LEADS = (
    "order", "order", "buy", "get", "purchase", "please order", "please buy", "could you order", "i need", "we need", "i would like", "we want", "get me", "send", "can you get", "have",
    "please send", "ship", "i want to buy", "make an order of", "pick up", "reserve", "place an order for", "put in an order for", "go and buy", "arrange", "we are out of stock , order",
)  # fmt: skip
TAILS = ("please", "thanks", "thank you", "if you can", "when you have a minute", "as soon as you can", "that is all", "many thanks", "cheers")


def order(rng: Random) -> tuple[list[Piece], str]:
    """Pieces of an order, and the customer's name."""
    name = titled(words.person(rng), rng)
    shape = rng.random()
    clauses = [person_clause(name, rng)]
    clauses += [option_clause(rng) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    if rng.random() < 0.75:
        clauses.append(date_clause(rng))
    if shape < 0.18:
        middle = rng.choice(("needs", "wants", "would like", "has asked for", "is waiting for", "asked us for", "wants to have", "should get", "gets", "wants to buy", "ordered by phone :"))
        head: list[Piece] = [(name, "name"), (middle, "")]
        rest = clauses[1:]
    elif shape < 0.28:
        lead = rng.choice(("for", "on behalf of", "customer", "to", "here is an order for", "new order from", "order for", "in the name of"))
        head = [(lead, ""), (name, "name"), (rng.choice((",", ":", ", order", ", buy", ", please order", ": get", ", we need")), "")]
        rest = clauses[1:]
    else:
        head = [(rng.choice(LEADS), "")]
        rest = clauses
    rng.shuffle(rest)
    pieces = head + items(rng)
    if rest and rng.random() < 0.12:
        front = rest.pop()
        pieces = [*front, (",", ""), *pieces]
    for clause in rest:
        if clause[0][0] not in (",", "(", ";") and rng.random() < 0.35:
            pieces.append((rng.choice((",", ",", ",", "."," and", " -")).strip(), ""))
        pieces += clause
    return pieces, name


def tasks_of(pieces: list[Piece]) -> PlannedTask:
    """The order task that tagged pieces mean, fields in their order."""
    return PlannedTask("order", tuple(field(tag, text) for text, tag in pieces if tag))


def ticket(rng: Random, customer: str | None, number_of: int | None) -> tuple[list[Piece], PlannedTask]:
    """Pieces of a ticket task; `customer` may be meant by a pronoun; `number_of` is the order to quote, if any."""
    known = customer is not None and rng.random() < 0.75
    name = customer if known and customer is not None else titled(words.person(rng), rng)
    pronoun = known and rng.random() < 0.75
    close = rng.random() < 0.65
    whose: list[Piece] = [(rng.choice(("her", "his", "their", "the customer 's")), "")] if pronoun else [(name, ""), ("'s", "")]
    noun = rng.choice(("ticket", "ticket", "ticket", "request", "case", "help desk ticket", "support ticket", "open ticket", "question"))
    number = rng.choice(("the order number", "the order number", "the number of the order", "her order number", "the new order number", "that order number", "the number", "the reference",
                         "the resulting order number", "the order 's number"))  # fmt: skip
    text = "" if number_of is not None else " ".join(words.sentence(rng))
    joint = rng.choice(("saying", "with the text", ": tell them", "that", "with", "with the words", ":", "and say", "with the answer", "writing", "telling them")).split()
    said: list[Piece] = [(rng.choice(("with", "with", "and give", "giving", "quoting", "using", "and mention", "and put in", "stating")), ""), (number, "")]
    if number_of is None:
        quote = rng.choice(("", "", "'", '"'))
        said = [*((part, "") for part in joint), (f"{quote}{text}{quote}", "")]
    verb_close = rng.choice(("close", "close", "resolve", "close out", "finish", "settle", "solve", "please close", "shut"))
    verb_reply = rng.choice(("reply to", "answer", "respond to", "write back to", "please answer", "reply in", "comment on"))
    about: list[Piece] = [*whose, (noun, "")] if rng.random() < 0.75 or pronoun else [("the", ""), (noun, ""), (rng.choice(("of", "from", "by")), ""), (name, "")]
    if close:
        pieces = rng.choice((
            [(verb_close, ""), *about, *said],
            [(verb_reply, ""), *about, *said, (rng.choice(("and close it", "and then close it", ", then close it", "and mark it as solved", "and resolve it", ", closing it")), "")],
            [(verb_close, ""), *about, *said],
        ))  # fmt: skip
        if number_of is None and rng.random() < 0.2:
            pieces, text = [(verb_close, ""), *about], ""
    else:
        pieces = [(verb_reply, ""), *about, *said]
    fields = [field("name", name)] + ([field("text", text)] if text else [])
    return pieces, PlannedTask("ticket", tuple(fields), number_of, close)


STRANGE = (
    "write a poem about {x}", "book a flight to {x}", "what is the capital of {x}", "translate {x} into french", "fix the bug in {x}", "summarise the report on {x}", "play {x}",
    "how old is {x}", "call {x} on the phone", "delete all files in {x}", "tell me a joke about {x}", "what is the weather in {x}", "draw a picture of {x}", "plan a trip to {x}",
    "compute the square root of {x}", "cancel my subscription to {x}", "who won the {x} cup", "send an email to {x} about the meeting", "install {x}", "turn on the {x}", "{x}",
    "reserve a table at {x} for tonight", "find me a job as {x}", "compare {x} and {y}", "explain {x} to a child", "hello {x}", "sell my {x}", "return the {x}", "cook {x} for two",
)  # fmt: skip


def draw(rng: Random) -> Goal:
    """A goal of the web families, or one that is outside of them."""
    roll = rng.random()
    if roll < 0.06:
        text = rng.choice(STRANGE).format(x=" ".join(words.option(rng)), y=words.fresh(rng))
        return Goal(text, ())
    if roll < 0.2:
        pieces, task = ticket(rng, None, None)
        return finish(pieces, [task], rng)
    pieces, name = order(rng)
    tasks = [tasks_of(pieces)]
    if roll < 0.5:
        return finish(pieces, tasks, rng)
    if roll < 0.62:
        more, _ = order(rng)
        link = rng.choice((";", ". also", ". and", "; and", ", and", ". second ,", "; then", ". another one :"))
        pieces = [*pieces, (link, ""), *more]
        tasks.append(tasks_of(more))
        if rng.random() < 0.7:
            return finish(pieces, tasks, rng)
    quoted = rng.randint(1, len(tasks)) if rng.random() < 0.7 and len(tasks) == 1 else None
    more, task = ticket(rng, name if len(tasks) == 1 else None, quoted)
    link = rng.choice(("; then", ". then", ", then", "and", ". afterwards", "; after that", ". after that ,", "; when that is done ,", ". also", ". finally ,", "and then", "; and", ". once it is ordered ,", ". next ,"))
    return finish([*pieces, (link, ""), *more], [*tasks, task], rng)


def finish(pieces: list[Piece], tasks: list[PlannedTask], rng: Random) -> Goal:
    """Add greeting, tail and case."""
    if rng.random() < 0.1:
        pieces = [(rng.choice(("hi ,", "hello ,", "hey ,", "good morning ,", "task :", "to do :", "next job :", "urgent :")), ""), *pieces]
    if rng.random() < 0.15:
        pieces = [*pieces, (rng.choice((",", ".", "")), ""), (rng.choice(TAILS), "")]
    text = join([piece for piece in pieces if piece[0]]) + rng.choice(("", ".", "."))
    return Goal(text[:1].upper() + text[1:], tuple(tasks))
