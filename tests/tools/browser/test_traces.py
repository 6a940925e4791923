"""Traces: recorded as it was, replayed with checks, exported as a script that runs without the package."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from punchlist.tools.browser import Browser, Limits, Secret, Trace, TraceUnreadable, replay, to_playwright
from punchlist.tools.browser.actions import Action, parse_action
from punchlist.tools.browser.locate import find_browser
from punchlist.tools.browser.results import MASK
from punchlist.tools.browser.trace import FILE
from punchlist.tools.permissions import preset

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "tr0ub4dor"
SHOP = """<title>Shop</title><h1>Buy</h1><form action=/in>
<label>Name: <input name=n></label><label>Password <input type=password name=pw></label>
<label>Size <select name=s><option>S<option>M</select></label>
<ul><li>Green mug £4 <button type=button onclick="p.textContent='1 mug is in the bag'">Add</button>
<li>Lamp <button type=button onclick="p.textContent='1 lamp is in the bag'">Add</button></ul><p id=p></p>
<div style="height:900px"></div><button>Log in</button></form>"""
INSIDE = """<title>In</title><p>Welcome</p>
<button onclick="if (confirm('Order for £5?')) document.body.append('Order 17 is placed')">Order</button>"""
STEPS = (
    "type textbox Name|Ada",
    "type password Password|secret:login_pw",
    "select select Size|M",
    "click button Add Lamp",
    "click button Log in",
    "click button Order",
)


def number(view, words):
    """The number of `role name`, or `role name row`."""
    for line in view.lines:
        row = " ".join(part for part in line if isinstance(part, str))
        for part in line:
            if not isinstance(part, str) and words in (
                f"{part.role} {part.name}",
                f"{part.role} {part.name} {row}",
            ):
                return part.number
    raise AssertionError(f"{words} is not in\n{view.text()}")


async def act(session, line):
    verb, _, rest = line.partition(" ")
    words, _, text = rest.partition("|")
    view = await session.view()
    return await session.act(Action(verb, number(view, words) if words else None, text))


async def record(session, folder, *lines, accept=False):
    """Do some steps under record; the trace."""
    session.limits = Limits(action=10)  # however busy the machine is, things are found
    await session.record(folder)
    for line in lines:
        await act(session, line)
    if accept:
        await session.act(Action("dialog", None, "accept"))
    await session.record(None)
    return Trace.load(folder)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shop(site):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_PW", PASSWORD)
        secrets = {"login_pw": Secret(site.url, env="SHOP_PW")}
        async with Browser([site.url], secrets=secrets, policy=preset("unattended")) as browser:
            yield browser


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def recorded(shop, site, tmp_path_factory):
    site.pages |= {"/shop": SHOP, "/in": INSIDE}
    session = await shop.open("recorded", url=site.url + "/shop")
    return await record(session, tmp_path_factory.mktemp("traces") / "trace", *STEPS, accept=True)


@pytest.fixture
def trace(recorded, site):
    """The order of a lamp; the pages are as they were when it was recorded."""
    site.pages |= {"/shop": SHOP, "/in": INSIDE}
    return recorded


def run_script(folder, **environment):
    """Run `script.py` as a stranger would, without this package on its path."""
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=120,
        env={"PATH": os.environ["PATH"], "BROWSER_EXECUTABLE": str(find_browser()), **environment},
    )  # fmt: skip


async def impatient(browser, lane):
    """A session that does not wait long for what never comes."""
    session = await browser.open(lane)
    session.limits = Limits(action=10, change=0.05)
    return session


async def test_a_trace_tells_what_was_seen_done_and_came_of_it(trace):
    lamp, order = trace.steps[3], trace.steps[5]

    assert "[5] button Add" in lamp.view and lamp.words() == "click Add"
    assert (lamp.target.row, lamp.target.of, lamp.target.alike) == (("Lamp",), 1, 2)
    assert lamp.result.effect.new == ("1 lamp is in the bag",)
    assert order.result.effect.dialog.message == "Order for £5?"
    assert [step.result.code for step in trace.steps] == ["ok"] * 7


async def test_the_box_is_where_the_thing_is_in_the_picture(trace):
    button = trace.steps[4]  # far below what the window showed
    left, top, width, height = button.target.box

    assert trace.picture(button).startswith(b"\x89PNG")
    assert 0 <= left < left + width <= 1280 and 0 <= top < top + height <= 720
    assert 10 < height < 40 and trace.steps[6].picture == ""


async def test_no_secret_is_in_a_trace_and_only_its_owner_reads_it(trace):
    files = list(trace.folder.iterdir())

    assert not [file for file in files if PASSWORD.encode() in file.read_bytes()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert trace.folder.stat().st_mode & 0o777 == 0o700


async def test_what_is_typed_into_a_password_field_is_hidden_and_has_to_be_given(shop, site, tmp_path):
    page = SHOP.replace("<form", "<form oninput='p.textContent=\"You typed \" + event.target.value'")
    site.pages["/echo"] = page
    session = await shop.open("echo", url=site.url + "/echo")
    trace = await record(session, tmp_path / "t", "type password Password|hunter2222", "type textbox Name|x")
    again = await shop.open("again")

    without = await replay(trace, again)
    given = await replay(trace, again, {"typed_1": "hunter2222"})

    assert "hunter2222" not in (tmp_path / "t" / FILE).read_text()
    assert (without.stopped.outcome, without.stopped.number) == ("needs_value", 1)
    assert given.ok, given.line()
    assert "hunter2222" not in str([step.words for step in given.steps])
    assert "os.environ['TYPED_1']" in to_playwright(trace)


async def test_a_password_that_shows_elsewhere_is_hidden_there_too(shop, site, tmp_path):
    site.pages["/copy"] = """<title>T</title><label>Password <input type=password id=i
    oninput="b.textContent = 'Copy ' + value; r.textContent = 'Row ' + value"></label>
    <label>Plain <input></label><ul><li><span id=r>Row</span> <button id=b>Copy</button></ul>"""
    session = await shop.open("copy", url=site.url + "/copy")
    trace = await record(
        session, tmp_path / "t", "type password Password|hun ter22", "type textbox Plain|my hun ter22",
        "click button Copy hun ter22 Row hun ter22", f"goto |{site.url}/in?pw=hun+ter22",
    )  # fmt: skip

    given = {"typed_1": "hun ter22", "typed_2": "my hun ter22"}
    replayed = await replay(trace, await shop.open("copy again"), given)

    plain, button = trace.steps[1], trace.steps[2].target
    written = (tmp_path / "t" / FILE).read_text()
    assert "hun ter22" not in written and "hun+ter22" not in written
    assert (plain.hidden, plain.text) == (True, MASK)
    assert (button.name, button.row) == (f"Copy {MASK}", (f"Row {MASK}",)) and button.where is not None
    assert replayed.ok, replayed.line()


async def test_a_trace_replays_in_a_fresh_context(trace, shop):
    replayed = await replay(trace, await shop.open("fresh"))

    assert replayed.ok, replayed.line()
    assert [step.outcome for step in replayed.steps] == ["same"] * 7
    assert replayed.line() == "all 7 steps came out as before"


@pytest.mark.parametrize(
    ("was", "now", "outcome", "at", "why"),
    [
        ("Lamp <", "Light <", "target_missing", 4, "there are 0 now and there were 1"),
        (">Log in<", ">Sign in<", "target_missing", 5, "there is no button Log in"),
        ("1 lamp is in the bag", "Sold out", "differs", 4, "'1 lamp is in the bag'"),
        ("<option>M", "<option>L", "differs", 3, "bad_option"),
        ("action=/in", "action=/page2", "differs", 5, "it led to /in and leads to /page#"),
    ],
)
async def test_a_page_that_changed_stops_the_replay(was, now, outcome, at, why, trace, shop, site):
    assert was in SHOP
    site.pages["/shop"] = SHOP.replace(was, now)

    replayed = await replay(trace, await impatient(shop, "changed"))

    assert (replayed.stopped.outcome, replayed.stopped.number) == (outcome, at)
    assert why in replayed.stopped.why and not replayed.ok


async def test_another_question_in_a_dialog_stops_the_replay_before_it_is_answered(trace, shop, site):
    site.pages["/in"] = INSIDE.replace("Order for", "Order and subscribe for")
    session = await impatient(shop, "asks")

    replayed = await replay(trace, session)

    assert (replayed.stopped.number, replayed.stopped.outcome) == (6, "differs")
    assert (await session.view()).dialog is not None


async def test_numbers_and_places_may_be_others(trace, shop, site):
    site.pages["/shop"] = SHOP.replace("<h1>", "<p>Sale</p><button type=button>Help</button><h1>")
    site.pages["/in"] = INSIDE.replace("17", "4711")

    replayed = await replay(trace, await shop.open("moved"))

    assert replayed.ok, replayed.line()


@pytest.mark.parametrize(
    ("was", "now", "at", "why"),
    [
        ("Order for £5?", "Order for £50?", 6, "the dialog said 'Order for £5?' and says 'Order for £50?'"),
        ("is placed", "is placed for 5 EUR", 7, "0 of 1 lines appeared"),
    ],
)
async def test_another_sum_in_a_dialog_or_another_line_stops_the_replay(was, now, at, why, trace, shop, site):
    site.pages["/in"] = INSIDE.replace(was, now)

    replayed = await replay(trace, await impatient(shop, "dearer"))

    assert replayed.stopped.number == at and why in replayed.stopped.why


async def test_sums_are_held_against_each_other_also_where_something_else_was_put_in(shop, site, tmp_path):
    page = """<title>T</title><label>What <input></label><button onclick="p.innerHTML =
    '<p>Item 12 is in the bag</p><p>Comes to £7.00</p>'">Add</button><div id=p></div>"""
    site.pages["/sum"] = page
    session = await shop.open("sum", url=site.url + "/sum")
    trace = await record(session, tmp_path / "t", "type textbox What|mug", "click button Add")
    site.pages["/sum"] = page.replace("Item 12", "Item 13")
    renumbered = await replay(trace, await impatient(shop, "sum again"))
    site.pages["/sum"] = page.replace("£7.00", "£700")

    dearer = await replay(trace, await impatient(shop, "sum dearer"))
    named = trace.parameterized({"article": "mug"})
    another = await replay(named, await impatient(shop, "sum other"), {"article": "jug"})

    assert renumbered.ok, renumbered.line()
    assert dearer.stopped.why == "it said 'Comes to £7.00' and says 'Comes to £700'" == another.stopped.why


