"""The catalogue, a product's page and the basket."""

from __future__ import annotations

from html import escape

from . import wording
from .frame import (
    Reply,
    Request,
    Shop,
    asleep,
    complaints,
    late,
    missing,
    page,
    pager,
    redirect,
    search_form,
    table,
)  # fmt: skip
from .pictures import picture
from .plan import Product


def shelf(shop: Shop, request: Request) -> Reply:
    """The home page and the catalogue: search, sorting, departments, several pages of articles."""
    query = {key: request.query[key] for key in ("q", "kind", "sort") if request.query.get(key)}
    products = _sorted(_found(shop, query.get("q", "")), query.get("sort", ""))
    products = [
        product for product in products if query.get("kind", product.department) == product.department
    ]
    size = shop.plan.layout.per_page
    pages = max(1, -(-len(products) // size))
    number = min(max(request.number("page"), 1), pages)
    shown = products[(number - 1) * size : number * size]
    goods = _goods(shop, shown) if shown else f"<p>{shop.say('nothing_found')}</p>"
    title = shop.plan.say("shelf_title")
    if query.get("q"):
        title = f"{shop.plan.say('found_title')} “{query['q']}”"
    heading = "h1" if request.path != "/" else "h2"
    search = "" if shop.plan.layout.search_everywhere else search_form(shop, query.get("q", ""))
    main = (
        (_hero(shop) if request.path == "/" else "")
        + search
        + f"<{heading}>{escape(title)}</{heading}>"
        + _departments(shop)
        + _sorter(shop, query)
        + late(shop, "shelf", goods + pager(shop, "/shelf", number, pages, query))
    )
    return page(shop, request, title, main)


def _hero(shop: Shop) -> str:
    window = "".join(picture(product.name) for product in shop.plan.products[-3:])
    return f"""<div class="hero"><div><h1>{shop.say("hero")}</h1><p>{shop.say("hero_line")}</p></div>
<div class="window">{window}</div></div>"""


def _departments(shop: Shop) -> str:
    if "departments" not in shop.plan.widgets:
        return ""
    kinds = sorted({product.department for product in shop.plan.products})
    links = "".join(
        f'<a href="/shelf?kind={escape(kind.replace(" ", "+"))}">{escape(kind)}</a> ' for kind in kinds
    )
    return f'<div class="departments"><a href="/shelf">{shop.say("department_all")}</a> {links}</div>'


def _sorter(shop: Shop, query: dict[str, str]) -> str:
    if "sorter" not in shop.plan.widgets:
        return ""
    chosen = query.get("sort", "")
    options = "".join(
        f'<option value="{value}"{" selected" if chosen == value else ""}>{shop.say(key)}</option>'
        for value, key in (("", "sort_usual"), ("price", "sort_cheap"), ("name", "sort_name"))
    )
    kept = "".join(
        f'<input type="hidden" name="{key}" value="{escape(query[key])}">'
        for key in ("q", "kind")
        if key in query
    )
    return f"""<form class="search" action="/shelf">{kept}<label for="sort">{shop.say("sorter_label")}</label>
<select id="sort" name="sort">{options}</select>
<button class="quiet">{shop.say("sorter_button")}</button></form>"""


def _goods(shop: Shop, products: list[Product]) -> str:
    if shop.plan.layout.shelf == "rows":
        headings = ("", shop.say("column_shelf"), shop.say("price_label"), "")
        rows = [
            (picture(item.name), _name(shop, item), shop.plan.money(item.price), _opener(shop, item))
            for item in products
        ]
        return table(headings, rows)
    cards = "".join(
        f'<li>{picture(item.name)}{_name(shop, item)}<span class="price">{shop.plan.money(item.price)}</span>'
        f"{_sold_out(shop, item)}{_opener(shop, item)}</li>"
        for item in products
    )
    return f'<ul class="shelf">{cards}</ul>'


def _name(shop: Shop, product: Product) -> str:
    if shop.plan.layout.opener == "name":
        return f'<a class="name" href="/thing/{product.slug}">{escape(product.name)}</a>'
    return f'<span class="name">{escape(product.name)}</span>'


def _opener(shop: Shop, product: Product) -> str:
    if shop.plan.layout.opener == "name":
        return ""
    return f'<a href="/thing/{product.slug}">{shop.say("open_product")}</a>'


def _sold_out(shop: Shop, product: Product) -> str:
    if shop.store.remaining(product.slug):
        return ""
    return f'<span class="muted">{shop.say("stock_none")}</span>'


def _stem(word: str) -> str:
    """`word` without a plural ending, so that "mugs" finds a mug."""
    word = word.lower()
    if word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _found(shop: Shop, query: str) -> list[Product]:
    """Articles that answer `query`, the best first."""
    stems = [_stem(word) for word in query.split()]
    if not stems:
        return list(shop.plan.products)
    needed = len(stems) if shop.plan.layout.search_mode == "all" else 1

    def hits(product: Product) -> int:
        words = product.name.lower().split()
        return sum(any(word.startswith(stem) for word in words) for stem in stems)

    found = [product for product in shop.plan.products if hits(product) >= needed]
    return sorted(found, key=hits, reverse=True)


def _sorted(products: list[Product], order: str) -> list[Product]:
    if order == "price":
        return sorted(products, key=lambda product: product.price)
    return sorted(products, key=lambda product: product.name) if order == "name" else products


def thing(shop: Shop, request: Request, slug: str, wrong: tuple[str, ...] = ()) -> Reply:
    """A product's page with its quantity field and the button that adds it."""
    product = shop.plan.product(slug)
    if product is None:
        return missing(shop, request)
    buy = late(shop, "product", _buy(shop, product, request.form.get("quantity", "1")))
    main = f"""{complaints(shop, wrong)}<div class="product">{picture(product.name)}
<div class="card"><h1>{escape(product.name)}</h1>
<p class="price">{shop.say("price_label")}: {shop.plan.money(product.price)}</p>
<p>{escape(product.blurb)}</p>
{buy}</div></div>{_related(shop, product)}"""
    return page(shop, request, product.name, main, status=422 if wrong else 200)


def _buy(shop: Shop, product: Product, quantity: str) -> str:
    left = shop.store.remaining(product.slug)
    if not left:
        return f"""<p class="muted">{shop.say("stock_label")}: {shop.say("stock_none")}</p>
<button disabled>{shop.say("add_button")}</button>"""
    kind = shop.plan.layout.quantity_field
    bounds = f' min="1" max="{left}"' if kind == "number" else ""
    return f"""<p class="muted">{shop.say("stock_label")}: {shop.say("stock_some", left=left)}</p>
<form method="post" action="/bag/add" novalidate><input type="hidden" name="product" value="{product.slug}">
<div class="field"><label for="quantity">{shop.say("quantity_label")}</label>
<input id="quantity" name="quantity" type="{kind}" value="{escape(quantity)}"{bounds} autocomplete="off">
</div>
<button{asleep(shop, "add")}>{shop.say("add_button")}</button></form>"""


def _related(shop: Shop, product: Product) -> str:
    if "related" not in shop.plan.widgets:
        return ""
    others = [
        item for item in shop.plan.products if item.department == product.department and item != product
    ]
    links = "".join(f'<li><a href="/thing/{item.slug}">{escape(item.name)}</a></li>' for item in others[:3])
    return f"<h2>{shop.say('related_title')}</h2><ul>{links}</ul>" if links else ""


def add(shop: Shop, request: Request) -> Reply:
    """Put an article in the basket."""
    product = shop.plan.product(request.form.get("product", ""))
    if product is None:
        return missing(shop, request)
    left = shop.store.remaining(product.slug)
    quantity = _whole(request.form.get("quantity", ""))
    if quantity is None or not 1 <= quantity <= left:
        return thing(shop, request, product.slug, (shop.plan.say("wrong_quantity", left=left),))
    shop.store.add(request.visit, product.slug, quantity)
    shop.store.leave_notice(request.visit, shop.plan.say("added"))
    return redirect("/bag" if shop.plan.layout.after_add == "bag" else f"/thing/{product.slug}")


def _whole(text: str) -> int | None:
    """`text` as a number of pieces, or None where it is not one."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None


def bag(shop: Shop, request: Request, wrong: tuple[str, ...] = ()) -> Reply:
    """The basket: a row for each article, to change or take out, and the way to the checkout."""
    basket = shop.store.basket(request.visit)
    title = shop.plan.say("bag_title")
    if not basket:
        main = f"""<h1>{escape(title)}</h1><p>{shop.say("bag_empty")}</p>
<p><a href="/shelf">{shop.say("shelf_back")}</a></p>"""
        return page(shop, request, title, main)
    main = f"""{complaints(shop, wrong)}<h1>{escape(title)}</h1>
{late(shop, "bag", _bag_table(shop, basket))}{_voucher(shop)}
<div class="actions"><a class="button" href="/details">{shop.say("checkout_link")}</a>
<a href="/shelf">{shop.say("shelf_back")}</a></div>"""
    return page(shop, request, title, main, status=422 if wrong else 200)


def _bag_table(shop: Shop, basket: dict[str, int]) -> str:
    by_row, kind = shop.plan.layout.update == "row", shop.plan.layout.quantity_field
    dead = asleep(shop, "update")
    columns = ("column_product", "column_quantity", "column_each", "column_sum", "column_remove")
    rows: list[tuple[str, ...]] = []
    total = 0
    for slug, quantity in basket.items():
        product = shop.plan.product(slug)
        if product is None:
            continue
        total += quantity * product.price
        form = f"change-{slug}" if by_row else "change"
        label = shop.say("bag_quantity", product=wording.plural(product.name).lower())
        field = f"""<input form="{form}" type="{kind}" name="{slug}" value="{quantity}"
aria-label="{label}" autocomplete="off">"""
        if by_row:
            field += f' <button class="quiet" form="{form}"{dead}>{shop.say("update_row")}</button>'
        remove = f"""<button class="quiet" form="remove" name="{slug}" value="0">
{shop.say("remove_button")}</button>"""
        name = f'<a href="/thing/{slug}">{escape(product.name)}</a>'
        rows.append(
            (name, field, shop.plan.money(product.price), shop.plan.money(quantity * product.price), remove)
        )
    forms = [f"change-{slug}" for slug in basket] if by_row else ["change"]
    hidden = "".join(
        f'<form id="{form}" method="post" action="/bag" novalidate></form>' for form in (*forms, "remove")
    )
    button = f'<button class="quiet" form="change"{dead}>{shop.say("update_button")}</button>'
    return f"""{table((shop.say(column) for column in columns), rows)}{hidden}
<p class="price"><b>{shop.say("bag_total")}: {shop.plan.money(total)}</b></p>{"" if by_row else button}"""


def _voucher(shop: Shop) -> str:
    if "voucher" not in shop.plan.widgets:
        return ""
    return f"""<form class="search" method="post" action="/bag/voucher">
<label for="voucher">{shop.say("voucher_label")}</label><input id="voucher" type="text" name="code">
<button class="quiet">{shop.say("voucher_button")}</button></form>"""


def change_bag(shop: Shop, request: Request) -> Reply:
    """Take new quantities for the basket; a bad one changes nothing."""
    basket = shop.store.basket(request.visit)
    wanted: dict[str, int] = {}
    wrong: list[str] = []
    for slug in basket:
        if slug not in request.form:
            continue
        left = shop.store.remaining(slug)
        quantity = _whole(request.form[slug])
        if quantity is None or quantity > left:
            wrong.append(shop.plan.say("wrong_quantity", left=left))
        else:
            wanted[slug] = quantity
    if wrong:
        return bag(shop, request, tuple(wrong))
    shop.store.set_quantities(request.visit, wanted)
    shop.store.leave_notice(request.visit, shop.plan.say("updated"))
    return redirect("/bag")


def voucher(shop: Shop, request: Request) -> Reply:
    """Refuse a voucher: this shop gives none away."""
    return bag(shop, request, (shop.plan.say("voucher_unknown"),))
