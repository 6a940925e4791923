"""See a result refused, redone and confirmed; and the lesson of it recalled at the next similar task.

This shop has a flaw: the first article that a visitor adds goes into the basket once, whatever was typed. The
worker does not notice. The verifier looks at the basket itself, refuses, and the manager orders a redo with a
plan, context and feedback. What it taught goes into memory only now, with the confirm that proves the cure.
The embedded model does the thinking.

Prints:
    first order
      refused: 1 : 3 x plum mugs : the page shows 1
      redone: open cart, set 3 x plum mugs
      learned: stage cart: set each quantity again in the cart
      Confirmed, 1 redo
    second order
      recalled: set each quantity again in the cart
      Confirmed, 0 redos
"""

import asyncio
from tempfile import TemporaryDirectory

from punchlist.agents import Manager, Worker
from punchlist.agents.events import Ended, Learned, Recalled, Said
from punchlist.core_model import Model, load_model
from punchlist.examples.site import Site
from punchlist.memory import Memory
from punchlist.tools.browser import Browser

GOALS = {
    "first order": "Order 3 plum mugs for Ada Lovelace, overnight, deliver on 3 May.",
    "second order": "Order 2 oak trays for Grace Hopper, overnight, deliver on 4 May.",
}


async def order(goal: str, model: Model, memory: Memory, url: str, journal: str) -> None:
    """One goal with a fresh browser; prints what the run says about verdicts and lessons."""
    async with Browser(allow=[url]) as browser:
        manager = Manager(model, [Worker("shop", model, tools=[browser])], memory=memory, journal=journal)
        async for event in manager.stream(goal):
            match event:
                case Said(envelope) if envelope.kind == "redo":
                    print(f"  refused: {envelope.body.feedback}")
                    print(f"  redone: {', '.join(envelope.body.plan)}")
                case Recalled(text=lesson):
                    print(f"  recalled: {lesson}")
                case Learned(text=lesson):
                    print(f"  learned: {lesson}")
                case Ended(outcome):
                    redos = outcome.cost.redos
                    print(f"  {type(outcome).__name__}, {redos} redo{'' if redos == 1 else 's'}")
                case _:
                    pass


async def main(folder: str) -> None:
    """Two orders in the same shop, by visitors that it does not know."""
    model = load_model()
    with Site(seed=3, flaws=("quantity_resets",)) as site, Memory.open(folder) as memory:
        for name, goal in GOALS.items():
            print(name)
            await order(goal, model, memory, site.url, f"{folder}/{name}.db")


with TemporaryDirectory() as folder:
    asyncio.run(main(folder))
