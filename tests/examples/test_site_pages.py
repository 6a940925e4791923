"""The shop and the help desk answer whatever is asked of them, and each flaw is where it should be."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from urllib.request import urlopen

import pytest

from punchlist.examples.site import FLAWS, Site, UnknownFlaw, demo_goal, draw_plan, wording

DEMO = demo_goal()
(ORDER,) = DEMO.expected.orders


@pytest.fixture
def site():
    with Site(DEMO.site_seed, flaws=()) as site:
        yield site


@pytest.fixture
def visitor(site, plain_visitor):
    return plain_visitor(site)


def seed_where(wanted):
    """The first seed whose layout satisfies `wanted`."""
    return next(seed for seed in range(1000) if wanted(draw_plan(seed).layout))


class VisibleTexts(HTMLParser):
    """Collects what a page shows or reads out: texts, labels, and the values of options."""

    def __init__(self, html):
        super().__init__()
        self.texts = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.texts |= {value for name, value in attrs if name in {"aria-label", "data-ask", "placeholder"}}

    def handle_data(self, data):
        self.texts.add(" ".join(data.split()))


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/thing/golden-fleece", "/order/R1", "/desk/1", "/thing/%00", "/shelf/.."],
)
def test_an_address_that_does_not_exist_is_a_404_page(site, visitor, path):
    answer = visitor.get(path)

    assert answer.status == 404
    assert site.plan.say("missing_title") in answer.html


@pytest.mark.parametrize("page", ["0", "99", "-1", "x", "9" * 40, "²"])
def test_an_odd_page_number_shows_a_page(visitor, page):
    assert visitor.get("/shelf", page=page).status == 200
    assert visitor.get("/desk", page=page).status == 200


def test_every_product_is_on_one_of_the_pages(site, visitor):
    size = site.plan.layout.per_page
    pages = -(-len(site.plan.products) // size)

    html = "".join(visitor.get("/shelf", page=str(number + 1)).html for number in range(pages))

    assert pages > 1
    assert all(html.count(f'href="/thing/{product.slug}"') == 1 for product in site.plan.products)


@pytest.mark.parametrize("mode", ["all", "any"])
def test_a_search_finds_a_plural_and_puts_it_first(plain_visitor, mode):
    with Site(seed_where(lambda layout: layout.search_mode == mode), flaws=()) as site:
        for product in site.plan.products:
            html = plain_visitor(site).get("/shelf", q=wording.plural(product.name).upper()).html
            shown = re.findall(r'href="/thing/([a-z-]+)"', html)

            assert shown[0] == product.slug
            assert mode == "any" or shown == [product.slug]


@pytest.mark.parametrize("quantity", ["0", "-1", "999", "two", "", "1.5", "٣"])
def test_a_bad_quantity_is_refused_with_a_reason(site, visitor, quantity):
    answer = visitor.post("/bag/add", product="green-mug", quantity=quantity)

    assert answer.status == 422
    assert site.plan.say("wrong_title") in answer.html
    assert site.plan.say("bag_empty") in unescape(visitor.get("/bag").html)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": " "}, "wrong_name"),
        ({"delivery": "By balloon"}, "wrong_delivery"),
        ({"day": "2027-03-15"}, "wrong_date"),
        ({"day": "tomorrow"}, "wrong_date"),
        ({"payment": ""}, "wrong_payment"),
    ],
)
def test_a_bad_checkout_form_comes_back_filled_with_a_reason(site, visitor, form_for, change, reason):
    visitor.post("/bag/add", product="green-mug", quantity="1")

    answer = visitor.post("/details", **form_for(ORDER, gift="on", **change))

    assert answer.status == 422
    assert site.plan.say(reason, today=site.plan.day(site.plan.today)) in unescape(answer.html)
    assert re.search(r'name="gift" checked', answer.html)
    assert visitor.post("/place").url.endswith("/details")


def test_names_cannot_smuggle_in_markup(visitor):
    visitor.order(replace(ORDER, name="<script>alert(1)</script>"))

    html = visitor.get("/orders").html

    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_orders_are_seen_only_by_the_session_that_placed_them(site, visitor, plain_visitor):
    number = visitor.order(ORDER)
    stranger = plain_visitor(site)

    assert number in visitor.get("/orders").html
    assert number not in stranger.get("/orders").html
    assert stranger.get(f"/order/{number}").status == 404


def test_an_order_page_shows_every_detail(site, visitor):
    number = visitor.order(replace(ORDER, gift=True))

    html = unescape(visitor.get(f"/order/{number}").html)

    rows = re.findall(r"<th scope=.row.>(.*?)</th><td>(.*?)</td>|<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    shown = {row[0] or row[2]: row[1] or row[3] for row in rows}
    assert shown[site.plan.say("fact_number")] == number
    assert shown[site.plan.say("fact_name")] == "Ada Lovelace"
    assert shown[site.plan.say("fact_date")] == "3 May 2027"
    assert shown[site.plan.say("fact_gift")] == "Yes"


def test_a_placed_order_cannot_be_placed_again_by_reloading(site, visitor):
    visitor.order(ORDER)

    assert visitor.post("/place").url.endswith("/bag")


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/bag/add", "/bag"), ("/place", "/bag"), ("/desk/{ticket}/answer", "/desk/{ticket}")],
)
def test_the_address_of_a_form_can_be_opened_again(site, visitor, path, leads_to):
    ticket = site.plan.tickets[0].id

    answer = visitor.get(path.format(ticket=ticket))

    assert answer.url == site.url + leads_to.format(ticket=ticket)
    assert answer.status == 200


def test_one_basket_ordered_twice_at_the_same_moment_is_one_order(site, visitor, form_for):
    visitor.post("/bag/add", product="green-mug", quantity="1")
    visitor.post("/details", **form_for(ORDER))

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(lambda _: visitor.post("/place"), range(4)))

    assert visitor.get("/orders").html.count('href="/order/') == 1


def test_the_last_piece_is_sold_once(site, visitor, plain_visitor, form_for):
    left = next(product.stock for product in site.plan.products if product.name == "Green mug")
    slow = plain_visitor(site)
    slow.post("/bag/add", product="green-mug", quantity=str(left))
    slow.post("/details", **form_for(ORDER))
    visitor.order(replace(ORDER, lines=(("Green mug", left),)))

    answer = slow.post("/place")

    assert site.plan.say("wrong_stock", product="Green mug") in unescape(answer.html)
    assert site.plan.say("orders_empty") in unescape(slow.get("/orders").html)


@pytest.mark.parametrize("buttons", ["joint", "separate"])
def test_a_ticket_is_answered_and_closed(plain_visitor, buttons):
    with Site(seed_where(lambda layout: layout.desk_buttons == buttons), flaws=()) as site:
        visitor = plain_visitor(site)
        ticket = next(item for item in site.plan.tickets if not item.closed)

        empty = visitor.post(f"/desk/{ticket.id}/answer", answer=" ")
        visitor.post(f"/desk/{ticket.id}/answer", answer="It is on its way")
        closed = visitor.post(f"/desk/{ticket.id}/close")

        assert empty.status == 422
        assert "It is on its way" in closed.html
        assert site.plan.say("status_closed") in closed.html


def test_the_first_quantity_of_a_session_is_lost(plain_visitor):
    with Site(DEMO.site_seed, flaws=("quantity_resets",)) as site:
        visitor = plain_visitor(site)
        visitor.post("/bag/add", product="green-mug", quantity="3")
        visitor.post("/bag/add", product="desk-lamp", quantity="2")

        html = visitor.get("/bag").html

    assert re.search(r'name="green-mug"\s+value="1"', html)
    assert re.search(r'name="desk-lamp"\s+value="2"', html)


def test_a_late_part_is_missing_at_first(plain_visitor):
    seed = seed_where(lambda layout: layout.late_part == "desk" and layout.late_by == "server")

    with Site(seed, flaws=("late_content",)) as site:
        visitor = plain_visitor(site)
        before = time.monotonic()
        page, part = visitor.get("/desk").html, visitor.get("/desk", part="late").html

    assert site.plan.say("loading") in page
    assert "<table>" not in page
    assert part.startswith("<table>")
    assert time.monotonic() - before >= site.plan.layout.late_ms / 1000


def test_a_late_part_comes_with_the_answer_to_a_form(plain_visitor):
    """The address that a form was posted to cannot be fetched again."""
    seed = seed_where(lambda layout: layout.late_part == "product")

    with Site(seed, flaws=("late_content",)) as site:
        slug = site.plan.products[0].slug
        html = plain_visitor(site).post("/bag/add", product=slug, quantity="none").html

    assert site.plan.say("loading") not in html
    assert 'value="none"' in html


def test_a_sold_out_product_has_no_way_to_order_it(plain_visitor):
    with Site(3, flaws=("out_of_stock",)) as site:
        html = plain_visitor(site).get(f"/thing/{site.plan.scarce}").html

    assert site.plan.say("stock_none") in html
    assert "<button disabled>" in html


def test_flaws_can_be_forced_and_switched_off_by_name():
    drawn = draw_plan(11).flaws

    assert draw_plan(11, ()).flaws == frozenset()
    assert draw_plan(11, FLAWS).flaws == set(FLAWS)
    assert draw_plan(11, {"late_content": True}).flaws == drawn | {"late_content"}
    assert draw_plan(11, {"late_content": False}).flaws == drawn - {"late_content"}
    with pytest.raises(UnknownFlaw, match="gremlins"):
        draw_plan(11, ("gremlins",))


def test_a_site_goes_on_where_it_was(tmp_path, plain_visitor):
    site = Site(DEMO.site_seed, folder=tmp_path)
    with site:
        address = site.url
        visitor = plain_visitor(site)
        number = visitor.order(ORDER)

    with site:
        assert site.url == address
        assert number in visitor.get("/orders").html


def test_two_sites_can_share_a_folder(tmp_path, plain_visitor):
    with Site(1, folder=tmp_path) as one, Site(2, folder=tmp_path) as two:
        assert one.plan.products[0].name in plain_visitor(one).get("/").html
        assert two.plan.products[0].name in plain_visitor(two).get("/").html


@pytest.mark.parametrize("seed", range(12))
def test_every_text_of_a_page_is_in_the_wording(plain_visitor, form_for, seed):
    with Site(seed) as site:
        plan = site.plan
        visitor = plain_visitor(site)
        order = replace(
            ORDER, delivery=plan.deliveries[0], payment=plan.payments[0], day=plan.today.replace(year=2029)
        )
        order = replace(order, lines=tuple((item.name, 1) for item in plan.products if item.stock)[:2])
        pages = [visitor.get(path).html for path in ("/", "/shelf", "/bag", "/orders", "/desk", "/nowhere")]
        pages += [
            visitor.get(f"/thing/{plan.products[0].slug}").html,
            visitor.get(f"/desk/{plan.tickets[0].id}").html,
        ]
        for name, quantity in order.lines:
            slug = name.lower().replace(" ", "-")
            pages.append(visitor.post("/bag/add", product=slug, quantity=str(quantity)).html)
        pages += [visitor.get("/bag").html, visitor.get("/details").html, visitor.post("/details").html]
        pages += [visitor.post("/details", **form_for(order)).html, visitor.post("/place").html]
        pages += [visitor.get("/orders").html]

    texts = {text for html in pages for text in VisibleTexts(html).texts}
    known = re.compile("|".join(f"(?:{pattern})" for pattern in known_patterns(plan, order.name)))
    assert {text for text in texts if text and not known.fullmatch(text)} == set()


def known_patterns(plan, recipient):
    """Patterns of all that a page may say: the wording with its slots, names, numbers, dates, prices."""
    people = "|".join({recipient, *(ticket.customer for ticket in plan.tickets)})
    products = "|".join(wording.every_product() | {name.lower() for name in wording.every_product()})
    date = r"(?:\w+day )?\d+ \w+ \d{4}|\d{4}-\d\d-\d\d"
    slots = {"left": r"\d+", "page": r"\d+", "pages": r"\d+", "product": products, "today": date}
    for label in wording.every_label():
        pattern = re.escape(label)
        for slot, values in slots.items():
            pattern = pattern.replace(re.escape(f"{{{slot}}}"), f"(?:{values})")
        yield rf"{pattern}(?: \(\d+\)|: (?:.*))?(?: · .*)?"
    yield rf"(?:{products})(?: · .*)?"
    yield from (people, date, r"[£€$][\d.]+", r"\d+", r"(?:HW-|R|T-)?\d+(?:-27)?")


def test_the_site_opens_from_the_command_line():
    command = [sys.executable, "-m", "punchlist.examples.site", "--port", "0", "--seed", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)[0]
        status = urlopen(address, timeout=5).status
        process.terminate()
        process.wait(timeout=5)

    assert status == 200
    assert process.returncode == 0


def test_a_site_starts_at_once():
    before = time.process_time()
    with Site(4):
        pass

    assert time.process_time() - before < 0.3
