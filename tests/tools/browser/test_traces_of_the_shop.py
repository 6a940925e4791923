"""The example shop, from a record to a replay, to a script, and to a stop where the shop is another one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from punchlist.examples.site import Site
from punchlist.tools.browser import Browser, Limits, Trace, replay, to_playwright
from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.locate import find_browser
from punchlist.tools.permissions import preset

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def act(session, verb, name, text="", row=""):
    """Act on the thing of this name, in the row that begins so."""
    view = await session.view()
    numbers = [
        part.number
        for line in view.lines
        for part in line
        if not isinstance(part, str) and part.name == name and (not row or line[0] == row)
    ]
    return await session.act(Action(verb, numbers[0], text))


async def put_in_bag(session):
    """What an agent, or a person, does to get two lanterns."""
    await act(session, "click", "Show me more", row="Plum lantern")
    await act(session, "type", "How many of these", "2")
    await act(session, "click", "Pop it in my bag")
    await act(session, "click", "Go and check out")


async def test_what_was_done_in_the_shop_is_done_again(tmp_path):
    with Site(3, flaws=()) as shop, Site(4, flaws=()) as other:
        async with Browser([shop.url, other.url], policy=preset("unattended")) as browser:
            session = await browser.open("first", url=shop.url + "/")
            session.limits = Limits(action=10)
            await session.record(tmp_path / "trace", about="Put 2 plum lanterns into the bag")
            await put_in_bag(session)
            await session.record(None)
            trace = Trace.load(tmp_path / "trace").parameterized({"article": "Plum lantern", "count": "2"})
            elsewhere = trace.head.model_copy(update={"url": other.url + "/"})

            again = await browser.open("second")
            again.limits = Limits(action=10, change=0.05)
            same = await replay(trace, again)
            bag = await again.new_tab_view(shop.url + "/bag")
            another = await replay(trace, await browser.open("third"), {"article": "Oak tray", "count": "3"})
            changed = await replay(trace.model_copy(update={"head": elsewhere}), again)

        (tmp_path / "bag.py").write_text(to_playwright(trace))
        script = await asyncio.to_thread(
            subprocess.run, [sys.executable, "bag.py"], cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "BROWSER_EXECUTABLE": str(find_browser())}, timeout=120,
        )  # fmt: skip

    assert [step.result.code for step in trace.steps] == ["ok"] * 4
    assert same.ok, same.line()
    assert "Quantity of plum lanterns: 2" in bag.text()
    assert another.stopped.outcome == "differs" and "Price for one" in another.line()
    assert script.returncode == 0, script.stderr
    assert changed.stopped.outcome == "differs" and "it said 'Plum lantern" in changed.line()
