"""Pictures with numbers on them: each stands at its thing, secrets stay covered, the page is not touched."""

from __future__ import annotations

import base64

import pytest

from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.secrets import Secret

from .site import Site
from .test_boxes import at

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PIXELS = """async ([picture, places]) => {
  const image = new Image();
  image.src = "data:image/png;base64," + picture;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [image.naturalWidth, image.naturalHeight,
    ...places.map(([x, y]) => [...pen.getImageData(x, y, 1, 1).data].slice(0, 3))];
}"""
PAGE = (
    "<title>T</title><body style='margin:0;background:white;height:3000px'>"
    + at(100, 100, "<button>First</button>")
    + at(300, 100, "<button>Second</button>")
    + at(10, 2000, "<button>Below</button>")
)


async def pixels(show, picture, *places):
    """Size of a picture, and the colours at places of it."""
    reader = await show("<title>reader</title>", "/reader")
    given = [base64.b64encode(picture).decode(), places]
    return await reader.session._tab.page.evaluate(PIXELS, given)


async def test_things_are_outlined_and_numbered_in_a_colour_of_their_own(show):
    visit = await show(PAGE)
    plain = await visit.session.screenshot()
    picture = await visit.session.screenshot(numbers=True)

    edges = [(101, 110), (301, 110), (102, 88), (640, 400)]
    before, after = await pixels(show, plain, *edges), await pixels(show, picture, *edges)

    assert after[:2] == before[:2] == [1280, 720]
    first, second, label, bare = after[2:]
    assert first != second and label == first  # the label is filled with the outline's colour
    assert bare == before[-1] == [255, 255, 255] and before[4] == bare != label


async def test_the_page_is_not_changed_and_the_numbers_are_those_of_the_view(show):
    visit = await show(PAGE)
    text, tabs = visit.view.text(), visit.session.tabs

    await visit.session.screenshot(numbers=True)
    result = await visit.session.click(2)
    again = await visit.look()

    assert (again, visit.session.tabs) == (text, tabs) and "[3] button Below" in text
    assert result.code == "no_effect" and not result.effect.dom_changed


async def test_what_shows_a_secret_is_covered_under_the_numbers_too(show, site: Site, monkeypatch):
    monkeypatch.setenv("MARKED", "swordfish-9")
    field = at(100, 100, "<input aria-label=Code>")
    site.pages["/secret"] = f"<title>S</title><body style='margin:0'>{field}"
    secrets = {"code": Secret(site.url, env="MARKED")}
    async with Browser([site.url], secrets=secrets) as browser:
        session = await browser.open("one", url=f"{site.url}/secret")
        await session.view()
        typed = await session.type(1, "secret:code")
        picture = await session.screenshot(numbers=True)

    black = await pixels(show, picture, (140, 110), (110, 110))

    assert typed.ok and black[2:] == [[0, 0, 0], [0, 0, 0]]


async def test_an_observer_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'pictures' is none; there are view, aria, screenshot"):
        Browser(observer="pictures")  # pyright: ignore[reportArgumentType]


async def test_sessions_of_a_browser_that_shows_snapshots_begin_with_them(site: Site):
    site.pages["/plain"] = "<title>T</title><button>Go</button>"
    async with Browser([site.url], observer="aria") as browser:
        session = await browser.open("one", url=f"{site.url}/plain")
        view = await session.view()

    assert '- button "Go" [ref=1]' in view.text() and view.elements[1].name == "Go"
