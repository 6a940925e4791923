"""The verbs of the full set on real pages: drag, hover, upload, keys, several options, scroll, wait, tabs."""

from __future__ import annotations

import pytest

from punchlist.tools.browser.actions import MalformedAction
from punchlist.tools.browser.tab import Limits

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SUGGEST = """<title>T</title><input aria-label=Town id=i><ul id=u></ul><script>let said = '';
    i.onkeydown = e => { said += e.key; u.innerHTML = said.endsWith('Par') ? '<li>Paris' : '' }</script>"""
LIST = """<title>T</title><select multiple aria-label=Sizes onchange="p.textContent=[...selectedOptions]
    .map(o=>o.text).join('+')"><option selected>S<option>M<option>L | XL<option disabled>No</select>
    <p id=p></p>"""
DRAG = """<title>T</title><style>div{height:40px;width:120px;margin:1200px 0 0 0;cursor:pointer}</style>
    <div id=a style="margin:0" onmousedown="this.held=1">Lamp</div><div id=b
    onmouseup="if(a.held)this.textContent='Cart holds a lamp'">Cart</div>"""


async def test_keys_are_pressed_one_by_one(show):
    visit = await show(SUGGEST)

    typed = await visit.session.keys(visit.number("Town"), "Par")

    assert (typed.line(), typed.effect.focus, typed.effect.value_after) == ("ok: Paris", "Town", "Par")


@pytest.mark.parametrize("verb", ["type", "keys"])
async def test_enter_follows_where_it_is_asked_for(show, site, verb):
    site.pages["/found"] = "<title>Found</title>"
    visit = await show("<title>S</title><form action=/found><input aria-label=Q name=q></form>")

    entered = await visit.line(f"{verb}+enter 1 green mug", full=True)

    assert entered.effect.url_changed and visit.session.url.endswith("/found?q=green+mug")


async def test_enter_is_not_pressed_when_the_field_holds_something_else(show):
    visit = await show("<title>T</title><form action=/x><input aria-label=Code maxlength=2></form>")

    result = await visit.session.type(1, "123", enter=True)

    assert (result.code, result.effect.url_changed) == ("value_differs", False)


async def test_a_field_is_emptied(show):
    visit = await show("<title>T</title><input aria-label=A value=old><textarea aria-label=B>old</textarea>")

    assert (await visit.session.type(1, "")).effect.value_after == ""
    assert (await visit.session.keys(2, "")).effect.value_after == ""


async def test_exactly_the_named_options_of_a_list_are_chosen(show):
    visit = await show(LIST)

    both = await visit.session.select(1, "M", "L | XL")
    one = await visit.session.select(1, "S")
    wrong = await visit.session.select(1, "S", "No")

    assert (both.line(), both.effect.value_after) == ("ok: M+L | XL", "M, L | XL")
    assert (one.line(), one.effect.value_after) == ("ok: S", "S")
    assert wrong.line() == "bad_option: the options are S | M | L | XL"


async def test_a_list_that_takes_one_option_refuses_several(show):
    visit = await show("<title>T</title><select aria-label=Size><option>S<option>M</select>")

    result = await visit.session.select(1, "S", "M")

    assert result.line() == "bad_option: it takes one option, not 'S | M'"


async def test_a_thing_is_dragged_onto_one_that_is_below_the_fold(show):
    visit = await show(DRAG)

    result = await visit.session.drag(1, 2)

    assert result.ok and "Cart holds a lamp" in await visit.look()
    assert (await visit.session.drag(1, 1)).code == "bad_option"
    assert (await visit.session.drag(1, 9)).code == "stale_ref"


async def test_native_drag_and_drop_works(show):
    visit = await show("""<title>T</title><button draggable=true ondragstart="event.dataTransfer
        .setData('text','lamp')">Lamp</button><button ondragover="event.preventDefault()"
        ondrop="p.textContent='Got '+event.dataTransfer.getData('text')">Cart</button><p id=p></p>""")

    assert (await visit.session.drag(1, 2)).line() == "ok: Got lamp"


async def test_a_menu_opens_under_the_mouse(show):
    visit = await show("""<title>T</title><style>p{display:none} button:hover+p{display:block}</style>
        <button>Menu</button><p>Settings</p><a href=#>Other</a>""")

    opened = await visit.session.hover(1)
    left = await visit.session.hover(2)
    dead = await visit.session.hover(2)

    assert (opened.line(), left.effect.gone, dead.code) == ("ok: Settings", ("Settings",), "no_effect")


async def test_a_list_inside_the_page_is_scrolled(show):
    visit = await show("""<title>T</title><div style="height:100px;overflow:auto"><button>First</button>
        <p style="height:900px">x</p></div><p style="height:3000px">y</p>""")

    codes = [(await visit.session.scroll(way, 1)).code for way in ("down", "bottom", "bottom", "top", "up")]

    assert codes == ["ok", "ok", "no_effect", "ok", "no_effect"]