async def test_the_only_button_of_another_row_is_not_taken_for_it(shop, site, tmp_path):
    row = """<title>T</title><ul><li>Alice <button onclick="fetch('/alice');this.closest('li').remove()">
    Delete</button></ul>"""
    site.pages["/rows"] = row
    session = await shop.open("rows", url=site.url + "/rows")
    trace = await record(session, tmp_path / "t", "click button Delete")
    site.pages["/rows"] = row.replace("Alice", "Bob").replace("/alice", "/bob")

    replayed = await replay(trace, await impatient(shop, "rows again"))

    assert replayed.stopped.outcome == "target_missing" and "'Alice'" in replayed.stopped.why
    assert not site.hits["/bob"]


async def test_values_that_have_names_may_be_others(trace, shop, site):
    named = trace.parameterized({"customer": "Ada", "article": "Lamp"})
    session = await shop.open("valued")

    another = await replay(named, session, {"article": "Green mug £4"})
    replayed = await replay(named, session, {"customer": "Grace"})

    assert another.stopped.number == 4 and another.stopped.why.endswith("'1 lamp is in the bag'")
    assert replayed.ok, replayed.line()
    assert any(path.startswith("/in?n=Grace") for path in site.hits)


async def test_a_parameter_that_is_not_in_the_trace_is_refused(trace, shop):
    with pytest.raises(ValueError, match="'customer' is 'Bob', which no step"):
        trace.parameterized({"customer": "Bob"})

    with pytest.raises(ValueError, match="no parameter 'who'; it has: customer"):
        await replay(trace.parameterized({"customer": "Ada"}), await shop.open("x"), {"who": "Bob"})


