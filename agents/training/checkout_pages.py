"""Generated pages of a checkout: the details form, the review, the placed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..acting.uses import has_control
from ..steps import Done, Step
from . import labels, words
from .sites import Item, Line, Sheet, Site, chrome, elsewhere, fill_step, fill_steps, footer, ok
from .words import pick

Block = list[Line]
"""Lines of a form that stay together."""


@dataclass(frozen=True)
class Wanted:
    """What a form is to hold; `extra` is empty where the form has none, `error` where it shows none."""

    name: str
    date: str
    choice: str
    extra: str
    error: str


def form(rng: Random) -> Sheet:
    """The details form of a checkout, empty or partly filled, with or without an error text."""
    site = Site.draw(rng)
    name, when = " ".join(words.person(rng)), words.day(rng)
    choice, extra = " ".join(words.option(rng)), " ".join(words.option(rng))
    path = pick(rng, "/checkout | /details | /order/details | /checkout/address | /buy | /pay")
    sheet = Sheet(path, pick(rng, f"checkout | your details | delivery | {site.brand}"))
    if rng.random() < 0.75:
        chrome(site, sheet, None)
    heads = "your details | checkout | delivery details | where should it go | nearly there | step 2 of 3"
    sheet.add(pick(rng, heads))
    state = pick(rng, "empty | part | part | full | full | error")
    filled = {
        key: state == "full" or (state != "empty" and rng.random() < 0.5)
        for key in ("name", "date", "choice", "extra", "terms")
    }
    blocks, has_extra = form_blocks(site, Wanted(name, when[0], choice, extra, ""), when, filled)
    error = form_error(site)
    if state == "error":
        sheet.add(error)
    for block in blocks:
        sheet.lines += block
    sheet.add(Item("submit", "button", site.labels["review" if site.has_review else "final"]))
    if rng.random() < 0.4:
        sheet.add(Item("cartback", "link", pick(rng, f"back to {site.cart} | cancel | back")))
    footer(site, sheet)
    error = error if state == "error" else ""
    form_cases(site, sheet, Wanted(name, when[0], choice, extra if has_extra else "", error), filled)
    return sheet


def form_blocks(
    site: Site, wanted: Wanted, when: tuple[str, int, int], filled: dict[str, bool]
) -> tuple[list[Block], bool]:
    """The fields of a form in some order, and whether one of them is for the extra option."""
    rng = site.rng
    choices = among(rng, wanted.choice, 4)
    extras = among(rng, wanted.extra, 3)
    suffix = option_suffix(rng)
    date_role = pick(rng, "date | date | date | textbox")
    shown_date = f"2027-{when[2]:02d}-{when[1]:02d}" if date_role == "date" else wanted.date
    blocks: list[Block] = [
        [[Item("name", "textbox", site.labels["name"], wanted.name if filled["name"] else "")]],
        [[Item("date", date_role, site.labels["date"], shown_date if filled["date"] else "")]],
        option_block(rng, "choice", site.labels["choice"], choices, wanted.choice, filled["choice"], suffix),
    ]
    kind = pick(rng, "none | pay | tick")
    if kind == "pay":
        label = site.labels["pay"]
        blocks.append(option_block(rng, "extra", label, extras, wanted.extra, filled["extra"], ""))
    elif kind == "tick":
        blocks.append([[Item("extra", "checkbox", loosely(wanted.extra, rng), on_off(filled["extra"]))]])
    terms = rng.random() < 0.5
    if terms:
        blocks.append([[Item("terms", "checkbox", site.labels["terms"], on_off(filled["terms"]))]])
    for label in rng.sample(labels.EXTRAS, rng.choice((0, 0, 1, 2))):
        blocks.append([[Item("spare", "textbox", label, "")]])
    if rng.random() < 0.2:
        blocks.append([[Item("news", "checkbox", rng.choice(labels.SUBSCRIBES), pick(rng, "on | off"))]])
    if rng.random() < 0.7:
        rng.shuffle(blocks)
    if terms and rng.random() < 0.6:
        blocks.sort(key=is_terms)
    return blocks, kind != "none"


def on_off(on: bool) -> str:
    """The value of a checkbox."""
    return "on" if on else "off"


def is_terms(block: Block) -> bool:
    """Whether this block is the checkbox of the terms."""
    first = block[0][0]
    return isinstance(first, Item) and first.tag == "terms"


def among(rng: Random, wanted: str, most: int) -> list[str]:
    """The wanted option somewhere among one to `most` others."""
    options = [" ".join(words.option(rng)) for _ in range(rng.randint(1, most))]
    options.insert(rng.randint(0, len(options)), wanted)
    return options


def option_suffix(rng: Random) -> str:
    """What a form prints behind each option: a price, a time, a name, mostly nothing."""
    suffixes = (
        ("", "", " (+£3)", " - 2 days", ", free", " (tomorrow)", " delivery", f" {words.fresh(rng)}"),
        (f" {words.fresh(rng)} {words.fresh(rng)}", f" by {words.fresh(rng)}", " within a week"),
        (f", {words.fresh(rng)}", f" at the {words.fresh(rng)}"),
    )
    return rng.choice([suffix for row in suffixes for suffix in row])


ERRORS = """
    please fill in {f} | {f} is missing | choose {f} | {f} is required | we need {f} |
    there is a problem with {f}
