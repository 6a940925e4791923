"""What ends in the middle of an answer ends it at the next decode step, and leaves nothing in the engine."""

import asyncio

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.budget import Budget, BudgetExhausted
from punchlist.agents.mind import ANSWER_TOKENS, Mind
from punchlist.agents.question import Question
from punchlist.core_model import load_model
from punchlist.protocols import Unverified
from punchlist.protocols.journal import Journal

from .doubles import FINE

LONG = Question("judge", "Say something.", "start: /[a-z ]{3000}/")
"""No answer ends before its tokens do."""


@pytest.fixture(scope="module")
def loaded():
    model = load_model()
    yield model
    asyncio.run(model.aclose())


@pytest.fixture
def model(loaded):
    """The embedded model, with the number of tokens that it decoded for each answer, cut ones included."""
    engine, started, jobs = loaded.engine, loaded.engine.start, []

    def start(*given, **named):
        jobs.append(started(*given, **named))
        return jobs[-1]

    engine.start, loaded.jobs = start, jobs
    yield loaded
    engine.start = started


@pytest.fixture
def mind(model, tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        yield lambda budget: Mind(model, budget, journal, "run", lambda _: None)


async def rest(engine):
    """Until the engine has nothing left to do."""
    async with asyncio.timeout(5):
        while engine.running or engine.queued:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0.001)


async def decoding(model, tokens=3):
    """Until the last answer has some tokens."""
    async with asyncio.timeout(20):
        while not model.jobs or len(model.jobs[-1].tokens) < model.jobs[-1].prompt_tokens + tokens:  # noqa: ASYNC110
            await asyncio.sleep(0)


def decoded(job):
    return len(job.tokens) - job.prompt_tokens


async def cut(model, end):
    """Tokens that were decoded when something ended an answer, and when the engine rests."""
    await decoding(model)
    job = model.jobs[-1]
    end()
    before = decoded(job)
    await rest(model.engine)
    return before, decoded(job)


async def test_a_cancelled_answer_ends_within_a_few_steps(model, mind):
    asking = asyncio.create_task(mind(Budget()).ask(LONG))

    before, after = await cut(model, asking.cancel)

    assert after - before < 10 < ANSWER_TOKENS
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_time_of_a_run_ends_an_answer(model, mind):
    asked = mind(Budget(seconds=0.05))

    with pytest.raises(BudgetExhausted, match="seconds"):
        await asked.ask(LONG)
    await rest(model.engine)

    assert decoded(model.jobs[-1]) < ANSWER_TOKENS


async def test_tokens_end_an_answer_where_they_are_used_up(model, mind):
    messages = [{"role": "system", "content": LONG.system()}, {"role": "user", "content": LONG.text}]
    asked = mind(Budget(tokens=len(model.encode(messages)) + 60))

    with pytest.raises(BudgetExhausted, match="tokens"):
        await asked.ask(LONG)

    assert 0 < decoded(model.jobs[-1]) <= 60
    assert asked.budget.cost.tokens <= asked.budget.tokens


@pytest.mark.parametrize("how", ["deadline", "cancel", "stop"])
async def test_a_task_that_ends_ends_the_answer_that_it_waits_for(model, tmp_path, how):
    async def thinks(brief):
        return await brief.mind.ask(LONG)

    plan = Plan()
    plan.task("think", "think", spec=[FINE], attempts=1, seconds=0.15 if how == "deadline" else None)
    running = Manager(model, [FunctionWorker("worker", thinks)], journal=tmp_path / "run.db").start(plan)

    if how == "deadline":
        await decoding(model)
        outcome = await asyncio.wait_for(running.outcome(), 10)
        await rest(model.engine)
        assert isinstance(outcome, Unverified) and "not done within 0.15 s" in outcome.reasons[0]
    else:
        await decoding(model)
        job, before = model.jobs[-1], decoded(model.jobs[-1])
        await (running.stop() if how == "stop" else asyncio.to_thread(lambda: None))
        if how == "cancel":
            running.cancel("late")
            await asyncio.wait_for(running.outcome(), 10)
        await rest(model.engine)
        assert decoded(job) < ANSWER_TOKENS and decoded(job) >= before
