"""Says whether a goal was truly reached, and what was done, from the site's own database and nothing else.

What it covers: orders, their every detail, every ticket's state and thread. What it does not:
baskets that were left full, pages that were only looked at, and how an agent went about it. Beside the
site only this module opens the database: whoever solves a goal must not know what is in it.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .goals import Expected, ExpectedOrder, ExpectedTicket
from .plan import Ticket, draw_plan
from .server import Site
from .store import Order, Query, TicketState, read_orders, read_tickets


@dataclass(frozen=True)
class Judgement:
    """Whether everything is right, and if not, one sentence for each thing that is wrong."""

    right: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """What was done at a site that cannot be undone, whether or not it was asked for.

    Attributes:
        orders: The number of every order, oldest first.
        answers: Id of every ticket -> how many answers it got.
    """

    orders: tuple[str, ...]
    answers: dict[int, int]


def judge(site: Site | Path, expected: Expected) -> Judgement:
    """Hold the state of `site` (or of the database at a path) against `expected`.

    Letters of either case count as the same in names and replies, and so does a full stop at the
    end of a reply. Everything else must be exact, and nothing beyond `expected` may have changed.
    """
    path = site.database if isinstance(site, Site) else site
    if not path.exists():
        return Judgement(False, (f"No site has ever run on {str(path)!r}.",))
    with _reading(path) as query:
        seed = query("SELECT seed FROM about")[0]["seed"]
        orders = read_orders(query("SELECT * FROM orders ORDER BY id"), query)
        tickets = read_tickets(query)
    reasons, numbers = _judge_orders(orders, expected.orders)
    reasons += _judge_tickets(draw_plan(seed).tickets, tickets, expected.tickets, numbers)
    return Judgement(not reasons, tuple(reasons))


def count_done(site: Site) -> Done:
    """Count the orders and answers at a site that has been started."""
    with _reading(site.database) as query:
        orders = tuple(str(row["number"]) for row in query("SELECT number FROM orders ORDER BY id"))
        tickets = {ticket.id: len(ticket.lines) for ticket in read_tickets(query)}
    return Done(orders, {ticket.id: tickets[ticket.id] - len(ticket.lines) for ticket in site.plan.tickets})


@contextmanager
def _reading(path: Path) -> Generator[Query]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row

        def query(text: str, *values: object) -> list[sqlite3.Row]:
            return database.execute(text, values).fetchall()

        yield query


def _judge_orders(orders: list[Order], wanted: tuple[ExpectedOrder, ...]) -> tuple[list[str], list[str]]:
    """What is wrong with the orders, and the number that each wanted order got ("" for none)."""
    left = list(orders)
    numbers: list[str] = []
    unmet: list[ExpectedOrder] = []
    for want in wanted:
        match = next((order for order in left if not _differences(order, want)), None)
        numbers.append(match.number if match else "")
        if match:
            left.remove(match)
        else:
            unmet.append(want)
    reasons: list[str] = []
    for want in unmet:
        near = min(left, key=lambda order: len(_differences(order, want)), default=None)
        if near is None:
            reasons.append(f"The order for {want.name} was not placed.")
        else:
            left.remove(near)
            reasons += [f"Order {near.number}: {difference}" for difference in _differences(near, want)]
    reasons += [f"Order {order.number} for {order.name} was not asked for." for order in left]
    return reasons, numbers


def _differences(order: Order, want: ExpectedOrder) -> list[str]:
    found = Counter({line.name: line.quantity for line in order.lines})
    pairs = (
        ("articles", dict(found), dict(want.lines)),
        ("name", _plain(order.name), _plain(want.name)),
        ("delivery", order.delivery, want.delivery),
        ("day", order.day.isoformat(), want.day.isoformat()),
        ("gift wrapping", order.gift, want.gift),
        ("payment", order.payment, want.payment),
        ("letter", order.letter, False),
        ("note", order.note, ""),
    )
    return [f"{field} is {has!r}, not {wants!r}." for field, has, wants in pairs if has != wants]


def _judge_tickets(
    before: tuple[Ticket, ...],
    after: list[TicketState],
    wanted: tuple[ExpectedTicket, ...],
    numbers: list[str],
) -> list[str]:
    wants = {want.ticket: want for want in wanted}
    states = {state.id: state for state in after}
    reasons: list[str] = []
    for ticket in before:
        state, want = states[ticket.id], wants.get(ticket.id)
        said = [text for _, text in state.lines[len(ticket.lines) :]]
        closed = want.closed if want else ticket.closed
        if state.closed != closed:
            reasons.append(
                f"Ticket {ticket.id} of {ticket.customer} is {'closed' if state.closed else 'open'}."
            )
        if want is None:
            reasons += [f"Ticket {ticket.id} of {ticket.customer} got an answer: {text!r}." for text in said]
        else:
            reasons += _judge_answer(want, said, numbers)
    return reasons


def _judge_answer(want: ExpectedTicket, said: list[str], numbers: list[str]) -> list[str]:
    where = f"Ticket {want.ticket} of {want.customer}"
    if len(said) != 1:
        return [f"{where} got {len(said)} answers, not 1."]
    if want.reply:
        return [] if _plain(said[0]) == _plain(want.reply) else [f"{where} was answered {said[0]!r}."]
    number = numbers[want.order]
    others = [other for other in numbers if other and other != number and _mentions(said[0], other)]
    if not number or not _mentions(said[0], number) or others:
        return [f"{where} was answered {said[0]!r}, which is not the order number {number!r}."]
    return []


def _mentions(text: str, number: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(number)}(?![\w-])", text, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    """`text` in lower case, with single spaces, without a full stop or quotes around it."""
    return " ".join(text.casefold().split()).strip("\"'“”").rstrip(".")
