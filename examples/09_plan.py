"""Write a plan of your own: functions, a team and a person do typed tasks, each verified before it counts.

The keeper miscounts at first; its check refuses that, and it is done again with the feedback. Suppliers are
asked at once, and the first whose offer passes wins. A team with a manager of its own packs, and only when
all of its tasks are confirmed is the packing verified. No model is needed: every criterion is a program.

Prints:
    refused: the count fits the shelf : 90 mugs do not fit a shelf of 40
    a person is asked: Order 28 mugs from quick?
    Confirmed
    count: 12 mugs
    offer: quick, 3.5 each
    pack: ['box', 'label']
    1 item on the punch list, mended: confirmed in attempt 2
"""

import asyncio

from pydantic import BaseModel

from punchlist.agents import Brief, FunctionWorker, Manager, Plan
from punchlist.agents.events import Said
from punchlist.agents.people import Request
from punchlist.protocols import Check

SHELF = 40


class Count(BaseModel):
    """Mugs on the shelf."""

    mugs: int


class Offer(BaseModel):
    """What a supplier wants for a mug, in pounds."""

    supplier: str
    price: float


def fits(result: dict[str, int]) -> bool | str:
    """Whether a count can be right."""
    return result["mugs"] <= SHELF or f"{result['mugs']} mugs do not fit a shelf of {SHELF}"


def count(brief: Brief) -> Count:
    """Counts; at first it reads a digit wrong."""
    return Count(mugs=12 if brief.feedback else 90)


def supplier(name: str, price: float, patience: float) -> FunctionWorker:
    """A supplier that makes offers after a while."""

    async def offer(brief: Brief) -> Offer:
        await asyncio.sleep(patience)
        return Offer(supplier=name, price=price)

    return FunctionWorker(name, offer, skills=["offer"])


async def buy(brief: Brief) -> str:
    """Buys, once a person agrees."""
    offer: Offer = brief.inputs["offer"]
    agreed = await brief.ask(f"{brief.goal} from {offer.supplier}?")
    return "ordered" if agreed else "left"


def packing(order: object) -> Plan:
    """How the team packs."""
    plan = Plan("packing")
    parts = [plan.task(name, name, spec=[Check("it is there", bool)]) for name in ("box", "label")]
    plan.gather("all", *parts)
    return plan


def a_plan() -> Plan:
    """Count, ask for offers, buy, and pack."""
    plan = Plan("fill the shelf")
    counted = plan.task(
        "count", "Count the mugs.", output=Count, spec=[Check("the count fits the shelf", fits)],
        worker="keeper",
    )  # fmt: skip
    offers = [
        plan.task(f"ask_{name}", "Make an offer.", output=Offer, worker=name, spec=[
            Check("not too dear", lambda result: result["price"] < 5),
        ])
        for name in ("quick", "slow", "dear")
    ]  # fmt: skip
    plan.task(
        "buy", lambda given: f"Order {SHELF - given['count'].mugs} mugs", worker="buyer",
        inputs={"count": counted, "offer": plan.first_of("offer", *offers)},
        takes={"count": Count, "offer": Offer}, spec=[Check("ordered", lambda result: result == "ordered")],
    )  # fmt: skip
    both = Check("all of it", lambda result: len(result["all"]) == 2)
    plan.task("pack", "Pack.", worker="team", spec=[both])
    return plan


def person(request: Request) -> bool:
    """Agrees to buy, and overrules no check; a real one would be asked on the terminal or on a page."""
    if request.subject != "answer":
        return False
    print(f"a person is asked: {request.text}")
    return True


async def main() -> None:
    """Carry the plan out, and show what was refused on the way."""
    team = Manager(None, [FunctionWorker("packer", lambda brief: brief.goal)])
    workers = [
        FunctionWorker("keeper", count),
        supplier("quick", 3.5, 0.01), supplier("slow", 3.0, 60), supplier("dear", 9.0, 0.0),
        FunctionWorker("buyer", buy),
        team.as_worker("team", packing),
    ]  # fmt: skip
    running = Manager(None, workers, person=person).start(a_plan())
    async for event in running:
        if isinstance(event, Said) and event.envelope.kind == "redo" and event.title == "Count the mugs.":
            print(f"refused: {event.envelope.body.feedback}")
    outcome = await running.outcome()
    print(type(outcome).__name__)
    print(f"count: {outcome.result['count'].mugs} mugs")
    print(f"offer: {outcome.result['offer'].supplier}, {outcome.result['offer'].price} each")
    print(f"pack: {outcome.result['pack']['all']}")
    mended = [item for item in outcome.punch_list if item.mended and item.criterion != "not too dear"]
    print(f"{len(mended)} item on the punch list, mended: {mended[0].mended}")


if __name__ == "__main__":
    asyncio.run(main())
