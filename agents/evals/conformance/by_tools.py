"""Situations with workers that have tools and change a world: claims without deeds, refused work handed on.

The world is a counter of orders. The spec looks at it again through a tool; what the worker says of it is a
claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ....protocols.outcome import Confirmed, Unverified
from ....protocols.spec import Check, Criterion, ToolCall, ToolCheck
from ....tools.errors import ToolError
from ....tools.tool import AnyTool, tool
from ...testing import ScriptedModel
from ...worker import Worker
from ..staging import Part, Played, play
from .situation import Seen, seen

ORDER, SHIP = "order one mug", "ship order"


@dataclass
class World:
    """What really happened."""

    orders: list[str] = field(default_factory=list[str])
    shipped: list[str] = field(default_factory=list[str])

    def tools(self, *, lies: bool = False, breaks: bool = False) -> list[AnyTool]:
        """Tools that act on it: `lies` says done and does nothing, `breaks` raises."""

        @tool(effect="write")
        def order(item: str) -> str:
            """Order an item."""
            if breaks:
                raise ToolError("the shop is closed")
            if not lies:
                self.orders.append(item)
            return "done"

        @tool(effect="write")
        def ship(item: str) -> str:
            """Ship an order."""
            self.shipped.append(item)
            return "done"

        @tool(effect="read")
        def ordered() -> int:
            """Number of orders there are."""
            return len(self.orders)

        return [order, ship, ordered]


def clerk(text: str) -> str:
    """A scripted worker that does its task and says so: one call, then the answer that it is done."""
    asked, _, task = text.rpartition("task : ")
    if not asked:
        return "read the results"  # what a failure taught
    if "did : " in asked:
        return "answer done"
    return "call ship\n item one mug\nend" if task.startswith("ship") else "call order\n item one mug\nend"


def liar(text: str) -> str:
    """A scripted worker that does nothing and says that it is done."""
    return "answer done"


def _part(name: str, text: str, *criteria: Criterion, after: tuple[str, ...] = ()) -> Part:
    return Part(name, lambda _: text, lambda _: criteria, after)


IS_ORDERED = ToolCheck("one order is there", ToolCall("ordered"), 1)
SAYS_SO = Check("it says that it is done", lambda result: result["answer"] == "done")


async def _play(
    folder: Path,
    world: World,
    says: Callable[[str], str],
    *parts: Part,
    tools: Sequence[AnyTool] | None = None,
    redos: int = 1,
) -> Played:
    model = ScriptedModel(says)
    worker = Worker("clerk", model, tools=world.tools() if tools is None else tools)
    return await play(parts, model, [worker], folder / "run.db", redos=redos)


async def done_and_looked_at(folder: Path) -> Seen:
    """Work that was done and that a look at the world finds: Confirmed, with that look as evidence."""
    world = World()
    played = await _play(folder, world, clerk, _part("a", ORDER, IS_ORDERED))
    confirm = played.outcome.confirm if isinstance(played.outcome, Confirmed) else None
    looked = any(row.kind == "look" for row in played.rows)
    return seen(played.outcome, is_confirmed=confirm is not None, looked=looked, once=len(world.orders) == 1)


async def claims_done_without_doing(folder: Path) -> Seen:
    """The worker does nothing and says done: Unverified, because the look finds nothing."""
    world = World()
    played = await _play(folder, world, liar, _part("a", ORDER, IS_ORDERED))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


async def tool_says_done_and_does_nothing(folder: Path) -> Seen:
    """The tool returns success without effect and the worker believes it: Unverified."""
    world = World()
    played = await _play(folder, world, clerk, _part("a", ORDER, IS_ORDERED), tools=world.tools(lies=True))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


async def tool_fails_and_worker_says_done(folder: Path) -> Seen:
    """The tool raises and the worker says done all the same: Unverified."""
    world = World()
    played = await _play(folder, world, clerk, _part("a", ORDER, IS_ORDERED), tools=world.tools(breaks=True))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


async def redo_does_not_double_an_effect(folder: Path) -> Seen:
    """An attempt that acted is refused and redone: the effect is there once, whatever the end."""
    world = World()
    refusing = Check("never right", lambda _: False)
    played = await _play(folder, world, clerk, _part("a", ORDER, refusing), redos=2)
    unverified = isinstance(played.outcome, Unverified)
    return seen(played.outcome, is_unverified=unverified, is_there_once=len(world.orders) == 1)


async def refused_result_is_not_handed_on(folder: Path) -> Seen:
    """The next task needs the refused one: it is never begun, and the whole is Unverified."""
    world = World()
    parts = _part("a", ORDER, IS_ORDERED), _part("b", SHIP, SAYS_SO, after=("a",))
    played = await _play(folder, world, liar, *parts)
    begun = [envelope for envelope in played.said("assign") if envelope.task.endswith("b.use")]
    return seen(
        played.outcome,
        is_unverified=isinstance(played.outcome, Unverified),
        is_not_begun=not begun and not world.shipped,
    )


async def confirmed_beside_refused(folder: Path) -> Seen:
    """One of two independent tasks is refused: the whole is Unverified, and only the other counts as done."""
    world = World()
    parts = _part("a", ORDER, IS_ORDERED), _part("b", SHIP, Check("never right", lambda _: False))
    played = await _play(folder, world, clerk, *parts)
    statuses = {key for key, value in played.results().items() if value}
    unverified = isinstance(played.outcome, Unverified)
    return seen(played.outcome, is_unverified=unverified, has_the_confirmed_one="a" in statuses)


async def look_that_cannot_be_made(folder: Path) -> Seen:
    """The look at the world fails: that is no pass, so Unverified, and no reason to do it again."""

    @tool(effect="read", name="ordered")
    def blind() -> int:
        """Number of orders there are."""
        raise ToolError("the books cannot be read")

    world = World()
    tools = [*world.tools()[:2], blind]
    played = await _play(folder, world, clerk, _part("a", ORDER, IS_ORDERED), tools=tools, redos=2)
    unverified = isinstance(played.outcome, Unverified)
    return seen(played.outcome, is_unverified=unverified, is_not_redone=not played.said("redo"))


async def worker_gives_up(folder: Path) -> Seen:
    """The worker says that it cannot: Unverified with its reason, not an empty success."""
    played = await _play(folder, World(), lambda _: "cannot", _part("a", ORDER, SAYS_SO))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


async def worker_goes_round_in_circles(folder: Path) -> Seen:
    """The worker makes the same call again and again: the run ends, Unverified."""
    played = await _play(folder, World(), lambda _: "call ordered\nend", _part("a", ORDER, SAYS_SO))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


async def resumed_after_the_end(folder: Path) -> Seen:
    """A run that ended Unverified is resumed: it does not become Confirmed by that."""
    world = World()
    await _play(folder, world, liar, _part("a", ORDER, IS_ORDERED))
    played = await _play(folder, world, liar, _part("a", ORDER, IS_ORDERED))
    return seen(played.outcome, is_unverified=isinstance(played.outcome, Unverified))


PLAYS: Iterable[Callable[[Path], Any]] = (
    done_and_looked_at,
    claims_done_without_doing,
    tool_says_done_and_does_nothing,
    tool_fails_and_worker_says_done,
    redo_does_not_double_an_effect,
    refused_result_is_not_handed_on,
    confirmed_beside_refused,
    look_that_cannot_be_made,
    worker_gives_up,
    worker_goes_round_in_circles,
    resumed_after_the_end,
)
