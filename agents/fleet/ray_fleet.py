"""Agents as actors of a Ray cluster (`pip install 'punchlist[ray]'`): places on many machines, no more.

Ray starts an agent where there is room for what it needs, and says that it is gone. It restarts nothing and
repeats no call: a restarted actor has lost its state, and a retried call has run twice. What was done stands
in the journal of the manager; the next attempt goes on from there, in a new actor.

Does not cover: who may reach a Ray cluster runs code in it; keep it in a network of your own. Python, Ray and
punchlist must be the same everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import os
import socket
import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from ...tools.threads import in_thread
from ..agent import AgentLost, NoPlace
from .berth import Berth, Bundle
from .fleet import LEASE, CannotTravel, Fleet
from .member import Member
from .memories import memories_travel

NOTHING: Mapping[str, Any] = MappingProxyType({})

CALLS_AT_ONCE = 16
"""Calls that an actor takes at once: an exchange waits, while others are made."""

LOCAL = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
"""Of a cluster of this machine alone: nothing of it is reached from elsewhere."""

KNOCK = 10.0
"""Seconds for the head of a cluster to answer at all."""

AGAIN = 0.2
"""Seconds before a call that did not arrive is made again."""


class RayMissing(ImportError):
    """Ray is not installed."""

    def __init__(self) -> None:
        super().__init__("Ray is not installed. Install it with: pip install 'punchlist[ray]'")


class NotBegun(AgentLost):
    """An agent could not be made where it was to live: elsewhere it could not either."""


class RayBerth:
    """An actor with one agent."""

    def __init__(self, actor: Any, agent: str, patience: float) -> None:
        self.agent, self.where, self.pid = agent, "its place", 0
        self._actor, self._silence, self._gone = actor, patience, False

    async def settle(self, silence: float) -> None:
        """Wait until the agent is ready; from then on it may be silent so many seconds."""
        self.pid = await self.call("ready")
        self.where = f"process {self.pid} on {await self.call('node')}"
        self._silence = silence

    async def call(self, name: str, *args: Any, seconds: float = 0.0) -> Any:
        """See `Berth.call`. A call that may not have arrived is made again until the silence is too long."""
        ray, longest = _ray(), self._silence + seconds
        clock = asyncio.timeout(longest)
        try:
            async with clock:
                while not self._gone:
                    with contextlib.suppress(ray.exceptions.ActorUnavailableError):
                        return await asyncio.wrap_future(getattr(self._actor, name).remote(*args).future())
                    await asyncio.sleep(AGAIN)
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise AgentLost(self.agent, f"{self.where} was silent for {longest:g} s") from error
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            said = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no details"]
            if "creation task" in said[0]:
                raise NotBegun(self.agent, said[-1]) from error
            raise AgentLost(self.agent, f"{self.where}: {type(error).__name__}: {said[0]}") from error
        raise AgentLost(self.agent, "its place was ended")

    async def end(self) -> None:
        """See `Berth.end`."""
        self._gone = True
        with contextlib.suppress(Exception):  # the edge to Ray, which may be gone itself
            await in_thread(self._kill)

    def _kill(self) -> None:
        if _ray().is_initialized():  # else the call would start one
            _ray().kill(self._actor, no_restart=True)


class Connected:
    """Who uses this process's one connection to Ray.

    Attributes:
        by_us: A fleet has made it; else the program has, and ends it itself.
        address: Which one then.
    """

    turn = threading.Lock()
    fleets: ClassVar[set[RayFleet]] = set()
    by_us = False
    address = ""


class RayFleet(Fleet):
    """Places in a Ray cluster.

    Args:
        address: Of the cluster, as `ray.init` takes it. None: the one the program is connected to, that of
            `RAY_ADDRESS`, or one of this machine alone, started when it is needed and stopped by `close`.
        cpus, gpus: What each agent reserves, also in fractions: with 0.25, four agents share a GPU. Ray only
            counts; that their models fit into it together is up to you.
        resources: Others of Ray's, by name.
        silence: Seconds without a word after which an agent counts as lost.
        patience: Seconds to wait for a place, and for the agent to be ready in it.
        settings: More for `ray.init`.

    Raises:
        RayMissing: The extra is not installed.
        ValueError: A number is negative.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus: float = 0.0,
        gpus: float = 0.0,
        resources: Mapping[str, float] = NOTHING,
        silence: float = 20.0,
        patience: float = 120.0,
        settings: Mapping[str, Any] = NOTHING,
    ) -> None:
        super().__init__()
        if importlib.util.find_spec("ray") is None:
            raise RayMissing
        if min(cpus, gpus, silence, patience) < 0:
            raise ValueError(
                f"cpus, gpus, silence and patience are not negative; got {cpus, gpus, silence, patience}"
            )
        self.address, self.cpus, self.gpus, self.resources = address, cpus, gpus, dict(resources)
        self.silence, self.patience, self.settings = silence, patience, dict(settings)

    def pack(self, name: str, thing: Any) -> Any:
        """See `Fleet.pack`: functions and classes of the program itself go by value, memories by folder."""
        memories_travel()
        try:
            return None if thing is None else _dump(thing)
        except Exception as error:  # whatever an object says of why it does not travel
            raise CannotTravel(name, f"{type(error).__name__}: {error}") from error

    def unpack(self, message: Any) -> Any:
        """See `Fleet.unpack`."""
        return _load(message)

    async def _spawn(self, bundle: Bundle) -> Berth:
        try:
            await in_thread(self._connect)
        except Exception as error:  # whatever Ray says of why
            said = str(error).strip().partition("\n")[0]
            why = f"Ray does not start, or its cluster is not reached: {type(error).__name__}: {said}"
            raise NoPlace(bundle.name, why) from error
        until = time.monotonic() + self.patience
        while True:
            berth = RayBerth(self._actor(bundle), bundle.name, max(AGAIN, until - time.monotonic()))
            try:
                await berth.settle(self.silence)
                return berth
            except AgentLost as error:
                await berth.end()
                if isinstance(error, NotBegun) or time.monotonic() > until:
                    raise NoPlace(bundle.name, f"{error.why}; {await in_thread(self._room)}") from error
                await asyncio.sleep(AGAIN)  # its node went away just then: there may be another
            except BaseException:
                await berth.end()
                raise

    @property
    def _needs(self) -> dict[str, Any]:
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": self.resources}

    def _actor(self, bundle: Bundle) -> Any:
        more = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": CALLS_AT_ONCE}
        kind = _ray().remote(Member).options(**self._needs, **more, scheduling_strategy="SPREAD")
        return kind.remote(bundle.agent, bundle.model, _load, _dump, LEASE)

    def _room(self) -> str:
        """What an agent needs, and what there is."""
        wants = {name: amount for name, amount in self._needs.items() if amount}
        return (
            f"it needs {wants or 'nothing in particular'}, and the cluster has {_ray().cluster_resources()}"
        )

    def _connect(self) -> None:
        """Connect to the cluster, or start one; without Ray's reports of its use to its makers."""
        ray = _ray()
        with Connected.turn:
            Connected.fleets.add(self)
            if ray.is_initialized():
                if Connected.by_us and self.address not in (None, Connected.address):
                    raise ConnectionError(f"this program is connected to {Connected.address} already")
                return
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            address = self.address or os.environ.get("RAY_ADDRESS") or "local"
            own = LOCAL if address == "local" else {}
            _knock(address)
            given = {"logging_level": "error", "log_to_driver": False, **own, **self.settings}
            ray.init(address, **given)
            Connected.by_us, Connected.address = True, address

    async def close(self) -> None:
        """See `Fleet.close`. The last one leaves the cluster, and ends it if it was started here."""
        await super().close()
        await in_thread(self._disconnect)

    def _disconnect(self) -> None:
        with Connected.turn:
            Connected.fleets.discard(self)
            if Connected.by_us and not Connected.fleets:
                Connected.by_us = False
                _ray().shutdown()


def _ray() -> Any:
    """The library, imported on use: it takes a second."""
    return importlib.import_module("ray")


def _knock(address: str) -> None:
    """See that somebody is there, where an address names host and port: Ray itself tries for many minutes.

    Raises:
        OSError: Nobody is.
    """
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK).close()


def _load(packed: Any) -> Any:
    return _ray().cloudpickle.loads(packed)


def _dump(thing: Any) -> Any:
    return _ray().cloudpickle.dumps(thing)
