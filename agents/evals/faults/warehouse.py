"""A warehouse with shelves, books and letters, five tasks in it, and a scripted clerk who does them.

The tasks are a chain: count what is on a shelf, order what is missing, look up what it costs, write that to
the customer, and note a remark. Four of them have specs that look at the warehouse again; nothing looks at
the remark, as there is always something that nobody thought of.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic import JsonValue

from ....protocols.spec import Check, Criterion, ToolCall, ToolCheck
from ....tools.tool import AnyTool, Found, tool
from ..staging import Part

PartName = Literal["count", "order", "total", "letter", "remark"]

PARTS: tuple[PartName, ...] = ("count", "order", "total", "letter", "remark")
CHECKED: frozenset[PartName] = frozenset({"count", "order", "total", "letter"})
"""Tasks whose result and effect a declared check looks at."""

ITEMS = ("red pens", "blue pens", "green mugs", "desk lamps", "paper clips")
CUSTOMERS = ("ada", "grace", "edsger", "barbara", "alan")
REMARKS = ("leave it at the door", "ring twice", "wrap it as a gift", "call before noon")
OPENER = {"count": "count", "order": "order", "find": "total", "write": "letter", "note": "remark"}
"""First word of a task's text -> its name."""


FIRST = 4000
"""Orders of the run have numbers from here up; those that were there before lie below."""


class Meddler:
    """What stands between the clerk, the tools and the messages; this one leaves everything as it is."""

    def returned(self, called: str, value: JsonValue) -> JsonValue:
        """What a tool returns to its caller."""
        return value

    def takes_effect(self, called: str) -> bool:
        """Whether a call changes the warehouse."""
        return True

    def says(self, part: str, honest: str) -> str:
        """What the clerk's model says."""
        return honest


@dataclass
class Warehouse:
    """The world: what is really there. Nobody meddles with it but the tools.

    Attributes:
        shelves: Units by item.
        prices: Of one unit, in cents.
        wanted: Units that there should be of `item`.
        orders: Of each customer: number, item, count.
    """

    item: str
    customer: str
    words: str
    wanted: int
    shelves: dict[str, int]
    prices: dict[str, int]
    orders: dict[str, list[tuple[int, str, int]]] = field(
        default_factory=dict[str, list[tuple[int, str, int]]]
    )
    letters: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    remarks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def stocked(cls, rng: random.Random) -> Warehouse:
        """A warehouse with something missing, and other customers' orders in its books."""
        item, customer = rng.choice(ITEMS), rng.choice(CUSTOMERS)
        shelves = {each: rng.randint(12, 60) for each in ITEMS}
        made = cls(
            item,
            customer,
            rng.choice(REMARKS),
            shelves[item] + rng.randint(12, 39),
            shelves,
            {each: rng.randint(105, 990) for each in ITEMS},
        )
        for number, other in enumerate(each for each in CUSTOMERS if each != customer):
            made.orders[other] = [(1000 + number, rng.choice(ITEMS), rng.randint(2, 9))]
        return made

    @property
    def missing(self) -> int:
        """Units to order."""
        return self.wanted - self.shelves[self.item]

    def cost(self, customer: str) -> int:
        """What a customer's orders cost, in cents."""
        return sum(self.prices[item] * count for _, item, count in self.orders.get(customer, []))

    def is_right(self) -> bool:
        """Whether everything that was to happen has happened, once, and nothing else."""
        return self._happened() == self._wanted()

    def is_undamaged(self) -> bool:
        """Whether nothing has happened that was not to happen; what is missing can still be done."""
        return self._happened() <= self._wanted()

    def _wanted(self) -> Counter[tuple[str, str, str]]:
        text = f"your total is {self.missing * self.prices[self.item]}"
        return Counter(
            [
                ("order", self.customer, f"{self.missing} {self.item}"),
                ("letter", self.customer, text),
                ("remark", self.customer, self.words),
            ]
        )

    def _happened(self) -> Counter[tuple[str, str, str]]:
        ordered = [
            ("order", who, f"{count} {item}")
            for who, orders in self.orders.items()
            for number, item, count in orders
            if number >= FIRST
        ]
        written = [("letter", who, text) for who, texts in self.letters.items() for text in texts]
        kept = [("remark", who, text) for who, texts in self.remarks.items() for text in texts]
        return Counter([*ordered, *written, *kept])

    def tools(self, between: Meddler) -> list[AnyTool]:
        """Five tools for the clerk and two for who looks again; `between` meddles with the clerk's.

        Whether an order was placed or a letter sent can be asked of the books; of a remark it cannot.
        """

        @tool(effect="read")
        def stock(item: str) -> int:
            """Units of an item on its shelf."""
            return cast("int", between.returned("stock", self.shelves.get(item, 0)))

        def placed(item: str, count: int, customer: str) -> Found | None:
            same = (number for number, *rest in self.orders.get(customer, []) if rest == [item, count])
            found = next((number for number in same if number >= FIRST), None)
            return None if found is None else Found(found)

        @tool(effect="write", recovery="queryable", outcome_of=placed)
        def place(item: str, count: int, customer: str) -> int:
            """Order units of an item for a customer; gives the order's number."""
            number = FIRST + 137 * sum(map(len, self.orders.values()))
            if between.takes_effect("place"):
                self.orders.setdefault(customer, []).append((number, item, count))
            return cast("int", between.returned("place", number))

        @tool(effect="read")
        def total(customer: str) -> int:
            """What a customer's orders cost, in cents."""
            return cast("int", between.returned("total", self.cost(customer)))

        def sent(customer: str, text: str) -> Found | None:
            return Found("sent") if text in self.letters.get(customer, []) else None

        @tool(effect="write", recovery="queryable", outcome_of=sent)
        def send(customer: str, text: str) -> str:
            """Write a customer a letter."""
            if between.takes_effect("send"):
                self.letters.setdefault(customer, []).append(text)
            return cast("str", between.returned("send", "sent"))

        @tool(effect="write")
        def keep(customer: str, text: str) -> str:
            """Keep a remark about a customer."""
            if between.takes_effect("keep"):
                self.remarks.setdefault(customer, []).append(text)
            return cast("str", between.returned("keep", "kept"))

        return [stock, place, total, send, keep, *self.looks()]

    def looks(self) -> list[AnyTool]:
        """Tools for who looks again."""

        @tool(effect="read")
        def orders_of(customer: str) -> list[list[Any]]:
            """A customer's orders: item and count of each."""
            return [[item, count] for _, item, count in self.orders.get(customer, [])]

        @tool(effect="read")
        def letters_to(customer: str) -> list[str]:
            """Every letter to a customer."""
            return self.letters.get(customer, [])

        return [orders_of, letters_to]

    def parts(self) -> list[Part]:
        """The chain of tasks, each with its spec."""
        who, item = self.customer, self.item

        def counted(results: Mapping[str, JsonValue]) -> int:
            return self.wanted - _number(results["count"])

        def order(results: Mapping[str, JsonValue]) -> Sequence[Criterion]:
            there: JsonValue = [[item, counted(results)]]
            return [
                ToolCheck("the books have this order, once", ToolCall("orders_of", {"customer": who}), there),
                Check("the books have this number", self._has_number),
            ]

        def letter(results: Mapping[str, JsonValue]) -> Sequence[Criterion]:
            text: JsonValue = [f"your total is {_number(results['total'])}"]
            return [
                ToolCheck("it was sent, once", ToolCall("letters_to", {"customer": who}), text),
                Check("it is said to be sent", lambda result: result["answer"] == "sent"),
            ]

        return [
            Part(
                "count", lambda _: f"count the {item}", lambda _: [Check("as on the shelf", self._on_shelf)]
            ),
            Part("order", lambda found: f"order {counted(found)} {item} for {who}", order, ("count",)),
            Part("total", lambda _: f"find the total of {who}", lambda _: [self._costs()], ("order",)),
            Part(
                "letter",
                lambda found: f"write {who} the words your total is {_number(found['total'])}",
                letter,
                ("total",),
            ),
            Part(
                "remark",
                lambda _: f"note for {who} the words {self.words}",
                lambda _: [Check("it says something", lambda result: bool(result["answer"]))],
                ("letter",),
            ),
        ]

    def _on_shelf(self, result: Any) -> bool | str:
        there = self.shelves[self.item]
        return _number(result) == there or f"there are {there}"

    def _has_number(self, result: Any) -> bool | str:
        numbers = [number for number, _, _ in self.orders.get(self.customer, [])]
        return _number(result) in numbers or f"the books have {numbers}"

    def _costs(self) -> Check:
        def costs(result: Any) -> bool | str:
            cost = self.cost(self.customer)
            return _number(result) == cost or f"it costs {cost}"

        return Check("as in the books", costs)


