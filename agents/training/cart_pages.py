"""Generated pages of a cart: rows that can be counted anew or taken out, and the way on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..steps import Step
from . import labels, words
from .shop_pages import UP_TO_TEN, typed_case
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
)
from .words import pick


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
        saved = ok(typed.action, pick(rng, f"total | sum | {words.price(rng)} | {site.cart} updated | saved"))
        sheet.ask(step, "done", saved)
        return
    sheet.click(tag, step, rng, typed)
    sheet.ask(step, "done", typed, ok(f"click {sheet.item(tag).name}", pick(rng, said)))
