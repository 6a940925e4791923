"""Goals for the example site: a sentence as a person would write it, and what it truly asks for.

`goal(seed)` belongs to `Site(seed)`. The text is all that an agent gets; `expected` is for `judge`
alone. `slots` says which words of the text carry which value, to measure how well a text was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random

from . import wording
from .plan import DEMO_SEED, Ticket, draw_plan

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five")
_MARKED = re.compile("\x02([^\x03]*)\x03([^\x04]*)\x04")


@dataclass(frozen=True)
class ExpectedOrder:
    """One order: `lines` are (product name, quantity), the rest is as the site words it."""

    lines: tuple[tuple[str, int], ...]
    name: str
    delivery: str
    day: date
    gift: bool
    payment: str


@dataclass(frozen=True)
class ExpectedTicket:
    """How a ticket must stand afterwards.

    The desk must have sent one answer more: the sentence `reply`, or else any text with the number
    of the expected order at index `order`.
    """

    ticket: int
    customer: str
    closed: bool
    reply: str = ""
    order: int = 0


@dataclass(frozen=True)
class Expected:
    """All that must have changed on the site; whatever is not listed must be as it was."""

    orders: tuple[ExpectedOrder, ...] = ()
    tickets: tuple[ExpectedTicket, ...] = ()


@dataclass(frozen=True)
class Slot:
    """Words of a goal that carry a value: `text` begins at character `start` of the goal.

    `name` is a field with its part, such as "1.name", "1.quantity.2", "2.customer"; parts and
    products are counted from 1.
    """

    name: str
    text: str
    start: int


@dataclass(frozen=True)
class ShopGoal:
    """A goal in words, the seed of its site, and the truth about it."""

    text: str
    site_seed: int
    expected: Expected
    slots: tuple[Slot, ...]


class _NoTicketLeft(Exception):
    """A goal asks for more open tickets than its site has; another one is drawn."""


class _Draw:
    """One goal in the making: text with marked values, and what it asks for."""

    def __init__(self, seed: int, again: int = 0) -> None:
        self.rng = Random(f"punchlist goal {seed}" + (f" {again}" if again else ""))
        self.plan = draw_plan(seed)
        self.orders: list[ExpectedOrder] = []
        self.tickets: list[ExpectedTicket] = []
        self.used: set[str] = set()
        self.part = 0
        self.words = self.rng.random() < 0.12
        self.product_case: Callable[[str], str] = self.rng.choices((str.lower, str, str.title), (80, 12, 8))[
            0
        ]
        self.date_form = self.rng.choice(DATE_FORMS)
        self.with_year = self.rng.random() < 0.08

    def mark(self, name: str, text: str) -> str:
        """`text` as the value of the field `name` of the current part."""
        return f"\x02{self.part}.{name}\x03{text}\x04"

    def open_tickets(self, single: bool) -> list[Ticket]:
        """Open tickets of unused customers who have just one of them, or else more than one."""
        still_open = [ticket for ticket in self.plan.tickets if not ticket.closed]
        owners = [ticket.customer for ticket in still_open]
        return [
            ticket
            for ticket in still_open
            if (owners.count(ticket.customer) == 1) == single and ticket.customer not in self.used
        ]

    def ticket(self) -> Ticket:
        """An open ticket whose customer alone says which it is."""
        there = self.open_tickets(single=True)
        if not there:
            raise _NoTicketLeft
        ticket = self.rng.choice(there)
        self.used.add(ticket.customer)
        return ticket

    def stranger(self) -> str:
        """Somebody who need not have a ticket."""
        name = f"{self.rng.choice(list(wording.FIRST_NAMES))} {self.rng.choice(wording.LAST_NAMES)}"
        known = {ticket.customer for ticket in self.plan.tickets}
        if name in known | self.used:
            return self.stranger()
        self.used.add(name)
        return name

    def order(self, name: str) -> str:
        """A sentence that orders something for `name`."""
        self.part += 1
        goods = [product for product in self.plan.products if product.slug != self.plan.scarce]
        chosen = self.rng.sample(goods, self.rng.choices((1, 2, 3), (45, 40, 15))[0])
        lines = tuple(
            (product.name, self.rng.choices((1, 2, 3, 4, 5), (4, 5, 4, 2, 2))[0]) for product in chosen
        )
        speeds = [word for word in wording.DELIVERIES if _option(self.plan.deliveries, word)]
        speed = self.rng.choice(speeds)
        day = self.plan.today + timedelta(days=self.rng.randrange(3, 150))
        gift = self.rng.random() < 0.35
        pays = [word for word in wording.PAYMENTS if _option(self.plan.payments, word)]
        pay = self.rng.choice(pays) if self.rng.random() < 0.3 else ""
        payment = _option(self.plan.payments, pay) if pay else self.plan.payments[0]
        self.orders.append(
            ExpectedOrder(lines, name, _option(self.plan.deliveries, speed), day, gift=gift, payment=payment)
        )
        return self.rng.choice(wording.ORDER_SENTENCES).format(
            items=self._items(lines),
            name=self.mark("name", name),
            speed=self.mark("delivery", speed),
            day=self.mark("day", self._date(day)),
            extras=self._extras(gift, pay),
        )

    def _items(self, lines: tuple[tuple[str, int], ...]) -> str:
        texts: list[str] = []
        for index, (product, quantity) in enumerate(lines, start=1):
            amount = NUMBER_WORDS[quantity] if self.words else str(quantity)
            name = self.product_case(product if quantity == 1 else wording.plural(product))
            texts.append(f"{self.mark(f'quantity.{index}', amount)} {self.mark(f'product.{index}', name)}")
        return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"

    def _date(self, day: date) -> str:
        text = self.date_form(day)
        return f"{text} {day.year}" if self.with_year else text

    def _extras(self, gift: bool, pay: str) -> str:
        phrases = [self.mark("gift", self.rng.choice(wording.GIFT_PHRASES))] if gift else []
        if pay:
            phrases.append(self.rng.choice(wording.PAYMENT_PHRASES).format(pay=self.mark("payment", pay)))
        return "".join(f", {phrase}" for phrase in phrases[:1]) + "".join(
            f" and {phrase}" for phrase in phrases[1:]
        )

    def number_to_own(self) -> str:
        """Words that close the recipient's ticket with the number of the order just asked for."""
        order = self.orders[-1]
        ticket = next(item for item in self.plan.tickets if item.customer == order.name and not item.closed)
        self.tickets.append(
            ExpectedTicket(ticket.id, ticket.customer, closed=True, order=len(self.orders) - 1)
        )
        her = wording.FIRST_NAMES[order.name.split()[0]]
        she, them = ("She", "her") if her == "her" else ("He", "him")
        return self.rng.choice(wording.NUMBER_TO_OWN).format(her=her, She=she, them=them)

    def number_to_other(self) -> str:
        """Words that close somebody else's ticket with the number of the order just asked for."""
        ticket = self.ticket()
        self.tickets.append(
            ExpectedTicket(ticket.id, ticket.customer, closed=True, order=len(self.orders) - 1)
        )
        return self.rng.choice(wording.NUMBER_TO_OTHER).format(
            customer=self.mark("customer", ticket.customer)
        )

    def reply(self) -> str:
        """A sentence that has a ticket answered in given words."""
        self.part += 1
        doubled = self.open_tickets(single=False)
        if doubled and self.rng.random() < 0.25:
            ticket, sentences, closed = self.rng.choice(doubled), wording.SUBJECT_SENTENCES, True
            self.used.add(ticket.customer)
        else:
            ticket, closed = self.ticket(), self.rng.random() < 0.6
            sentences = wording.CLOSE_SENTENCES if closed else wording.REPLY_SENTENCES
        reply = self.rng.choice(wording.REPLIES)
        self.tickets.append(ExpectedTicket(ticket.id, ticket.customer, closed=closed, reply=reply))
        return self.rng.choice(sentences).format(
            customer=self.mark("customer", ticket.customer),
            subject=self.mark("subject", ticket.subject),
            reply=self.mark("reply", reply),
        )


