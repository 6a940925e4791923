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
from dataclasses import dataclass, field, replace
from decimal import Decimal

from pydantic import JsonValue

from ..core_model.pricing import Bound, Price
from ..protocols.journal import Journal, Row
from ..protocols.outcome import Cost

SITTING = "sitting"
"""Kind of the journal's row with which a process begins its part of a run."""

NOTHING = Decimal(0)

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
        of: Whose limit it is: that of the run, or of the share of a task.
    """

    def __init__(self, what: str, limit: float | Decimal, of: Budget | None = None) -> None:
        self.what, self.limit, self.of = what, limit, of
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
        return bool(self.tokens or self.money)

    async def change(self) -> None:
        """Wait until something is promised or taken back."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiting)
        await waiting


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
        self.cost = self.cost + Cost(tokens, model_calls, tool_calls, steps, redos, money=money)

    def check(self, *, model_calls: int = 0, money: Decimal = NOTHING) -> None:
        """Refuse to go on when a limit is reached, or would be exceeded by so much more.

        Args:
            model_calls, money: What is about to be spent, at most.

        Raises:
            BudgetExhausted: Names the limit.
        """
        cost = self.cost
        used = (
            ("tokens", cost.tokens, self.tokens),
            ("model calls", cost.model_calls + self.held.calls + max(0, model_calls - 1), self.model_calls),
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
        """Promise a call what it may come to, for as long as it is under way; inside, what it costs is spent.

        Where it fits only into what other calls were promised, it waits until they have ended.

        Args:
            wanted: The `max_tokens` of the call.
            calls: Calls of a model that nobody else may count on, once they are under way.

        Yields:
            What `max_tokens` has to be, so that the budget of tokens holds: at most `wanted`.

        Raises:
            BudgetExhausted: No call fits any more.
        """
        while True:
            self.check()
            most = self._most(bound, wanted)
            money = bound.money(most, price)
            fits = self.affords(money)
            if (fits and most == wanted) or not self.promised.waited_for:
                break
            await self.promised.change()
        self._refuse_if_over(bound, money)
        tokens = bound.tokens(most)
        self._promise(tokens, money, calls)
        try:
            yield most
        finally:
            self._promise(-tokens, -money, -calls)

    async def pay_sum(self, money: Decimal) -> None:
        """Spend a sum, once it fits beside what other calls were promised.

        Raises:
            BudgetExhausted: It does not fit.
        """
        while not self.affords(money) and self.promised.waited_for:
            await self.promised.change()
        self._refuse_money(money)
        self.spend(money=money)

    def _most(self, bound: Bound, wanted: int) -> int:
        return wanted if self.tokens is None else min(wanted, bound.most(self.room() or 0))

    def affords(self, money: Decimal) -> bool:
        """Whether so much is neither used nor promised, here and above."""
        left = self.purse()
        return left is None or money <= left

    def purse(self) -> Decimal | None:
        """Money that is neither used nor promised; None where it has no limit."""
        return None if self.money is None else self.money - self.cost.money - self.held.money

    def _refuse_if_over(self, bound: Bound, money: Decimal) -> None:
        if self.tokens is not None and bound.most(self.tokens - self.cost.tokens - self.held.tokens) < 1:
            raise BudgetExhausted("tokens", self.tokens, self)
        self._refuse_money(money)

    def _refuse_money(self, money: Decimal) -> None:
        if self.money is not None and self.cost.money + self.held.money + money > self.money:
            raise BudgetExhausted("money", self.money, self)

    @property
    def promised(self) -> Held:
        """What is promised of the whole run's budget."""
        return self.held

    def _promise(self, tokens: int, money: Decimal, calls: int) -> None:
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

    async def pay(self, tool: str) -> None:
        """Spend what a call of a tool costs, before it is made. Waits as `pay_sum` does.

        Raises:
            BudgetExhausted: There is not so much left.
        """
        cost = self.cost_of(tool)
        self.check(money=cost)
        if cost:
            await self.pay_sum(cost)

    async def begin(self, tool: str) -> None:
        """Count an action of a worker, and spend what its tool costs, before it is begun.

        Raises:
            BudgetExhausted: A limit is reached, or there is not so much left.
        """
        cost = self.cost_of(tool)
        self.check(money=cost)
        self.spend(tool_calls=1, steps=1)  # at once, so that no two count on the same step
        try:
            if cost:
                await self.pay_sum(cost)
        except BaseException:
            self.spend(tool_calls=-1, steps=-1)
            raise

    def left(self) -> float | None:
        """Seconds until the run's time is used up; None where it has no limit."""
        return None if self.seconds is None else max(0.0, self.seconds - self.total().seconds)

    def is_used_up(self) -> bool:
        """Whether a limit is reached."""
        try:
            self.check()
        except BudgetExhausted:
            return True
        return False

    def total(self) -> Cost:
        """What is used, with the seconds so far."""
        return replace(self.cost, seconds=round(self.cost.seconds + time.monotonic() - self.began, 3))


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

    def _refuse_if_over(self, bound: Bound, money: Decimal) -> None:
        self.whole._refuse_if_over(bound, money)
        super()._refuse_if_over(bound, money)

    def _refuse_money(self, money: Decimal) -> None:
        self.whole._refuse_money(money)
        super()._refuse_money(money)

    @property
    def promised(self) -> Held:
        """What is promised of the whole run's budget."""
        return self.whole.promised

    def _promise(self, tokens: int, money: Decimal, calls: int) -> None:
        super()._promise(tokens, money, calls)
        self.whole._promise(tokens, money, calls)

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

    def is_above(self, error: BudgetExhausted) -> bool:
        """Whether the limit that is reached is not that of this share, but of what it is a share of."""
        whole = self.whole
        above = whole is error.of or (isinstance(whole, Part) and whole.is_above(error))
        return above or whole.is_used_up()


def used(journal: Journal, run: str, task: str | None = None) -> Cost:
    """What a run, or a task of it with those below it, has used so far, as its journal tells."""
    cost, before = Cost(), 0.0
    costs: Mapping[str, Decimal] = {}
    for row in journal.rows(run):
        if row.kind == SITTING:
            costs = tool_costs_of(row.body)
        if task is not None and row.task != task and not row.task.startswith((f"{task}/", f"{task}#")):
            continue
        cost += _cost_of(row, costs)
        if before and row.kind != SITTING:  # between two sittings nobody was at it
            cost += Cost(seconds=max(0.0, row.at - before))
        before = row.at
    return cost


def answer_cost(answer: Mapping[str, JsonValue]) -> Cost:
    """What an answer on the record of a search cost; calls of tools cost no tokens."""
    if "name" in answer:
        return Cost(tool_calls=1, steps=_whole(answer.get("steps")), money=_money(answer))
    tokens = _whole(answer.get("read")) + _whole(answer.get("tokens"))
    return Cost(tokens=tokens, model_calls=1, money=_money(answer))


def tool_costs_of(sitting: JsonValue) -> dict[str, Decimal]:
    """What calls of tools cost while a process was at the run, as the row says with which it began."""
    told = sitting.get("tool_costs") if isinstance(sitting, dict) else None
    return {name: Decimal(str(each)) for name, each in told.items()} if isinstance(told, dict) else {}


def _cost_of(row: Row, costs: Mapping[str, Decimal]) -> Cost:
    """What one row says was used, beside time."""
    body: dict[str, JsonValue] = row.body if isinstance(row.body, dict) else {}
    if row.kind == "thought":
        return answer_cost(body)
    if "#" in row.task:  # a call of a strategy's tool: its thought was counted
        return Cost()
    if row.kind == "decision" and "strategy" not in body:  # its thoughts are counted one by one
        tokens = _whole(body.get("prompt_tokens")) + _whole(body.get("tokens"))
        return Cost(tokens=tokens, model_calls=1, money=_money(body))
    if row.kind == "intent" or (row.kind == "intent_again" and body.get("recovery") == "pure"):
        # Another class is sent again as the same call, with one effect.
        return Cost(tool_calls=1, steps=1, money=costs.get(str(body.get("tool")), NOTHING))
    if row.kind == "look":
        return Cost(tool_calls=1, money=costs.get(str(body.get("tool")), NOTHING))
    event = body.get("event") if row.kind == "event" else None
    said = event.get("body") if isinstance(event, dict) else None
    return Cost(redos=1) if isinstance(said, dict) and said.get("kind") == "redo" else Cost()


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _money(body: Mapping[str, JsonValue]) -> Decimal:
    value = body.get("money")
    return Decimal(value) if isinstance(value, str) else NOTHING
