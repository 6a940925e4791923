"""`@tool`: schema out of signature and docstring, checked arguments and values, limits that hold."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from datetime import date
from time import monotonic
from typing import Literal

import pytest
from pydantic import BaseModel

from punchlist.tools import Found, Tool, ToolError, tool
from punchlist.tools.errors import InvalidArguments, ToolRaised, ToolReturnedWrongType, ToolTimeout
from punchlist.tools.tool import ToolDefinitionError


class Order(BaseModel):
    item: str
    title: str = "none"


@tool(effect="read")
def stock(item: str, when: date | None = None, kind: Literal["new", "used"] = "new") -> int:
    """Units of `item`
    in the warehouse.

    More that no model needs.

    Args:
        item: What to count,
            by its full name.
        kind (str): New or used.

    Returns:
        A number.
    """
    return len(item) + (when.day if when else 0)


def test_the_schema_says_what_signature_and_docstring_say():
    assert (stock.name, stock.description) == ("stock", "Units of `item` in the warehouse.")
    assert stock.schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["item"],
        "properties": {
            "item": {"type": "string", "description": "What to count, by its full name."},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
            "kind": {
                "type": "string",
                "enum": ["new", "used"],
                "default": "new",
                "description": "New or used.",
            },
        },
    }


def test_a_tool_is_still_its_function():
    assert isinstance(stock, Tool) and stock("mug") == 3


def test_what_is_not_declared_is_taken_as_the_worse():
    @tool
    def send(text: str) -> None:
        """Send it."""

    assert (send.effect, send.recovery) == ("write", "unsafe")
    assert (stock.effect, stock.recovery) == ("read", "pure")


async def test_arguments_are_converted_and_the_value_is_json():
    @tool
    async def order(order: Order, schema: int, day: date) -> dict[str, list[Order]]:
        """Order it."""
        assert isinstance(order, Order) and day == date(2027, 5, 3)
        return {"orders": [order] * schema}

    arguments = order.validate({"order": {"item": "mug"}, "schema": 2, "day": "2027-05-03"})

    assert await order.run(arguments) == {"orders": [{"item": "mug", "title": "none"}] * 2}
    assert order.schema["properties"]["order"] == {"$ref": "#/$defs/Order"}


@pytest.mark.parametrize(
    "args", [{}, {"item": 3}, {"item": "mug", "colour": "red"}, {"item": "m", "kind": "old"}]
)
def test_arguments_that_do_not_fit_are_refused_with_the_reason(args):
    with pytest.raises(InvalidArguments, match="'stock' was called with arguments that do not fit") as caught:
        stock.validate(args)

    assert caught.value.problems and caught.value.for_model.endswith(caught.value.problems + ".")


@pytest.mark.parametrize("value", ["5", 5.5, None, [5]])
async def test_a_value_of_another_type_than_declared_is_an_error(value):
    @tool
    def count() -> int:
        """Count."""
        return value

    with pytest.raises(ToolReturnedWrongType) as caught:
        await count.run({})

    assert "Use another way" in caught.value.for_model and "annotation" not in caught.value.for_model


async def test_a_value_that_is_no_json_is_an_error():
    @tool
    def lock():
        """Get a lock."""
        return threading.Lock()

    with pytest.raises(ToolReturnedWrongType, match="lock is not JSON"):
        await lock.run({})


@pytest.mark.parametrize("is_async", [True, False])
async def test_what_a_tool_raises_is_typed_and_its_own_tool_errors_pass(is_async):
    def fail(error: Exception):
        async def slow() -> None:
            """Fail."""
            raise error

        def fast() -> None:
            """Fail."""
            raise error

        return tool(slow if is_async else fast)

    with pytest.raises(ToolRaised, match="KeyError: 'mug'"):
        await fail(KeyError("mug")).run({})
    with pytest.raises(ToolRaised, match="StopIteration"):
        await fail(StopIteration()).run({})
    with pytest.raises(ToolError, match="closed today"):
        await fail(ToolError("closed today")).run({})


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_tool_that_hangs_times_out_and_holds_up_nothing(is_async):
    released = threading.Event()

    @tool(timeout=0.05)
    async def wait_async() -> None:
        """Hang."""
        await asyncio.Event().wait()

    @tool(timeout=0.05)
    def wait_sync() -> None:
        """Hang."""
        released.wait(5)

    begun = monotonic()
    with pytest.raises(ToolTimeout, match=r"within 0.05 s"):
        await (wait_async if is_async else wait_sync).run({})
    released.set()

    assert monotonic() - begun < 1


def test_a_hung_tool_does_not_hold_up_the_end_of_the_process():
    program = """