def _option(options: tuple[str, ...], word: str) -> str:
    """The option that begins with `word`, or empty."""
    return next((option for option in options if option.lower().startswith(word)), "")


def _ordinal(day: int) -> str:
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


DATE_FORMS: tuple[Callable[[date], str], ...] = (
    lambda day: f"{day.day} {day:%B}",
    lambda day: f"{day.day} {day:%B}",
    lambda day: f"{day:%B} {day.day}",
    lambda day: f"{_ordinal(day.day)} of {day:%B}",
    lambda day: f"{_ordinal(day.day)} {day:%B}",
    lambda day: f"{day:%B} {_ordinal(day.day)}",
)
"""Ways to write a date: 3 May, May 3, 3rd of May, 3rd May, May 3rd."""


def goal(seed: int) -> ShopGoal:
    """Draw the goal that belongs to `Site(seed)`; the same seed gives the same goal.

    Every goal can be reached whatever flaws the site is given: the one product that may be sold out
    is never wanted. A date without a year means the next such day.
    """
    for again in count():
        draw = _Draw(seed, again)
        with suppress(_NoTicketLeft):
            text = _compose(draw)
            break
    rng = draw.rng
    text += rng.choice((".", ".", ""))
    if rng.random() < 0.15:
        text = text.lower()
    plain, slots = _unmark(text)
    return ShopGoal(plain, seed, Expected(tuple(draw.orders), tuple(draw.tickets)), slots)


