"""Workers with nothing but a browser do the tasks of a plan on pages, in a real browser."""

from __future__ import annotations

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.acting.browse import UNDRAWN
from punchlist.agents.checking.criteria import shows
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.capabilities import Capabilities
from punchlist.examples.site import Site
from punchlist.protocols import Confirmed
from punchlist.protocols.spec import Check
from punchlist.tools.browser import Browser, Secret, took_effect
from punchlist.tools.permissions import preset

from ..tools.browser.site import Site as Pages

GOAL = 'Search the shop for "green mug" and open it.'


@pytest.fixture
def shop():
    with Site(seed=3, flaws=()) as site:
        yield site


async def done_by(answers, shop, journal, spec=(), attempts=2):
    """How a plan of one task ends, and what its model was asked."""
    model = ScriptedModel(answers)
    async with Browser(allow=[shop.url]) as browser:
        plan = Plan()
        plan.task("shopping", GOAL, spec=spec, attempts=attempts)
        manager = Manager(None, workers=[Worker("web", model, [browser])], journal=journal)
        outcome = await manager.run(plan)
    return outcome, model.asked


def opened(result):
    return "mug" in result["answer"].lower() or f"it says {result['answer']!r}"


async def test_a_task_of_a_plan_is_done_on_pages(shop, tmp_path):
    answers = numbered("type search [{search}] = green mug", "press enter", "done = green mug")

    outcome, asked = await done_by(answers, shop, tmp_path / "run.db", [Check("names it", opened)])

    assert isinstance(outcome, Confirmed)
    assert "goal : search the shop for" in asked[0] and "did : press enter" in asked[-1]


def numbered(*answers):
    """Answers in order, the number of the search field put in as the page gives it."""
    rest = iter(answers)

    def answer(text):
        rows = [row for row in text.splitlines() if row.startswith("searchbox")]
        number = rows[0].partition("[")[2].partition("]")[0] if rows else ""
        name = rows[0].partition(" ")[2].partition(" [")[0] if rows else ""
        return next(rest).replace("search [{search}]", f"{name} [{number}]")

    return answer


async def test_a_task_ends_when_the_page_shows_what_is_looked_for(shop, tmp_path):
    answers = numbered("type search [{search}] = green mug", "press enter")

    spec = [shows("answer to “green mug”", "shopping")]
    outcome, asked = await done_by(answers, shop, tmp_path / "run.db", spec)

    assert isinstance(outcome, Confirmed) and len(asked) == 2


async def test_a_word_that_it_is_done_does_not_count_right_behind_what_had_no_effect(shop, tmp_path):
    answers = numbered("press enter", "done", "type search [{search}] = green mug", "done = green mug")

    outcome, asked = await done_by(answers, shop, tmp_path / "run.db", [Check("names it", opened)])

    assert isinstance(outcome, Confirmed)
    assert "did : done : refused : the last action had no effect" in asked[2]


async def test_what_failed_verification_is_told_in_the_next_attempt(shop, tmp_path):
    answers = numbered("done = shop", "done = green mug")

    outcome, asked = await done_by(answers, shop, tmp_path / "run.db", [Check("names it", opened)])

    assert isinstance(outcome, Confirmed)
    assert "did : before : refused" in asked[1]


async def test_a_goal_that_cannot_be_reached_is_not_confirmed(shop, tmp_path):
    outcome, asked = await done_by(lambda _: "cannot", shop, tmp_path / "run.db", attempts=1)

    assert not isinstance(outcome, Confirmed) and len(asked) == 1


async def test_a_claim_about_an_action_that_had_no_effect_is_refused_without_a_model(shop, tmp_path):
    answers = numbered("press enter", "done", "done")
    spec = [took_effect("press Enter")]

    outcome, asked = await done_by(answers, shop, tmp_path / "run.db", spec, attempts=1)

    assert not isinstance(outcome, Confirmed) and len(asked) == 3
    assert any("was not done: no effect" in reason for reason in outcome.reasons)


class Seer(ScriptedModel):
    """A scripted model that sees, and notes whether it was shown a picture."""

    def __init__(self, script):
        super().__init__(script)
        self.capabilities = Capabilities(images=True)
        self.shown: list[bool] = []

    async def generate(self, messages, **how):
        self.shown.append(bool(messages[-1].get("images")))
        return await super().generate(messages, **how)


async def test_a_model_that_sees_is_told_where_a_page_gives_no_picture(tmp_path, monkeypatch):
    """A secret that a style sheet moves is in no picture; the work goes on with the text alone."""
    monkeypatch.setenv("CODE", "swordfish-9")
    page = (
        "<title>T</title><label>Code <input id=i></label><p id=o style='position:absolute'></p>"
        "<button onclick='o.textContent=`It is done`'>Go</button><script>i.oninput = () => "
        "{ o.textContent = i.value; "
        "o.animate([{left: '0px'}, {left: '600px'}], {duration: 400, iterations: 1e9}) }</script>"
    )
    site = Pages({"/": page})
    model = Seer(["type code [1] = secret:code", "click go [2]"])
    secrets, policy = {"code": Secret(site.url, env="CODE")}, preset("unattended")
    async with Browser([site.url], observer="screenshot", secrets=secrets, policy=policy) as browser:
        plan = Plan()
        goal = 'Type "secret:code" into Code, then press Go.'
        plan.task("it", goal, spec=[shows("It is done", "it")], attempts=1)
        manager = Manager(None, workers=[Worker("web", model, [browser])], journal=tmp_path / "run.db")
        outcome = await manager.run(plan)
    site.close()

    assert isinstance(outcome, Confirmed) and model.shown == [True, False]
    assert UNDRAWN not in model.asked[0] and f"{UNDRAWN}goal : type" in model.asked[1]
