"""Doubles for the tests of agents: a shop on paper with the face of a browser, and a policy that knows it.

`PaperShop` keeps its goods, orders and tickets in this process and draws the views that a browser would have
drawn, so a whole run takes milliseconds. Faults are switched on one by one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from punchlist.agents import FunctionWorker
from punchlist.protocols import Check
from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.results import ActionResult, Effect, refused
from punchlist.tools.browser.view import Element, Line, View

URL = "http://127.0.0.1:9"
GOAL = (
    "Order 2 green mugs and 1 desk lamp for Ada Lovelace, express; "
    "then close her ticket with the order number."
)
PLAN = (
    "task order\ncount 2\nitem green mugs\ncount 1\nitem desk lamp\nname ada lovelace\noption express\n"
    "task ticket\nname ada lovelace\nnumber 1\nclose\nend"
)
ORDER_GOAL = "Order 2 green mugs for Ada Lovelace, express."
ORDER_PLAN = "task order\ncount 2\nitem green mugs\nname ada lovelace\noption express\nend"
WANTED = {"items": {"Green mug": 2}, "name": "Ada Lovelace", "speed": "Express"}
"""The order of `ORDER_GOAL` as the shop keeps it."""


@dataclass
class Visit:
    """What the shop knows of one visitor."""

    basket: dict[str, int] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=lambda: {"name": "", "speed": "Standard"})
    orders: list[dict[str, Any]] = field(default_factory=list)
    added: int = 0


@dataclass
class Ticket:
    """One ticket of the help desk."""

    customer: str
    said: list[str] = field(default_factory=list)
    closed: bool = False


class PaperShop:
    """A shop and help desk with the face of `Browser`.

    Args:
        loses_quantity: The first thing that a visitor adds goes into the basket once.
        sends_the_wrong_thing: An order takes one thing more than its review said; its page offers it again.

    Attributes:
        hides_orders: No page leads to the orders there are.
        outages: What looks at a page raise, one after another, before it can be seen again.
    """

    def __init__(self, *, loses_quantity: bool = False, sends_the_wrong_thing: bool = False) -> None:
        self.allow = (URL,)
        self.record = None
        self.goods = ["Green mug", "Desk lamp", "Blue mug"]
        self.tickets = [Ticket("Grace Hopper"), Ticket("Ada Lovelace")]
        self.visits: list[Visit] = []
        self.loses_quantity, self.sends_the_wrong_thing = loses_quantity, sends_the_wrong_thing
        self.hides_orders = False
        self.outages: list[Exception] = []
        self.acted: list[str] = []
        self.looked: list[str] = []

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Every order that was placed."""
        return [order for visit in self.visits for order in visit.orders]

    async def open(self, lane: str, storage: Mapping[str, Any] | None = None, url: str | None = None) -> Tab:
        """A visitor, the one that `storage` names or a new one."""
        number = int((storage or {}).get("visit", len(self.visits)))
        if number == len(self.visits):
            self.visits.append(Visit())
        return Tab(self, number, (url or URL).removeprefix(URL) or "/")

    async def close(self) -> None:
        """Nothing is open."""


