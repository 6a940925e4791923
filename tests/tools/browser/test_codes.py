"""Codes and effects that no other test produces, and pages that would hang a patient caller."""

from __future__ import annotations

import pytest

from punchlist.tools.browser.downloads import cleaned_name
from punchlist.tools.browser.results import Download
from punchlist.tools.browser.tab import MOST_TABS, Limits

from .site import redirect, slow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FILE = (200, {"Content-Type": "application/pdf", "Content-Disposition": 'attachment; filename="../a b.pdf"'})
SOON = Limits(action=0.5, navigation=1.0, fetch=0.5, text=0.5, download=0.5)


async def test_what_is_gone_names_what_is_most_like_it(show):
    visit = await show("<title>T</title><div id=d><button>Pay £5</button><a href=#>Pay later</a></div>")
    await visit.session._tab.page.evaluate("d.innerHTML = '<a href=#>Pay £5</a><button>Pay £6</button>'")

    result = await visit.session.click(1)

    assert result.line() == "stale_ref: button 'Pay £5' is gone from the page"
    assert result.hint == "most like it now: button 'Pay £6'; look again for its number"


async def test_what_is_gone_and_has_no_likeness_names_nothing(show):
    visit = await show("<title>T</title><div id=d><button>Pay</button></div>")
    await visit.session._tab.page.evaluate("d.innerHTML = '<button>Menu</button>'")

    assert (await visit.session.click(1)).hint == ""


async def test_a_cover_that_can_be_used_is_named_with_its_number(show):
    visit = await show("""<title>T</title><button>Pay</button>
        <a href=# style="position:fixed;inset:0;background:#fff">Close this notice</a>""")

    result = await visit.session.click(1)

    assert result.line() == "covered: button 'Pay' is covered by [2] 'Close this notice'"


async def test_what_was_hidden_since_it_was_seen_is_not_visible(show):
    visit = await show("<title>T</title><button id=b>Pay</button>")
    await visit.session._tab.page.evaluate("b.style.visibility = 'hidden'")

    assert (await visit.session.click(1)).line() == "not_visible: button 'Pay' cannot be seen"


async def test_text_into_a_box_that_is_ticked_is_refused(show):
    visit = await show("<title>T</title><label><input type=checkbox> Gift</label>")

    assert (await visit.session.type(1, "yes")).line() == "not_editable: checkbox 'Gift' takes no such input"


async def test_what_scripts_complain_about_is_an_effect(show):
    visit = await show("""<title>T</title><button onclick="console.error('no stock'); console.log('fine');
        p.textContent = 'x'; undefinedThing()">Buy</button><p id=p></p>""")

    first = await visit.session.click(1)
    after = await visit.session.press("Tab")

    assert first.ok and first.effect.console_errors[0] == "no stock"
    assert "undefinedThing is not defined" in first.effect.console_errors[1]
    assert after.effect.console_errors == ()


async def test_where_the_keyboard_went_is_an_effect(show):
    visit = await show("<title>T</title><input aria-label=First><input aria-label=Second><p>x</p>")

    clicked = await visit.session.click(1)
    tabbed = await visit.session.press("Tab")
    again = await visit.session.click(2)

    assert [each.effect.focus for each in (clicked, tabbed, again)] == ["First", "Second", None]
    assert again.code == "no_effect"


async def test_a_file_is_kept_in_quarantine_under_a_clean_name(show, site, tmp_path):
    site.pages["/file"] = (*FILE, b"%PDF")
    visit = await show("<title>T</title><a href=/file>Report</a>")
    await visit.session.keep_downloads(tmp_path / "kept")

    first = await visit.session.click(1)
    second = await visit.session.click(1)

    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    path = first.effect.download.path
    content = (tmp_path / "kept" / "_a b.pdf").read_bytes()
    assert (first.line(), first.effect.url_changed) == ("ok: downloaded _a b.pdf", False)
    assert first.effect.download == Download("_a b.pdf", 4, path)
    assert content == b"%PDF"
    assert second.effect.download.name == "_a b (2).pdf" and names == ["_a b (2).pdf", "_a b.pdf"]


async def test_a_file_that_takes_its_time_is_waited_for_and_one_that_comes_later_is_told_later(
    show, site, tmp_path
):
    site.pages["/slow"] = slow(0.5, "x,y")
    visit = await show("""<title>T</title><a href=/slow download=a.csv>Slow</a><button onclick="setTimeout(
        () => document.querySelector('a').click(), 400)">Soon</button>""")
    await visit.session.keep_downloads(tmp_path)

    asked = await visit.session.click(1)
    soon = await visit.session.click(2)
    later = soon
    for _ in range(20):
        later = await visit.session.wait(ms=200) if later.effect.download is None else later

    assert (asked.line(), asked.effect.download.late) == ("ok: downloaded a.csv", False)
    assert (soon.code, later.effect.download.name) == ("no_effect", "a (2).csv")


async def test_without_a_folder_no_file_is_kept_and_that_is_said(show, site):
    site.pages["/file"] = (*FILE, b"%PDF")
    visit = await show("<title>T</title><a href=/file>Report</a>")

    result = await visit.session.click(1)

    assert result.code == "not_kept" and result.message.endswith("a b.pdf: this task keeps no files")


