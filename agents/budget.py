"""What a run may use and has used: tokens, calls, steps, seconds, money. Checked before it is spent.

A call is let through only if the most that it can come to still fits, beside what other calls under way were
promised. Money is counted in decimals.

The limits are those of the whole run, however often it was interrupted: `used` reads from the journal what
its earlier processes have spent. Does not cover: what a killed process spent after the last row it wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ..core_model.pricing import Bound, Price
from ..protocols.messages import new_id
from ..protocols.outcome import Cost
from ..protocols.records import replace
from .spending import NOTHING, SITTING, answer_cost, tool_costs_of, used

__all__ = [
    "NOTHING",
    "SITTING",
    "Budget",
    "BudgetExhausted",
    "Held",
    "MoneyOverdrawn",
    "Part",
    "PriceMissing",
    "Promise",
    "answer_cost",
    "tool_costs_of",
    "used",
]

REMEDIES = {
    "money": "`punchlist resume FILE --money AMOUNT`",
    "tokens": "`punchlist resume FILE --tokens N`",
    "seconds": "`punchlist resume FILE --seconds N`",
    "model calls": "`punchlist think --resume FILE --calls N`",
    "steps": "`Manager(..., steps=N).resume(FILE)`",
}


class BudgetExhausted(Exception):
    """A limit of the run's budget is reached. What was done so far is kept, and the run can be resumed.

    Attributes:
        of: Mark of the budget whose limit it is, that of the run or of the share of a task; "" if unknown.
    """

    def __init__(self, what: str, limit: float | Decimal, of: Budget | None = None) -> None:
        self.what, self.limit, self.of = what, limit, "" if of is None else of.mark
        remedy = REMEDIES.get(what)
        shown = limit if isinstance(limit, Decimal) else f"{limit:g}"
        super().__init__(
            f"The run's budget of {shown} {what} is used up: what comes next does not fit in. "
            f"Resume it with a larger budget{': ' + remedy if remedy else ''}."
        )


class PriceMissing(ValueError):
    """A run has a budget of money, and nobody has said what its model costs."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(
            f"The run has a budget of money, and model {model!r} has no price. Give it one: "
            'load_model(URL, price=Price("2.50", "10")), per million tokens of prompt and answer; or --price.'
        )


class MoneyOverdrawn(ValueError):
    """Subtasks were promised more money than their task has left."""

    def __init__(self, task: str, promised: Decimal, available: Decimal) -> None:
        self.task, self.promised, self.available = task, promised, available
        super().__init__(
            f"The children of task {task!r} were promised {promised} of money, but {available} is available. "
            "Give them less, or raise the budget of the parent."
        )


