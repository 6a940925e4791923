"""What an agent elsewhere finds in place of the things of its run: journal, budget, talk, watch, model.

Each hands on to the manager's process, where the things are; what is said there is journalled there, before
the agent goes on. Does not cover: reading more of a journal than an agent needs, and writing runs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from ...core_model.pricing import price_of
from ...protocols.journal import Call, Journal, Recovery, Row, Status
from ...protocols.journal_bodies import Body, More
from ...protocols.messages import new_id
from ...protocols.tasks import Child, WorkerTask
from ..budget import Budget
from ..watch import Alarm, Sighting, Watch
from .link import Link
from .wire import AttemptOver

if TYPE_CHECKING:
    from ...core_model.capabilities import Capabilities
    from ...core_model.chat_template import Message
    from ...core_model.generation import Delta, Generation, Model, ModelUsage
    from ...core_model.grammar import Grammar
    from ...core_model.pricing import Bound, Price
    from ...core_model.sampling import Sampling
    from ...core_model.thread import Thread
    from ...tools.permissions import Call as ToolCall


class FarJournal(Journal):
    """The part of a journal that an agent needs. It is written where the manager is, and nowhere else.

    Args:
        named: Where it is, for messages.
    """

    def __init__(self, link: Link, named: str) -> None:
        self._link, self.path, self.named = link, Path(named), named

    def append(
        self,
        kind: str,
        body: Body,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        key: str = "",
        then: More = (),
    ) -> int:
        """See `Journal.append`."""
        where = {"run": run, "task": task, "attempt": attempt, "key": key}
        return self._link.call("journal.append", kind, body, **where, then=tuple(then))

    def rows(
        self, run: str, *, kinds: Sequence[str] = (), after: int = 0, task: str | None = None
    ) -> Iterator[Row]:
        """See `Journal.rows`; all of them come at once."""
        yield from self._link.call("journal.rows", run, kinds=tuple(kinds), after=after, task=task)

    def intent(
        self,
        key: str,
        tool: str,
        args: Mapping[str, JsonValue],
        recovery: Recovery,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        again: bool = False,
    ) -> int:
        """See `Journal.intent`."""
        where = {"run": run, "task": task, "attempt": attempt}
        return self._link.call("journal.intent", key, tool, dict(args), recovery, **where, again=again)

    def outcome(self, key: str, result: BaseModel | JsonValue, *, status: Status = "ok") -> int:
        """See `Journal.outcome`."""
        return self._link.call("journal.outcome", key, result, status=status)

    def call(self, key: str) -> Call | None:
        """See `Journal.call`."""
        return self._link.call("journal.call", key)

    def calls(self, run: str, task: str = "") -> tuple[Call, ...]:
        """See `Journal.calls`."""
        return self._link.call("journal.calls", run, task)

    def hold(self, run: str) -> int:
        """See `Journal.hold`: asks the manager, who answers nobody whose attempt is over."""
        return self._link.call("journal.hold", run)

    def close(self) -> None:
        """It is the manager's."""


@dataclass
class FarBudget(Budget):
    """The run's budget as an agent elsewhere meets it; copies that are only asked "what if" stay here.

    Nothing is promised or paid here: that is asked of the one budget where the manager is, on which all its
    agents draw, before a call is made.
    """

    link: Link | None = field(default=None, init=False, repr=False)
    limits: tuple[bool, bool] = field(default=(False, False), init=False, repr=False)

    @classmethod
    def of(cls, link: Link, snapshot: Budget, limits: tuple[bool, bool]) -> FarBudget:
        """The budget that a snapshot was taken of.

        Args:
            limits: `limited` and `limits_money` of that budget, which may be a share of others.
        """
        made = cls(**{each.name: getattr(snapshot, each.name) for each in fields(Budget)})
        made.began, made.link, made.limits = time.monotonic(), link, limits
        return made

    @property
    def limited(self) -> bool:
        """See `Budget.limited`."""
        return self.limits[0]

    @property
    def limits_money(self) -> bool:
        """See `Budget.limits_money`."""
        return self.limits[1]

    def spend(self, **amounts: Any) -> None:
        """See `Budget.spend`."""
        super().spend(**amounts)
        if self.link is not None:
            self.link.tell("budget.spend", **amounts)

    def check(self, **amounts: Any) -> None:
        """See `Budget.check`."""
        if self.link is not None:
            self.cost, self.began = self.link.call("budget.check", **amounts), time.monotonic()
        super().check(**amounts)

    def left(self) -> float | None:
        """See `Budget.left`; where the run has no limit of time nobody is asked."""
        return super().left() if self.link is None or self.seconds is None else self.link.call("budget.left")

    def room(self) -> int | None:
        """See `Budget.room`."""
        return super().room() if self.link is None else self.link.call("budget.room")

    def purse(self) -> Decimal | None:
        """See `Budget.purse`."""
        return super().purse() if self.link is None else self.link.call("budget.purse")

    @contextlib.asynccontextmanager
    async def hold(self, bound: Bound, wanted: int, price: Price, *, calls: int = 0) -> AsyncGenerator[int]:
        """See `Budget.hold`. What is spent inside is heard there before the promise is taken back."""
        if self.link is None:
            async with super().hold(bound, wanted, price, calls=calls) as most:
                yield most
            return
        ticket = new_id()
        try:
            yield await self.link.ask("budget.hold", ticket, bound, wanted, price, calls=calls)
        finally:
            with contextlib.suppress(AttemptOver):  # then it is settled there
                self.link.tell("budget.release", ticket)

    async def pay_sum(self, money: Decimal, *, tool_calls: int = 0, steps: int = 0) -> None:
        """See `Budget.pay_sum`."""
        if self.link is None:
            await super().pay_sum(money, tool_calls=tool_calls, steps=steps)
        elif not money:
            self.take(tool_calls=tool_calls, steps=steps)
        else:
            await self.link.ask("budget.pay_sum", money, tool_calls=tool_calls, steps=steps)
            super().spend(money=money, tool_calls=tool_calls, steps=steps)

    async def pay(self, tool: str, *, tool_calls: int = 0, steps: int = 0) -> None:
        """See `Budget.pay`."""
        cost = self.cost_of(tool)
        if self.link is None:
            await super().pay(tool, tool_calls=tool_calls, steps=steps)
        elif not cost:
            self.check()
            self.take(tool_calls=tool_calls, steps=steps)
        else:
            await self.link.ask("budget.pay", tool, tool_calls=tool_calls, steps=steps)
            super().spend(money=cost, tool_calls=tool_calls, steps=steps)

    def take(self, *, tool_calls: int = 0, steps: int = 0) -> None:
        """See `Budget.take`; nothing is waited for there."""
        if self.link is None:
            super().take(tool_calls=tool_calls, steps=steps)
        elif tool_calls or steps:
            self.link.call("budget.take", tool_calls=tool_calls, steps=steps)
            super().spend(tool_calls=tool_calls, steps=steps)


