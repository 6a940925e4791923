"""Generated pages of shops and help desks, as the very views that the browser would print, with right answers.

A `Site` fixes wording and layout; each page function draws one page in one state and returns a `Sheet`: the
view, and cases (history, step, right answer) that all belong to this state of this page. Several cases on one
page cost its tokens once. Flaws that real sites have are part of the states: a click without effect, content
that loads late, a lost quantity, an item out of stock, dialogs, error texts, a page that is the wrong one.

Does not cover: real HTML. The wording shares no full label, product or sentence with `examples/site`
(a test holds the two against each other).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from ...tools.browser.view import Dialog, Element, View
from ..roles import Done, Step
from . import words

CARTS = ("cart", "basket", "bag", "trolley", "shopping cart", "shopping bag", "order list", "shopping list")
HOMES = ("home", "shop", "store", "all goods", "products", "catalogue", "collection", "browse", "start", "everything", "our range")
HELPS = ("help", "support", "help desk", "tickets", "inbox", "messages", "customer care", "requests", "service desk", "cases", "mailbox",
         "support tickets", "questions", "customer inbox", "desk", "the help desk", "customer desk")  # fmt: skip
OTHERS = ("about", "contact", "account", "sign in", "terms", "privacy", "blog", "sale", "new in", "gift ideas", "wish list", "faq",
          "shipping", "returns", "careers", "stores", "stories", "newsletter", "deutsch", "my orders", "orders", "profile")  # fmt: skip
FINDS = ("search", "find", "search products", "search for", "look for", "find a product", "what are you looking for", "search goods", "keyword")
GOS = ("search", "go", "find", "search now", "look", "ok", "show", "find it")
NEXTS = ("next", "next page", "more", "older", "show more", "more results", "page 2", "forward", "further", "load more", "continue to page 2", "on to more", "further on", "ahead", "the next page", "later ones", "next ones", "onward", "and more")
PREVS = ("previous", "back", "previous page", "newer", "page 1", "earlier")
ADDS = ("add to {c}", "add to {c}", "put in {c}", "place in {c}", "add this to the {c}", "add", "buy", "buy this", "drop in {c}",
        "into the {c}", "add item", "add to my {c}", "i want this", "take it", "move to {c}", "put into my {c}", "let me have it", "throw it in my {c}", "it goes in the {c}", "in the {c} please", "put this in the {c}")  # fmt: skip
UPDATES = ("update", "update {c}", "save changes", "recalculate", "refresh {c}", "apply", "save {c}")
REMOVES = ("remove", "delete", "drop", "take out", "x", "discard", "remove item")
CHECKOUTS = ("checkout", "check out", "go to checkout", "proceed to checkout", "start checkout", "to the till", "buy these", "continue to checkout",
             "order these", "next: your details", "enter your details", "to checkout", "continue to delivery", "proceed to payment",
             "delivery and payment details", "on to checkout", "go and pay", "checkout form", "delivery details")  # fmt: skip
REVIEWS = ("continue", "review order", "next", "continue to review", "check order", "next step", "preview order", "go on", "to the summary",
           "see summary", "proceed", "continue to summary", "review", "look it over", "save and continue", "one more look", "show my order", "to the last step", "last check", "check the order first", "show summary", "look at the order")  # fmt: skip
FINALS = ("place this order", "yes, order", "send it off", "order for good", "send this order", "place order", "confirm order", "buy now", "pay now", "send order", "complete purchase", "order now", "submit order", "finish order",
          "confirm and pay", "place my order", "yes, order this", "confirm purchase", "order and pay", "make the order")  # fmt: skip
QUANTITIES = ("quantity", "qty", "amount", "number", "how many", "pieces", "units", "count", "quantity wanted", "number of items")
NAMES = ("name", "full name", "your name", "customer name", "recipient", "customer", "name of recipient", "who is it for", "buyer", "first and last name",
         "contact name", "ordered by", "delivered to", "person", "ship to", "full name of buyer", "parcel to", "name on the parcel", "recipient's name", "full name, please")  # fmt: skip
DATES = ("date", "delivery date", "delivery day", "day", "when", "preferred date", "arrival date", "deliver on", "day of delivery", "arrives on",
         "wanted by", "ship date", "day wanted")  # fmt: skip
CHOICES = ("delivery", "shipping", "shipping method", "service", "method", "delivery option", "speed", "how to send it", "type of delivery", "carrier",
           "shipping speed", "choose a service", "way of delivery", "delivery speed", "how fast", "which shipping")  # fmt: skip
PAYS = ("payment", "way to pay", "how do you pay", "pay by", "how to pay", "payment method", "paid with", "pay with")
EXTRAS = ("email", "phone", "voucher code", "address", "company", "comment", "floor", "postcode", "city", "coupon", "message to us")
TERMS = ("the terms are fine", "i have read the conditions", "i agree", "agree to the shop terms", "i agree to the terms", "accept terms", "i accept the conditions", "terms and conditions", "i have read the terms", "agree to terms of sale",
         "yes to the terms", "i accept the terms of sale")  # fmt: skip
SUBSCRIBES = ("send me news", "newsletter", "remember me", "save my data", "tell me about offers", "keep me posted")
REPLIES = ("reply", "your reply", "answer", "message", "write a reply", "your answer", "response", "text", "your message", "note to customer",
           "write back", "comment")  # fmt: skip
SENDS = ("send it", "send this", "send off", "send to customer", "post it", "send", "send reply", "send answer", "post reply", "submit", "send message", "reply", "post", "deliver reply")
CLOSES = ("ticket done", "it is done, close", "mark as closed", "close this one", "close now", "close ticket", "close", "resolve", "mark as solved", "mark resolved", "close case", "close request", "set to closed", "solve ticket", "finish case")
BOTHS = ("reply and close", "send and close", "answer and close", "send & resolve", "post and close", "reply & close ticket", "send and solve",
         "close with reply", "submit and close", "answer it and close", "send answer, then close", "reply, then close it", "answer the customer and close")
OPENS = ("send only", "reply, stay open", "send and keep open", "answer, leave it open", "reply only", "send without closing", "keep it open", "post, do not close")  # fmt: skip
CLOSED = ("closed", "now closed", "closed and done", "is closed", "closed by us", "resolved", "solved", "done", "closed today", "finished")
OPEN = ("open", "still waiting", "open, not answered", "is open", "to be answered", "new", "waiting", "pending", "in progress", "unanswered", "active")
LOADING = ("loading…", "loading", "please wait", "one moment", "fetching…", "just a second", "loading, please wait", "getting things ready", "hold on", "still loading", "fetching this part", "one moment, fetching", "still working on it")
EMPTY = ("no results", "nothing found", "0 results", "no matches", "we found nothing", "sorry, no products match", "no products found", "nothing matched")
GONE = ("out of stock", "sold out", "currently unavailable", "not available", "no stock left", "unavailable", "back soon", "none left")
THANKS = ("thank you", "order received", "thank you for your order", "order complete", "your order is in", "success", "all done", "order confirmed",
          "we have your order", "order placed", "thanks, it is ordered")  # fmt: skip
NUMBERS = ("order number", "your order", "reference", "order", "order no", "order id", "number", "confirmation", "confirmation number", "order ref")
ADDED = ("added to {c}", "added", "{n} x {p} added", "{p} is in your {c}", "item added", "{p} added to {c}", "1 item in {c}", "now in your {c}", "{n} added",
         "we put {n} {p} in the {c}")  # fmt: skip


@dataclass
class Site:
    """Wording and layout of one generated site."""

    rng: Random
    cart: str
    labels: dict[str, str]
    goods: list[list[str]]
    people: list[list[str]]
    nav: list[tuple[str, str]]
    has_search: bool
    search_button: bool
    rows: bool
    brand: str
    has_review: bool
    update_button: bool
    combined_close: bool
    late: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @staticmethod
    def draw(rng: Random) -> Site:
        """A new site."""
        cart = rng.choice(CARTS)
        lists = {
            "home": HOMES, "help": HELPS, "find": FINDS, "go": GOS, "next": NEXTS, "prev": PREVS, "add": ADDS, "update": UPDATES,
            "remove": REMOVES, "checkout": CHECKOUTS, "review": REVIEWS, "final": FINALS, "quantity": QUANTITIES, "name": NAMES,
            "date": DATES, "choice": CHOICES, "pay": PAYS, "terms": TERMS, "reply": REPLIES, "send": SENDS, "close": CLOSES, "both": BOTHS,
            "closed": CLOSED, "open": OPEN, "loading": LOADING, "empty": EMPTY, "gone": GONE, "thanks": THANKS, "number": NUMBERS,
        }  # fmt: skip
        labels = {key: rng.choice(options).replace("{c}", cart) for key, options in lists.items()}
        nav = [("cart", rng.choice((cart, f"your {cart}", f"{cart} ( 0 )", f"my {cart}", f"view {cart}", f"{cart} 2", f"open {cart}", f"see {cart}")))]
        nav.append(("home", labels["home"]))
        if rng.random() < 0.8:
            nav.append(("help", labels["help"]))
        nav += [("other", label) for label in rng.sample(OTHERS, rng.randint(0, 5))]
        rng.shuffle(nav)
        return Site(
            rng=rng, cart=cart, labels=labels, goods=goods(rng), people=[words.person(rng) for _ in range(rng.randint(2, 7))],
            nav=nav, has_search=rng.random() < 0.7, search_button=rng.random() < 0.75, rows=rng.random() < 0.6,
            brand=f"{words.fresh(rng)} {rng.choice(('', 'store', 'shop', 'and co', words.fresh(rng)))}".strip(),
            has_review=rng.random() < 0.75, update_button=rng.random() < 0.6, combined_close=rng.random() < 0.5,
        )  # fmt: skip


def goods(rng: Random) -> list[list[str]]:
    """Distinct products of one shop, some of them near-duplicates that share a word."""
    found: list[list[str]] = []
    while len(found) < rng.randint(4, 12):
        name = words.product(rng)
        found.append(name)
        while rng.random() < 0.45 and len(name) > 1:
            twin = list(name)
            at = rng.randrange(len(twin))
            twin[at] = words.either(rng, words.THINGS if at == len(twin) - 1 else words.COLOURS + words.KINDS, 0.4)
            found.append(twin)
    unique = {" ".join(name): name for name in found}
    return list(unique.values())[:16]


def asked(name: Sequence[str], count: int, rng: Random) -> str:
    """How a person names a product: plural for several, now and then another order or joining."""
    said = list(name)
    if count > 1 or rng.random() < 0.1:
        said[-1] = words.plural(said[-1])
    return " ".join(said)


@dataclass
class Item:
    """An element before it has its number."""

    tag: str
    role: str
    name: str = ""
    value: str | None = None
    options: tuple[str, ...] = ()
    disabled: bool = False


@dataclass
class Case:
    """A question about a page, with the right answer."""

    history: list[Done]
    step: Step
    answer: str


@dataclass
class Sheet:
    """A page in the making: lines of text and items, then a view."""

    path: str
    title: str
    lines: list[list[str | Item]] = field(default_factory=list[list["str | Item"]])
    dialog: Dialog | None = None
    cases: list[Case] = field(default_factory=list[Case])

    def add(self, *parts: str | Item) -> None:
        self.lines.append(list(parts))

    def view(self) -> View:
        """The view; items are numbered in reading order."""
        number = 0
        lines: list[tuple[str | Element, ...]] = []
        for line in self.lines:
            row: list[str | Element] = []
            for part in line:
                if isinstance(part, str):
                    row.append(part)
                else:
                    number += 1
                    row.append(Element(number, part.role, part.name, part.value, part.options, part.disabled))
            lines.append(tuple(row))
        return View("", self.path, self.title, tuple(lines), self.dialog)

    def number(self, tag: str) -> int:
        """The number that the item called `tag` has in the view; 0 when it is not there."""
        items = [part for line in self.lines for part in line if isinstance(part, Item)]
        return next((index for index, item in enumerate(items, 1) if item.tag == tag), 0)

    def item(self, tag: str) -> Item:
        """The item called `tag`."""
        return next(part for line in self.lines for part in line if isinstance(part, Item) and part.tag == tag)

    def ask(self, step: Step, answer: str, *history: Done) -> None:
        """Add a case."""
        self.cases.append(Case(list(history), step, answer))

    def click(self, tag: str, step: Step, rng: Random, *history: Done) -> None:
        """Add a case whose answer is a click on `tag`, at times after clicks that had no effect."""
        number = self.number(tag)
        past = [*history]
        answer = f"click {number}"
        if rng.random() < 0.2:
            idle = Done(f"click {self.item(tag).name}", "no effect")
            waited = Done("wait", "no effect")
            past, answer = rng.choice((
                ([*past, idle], answer), ([*past, idle], answer), ([*past, idle, idle], "wait"),
                ([*past, idle, idle, waited], answer), ([*past, idle, idle, idle], "cannot nothing happens"),
            ))  # fmt: skip
        self.ask(step, answer, *past)


def ok(action: str, text: str = "") -> Done:
    """An action that worked, with the first text that appeared."""
    return Done(action, f"ok: {text}" if text else "ok")


def role(rng: Random) -> str:
    """How a site builds a thing to click."""
    return rng.choice(("button", "button", "button", "link", "other"))


def chrome(site: Site, sheet: Sheet, search: str | None = "") -> None:
    """Header: brand, navigation, search box (with `search` in it)."""
    rng = site.rng
    parts: list[list[str | Item]] = []
    if rng.random() < 0.12:
        parts += [[rng.choice(("we use cookies", "this shop uses cookies", "we value your privacy"))], [Item("cookie", "button", rng.choice(("accept", "got it", "fine", "okay", "accept all")))]]
    if rng.random() < 0.6:
        parts.append([site.brand] if rng.random() < 0.5 else [Item("home2", "link", site.brand)])
    site.late = [pair for pair in site.nav if rng.random() < 0.15] if rng.random() < 0.3 else []
    nav: list[str | Item] = [Item(tag, "link", label) for tag, label in site.nav if (tag, label) not in site.late]
    parts += [nav] if nav and rng.random() < 0.4 else [[item] for item in nav]
    if site.has_search and search is not None:
        box: list[list[str | Item]] = [[Item("find", "textbox", site.labels["find"], search)]]
        if site.search_button:
            box.append([Item("go", "button", site.labels["go"])])
        at = rng.randint(0, len(parts))
        parts[at:at] = box
    sheet.lines += parts


def footer(site: Site, sheet: Sheet) -> None:
    """What stands below most pages."""
    rng = site.rng
    sheet.lines += [[Item(tag, "link", label)] for tag, label in site.late]
    site.late = []
    if rng.random() < 0.35:
        sheet.add(rng.choice((f"{site.brand} {rng.randint(1990, 2027)}", "free returns within 30 days", f"call {rng.randint(100, 999)} {rng.randint(1000, 9999)}",
                              "made with care", "all prices include tax", " ".join(words.sentence(rng)))))  # fmt: skip
    if rng.random() < 0.3:
        sheet.add(Item("foot", "link", rng.choice(OTHERS)))


def add_step(name: Sequence[str], rng: Random, count: int = 0) -> Step:
    """`add 2 x green mugs`."""
    many = count or rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 20))
    text = asked(name, many, rng)
    return Step("add", f"{many} x {text}", (str(many), text))


def cart_step(verb: str, name: Sequence[str], rng: Random, count: int) -> Step:
    """`set 2 x green mugs`."""
    text = asked(name, count, rng)
    return Step(verb, f"{count} x {text}", (str(count), text))


def fill_steps(rng: Random) -> list[Step]:
    """Some steps of the details stage."""
    name, when, choice = " ".join(words.person(rng)), words.day(rng)[0], " ".join(words.option(rng))
    return [Step("fill", f"name : {name}", (name,)), Step("fill", f"date : {when}", (when,)), Step("choose", choice), Step("review")]


def elsewhere(site: Site, sheet: Sheet, kinds: str = "cart details ticket") -> None:
    """Cases of steps that belong to another page: go there."""
    rng = site.rng
    options: list[tuple[str, Step]] = []
    if "cart" in kinds:
        options.append(("cart", Step("open cart")))
        options.append(("cart", cart_step("set", rng.choice(site.goods), rng, rng.randint(1, 9))))
    if "details" in kinds:
        options += [("cart", step) for step in fill_steps(rng)]
    if "ticket" in kinds and sheet.number("help"):
        person = " ".join(rng.choice(site.people))
        options.append(("help", Step("open ticket", f"of {person}", (person,))))
        options.append(options[-1])
    for tag, step in rng.sample(options, min(len(options), rng.choice((0, 1, 1, 2)))):
        if sheet.number(tag):
            sheet.click(tag, step, rng)


def listing(rng: Random) -> Sheet:
    """Home, category or result page with some of the goods."""
    site = Site.draw(rng)
    state = rng.choice(("plain", "plain", "plain", "typed", "results", "results", "empty", "empty1", "loading"))
    if not site.has_search and state in ("typed", "results", "empty", "empty1"):
        state = "plain"
    everything = site.goods
    rng.shuffle(everything)
    target, shown = everything[0], everything[1 : rng.randint(2, 12)]
    count = rng.choice((1, 2, 2, 3, 4, 6))
    step = add_step(target, rng, count)
    query = step.spans[1]
    first = query.split()[0]
    box = {"typed": query, "results": query, "empty": query, "empty1": first}.get(state, "")
    if state == "plain" and rng.random() < 0.1:
        box = " ".join(rng.choice(everything[1:] or [target]))
    sheet = Sheet(rng.choice(("/", "/shop", "/goods", "/all", f"/c/{words.fresh(rng)}", "/search", f"/?q={first}", "/list?page=2")),
                  rng.choice((site.brand, "products", "search", "our goods", "results")))  # fmt: skip
    chrome(site, sheet, box)
    if rng.random() < 0.5:
        sheet.add(rng.choice(("products", f"results for {box}" if box else "our goods", f"{len(shown)} products", "welcome", "today's picks", "all we have",
                              f"page 1 of {rng.randint(1, 5)}")))  # fmt: skip
    if rng.random() < 0.2:
        sheet.add(Item("sort", "select", rng.choice(("sort by", "order by", "sorting")), "usual", ("usual", "price", "name")))
        if rng.random() < 0.5:
            sheet.add(Item("sorted", "button", rng.choice(("sort", "apply"))))
    if rng.random() < 0.3:
        sheet.lines += [[Item("kind", "link", words.either(rng, words.OPTIONS + words.KINDS, 0.5))] for _ in range(rng.randint(2, 5))]
    present = state == "plain" and rng.random() < 0.6 or state == "results"
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
        pager: list[str | Item] = [Item("next", rng.choice(("link", "button")), site.labels["next"])]
        if rng.random() < 0.4:
            pager.insert(0, Item("prev", "link", site.labels["prev"]))
        sheet.lines += [pager] if rng.random() < 0.5 else [[part] for part in pager]
    footer(site, sheet)
    typed = ok(f"type {site.labels['find']} = {box}")
    went = ok(f"click {site.labels['go']}") if site.search_button else ok("press enter")
    submit = f"click {sheet.number('go')}" if site.search_button else "press Enter"
    if present:
        sheet.click(" ".join(target), step, rng, *([typed, went] if state == "results" else []))
    elif state == "loading":
        sheet.ask(step, "wait", *rng.choice(([], [went], [Done("wait", "no effect")])))
    elif state == "typed":
        sheet.ask(step, submit, typed)
    elif state == "empty":
        sheet.ask(step, f"type {sheet.number('find')} {first}" if first != query else "cannot not found", typed, went)
    elif state == "empty1":
        sheet.ask(step, "cannot not found", *([typed, went] if first != query else []), *([] if first != query else [typed, went]))
    elif site.has_search:
        sheet.ask(step, f"type {sheet.number('find')} {query}")
    elif more:
        sheet.click("next", step, rng, *([ok(f"click {site.labels['next']}")] if rng.random() < 0.4 else []))
    else:
        sheet.ask(step, "cannot not found", *([ok(f"click {site.labels['next']}")] if rng.random() < 0.5 else []))
    for name in rng.sample(visible, min(len(visible), rng.choice((0, 1, 2, 2, 3)))):
        if name is not target:
            sheet.click(" ".join(name), add_step(name, rng), rng)
    missing = words.product(rng)
    if site.has_search and state == "results" and visible and rng.random() < 0.4:
        sheet.cases = sheet.cases[1:]
        other = add_step(missing, rng)
        # Results for this very query that do not hold it: one more page if there is one, else one word alone.
        sheet.item("find").value = other.spans[1]
        searched = [ok(f"type {site.labels['find']} = {other.spans[1]}"), went]
        head = other.spans[1].split()[0]
        if more:
            sheet.click("next", other, rng, *searched)
        elif head != other.spans[1]:
            sheet.ask(other, f"type {sheet.number('find')} {head}", *searched)
        else:
            sheet.ask(other, "cannot not found", *searched)
    if state != "loading":
        elsewhere(site, sheet)
    return sheet


def cards(site: Site, sheet: Sheet, names: Sequence[Sequence[str]]) -> None:
    """Product cards, as rows or as separate lines."""
    rng = site.rng
    style = rng.choice(("link", "link", "view", "button", "only", "only"))
    view = rng.choice(("view", "details", "open", "see it", "look", "show", "to product", "more about it", "see details", "take a look", "look at it", "read more"))
    kind = rng.choice(("link", "link", "button"))
    extra = rng.choice(("", "", "in stock", "new"))
    for name in names:
        title = " ".join(name)
        link = Item(title, "link", title)
        price = words.price(rng)
        if style == "view":
            row: list[str | Item] = [link, price, Item("look", "link", view)]
        elif style == "only":
            row = [title, price, Item(title, kind, view)]
        elif style == "button":
            row = [link, price, Item("quick", "button", site.labels["add"])]
        else:
            row = [link, price]
        if extra and rng.random() < 0.6:
            row.append(extra)
        sheet.lines += [row] if site.rows or style == "only" else [[part] for part in row]


def product(rng: Random) -> Sheet:
    """Page of one product, in one of the states before and after adding it."""
    site = Site.draw(rng)
    target = site.goods[0]
    count = rng.choice((1, 1, 2, 2, 3, 4, 5, 7, 10, 12))
    state = rng.choice(("fresh", "fresh", "ready", "ready", "ready", "added", "added", "wrong", "gone", "loading"))
    step = add_step(target, rng, count)
    shown = " ".join(target if state != "wrong" else site.goods[-1] if len(site.goods) > 1 else words.product(rng))
    control = rng.choice(("textbox", "number", "number", "select", "number"))
    if count > 10:
        control = "number"
    value = {"fresh": str(rng.choice([n for n in (1, 1, 1, 2, 3) if n != count] or [9])), "ready": str(count)}.get(state, rng.choice(("1", str(count))))
    sheet = Sheet(rng.choice((f"/p/{rng.randint(1, 99)}", f"/product/{target[-1]}", f"/item?id={rng.randint(1, 500)}", f"/goods/{shown.replace(' ', '-')}")), shown)
    chrome(site, sheet)
    note = rng.choice(ADDED).format(c=site.cart, n=value, p=shown)
    if state == "added" and rng.random() < 0.5:
        sheet.add(note)
    sheet.add(shown)
    if state == "loading":
        sheet.add(site.labels["loading"])
    else:
        block: list[list[str | Item]] = [[words.price(rng)]]
        if rng.random() < 0.6:
            block.append([rng.choice(("in stock", f"{rng.randint(3, 90)} in stock", "ready to ship", " ".join(words.sentence(rng)), "a good thing to have",
                                      "made to last", f"rated {rng.randint(1, 5)} of 5"))])  # fmt: skip
        options = tuple(str(n) for n in range(1, 11)) if control == "select" else ()
        field_ = Item("quantity", control, site.labels["quantity"], value, options)
        if state == "gone":
            block.append([site.labels["gone"]])
            button = Item("add", "button", site.labels["add"], disabled=True)
            parts: list[list[str | Item]] = rng.choice(([], [[button]], [[field_], [button]]))
        else:
            parts = [[field_], [Item("add", role(rng), site.labels["add"])]]
            if rng.random() < 0.2:
                parts.reverse()
        if rng.random() < 0.3:
            parts.append([Item("wish", "button", rng.choice(("save for later", "compare", "add to wish list", "share", "ask a question", "notify me")))])
        sheet.lines += block + parts
    if rng.random() < 0.3:
        sheet.add(rng.choice(("you may also like", "others bought", "related")))
        cards(site, sheet, [name for name in site.goods[1:4] if " ".join(name) != shown])
    footer(site, sheet)
    opened = ok(f"click {' '.join(target)}")
    before = rng.choice(([], [opened], [opened]))
    filled = ok(f"type {site.labels['quantity']} = {count}")
    added = ok(f"click {site.labels['add']}", note)
    verb = "select" if control == "select" else "type"
    if state == "wrong":
        sheet.ask(step, "back", *before[:0])
    elif state == "loading":
        sheet.ask(step, "wait", *before)
    elif state == "gone":
        sheet.ask(step, "cannot out of stock", *before)
    elif state == "fresh":
        sheet.ask(step, f"{verb} {sheet.number('quantity')} {count}", *before, *([filled] if rng.random() < 0.15 else []))
    elif state == "ready":
        sheet.click("add", step, rng, *before, *([filled] if count > 1 or rng.random() < 0.3 else []))
    else:
        sheet.ask(step, "done", *before, *([filled] if count > 1 else []), *([Done(f"click {site.labels['add']}", "no effect")] if rng.random() < 0.15 else []), added)
    if state in ("fresh", "ready", "added") and rng.random() < 0.6:
        other = rng.choice([n for n in range(1, 11) if str(n) != value])
        again = add_step(target, rng, other)
        sheet.ask(again, f"{verb} {sheet.number('quantity')} {other}", opened)
    if state in ("ready", "added") and rng.random() < 0.5:
        sheet.click("add", add_step(target, rng, int(value)), rng, opened)
    if state in ("added", "ready", "fresh", "gone") and len(site.goods) > 2 and rng.random() < 0.5:
        stranger = add_step(site.goods[-2] if " ".join(site.goods[-2]) != shown else words.product(rng), rng)
        related = sheet.number(" ".join(site.goods[-2]))
        if site.has_search:
            sheet.ask(stranger, f"click {related}" if related and " ".join(site.goods[-2]) != shown else f"type {sheet.number('find')} {stranger.spans[1]}")
        elif not related:
            sheet.ask(stranger, f"click {sheet.number('home')}")
    if state != "loading":
        elsewhere(site, sheet)
    return sheet


def cart(rng: Random) -> Sheet:
    """The cart: rows with a quantity each."""
    site = Site.draw(rng)
    held = site.goods[: rng.randint(1, 4)]
    counts = [rng.choice((1, 1, 2, 2, 3, 4, 6, 10)) for _ in held]
    sheet = Sheet(rng.choice(("/cart", "/basket", "/bag", "/my-cart", "/trolley", "/c", "/order")), rng.choice((f"your {site.cart}", site.cart, f"{site.cart} - {site.brand}")))
    chrome(site, sheet, "" if rng.random() < 0.7 else None)
    sheet.add(rng.choice((f"your {site.cart}", site.cart, f"what is in your {site.cart}", f"{len(held)} items", "selected goods")))
    if rng.random() < 0.3:
        sheet.add("item", "price", "quantity", "")
    control = rng.choice(("number", "number", "textbox", "select"))
    options = tuple(str(n) for n in range(1, 11)) if control == "select" else ()
    fixed = rng.random() < 0.1
    row_update = rng.random() < 0.25
    if row_update:
        site.update_button = False
    for index, (name, count) in enumerate(zip(held, counts, strict=True)):
        title = " ".join(name)
        field_ = Item(f"q{index}", control, site.labels["quantity"] if rng.random() < 0.7 else f"{site.labels['quantity']} {title}", str(count), options)
        row: list[str | Item] = [rng.choice((title, Item("open", "link", title))), words.price(rng), str(count) if fixed else field_]
        if rng.random() < 0.5:
            row.append(words.price(rng))
        if row_update:
            row.append(Item(f"u{index}", "button", rng.choice(("update", "save", "update row", "apply", "change", "set"))))
        row.append(Item(f"r{index}", "button", site.labels["remove"]))
        if site.rows or rng.random() < 0.8:
            sheet.add(*row)
        else:
            sheet.lines += [[part] for part in row]
    if rng.random() < 0.6:
        sheet.add(rng.choice(("total", "sum", "subtotal")), words.price(rng))
    tail: list[list[str | Item]] = [[Item("checkout", role(rng), site.labels["checkout"])]]
    if site.update_button:
        tail.append([Item("update", "button", site.labels["update"].replace("{c}", site.cart))])
    if rng.random() < 0.4:
        tail.append([Item("shop", "link", rng.choice(("continue shopping", "keep looking", "back to the goods", "more shopping")))])
    if rng.random() < 0.25:
        tail.append([Item("voucher", "textbox", rng.choice(("voucher", "coupon code", "discount code")), "")])
        tail.append([Item("redeem", "button", rng.choice(("redeem", "apply code", "use it")))])
    rng.shuffle(tail)
    sheet.lines += tail
    footer(site, sheet)
    cart_cases(site, sheet, held, counts, control, fixed)
    return sheet


def cart_cases(site: Site, sheet: Sheet, held: list[list[str]], counts: list[int], control: str, fixed: bool) -> None:
    """Questions about a cart page."""
    rng = site.rng
    verb = "select" if control == "select" else "type"
    opened = ok(f"click {site.cart}")
    pick = rng.randrange(len(held))
    name, count = held[pick], counts[pick]
    other = rng.choice([n for n in range(1, 11) if n != count])
    label = sheet.item(f"q{pick}").name if not fixed else ""
    sheet.ask(Step("open cart"), "done", *rng.choice(([], [opened], [opened])))
    if not fixed:
        sheet.ask(cart_step("set", name, rng, other), f"{verb} {sheet.number(f'q{pick}')} {other}", *rng.choice(([], [opened])))
        typed = ok(f"{verb} {label} = {count}")
        step = cart_step("set", name, rng, count)
        if sheet.number(f"u{pick}"):
            sheet.click(f"u{pick}", step, rng, typed)
            sheet.ask(step, "done", typed, ok(f"click {sheet.item(f'u{pick}').name}", rng.choice(("", "saved"))))
        elif site.update_button:
            sheet.click("update", step, rng, typed)
            sheet.ask(step, "done", typed, ok(f"click {sheet.item('update').name}", rng.choice(("", f"{site.cart} updated", "saved"))))
        else:
            sheet.ask(step, "done", typed)
        if rng.random() < 0.6:
            sheet.ask(cart_step("set", name, rng, count), "done")
    sheet.ask(add_step(name, rng, count), "done", ok(f"click {site.labels['add']}"))
    if rng.random() < 0.4:
        person = " ".join(held[pick])
        sheet.click(f"r{pick}", Step("remove", person, (person,)), rng)
    if rng.random() < 0.3:
        absent = " ".join(words.product(rng))
        sheet.ask(Step("remove", absent, (absent,)), "done", *rng.choice(([], [ok(f"click {site.labels['remove']}")])))
        sheet.ask(cart_step("set", words.product(rng), rng, 2), "cannot not found")
    for step in rng.sample(fill_steps(rng), 2):
        sheet.click("checkout", step, rng)
    if rng.random() < 0.4:
        missing = add_step(words.product(rng), rng)
        if sheet.number("find"):
            sheet.ask(missing, f"type {sheet.number('find')} {missing.spans[1]}")
        elif sheet.number("home"):
            sheet.ask(missing, f"click {sheet.number('home')}")
    elsewhere(site, sheet, "ticket")


def form(rng: Random) -> Sheet:
    """The details form of a checkout, empty or partly filled, with or without an error text."""
    site = Site.draw(rng)
    name, (when, number, month), choice, extra = " ".join(words.person(rng)), words.day(rng), " ".join(words.option(rng)), " ".join(words.option(rng))
    sheet = Sheet(rng.choice(("/checkout", "/details", "/order/details", "/checkout/address", "/buy", "/pay")), rng.choice(("checkout", "your details", "delivery", site.brand)))
    if rng.random() < 0.6:
        chrome(site, sheet, None)
    sheet.add(rng.choice(("your details", "checkout", "delivery details", "where should it go", "nearly there", "step 2 of 3")))
    state = rng.choice(("empty", "part", "part", "full", "full", "error"))
    filled = {key: state in ("full",) or (state != "empty" and rng.random() < 0.5) for key in ("name", "date", "choice", "extra", "terms")}
    choices = [" ".join(words.option(rng)) for _ in range(rng.randint(1, 4))]
    choices.insert(rng.randint(0, len(choices)), choice)
    extras = [" ".join(words.option(rng)) for _ in range(rng.randint(1, 3))]
    extras.insert(rng.randint(0, len(extras)), extra)
    suffix = rng.choice(("", "", " (+£3)", " - 2 days", ", free", " (tomorrow)", " delivery", f" {words.fresh(rng)}", f" {words.fresh(rng)} {words.fresh(rng)}", f" by {words.fresh(rng)}",
                         " within a week", f", {words.fresh(rng)}", f" at the {words.fresh(rng)}"))  # fmt: skip
    date_role = rng.choice(("date", "date", "date", "textbox"))
    shown_date = f"2027-{month:02d}-{number:02d}" if date_role == "date" else when
    blocks: list[list[list[str | Item]]] = [
        [[Item("name", "textbox", site.labels["name"], name if filled["name"] else "")]],
        [[Item("date", date_role, site.labels["date"], shown_date if filled["date"] else "")]],
        option_block(rng, "choice", site.labels["choice"], choices, choice, filled["choice"], suffix),
    ]
    kind = rng.choice(("none", "pay", "tick"))
    if kind == "pay":
        blocks.append(option_block(rng, "extra", site.labels["pay"], extras, extra, filled["extra"], ""))
    elif kind == "tick":
        blocks.append([[Item("extra", "checkbox", loosely(extra, rng), "on" if filled["extra"] else "off")]])
    terms = rng.random() < 0.5
    if terms:
        blocks.append([[Item("terms", "checkbox", site.labels["terms"], "on" if filled["terms"] else "off")]])
    for label in rng.sample(EXTRAS, rng.choice((0, 0, 1, 2))):
        blocks.append([[Item("spare", "textbox", label, "")]])
    if rng.random() < 0.2:
        blocks.append([[Item("news", "checkbox", rng.choice(SUBSCRIBES), rng.choice(("on", "off")))]])
    if rng.random() < 0.7:
        rng.shuffle(blocks)
    if terms and rng.random() < 0.6:
        blocks.sort(key=lambda block: isinstance(block[0][0], Item) and block[0][0].tag == "terms")
    error = rng.choice(("please fill in {f}", "{f} is missing", "choose {f}", "{f} is required", "we need {f}", "there is a problem with {f}")).format(
        f=rng.choice((site.labels["date"], site.labels["name"], site.labels["choice"], "the " + site.labels["date"])))  # fmt: skip
    if state == "error":
        sheet.add(error)
    for block in blocks:
        sheet.lines += block
    sheet.add(Item("submit", "button", site.labels["review"] if site.has_review else site.labels["final"]))
    if rng.random() < 0.4:
        sheet.add(Item("cartback", "link", rng.choice((f"back to {site.cart}", "cancel", "back"))))
    footer(site, sheet)
    form_cases(site, sheet, dict(name=name, date=when, choice=choice, extra=extra if kind != "none" else "", error=error if state == "error" else ""), filled)
    return sheet


def option_block(rng: Random, tag: str, label: str, options: Sequence[str], wanted: str, chosen: bool, suffix: str) -> list[list[str | Item]]:
    """A choice as a select or as radio buttons; the wanted option's item is tagged `tag`."""
    others = [option for option in options if option != wanted]
    value = wanted if chosen or not others else rng.choice(others)
    if rng.random() < 0.5:
        shown = tuple(option + suffix for option in options)
        empty = rng.random() < 0.3
        first = value + suffix if chosen or not empty else "please choose"
        return [[Item(tag, "select", label, first, (("please choose",) if empty else ()) + shown)]]
    rows: list[list[str | Item]] = [[label]] if rng.random() < 0.6 else []
    for option in options:
        on = option == value and (chosen or rng.random() < 0.8)
        rows.append([Item(tag if option == wanted else f"{tag}_other", "radio", option + suffix, "on" if on else "off")])
    return [[part for row in rows for part in row]] if rng.random() < 0.2 else rows