@dataclass
class Held:
    """What calls under way may still come to: promised to them, so that no two of them count on the same."""

    tokens: int = 0
    money: Decimal = NOTHING
    calls: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list["asyncio.Future[None]"])

    def add(self, tokens: int, money: Decimal, calls: int = 0) -> None:
        """Promise more, or take it back and let those look again who wait for room."""
        self.tokens, self.money, self.calls = self.tokens + tokens, self.money + money, self.calls + calls
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    @property
    def waited_for(self) -> bool:
        """Whether anything is promised."""
        return bool(self.tokens or self.money or self.calls)

    async def change(self) -> None:
        """Wait until something is promised or taken back."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiting)
        await waiting


@dataclass
class Promise:
    """What a call under way was promised, until it has ended.

    Attributes:
        most: What `max_tokens` of the call has to be, so that the budget of tokens holds.
        tokens, money, calls: What nobody else counts on meanwhile.
    """

    budget: Budget
    most: int
    tokens: int
    money: Decimal
    calls: int
    _over: bool = False

    def end(self) -> None:
        """Take it back, once; what the call cost was spent before."""
        if not self._over:
            self._over = True
            self.budget.promise(-self.tokens, -self.money, -self.calls)


@dataclass
class Budget:
    """Limits of a run, shared by everything in it; None is no limit.

    Attributes:
        tokens: Model tokens, prompt and generated.
        model_calls: Requests to a model.
        steps: Actions of workers.
        seconds: Wall time in which a process was at the run.
        cost: What is used so far; begins with what earlier processes used.
        money: What models and tools may cost together.
        tool_costs: What a call of a tool costs, by its name; others are free.
        held: What is promised to calls under way.
        mark: Names this budget, wherever an error about it travels.
    """

    tokens: int | None = None
    model_calls: int | None = None
    steps: int | None = None
    seconds: float | None = None
    cost: Cost = field(default_factory=Cost)
    began: float = field(default_factory=time.monotonic)
    money: Decimal | None = None
    tool_costs: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    held: Held = field(default_factory=Held)
    mark: str = field(default_factory=new_id, repr=False, compare=False)

    def spend(
        self,
        *,
        tokens: int = 0,
        model_calls: int = 0,
        tool_calls: int = 0,
        steps: int = 0,
        redos: int = 0,
        money: Decimal = NOTHING,
    ) -> None:
        """Add to what is used."""
        was = self.cost
        self.cost = Cost(
            was.tokens + tokens, was.model_calls + model_calls, was.tool_calls + tool_calls,
            was.steps + steps, was.redos + redos, was.seconds, was.money + money if money else was.money,
        )  # fmt: skip

    def check(self, *, model_calls: int = 0, money: Decimal = NOTHING) -> None:
        """Refuse to go on when a limit is reached, or would be exceeded by so much more.

        What is promised to calls under way is not looked at: `hold` and `pay` do that.

        Args:
            model_calls, money: What is about to be spent, at most.

        Raises:
            BudgetExhausted: Names the limit.
        """
        cost = self.cost
        used = (
            ("tokens", cost.tokens, self.tokens),
            ("model calls", cost.model_calls + max(0, model_calls - 1), self.model_calls),
            ("steps", cost.steps, self.steps),
            ("seconds", 0.0 if self.seconds is None else self.total().seconds, self.seconds),
        )
        for what, amount, limit in used:
            if limit is not None and amount >= limit:
                raise BudgetExhausted(what, limit, self)
        if self.money is not None and cost.money + money > self.money:
            raise BudgetExhausted("money", self.money, self)

    @contextlib.asynccontextmanager
    async def hold(self, bound: Bound, wanted: int, price: Price, *, calls: int = 0) -> AsyncGenerator[int]:
        """`set_aside` for as long as a call is under way; inside, what it costs is spent.

        Yields:
            What `max_tokens` has to be: at most `wanted`.
        """
        promise = await self.set_aside(bound, wanted, price, calls=calls)
        try:
            yield promise.most
        finally:
            promise.end()

    async def set_aside(self, bound: Bound, wanted: int, price: Price, *, calls: int = 0) -> Promise:
        """Promise calls what they may come to; whoever asked ends the promise.

        Where it fits only into what other calls were promised, it waits until they have ended.

        Args:
            wanted: The `max_tokens` of each.
            calls: How many calls of a model they are.

        Raises:
            BudgetExhausted: They do not fit any more.
        """
        while True:
            self.check()
            most = self._most(bound, wanted)
            money = bound.money(most, price)
            fits = self.affords(money) and self._has(calls)
            if (fits and most == wanted) or not self.promised.waited_for:
                break
            await self.promised.change()
        self._refuse_if_over(bound, money, calls)
        tokens = bound.tokens(most)
        self.promise(tokens, money, calls)
        return Promise(self, most, tokens, money, calls)

    async def pay_sum(self, money: Decimal, *, tool_calls: int = 0, steps: int = 0) -> None:
        """Spend a sum, and what else a call comes to, once it fits beside what other calls were promised.

        Raises:
            BudgetExhausted: It does not fit; nothing was spent.
        """
        while money and not self.affords(money) and self.promised.waited_for:
            await self.promised.change()
        if money:
            self._refuse_money(money)
        self.take(tool_calls=tool_calls, steps=steps)
        if money:
            self.spend(money=money)

    def take(self, *, tool_calls: int = 0, steps: int = 0) -> None:
        """Spend a call and a step, before it is made.

        Raises:
            BudgetExhausted: There are not so many steps left; nothing was spent.
        """
        self._refuse_steps(steps)
        if tool_calls or steps:
            self.spend(tool_calls=tool_calls, steps=steps)

    def _most(self, bound: Bound, wanted: int) -> int:
        return wanted if self.tokens is None else min(wanted, bound.most(self.room() or 0))

    def affords(self, money: Decimal) -> bool:
        """Whether so much is neither used nor promised, here and above."""
        left = self.purse()
        return left is None or money <= left

    def purse(self) -> Decimal | None:
        """Money that is neither used nor promised; None where it has no limit."""
        return None if self.money is None else self.money - self.cost.money - self.held.money

    def _has(self, calls: int) -> bool:
        """Whether so many calls of a model are neither made nor promised."""
        limit = self.model_calls
        return limit is None or self.cost.model_calls + self.held.calls + calls <= limit

    def _refuse_if_over(self, bound: Bound, money: Decimal, calls: int) -> None:
        if self.model_calls is not None and not Budget._has(self, calls):
            raise BudgetExhausted("model calls", self.model_calls, self)
        if self.tokens is not None and bound.most(self.tokens - self.cost.tokens - self.held.tokens) < 1:
            raise BudgetExhausted("tokens", self.tokens, self)
        self._refuse_money(money)

    def _refuse_money(self, money: Decimal) -> None:
        if self.money is not None and self.cost.money + self.held.money + money > self.money:
            raise BudgetExhausted("money", self.money, self)

    def _refuse_steps(self, steps: int) -> None:
        if self.steps is not None and steps and self.cost.steps + steps > self.steps:
            raise BudgetExhausted("steps", self.steps, self)

    @property
    def promised(self) -> Held:
        """What is promised of the whole run's budget."""
        return self.held

    def promise(self, tokens: int, money: Decimal, calls: int) -> None:
        """Promise so much, here and above, or take it back where it is below 0."""
        self.held.add(tokens, money, calls)

    @property
    def limited(self) -> bool:
        """Whether tokens, money or calls of a model have a limit, here or above."""
        return any(limit is not None for limit in (self.tokens, self.money, self.model_calls))

    @property
    def limits_money(self) -> bool:
        """Whether there is a limit of money, here or above."""
        return self.money is not None

    def room(self) -> int | None:
        """Tokens that are neither used nor promised; None where they have no limit."""
        return None if self.tokens is None else self.tokens - self.cost.tokens - self.held.tokens

    def cost_of(self, tool: str) -> Decimal:
        """What a call of a tool costs."""
        return self.tool_costs.get(tool, NOTHING)

    async def pay(self, tool: str, *, tool_calls: int = 0, steps: int = 0) -> None:
        """Spend what a call of a tool costs, before it is made. Waits as `pay_sum` does.

        Args:
            tool_calls, steps: What else it is counted as, at once with the money: then no two calls count on
                the same step.

        Raises:
            BudgetExhausted: There is not so much left.
        """
        cost = self.cost_of(tool)
        self.check(money=cost)
        await self.pay_sum(cost, tool_calls=tool_calls, steps=steps)

    async def begin(self, tool: str) -> None:
        """Count an action of a worker, and spend what its tool costs, before it is begun.

        Raises:
            BudgetExhausted: A limit is reached, or there is not so much left.
        """
        await self.pay(tool, tool_calls=1, steps=1)

    def left(self) -> float | None:
        """Seconds until the run's time is used up; None where it has no limit."""
        return None if self.seconds is None else max(0.0, self.seconds - self.total().seconds)

    def late(self) -> BudgetExhausted:
        """What says that the run's time is used up."""
        return BudgetExhausted("seconds", self.seconds or 0.0)

    def is_used_up(self) -> bool:
        """Whether a limit is reached."""
        try:
            self.check()
        except BudgetExhausted:
            return True
        return False

    def total(self) -> Cost:
        """What is used, with the seconds so far."""
        seconds = round(self.cost.seconds + time.monotonic() - self.began, 3)
        return replace(self.cost, seconds=seconds)


