"""The families of tasks that Punchlist knows how to verify: what each consists of, and what proves it done.

A planner fills a family's fields with literal spans of the goal. The family turns them into jobs: one task of
the protocol each, with a stage (what the worker is to do) and a spec (what the verifier will look for). What
cannot be undone is a job of its own, ordered only after everything before it was confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from pydantic import BaseModel, Field, JsonValue

from ..protocols.spec import Check, Criterion, Judge, Schema, Spec, ToolCall, ToolCheck
from ..tools.browser.view import TEXT_ROLES, View
from . import checks
from .checks import Page
from .claims import holds_value
from .roles import PlannedTask
from .steps import Stage, Step
from .wording import count_of, fold

Results = Mapping[str, JsonValue]
"""Results of confirmed jobs by job id."""


class UnknownFamily(ValueError):
    """A plan names a kind of task that is not known."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no task family {kind!r}; there are {', '.join(FAMILIES)}.")


class Receipt(BaseModel):
    """What placing an order must return: the number that the shop gave it."""

    number: str = Field(min_length=1)


@dataclass(frozen=True)
class Work:
    """A job made concrete: what to do, and what proves it."""

    stage: Stage
    spec: Spec
    facts: dict[str, JsonValue]


@dataclass(frozen=True)
class Job:
    """One task of the protocol, before it is assigned.

    Attributes:
        id: `2.place`: number of the planned task and stage.
        title: For people.
        lane: Jobs of one lane share a browsing session, one after another.
        after: Jobs whose confirmed results it needs.
        make: Builds stage and spec out of those results.
        needs: What a worker must have: `browser` or `tools`.
        irreversible: Its last step cannot be undone; before another attempt the world is asked first.
    """

    id: str
    title: str
    lane: str
    after: tuple[str, ...]
    make: Callable[[Results], Work]
    needs: str = "browser"
    irreversible: bool = False


@dataclass(frozen=True)
class Family:
    """A kind of task: what it is called, what it is for, an example, and how it becomes jobs."""

    name: str
    about: str
    example: str
    jobs: Callable[[int, PlannedTask, Sequence[PlannedTask]], list[Job]]


@dataclass(frozen=True)
class Order:
    """An order as the goal spells it."""

    items: tuple[tuple[str, int], ...]
    name: str
    options: tuple[str, ...]
    date: str

    @classmethod
    def of(cls, task: PlannedTask) -> Order:
        """Read an order out of its fields. A count that is no number becomes 0 and fails the plan's check."""
        counts = [count_of(text) or 0 for text in task.values("count")]
        items = tuple(zip(task.values("item"), counts, strict=False))
        return cls(
            items,
            next(iter(task.values("name")), ""),
            tuple(task.values("option")),
            next(iter(task.values("date")), ""),
        )

    def facts(self) -> dict[str, JsonValue]:
        """As JSON, under the names that a result model may ask for."""
        return {
            "items": [{"name": name, "count": count} for name, count in self.items],
            "name": self.name, "options": list(self.options), "date": self.date,
        }  # fmt: skip

    def steps(self) -> tuple[Step, ...]:
        """The steps that put the items into the cart."""
        return tuple(
            Step("add", f"{count} x {name}", (str(count), name), index)
            for index, (name, count) in enumerate(self.items, 1)
        )

    def fields(self) -> tuple[Step, ...]:
        """The steps that fill the form, in a fixed order."""
        steps = [Step("fill", f"name : {self.name}", (self.name,))] if self.name else []
        if self.date:
            steps.append(Step("fill", f"date : {self.date}", (self.date,)))
        steps += [Step("choose", option) for option in self.options]
        return tuple(
            replace(step, part=index, shown=partial(_view_holds, step=step))
            for index, step in enumerate(steps, 1)
        )


def _view_holds(view: View, step: Step) -> bool:
    """Whether a field or choice of the page is already as the step wants it."""
    fields = Page("", "", "", (), Page.of(view).fields)
    return (
        holds_value(fields, step.spans[0]) if step.spans else checks.shows_option(fields, step.text) is True
    )


