"""What a worker may claim and choose: a claim that the page refutes, or an unasked choice, cannot be said.

The grammar of a worker's answer is built from these, so they hold however small or misled the model is. They
are conditions that must hold, not proofs: what is claimed is verified all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..tools.browser.view import TEXT_ROLES, Element, View
from . import checks
from .checks import Page
from .steps import Done, Step
from .wording import fold, words

CONSENT = frozenset("agree accept terms conditions term condition read".split())
"""Words of a checkbox that must be ticked to go on."""

ALIKE = 3
"""First letters in which two words must agree to count as related (`wrap`, `wrapping`)."""


def may_claim(view: View, history: Sequence[Done], step: Step) -> bool:
    """Whether `done` may be said in this step on this page."""
    page = Page.of(view)
    if step.verb == "add":
        return any(item.action.startswith("click") and item.result.startswith("ok") for item in history)
    if step.verb == "open cart":
        return bool(checks.order_lines(page)) or any(value.isdigit() for _, _, value in page.fields)
    if step.verb == "set":
        count, _, name = step.text.partition(" x ")
        found = checks.holds_item(page, name, int(count))
        return not (isinstance(found, str) and found.startswith("the page shows"))
    if step.verb == "fill":
        return holds_value(page, step.spans[0]) if step.spans else False
    if step.verb == "choose":
        return is_chosen(page, step.text)
    if step.verb == "reply":
        return holds_value(page, step.text) or checks.shows_text(page, step.text) is True
    if step.verb == "close":
        return checks.ticket_is_closed(page) != "no"
    if step.verb == "open ticket" and step.spans:
        return checks.shows_text(page, step.spans[0]) is True
    return True


def holds_value(page: Page, said: str) -> bool:
    """Whether a field of the page holds what was said, dates in any notation."""
    day = checks.days_in(said)
    return any(
        fold(value) == fold(said)
        or (bool(day) and [hit[:2] for hit in checks.days_in(value)] == [day[0][:2]])
        for role, _, value in page.fields
        if role in TEXT_ROLES
    )


def is_chosen(page: Page, said: str) -> bool:
    """Whether something related to what was said is on or selected."""
    return any(
        related(said, name if role in ("radio", "checkbox") else value)
        for role, name, value in page.fields
        if value == "on" or role == "select"
    )


def may_use(element: Element, step: Step) -> bool:
    """Whether a thing may be clicked or typed into during this step.

    Choices are made in the steps that are about choosing, and only where they are related to what was said;
    consent is given only on the way to the review. Links and buttons may be used in every step.
    """
    if element.role == "radio":
        return step.verb == "choose" and related(step.text, element.name)
    if element.role == "checkbox":
        consent = step.verb == "review" and bool(CONSENT & set(words(element.name)))
        return consent or (step.verb == "choose" and related(step.text, element.name))
    if element.role == "date":
        return step.verb == "fill" and bool(checks.days_in(" ".join(step.spans)))
    return True


def may_select(option: str, step: Step) -> bool:
    """Whether an option of a select may be chosen during this step."""
    if step.verb in ("add", "set"):
        return fold(option) in {fold(span) for span in step.spans}
    if step.verb == "close":
        return True
    return step.verb == "choose" and related(step.text, option)


def related(said: str, shown: str) -> bool:
    """Whether two texts share a word, by its first letters."""
    spoken = [word for word in words(said) if word[0].isalnum()]
    heads = {word[:ALIKE] for word in spoken if word not in checks.SMALL} or {word[:ALIKE] for word in spoken}
    return any(word[:ALIKE] in heads for word in words(shown))
