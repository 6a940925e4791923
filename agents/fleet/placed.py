"""An agent that lives elsewhere, as its manager knows it; and the answers to what it asks on its way.

Whatever the agent records is in the journal here before the agent hears that it is, so no effect is made
that was not recorded, wherever it is made. Nobody answers an agent whose attempt is over: it can begin no
call of a tool any more, even where it still lives.

Does not cover: a call that was allowed and begun right before the agent was cut off. What becomes of it is up
to its tool's recovery class, as with a process that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ...protocols.messages import Report, new_id
from ...protocols.spec import Check, Spec, ToolCheck
from ..acting.attempt import Assignment
from ..agent import Agent, AgentLost
from ..managing.preferences import Known
from ..mind import Mind
from .far import ModelCard
from .member import Orders, SessionState
from .purse import Purse, snapshot
from .wire import END, Heard, Raised, Sent, Told

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...tools.browser import BrowserSession
    from ...tools.permissions import Policy
    from .berth import Berth, Bundle, Harbour

WAIT = 2.0
"""Seconds that one exchange waits for something to be said."""

SESSION = 60.0
"""Seconds that a browsing session may take for what it is asked."""

CALLING_OFF = 5.0
"""Seconds for an agent to hear that its attempt is over; then its place is ended."""

MAY = MappingProxyType(
    {
        "journal": frozenset("append rows intent outcome call calls hold".split()),
        "budget": frozenset("spend check left room purse hold release pay pay_sum take".split()),
        "watch": frozenset("see step_done".split()),
        "talk": frozenset("state ask progress adopt".split()),
        "model": frozenset("usage generate score count_tokens".split()),
        "policy": frozenset(["person"]),
    }
)
"""What an agent elsewhere may ask for, by area."""

LATER = frozenset(
    "talk.ask talk.progress talk.adopt model.generate model.score policy.person "
    "budget.hold budget.pay budget.pay_sum".split()
)
"""What takes time: it is answered when it is done, and others meanwhile."""


class Placed(Agent):
    """An agent that lives in a place of a fleet.

    Args:
        like: The agent, for what the manager has to know of it. It does nothing itself, but that its reading
            tools are called when a verifier looks at the world.
        bundle: The agent as it travels.

    Attributes:
        model: Its own, where it goes along with it.
    """

    def __init__(self, like: Agent, bundle: Bundle, fleet: Harbour) -> None:
        super().__init__(like.name, like.about, like.skills)
        self.browser, self.functions = like.browser, like.functions
        self.model: Model | None = getattr(like, "model", None) if bundle.model is None else None
        self._like, self._bundle, self._fleet = like, bundle, fleet
        self._berth: Berth | None = None
        self._sessions: dict[str, FarSession] = {}

    def has(self, needs: str) -> bool:
        """See `Agent.has`."""
        return self._like.has(needs)

    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Have the agent do one attempt where it lives. See `Agent.perform`.

        Raises:
            AgentLost: It is gone with its place.
            NoPlace: There is no place for it.
        """
        berth, ticket = await self._settled(), new_id()
        serving = Serving(order, mind, policy)
        try:
            await berth.call("begin", ticket, _orders(order, mind, policy))
            report, raised, state = await self._until_the_end(berth, ticket, serving)
        except AgentLost:
            await self._leave()
            raise
        finally:
            try:
                serving.close()
            finally:
                if self._berth is berth:
                    await self._call_off(berth, ticket)
        if state is None:
            self._sessions.pop(order.lane, None)
        else:
            self._sessions[order.lane] = FarSession(self, order.lane, state)
        if raised is not None:
            raise raised.error()
        return report

    async def _until_the_end(
        self, berth: Berth, ticket: str, serving: Serving
    ) -> tuple[Report, Raised | None, SessionState | None]:
        """Hear and answer until the last word."""
        heard = 0

        async def pass_on(told: list[Told]) -> None:
            arrived: Heard = await berth.call("exchange", ticket, heard, told, 0.0)
            serving.arrived(arrived)

        serving.pass_on = pass_on
        while True:
            said: Heard = await berth.call("exchange", ticket, heard, serving.owed(), WAIT, seconds=WAIT)
            serving.arrived(said)
            for message in said.messages:
                sent: Sent = self._fleet.unpack(message)
                if sent.id != heard + 1:  # heard before, or something before it is missing: it comes again
                    continue
                heard = sent.id
                if sent.kind == END:
                    return cast("tuple[Report, Raised | None, SessionState | None]", sent.args)
                serving.take(sent)

    async def _call_off(self, berth: Berth, ticket: str) -> None:
        """Say that an attempt is over; who does not hear it is ended."""
        try:
            async with asyncio.timeout(CALLING_OFF):
                await berth.call("over", ticket, "its manager has ended it")
        except (AgentLost, TimeoutError):
            await self._leave()

    async def ready(self) -> None:
        """See `Agent.ready`."""
        await self._settled()

    async def _settled(self) -> Berth:
        """Its place, or a new one."""
        if self._berth is None:
            self._berth = await self._fleet.spawn(self._bundle)
        return self._berth

    async def _leave(self) -> None:
        """The place is lost; whatever still lives there is ended."""
        berth, self._berth = self._berth, None
        self._sessions.clear()
        if berth is not None:
            await self._fleet.stop(berth)

    # --- sessions -----------------------------------------------------------------------

    def live(self, lane: str) -> BrowserSession | None:
        """See `Agent.live`."""
        session = self._sessions.get(lane)
        return None if session is None or session.crashed else cast("BrowserSession", session)

    async def session(self, order: Assignment) -> BrowserSession:
        """See `Agent.session`."""
        if (known := self.live(order.lane)) is not None:
            return known
        berth = await self._settled()
        state: SessionState = await berth.call("open_session", _travelling(order), seconds=SESSION)
        if state.raised is not None:
            raise state.raised.error()
        self._sessions[order.lane] = session = FarSession(self, order.lane, state)
        return cast("BrowserSession", session)

    async def use(self, lane: str, name: str, args: tuple[Any, ...]) -> SessionState:
        """Call a method of a lane's session.

        Raises:
            AgentLost: It is gone with its place.
        """
        if self._berth is None:
            raise AgentLost(self.name, "its place is gone")
        try:
            return await self._berth.call("use_session", lane, name, args, seconds=SESSION)
        except AgentLost:
            await self._leave()
            raise

    async def drop(self, lane: str) -> None:
        """See `Agent.drop`."""
        self._sessions.pop(lane, None)
        if self._berth is not None:
            with contextlib.suppress(AgentLost):
                await self._berth.call("drop", lane, seconds=CALLING_OFF)

    async def close(self) -> None:
        """End its place, and the fleet's with the last. Another is found when it is needed."""
        await super().close()
        await self._leave()
        await self._fleet.rest()