def loosely(name: str, rng: Random) -> str:
    """A checkbox label that says the same in other words: order, endings and small words differ."""
    parts = [words.inflected(word, rng) if rng.random() < 0.4 else word for word in name.split()]
    if rng.random() < 0.4:
        parts.reverse()
    if len(parts) > 1 and rng.random() < 0.4:
        parts.insert(1, rng.choice(("as a", "it as", "with", "and", "it up in a", "by", "it in")))
    text = " ".join(parts)
    return rng.choice(("{}", "{}", "{} please", "add {}", "{} (+£2)", "yes, {}", "{} for free", "please {}", "i want {}", "{} and more", "add {} and a card")).format(text)


def form_cases(site: Site, sheet: Sheet, wanted: dict[str, str], filled: dict[str, bool]) -> None:
    """Questions about a form."""
    rng = site.rng
    for key, label in (("name", "name"), ("date", "date")):
        value = wanted[key]
        step = Step("fill", f"{key} : {value}", (value,))
        field_ = sheet.item(key)
        typed = ok(f"type {field_.name} = {value}")
        if filled[key]:
            sheet.ask(step, "done", *([typed] if key == "date" or rng.random() < 0.6 else []))
            if key == "name":
                other = " ".join(words.person(rng))
                sheet.ask(Step("fill", f"name : {other}", (other,)), f"type {sheet.number(key)} {other}")
            elif rng.random() < 0.5:
                other = words.day(rng)[0]
                sheet.ask(Step("fill", f"date : {other}", (other,)), f"type {sheet.number(key)} {other}")
        else:
            sheet.ask(step, f"type {sheet.number(key)} {value}", *([ok(f"click {site.labels['checkout']}")] if rng.random() < 0.3 else []))
        _ = label
    for key in ("choice", "extra"):
        if not wanted[key]:
            continue
        item = sheet.item(key)
        step = Step("choose", wanted[key])
        label = next((option for option in item.options if option.startswith(wanted[key])), item.name)
        act = f"select {sheet.number(key)} {label}" if item.role == "select" else f"click {sheet.number(key)}"
        held = item.value == "on" or (item.role == "select" and (item.value or "").startswith(wanted[key]))
        past = ok(f"select {item.name} = {label}" if item.role == "select" else f"click {item.name}")
        if held:
            sheet.ask(step, "done", *rng.choice(([], [past])))
        else:
            sheet.ask(step, act)
    if wanted["extra"] and sheet.item("extra").role == "checkbox" and sheet.item("extra").value == "off":
        said = " ".join(words.inflected(word, rng) if rng.random() < 0.5 else word for word in wanted["extra"].split())
        sheet.ask(Step("choose", said), f"click {sheet.number('extra')}")
    absent = " ".join(words.option(rng))
    if rng.random() < 0.25:
        sheet.ask(Step("choose", absent), "cannot not found")
    terms = sheet.number("terms")
    if not site.has_review:
        sheet.ask(Step("review"), f"click {terms}" if terms and not filled["terms"] else "done")
        sheet.click("submit", Step("place"), rng)
    elif terms and not filled["terms"]:
        sheet.ask(Step("review"), f"click {terms}", *([ok(f"click {site.labels['review']}", "please accept the terms")] if rng.random() < 0.2 else []))
    elif wanted["error"]:
        sheet.ask(Step("review"), "cannot refused", ok(f"click {site.labels['review']}", wanted["error"]))
    else:
        sheet.click("submit", Step("review"), rng, *([ok(f"click {site.labels['terms']}")] if terms else []))


