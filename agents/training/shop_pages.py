"""Generated pages of shops: lists of goods, one product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..steps import Done, Step
from . import labels, words
from .sites import (
    Item,
    Line,
    Sheet,
    Site,
    add_step,
    apart,
    chrome,
    elsewhere,
    footer,
    ok,
    open_step,
    reworded,
)
from .words import pick

UP_TO_TEN = tuple(str(number) for number in range(1, 11))
"""What a select of a quantity offers."""


@dataclass(frozen=True)
class Search:
    """What a page of goods is asked for, and how far the search for it has come.

    `state` is plain (not searched), typed, results, empty (nothing for the whole query), empty1 (nothing for
    its first word alone) or loading; `box` is what the search box holds.
    """

    step: Step
    state: str
    box: str

    @property
    def query(self) -> str:
        """The thing as the step names it."""
        return self.step.spans[1]

    @property
    def first(self) -> str:
        """The first word of the query."""
        return self.query.split()[0]


def listing(rng: Random) -> Sheet:
    """Home, category or result page with some of the goods."""
    site = Site.draw(rng)
    state = pick(rng, "plain | plain | plain | typed | results | results | empty | empty1 | loading")
    if not site.has_search and state in ("typed", "results", "empty", "empty1"):
        state = "plain"
    rng.shuffle(site.goods)
    target, shown = site.goods[0], site.goods[1 : rng.randint(2, 12)]
    search = draw_search(site, state, target)
    sheet = listing_head(site, search, len(shown))
    present = (state == "plain" and rng.random() < 0.6) or state == "results"
    visible = list(shown)
    if state in ("empty", "empty1"):
        visible = []
        sheet.add(site.labels["empty"])
    elif state == "loading":
        visible = []
        sheet.add(site.labels["loading"])
    elif present:
        visible.insert(rng.randint(0, len(visible)), target)
    if state == "results" and rng.random() < 0.6:
        visible = [name for name in visible if set(name) & set(target)]
    cards(site, sheet, visible)
    more = bool(visible) and rng.random() < 0.5
    if more:
        pager(site, sheet)
    footer(site, sheet)
    listing_cases(site, sheet, search, " ".join(target) if present else "", more)
    for name in rng.sample(visible, min(len(visible), rng.choice((0, 1, 2, 2, 3)))):
        if name is not target:
            sheet.click(" ".join(name), add_step(name, rng), rng)
    if sheet.number("help") and rng.random() < 0.5:
        about = " ".join(words.sentence(rng)) if rng.random() < 0.3 else ""
        sheet.click("help", open_step(" ".join(rng.choice(site.people)), about), rng)
    missing = words.product(rng)
    if site.has_search and state == "results" and visible and rng.random() < 0.4:
        sheet.cases = sheet.cases[1:]
        fruitless_case(site, sheet, add_step(missing, rng), more)
    if state != "loading":
        elsewhere(site, sheet)
    return sheet


def draw_search(site: Site, state: str, target: Sequence[str]) -> Search:
    """A search for `target` that has come to `state`."""
    rng = site.rng
    step = add_step(target, rng, rng.choice((1, 2, 2, 3, 4, 6)))
    query = step.spans[1]
    box = {"typed": query, "results": query, "empty": query, "empty1": query.split()[0]}.get(state, "")
    if state == "plain" and rng.random() < 0.1:
        box = " ".join(rng.choice(site.goods[1:] or [target]))
    return Search(step, state, box)


def listing_head(site: Site, search: Search, count: int) -> Sheet:
    """A sheet with what stands above `count` goods."""
    rng = site.rng
    paths = f"/ | /shop | /goods | /all | /c/{words.fresh(rng)} | /search | /?q={search.first} | /list?page=2"
    sheet = Sheet(pick(rng, paths), pick(rng, f"{site.brand} | products | search | our goods | results"))
    said = rng.choice(
        ("results for", "search:", "found for", "search for", words.fresh(rng), "you looked for")
    )
    found = f"{said} {rng.choice(('{}', '“{}”', '“{}”')).format(search.box)}" if search.box else "our goods"
    if search.state in ("results", "empty", "empty1") and rng.random() < 0.6:
        sheet.title = found
        sheet.path = f"/{words.fresh(rng)}?q={search.box.replace(' ', '+')}"
    chrome(site, sheet, search.box)
    if rng.random() < 0.5:
        texts = f"""
            products | {found} | {count} products | welcome | today's picks | all we have |
            page 1 of {rng.randint(1, 5)}
        """
        sheet.add(pick(rng, texts))
    if rng.random() < 0.3:
        name = reworded(pick(rng, "sort by | order by | sorting | sort | arrange by | show first"), rng)
        ways = tuple(reworded(way, rng) for way in ("usual", "price", "name"))
        sheet.add(Item("sort", "select", name, ways[0], ways))
        if rng.random() < 0.6:
            pressed = pick(rng, "sort | apply | order them | arrange | change order | sort them")
            sheet.add(Item("sorted", "button", reworded(pressed, rng)))
    if rng.random() < 0.3:
        for _ in range(rng.randint(2, 5)):
            sheet.add(Item("kind", "link", words.either(rng, [*words.OPTIONS, *words.KINDS], 0.5)))
    return sheet


def pager(site: Site, sheet: Sheet) -> None:
    """The way to the next page, at times also to the one before."""
    rng = site.rng
    line: Line = [Item("next", pick(rng, "link | button"), site.labels["next"])]
    if rng.random() < 0.4:
        line.insert(0, Item("prev", "link", site.labels["prev"]))
    lines = [line] if rng.random() < 0.5 else apart(line)
    if rng.random() < 0.5:
        at = rng.randint(1, 4)
        lines.insert(rng.randint(0, len(lines)), [f"{words.fresh(rng)} {at} of {at + 1}"])
    sheet.lines += lines


def searched(site: Site, query: str) -> list[Done]:
    """The two actions that search for `query`."""
    went = ok(f"click {site.labels['go']}") if site.search_button else ok("press enter")
    return [ok(f"type {site.labels['find']} = {query}"), went]


def listing_cases(site: Site, sheet: Sheet, search: Search, present: str, more: bool) -> None:
    """What to do for the thing that is looked for; `present` is its tag on the page, or empty."""
    rng, step, state = site.rng, search.step, search.state
    query, first = search.query, search.first
    past = searched(site, search.box)
    if state in ("results", "empty", "typed") and rng.random() < 0.3:
        past = [ok(f"click {site.labels['home']}"), *past]
    find = sheet.number("find")
    ahead = ok(f"click {site.labels['next']}")
    if present:
        sheet.click(present, step, rng, *(past if state == "results" else []))
    elif state == "loading":
        sheet.ask(step, "wait", *rng.choice(([], [past[-1]], [Done("wait", "no effect")])))
    elif state == "typed":
        sheet.ask(step, f"click {sheet.number('go')}" if site.search_button else "press Enter", *past[:-1])
    elif state == "empty":
        sheet.ask(step, f"type {find} {first}" if first != query else "cannot not found", *past)
    elif state == "empty1":
        sheet.ask(step, "cannot not found", *past)
    elif site.has_search:
        came: tuple[list[Done], ...] = (
            [],
            [],
            [ok(f"click {site.labels['home']}")],
            [Done("wait", f"ok: {site.goods[-1][0]}")],
        )
        sheet.ask(step, f"type {find} {query}", *rng.choice(came))
    elif more:
        sheet.click("next", step, rng, *([ahead] if rng.random() < 0.4 else []))
    else:
        sheet.ask(step, "cannot not found", *([ahead] if rng.random() < 0.5 else []))


def fruitless_case(site: Site, sheet: Sheet, step: Step, more: bool) -> None:
    """Results for a query that do not hold it: one more page if there is one, else its first word alone."""
    query = step.spans[1]
    sheet.item("find").value = query
    past, first = searched(site, query), query.split()[0]
    if more:
        sheet.click("next", step, site.rng, *past)
    elif first != query:
        sheet.ask(step, f"type {sheet.number('find')} {first}", *past)
    else:
        sheet.ask(step, "cannot not found", *past)


VIEWS = """
    view | details | open | see it | look | show | to product | more about it | see details | take a look |
    look at it | read more
