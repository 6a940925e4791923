"""Self-Refine and Socratic questioning; and what holds for every loop: killed anywhere, it ends the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    BestOf,
    Checked,
    Direct,
    ReAct,
    Reflexion,
    SelfConsistent,
    SelfRefine,
    Socratic,
    Task,
    Trace,
    TreeOfThoughts,
    think,
)
from punchlist.agents.reasoning.search import SearchRefused
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.grammar import Grammar
from punchlist.tools import tool

from .killing import Killed, go_until, rows_of
from .pupils import Pupil, shape

LOW = Checked(lambda node: int(node.answer) / 100)
"""The higher the number, the better."""


def feedback(words, stop=False):
    return json.dumps({"feedback": words, "stop": stop})


def said(answer, confidence="high"):
    return json.dumps({"answer": answer, "confidence": confidence})


def asks(*questions):
    return json.dumps({"questions": list(questions)})


def hint(text):
    return json.dumps({"hint": text})


# --- self-refine ------------------------------------------------------------------------------------------


async def test_a_revision_that_is_worth_more_is_gone_on_with():
    model = ScriptedModel(["10", feedback("more"), "20", feedback("more still"), "30"])

    result = await think(Task("?", check=LOW), model, SelfRefine(rounds=2, actor=Direct()))

    assert (result.answer, result.stop_reason) == ("30", "complete")
    assert "An earlier answer:\n20" in model.asked[-1] and "more still" in model.asked[-1]


@pytest.mark.parametrize("revision", ["5", "nonsense", ""])
async def test_the_result_is_never_worse_than_the_draft(revision):
    model = ScriptedModel(["10", feedback("more"), revision, feedback("more"), revision])

    result = await think(Task("?", check=LOW), model, SelfRefine(rounds=2, actor=Direct()))

    assert result.answer == "10"
    rejected = result.tree.root.children[1]
    assert rejected.status == "pruned" and "does not improve on 0.1" in rejected.why
    assert "Feedback that did not help:\n- more" in model.asked[3]


async def test_a_revision_of_equal_worth_is_gone_on_with_only_if_that_is_wanted():
    check = Checked(lambda node: 0.5)
    for accept, base in (("improves", "one"), ("keeps", "two")):
        model = ScriptedModel(["one", feedback("a"), "two", feedback("b"), "three"])

        await think(Task("?", check=check), model, SelfRefine(accept, rounds=2, actor=Direct()))

        assert f"An earlier answer:\n{base}" in model.asked[-1]


async def test_the_stop_is_a_field_and_no_phrase():
    words = "There is nothing to improve, stop: it is correct"
    model = ScriptedModel(["10", feedback(words), "20", feedback("", stop=True)], {"yes": -2, "no": -1})

    result = await think("?", model, SelfRefine(actor=Direct()))

    assert result.stop_reason == "nothing to improve"
    model.assert_complete()


async def test_a_check_that_fails_overrules_feedback_that_is_content():
    model = ScriptedModel(["10", feedback("fine", stop=True), "20"])

    result = await think(Task("?", check=LOW), model, SelfRefine(rounds=1, actor=Direct()))

    assert result.answer == "20"


async def test_feedback_that_cannot_be_read_is_a_round_that_failed():
    model = ScriptedModel(["10", "well", feedback("more"), "20"])

    result = await think(Task("?", check=LOW), model, SelfRefine(rounds=2, actor=Direct()))

    assert result.answer == "20"
    assert next(event.body["said"] for event in result.trace.events if event.what == "feedback") is None


async def test_a_draft_that_is_given_is_where_it_begins():
    model = ScriptedModel([feedback("more"), "20"])

    result = await think(Task("?", check=LOW, draft="10"), model, SelfRefine(rounds=1, actor=Direct()))

    assert [node.answer for node in result.ranked] == ["20", "10"]


async def test_what_is_good_enough_is_not_touched():
    model = ScriptedModel(["100"])

    result = await think(Task("?", check=LOW), model, SelfRefine(actor=Direct()))

    assert result.solved and len(model.asked) == 1


async def test_a_limit_that_ends_the_last_revision_is_why_it_stopped():
    model = ScriptedModel(["10", feedback("more")])

    result = await think(
        Task("?", check=LOW), model, SelfRefine(rounds=1, actor=Direct()), budget=Budget(model_calls=2)
    )

    assert (result.answer, result.stop_reason) == ("10", "budget.model_calls")


def test_another_way_to_accept_is_refused():
    with pytest.raises(SearchRefused, match="improves"):
        SelfRefine(**{"accept": "always"})


# --- socratic ---------------------------------------------------------------------------------------------


async def test_answers_of_sub_questions_are_hints_for_the_whole():
    model = ScriptedModel(
        [said("8", "low"), asks("What is 3?"), said("three"), hint("3 is three"), said("7"), *[said("7")] * 9]
    )

    result = await think("What is 3 plus 4?", model, Socratic(depth=1, questions=1, turns=1))

    assert model.asked[4] == "What is 3 plus 4?\n\nWhat is known:\n- 3 is three"
    assert result.answer == "7"
    assert [node.thought.text for node in result.tree.root.children] == ["8", "What is 3?", "7"]


async def test_the_answer_to_the_whole_is_voted_on_with_each_hint():
    script = [said("8", "low"), asks("a?", "b?"), said("x"), said("y"), hint("ax"), hint("by")]
    model = ScriptedModel([*script, said("9"), said("7"), said("7")])

    result = await think("?", model, Socratic(depth=1, turns=1))

    assert result.answer == "7"
    assert result.best.score.detail == "2 of 3 votes, confidence high"


async def test_a_question_is_asked_in_parts_only_down_to_the_depth():
    model = Pupil()

    result = await think("How many?", model, Socratic(depth=2, questions=2, turns=1))

    assert max(node.depth for node in result.tree if node.terminal is None) == 2
    assert result.answer is not None


async def test_a_question_that_is_known_is_not_asked_again():
    """No question within itself, nor twice: what would never end."""
    model = ScriptedModel(
        [said("8", "low"), asks("How  many", "a?", "A?"), said("x"), hint("ax"), said("8", "low")]
    )

    result = await think("How many?", model, Socratic(depth=3, turns=1))

    assert [node.status for node in result.tree.root.children][1:4] == ["pruned", "open", "pruned"]


async def test_without_sub_questions_that_can_be_read_the_first_answer_stands():
    model = ScriptedModel([said("8", "low"), "what do you mean?"])

    result = await think("?", model, Socratic())

    assert (result.answer, result.stop_reason) == ("8", "complete")


async def test_when_the_budget_is_spent_the_first_answer_stands():
    model = ScriptedModel([said("8", "low"), asks("a?")])

    result = await think("?", model, Socratic(), budget=Budget(model_calls=2))

    assert (result.answer, result.stop_reason) == ("8", "budget.model_calls")


# --- every loop -------------------------------------------------------------------------------------------

CHECK = Checked(lambda node: int(node.answer) / 20)


@tool(effect="read")
def look(at: int) -> str:
    """Look."""
    return f"{at} is there"


TREE = TreeOfThoughts(search=Beam(beam=2, width=2, depth=3), steps=3)
LOOPS = [
    SelfConsistent(samples=3),
    BestOf(samples=3),
    TREE,
    ReAct((look,), steps=4),
    Reflexion(trials=3),
    Reflexion(TREE, trials=2),
    SelfRefine(rounds=2),
    SelfRefine(actor=Reflexion(trials=2), rounds=1),
    Socratic(depth=1, questions=2, turns=1),
]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)
async def test_killed_before_any_row_of_its_record_it_comes_to_the_same(loop, tmp_path):
    task = Task("How many?", grammar=Grammar.regex("[0-9]{1,2}"), check=CHECK)
    whole = await go_until(tmp_path / "whole.db", loop, task, Pupil())
    rows = rows_of(tmp_path / "whole.db")
    for row in range(0, rows, max(1, rows // 7)):
        path = tmp_path / f"{row}.db"
        with contextlib.suppress(Killed, BaseExceptionGroup):
            await go_until(path, loop, task, Pupil(), rows=row)

        model = Pupil()
        resumed = await go_until(path, loop, task, model)

        assert shape(resumed) == shape(whole)
        assert resumed.trace.events == whole.trace.events
        assert (resumed.stop_reason, resumed.usage) == (whole.stop_reason, whole.usage)
        assert len(model.asked) <= whole.usage.model_calls


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)
async def test_cut_by_a_budget_it_goes_on_with_a_larger_one_to_the_same(loop, tmp_path):
    task = Task("How many?", check=Checked(lambda node: len(node.answer or "") / 20))
    whole = await think(task, Pupil(), loop)
    for calls in (1, 3):
        path = tmp_path / f"{calls}.db"
        cut = await think(task, Pupil(), loop, journal=path, budget=Budget(model_calls=calls))
        resumed = await think(task, Pupil(), loop, journal=path)

        assert cut.stop_reason == "budget.model_calls" or cut.usage.model_calls <= calls
        assert shape(resumed) == shape(whole)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)
async def test_stopped_in_the_middle_it_leaves_a_result_and_can_go_on(loop, tmp_path):
    doors, whole = [], await think("How many?", Pupil(), loop)

    async def stop(count):
        if count == max(1, whole.usage.model_calls // 2):
            doors[0].stop()

    cut = await think("How many?", Pupil(stop), loop, journal=tmp_path / "run.db", thinking=doors.append)
    resumed = await think("How many?", Pupil(), loop, journal=tmp_path / "run.db")

    assert cut.stop_reason == "interrupted" or whole.usage.model_calls == 1
    assert shape(resumed) == shape(whole)


SCRIPT = """
import asyncio, os, signal, sys
sys.path.insert(0, sys.argv[1])
from pupils import Pupil
from punchlist.agents.reasoning import Reflexion, think

async def die(count):
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(think("How many?", Pupil(die), Reflexion(trials=3), journal=sys.argv[2]))
"""


def test_a_process_that_was_really_killed_is_gone_on_with(tmp_path):
    path = tmp_path / "run.db"

    died = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(path), "4"],
        cwd=tmp_path,
        env={**os.environ},
        timeout=60,
        check=False,
    )

    assert died.returncode == -signal.SIGKILL
    with Trace.open(path) as trace:
        assert len(list(trace.answers())) == 3
    resumed = asyncio.run(think("How many?", Pupil(), Reflexion(trials=3), journal=path))
    whole = asyncio.run(think("How many?", Pupil(), Reflexion(trials=3)))
    assert (shape(resumed), resumed.usage) == (shape(whole), whole.usage)
