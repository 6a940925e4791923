"""From the checkout form through the last look to the order, and the list of orders."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape
from urllib.parse import quote

from .frame import Reply, Request, Shop, asleep, complaints, facts, late, missing, page, redirect, table
from .shop_pages import bag
from .store import Draft, EmptyBasket, OutOfStock


def details(shop: Shop, request: Request, wrong: tuple[str, ...] = ()) -> Reply:
    """The checkout form, filled with what it held before."""
    if not shop.store.basket(request.visit):
        return redirect("/bag")
    blank = Draft(
        delivery="" if shop.plan.layout.blank_delivery else shop.plan.deliveries[0],
        payment=shop.plan.payments[0],
    )
    draft = shop.store.draft(request.visit) or blank
    title = shop.plan.say("form_title")
    makers = {"name": _name, "delivery": _delivery, "date": _date, "gift": _gift, "payment": _payment}
    fields = "".join(makers[field](shop, draft) for field in shop.plan.layout.field_order)
    main = f"""<h1>{escape(title)}</h1>{complaints(shop, wrong)}
<form class="card" method="post" action="/details" novalidate>{fields}{_extras(shop, draft)}
{_tick(shop, "terms", "terms_label", draft.terms)}
<div class="actions"><button{asleep(shop, "review")}>{shop.say("review_button")}</button></div></form>"""
    return page(shop, request, title, main, status=422 if wrong else 200)


def _name(shop: Shop, draft: Draft) -> str:
    return f"""<div class="field"><label for="name">{shop.say("name_label")}</label>
<input id="name" type="text" name="name" value="{escape(draft.name)}" size="34" autocomplete="off"></div>"""


def _delivery(shop: Shop, draft: Draft) -> str:
    options = (
        f'<option value="">{shop.say("delivery_blank")}</option>' if shop.plan.layout.blank_delivery else ""
    )
    for text in shop.plan.deliveries:
        options += f"<option{' selected' if text == draft.delivery else ''}>{escape(text)}</option>"
    forgets = ' data-forgets="day"' if "field_resets" in shop.plan.flaws else ""
    return f"""<div class="field"><label for="delivery">{shop.say("delivery_label")}</label>
<select id="delivery" name="delivery"{forgets}>{options}</select></div>"""


def _date(shop: Shop, draft: Draft) -> str:
    earliest = shop.plan.today + timedelta(days=1)
    return f"""<div class="field"><label for="day">{shop.say("date_label")}</label>
<input id="day" type="date" name="day" value="{escape(draft.day)}" min="{earliest}"></div>"""


def _gift(shop: Shop, draft: Draft) -> str:
    return _tick(shop, "gift", "gift_label", draft.gift)


def _tick(shop: Shop, name: str, key: str, on: bool) -> str:
    return f"""<div class="field tick">
<input id="{name}" type="checkbox" name="{name}"{" checked" if on else ""}>
<label for="{name}">{shop.say(key)}</label></div>"""


def _payment(shop: Shop, draft: Draft) -> str:
    radios = "".join(
        f'<label><input type="radio" name="payment" value="{escape(text)}"'
        f"{' checked' if text == draft.payment else ''}>{escape(text)}</label>"
        for text in shop.plan.payments
    )
    return f"<fieldset><legend>{shop.say('payment_label')}</legend>{radios}</fieldset>"


def _extras(shop: Shop, draft: Draft) -> str:
    letter = _tick(shop, "letter", "letter_label", draft.letter) if "letter" in shop.plan.widgets else ""
    if "note" not in shop.plan.widgets:
        return letter
    return f"""<div class="field"><label for="note">{shop.say("note_label")}</label>
<input id="note" type="text" name="note" value="{escape(draft.note)}" size="44" autocomplete="off">
</div>{letter}"""


def take_details(shop: Shop, request: Request) -> Reply:
    """Keep what the form holds and go on to the last look, or say what is wrong with it."""
    form = request.form
    draft = Draft(
        name=" ".join(form.get("name", "").split())[:120],
        delivery=form.get("delivery", ""),
        day=form.get("day", ""),
        gift="gift" in form,
        payment=form.get("payment", ""),
        terms="terms" in form,
        letter="letter" in form,
        note=" ".join(form.get("note", "").split())[:300],
    )
    shop.store.save_draft(request.visit, draft)
    wrong = _wrong(shop, draft)
    return details(shop, request, wrong) if wrong else redirect("/check")


def _wrong(shop: Shop, draft: Draft) -> tuple[str, ...]:
    """What is wrong with `draft`, in the site's words; empty where it can be ordered."""
    faults = {
        "wrong_name": len(draft.name) < 2,
        "wrong_delivery": draft.delivery not in shop.plan.deliveries,
        "wrong_date": not _is_later(draft.day, shop.plan.today),
        "wrong_payment": draft.payment not in shop.plan.payments,
        "wrong_terms": not draft.terms,
    }
    return tuple(
        shop.plan.say(key, today=shop.plan.day(shop.plan.today)) for key, faulty in faults.items() if faulty
    )


