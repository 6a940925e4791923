"""Generated pages of shops: lists of goods, one product, the cart."""

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
    cart_step,
    chrome,
    clickable,
    elsewhere,
    fill_steps,
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
        sheet.click("help", open_step(" ".join(rng.choice(site.people))), rng)
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
        came = ([], [], [ok(f"click {site.labels['home']}")], [Done("wait", f"ok: {site.goods[-1][0]}")])
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


def cart(rng: Random) -> Sheet:
    """The cart: rows with a quantity each."""
    site = Site.draw(rng)
    held = site.goods[: rng.randint(1, 4)]
    counts = [rng.choice((1, 1, 2, 2, 3, 4, 6, 10)) for _ in held]
    path = pick(rng, "/cart | /basket | /bag | /my-cart | /trolley | /c | /order")
    sheet = Sheet(path, pick(rng, f"your {site.cart} | {site.cart} | {site.cart} - {site.brand}"))
    chrome(site, sheet, None)
    if rng.random() < 0.3:
        sheet.add(rng.choice(labels.ADDED).format(c=site.cart, n=counts[0], p=" ".join(held[0])))
    heads = (
        f"your {site.cart} | {site.cart} | what is in your {site.cart} | {len(held)} items | selected goods"
    )
    sheet.add(pick(rng, heads))
    if rng.random() < 0.5:
        columns = ["item", "price", "quantity", words.fresh(rng), words.fresh(rng)]
        sheet.add(*rng.sample(columns, rng.randint(3, 5)))
    control = pick(rng, "number | number | textbox | select")
    fixed = rng.random() < 0.1
    row_update = rng.random() < 0.25
    if row_update:
        site.update_button = False
    if rng.random() < 0.08:
        sheet.add(site.labels["loading"])
        footer(site, sheet)
        for step in (Step("open cart"), cart_step("set", held[0], rng, 2)):
            sheet.ask(step, "wait", *rng.choice(([], [ok(f"click {site.cart}")])))
        return sheet
    for index, (name, count) in enumerate(zip(held, counts, strict=True)):
        row = cart_row(site, index, " ".join(name), count, control, fixed, row_update)
        sheet.lines += [row] if fixed or site.rows or rng.random() < 0.8 else apart(row)
    cart_tail(site, sheet)
    footer(site, sheet)
    cart_cases(site, sheet, held, counts, control, fixed)
    return sheet


def cart_row(
    site: Site, index: int, title: str, count: int, control: str, fixed: bool, row_update: bool
) -> Line:
    """One row of a cart: title, price, quantity (a text when `fixed`), buttons."""
    rng = site.rng
    label = site.labels["quantity"]
    options = UP_TO_TEN if control == "select" else ()
    many = " ".join([*title.split()[:-1], words.plural(title.split()[-1])])
    name = rng.choice((label, label, f"{label} {title}", f"{label} of {many}", f"{label} : {many}"))
    quantity = Item(f"q{index}", control, name, str(count), options)
    shown = rng.choice((title, Item("open", "link", title)))
    prices: Line = [words.price(rng)]
    counted: Line = [str(count) if fixed else quantity]
    if row_update:
        update = pick(rng, "update | save | update row | apply | change | set | save it | new count")
        counted.append(Item(f"u{index}", "button", update))
    if rng.random() < 0.5:
        prices.append(words.price(rng))
    middle = [*prices, *counted] if site.price_first else [*counted, *prices]
    return [shown, *middle, Item(f"r{index}", "button", site.labels["remove"])]


def cart_tail(site: Site, sheet: Sheet) -> None:
    """What stands below the rows of a cart: sum, checkout, update, voucher."""
    rng = site.rng
    if rng.random() < 0.6:
        sheet.add(pick(rng, "total | sum | subtotal"), words.price(rng))
    tail: list[Line] = [[Item("checkout", clickable(rng), site.labels["checkout"])]]
    if site.update_button:
        tail.append([Item("update", "button", site.labels["update"].replace("{c}", site.cart))])
    if rng.random() < 0.4:
        onward = pick(rng, "continue shopping | keep looking | back to the goods | more shopping")
        tail.append([Item("shop", "link", onward)])
    if rng.random() < 0.25:
        tail.append([Item("voucher", "textbox", pick(rng, "voucher | coupon code | discount code"), "")])
        tail.append([Item("redeem", "button", pick(rng, "redeem | apply code | use it"))])
    rng.shuffle(tail)
    sheet.lines += tail


def cart_cases(
    site: Site, sheet: Sheet, held: Sequence[Sequence[str]], counts: Sequence[int], control: str, fixed: bool
) -> None:
    """Questions about a cart page."""
    rng = site.rng
    opened = ok(f"click {site.cart}")
    at = rng.randrange(len(held))
    name, count = held[at], counts[at]
    other = rng.choice([number for number in range(1, 11) if number != count])
    sheet.ask(Step("open cart"), "done", *rng.choice(([], [opened], [opened])))
    added = ok(f"click {site.labels['add']}")
    sheet.ask(add_step(name, rng), "done", *rng.choice(([added], [ok(f"click {' '.join(name)}"), added])))
    if not fixed:
        verb = "select" if control == "select" else "type"
        step = cart_step("set", name, rng, other)
        sheet.ask(step, f"{verb} {sheet.number(f'q{at}')} {other}", *rng.choice(([], [opened])))
        counted_cases(site, sheet, at, cart_step("set", name, rng, count), verb)
        if rng.random() < 0.6:
            sheet.ask(cart_step("set", name, rng, count), "done")
    if rng.random() < 0.4:
        title = " ".join(name)
        sheet.click(f"r{at}", Step("remove", title, (title,)), rng)
    if rng.random() < 0.3:
        absent = " ".join(words.product(rng))
        removed = ok(f"click {site.labels['remove']}")
        sheet.ask(Step("remove", absent, (absent,)), "done", *rng.choice(([], [removed])))
        sheet.ask(cart_step("set", words.product(rng), rng, 2), "cannot not found")
    for step in rng.sample(fill_steps(rng), 2):
        sheet.click("checkout", step, rng)
    if sheet.number("find") and rng.random() < 0.3:
        typed_case(site, sheet)
    else:
        missing = add_step(words.product(rng), rng)
        if sheet.number("find"):
            sheet.ask(missing, f"type {sheet.number('find')} {missing.spans[1]}")
        elif sheet.number("shop") or sheet.number("home"):
            sheet.click("shop" if sheet.number("shop") else "home", missing, rng)
    elsewhere(site, sheet, "ticket")


def counted_cases(site: Site, sheet: Sheet, at: int, step: Step, verb: str) -> None:
    """The right count stands in row `at`: save it where the page has a button for that."""
    rng = site.rng
    typed = ok(f"{verb} {sheet.item(f'q{at}').name} = {step.spans[0]}")
    if sheet.number(f"u{at}"):
        tag, said = f"u{at}", "| saved"
    elif site.update_button:
        tag, said = "update", f"| {site.cart} updated | saved"
    else:
        sheet.ask(step, "done", typed)
        return
    sheet.click(tag, step, rng, typed)
    sheet.ask(step, "done", typed, ok(f"click {sheet.item(tag).name}", pick(rng, said)))