def review(rng: Random) -> Sheet:
    """The page that shows an order before it is placed."""
    site = Site.draw(rng)
    sheet = Sheet(rng.choice(("/review", "/checkout/review", "/summary", "/order/check", "/confirm")), rng.choice(("review your order", "summary", "check your order", "almost done")))
    if rng.random() < 0.5:
        chrome(site, sheet, None)
    sheet.add(rng.choice(("review your order", "please check your order", "summary", "is this right?", "your order so far", "nothing is ordered yet")))
    order_rows(site, sheet)
    if rng.random() < 0.5:
        sheet.add(Item("edit", "link", rng.choice(("edit", "change details", "go back", "change", "edit order", "correct this"))))
    sheet.add(Item("final", "button", site.labels["final"]))
    if rng.random() < 0.3:
        sheet.add(Item("leave", "link", rng.choice((f"back to {site.cart}", "cancel", "keep shopping"))))
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
    rows: list[list[str | Item]] = [
        [" ".join(name), rng.choice((f"{rng.randint(1, 9)}", f"x {rng.randint(1, 9)}", f"{rng.randint(1, 9)} pieces")), words.price(rng)] for name in site.goods[: rng.randint(1, 4)]
    ]
    details: list[list[str | Item]] = [
        [site.labels["name"], " ".join(words.person(rng))], [site.labels["date"], words.day(rng)[0]],
        [site.labels["choice"], " ".join(words.option(rng))], [" ".join(words.option(rng)), rng.choice(("yes", "no"))],
        [rng.choice(("total", "to pay", "sum")), words.price(rng)], [site.labels["pay"], " ".join(words.option(rng))],
    ]  # fmt: skip
    chosen = rng.sample(details, rng.randint(3, 6))
    sheet.lines += rows + chosen if rng.random() < 0.6 else chosen + rows


