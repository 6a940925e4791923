"""Dialogs that wait for an answer, tabs that pages open, and looking again in a tab of its own."""

from __future__ import annotations

import pytest

from punchlist.tools.browser.view import Dialog
from punchlist.tools.errors import OriginBlocked, PageUnreadable, SiteUnreachable

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ORDER = """<title>Review</title><p id=p>Not yet</p>
    <button onclick="p.textContent = confirm('Place this order?') ? 'Placed' : 'Kept'">Place order</button>"""


@pytest.mark.parametrize(("answer", "then"), [("accept", "Placed"), ("dismiss", "Kept")])
async def test_a_confirm_waits_for_its_answer(show, answer, then):
    visit = await show(ORDER)

    opened = await visit.do("click", "Place order")
    seen = await visit.look()
    meanwhile = await visit.line("click 1")
    answered = await visit.line(f"dialog {answer}")

    assert (opened.line(), opened.code) == ("dialog confirm: Place this order?", "ok")
    assert opened.effect.dialog == Dialog("confirm", "Place this order?")
    assert seen == "page /page: Review\ndialog confirm: Place this order?"
    assert meanwhile.line() == "dialog_open: answer the dialog first"
    assert answered.line() == f"ok: {then}"
    assert f"- {then}" in await visit.look()


async def test_alerts_in_a_row_are_answered_one_by_one(show):
    visit = await show(
        "<title>T</title><p id=p></p>"
        "<button onclick=\"alert('one'); alert('two'); p.append('over')\">Go</button>"
    )

    first = await visit.do("click", "Go")
    second = await visit.line("dialog accept")
    last = await visit.line("dialog accept")

    assert [first.line(), second.line(), last.line()] == [
        "dialog alert: one",
        "dialog alert: two",
        "ok: over",
    ]


async def test_a_prompt_is_accepted_with_what_it_offers(show):
    visit = await show(
        "<title>T</title><button onclick=\"p.append(prompt('Name?', 'Ada'))\">Ask</button><p id=p></p>"
    )

    assert (await visit.do("click", "Ask")).line() == "dialog prompt: Name?"
    assert (await visit.line("dialog accept")).line() == "ok: Ada"


async def test_a_dialog_while_a_page_loads_or_after_a_while_is_seen(show):
    visit = await show("<title>T</title><p>Text</p><script>alert('Welcome')</script>")
    assert visit.view.dialog == Dialog("alert", "Welcome")
    assert (await visit.line("dialog accept")).ok
    assert "- Text" in await visit.look()

    visit = await show("<title>T</title><p>Text</p><script>setTimeout(() => alert('Late'), 300)</script>")
    assert (await visit.line("wait")).line() == "dialog alert: Late"
    assert (await visit.look()).endswith("dialog alert: Late")


async def test_leaving_a_page_that_asks_before_it_is_left(show, site):
    site.pages["/next"] = "<title>Next</title>"
    visit = await show("""<title>Form</title><input aria-label=A><script>
        window.onbeforeunload = e => { e.preventDefault(); return 'Sure?' }</script>
        <a href=/next>Leave</a>""")
    await visit.do("type", "A", "x")

    assert (await visit.do("click", "Leave")).effect.dialog.kind == "beforeunload"
    await visit.line("dialog dismiss")
    assert (await visit.look()).startswith("page /page: Form")

    assert (await visit.session.goto("/next")).effect.dialog.kind == "beforeunload"
    assert (await visit.line("dialog accept")).effect.url_changed
    assert (await visit.look()).startswith("page /next: Next")


async def test_answering_when_no_dialog_is_open_has_no_effect(show):
    visit = await show("<title>T</title>")

    assert (await visit.line("dialog accept")).code == "no_effect"


@pytest.mark.parametrize("rel", ["", "rel=noopener"])
async def test_a_new_tab_becomes_the_current_one_and_gives_way_when_it_closes(show, site, rel):
    site.pages["/popup"] = "<title>Popup</title><button onclick=window.close()>Close</button>"
    visit = await show(f"<title>Opener</title><a href=/popup target=_blank {rel}>Open</a>")

    opened = await visit.do("click", "Open")
    assert opened.effect.new_tab and opened.line() == "ok"
    assert await visit.look() == "page /popup: Popup\n[1] button Close"

    closed = await visit.do("click", "Close")
    assert closed.effect.new_tab and closed.ok
    assert (await visit.look()).startswith("page /page: Opener")


async def test_another_tab_looks_with_the_same_cookies_and_disturbs_nothing(show, site):
    site.pages["/mine"] = lambda request: f"<title>Mine</title><p>{request.headers['Cookie']}</p>"
    visit = await show("<title>T</title><input aria-label=A><script>document.cookie='who=ada'</script>")
    await visit.do("type", "A", "half a sentence")

    view = await visit.session.new_tab_view("/mine")

    assert view.text() == "page /mine: Mine\n- who=ada"
    assert await visit.look() == "page /page: T\n[1] textbox A: half a sentence"


async def test_another_tab_says_why_it_saw_nothing(show):
    visit = await show("<title>T</title>")

    with pytest.raises(OriginBlocked):
        await visit.session.new_tab_view("http://127.0.0.1:1/")
    with pytest.raises(SiteUnreachable):
        await visit.session.new_tab_view("/drop")


async def test_a_lane_goes_on_with_the_storage_of_another(show, site, browser):
    site.pages["/who"] = lambda request: f"<title>Who</title><p>{request.headers['Cookie']}</p>"
    visit = await show("<title>T</title><script>document.cookie='who=ada';localStorage.x='1'</script>")

    state = await visit.session.storage_state()
    session = await browser.open("another", storage_state=state, url=site.url + "/who")
    text = (await session.view()).text()
    await session.close()

    assert "who=ada" in text and state["origins"][0]["localStorage"] == [{"name": "x", "value": "1"}]


async def test_a_screenshot_is_a_picture_and_a_dialog_prevents_one(show):
    visit = await show(ORDER)

    assert (await visit.session.screenshot()).startswith(b"\x89PNG")
    await visit.do("click", "Place order")
    with pytest.raises(PageUnreadable):
        await visit.session.screenshot()
