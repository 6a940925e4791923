"""Numbered things have a place in the picture: what a person points at is what is acted on."""

from __future__ import annotations

import pytest

from punchlist.tools.browser.browser import Browser

from .conftest import Visit
from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def at(left: int, top: int, what: str) -> str:
    return what.replace(
        ">", f' style="position:absolute;left:{left}px;top:{top}px;width:80px;height:20px">', 1
    )


async def places(visit: Visit) -> dict[str, tuple[int, ...]]:
    found = await visit.session.boxes()
    return {visit.view.elements[number].name: tuple(map(round, box)) for number, box in found.items()}


async def test_a_thing_has_the_part_of_its_box_that_the_window_shows(show):
    inner = at(5, 5, "<button>In</button>").replace('"', "&quot;")
    visit = await show(
        "<title>T</title><body style='margin:0;height:3000px'>"
        + at(10, 10, "<button>First</button>")
        + at(1240, 50, "<button>Cut</button>")
        + at(10, 2000, "<button>Below</button>")
        + "<div style='position:absolute;top:100px;left:0;width:40px;height:60px;overflow:auto'>"
        + at(0, 50, "<button>Scrolled</button>")
        + "</div><label style='position:absolute;top:200px;left:50px;width:90px;height:20px'>Box"
        + "<input type=checkbox style='opacity:0;position:absolute'></label>"
        + f"<iframe srcdoc=\"<body style='margin:0'>{inner}\" style='position:absolute;left:300px;top:300px;"
        + "border:2px solid;padding:3px'></iframe>"
    )

    assert await places(visit) == {
        "First": (10, 10, 80, 20),
        "Cut": (1240, 50, 40, 20),
        "Scrolled": (0, 150, 40, 10),
        "Box": (50, 200, 90, 20),
        "In": (310, 310, 80, 20),
    }


async def test_things_in_frames_of_other_origins_and_closed_roots_have_their_places(site):
    shut = """<x-x></x-x><script>customElements.define('x-x', class extends HTMLElement { constructor() {
        super(); this.attachShadow({ mode: 'closed' }).innerHTML = `BUTTON`; } })</script>"""
    shut = shut.replace("BUTTON", at(20, 70, "<button>Shut</button>"))
    pay = at(20, 30, "<button>Pay</button>")
    other = Site({"/": f"<title>I</title><body style='margin:0'>{pay}{shut}"})
    site.pages["/outer"] = f"""<title>T</title><body style="margin:0"><iframe src="{other.url}/"
        style="position:absolute;left:100px;top:200px;width:90px;height:300px;border:1px solid"></iframe>"""
    async with Browser(allow=[site.url, other.url]) as browser:
        session = await browser.open("lane", url=site.url + "/outer")
        visit = Visit(session, await session.view())

        assert await places(visit) == {"Pay": (121, 231, 70, 20), "Shut": (121, 271, 70, 20)}
    other.close()


async def test_nothing_has_a_place_while_a_dialog_is_open_or_after_the_page_went_away(show, site):
    visit = await show("<title>T</title><button onclick='alert(1)'>Ask</button>")
    await visit.do("click", "Ask")
    assert await visit.session.boxes() == {}

    await visit.line("dialog accept")
    await visit.session._tab.page.goto(f"{site.url}/elsewhere")
    assert await visit.session.boxes() == {}