def placed(rng: Random) -> Sheet:
    """The order page with its number."""
    site = Site.draw(rng)
    number = words.reference(rng)
    sheet = Sheet(rng.choice(("/thanks", f"/orders/{rng.randint(1, 999)}", f"/order/{number}", "/done", "/complete")), rng.choice(("thank you", "your order", site.brand)))
    if rng.random() < 0.7:
        chrome(site, sheet)
    sheet.add(site.labels["thanks"])
    mark = rng.choice(("", "", "#", "no. "))
    line: list[str | Item] = rng.choice(([site.labels["number"], mark + number], [f"{site.labels['number']}: {mark}{number}"], [f"{site.labels['number']} {mark}{number}"],
                                         [f"your {site.labels['number']} is {number}."]))  # fmt: skip
    at = len(sheet.lines)
    order_rows(site, sheet)
    sheet.lines.insert(rng.choice((at, at, rng.randint(at, len(sheet.lines)))), line)
    if rng.random() < 0.4:
        sheet.add(Item("print", "button", rng.choice(("print", "download receipt", "track parcel", "continue shopping"))))
    footer(site, sheet)
    sheet.ask(Step("place"), f"done {number}", *rng.choice(([ok(f"click {site.labels['final']}")], [Done("dialog accept", "ok")], [])))
    if sheet.number("help"):
        elsewhere(site, sheet, "ticket")
    return sheet


