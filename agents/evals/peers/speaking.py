"""How a peer's script talks to the benchmark: JSON lines in and out, no network, no library.

A script runs in the virtual environment of its framework and imports nothing of ours. It gives `serve` the
name of its distribution, its situations and its work:

    a situation    says what the caller of the framework got, as `ended`, `raised` or `not_offered` make it
    a work         takes (count, durability) and returns the CPU seconds of one unit
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.metadata
import io
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any

RIGHT, WRONG = "42", "41"
QUESTION = "What is six times seven?"
TASK, ITEM, UNITS = "How many green mugs are there?", "green mugs", "12"

Told = dict[str, Any]


def ended(output: object, *, success: bool = True, flag: str = "", calls: int = 0) -> Told:
    """The caller got a value.

    Args:
        output: What it got.
        success: False where the framework's own, documented status says that it is none.
        flag: Anything else by which an attentive caller could tell.
        calls: How often the worker's model was asked.
    """
    return {"output": str(output)[:300], "success": success, "flag": flag, "calls": calls}


def raised(error: BaseException, calls: int = 0) -> Told:
    """The caller got an exception."""
    return {"raised": f"{type(error).__name__}: {error}"[:300], "calls": calls}


def not_offered(why: str) -> Told:
    """The framework has nothing of the kind."""
    return {"not_offered": why}


async def told(work: Coroutine[Any, Any, Told], calls: Callable[[], int] = lambda: 0) -> Told:
    """What a caller got; an exception is an answer too."""
    try:
        return await work
    except Exception as error:
        return raised(error, calls())


class Script:
    """Scripted answers, the last one again and again; counts how often it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), 0

    def next(self) -> Any:
        """The next answer."""
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@contextmanager
def cpu() -> Generator[list[float]]:
    """CPU seconds of a block."""
    gc.collect()
    spent: list[float] = []
    began = time.process_time()
    try:
        yield spent
    finally:
        spent.append(time.process_time() - began)


async def per_unit(
    one: Callable[[], Coroutine[Any, Any, Any]], count: int, *, at_once: bool = False
) -> float:
    """CPU seconds of one unit of work, done `count` times; each must come to the right answer."""
    found: list[Any] = []
    with cpu() as spent:
        if at_once:
            found = list(await asyncio.gather(*(one() for _ in range(count))))
        else:
            for _ in range(count):
                found.append(await one())
    wrong = [each for each in found if UNITS not in str(each)]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {count} units came to {wrong[0]!r}")
    return spent[0] / count


def block_network() -> None:
    """No connection to anywhere but this process."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("the benchmark has no network")

    socket.create_connection = refuse
    socket.getaddrinfo = refuse
    connect = socket.socket.connect

    def only_local(self: socket.socket, address: Any) -> Any:
        return connect(self, address) if self.family == socket.AF_UNIX else refuse()

    socket.socket.connect = only_local  # type: ignore[method-assign]


QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_DISABLE_TRACKING": "true", "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true", "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false",
    "AGNO_TELEMETRY": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1", "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "1", "OPENAI_API_KEY": "none",
}  # fmt: skip
"""Every opt-out there is; set before a framework is imported."""


Situation = Callable[[], Coroutine[Any, Any, Told]]
Work = Callable[[int, str], Coroutine[Any, Any, float]]


def by_checks(
    ask: Callable[..., Coroutine[Any, Any, Told]], right: Any, short: Any, crash: Any
) -> dict[str, Situation]:
    """The situations that differ in script, checks and attempts alone.

    Args:
        ask: `ask(script, *checks, attempts=N)` sets one up as the framework's documentation would.
        right, short, crash: Checks in the framework's own form: the answer is right, it has less than four
            characters, and one that raises.
    """
    plays: dict[str, tuple[tuple[str, ...], tuple[Any, ...], int]] = {
        "wrong_with_budget_2": ((WRONG,), (right,), 2),
        "mended_by_redo": ((WRONG, RIGHT), (right,), 2),
        "right_in_the_last_attempt": ((WRONG, WRONG, RIGHT), (right,), 3),
        "redo_breaks_the_first_check": ((WRONG, "it is 42", "43"), (short, right), 3),
        "check_raises": ((RIGHT,), (crash,), 2),
    }

    def play(says: tuple[str, ...], checks: tuple[Any, ...], attempts: int) -> Situation:
        return lambda: ask(Script(*says), *checks, attempts=attempts)

    return {name: play(*each) for name, each in plays.items()}


def costs(
    one: Callable[[], Coroutine[Any, Any, Any]], checked: Callable[[], Coroutine[Any, Any, Any]]
) -> dict[str, Work]:
    """What is measured without durability: an agent, one whose answer is checked, many of them at once."""
    return {
        "agent": lambda count, durability: per_unit(one, count),
        "verified": lambda count, durability: per_unit(checked, count),
        "thousand": lambda count, durability: per_unit(one, count, at_once=True),
    }


def serve(
    distribution: str,
    situations: Mapping[str, Callable[[], Coroutine[Any, Any, Told]]],
    works: Mapping[str, Callable[[int, str], Coroutine[Any, Any, float]]],
) -> None:
    """Answer requests until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints goes where it does not disturb
    block_network()

    def say(answer: Told) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    hello = {"version": importlib.metadata.version(distribution), "python": sys.version.split()[0]}
    say({**hello, "situations": list(situations), "works": list(works)})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                if request["do"] == "situation":
                    answer = asyncio.run(told(situations[request["name"]]()))
                else:
                    work = works[request["name"]](request["count"], request["durability"])
                    answer = {"seconds": asyncio.run(work)}
        except Exception:
            answer = {"broke": traceback.format_exc()[-1500:]}
        say(answer)


os.environ.update(QUIET)