"""


def form_error(site: Site) -> str:
    """What a form says when it was refused."""
    rng = site.rng
    error = pick(rng, ERRORS)
    names = [site.labels[key] for key in ("date", "name", "choice")]
    return error.format(f=rng.choice([*names, f"the {site.labels['date']}"]))


def option_block(
    rng: Random, tag: str, label: str, options: Sequence[str], wanted: str, chosen: bool, suffix: str
) -> Block:
    """A choice as a select or as radio buttons; the wanted option's item is tagged `tag`."""
    others = [option for option in options if option != wanted]
    value = wanted if chosen or not others else rng.choice(others)
    if rng.random() < 0.5:
        shown = tuple(option + suffix for option in options)
        empty = rng.random() < 0.3
        first = value + suffix if chosen or not empty else "please choose"
        return [[Item(tag, "select", label, first, (("please choose",) if empty else ()) + shown)]]
    rows: list[Line] = [[label]] if rng.random() < 0.6 else []
    for option in options:
        on = option == value and (chosen or rng.random() < 0.8)
        name = tag if option == wanted else f"{tag}_other"
        rows.append([Item(name, "radio", option + suffix, on_off(on))])
    return [[part for row in rows for part in row]] if rng.random() < 0.2 else rows


LOOSE = """
    {} | {} | {} please | add {} | {} (+£2) | yes, {} | {} for free | please {} | i want {} | {} and more |
    add {} and a card
"""


def loosely(name: str, rng: Random) -> str:
    """A checkbox label that says the same in other words: order, endings and small words differ."""
    parts = [words.inflected(word, rng) if rng.random() < 0.4 else word for word in name.split()]
    if rng.random() < 0.4:
        parts.reverse()
    if len(parts) > 1 and rng.random() < 0.4:
        parts.insert(1, pick(rng, "as a | it as | with | and | it up in a | by | it in"))
    return pick(rng, LOOSE).format(" ".join(parts))


def form_cases(site: Site, sheet: Sheet, wanted: Wanted, filled: dict[str, bool]) -> None:
    """Questions about a form."""
    rng = site.rng
    field_cases(site, sheet, "name", wanted.name, filled["name"])
    field_cases(site, sheet, "date", wanted.date, filled["date"])
    choose_cases(site, sheet, "choice", wanted.choice)
    if wanted.extra:
        choose_cases(site, sheet, "extra", wanted.extra)
        extra = sheet.item("extra")
        if extra.role == "checkbox" and extra.value == "off":
            parts = wanted.extra.split()
            said = [words.inflected(word, rng) if rng.random() < 0.5 else word for word in parts]
            sheet.ask(Step("choose", " ".join(said)), f"click {sheet.number('extra')}")
    absent = Step("choose", " ".join(words.option(rng)))
    if rng.random() < 0.15 and not has_control(sheet.view(), absent):
        sheet.ask(absent, "cannot not found")
    submit_cases(site, sheet, filled["terms"], wanted.error)


def field_cases(site: Site, sheet: Sheet, key: str, value: str, filled: bool) -> None:
    """Questions about the field of the name or the date."""
    rng = site.rng
    step, number = fill_step(key, value), sheet.number(key)
    if not filled:
        came = [ok(f"click {site.labels['checkout']}")] if rng.random() < 0.3 else []
        sheet.ask(step, f"type {number} {value}", *came)
        return
    typed = ok(f"type {sheet.item(key).name} = {value}")
    sheet.ask(step, "done", *([typed] if key == "date" or rng.random() < 0.6 else []))
    if key == "name":
        other = " ".join(words.person(rng))
        sheet.ask(fill_step(key, other), f"type {number} {other}")
    elif rng.random() < 0.5:
        other = words.day(rng)[0]
        sheet.ask(fill_step(key, other), f"type {number} {other}")


def choose_cases(site: Site, sheet: Sheet, key: str, wanted: str) -> None:
    """Whether the wanted option is chosen, else how to choose it."""
    item, number = sheet.item(key), sheet.number(key)
    select = item.role == "select"
    step = Step("choose", wanted)
    label = next((option for option in item.options if option.startswith(wanted)), item.name)
    held = item.value == "on" or (select and (item.value or "").startswith(wanted))
    past = ok(f"select {item.name} = {label}" if select else f"click {item.name}")
    if held:
        sheet.ask(step, "done", *site.rng.choice(([], [past])))
    else:
        sheet.ask(step, f"select {number} {label}" if select else f"click {number}")


