"""Generated sites, and pages of theirs in the making.

A `Site` fixes wording and layout; a `Sheet` is one page of it with questions and their right answers. What
stands on every page (header, footer, ways to elsewhere) and what every page is asked for (steps) is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ...tools.browser.view import Dialog, Element, View
from ..steps import Done, Step
from . import labels, words
from .words import pick

WORDINGS = {
    "home": labels.HOMES,
    "help": labels.HELPS,
    "orders": labels.ORDERS,
    "find": labels.FINDS,
    "go": labels.GOS,
    "next": labels.NEXTS,
    "prev": labels.PREVS,
    "add": labels.ADDS,
    "update": labels.UPDATES,
    "remove": labels.REMOVES,
    "checkout": labels.CHECKOUTS,
    "review": labels.REVIEWS,
    "final": labels.FINALS,
    "quantity": labels.QUANTITIES,
    "name": labels.NAMES,
    "date": labels.DATES,
    "choice": labels.CHOICES,
    "pay": labels.PAYS,
    "terms": labels.TERMS,
    "reply": labels.REPLIES,
    "send": labels.SENDS,
    "close": labels.CLOSES,
    "both": labels.BOTHS,
    "closed": labels.CLOSED,
    "open": labels.OPEN,
    "loading": labels.LOADING,
    "empty": labels.EMPTY,
    "gone": labels.GONE,
    "thanks": labels.THANKS,
    "number": labels.NUMBERS,
}
"""Keys of `Site.labels`, in the order in which a site draws them."""


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
    search_everywhere: bool
    price_first: bool
    suffix: str
    late: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @staticmethod
    def draw(rng: Random) -> Site:
        """A new site."""
        cart = rng.choice(labels.CARTS)
        drawn = {
            key: reworded(rng.choice(options), rng).replace("{c}", cart) for key, options in WORDINGS.items()
        }
        nav = navigation(rng, cart, drawn)
        brand = trade_name(rng)
        return Site(
            rng=rng,
            cart=cart,
            labels=drawn,
            goods=goods(rng),
            people=[words.person(rng) for _ in range(rng.randint(2, 7))],
            nav=nav,
            has_search=rng.random() < 0.7,
            search_button=rng.random() < 0.75,
            rows=rng.random() < 0.6,
            brand=brand,
            has_review=rng.random() < 0.75,
            update_button=rng.random() < 0.6,
            combined_close=rng.random() < 0.5,
            search_everywhere=rng.random() < 0.65,
            price_first=rng.random() < 0.5,
            suffix=rng.choice(("", "", f" · {brand}", f" · {brand}", f" | {brand}", f" - {brand}")),
        )


def navigation(rng: Random, cart: str, drawn: dict[str, str]) -> list[tuple[str, str]]:
    """The (tag, label) pairs that lead about a site, in their order."""
    shown = f"""
        {cart} | your {cart} | {cart} | my {cart} | view {cart} | the {cart} | open {cart} | see {cart} |
        to the {cart}
    """
    count = rng.choice(("", f" {rng.randint(0, 20)}", f" ({rng.randint(0, 9)})", f" ({rng.randint(0, 40)})"))
    nav = [("cart", reworded(pick(rng, shown), rng) + count), ("home", drawn["home"])]
    if rng.random() < 0.8:
        nav.append(("help", drawn["help"]))
    if rng.random() < 0.7:
        nav.append(("orders", drawn["orders"]))
    nav += [("other", label) for label in rng.sample(labels.OTHERS, rng.choice((0, 0, 1, 2, 3, 5)))]
    rng.shuffle(nav)
    return nav


def reworded(label: str, rng: Random) -> str:
    """A label as it is, or with words around it that change nothing: known ones, and ones that never were."""
    if rng.random() < 0.55:
        return label
    before = after = ""
    while not before and not after:
        before = rng.choice(("", "", words.fresh(rng), rng.choice(labels.FILLERS)))
        after = rng.choice(("", "", words.fresh(rng), rng.choice(labels.FILLERS), rng.choice(labels.FILLERS)))
    return f"{before} {label} {after}".strip()


def trade_name(rng: Random) -> str:
    """A brand: one fresh word, mostly with a second."""
    first = words.fresh(rng)
    return f"{first} {rng.choice(('', 'store', 'shop', 'and co', words.fresh(rng)))}".strip()


def goods(rng: Random) -> list[list[str]]:
    """Distinct products of one shop, some of them near-duplicates that share a word."""
    found: list[list[str]] = []
    while len(found) < rng.randint(4, 12):
        name = words.product(rng)
        found.append(name)
        while rng.random() < 0.45 and len(name) > 1:
            twin = list(name)
            at = rng.randrange(len(twin))
            common = words.THINGS if at == len(twin) - 1 else words.COLOURS + words.KINDS
            twin[at] = words.either(rng, common, 0.4)
            found.append(twin)
    unique = {" ".join(name): name for name in found}
    return list(unique.values())[:16]


def asked(name: Sequence[str], count: int, rng: Random) -> str:
    """How a person names a product: plural for several, now and then for one."""
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
    hinted: bool = False


Line = list[str | Item]
"""Parts of a line: texts and elements."""


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
    lines: list[Line] = field(default_factory=list[Line])
    dialog: Dialog | None = None
    cases: list[Case] = field(default_factory=list[Case])

    def add(self, *parts: str | Item) -> None:
        """Add a line at the end."""
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
                    told = (part.role, part.name, part.value, part.options, part.disabled)
                    row.append(Element(number, *told, hinted=part.hinted))
            lines.append(tuple(row))
        return View("", self.path, self.title, tuple(lines), self.dialog)

    def number(self, tag: str) -> int:
        """The number that the item called `tag` has in the view; 0 when it is not there."""
        items = [part for line in self.lines for part in line if isinstance(part, Item)]
        return next((index for index, item in enumerate(items, 1) if item.tag == tag), 0)

    def item(self, tag: str) -> Item:
        """The item called `tag`.

        Raises:
            StopIteration: There is none; ask `number` first where that can be.
        """
        return next(
            part for line in self.lines for part in line if isinstance(part, Item) and part.tag == tag
        )

    def ask(self, step: Step, answer: str, *history: Done) -> None:
        """Add a case."""
        self.cases.append(Case(list(history), step, answer))

    def wander(self, rng: Random) -> None:
        """Let some cases come after a click that led here, or elsewhere, and says nothing."""
        links = [part.name for line in self.lines for part in line if isinstance(part, Item) and part.name]
        for case in self.cases:
            if len(case.history) < 3 and rng.random() < 0.3:
                label = rng.choice(links) if links and rng.random() < 0.6 else words.fresh(rng)
                case.history.insert(0, ok(f"click {label}"))

    def click(self, tag: str, step: Step, rng: Random, *history: Done) -> None:
        """Add a case whose answer is a click on `tag`, at times after clicks that had no effect."""
        past = [*history]
        answer = f"click {self.number(tag)}"
        if rng.random() < 0.2:
            idle = Done(f"click {self.item(tag).name}", "no effect")
            waited = Done("wait", "no effect")
            past, answer = rng.choice(
                (
                    ([*past, idle], answer),
                    ([*past, idle], answer),
                    ([*past, idle, idle], "wait"),
                    ([*past, idle, idle, waited], answer),
                    ([*past, idle, idle, idle], "cannot nothing happens"),
                )
            )
        self.ask(step, answer, *past)


def ok(action: str, text: str = "") -> Done:
    """An action that worked, with the first text that appeared."""
    return Done(action, f"ok: {text}" if text else "ok")


def clickable(rng: Random) -> str:
    """The role of a thing to click, as a site may build it."""
    return pick(rng, "button | button | button | button | button | button | link | other")


def chrome(site: Site, sheet: Sheet, search: str | None = "") -> None:
    """Header: brand, navigation, search box with `search` in it; None: only where it stands on every page."""
    rng = site.rng
    if search is None and site.search_everywhere:
        search = ""
    sheet.title += site.suffix
    if rng.random() < 0.4 and sheet.path != "/":
        _, _, rest = sheet.path[1:].partition("/")
        sheet.path = f"/{words.fresh(rng)}" + (f"/{rest}" if rest else "")
    parts: list[Line] = []
    if rng.random() < 0.12:
        parts.append([pick(rng, "we use cookies | this shop uses cookies | we value your privacy")])
        parts.append([Item("cookie", "button", pick(rng, "accept | got it | fine | okay | accept all"))])
    if rng.random() < 0.6:
        parts.append([site.brand] if rng.random() < 0.5 else [Item("home2", "link", site.brand)])
    site.late = [pair for pair in site.nav if rng.random() < 0.15] if rng.random() < 0.3 else []
    nav: Line = [Item(tag, "link", label) for tag, label in site.nav if (tag, label) not in site.late]
    parts += [nav] if nav and rng.random() < 0.4 else apart(nav)
    if site.has_search and search is not None:
        plain = not site.search_everywhere and rng.random() < 0.25
        role = "textbox" if plain else "searchbox"
        box: list[Line] = [[Item("find", role, site.labels["find"], search)]]
        if site.search_button:
            box.append([Item("go", "button", site.labels["go"])])
        at = rng.randint(0, len(parts))
        parts[at:at] = box
    sheet.lines += parts


def apart(line: Line) -> list[Line]:
    """Each part of a line as a line of its own."""
    return [[part] for part in line]


def footer(site: Site, sheet: Sheet) -> None:
    """What stands below most pages."""
    rng = site.rng
    for tag, label in site.late:
        sheet.add(Item(tag, "link", label))
    site.late = []
    if rng.random() < 0.35:
        texts = f"""
            {site.brand} {rng.randint(1990, 2027)} | free returns within 30 days |
            call {rng.randint(100, 999)} {rng.randint(1000, 9999)} | made with care |
            all prices include tax | {" ".join(words.sentence(rng))}
        """
        sheet.add(pick(rng, texts))
    if rng.random() < 0.3:
        sheet.add(Item("foot", "link", rng.choice(labels.OTHERS)))
    if rng.random() < 0.2:
        clutter(site, sheet)


def clutter(site: Site, sheet: Sheet) -> None:
    """Something that no step is about, anywhere below the first line."""
    rng = site.rng
    label = " ".join(words.fresh(rng) for _ in range(rng.randint(1, 4)))
    item: Line = rng.choice(
        (
            [Item("clutter", "link", label)],
            [Item("clutter", "button", label)],
            [Item("clutter", "textbox", label, "")],
            [Item("clutter", "select", label, "usual", ("usual", words.fresh(rng), words.fresh(rng)))],
            [label],
        )
    )
    sheet.lines.insert(rng.randint(min(1, len(sheet.lines)), len(sheet.lines)), item)


def add_step(name: Sequence[str], rng: Random, count: int = 0) -> Step:
    """`add 2 x green mugs`; a `count` of 0 draws one."""
    many = count or rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 20))
    return cart_step("add", name, rng, many)


def cart_step(verb: str, name: Sequence[str], rng: Random, count: int) -> Step:
    """`set 2 x green mugs`."""
    text = asked(name, count, rng)
    return Step(verb, f"{count} x {text}", (str(count), text))


def fill_step(key: str, value: str) -> Step:
    """`fill name : Ida Fox`."""
    return Step("fill", f"{key} : {value}", (value,))


def fill_steps(rng: Random) -> list[Step]:
    """Some steps of the details stage."""
    name, when, choice = " ".join(words.person(rng)), words.day(rng)[0], " ".join(words.option(rng))
    return [fill_step("name", name), fill_step("date", when), Step("choose", choice), Step("review")]


def open_step(person: str, about: str = "") -> Step:
    """`open ticket of ida fox`, at times told apart by its subject."""
    return Step("open ticket", f"of {person} about {about}" if about else f"of {person}", (person,))


def elsewhere(site: Site, sheet: Sheet, kinds: str = "cart details ticket") -> None:
    """Cases of steps that belong to another page: go there."""
    rng = site.rng
    options: list[tuple[str, Step]] = []
    if "cart" in kinds:
        options += [("cart", Step("open cart"))] * 2
        options.append(("cart", cart_step("set", rng.choice(site.goods), rng, rng.randint(1, 9))))
    if "details" in kinds:
        options += [("cart", step) for step in rng.sample(fill_steps(rng), 2)]
    if "ticket" in kinds and sheet.number("help"):
        about = " ".join(words.sentence(rng)) if rng.random() < 0.3 else ""
        options += [("help", open_step(" ".join(rng.choice(site.people)), about))] * 2
    for tag, step in rng.sample(options, min(len(options), rng.choice((1, 1, 2, 2, 3)))):
        if sheet.number(tag):
            sheet.click(tag, step, rng)