def _compose(draw: _Draw) -> str:
    """Put a goal together of one or two parts."""
    rng = draw.rng
    kind = rng.choices(
        ("own", "order", "other", "order and reply", "reply", "two"), (40, 14, 12, 10, 12, 12)
    )[0]
    joint = rng.choice(wording.JOINTS)
    if kind == "own":
        return draw.order(draw.ticket().customer) + draw.number_to_own()
    if kind == "order":
        return draw.order(draw.stranger())
    if kind == "other":
        return draw.order(draw.stranger()) + draw.number_to_other()
    if kind == "order and reply":
        return draw.order(draw.stranger()) + joint + draw.reply()
    if kind == "reply":
        return draw.reply() + (joint + draw.reply() if rng.random() < 0.25 else "")
    first = draw.order(draw.ticket().customer) + draw.number_to_own()
    second = draw.order(draw.stranger()) if rng.random() < 0.6 else draw.reply()
    return first + joint + second


def _unmark(text: str) -> tuple[str, tuple[Slot, ...]]:
    """Take the marks out of `text` and say where the marked values now stand."""
    plain, slots, end = "", list[Slot](), 0
    for found in _MARKED.finditer(text):
        plain += text[end : found.start()]
        slots.append(Slot(found.group(1), found.group(2), len(plain)))
        plain += found.group(2)
        end = found.end()
    return plain + text[end:], tuple(slots)


def demo_goal() -> ShopGoal:
    """The goal of record: two articles, a delivery day, and a ticket that waits for the number."""
    draw = _Draw(DEMO_SEED)
    plan = draw.plan
    draw.part = 1
    mark = draw.mark
    text = (
        f"Order {mark('quantity.1', '2')} {mark('product.1', 'green mugs')} and "
        f"{mark('quantity.2', '1')} {mark('product.2', 'desk lamp')} for {mark('name', 'Ada Lovelace')}, "
        f"{mark('delivery', 'express')}, deliver on {mark('day', '3 May')}; "
        "then close her ticket with the order number."
    )
    order = ExpectedOrder(
        lines=(("Green mug", 2), ("Desk lamp", 1)),
        name="Ada Lovelace",
        delivery=_option(plan.deliveries, "express"),
        day=date(2027, 5, 3),
        gift=False,
        payment=plan.payments[0],
    )
    ticket = next(item for item in plan.tickets if item.customer == order.name)
    expected = Expected((order,), (ExpectedTicket(ticket.id, ticket.customer, closed=True),))
    plain, slots = _unmark(text)
    return ShopGoal(plain, DEMO_SEED, expected, slots)
