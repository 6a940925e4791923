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
from .sites import asked

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
        text += word if word[:1] in ",.;:!?" or word[:2] == "'s" else f" {word}"
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
        (", it is for", ""), ("delivered to", ""), ("sent to", ""), ("shipped to", ""), ("to reach", ""), ("going to", ""), ("to be handed to", ""), (", name :", ""), ("and send it to", ""), ("for customer", ""),
    ))  # fmt: skip
    return [*((part, "") for part in before.split()), (name, "name"), *((part, "") for part in after.split())]


def option_phrase(rng: Random) -> tuple[str, str]:
    """Something extra as people put it, with the words that lead to it."""
    first, second = words.either(rng, words.OPTIONS, 0.5), words.either(rng, words.OPTIONS + words.THINGS, 0.5)
    return rng.choice((
        (",", f"{first} {second}ed"), (",", f"{first}ed as a {second}"), ("in", f"{first} {second}"), ("with", f"{first} {second}ing"), (", and please", f"{first} it"),
        (",", f"{first} {second}"), (", with", f"{second} and {first}"), (",", f"{first}ped as a {second}"), ("with", f"{first} {second}ping"), ("with a", f"{second} {first}"),
    ))  # fmt: skip


def option_clause(rng: Random) -> list[Piece]:
    if rng.random() < 0.25:
        lead, phrase = option_phrase(rng)
        return [*((part, "") for part in lead.split()), (phrase, "option")]
    name = " ".join(words.option(rng))
    before, after = rng.choice((
        (",", ""), (",", ""), ("with", "delivery"), ("by", "delivery"), ("with", "shipping"), (", send it", ""), ("via", ""), (", use", "delivery"), ("using", ""), (", ship it", ""),
        (", choose", ""), ("with", ""), (", with", "please"), (", by", ""), (", paid by", ""), (", pay with", ""), ("with the option", ""), (", delivery :", ""), ("and make it", ""),
        (", payment by", ""), ("with", "as the delivery"), (", delivery", ""), ("and paying by", ""), (", paying with", ""), ("at", "speed"), (",", "speed"), (", choose", "delivery"),
        ("(", "delivery )"), ("and paid for by", ""), (", the delivery should be", ""), ("by way of", "delivery"), (". make the delivery", ""), (",", "delivery"), (". send it", ""),
        (". ship them", ""), (", charge it by", ""), (", shipped", ""), ("with", "service"), (", take", "shipping"), ("(", ")"), (", add", ""), ("and", ""), ("by", ""),
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
        (", arriving on", ""), (", must be here by", ""), (". it should arrive on", ""), (". they should be there on", ""), ("and", "as the date"), (", with", "as delivery day"),
        (", for delivery on", ""), (". the day is", ""), ("to get there on", ""), (". we want it there on", ""), (", expected on", ""), (", schedule it for", ""), (", delivery day", ""), (", bring it on", ""), ("and have it delivered on", ""),
    ))  # fmt: skip
    article = []
    if when.startswith("the "):
        when, article = when[4:], [("the", "")]
    return [*((part, "") for part in before.split()), *article, (when, "date"), *((part, "") for part in after.split())]


