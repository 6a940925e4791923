"""An order as the goal spells it: the steps that place it, and what its pages must show.

Does not cover: what an order is made of beyond items, person, day and options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from pydantic import JsonValue

from ...protocols.spec import Criterion
from ...tools.browser.view import TEXT_ROLES, View
from ..planning.reading import PlannedTask
from ..steps import Step
from ..wish import PREFERRED, Wish
from ..wording import count_of, words
from . import checks, extras
from .checks import NOT, Page, holds_value, root_words
from .criteria import Expect, look
from .options import KINDS, shows_option


@dataclass
class Form:
    """The fields of a form as a worker's looks have shown them: how each was found, and how it stands.

    A worker looks after every action, so this is what was sent off. Without a look (a run that was resumed)
    what the worker reports to have changed stands in for it.
    """

    first: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    last: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def see(self, view: View) -> bool:
        """Take in a page; False, for to have seen it ends no step."""
        for role, name, value in Page.of(view).fields:
            self.first.setdefault((role, name), value)
            self.last[role, name] = value
        return False

    def only_asked(self, result: Any, options: Sequence[str]) -> bool | str | None:
        """Whether every choice that the form holds goes back to a word of the goal; an undone one is none.

        A choice that stood there before counts where it costs something, or is an insurance or the like.
        """
        reported: dict[str, Any] = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
        changes: list[dict[str, str]] = reported.get("changes", [])
        typed: dict[str, str] = {}
        for key, text in self._standing(changes).items():
            role, name = key
            if role in TEXT_ROLES and typed.setdefault(text, name) != name:
                return f"typed {text!r} into {name!r} as well"
            if role == "select" and not extras.is_asked(text, options):
                return f"chose {text!r}, which the goal does not say"
            plain = extras.is_mere(name, extras.AGREED) or extras.is_asked(name, options)
            if role in ("radio", "checkbox") and not plain:
                return f"ticked {name!r}, which the goal does not say"
        found = [_preset(role, name, text, options) for (role, name), text in self.last.items()]
        return next((extra for extra in found if isinstance(extra, str)), None if None in found else True)

    def _standing(self, changes: Sequence[dict[str, str]]) -> dict[tuple[str, str], str]:
        """What was changed and is so still, and every tick that is on, by role and name."""
        found: dict[tuple[str, str], str] = {}
        for change in changes:
            key = change["role"], change["name"]
            value = self.last.get(key, change["text"] or "on")
            if value not in ("", "off") and not (key in self.last and self.first[key] == value):
                found[key] = value
        ticks = (key for key, value in self.last.items() if key[0] == "checkbox" and value == "on")
        return found | dict.fromkeys(ticks, "on")


def _preset(role: str, name: str, value: str, options: Sequence[str]) -> bool | str | None:
    """Whether what a radio or select holds costs nothing, was asked for, or must be chosen in every order.

    That is how it is delivered and paid. Of another choice with a price it cannot be told.
    """
    if role not in ("radio", "select") or (role == "radio" and value != "on"):
        return True
    chosen, about = (name, name) if role == "radio" else (value, f"{name} {value}")
    paid = extras.costs(chosen)
    if extras.is_asked(about, options) or (not paid and _declines(chosen)):
        return True
    if extras.is_extra(about):
        return f"{chosen!r} is chosen, which the goal does not say"
    needed = any(root_words(about) & kind.options or set(words(about)) & kind.labels for kind in KINDS)
    return True if not paid or needed or set(words(about)) & CARRIERS else None


def _declines(chosen: str) -> bool:
    """Whether a choice that costs nothing chooses nothing: it says no, is free, or asks to choose."""
    said = [word for word in words(chosen) if word[0].isalnum()]
    free = extras.PRICE.search(chosen) is not None
    return free or not said or said[0] in DECLINED or said[1:3] in (["do", "not"], ["don", "t"])


DECLINED = NOT | frozenset("please choose select pick decline 0".split())
"""First words of a choice that chooses nothing."""

CARRIERS = frozenset("dhl ups dpd gls fedex usps evri hermes mail tracked day days".split())
"""Words of ways of delivery that have a price in most shops."""


@dataclass(frozen=True)
class Order:
    """An order as the goal spells it.

    Attributes:
        options: As the goal says them, and behind them those that the user prefers.
        wishes: The latter, with the preferences that they are from.
    """

    items: tuple[tuple[str, int], ...]
    name: str
    options: tuple[str, ...]
    date: str
    wishes: tuple[Wish, ...] = ()

    @classmethod
    def of(cls, task: PlannedTask) -> Order:
        """Read an order out of its fields. A count that is no number becomes 0 and fails the plan's check."""
        counts = [count_of(text) or 0 for text in task.values("count")]
        items = tuple(zip(task.values("item"), counts, strict=False))
        return cls(
            items,
            next(iter(task.values("name")), ""),
            (*task.values("option"), *(wish.option for wish in task.wishes)),
            next(iter(task.values("date")), ""),
            task.wishes,
        )

    def facts(self) -> dict[str, JsonValue]:
        """As JSON, under the names that a result model may ask for; what is only preferred is said to be."""
        found: dict[str, JsonValue] = {
            "items": [{"name": name, "count": count} for name, count in self.items],
            "name": self.name, "options": list(self.options), "date": self.date,
        }  # fmt: skip
        preferred: list[JsonValue] = [wish.told() for wish in self.wishes]
        if preferred:
            found[PREFERRED] = preferred
        return found

    def steps(self) -> tuple[Step, ...]:
        """The steps that put the items into the cart."""
        return tuple(
            Step("add", f"{count} x {name}", (str(count), name), index)
            for index, (name, count) in enumerate(self.items, 1)
        )

    def fields(self, form: Form | None = None) -> tuple[Step, ...]:
        """The steps that fill the form, in a fixed order; `form` sees the pages on which they are taken."""
        steps = [Step("fill", f"name : {self.name}", (self.name,))] if self.name else []
        if self.date:
            steps.append(Step("fill", f"date : {self.date}", (self.date,)))
        steps += [Step("choose", option) for option in self.options]
        return tuple(
            replace(step, part=index, shown=partial(_view_holds, step=step, form=form or Form()))
            for index, step in enumerate(steps, 1)
        )

    def is_theirs(self, view: View) -> bool:
        """Whether a page shows whom the order is for."""
        return checks.shows_name(Page.of(view), self.name) is True


