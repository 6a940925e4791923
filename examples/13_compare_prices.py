"""Compare the prices of two shops with two workers, at once, in two contexts of one browser.

Both shops are on loopback, served from here. Each worker reports a typed offer; at first it takes what the
search lists first, which in one shop is another article: refused, and done again. Whoever compares opens the
page of the cheapest in a context of his own; without the same price there, nothing is confirmed. Plain
Python, no model.

    python 13_compare_prices.py

Prints:
    refused: the article itself : 'Green mug saucer' is another
    Confirmed
    south wants 4.20, 0.30 less than the next
"""

import asyncio
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from punchlist.agents import Brief, FunctionWorker, Manager, Plan
from punchlist.examples.small_sites import PriceShop
from punchlist.protocols import Check, Confirmed, Outcome
from punchlist.tools.browser import Browser, Element

ARTICLE = "Green mug"


class Offer(BaseModel):  # `url` is the page of the article
    shop: str
    url: str
    article: str
    price: Decimal


class Choice(BaseModel):  # the cheapest offer, and what its own page says
    offer: Offer
    saved: Decimal
    seen: Decimal


def pounds(text: str) -> Decimal:
    """The amount in a text like `Price: £4.50`."""
    return Decimal(text.partition("£")[2])


def seller(shop: str, url: str, browser: Browser) -> FunctionWorker:
    """A worker that asks one shop for prices."""

    async def ask(brief: Brief) -> Offer:
        session = await browser.open(shop, url=url)
        await session.type((await session.view()).find("Search").number, ARTICLE, enter=True)
        rows = [line for line in (await session.view()).lines if len(line) == 2]
        named = {row[0].name: str(row[1]) for row in rows if isinstance(row[0], Element)}
        article = ARTICLE if brief.feedback and ARTICLE in named else next(iter(named), ARTICLE)
        await session.click((await session.view()).find(article, "link").number)
        return Offer(shop=shop, url=session.url, article=article, price=pounds(named[article]))

    return FunctionWorker(shop, ask)


def buyer(browser: Browser) -> FunctionWorker:
    """A worker that compares, and looks again for itself."""

    async def compare(brief: Brief) -> Choice:
        offers = [Offer.model_validate(each) for each in brief.inputs["offers"]]
        best, other, *_ = sorted(offers, key=lambda offer: offer.price)
        page = await (await browser.open("buyer", url=best.url)).view()
        price = next(str(line[0]) for line in page.lines if str(line[0]).startswith("Price"))
        return Choice(offer=best, saved=other.price - best.price, seen=pounds(price))

    return FunctionWorker("buyer", compare)


async def main(shops: dict[str, PriceShop]) -> Outcome[Any]:
    """Ask all at once; compare when their offers are confirmed."""
    plan = Plan(f"the cheapest {ARTICLE}")
    same = Check("the article itself", lambda it: it["article"] == ARTICLE or f"{it['article']!r} is another")
    asked = [plan.task(name, "Ask.", output=Offer, spec=[same], worker=name) for name in shops]
    true = Check("its page too", lambda it: it["seen"] == it["offer"]["price"] or f"it says {it['seen']}")
    offers = plan.gather("offers", *asked)
    plan.task("choice", "Compare.", output=Choice, spec=[true], inputs={"offers": offers}, worker="buyer")
    async with Browser(allow=[shop.url for shop in shops.values()]) as browser:
        sellers = [seller(name, shop.url, browser) for name, shop in shops.items()]
        return await Manager(None, [*sellers, buyer(browser)]).run(plan)


if __name__ == "__main__":
    northern = PriceShop({"Green mug saucer": "2.00", "Green mug": "4.50"})
    with northern, PriceShop({"Green mug": "4.20", "Oak tray": "19.00"}, cards=True) as southern:
        ended = asyncio.run(main({"north": northern, "south": southern}))
    print(*(f"refused: {item.criterion} : {item.why}" for item in ended.punch_list), sep="\n")
    print(type(ended).__name__)
    if isinstance(ended, Confirmed):
        choice = ended.result["choice"]
        print(f"{choice.offer.shop} wants {choice.offer.price}, {choice.saved} less than the next")
