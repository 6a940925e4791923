"""What a worker may act on in a step: the things of a page that no rule leaves alone.

A step about one thing or person leaves the rows of others alone; a step goes on with what the page shows by
its name before it looks elsewhere; nothing is pressed that says the opposite of the step. The grammar of a
worker's answer is built from these, so they hold however small or misled the model is. They are conditions
that must hold, not a policy: which of the usable things it is, is the model's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ...tools.browser.view import Element, Line, View
from ..checking import checks, extras
from ..checking.checks import Page
from ..days import days_in
from ..steps import Step
from ..wording import fold, words
from .buttons import against, says_both
from .rows import (
    at_its_page,
    counts,
    is_closed,
    is_count,
    is_form,
    is_product,
    is_record,
    mentions,
    presses,
    related,
    searching,
    subject_of,
    text_of,
)

LOOKING = ("add", "open ticket")
"""Verbs of steps that may look for something with a search box."""


CONSENT = extras.CONSENT | {"read"}
"""Words of a checkbox that must be ticked to go on."""


COMMITTING = frozenset("close send post resolve resolved solve solved delete remove place buy order".split())
"""Words of buttons that do what cannot be meant by opening something."""


CARTS = frozenset("cart basket bag trolley".split())
"""What a cart is called."""


def _carts(view: View) -> set[int]:
    """Numbers of the links that are called a cart."""
    links = (item for item in view.elements.values() if item.role == "link")
    return {item.number for item in links if CARTS & set(words(item.name))}


def shown_there(view: View, step: Step) -> set[int]:
    """Numbers of the things that lead to what a step looks for, where a page shows it by its very name.

    Then the step goes on with it: it neither searches nor leaves the page. Empty where the page shows no such
    thing, or is the thing's own page.
    """
    subject = subject_of(step)
    if step.verb not in ("add", "open ticket") or not subject:
        return set()
    if at_its_page(view, step):
        return set()
    about = fold(step.text.partition(" about ")[2])
    left = _barred(view, step)
    if step.verb == "open ticket" and not about:  # an open one may stand on another page
        left += [line for line in view.lines if is_closed(line)]
    return {
        part.number
        for line in view.lines
        for part in line
        if isinstance(part, Element)
        and not part.disabled
        and part.role in ("link", "button", "other")
        and line not in left
        and _shows_it(line, step.verb, subject)
        and about in fold(text_of(line))
    }


def _shows_it(line: Line, verb: str, subject: str) -> bool:
    """Whether a line is about a person, or a thing of exactly this name: a row of it, or a link to it."""
    if verb == "open ticket":
        return is_record(line) and mentions(text_of(line), subject)
    alone = len(line) == 1 and isinstance(line[0], Element) and line[0].role == "link"
    named = [part if isinstance(part, str) else part.name for part in line]
    return (alone or is_record(line)) and any(checks.same_thing(name, subject) for name in named)


def _barred(view: View, step: Step) -> list[Line]:
    """Rows of a list of tickets that this step leaves alone.

    Who is to open somebody's ticket means an open one, unless its subject is told. Who answers or closes one
    does it on the ticket's page.
    """
    rows = [line for line in view.lines if is_record(line)]
    if step.verb in ("reply", "send", "close"):
        return rows if checks.lists_tickets(Page.of(view)) else []
    if step.verb != "open ticket":
        return []
    about = step.text.partition(" about ")[2]
    theirs = [line for line in rows if mentions(text_of(line), subject_of(step))]
    closed = [line for line in theirs if is_closed(line)]
    return [line for line in closed if not (about and mentions(text_of(line), about))]


def has_control(view: View, step: Step) -> bool:
    """Whether the page has what a step is to choose, to date, or to agree to first."""
    things = [part for line in view.lines for part in line if isinstance(part, Element) and not part.disabled]
    if step.verb == "choose":
        return any(
            (part.role in ("radio", "checkbox") and may_use(part, step))
            or any(may_select(option, step) for option in part.options)
            for part in things
        )
    if step.verb == "review":
        return any(part.role == "checkbox" and part.value == "off" and may_use(part, step) for part in things)
    return step.verb == "fill" and any(part.role == "date" and may_use(part, step) for part in things)


def may_use(element: Element, step: Step) -> bool:
    """Whether a thing may be clicked or typed into during this step.

    Choices are made in the steps that are about choosing, and only where they are related to what was said;
    consent is given only on the way to the review; a search box takes what is looked for, and a field with a
    number no words. Links and buttons may be used in every step.
    """
    if element.role == "searchbox":
        return step.verb in LOOKING
    if step.verb in ("fill", "reply") and element.role in ("number", "textbox") and element.value:
        return not element.value.isdigit() or any(char.isdigit() for span in step.spans for char in span)
    if element.role == "radio":
        return step.verb == "choose" and related(step.text, element.name)
    if element.role == "checkbox":
        asked = element.value == "off" and extras.is_mere(element.name, CONSENT)
        consent = step.verb == "review" and asked
        return consent or (step.verb == "choose" and related(step.text, element.name))
    if element.role == "date":
        return step.verb == "fill" and bool(days_in(" ".join(step.spans)))
    return True


def may_select(option: str, step: Step) -> bool:
    """Whether an option of a select may be chosen during this step."""
    if step.verb in ("add", "set"):
        return fold(option) in {fold(span) for span in step.spans}
    if step.verb == "close":
        return True
    return step.verb == "choose" and related(step.text, option)


def _titled_otherwise(line: Line, name: str, about: str) -> bool:
    """Whether a row has a title of several words, beside the name, that is not the subject that is meant."""
    cells = [fold(part if isinstance(part, str) else part.name) for part in line]
    titles = [cell for cell in cells if len(cell.split()) > 1 and cell != fold(name)]
    return bool(titles) and not any(fold(about) in cell for cell in titles)


def _numbers(page: Page) -> list[str]:
    """What the fields for a count hold; one empty text where there is none."""
    return [value for role, _, value in page.fields if value.isdigit() or role == "number"] or [""]


def _takes_counts_or_search(field: tuple[str, str, str]) -> bool:
    """Whether a field (role, name, value) is a search box or holds a count."""
    role, _, value = field
    return role in ("searchbox", "number") or value.isdigit()


@dataclass(frozen=True)
class Scene:
    """A page as one step sees it: what the rules about its things need to know."""

    view: View
    step: Step

    @cached_property
    def subject(self) -> str:
        """What or whom the step is about."""
        return subject_of(self.step)

    @cached_property
    def page(self) -> Page:
        """The page by its lines and fields."""
        return Page.of(self.view)

    @cached_property
    def about(self) -> str:
        """The subject of the ticket that is to be opened; empty where none is told."""
        return self.step.text.partition(" about ")[2] if self.step.verb == "open ticket" else ""

    @cached_property
    def held(self) -> bool:
        """Whether the page has what the step is to choose, to date or to agree to first."""
        return has_control(self.view, self.step)

    @cached_property
    def leads(self) -> set[int]:
        """Numbers of the things that lead to what the step looks for."""
        return shown_there(self.view, self.step)

    @cached_property
    def own(self) -> bool:
        """Whether this is the page of the thing that is to be added."""
        return at_its_page(self.view, self.step)

    @cached_property
    def carts(self) -> set[int]:
        """Numbers of the links that are called a cart, where the cart is to be opened."""
        return _carts(self.view) if self.step.verb == "open cart" else set()

    @cached_property
    def joint(self) -> bool:
        """Whether one button of the page answers and closes at once."""
        return any(item.role == "button" and says_both(item.name) for item in self.view.elements.values())

    @cached_property
    def searching(self) -> set[int]:
        """Numbers of the buttons of search boxes."""
        return searching(self.view)

    @cached_property
    def barred(self) -> list[Line]:
        """Rows of a list of tickets that are left alone."""
        return _barred(self.view, self.step)

    @cached_property
    def form(self) -> bool:
        """Whether the page asks for days, choices or consent."""
        return is_form(self.page)

    @cached_property
    def short(self) -> bool:
        """Whether the count that is wanted does not stand in the field for it yet."""
        return self.own and not any(value in ("", self.step.spans[0]) for value in _numbers(self.page))

    @cached_property
    def counted(self) -> bool:
        """Whether a count is to be set that stands on this page."""
        return self.step.verb == "set" and counts(self.view, self.step)

    @cached_property
    def filled(self) -> bool:
        """Whether words for something to add have no place in plain fields: the page has others for them."""
        fields = self.form or any(_takes_counts_or_search(field) for field in self.page.fields)
        return self.step.verb == "add" and fields

    @cached_property
    def other(self) -> bool:
        """Whether this is the page of another thing than the one that is to be added."""
        product = self.step.verb == "add" and is_product(self.page)
        return product and not mentions(f"{self.view.title} {self.page.text()}", self.subject)


Rule = Callable[[Scene, Line, Element], bool]
"""Whether a step leaves a thing of a line alone."""


def _row_of_another(scene: Scene, line: Line, thing: Element) -> bool:
    """A row about another thing or person; of several tickets of one person, one with another title."""
    if not is_record(line):
        return False
    named = not scene.subject or mentions(text_of(line), scene.subject)
    return not named or bool(scene.about and _titled_otherwise(line, scene.subject, scene.about))


def _row_of_tickets(scene: Scene, line: Line, thing: Element) -> bool:
    """A ticket that is closed already, or one that is only listed where it is to be answered or closed."""
    return line in scene.barred


def _row_of_the_cart(scene: Scene, line: Line, thing: Element) -> bool:
    """A row with a count while details are filled in."""
    details = scene.step.verb in ("fill", "choose", "review", "place")
    return details and is_record(line) and any(is_count(other) for other in line)


def _page_of_another(scene: Scene, line: Line, thing: Element) -> bool:
    """What adds or counts on the page of another thing."""
    return scene.other and thing.role in ("button", "number", "select")


def _no_cart(scene: Scene, line: Line, thing: Element) -> bool:
    """What is not called a cart, where something is and the cart is to be opened."""
    return bool(scene.carts) and thing.number not in scene.carts


def _against_the_step(scene: Scene, line: Line, thing: Element) -> bool:
    """A button that says the opposite of the step, or that commits to something in a step that only opens."""
    opens = scene.step.verb in ("open cart", "open ticket")
    commits = opens and bool(COMMITTING & set(words(thing.name)))
    return thing.role == "button" and (commits or against(thing.name, scene.step, scene.joint))


def _way_off(scene: Scene, line: Line, thing: Element) -> bool:
    """A way to elsewhere while the page has what the step needs: a field, a row, a thing of that name."""
    if scene.held and thing.role in ("button", "link", "other"):
        return True
    near = presses(thing, scene.view) and mentions(text_of(line), scene.subject)
    if scene.leads and thing.number not in scene.leads and not near:
        return True
    form = scene.step.verb == "review" and scene.form
    return (form or scene.own or scene.counted) and thing.role == "link"


def _too_early(scene: Scene, line: Line, thing: Element) -> bool:
    """What adds a thing before its count stands in the field for it."""
    return scene.short and thing.role in ("button", "other")


def _search(scene: Scene, line: Line, thing: Element) -> bool:
    """A search in a step that looks for nothing, or on the very page of the thing."""
    if thing.number in scene.searching:
        return scene.own or scene.step.verb not in LOOKING
    return scene.own and thing.role == "searchbox"


def _field_of_a_form(scene: Scene, line: Line, thing: Element) -> bool:
    """A field for words, where a thing is to be added and the page has a search box or a field for counts."""
    return scene.filled and thing.role == "textbox" and not (thing.value or "").isdigit()


RULES: tuple[Rule, ...] = (
    _row_of_another,
    _row_of_tickets,
    _row_of_the_cart,
    _page_of_another,
    _no_cart,
    _against_the_step,
    _way_off,
    _too_early,
    _search,
    _field_of_a_form,
)


def usable(view: View, step: Step) -> set[int]:
    """Numbers of the things that may be acted on during this step: those that no rule leaves alone."""
    scene = Scene(view, step)
    return {
        part.number
        for line in view.lines
        for part in line
        if isinstance(part, Element)
        and not part.disabled
        and may_use(part, step)
        and not any(rule(scene, line, part) for rule in RULES)
    }
