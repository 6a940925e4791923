"""Programmatic checks of a page: right, wrong, and when they cannot say."""

import pytest

from punchlist.agents import checks
from punchlist.agents.checks import Page
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


def test_what_was_not_ordered_is_named():
    assert checks.holds_nothing_else(ORDER, ["green mugs", "desk lamp"]) is True
    assert checks.holds_nothing_else(ORDER, ["green mugs"]) == "Desk lamp"
    assert checks.holds_nothing_else(page("Please wait"), ["green mugs"]) is None
    assert checks.holds_nothing_else(page("There is nothing here"), ["green mugs"]) is True


def test_names_are_the_same_by_their_words_not_by_order_case_or_small_words():
    assert checks.same_thing("Mugs, green", "a green mug")
    assert not checks.same_thing("green mug", "green")
    assert not checks.same_thing("", "")


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
    assert checks.shows_day(page("3 May 2028"), "3 May 2027") == "not on the page"
    assert checks.shows_day(page("3 May 2028"), "3 May") is True


@pytest.mark.parametrize("said", ["tomorrow", "3 or 4 May, or May 5", "3 May and 4 May", ""])
def test_what_is_not_exactly_one_date_cannot_be_checked(said):
    assert checks.shows_day(ORDER, said) is None


# --- options --------------------------------------------------------------------------------------------


def test_an_option_stands_as_a_value():
    assert checks.shows_option(ORDER, "express") is True
    assert checks.shows_option(ORDER, "economy") == "not on the page"


@pytest.mark.parametrize("said", ["gift wrapping", "gift wrapped", "gift wrap", "wrapped as a gift"])
def test_an_option_stands_as_a_label_that_says_yes(said):
    assert checks.shows_option(ORDER, said) is True


@pytest.mark.parametrize("value", ["No", "off", "none", "without", "not included"])
def test_a_label_that_says_no_is_not_the_option(value):
    assert checks.shows_option(page(("Gift wrapping", value)), "gift wrapping") == "not on the page"


@pytest.mark.parametrize(("value", "answer"), [("on", True), ("off", "not on the page")])
def test_in_a_form_a_radio_or_checkbox_must_be_on(value, answer):
    form = page(fields=[("radio", "By invoice", value)])

    assert checks.shows_option(form, "invoice") == answer


def test_a_label_and_its_value_may_stand_in_one_text():
    assert checks.shows_option(page("Delivery: Express"), "express") is True
    assert checks.shows_option(page("Gift wrapping: No"), "gift wrapping") == "not on the page"


def test_a_sentence_about_options_in_general_chooses_none():
    banner = page("Express orders that are placed before noon leave our house today")

    assert checks.shows_option(banner, "express") == "not on the page"


def test_an_option_that_nobody_asked_for_is_named():
    assert checks.nothing_unasked(ORDER, ["express", "gift wrapped"]) is True
    assert checks.nothing_unasked(ORDER, ["express"]) == "gift wrapping"
    assert checks.nothing_unasked(page(("Letter", "Yes")), ["gift wrapping"]) == "letter"


# --- texts and tickets ----------------------------------------------------------------------------------


def test_words_must_stand_one_after_another():
    assert checks.shows_text(ORDER, "ada lovelace") is True
    assert checks.shows_text(ORDER, "lovelace ada") == "not on the page"
    assert checks.shows_text(page("Adam Lovelace"), "Ada Lovelace") == "not on the page"
    assert checks.shows_text(page("Ada: it's on its way!"), "It's on its way") is True


@pytest.mark.parametrize(
    "row", [("Status", "Closed"), ("State", "resolved"), "Status: solved", "Ticket: closed"]
)
def test_a_closed_ticket_says_so(row):
    assert checks.ticket_is_closed(page(row)) is True


@pytest.mark.parametrize("row", [("Status", "Open"), ("State", "waiting"), "Status: pending"])
def test_an_open_ticket_is_not_closed(row):
    assert checks.ticket_is_closed(page(row)) == "no"


@pytest.mark.parametrize(
    "row", ["Hello", ("Customer", "closed"), "please have my ticket closed as soon as you can"]
)
def test_where_no_row_is_about_the_state_it_cannot_be_told(row):
    assert checks.ticket_is_closed(page(row)) is None


# --- pages ----------------------------------------------------------------------------------------------


def test_a_page_keeps_values_in_rows_and_fields_and_survives_json():
    quantity, gift = Element(1, "number", "Quantity", "2"), Element(2, "checkbox", "Gift wrap", "on")
    view = View("http://shop/bag", "/bag", "bag", (("Green mug", "£9.00", quantity), (gift,), ("text",)))

    made = Page.of(view)

    assert made.rows == (("Green mug", "£9.00", "2"), ("Gift wrap: on",), ("text",))
    assert made.fields == (("number", "Quantity", "2"), ("checkbox", "Gift wrap", "on"))
    assert Page.read(made.as_json()) == made
    assert made.text() == "page /bag: bag\n- Green mug | £9.00 | 2\n- Gift wrap: on\n- text"