LOOK = "look"
"""The verifier's tool: look at the lane's page. `again` loads it anew in a tab of its own."""


def look(
    name: str, lane: str, expect: Callable[[Page], bool | str | None], *, again: bool = True
) -> ToolCheck:
    """A criterion that a page must show something."""
    call = ToolCall(LOOK, {"lane": lane, "again": again})
    return ToolCheck(name, call, partial(_on_page, expect))


def _on_page(expect: Callable[[Page], bool | str | None], value: Any) -> bool | str | None:
    return expect(Page.read(value))


NOT_ASKED = "not asked for"


def item_criteria(order: Order, lane: str) -> list[Criterion]:
    """Each item once with its count, and nothing else."""
    names = [name for name, _ in order.items]
    found: list[Criterion] = [
        look(f"{step.part} : {step.text}", lane, partial(_has_item, name=name, count=count))
        for step, (name, count) in zip(order.steps(), order.items, strict=True)
    ]
    return [*found, look(NOT_ASKED, lane, partial(_only_items, names=names))]


def _has_item(page: Page, name: str, count: int) -> bool | str | None:
    return checks.holds_item(page, name, count)


def _only_items(page: Page, names: list[str]) -> bool | str | None:
    return checks.holds_nothing_else(page, names)


def field_criteria(order: Order, lane: str, *, again: bool, offset: int = 0) -> list[Criterion]:
    """Each field of the form as the page shows it, and no option that nobody asked for."""
    found: list[Criterion] = []
    for step in order.fields():
        expect: Callable[[Page], bool | str | None]
        if step.text.startswith("name : "):
            expect = partial(_shows_name, name=order.name)
        elif step.text.startswith("date : "):
            expect = partial(_shows_date, date=order.date)
        else:
            expect = partial(_shows_option, option=step.text)
        found.append(look(f"{step.part + offset} : {step.text}", lane, expect, again=again))
    return [
        *found,
        look("option " + NOT_ASKED, lane, partial(_unasked, options=list(order.options)), again=again),
    ]


def _shows_name(page: Page, name: str) -> bool | str | None:
    values = [value for role, _, value in page.fields if role == "textbox"]
    return True if any(fold(value) == fold(name) for value in values) else checks.shows_text(page, name)


def _shows_date(page: Page, date: str) -> bool | str | None:
    return checks.shows_day(page, date)


def _shows_option(page: Page, option: str) -> bool | str | None:
    return checks.shows_option(page, option)


def _unasked(page: Page, options: list[str]) -> bool | str | None:
    return checks.nothing_unasked(page, options)


