"""The example site's goals and pages: what is read rightly is not doubted; right pages pass, wrong fail."""

from dataclasses import replace

import httpx
import pytest

from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.criteria import REPORTED
from punchlist.agents.families import jobs_of
from punchlist.agents.planning.doubts import doubts
from punchlist.agents.roles import Field, PlannedTask, ask_plan, read_plan, write_plan
from punchlist.agents.wording import Span
from punchlist.core_model.grammar import Grammar
from punchlist.examples.site import Site, goal
from punchlist.protocols import ToolCheck
from punchlist.tools.browser import Browser

ORDER_KEYS = {
    "quantity": "count",
    "product": "item",
    "name": "name",
    "delivery": "option",
    "payment": "option",
    "gift": "option",
    "day": "date",
}
TICKET_KEYS = {"customer": "name", "subject": "about", "reply": "text"}


def fields(slots, keys):
    """Fields of a task: an order's in the goal's order, a ticket's in the order of `keys`."""
    kinds = list(keys)
    found = [(slot.name.split(".")[1], slot) for slot in slots if slot.name.split(".")[1] in keys]
    by_kind = keys is TICKET_KEYS
    found.sort(key=lambda each: kinds.index(each[0]) if by_kind else each[1].start)
    return tuple(
        Field(keys[kind], Span(slot.text, slot.start, slot.start + len(slot.text))) for kind, slot in found
    )


def truth(drawn):
    """The plan that a perfect reader makes of a goal, by the site's own account of what its words mean."""
    tasks: list[PlannedTask] = []
    by_order = {ticket.order: ticket for ticket in drawn.expected.tickets if not ticket.reply}
    replies = [ticket for ticket in drawn.expected.tickets if ticket.reply]
    orders = 0
    for part in range(1, 1 + max(int(slot.name.split(".")[0]) for slot in drawn.slots)):
        slots = [slot for slot in drawn.slots if slot.name.startswith(f"{part}.")]
        if not any(slot.name.split(".")[1] == "product" for slot in slots):
            tasks.append(PlannedTask("ticket", fields(slots, TICKET_KEYS), close=replies.pop(0).closed))
            continue
        tasks.append(PlannedTask("order", fields(slots, ORDER_KEYS)))
        number, ticket = len(tasks), by_order.get(orders)
        orders += 1
        if ticket is not None:
            named = fields(slots, {"customer": "name"}) or fields(slots, {"name": "name"})
            tasks.append(PlannedTask("ticket", named, number_of=number, close=ticket.closed))
    return tuple(tasks)


GOALS = [goal(seed) for seed in range(150)]


def test_a_goal_that_is_read_rightly_is_never_doubtful():
    assert {each.text: found for each in GOALS if (found := doubts(each.text, truth(each)))} == {}


def test_a_right_plan_can_be_said_and_is_read_back_word_for_word():
    for each in GOALS[:60]:
        answer = write_plan(truth(each))

        assert Grammar.lark(ask_plan(each.text, ("order", "ticket")).grammar).accepts(answer)
        assert read_plan(answer, each.text) == truth(each)


def test_a_plan_that_leaves_out_any_field_is_doubtful():
    for each in GOALS:
        tasks = truth(each)
        for index, task in enumerate(tasks):
            for gone in task.fields:
                if task.number_of is not None and gone.key == "name":
                    continue  # the order names the same person
                rest = replace(task, fields=tuple(item for item in task.fields if item is not gone))
                assert doubts(each.text, (*tasks[:index], rest, *tasks[index + 1 :])), (each.text, gone)


def complaints(task, page):
    """What the criteria of a placed order say against a page."""
    [*_, place] = jobs_of([task])
    criteria = [each for each in place.make({}).spec.criteria if isinstance(each, ToolCheck)]
    number = page.path.removeprefix("/order/").partition("?")[0]
    seen = page.as_json() | {REPORTED: {"number": number}}
    return [finding.why for each in criteria if (finding := each.find(seen)).outcome != "pass"]


WITH_ORDERS = [each for each in GOALS if each.expected.orders][:8]


async def placed(site, browser, order):
    """Order by posting forms as the visitor of a browser session; the order's page as a verifier sees it."""
    session = await browser.open("look", url=site.url)
    await session.view()
    cookies = {item["name"]: item["value"] for item in (await session.storage_state())["cookies"]}
    slugs = {name.lower().replace(" ", "-"): str(count) for name, count in order.lines}
    ticks = {"terms": "on"} | ({"gift": "on"} if order.gift else {})
    form = {
        "name": order.name,
        "delivery": order.delivery,
        "day": order.day.isoformat(),
        "payment": order.payment,
    }
    async with httpx.AsyncClient(base_url=site.url, cookies=cookies, follow_redirects=True) as client:
        for slug, count in slugs.items():
            await client.post("/bag/add", data={"product": slug, "quantity": count})
        await client.post("/bag", data=slugs)
        await client.post("/details", data=form | ticks)
        done = await client.post("/place")
    return Page.of(await session.new_tab_view(str(done.url), budget=20_000))


@pytest.mark.browser
async def test_a_placed_order_passes_and_no_other_goal_takes_it_for_its_own():
    wrong = {
        "option": "drone",
        "date": "1 February",
        "name": "Zeno Blank",
        "count": "11",
        "item": "red kites",
    }
    for each in WITH_ORDERS:
        with Site(each.site_seed, flaws=()) as site:
            async with Browser(allow=[site.url]) as browser:
                page = await placed(site, browser, each.expected.orders[0])
        mine, *_ = [task for task in truth(each) if task.kind == "order"]
        others = [task for other in WITH_ORDERS if other is not each for task in truth(other)]

        assert complaints(mine, page) == [], each.text
        assert all(complaints(other, page) for other in others if other.kind == "order")
        for index, item in enumerate(mine.fields):
            changed = replace(item, span=Span(wrong[item.key], 0, 0))
            spoilt = replace(mine, fields=(*mine.fields[:index], changed, *mine.fields[index + 1 :]))
            assert complaints(spoilt, page), (each.text, changed)
