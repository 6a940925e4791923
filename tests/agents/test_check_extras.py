"""What nobody asked for: goods, options and payments beside those of the goal, on a page and in its form."""

import pytest

from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.extras import holds_nothing_else, nothing_unasked
from punchlist.agents.checking.ordering import Form
from punchlist.tools.browser.view import Element, View


def page(*rows, fields=(), links=()):
    """A page of these rows; a row is a text or a tuple of cells."""
    cells = tuple((row,) if isinstance(row, str) else row for row in rows)
    return Page("http://shop/order/1", "/order/1", "your order", cells, tuple(fields), tuple(links))


MUGS = "Green mug", "2", "£9.00"
ORDER = page(MUGS, ("Desk lamp", "1", "£24.95"), ("Gift wrapping", "Yes"), ("Letter", "No"))


# --- rows -----------------------------------------------------------------------------------------------


def test_what_was_not_ordered_is_named():
    assert holds_nothing_else(ORDER, ["green mugs", "desk lamp"]) is True
    assert holds_nothing_else(ORDER, ["green mugs"]) == "Desk lamp"
    assert holds_nothing_else(page("Please wait"), ["green mugs"]) is None
    assert holds_nothing_else(page("There is nothing here"), ["green mugs"]) is True


@pytest.mark.parametrize("value", ["included", "on", "✓", "Yes"])
def test_an_option_that_nobody_asked_for_is_named_however_it_says_yes(value):
    assert nothing_unasked(page(("Gift wrap", value)), ["express"]) == "gift wrap"
    assert nothing_unasked(page(f"Gift wrap: {value}"), ["express"]) == "gift wrap"


def test_a_tick_counts_as_yes_and_what_every_order_has_does_not():
    form = page(
        ("VAT", "included"), fields=[("checkbox", "I accept the terms", "on"), ("radio", "Cash", "on")]
    )

    assert nothing_unasked(form, []) is True
    assert nothing_unasked(page(fields=[("checkbox", "Gift wrap", "on")]), []) == "gift wrap"


def test_an_option_that_nobody_asked_for_is_named():
    assert nothing_unasked(ORDER, ["express", "gift wrapped"]) is True
    assert nothing_unasked(ORDER, ["express"]) == "gift wrapping"
    assert nothing_unasked(page(("Letter", "Yes")), ["gift wrapping"]) == "letter"


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (("Travel insurance", "£4.99"), "travel insurance"),
        (("Delivery insurance", "4.99"), "delivery insurance"),
        (("Express club membership", "9 EUR"), "express club membership"),
        ("Travel insurance: £4.99", "travel insurance"),
        (("Rainforest", "5 €"), None),
        (("Gift box", "£2.00", "Remove"), None),
        ("Carrier bag £0.10", None),
    ],
)
def test_a_price_that_nobody_asked_for_does_not_pass(row, answer):
    shown = page(MUGS, row, ("Total", "£13.99"), links=["Remove"])

    assert holds_nothing_else(shown, ["green mugs"], ["express"]) in (answer, f"{answer} :")
    assert nothing_unasked(shown, ["express"], ["green mugs"]) in (answer, f"{answer} :")


@pytest.mark.parametrize(
    "row",
    [
        ("Subtotal", "£9.00"),
        ("VAT (20%)", "£1.80"),
        ("Express courier", "£5.00"),
        ("Shipping to Germany", "£3.00"),
        ("Gift wrapping", "£2.00"),
        ("Gift card", "-£5.00"),
        ("Insurance", "£0.00"),
        ("Paid by card", "£17.00"),
        ("2 x Green mug", "£9.00"),
        ("2 items", "£9.00"),
        ("Returns", "free over £50"),
        ("Blue mug", "£4.50", "Add to bag"),
        "Sum for the basket: £9.00",
        "Free delivery from £50",
        "Order for £20 more and we will pay for the way to you, up to £5",
        ("Order date", "03.05.2027"),
        ("Note for the driver", "pays £5"),
    ],
)
def test_what_every_order_costs_and_what_was_asked_for_passes(row):
    shown = page(MUGS, row, links=["Add to bag"])

    assert holds_nothing_else(shown, ["green mugs"], ["express", "gift wrapped"]) is True
    assert nothing_unasked(shown, ["express", "gift wrapped"], ["green mugs"]) is True


def test_goods_that_a_shop_suggests_are_not_paid_for():
    rows = MUGS, "Others liked these too", ("Blue mug", "£4.50"), "Your order", ("Teapot", "£20.00")
    goods = ["Blue mug", "Teapot"]

    assert holds_nothing_else(page(*rows[:3], links=goods), ["green mugs"]) is True
    assert holds_nothing_else(page(*rows, links=goods), ["green mugs"]) is None


# --- forms ----------------------------------------------------------------------------------------------


def only_asked(role, name, value, *options):
    """What a form that held this choice from the start comes to."""
    form = Form()
    form.see(View("u", "/form", "x", ((Element(1, role, name, value),),)))
    return form.only_asked({"changes": []}, options)


@pytest.mark.parametrize(
    ("role", "name", "value"),
    [
        ("radio", "Travel insurance 4.99 EUR", "on"),
        ("radio", "Full protection", "on"),
        ("radio", "No excess insurance £4.99", "on"),
        ("select", "Support us", "Donation: 5 EUR"),
        ("select", "Donation", "5 EUR"),
        ("checkbox", "I agree to the terms and join the club", "on"),
        ("checkbox", "I accept the conditions (2.00 EUR)", "on"),
        ("checkbox", "Agree to our newsletter", "on"),
        ("checkbox", "Save with travel insurance", "on"),
    ],
)
def test_a_choice_that_costs_something_speaks_against_a_form_though_it_stood_there_before(role, name, value):
    assert "which the goal does not say" in str(only_asked(role, name, value, "express"))


@pytest.mark.parametrize(
    ("role", "name", "value"),
    [
        ("radio", "Travel insurance 4.99 EUR", "off"),
        ("radio", "No insurance", "on"),
        ("radio", "I do not want an insurance", "on"),
        ("radio", "Basic protection (£0.00)", "on"),
        ("radio", "Standard £3.99", "on"),
        ("radio", "DHL £4.90", "on"),
        ("radio", "Express van (+£5)", "on"),
        ("select", "Delivery", "By day, 3.99 EUR"),
        ("select", "Donation", "Please choose"),
        ("select", "Donation", "0 EUR"),
        ("select", "Quantity", "2"),
        ("checkbox", "I accept the terms", "on"),
        ("checkbox", "Bill to the same address", "on"),
        ("checkbox", "Express (+£5)", "on"),
    ],
)
def test_a_choice_that_must_be_made_declines_or_was_asked_for_passes(role, name, value):
    assert only_asked(role, name, value, "express") is True


def test_of_another_choice_with_a_price_it_cannot_be_told_what_it_is():
    assert only_asked("radio", "Wooden box, 5 EUR", "on") is None
