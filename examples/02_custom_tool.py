"""Turn two functions into tools, and call them through the one door that agents use.

The schema comes from signature and docstring. Permissions are rules as data: the first that matches decides,
and where none matches the call is refused.

Prints:
    stock takes {"item": "string"}
    stock(mug) -> 12
    stock(7) -> InvalidArguments: ...
    order(mug) -> ToolDenied: ...
    asked about order {"item": "mug", "count": 2}
    order(mug), with a person to ask -> "mug x 2"
"""

import asyncio
import json

from punchlist.tools import Executor, Policy, Rule, ToolResult, tool
from punchlist.tools.permissions import Call

WAREHOUSE = {"mug": 12, "lamp": 3}


@tool(effect="read")
def stock(item: str) -> int:
    """Units of an item in the warehouse.

    Args:
        item: Its name, singular.
    """
    return WAREHOUSE[item]


@tool(effect="irreversible", timeout=5)
async def order(item: str, count: int) -> str:
    """Order an item."""
    return f"{item} x {count}"


def agree(call: Call) -> bool:
    """Stands for the person who is asked."""
    print(f"asked about {call.tool} {json.dumps(dict(call.arguments))}")
    return True


def show(what: str, result: ToolResult) -> None:
    """A failed call is no exception: its code and text are what the model gets to see."""
    print(f"{what} -> {json.dumps(result.value) if result.ok else f'{result.code}: {result.error}'}")


async def main() -> None:
    """The same calls under two policies."""
    names = {name: about["type"] for name, about in stock.schema["properties"].items()}
    print(f"{stock.name} takes {json.dumps(names)}")

    careful = Executor(Policy([Rule("allow", effect="read")]), tools=[stock, order])
    show("stock(mug)", await careful.call("stock", {"item": "mug"}, key="example/task/1/1"))
    show("stock(7)", await careful.call("stock", {"item": 7}, key="example/task/1/2"))
    show("order(mug)", await careful.call("order", {"item": "mug", "count": 2}, key="example/task/1/3"))

    asking = Executor(Policy([Rule("allow", effect="read"), Rule("ask")], person=agree), tools=[stock, order])
    result = await asking.call("order", {"item": "mug", "count": 2}, key="example/task/1/4")
    show("order(mug), with a person to ask", result)


asyncio.run(main())
