"""Plans that a program writes: what may begin when, what is handed on, and what refuses to be written."""

import asyncio

import pytest
from pydantic import BaseModel

from punchlist.agents import Manager, Plan, PlanError
from punchlist.agents.acting.attempt import Declined
from punchlist.agents.managing.lanes import Unable
from punchlist.protocols import Check, Confirmed, Failed, Unverified
from punchlist.tools import Found, tool

from .doubles import FINE, worker


class Count(BaseModel):
    units: int


class Price(BaseModel):
    pounds: float


async def test_a_confirmed_result_is_handed_on_as_its_model(carry_out):
    plan = Plan()
    count = plan.task("count", "Count them.", output=Count)
    plan.task("order", lambda got: f"Order {10 - got['n'].units}.", inputs={"n": count}, spec=[FINE])
    does = worker(function=lambda brief: Count(units=4) if brief.goal == "Count them." else brief.goal)

    outcome = await carry_out(plan, does)

    assert isinstance(outcome, Confirmed)
    assert outcome.result == {"count": Count(units=4), "order": "Order 6."}


async def test_nothing_begins_over_a_result_that_was_refused(carry_out):
    plan, begun = Plan(), []
    count = plan.task("count", "Count them.", spec=[Check("more than 5", lambda result: result > 5)])
    plan.task("order", "Order them.", inputs={"n": count}, spec=[FINE])

    outcome = await carry_out(plan, worker(function=lambda brief: begun.append(brief.goal) or 3), redos=1)

    assert isinstance(outcome, Unverified) and begun == ["Count them."] * 2
    assert any("not begun" in reason for reason in outcome.reasons)


async def test_tasks_that_do_not_wait_for_one_another_are_done_at_once(carry_out):
    together = asyncio.Barrier(2)

    async def meet(brief):
        await together.wait()
        return brief.goal

    plan = Plan()
    both = [plan.task(name, name, spec=[FINE]) for name in ("one", "two")]
    plan.gather("both", *both)

    outcome = await carry_out(plan, worker("a", meet), worker("b", meet))

    assert outcome.result["both"] == ["one", "two"]


async def test_a_task_that_is_declined_goes_to_somebody_again_and_counts_as_an_attempt(carry_out):
    tries = []

    def picky(brief):
        tries.append(brief.attempt)
        if brief.attempt == 1:
            raise Declined("not today")
        return "done"

    plan = Plan()
    plan.task("it", "it", spec=[FINE])

    outcome = await carry_out(plan, worker(function=picky))

    assert isinstance(outcome, Confirmed) and tries == [1, 2]
    assert "declined: not today" in outcome.punch_list[0].why


async def test_what_a_function_raises_is_an_attempt_that_failed(carry_out):
    def breaks(brief):
        return 1 // (brief.attempt - 1)

    plan = Plan()
    plan.task("it", "it", spec=[FINE])

    outcome = await carry_out(plan, worker(function=breaks))

    assert isinstance(outcome, Confirmed)
    assert "ZeroDivisionError" in outcome.punch_list[0].why


async def test_an_attempt_that_takes_too_long_has_failed(carry_out):
    async def hang(brief):
        return "done" if brief.attempt > 1 else await asyncio.Event().wait()

    plan = Plan()
    plan.task("it", "it", seconds=0.05, spec=[FINE])

    outcome = await carry_out(plan, worker(function=hang))

    assert isinstance(outcome, Confirmed) and "not done within 0.05 s" in outcome.punch_list[0].why


async def test_a_run_ends_when_its_time_is_up_whatever_hangs(carry_out):
    async def hang(brief):
        await asyncio.Event().wait()

    plan = Plan()
    plan.task("it", "it", spec=[FINE])

    outcome = await carry_out(plan, worker(function=hang), seconds=0.1)

    assert isinstance(outcome, Unverified) and "seconds" in outcome.reasons[0]


async def test_a_report_that_nobody_can_carry_is_refused(carry_out, tmp_path):
    plan = Plan()
    plan.task("it", "it", attempts=1, spec=[FINE])

    outcome = await carry_out(plan, worker(function=lambda brief: "x" * 50_000_000))

    assert isinstance(outcome, Unverified) and "sha256" in outcome.reasons[0]
    assert (tmp_path / "run.db").stat().st_size < 1_000_000


async def test_what_a_tool_said_and_did_not_do_is_done_in_the_redo_and_only_then(carry_out):
    shelf, calls = [], []

    def is_there(item: str) -> Found | None:
        return Found("put") if item in shelf else None

    @tool(effect="write", recovery="queryable", outcome_of=is_there)
    def put(item: str) -> str:
        """Put something on the shelf; the first time it only says so."""
        calls.append(item)
        if len(calls) > 1:
            shelf.append(item)
        return "put"

    async def work(brief):
        return await brief.call("put", item="mug")

    plan = Plan()
    plan.task("put", "put", spec=[Check("it is there", lambda _: shelf == ["mug"] or "nothing is there")])

    outcome = await carry_out(plan, worker(function=work, tools=[put]))

    assert isinstance(outcome, Confirmed)
    assert (shelf, calls) == (["mug"], ["mug", "mug"])


