"""Replays with other values, by other budgets, and on pages that name other sums of money."""

from __future__ import annotations

import pytest

from punchlist.tools.browser import Browser, Trace, replay
from punchlist.tools.browser.results import ActionResult
from punchlist.tools.browser.trace import TraceHead, TraceStep
from punchlist.tools.browser.trace_replay import sums
from punchlist.tools.permissions import preset

from .test_traces import record

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def made_of(step, **values):
    """A trace of one step, with parameters."""
    head = TraceHead(url="http://shop.test/", began=0, window=(1280, 720), budget=2400, values=values)
    result = ActionResult(True, "ok")
    return Trace(
        head=head, steps=(TraceStep(at=0, url=head.url, path="/", view="", result=result, after="", **step),)
    )


async def test_a_value_puts_in_no_secret_where_none_was():
    plain = made_of({"verb": "type", "text": "Ada"}, who="Ada")
    secret = made_of({"verb": "type", "text": "secret:pw"}, which="secret:pw")

    with pytest.raises(ValueError, match="'secret:bank' names a secret"):
        plain.filled({"who": "secret:bank"})
    assert secret.filled({"which": "secret:bank"})[0].text == "secret:bank"


@pytest.mark.parametrize("was", ["/find/green%20mug", "/find/green mug"])
async def test_a_value_in_an_address_stays_one_piece_of_it(was):
    trace = made_of({"verb": "goto", "text": was}, what="green mug")

    assert trace.filled({"what": "../logout?x=1"})[0].text == "/find/..%2Flogout%3Fx%3D1"


@pytest.mark.parametrize(("then", "now"), [(None, 2400), (2400, None), (None, 6000), (6000, None)])
async def test_a_page_is_seen_again_as_far_as_it_was_seen_then(then, now, site, tmp_path):
    """Whatever the budget of the browser: which of things alike one is depends on how many were seen."""
    lines = "".join(f"<p>line {place} {'y' * 100}</p>" for place in range(26))
    buy = "<button onclick=\"document.title='bought'\">Buy</button>"
    site.pages["/long"] = f"<title>Long</title>{buy}{lines}{buy}"
    async with Browser([site.url], policy=preset("unattended"), budget=then) as browser:
        session = await browser.open("then", url=site.url + "/long")
        trace = await record(session, tmp_path / "t", "click button Buy")

    async with Browser([site.url], policy=preset("unattended"), budget=now) as browser:
        session = await browser.open("now")
        replayed = await replay(trace, session)

    assert replayed.ok and (trace.head.budget, session.budget) == (then, now), replayed.line()


BUY = """<button onclick="fetch('/bought');
    p.innerHTML = '<p>Total £4</p><p>Thanks</p><p>Bye</p>'">Buy</button>"""


@pytest.mark.parametrize(
    ("page", "was", "now", "bought"),
    [
        ("<ul><li><span>Mug</span> <span>£4.50</span> <button>Buy</button></ul>", "4.50", "450.00", False),
        ("<p>Total £4.50</p><button>Buy</button>", "4.50", "450", False),
        ("<p>Total 1&nbsp;000 €</p><button>Buy</button>", "1&nbsp;", "9&nbsp;", False),
        ("<p>Total 500 kr</p><button>Buy</button>", "500", "900", False),
        ("<div>Total</div><div>450</div><div>EUR</div><button>Buy</button>", "450", "950", False),
        ("<p>Mug £4</p><p>Lamp £9</p><button>Buy</button>", "£4</p>", "£4</p><p>Tip £2</p>", False),
        ("<button>Buy</button>", "Total £4", "Total £9</p><p>Total £9", True),
    ],
)
async def test_another_sum_stops_a_replay_before_what_is_clicked_for_it(
    page, was, now, bought, site, tmp_path
):
    then = "'<p>Total £4</p><p>Thanks</p><p>Bye</p>'"
    page = f"<title>T</title>{page}<div id=p></div>".replace(
        "<button>Buy</button>", BUY.replace("THEN", then)
    )
    site.pages |= {"/price": page, "/bought": ""}
    async with Browser([site.url], policy=preset("unattended")) as browser:
        session = await browser.open("then", url=site.url + "/price")
        trace = await record(session, tmp_path / "t", "click button Buy")
        same = await replay(trace, await browser.open("same"))
        site.pages["/price"] = page.replace(was, now)
        site.hits["/bought"] = 0

        other = await replay(trace, await browser.open("now"))

    assert was in page and same.ok, same.line()
    assert other.stopped.outcome == "differs" and "it said" in other.stopped.why
    assert bool(site.hits["/bought"]) == bought


@pytest.mark.parametrize(
    ("text", "sums_in_it"),
    [
        ("1 000 € and 2\u00a0000,50 EUR", ["1000€", "2000,50eur"]),
        ("Rs. 500, 12 zł, 12 Kč, 100 руб, 5 usd", ["rs.500", "12zł", "12kč", "100руб", "5usd"]),
        ("CA$5 or $5", ["ca$5", "$5"]),
        ("Qty 5 | £4.50 | 12 left", ["£4.50"]),
        ("$ | 4 | 50", ["$450"]),
        ("A refreshing 5 minutes, 16 krones", []),
    ],
)
async def test_sums_are_known_by_the_sign_or_word_beside_them(text, sums_in_it):
    assert sorted(sums(text).elements()) == sorted(sums_in_it)
