"""How work is begun for a search, all at once or call by call, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from ...core_model.errors import NotAModelServer, RemoteError
from ..budget import BudgetExhausted
from .trace import TraceDiverged

if TYPE_CHECKING:
    from ...core_model.generation import Model

Work = Callable[[], Coroutine[Any, Any, None]]
"""Begins to ask for something, and may be begun again."""

WAITS = (0.5, 1.0, 2.0)
"""Seconds before a server that could not be reached is tried again."""


class Interrupted(Exception):
    """A search was told to stop; what it has so far is its result, and it can be resumed."""

    def __init__(self) -> None:
        super().__init__("The search was told to stop. It can be resumed from its journal.")


class CallFailed(Exception):
    """A function or tool that a search uses raised. The search goes on; the state that needed it is dead."""

    def __init__(self, name: str, error: str) -> None:
        self.name, self.error = name, error
        super().__init__(f"{name!r} failed: {error.rstrip(' .')}.")


def stop_reason(error: BudgetExhausted | Interrupted) -> str:
    """Why a search that raised this stopped: "interrupted", or the limit, such as "budget.tokens"."""
    if isinstance(error, Interrupted):
        return "interrupted"
    return f"budget.{error.what.replace(' ', '_')}"


async def together(works: Sequence[Work]) -> None:
    """All at once; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def tried(act: Callable[[], JsonValue | Awaitable[JsonValue]]) -> dict[str, JsonValue]:
    """What a function of the user returns, or what it raised, as it stands on record."""
    try:
        made = act()
        returned = await made if isinstance(made, Awaitable) else made
        return {"returned": json.loads(json.dumps(returned, allow_nan=False))}
    except (BudgetExhausted, Interrupted, TraceDiverged):  # it thinks itself; this is about the search
        raise
    except Exception as error:  # the edge to the user's own code: whatever it raises is its answer
        return {"error": f"{type(error).__name__}: {error}"}


async def reached(model: Model) -> None:
    """Ask a server that has not told yet what it serves, patiently: a model's name is part of the record.

    Raises:
        RemoteError: The server is not there, or refuses.
    """
    reach = cast("Callable[[], Awaitable[None]] | None", getattr(model, "reach", None))
    if model.name or reach is None:
        return
    for wait in WAITS:
        try:
            return await reach()
        except NotAModelServer:
            raise
        except RemoteError as error:
            if error.status is not None and error.status < 500 and error.status not in (408, 425, 429):
                raise
        await asyncio.sleep(wait)
    await reach()
