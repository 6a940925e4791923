"""What runs on the nodes that `eval kill --only ray` lets go away: agents that settle accounts, slowly.

Every tool takes its time before its effect and after it, so that a node often goes away in the middle of one.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import MappingProxyType

from pydantic import JsonValue

from ...protocols.spec import Check
from ...tools.tool import AnyTool, Found, tool
from ..functions import Brief, FunctionWorker
from ..plan import Plan
from .kill_classes_target import World

CLERKS = MappingProxyType({"north": "ada", "south": "grace"})
"""Whose account each agent settles."""

TOOLS = MappingProxyType({"look": "pure", "pay": "keyed", "ship": "queryable", "mail": "unsafe"})
"""The tools, in the order in which they are called, and their recovery classes."""

SLOW = 0.15
"""Seconds before an effect, and after it."""


def tools_of(world: World) -> list[AnyTool]:
    """One tool of each class."""

    async def effect(name: str, key: str | None = None) -> str:
        await asyncio.sleep(SLOW)
        world.do(name, key)
        await asyncio.sleep(SLOW)
        return f"receipt of {name}"

    @tool(effect="read")
    async def look(who: str) -> str:
        """Look at an account."""
        await asyncio.sleep(2 * SLOW)
        return f"receipt of look {who}"

    @tool(effect="irreversible", recovery="keyed")
    async def pay(who: str, idempotency_key: str) -> str:
        """Pay somebody."""
        return await effect(f"pay {who}", idempotency_key)

    def shipped(who: str) -> Found | None:
        return Found(f"receipt of ship {who}") if world.count(f"ship {who}") else None

    @tool(effect="irreversible", recovery="queryable", outcome_of=shipped)
    async def ship(who: str) -> str:
        """Ship to somebody."""
        return await effect(f"ship {who}")

    @tool(effect="irreversible", recovery="unsafe")
    async def mail(who: str) -> str:
        """Mail somebody."""
        return await effect(f"mail {who}")

    return [look, pay, ship, mail]


async def settle(brief: Brief) -> JsonValue:
    """Call every tool once, and report the receipts."""
    receipts: list[JsonValue] = []
    for name in TOOLS:
        await brief.progress(name, len(receipts) / len(TOOLS))
        receipts.append(await brief.call(name, who=brief.goal))
    return receipts


def clerks(world: World) -> list[FunctionWorker]:
    """The agents."""
    return [FunctionWorker(name, settle, tools=tools_of(world)) for name in CLERKS]


def accounts() -> Plan:
    """The plan: both accounts at once, each by its agent."""
    plan = Plan("settle the accounts")
    done = [
        plan.task(f"settle_{who}", who, worker=clerk, spec=[Check("every receipt", partial(_has_all, who))])
        for clerk, who in CLERKS.items()
    ]
    plan.gather("both", *done)
    return plan


def _has_all(who: str, result: JsonValue) -> bool:
    return result == [f"receipt of {name} {who}" for name in TOOLS]
