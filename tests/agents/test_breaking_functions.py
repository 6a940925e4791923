"""Functions, checks and planners of a program that break off, hang or wait for one another."""

import asyncio
import threading

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.protocols import Check, Confirmed, Unverified

FINE = Check("it is there", lambda result: result is not None)


def worker(name="worker", function=lambda brief: brief.goal, **given):
    return FunctionWorker(name, function, **given)


@pytest.fixture
def carry_out(tmp_path):
    """Carries a plan out with some workers; gives the outcome."""

    async def carry_out(plan, *workers, **given):
        async with asyncio.timeout(10):
            return await Manager(None, workers or [worker()], journal=tmp_path / "run.db", **given).run(plan)

    return carry_out


def stops():
    return next(iter(()))


@pytest.mark.parametrize("ends", [lambda: exit(3), stops, lambda: None])
async def test_a_function_that_breaks_off_in_an_odd_way_is_an_attempt_that_failed(carry_out, ends):
    async def breaks(brief):
        if brief.attempt == 1:
            ends()
            raise asyncio.CancelledError("of something that it waited for")
        return "done"

    def breaks_in_a_thread(brief):
        return "done" if brief.attempt > 1 else stops() if ends is stops else exit(3)

    for function in (breaks, breaks_in_a_thread):
        plan = Plan()
        plan.task("it", "it", spec=[FINE])

        outcome = await carry_out(plan, worker(function=function))

        assert isinstance(outcome, Confirmed) and len(outcome.punch_list) == 1


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError("of its own")])
async def test_a_check_that_breaks_off_in_an_odd_way_confirms_nothing(carry_out, error):
    def breaks(result):
        raise error

    plan = Plan()
    plan.task("it", "it", spec=[Check("odd", breaks)])

    outcome = await carry_out(plan)

    assert isinstance(outcome, Unverified) and type(error).__name__ in outcome.reasons[0]


async def test_each_function_that_is_not_async_has_a_thread_of_its_own(carry_out):
    together = threading.Barrier(40, timeout=5)
    plan = Plan()
    for number in range(40):
        plan.task(f"t{number}", "meet", attempts=1, spec=[FINE])

    outcome = await carry_out(
        plan, *[worker(f"w{number}", lambda brief: together.wait()) for number in range(40)]
    )

    assert isinstance(outcome, Confirmed)


async def test_a_planner_that_breaks_down_is_an_attempt_that_failed(carry_out):
    plan = Plan()
    plan.task("it", "it", spec=[FINE])

    def planner(order):
        if order.attempt == 1:
            raise KeyError("nothing planned")
        inner = Plan()
        inner.task("inside", "inside", spec=[FINE])
        return inner

    outcome = await carry_out(plan, Manager(None, [worker()]).as_worker("boss", planner))

    assert isinstance(outcome, Confirmed) and "nothing planned" in outcome.punch_list[0].why
