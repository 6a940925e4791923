"""Pictures: a secret is readable in none, however a page shows or moves it, and the page is as it was."""

from __future__ import annotations

import asyncio
import base64

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.covering import covers
from punchlist.tools.browser.holding import attached
from punchlist.tools.browser.locate import find_browser
from punchlist.tools.browser.secrets import Secret, Vault
from punchlist.tools.errors import PageUnreadable
from punchlist.tools.permissions import preset

from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VALUE = "swordfish-9"
FIRST, LAST = VALUE[:5], VALUE[5:]
RED = "color:red;font:24px sans-serif"
PLACE = f"<div id=o style='position:absolute;left:10px;top:200px;{RED}'>"
COUNT = """async picture => {
  const image = new Image();
  image.src = "data:image/png;base64," + picture;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, 1280, 720);
  let red = 0, black = 0;
  for (let at = 0; at < data.length; at += 4) {
    red += data[at] > 150 && data[at + 1] < 120 && data[at + 2] < 120;
    black += data[at] + data[at + 1] + data[at + 2] === 0;
  }
  return [red, black];
}"""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def keeper(site):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOT", VALUE)
        secrets = {"code": Secret(site.url, env="SHOT")}
        browser = Browser([site.url], secrets=secrets, policy=preset("unattended"))
    async with browser:
        yield browser


@pytest.fixture
def shown(keeper, site, request):
    """Open a page with this body in a browser that keeps the secret."""

    async def show(body: str):
        site.pages["/shot"] = f"<title>S</title><body style='margin:0;background:white'>{body}"
        session = await keeper.open(request.node.name, url=f"{site.url}/shot")
        await session.view()
        return session

    return show


async def counted(show, picture: bytes) -> list[int]:
    """How much of a picture is red, as the secret is, and how much is black, as paint is."""
    reader = await show("<title>reader</title>", "/reader")
    return await reader.session._tab.page.evaluate(COUNT, base64.b64encode(picture).decode())


INPUT = f"style='border:0;{RED}'"
SHOWN = {
    "text": VALUE,
    "button": f"<button style='border:0;{RED}'>{VALUE}</button>",
    "chosen label": f"<select {INPUT}><option value=1>{VALUE}</select>",
    "placeholder": f"<style>::placeholder{{color:red}}</style><input {INPUT} placeholder='{VALUE}'>",
    "value": f"<input {INPUT} value='{VALUE}'>",
    "in two elements": f"{FIRST}<b>{LAST}</b>",
    "letter by letter": "".join(f"<span>{char}</span>" for char in VALUE),
    "in two fields": f"<input {INPUT} value={FIRST}><input {INPUT} value={LAST}>",
    "with nothing between": f"{FIRST}<i style='visibility:hidden'>x</i>{LAST}",
    "without width": "\u200b".join(VALUE),
    "wide": "".join(chr(ord(char) + 0xFEE0) for char in VALUE),
    "by style": f"<style>#o::before{{content:'{VALUE}'}}</style>",
    "for a picture": f"<img src=/none.png width=200 height=40 alt='{VALUE}'>",
    "turned": f"<p style='transform:rotate(30deg);width:200px'>{VALUE}</p>",
    "body of a frame": f'<iframe style="border:0" srcdoc="<body style=\'{RED}\'>{VALUE}"></iframe>',
    "drawn": f"<svg><text y=20 fill=red>{VALUE}</text></svg>",
}
ROOT = f"<script>o.attachShadow({{mode:'closed'}}).append('{VALUE}')</script>"


@pytest.mark.parametrize("body", [*SHOWN.values(), f"</div>{ROOT}"], ids=[*SHOWN, "closed root"])
async def test_a_secret_is_painted_over_however_a_page_shows_it(body, shown, show):
    session = await shown(f"{PLACE}{body}")
    drawn = await session._tab.page.screenshot()

    red, black = await counted(show, await session.screenshot())

    assert (await counted(show, drawn))[0] > 50  # it could be read
    assert red == 0 and black > 500


MOVED = {
    "by timer": "setInterval(() => o.style.top = (d = (d + 60) % 500) + 'px', 8)",
    "by frame": "(function f() { o.style.top = (d = (d + 60) % 500) + 'px'; requestAnimationFrame(f) })()",
    "with the window": "document.body.style.height='5000px'; o.style.top='500px';"
    "setInterval(() => scrollTo(0, d = (d + 40) % 380), 16)",
    "now and then": f"setInterval(() => o.textContent = (d = 1 - d) ? '{VALUE}' : '', 25)",
    "by style": "o.animate([{transform: 'none'}, {transform: 'translate(700px)'}],"
    "{duration: 300, iterations: 1e9})",
}


