"""A person edits a plan: tasks added, dropped, changed, while the run goes on and while it stands still."""

import asyncio

import pytest
from pydantic import BaseModel

from punchlist.agents import Manager, Plan, PlanEdit
from punchlist.agents.budget import BudgetExhausted
from punchlist.agents.plan import PlanChanged
from punchlist.agents.plan_edits import EditRefused, recorded_outline
from punchlist.agents.plans_below import edit_recorded
from punchlist.protocols import Confirmed, Failed, Unverified
from punchlist.protocols.journal import Journal

from .doubles import FINE, worker


class Count(BaseModel):
    mugs: int


def a_plan():
    """`first` holds the run up; `then` and `last` wait for it."""
    plan = Plan("shelf")
    first = plan.task("first", "first", spec=[FINE])
    then = plan.task("then", lambda got: f"then {got['x']}", inputs={"x": first}, spec=[FINE])
    plan.task("last", "last", after=[then], spec=[FINE])
    return plan


@pytest.fixture
def begin(tmp_path):
    """A run whose first task waits until it is let go."""

    async def begin(plan=None, **given):
        gate, began = asyncio.Event(), asyncio.Event()

        async def work(brief):
            if brief.goal == "first":
                began.set()
                await gate.wait()
            return brief.goal

        def other(brief):
            return f"other did {brief.goal}" if brief.goal in ("then wrap", "anew") else brief.goal

        workers = [worker("worker", work), worker("other", other)]
        running = Manager(None, workers, journal=tmp_path / "run.db", **given).start(plan or a_plan())
        async with asyncio.timeout(5):
            await began.wait()
        return running, gate

    return begin


async def end(running, gate):
    gate.set()
    async with asyncio.timeout(5):
        return await running.outcome()


async def test_a_task_is_added_and_done_with_the_others(begin):
    running, gate = await begin()

    running.edit(PlanEdit(edit="add", task="wrap", text="wrap", after=("first",), like="last"), "ada")
    running.edit(PlanEdit(edit="add", task="note", inputs={"x": "wrap"}, like="then", worker="other"), "ada")

    outcome = await end(running, gate)
    assert isinstance(outcome, Confirmed)
    assert (outcome.result["wrap"], outcome.result["note"]) == ("wrap", "other did then wrap")


async def test_a_task_is_dropped_and_one_is_changed(begin):
    running, gate = await begin()

    running.edit(PlanEdit(edit="drop", task="last", reason="not needed"), "ada")
    running.edit(PlanEdit(edit="change", task="then", text="anew", worker="other"), "ada")

    outcome = await end(running, gate)
    assert isinstance(outcome, Confirmed) and outcome.result == {"first": "first", "then": "other did anew"}


async def test_what_was_not_begun_since_its_input_failed_is_rescued_by_other_inputs(begin):
    plan = a_plan()
    plan.task("sure", "sure", spec=[FINE])
    running, gate = await begin(plan)
    running.cancel("lost", "first", "ada")
    async with asyncio.timeout(5):
        while running.tasks.get("first") != "cancelled":  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)

    running.edit(PlanEdit(edit="change", task="then", inputs={"x": "sure"}), "ada")

    outcome = await end(running, gate)
    assert isinstance(outcome, Unverified)
    assert (outcome.last["then"], outcome.last["last"]) == ("then sure", "last")


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (PlanEdit(edit="change", task="first", text="x"), "begun"),
        (PlanEdit(edit="drop", task="first"), "begun"),
        (PlanEdit(edit="change", task="then", after=("last",)), "cyclic"),
        (PlanEdit(edit="change", task="then", after=("then",)), "cyclic"),
        (PlanEdit(edit="drop", task="then"), "dangling"),
        (PlanEdit(edit="change", task="last", after=("nothing",)), "dangling"),
        (PlanEdit(edit="add", task="last", text="x", like="then"), "taken"),
        (PlanEdit(edit="add", task="a/b", text="x", like="last"), "unfit"),
        (PlanEdit(edit="add", task="more", text="x"), "unfit"),
        (PlanEdit(edit="change", task="then", inputs={}), "unfit"),
        (PlanEdit(edit="change", task="last", worker="nobody"), "unfit"),
        (PlanEdit(edit="change", task="last", text="half \ud800"), "unfit"),
        (PlanEdit(edit="change", task="last", like="then"), "unfit"),
        (PlanEdit(edit="drop", task="nothing"), "unknown"),
        (PlanEdit(edit="add", task="more", text="x", like="nothing"), "unknown"),
    ],
)
async def test_what_would_leave_no_plan_is_refused_and_changes_nothing(begin, edit, code):
    running, gate = await begin()
    before = running.plan

    with pytest.raises(EditRefused) as refused:
        running.edit(edit, "ada")

    assert refused.value.code == code and running.plan == before
    outcome = await end(running, gate)
    assert isinstance(outcome, Confirmed) and set(outcome.result) == {"first", "then", "last"}


async def test_an_edit_of_another_model_is_refused(begin):
    plan = a_plan()
    count = plan.task("count", "count", output=Count, after=[plan.node("first")])
    plan.task("use", "use", inputs={"count": count}, spec=[FINE], after=[plan.node("last")])
    running, _ = await begin(plan)

    with pytest.raises(EditRefused, match="takes 'count' as Count, but 'last' gives any JSON"):
        running.edit(PlanEdit(edit="change", task="use", inputs={"count": "last"}))
    await running.stop()


