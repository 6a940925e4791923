"""A worker with a memory tries the skill of its goal first, in a real browser; a model goes on from there."""

from __future__ import annotations

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.acting.recalling import SKILL, values_for
from punchlist.agents.acting.skills import Skill, Skills
from punchlist.agents.checking.criteria import shows
from punchlist.agents.testing import ScriptedModel
from punchlist.memory import Memory
from punchlist.protocols import Confirmed
from punchlist.protocols.journal import Journal
from punchlist.tools.browser import Browser
from punchlist.tools.permissions import preset

from ..tools.browser.site import Site
from .test_skills import WAY, WordEmbedder, proof, trace

pytestmark = pytest.mark.browser

GOAL = 'Send "Ada Lovelace" to the list.'
PAGE = """<title>List</title><label>Name <input id=n></label>
    <button onclick="p.textContent='Sent: '+n.value">Send</button><p id=p></p>"""


@pytest.fixture
def site():
    site = Site({"/": PAGE})
    yield site
    site.close()


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=WordEmbedder(), index="exact") as memory:
        yield memory


async def taught(memory, site):
    """Keep the way to the goal, as somebody went it."""
    async with Browser([site.url], policy=preset("unattended")) as browser:
        session = await browser.open("once", url=f"{site.url}/")
        await session.record(memory.folder.parent / "trace")
        await session.view()
        await session.type(1, "Ada Lovelace")
        await session.click(2)
        way = session.recording.trace
    await Skills(memory).keep(GOAL, way, proof(), WAY, {"customer": "Ada Lovelace"})


async def run(memory, site, goal, answers, wanted, journal):
    """How a task ends, what its model was asked, and what the journal says of skills."""
    model = ScriptedModel(answers)
    async with Browser([site.url], policy=preset("unattended")) as browser:
        plan = Plan()
        plan.task("send", goal, spec=[shows(wanted, "send")], attempts=1)
        worker = Worker("web", model, [browser], memory=memory)
        outcome = await Manager(None, workers=[worker], journal=journal).run(plan)
    with Journal.open(journal, readonly=True) as kept:
        [info] = kept.runs()
        rows = [row.body for row in kept.rows(info.run, kinds=(SKILL,))]
    return outcome, model.asked, rows


@pytest.mark.parametrize("name", ["Ada Lovelace", "Grace Hopper"])
async def test_a_goal_that_was_reached_before_is_reached_without_asking_a_model(name, memory, site, tmp_path):
    await taught(memory, site)
    goal = GOAL.replace("Ada Lovelace", name)

    outcome, asked, rows = await run(memory, site, goal, [], f"Sent: {name}", tmp_path / "run.db")

    assert isinstance(outcome, Confirmed) and asked == []
    assert [(row["ok"], row["goal"]) for row in rows] == [(True, GOAL)]


async def test_where_a_step_comes_out_otherwise_the_model_is_told_and_goes_on(memory, site, tmp_path):
    await taught(memory, site)
    site.pages["/"] = PAGE.replace(">Send<", ">Send now<")

    outcome, asked, rows = await run(
        memory, site, GOAL, ["click send now [2]"], "Sent: Ada Lovelace", tmp_path / "run.db"
    )

    assert isinstance(outcome, Confirmed) and len(asked) == 1
    assert "did : type name = ada lovelace\n" in asked[0]
    assert "did : click send : there is no button send" in asked[0]
    assert [row["ok"] for row in rows] == [False] and "target_missing" in rows[0]["came"]


async def test_another_goal_is_the_models_own_business(memory, site, tmp_path):
    await taught(memory, site)
    answers = ["type name [1] = ada lovelace", "click send [2]"]

    outcome, asked, rows = await run(
        memory, site, f"{GOAL} Then log out.", answers, "Sent: Ada Lovelace", tmp_path / "run.db"
    )

    assert isinstance(outcome, Confirmed) and len(asked) == 2 and rows == []


@pytest.mark.parametrize(
    ("goal", "values"),
    [
        ("Order a green mug for Ada.", {}),
        ("ORDER A GREEN MUG for ada.", {}),
        ("Order a blue tray for Grace Hopper.", {"what": "blue tray", "who": "Grace Hopper"}),
        ("Order a mug for two for Ada.", None),
        ("Order a green mug for Ada. Twice.", None),
        ("Order a green mug for Ada and cancel the lamp.", None),
        ("Cancel a green mug for Ada.", None),
    ],
)
def test_values_are_read_where_a_goal_can_be_read_in_one_way(goal, values):
    head = trace().head.model_copy(update={"values": {"what": "green mug", "who": "Ada", "unsaid": "7"}})
    way = trace().model_copy(update={"head": head})
    skill = Skill("Order a green mug for Ada.", way, None)

    assert values_for(skill, goal) == values


def test_a_goal_without_values_is_only_itself():
    skill = Skill("Log out.", trace(), None)

    assert values_for(skill, "log out.") == {} and values_for(skill, "Log in.") is None
