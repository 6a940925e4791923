"""Frames in processes of their own, as full browsers have them, and listeners noted by a script."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from punchlist.tools.browser.listeners import note_listeners
from punchlist.tools.browser.locate import find_browser
from punchlist.tools.browser.observer import Observer, number

from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DEEP = "<p>Deep</p><button onclick='document.title=1;this.textContent=`Pressed`'>Innermost</button>"


@pytest_asyncio.fixture(loop_scope="session")
async def isolated():
    """A page of a Chromium that gives every site a process of its own."""
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=find_browser(), args=["--site-per-process"])
        yield await chromium.new_page()
        await chromium.close()


async def read(page, **how):
    observer = Observer(await page.context.new_cdp_session(page), page, **how)
    view, indexes = number(await observer.view(), 4000)
    return observer, view.text().splitlines()[1:], indexes


async def test_frames_in_other_processes_are_read_and_clicked_through_two_borders(isolated):
    inner = Site({"/deep": DEEP})
    far = inner.url.replace("127.0.0.1", "localhost")
    outer = Site({"/middle": f"<p>Middle</p><iframe src='{inner.url}/deep'></iframe>"})
    middle = outer.url.replace("127.0.0.1", "localhost")
    top = Site(
        {"/top": f"<p>Top</p><iframe height=300 src='{middle}/middle'></iframe><button>After</button>"}
    )
    await isolated.goto(top.url + "/top")
    frames = [frame for frame in isolated.frames if frame.url.startswith(far) or frame.url.startswith(middle)]

    observer, lines, indexes = await read(isolated)
    point = await observer.ask("point", indexes[1])
    await isolated.mouse.click(point["x"], point["y"])
    after = lines
    async with asyncio.timeout(30):
        while "[1] button Pressed" not in after:  # the click comes to another process in its own time
            _, after, _ = await read(isolated)

    assert frames and await isolated.context.new_cdp_session(frames[0])  # it is in a process of its own
    assert lines == ["- Top", "- Middle", "- Deep", "[1] button Innermost", "[2] button After"]
    assert after == ["- Top", "- Middle", "- Deep", "[1] button Pressed", "[2] button After"]
    for site in (inner, outer, top):
        site.close()


async def test_without_a_debugger_listeners_are_those_that_a_script_noted(isolated, site):
    site.pages["/noted"] = """<div id=a>Heard</div><div id=b>Left</div><div onclick=x>Attribute</div><script>
        a.addEventListener('click', () => 1); const f = () => 1;
        b.addEventListener('click', f); b.removeEventListener('click', f);</script>"""
    await isolated.goto(site.url + "/noted")
    _, unnoted, _ = await read(isolated, by_debugger=False)
    await note_listeners(isolated)
    await isolated.reload()

    _, noted, _ = await read(isolated, by_debugger=False)

    assert unnoted == ["- Heard", "- Left", "[1] other Attribute"]
    assert noted == ["[1] other Heard", "- Left", "[2] other Attribute"]
