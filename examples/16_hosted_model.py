"""Let a model behind a URL drive the browser, and believe only what the world shows of it.

The shop is on loopback, served from here. The model gets four of the browser's tools and answers in JSON, one
step at a time (ReAct). What it says it has done counts for nothing: the shop's own books must show it, and
the click must have taken effect; else it is done again, and ends unverified if that does not help. Any server
with OpenAI's interface will do: vLLM, SGLang, Ollama, llama.cpp, `punchlist serve`, a hosted one. A key goes
into the environment variable PUNCHLIST_API_KEY.

    python 16_hosted_model.py --url http://127.0.0.1:8000/v1 --model Qwen/Qwen3-8B

The embedded model was not trained for this prompt: from `punchlist serve` it ends unverified.

Prints:
    Give the address of a server: --url http://127.0.0.1:8000/v1, and --model NAME if it has several models.
"""

import argparse
import asyncio
from typing import Any

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.reasoning import ReAct
from punchlist.core_model import Model, load_model
from punchlist.core_model.errors import CoreModelError
from punchlist.examples.small_sites import PriceShop
from punchlist.protocols import Check, Confirmed, Outcome, Unverified
from punchlist.tools.browser import Browser, browser_tools, took_effect

GOAL = "Put one Tin mug into the basket of the shop, and nothing else. Look at the page first."
TOOLS = ("browser_look", "browser_click", "browser_find", "browser_back")
WHAT_TO_GIVE = (
    "Give the address of a server: --url http://127.0.0.1:8000/v1, and --model NAME if it has several models."
)


async def main(shop: PriceShop, model: Model) -> Outcome[Any]:
    """One task for one worker that thinks with the model."""

    def in_the_books(report: Any) -> bool | str:
        """The shop's own record, which no page and no report can change."""
        return shop.basket == ["Tin mug"] or f"the basket of the shop holds {shop.basket}"

    plan = Plan("one mug")
    plan.task("buy", GOAL, spec=[took_effect("click Add to basket"), Check("in the books", in_the_books)])
    async with Browser(allow=[shop.url]) as browser:
        session = await browser.open("hand", url=shop.url)
        tools = [each for each in browser_tools(session) if each.name in TOOLS]
        worker = Worker("hand", model, tools=tools, strategy=ReAct(tools=tools, steps=10))
        return await Manager(model, [worker], redos=1, seconds=600).run(plan)


async def ask(source: str) -> str:
    """Let the model behind an address do it, and say how it went."""
    model = load_model(source)
    with PriceShop({"Green mug": "4.50", "Tin mug": "3.10", "Oak tray": "1.00"}) as shop:
        outcome = await main(shop, model)
    await model.aclose()
    match outcome:
        case Confirmed():
            return f"Confirmed: the basket of the shop holds {shop.basket}"
        case Unverified(reasons=reasons):
            return "\n  ".join(["Unverified:", *reasons])
        case failed:
            return f"Failed: {failed.error}"


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description="Let a model behind a URL fill a basket.")
    asked.add_argument("--url", help="base address of the server, with /v1 where it has that")
    asked.add_argument("--model", default="", help="name of the model there; its first when left out")
    given = asked.parse_args()
    if given.url is None:
        print(WHAT_TO_GIVE)
    else:
        try:
            print(asyncio.run(ask(f"{given.url}#{given.model}" if given.model else given.url)))
        except CoreModelError as error:
            asked.error(str(error))
