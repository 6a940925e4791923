"""Skills: only a confirmed task's trace is kept; a similar goal recalls it; forgetting removes the files."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from punchlist.agents.acting.skills import FOLDER, Skills, UnfitSkill, follow, told
from punchlist.memory import Consolidation, Memory, Provenance, Record, Scope, UnprovenMemory
from punchlist.protocols.messages import Confirm, Finding, Verdict
from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.results import ActionResult, Effect
from punchlist.tools.browser.trace import Target, Trace, TraceHead, TraceStep
from punchlist.tools.browser.view import Element, View, ViewStyle

SITE = "http://shop.test"
GOAL = "Order a green mug for Ada Lovelace."
WAY = Provenance(run="run-1", task="order", attempt=1)


def proof(outcome: str = "pass") -> Confirm:
    verdict = Verdict(findings=(Finding(criterion="ordered", outcome=outcome),))
    return Confirm.model_construct(
        spec_hash="5f", artifact_hash="a1", attempt=1, generation=1, verdict=verdict, waived=()
    )


def trace(url: str = f"{SITE}/") -> Trace:
    typed = ActionResult(
        True, "ok", effect=Effect(dom_changed=True, value_after="Ada Lovelace"), did="type Name"
    )
    step = TraceStep(
        at=0, url=url, path="/", view="page /: Shop", verb="type", text="Ada Lovelace",
        target=Target(number=1, role="textbox", name="Name"), result=typed, after=url,
    )  # fmt: skip
    head = TraceHead(url=url, began=0, window=(1280, 720), budget=4000)
    return Trace(head=head, steps=(step,))


class Form:
    """A page with one field, and the part of `BrowserSession` that a replay uses."""

    recording, budget = None, None
    style = ViewStyle()
    url = f"{SITE}/"

    def __init__(self, label: str) -> None:
        self.label, self.typed = label, []

    async def load(self, url: str) -> None:
        return

    async def view(self, budget: int | None = None) -> View:
        return View(self.url, "/", "Shop", ((Element(1, "textbox", self.label, ""),),))

    async def act(self, action: Action) -> ActionResult:
        if action.verb == "type":
            self.typed.append(action.text)
        return ActionResult(True, "ok", effect=Effect(dom_changed=True, value_after=action.text))


class WordEmbedder:
    """A double: texts are near where their first lines have words in common."""

    name = "words"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), 384) float32 of length 1."""
        rows = np.zeros((len(texts), 384), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in set(re.findall(r"\w+", text.splitlines()[0].casefold())):
                row[zlib.crc32(word.encode()) % 384] = 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=WordEmbedder(), index="exact") as memory:
        yield memory


async def test_a_similar_goal_of_the_same_site_recalls_the_way(memory):
    skills = Skills(memory)
    await skills.keep(GOAL, trace(), proof(), WAY, {"customer": "Ada Lovelace"})

    found = await skills.recall("Order a blue mug for Grace Hopper.", f"{SITE}/other/page")

    assert [skill.goal for skill in found] == [GOAL]
    assert found[0].trace.head.values == {"customer": "Ada Lovelace"}
    assert found[0].found.record.trust == "untrusted"
    assert await skills.recall("Close the ticket about the invoice.", SITE) == []
    assert await skills.recall(GOAL, "http://other.test") == []


async def test_a_skill_is_for_its_owner_only(memory):
    before = os.umask(0)
    try:
        await Skills(memory).keep(GOAL, trace(), proof(), WAY)
    finally:
        os.umask(before)

    assert (memory.folder / FOLDER).is_dir() and memory.health_sync().faults == ()


async def test_what_was_not_confirmed_is_not_kept(memory):
    skills = Skills(memory)

    for claim in (proof("fail"), None):
        with pytest.raises(UnprovenMemory):
            await skills.keep(GOAL, trace(), claim, WAY)

    assert await memory.records() == [] and not list((memory.folder / FOLDER).iterdir())


async def test_a_trace_that_leads_nowhere_is_no_skill(memory):
    failed = trace().steps[0].model_copy(update={"result": ActionResult(False, "stale_ref")})

    for unfit in (trace("about:blank"), trace().model_copy(update={"steps": (failed,)})):
        with pytest.raises(UnfitSkill):
            await Skills(memory).keep(GOAL, unfit, proof(), WAY)


async def test_a_skill_is_followed_with_other_values(memory):
    skills, form = Skills(memory), Form("Name")
    await skills.keep(GOAL, trace(), proof(), WAY, {"customer": "Ada Lovelace"})
    (skill,) = await skills.recall(GOAL, SITE)

    done = await follow(skill, form, pytest.fail, {"customer": "Grace Hopper"})

    assert done.ok and form.typed == ["Grace Hopper"]


async def test_where_a_step_comes_out_otherwise_somebody_else_goes_on(memory):
    skills, form = Skills(memory), Form("Full name")
    await skills.keep(GOAL, trace(), proof(), WAY)
    (skill,) = await skills.recall(GOAL, SITE)

    async def model(replayed):
        return told(replayed)

    said = await follow(skill, form, model)

    assert "target_missing, there is no textbox Name" in said and form.typed == []


async def test_forgetting_a_skill_removes_its_trace(memory):
    skills = Skills(memory)
    await skills.keep(GOAL, trace(), proof(), WAY)
    (skill,) = await skills.recall(GOAL, SITE)

    await skills.forget(skill)

    assert await skills.recall(GOAL, SITE) == [] and not list((memory.folder / FOLDER).iterdir())


async def test_erasing_a_skill_by_its_record_removes_its_trace_too(memory):
    kept = await Skills(memory).keep(GOAL, trace(), proof(), WAY)

    erased = await memory.erase(kept.id)

    assert erased.proven and not list((memory.folder / FOLDER).iterdir())


async def test_a_record_cannot_name_a_folder_elsewhere(memory, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    trace().save(elsewhere)
    record = Record(kind="skill", text=f"{GOAL}\nskill {elsewhere}", scope=Scope.shared(SITE), provenance=WAY)
    await memory.remember(record, proof())

    found = await Skills(memory).recall(GOAL, SITE)
    await memory.forget(record.id)

    assert found == [] and list(elsewhere.iterdir())


async def test_a_skill_that_stopped_working_is_recalled_no_more_and_comes_back_with_its_trace(memory):
    skills = Skills(memory)
    await skills.keep(GOAL, trace(), proof(), WAY, {"customer": "Ada Lovelace"})
    for worked in (True, False, False, False, False, False):
        [skill] = await skills.recall(GOAL, SITE)
        await skills.tell(skill, worked)

    await Consolidation(memory).run(("retire",))
    gone, kept = await skills.recall(GOAL, SITE), await skills.tidy()
    await Consolidation(memory).undo(skill.found.record.id)

    assert (gone, kept) == ([], 0)
    assert [each.trace for each in await skills.recall(GOAL, SITE)] == [skill.trace]
