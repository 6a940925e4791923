"""What the parts of `eval kill` plan alike: a whole run, then killed ones at its moments and others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from .harness import Measuring
from .ledger import Row

TRIES = 4
"""Times that a process is begun again because it ended before its kill, each time killed earlier."""


@dataclass(frozen=True)
class Kill:
    """When a process dies.

    Attributes:
        at: At a moment by its own SIGKILL, from 1.
        after: So many seconds after it began, by that of its parent.
    """

    at: int | None = None
    after: float | None = None

    def ever_earlier(self) -> Iterator[Kill]:
        """This one, then those to try where the process ended before."""
        kill = self
        for _ in range(TRIES + 1):
            yield kill
            at = None if kill.at is None else max(1, kill.at // 2)
            kill = replace(kill, at=at, after=None if kill.after is None else kill.after / 2)


class KilledRow(BaseModel):
    """One run: whole, or killed and gone on with.

    Attributes:
        kills: Processes of it that died before it ended.
        stage: What each of them had done last.
        moments: That the last process might have died at.
        seconds: Of the last process, from when it was ready.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kills: int
    stage: str
    moments: int
    seconds: float

    def tell(self) -> str:
        """One line of progress."""
        return f"killed {self.stage}" if self.kills else "whole"


KilledT = TypeVar("KilledT", bound=KilledRow)


@dataclass(frozen=True)
class Amounts:
    """How many random trials, and with --quick how many of those and of the moments."""

    usual: int
    quick: int
    quick_moments: int


async def run_whole(
    measuring: Measuring, of: type[KilledT], trial: Callable[[], KilledT], name: str = ""
) -> KilledT:
    """A run that nobody disturbs: tells how many moments and seconds there are.

    Args:
        name: Whose, where there are several.
    """
    [row] = await measuring.each([f"{name}whole"], lambda _: in_row(trial), telling(of), sharded=False)
    return of.model_validate(row)


async def kill_everywhere(
    measuring: Measuring, of: type[KilledT], trial: Callable[..., KilledT], amounts: Amounts, name: str = ""
) -> list[KilledT]:
    """A whole run, a trial that dies at each of its moments, and as many at random ones as --limit says.

    Args:
        trial: Of a `Kill`, or of none.
        name: Whose run it is, where there are several.

    Returns:
        The whole run first.
    """
    whole = await run_whole(measuring, of, trial, name)
    every = max(1, whole.moments // amounts.quick_moments) if measuring.options.quick else 1
    keys = [f"{name}moment:{at}" for at in range(1, whole.moments + 1, every)]
    keys += [f"{name}random:{number}" for number in range(measuring.count(amounts.usual, amounts.quick))]

    async def one(key: str) -> Row:
        _, kind, number = f":{key}".rsplit(":", 2)
        if kind == "moment":
            return await in_row(lambda: trial(Kill(at=int(number))))
        rng = Random(f"{measuring.options.seed} {key}")
        return await in_row(lambda: trial(Kill(after=rng.uniform(0, whole.seconds))))

    return [whole, *(of.model_validate(row) for row in await measuring.each(keys, one, telling(of)))]


async def in_row(trial: Callable[[], KilledRow]) -> Row:
    """A trial, made in a thread, as a row of the ledger."""
    return (await asyncio.to_thread(trial)).model_dump(mode="json")


def telling(of: type[KilledRow]) -> Callable[[Row], str]:
    """Makes a line of progress of a row."""
    return lambda row: of.model_validate(row).tell()