class Tab:
    """One visitor's session, with the face of `BrowserSession`."""

    crashed = False

    def __init__(self, shop: PaperShop, number: int, path: str) -> None:
        self.shop, self.number, self.path = shop, number, path
        self.typed: dict[str, str] = {}

    @property
    def url(self) -> str:
        return URL + self.path

    @property
    def visit(self) -> Visit:
        return self.shop.visits[self.number]

    async def view(self, budget: int | None = None) -> View:
        await asyncio.sleep(0)
        if self.shop.outages:
            raise self.shop.outages.pop()
        return self._draw()

    async def new_tab_view(self, url: str, budget: int | None = None, patience: float = 0.0) -> View:
        self.shop.looked.append(url)
        return await Tab(self.shop, self.number, url.removeprefix(URL)).view()

    async def load(self, url: str) -> None:
        self.path, self.typed = url.removeprefix(URL) or "/", {}

    async def storage_state(self) -> dict[str, Any]:
        return {"visit": self.number}

    async def close(self) -> None:
        self.path = "/"

    async def gates(self, action: Action) -> tuple[str, ...]:
        return ()

    async def act(self, action: Action, approved: Iterable[str] = ()) -> ActionResult:
        before = self._draw()
        if action.verb in ("done", "cannot", "wait", "back", "scroll", "press"):
            return refused("no_effect")
        element = before.elements[action.target or 0]
        self.shop.acted.append(f"{action.verb} {element.name}{' = ' + action.text if action.text else ''}")
        if action.verb in ("type", "select"):
            self.typed[element.name] = action.text
        else:
            self._click(element.name)
        after = self._draw()
        return ActionResult(
            True, "ok", effect=Effect(url_changed=after.path != before.path, dom_changed=True)
        )

    def _click(self, name: str) -> None:
        verb, _, rest = name.partition(" ")
        typed, self.typed = self.typed, {}
        if verb == "add":
            self.visit.added += 1
            lost = self.shop.loses_quantity and self.visit.added == 1
            self.visit.basket[rest] = 1 if lost else _whole(typed.get(f"quantity of {rest}", ""))
        elif name == "update":
            asked = {key.removeprefix("quantity of "): _whole(value) for key, value in typed.items()}
            self.visit.basket |= {key: value for key, value in asked.items() if key in self.visit.basket}
        elif name == "review":
            self.visit.form |= {
                "name": typed.get("full name", ""),
                "speed": typed.get("delivery", "Standard"),
            }
            self.path = "/review"
        elif name == "place order":
            self._place()
        elif name.startswith("send"):
            ticket = self.shop.tickets[int(self.path.rpartition("/")[2])]
            ticket.said += [typed["reply"]] if typed.get("reply") else []
            ticket.closed = ticket.closed or name == "send and close"
        else:
            self.path = {"shop": "/", "basket": "/basket", "checkout": "/form", "help desk": "/desk"}.get(
                name, self.path
            )
            self.path = "/orders" if name == "your orders" else self.path
            self.path = f"/order/{rest}" if verb == "order" else self.path
            self.path = f"/desk/{rest}" if verb == "ticket" else self.path

    def _place(self) -> None:
        items = dict(self.visit.basket)
        if self.shop.sends_the_wrong_thing:
            items["Blue mug"] = 1
        self.visit.orders.append({"items": items, **self.visit.form})
        self.visit.basket.clear()
        self.path = f"/order/A-{self.number}{len(self.visit.orders)}"

    def _draw(self) -> View:
        sheet = _Sheet(self.typed)
        sheet.link("shop", "basket", "help desk", *(() if self.shop.hides_orders else ("your orders",)))
        visit, rest = self.visit, self.path.rpartition("/")[2]
        if self.path == "/":
            for name in self.shop.goods:
                sheet.row(name, "£4.50", ("textbox", f"quantity of {name}", ""), ("button", f"add {name}"))
        elif self.path == "/basket":
            for name, count in visit.basket.items():
                sheet.row(name, ("textbox", f"quantity of {name}", str(count)), "£4.50")
            sheet.row(*([("button", "update"), ("link", "checkout")] if visit.basket else ["it is empty"]))
        elif self.path == "/form":
            sheet.row(("textbox", "full name", ""))
            sheet.row(("select", "delivery", "Standard"))
            sheet.row(("button", "review"))
        elif self.path == "/review":
            _order_rows(sheet, visit.basket, visit.form)
            sheet.row(("button", "place order"))
        elif self.path == "/orders" and not visit.orders:
            sheet.row("you have no orders yet")
        elif self.path == "/orders":
            for index, order in enumerate(visit.orders, 1):
                sheet.row(("link", f"order A-{self.number}{index}"), order["name"])
        elif self.path.startswith("/order/"):
            order = visit.orders[int(rest[-1]) - 1]
            sheet.row("order number", rest)
            _order_rows(sheet, order["items"], order)
            if self.shop.sends_the_wrong_thing:
                sheet.row(("button", "place order"))
        elif self.path == "/desk":
            for index, ticket in enumerate(self.shop.tickets):
                sheet.row(("link", f"ticket {index}"), ticket.customer, "closed" if ticket.closed else "open")
        else:
            _ticket_rows(sheet, self.shop.tickets[int(rest)])
        return View(self.url, self.path, "paper shop", tuple(sheet.lines))