def inbox(rng: Random) -> Sheet:
    """A list of tickets, one row each."""
    site = Site.draw(rng)
    if not any(tag == "help" for tag, _ in site.nav):
        site.nav.append(("help", site.labels["help"]))
    sheet = Sheet(rng.choice(("/help", "/tickets", "/support", "/inbox", "/desk", "/requests?page=1")), site.labels["help"])
    chrome(site, sheet, None if rng.random() < 0.7 else "")
    sheet.add(rng.choice((site.labels["help"], "open tickets", "customer requests", f"{len(site.people)} tickets", "what customers ask")))
    if rng.random() < 0.4:
        sheet.add(*rng.choice((("subject", "customer", "status"), ("from", "about", "state"), ("ticket", "name", "date"))))
    order = rng.choice(("spo", "pso", "sp", "op", "osp"))
    linked = rng.choice(("s", "s", "p", "v"))
    late = rng.random() < 0.1
    subjects: list[str] = []
    if len(site.people) > 2 and rng.random() < 0.3:
        site.people[1] = site.people[0]
    for index, person in enumerate([] if late else site.people):
        who, subject, state = " ".join(person), " ".join(words.sentence(rng)), rng.choice((site.labels["open"], site.labels["closed"]))
        subjects.append(subject)
        row: list[str | Item] = []
        for part in order:
            text = {"s": subject, "p": who, "o": state}[part]
            row.append(Item(f"t{index}", "link", text) if part == linked else text)
        if linked == "v" or not any(isinstance(part, Item) for part in row):
            row.append(Item(f"t{index}", rng.choice(("link", "button")), rng.choice(("open", "view", "show", "answer", f"#{rng.randint(10, 99)}"))))
        sheet.lines += [row] if site.rows or rng.random() < 0.7 else [[part] for part in row]
    if late:
        sheet.add(site.labels["loading"])
    more = not late and rng.random() < 0.4
    if more:
        sheet.add(Item("next", "link", site.labels["next"]))
    footer(site, sheet)
    for index in rng.sample(range(len(site.people)), min(len(site.people), 3)):
        who = " ".join(site.people[index])
        twins = site.people.count(site.people[index]) > 1
        step = Step("open ticket", f"of {who}", (who,))
        if (twins or rng.random() < 0.15) and not late and "s" in order:
            step = Step("open ticket", f"of {who} about {subjects[index]}", (who,))
        elif twins and not late:
            continue
        if late:
            sheet.ask(step, "wait", ok(f"click {site.labels['help']}"))
        else:
            sheet.click(f"t{index}", step, rng, *([ok(f"click {site.labels['help']}")] if rng.random() < 0.6 else []))
    absent = " ".join(words.person(rng))
    step = Step("open ticket", f"of {absent}", (absent,))
    if more:
        sheet.click("next", step, rng, *rng.choice(([], [ok(f"click {site.labels['help']}")], [ok(f"click {site.labels['next']}")])))
    elif not late:
        sheet.ask(step, "cannot not found", *rng.choice(([ok(f"click {site.labels['help']}")], [ok(f"click {site.labels['next']}")])))
    return sheet


