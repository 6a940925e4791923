"""What nobody asked for: goods, options and payments that an order or its form holds beside the goal's.

Consent to terms chooses nothing, unless it is one with a price, a club or a letter. What every order costs
(sums, tax, delivery) is no extra. A price behind anything else is one, or at least leaves it open.

Does not cover: extras without a price that a page shows in no row that says yes, and in no tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..wording import fold, words
from .checks import REMARK, Page, facts, is_order_line, order_lines, reads_empty, root_words, same_thing
from .options import YES

PRICE = re.compile(
    r"(?P<minus>(?<!\w)[-−])?(?:(?:[£$€]|\b(?:eur|usd|gbp)\s)\s?(?P<before>\d[\d.,]*)"
    r"|(?P<behind>\d[\d.,]*)\s?(?:[£$€]|(?:eur|usd|gbp)\b))",
    re.IGNORECASE,
)
BARE_PRICE = re.compile(r"\d[\d.,]*[.,]\d\d")
EXTRAS = frozenset(
    """insurance insure protect protection warranty guarantee donate donation donations tip gratuity charity
    club membership subscription subscribe offset upgrade""".split()
)
"""Words of what costs more than the order, whatever else its label says."""

LETTERS = frozenset("join newsletter newsletters marketing offers".split())
"""Words of ticks that are no mere consent."""

CONSENT = frozenset("agree accept terms conditions term condition".split())
PLAIN = CONSENT | frozenset(
    "tax vat shipping delivery postage price subtotal total stock available paid confirmed".split()
)
"""Words of labels that say yes about every order."""

AGREED = CONSENT | {"same", "billing", "remember", "save"}
"""Words of ticks that choose nothing: consent, and what goes on as before."""

SUMS = frozenset(
    """total totals subtotal sum altogether everything grand amount balance due pay paid payment payable price
    prices cost costs each value tax vat gst duty duties net gross deliver delivery shipping shipment postage
    courier handling fee fees surcharge rounding discount voucher coupon promotion rebate refund saving
    savings save saved points charged basket cart trolley""".split()
)
"""Words of labels of what every order costs."""

GOODS = frozenset("order orders item items goods products articles merchandise your our the my in of".split())
"""Words that a label of such a sum may be made of alone."""

OFFERED = frozenset("from over above under below to until spend was only save for now".split())
"""Words right before a price that nobody pays by them."""

SUGGESTED = frozenset("also like liked recommended related suggestions viewed well".split())
"""Words of headings above what a shop would like to sell."""

ADDING = frozenset("add buy".split())
HELD = frozenset("remove delete again list note".split())
"""Words of what is pressed in the row of something that could be bought, and of something that was."""

MOST_WORDS = 4
"""A text of more words before its price is a sentence."""


def costs(text: str) -> bool:
    """Whether a text names a price: more than nothing, and nothing that is taken off."""
    found = [(hit["minus"], hit["before"] or hit["behind"]) for hit in PRICE.finditer(text)]
    if not found and BARE_PRICE.fullmatch(text.strip()):
        found = [(None, text)]
    return any(not minus and bool(re.search("[1-9]", number)) for minus, number in found)


def is_extra(text: str) -> bool:
    """Whether words of a choice or a row are about something beside the goods, as insurance or a club."""
    return bool(set(words(text)) & EXTRAS)


def is_mere(name: str, agreed: frozenset[str]) -> bool:
    """Whether a label has one of these words, and speaks of no price, extra or letter beside it."""
    said = set(words(name))
    return bool(said & agreed) and not said & LETTERS and not is_extra(name) and not costs(name)


def is_asked(text: str, options: Iterable[str]) -> bool:
    """Whether a text has all words of one of the options, and speaks of no extra beside it."""
    said, spoken = root_words(text), set(words(text))
    return any(root_words(item) <= said and not spoken & EXTRAS - set(words(item)) for item in options)


def holds_nothing_else(page: Page, names: Sequence[str], options: Sequence[str] = ()) -> bool | str | None:
    """Whether every line of the order is one of `names`, and nothing else is paid for but `options`."""
    lines = order_lines(page)
    strangers = [shown for shown, _ in lines if not any(same_thing(shown, name) for name in names)]
    if strangers:
        return ", ".join(strangers)
    if (paid := pays_nothing_else(page, names, options)) is not True:
        return paid
    return True if lines or reads_empty(page) else None


def nothing_unasked(page: Page, said: Sequence[str], names: Sequence[str] = ()) -> bool | str | None:
    """Whether every row and tick that says yes, or has a price, is about something that was asked for.

    Args:
        page: The order, or its form.
        said: The options that were asked for.
        names: The goods.
    """
    ticks = [(name, (value,)) for role, name, value in page.fields if role == "checkbox"]
    for label, values in [*facts(page), *ticks]:
        value = {word for word in words(" ".join(values)) if word not in ".,!"}
        if value and value <= YES and not is_mere(label, PLAIN) and not is_asked(label, said):
            return fold(label)
    return pays_nothing_else(page, names, said)


def pays_nothing_else(page: Page, names: Sequence[str], options: Sequence[str]) -> bool | str | None:
    """Whether every row with a price is about the goods, the options, or what every order costs.

    An insurance, a donation or the like is named; of other rows it cannot be told what they are.
    """
    told = [label for label in _paid_labels(page) if not _is_known(label, names, options)]
    named = next((fold(label) for label in told if is_extra(label)), None)
    return named if named is not None else None if told else True


def _is_known(label: str, names: Sequence[str], options: Sequence[str]) -> bool:
    """Whether a label of a price is of the goods, an option that was asked for, or a sum."""
    said = {word for word in words(label) if word.isalpha()}
    goods = re.sub(r"^\d+\s*[x×]?\s|\s[x×]?\s*\d+$", "", label.strip(), flags=re.IGNORECASE)
    if is_asked(label, options) or any(same_thing(goods, name) for name in names):
        return True
    return not is_extra(label) and (bool(said & (SUMS | REMARK)) or said <= GOODS)


def _paid_labels(page: Page) -> list[str]:
    """Labels of rows and short texts with a price, apart from lines of an order, fields and mere offers."""
    fields = {cell for _, name, value in page.fields for cell in (value, f"{name}: {value}")}
    found: list[str] = []
    suggested = False
    for row in page.rows:
        lone = len(row) == 1 and row[0] not in page.links and row[0] not in fields
        if lone and not costs(row[0]):
            suggested = bool(set(words(row[0])) & SUGGESTED)
        if is_order_line(row) or _is_offer(row, page.links, suggested):
            continue
        if lone and (label := _before_price(row[0])):
            found.append(label)
        elif len(row) > 1 and any(_is_paid(cell) for cell in row if cell not in fields):
            found += [cell for cell in row if re.search(r"[^\W\d]", PRICE.sub("", cell))][:1]
    return found


def _before_price(text: str) -> str:
    """The label of a short text that ends with a price; empty where it is none, a sentence or an offer."""
    last = next((hit for hit in PRICE.finditer(text.strip()) if hit.end() == len(text.strip())), None)
    label = text.strip()[: last.start()] if last and costs(last.group()) else ""
    said = [word for word in words(label) if word[0].isalnum()]
    return label if 0 < len(said) <= MOST_WORDS and said[-1] not in OFFERED else ""


def _is_paid(cell: str) -> bool:
    """Whether a cell has a price that is not merely a bound, as in `free over £50`."""
    first = PRICE.search(cell)
    before = words(cell[: first.start()]) if first else []
    return costs(cell) and not (before and before[-1] in OFFERED)


def _is_offer(row: tuple[str, ...], links: Sequence[str], suggested: bool) -> bool:
    """Whether a row shows something that could be bought, and was not."""
    pressed = {word for cell in row if cell in links for word in words(cell)}
    if pressed & HELD:
        return False
    return bool(pressed & ADDING) or (suggested and bool(row) and row[0] in links)
