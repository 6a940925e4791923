"""Generated pages of shops and help desks, as the views that the browser would print, with right answers.

Each page function draws one page in one state and returns a `Sheet`: the view, and cases (history, step,
right answer) that all belong to this state of this page. Several cases on one page cost its tokens once.
Flaws that real sites have are part of the states: a click without effect, content that loads late, a lost
quantity, an item out of stock, dialogs, error texts, a page that is the wrong one.

Does not cover: real HTML. The wording shares no full label, product or sentence with `examples/site`
(a test holds the two against each other).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ...tools.browser.actions import parse_action
from ...tools.browser.view import Dialog, View
from ..acting.claims import may_claim, reasons
from ..acting.uses import usable
from ..steps import Done, Step
from . import labels, words
from .cart_pages import cart
from .checkout_pages import form, placed, review
from .desk_pages import inbox, saved, ticket
from .shop_pages import listing, product
from .sites import Case, Sheet, Site, add_step, chrome, elsewhere, footer
from .words import pick


def dialog(rng: Random) -> Sheet:
    """A page behind an open dialog."""
    site = Site.draw(rng)
    texts = f"""
        place this order? | are you sure? | really send? | order now? | close this ticket? |
        remove this item? | this cannot be undone | continue? | buy for {words.price(rng)}? |
        send the reply and close? | {" ".join(words.sentence(rng))}
    """
    text = pick(rng, texts)
    path = pick(rng, "/review | /cart | /tickets/4 | /checkout")
    sheet = Sheet(path, site.brand, dialog=Dialog(rng.choice(("confirm", "confirm", "alert")), text))
    good = rng.choice(site.goods)
    name = " ".join(good)
    step, label = rng.choice(
        (
            (Step("place"), "final"),
            (Step("place"), "final"),
            (Step("close"), "close"),
            (Step("send"), "send"),
            (add_step(good, rng), "add"),
            (Step("remove", name, (name,)), "remove"),
            (Step("review"), "review"),
            (Step("reply", name, (name,)), "send"),
        )
    )
    clicked = Done(f"click {site.labels[label]}", f"dialog confirm: {text}")
    sheet.ask(step, "dialog accept", *rng.choice(([], [clicked], [clicked])))
    return sheet


def stray(rng: Random) -> Sheet:
    """A page that has nothing to do with the step: leave it by the navigation."""
    site = Site.draw(rng)
    path = pick(rng, "/about | /terms | /contact | /blog | /404 | /orders")
    sheet = Sheet(path, rng.choice(labels.OTHERS))
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
    (listing, 22),
    (product, 20),
    (cart, 13),
    (form, 16),
    (review, 6),
    (placed, 6),
    (inbox, 9),
    (ticket, 11),
    (saved, 1),
    (dialog, 2),
    (stray, 2),
)
"""Page kinds with their shares."""


def is_legal(view: View, case: Case) -> bool:
    """Whether the right answer acts on something that the step may use, or claims what may be claimed."""
    action = parse_action(case.answer, view)
    if action.verb == "done" and view.dialog is None:
        return may_claim(view, case.history, case.step)
    if action.verb == "cannot":
        return action.text in reasons(view, case.history, case.step)
    return action.target is None or action.target in usable(view, case.step)


def draw(rng: Random) -> Sheet:
    """A page of a random kind with at least one case."""
    makers, weights = zip(*PAGES, strict=True)
    while True:
        sheet = rng.choices(makers, weights)[0](rng)
        view = sheet.view()
        sheet.cases = [case for case in sheet.cases if is_legal(view, case)]
        if sheet.cases:
            sheet.wander(rng)
            rng.shuffle(sheet.cases)
            return sheet
