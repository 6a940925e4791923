"""Programmatic checks of a page: right, wrong, and when they cannot say."""

import pytest

from punchlist.agents.checking import checks
from punchlist.agents.checking.checks import Page
from punchlist.agents.days import days_in
from punchlist.tools.browser.view import Element, View


def page(*rows, fields=()):
    """A page of these rows; a row is a text or a tuple of cells."""
    cells = tuple((row,) if isinstance(row, str) else row for row in rows)
    return Page("http://shop/order/1", "/order/1", "your order", cells, tuple(fields))


ORDER = page(
    "Thank you",
    ("Green mug", "2", "£9.00"),
    ("Desk lamp", "1", "£24.95"),
    ("Recipient", "Ada Lovelace"),
    ("Delivery", "Express delivery"),
    ("Day", "Monday 3 May 2027"),
    ("Gift wrapping", "Yes"),
    ("Letter", "No"),
)


# --- items ----------------------------------------------------------------------------------------------


def test_the_lines_of_an_order_are_rows_with_a_name_a_count_and_a_price():
    assert checks.order_lines(ORDER) == [("Green mug", 2), ("Desk lamp", 1)]


@pytest.mark.parametrize("count", ["2", "x2", "x 2", "2 x", "2×", "2 pcs", "2 pieces", "2 units", "2 items"])
def test_a_count_is_read_in_many_notations(count):
    assert checks.holds_item(page(("Green mug", count, "£9.00")), "green mugs", 2) is True


def test_the_right_count_passes_and_a_wrong_one_is_named():
    assert checks.holds_item(ORDER, "green mugs", 2) is True
    assert checks.holds_item(ORDER, "green mugs", 3) == "the page shows 2"


@pytest.mark.parametrize("shown", ["Large green mug", "Mug", "Green mug stand", "Greenish mug", "Blue mug"])
def test_a_product_with_more_fewer_or_other_words_is_another_product(shown):
    assert checks.holds_item(page((shown, "2", "£9.00")), "green mugs", 2) == "not on the page"


def test_an_item_that_stands_there_twice_is_wrong():
    twice = page(("Green mug", "2", "£9.00"), ("green mug", "2", "£9.00"))

    assert checks.holds_item(twice, "green mugs", 2) == "the page shows it 2 times"


def test_a_page_without_lines_cannot_say_unless_it_says_that_it_is_empty():
    assert checks.holds_item(page("Please wait"), "green mugs", 2) is None
    assert checks.holds_item(page("Your basket is empty"), "green mugs", 2) == "not on the page"


def test_a_row_with_two_counts_cannot_say_how_many_there_are():
    rows = page(("1", "Green mug", "2", "$18.00"))

    assert checks.holds_item(rows, "green mugs", 1) is None
    assert checks.holds_item(rows, "green mugs", 2) is None


@pytest.mark.parametrize("shown", ["green mugs", "a Green Mug", "Mugs, green", "Mug (green)", "mug - green"])
def test_a_thing_is_the_same_one_or_many_in_any_case_and_with_its_parts_set_apart(shown):
    assert checks.same_thing(shown, "green mug")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("green mug", "green"),
        ("knitting wool", "knitted wool"),
        ("printed paper", "printing paper"),
        ("C++ book", "C# book"),
        ("stand up desk", "desk stand"),
        ("lamp desk", "desk lamp"),
        ("mug with lid", "mug lid"),
        ("", ""),
    ],
)
def test_things_whose_words_or_their_order_differ_are_two(left, right):
    assert not checks.same_thing(left, right)


# --- days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "3 May",
        "3rd of May",
        "May 3",
        "May 3rd",
        "3 May 2027",
        "2027-05-03",
        "Monday 3 May",
        "the 3rd of May, 2027",
        "3 may.",
    ],
)
@pytest.mark.parametrize("shown", ["3 May 2027", "Monday 3 May 2027", "2027-05-03", "May 3, 2027", "3rd May"])
def test_a_day_is_the_same_in_every_notation(said, shown):
    assert checks.shows_day(page(("Day", shown)), said) is True


@pytest.mark.parametrize("shown", ["4 May 2027", "3 June 2027", "2027-03-05", "30 May 2027", "soon"])
def test_another_day_is_not_on_the_page(shown):
    assert checks.shows_day(page(("Day", shown)), "3 May") == "not on the page"


def test_a_year_counts_where_it_was_said():
    assert checks.shows_day(page(("Day", "3 May 2028")), "3 May 2027") == "not on the page"
    assert checks.shows_day(page(("Day", "3 May 2028")), "3 May") is True


