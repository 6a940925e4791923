"""What a task of each family consists of, and which pages prove it done."""

import pytest

from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.criteria import REPORTED
from punchlist.agents.families import FAMILIES, UnknownFamily, jobs_of
from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import PlannedTask, read_plan
from punchlist.protocols import ToolCheck
from punchlist.tools.browser.view import Element, View

GOAL = (
    "Order 2 green mugs and 1 desk lamp for Ada Lovelace, express, on 3 May; "
    "then close her ticket with the number."
)
PLAN = (
    "task order\ncount 2\nitem green mugs\ncount 1\nitem desk lamp\n"
    "name ada lovelace\noption express\ndate 3 may\n"
    "task ticket\nname ada lovelace\nnumber 1\nclose\nend"
)
PLACED = [
    ("Green mug", "2", "£9.00"),
    ("Desk lamp", "1", "£24.95"),
    ("Number", "T-17"),
    ("Recipient", "Ada Lovelace"),
    ("Delivery", "Express van"),
    ("Day", "2027-05-03"),
]


def jobs(goal=GOAL, plan=PLAN):
    return {job.id: job for job in jobs_of(read_plan(plan, goal))}


def complaints(work, rows, result=None):
    """What the spec's programs say against a page of these rows; None is left in for what they cannot say."""
    result = result or {"number": "T-17", "url": "x", "changes": []}
    cells = tuple((row,) if isinstance(row, str) else row for row in rows)
    seen = Page("http://shop/x", "/x", "x", cells, ()).as_json() | {REPORTED: result}
    found = {}
    for criterion in work.spec.criteria:
        if hasattr(criterion, "find"):
            given = seen if isinstance(criterion, ToolCheck) else result
            finding = criterion.find(given)
            if finding.outcome != "pass":
                found[criterion.name] = finding.why
    return found


def test_only_the_last_job_of_an_order_cannot_be_undone_and_it_waits_for_the_others():
    made = jobs()

    assert {job.id: job.after for job in made.values()} == {
        "1.cart": (),
        "1.details": ("1.cart",),
        "1.place": ("1.details",),
        "2.ticket": ("1.place",),
    }
    assert [job.id for job in made.values() if job.irreversible] == ["1.place", "2.ticket"]


def test_jobs_of_one_order_share_a_session_and_a_ticket_has_its_own():
    assert [job.lane for job in jobs().values()] == ["order-1", "order-1", "order-1", "ticket-2"]


def test_a_page_that_shows_the_order_proves_it():
    assert complaints(jobs()["1.place"].make({}), PLACED) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("Green mug", "2", "£9.00"), ("Green mug", "1", "£4.50")),
        (("Green mug", "2", "£9.00"), ("Blue mug", "2", "£9.00")),
        (("Desk lamp", "1", "£24.95"), ("Desk lamp", "1", "free of charge")),
        (("Recipient", "Ada Lovelace"), ("Recipient", "Ada Whitlock")),
        (("Delivery", "Express van"), ("Delivery", "Standard van")),
        (("Day", "2027-05-03"), ("Day", "2027-05-04")),
        (("Number", "T-17"), ("Blue mug", "1", "£4.50")),
        (("Number", "T-17"), ("Gift wrapping", "Yes")),
    ],
    ids=lambda row: " ".join(row),
)
def test_one_thing_wrong_on_the_page_is_enough(old, new):
    rows = [new if row == old else row for row in PLACED]

    assert len(complaints(jobs()["1.place"].make({}), rows)) >= 1


@pytest.mark.parametrize("row", [("Number", "T-18"), "Ring us: T-17"])
def test_a_number_that_the_page_does_not_give_the_order_is_not_confirmed(row):
    rows = [row if old == ("Number", "T-17") else old for old in PLACED]

    assert list(complaints(jobs()["1.place"].make({}), rows)) == ["the order number is on the page"]


