"""Generated web pages: every episode ends with its goal reached, and views are as the browser prints them."""

import re
from functools import cache
from random import Random

import pytest

from punchlist.agents.training import web_pages, words
from punchlist.agents.training.sites import Line
from punchlist.agents.training.web_page import Move, Page
from punchlist.agents.training.web_stage import MOST_STEPS, NeverReached, Play, play
from punchlist.agents.training.web_steps import WebStep
from punchlist.agents.wording import fold
from punchlist.examples.site import wording
from punchlist.tools.browser.actions import parse_action
from punchlist.tools.browser.view import TEXT_ROLES, Element, View

SEEDS = 200
SOME = 60
ROLES = (
    "link button textbox searchbox password number date select checkbox radio tab menuitem option file other"
)
THING = re.compile(rf"\[(\d+)\] ({ROLES.replace(' ', '|')})(:.*| \S.*)?")
NOTHING = Element(0, "other", "")
VALUED = TEXT_ROLES | {"select", "checkbox", "radio"}


@cache
def episodes(family: str, count: int = SOME) -> list[list[WebStep]]:
    return [web_pages.episode_of(family, Random(seed)) for seed in range(count)]


def wrong_parts(view: View) -> list[str]:
    """Parts of a view that the observer would not print so."""
    found: list[str] = []
    for line in view.lines:
        for part in line:
            if isinstance(part, str):
                found += [part] if not part or part != " ".join(part.split()) else []
                continue
            fits = bool(THING.fullmatch(part.text())) and part.name == " ".join(part.name.split())
            fits = fits and (part.value is not None) == (part.role in VALUED)
            fits = fits and (part.role != "select" or part.value in ("", *part.options))
            fits = fits and (part.role not in ("checkbox", "radio") or part.value in ("on", "off"))
            fits = fits and (part.role != "password" or part.value in ("", "••••••"))
            found += [] if fits else [part.text()]
        found += [] if 0 < len(line) <= 14 else [f"a row of {len(line)} parts"]
    return found


@pytest.mark.parametrize("family", web_pages.FAMILIES)
def test_every_episode_reaches_its_goal_within_its_steps(family: str) -> None:
    for seed in range(SEEDS):
        page = web_pages.FAMILIES[family][0](Random(seed))

        steps = play(page)

        assert page.reached != page.absent and len(steps) <= MOST_STEPS
        assert steps[-1].action.verb == ("cannot" if page.absent else "done")
        assert steps[-1].action.text == page.answer and all(step.goal == page.goal for step in steps)


@pytest.mark.parametrize("family", web_pages.FAMILIES)
def test_views_are_as_the_observer_prints_them(family: str) -> None:
    for step in (step for episode in episodes(family) for step in episode):
        assert wrong_parts(step.view) == []
        assert list(step.view.elements) == list(range(1, len(step.view.elements) + 1))
        assert step.view.text().startswith(f"page {step.view.path}: ")
        if step.action.verb != "cannot":  # which says why elsewhere
            assert parse_action(step.action.line(), step.view) == step.action


@pytest.mark.parametrize("family", web_pages.FAMILIES)
def test_an_action_is_one_that_its_thing_takes(family: str) -> None:
    for step in (step for episode in episodes(family) for step in episode):
        element = step.view.elements.get(step.action.target or 0, NOTHING)
        if step.view.dialog is not None:
            assert step.action.verb == "dialog"
        elif step.action.verb == "type":
            assert element.role in TEXT_ROLES
        elif step.action.verb == "select":
            assert step.action.text in element.options
        else:
            assert (
                step.action.verb in ("press", "wait", "done", "scroll", "back", "cannot")
                or not element.disabled
            )


def test_episodes_are_the_same_for_the_same_seed() -> None:
    for seed in range(100):
        assert web_pages.web_episode(Random(seed)) == web_pages.web_episode(Random(seed))


def test_about_a_quarter_of_the_actions_mend_something() -> None:
    actions = mends = 0
    for family, (make, share) in web_pages.FAMILIES.items():
        for seed in range(10 * share):
            episode = Play(make(Random(f"{family} {seed}")))
            actions += len(episode.run()) - 1
            mends += episode.mends

    assert 0.18 < mends / actions < 0.35


def test_goals_are_sentences_of_many_wordings() -> None:
    for family in web_pages.FAMILIES:
        goals = [episode[0].goal for episode in episodes(family)]

        assert all(goal == " ".join(goal.split()) and not re.search(r"[{}|]", goal) for goal in goals)
        assert len({goal.split()[0].lower() for goal in goals}) >= 2


def test_a_page_that_does_not_come_to_its_goal_is_said_to_be_at_fault() -> None:
    class Stuck(Page):
        def lines(self) -> list[Line]:
            return [[self.thing("b", "button", words.fresh(Random(1)))]]

        def move(self) -> Move:
            return Move("click", "b")

    with pytest.raises(NeverReached, match="Stuck was not done"):
        play(Stuck(Random(1)))


def test_no_label_of_the_example_site_is_on_a_page() -> None:
    shown: set[str] = set()
    for seed in range(1500):
        for step in web_pages.web_episode(Random(seed)):
            for line in step.view.lines:
                for part in line:
                    shown |= {part} if isinstance(part, str) else {part.name, *part.options}
    known = {fold(text) for text in (*wording.every_label(), *wording.every_product())}

    assert known & {fold(text) for text in shown} <= {"yes", "no"}
