"""Where a placed agent lives: one process, or thread, that holds it with its model and its browsing sessions.

Everything is asked of it, it asks nobody: its manager begins an attempt, exchanges what was said and answered
until the attempt's last word, and may call it off. What is asked twice is done once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...tools.permissions import Policy, Rule
from ..acting.attempt import Assignment
from ..agent import Agent
from ..budget import Budget
from ..mind import Mind
from .far import FarBudget, FarJournal, FarModel, FarPerson, FarTalk, FarWatch, ModelCard
from .link import LOOK, Link
from .wire import END, AttemptOver, Heard, Raised, Told

if TYPE_CHECKING:
    from ..reasoning.strategy import Strategy

CLOSING = 5.0
"""Seconds for an agent to let go of what it holds."""


@dataclass(frozen=True)
class Orders:
    """An attempt as it travels to its agent.

    Attributes:
        order: Without what lives where the manager is: talk, desk, watch, routes.
        watched: There is a watch.
        card, strategy, budget, lost: Of the mind.
        limits: Whether the budget, or one that it is a share of, limits anything of models, and money.
        rules: Of the policy.
        person: The policy has somebody to ask.
        journal: Where it is, for messages.
    """

    order: Assignment
    watched: bool
    card: ModelCard
    strategy: Strategy | None
    budget: Budget
    limits: tuple[bool, bool]
    rules: tuple[Rule, ...]
    person: bool
    journal: str


@dataclass(frozen=True)
class SessionState:
    """What came of a call of a browsing session, and how the session stands."""

    url: str
    crashed: bool
    value: Any = None
    raised: Raised | None = None


@dataclass
class _AtWork:
    link: Link
    task: asyncio.Task[None] | None = None
    cancelled: bool = False


@dataclass
class _Here:
    """The event loop that the agent lives in: its sessions belong to it."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        threading.Thread(target=self.loop.run_forever, name="punchlist-member", daemon=True).start()

    def run(self, work: Any) -> Any:
        """What a coroutine comes to, waited for in another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


class Member:
    """One agent, away from its manager.

    Args:
        agent: The agent, or as `load` takes it.
        model: Makes its model, here; None: it has what it needs. As `load` takes it.
        load, dump: Out of what travels, and into it.
        lease: Seconds without a word of its manager after which an attempt is over.
    """

    def __init__(
        self,
        agent: Any,
        model: Any,
        load: Callable[[Any], Any],
        dump: Callable[[Any], Any],
        lease: float,
    ) -> None:
        self._agent: Agent = load(agent)
        make = None if model is None else load(model)
        if make is not None:
            vars(self._agent)["model"] = make()
        self._dump, self._lease = dump, lease
        self._at_work: dict[str, _AtWork] = {}
        self._over: set[str] = set()
        self._here = _Here()

    def ready(self) -> int:
        """The process that it lives in."""
        return os.getpid()

    def node(self) -> str:
        """The machine that it lives on."""
        return platform.node()

    def begin(self, ticket: str, orders: Orders) -> None:
        """Begin an attempt, once."""
        if ticket not in self._at_work and ticket not in self._over:
            self._at_work[ticket] = at_work = _AtWork(Link(self._dump, self._lease))
            self._here.loop.call_soon_threadsafe(self._start, at_work, orders)

    def exchange(self, ticket: str, heard: int, told: Sequence[Told], seconds: float) -> Heard:
        """Take answers and give what was said since; waits for something to be said so many seconds."""
        at_work = self._at_work.get(ticket)
        return Heard() if at_work is None else at_work.link.exchange(heard, told, seconds)

    def over(self, ticket: str, why: str) -> None:
        """An attempt is over: stop, if it still goes on, and forget it."""
        at_work = self._at_work.pop(ticket, None)
        self._over.add(ticket)
        if at_work is not None:
            at_work.link.close(why)
            self._here.loop.call_soon_threadsafe(_cancel, at_work)

    def open_session(self, order: Assignment) -> SessionState:
        """The lane's live session, or a fresh one."""
        try:
            session = self._here.run(self._agent.session(order))
        except Exception as error:  # the edge to the manager: it is raised there
            return SessionState("", True, raised=Raised.of(error))
        return SessionState(session.url, session.crashed)

    def use_session(self, lane: str, name: str, args: tuple[Any, ...]) -> SessionState:
        """Call a method of the lane's session."""
        session = self._agent.live(lane)
        if session is None:
            return SessionState("", True)
        try:
            value = self._here.run(getattr(session, name)(*args))
        except Exception as error:
            return SessionState(session.url, session.crashed, raised=Raised.of(error))
        return SessionState(session.url, session.crashed, value)

    def drop(self, lane: str) -> None:
        """Close a lane's session."""
        self._here.run(self._agent.drop(lane))

    def close(self) -> None:
        """Stop whatever goes on, and close what the agent browses with."""
        for ticket in list(self._at_work):
            self.over(ticket, "its place was closed")
        browser = self._agent.browser
        if browser is not None:
            with contextlib.suppress(TimeoutError):
                self._here.run(asyncio.wait_for(browser.close(), CLOSING))
        self._here.loop.call_soon_threadsafe(self._here.loop.stop)

    # --- in the agent's loop ------------------------------------------------------------

    def _start(self, at_work: _AtWork, orders: Orders) -> None:
        at_work.task = self._here.loop.create_task(self._work(at_work.link, orders))
        if at_work.cancelled:
            at_work.task.cancel()

    async def _work(self, link: Link, orders: Orders) -> None:
        """One attempt, to its last word."""
        working = asyncio.ensure_future(self._perform(link, orders))
        working.add_done_callback(_heard)
        try:
            while not (await asyncio.wait([working], timeout=LOOK))[0]:
                if not link.look():
                    break
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait([working], timeout=CLOSING)
        with contextlib.suppress(AttemptOver):
            if working.done():
                self._say_last(link, orders.order.lane, working)

    async def _perform(self, link: Link, orders: Orders) -> Any:
        order = replace(orders.order, talk=FarTalk(link), watch=FarWatch(link) if orders.watched else None)
        mind = Mind(
            FarModel(link, orders.card),
            FarBudget.of(link, orders.budget, orders.limits),
            FarJournal(link, orders.journal),
            order.run,
            lambda event: link.tell("show", event),
            orders.strategy,
        )
        policy = Policy(orders.rules, FarPerson(link) if orders.person else None)
        return await self._agent.perform(order, mind, policy)

    def _say_last(self, link: Link, lane: str, working: asyncio.Future[Any]) -> None:
        session = self._agent.live(lane)
        state = None if session is None else SessionState(session.url, session.crashed)
        if working.cancelled():
            link.last(END, None, Raised.of(asyncio.CancelledError()), state)
        elif (error := working.exception()) is not None:
            link.last(END, None, Raised.of(error), state)
        else:
            link.last(END, working.result(), None, state)


def _heard(working: asyncio.Future[Any]) -> None:
    """What an attempt that was called off ends with is nobody's any more; asyncio would report it as lost."""
    if not working.cancelled():
        working.exception()


def _cancel(at_work: _AtWork) -> None:
    at_work.cancelled = True
    if at_work.task is not None:
        at_work.task.cancel()
