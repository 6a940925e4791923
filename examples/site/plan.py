"""What a seed means: the shop's words, goods, tickets, layout and flaws, drawn once and then fixed.

`draw_plan(seed)` is a pure function of its arguments: the same seed gives the same site on every
machine. `DEMO_SEED` is pinned so that it sells a green mug and a desk lamp and has an open ticket
of Ada Lovelace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import cast

from . import wording

DEMO_SEED = 92
_DEAR = frozenset({"lamp", "clock", "blanket", "chair", "kettle", "stool", "lantern"})
_PINNED = ("Green mug", "Desk lamp")

FLAWS = (
    "dead_first_click",
    "late_content",
    "quantity_resets",
    "out_of_stock",
    "confirm_dialog",
    "field_resets",
)
"""Faults that real sites have; the README says what each does."""

WIDGETS = ("sorter", "departments", "related", "voucher", "letter", "note", "banner")
"""Things a site may or may not have, none of which a goal needs."""


class UnknownFlaw(ValueError):
    """A flaw was named that the site does not have."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"No flaw is called {', '.join(self.names)!r}. Choose from: {', '.join(FLAWS)}.")


@dataclass(frozen=True)
class Product:
    """One article: `price` in pence or cents, `stock` in pieces."""

    slug: str
    name: str
    noun: str
    department: str
    price: int
    stock: int
    blurb: str


@dataclass(frozen=True)
class Ticket:
    """One help desk ticket as the site opens; `lines` are (who, text) with who "customer" or "desk"."""

    id: int
    customer: str
    subject: str
    closed: bool
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layout:
    """How the pages are put together. Each field is drawn by itself."""

    theme: int
    shelf: str  # "cards" | "rows"
    per_page: int
    opener: str  # "name" | "button"
    bag_link: str  # "header" | "strip" | "foot"
    search_everywhere: bool
    search_mode: str  # "all" words must match | "any" of them
    after_add: str  # "bag" | "stay"
    update: str  # "table" | "row"
    facts: str  # "list" | "table"
    quantity_field: str  # "number" | "text"
    blank_delivery: bool
    date_text: str  # "plain" | "weekday" | "iso"
    field_order: tuple[str, ...]
    desk_buttons: str  # "joint" | "separate"
    desk_page: int
    dead_button: str  # the button that a dead first click strikes
    late_part: str
    late_ms: int
    late_by: str  # "timer" in the page | "server" answers late


@dataclass(frozen=True)
class SitePlan:
    """Everything about a site that does not change while it runs."""

    seed: int
    name: str
    today: date
    currency: str
    words: Mapping[str, str]
    carrier: str
    products: tuple[Product, ...]
    tickets: tuple[Ticket, ...]
    deliveries: tuple[str, ...]
    payments: tuple[str, ...]
    widgets: frozenset[str]
    flaws: frozenset[str]
    layout: Layout
    scarce: str  # slug of the product that is sold out where out_of_stock strikes; no goal wants it
    number_style: str
    first_number: int
    number_step: int

    def say(self, key: str, **slots: object) -> str:
        """This site's wording for `key`, with `slots` filled in."""
        return self.words[key].format(bag=self.carrier, **slots)

    def money(self, amount: int) -> str:
        """`amount` in pence or cents as a price: "£4.50"."""
        return f"{self.currency}{amount / 100:.2f}"

    def day(self, day: date) -> str:
        """`day` as this site's order pages print it."""
        if self.layout.date_text == "iso":
            return day.isoformat()
        plain = f"{day.day} {day:%B %Y}"
        return f"{day:%A} {plain}" if self.layout.date_text == "weekday" else plain

    def order_number(self, count: int) -> str:
        """Number of the `count`-th order, counted from 0."""
        return self.number_style.format(self.first_number + count * self.number_step)

    def product(self, slug: str) -> Product | None:
        """The product with `slug`, or None where the shop has no such thing."""
        return next((product for product in self.products if product.slug == slug), None)


