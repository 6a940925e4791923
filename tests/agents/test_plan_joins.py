"""Where tasks of a plan meet: joins, locks, and who does what."""

import asyncio

from punchlist.agents import Manager, Plan
from punchlist.protocols import Check, Confirmed
from punchlist.protocols.journal import Journal

from .doubles import FINE, worker


async def test_the_first_confirmed_of_several_wins_and_the_others_are_called_off(carry_out, tmp_path):
    stopped = asyncio.Event()

    async def race(brief):
        if brief.goal == "fast":
            return "here"
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    plan = Plan()
    won = plan.first_of("any", *[plan.task(name, name, spec=[FINE]) for name in ("slow", "fast")])
    plan.task("use", lambda got: f"use {got['it']}", inputs={"it": won}, worker="last", spec=[FINE])

    outcome = await carry_out(plan, worker("a", race), worker("b", race), worker("last"))

    assert isinstance(outcome, Confirmed) and outcome.result["use"] == "use here"
    assert stopped.is_set() and "slow" not in outcome.result
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        rows = journal.rows(outcome.run, kinds=("sync",))
        assert [row.body for row in rows] == [{"join": "any", "won": "fast"}]


async def test_what_fails_does_not_win(carry_out):
    plan = Plan()
    never = plan.task("never", "never", spec=[Check("no", lambda result: False)])
    plan.first_of(
        "any", never, plan.task("later", "later", after=[plan.task("before", "x", spec=[FINE])], spec=[FINE])
    )

    outcome = await carry_out(plan, redos=0)

    assert outcome.result["any"] == "later"


async def test_what_only_the_losers_needed_is_not_begun_and_its_failure_does_not_matter(carry_out):
    plan, done = Plan(), []

    async def work(brief):
        while brief.goal == "middle" and "sooner" not in done:  # noqa: ASYNC110 `any` is decided before
            await asyncio.sleep(0)
        done.append(brief.goal)
        return brief.goal

    fast = plan.task("fast", "fast", worker="a", spec=[FINE])
    before = plan.task("before", "before", worker="b", spec=[Check("no", lambda result: False)])
    late = plan.task(
        "late", "late", after=[plan.task("middle", "middle", worker="c", spec=[FINE])], spec=[FINE]
    )
    plan.first_of("any", plan.gather("one", fast), plan.gather("two", before, late))
    later = plan.task("later", "later", worker="b", spec=[FINE])
    plan.first_of("other", later, plan.task("sooner", "sooner", worker="a", spec=[FINE]))
    plan.task("uses", "uses", inputs={"it": later}, spec=[FINE])

    outcome = await carry_out(plan, *[worker(name, work) for name in "abc"])

    assert isinstance(outcome, Confirmed) and outcome.result["any"] == ["fast"]
    assert "late" not in done and "later" in done and outcome.confirm is not None


async def test_a_barrier_holds_back_until_all_have_arrived(carry_out):
    order, plan = [], Plan()
    arrive = [plan.task(name, name, spec=[FINE]) for name in ("one", "two", "three")]
    plan.task("after", "after", after=[plan.barrier("all", *arrive)], spec=[FINE])

    def note(brief):
        order.append(brief.goal)
        return brief.goal

    await carry_out(plan, worker("a", note), worker("b", note))

    assert sorted(order[:3]) == ["one", "three", "two"] and order[3:] == ["after"]


async def test_two_tasks_with_one_lock_are_never_at_work_at_once(carry_out):
    inside = most = 0

    async def print_it(brief):
        nonlocal inside, most
        inside, most = inside + 1, max(most, inside + 1)
        await asyncio.sleep(0)
        inside -= 1
        return brief.goal

    plan = Plan()
    for name in ("one", "two", "three"):
        plan.task(name, name, locks=["printer"], spec=[FINE])

    outcome = await carry_out(plan, *[worker(name, print_it) for name in "abc"])

    assert isinstance(outcome, Confirmed) and most == 1


async def test_what_is_done_again_may_lock_what_its_consumer_had_locked(carry_out, tmp_path):
    counts, begun, go = {}, asyncio.Event(), asyncio.Event()

    async def count(brief):
        counts[brief.goal] = counts.get(brief.goal, 0) + 1
        if brief.goal == "two":
            begun.set()
            await go.wait()
        return counts[brief.goal]

    plan = Plan()
    one = plan.task("one", "one", locks=["printer"], spec=[FINE])
    plan.task("two", "two", inputs={"x": one}, locks=["printer"], spec=[FINE])
    workers = [worker(name, count) for name in "ab"]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await begun.wait()

    await running.reopen("one", "it was counted wrongly")
    go.set()
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"one": 2, "two": 2}


async def test_a_lock_of_a_process_that_was_killed_does_not_keep_out_what_its_holder_waits_for(tmp_path):
    begun, counts = asyncio.Event(), {}

    async def count(brief):
        counts[brief.goal] = counts.get(brief.goal, 0) + 1
        if counts == {"one": 1, "two": 1}:
            begun.set()
            await asyncio.Event().wait()
        return counts[brief.goal]

    plan, path = Plan(), tmp_path / "run.db"
    one = plan.task("one", "one", locks=["printer"], spec=[FINE])
    plan.task("two", "two", inputs={"x": one}, locks=["printer"], spec=[FINE])
    running = Manager(None, [worker(function=count)], journal=path).start(plan)
    await begun.wait()
    await running.reopen("one", "it was counted wrongly")
    await running.stop()
    with Journal.open(path) as journal:  # as it stands when there was no time to let go of it
        journal.append("sync", {"lock": "printer", "by": "two"}, run=running.id)

    again = Manager(None, [worker(function=count)]).go_on(path, plan=plan)
    outcome = await asyncio.wait_for(again.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"one": 2, "two": 2}


async def test_what_is_done_again_may_need_the_agent_that_waits_for_it(carry_out, tmp_path):
    counts, begun = {}, asyncio.Event()

    async def count(brief):
        counts[brief.goal] = counts.get(brief.goal, 0) + 1
        if counts == {"one": 1, "two": 1}:
            begun.set()
            await asyncio.Event().wait()
        return counts[brief.goal]

    plan = Plan()
    plan.task("two", "two", inputs={"x": plan.task("one", "one", spec=[FINE])}, spec=[FINE])
    running = Manager(None, [worker(function=count)], journal=tmp_path / "run.db").start(plan)
    await begun.wait()

    await running.reopen("one", "it was counted wrongly")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"one": 2, "two": 2}


async def test_a_task_goes_to_an_agent_with_its_skills_and_of_these_to_the_one_with_least_to_do(carry_out):
    done = []

    def by(name):
        return lambda brief: done.append((name, brief.goal)) or brief.goal

    plan = Plan()
    tasks = [plan.task(f"t{number}", f"t{number}", skills=["count"], spec=[FINE]) for number in range(2)]
    plan.task("t9", "t9", after=tasks, spec=[FINE])

    await carry_out(
        plan,
        worker("both", by("both"), skills=["count", "weigh"]),
        worker("counter", by("counter"), skills=["count"]),
        worker("plain", by("plain")),
    )

    assert sorted(done) == [("both", "t1"), ("counter", "t0"), ("plain", "t9")]