def submit_cases(site: Site, sheet: Sheet, agreed: bool, error: str) -> None:
    """Terms first, then the button; a refusal that the form states ends the step."""
    rng, review = site.rng, Step("review")
    terms = sheet.number("terms")
    looked = f"click {site.labels['review']}"
    if not site.has_review:
        sheet.ask(review, f"click {terms}" if terms and not agreed else "done")
        sheet.click("submit", Step("place"), rng)
    elif terms and not agreed:
        refused = [ok(looked, "please accept the terms")] if rng.random() < 0.2 else []
        sheet.ask(review, f"click {terms}", *refused)
    elif error:
        sheet.ask(review, "cannot refused", ok(looked, error))
        filled = ok(f"type {site.labels[rng.choice(('name', 'date'))]} = {words.fresh(rng)}")
        sheet.click("submit", review, rng, *rng.choice(([], [filled], [ok(looked, error), filled])))
    else:
        sheet.click("submit", review, rng, *([ok(f"click {site.labels['terms']}")] if terms else []))


REVIEW_HEADS = """
    review your order | please check your order | summary | is this right? | your order so far |
    nothing is ordered yet
"""


def review(rng: Random) -> Sheet:
    """The page that shows an order before it is placed."""
    site = Site.draw(rng)
    path = pick(rng, "/review | /checkout/review | /summary | /order/check | /confirm")
    sheet = Sheet(path, pick(rng, "review your order | summary | check your order | almost done"))
    if rng.random() < 0.75:
        chrome(site, sheet, None)
    sheet.add(pick(rng, REVIEW_HEADS))
    order_rows(site, sheet)
    if rng.random() < 0.5:
        edit = pick(rng, "edit | change details | go back | change | edit order | correct this")
        sheet.add(Item("edit", "link", edit))
    sheet.add(Item("final", "button", site.labels["final"]))
    if rng.random() < 0.3:
        sheet.add(Item("leave", "link", pick(rng, f"back to {site.cart} | cancel | keep shopping")))
    footer(site, sheet)
    went = ok(f"click {site.labels['review']}")
    sheet.ask(Step("review"), "done", *rng.choice(([went], [went], [])))
    sheet.click("final", Step("place"), rng, *([Done("dialog dismiss", "ok")] if rng.random() < 0.1 else []))
    step = rng.choice(fill_steps(rng)[:3])
    sheet.ask(step, f"click {sheet.number('edit')}" if sheet.number("edit") else "back")
    return sheet


def order_rows(site: Site, sheet: Sheet) -> None:
    """Rows of an order: items and details."""
    rng = site.rng
    rows: list[Line] = [item_row(rng, name) for name in site.goods[: rng.randint(1, 4)]]
    details: list[Line] = [
        [site.labels["name"], " ".join(words.person(rng))],
        [site.labels["date"], words.day(rng)[0]],
        [site.labels["choice"], " ".join(words.option(rng))],
        [" ".join(words.option(rng)), pick(rng, "yes | no")],
        [pick(rng, "total | to pay | sum"), words.price(rng)],
        [site.labels["pay"], " ".join(words.option(rng))],
    ]
    chosen = rng.sample(details, rng.randint(3, 6))
    sheet.lines += rows + chosen if rng.random() < 0.6 else chosen + rows


def item_row(rng: Random, name: Sequence[str]) -> Line:
    """Name, count and price of a thing that was ordered."""
    counts = f"{rng.randint(1, 9)} | x {rng.randint(1, 9)} | {rng.randint(1, 9)} pieces"
    return [" ".join(name), pick(rng, counts), words.price(rng)]


def placed(rng: Random) -> Sheet:
    """The order page with its number."""
    site = Site.draw(rng)
    number = words.reference(rng)
    paths = f"/thanks | /orders/{rng.randint(1, 999)} | /order/{number} | /done | /complete"
    sheet = Sheet(pick(rng, paths), pick(rng, f"thank you | your order | {site.brand}"))
    if rng.random() < 0.8:
        chrome(site, sheet, None)
    sheet.add(site.labels["thanks"])
    clicked = ok(f"click {site.labels['final']}")
    past = rng.choice(([clicked], [Done("dialog accept", "ok")], []))
    if rng.random() < 0.12:
        sheet.add(site.labels["loading"])
        footer(site, sheet)
        sheet.ask(Step("place"), "wait", *past)
        return sheet
    label, shown = site.labels["number"], rng.choice(("", "", "#", "no. ")) + number
    forms: tuple[Line, ...] = (
        [label, shown],
        [f"{label}: {shown}"],
        [f"{label} {shown}"],
        [f"your {label} is {number}."],
    )
    line = rng.choice(forms)
    at = len(sheet.lines)
    order_rows(site, sheet)
    sheet.lines.insert(rng.choice((at, at, rng.randint(at, len(sheet.lines)))), line)
    if rng.random() < 0.4:
        spare = pick(rng, "print | download receipt | track parcel | continue shopping")
        sheet.add(Item("print", "button", spare))
    footer(site, sheet)
    sheet.ask(Step("place"), f"done {number}", *past)
    if sheet.number("help"):
        elsewhere(site, sheet, "ticket")
    return sheet