def draw_plan(seed: int, flaws: Iterable[str] | Mapping[str, bool] | None = None) -> SitePlan:
    """Draw the site that belongs to `seed`.

    Args:
        seed: Any integer; `DEMO_SEED` is pinned to the goal of `demo_goal`.
        flaws: None draws them from the seed; a mapping forces the named ones on or off and draws
            the others; any other iterable is exactly the flaws to have.

    Raises:
        UnknownFlaw: a name is not in `FLAWS`.
    """
    rng = Random(f"punchlist site {seed}")
    demo = seed == DEMO_SEED
    today = date(2027, 1, 4) + timedelta(days=rng.randrange(0, 330))
    payments = tuple(rng.choice(texts) for texts in wording.PAYMENTS.values())
    products = _draw_products(Random(f"punchlist goods {seed}"), pinned=_PINNED if demo else ())
    sellable = [product.slug for product in products if product.name not in _PINNED]
    plan = SitePlan(
        seed=seed,
        name=rng.choice(wording.SHOP_NAMES),
        today=date(2027, 3, 15) if demo else today,
        currency=rng.choice(("£", "€", "$")),
        words={key: rng.choice(synonyms) for key, synonyms in wording.LABELS.items()},
        carrier=rng.choice(wording.CARRIERS),
        products=products,
        tickets=_draw_tickets(Random(f"punchlist desk {seed}"), pinned="Ada Lovelace" if demo else None),
        deliveries=_draw_deliveries(Random(f"punchlist delivery {seed}"), pinned=demo),
        payments=tuple(rng.sample(payments, rng.choice((2, 3, 3, 4)))),
        widgets=frozenset(widget for widget in WIDGETS if rng.random() < 0.4),
        flaws=frozenset(flaw for flaw in FLAWS if rng.random() < 0.4),
        layout=_draw_layout(Random(f"punchlist layout {seed}")),
        scarce=Random(f"punchlist stock {seed}").choice(sellable),
        number_style=rng.choice(("HW-{}", "{}", "R{}", "T-{}-27")),
        first_number=rng.randrange(12000, 98000),
        number_step=rng.choice((1, 3, 7, 11)),
    )
    if seed == DEMO_SEED and flaws is None:
        flaws = ("quantity_resets", "confirm_dialog")
    return _with_flaws(plan, flaws)


def _with_flaws(plan: SitePlan, flaws: Iterable[str] | Mapping[str, bool] | None) -> SitePlan:
    """Settle which flaws the site has, and empty one shelf where a product is out of stock."""
    forced: dict[str, bool] = {}
    if isinstance(flaws, Mapping):
        forced = dict(cast("Mapping[str, bool]", flaws))
    elif flaws is not None:
        forced = dict.fromkeys(FLAWS, False) | dict.fromkeys(flaws, True)
    if unknown := forced.keys() - set(FLAWS):
        raise UnknownFlaw(unknown)
    drawn = frozenset(flaw for flaw in FLAWS if forced.get(flaw, flaw in plan.flaws))
    products = plan.products
    if "out_of_stock" in drawn:
        products = tuple(replace(item, stock=0) if item.slug == plan.scarce else item for item in products)
    return replace(plan, flaws=drawn, products=products)


def _draw_products(rng: Random, pinned: tuple[str, ...]) -> tuple[Product, ...]:
    """Draw 10 to 22 articles with near-duplicates among them (green mug, blue mug, green bowl)."""
    nouns = rng.sample(list(wording.COLOURED_NOUNS), 4)
    colours = rng.sample(wording.COLOURS, 4)
    grid = [f"{colour} {noun}" for colour in colours for noun in nouns]
    names = set(rng.sample(grid, rng.randrange(6, 12)))
    for noun in rng.sample(list(wording.KINDS), rng.randrange(2, 5)):
        sorts = wording.KINDS[noun][1]
        names |= {f"{sort} {noun}" for sort in rng.sample(sorts, min(len(sorts), rng.randrange(2, 4)))}
    if pinned:
        names |= {*pinned, "Blue mug", "Green bowl", "Floor lamp"}
    ordered = rng.sample(sorted(names), len(names))
    return tuple(_draw_product(rng, name) for name in ordered)


