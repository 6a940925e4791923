"""The site's state in one SQLite file: visits, baskets, orders, tickets.

One connection behind one lock: the site is small and every request is a few statements. The file
outlives the server, so a site that is started again on the same folder goes on where it was.
Only the site itself and the module `judge` open it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from .plan import SitePlan

SCHEMA = """
CREATE TABLE about (seed INTEGER NOT NULL);
CREATE TABLE visits (id TEXT PRIMARY KEY, adds INTEGER NOT NULL DEFAULT 0, draft TEXT, notice TEXT);
CREATE TABLE basket (visit TEXT, product TEXT, quantity INTEGER NOT NULL, PRIMARY KEY (visit, product));
CREATE TABLE stock (product TEXT PRIMARY KEY, remaining INTEGER NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, number TEXT UNIQUE NOT NULL, visit TEXT NOT NULL, name TEXT NOT NULL,
    delivery TEXT NOT NULL, day TEXT NOT NULL, gift INTEGER NOT NULL, payment TEXT NOT NULL,
    letter INTEGER NOT NULL, note TEXT NOT NULL
);
CREATE TABLE lines (
    order_id INTEGER NOT NULL, product TEXT NOT NULL, name TEXT NOT NULL, quantity INTEGER NOT NULL,
    price INTEGER NOT NULL
);
CREATE TABLE tickets (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL, subject TEXT NOT NULL, closed INTEGER NOT NULL
);
CREATE TABLE messages (ticket INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL);
"""


class EmptyBasket(Exception):
    """There is nothing to order."""


class OutOfStock(Exception):
    """An order asks for more of `name` than there is."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Not enough left of {name!r}.")


