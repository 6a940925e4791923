"""Whether an order is already there: found, not there, or it cannot be told."""

import pytest

from punchlist.agents.agent import AgentLost, NoPlace
from punchlist.agents.checking.lookup import CannotTell, Found, find_order
from punchlist.agents.checking.reading import CannotLook
from punchlist.agents.reasoning.calling import CallFailed
from punchlist.tools.browser.results import ActionResult, refused
from punchlist.tools.browser.view import Element, View

from .doubles import URL, PaperShop, Visit

FACTS = {"items": [{"name": "green mugs", "count": 2}], "name": "Ada Lovelace", "date": ""}


def shop_with(*orders):
    shop = PaperShop()
    shop.visits.append(
        Visit(orders=[{"items": items, "name": name, "speed": "Express"} for items, name in orders])
    )
    return shop


async def find(shop):
    return await find_order(shop, {"visit": 0}, URL, FACTS)


async def test_an_order_that_is_there_is_found_with_its_number():
    shop = shop_with(({"Blue mug": 1}, "Grace Hopper"), ({"Green mug": 2}, "Ada Lovelace"))

    assert await find(shop) == Found("A-02", f"{URL}/order/A-02")


async def test_a_shop_without_orders_of_this_person_has_none():
    assert await find(shop_with(({"Green mug": 2}, "Grace Hopper"))) is None
    assert await find(Pages("you have not ordered anything yet")) is None


class Pages:
    """A shop of three pages with the face of a browser and its session: home, a list of orders, one order."""

    def __init__(self, *listing, order=(), works=True):
        home = ((Element(1, "link", "My orders"),), ("No order is too small for us",))
        self.pages = {"/": home, "/orders": (*home, *map(row, listing)), "/order": tuple(order)}
        self.works, self.url = works, "/"

    async def open(self, *_):
        return self

    async def view(self, budget=None):
        return View(self.url, self.url, "shop", self.pages[self.url])

    async def act(self, action):
        if action.verb != "click" or not self.works:
            return refused("no_effect")
        self.url = "/orders" if self.url == "/" else "/order"
        return ActionResult(True, "ok")

    async def load(self, url):
        self.url = url if url in self.pages else "/"

    async def close(self):
        self.url = "/"


def row(cells):
    return (cells,) if isinstance(cells, str | Element) else cells


OTHERS = Element(2, "link", "A-1001"), "3 May", "$18.00"
MINE = ("Green mug", "2", "$18.00"), ("Deliver to", "Ada Lovelace")


async def test_an_order_whose_row_names_nobody_is_opened_and_read():
    assert await find(Pages(OTHERS, order=MINE)) == Found("A-1001", "/order")
    assert await find(Pages(OTHERS, order=(MINE[0], ("Deliver to", "Bob Byron")))) is None


async def test_the_number_of_an_order_is_not_the_count_of_its_items():
    link = Element(2, "link", "2 items, order SH-1001")

    assert await find(Pages((link, "3 May"), order=MINE)) == Found("SH-1001", "/order")


@pytest.mark.parametrize(
    "shop",
    [
        Pages(OTHERS, order=(MINE[0], ("Deliver to", "Lovelace, Ada"))),
        Pages(OTHERS, order=(MINE[0],)),
        Pages(OTHERS, order=("One moment",)),
        Pages((Element(2, "link", "view"), "3 May", "$18.00")),
        Pages("One moment"),
        Pages(),
        Pages("you have not ordered anything yet", works=False),
        Pages(OTHERS, Element(3, "link", "Older ones"), order=(MINE[0], ("Deliver to", "Bob Byron"))),
    ],
    ids=["other spelling", "nobody", "no order", "no number", "late", "blank", "no effect", "more pages"],
)
async def test_what_is_not_shown_to_be_absent_cannot_be_told(shop):
    with pytest.raises(CannotTell):
        await find(shop)


@pytest.mark.parametrize("items", [{"Green mug": 1}, {"Green mug": 2, "Blue mug": 1}, {"Blue mug": 2}])
async def test_another_order_of_this_person_is_left_to_be_looked_at(items):
    """It may be this one gone wrong; to order again could be to order twice."""
    with pytest.raises(CannotTell, match="exactly this one"):
        await find(shop_with((items, "Ada Lovelace")))


async def test_a_shop_that_shows_no_orders_cannot_be_asked():
    shop = shop_with()
    shop.hides_orders = True

    with pytest.raises(CannotTell, match="no link"):
        await find(shop)


async def test_looking_buys_nothing():
    shop = shop_with(({"Green mug": 2}, "Ada Lovelace"))

    await find(shop)

    assert not [act for act in shop.acted if "order A" not in act and act != "click your orders"]
    assert len(shop.orders) == 1


@pytest.mark.parametrize("error", [CannotTell, CannotLook, AgentLost, NoPlace, CallFailed])
def test_a_reason_that_is_a_sentence_ends_with_one_full_stop(error):
    said = str(error("http://shop.test/", "'http://shop.test/' does not answer."))

    assert ".." not in said and "does not answer." in said
