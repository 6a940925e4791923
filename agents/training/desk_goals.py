"""Generated goals that handle a ticket: reply in words of their own or with an order's number, and close."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..roles import PlannedTask
from . import words
from .pieces import Piece, field, said, spread, titled
from .words import phrases, pick

NOUNS = """
    ticket | ticket | ticket | request | case | help desk ticket | support ticket | open ticket | question |
    open case
"""
ASKED = """
    asked for this , | had asked : | wanted it : | is the one who wrote : | requested it ; |
    wrote to us about it : | is waiting to hear : |
    wants to know about it : | asked us about it : | had it ordered :
"""
CLOSE = phrases("close | close | resolve | close out | finish | settle | solve | please close | shut | end")
REPLY = phrases("""
    reply to | answer | respond to | write back to | please answer | reply in | comment on | reply on |
    answer in | write in
""")
THEN_CLOSE = phrases("""
    and close it | and then close it | , then close it | and mark it as solved | and resolve it |
    , closing it | and close the ticket | and close that ticket | and finish it | . close it afterwards |
    and settle the case | , and close the case
""")
LEAVE_OPEN = phrases("""
    | | but leave it open | and do not close it yet | without closing it | and keep it open |
    , it stays open | but do not close it | without closing it now |
    , not closing it | without closing the ticket | ; the ticket remains open | and leave the ticket open |
    , do not resolve it | but keep that case open
""")
ORDER_NUMBERS = """
    the order number | the order number | the number of the order | her order number |
    the new order number | that order number | the number | the reference | the resulting order number |
    the order 's number | its number | the number of that order
"""
GIVING = """
    with | with | and give | giving | quoting | using | and mention | and put in | stating | with only |
    and write | by sending
"""
SAYING = """
    saying | with the text | : tell them | with | with the words | : | and say | with the answer | writing |
    telling them | with the reply | like this :
"""
IN_TICKET = """
    in the ticket | at the help desk | in support | on the open ticket | through the help desk |
    at the service desk | in that ticket
"""


def ticket(rng: Random, customer: str | None, number_of: int | None) -> tuple[list[Piece], PlannedTask]:
    """Pieces of a ticket task.

    Args:
        rng: Where it is drawn from.
        customer: Of an order before it, who may be meant by a pronoun.
        number_of: The order whose number is to be quoted, 1 for the first; None sends words of its own.
    """
    known = customer is not None and rng.random() < 0.7
    name = customer if known and customer is not None else titled(words.person(rng), rng)
    pronoun = known and rng.random() < 0.75
    fields = [field("name", name)]
    prefix: list[Piece] = []
    if customer is not None and not known and rng.random() < 0.5:
        prefix = [said(name), said(pick(rng, ASKED))]
        pronoun = True
    about = whose_ticket(rng, name, pronoun)
    if rng.random() < 0.1 and not prefix and number_of is None:
        return one_of_theirs(rng, name)
    if rng.random() < 0.15 and not prefix:
        subject = " ".join(words.sentence(rng))
        about.append(said(pick(rng, "about | with the subject | titled | on | called")))
        about.append(said(f'"{subject}"'))
        fields.append(field("about", subject))
        pronoun = False
    if number_of is None:
        pieces, close, text = said_ticket(rng, name, about, pronoun)
        fields += [field("text", text)] if text else []
    else:
        pieces, close = number_ticket(rng, said(name), about, pronoun)
    return [*prefix, *pieces], PlannedTask("ticket", tuple(fields), number_of, close)


def one_of_theirs(rng: Random, name: str) -> tuple[list[Piece], PlannedTask]:
    """Pieces that single out one of a person's tickets by its subject."""
    subject, text = " ".join(words.sentence(rng)), " ".join(words.sentence(rng))
    close = rng.random() < 0.7
    tail = said(rng.choice(THEN_CLOSE if close else LEAVE_OPEN))
    lead = said(
        pick(rng, "of all tickets by | from the tickets of | among the cases of | of the requests by")
    )
    verb = said(pick(rng, ", answer | , reply to | , take | pick | , it is"))
    saying = said(pick(rng, "with | saying | : say | and write | , the reply is"))
    fields = (field("name", name), field("about", subject), field("text", text))
    pieces = [lead, said(name), verb, said(f'"{subject}"'), saying, said(f'"{text}"'), tail]
    return pieces, PlannedTask("ticket", fields, None, close)


def whose_ticket(rng: Random, name: str, pronoun: bool) -> list[Piece]:
    """`her ticket`, `Ida Fox's ticket`, `the ticket of Ida Fox`."""
    noun = pick(rng, NOUNS)
    if pronoun:
        whose = pick(rng, "her | his | their | the customer 's | this customer 's | that person 's")
        return [said(whose), said(noun)]
    if rng.random() < 0.3:
        return [said("the"), said(noun), said(pick(rng, "of | from | by")), said(name)]
    return [said(name), said("'s"), said(noun)]


