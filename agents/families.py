"""The families of tasks that Punchlist knows how to verify: what each consists of, and what proves it done.

A planner fills a family's fields with literal spans of the goal. The family turns them into jobs: one task of
the protocol each, with a stage (what the worker is to do) and a spec (what the verifier will look for). What
cannot be undone is a job of its own, ordered only after everything before it was confirmed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from pydantic import BaseModel, Field, JsonValue

from ..protocols.spec import Check, Criterion, Judge, Schema, Spec
from .checking import checks
from .checking.criteria import LOOK, look_for_reported
from .checking.ordering import Form, Order, field_criteria, item_criteria
from .checking.tickets import Ticket
from .jobs import Job, Results, Work
from .roles import PlannedTask
from .steps import THINK, Stage, Step
from .wording import Span, fold, places, words

__all__ = [
    "FAMILIES",
    "LOOK",
    "Family",
    "Order",
    "Receipt",
    "UnknownFamily",
    "jobs_of",
    "judged",
]


class UnknownFamily(ValueError):
    """A plan names a kind of task that is not known."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no task family {kind!r}; there are {', '.join(FAMILIES)}.")


class Receipt(BaseModel):
    """What placing an order must return: the number that the shop gave it."""

    number: str = Field(min_length=1)


@dataclass(frozen=True)
class Family:
    """A kind of task: what it is called, what it is for, an example, and how it becomes jobs."""

    name: str
    about: str
    example: str
    jobs: Callable[[int, PlannedTask, Sequence[PlannedTask]], list[Job]]


def order_jobs(index: int, task: PlannedTask, _: Sequence[PlannedTask]) -> list[Job]:
    """Cart, details, place: three jobs in one lane; only the last cannot be undone."""
    order, lane, form = Order.of(task), f"order-{index}", Form()
    wished = ", ".join(wish.option for wish in task.wishes)
    preferring = f", {wished} as preferred" if wished else ""
    goods = ", ".join(f"{count} x {name}" for name, count in order.items)

    def cart(_: Results) -> Work:
        return Work(
            Stage("cart", order.steps(), (Step("open cart"),)),
            Spec(item_criteria(order, lane)),
            order.facts(),
        )

    def details(_: Results) -> Work:
        criteria = [
            *field_criteria(order, lane, again=False),
            Check("only asked for", partial(form.only_asked, options=order.options)),
        ]
        review = Step("review", shown=form.see)
        stage = Stage("details", order.fields(form), (review,))
        return Work(stage, Spec(criteria), order.facts())

    def place(_: Results) -> Work:
        criteria: list[Criterion] = [
            Schema(Receipt),
            look_for_reported("the order number is on the page", lane, "number", checks.shows_number),
        ]
        criteria += item_criteria(order, lane)
        criteria += field_criteria(order, lane, again=True, offset=len(order.items))
        criteria.append(Judge("the order was placed", name="second opinion", required=False))
        return Work(
            Stage("place", (), (Step("place", only_on=order.is_theirs),)),
            Spec(criteria),
            order.facts(),
        )

    return [
        Job(f"{index}.cart", f"put {goods} in the cart", lane, (), cart),
        Job(
            f"{index}.details",
            f"fill in the details for {order.name or 'the order'}{preferring}",
            lane,
            (f"{index}.cart",),
            details,
        ),
        Job(
            f"{index}.place",
            f"place the order for {order.name or 'the customer'}",
            lane,
            (f"{index}.details",),
            place,
            irreversible=True,
        ),
    ]


def ticket_jobs(index: int, task: PlannedTask, every: Sequence[PlannedTask]) -> list[Job]:
    """One job in a lane of its own; it waits for the order whose number it quotes."""
    lane = f"ticket-{index}"
    name = next(iter(task.values("name")), "")
    about = next(iter(task.values("about")), "")
    source = f"{task.number_of}.place" if task.number_of is not None else ""

    def work(results: Results) -> Work:
        text = next(iter(task.values("text")), "")
        if source:
            found = results[source]
            text = str(found["number"]) if isinstance(found, dict) else ""
        ticket = Ticket(name, about, text, task.close, fresh=bool(source))
        criteria = ticket.criteria(lane)
        if task.close:
            criteria.append(Judge(f"the ticket of {name} is closed", name="second opinion", required=False))
        facts: dict[str, JsonValue] = {"name": name, "text": text, "closed": task.close}
        return Work(ticket.stage(), Spec(criteria), facts)

    title = f"{'close' if task.close else 'answer'} the ticket of {name}"
    return [Job(f"{index}.ticket", title, lane, (source,) if source else (), work, irreversible=True)]


