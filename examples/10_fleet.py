"""Place agents on the nodes of a Ray cluster, lose one in the middle of its work, and pay nobody twice.

Runs on a Ray that it starts on this machine, or, where Ray is not installed, in threads, which cannot be
lost. The bank is a file here: what the agents share is the world, never their memory.

Prints:
    Confirmed
    ada: paid
    grace: paid
    the bank paid each of them once
"""

import asyncio
import os
import signal
from pathlib import Path

from punchlist.agents import Brief, FunctionWorker, Manager, Plan
from punchlist.agents.events import Said
from punchlist.agents.fleet import Fleet, LocalFleet, RayFleet, RayMissing
from punchlist.protocols import Check
from punchlist.tools import tool

BANK = Path("bank.txt").absolute()


@tool(effect="irreversible", recovery="keyed")
def pay(who: str, idempotency_key: str) -> str:
    """Pay somebody; the bank takes each key once."""
    if idempotency_key not in BANK.read_text():
        with BANK.open("a") as book:
            book.write(f"{who} {idempotency_key}\n")
    return "paid"


async def settle(brief: Brief) -> str:
    """Pays, and says so."""
    said = await brief.call("pay", who=brief.goal)
    await brief.progress("paid")
    return said


def a_fleet() -> Fleet:
    """Actors of Ray, or threads."""
    try:
        return RayFleet(settings={"num_cpus": 2, "object_store_memory": 80_000_000})
    except RayMissing as error:
        print(f"{error}; threads will do")
        return LocalFleet()


async def main() -> None:
    """Settle two accounts, and kill one of the agents as soon as it says that it has paid."""
    BANK.write_text("")
    plan = Plan("settle the accounts")
    for who in ("ada", "grace"):
        plan.task(who, who, spec=[Check("paid", lambda said: said == "paid")])
    clerks = [FunctionWorker(name, settle, tools=[pay]) for name in ("north", "south")]
    async with a_fleet() as fleet:
        running = Manager(None, fleet.place(*clerks), journal="fleet.db").start(plan)
        killed = False
        async for event in running:
            if isinstance(event, Said) and event.envelope.kind == "progress" and not killed:
                place = next(each for each in fleet.places if each.agent == event.envelope.sender)
                if killed := place.pid != os.getpid():
                    os.kill(place.pid, signal.SIGKILL)
        outcome = await running.outcome()
    print(type(outcome).__name__)
    for who, said in outcome.result.items():
        print(f"{who}: {said}")
    for item in outcome.punch_list:
        print(f"{item.task}, attempt {item.attempt}: {item.why}")
    paid = sorted(line.split()[0] for line in BANK.read_text().splitlines())
    print(f"the bank paid {'each of them once' if paid == ['ada', 'grace'] else paid}")


if __name__ == "__main__":
    asyncio.run(main())