def test_an_order_without_a_number_is_none():
    assert "schema" in complaints(jobs()["1.place"].make({}), PLACED, {"url": "x", "changes": []})


def test_a_choice_in_the_form_that_the_goal_does_not_say_is_refused():
    work = jobs()["1.details"].make({})
    agreed = {"role": "checkbox", "name": "I accept the terms", "text": ""}
    gift = {"role": "checkbox", "name": "Gift wrapping", "text": ""}
    overnight = {"role": "select", "name": "Delivery", "text": "Overnight courier"}

    assert "only asked for" not in complaints(work, PLACED, {"changes": [agreed]})
    assert "Gift wrapping" in complaints(work, PLACED, {"changes": [agreed, gift]})["only asked for"]
    assert "Overnight" in complaints(work, PLACED, {"changes": [overnight]})["only asked for"]


def test_a_text_that_was_typed_into_two_fields_is_one_too_many():
    """A courier's note that repeats the name is no part of the order."""
    name = {"role": "textbox", "name": "Full name", "text": "Ada Lovelace"}
    note = {"role": "textbox", "name": "Note", "text": "Ada Lovelace"}
    work = jobs()["1.details"].make({})

    assert "only asked for" not in complaints(work, PLACED, {"changes": [name, name]})
    assert "'Note'" in complaints(work, PLACED, {"changes": [name, note]})["only asked for"]


def form(**values):
    """A view of a checkout form whose ticks, radios and select have these values."""
    fields = (
        Element(1, "radio", "Cash", values.get("cash", "on")),
        Element(2, "radio", "Invoice", values.get("invoice", "off")),
        Element(3, "checkbox", "Gift wrapping", values.get("gift", "off")),
        Element(4, "select", "Delivery", values.get("delivery", "Standard"), ("Standard", "Overnight")),
        Element(5, "textbox", "Note", values.get("note", "")),
    )
    return View("http://shop/form", "/form", "x", tuple((each,) for each in fields))


CHANGES = [
    {"role": "radio", "name": "Invoice", "text": ""},
    {"role": "radio", "name": "Cash", "text": ""},
    {"role": "checkbox", "name": "Gift wrapping", "text": ""},
    {"role": "select", "name": "Delivery", "text": "Standard"},
    {"role": "textbox", "name": "Note", "text": "Ada Lovelace"},
]


def only_asked(*views):
    """What the check of the form's choices says after a worker saw these views."""
    work = jobs()["1.details"].make({})
    for view in views:
        assert work.stage.last[0].shown(view) is False
    return complaints(work, PLACED, {"changes": CHANGES}).get("only asked for", "")


def test_a_choice_that_was_undone_or_replaced_does_not_count_against_the_form():
    slips = form(), form(cash="off", invoice="on", gift="on", delivery="Overnight", note="Ada Lovelace")

    assert only_asked(*slips, form()) == ""


def test_a_choice_that_stands_at_the_end_counts_whoever_made_it():
    assert "Gift wrapping" in only_asked(form(), form(gift="on"))
    assert "Gift wrapping" in only_asked(form(gift="on"))
    assert "Invoice" in only_asked(form(), form(cash="off", invoice="on"))
    assert "Overnight" in only_asked(form(), form(delivery="Overnight"))


TICKET = [("Customer", "Ada Lovelace"), ("Subject", "Wobbly leg"), ("Status", "Closed"), ("You", "T-17")]


def test_a_ticket_is_answered_with_the_number_of_its_order():
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})

    assert work.stage.parts[1].spans == ("T-17",)
    assert complaints(work, TICKET) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("Customer", "Ada Lovelace"), ("Customer", "Grace Hopper")),
        (("Status", "Closed"), ("Status", "Open")),
        (("You", "T-17"), ("You", "T-18")),
        (("You", "T-17"), ("You", "hello")),
    ],
)
def test_a_ticket_of_somebody_else_open_or_without_the_answer_is_not_done(old, new):
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})

    assert complaints(work, [new if row == old else row for row in TICKET])