@dataclass
class Part(Budget):
    """A share of a budget, for one task: what is spent here is spent there too, and both limits hold.

    Attributes:
        whole: The budget that it is a share of.
    """

    whole: Budget = field(default_factory=Budget)

    def spend(
        self,
        *,
        tokens: int = 0,
        model_calls: int = 0,
        tool_calls: int = 0,
        steps: int = 0,
        redos: int = 0,
        money: Decimal = NOTHING,
    ) -> None:
        """Add to what is used, here and of the whole."""
        for budget in (super(), self.whole):
            budget.spend(
                tokens=tokens, model_calls=model_calls, tool_calls=tool_calls, steps=steps, redos=redos,
                money=money,
            )  # fmt: skip

    def check(self, *, model_calls: int = 0, money: Decimal = NOTHING) -> None:
        """Refuse to go on when a limit of the whole or of the share is reached.

        Raises:
            BudgetExhausted: Names the limit.
        """
        self.whole.check(model_calls=model_calls, money=money)
        super().check(model_calls=model_calls, money=money)

    def _most(self, bound: Bound, wanted: int) -> int:
        return min(super()._most(bound, wanted), self.whole._most(bound, wanted))

    def purse(self) -> Decimal | None:
        """Money that is neither used nor promised, here and of the whole."""
        purses = [each for each in (super().purse(), self.whole.purse()) if each is not None]
        return min(purses, default=None)

    def _has(self, calls: int) -> bool:
        return super()._has(calls) and self.whole._has(calls)

    def _refuse_if_over(self, bound: Bound, money: Decimal, calls: int) -> None:
        self.whole._refuse_if_over(bound, money, calls)
        super()._refuse_if_over(bound, money, calls)

    def _refuse_money(self, money: Decimal) -> None:
        self.whole._refuse_money(money)
        super()._refuse_money(money)

    def _refuse_steps(self, steps: int) -> None:
        self.whole._refuse_steps(steps)
        super()._refuse_steps(steps)

    @property
    def promised(self) -> Held:
        """What is promised of the whole run's budget."""
        return self.whole.promised

    def promise(self, tokens: int, money: Decimal, calls: int) -> None:
        """Promise so much, here and above, or take it back where it is below 0."""
        super().promise(tokens, money, calls)
        self.whole.promise(tokens, money, calls)

    @property
    def limited(self) -> bool:
        """Whether tokens, money or calls of a model have a limit, here or above."""
        return super().limited or self.whole.limited

    @property
    def limits_money(self) -> bool:
        """Whether there is a limit of money, here or above."""
        return self.money is not None or self.whole.limits_money

    def room(self) -> int | None:
        """Tokens that are neither used nor promised, here and of the whole."""
        rooms = [each for each in (super().room(), self.whole.room()) if each is not None]
        return min(rooms, default=None)

    def cost_of(self, tool: str) -> Decimal:
        """What a call of a tool costs."""
        return self.whole.cost_of(tool)

    def left(self) -> float | None:
        """Seconds until the time of the whole is used up."""
        return self.whole.left()

    def late(self) -> BudgetExhausted:
        """What says that the time of the whole is used up."""
        return self.whole.late()

    def is_above(self, error: BudgetExhausted) -> bool:
        """Whether the limit that is reached is not that of this share, but of what it is a share of."""
        whole = self.whole
        above = whole.mark == error.of or (isinstance(whole, Part) and whole.is_above(error))
        return above or whole.is_used_up()
