"""Pages and days that break browsers: every call ends in its time, with a result that says what happened."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.tab import Limits

from .conftest import Visit
from .site import Site
from .test_fence_and_process import browsers_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PATIENCE = 12_000
"""Milliseconds that no action may take, however busy the machine is; the limits of actions are far below."""


async def test_a_body_that_is_replaced_all_the_time_gives_typed_results(show):
    visit = await show("""<title>T</title><script>const draw = () => {
        const body = document.createElement('body');
        body.innerHTML = '<button>Buy</button><input aria-label=Name><p>' + Math.random() + '</p>';
        document.body ? document.body.replaceWith(body) : document.documentElement.append(body); };
        setInterval(draw, 50)</script>""")

    results = []
    for line in ("click 1", "type 2 Ada", "press Tab", "read"):
        await visit.look()
        results.append(await visit.line(line))

    assert {each.code for each in results} <= {"ok", "stale_ref", "value_differs", "timeout", "no_effect"}
    assert max(each.effect.ms for each in results) < PATIENCE
    assert "button Buy" in await visit.look()


async def test_a_page_that_waits_for_a_script_that_never_comes_is_read_as_far_as_it_is(show, site):
    site.pages["/never.js"] = lambda request: request.rfile.read(1) and ""
    site.pages["/half"] = "<title>Half</title><p>Before</p><script src=/never.js></script><p>After</p>"
    visit = await show("<title>T</title>")
    visit.session.limits = Limits(action=1.5, navigation=1.5, fetch=0.5)

    result = await visit.line("goto /half")

    assert result.effect.ms < PATIENCE and result.code in ("ok", "timeout")
    assert await visit.look() == "page /half: Half\n- Before"


async def test_a_page_that_alerts_while_it_loads_for_ever_can_be_left(site):
    site.pages["/alerts"] = "<title>A</title><script>for (;;) alert('stay')</script>"
    site.pages["/page"] = "<title>T</title>"
    async with Browser(allow=[site.url]) as browser:
        session = await browser.open("lane", url=f"{site.url}/alerts")

        seen = (await session.view()).text()
        answered = await session.dialog("dismiss")
        left = await session.tab("close")
        gone = await session.goto(f"{site.url}/page")

        assert seen.endswith("dialog alert: stay") and answered.line() == "dialog alert: stay"
        assert left.ok and gone.ok and (await session.view()).text() == "page /page: T"


async def test_permissions_are_denied_without_anybody_being_asked(show):
    visit = await show("""<title>T</title><button onclick="
        Notification.requestPermission().then(x => q.append(x));
        navigator.geolocation.getCurrentPosition(() => q.append('here'), e => q.append(' place:' + e.code));
        window.print()">Go</button><p id=q></p>""")

    clicked = await visit.line("click 1")
    waited = await visit.session.wait("place:1")

    assert clicked.effect.ms < PATIENCE and waited.code == "ok"
    assert "here" not in await visit.look() and "granted" not in visit.view.text()


async def test_words_from_right_to_left_and_emoji_are_read_chosen_and_typed(show):
    family = "👩‍👩‍👧‍👦"
    visit = await show(f"""<title>شراء</title><html dir=rtl><p>السعر ٣٠ ₪ {family}</p>
        <label>الاسم <input id=i oninput="q.textContent=this.value"></label>
        <label>اللون <select><option>أحمر<option>🟢 أخضر</select></label>
        <button onclick="q.textContent='تم ✅'">🛒 اشتر الآن</button><p id=q></p>""")

    lines = visit.view.text().splitlines()
    typed = await visit.line(f"type 1 مرحبا {family} abc")
    value = await visit.session._tab.page.evaluate("i.value")
    chosen = await visit.line("select 2 🟢 أخضر")
    pressed = await visit.do("click", "🛒 اشتر الآن")

    assert lines[0] == "page /page: شراء" and lines[2] == "[1] textbox الاسم:"
    assert typed.code == "ok" and value == f"مرحبا {family} abc"
    assert (chosen.code, chosen.effect.value_after) == ("ok", "🟢 أخضر")
    assert pressed.line() == "ok: تم ✅"


async def test_a_file_without_an_end_is_cut_off_at_the_limit(show, site, tmp_path):
    def endless(request):
        request.send_response(200)
        request.send_header("Content-Type", "application/zip")
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65_536)
        except OSError:
            ended.set()
        return 200, {}, b""

    ended = threading.Event()
    site.pages["/endless"] = endless
    visit = await show("<title>T</title><a href=/endless download>All</a>")
    await visit.session.keep_downloads(tmp_path, limit=1_000_000)

    result = await visit.line("click 1")

    assert result.code == "not_kept" and "more than the 1,000,000 that this run keeps" in result.message
    assert await asyncio.to_thread(ended.wait, 5)
    async with asyncio.timeout(5):  # the browser takes away what it had of it
        while list(tmp_path.iterdir()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_browser_that_is_killed_in_the_middle_of_an_action_is_crashed_and_the_next_task_works(site):
    def kill(_):
        for pid in set(browsers_of(os.getpid())) - others:
            os.kill(pid, signal.SIGKILL)
        return "<title>Late</title>"

    others = set(browsers_of(os.getpid()))
    site.pages["/kill"], site.pages["/page"] = kill, "<title>T</title><a href=/kill>Go</a>"
    async with Browser(allow=[site.url]) as browser:
        session = await browser.open("lane", url=f"{site.url}/page")
        await session.view()

        result = await session.click(1)
        again = await browser.open("lane", url=f"{site.url}/page")

        assert (result.code, session.crashed) == ("crashed", True)
        assert (await again.view()).title == "T"


async def test_workers_browse_side_by_side_and_each_task_begins_afresh(site: Site, browser: Browser):
    together = threading.Barrier(3)

    def meet(request):
        together.wait(20)  # breaks unless all of them are on their way at once
        return f"<title>{request.headers.get('Cookie', 'none')}</title>"

    site.pages["/meet"] = meet
    site.pages["/set"] = """<title>T</title><a href=/meet>Meet</a><script>
        document.cookie = 'who=' + location.search.slice(1)</script>"""

    async def work(name: str) -> str:
        session = await browser.open(name, url=f"{site.url}/set?{name}")
        visit = Visit(session, await session.view())
        session.limits = Limits(navigation=30)
        await visit.do("click", "Meet")
        return (await session.view()).title

    titles = await asyncio.gather(*(work(name) for name in ("ann", "bob", "cy")))
    together = threading.Barrier(1)
    fresh = await browser.open("ann", url=f"{site.url}/meet")

    assert titles == ["who=ann", "who=bob", "who=cy"]
    assert (await fresh.view()).title == "none"


@pytest.mark.long
@pytest.mark.parametrize(
    "rest",
    ["<p><b>x</b></p>" * 50_000, f"<p>{'word ' * 200}</p>" * 10_000, f"<p>{'word ' * 2_000_000}</p>"],
    ids=["100,000 nodes", "10 MB in paragraphs", "10 MB in one"],
)
async def test_a_heavy_page_is_acted_on_in_its_time(show, rest):
    visit = await show(
        f"<title>T</title><button onclick=\"p.textContent='hit'\">Go</button><p id=p></p>{rest}"
    )

    result = await visit.line("click 1")

    assert result.ok and result.effect.ms < 3000 and "- hit" in await visit.look()