@dataclass
class FarSession:
    """A browsing session elsewhere: the part of `BrowserSession` that a manager uses."""

    agent: Placed
    lane: str
    state: SessionState

    @property
    def url(self) -> str:
        """Where it was when it was last used."""
        return self.state.url

    @property
    def crashed(self) -> bool:
        """Whether it was gone then."""
        return self.state.crashed

    async def _use(self, name: str, *args: Any) -> Any:
        self.state = await self.agent.use(self.lane, name, args)
        if self.state.raised is not None:
            raise self.state.raised.error()
        return self.state.value

    async def storage_state(self) -> Mapping[str, Any]:
        """See `BrowserSession.storage_state`."""
        return await self._use("storage_state")

    async def load(self, url: str) -> None:
        """See `BrowserSession.load`."""
        await self._use("load", url)

    async def view(self, budget: int | None = None) -> Any:
        """See `BrowserSession.view`."""
        return await self._use("view", budget)

    async def new_tab_view(self, url: str, budget: int | None = None, patience: float = 0.0) -> Any:
        """See `BrowserSession.new_tab_view`."""
        return await self._use("new_tab_view", url, budget, patience)


@dataclass
class Serving:
    """Answers what an agent asks for during one attempt, each once."""

    order: Assignment
    mind: Mind
    policy: Policy
    pass_on: Any = None
    _owed: dict[int, Told] = field(default_factory=dict[int, Told])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    def __post_init__(self) -> None:
        self._purse = Purse(self.order, self.mind)

    def owed(self) -> list[Told]:
        """Answers that are not known to have arrived."""
        return list(self._owed.values())

    def arrived(self, said: Heard) -> None:
        """These answers have arrived."""
        for number in said.arrived:
            self._owed.pop(number, None)

    def close(self) -> None:
        """Nothing is answered any more, and what is promised to calls under way counts as spent."""
        for task in self._tasks:
            task.cancel()
        self._purse.close()

    def take(self, sent: Sent) -> None:
        """Do what was said, and owe the answer if one is wanted."""
        if sent.kind in LATER:
            task = asyncio.create_task(self._later(sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        try:
            self._owe(sent, Told(sent.id, self._made(sent)))
        except Exception as error:  # it is the agent's: it meets there what it would have met here
            if not sent.wants:
                raise
            self._owe(sent, Told(sent.id, raised=Raised.of(error)))

    def _owe(self, sent: Sent, told: Told) -> None:
        if sent.wants:
            self._owed[sent.id] = told

    async def _later(self, sent: Sent) -> None:
        try:
            told = Told(sent.id, await self._made(sent))
        except Exception as error:
            told = Told(sent.id, raised=Raised.of(error))
        self._owe(sent, told)
        with contextlib.suppress(AgentLost):  # whoever hears and answers in turn finds that out too
            await self.pass_on([told])

    def _made(self, sent: Sent) -> Any:
        """What was asked for, or what is to be awaited for it."""
        area, _, name = sent.kind.partition(".")
        if sent.kind == "show":
            return self.mind.show(*sent.args)
        if name not in MAY.get(area, ()):
            raise PermissionError(f"an agent elsewhere may not ask for {sent.kind!r}")
        if area == "journal":
            return self._journal(name, sent)
        if area == "budget":
            return getattr(self._purse, name)(*sent.args, **sent.given)
        thing = {
            "watch": self.order.watch,
            "talk": self.order.talk,
            "model": self.mind.model,
            "policy": self.policy,
        }
        found = getattr(thing[area], name)
        return found(*sent.args, **sent.given) if callable(found) else found

    def _journal(self, name: str, sent: Sent) -> Any:
        """An agent writes about its own run and task, and those below."""
        run, task = sent.given.get("run", self.order.run), sent.given.get("task", self.order.task)
        mine = (self.order.task, f"{self.order.task}/", f"{self.order.task}#")
        if name in ("append", "intent") and (
            run != self.order.run or not (task == mine[0] or task.startswith(mine[1:]))
        ):
            raise PermissionError(
                f"an agent at task {self.order.task!r} may not write about {task!r} of {run!r}"
            )
        made = getattr(self.mind.journal, name)(*sent.args, **sent.given)
        return list(made) if name == "rows" else made


def _orders(order: Assignment, mind: Mind, policy: Policy) -> Orders:
    return Orders(
        _travelling(order),
        order.watch is not None,
        ModelCard.of(mind.model),
        mind.strategy,
        snapshot(mind.budget),
        (mind.budget.limited, mind.budget.limits_money),
        policy.rules,
        policy.person is not None,
        mind.journal.named,
    )


def _travelling(order: Assignment) -> Assignment:
    """An order without what stays: the ways to the manager, and the functions that only a verifier calls."""
    spec = order.spec and Spec(_described(each) for each in order.spec.criteria)
    known = order.preferences and Known(order.preferences.known)
    return replace(order, talk=None, desk=None, watch=None, routes={}, spec=spec, preferences=known)


def _described(criterion: Any) -> Any:
    if isinstance(criterion, Check):
        return replace(criterion, function=_Stays(criterion.describe().text))
    if isinstance(criterion, ToolCheck) and callable(criterion.expect):
        return replace(criterion, expect=_Stays(json.loads(criterion.describe().text)["expect"]))
    return criterion


class _Stays:
    """The name of a function that stays: for who is checked it cannot say anything."""

    def __init__(self, name: str) -> None:
        self.__module__, _, self.__qualname__ = name.partition(".")

    def __call__(self, _: Any) -> None:
        return None
