"""Plug in a page tool of your own, beside those of the browser: the table of a page as rows.

The shop is on loopback, served from here. A tool is a function with a schema; this one closes over the
session that the browser's tools act on, so it sees the same page. It goes through the same door, which
permits, records and makes values of errors, and the verifier calls it for itself, to hold the basket against
what was asked for. Plain Python where a model could choose the steps.

    python 15_own_page_tool.py

Prints:
    page_table(Weight) -> ToolError: no table of this page has a column 'Weight'; there are: Article, Price
    page_table(Price) -> [{'Article': 'Green mug', 'Price': '£4.50'}, {'Article': 'Tin mug', ...
    Confirmed: Tin mug
    in the basket: ['Tin mug']
"""

import asyncio
from typing import Any

from punchlist.agents import Brief, FunctionWorker, Manager, Plan
from punchlist.examples.small_sites import PriceShop
from punchlist.protocols import Confirmed, Outcome
from punchlist.protocols.spec import ToolCall, ToolCheck
from punchlist.tools import Executor, Tool, ToolError, preset, tool
from punchlist.tools.browser import Browser, BrowserSession, Element, browser_tools

LIMIT = 3.50


def page_table_of(session: BrowserSession) -> Tool[..., Any]:
    """The tool, for the pages of one session."""

    @tool(effect="read", recovery="pure", timeout=10)
    async def page_table(column: str) -> list[dict[str, str]]:
        """Rows of the table that has a column of this name.

        Args:
            column: One of the table's headings.
        """
        view = await session.view(budget=50_000)
        cells = [[each.name if isinstance(each, Element) else each for each in line] for line in view.lines]
        table = [row for row in cells if len(row) > 1]
        if not table or column not in table[0]:
            known = ", ".join(table[0]) if table else "no table"
            raise ToolError(f"no table of this page has a column {column!r}; there are: {known}")
        return [dict(zip(table[0], row, strict=True)) for row in table[1:]]

    return page_table


def cheap(rows: Any) -> bool | str:
    """Whether a basket is one article within the limit."""
    prices = [float(row["Price"].lstrip("£")) for row in rows]
    return (len(prices) == 1 and prices[0] <= LIMIT) or f"the basket is {rows}"


def clerk(session: BrowserSession) -> FunctionWorker:
    """A worker with the browser's tools and this one."""

    async def put_cheapest(brief: Brief) -> str:
        table: Any = await brief.call("page_table", column="Price")
        best = min(table, key=lambda row: float(row["Price"].lstrip("£")))["Article"]
        link = (await session.view()).find(best, "link")
        await brief.call("browser_click", element=link.number)
        button = (await session.view()).find("Add to basket", "button")
        await brief.call("browser_click", element=button.number)
        return best

    return FunctionWorker("clerk", put_cheapest, tools=[*browser_tools(session), page_table_of(session)])


async def main(shop: PriceShop) -> Outcome[Any]:
    """Try the tool by hand; then let a worker use it, and the verifier."""
    plan = Plan("the cheapest mug")
    basket = ToolCheck("one, and cheap", ToolCall("page_table", {"column": "Price"}), cheap)
    plan.task("buy", "Put the cheapest mug into the basket.", spec=[basket], attempts=1)
    async with Browser(allow=[shop.url]) as browser:
        session = await browser.open("clerk", url=f"{shop.url}/?q=mug")
        door = Executor(preset("unattended"), tools=[page_table_of(session)])
        for column in ("Weight", "Price"):
            made = await door.call("page_table", {"column": column}, key=f"by hand/{column}")
            print(f"page_table({column}) -> {made.value if made.ok else f'{made.code}: {made.error}'}")
        return await Manager(None, [clerk(session)]).run(plan)


if __name__ == "__main__":
    with PriceShop({"Green mug": "4.50", "Tin mug": "3.10", "Oak tray": "1.00"}) as mugs:
        ended = asyncio.run(main(mugs))
    print(f"{type(ended).__name__}: {ended.result['buy'] if isinstance(ended, Confirmed) else ended}")
    print("in the basket:", mugs.basket)