"""


def cards(site: Site, sheet: Sheet, names: Sequence[Sequence[str]]) -> None:
    """Product cards, as rows or as separate lines."""
    rng = site.rng
    style = pick(rng, "link | link | view | button | only | only")
    view = pick(rng, VIEWS)
    kind = pick(rng, "link | link | button")
    extra = rng.choice(("", "", "in stock", "new"))
    for name in names:
        title = " ".join(name)
        link = Item(title, "link", title)
        price = words.price(rng)
        if style == "view":
            row: Line = [link, price, Item("look", "link", view)]
        elif style == "only":
            row = [title, price, Item(title, kind, view)]
        elif style == "button":
            row = [link, price, Item("quick", "button", site.labels["add"])]
        else:
            row = [link, price]
        if extra and rng.random() < 0.6:
            row.append(extra)
        sheet.lines += [row] if site.rows or style == "only" else apart(row)


@dataclass(frozen=True)
class Offer:
    """A product's page in one state: what is wanted and shown, what its field holds, what it says on adding.

    `state` is fresh (another count), ready (the right one), added, wrong (another product), gone or loading.
    """

    target: Sequence[str]
    count: int
    state: str
    shown: str
    control: str
    value: str
    note: str


def product(rng: Random) -> Sheet:
    """Page of one product, in one of the states before and after adding it."""
    site = Site.draw(rng)
    count = rng.choice((1, 1, 2, 2, 3, 4, 5, 7, 10, 12))
    states = "fresh | fresh | ready | ready | ready | added | added | wrong | gone | loading"
    state = pick(rng, states)
    step = add_step(site.goods[0], rng, count)
    sheet, offer = product_head(site, count, state)
    if state == "loading":
        sheet.add(site.labels["loading"])
    else:
        offer_lines(site, sheet, offer)
    if rng.random() < 0.3:
        sheet.add(pick(rng, "you may also like | others bought | related"))
        cards(site, sheet, [name for name in site.goods[1:4] if " ".join(name) != offer.shown])
    footer(site, sheet)
    product_cases(site, sheet, offer, step)
    if state != "loading":
        elsewhere(site, sheet)
    return sheet


def product_head(site: Site, count: int, state: str) -> tuple[Sheet, Offer]:
    """A sheet with what stands above an offer, and the offer."""
    rng, target = site.rng, site.goods[0]
    wrong = site.goods[-1] if len(site.goods) > 1 else None
    shown = " ".join(target if state != "wrong" else wrong or words.product(rng))
    control = pick(rng, "textbox | number | number | select | number")
    if count > 10:
        control = "number"
    fresh = str(rng.choice([number for number in (1, 1, 1, 2, 3) if number != count] or [9]))
    other = rng.choice(("1", str(count)))
    value = {"fresh": fresh, "ready": str(count)}.get(state, other)
    paths = f"""
        /p/{rng.randint(1, 99)} | /product/{target[-1]} | /item?id={rng.randint(1, 500)} |
        /goods/{shown.replace(" ", "-")}
    """
    sheet = Sheet(pick(rng, paths), shown)
    chrome(site, sheet, None)
    note = rng.choice(labels.ADDED).format(c=site.cart, n=value, p=shown)
    if state == "added" and rng.random() < 0.5:
        sheet.add(note)
    sheet.add(shown)
    return sheet, Offer(target, count, state, shown, control, value, note)


def offer_lines(site: Site, sheet: Sheet, offer: Offer) -> None:
    """Price, remark, quantity and button of a product."""
    rng = site.rng
    block: list[Line] = [[words.price(rng)]]
    if rng.random() < 0.6:
        remarks = f"""
            in stock | {rng.randint(3, 90)} in stock | ready to ship | {" ".join(words.sentence(rng))} |
            a good thing to have | made to last | rated {rng.randint(1, 5)} of 5
        """
        block.append([pick(rng, remarks)])
    options = UP_TO_TEN if offer.control == "select" else ()
    quantity = Item("quantity", offer.control, site.labels["quantity"], offer.value, options)
    if offer.state == "gone":
        block.append([site.labels["gone"]])
        button = Item("add", "button", site.labels["add"], disabled=True)
        choices: tuple[list[Line], ...] = ([], [[button]], [[quantity], [button]])
        parts: list[Line] = rng.choice(choices)
    else:
        parts = [[quantity], [Item("add", pick(rng, "button | button | button | other"), site.labels["add"])]]
        if rng.random() < 0.2:
            parts.reverse()
    if rng.random() < 0.3:
        spare = "save for later | compare | add to wish list | share | ask a question | notify me"
        parts.append([Item("wish", "button", pick(rng, spare))])
    sheet.lines += block + parts


def product_cases(site: Site, sheet: Sheet, offer: Offer, step: Step) -> None:
    """Questions about a product's page: `step` asks for the thing that is wanted."""
    rng, state, count = site.rng, offer.state, offer.count
    opened = ok(f"click {' '.join(offer.target)}")
    before = rng.choice(([], [opened], [opened], [*searched(site, " ".join(offer.target)), opened]))
    filled = ok(f"type {site.labels['quantity']} = {count}")
    added = ok(f"click {site.labels['add']}", offer.note)
    verb = "select" if offer.control == "select" else "type"
    quantity = sheet.number("quantity")
    if state == "wrong":
        sheet.ask(step, "back")
    elif state == "loading":
        sheet.ask(step, "wait", *before)
    elif state == "gone":
        sheet.ask(step, "cannot out of stock", *before)
    elif state == "fresh":
        again = [filled] if rng.random() < 0.15 else []
        sheet.ask(step, f"{verb} {quantity} {count}", *before, *again)
    elif state == "ready":
        sheet.click("add", step, rng, *before, *([filled] if count > 1 or rng.random() < 0.3 else []))
    else:
        idle = [Done(f"click {site.labels['add']}", "no effect")] if rng.random() < 0.15 else []
        sheet.ask(step, "done", *before, *([filled] if count > 1 else []), *idle, added)
    if state in ("fresh", "ready", "added") and rng.random() < 0.6:
        other = rng.choice([number for number in range(1, 11) if str(number) != offer.value])
        sheet.ask(add_step(offer.target, rng, other), f"{verb} {quantity} {other}", opened)
    if state in ("ready", "added") and rng.random() < 0.5:
        sheet.click("add", add_step(offer.target, rng, int(offer.value)), rng, opened)
    if state != "loading" and sheet.number("find") and rng.random() < 0.25:
        typed_case(site, sheet)
    elif state in ("added", "ready", "fresh", "gone") and len(site.goods) > 2 and rng.random() < 0.7:
        stranger_case(site, sheet, offer.shown)


def typed_case(site: Site, sheet: Sheet) -> None:
    """Another thing stands in the search box already: look for it."""
    step = add_step(words.product(site.rng), site.rng)
    sheet.item("find").value = step.spans[1]
    button = f"click {sheet.number('go')}" if site.search_button else "press Enter"
    sheet.ask(step, button, searched(site, step.spans[1])[0])


def stranger_case(site: Site, sheet: Sheet, shown: str) -> None:
    """Another product is wanted than the one that this page shows."""
    rng = site.rng
    name = " ".join(site.goods[-2])
    step = add_step(site.goods[-2] if name != shown else words.product(rng), rng)
    related = sheet.number(name)
    if related and name != shown:
        sheet.ask(step, f"click {related}")
    elif sheet.number("find"):
        sheet.ask(step, f"type {sheet.number('find')} {step.spans[1]}")
    elif sheet.number("home"):
        sheet.click("home", step, rng)