async def test_the_page_is_scrolled_to_its_ends(show):
    visit = await show(f"<title>T</title>{'<p>Some words in a line</p>' * 400}<p>The end</p>")

    down = await visit.session.scroll("bottom")
    bottom = await visit.look()
    again = await visit.session.scroll("bottom")
    up = await visit.session.scroll("top")

    assert (down.code, again.code, up.code) == ("ok", "no_effect", "ok")
    assert "The end" in bottom and "The end" not in await visit.look()


async def test_a_text_and_a_time_are_waited_for(show):
    visit = await show("""<title>T</title><p id=p>Loading</p>
        <script>setTimeout(() => p.textContent = 'It is ready', 700)</script>""")
    visit.session.limits = Limits(text=3)

    short = await visit.line("wait 100", full=True)
    found = await visit.line('wait "is Ready"', full=True)
    visit.session.limits = Limits(text=0.3)
    never = await visit.line("wait nothing of the kind", full=True)

    assert (short.code, 90 < short.effect.ms < 600) == ("no_effect", True)
    assert (found.code, found.text) == ("ok", "It is ready")
    assert never.line() == "timeout: 'nothing of the kind' did not appear within 0.3 s"


async def test_a_prompt_is_answered_in_words(show):
    visit = await show("""<title>T</title><button onclick="p.append(prompt('Name?','Ada'))">Ask</button>
        <p id=p></p><button onclick="p.append(confirm('Sure?'))">Do</button>""")
    await visit.session.click(1)

    told = await visit.session.dialog("accept", "Grace Hopper")
    await visit.look()
    await visit.session.click(visit.number("Do"))
    refused = await visit.session.dialog("accept", "yes")

    assert told.line() == "ok: Grace Hopper"
    assert (refused.code, refused.effect.dialog.kind) == ("not_editable", "confirm")
    assert refused.message == "a dialog of the kind confirm takes no text"


async def test_tabs_are_listed_changed_and_closed(show, site):
    site.pages["/second"] = "<title>Second</title><button>Here</button>"
    visit = await show("<title>First</title><a href=/second target=_blank>Open</a>")
    await visit.session.click(1)
    await visit.look()

    listed = await visit.session.tab()
    back = await visit.session.tab(1)
    stale = await visit.session.click(1)
    assert (await visit.look()).startswith("page /page: First")

    missing = await visit.session.tab(3)
    await visit.session.tab(2)
    closed = await visit.session.tab("close")

    assert listed.text == "tab 1 /page\ntab 2 /second (current)"
    assert (back.ok, back.effect.new_tab, stale.code) == (True, True, "stale_ref")
    assert missing.line() == "bad_option: there is no tab 3; there are 2"
    assert closed.ok and closed.text == "tab 1 /page (current)"
    assert (await visit.look()).startswith("page /page: First")


async def test_closing_the_last_tab_leaves_an_empty_one(show):
    visit = await show("<title>T</title>")

    await visit.session.tab("close")

    assert (await visit.look()) == "page about:blank: "
    assert (await visit.session.goto("/page")).code == "blocked_origin"


async def test_files_are_uploaded_from_the_tasks_folder_alone(show, tmp_path):
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "list.csv").write_text("a,b")
    (tmp_path / "secret.txt").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret.txt")
    visit = await show("""<title>T</title><input type=file aria-label=File onchange="files[0].text()
        .then(t => p.textContent = 'Holds ' + t)"><p id=p></p><button>Plain</button>""")
    assert (
        await visit.session.upload(1, "list.csv")
    ).line() == "bad_file: this task has no folder to upload from"
    visit.session.files = folder

    sent = await visit.session.upload(1, "list.csv")
    outside = [
        (await visit.session.upload(1, name)).line() for name in ("../secret.txt", "link", "/etc/passwd")
    ]
    missing = await visit.session.upload(1, "other.csv")
    nowhere = await visit.session.upload(2, "list.csv")

    assert (sent.line(), sent.effect.value_after) == ("ok: Holds a,b", "list.csv")
    assert outside == [f"bad_file: '{name}' is outside this task's folder"
                       for name in ("../secret.txt", "link", "/etc/passwd")]  # fmt: skip
    assert missing.line() == "bad_file: 'other.csv' is no file of this task's folder; it has link | list.csv"
    assert nowhere.line() == "not_editable: it asks for no file"


async def test_a_button_that_asks_for_a_file_gets_it(show, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"png")
    visit = await show("""<title>T</title><button onclick="i.click()">Choose photo</button><p id=p></p>
        <input type=file id=i hidden onchange="p.textContent='Chose '+files[0].name">""")
    visit.session.files = tmp_path

    assert (await visit.session.upload(1, "photo.png")).line() == "ok: Chose photo.png"


async def test_an_argument_that_a_verb_does_not_take_is_the_callers_error(show):
    visit = await show("<title>T</title>")

    for call in (visit.session.press("F5"), visit.session.scroll("left"), visit.session.goto("")):
        with pytest.raises(MalformedAction):
            await call
    with pytest.raises(ValueError, match="a text or a time, not both"):
        await visit.session.wait("x", ms=5)
