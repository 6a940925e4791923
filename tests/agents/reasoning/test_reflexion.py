"""Reflexion: lessons of failed trials reach the actor, the best trial is the result, and every way to end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import Beam, Checked, Direct, Reflexion, Task, Trace, TreeOfThoughts, think
from punchlist.agents.reasoning.search import SearchRefused
from punchlist.agents.reasoning.tasks import prompt_of
from punchlist.agents.recalling import Memo, notes_for
from punchlist.agents.testing import ScriptedModel
from punchlist.memory import EpisodicMemory, Lesson, Memory, Provenance, Record
from punchlist.protocols.journal import Journal

from ...memory.doubles import BagOfWords, confirm
from .pupils import Pupil, shape
from .toys import Sum


def near(aim):
    """Says how near an answer is to a number."""
    return Checked(lambda node: 1 - abs(int(node.answer) - aim) / 100)


def lesson(change):
    return json.dumps({"error": "too low", "cause": "a guess", "change": change, "evidence": ""})


@dataclass
class Scripted:
    """A reflector that says prepared lessons, and notes what it was shown."""

    changes: list[str | None]
    shown: list[tuple[str | None, int]] = field(default_factory=list)

    async def reflect(self, task, trial, lessons, thinking):
        self.shown.append((trial.result.answer, len(lessons)))
        change = self.changes.pop(0)
        return None if change is None else Lesson(change=change)


async def test_a_failed_trial_teaches_and_the_next_one_reads_its_lesson():
    model = ScriptedModel(["40", lesson("say more than 40"), "50"])
    task = Task("Guess my number.", check=near(50))

    result = await think(task, model, Reflexion(Direct()))

    assert (result.answer, result.stop_reason) == ("50", "solved")
    assert "- say more than 40 (what went wrong: too low; a guess)" in model.asked[2]
    assert "Failed attempt:\n40" in model.asked[1]
    model.assert_complete()


async def test_a_trial_that_succeeds_is_not_reflected_on():
    model = ScriptedModel(["50"])

    result = await think(Task("Guess.", check=near(50)), model, Reflexion(Direct()))

    assert result.solved
    assert [event.what for event in result.trace.events if event.what == "reflected"] == []


async def test_the_best_trial_is_the_result_and_not_the_last_one():
    reflector = Scripted(["one", "two"])
    model = ScriptedModel(["40", "49", "10"])

    result = await think(Task("Guess.", check=near(50)), model, Reflexion(Direct(), reflector=reflector))

    assert (result.answer, result.stop_reason) == ("49", "complete")
    assert [node.answer for node in result.ranked] == ["49", "40", "10"]


async def test_only_the_newest_lessons_are_given():
    reflector = Scripted(["first", "second", "third"])
    model = ScriptedModel(["1", "2", "3", "4"])
    actor = Reflexion(Direct(), reflector=reflector, memory=EpisodicMemory(2), trials=4)

    await think(Task("Guess.", check=near(50)), model, actor)

    assert model.asked[-1].endswith("Lessons of earlier attempts:\n- second\n- third")


async def test_a_reflector_that_repeats_itself_ends_it_and_this_is_said():
    reflector = Scripted(["Say more than 40.", "say more, than 40"])
    model = ScriptedModel(["40", "41"])

    result = await think(Task("Guess.", check=near(50)), model, Reflexion(Direct(), reflector=reflector))

    assert (result.stop_reason, result.answer) == ("reflection repeats", "41")


async def test_a_lesson_that_was_forgotten_may_be_learned_again():
    reflector = Scripted(["first", "second", "first"])
    nest = Reflexion(Direct(), None, reflector, EpisodicMemory(1), trials=4)
    model = ScriptedModel(["1", "2", "3", "4"])

    result = await think(Task("Guess.", check=near(50)), model, nest)

    assert result.stop_reason == "complete"
    assert model.asked[-1].endswith("Lessons of earlier attempts:\n- first")


@pytest.mark.parametrize("nonsense", ["I do not know", '{"change": ""}', "{}"])
async def test_a_reflection_that_cannot_be_read_is_no_lesson_and_the_trials_go_on(nonsense):
    model = ScriptedModel(["40", nonsense, "50"])

    result = await think(Task("Guess.", check=near(50)), model, Reflexion(Direct()))

    assert result.solved
    assert "Lessons" not in model.asked[2]


async def test_without_a_lesson_trials_that_come_out_the_same_are_not_made_again():
    model = ScriptedModel(["40", "40"])

    result = await think(
        Task("Guess.", check=near(50)), model, Reflexion(Direct(), None, Scripted([None] * 50), trials=50)
    )

    assert (result.answer, result.stop_reason) == ("40", "no lesson")
    model.assert_complete()


async def test_a_reflector_that_raises_ends_the_trials_with_what_they_came_to():
    class Broken:
        async def reflect(self, task, trial, lessons, thinking):
            raise RuntimeError("broken")

    trace = []
    nest = Reflexion(Direct(), None, Broken(), trials=50)

    result = await think(Task("Guess.", check=near(50)), ScriptedModel(["40", "40"]), nest, show=trace.append)

    assert (result.answer, result.stop_reason) == ("40", "no lesson")
    assert [event.body["why"] for event in trace if event.what == "failed"] == ["RuntimeError: broken"] * 2


async def test_a_lesson_that_is_none_is_refused():
    class Chatty:
        async def reflect(self, task, trial, lessons, thinking):
            return "try harder"

    with pytest.raises(SearchRefused, match=r"Chatty.reflect has to return a `Lesson`"):
        await think(
            Task("Guess.", check=near(50)), ScriptedModel(["40"]), Reflexion(Direct(), None, Chatty())
        )


async def test_without_a_check_the_model_says_whether_it_went_well():
    model = ScriptedModel(["40"], {"yes": -0.1, "no": -3.0})

    result = await think("Guess.", model, Reflexion(Direct()))

    assert (result.stop_reason, len(result.tree)) == ("solved", 2)
    assert result.best.score.kind == "model"


async def test_an_oracle_is_marked_in_scores_and_record():
    model = ScriptedModel(["40"])
    oracle = Checked(lambda node: node.answer == "40", kind="oracle")

    result = await think("Guess.", model, Reflexion(Direct(), evaluator=oracle))

    assert result.best.score.kind == "oracle"
    assert {event.body["kind"] for event in result.trace.events if event.what == "trial"} == {"oracle"}


@pytest.mark.parametrize("trials", [0, 1])
async def test_there_are_no_more_trials_than_allowed(trials):
    model = ScriptedModel(["1"] * trials)

    result = await think(Task("?", check=near(50)), model, Reflexion(Direct(), trials=trials))

    assert (len(result.tree), result.stop_reason) == (1 + trials, "complete")


async def test_a_tree_of_thoughts_in_it_shares_budget_and_record():
    problem = Sum(aim=10, most=4)
    tree = TreeOfThoughts(
        problem, problem.sampler, Checked(lambda node: 0.5), Beam(beam=2, width=2, depth=4, enough=2)
    )
    nest = Reflexion(tree, evaluator=Checked(lambda node: 0.0), trials=9)

    result = await think("add up", Pupil(), nest, budget=Budget(model_calls=40))

    scopes = {event.scope for event in result.trace.events}
    assert {"", "trial 1/", "trial 2/"} <= scopes
    assert result.stop_reason == "budget.model_calls"
    assert result.usage.model_calls <= 40
    assert result.usage.model_calls == result.trace.cost().model_calls


async def test_the_actor_may_act_in_a_world_and_is_judged_by_how_it_ended():
    """No trial has an answer; the evaluator sees where each of them came to."""
    lessons = []

    class Walker:
        name = "walker"

        async def solve(self, task, thinking):
            lessons.append(task.lessons)
            far = Sum(aim=9, most=9)
            search = Beam(beam=1, width=1, depth=len(task.lessons) + 1)
            judge = Checked(lambda node: sum(node.state) / 9)
            return await search.run(far, far.proposer, judge, thinking)

    reflector = Scripted(["walk on", "and on", "and once more"])
    evaluator = Checked(lambda node: sum(node.state) / 3, kind="environment")
    result = await think("walk", ScriptedModel([]), Reflexion(Walker(), evaluator, reflector, trials=5))

    assert lessons == [(), ("walk on",), ("walk on", "and on")]
    assert (result.best.id, result.best.value, result.answer) == ("2", 1.0, None)
    assert reflector.shown == [(None, 0), (None, 1)]


async def test_lessons_of_one_run_are_there_in_the_next():
    memory = EpisodicMemory()
    task = Task("Guess.", check=near(50))
    await think(
        task, ScriptedModel(["1", "2"]), Reflexion(Direct(), None, Scripted(["more"]), memory, trials=2)
    )
    model = ScriptedModel(["50"])

    await think(task, model, Reflexion(Direct(), memory=memory))
    await think(
        replaced := Task("Another.", check=near(50)),
        other := ScriptedModel(["50"]),
        Reflexion(Direct(), memory=memory),
    )

    assert "- more" in model.asked[0]
    assert other.asked == [replaced.question]


async def test_a_run_that_is_resumed_knows_the_lessons_it_began_with(tmp_path):
    memory, task = EpisodicMemory(), Task("Guess.", check=near(50))
    memory.add("Guess.", Lesson(change="old"))

    def nest():
        return Reflexion(Direct(), None, Scripted(["new", "newer"]), memory)

    one = await think(task, ScriptedModel(["1", "2", "3"]), nest(), journal=tmp_path / "run.db")
    other = await think(task, ScriptedModel([]), nest(), journal=tmp_path / "run.db")

    assert shape(one) == shape(other)
    assert [text.change for text in memory.lessons("Guess.")] == ["old", "new", "newer"]


async def test_stopping_it_in_a_trial_leaves_the_best_so_far_and_resumes_to_the_same(tmp_path):
    task = Task("Guess.", check=near(500))
    nest = Reflexion(trials=3)
    whole = await think(task, Pupil(), nest)
    doors = []

    async def stop(count):
        if count == 3:
            doors[0].stop()

    cut = await think(task, Pupil(stop), nest, journal=tmp_path / "run.db", thinking=doors.append)
    resumed = await think(task, Pupil(), nest, journal=tmp_path / "run.db")

    assert (cut.stop_reason, cut.answer) == ("interrupted", whole.ranked[-1].answer or cut.answer)
    assert shape(resumed) == shape(whole)
    assert resumed.trace.events == whole.trace.events


async def test_a_budget_that_ends_a_trial_ends_the_loop_though_its_reflector_needs_no_model():
    model = ScriptedModel(["1"])
    nest = Reflexion(Direct(), None, Scripted(["a", "b", "c"]))

    result = await think(Task("?", check=near(50)), model, nest, budget=Budget(model_calls=1))

    assert (result.stop_reason, result.answer) == ("budget.model_calls", "1")


def test_lessons_are_alike_without_case_and_marks_but_not_with_other_numbers():
    told = Lesson(change="Open drawer 1 before the drawer 2.")

    assert Lesson(change="open, drawer 1, before the drawer 2").repeats([told])
    assert not Lesson(change="Open drawer 1 before the drawer 3.").repeats([told])
    assert not Lesson(change="Open drawer 2 before the drawer 1.").repeats([told])
    assert not told.repeats([])


def test_a_lesson_is_read_back_as_it_was_kept():
    told = Lesson(error="e", change="do: this", evidence="line")

    assert Lesson.read(told.statement()) == told
    assert Lesson.read("plain words").change == "plain words"


@pytest.mark.parametrize("wrong", [{"max_items": -1}], ids=str)
def test_a_memory_of_less_than_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 0"):
        EpisodicMemory(**wrong)


async def test_a_trace_in_memory_and_in_a_file_are_the_same(tmp_path):
    nest = Reflexion(trials=2)
    one = await think("Guess.", Pupil(), nest)
    other = await think("Guess.", Pupil(), nest, journal=tmp_path / "run.db")

    assert isinstance(one.trace, Trace) and one.trace.events == other.trace.events


# --- lessons of long-term memory ------------------------------------------------------------------------


class Shelf:
    """A long-term memory with one lesson about one task; notes what is told of it."""

    def __init__(self, task):
        probe = EpisodicMemory(memory=self)
        self.told, self.asked = [], 0
        self.kept = Record(
            id="m1", kind="reflection", text=Lesson(change="go up").statement(), scope=probe.about(task),
            provenance=Provenance(run="r", task="t", check="near", confirm="c"),
        )  # fmt: skip

    async def records(self, **_):
        self.asked += 1
        return [self.kept]

    async def outcome(self, check, held, scope, recalled):
        self.told.append((*recalled, held))


@pytest.mark.parametrize(("answers", "helped"), [(["50"], True), (["1", "50"], False)])
async def test_memory_hears_whether_a_recalled_lesson_helped_by_the_first_trial_that_had_it(
    tmp_path, answers, helped
):
    task = Task("Guess.", check=near(50))
    shelf = Shelf("Guess.")

    for _ in range(2):  # a resumed run tells it nothing anew
        loop = Reflexion(Direct(), None, Scripted(["more"]), EpisodicMemory(memory=shelf), trials=2)
        await think(task, ScriptedModel(answers), loop, journal=tmp_path / "j.db")

    assert shelf.told == [("m1", helped)] and shelf.asked == 1
    with Journal.open(tmp_path / "j.db", readonly=True) as journal:
        rows = [row for info in journal.runs() for row in journal.rows(info.run)]
    assert [row.body["held"] for row in rows if row.kind == "weighed"] == [helped]
    assert [[*row.body["found"]] for row in rows if row.kind == "recalled"] == [["m1"]]


async def test_a_model_that_reads_instructions_is_shown_which_lessons_are_from_memory():
    shown = notes_for(ScriptedModel([]), [Memo("m1", "reflection", "go up", "trusted", check="near")]).text
    task = Task("Guess.", lessons=("go up", "not 7"), notes=shown, noted=frozenset({"go up"}))

    asked = prompt_of(task).turns[-1][1]

    assert '[1] trusted, reflection, from a program, from a failed check: "near"\n  | go up' in asked
    assert "Lessons of earlier attempts:\n- not 7" in asked and "- go up" not in asked


async def test_what_came_of_the_first_trial_is_told_to_long_term_memory(tmp_path):
    """A lesson that was recalled is measured by it; so is the task where none was."""
    task = Task("Guess.", check=near(50))
    with Memory.open(tmp_path / "memory", embedder=BagOfWords(), index="exact") as memory:
        first = EpisodicMemory(memory=memory)
        await think(task, ScriptedModel(["1", "50"]), Reflexion(Direct(), None, Scripted(["more"]), first))
        await first.keep("Guess.", confirm(), Provenance(check="near"))

        await think(task, ScriptedModel(["50"]), Reflexion(Direct(), memory=EpisodicMemory(memory=memory)))

        [kept] = await memory.records()
        assert kept.outcomes == "+" and memory.ledger.outcomes_without(kept) == "-"


async def test_a_model_that_judges_itself_tells_memory_nothing(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=BagOfWords(), index="exact") as memory:
        model = ScriptedModel(["50"], {"yes": 0.0})

        result = await think(Task("Guess."), model, Reflexion(Direct(), memory=EpisodicMemory(memory=memory)))

        assert result.trace.events and "tell outcome" not in str(result.trace.events)
