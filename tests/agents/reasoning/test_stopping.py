"""A search that is stopped or cancelled, or whose model fails: nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from punchlist.agents.reasoning import (
    Beam,
    BestOfN,
    Checked,
    DepthFirst,
    Ensemble,
    Logits,
    MonteCarlo,
    Prompt,
    Thinking,
)
from punchlist.agents.reasoning.thinking import Interrupted, Request
from punchlist.core_model.errors import CoreModelError
from punchlist.core_model.grammar import Grammar

from .toys import EVERY, SeededModel, Sum, assert_all_given_back, grown

SEARCHES = (
    Beam(beam=3, width=3, enough=2),
    DepthFirst(width=2),
    MonteCarlo(8, width=3, enough=2),
    BestOfN(5),
)
WORDS = Grammar.regex("[a-z ]{1,30}")


def named(search):
    return search.name


def judge(problem):
    """Half by the model, behind what was said, half by what is right."""
    ask = Logits(lambda node: Prompt.of("add up").and_said("".join(node.texts())))
    return Ensemble((ask, problem.evaluator))


def requests(count=6, temperature=1.0, keep=False):
    """Of different prompts and of one prompt, from its beginning and going on."""
    prompts = [Prompt.of("one"), Prompt.of("two"), Prompt.of("one", said="so"), Prompt.of("one", "be kind")]
    return [
        Request(prompts[place % 4], f"#{place}", temperature, max_tokens=12, grammar=WORDS, keep=keep)
        for place in range(count)
    ]


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