def test_the_day_on_which_something_arrives_counts_and_no_other():
    rows = ("Ordered on", "3 May 2027"), ("Delivery", "10 May 2027")

    assert checks.shows_day(page(*rows), "10 May") is True
    assert checks.shows_day(page(*rows), "3 May") == "not on the page"
    assert checks.shows_day(page(("Order date", "3 May")), "3 May") is None


def test_a_day_in_a_sentence_or_between_rows_that_contradict_one_another_cannot_be_told():
    assert checks.shows_day(page("We deliver until 3 May"), "3 May") is None
    assert checks.shows_day(page(("Delivery", "3 May"), ("Arrives on", "4 May")), "3 May") is None
    assert checks.shows_day(page(("Delivery", "3 May 2027"), ("Arrives on", "3 May 2029")), "3 May") is None


@pytest.mark.parametrize(
    "row",
    [
        ("Earliest delivery", "3 May"),
        ("Latest delivery", "3 May"),
        ("Expected dispatch", "3 May"),
        ("Delivery", "not on 3 May"),
        ("Delivery", "dispatched 3 May"),
        ("Delivery before", "3 May"),
        "Delivery: after 3 May",
    ],
)
def test_a_day_that_is_a_bound_or_one_of_dispatch_is_not_the_day_of_delivery(row):
    assert checks.shows_day(page(row), "3 May") is None
    assert checks.shows_day(page(row, ("Delivery", "5 May")), "3 May") == "not on the page"
    assert checks.shows_day(page(row, ("Delivery", "5 May")), "5 May") is True


@pytest.mark.parametrize(
    "row",
    [("Expected delivery", "3 May"), ("Order delivery date", "3 May"), ("Delivery", "3 May, before noon")],
)
def test_words_behind_a_day_and_the_word_expected_do_not_touch_it(row):
    assert checks.shows_day(page(row), "3 May") is True


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("may 3rd , 2026", (3, 5, 2026)),
        ("May 3rd, 2026", (3, 5, 2026)),
        ("3 sept . 2026", (3, 9, 2026)),
        ("3 ſep", (3, 9, None)),
        ("ſept. 3", (3, 9, None)),
    ],
)
def test_a_day_is_read_from_folded_text_and_odd_letters(text, day):
    assert days_in(text) == [day]


@pytest.mark.parametrize("said", ["tomorrow", "3 or 4 May, or May 5", "3 May and 4 May", ""])
def test_what_is_not_exactly_one_date_cannot_be_checked(said):
    assert checks.shows_day(ORDER, said) is None


# --- texts and tickets ----------------------------------------------------------------------------------


def test_words_must_stand_one_after_another():
    assert checks.shows_text(ORDER, "ada lovelace") is True
    assert checks.shows_text(ORDER, "lovelace ada") == "not on the page"
    assert checks.shows_text(page("Adam Lovelace"), "Ada Lovelace") == "not on the page"
    assert checks.shows_text(page("Ada: it's on its way!"), "It's on its way") is True


@pytest.mark.parametrize(
    "rows",
    [
        [("Deliver to", "Ada Lovelace")],
        ["Recipient: Ada Lovelace, 5 High Street"],
        ["Hello Bob Byron", ("Full name", "ada lovelace")],
        [("Delivered by", "Express courier"), ("Parcel is for", "Ada Lovelace")],
        [("Customer", "Ada Lovelace"), ("Agent", "Grace Hopper"), ("Assigned to", "Grace Hopper")],
        [("Ordered by", "Ada Lovelace"), ("Packed by", "Grace Hopper")],
    ],
)
def test_a_name_stands_behind_its_label(rows):
    assert checks.shows_name(page(*rows), "Ada Lovelace") is True


@pytest.mark.parametrize(
    "rows",
    [
        ["Hello Ada Lovelace", ("Deliver to", "Bob Byron")],
        [("Signed in as", "Ada Lovelace"), ("Deliver to", "Bob Byron")],
        [("Deliver to", "Ada Lovelace Smith")],
        [("Deliver to", "Lovelace, Ada")],
        [("Note for the courier", "Ada Lovelace"), ("Deliver to", "Bob Byron")],
        [("Reporter", "Grace Hopper"), ("Agent", "Ada Lovelace")],
        [("Assigned to", "Ada Lovelace")],
        [("Packed by", "Ada Lovelace")],
        [("Cc", "Ada Lovelace")],
        [("Customer", "Ada Lovelace"), ("Reporter", "Grace Hopper")],
    ],
)
def test_a_name_that_only_occurs_cannot_be_told(rows):
    assert checks.shows_name(page(*rows), "Ada Lovelace") is None


