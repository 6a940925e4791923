"""The other face of a blocking method: a coroutine that does the same in a thread."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def twin(
    blocking: Callable[Concatenate[Owner, Parameters], Result],
) -> Callable[Concatenate[Owner, Parameters], Coroutine[Any, Any, Result]]:
    """A coroutine method with the parameters, result, errors and words of a blocking one."""

    @functools.wraps(blocking)
    async def call(self: Owner, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await asyncio.to_thread(blocking, self, *args, **kwargs)

    call.__name__ = blocking.__name__.removesuffix("_sync")
    call.__qualname__ = blocking.__qualname__.removesuffix("_sync")
    return call