@pytest.mark.parametrize("script", MOVED.values(), ids=MOVED)
async def test_a_secret_that_moves_is_covered_or_there_is_no_picture(script, shown, show):
    session = await shown(f"{PLACE}{VALUE}</div><script>let d = 0; {script}</script>")

    found: list[list[int] | None] = []
    for _ in range(5):
        try:
            found.append(await counted(show, await session.screenshot()))
        except PageUnreadable as error:
            assert "does not hold still" in str(error)
            found.append(None)

    assert all(each is None or each[0] == 0 for each in found)
    assert "translate" in script or None not in found


async def test_a_page_goes_on_after_its_picture_and_cannot_tell_that_one_was_taken(shown):
    session = await shown(
        f"{PLACE}{VALUE}</div><script>window.seen = []; window.ticks = 0; setInterval(() => ticks++, 5);"
        "new MutationObserver(list => seen.push(...list)).observe(document,"
        "{childList: true, subtree: true, attributes: true, characterData: true})</script>"
    )
    page = session._tab.page
    await page.evaluate("setTimeout(() => window.late = 1, 30)")

    await session.screenshot(numbers=True)
    ticks = await page.evaluate("ticks")

    await page.wait_for_function("before => window.late && ticks > before", arg=ticks, timeout=5000)
    assert await page.evaluate("seen.length") == 0


async def test_a_page_goes_on_after_a_picture_that_was_given_up(shown):
    session = await shown("<script>window.ticks = 0; setInterval(() => ticks++, 5)</script>")
    taking = asyncio.ensure_future(session.screenshot())
    await asyncio.wait({taking}, timeout=0.02)  # somewhere in the middle; every place has to do

    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    ticks = await session._tab.page.evaluate("ticks")

    await session._tab.page.wait_for_function("before => ticks > before", arg=ticks, timeout=5000)


async def test_numbers_stand_at_what_moves(show):
    visit = await show(
        "<title>T</title><body style='margin:0'><button id=b style='position:absolute;border:0;"
        "background:red;width:80px;height:40px'></button>"
        "<script>let d = 0; setInterval(() => b.style.top = (d = 50 + (d + 60) % 400) + 'px', 8)</script>"
    )

    red, _ = await counted(show, await visit.session.screenshot(numbers=True))

    # An outline of 2 pixels lies inside the button's edge, and its number above it.
    assert red == (80 - 4) * (40 - 4)


async def test_a_picture_that_cannot_be_drawn_on_is_drawn_in_a_new_page(show):
    visit = await show("<title>T</title><button>Go</button>")
    browser = visit.session._context.browser
    await visit.session.screenshot(numbers=True)
    count = len(browser.contexts)

    await visit.session._easel._page.close()
    picture = await visit.session.screenshot(numbers=True)

    assert picture.startswith(b"\x89PNG") and len(browser.contexts) == count


async def test_frames_of_other_processes_that_show_a_secret_are_covered_whole(monkeypatch):
    monkeypatch.setenv("SHOT", VALUE)
    inner = Site({"/inner": f"<p>{VALUE}</p>", "/plain": "<p>nothing</p>"})
    far = inner.url.replace("127.0.0.1", "localhost")
    around = Site({"/around": f"<iframe src='{inner.url}/inner'></iframe>"})
    middle = around.url.replace("127.0.0.1", "localhost")
    style = "position:absolute;border:0;width:200px;height:200px;top:0"
    top = Site(
        {
            "/top": f"<iframe src='{far}/inner' style='{style};left:0'></iframe>"
            f"<iframe src='{far}/plain' style='{style};left:300px'></iframe>"
            f"<iframe src='{middle}/around' style='{style};left:600px'></iframe>"
        }
    )
    vault = Vault({"code": Secret(top.url, env="SHOT")})
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=find_browser(), args=["--site-per-process"])
        page = await chromium.new_page()
        await page.goto(f"{top.url}/top")
        async with attached(page) as processes:
            found = await covers(processes, vault)
        await chromium.close()
    for site in (inner, around, top):
        site.close()

    assert len(processes) > 3
    assert [round(left) for left, *_ in found] == [-3, 597]