async def test_a_file_that_is_too_large_leaves_nothing_behind(show, site, tmp_path):
    def endless(request):
        request.send_response(200)
        request.send_header("Content-Type", "application/zip")
        request.send_header("Content-Length", "5000000000")
        request.end_headers()
        request.wfile.write(b"x" * 200_000)
        request.wfile.flush()
        request.connection.settimeout(5)
        request.rfile.read(1)
        return 200, {}, b""

    site.pages["/huge"] = endless
    site.pages["/small"] = (*FILE, b"x" * 2000)
    visit = await show("<title>T</title><a href=/huge download>Huge</a><a href=/small>Small</a>")
    await visit.session.keep_downloads(tmp_path, limit=1000)

    huge = await visit.session.click(1)
    small = await visit.session.click(2)

    assert huge.message == "huge.zip: it has 5,000,000,000 bytes, more than the 1,000 that this run keeps"
    assert (huge.code, small.code, huge.effect.ms < 4000) == ("not_kept", "not_kept", True)
    assert small.message == "_a b.pdf: it has 2,000 bytes, more than the 1,000 that this run keeps"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("proposed", "name"),
    [
        ("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd"), ("C:\\x\\y.exe", "y.exe"),
        (".bashrc", "bashrc"), ("a\u202efdp.exe", "a fdp.exe"), ("nul.txt", "_nul.txt"), ("", "download"),
        ("a\nb?.txt", "a b_.txt"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"), ("...", "download"), ("x" * 300, "x" * 100),
    ],
)  # fmt: skip
async def test_a_page_does_not_choose_a_deceiving_name(proposed, name):
    assert cleaned_name(proposed) == name


async def test_a_page_that_never_comes_ends_in_its_time(show, site):
    site.pages["/never"] = lambda request: request.rfile.read(1) and ""
    visit = await show("<title>T</title><a href=/never>Go</a>")
    visit.session.limits = SOON

    gone = await visit.session.goto("/never")
    clicked = await visit.session.click(1)

    assert (gone.ok, clicked.code) == (False, "timeout")
    assert gone.code in ("timeout", "unreachable") and max(gone.effect.ms, clicked.effect.ms) < 4000
    assert (await visit.look()).startswith("page /page: T")


async def test_a_site_that_redirects_for_ever_is_unreachable(show, site):
    site.pages["/round"] = redirect("/round")
    visit = await show("<title>T</title>")

    assert (await visit.session.goto("/round")).code == "unreachable"


async def test_a_page_that_goes_to_itself_for_ever_ends_in_its_time(show, site):
    site.pages["/again"] = (
        "<title>Again</title><script>setTimeout(() => location = '/again?' + Math.random())</script>"
    )
    visit = await show("<title>T</title>")
    visit.session.limits = SOON

    result = await visit.session.goto("/again")
    away = await visit.session.goto("/page")
    closed = await visit.session.tab("close")
    back = await visit.session.goto(f"{site.url}/page")

    assert max(each.effect.ms for each in (result, away, closed, back)) < 6000
    assert away.ok or away.message.endswith("goes elsewhere all the time)")
    assert back.ok and await visit.look() == "page /page: T"


async def test_alerts_without_end_are_left_by_closing_the_tab(show):
    visit = await show("<title>T</title><button onclick=\"for(;;) alert('again')\">Go</button>")

    lines = [(await visit.session.click(1)).line()]
    lines += [(await visit.session.dialog("accept")).line() for _ in range(3)]
    blocked = await visit.session.goto("/page")
    closed = await visit.session.tab("close")

    assert lines == ["dialog alert: again"] * 4 and blocked.code == "dialog_open"
    assert closed.ok and closed.effect.ms < 5000
    assert await visit.look() == "page about:blank: "


async def test_a_script_without_end_is_a_timeout_and_its_tab_can_be_closed(show):
    visit = await show("<title>T</title><button onclick='for(;;);'>Go</button>")
    visit.session.limits = SOON

    stuck = await visit.session.click(1)
    closed = await visit.session.tab("close")

    assert (stuck.code, closed.code) == ("timeout", "ok")
    assert max(stuck.effect.ms, closed.effect.ms) < 6000
    assert await visit.look() == "page about:blank: "


async def test_a_page_that_replaces_itself_all_the_time_is_answered_in_time(show):
    visit = await show("""<title>T</title><script>setInterval(() => document.body.innerHTML =
        '<button>Buy</button><p>' + Math.random() + '</p>', 50)</script>""")

    result = await visit.session.click(1) if 1 in visit.view.elements else await visit.session.press("Tab")

    assert result.effect.ms < 5000
    assert result.ok or result.hint == "most like it now: button 'Buy'; look again for its number"
    assert "[1] button Buy" in await visit.look()


@pytest.mark.parametrize("windows", [12, pytest.param(100, marks=pytest.mark.long)])
async def test_windows_in_numbers_are_not_all_let_in(show, site, windows):
    site.pages["/ad"] = "<title>Ad</title>"
    visit = await show(f"""<title>T</title><button onclick="for (let i = 0; i < {windows}; i++)
        window.open('/ad?' + i)">Go</button>""")

    result = await visit.session.click(1)
    visit.session.limits = Limits(action=10)  # the browser has a hundred windows to close

    assert result.effect.new_tab and visit.session.tabs <= MOST_TABS
    assert result.hint.endswith("more windows were closed")
    assert (await visit.look()).startswith("page /ad?")


async def test_printing_and_asking_for_permissions_hold_nothing_up(show):
    visit = await show("""<title>T</title><button onclick="window.print();
        Notification.requestPermission().then(x => p.textContent = x);
        navigator.geolocation.getCurrentPosition(() => 0, () => p.append('!'))">Go</button><p id=p></p>""")

    assert (await visit.session.click(1)).effect.ms < 4000
