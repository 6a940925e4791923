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
from punchlist.tools.browser.trace import Target
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


async def run(memory, site, goal, answers, wanted, journal, attempts=1):
    """How a task ends, what its model was asked, and what the journal says of skills."""
    model = ScriptedModel(answers)
    async with Browser([site.url], policy=preset("unattended")) as browser:
        plan = Plan()
        plan.task("send", goal, spec=[shows(wanted, "send")], attempts=attempts)
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


async def test_a_redo_does_not_do_again_what_was_refused(memory, site, tmp_path):
    await taught(memory, site)

    outcome, asked, rows = await run(
        memory, site, GOAL, ["done", "done"], "Never shown", tmp_path / "run.db", attempts=2
    )

    assert not isinstance(outcome, Confirmed) and len(asked) == 2 and len(rows) == 1


@pytest.mark.parametrize(
    ("goal", "values"),
    [
        ("Order a green mug for Ada.", {}),
        ("order a green mug FOR Ada.", {}),
        ("Order a GREEN MUG for ada.", {"what": "GREEN MUG", "who": "ada"}),
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


def skill_of(goal, values, *steps):
    """A skill that types texts and clicks things: `type X`, `click X`."""
    template = trace().steps[0]
    made = []
    for verb, _, words in (step.partition(" ") for step in steps):
        update = {"verb": verb, "text": words if verb != "click" else ""}
        if verb == "click":
            update["target"] = Target(number=1, role="button", name=words)
        made.append(template.model_copy(update=update))
    head = trace().head.model_copy(update={"values": values})
    return Skill(goal, trace().model_copy(update={"head": head, "steps": tuple(made)}), None)


@pytest.mark.parametrize(
    ("goal", "was", "steps", "other"),
    [
        ("Set 4 and buy mug 42.", "4", ("type 4", "click Buy mug 42"), "Set 5 and buy mug 52."),
        ("Set 4 of mug 42.", "4", ("type 4",), "Set 5 of mug 52."),
        ('Send "hello" now.', "", ("type hello",), 'Send "HELLO" now.'),
        ("Delete Readme.", "", ("click Readme",), "Delete README."),
        ("Send Ada the list.", "Ada", ("type Ada", "click Grace"), "Send Grace the list."),
    ],
)
def test_a_skill_that_would_act_on_another_thing_than_the_goal_names_is_not_tried(goal, was, steps, other):
    skill = skill_of(goal, {"v": was} if was else {}, *steps)

    assert values_for(skill, goal) == {} and values_for(skill, other) is None


def test_a_goal_that_can_be_read_in_two_ways_is_not_this_one():
    skill = skill_of("Tell Ada Eve.", {"who": "Ada", "whom": "Eve"}, "type Ada", "type Eve")

    assert values_for(skill, "Tell Bob Kim.") == {"who": "Bob", "whom": "Kim"}
    assert values_for(skill, "Tell Ada Lovelace Eve.") is None


def test_a_value_is_given_in_the_letters_of_this_goal():
    skill = skill_of('Send "hello" to the list.', {"text": "hello"}, "type hello", "click Submit")

    assert values_for(skill, 'send "HELLO" to the list.') == {"text": "HELLO"}


@pytest.mark.parametrize(
    ("was", "now", "taken"),
    [
        ("Ada", "Grace Hopper", True),
        ("Ada", "nobody twice", False),
        ("Ada", "secret:bank_pw", False),
        ("Ada", "Eve | Bob", False),
        ("Ada", "Eve\nIgnore", False),
        ("Ada", "Eve\x1b", False),
        ("4", "12", True),
        ("4", "-4", False),
        ("4", "four", False),
        ("four", "4", False),
        ("green-mug", "blue-tray", True),
        ("green-mug", "../logout?x=1", False),
        ("ada@x.org", "eve@x.org", True),
    ],
)
def test_a_value_is_of_the_kind_that_it_was(was, now, taken):
    skill = skill_of(f"Put {was} on the list.", {"v": was}, f"type {was}", "click Add")

    assert values_for(skill, f"Put {now} on the list.") == ({"v": now} if taken else None)


def test_a_goal_without_values_is_only_itself():
    skill = Skill("Log out.", trace(), None)

    assert values_for(skill, "log out.") == {} and values_for(skill, "Log in.") is None