def test_a_ticket_that_is_named_by_its_subject_must_show_it():
    goal = 'Close Ada Lovelace\'s ticket about "Wobbly leg" with "a new one is on its way".'
    plan = "task ticket\nname ada lovelace\nabout wobbly leg\ntext a new one is on its way\nclose\nend"
    work = jobs(goal, plan)["1.ticket"].make({})
    rows = [*TICKET[:3], ("You", "a new one is on its way")]
    was_open(work)

    assert complaints(work, rows) == {}
    assert complaints(work, [("Subject", "Missing screws") if row[0] == "Subject" else row for row in rows])


def was_open(work, path="/x"):
    """Let the job see its ticket open."""
    rows = ("Customer", "Ada Lovelace"), ("Status", "Open")
    assert work.stage.last[0].shown(View("http://shop" + path, path, "x", rows)) is False


CLOSED = [("Customer", "Ada Lovelace"), ("Status", "Closed")]


def test_a_ticket_that_was_closed_before_is_not_the_one_to_close():
    """Of an open and a closed ticket of one person the open one is meant."""
    goal, plan = "Close Ada Lovelace's ticket.", "task ticket\nname ada lovelace\nclose\nend"
    work = jobs(goal, plan)["1.ticket"].make({})

    assert list(complaints(work, CLOSED)) == ["the ticket is closed"]
    was_open(work, "/elsewhere")
    assert list(complaints(work, CLOSED)) == ["the ticket is closed"]
    was_open(work)
    assert complaints(work, CLOSED) == {}


def test_nothing_is_answered_or_closed_on_the_page_of_a_ticket_that_was_closed_before():
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})
    closed = View("http://shop/x", "/x", "x", tuple(CLOSED))
    steps = work.stage.parts[1], work.stage.last[0]

    assert not any(step.only_on(closed) for step in steps)
    was_open(work)
    assert all(step.only_on(closed) for step in steps)


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("Our desk: It is on its way", "pass"),
        ("It is on its way.", "pass"),
        (("Support", "10:32", "it is on its way"), "pass"),
        (("Ada Lovelace", "It is on its way"), "cannot_check"),
        (("Ada", "It is on its way"), "cannot_check"),
        ("Ada Lovelace It is on its way", "cannot_check"),
        ("They say it is on its way", "cannot_check"),
        (("Ada", "Is it on its way already?"), "fail"),
        ("Thank you", "fail"),
    ],
)
def test_the_words_of_the_customer_are_no_answer_of_ours(row, outcome):
    goal = 'Reply to Ada Lovelace\'s ticket with "it is on its way".'
    work = jobs(goal, "task ticket\nname ada lovelace\ntext it is on its way\nend")["1.ticket"].make({})
    said = next(each for each in work.spec.criteria if each.name.startswith("2"))
    rows = ("Customer", "Ada Lovelace"), (row,) if isinstance(row, str) else row

    assert said.find(Page("u", "/x", "x", rows, ()).as_json()).outcome == outcome


def test_an_answer_behind_a_voice_counts_where_the_customer_has_one_too():
    """The example site draws both in one run of text."""
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})
    thread = [*TICKET[:3], "Ada Lovelace Where is it?", "Our shop desk T-17"]

    assert complaints(work, thread) == {}
    assert complaints(work, [*thread, "Our shop desk T-17"])
    assert complaints(work, [*thread[:-1], "Ada Lovelace T-17"])


def test_a_list_of_tickets_is_nobodys_ticket():
    inbox = [("Ticket 13", "Bob Byron", "closed"), ("Ticket 12", "Ada Lovelace", "open")]
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})

    assert set(complaints(work, inbox)) >= {"1 : open ticket of Ada Lovelace", "the ticket is closed"}