async def test_gates_are_asked_again(trace, site):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_PW", PASSWORD)
        browser = Browser([site.url], secrets={"login_pw": Secret(site.url, env="SHOP_PW")})

    async with browser:
        replayed = await replay(trace, await browser.open("nobody approves"))

    assert (replayed.stopped.number, replayed.stopped.result.code) == (4, "needs_approval")


async def test_what_was_not_carried_out_is_left_out(shop, site, tmp_path):
    site.pages["/off"] = "<title>T</title><button disabled>Off</button><a href=/in>In</a>"
    session = await shop.open("off", url=site.url + "/off")
    trace = await record(session, tmp_path / "t", "click button Off", "click link In")

    replayed = await replay(trace, await shop.open("off again"))

    assert [step.outcome for step in replayed.steps] == ["skipped", "same"]
    assert "Off" not in to_playwright(trace)


async def test_the_script_does_the_same_without_the_package(trace, site, tmp_path):
    (tmp_path / "script.py").write_text(to_playwright(trace.parameterized({"customer": "Ada"})))
    site.hits.clear()

    refused, done = run_script(tmp_path), run_script(tmp_path, LOGIN_PW=PASSWORD, CUSTOMER="Grace")

    assert "LOGIN_PW" in refused.stderr and refused.returncode == 1
    assert done.returncode == 0, done.stderr
    assert site.hits[f"/in?n=Grace&pw={PASSWORD}&s=M"] == 1


