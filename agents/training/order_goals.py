"""Generated goals that order things: counts, items, person, options and date, in clauses of many wordings."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..roles import PlannedTask
from . import words
from .pieces import Piece, field, framed, said, spread, titled
from .sites import asked
from .words import frames, pick

COUNTS = "zero one two three four five six seven eight nine ten eleven twelve".split()
JOINTS = "and | and | , and | plus | as well as | , | together with | and also | &"
FOR_PERSON = frames("""
    for _ | for _ | for _ | on behalf of _ | in the name of _ | to _ | , for _ | ; they are for _ |
    , to be sent to _ | for our customer _ | , recipient _ | , the customer is _ | as a present for _ |
    , addressed to _ | under the name _ | for my colleague _ | , it is for _ | delivered to _ | sent to _ |
    shipped to _ | to reach _ | going to _ | to be handed to _ | , name : _ | and send it to _ |
    for customer _
""")
WITH_OPTION = frames("""
    , _ | , _ | with _ delivery | by _ delivery | with _ shipping | , send it _ | via _ | , use _ delivery |
    using _ | , ship it _ | , choose _ | with _ | , with _ please | , by _ | , paid by _ | , pay with _ |
    with the option _ | , delivery : _ | and make it _ | , payment by _ | with _ as the delivery |
    , delivery _ | and paying by _ | , paying with _ | at _ speed | , _ speed | , choose _ delivery |
    ( _ delivery ) | and paid for by _ | , the delivery should be _ | by way of _ delivery |
    . make the delivery _ | , _ delivery | . send it _ | . ship them _ | , charge it by _ | , shipped _ |
    with _ service | , take _ shipping | ( _ ) | , add _ | and _ | by _ | , _ please | ; delivery _ |
    using _ delivery | , order it _ | ; make it _ | , ship _ | . choose _ delivery | , go for _ delivery |
    . all of it _ | , everything _ | , paying by _ | and pay by _ | , _ service please | , send _
""")
ON_DATE = frames("""
    deliver on _ | , to arrive on _ | , to arrive by _ | for _ | on _ | , delivery on _ | , delivered on _ |
    arriving _ | , due _ | by _ | , they should come on _ | , it is needed on _ | , we need it on _ |
    , date : _ | to be there on _ | , on _ | with delivery on _ | , arriving on _ | , must be here by _ |
    . it should arrive on _ | . they should be there on _ | and _ as the date | , with _ as delivery day |
    , for delivery on _ | . the day is _ | to get there on _ | . we want it there on _ | , expected on _ |
    , schedule it for _ | , delivery day _ | , bring it on _ | and have it delivered on _ | , _ | , _ | _ |
    so that it arrives on _ | so they are there on _ | such that it comes on _ | . they should come on _ |
    and for _ | , on the _ | ( on _ ) | . _ is the day | , wanted on _ | , for _
""")
LEADS = """
    order | order | buy | get | purchase | please order | please buy | could you order | i need | we need |
    i would like | we want | get me | send | can you get | have | please send | ship | dispatch | deliver |
    kindly buy | kindly order | place one order for | make one order of | would you buy |
    see to one order of | could you get | organise | arrange delivery of | sort out | take | i want to buy |
    make an order of | pick up | reserve | place an order for | put in an order for | go and buy | arrange
"""
PERSON_GETS = frames("""
    we promised _ | let _ have | see to it that _ gets | make sure that _ receives | we still owe _ |
    give _ | send _ | get _ | shopping for _ : | goods for _ : | the customer _ wants |
    today _ should be sent | please let _ have
""")
OPTION_OF = frames("""
    arrange _ delivery for | organise _ delivery of | book _ shipping for | i want _ delivery of |
    with _ delivery , order | by _ delivery get | please arrange _ shipping of | set up _ delivery of |
    choose _ and order | use _ shipping to send | we need _ delivery of
""")
"""An option that stands before the things."""
GETS = """
    is to get | should be sent | shall receive | has to have | should have | orders | is owed | must get |
    needs | wants | would like | has asked for | is waiting for | asked us for | wants to have |
    should get | gets | wants to buy | ordered by phone :
"""
ORDER_FOR = """
    for | on behalf of | customer | to | here is an order for | new order from | order for | in the name of
