"""Goals are drawn from their seed, agree with their site, and can be read in one way only."""

import re
from collections import Counter

from punchlist.examples.site import DEMO_SEED, demo_goal, draw_plan, goal, wording

GOALS = [goal(seed) for seed in range(400)]


def words(template):
    """The words of a template without its slots, to recognise it in a goal."""
    return [part for part in re.split(r"\{\w+\}", template.lower()) if part.strip(" ,.;:\"'")]


def test_a_seed_always_draws_the_same_goal_and_site():
    assert goal(7) == goal(7)
    assert draw_plan(7) == draw_plan(7)
    assert goal(7).text != goal(8).text


def test_goals_use_more_than_thirty_sentences():
    sentences = (
        *wording.ORDER_SENTENCES,
        *wording.NUMBER_TO_OWN,
        *wording.NUMBER_TO_OTHER,
        *wording.REPLY_SENTENCES,
        *wording.CLOSE_SENTENCES,
        *wording.SUBJECT_SENTENCES,
    )

    used = [
        template
        for template in sentences
        if any(all(part in drawn.text.lower() for part in words(template)) for drawn in GOALS)
    ]

    assert len(used) == len(sentences) > 30


def test_every_slot_is_found_where_it_says():
    for drawn in (*GOALS, demo_goal()):
        assert drawn.slots
        for slot in drawn.slots:
            assert drawn.text[slot.start : slot.start + len(slot.text)] == slot.text
        assert not re.search("[\x02\x03\x04{}]", drawn.text)


def test_what_is_wanted_is_for_sale_whatever_the_flaws():
    for drawn in GOALS:
        plan = draw_plan(drawn.site_seed, {"out_of_stock": True})
        stock = {product.name: product.stock for product in plan.products}
        wanted = Counter[str]()
        for order in drawn.expected.orders:
            wanted.update(dict(order.lines))
            assert order.delivery in plan.deliveries
            assert order.payment in plan.payments
        assert all(stock[name] >= quantity for name, quantity in wanted.items())
        assert 0 in stock.values()


def test_dates_are_the_next_such_day_on_the_sites_clock():
    for drawn in GOALS:
        today = draw_plan(drawn.site_seed).today
        for order in drawn.expected.orders:
            assert 0 < (order.day - today).days < 365


def test_a_ticket_is_named_by_its_customer_or_by_its_subject():
    for drawn in GOALS:
        still_open = [ticket for ticket in draw_plan(drawn.site_seed).tickets if not ticket.closed]
        for wanted in drawn.expected.tickets:
            theirs = [ticket for ticket in still_open if ticket.customer == wanted.customer]
            named = [ticket for ticket in theirs if ticket.subject.lower() in drawn.text.lower()]
            assert [ticket.id for ticket in (theirs if len(theirs) == 1 else named)] == [wanted.ticket]


def test_no_two_parts_concern_the_same_person():
    for drawn in GOALS:
        recipients = [order.name for order in drawn.expected.orders]
        others = [ticket.customer for ticket in drawn.expected.tickets if ticket.customer not in recipients]

        assert len(set(recipients + others)) == len(recipients + others)


def test_no_product_of_a_site_contains_the_name_of_another():
    for seed in (*range(100), DEMO_SEED):
        names = [product.name.lower() for product in draw_plan(seed).products]

        assert [(one, two) for one in names for two in names if one in two and one != two] == []


def test_there_are_near_duplicates_on_every_site():
    for seed in range(100):
        nouns = Counter(product.noun for product in draw_plan(seed).products)

        assert max(nouns.values()) >= 2


def test_the_goal_of_record_has_its_site():
    drawn = demo_goal()
    plan = draw_plan(drawn.site_seed)

    assert drawn.text == (
        "Order 2 green mugs and 1 desk lamp for Ada Lovelace, express, deliver on 3 May; "
        "then close her ticket with the order number."
    )
    assert plan.flaws == {"quantity_resets", "confirm_dialog"}
    assert {"Green mug", "Desk lamp"} <= {product.name for product in plan.products}
    assert [ticket.closed for ticket in plan.tickets if ticket.customer == "Ada Lovelace"] == [False]