async def test_the_script_knows_what_playwright_has_other_words_for(shop, site, tmp_path):
    site.pages["/start"] = """<title>Start</title><script>onload = () => { document.title = confirm("Hi?") }
    </script><p>Start"""
    site.pages["/words"] = """<title>Words</title><label>City <select><option>Paris<option>Rome (Italy)
    </select></label> <label>Time <input type=time></label> <div contenteditable role=textbox
    aria-label=Note>x</div> <button onclick="this.textContent = confirm('one?') + ' ' + prompt('two?')">Ask
    </button><button onclick="if (confirm('sure?')) window.open('/window')">Open</button>"""
    site.pages["/window"] = """<title>Window</title><button onclick="window.close()">Close</button>"""
    session = await shop.open("words")
    trace = await record(
        session, tmp_path / "t", f"goto |{site.url}/start", "dialog |accept", "goto |/words",
        "select select City|rome", "type textbox Time|6:09 PM", "type textbox Note|hello there",
        "click button Ask", "dialog |accept", 'dialog |accept "tea"', "click button Open", "dialog |accept",
        "click button Close", "click button true tea", "dialog |dismiss", "dialog |dismiss",
    )  # fmt: skip
    (tmp_path / "script.py").write_text(to_playwright(trace))

    done = run_script(tmp_path)

    assert [step.result.code for step in trace.steps] == ["ok"] * 15
    assert done.returncode == 0, done.stderr


async def test_tabs_frames_and_closed_roots_are_in_the_script(shop, site, tmp_path):
    site.pages["/odd"] = """<title>T</title><iframe name=inner srcdoc="<button onclick='this.textContent=1'>In
frame</button>"></iframe><a href=/in target=_blank>Window</a><x-card></x-card><script>
    customElements.define("x-card", class extends HTMLElement { constructor() { super();
      this.attachShadow({mode: "closed"}).innerHTML = "<button>Deep</button>";
      this.addEventListener("click", () => { document.title += " clicked"; }); } })</script>"""
    session = await shop.open("odd", url=site.url + "/odd")
    trace = await record(
        session, tmp_path / "t", "click button In frame", "click button Deep", "click link Window"
    )
    script = to_playwright(trace)
    (tmp_path / "script.py").write_text(script)

    assert "frame_locator('iframe[name=\"inner\"]')" in script and "page.mouse.click(" in script
    assert "with page.expect_popup() as opened:" in script
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (await replay(trace, await shop.open("odd again"))).ok