@pytest.mark.parametrize("made", [object(), float("nan"), {"n": [float("inf")]}])
async def test_what_is_no_json_is_refused(carry_out, made):
    plan = Plan()
    plan.task("it", "it", attempts=1, spec=[Check("any", lambda _: True)])

    outcome = await carry_out(plan, worker(function=lambda brief: made))

    assert isinstance(outcome, Unverified) and "not JSON" in outcome.reasons[0]


async def test_a_task_that_nobody_can_do_ends_the_run_before_it_begins(carry_out):
    plan, begun = Plan(), []
    plan.task("one", "one", spec=[FINE])
    plan.task("two", "two", skills=["fly"], spec=[FINE])

    outcome = await carry_out(plan, worker(function=begun.append, skills=["swim"]))

    assert isinstance(outcome, Failed) and isinstance(outcome.error, Unable)
    assert "'two'" in str(outcome.error) and "fly" in str(outcome.error) and not begun


async def test_a_run_is_resumed_with_the_plan_it_was_begun_with_and_nothing_is_done_twice(tmp_path):
    done, enough = [], asyncio.Event()

    def plan_of(text):
        plan = Plan()
        one = plan.task("one", text, spec=[FINE])
        plan.task("two", "two", inputs={"x": one}, spec=[FINE])
        return plan

    async def work(brief):
        done.append(brief.goal)
        if brief.goal == "two" and done.count("two") == 1:
            enough.set()
            await asyncio.Event().wait()
        return brief.goal

    running = Manager(None, [worker(function=work)], journal=tmp_path / "run.db").start(plan_of("one"))
    await enough.wait()
    await running.stop()
    again = Manager(None, [worker(function=work)])

    changed = [event async for event in again.resume(tmp_path / "run.db", plan=plan_of("uno"))][-1].outcome
    outcome = [event async for event in again.resume(tmp_path / "run.db", plan=plan_of("one"))][-1].outcome

    assert isinstance(changed, Failed) and "another plan" in str(changed.error)
    assert isinstance(outcome, Confirmed) and done == ["one", "two", "two"]
    with pytest.raises(ValueError, match="plan=plan"):
        again.go_on(tmp_path / "run.db")


@pytest.mark.parametrize("says", [lambda got: got["nothing"], lambda got: None, lambda got: ""])
async def test_a_text_that_cannot_be_said_ends_the_run_and_names_the_task(carry_out, says):
    plan = Plan()
    plan.task("it", says, spec=[FINE])

    outcome = await carry_out(plan)

    assert (
        isinstance(outcome, Failed) and isinstance(outcome.error, PlanError) and "'it'" in str(outcome.error)
    )


def test_a_plan_is_refused_while_it_is_written():
    plan, other = Plan(), Plan()
    count = plan.task("count", "count", output=Count)
    stranger = other.task("count", "count", output=Count)

    for wrong in (
        lambda: plan.task("count", "again", spec=[FINE]),
        lambda: plan.task("a b", "no name", spec=[FINE]),
        lambda: plan.task("x", "x", inputs={"n": stranger}, spec=[FINE]),
        lambda: plan.task("x", "x", inputs={"n": count}, takes={"n": Price}, spec=[FINE]),
        lambda: plan.task("x", "x", takes={"n": Count}, spec=[FINE]),
        lambda: plan.task("x", "x", after=["x"], spec=[FINE]),
        lambda: plan.task("x", "x", inputs={"n": "count"}, spec=[FINE]),
        lambda: plan.gather("x", [count]),
        lambda: plan.first_of("x", "count"),
        lambda: plan.task("x", " ", spec=[FINE]),
        lambda: plan.task("x", "\ud800", spec=[FINE]),
        lambda: plan.task("x", "x", spec=[FINE, FINE]),
        lambda: plan.task("x", "x", attempts=0, spec=[FINE]),
        lambda: plan.task("x", "x", seconds=-1, spec=[FINE]),
        lambda: plan.gather("x"),
        lambda: plan.first_of("x", count, plan.task("price", "price", output=Price)),
    ):
        with pytest.raises(PlanError):
            wrong()


async def test_what_only_a_model_could_judge_says_that_there_is_none(carry_out):
    plan = Plan()
    plan.task("it", "it", attempts=1)

    outcome = await carry_out(plan)

    assert isinstance(outcome, Unverified) and "Manager(load_model(), ...)" in outcome.reasons[0]


def test_an_empty_plan_is_refused(tmp_path):
    with pytest.raises(ValueError, match="plan is empty"):
        Manager(None, [worker()], journal=tmp_path / "run.db").run_sync(Plan())


async def test_what_was_confirmed_stays_as_it_was_whatever_is_done_to_what_is_handed_out(carry_out):
    plan = Plan()
    grown = Check("nothing was added by a check", lambda result: result.append("checked") or True)
    one = plan.task("one", "one", spec=[grown, Check("one thing", lambda result: len(result) == 1)])
    plan.task("two", "two", inputs={"x": one}, spec=[FINE])

    def work(brief):
        if brief.goal == "two":
            brief.inputs["x"].append("done to it")
        return ["thing"]

    outcome = await carry_out(plan, worker(function=work))

    assert isinstance(outcome, Confirmed) and outcome.result["one"] == ["thing"]