def ticket(rng: Random) -> Sheet:
    """One ticket: thread, reply box, buttons."""
    site = Site.draw(rng)
    who = " ".join(site.people[0])
    reply = words.reference(rng) if rng.random() < 0.6 else " ".join(words.sentence(rng))
    state = rng.choice(("fresh", "fresh", "typed", "typed", "sent", "closed", "wrong"))
    combined = site.combined_close
    status = site.labels["closed"] if state == "closed" else site.labels["open"]
    sheet = Sheet(rng.choice((f"/tickets/{rng.randint(1, 99)}", f"/help/{rng.randint(1, 99)}", f"/case?id={rng.randint(1, 99)}")), rng.choice((" ".join(words.sentence(rng)), f"ticket {rng.randint(1, 99)}")))
    chrome(site, sheet, None)
    head: list[list[str | Item]] = [[" ".join(words.sentence(rng))], [rng.choice(("customer", "from", "name", "asked by")), who], [rng.choice(("status", "state")), status]]
    if rng.random() < 0.2:
        head = [[" ".join(words.sentence(rng))], [f"{rng.choice(('from', 'by', 'customer:'))} {who}, {status}"]]
    if rng.random() < 0.4:
        rng.shuffle(head)
    sheet.lines += head
    sheet.add(rng.choice((who, "")) + " " + " ".join(words.sentence(rng)))
    if state in ("sent", "closed"):
        sheet.lines += [["you", reply]] if rng.random() < 0.5 else [[reply]]
    box = {"typed": reply}.get(state, "")
    control = rng.choice(("buttons", "buttons", "buttons", "select")) if not combined else "buttons"
    if state != "closed" or rng.random() < 0.4:
        sheet.add(Item("reply", "textbox", site.labels["reply"], box))
        buttons: list[list[str | Item]] = []
        if combined:
            buttons.append([Item("both", "button", site.labels["both"])])
            if rng.random() < 0.3:
                buttons.append([Item("send", "button", rng.choice(OPENS))])
        elif control == "select":
            sheet.add(Item("state", "select", "status", status, tuple(dict.fromkeys((site.labels["open"], "waiting", site.labels["closed"])))))
            buttons.append([Item("send", "button", rng.choice(("save", "update", "send", "save ticket")))])
        else:
            buttons.append([Item("send", "button", site.labels["send"])])
            buttons.append([Item("close", "button", site.labels["close"])])
        rng.shuffle(buttons)
        sheet.lines += buttons
    if rng.random() < 0.4:
        sheet.add(Item("list", "link", rng.choice(("all tickets", "back to the list", "next ticket", "assign to me", "print"))))
    footer(site, sheet)
    ticket_cases(site, sheet, who, reply, state, combined, control)
    return sheet


