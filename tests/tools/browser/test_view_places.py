"""Frames of other origins and closed shadow roots: read in their places, and used like anything else."""

from __future__ import annotations

import pytest
import pytest_asyncio

from punchlist.tools.browser.browser import Browser

from .conftest import Visit
from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SHUT = """<pin-pad></pin-pad><script>
customElements.define('pin-pad', class extends HTMLElement { constructor() { super();
const root = this.attachShadow({ mode: 'closed' });
root.innerHTML = '<input aria-label=PIN><button>Confirm</button><p></p>';
root.querySelector('button').onclick = () => {
  root.querySelector('p').textContent = 'PIN is ' + root.querySelector('input').value; }; } });</script>"""

INNER = (
    "<title>Inner</title><p>Inside</p><button id=go>Pay</button><div id=d>Heard</div>"
    + SHUT
    + """<script>
go.onclick = () => { go.insertAdjacentHTML('afterend', '<p>Paid</p>'); }; d.onclick = () => 1</script>"""
)


@pytest_asyncio.fixture(loop_scope="session", params=["127.0.0.1", "localhost"])
async def framed(request, site, browser):
    """A page with a frame of another origin in it: another port, or another name."""
    other = Site({"/inner": INNER, "/next": "<title>Next</title><button>Second</button>"})
    origin = other.url.replace("127.0.0.1", request.param)
    site.pages["/outer"] = f"""<title>Outer</title><p>Before</p><div style="height:1500px"></div>
        <iframe name=pay src="{origin}/inner"
        style="width:300px;height:200px;padding:7px;border:3px solid"></iframe>
        <button>After</button>"""
    async with Browser(allow=[site.url, origin]) as own:
        session = await own.open("framed", url=site.url + "/outer")
        visit = Visit(session, await session.view())
        visit.origin = origin
        yield visit
    other.close()


async def test_a_frame_of_another_origin_is_read_in_its_place(framed):
    assert framed.view.text().splitlines() == [
        "page /outer: Outer", "- Before", "- Inside", "[1] button Pay", "[2] other Heard", "[3] textbox PIN:",
        "[4] button Confirm", "[5] button After",
    ]  # fmt: skip


async def test_what_is_in_the_frame_can_be_clicked_and_typed_into(framed):
    paid = await framed.do("click", "Pay")
    await framed.look()
    typed = await framed.do("type", "PIN", "4711")
    await framed.look()
    confirmed = await framed.do("click", "Confirm")

    assert (paid.code, paid.effect.new) == ("ok", ("Paid",))
    assert (typed.code, typed.effect.value_after) == ("ok", "4711")
    assert confirmed.effect.new == ("PIN is 4711",)


async def test_a_number_of_a_frame_that_went_elsewhere_is_stale(framed):
    page = framed.session._tab.page
    await page.frame("pay").goto(framed.origin + "/next")

    clicked = await framed.do("click", "Pay")

    assert clicked.code == "stale_ref"
    assert "[1] button Second" in await framed.look()


async def test_a_thing_in_a_frame_that_is_covered_from_outside_is_not_clicked(framed):
    await framed.session._tab.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<div style=\"position:fixed;inset:0\">Wait</div>')"
    )

    clicked = await framed.do("click", "Pay")

    assert clicked.code == "covered" and "Wait" in clicked.message


async def test_find_begins_the_view_at_a_line_of_a_frame(framed):
    found = await framed.do("find", text="Inside")
    read = await framed.do("read")

    assert found.code == "ok" and "Inside" in found.text
    assert "Before" in read.text and "Inside" in read.text


async def test_closed_shadow_roots_are_read_and_used(show):
    visit = await show(f"""<title>Shut</title><p>Before</p>{SHUT}<div id=bare></div><p>After</p><script>
        bare.attachShadow({{ mode: "closed" }}).innerHTML = "<button>Bare</button>"</script>""")

    assert visit.view.text().splitlines()[1:] == [
        "- Before", "[1] textbox PIN:", "[2] button Confirm", "[3] button Bare", "- After",
    ]  # fmt: skip
    assert (await visit.do("type", "PIN", "12")).effect.value_after == "12"
    assert (await visit.do("click", "Confirm")).effect.new == ("PIN is 12",)


async def test_a_closed_shadow_root_inside_a_frame_of_the_same_origin_is_read(show):
    visit = await show(
        f'<title>T</title><p>Before</p><iframe srcdoc="{SHUT.replace(chr(34), "&quot;")}"></iframe>'
    )

    assert "[1] textbox PIN:" in visit.view.text() and "[2] button Confirm" in visit.view.text()
    assert (await visit.do("type", "PIN", "12")).effect.value_after == "12"


async def test_a_sandboxed_frame_is_read_and_one_that_the_fence_refuses_is_empty(show):
    visit = await show("""<title>T</title><iframe sandbox=allow-scripts srcdoc="<p>Boxed</p>"></iframe>
        <iframe src="http://127.0.0.2:9/x"></iframe><p>After</p>""")

    assert visit.view.text().splitlines()[1:] == ["- Boxed", "- After"]
