"""Threads of tools: calls that are waited for in place leave others their turn, and processes may fork."""

from __future__ import annotations

import asyncio
import math
import os
import threading

from punchlist.tools import Executor, preset, threads, tool


async def test_who_makes_one_quick_call_after_another_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(threads, "QUICK", math.inf)
    monkeypatch.setattr(threads, "IN_PLACE", 5.0)
    made: list[int] = []

    @tool(effect="read")
    def look() -> int:
        """Look."""
        made.append(1)
        return len(made)

    door = Executor(preset("unattended"), None, [look])

    async def on_and_on():
        while len(made) < 2000:
            await door.call("look", {}, key="run/task/1/1")

    looking = asyncio.create_task(on_and_on())
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait([looking])

    assert looking.cancelled() and len(made) < 2000


async def test_what_a_tool_returned_while_the_loop_was_held_up_is_not_late():
    told = threading.Event()

    @tool(timeout=0.01)
    def ship() -> str:
        """Ship it."""
        told.set()
        return "shipped"

    def hold_up():
        assert told.wait(5)
        while loop.time() < begun + 0.05:
            pass

    loop = asyncio.get_running_loop()
    begun = loop.time()
    loop.call_soon(hold_up)

    assert await ship.run({}) == "shipped"


def test_a_forked_process_has_threads_of_its_own():
    async def in_time():
        return await asyncio.wait_for(threads.in_thread(os.getpid), 5)

    assert asyncio.run(in_time()) == os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if asyncio.run(in_time()) == os.getpid() else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
