"""Whether an order is already there: found, not there, or it cannot be told."""

import pytest

from punchlist.agents.lookup import CannotTell, Found, find_order

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
    assert await find(shop_with()) is None
    assert await find(shop_with(({"Green mug": 2}, "Grace Hopper"))) is None


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
