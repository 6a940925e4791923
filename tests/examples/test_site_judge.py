"""The judge sees every way in which a goal was not quite reached."""

from dataclasses import replace
from datetime import timedelta

import pytest

from punchlist.examples.site import Expected, Site, demo_goal, draw_plan, goal, judge
from punchlist.examples.site.judge import count_done

DEMO = demo_goal()
(ORDER,) = DEMO.expected.orders
(TICKET,) = DEMO.expected.tickets
PLAN = draw_plan(DEMO.site_seed)


@pytest.fixture
def site():
    with Site(DEMO.site_seed, flaws=()) as site:
        yield site


@pytest.fixture
def visitor(site, plain_visitor):
    return plain_visitor(site)


def close(visitor, ticket, text):
    visitor.post(f"/desk/{ticket}/answer", answer=text, then="close")


def test_a_goal_that_was_reached_is_right(site, visitor):
    close(visitor, TICKET.ticket, f"Hello! It is order {visitor.order(ORDER)}.")

    assert judge(site, DEMO.expected).reasons == ()


def test_thirty_goals_played_without_a_browser_are_right(plain_visitor):
    for drawn in map(goal, range(9100, 9130)):
        with Site(drawn.site_seed) as site:
            visitor = plain_visitor(site)
            numbers = [visitor.order(order) for order in drawn.expected.orders]
            for ticket in drawn.expected.tickets:
                text = ticket.reply or f"Order {numbers[ticket.order]}"
                visitor.post(
                    f"/desk/{ticket.ticket}/answer", answer=text, then="close" if ticket.closed else ""
                )

            assert judge(site, drawn.expected).reasons == ()


def test_nothing_done_is_wrong(site):
    reasons = judge(site, DEMO.expected).reasons

    assert "The order for Ada Lovelace was not placed." in reasons
    assert len(reasons) == 3


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("lines", (("Green mug", 1), ("Desk lamp", 1)), "articles"),
        ("lines", (("Blue mug", 2), ("Desk lamp", 1)), "articles"),
        ("lines", (("Green mug", 2),), "articles"),
        ("name", "Ada Whitlock", "name"),
        ("delivery", PLAN.deliveries[0], "delivery"),
        ("day", ORDER.day + timedelta(days=1), "day"),
        ("day", ORDER.day.replace(year=2028), "day"),
        ("gift", True, "gift wrapping"),
        ("payment", PLAN.payments[1], "payment"),
    ],
)
def test_an_order_with_one_wrong_detail_is_wrong(site, visitor, field, value, named):
    number = visitor.order(replace(ORDER, **{field: value}))
    close(visitor, TICKET.ticket, number)

    reasons = judge(site, DEMO.expected).reasons

    assert reasons[0].startswith(f"Order {number}: {named} is ")


def test_a_doubled_order_is_wrong(site, visitor):
    close(visitor, TICKET.ticket, visitor.order(ORDER))
    visitor.order(ORDER)

    (reason,) = judge(site, DEMO.expected).reasons

    assert "was not asked for" in reason


def test_the_wrong_customers_ticket_is_wrong(site, visitor):
    other = next(ticket for ticket in site.plan.tickets if ticket.customer == "Ada Whitlock")
    close(visitor, other.id, visitor.order(ORDER))

    reasons = " ".join(judge(site, DEMO.expected).reasons)

    assert "of Ada Lovelace is open" in reasons
    assert "of Ada Whitlock is closed" in reasons


@pytest.mark.parametrize("answer", ["It is order R10.", "Thank you, it is on its way.", "{number}7"])
def test_an_answer_without_the_right_number_is_wrong(site, visitor, answer):
    close(visitor, TICKET.ticket, answer.format(number=visitor.order(ORDER)))

    (reason,) = judge(site, DEMO.expected).reasons

    assert "is not the order number" in reason


def test_a_reply_counts_once_and_only_in_the_given_words(plain_visitor):
    drawn = next(item for item in map(goal, range(500)) if not item.expected.orders)
    wanted = Expected(tickets=(replace(drawn.expected.tickets[0], closed=True),))
    (ticket,) = wanted.tickets

    with Site(drawn.site_seed) as site:
        visitor = plain_visitor(site)
        close(visitor, ticket.ticket, f"{ticket.reply.upper()}.")
        first = judge(site, wanted)
        close(visitor, ticket.ticket, ticket.reply)
        second = judge(site, wanted)

    assert first.right
    assert second.reasons == (f"Ticket {ticket.ticket} of {ticket.customer} got 2 answers, not 1.",)


def test_a_stopped_site_can_still_be_judged(site, visitor):
    close(visitor, TICKET.ticket, visitor.order(ORDER))
    site.stop()

    assert judge(site.database, DEMO.expected).right


def test_a_site_that_never_ran_is_wrong(tmp_path):
    assert not judge(Site(1, folder=tmp_path), Expected()).right


def test_what_was_done_is_counted_whether_or_not_it_was_asked_for(site, visitor):
    numbers = (visitor.order(ORDER), visitor.order(replace(ORDER, name="Ada Whitlock")))
    for text in numbers:
        close(visitor, TICKET.ticket, text)

    done = count_done(site)

    assert done.orders == numbers
    assert {ticket: answers for ticket, answers in done.answers.items() if answers} == {TICKET.ticket: 2}