def _view_holds(view: View, step: Step, form: Form) -> bool:
    """Whether a field or choice of the page is already as the step wants it."""
    form.see(view)
    fields = Page("", "", "", (), Page.of(view).fields)
    return holds_value(fields, step.spans[0]) if step.spans else shows_option(fields, step.text) is True


NOT_ASKED = "not asked for"


def item_criteria(order: Order, lane: str) -> list[Criterion]:
    """Each item once with its count, and nothing else."""
    names = [name for name, _ in order.items]
    found: list[Criterion] = [
        look(f"{step.part} : {step.text}", lane, partial(checks.holds_item, name=name, count=count))
        for step, (name, count) in zip(order.steps(), order.items, strict=True)
    ]
    nothing_else = partial(extras.holds_nothing_else, names=names, options=order.options)
    return [*found, look(NOT_ASKED, lane, nothing_else)]


def field_criteria(order: Order, lane: str, *, again: bool, offset: int = 0) -> list[Criterion]:
    """Each field of the form as the page shows it, and no option that nobody asked for."""
    found: list[Criterion] = []
    for step in order.fields():
        expect: Expect
        if step.text.startswith("name : "):
            expect = partial(checks.shows_name, name=order.name)
        elif step.text.startswith("date : "):
            expect = partial(checks.shows_day, said=order.date)
        else:
            expect = partial(shows_option, said=step.text)
        made = look(f"{step.part + offset} : {step.text}", lane, expect, again=again)
        wished = step.verb == "choose" and step.text in {wish.option for wish in order.wishes}
        found.append(replace(made, required=False) if wished else made)
    names = [name for name, _ in order.items]
    nothing_unasked = partial(extras.nothing_unasked, said=order.options, names=names)
    return [*found, look("option " + NOT_ASKED, lane, nothing_unasked, again=again)]