@dataclass(frozen=True)
class Draft:
    """What the checkout form holds, before and after it is accepted. `day` is ISO or empty."""

    name: str = ""
    delivery: str = ""
    day: str = ""
    gift: bool = False
    payment: str = ""
    terms: bool = False
    letter: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One article of an order: `price` is for one piece, in pence or cents."""

    product: str
    name: str
    quantity: int
    price: int


@dataclass(frozen=True)
class Order:
    """A placed order."""

    number: str
    name: str
    delivery: str
    day: date
    gift: bool
    payment: str
    letter: bool
    note: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """Sum in pence or cents."""
        return sum(line.quantity * line.price for line in self.lines)


@dataclass(frozen=True)
class TicketState:
    """A ticket as it stands; `lines` are (who, text)."""

    id: int
    customer: str
    subject: str
    closed: bool
    lines: tuple[tuple[str, str], ...]


Query = Callable[..., list[sqlite3.Row]]
"""Runs one statement with its values and returns all rows."""


def read_orders(rows: list[sqlite3.Row], query: Query) -> list[Order]:
    """Make orders of rows of the table `orders`, reading their lines through `query`."""
    return [
        Order(
            number=row["number"],
            name=row["name"],
            delivery=row["delivery"],
            day=date.fromisoformat(row["day"]),
            gift=bool(row["gift"]),
            payment=row["payment"],
            letter=bool(row["letter"]),
            note=row["note"],
            lines=tuple(
                Line(line["product"], line["name"], line["quantity"], line["price"])
                for line in query("SELECT * FROM lines WHERE order_id = ? ORDER BY rowid", row["id"])
            ),
        )
        for row in rows
    ]


def read_tickets(query: Query) -> list[TicketState]:
    """Every ticket with its thread, in the order of the inbox."""
    return [
        TicketState(
            id=row["id"],
            customer=row["customer"],
            subject=row["subject"],
            closed=bool(row["closed"]),
            lines=tuple(
                (line["author"], line["text"])
                for line in query("SELECT * FROM messages WHERE ticket = ? ORDER BY rowid", row["id"])
            ),
        )
        for row in query("SELECT * FROM tickets ORDER BY id")
    ]


class Store:
    """The open state of one site; safe to use from several threads."""

    def __init__(self, path: Path, plan: SitePlan) -> None:
        self.path, self._plan = path, plan
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'about'"):
            self._fill()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._connection.close()

    # visits and baskets

    def visit(self, visit: str) -> None:
        """Make sure that `visit` is known."""
        with self._write() as db:
            db.execute("INSERT OR IGNORE INTO visits (id) VALUES (?)", (visit,))

    def add(self, visit: str, product: str, quantity: int) -> None:
        """Put `quantity` more of `product` in the basket (only 1 where the quantity flaw strikes)."""
        with self._write() as db:
            adds = db.execute("SELECT adds FROM visits WHERE id = ?", (visit,)).fetchone()["adds"]
            if adds == 0 and "quantity_resets" in self._plan.flaws:
                quantity = 1
            db.execute("UPDATE visits SET adds = adds + 1 WHERE id = ?", (visit,))
            db.execute(
                "INSERT INTO basket VALUES (?, ?, ?)"
                " ON CONFLICT (visit, product) DO UPDATE SET quantity = quantity + excluded.quantity",
                (visit, product, quantity),
            )

    def set_quantities(self, visit: str, quantities: Mapping[str, int]) -> None:
        """Set how many of each product are in the basket; 0 takes one out."""
        with self._write() as db:
            for product, quantity in quantities.items():
                db.execute(
                    "UPDATE basket SET quantity = ? WHERE visit = ? AND product = ?",
                    (quantity, visit, product),
                )
            db.execute("DELETE FROM basket WHERE visit = ? AND quantity <= 0", (visit,))

    def basket(self, visit: str) -> dict[str, int]:
        """Product -> quantity, in the order in which they were put in."""
        rows = self._rows("SELECT product, quantity FROM basket WHERE visit = ? ORDER BY rowid", visit)
        return {row["product"]: row["quantity"] for row in rows}

    def remaining(self, product: str) -> int:
        """Pieces left of `product`."""
        return self._rows("SELECT remaining FROM stock WHERE product = ?", product)[0]["remaining"]

    def save_draft(self, visit: str, draft: Draft) -> None:
        """Keep what the checkout form holds."""
        with self._write() as db:
            db.execute("UPDATE visits SET draft = ? WHERE id = ?", (json.dumps(asdict(draft)), visit))

    def draft(self, visit: str) -> Draft | None:
        """What the checkout form held last, or None."""
        rows = self._rows("SELECT draft FROM visits WHERE id = ?", visit)
        return Draft(**json.loads(rows[0]["draft"])) if rows and rows[0]["draft"] else None

    def leave_notice(self, visit: str, text: str) -> None:
        """Keep `text` to be shown once on the next page."""
        with self._write() as db:
            db.execute("UPDATE visits SET notice = ? WHERE id = ?", (text, visit))

    def take_notice(self, visit: str) -> str:
        """Text to show once, or empty."""
        rows = self._rows("SELECT notice FROM visits WHERE id = ?", visit)
        if not rows or not rows[0]["notice"]:
            return ""
        self.leave_notice(visit, "")
        return rows[0]["notice"]

    # orders

    def place(self, visit: str, draft: Draft) -> str:
        """Turn the basket into an order and return its number.

        Raises:
            OutOfStock: there is less left than the basket asks for; nothing is changed.
            EmptyBasket: there is nothing in it, or another request has just ordered it.
        """
        with self._write() as db:
            wanted = db.execute(
                "SELECT product, quantity FROM basket WHERE visit = ? ORDER BY rowid", (visit,)
            )
            basket = [(row["product"], row["quantity"]) for row in wanted]
            if not basket:
                raise EmptyBasket
            number = self._plan.order_number(db.execute("SELECT count(*) FROM orders").fetchone()[0])
            order = db.execute(
                "INSERT INTO orders (number, visit, name, delivery, day, gift, payment, letter, note)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, visit, draft.name, draft.delivery, draft.day, draft.gift, draft.payment,
                 draft.letter, draft.note),
            ).lastrowid  # fmt: skip
            for slug, quantity in basket:
                product = self._plan.product(slug)
                left = db.execute("SELECT remaining FROM stock WHERE product = ?", (slug,)).fetchone()[
                    "remaining"
                ]
                if product is None or left < quantity:
                    raise OutOfStock(product.name if product else slug)
                db.execute("UPDATE stock SET remaining = remaining - ? WHERE product = ?", (quantity, slug))
                db.execute(
                    "INSERT INTO lines VALUES (?, ?, ?, ?, ?)",
                    (order, slug, product.name, quantity, product.price),
                )
            db.execute("DELETE FROM basket WHERE visit = ?", (visit,))
            db.execute("UPDATE visits SET draft = NULL WHERE id = ?", (visit,))
        return number

    def orders(self, visit: str) -> list[Order]:
        """Orders of `visit`, oldest first."""
        return read_orders(self._rows("SELECT * FROM orders WHERE visit = ? ORDER BY id", visit), self._rows)

    # help desk

    def tickets(self) -> list[TicketState]:
        """Every ticket, in the order of the inbox."""
        return read_tickets(self._rows)

    def answer(self, ticket: int, text: str) -> None:
        """Add the desk's `text` to the thread."""
        with self._write() as db:
            db.execute("INSERT INTO messages VALUES (?, 'desk', ?)", (ticket, text))

    def set_closed(self, ticket: int, closed: bool) -> None:
        """Close the ticket or open it again."""
        with self._write() as db:
            db.execute("UPDATE tickets SET closed = ? WHERE id = ?", (closed, ticket))

    # inside

    def _fill(self) -> None:
        with self._write() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO about VALUES (?)", (self._plan.seed,))
            for product in self._plan.products:
                db.execute("INSERT INTO stock VALUES (?, ?)", (product.slug, product.stock))
            for ticket in self._plan.tickets:
                values = (ticket.id, ticket.customer, ticket.subject, ticket.closed)
                db.execute("INSERT INTO tickets VALUES (?, ?, ?, ?)", values)
                for author, text in ticket.lines:
                    db.execute("INSERT INTO messages VALUES (?, ?, ?)", (ticket.id, author, text))

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