def order_jobs(index: int, task: PlannedTask, _: Sequence[PlannedTask]) -> list[Job]:
    """Cart, details, place: three jobs in one lane; only the last cannot be undone."""
    order, lane = Order.of(task), f"order-{index}"
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
            Check("only asked for", partial(_only_asked, order=order)),
        ]
        return Work(Stage("details", order.fields(), (Step("review"),)), Spec(criteria), order.facts())

    def place(_: Results) -> Work:
        criteria: list[Criterion] = [
            Schema(Receipt),
            look("the order number is on the page", lane, _numbered),
        ]
        criteria += item_criteria(order, lane)
        criteria += field_criteria(order, lane, again=True, offset=len(order.items))
        criteria.append(Judge("the order was placed", name="second opinion", required=False))
        return Work(
            Stage("place", (), (Step("place", only_on=partial(_view_is_theirs, name=order.name)),)),
            Spec(criteria),
            order.facts(),
        )

    return [
        Job(f"{index}.cart", f"put {goods} in the cart", lane, (), cart),
        Job(
            f"{index}.details",
            f"fill in the details for {order.name or 'the order'}",
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


def _numbered(page: Page) -> bool | str | None:
    shown = any(any(char.isdigit() for char in cell) for row in page.rows for cell in row)
    return True if shown else "no number on the page"


def _only_asked(result: Any, order: Order) -> bool | str | None:
    """Whether every choice that the worker made in the form goes back to a word of the goal."""
    reported: dict[str, Any] = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    changes: list[dict[str, str]] = reported.get("changes", [])
    typed: dict[str, str] = {}
    for change in changes:
        kind, name, text = change["role"], change["name"], change["text"]
        if kind in TEXT_ROLES and typed.setdefault(text, name) != name:
            return f"typed {text!r} into {name!r} as well"
        if kind == "select" and not any(
            checks.root_words(option) <= checks.root_words(text) for option in order.options
        ):
            return f"chose {text!r}, which the goal does not say"
        if kind in ("radio", "checkbox"):
            said = checks.root_words(name)
            agreed = said & {"term", "condition", "agree", "accept"}
            if not agreed and not any(checks.root_words(option) & said for option in order.options):
                return f"ticked {name!r}, which the goal does not say"
    return True


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
        opened = Step("open ticket", f"of {name}" + (f" about {about}" if about else ""), (name,), 1)
        said = partial(_view_says, text=text)
        theirs = partial(_view_is_theirs, name=name, about=about)
        parts = (opened, Step("reply", text, (text,), 2, said, theirs)) if text else (opened,)
        last = Step("send", shown=said if text else None, only_on=theirs)
        if task.close:
            last = Step("close", shown=_view_closed, only_on=theirs)
        criteria: list[Criterion] = [
            look(f"1 : open ticket of {name}", lane, partial(_is_theirs, name=name, about=about))
        ]
        if text:
            criteria.append(look(f"2 : reply {text}", lane, partial(_said, text=text)))
        if task.close:
            criteria.append(look("the ticket is closed", lane, checks.ticket_is_closed))
            criteria.append(Judge(f"the ticket of {name} is closed", name="second opinion", required=False))
        else:
            criteria.append(look("the ticket stays open", lane, _stays_open))
        facts: dict[str, JsonValue] = {"name": name, "text": text, "closed": task.close}
        return Work(Stage("ticket", parts, (last,)), Spec(criteria), facts)

    title = f"{'close' if task.close else 'answer'} the ticket of {name}"
    return [Job(f"{index}.ticket", title, lane, (source,) if source else (), work, irreversible=True)]


def _is_theirs(page: Page, name: str, about: str) -> bool | str | None:
    """Whether a page is about this person, and about this subject where one is named."""
    shown = _shows_name(page, name)
    return checks.shows_text(page, about) if shown is True and about else shown


def _said(page: Page, text: str) -> bool | str | None:
    """Whether the words stand in the thread once (not merely in a field that was not sent)."""
    unsent = {fold(value) for role, _, value in page.fields if role == "textbox"}
    rows = tuple(tuple(cell for cell in row if fold(cell) not in unsent) for row in page.rows)
    if sum(fold(cell) == fold(text) for row in rows for cell in row) > 1:
        return "it stands there more than once"
    return checks.shows_text(Page(page.url, page.path, page.title, rows, ()), text)


def _view_is_theirs(view: View, name: str, about: str = "") -> bool:
    return _is_theirs(Page.of(view), name, about) is True


def _view_says(view: View, text: str) -> bool:
    return _said(Page.of(view), text) is True


def _view_closed(view: View) -> bool:
    return checks.ticket_is_closed(Page.of(view)) is True


def _stays_open(page: Page) -> bool | str | None:
    closed = checks.ticket_is_closed(page)
    return None if closed is None else "it is closed" if closed is True else True


def use_jobs(index: int, task: PlannedTask, _: Sequence[PlannedTask]) -> list[Job]:
    """One job for a worker with tools: call them, and answer with what they returned."""
    text = next(iter(task.values("text")), "")

    def work(_: Results) -> Work:
        criteria: list[Criterion] = [Check("the answer is what a tool returned", _from_tool)]
        return Work(Stage("use", (Step("use", text, (text,), 1),)), Spec(criteria), {"task": text})

    return [Job(f"{index}.use", text, f"use-{index}", (), work, needs="tools")]


def _from_tool(result: Any) -> bool | str | None:
    said: dict[str, Any] = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    answer = fold(str(said.get("answer") or ""))
    if not said.get("answer"):
        return "there is no answer"
    returned = [fold(str(value)) for value in said.get("returned", [])]
    return True if any(answer in value for value in returned) else "no tool returned it"


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
