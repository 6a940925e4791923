"""The browser's other faces: typed tools for an agent, and calls without async from several threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from punchlist.tools import Executor, preset
from punchlist.tools.browser import (
    BlockingBrowser,
    Browser,
    BrowserSession,
    Limits,
    MalformedAction,
    Trace,
    browser_tools,
)
from punchlist.tools.browser.blocking import BrowserClosed
from punchlist.tools.browser.calls import ActionCalls
from punchlist.tools.browser.toolbox import Key

pytestmark = pytest.mark.browser

FORM = """<title>Shop</title><label>Count <input id=n type=number></label><button
    onclick="p.textContent='Added '+n.value">Add</button><button>Dead</button><p id=p></p>"""


@pytest.mark.asyncio(loop_scope="session")
async def test_tools_act_and_show_the_page_afterwards(show):
    visit = await show(FORM)
    door = Executor(preset("unattended"), tools=browser_tools(visit.session))

    looked = await door.call("browser_look", {}, key="r/t/0/0")
    await door.call("browser_type", {"element": 1, "text": "3"}, key="r/t/0/1")
    added = await door.call("browser_click", {"element": 2}, key="r/t/0/2")
    dead = await door.call("browser_click", {"element": 3}, key="r/t/0/3")
    wrong = await door.call("browser_press", {"key": "F5"}, key="r/t/0/4")

    assert "[2] button Add" in looked.value["page"]
    assert (added.value["result"], added.value["page"].endswith("- Added 3")) == ("ok: Added 3", True)
    assert (dead.ok, dead.value["ok"], dead.value["code"]) == (True, False, "no_effect")
    assert (wrong.ok, wrong.code) == (False, "InvalidArguments")


@pytest.mark.asyncio(loop_scope="session")
async def test_there_is_a_tool_for_every_action_with_the_effect_that_was_declared(show, tmp_path):
    visit = await show(FORM)
    without = {item.name for item in browser_tools(visit.session)}
    visit.session.files = tmp_path

    made = {item.name: item for item in browser_tools(visit.session, press_effect="irreversible")}

    actions = {name for name in vars(ActionCalls) if not name.startswith("_")} - {"act", "keys"}
    assert set(made) == {f"browser_{name}" for name in actions | {"look", "enter"}}
    assert set(made) - without == {"browser_upload"}
    click, typing = made["browser_click"], made["browser_type"]
    assert [(item.effect, item.recovery) for item in (click, typing, made["browser_read"])] == [
        ("irreversible", "unsafe"),
        ("write", "pure"),
        ("read", "pure"),
    ]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_field_is_filled_and_sent_with_enter_at_the_effect_of_pressing(show):
    sends = """<title>T</title><form onsubmit="p.textContent='Sent '+n.value;return false">
    <input id=n aria-label=Name></form><p id=p></p>"""
    visit = await show(sends)
    made = {item.name: item for item in browser_tools(visit.session, press_effect="irreversible")}
    door = Executor(preset("unattended"), tools=made.values())

    await door.call("browser_look", {}, key="r/t/0/0")
    typed = await door.call("browser_type", {"element": 1, "text": "Ada"}, key="r/t/0/1")
    sent = await door.call("browser_enter", {"element": 1, "text": "Bob", "key_by_key": True}, key="r/t/0/2")

    assert "Sent" not in typed.value["page"] and sent.value["page"].endswith("- Sent Bob")
    assert made["browser_enter"].effect == "irreversible" and made["browser_type"].effect == "write"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda session: session.type(1, 5), "5 is no text"),
        (lambda session: session.keys(1, None), "None is no text"),
        (lambda session: session.select(1, 5), "5 is no text"),
        (lambda session: session.goto(7), "7 is no text"),
        (lambda session: session.click("1"), "named by their numbers"),
        (lambda session: session.drag(1, "2"), "named by their numbers"),
        (lambda session: session.click(True), "named by their numbers"),
    ],
)
async def test_an_argument_of_another_kind_is_refused_before_anything_is_done(show, call, why):
    visit = await show(FORM)

    with pytest.raises(MalformedAction, match=why):
        await call(visit.session)

    assert await visit.look() == visit.view.text()


@pytest.fixture(scope="module")
def blocking(site):
    with BlockingBrowser(Browser(allow=[site.url])) as browser:
        yield browser


def test_a_page_is_driven_without_async(blocking, site):
    site.pages["/page"] = FORM
    session = blocking.open("one", url=f"{site.url}/page")

    session.view()
    session.type(1, "2")
    added = session.click(2)

    assert added.line() == "ok: Added 2" and session.view().text().endswith("- Added 2")
    assert session.url == f"{site.url}/page" and not session.crashed


def test_several_threads_share_a_session_and_a_browser(blocking, site):
    site.pages["/count"] = "<title>0</title><button onclick='document.title=+document.title+1'>More</button>"
    shared = blocking.open("shared", url=f"{site.url}/count")
    shared.view()

    def own(place: int) -> str:
        session = blocking.open(f"own {place}", url=f"{site.url}/count?{place}")
        session.view()
        return session.click(1).code

    with ThreadPoolExecutor(4) as pool:
        own_codes = list(pool.map(own, range(4)))
        shared_codes = list(pool.map(lambda _: shared.click(1).code, range(6)))

    assert own_codes == ["ok"] * 4 and shared_codes == ["ok"] * 6
    assert shared.view().title == "6"


@pytest.mark.asyncio
async def test_it_works_inside_a_loop_that_runs(blocking, site):
    session = blocking.open("inside", url=f"{site.url}/count")

    assert (await asyncio.to_thread(session.view)).elements and session.view().elements


def test_a_trace_is_recorded_and_replayed_without_async(blocking, site, tmp_path):
    site.pages["/blocked"] = "<title>T</title><button onclick=\"this.after('Done')\">Go</button>"
    session = blocking.open("records", url=f"{site.url}/blocked")
    session.record(tmp_path / "trace")
    session.view()
    session.click(1)
    recorded = session.recording.trace
    session.record(None)

    replayed = blocking.open("replays").replay(Trace.load(tmp_path / "trace"))

    assert (len(recorded.steps), session.recording) == (1, None)
    assert replayed.ok and replayed.line() == "the step came out as before"


def test_errors_come_through_and_a_closed_browser_says_so(site):
    browser = BlockingBrowser(Browser(allow=[site.url]))
    session = browser.open("x", url=site.url)

    with pytest.raises(ValueError, match="a text or a time"):
        session.wait("x", ms=1)
    browser.close()
    browser.close()
    with pytest.raises(BrowserClosed):
        session.view()
    with pytest.raises(BrowserClosed):
        browser.open("y")
    assert not [thread for thread in threading.enumerate() if thread is browser._loop._thread]


def test_both_faces_have_the_same_names(blocking, site, tmp_path):
    session = blocking.open("names", url=site.url)
    session.files, session.limits = tmp_path, Limits(action=1)

    faces = (ActionCalls, BrowserSession)
    names = {name for face in faces for name in vars(face) if not name.startswith("_")} | {"files"}

    assert {name for name in names if not hasattr(session, name)} == set()
    assert (session.session.files, session.session.limits.action) == (tmp_path, 1)


def test_a_tool_names_the_keys_that_can_be_pressed():
    from typing import get_args

    from punchlist.tools.browser.actions import KEYS

    assert get_args(Key) == KEYS