def ticket_cases(site: Site, sheet: Sheet, who: str, reply: str, state: str, combined: bool, control: str) -> None:
    """Questions about a ticket page."""
    rng = site.rng
    opened = ok("click " + " ".join(words.sentence(rng)))
    sheet.ask(Step("open ticket", f"of {who}", (who,)), "done", *rng.choice(([opened], [opened], [])))
    if state == "wrong":
        other = " ".join(words.person(rng))
        sheet.ask(Step("open ticket", f"of {other}", (other,)), "back", opened)
    answer = Step("reply", reply, (reply,))
    box = sheet.number("reply")
    typed = ok(f"type {site.labels['reply']} = {reply}")
    alone = sheet.number("send") and not combined and control == "buttons"
    if state in ("fresh", "wrong"):
        sheet.ask(answer, f"type {box} {reply}")
    elif state == "typed":
        if alone:
            sheet.click("send", answer, rng, typed)
        else:
            sheet.ask(answer, "done", typed)
        other = words.reference(rng)
        sheet.ask(Step("reply", other, (other,)), f"type {box} {other}")
    elif state == "sent":
        sheet.ask(answer, "done", typed, ok(f"click {site.labels['send']}", rng.choice(("", reply, "sent", "reply sent"))))
    if state == "closed" and rng.random() < 0.3:
        sheet.add(Item("reopen", "button", rng.choice(("reopen", "open it again", "reopen ticket"))))
    if state == "closed":
        past = rng.choice((ok("click close", "closed"), Done("dialog accept", "ok"), ok(f"click {site.labels['both']}", site.labels["closed"])))
        sheet.ask(Step("close"), "done", *rng.choice(([past], [past], [])))
        sheet.ask(Step("send"), "done", past)
        return
    if combined:
        sheet.click("both", Step("close"), rng)
        if sheet.number("send"):
            sheet.click("send", Step("send"), rng)
    elif control == "select":
        closed = site.labels["closed"]
        sheet.ask(Step("close"), f"select {sheet.number('state')} {closed}")
        if state == "typed":
            sheet.click("send", Step("send"), rng)
    elif state == "sent" or state == "fresh":
        sheet.click("close", Step("close"), rng)
        if state == "sent":
            sheet.ask(Step("send"), "done", typed, ok(f"click {site.labels['send']}", rng.choice(("", reply, "sent"))))