class _Sheet:
    """Lines of a view in the making; numbers go up from 1."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self.lines: list[Line] = []
        self.typed = typed
        self.count = 0

    def link(self, *names: str) -> None:
        for name in names:
            self.row(("link", name))

    def row(self, *parts: str | tuple[str, ...]) -> None:
        self.lines.append(tuple(part if isinstance(part, str) else self._element(*part) for part in parts))

    def _element(self, role: str, name: str, value: str | None = None) -> Element:
        self.count += 1
        shown = None if value is None else self.typed.get(name, value)
        return Element(self.count, role, name, shown, ("Standard", "Express") if role == "select" else ())


def _order_rows(sheet: _Sheet, items: Mapping[str, int], form: Mapping[str, str]) -> None:
    for name, count in items.items():
        sheet.row(name, str(count), "£4.50")
    sheet.row("full name", form["name"])
    sheet.row("delivery", form["speed"])


def _ticket_rows(sheet: _Sheet, ticket: Ticket) -> None:
    sheet.row("customer", ticket.customer)
    sheet.row("status", "closed" if ticket.closed else "open")
    for text in ticket.said:
        sheet.row("you", text)
    sheet.row(("textbox", "reply", ""))
    sheet.row(("button", "send"), ("button", "send and close"))


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 1


# --- a policy that knows the shop -----------------------------------------------------------------------


def knowing(plan: str, **instead: Callable[[str], str]) -> Callable[[str], str]:
    """Answers every question rightly: the plan as given, the rest by the labels of `PaperShop`.

    Args:
        instead: By role, another answerer; it gets the question.
    """
    roles = {"plan:": "plan", "steps:": "steps", "lesson:": "reflect", "do:": "act"}
    right = {
        "plan": lambda _: plan,
        "steps": order_steps,
        "act": next_action,
        "reflect": lambda _: "quantity",
    }

    def answer(question: str) -> str:
        role = roles[question.splitlines()[-1]]
        return (right | instead)[role](question)

    return answer


def order_steps(question: str) -> str:
    """Every part and then the last step; after a failure, or with a lesson, the counts in the open basket."""
    rows = question.splitlines()
    parts = [row.split(" : ")[0] for row in rows if re.match(r"\d+ : ", row)]
    last = [row.removeprefix("last : ") for row in rows if row.startswith("last : ")]
    wrong = re.findall(r"^failed : (\d+) : .* the page shows", question, re.MULTILINE)
    if wrong:
        return "\n".join([*last, *(f"set {number}" for number in wrong), "end"])
    sets = [f"set {number}" for number in parts] if "note : set each quantity again" in question else []
    return "\n".join([*(f"do {number}" for number in parts), *last, *sets, "end"])


def next_action(question: str) -> str:
    """The next action of a visitor who knows the paper shop."""
    path = question.split()[1]
    step = question.splitlines()[-2].removeprefix("step : ")
    did = re.findall(r"^did : ((?:click|type|select) .*) -> ", question, re.MULTILINE)
    way, acts = _wanted(step)
    links = [f"click {link}" for _, link in way]
    left = acts[len([item for item in did if item not in links]) :]
    if left == acts and way and path != way[-1][0]:
        places = [place for place, _ in way]
        return links[places.index(path) + 1 if path in places else 0]
    number = re.search(r"order number \| (\S+)", question)
    return left[0] if left else f"done {number[1]}" if number and step == "place" else "done"


def _wanted(step: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Pages on the way to a step, each with the link that leads there, and what to do on the last one."""
    _, _, rest = step.partition(" ")
    count, _, item = rest.partition(" x ")
    name = item.removesuffix("s")
    ways: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
        "add": ([("/", "shop")], [f"type quantity of {name} = {count}", f"click add {name}"]),
        "set": ([("/basket", "basket")], [f"type quantity of {name} = {count}", "click update"]),
        "open cart": ([("/basket", "basket")], []),
        "fill": (
            [("/basket", "basket"), ("/form", "checkout")],
            [f"type full {rest.replace(' : ', ' = ', 1)}"],
        ),
        "choose": ([], [f"select delivery = {rest}"]),
        "review": ([], ["click review"]),
        "place": ([], ["click place order"]),
        "open ticket": ([("/desk", "help desk")], [f"click {rest.removeprefix('ticket of ')}"]),
        "reply": ([], [f"type reply = {rest}"]),
        "send": ([], ["click send"]),
        "close": ([], ["click send and close"]),
        "remove": ([("/basket", "basket")], []),
    }
    return ways[next(key for key in ways if step.startswith(key))]


# --- memory ---------------------------------------------------------------------------------------------


class FakeEmbedder:
    """A vector per text that depends on nothing but its bytes."""

    name = "fake"

    def embed(self, texts):
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(384) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


# --- plans ------------------------------------------------------------------------------------------------

FINE = Check("it is there", lambda result: result is not None)


def worker(name: str = "worker", function: Any = lambda brief: brief.goal, **given: Any) -> FunctionWorker:
    """A worker that says its goal, or what a function makes of its brief."""
    return FunctionWorker(name, function, **given)