def number_ticket(
    rng: Random, name: Piece, about: Sequence[Piece], pronoun: bool
) -> tuple[list[Piece], bool]:
    """Pieces that quote the order's number in a ticket, and whether it is closed then."""
    number = said(pick(rng, ORDER_NUMBERS))
    giving = [said(pick(rng, GIVING)), number]
    close = rng.random() < 0.75
    tail = said(rng.choice(THEN_CLOSE if close else LEAVE_OPEN))
    forms: list[list[Piece]] = [[said(rng.choice(REPLY)), *about, *giving, tail]]
    whom = said(pick(rng, "her | him | them | the customer")) if pronoun else name
    tell = said(pick(rng, "tell | send | give | let"))
    have = [said("have")] if tell[0] == "let" else []
    titled_one = any(word.startswith('"') for word, _ in about)
    if not titled_one:
        forms.append([tell, whom, *have, number, said(pick(rng, IN_TICKET)), tail])
    if pronoun and not titled_one:
        forms.append([tell, whom, number, said("in"), *about, tail])
    lead = said(pick(rng, "give | write | put | send | mention | state"))
    place = said(pick(rng, "in a reply to | as an answer to | in | in the answer to"))
    forms.append([lead, number, place, *about, tail])
    if close:
        forms += [[said(rng.choice(CLOSE)), *about, *giving]] * 2
        lead = said(rng.choice(CLOSE))
        tell = said(pick(rng, "and tell them | and let them know | and say | and pass on | after sending"))
        forms.append([lead, *about, tell, number])
        if pronoun:
            forms.append([*known_case(rng), *giving])
    return rng.choice(forms), close


def known_case(rng: Random) -> list[Piece]:
    """`she has an open case; close it`."""
    them = pick(rng, "she | he | they")
    heads = f"""
        {them} has an open case ; | {them} also wrote to the help desk : | there is a ticket of {them} : |
        {them} has a ticket with us : | {them} opened a ticket ,
    """
    head = said(pick(rng, heads))
    close = said(pick(rng, "close | resolve | finish | settle"))
    return [head, close, said(pick(rng, "it | that one | the ticket | this"))]


def said_ticket(
    rng: Random, name: str, about: Sequence[Piece], pronoun: bool
) -> tuple[list[Piece], bool, str]:
    """Pieces that send words of their own to a ticket, whether it is closed then, and the words.

    The words are empty where the ticket is only to be closed.
    """
    text = " ".join(words.sentence(rng))
    quoted = said(f'"{text}"')
    close = rng.random() < 0.5
    tail = said(rng.choice(THEN_CLOSE if close else LEAVE_OPEN))
    saying = spread(pick(rng, SAYING))
    if close and rng.random() < 0.12:
        return [said(rng.choice(CLOSE)), *about], True, ""
    forms: list[list[Piece]] = [[said(rng.choice(REPLY)), *about, *saying, quoted, tail]] * 2
    if close:
        forms.append([said(rng.choice(CLOSE)), *about, *saying, quoted])
        done = "is done , | can be settled : | may be closed , | is to be closed , | should be closed ;"
        ending = said(pick(rng, done))
        forms.append(
            [*about, ending, said(pick(rng, "answer | reply | say | just write | the answer is")), quoted]
        )
        as_what = said(pick(rng, "as the reply | as an answer | as your reply | to them | as our answer"))
        forms.append([*about, ending, said(pick(rng, "write | post | give | send them")), quoted, as_what])
    subjects = ("about", "titled", "called", "on", "with the subject")
    if not pronoun and not any(word in subjects for word, _ in about):
        forms += told_person(rng, said(name), saying[0], quoted, tail)
    place = said(pick(rng, "in | on | to | for"))
    verb = said(pick(rng, ", write | , answer | send | , post the reply | send the answer | , say"))
    forms.append([place, *about, verb, quoted, tail])
    return rng.choice(forms), close, text


def told_person(rng: Random, name: Piece, saying: Piece, quoted: Piece, tail: Piece) -> list[list[Piece]]:
    """Forms that name the person and the help desk, but no ticket of theirs."""
    place = said(pick(rng, IN_TICKET))
    lead = said(pick(rng, "let | inform | write to | answer | message | tell | reply to"))
    colon = [saying] if saying[0] in ("saying", ":", "writing") else []
    write = said(pick(rng, "write | send | post | say"))
    to = said(pick(rng, "to | as a reply to | to customer"))
    tell = said(pick(rng, "tell | send | write | let"))
    return [
        [lead, name, place, *colon, quoted, tail],
        [write, quoted, to, name, place, tail],
        [tell, name, quoted, place, tail],
    ]