import asyncio, time
from punchlist.tools import tool, ToolError
@tool(timeout=0.05)
def hang() -> None:
    "Hang."
    time.sleep(60)
async def main():
    try:
        await hang.run({})
    except ToolError as error:
        print(type(error).__name__)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=False
    )

    assert (done.stdout, done.returncode) == ("ToolTimeout\n", 0)


async def test_sync_tools_run_at_once_beside_the_loop():
    together = threading.Barrier(2, timeout=5)

    @tool
    def meet() -> int:
        """Meet."""
        return together.wait()

    assert sorted(await asyncio.gather(meet.run({}), meet.run({}))) == [0, 1]


async def test_a_tool_that_was_quick_and_hangs_now_holds_up_nothing():
    released, moved = threading.Event(), asyncio.Event()
    released.set()

    @tool(timeout=5)
    def wait() -> bool:
        """Wait until it is released."""
        return released.wait(5)

    for _ in range(3):
        await wait.run({})
    assert wait.pace.seconds < 1
    released.clear()
    asyncio.get_running_loop().call_soon(moved.set)
    hanging = asyncio.create_task(wait.run({}))
    await asyncio.wait_for(moved.wait(), 1)
    assert not hanging.done()
    released.set()

    assert await hanging is True


async def test_a_quick_tool_is_told_its_errors_and_context_like_any_other():
    here = contextvars.ContextVar("here", default="nowhere")

    @tool
    def look(name: str) -> str:
        """Look it up."""
        return {"mug": here.get()}[name]

    here.set("shelf")
    found = [await look.run({"name": "mug"}) for _ in range(100)]
    with pytest.raises(ToolRaised, match="KeyError: 'cup'"):
        await look.run({"name": "cup"})
    at_once = await asyncio.gather(*(look.run({"name": "mug"}) for _ in range(100)))

    assert found == at_once == ["shelf"] * 100


def undocumented(item: str) -> int:
    return 1


def unannotated(item):
    """Text."""


def variadic(*items: str) -> int:
    """Text."""


def keyless(item: str) -> int:
    """Text."""


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        (undocumented, {}, "needs a docstring"),
        (unannotated, {}, "annotate the type of parameter 'item'"),
        (variadic, {}, "callable by its name"),
        (keyless, {"recovery": "keyed"}, "idempotency_key"),
        (keyless, {"recovery": "queryable"}, "outcome_of"),
        (keyless, {"outcome_of": lambda item: None}, "queryable"),
        (keyless, {"timeout": 0}, "above 0"),
        (keyless, {"name": "no spaces"}, "no tool name"),
    ],
)
def test_a_function_that_cannot_be_a_tool_says_what_to_change(function, options, says):
    with pytest.raises(ToolDefinitionError, match=says):
        tool(**options)(function)


async def test_a_keyed_tool_gets_its_key_and_no_model_sees_it():
    @tool(recovery="keyed")
    def pay(amount: int, idempotency_key: str) -> str:
        """Pay."""
        return f"{amount} for {idempotency_key}"

    assert list(pay.schema["properties"]) == ["amount"]
    assert await pay.run(pay.validate({"amount": 3}), "run/t/0/1") == "3 for run/t/0/1"


async def test_an_outcome_is_asked_for_with_the_same_arguments():
    @tool(recovery="queryable", outcome_of=lambda item: Found(7) if item == "mug" else None)
    def order(item: str) -> int:
        """Order."""
        return 1

    assert await order.ask_outcome({"item": "mug"}) == Found(7)
    assert await order.ask_outcome({"item": "lamp"}) is None