"""


def spoken_count(count: int, rng: Random) -> str:
    """`2`, at times `two`; one is often `a`."""
    if count == 1 and rng.random() < 0.35:
        return "a"
    return COUNTS[count] if count < len(COUNTS) and rng.random() < 0.25 else str(count)


def items(rng: Random) -> list[Piece]:
    """One to four things with their counts, as a list in prose."""
    many = rng.choice((1, 1, 1, 2, 2, 3, 4))
    pieces: list[Piece] = []
    for index in range(many):
        if index:
            pieces += spread(pick(rng, JOINTS) if index == many - 1 else ",")
        count = rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12))
        counted = spoken_count(count, rng)
        name = asked(words.product(rng), count, rng)
        if rng.random() < 0.25:
            name = name.title() if rng.random() < 0.4 else name.capitalize()
        style = rng.random()
        pieces.append((counted, "count"))
        if style >= 0.9 and counted != "a":
            pieces.append(said("units of"))
        elif style >= 0.82 and counted != "a":
            pieces.append(said(pick(rng, "x | of the | pieces of | of")))
        pieces.append((name, "item"))
    return pieces


def option_phrase(rng: Random) -> tuple[str, str]:
    """Something extra as people put it: the words that lead to it, and itself."""
    first = words.either(rng, words.OPTIONS, 0.5)
    second = words.either(rng, [*words.OPTIONS, *words.THINGS], 0.5)
    forms = f"""
        , _ {first} {second}ed | , _ {first}ed as a {second} | in _ {first} {second} |
        with _ {first} {second}ing | , and please _ {first} it | , _ {first} {second} |
        , with _ {second} and {first} | , _ {first}ped as a {second} | with _ {first} {second}ping |
        with a _ {second} {first}
    """
    return rng.choice(frames(forms))


def option_clause(rng: Random) -> list[Piece]:
    """An option of the order, in words around it."""
    if rng.random() < 0.25:
        lead, phrase = option_phrase(rng)
        return [*spread(lead), (phrase, "option")]
    name = " ".join(words.option(rng))
    frame = rng.choice(WITH_OPTION)
    if rng.random() < 0.12:
        name += pick(rng, "ed | ped | d")
    return framed(frame, name, "option")


PAIRED = frames("and paying by _ | and paid by _ | and pay by _ | and payment by _ | , paid with _ | and _")


def options_clauses(rng: Random) -> list[list[Piece]]:
    """None to two options; of two the second at times stands right behind the first."""
    if rng.random() < 0.2:
        return [[*option_clause(rng), *framed(rng.choice(PAIRED), " ".join(words.option(rng)), "option")]]
    return [option_clause(rng) for _ in range(rng.choice((0, 1, 1, 1, 2)))]


def capitals(when: str) -> str:
    """A date with capital months; `the` and `of` stay small."""
    parts = when.split()
    return " ".join(part if part in ("of", "the") else part[:1].upper() + part[1:] for part in parts)


def date_clause(rng: Random) -> list[Piece]:
    """The day of delivery, in words around it; an article is no part of the date."""
    when = words.day(rng)[0]
    if rng.random() < 0.6:
        when = capitals(when)
    before, after = rng.choice(ON_DATE)
    if when.startswith("the "):
        when, before = when[4:], f"{before} the"
    return framed((before, after), when, "date")


def order_head(rng: Random, shape: float, name: str) -> list[Piece]:
    """How an order begins, with or without the customer's name; `shape` in [0, 1) says which way."""
    if shape < 0.06:
        before, after = rng.choice(PERSON_GETS)
        return [said(before), (name, "name"), *spread(after)]
    if shape < 0.18:
        return [(name, "name"), said(pick(rng, GETS))]
    if shape < 0.34 and shape >= 0.28:
        before, after = rng.choice(OPTION_OF)
        return [*spread(before), (" ".join(words.option(rng)), "option"), *spread(after)]
    if shape < 0.28:
        lead = said(pick(rng, ORDER_FOR))
        return [
            lead,
            (name, "name"),
            said(pick(rng, ", | : | , order | , buy | , please order | : get | , we need")),
        ]
    return [said(pick(rng, LEADS))]


def order(rng: Random) -> tuple[list[Piece], str]:
    """Pieces of an order, and the customer's name."""
    name = titled(words.person(rng), rng)
    shape = rng.random()
    rest = [framed(rng.choice(FOR_PERSON), name, "name")]
    rest += options_clauses(rng)
    if rng.random() < 0.75:
        rest.append(date_clause(rng))
    head = order_head(rng, shape, name)
    if any(tag == "name" for _, tag in head):
        rest = rest[1:]
    rng.shuffle(rest)
    pieces = head + items(rng)
    if rest and rng.random() < 0.12:
        front = rest.pop()
        while front[0][0] in (",", ".", ";", "and", "("):
            front = front[1:]
        pieces = [*front, *([said(",")] if rng.random() < 0.6 else []), *pieces]
    for clause in rest:
        if clause[0][0] not in (",", "(", ";") and rng.random() < 0.35:
            pieces.append(said(pick(rng, ", | , | , | . | and | -")))
        pieces += clause
    return pieces, name


def order_task(rng: Random) -> tuple[list[Piece], PlannedTask]:
    """Pieces of an order, and its task."""
    pieces, _ = order(rng)
    return pieces, tasks_of(pieces)


def tasks_of(pieces: Sequence[Piece]) -> PlannedTask:
    """The order task that tagged pieces mean, fields in their order."""
    return PlannedTask("order", tuple(field(tag, text) for text, tag in pieces if tag))
