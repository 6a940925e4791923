"""The full set of verbs against gates and secrets: each way to press, submit, upload and change tab."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio

from punchlist.tools import Executor
from punchlist.tools.browser import Secret, browser_tools
from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.browser import Browser
from punchlist.tools.permissions import preset

from .site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

PASSWORD = "tr0ub4dor & 3<x"
FORM = """<title>T</title><form id=f><input aria-label=User><input type=password aria-label=Code name=c>
<button>Go</button></form><button>Away</button><p id=p></p><script>
onsubmit = event => { event.preventDefault(); p.append('submitted'); }</script>"""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def second():
    site = Site({"/": "<title>Second</title>"})
    yield site
    site.close()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def strict(site, second):
    """A browser that nobody approves anything in, with a secret."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATES_PW", PASSWORD)
        browser = Browser([site.url, second.url], secrets={"pw": Secret(site.url, env="GATES_PW")})
    async with browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def enter(site, strict):
    async def enter(html, **folders):
        site.pages["/verbs"] = html
        session = await strict.open("verbs", url=site.url + "/verbs", **folders)
        return session, await session.view()

    return enter


def number(view, name):
    return next(key for key, each in view.elements.items() if name in (each.name, each.role))


@pytest.mark.parametrize("verb", ["type", "keys"])
@pytest.mark.parametrize("text", ["hunter22", "secret:pw"])
async def test_enter_behind_what_is_typed_needs_the_approval_of_the_form(verb, text, enter):
    session, view = await enter(FORM)
    action = Action(verb, number(view, "Code"), text, enter=True)

    refused = await session.act(action)
    untouched = (await session.act(Action("read"))).text
    approved = await session.act(action, await session.gates(action))

    assert await session.gates(action) == ("password_form",)
    assert refused.code == "needs_approval" and "submitted" not in untouched
    assert approved.ok and "submitted" in (await session.view()).text()


async def test_enter_goes_through_the_gates_of_where_the_page_moved_the_caret(enter):
    html = FORM.replace("<form", "<input aria-label=Search oninput='f.c.focus()'><form", 1)
    session, view = await enter(html)

    result = await session.act(Action("type", number(view, "Search"), "x", enter=True))

    assert result.code in ("needs_approval", "value_differs")
    assert "submitted" not in (await session.view()).text()


@pytest.mark.parametrize("verb", ["type", "keys"])
async def test_text_presses_no_enter_and_leaves_no_field(verb, enter):
    session, view = await enter(FORM)

    await session.act(Action(verb, number(view, "User"), "a\t b\r"))

    shown = await session.view()
    value = shown.elements[number(shown, "User")].value or ""
    assert "submitted" not in shown.text() and value.split() == ["a", "b"]


@pytest.mark.parametrize("names", [("Go", "Away"), ("Away", "Go")])
async def test_a_drag_from_or_to_what_submits_needs_approval(names, enter):
    session, view = await enter(FORM)
    action = Action("drag", number(view, names[0]), "", number(view, names[1]))

    assert (await session.act(action)).code == "needs_approval"
    assert (await session.act(action, ("password_form",))).code != "needs_approval"


async def test_an_upload_needs_approval_and_more_where_the_button_submits(enter, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    html = FORM + "<label>Picture <input type=file></label>"
    session, view = await enter(html, files=tmp_path)
    action = Action("upload", number(view, "Picture"), "a.txt")

    refused = await session.act(action)
    sent = await session.act(action, ("upload",))

    assert (refused.code, sent.code, sent.effect.value_after) == ("needs_approval", "ok", "a.txt")
    assert await session.gates(Action("upload", number(view, "Go"), "a.txt")) == ("password_form", "upload")
    assert (await session.act(Action("upload", number(view, "Picture"), "b.txt"))).code == "bad_file"


async def test_a_tab_of_a_site_that_is_new_needs_approval(enter, second):
    session, view = await enter(
        f"<button onclick=\"window.open('{second.url}'); window.open('/verbs')\">Open</button><p>First"
    )
    await session.click(number(view, "Open"))
    async with asyncio.timeout(5):  # a busy browser may tell of the later tab after the click is over
        while len((await session.tab()).text.splitlines()) < 3:
            pass
    await session.act(Action("tab", None, "3"))
    action = Action("tab", None, "2")

    refused = await session.act(action)
    where = (await session.tab()).text
    approved = await session.act(action, await session.gates(action))

    assert (refused.code, where.splitlines()[2]) == ("needs_approval", "tab 3 /verbs (current)")
    assert approved.ok and (await session.view()).title == "Second"


async def test_tools_neither_return_nor_record_a_secret(enter, tmp_path, site):
    page = (
        FORM
        + f"""<p>{PASSWORD.replace("<", "&lt;")}</p><script>console.error({PASSWORD!r})</script>
        <button onclick="console.error('it is ' + f.c.value); p.append(f.c.value)">Tell</button>"""
    )
    session, view = await enter(page)
    door = Executor(preset("unattended"), tools=browser_tools(session))
    field = number(view, "Code")

    calls = [
        ("browser_type", {"element": field, "text": "secret:pw"}),
        ("browser_type", {"element": field, "text": "secret:pw", "key_by_key": True}),
        ("browser_click", {"element": number(view, "Tell")}),
        ("browser_read", {}),
        ("browser_wait", {"text": "••"}),
        ("browser_look", {}),
    ]
    came = [await door.call(name, given, key=f"r/t/0/{at}") for at, (name, given) in enumerate(calls)]
    told = await session.click(number(view, "Tell"))

    assert [each.value["ok"] for each in came] == [True] * 6
    assert "tr0ub4dor" not in json.dumps([each.value for each in came], ensure_ascii=False)
    assert told.effect.console_errors == ("it is ••••••",)


async def test_a_file_is_kept_without_the_secret_that_names_it(enter, tmp_path, site):
    site.pages["/verbs"] = ""
    session, view = await enter(
        f"<a download={PASSWORD.replace(' ', '%20')!r} href='data:,x'>Plain</a>"
        f"""<a download="{PASSWORD.replace("<", "&lt;")}.txt" href='data:text/plain,x'>File</a>""",
        downloads=tmp_path / "kept",
    )

    result = await session.click(number(view, "File"))

    assert result.effect.download is not None
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [result.effect.download.name]
    assert "tr0ub4dor" not in json.dumps([result.effect.download.name, result.effect.download.path])