def _draw_product(rng: Random, name: str) -> Product:
    noun = name.split()[-1]
    department = wording.COLOURED_NOUNS.get(noun) or wording.KINDS[noun][0]
    return Product(
        slug=name.lower().replace(" ", "-"),
        name=name,
        noun=noun,
        department=wording.DEPARTMENTS[department],
        price=rng.randrange(*(18, 60) if noun in _DEAR else (4, 24)) * 100 + rng.choice((0, 50, 95)),
        stock=rng.randrange(12, 40),
        blurb=rng.choice(wording.BLURBS),
    )


def _draw_deliveries(rng: Random, pinned: bool) -> tuple[str, ...]:
    """Draw 2 to 4 speeds; where `pinned`, standard, express and economy."""
    texts = {word: rng.choice(texts) for word, texts in wording.DELIVERIES.items()}
    if pinned:
        return (texts["standard"], texts["express"], texts["economy"])
    return tuple(rng.sample(list(texts.values()), rng.choice((2, 3, 3, 4))))


def _draw_tickets(rng: Random, pinned: str | None) -> tuple[Ticket, ...]:
    """Draw 6 to 14 tickets: some first names shared, some closed, one customer with two open ones."""
    firsts = rng.sample(list(wording.FIRST_NAMES), 9)
    firsts += rng.sample(firsts, 2)
    lasts = rng.sample(wording.LAST_NAMES, len(firsts))
    people = [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]
    if pinned:
        people = [
            pinned,
            f"{pinned.split()[0]} Whitlock",
            *(name for name in people if name.split()[0] != "Ada"),
        ]
    people = people[: rng.randrange(6, 11)]
    entries = [(person, person != pinned and rng.random() < 0.2) for person in people]
    entries.append((people[-1], True))
    twice = people[-2]
    entries = [entry for entry in entries if entry[0] != twice] + [(twice, False), (twice, False)]
    subjects = rng.sample(list(wording.SUBJECTS), len(entries))
    first_id = rng.randrange(140, 900)
    rng.shuffle(entries)
    return tuple(
        _draw_ticket(rng, first_id + 2 * index + rng.randrange(2), person, subject, closed)
        for index, ((person, closed), subject) in enumerate(zip(entries, subjects, strict=True))
    )


def _draw_ticket(rng: Random, ticket: int, person: str, subject: str, closed: bool) -> Ticket:
    lines = [("customer", wording.SUBJECTS[subject])]
    if closed or rng.random() < 0.3:
        lines.append(("desk", rng.choice(wording.DESK_LINES)))
    return Ticket(id=ticket, customer=person, subject=subject, closed=closed, lines=tuple(lines))


def _draw_layout(rng: Random) -> Layout:
    fields = ["name", "delivery", "date", "gift", "payment"]
    if rng.random() < 0.6:
        rng.shuffle(fields)
    return Layout(
        theme=rng.randrange(5),
        shelf=rng.choice(("cards", "cards", "rows")),
        per_page=rng.randrange(5, 9),
        opener=rng.choice(("name", "name", "button")),
        bag_link=rng.choice(("header", "header", "strip", "foot")),
        search_everywhere=rng.random() < 0.6,
        search_mode=rng.choice(("all", "any")),
        after_add=rng.choice(("bag", "stay")),
        update=rng.choice(("table", "row")),
        facts=rng.choice(("list", "table")),
        quantity_field=rng.choice(("number", "text")),
        blank_delivery=rng.random() < 0.5,
        date_text=rng.choice(("plain", "plain", "weekday", "iso")),
        field_order=tuple(fields),
        desk_buttons=rng.choice(("joint", "separate")),
        desk_page=rng.randrange(6, 11),
        dead_button=rng.choice(("add", "review", "final", "answer", "update")),
        late_part=rng.choice(("shelf", "product", "bag", "desk", "order")),
        late_ms=rng.randrange(300, 701),
        late_by=rng.choice(("timer", "server")),
    )