class FarTalk:
    """The way to the manager; a `Talk`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def ask(self, question: str, schema: dict[str, JsonValue] | None = None) -> JsonValue:
        """See `Talk.ask`."""
        return await self._link.ask("talk.ask", question, schema)

    def state(self) -> WorkerTask:
        """See `Talk.state`."""
        return self._link.call("talk.state")

    async def progress(self, note: str, fraction: float | None = None) -> None:
        """See `Talk.progress`."""
        await self._link.ask("talk.progress", note, fraction)

    async def adopt(self, children: Sequence[Child]) -> None:
        """See `Talk.adopt`."""
        await self._link.ask("talk.adopt", tuple(children))


class FarWatch(Watch):
    """The watch of the task, which sees all its attempts."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def see(self, sighting: Sighting) -> Alarm | None:
        """See `Watch.see`."""
        return self._link.call("watch.see", sighting)

    def step_done(self, step: str) -> Alarm | None:
        """See `Watch.step_done`."""
        return self._link.call("watch.step_done", step)


class FarPerson:
    """Whoever the policy asks; asked where the manager is."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def __call__(self, call: ToolCall) -> bool:
        return await self._link.ask("policy.person", call)


@dataclass(frozen=True)
class ModelCard:
    """What an agent knows of the manager's model without asking it.

    Attributes:
        price, retry: What a call of it may come to is reckoned with these.
    """

    name: str
    capabilities: Capabilities
    context_length: int
    price: Price | None
    retry: Any

    @classmethod
    def of(cls, model: Model) -> ModelCard:
        """A model's card. Caches are not shared over a network."""
        able = replace(model.capabilities, fork=False)
        retry = getattr(model, "retry", None)
        return cls(model.name, able, model.context_length, price_of(model), retry)


class FarModel:
    """The manager's model, asked over the line; for agents that have none of their own."""

    def __init__(self, link: Link, card: ModelCard) -> None:
        self._link = link
        self.name, self.capabilities, self.context_length = card.name, card.capabilities, card.context_length
        self.price, self.retry = card.price, card.retry

    @property
    def usage(self) -> ModelUsage:
        """See `Model.usage`."""
        return self._link.call("model.usage")

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> Generation:
        """See `Model.generate`."""
        given = {} if sampling is None else {"sampling": sampling}
        return await self._link.ask("model.generate", list(messages), **given, grammar=grammar)

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> AsyncIterator[Delta | Generation]:
        """See `Model.stream`; in one piece."""
        yield await self.generate(messages, sampling=sampling, grammar=grammar)

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """See `Model.score`."""
        return await self._link.ask("model.score", list(messages), list(continuations))

    async def open(self, messages: Sequence[Message]) -> Thread:
        """See `Model.open`; the conversation is sent again with every request."""
        from ...core_model.thread import ResentThread

        return ResentThread(self, messages)

    def count_tokens(self, text: str) -> int:
        """See `Model.count_tokens`."""
        return self._link.call("model.count_tokens", text)

    async def aclose(self) -> None:
        """It is the manager's."""
