"""What a ticket's page shows: whose it is, what about, and what was said rather than suggested."""

import pytest

from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.tickets import Ticket

CUSTOMER = "Customer", "Ada Lovelace"
TICKET = Ticket("Ada Lovelace", "Wobbly leg", "it is on its way", close=False)


def page(*rows, title="x"):
    """A page of these rows; a row is a text or a tuple of cells."""
    cells = tuple((row,) if isinstance(row, str) else row for row in rows)
    return Page("http://desk/7", "/7", title, cells, ())


@pytest.mark.parametrize("row", [("Agent", "Ada Lovelace"), "Assignee: Ada Lovelace", ("Cc", "Ada Lovelace")])
def test_a_ticket_is_not_that_of_who_deals_with_it(row):
    anything = Ticket("Ada Lovelace", "", "", close=False)

    assert anything.is_theirs(page(("Reporter", "Grace Hopper"), row)) is None
    assert anything.is_theirs(page(CUSTOMER, ("Agent", "Grace Hopper"))) is True


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (["Wobbly leg"], "x"),
        ([("Subject", "The wobbly leg")], "x"),
        (["Ticket 12: Wobbly leg"], "x"),
        ([], "Wobbly leg · Harbour & Wren"),
        ([], "Ticket #12 Wobbly leg - Help desk"),
    ],
)
def test_a_subject_stands_in_the_title_a_line_of_its_own_or_its_row(rows, title):
    assert TICKET.is_theirs(page(CUSTOMER, *rows, title=title)) is True


@pytest.mark.parametrize(
    "rows",
    [
        ["It came with a wobbly leg"],
        [("Ada Lovelace", "Wobbly leg")],
        [("Subject", "Missing screws"), "Wobbly leg"],
        [("Subject", "Wobbly leg, again")],
    ],
)
def test_a_subject_that_is_only_mentioned_cannot_be_told(rows):
    assert TICKET.is_theirs(page(CUSTOMER, *rows)) is None


def test_a_subject_that_is_nowhere_is_not_on_the_page():
    assert TICKET.is_theirs(page(CUSTOMER, ("Subject", "Missing screws"))) == "not on the page"


@pytest.mark.parametrize("label", ["Suggested reply", "Draft", "Template", "Proposed answer"])
def test_a_reply_that_is_only_suggested_was_not_said(label):
    text = "It is on its way"
    suggested = CUSTOMER, (label, text), f"{label}: {text}"

    assert TICKET.is_said(page(*suggested)) == "not on the page"
    assert TICKET.is_said(page(*suggested, ("You", text))) is True
    assert TICKET.is_said(page(*suggested, ("You", text), ("You", text))) == "it stands there more than once"


def test_of_lines_below_a_heading_of_suggestions_it_cannot_be_told_whether_they_were_said():
    replies = "Thank you for writing", "It is on its way"

    assert TICKET.is_said(page(CUSTOMER, "Suggested replies", *replies)) is None
    assert TICKET.is_said(page(CUSTOMER, "Suggested replies", *replies, ("You", replies[1]))) is True
