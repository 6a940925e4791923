"""Gates: what has to be approved is not done without it, and the permission policy decides."""

from __future__ import annotations

import pytest
import pytest_asyncio

from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.browser import Browser
from punchlist.tools.permissions import Policy, Rule, preset

from .site import Site, redirect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

PASSWORD = "<form action=/in><label>Password <input type=password name=p></label>{}</form>"
CARD = "<form action=/in><label>Card number <input name=n></label><button>Go</button></form>"
PRESSED = """<p id=p></p><script>onsubmit = event => {
  if (!event.target.action.endsWith('/')) { event.preventDefault(); p.append('submitted'); }
}</script>"""
GATED = {
    "a password form": (PASSWORD.format("<button>Go</button>"), "password_form"),
    "a password form's input": (PASSWORD.format("<input type=submit value=Go>"), "password_form"),
    "a picture that submits": (PASSWORD.format("<input type=image alt=Go src='data:,'>"), "password_form"),
    "what stands inside the button": (PASSWORD.format("<button><b>Go</b></button>"), "password_form"),
    "a button elsewhere": (PASSWORD.format("") + "<button form=f>Go</button>", "password_form"),
    "a form whose fields shadow its properties": (
        PASSWORD.format("<input type=hidden name=elements><input type=hidden name=form><button>Go</button>"),
        "password_form",
    ),
    "a form without a form": (
        "<input type=password value=x><button onclick=\"p.append('submitted')\">Go</button>",
        "password_form",
    ),
    "a card": (CARD, "payment_form"),
    "a card by its purpose": (
        "<form action=/in><input autocomplete='billing cc-number'><button>Go</button></form>",
        "payment_form",
    ),
    "words that pay": (
        "<button aria-label=Go onclick=\"p.append('submitted')\">Pay now</button>",
        "payment_form",
    ),
    "a form in a frame": (
        "<iframe srcdoc=\"<form action=/in target=_top><input type=password><button>Go</button></form>\">"
        "</iframe>",
        "password_form",
    ),
    "a form in a shadow": (
        "<div id=h></div><script>h.attachShadow({mode: 'open'}).innerHTML = "
        "'<form action=/in><input type=password><button>Go</button></form>'</script>",
        "password_form",
    ),
}  # fmt: skip
FREE = {
    "a search form": "<form action=/in><input name=q><button>Go</button></form>",
    "another form beside a password": PASSWORD.format("") + "<form action=/in><button>Go</button></form>",
    "a link beside a typed password": PASSWORD.format("") + "<a href=/forgot>Go</a>",
    "a field of a password form": "<form><input type=password><label><input type=checkbox>Go</label></form>",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def second():
    site = Site({"/": "<title>Second</title>"})
    yield site
    site.close()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def strict(site, second):
    """A browser that nobody approves anything in."""
    async with Browser([site.url, second.url]) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def enter(site, strict):
    async def enter(html, browser=strict):
        site.pages["/gated"] = "<title>T</title>" + html.replace("<form", "<form id=f", 1) + PRESSED
        session = await browser.open("gates", url=site.url + "/gated")
        return session, await session.view()

    return enter


def number(view, name):
    return next(key for key, each in view.elements.items() if name in (each.name, each.role))


@pytest.mark.parametrize("what", GATED)
async def test_without_approval_it_is_not_pressed(what, enter, site):
    html, gate = GATED[what]
    session, view = await enter(html)
    go = Action("click", number(view, "Go"))

    result = await session.act(go)

    assert (result.code, result.effect.dom_changed) == ("needs_approval", False)
    assert await session.gates(go) == (gate,) and result.line().endswith("nobody approved it")
    assert "submitted" not in (await session.view()).text()


@pytest.mark.parametrize("what", FREE)
async def test_what_needs_no_approval_is_pressed(what, enter):
    session, view = await enter(FREE[what])

    assert await session.gates(Action("click", number(view, "Go"))) == ()
    assert (await session.act(Action("click", number(view, "Go")))).code != "needs_approval"


async def test_enter_in_a_password_form_needs_approval_too(enter):
    session, view = await enter(PASSWORD.format("<button>Go</button>"))
    await session.act(Action("type", number(view, "password"), "hunter22"))

    assert (await session.act(Action("press", None, "Enter"))).code == "needs_approval"
    assert (await session.act(Action("press", None, "Enter"), ("password_form",))).code == "ok"
    assert "submitted" in (await session.view()).text()


async def test_accepting_a_confirm_dialog_needs_approval_and_dismissing_it_does_not(enter):
    session, view = await enter("<button onclick=\"p.append(confirm('Sure?') ? 'yes' : 'no')\">Ask</button>")
    await session.act(Action("click", number(view, "Ask")))

    refused = await session.act(Action("dialog", None, "accept"))

    assert (refused.code, refused.effect.dialog.message) == ("needs_approval", "Sure?")
    assert (await session.view()).dialog is not None
    assert (await session.act(Action("dialog", None, "dismiss"))).code == "ok"
    assert "no" in (await session.view()).text()


@pytest.mark.parametrize("way", ["goto", "link", "form", "script", "redirect", "tab"])
async def test_a_site_that_is_allowed_but_new_to_the_session_needs_approval(way, enter, site, second):
    site.pages["/to-second"] = redirect(second.url)
    html = {
        "link": f"<a href='{second.url}'>Go</a>",
        "form": f"<form action='{second.url}'><button>Go</button></form>",
        "script": f"<button onclick=\"location='{second.url}'\">Go</button>",
        "redirect": "<a href='/to-second'>Go</a>",
        "tab": f"<button onclick=\"window.open('{second.url}')\">Go</button>",
        "goto": "<p>Go",
    }[way]
    session, view = await enter(html)
    action = Action("goto", None, second.url) if way == "goto" else Action("click", number(view, "Go"))

    refused = await session.act(action)
    where = (await session.view()).path
    approved = await session.act(action, ("new_origin",))

    assert (refused.code, where) == ("needs_approval", "/gated")
    assert approved.ok and (await session.view()).title == "Second"


@pytest.mark.parametrize("way", ["goto", "link", "redirect"])
async def test_a_person_is_asked_once_about_a_new_site_and_told_where_it_is(way, enter, site, second):
    site.pages["/to-second"] = redirect(second.url + "/")
    asked = []

    def person(call):
        asked.append(call.arguments["url"])
        return True

    policy = preset("ask_irreversible", person)
    async with Browser([site.url, second.url], policy=policy) as browser:
        to = "/to-second" if way == "redirect" else second.url + "/"
        session, _ = await enter(f"<a href='{to}'>Go</a>", browser)

        results = [await session.goto(to) if way == "goto" else await session.click(1), await session.back()]
        results.append(await session.goto(second.url))

    assert [each.code for each in results] == ["ok"] * 3 and asked == [second.url + "/"]


async def test_a_file_needs_approval(enter):
    session, view = await enter("<label>Picture <input type=file></label>")

    assert (await session.act(Action("type", number(view, "Picture"), "x.png"))).code == "needs_approval"


@pytest.mark.parametrize(
    ("autonomy", "says", "code", "asked"),
    [
        ("suggest", True, "needs_approval", 0),
        ("ask_each", True, "ok", 1),
        ("ask_risky", True, "ok", 1),
        ("ask_irreversible", True, "ok", 1),
        ("ask_irreversible", False, "needs_approval", 1),
        ("ask_irreversible", None, "needs_approval", 0),
        ("unattended", None, "ok", 0),
    ],
)
async def test_the_autonomy_decides(autonomy, says, code, asked, enter, site):
    calls = []

    def person(call):
        calls.append(call)
        return says

    policy = preset(autonomy, None if says is None else person)
    async with Browser([site.url], policy=policy) as browser:
        session, view = await enter(PASSWORD.format("<button>Go</button>"), browser)

        result = await session.act(Action("click", number(view, "Go")))

    assert (result.code, len(calls)) == (code, asked)
    for call in calls:
        assert (call.tool, call.effect) == ("browser", "irreversible")
        assert call.arguments == {"action": "click 2", "gate": "password_form", "url": site.url + "/gated"}


async def test_one_rule_opens_one_gate_on_one_site(enter, site):
    rule = Rule("allow", "browser", arguments={"gate": "password_form", "url": site.url + "/*"})
    async with Browser([site.url], policy=Policy([rule])) as browser:
        session, view = await enter(PASSWORD.format("<button>Go</button>"), browser)
        assert (await session.act(Action("click", number(view, "Go")))).ok
        session, view = await enter(CARD, browser)
        assert (await session.act(Action("click", number(view, "Go")))).code == "needs_approval"


async def test_a_page_that_changes_while_somebody_is_asked_gets_no_press(enter, site):
    def person(call):
        return call.arguments["gate"] == "password_form"

    html = PASSWORD.format("<button>Go</button>") + (
        "<script>setTimeout(() => { f.querySelector('button').textContent = 'Pay now' }, 400)</script>"
    )

    async def slow(call):
        import asyncio

        await asyncio.sleep(0.6)
        return person(call)

    async with Browser([site.url], policy=preset("ask_each", slow)) as browser:
        session, view = await enter(html, browser)

        result = await session.act(Action("click", number(view, "Go")))

    assert result.code == "needs_approval" and "pays" in result.message
