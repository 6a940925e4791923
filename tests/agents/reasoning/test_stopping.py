"""A search that is stopped or cancelled, or whose model fails: nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    BestOf,
    BestOfN,
    Checked,
    DepthFirst,
    FromTool,
    Prompt,
    SelfConsistency,
    SelfConsistent,
    Task,
    Thinking,
    Trace,
    think,
)
from punchlist.agents.reasoning.thinking import Interrupted, Request
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.errors import CoreModelError
from punchlist.core_model.grammar import Grammar

from .toys import (
    EVERY,
    SEARCHES,
    SeededModel,
    Sum,
    assert_all_given_back,
    grown,
    judge,
    named,
    requests,
)


async def test_a_stop_in_the_middle_of_a_batch_ends_it_at_once_with_the_best_so_far():
    stuck = asyncio.Event()

    async def before(begun):
        if begun > 20:
            stuck.set()
            await asyncio.sleep(EVERY)

    problem, thinking = Sum(), Thinking(SeededModel(before))
    search = Beam(beam=3, width=4, enough=2).run(problem, problem.sampler, judge(problem), thinking)
    running = asyncio.create_task(search)
    await stuck.wait()

    thinking.stop()
    async with asyncio.timeout(5):
        result = await running

    assert result.stop_reason == "interrupted"
    assert result.best.score is not None and result.usage.model_calls <= 20
    assert_no_task_left()


class Chains(ScriptedModel):
    """Answers 4, but is stuck at one of its answers, and tells when it gets there."""

    def __init__(self, stuck_at=None):
        super().__init__(lambda question: f"{len(self.asked)}\nanswer: 4")
        self.stuck_at, self.stuck = stuck_at, asyncio.Event()

    async def generate(self, messages, *, sampling=None, grammar=None):
        made = await super().generate(messages, sampling=sampling, grammar=grammar)
        if len(self.asked) == self.stuck_at:
            self.stuck.set()
            await asyncio.sleep(EVERY)
        return made


async def stopped_when_stuck(strategy, model, task="q", **given):
    """What a strategy comes to that is stopped as soon as the model is stuck."""
    doors = []
    running = asyncio.create_task(think(task, model, strategy, thinking=doors.append, **given))
    await model.stuck.wait()
    doors[0].stop()
    async with asyncio.timeout(5):
        return await running


async def test_samples_that_are_finished_when_a_stop_comes_are_judged():
    result = await stopped_when_stuck(SelfConsistent(samples=16), Chains(stuck_at=16))

    assert (result.answer, result.stop_reason) == ("4", "interrupted")
    assert (result.usage.model_calls, result.best.score.samples) == (15, 15)


async def test_a_vote_that_was_stopped_goes_on_with_the_samples_that_were_missing(tmp_path):
    place = tmp_path / "vote.db"
    await stopped_when_stuck(SelfConsistent(samples=5), Chains(stuck_at=3), journal=place)
    model = Chains()

    result = await think("q", model, SelfConsistent(samples=5), journal=place)

    assert (len(model.asked), result.best.score.samples, result.usage.model_calls) == (1, 5, 5)
    assert [node.id for node in result.tree] == ["", "0", "1", "2", "3", "4"]


async def test_what_is_shown_after_a_stop_is_shown_the_same_when_it_is_stopped_again(tmp_path):
    place, strategy = tmp_path / "vote.db", SelfConsistent(samples=5)
    first = await stopped_when_stuck(strategy, Chains(stuck_at=3), journal=place)

    again = await stopped_when_stuck(strategy, Chains(stuck_at=1), journal=place)

    assert [(node.id, node.value) for node in again.tree] == [(node.id, node.value) for node in first.tree]
    with Trace.open(place) as trace:
        assert [event.what for event in trace.all_events()].count("halted") == 1


async def test_after_a_stop_no_check_is_made_but_there_is_an_answer():
    checked = []
    task = Task("q", check=Checked(lambda node: checked.append(node) or 1.0))

    result = await stopped_when_stuck(BestOf(samples=4), Chains(stuck_at=4), task)

    assert (result.answer, result.stop_reason, checked) == ("4", "interrupted", [])


async def test_walks_of_several_steps_take_those_that_are_on_record_when_a_stop_comes():
    stuck = asyncio.Event()

    async def before(begun):
        if begun == 15:
            stuck.set()
            await asyncio.sleep(EVERY)

    problem, thinking = Sum(), Thinking(SeededModel(before))
    search = BestOfN(8).run(problem, problem.sampler, problem.evaluator, thinking)
    running = asyncio.create_task(search)
    await stuck.wait()

    thinking.stop()
    async with asyncio.timeout(5):
        result = await running

    assert result.stop_reason == "interrupted"
    assert len(result.tree) == 1 + result.usage.model_calls
    assert max(node.depth for node in result.tree) == 2
    assert_no_task_left()


async def test_what_a_tool_proposed_before_a_stop_is_neither_asked_nor_told_twice():
    asked = []

    def suggest(state, width):
        asked.append(state)
        if len(asked) == 3:
            thinking.stop()
        if len(asked) == 2:
            raise ValueError("lost")
        return [3]

    thinking = Thinking(SeededModel())
    problem = Sum(aim=3)

    result = await BestOfN(5).run(problem, FromTool("planner", suggest), problem.evaluator, thinking)

    assert [node.answer for node in result.tree.root.children] == ["3", "3"]
    assert (len(asked), result.stop_reason) == (3, "interrupted")
    assert [event.what for event in thinking.trace.events].count("failed") == 1


async def test_a_limit_of_seconds_ends_a_batch_that_is_being_answered():
    async with asyncio.timeout(5):
        result = await think("q", Chains(stuck_at=2), SelfConsistent(samples=2), budget=Budget(seconds=0.05))

    assert (result.answer, result.stop_reason) == ("4", "budget.seconds")
    assert_no_task_left()


async def test_the_time_before_it_is_begun_counts_for_no_search():
    budget = Budget(seconds=60, began=-EVERY)

    result = await think("q", Chains(), "cot", budget=budget)

    assert result.answer == "4"
    assert budget.began == -EVERY


async def test_a_stop_ends_a_search_that_asks_no_model():
    seen = []

    def check(node):
        seen.append(node)
        if len(seen) == 5:
            asyncio.get_running_loop().call_soon(thinking.stop)
        return 0.5

    problem, thinking = Sum(aim=EVERY, most=EVERY), Thinking(SeededModel())

    result = await DepthFirst(depth=EVERY).run(problem, problem.proposer, Checked(check), thinking)

    assert (result.stop_reason, len(seen)) == ("interrupted", 6)


async def test_after_a_stop_nothing_more_is_asked():
    model = SeededModel()
    thinking = Thinking(model)
    thinking.stop()

    with pytest.raises(Interrupted):
        await thinking.within("inner").generate(requests())
    with pytest.raises(Interrupted):
        await thinking.call("tool", None, lambda: model.asked.append("tool"))

    assert model.asked == []


@pytest.mark.parametrize("fork", [True, False])
async def test_a_stop_in_the_middle_gives_all_pages_back(embedded, fork):
    thinking = Thinking(embedded, fork=fork)
    running = asyncio.create_task(
        thinking.generate([
            Request(Prompt.of("tell a long story", said=str(place % 3)), str(place), 1.0, max_tokens=1500,
                    grammar=Grammar.regex("[a-z ]{5000}"), keep=True)
            for place in range(9)
        ])
    )  # fmt: skip
    pool = embedded.engine.pool
    await until(lambda: pool.available < pool.pages - 40)  # each has written several pages

    thinking.stop()
    async with asyncio.timeout(5):
        with pytest.raises(Interrupted):
            await running

    await thinking.aclose()
    assert_all_given_back(embedded)
    assert_no_task_left()


async def test_a_search_that_is_cancelled_gives_all_pages_back(embedded):
    problem, thinking = Sum(), Thinking(embedded)
    search = Beam(beam=5, width=5, depth=5, enough=2).run(problem, problem.sampler, judge(problem), thinking)
    running = asyncio.create_task(search)
    await until(lambda: thinking.budget.cost.model_calls >= 12)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await thinking.aclose()
    assert_all_given_back(embedded)
    assert_no_task_left()


class Broken(CoreModelError):
    """A model failed."""


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_an_error_of_the_model_goes_through_and_leaves_no_task_behind(search):
    async def before(begun):
        if begun == 9:
            raise Broken("the server is gone")
        if begun > 9:
            await asyncio.sleep(EVERY)

    problem = Sum()

    async with asyncio.timeout(5):
        with pytest.raises(Broken):
            await grown(
                search, problem, proposer=problem.sampler, evaluator=judge(problem), model=SeededModel(before)
            )

    assert_no_task_left()


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_a_search_gives_all_pages_back(embedded, search):
    problem = Sum()

    await grown(search, problem, proposer=problem.sampler, evaluator=judge(problem), model=embedded)

    assert_all_given_back(embedded)


async def until(reached):
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110 - the engine's thread gives no sign of it
            await asyncio.sleep(0.001)


def assert_no_task_left():
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("search", [BestOfN(2, depth=3), SelfConsistency(2, depth=3)], ids=named)
async def test_walks_that_the_depth_cuts_off_are_closed_with_that_reason(search):
    result = await grown(search, Sum(aim=10))

    assert (result.answer, result.stop_reason) == (None, "complete")
    assert [node.why for node in result.tree if node.status == "pruned"] == ["depth 3 is the limit"] * 2
