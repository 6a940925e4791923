"""What a worker cannot claim or choose, whatever its model would like to say."""

import pytest

from punchlist.agents.acting.claims import may_claim, reasons
from punchlist.agents.acting.rows import related
from punchlist.agents.acting.uses import may_select, may_use, usable
from punchlist.agents.steps import Done, Step
from punchlist.tools.browser.view import Element, View


def page(*lines):
    return View(
        "http://shop/",
        "/",
        "x",
        tuple((line,) if isinstance(line, Element | str) else line for line in lines),
    )


NAME = Step("fill", "name : ada lovelace", ("Ada Lovelace",))
DATE = Step("fill", "date : 3 may", ("3 May",))
EXPRESS = Step("choose", "express")
EMPTY = page(Element(1, "textbox", "Full name", ""))
FILLED = page(Element(1, "textbox", "Full name", "Ada Lovelace"))


def test_a_field_is_filled_only_when_it_holds_what_was_said():
    assert may_claim(FILLED, [], NAME) and not may_claim(EMPTY, [], NAME)


@pytest.mark.parametrize("value", ["2027-05-03", "3 May 2027"])
def test_a_date_counts_in_any_notation(value):
    assert may_claim(page(Element(1, "date", "Day", value)), [], DATE)
    assert not may_claim(page(Element(1, "date", "Day", "2027-05-04")), [], DATE)


def test_a_thing_is_added_only_after_a_click_that_did_something():
    add = Step("add", "2 x green mugs", ("2", "green mugs"))

    assert may_claim(EMPTY, [Done("click add", "ok")], add)
    assert not may_claim(EMPTY, [], add)
    assert not may_claim(EMPTY, [Done("click add", "no effect")], add)
    assert not may_claim(EMPTY, [Done("type quantity = 2", "ok")], add)


def test_a_count_that_the_page_refutes_is_not_set():
    put = Step("set", "2 x green mugs")

    assert may_claim(page(("Green mug", "2", "£9")), [], put)
    assert not may_claim(page(("Green mug", "1", "£9")), [], put)


def test_a_choice_is_made_only_when_something_like_it_is_on():
    def delivery(value):
        return page(Element(1, "select", "Delivery", value, ("Standard", "Express van")))

    assert may_claim(delivery("Express van"), [], EXPRESS)
    assert not may_claim(delivery("Standard"), [], EXPRESS)


def test_choices_that_nobody_asked_for_cannot_be_made():
    gift, letter = (
        Element(1, "checkbox", "Gift wrapping", "off"),
        Element(2, "checkbox", "News by mail", "off"),
    )

    assert may_use(gift, Step("choose", "wrapped as a gift"))
    assert not may_use(letter, Step("choose", "wrapped as a gift"))
    assert not may_use(gift, NAME)
    assert may_select("Express van", EXPRESS) and not may_select("Overnight van", EXPRESS)


def test_consent_is_given_on_the_way_to_the_review_and_nowhere_else():
    terms = Element(1, "checkbox", "I accept the terms", "off")

    assert may_use(terms, Step("review"))
    assert not may_use(terms, NAME) and not may_use(terms, EXPRESS)


def test_a_name_cannot_go_into_a_date_field():
    day = Element(1, "date", "Day", "")

    assert may_use(day, DATE) and not may_use(day, NAME)


def test_the_ticket_that_is_open_is_the_one_that_was_asked_for():
    step = Step("open ticket", "of Ada Lovelace", ("Ada Lovelace",))

    assert may_claim(page(("Customer", "Ada Lovelace")), [], step)
    assert not may_claim(page(("Customer", "Grace Hopper")), [], step)


def test_a_ticket_that_says_that_it_is_open_is_not_closed():
    close = Step("close")

    assert may_claim(page(("Status", "Closed")), [], close)
    assert not may_claim(page(("Status", "Open")), [], close)


INBOX = page(
    (Element(1, "link", "Lid arrived cracked"), "Ada Lovelace", "Closed already"),
    (Element(2, "link", "Invoice never came"), "Ada Lovelace", "Still open"),
    (Element(3, "link", "Wobbly leg"), "Bob Byron", "Closed", Element(4, "button", "Close")),
)


def test_a_closed_ticket_is_left_alone_unless_its_subject_is_named():
    def opens(text, name):
        return usable(INBOX, Step("open ticket", text, (name,)))

    assert opens("of Ada Lovelace", "Ada Lovelace") == {2}
    assert opens("of Ada Lovelace about Lid arrived cracked", "Ada Lovelace") == {1}
    assert opens("of Bob Byron", "Bob Byron") == set()


def test_where_only_a_closed_ticket_is_listed_the_list_is_gone_on_with():
    more = page(*INBOX.lines[2:], Element(5, "link", "Next page"))

    assert usable(more, Step("open ticket", "of Bob Byron", ("Bob Byron",))) == {5}


@pytest.mark.parametrize("verb", ["reply", "send", "close"])
def test_nothing_is_answered_or_closed_in_a_list_of_tickets(verb):
    assert usable(INBOX, Step(verb)) == set()


@pytest.mark.parametrize(("said", "shown"), [("gift wrapped", "Wrapping"), ("by card", "Card at the door")])
def test_texts_are_related_by_the_beginning_of_a_word(said, shown):
    assert related(said, shown)
    assert not related(said, "Standard van")


@pytest.mark.parametrize(
    ("line", "may_give_up"),
    [("Page 1 of 3", False), ("Page 3 of 3", True), ("rated 4 of 5", True), ("made 1 of 2 by hand", True)],
)
def test_nothing_is_not_found_before_the_last_page(line, may_give_up):
    shown = page("All tickets", line)

    assert ("not found" in reasons(shown, [], Step("open ticket", "of ida fox", ("ida fox",)))) is may_give_up