def _number(result: Any) -> int:
    """The number that a result's answer is; -1 where it is none."""
    said = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    answer = str(said.get("answer", ""))
    return int(answer) if answer.isdigit() else -1


def clerk(text: str) -> str:
    """What an honest clerk says to a question: the one call of the task, then its result.

    It believes what it read last, tools and texts alike.
    """
    asked, mark, task = text.rpartition("task : ")
    if not mark:
        return "look again at the results"  # the lesson of a failure
    done = re.findall(r"did : .* -> (.*)", asked)
    if done:
        return "cannot" if done[-1].startswith("error") else f"answer {done[-1]}"
    return _call(task.partition("\n")[0])


def _call(task: str) -> str:
    """The call of a task's text; what was corrected counts as it was said last."""
    if found := re.findall(r"order (\d+) (.*?) for (\w+)", task):
        count, item, who = found[-1]
        return f"call place\n item {item}\n count {count}\n customer {who}\nend"
    if found := re.findall(r"find the total of (\w+)", task):
        return f"call total\n customer {found[-1]}\nend"
    if found := re.findall(r"write (\w+) the words (.*?)(?= \.|$)", task):
        return f"call send\n customer {found[-1][0]}\n text {found[-1][1]}\nend"
    if found := re.findall(r"note for (\w+) the words (.*?)(?= \.|$)", task):
        return f"call keep\n customer {found[-1][0]}\n text {found[-1][1]}\nend"
    return f"call stock\n item {re.findall(r'count the (.*?)(?= [.]|$)', task)[-1]}\nend"


def part_of(text: str) -> str:
    """Which task a question to the clerk is about; empty where it is about none."""
    task = text.rpartition("task : ")[2] if "task : " in text else ""
    return OPENER.get(task.partition(" ")[0], "")