def use_jobs(index: int, task: PlannedTask, _: Sequence[PlannedTask]) -> list[Job]:
    """One job for a worker with tools: call them, and answer with what they returned."""
    text = next(iter(task.values("text")), "")

    def work(_: Results) -> Work:
        criteria: list[Criterion] = [Check("the answer is what a tool returned", _from_tool)]
        return Work(Stage("use", (Step("use", text, (text,), 1),)), Spec(criteria), {"task": text})

    return [Job(f"{index}.use", text, f"use-{index}", (), work, needs="tools")]


def think_job(goal: str, criteria: Sequence[Criterion] = ()) -> Job:
    """The whole goal as one question to a worker that thinks; without criteria the model is the judge."""

    def work(_: Results) -> Work:
        spec = Spec(
            [*criteria] or [Judge(f"the answer to this is right: {goal}", name="the answer is right")]
        )
        return Work(Stage(THINK, (Step(THINK, goal, (goal,), 1),)), spec, {})

    return Job(f"1.{THINK}", goal, THINK, (), work, needs="strategy")


def _from_tool(result: Any) -> bool | str | None:
    """Whether an answer is what a tool returned, a value in it, or words of it that stand for themselves."""
    said: dict[str, Any] = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    if not said.get("answer"):
        return "there is no answer"
    answer = str(said["answer"])
    found = {_returns(str(value), answer) for value in said.get("returned", [])}
    return True if True in found else None if None in found else "no tool returned it"


def _returns(value: str, answer: str) -> bool | None:
    """Whether a tool returned an answer; None where it returned it as a label whose value is missing."""
    if fold(answer) in {fold(each) for each in (value, *_scalars(value))}:
        return True
    hits = [hit for hit in places(answer, value) if _stands_for_itself(value, hit)]
    if any(char.isalnum() for char in answer) and hits:
        return None if all(re.match(r"[\"']?\s*:", value[hit.end :]) for hit in hits) else True
    return False


def _scalars(value: str) -> list[str]:
    """Every text, number and truth value in a JSON text; none in another."""
    try:
        left: list[Any] = [json.loads(value)]
    except (ValueError, RecursionError):
        return []
    found: list[str] = []
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left += cast("dict[str, Any]", item).values()
        elif isinstance(item, list):
            left += cast("list[Any]", item)
        else:
            found.append(item if isinstance(item, str) else json.dumps(item))
    return found


def _stands_for_itself(text: str, span: Span) -> bool:
    """Whether words of a text mean there what they mean alone: not refused before, no part of a number."""
    before, after = text[: span.start], text[span.end :]
    clause = re.split(r"[.,;:!?\n\"{}\[\]]", before)[-1]
    number = span.text[:1].isdigit()
    refused = NEGATIONS - {"no"} if number else NEGATIONS  # `order no 4711`
    if refused & set(words(clause)) or re.search(r"n['’]t\b", clause, re.IGNORECASE):
        return False
    if number and re.search(r"(?<!\w)[-−]$|\d[.,]$", before):
        return False
    return not (span.text[-1:].isdigit() and re.match(r"[.,]\d", after))


NEGATIONS = frozenset("not no never none without nor neither out cannot".split())
"""Words that turn what stands behind them in a clause into its opposite."""


FAMILIES: dict[str, Family] = {
    "order": Family(
        "order",
        "buy things in a web shop: put them in the cart, fill in the checkout form, place the order",
        "Order 3 red pens and a stapler for Ada Lovelace, standard, deliver on 4 June.",
        order_jobs,
    ),
    "ticket": Family(
        "ticket",
        "answer or close a customer's ticket at a web help desk, also with the number of an order just made",
        'Reply to Ada Lovelace\'s ticket with "it is on its way" and close it.',
        ticket_jobs,
    ),
    "use": Family(
        "use",
        "call a tool that you plugged in, and answer with what it returned",
        "How many mugs are in stock?",
        use_jobs,
    ),
}
"""What can be planned, by name."""


def judged(question: str, criteria: Sequence[Criterion] = ()) -> Spec:
    """A spec that ends with a question for the judge."""
    return Spec([*criteria, Judge(question)])


def jobs_of(tasks: Sequence[PlannedTask]) -> list[Job]:
    """Every job of a plan.

    Raises:
        UnknownFamily: A task is of no known kind.
    """
    jobs: list[Job] = []
    for index, task in enumerate(tasks, 1):
        if task.kind not in FAMILIES:
            raise UnknownFamily(task.kind)
        jobs += FAMILIES[task.kind].jobs(index, task, tasks)
    return jobs
