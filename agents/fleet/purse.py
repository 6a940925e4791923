"""The run's budget, for one attempt of an agent elsewhere: it is asked here before each call.

All agents of a run draw on one budget, wherever they live, so no two of them count on the same tokens, money
or calls. Where an attempt ends with a promise that was not given back (the agent was lost or called off in
the middle of a call), all that was promised counts as spent: nobody knows how far the call had come.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..budget import Budget, Held, Part, Promise
from ..spending import CUT_OFF, NOTHING

if TYPE_CHECKING:
    from decimal import Decimal

    from ...core_model.pricing import Bound, Price
    from ...protocols.outcome import Cost
    from ..acting.attempt import Assignment
    from ..mind import Mind


def snapshot(budget: Budget) -> Budget:
    """A budget as it travels: its limits and what is used, without what is promised here.

    Time, and what tools cost, are those of the whole run.
    """
    made = Budget(**{each.name: getattr(budget, each.name) for each in fields(Budget)})
    run = budget
    while isinstance(run, Part):
        run = run.whole
    return replace(made, cost=budget.total(), held=Held(), seconds=run.seconds, tool_costs=run.tool_costs)


class Purse:
    """Answers what an agent elsewhere asks of the budget during one attempt."""

    def __init__(self, order: Assignment, mind: Mind) -> None:
        self._order, self._mind, self._budget = order, mind, mind.budget
        self._promises: dict[str, Promise] = {}
        self._back: set[str] = set()

    def spend(self, **amounts: int | Decimal) -> None:
        """See `Budget.spend`."""
        self._budget.spend(**amounts)  # pyright: ignore[reportArgumentType] its own names come back

    def check(self, *, model_calls: int = 0, money: Decimal = NOTHING) -> Cost:
        """See `Budget.check`. Gives what is used."""
        self._budget.check(model_calls=model_calls, money=money)
        return self._budget.total()

    def left(self) -> float | None:
        """See `Budget.left`."""
        return self._budget.left()

    def room(self) -> int | None:
        """See `Budget.room`."""
        return self._budget.room()

    def purse(self) -> Decimal | None:
        """See `Budget.purse`."""
        return self._budget.purse()

    def take(self, *, tool_calls: int, steps: int) -> None:
        """See `Budget.take`."""
        self._budget.take(tool_calls=tool_calls, steps=steps)

    async def pay(self, tool: str, *, tool_calls: int, steps: int) -> None:
        """See `Budget.pay`."""
        await self._budget.pay(tool, tool_calls=tool_calls, steps=steps)

    async def pay_sum(self, money: Decimal, *, tool_calls: int, steps: int) -> None:
        """See `Budget.pay_sum`."""
        await self._budget.pay_sum(money, tool_calls=tool_calls, steps=steps)

    async def hold(self, ticket: str, bound: Bound, wanted: int, price: Price, *, calls: int) -> int:
        """See `Budget.set_aside`.

        Args:
            ticket: Names the promise, for `release`.

        Returns:
            What `max_tokens` has to be.
        """
        promise = await self._budget.set_aside(bound, wanted, price, calls=calls)
        if ticket in self._back:  # whoever asked has gone meanwhile
            promise.end()
        else:
            self._promises[ticket] = promise
        return promise.most

    def release(self, ticket: str) -> None:
        """A promise is given back, also one that is only asked for yet."""
        self._back.add(ticket)
        promise = self._promises.pop(ticket, None)
        if promise is not None:
            promise.end()

    def close(self) -> None:
        """Count what is still promised as spent, and put it on record."""
        order = self._order
        for promise in self._promises.values():
            spent = {"tokens": promise.tokens, "model_calls": promise.calls}
            self._budget.spend(**spent, money=promise.money)
            promise.end()
            body: dict[str, JsonValue] = {**spent}
            if promise.money:
                body["money"] = str(promise.money)
            self._mind.journal.append(CUT_OFF, body, run=order.run, task=order.task, attempt=order.attempt)
        self._promises.clear()