def saved(rng: Random) -> Sheet:
    """A ticket whose status select stands on closed but is not saved yet."""
    sheet = ticket(rng)
    if not sheet.number("state"):
        return sheet
    item = sheet.item("state")
    item.value = item.options[-1]
    sheet.cases = []
    sheet.click("send", Step("close"), rng, ok(f"select status = {item.options[-1]}"))
    return sheet


def dialog(rng: Random) -> Sheet:
    """A page behind an open dialog."""
    site = Site.draw(rng)
    text = rng.choice(("place this order?", "are you sure?", "really send?", "order now?", "close this ticket?", "remove this item?", "this cannot be undone", "continue?",
                       f"buy for {words.price(rng)}?", "send the reply and close?", " ".join(words.sentence(rng))))  # fmt: skip
    sheet = Sheet(rng.choice(("/review", "/cart", "/tickets/4", "/checkout")), site.brand, dialog=Dialog(rng.choice(("confirm", "confirm", "alert")), text))
    good = rng.choice(site.goods)
    name = " ".join(good)
    step, label = rng.choice((
        (Step("place"), site.labels["final"]), (Step("place"), site.labels["final"]), (Step("close"), site.labels["close"]), (Step("send"), site.labels["send"]),
        (add_step(good, rng), site.labels["add"]), (Step("remove", name, (name,)), site.labels["remove"]), (Step("review"), site.labels["review"]),
        (Step("reply", name, (name,)), site.labels["send"]),
    ))  # fmt: skip
    sheet.ask(step, "dialog accept", *rng.choice(([], [Done(f"click {label}", f"dialog confirm: {text}")], [Done(f"click {label}", f"dialog confirm: {text}")])))
    return sheet


def stray(rng: Random) -> Sheet:
    """A page that has nothing to do with the step: leave it by the navigation."""
    site = Site.draw(rng)
    sheet = Sheet(rng.choice(("/about", "/terms", "/contact", "/blog", "/404", "/orders")), rng.choice(OTHERS))
    chrome(site, sheet)
    for _ in range(rng.randint(1, 4)):
        sheet.add(" ".join(words.sentence(rng)))
    footer(site, sheet)
    step = add_step(rng.choice(site.goods), rng)
    if site.has_search:
        sheet.ask(step, f"type {sheet.number('find')} {step.spans[1]}")
    else:
        sheet.click("home", step, rng)
    elsewhere(site, sheet)
    return sheet


PAGES: tuple[tuple[Callable[[Random], Sheet], int], ...] = (
    (listing, 22), (product, 20), (cart, 13), (form, 16), (review, 6), (placed, 6), (inbox, 9), (ticket, 11), (saved, 1), (dialog, 2), (stray, 2),
)  # fmt: skip
"""Page kinds with their shares."""


def draw(rng: Random) -> Sheet:
    """A page of a random kind with at least one case."""
    makers, weights = zip(*PAGES, strict=True)
    while True:
        sheet = rng.choices(makers, weights)[0](rng)
        if sheet.cases:
            rng.shuffle(sheet.cases)
            return sheet