LEADS = (
    "order", "order", "buy", "get", "purchase", "please order", "please buy", "could you order", "i need", "we need", "i would like", "we want", "get me", "send", "can you get", "have",
    "please send", "ship", "dispatch", "deliver", "kindly buy", "kindly order", "place one order for", "make one order of", "would you buy", "see to one order of", "could you get",
    "organise", "arrange delivery of", "sort out", "take", "i want to buy", "make an order of", "pick up", "reserve", "place an order for", "put in an order for", "go and buy", "arrange", "we are out of stock , order",
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
    if shape < 0.06:
        lead, tail = rng.choice((("we promised", ""), ("let", "have"), ("see to it that", "gets"), ("make sure that", "receives"), ("we still owe", ""), ("give", ""), ("send", ""), ("get", ""),
                                 ("shopping for", ":"), ("goods for", ":"), ("the customer", "wants"), ("today", "should be sent"), ("please let", "have")))  # fmt: skip
        head: list[Piece] = [(lead, ""), (name, "name"), *((part, "") for part in tail.split())]
        rest = clauses[1:]
    elif shape < 0.18:
        middle = rng.choice(("is to get", "should be sent", "shall receive", "has to have", "should have", "orders", "is owed", "must get", "needs", "wants", "would like", "has asked for", "is waiting for", "asked us for", "wants to have", "should get", "gets", "wants to buy", "ordered by phone :"))
        head = [(name, "name"), (middle, "")]
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
        while front[0][0] in (",", ".", ";", "and", "("):
            front = front[1:]
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
    fields = [field("name", name)]
    prefix: list[Piece] = []
    if customer is not None and not known and rng.random() < 0.4:
        prefix = [(name, ""), (rng.choice(("asked for this ,", "had asked :", "wanted it :", "is the one who wrote :", "requested it ;", "wrote to us about it :", "is waiting to hear :")), "")]
        pronoun = True
    noun = rng.choice(("ticket", "ticket", "ticket", "request", "case", "help desk ticket", "support ticket", "open ticket", "question", "open case"))
    whose: list[Piece] = [(rng.choice(("her", "his", "their", "the customer 's", "this customer 's", "that person 's")), "")] if pronoun else [(name, ""), ("'s", "")]
    about: list[Piece] = [*whose, (noun, "")]
    if not pronoun and rng.random() < 0.3:
        about = [("the", ""), (noun, ""), (rng.choice(("of", "from", "by")), ""), (name, "")]
    if rng.random() < 0.1 and not prefix:
        subject = " ".join(words.sentence(rng))
        quote = rng.choice(('"', "'", '"', ""))
        about += [(rng.choice(("about", "with the subject", "titled", "on", "called")), ""), (f"{quote}{subject}{quote}", "")]
        fields.append(field("about", subject))
        pronoun = False
    if number_of is None:
        pieces, close, text = said_ticket(rng, name, about, pronoun)
        fields += [field("text", text)] if text else []
    else:
        pieces, close = number_ticket(rng, about, pronoun)
    return [*prefix, *pieces], PlannedTask("ticket", tuple(fields), number_of, close)


CLOSE = ("close", "close", "resolve", "close out", "finish", "settle", "solve", "please close", "shut", "end")
REPLY = ("reply to", "answer", "respond to", "write back to", "please answer", "reply in", "comment on", "reply on", "answer in", "write in")
THEN_CLOSE = ("and close it", "and then close it", ", then close it", "and mark it as solved", "and resolve it", ", closing it", "and close the ticket", "and close that ticket", "and finish it",
              ". close it afterwards", "and settle the case", ", and close the case")  # fmt: skip
LEAVE_OPEN = ("", "", "", "but leave it open", "and do not close it yet", "without closing it", "and keep it open", ", it stays open", "but do not close it", "; the ticket remains open",
              "and leave the ticket open", ", do not resolve it", "but keep that case open")  # fmt: skip


def number_ticket(rng: Random, about: list[Piece], pronoun: bool) -> tuple[list[Piece], bool]:
    """Pieces that quote the order's number in a ticket."""
    number = rng.choice(("the order number", "the order number", "the number of the order", "her order number", "the new order number", "that order number", "the number", "the reference",
                         "the resulting order number", "the order 's number", "its number", "the number of that order"))  # fmt: skip
    said: list[Piece] = [(rng.choice(("with", "with", "and give", "giving", "quoting", "using", "and mention", "and put in", "stating", "with only", "and write", "by sending")), ""), (number, "")]
    close = rng.random() < 0.75
    tail = [(rng.choice(THEN_CLOSE if close else LEAVE_OPEN), "")]
    forms: list[list[Piece]] = [[(rng.choice(REPLY), ""), *about, *said, *tail]]
    forms.append([(rng.choice(("give", "write", "put", "send", "mention", "state")), ""), (number, ""), (rng.choice(("in a reply to", "as an answer to", "in", "in the answer to")), ""), *about, *tail])
    if close:
        forms += [[(rng.choice(CLOSE), ""), *about, *said]] * 2
        forms.append([(rng.choice(CLOSE), ""), *about, (rng.choice(("and tell them", "and let them know", "and say", "and pass on", "after sending")), ""), (number, "")])
        if pronoun:
            them = rng.choice(("she", "he", "they"))
            head = rng.choice((f"{them} has an open case ;", f"{them} also wrote to the help desk :", f"there is a ticket of {them} :", f"{them} has a ticket with us :", f"{them} opened a ticket ,"))
            forms.append([(head, ""), (rng.choice(("close", "resolve", "finish", "settle")), ""), (rng.choice(("it", "that one", "the ticket", "this")), ""), *said])
    return rng.choice(forms), close


def said_ticket(rng: Random, name: str, about: list[Piece], pronoun: bool) -> tuple[list[Piece], bool, str]:
    """Pieces that send words of their own to a ticket; may only close it."""
    text = " ".join(words.sentence(rng))
    quote = rng.choice(("", "", "'", '"', '"', '"'))
    quoted: Piece = (f"{quote}{text}{quote}", "")
    close = rng.random() < 0.6
    tail: list[Piece] = [(rng.choice(THEN_CLOSE if close else LEAVE_OPEN), "")]
    joint = rng.choice(("saying", "with the text", ": tell them", "with", "with the words", ":", "and say", "with the answer", "writing", "telling them", "with the reply", "like this :")).split()
    if close and rng.random() < 0.12:
        return [(rng.choice(CLOSE), ""), *about], True, ""
    forms: list[list[Piece]] = [[(rng.choice(REPLY), ""), *about, *((part, "") for part in joint), quoted, *tail]] * 2
    if close:
        forms.append([(rng.choice(CLOSE), ""), *about, *((part, "") for part in joint), quoted])
        forms.append([*about, (rng.choice(("is done ,", "can be settled :", "may be closed ,", "is to be closed ,", "should be closed ;")), ""),
                      (rng.choice(("answer", "reply", "say", "just write", "the answer is")), ""), quoted])  # fmt: skip
    if not pronoun and not any(word in ("about", "titled", "called", "on", "with the subject") for word, _ in about):
        place = rng.choice(("in the ticket", "at the help desk", "in support", "on the open ticket", "through the help desk", "at the service desk", "in that ticket"))
        lead = rng.choice(("let", "inform", "write to", "answer", "message", "tell", "reply to"))
        forms += [[(lead, ""), (name, ""), (place, ""), *((part, "") for part in joint[:1] if part in ("saying", ":", "writing")), quoted, *tail],
                  [(rng.choice(("write", "send", "post", "say")), ""), quoted, (rng.choice(("to", "as a reply to", "to customer")), ""), (name, ""), (place, ""), *tail],
                  [(rng.choice(("tell", "send", "write", "let")), ""), (name, ""), quoted, (place, ""), *tail]]  # fmt: skip
    forms.append([(rng.choice(("in", "on", "to", "for")), ""), *about, (rng.choice((", write", ", answer", "send", ", post the reply", "send the answer", ", say")), ""), quoted, *tail])
    return rng.choice(forms), close, text


STRANGE = (
    "write a poem about {x}", "book a flight to {x}", "what is the capital of {x}", "translate {x} into french", "fix the bug in {x}", "summarise the report on {x}", "play {x}",
    "how old is {x}", "call {x} on the phone", "delete all files in {x}", "tell me a joke about {x}", "what is the weather in {x}", "draw a picture of {x}", "plan a trip to {x}",
    "compute the square root of {x}", "cancel my subscription to {x}", "who won the {x} cup", "send an email to {x} about the meeting", "install {x}", "turn on the {x}", "{x}",
    "reserve a table at {x} for tonight", "find me a job as {x}", "compare {x} and {y}", "explain {x} to a child", "hello {x}", "sell my {x}", "return the {x}", "cook {x} for two",
)  # fmt: skip


LINKS = (";", ". also", ". and", "; and", ", and", ". second ,", "; then", ". another one :", ". in addition ,", ". besides :", ". one more thing :", "; on another matter :", ". other than that ,",
         ". second job :", ". independent of that :", ". next to that ,", ". further :", ". for someone else :", ". also to do :", "; and for another customer :", ". a different task :", ". unrelated :",
         ". and separately from this ,", ". another task :")  # fmt: skip
THENS = ("; then", ". then", ", then", "and", ". afterwards ,", "; after that", ". after that ,", "; when that is done ,", ". once done ,", ". when it is ordered ,", ", and then", "; as soon as it is placed ,",
         ". with the order placed ,", "; next", ", and after it", ". following that ,", ", and once that is through ,", ". later", "; when this has gone through ,")  # fmt: skip


def order_task(rng: Random) -> tuple[list[Piece], PlannedTask]:
    """Pieces of an order, and its task."""
    pieces, _ = order(rng)
    return pieces, tasks_of(pieces)


def draw(rng: Random) -> Goal:
    """A goal of the web families, or one that is outside of them."""
    roll = rng.random()
    if roll < 0.06:
        text = rng.choice(STRANGE).format(x=" ".join(words.option(rng)), y=words.fresh(rng))
        return Goal(text, ())
    if roll < 0.2:
        pieces, task = ticket(rng, None, None)
        if rng.random() < 0.4:
            more, second = ticket(rng, None, None) if rng.random() < 0.4 else order_task(rng)
            return finish([*pieces, (rng.choice(LINKS), ""), *more], [task, second], rng)
        return finish(pieces, [task], rng)
    pieces, name = order(rng)
    tasks = [tasks_of(pieces)]
    if roll < 0.5:
        return finish(pieces, tasks, rng)
    if roll < 0.62:
        more, _ = order(rng)
        link = rng.choice(LINKS)
        pieces = [*pieces, (link, ""), *more]
        tasks.append(tasks_of(more))
        if rng.random() < 0.7:
            return finish(pieces, tasks, rng)
    quoted = 1 if rng.random() < 0.75 and len(tasks) == 1 else None
    more, task = ticket(rng, name if len(tasks) == 1 and quoted else None, quoted)
    if quoted is None and rng.random() < 0.7:
        return finish([*pieces, (rng.choice(LINKS), ""), *more], [*tasks, task], rng)
    if quoted and rng.random() < 0.2:
        link = rng.choice(THENS)
        other, second = ticket(rng, None, None) if rng.random() < 0.6 else order_task(rng)
        return finish([*pieces, (link, ""), *more, (rng.choice(LINKS), ""), *other], [*tasks, task, second], rng)
    link = rng.choice(THENS) if rng.random() < 0.6 else rng.choice(("; then", ". then", ", then", "and", ". afterwards", "; after that", ". after that ,", "; when that is done ,", ". also", ". finally ,", "and then", "; and", ". once it is ordered ,", ". next ,"))
    return finish([*pieces, (link, ""), *more], [*tasks, task], rng)


def finish(pieces: list[Piece], tasks: list[PlannedTask], rng: Random) -> Goal:
    """Add greeting, tail and case."""
    if rng.random() < 0.1:
        pieces = [(rng.choice(("hi ,", "hello ,", "hey ,", "good morning ,", "task :", "to do :", "next job :", "urgent :")), ""), *pieces]
    if rng.random() < 0.15:
        pieces = [*pieces, (rng.choice((",", ".", "")), ""), (rng.choice(TAILS), "")]
    text = join([piece for piece in pieces if piece[0]]) + rng.choice(("", ".", "."))
    return Goal(text[:1].upper() + text[1:], tuple(tasks))