def test_a_name_that_is_nowhere_is_not_on_the_page():
    assert checks.shows_name(page(("Deliver to", "Bob Byron")), "Ada Lovelace") == "not on the page"


@pytest.mark.parametrize(
    "row",
    [
        "SH-1001",
        ("Order number", "SH-1001"),
        ("Your order", "#SH-1001"),
        ("Number of your order", "no. SH-1001"),
        ("Order no. given", "SH-1001"),
        ("Number for all questions about this order", "SH-1001"),
        ("Order SH-1001", "sent off today"),
        "Your confirmation number is SH-1001",
        "Thank you for order no. SH-1001",
        "Your order reference today is SH-1001",
        ("Confirmation code", "SH-1001"),
        "Order: SH-1001",
    ],
)
def test_an_orders_number_stands_alone_or_next_to_its_label(row):
    assert checks.shows_number(page(row, ("Ordered on", "3 May 2027")), "SH-1001") is True


@pytest.mark.parametrize(
    "row",
    [
        ("Order number", "SH-1002"),
        "Call us about your order: 555-123",
        ("Customer number", "555-123"),
        ("Postcode", "555-123"),
        ("Zip", "555-123"),
        "Hello",
    ],
)
def test_another_number_is_not_the_orders(row):
    assert checks.shows_number(page(row), "555-123") == "not on the page"


def test_a_short_number_counts_behind_its_label_and_no_other_value_beside_it():
    rows = page(("Order number", "42"), ("Postcode", "10115"), ("Floor", "10117"), "10118")

    assert checks.shows_number(rows, "42") is True
    for other in ("10115", "10117", "10118"):
        assert checks.shows_number(rows, other) == "not on the page"


@pytest.mark.parametrize(
    "row",
    [
        ("Basket", "4711"),
        ("Number of items in this order", "4711"),
        ("Order total", "4711"),
        "Your order no longer goes to 4711 Graz",
        "We sent a confirmation to 4711 Graz",
    ],
)
def test_a_number_that_nothing_calls_the_orders_cannot_be_told(row):
    assert checks.shows_number(page(row), "4711") is None


def test_of_two_order_numbers_neither_is_sure():
    assert checks.shows_number(page(("Order", "SH-1001"), ("Last order", "SH-1000")), "SH-1001") is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2 items, order SH-1001", ["sh-1001"]),
        ("27905", ["27905"]),
        ("7 February 2028", []),
        ("€120.85", []),
        ("basket (2)", []),
        ("since 2027", []),
    ],
)
def test_amounts_counts_and_days_are_no_order_numbers(text, numbers):
    assert checks.numbers_in(text) == numbers


@pytest.mark.parametrize(
    "row", [("Status", "Closed"), ("State", "resolved"), "Status: solved", "Ticket: closed"]
)
def test_a_closed_ticket_says_so(row):
    assert checks.ticket_is_closed(page(row)) is True


@pytest.mark.parametrize("row", [("Status", "Open"), ("State", "waiting"), "Status: pending"])
def test_an_open_ticket_is_not_closed(row):
    assert checks.ticket_is_closed(page(row)) == "no"


@pytest.mark.parametrize(
    "row",
    [
        "Hello",
        ("Customer", "closed"),
        "please have my ticket closed as soon as you can",
        ("Status", "not closed"),
        ("Status", "not yet resolved"),
        ("Ticket status", "can be closed"),
    ],
)
def test_where_no_row_is_about_the_state_it_cannot_be_told(row):
    assert checks.ticket_is_closed(page(row)) is None


def test_a_page_that_names_two_states_is_a_list_and_no_ticket():
    inbox = page(("Ticket 13", "Bob Byron", "closed"), ("Ticket 12", "Ada Lovelace", "open"))

    assert checks.lists_tickets(inbox)
    assert checks.ticket_is_closed(inbox) is None
    assert checks.ticket_is_closed(page(("Status", "Closed"), ("State", "Open"))) is None


# --- pages ----------------------------------------------------------------------------------------------


def test_a_page_keeps_values_in_rows_and_fields_and_survives_json():
    quantity, gift = Element(1, "number", "Quantity", "2"), Element(2, "checkbox", "Gift wrap", "on")
    view = View("http://shop/bag", "/bag", "bag", (("Green mug", "£9.00", quantity), (gift,), ("text",)))

    made = Page.of(view)

    assert made.rows == (("Green mug", "£9.00", "2"), ("Gift wrap: on",), ("text",))
    assert made.fields == (("number", "Quantity", "2"), ("checkbox", "Gift wrap", "on"))
    assert Page.read(made.as_json()) == made
    assert made.text() == "page /bag: bag\n- Green mug | £9.00 | 2\n- Gift wrap: on\n- text"