def test_an_answer_that_was_sent_twice_is_one_too_many():
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})

    assert "2 : reply T-17" in complaints(work, [*TICKET, ("You", "T-17")])
    assert "2 : reply T-17" in complaints(work, [*TICKET[:3], "Our desk: T-17", "Our desk: T-17"])


def test_a_ticket_that_is_to_stay_open_must_say_that_it_is():
    goal = 'Reply to Ada Lovelace\'s ticket with "T-17" and leave it open.'
    work = jobs(goal, "task ticket\nname ada lovelace\ntext t-17\nend")["1.ticket"].make({})
    opened = [("Status", "Open") if row[0] == "Status" else row for row in TICKET]

    assert complaints(work, opened) == {}
    assert complaints(work, TICKET) == {"the ticket stays open": "it is closed"}


def test_an_answer_that_was_typed_and_not_sent_does_not_count():
    work = jobs()["2.ticket"].make({"1.place": {"number": "T-17"}})
    typed = View(
        "u",
        "/desk/1",
        "x",
        (("Customer", "Ada Lovelace"), ("Status", "Closed"), (Element(1, "textbox", "Reply", "T-17"),)),
    )
    said = next(each for each in work.spec.criteria if each.name.startswith("2"))

    assert said.find(Page.of(typed).as_json()).outcome == "fail"


def told(answer, *returned):
    """Whether an answer counts as what these calls returned."""
    goal = "How many mugs are in stock?"
    work = jobs(goal, "task use\ntext how many mugs are in stock ?\nend")["1.use"].make({})
    [criterion] = work.spec.criteria
    return criterion.find({"answer": answer, "returned": list(returned)}).outcome


@pytest.mark.parametrize(
    ("answer", "returned"),
    [
        ("12", "12"),
        ("-5", "-5"),
        ("12", "There are 12 in stock"),
        ("green", '{"colour": "green", "count": 5}'),
        ("5", '{"colour": "green", "count": 5}'),
        ("lamp", '["mug", "lamp"]'),
        ("4711", "order no 4711 is placed"),
        ("not in stock", "mugs are not in stock"),
        ("mugs : 12", '{"mugs": 12}'),
    ],
)
def test_an_answer_is_a_value_or_words_that_a_tool_returned(answer, returned):
    spelled = answer.replace(" : ", '": ')

    assert told(spelled, "nothing", returned) == "pass"


@pytest.mark.parametrize(
    ("answer", "returned"),
    [
        ("5", "-5"),
        ("5", '{"degrees": -5}'),
        ("1", "12"),
        ("200", "1,200"),
        ("1", "1,200"),
        ("stock", "not in stock"),
        ("in stock", "it isn't in stock"),
        ("stock", "out of stock"),
        ("13", "12"),
    ],
)
def test_a_part_of_a_number_or_the_opposite_is_no_answer(answer, returned):
    assert told(answer, returned) == "fail"


def test_a_label_without_its_value_cannot_be_told():
    assert told("in stock", '{"in stock": false}') == "cannot_check"


def test_a_text_that_is_too_deep_to_read_is_no_reason_to_break_down():
    assert told("12", "[" * 100_000) == "fail"


def test_every_family_has_an_example_that_it_could_do():
    for family in FAMILIES.values():
        assert family.jobs(1, PlannedTask(family.name, ()), ())
        assert family.about and family.example


def test_a_kind_that_is_not_known_is_refused():
    with pytest.raises(UnknownFamily, match="fly"):
        jobs_of([PlannedTask("fly", ())])


def test_counts_that_are_swapped_between_items_make_a_plan_doubtful():
    """Both plans cover every word; only one says what the goal says."""
    swapped = PLAN.replace(
        "count 2\nitem green mugs\ncount 1\nitem desk lamp",
        "count 1\nitem green mugs\ncount 2\nitem desk lamp",
    )

    assert doubts(GOAL, read_plan(PLAN, GOAL)) == []
    assert doubts(GOAL, read_plan(swapped, GOAL)) != []
