"""A model that speaks the protocol itself: what it may say follows from the state of its task."""

import json
from random import Random

import pytest
from pydantic import BaseModel

from punchlist.agents import Manager, Plan, Speaker
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.protocols import Check, Confirmed, Failed, Unverified
from punchlist.protocols.journal import Journal


class Colour(BaseModel):
    name: str


def saying(kind, **fields):
    task = "TASK"
    return json.dumps({"reasoning": "so", "decision": {"task": task, "message": {"kind": kind, **fields}}})


@pytest.fixture
def speak(tmp_path):
    """Lets a model do one task; gives the outcome and the model."""

    async def speak(*answers, model=None, **given):
        model = model or ScriptedModel(answers)
        plan = Plan()
        blue = Check("blue", lambda it: it["name"] == "blue")
        plan.task("paint", "Choose a colour.", output=Colour, spec=[blue])
        manager = Manager(model, [Speaker("painter", model)], journal=tmp_path / "run.db", **given)
        return await manager.run(plan), model

    return speak


async def test_it_reports_what_it_made_and_is_held_against_the_spec(speak):
    outcome, model = await speak(
        saying("report", result={"name": "red"}), saying("report", result={"name": "blue"})
    )

    assert isinstance(outcome, Confirmed) and outcome.result == {"paint": Colour(name="blue")}
    assert "refused before : blue" in model.asked[1]
    assert "must hold : blue" in model.asked[0]


async def test_it_asks_and_hears_the_answer(speak):
    outcome, model = await speak(
        saying("ask", question="Which?"),
        saying("progress", note="nearly", fraction=0.5),
        saying("report", result={"name": "blue"}),
        person=lambda request: "the one of the sky",
    )

    assert isinstance(outcome, Confirmed)
    assert 'answered : "the one of the sky"' in model.asked[1] and "noted : nearly" in model.asked[2]


@pytest.mark.parametrize(
    "said",
    [
        saying("decline", reason="not mine"),
        saying("failed", error="Lost", message="no colours here"),
        json.dumps({"reasoning": "", "decision": {"kind": "cannot_comply", "reason": "I cannot"}}),
        "no JSON at all",
        saying("confirm"),
    ],
)
async def test_what_is_no_report_confirms_nothing(speak, said):
    outcome, _ = await speak(*[said] * 30, redos=0)

    assert isinstance(outcome, Unverified)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_legal_to_say_ends_and_confirms_only_what_passes(tmp_path, speak, seed):
    outcome, _ = await speak(
        model=WorstCaseModel(seed), redos=1, person=lambda request: Random(seed).random()
    )

    assert isinstance(outcome, Confirmed | Unverified | Failed)
    if isinstance(outcome, Confirmed):
        assert outcome.result["paint"].name == "blue"
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert journal.runs()[0].status != "running"
