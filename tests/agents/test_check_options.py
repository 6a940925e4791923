"""Whether a page shows that an option is chosen: rows that say so, and rows that only have its words."""

import pytest

from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.options import shows_option


def page(*rows, fields=(), links=()):
    """A page of these rows; a row is a text or a tuple of cells."""
    cells = tuple((row,) if isinstance(row, str) else row for row in rows)
    return Page("http://shop/order/1", "/order/1", "your order", cells, tuple(fields), tuple(links))


ORDER = page(
    ("Recipient", "Ada Lovelace"),
    ("Delivery", "Express delivery"),
    ("Day", "Monday 3 May 2027"),
    ("Gift wrapping", "Yes"),
    ("Letter", "No"),
)


def test_an_option_stands_as_a_value():
    assert shows_option(ORDER, "express") is True
    assert shows_option(ORDER, "economy") == "not on the page"


@pytest.mark.parametrize("said", ["gift wrapping", "gift wrapped", "gift wrap", "wrapped as a gift"])
def test_an_option_stands_as_a_label_that_says_yes(said):
    assert shows_option(ORDER, said) is True


@pytest.mark.parametrize("value", ["No", "off", "none", "without", "not included"])
def test_a_label_that_says_no_is_not_the_option(value):
    assert shows_option(page(("Gift wrapping", value)), "gift wrapping") == "not on the page"


@pytest.mark.parametrize(("value", "answer"), [("on", True), ("off", "not on the page")])
def test_in_a_form_a_radio_or_checkbox_must_be_on(value, answer):
    form = page(fields=[("radio", "By invoice", value)])

    assert shows_option(form, "invoice") == answer


def test_a_label_and_its_value_may_stand_in_one_text():
    assert shows_option(page("Delivery: Express"), "express") is True
    assert shows_option(page("Gift wrapping: No"), "gift wrapping") == "not on the page"


def test_a_sentence_about_options_in_general_chooses_none():
    banner = page("Express orders that are placed before noon leave our house today")

    assert shows_option(banner, "express") == "not on the page"


@pytest.mark.parametrize(
    "rows",
    [
        [("Delivery", "Standard"), "Upgrade to express"],
        [("Delivery", "Standard (express sold out)")],
        [("Delivery", "not express")],
        [("Also available", "Express")],
        [("Delivery", "Standard"), ("Delivery", "Express")],
        [("Express delivery", "$5.00")],
    ],
)
def test_what_only_speaks_of_an_option_does_not_choose_it(rows):
    assert shows_option(page(*rows), "express") is None


def test_an_option_may_be_followed_by_more_about_it():
    assert shows_option(page(("Delivery", "Economy, no hurry")), "economy") is True
    assert shows_option(page(("Delivery", "Standard, no express")), "express") is None


def test_an_option_that_is_refused_in_a_note_or_a_link_is_not_chosen():
    extras = page(("Extras", "no gift wrap"), ("Note for the courier", "gift wrap please"))
    link = page("Express delivery info", ("Delivery", "Standard"), links=["Express delivery info"])

    assert shows_option(extras, "gift wrap") is None
    assert shows_option(link, "express") == "not on the page"


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("standard", [("Delivery", "Express"), ("Packaging", "Standard")]),
        ("standard", [("Delivery", "Express"), ("Your choice", "Standard")]),
        ("standard", [("Packaging", "Standard")]),
        ("standard", [("Payment", "Standard")]),
        ("express", [("Delivery", "Standard"), ("Delivery options", "Standard, Express")]),
        ("express", [("Delivery", "Standard, express from 5 EUR")]),
        ("standard", [("Delivery", "Standard or express")]),
        ("express", [("Delivery", "12 Express Way")]),
        ("express", [("Delivery", "Express"), ("Shipping method", "Standard")]),
        ("card", [("Payment", "Cash"), ("Greeting card", "Yes")]),
        ("gift wrap", [("No gift wrap", "Yes")]),
    ],
)
def test_an_option_that_another_row_or_part_leaves_open_cannot_be_told(said, rows):
    assert shows_option(page(*rows), said) is None


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("express", [("Delivery", "Standard"), ("Ship to", "12 Express Way, London")]),
        ("express", [("Delivery", "Standard"), ("Address", "Express")]),
        ("rose", [("Name", "Rose Miller")]),
        ("rose", [("Agent", "Rose")]),
    ],
)
def test_names_and_addresses_are_no_options(said, rows):
    assert shows_option(page(*rows), said) == "not on the page"


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("express", [("Delivery", "Express"), ("Packaging", "Standard")]),
        ("standard", [("Delivery", "Standard"), ("Delivery options", "Standard, Express")]),
        ("express", [("Delivery", "DHL Express (+£5)"), ("Delivery", "£5.00")]),
        ("express", [("Service", "Express, 5.00 EUR"), ("Payment", "Card")]),
        ("card", [("Payment", "Card at the door"), ("Greeting card", "No")]),
        ("bank transfer", [("Paid by way of", "Bank transfer in advance")]),
        ("halo", [("Delivery", "Express"), ("Finish", "Halo")]),
        ("gift box", [("Delivery", "Express"), ("Packaging", "Gift box")]),
    ],
)
def test_an_option_behind_a_label_of_its_kind_is_chosen(said, rows):
    assert shows_option(page(*rows), said) is True


def test_a_choice_that_is_called_just_so_counts_before_others_with_its_words():
    card, greeting = ("radio", "Card", "off"), ("checkbox", "Add a greeting card", "on")

    assert shows_option(page(fields=[card, greeting]), "card") == "not on the page"
    assert shows_option(page(fields=[("radio", "No gift wrap", "on")]), "gift wrap") == "not on the page"
    assert shows_option(page(fields=[("select", "Delivery options", "Express")]), "express") is True