def _is_later(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) > today
    except ValueError:
        return False


def check(shop: Shop, request: Request) -> Reply:
    """The last look before the button that cannot be undone."""
    basket = shop.store.basket(request.visit)
    draft = shop.store.draft(request.visit)
    if not basket:
        return redirect("/bag")
    if draft is None or _wrong(shop, draft):
        return redirect("/details")
    title = shop.plan.say("review_title")
    products = [(shop.plan.product(slug), quantity) for slug, quantity in basket.items()]
    goods = [(item.name, quantity, item.price) for item, quantity in products if item is not None]
    question = f' data-ask="{shop.say("final_question")}"' if "confirm_dialog" in shop.plan.flaws else ""
    main = f"""<h1>{escape(title)}</h1><p>{shop.say("review_line")}</p>{_goods(shop, goods)}
{facts(shop, _chosen(shop, draft, sum(quantity * price for _, quantity, price in goods)))}
<form method="post" action="/place"{question}><div class="actions">
<button{asleep(shop, "final")}>{shop.say("final_button")}</button>
<a href="/details">{shop.say("change_link")}</a></div></form>"""
    return page(shop, request, title, main)


def _goods(shop: Shop, goods: list[tuple[str, int, int]]) -> str:
    columns = ("column_product", "column_quantity", "column_each", "column_sum")
    rows = [
        (escape(name), str(quantity), shop.plan.money(price), shop.plan.money(quantity * price))
        for name, quantity, price in goods
    ]
    return table((shop.say(column) for column in columns), rows)


def _chosen(shop: Shop, draft: Draft, total: int) -> list[tuple[str, str]]:
    """What was chosen at the checkout, as label and value."""
    say = shop.plan.say
    rows = [
        (say("fact_name"), draft.name),
        (say("fact_delivery"), draft.delivery),
        (say("fact_date"), shop.plan.day(date.fromisoformat(draft.day))),
        (say("fact_gift"), say("yes" if draft.gift else "no")),
        (say("fact_payment"), draft.payment),
    ]
    if "letter" in shop.plan.widgets:
        rows.append((say("fact_letter"), say("yes" if draft.letter else "no")))
    if draft.note:
        rows.append((say("fact_note"), draft.note))
    return [*rows, (say("fact_total"), shop.plan.money(total))]


def place(shop: Shop, request: Request) -> Reply:
    """Place the order."""
    draft = shop.store.draft(request.visit)
    if draft is None or _wrong(shop, draft):
        return redirect("/details" if shop.store.basket(request.visit) else "/bag")
    try:
        number = shop.store.place(request.visit, draft)
    except EmptyBasket:
        return redirect("/bag")
    except OutOfStock as lacking:
        return bag(shop, request, (shop.plan.say("wrong_stock", product=lacking.name),))
    return redirect(f"/order/{quote(number)}?new=1")


def order(shop: Shop, request: Request, number: str) -> Reply:
    """An order of this visit with its number and every detail."""
    placed = next((item for item in shop.store.orders(request.visit) if item.number == number), None)
    if placed is None:
        return missing(shop, request)
    draft = Draft(
        name=placed.name,
        delivery=placed.delivery,
        day=placed.day.isoformat(),
        gift=placed.gift,
        payment=placed.payment,
        letter=placed.letter,
        note=placed.note,
    )
    title = (
        shop.plan.say("thanks_title")
        if "new" in request.query
        else f"{shop.plan.say('fact_number')}: {number}"
    )
    rows = [(shop.plan.say("fact_number"), number), *_chosen(shop, draft, placed.total)]
    goods = _goods(shop, [(line.name, line.quantity, line.price) for line in placed.lines])
    main = f"""<h1>{escape(title)}</h1>{late(shop, "order", facts(shop, rows) + goods)}
<p><a href="/shelf">{shop.say("shelf_back")}</a></p>"""
    return page(shop, request, title, main)


def orders(shop: Shop, request: Request) -> Reply:
    """The orders of this visit."""
    title = shop.plan.say("orders_title")
    placed = shop.store.orders(request.visit)
    columns = ("column_number", "column_name", "column_day", "fact_total")
    rows = [
        (
            f'<a href="/order/{quote(item.number)}">{escape(item.number)}</a>',
            escape(item.name),
            shop.plan.day(item.day),
            shop.plan.money(item.total),
        )
        for item in placed
    ]
    listing = (
        table((shop.say(column) for column in columns), rows)
        if rows
        else f"<p>{shop.say('orders_empty')}</p>"
    )
    return page(shop, request, title, f"<h1>{escape(title)}</h1>{listing}")