async def test_a_page_cannot_write_into_the_script(shop, site, tmp_path):
    name = '\'); import os; os.abort() #"""\\'
    site.pages["/evil"] = (
        f"<title>T</title><button onclick='p.textContent=1' aria-label='{name.replace(chr(39), '&#39;')}'>"
        "x</button><p id=p></p>"
    )
    session = await shop.open("evil", url=site.url + "/evil")
    await session.record(tmp_path / "t", about=name)
    await session.act(Action("click", min((await session.view()).elements)))
    await session.record(None)

    tree = ast.parse(to_playwright(Trace.load(tmp_path / "t")))

    modules = [each.names[0].name for each in ast.walk(tree) if isinstance(each, ast.Import)]
    assert modules == ["os", "re"]
    assert not [each for each in ast.walk(tree) if isinstance(each, ast.Attribute) and each.attr == "abort"]


async def test_a_browser_that_records_leaves_a_trace_of_each_lane(site, tmp_path):
    site.pages["/in"] = INSIDE
    async with Browser([site.url], record=tmp_path / "traces") as browser:
        for _ in range(2):
            session = await browser.open("../shop", url=site.url + "/in")
            session.limits = Limits(action=10)
            await session.act(parse_action("read"))
        await browser.open("idle", url=site.url + "/in")

    assert sorted(path.name for path in (tmp_path / "traces").iterdir()) == ["shop", "shop-1"]
    assert Trace.load(tmp_path / "traces" / "shop-1").steps[0].verb == "read"


async def test_a_folder_that_holds_a_trace_is_not_written_over(trace, shop, site):
    session = await shop.open("twice", url=site.url + "/shop")

    with pytest.raises(FileExistsError, match="record into another folder"):
        await session.record(trace.folder)

    assert Trace.load(trace.folder) == trace


async def test_a_folder_is_taken_by_the_first_recording_and_left_if_it_was_there(shop, site, tmp_path):
    site.pages["/in"] = INSIDE
    first, second = [await shop.open(lane, url=site.url + "/in") for lane in ("first", "second")]
    (tmp_path / "own").mkdir()
    await first.record(tmp_path / "own")

    with pytest.raises(FileExistsError, match="record into another folder"):
        await second.record(tmp_path / "own")
    await first.record(tmp_path / "new")
    await first.record(None)

    assert list(tmp_path.iterdir()) == [tmp_path / "own"] and not list((tmp_path / "own").iterdir())


async def test_a_full_disk_ends_the_recording_and_not_the_task(shop, site, tmp_path):
    site.pages["/in"] = INSIDE
    session = await shop.open("full", url=site.url + "/in")
    await session.record(tmp_path / "t")
    shutil.rmtree(tmp_path / "t")

    read = await session.act(Action("read"))

    assert read.ok and "cannot be written" in session.recording.problem


async def test_what_is_no_trace_says_so(trace, tmp_path):
    head, *steps = (trace.folder / FILE).read_text().splitlines()
    for name, text in {
        "empty": "",
        "other": "not JSON\n",
        "newer": head.replace('"version":1', '"version":2,"extra":0') + "\n",
        "killed": "\n".join([head, *steps[:2], steps[2][:50]]),
        "damaged": "\n".join([head, steps[0], steps[1][:50], steps[2], ""]),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text(text)

    for name, why in {
        "none": "No such file",
        "empty": "line 1 of trace.jsonl: Invalid JSON",
        "damaged": "line 3 of trace.jsonl: Invalid JSON",
        "other": "JSON",
        "newer": "version 2",
    }.items():
        with pytest.raises(TraceUnreadable, match=why):
            Trace.load(tmp_path / name)
    assert (len(Trace.load(tmp_path / "killed").steps), Trace.load(tmp_path / "killed").cut) == (2, True)
    assert Trace.load(Path(trace.folder)).cut is False