async def test_edits_are_on_record_as_a_persons_and_survive_a_resume(begin, tmp_path):
    running, _ = await begin()
    running.edit(PlanEdit(edit="change", task="last", text="best", reason="better"), "ada")
    running.edit(PlanEdit(edit="add", task="wrap", text="wrap", like="last"), "ada")
    await running.stop()

    workers = [worker(), worker("other")]
    outcome = await Manager(None, workers).go_on(tmp_path / "run.db", plan=a_plan()).outcome()

    assert isinstance(outcome, Confirmed)
    assert (outcome.result["last"], outcome.result["wrap"]) == ("best", "wrap")
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        rows = list(journal.rows(running.id, kinds=("plan_edit",)))
    assert [(row.key, row.body["person"]) for row in rows] == [("last", "ada"), ("wrap", "ada")]
    assert rows[0].body["edit"] == {"edit": "change", "task": "last", "text": "best", "reason": "better"}


async def test_the_plan_of_a_run_that_stands_still_is_edited_in_its_journal(begin, tmp_path):
    running, _ = await begin()
    await running.stop()
    with Journal.open(tmp_path / "run.db", create=False) as journal:
        edit_recorded(journal, running.id, PlanEdit(edit="drop", task="last"), "ada")
        with pytest.raises(EditRefused, match="has begun"):
            edit_recorded(journal, running.id, PlanEdit(edit="drop", task="first"), "ada")
        outline = recorded_outline(journal, running.id)

    workers = [worker(), worker("other")]
    outcome = await Manager(None, workers).go_on(tmp_path / "run.db", plan=a_plan()).outcome()

    assert outline is not None and list(outline.parts) == ["first", "then"]
    assert isinstance(outcome, Confirmed) and set(outcome.result) == {"first", "then"}


async def test_a_run_that_was_just_resumed_knows_what_had_begun_and_what_was_edited(begin, tmp_path):
    running, _ = await begin()
    running.edit(PlanEdit(edit="drop", task="last"))
    await running.stop()

    resumed = Manager(None, [worker(), worker("other")]).go_on(tmp_path / "run.db", plan=a_plan())
    with pytest.raises(EditRefused, match="has begun"):
        resumed.edit(PlanEdit(edit="drop", task="first"))
    with pytest.raises(EditRefused, match="is not in the plan"):
        resumed.edit(PlanEdit(edit="change", task="last", text="x"))
    resumed.edit(PlanEdit(edit="add", task="wrap", text="wrap", like="first"))

    outcome = await resumed.outcome()
    assert isinstance(outcome, Confirmed) and set(outcome.result) == {"first", "then", "wrap"}


async def test_another_plan_than_the_run_was_begun_with_is_not_edited(begin, tmp_path):
    running, _ = await begin()
    await running.stop()
    other = Plan()
    other.task("first", "something else", spec=[FINE])

    resumed = Manager(None, [worker()]).go_on(tmp_path / "run.db", plan=other)
    with pytest.raises(PlanChanged):
        resumed.edit(PlanEdit(edit="add", task="wrap", text="wrap", like="first"))
    await resumed.outcome()

    outcome = await Manager(None, [worker()]).go_on(tmp_path / "run.db", plan=a_plan()).outcome()
    assert isinstance(outcome, Confirmed) and set(outcome.result) == {"first", "then", "last"}


async def test_a_run_waits_for_the_worker_that_an_edit_gave_a_task_to(begin, tmp_path):
    running, _ = await begin()
    running.edit(PlanEdit(edit="change", task="last", worker="other"))
    await running.stop()

    without = await Manager(None, [worker()]).go_on(tmp_path / "run.db", plan=a_plan()).outcome()
    outcome = await Manager(None, [worker(), worker("other")]).go_on(
        tmp_path / "run.db", plan=a_plan()
    ).outcome()  # fmt: skip

    assert isinstance(without, Failed) and "called 'other'" in str(without.error)
    assert isinstance(outcome, Confirmed)


async def test_an_edit_while_a_run_breaks_off_is_done_when_it_is_resumed(tmp_path):
    held, began = asyncio.Event(), asyncio.Event()

    async def work(brief):
        if brief.goal == "break":
            await began.wait()
            raise BudgetExhausted("steps", 1)
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await held.wait()

    def plan():
        made = Plan()
        made.task("break", "break", spec=[FINE], worker="a")
        slow = made.task("slow", "slow", spec=[FINE], worker="b")
        made.task("last", "last", spec=[FINE], after=[slow])
        return made

    path = tmp_path / "run.db"
    running = Manager(None, [worker("a", work), worker("b", work)], journal=path).start(plan())
    async with asyncio.timeout(5):
        while running.tasks.get("break") != "working":  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)

    running.edit(PlanEdit(edit="change", task="last", text="best"))
    held.set()
    await asyncio.wait_for(running.outcome(), 5)

    outcome = await Manager(None, [worker("a"), worker("b")]).go_on(path, plan=plan()).outcome()
    assert isinstance(outcome, Confirmed) and outcome.result["last"] == "best"


async def test_a_run_that_is_over_takes_no_edit(begin):
    running, gate = await begin()
    await end(running, gate)

    with pytest.raises(EditRefused) as refused:
        running.edit(PlanEdit(edit="add", task="wrap", text="wrap", like="last"))

    assert refused.value.code == "over"


async def test_what_a_person_has_to_look_at_is_confirmed_by_them_alone(begin):
    running, gate = await begin(person=lambda request: True)

    running.edit(PlanEdit(edit="add", task="wrap", text="wrap", by_person=True), "ada")

    outcome = await end(running, gate)
    assert isinstance(outcome, Confirmed) and outcome.result["wrap"] == "wrap"
