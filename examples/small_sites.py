"""Four small sites on loopback for the browser examples: a ledger, a registry, a price shop, a course.

    with PriceShop({"Green mug": "4.50"}) as shop:
        print(shop.url)

They are real servers with real refusals: a wrong password gets a 403, a form with mistakes a 422 and their
list, a booking without a free seat a 409. What they hold is in their attributes, so that a program can be
held against the world that it acted in.
"""

from __future__ import annotations

import re
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

LONGEST_FORM = 64 * 1024
"""Bytes of a form; what is beyond is not read."""


@dataclass(frozen=True)
class Asked:
    """A request as a site sees it; `fields` are those of the address or of the form."""

    method: str
    path: str
    fields: Mapping[str, str]
    cookies: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a site answers with."""

    html: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def page(title: str, body: str, status: int = 200) -> Answer:
    """A page; `title` is text, `body` is HTML."""
    head = f"<meta charset=utf-8><title>{escape(title)}</title><link rel=icon href=data:,>"
    return Answer(
        f"<!doctype html><html lang=en><head>{head}</head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        status,
    )


def see(path: str, cookie: str = "") -> Answer:
    """Lead on to another page."""
    set_cookie = {"Set-Cookie": f"{cookie}; HttpOnly; SameSite=Strict; Path=/"} if cookie else {}
    return Answer("", 303, {"Location": path, **set_cookie})


NOT_HERE = page("Not found", "<p>There is no such page.</p>", 404)


class SmallSite(ABC):
    """A site on a loopback port that the system chooses. A context manager."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def answer(self, asked: Asked) -> Answer:
        """What a request is answered with; one at a time."""

    @property
    def url(self) -> str:
        """Address without a slash at the end.

        Raises:
            RuntimeError: The site does not run.
        """
        if self._server is None:
            raise RuntimeError("the site does not run; use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def one_at_a_time(self, asked: Asked) -> Answer:
        """`answer`, with no other request in it meanwhile."""
        with self._lock:
            return self.answer(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle of an answer is nothing to talk about."""


def _handler(site: SmallSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = min(int(self.headers.get("Content-Length") or 0), LONGEST_FORM)
            sent = self.rfile.read(length).decode() if self.command == "POST" else parts.query
            cookies = {
                name: each.value for name, each in SimpleCookie(self.headers.get("Cookie", "")).items()
            }
            fields = dict(parse_qsl(sent, keep_blank_values=True))
            answer = site.one_at_a_time(Asked(self.command, parts.path, fields, cookies))
            body = answer.html.encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))}
            for name, value in {**headers, "Cache-Control": "no-store", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not worth a line on the terminal."""

    return Handler


def rows(tag: str, lines: Iterable[Iterable[object]]) -> str:
    """Rows of a table with cells of `tag`."""
    cells = ("".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in line) for line in lines)
    return "".join(f"<tr>{line}</tr>" for line in cells)


class Ledger(SmallSite):
    """Invoices behind a login. The page shows the first three; a button shows all.

    Args:
        password: Of `ada`.
        total: What the foot of the table says; None: the sum of the invoices.
    """

    INVOICES = (
        ("2027-031", "Hopper & Co", "2027-03-02", "120.00"),
        ("2027-032", "Babbage Ltd", "2027-03-09", "75.50"),
        ("2027-033", "Hopper & Co", "2027-03-17", "310.00"),
        ("2027-034", "Somerville", "2027-03-21", "42.25"),
        ("2027-035", "Babbage Ltd", "2027-03-30", "18.75"),
    )

    def __init__(self, password: str, total: str | None = None) -> None:
        super().__init__()
        self._password = password
        self.total = total or f"{sum(float(each[3]) for each in self.INVOICES):.2f}"
        self.refused = 0
        self._visits: set[str] = set()

    def answer(self, asked: Asked) -> Answer:
        """See `SmallSite.answer`."""
        if asked.cookies.get("visit") in self._visits and asked.path == "/invoices":
            return self._invoices(every="all" in asked.fields)
        if asked.path == "/login" and asked.method == "POST":
            given = asked.fields.get("name", ""), asked.fields.get("password", "")
            if given[0] == "ada" and secrets.compare_digest(given[1].encode(), self._password.encode()):
                self._visits.add(visit := secrets.token_hex(12))
                return see("/invoices", f"visit={visit}")
            self.refused += 1
            return self._login("<p role=alert>Wrong name or password.</p>", 403)
        return self._login() if asked.path == "/login" else see("/login")

    def _login(self, note: str = "", status: int = 200) -> Answer:
        form = (
            "<form method=post action=/login><p><label>Name <input name=name autocomplete=username></label>"
            "<p><label>Password <input name=password type=password></label><p><button>Log in</button></form>"
        )
        return page("Log in", note + form, status)

    def _invoices(self, every: bool) -> Answer:
        shown = self.INVOICES if every else self.INVOICES[:3]
        head = rows("th", [("Number", "Customer", "Due", "Amount")])
        foot = rows("td", [("Total", f"{len(self.INVOICES)} invoices", "", self.total)])
        more = "" if every else "<form><button name=all value=1>Show all</button></form>"
        table = f"<thead>{head}</thead><tbody>{rows('td', shown)}</tbody><tfoot>{foot}</tfoot>"
        return page("Open invoices", f"<table>{table}</table>{more}")


class PriceShop(SmallSite):
    """A shop with a search, pages of articles, and a basket.

    Args:
        prices: Of each article, in pounds, in the order in which the search lists them.
        cards: Lists articles as cards instead of rows of a table.
        at_the_till: Prices on the pages of articles, where they are others than in the list.
    """

    def __init__(
        self, prices: Mapping[str, str], cards: bool = False, at_the_till: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.prices, self.cards = dict(prices), cards
        self.at_the_till = {**self.prices, **(at_the_till or {})}
        self.basket: list[str] = []

    def answer(self, asked: Asked) -> Answer:
        """See `SmallSite.answer`."""
        named = {re.sub(r"\W+", "-", name.lower()): name for name in self.prices}
        article = named.get(asked.path.removeprefix("/article/"))
        if article is not None:
            if asked.method == "POST":
                self.basket.append(article)
                return see("/basket")
            button = "<form method=post><button>Add to basket</button></form>"
            return page(article, f"<p>Price: £{self.at_the_till[article]}</p>{button}")
        if asked.path == "/basket":
            held = rows("td", [(each, f"£{self.at_the_till[each]}") for each in self.basket])
            return page("Basket", f"<table>{rows('th', [('Article', 'Price')])}{held}</table>")
        if asked.path != "/":
            return NOT_HERE
        return self._list(asked.fields.get("q", ""), {name: path for path, name in named.items()})

    def _list(self, words: str, paths: Mapping[str, str]) -> Answer:
        search = (
            f"<form role=search><label>Search <input type=search name=q value='{escape(words)}'></label>"
            "<button>Find</button></form>"
        )
        found = {name: f"£{price}" for name, price in self.prices.items() if words.lower() in name.lower()}
        links = [
            (f"<a href='/article/{paths[name]}'>{escape(name)}</a>", price) for name, price in found.items()
        ]
        if not found:
            return page("Shop", search + "<p>Nothing was found.</p>")
        if self.cards:
            shown = "".join(f"<article>{link} <span>{price}</span></article>" for link, price in links)
        else:
            lines = "".join(f"<tr><td>{link}</td><td>{price}</td></tr>" for link, price in links)
            shown = f"<table><tr><th>Article</th><th>Price</th></tr>{lines}</table>"
        return page("Shop", search + shown)


class Course(SmallSite):
    """A course that is full until the page has asked `polls` times whether it still is.

    Attributes:
        seats: Free ones now.
        taken: Names on the list.
    """

    SCRIPT = (
        "const ask = async () => { const left = await (await fetch('/seats')).text();"
        " if (seats.textContent != left) { seats.textContent = left; book.disabled = left == '0' }"
        " setTimeout(ask, 50) }; ask()"
    )

    def __init__(self, polls: int = 20, seats: int = 2) -> None:
        super().__init__()
        self._polls, self._opens_with = polls, seats
        self.asked = self.seats = 0
        self.taken: list[str] = []

    def answer(self, asked: Asked) -> Answer:
        """See `SmallSite.answer`."""
        if asked.path == "/seats":
            self.asked += 1
            if self.asked == self._polls:
                self.seats = self._opens_with
            return Answer(str(self.seats))
        if asked.path == "/book" and asked.method == "POST":
            if not self.seats:
                return page("Full", "<p role=alert>The course is full.</p>", 409)
            self.seats -= 1
            self.taken.append(asked.fields.get("name", ""))
            return page("Booked", f"<p>Your seat: {len(self.taken)}</p>")
        form = (
            "<form method=post action=/book><label>Name <input name=name required></label>"
            "<button id=book disabled>Book a seat</button></form>"
        )
        seats = "<p>Seats left: <span id=seats>0</span></p>"
        return page("Pottery for beginners", f"{seats}{form}<script>{self.SCRIPT}</script>")


FORM = (
    ("Full name", "text", ""),
    ("Email", "email", ""),
    ("Telephone", "tel", ""),
    ("Date of birth", "date", ""),
    ("Organisation", "text", ""),
    ("Street", "text", ""),
    ("Town", "text", ""),
    ("Postcode", "text", ""),
    ("Country", "select", "Please choose|France|Germany|United Kingdom"),
    ("Years of practice", "number", ""),
    ("Ticket", "radio", "Student|Regular|Supporter"),
    ("Meals", "select", "Everything|Vegetarian|Vegan"),
    ("Arrival", "date", ""),
    ("Nights", "number", ""),
    ("Talk title", "text", ""),
    ("Talk summary", "textarea", ""),
    ("Emergency contact", "text", ""),
    ("Emergency telephone", "tel", ""),
    ("Newsletter", "checkbox", ""),
    ("I accept the rules", "checkbox", ""),
)
"""Labels, kinds and options of the registry's form."""


class Registry(SmallSite):
    """A long form. The page spells postcodes in its own way, and the site refuses what it cannot use.

    Attributes:
        kept: What was registered, by label.
        spoils: Labels whose values the registry keeps wrongly without a word, with what it keeps.
    """

    def __init__(self, spoils: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.spoils = dict(spoils or {})
        self.kept: list[dict[str, str]] = []

    def answer(self, asked: Asked) -> Answer:
        """See `SmallSite.answer`."""
        if asked.method == "GET" and (number := asked.path.removeprefix("/registration/")).isdecimal():
            if not 0 < int(number) <= len(self.kept):
                return NOT_HERE
            facts = ((label, value) for label, value in self.kept[int(number) - 1].items())
            listed = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
            return page("Registered", f"<p>Your number is {number}.</p><dl>{listed}</dl>")
        if asked.path != "/":
            return NOT_HERE
        if asked.method == "GET":
            return self._form({}, {})
        given = {label: asked.fields.get(_name(label), "").strip() for label, _, _ in FORM}
        if mistakes := dict(_mistakes(given)):
            return self._form(given, mistakes)
        boxes = {label: "yes" if given[label] else "no" for label, kind, _ in FORM if kind == "checkbox"}
        self.kept.append({**given, **boxes, **self.spoils})
        return see(f"/registration/{len(self.kept)}")

    def _form(self, given: Mapping[str, str], mistakes: Mapping[str, str]) -> Answer:
        listed = "".join(f"<li>{escape(label)}: {escape(why)}</li>" for label, why in mistakes.items())
        note = f"<div role=alert><p>Please correct:</p><ul>{listed}</ul></div>" if mistakes else ""
        fields = "".join(f"<p>{_field(label, kind, options, given)}</p>" for label, kind, options in FORM)
        form = f"<form method=post action=/ novalidate>{fields}<button>Register</button></form>"
        return page("Registration", note + form, 422 if mistakes else 200)


def _name(label: str) -> str:
    return label.lower().replace(" ", "_")


def _field(label: str, kind: str, options: str, given: Mapping[str, str]) -> str:
    """A labelled field that holds what was given before."""
    name, held = _name(label), escape(given.get(label, ""))
    if kind == "radio":
        choices = "".join(
            f"<label><input type=radio name={name} value={each}{' checked' * (each == held)}> {each}</label>"
            for each in options.split("|")
        )
        return f"<fieldset><legend>{label}</legend>{choices}</fieldset>"
    if kind == "select":
        listed = "".join(
            f"<option{' selected' * (each == held)}>{each}</option>" for each in options.split("|")
        )
        return f"<label>{label} <select name={name}>{listed}</select></label>"
    if kind == "textarea":
        return f"<label>{label} <textarea name={name} rows=4 maxlength=200>{held}</textarea></label>"
    if kind == "checkbox":
        return f"<label><input type=checkbox name={name}{' checked' * bool(held)}> {label}</label>"
    spelled = "this.value = this.value.toUpperCase()" if label == "Postcode" else ""
    return f"<label>{label} <input type={kind} name={name} value='{held}' onchange='{spelled}'></label>"


def _mistakes(given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Labels of what the registry does not take, with what it wants."""
    for label, kind, _ in FORM:
        if kind == "tel" and not re.fullmatch(r"\+\d[\d ]{6,}", given[label]):
            yield label, "write it with the country, as in +44 20 7946 0018"
        elif kind not in ("checkbox", "tel") and given[label] in ("", "Please choose"):
            yield label, "this is needed"
    if "@" not in given["Email"]:
        yield "Email", "this is no address"
    if not given["Nights"].isdecimal() or not 1 <= int(given["Nights"]) <= 7:
        yield "Nights", "at least 1, at most 7"
    if not given["I accept the rules"]:
        yield "I accept the rules", "nobody is let in without"
