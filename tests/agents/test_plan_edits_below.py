"""A person edits the plan of a manager that works for another one: what that re-opens, and what not."""

import asyncio
from collections import Counter

import pytest

from punchlist.agents import Manager, Plan, PlanEdit, letters
from punchlist.agents.cli import main
from punchlist.agents.plan_edits import EditRefused
from punchlist.agents.plans_below import edit_recorded, plans_below
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal

from .doubles import FINE, worker


class Shelf:
    """Counts how often each goal was done; a goal in `held` waits, and says by `begun` that it does."""

    def __init__(self, path, *held, spec=FINE, **limits):
        self.path, self.spec, self.limits = path, spec, limits
        self.done = Counter()
        self.held = {goal: asyncio.Event() for goal in held}
        self.begun = {goal: asyncio.Event() for goal in held}

    async def work(self, brief):
        if brief.goal in self.held:
            self.begun[brief.goal].set()
            await self.held[brief.goal].wait()
        self.done[brief.goal] += 1
        return brief.goal

    def inner(self, order):
        """`sort` and then `stack`, or with a manager in between."""
        plan = Plan()
        sort = plan.task("sort", "sort", spec=[FINE])
        plan.task("stack", "stack", after=[sort], spec=[FINE])
        return plan

    def middle(self, order):
        plan = Plan()
        plan.task("top", "top", worker="lead", spec=[FINE])
        plan.task("floor", "floor", worker="hand", spec=[FINE])
        return plan

    def plan(self):
        plan = Plan("shop")
        shelf = plan.task("shelf", "shelf", worker="boss", spec=[self.spec], **self.limits)
        plan.task("price", "price", inputs={"x": shelf}, worker="clerk", spec=[FINE])
        plan.task("door", "door", worker="porter", spec=[FINE])
        return plan

    def manager(self, *, deep=False, journal=None):
        lead = Manager(None, [worker("hand", self.work)])
        boss = lead.as_worker("boss", self.inner)
        if deep:
            above = Manager(None, [lead.as_worker("lead", self.inner), worker("hand", self.work)])
            boss = above.as_worker("boss", self.middle)
        workers = [boss, worker("clerk", self.work), worker("porter", self.work)]
        return Manager(None, workers, journal=journal)

    def start(self, **given):
        return self.manager(journal=self.path, **given).start(self.plan())

    def go_on(self, **given):
        return self.manager(**given).go_on(self.path, plan=self.plan())

    async def begins(self, goal):
        await asyncio.wait_for(self.begun[goal].wait(), 5)

    async def end(self, running):
        for event in self.held.values():
            event.set()
        return await asyncio.wait_for(running.outcome(), 5)

    def edit_offline(self, run, edit, person="ada"):
        with Journal.open(self.path, create=False) as journal:
            return edit_recorded(journal, run, edit, person)


async def stands(running, task, status):
    async with asyncio.timeout(5):
        while running.tasks.get(task) != status:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)


def dust(of="shelf", **given):
    return PlanEdit(edit="add", task="dust", of=of, text="dust", like="stack", **given)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


async def test_a_plan_below_is_edited_while_it_is_carried_out(path):
    shelf = Shelf(path, "sort")
    running = shelf.start()
    await shelf.begins("sort")

    running.edit(dust(after=("sort",)), "ada")
    running.edit(PlanEdit(edit="change", task="stack", of="shelf", text="pile"), "ada")

    outcome = await shelf.end(running)
    assert isinstance(outcome, Confirmed)
    assert outcome.result["shelf"] == {"sort": "sort", "stack": "pile", "dust": "dust"}
    assert shelf.done == dict.fromkeys(("sort", "pile", "dust", "price", "door"), 1)


async def test_a_task_below_is_dropped(path):
    shelf = Shelf(path, "sort")
    running = shelf.start()
    await shelf.begins("sort")

    running.edit(PlanEdit(edit="drop", task="stack", of="shelf"), "ada")

    assert (await shelf.end(running)).result["shelf"] == {"sort": "sort"}


@pytest.mark.parametrize(
    ("edit", "code", "says"),
    [
        (dust("cellar"), "unknown", "Tasks that have one: shelf."),
        (dust("price"), "unknown", "Tasks that have one: shelf."),
        (PlanEdit(edit="drop", task="price", of="shelf"), "unknown", "There are: sort, stack."),
        (PlanEdit(edit="drop", task="sort", of="shelf"), "begun", "has begun"),
        (PlanEdit(edit="change", task="stack", of="shelf", after=("price",)), "dangling", "'price', which"),
        (PlanEdit(edit="change", task="sort", of="shelf", text="x"), "begun", "has begun"),
    ],
)
async def test_what_is_not_there_or_has_begun_is_refused_and_changes_nothing(path, edit, code, says):
    shelf = Shelf(path, "sort")
    running = shelf.start()
    await shelf.begins("sort")

    with pytest.raises(EditRefused, match=says) as refused:
        running.edit(edit)

    outcome = await shelf.end(running)
    assert refused.value.code == code and set(outcome.result["shelf"]) == {"sort", "stack"}


async def test_a_confirmed_task_over_an_edited_plan_is_done_again_with_nothing_but_what_is_new(path):
    shelf = Shelf(path, "door")
    running = shelf.start()
    await stands(running, "price", "confirmed")

    running.edit(dust(), "ada")

    assert running.tasks["shelf"] != "confirmed"
    outcome = await shelf.end(running)
    assert isinstance(outcome, Confirmed) and set(outcome.result["shelf"]) == {"sort", "stack", "dust"}
    assert shelf.done == {"sort": 1, "stack": 1, "dust": 1, "price": 2, "door": 1}


async def test_an_edit_while_the_result_is_held_against_its_spec_voids_that_result(path):
    """Nobody is confirmed over a subtask that is not."""

    def look(result):
        if "dust" not in result:
            running.edit(dust(), "ada")
        return True

    shelf = Shelf(path, spec=Check("a look", look))
    running = shelf.start()

    outcome = await shelf.end(running)
    assert isinstance(outcome, Confirmed) and set(outcome.result["shelf"]) == {"sort", "stack", "dust"}
    assert shelf.done == dict.fromkeys(("sort", "stack", "dust", "price", "door"), 1)


async def test_a_plan_two_below_is_edited_and_every_task_above_is_held_against_it_again(path):
    shelf = Shelf(path, "door")
    running = shelf.start(deep=True)
    await stands(running, "price", "confirmed")

    running.edit(dust("shelf/1/top"), "ada")

    outcome = await shelf.end(running)
    assert outcome.result["shelf"] == {
        "top": {"sort": "sort", "stack": "stack", "dust": "dust"},
        "floor": "floor",
    }
    assert shelf.done == {"sort": 1, "stack": 1, "dust": 1, "floor": 1, "price": 2, "door": 1}


@pytest.mark.parametrize("held", ["sort", "door"])
async def test_a_plan_below_is_edited_in_the_journal_of_a_run_that_stands_still(path, held):
    """`sort`: the task above was at work. `door`: it was confirmed, and so was what consumed it."""
    shelf = Shelf(path, held)
    running = shelf.start()
    await shelf.begins(held)
    if held == "door":
        await stands(running, "price", "confirmed")
    await running.stop()

    shelf.edit_offline(running.id, dust())
    before = Counter(shelf.done)
    outcome = await shelf.end(shelf.go_on())

    assert isinstance(outcome, Confirmed) and set(outcome.result["shelf"]) == {"sort", "stack", "dust"}
    again = {"dust", "price", "door"} if held == "door" else {"sort", "stack", "dust", "price"}
    assert set(shelf.done - before) == again and set((shelf.done - before).values()) == {1}


async def test_a_plan_two_below_is_edited_in_the_journal(path):
    shelf = Shelf(path, "door")
    running = shelf.start(deep=True)
    await stands(running, "price", "confirmed")
    await running.stop()

    shelf.edit_offline(running.id, dust("shelf/1/top"))
    outcome = await shelf.end(shelf.go_on(deep=True))

    assert set(outcome.result["shelf"]["top"]) == {"sort", "stack", "dust"}
    assert shelf.done == {"sort": 1, "stack": 1, "dust": 1, "floor": 1, "price": 2, "door": 1}


async def test_edits_below_are_on_record_and_replayed(path):
    shelf = Shelf(path, "sort")
    running = shelf.start()
    await shelf.begins("sort")
    running.edit(dust(reason="it is dirty"), "ada")
    await running.stop()

    outcome = await shelf.end(shelf.go_on())

    with Journal.open(path, readonly=True) as journal:
        (row,) = journal.rows(running.id, kinds=("plan_edit",))
    assert (row.task, row.key, row.body["person"]) == ("shelf/1/", "dust", "ada")
    assert set(outcome.result["shelf"]) == {"sort", "stack", "dust"}


async def test_a_redo_takes_over_what_was_changed_of_the_plan_before_it(path):
    tries = iter([False, True])
    shelf = Shelf(path, "sort", spec=Check("at the second look", lambda result: next(tries)))
    running = shelf.start()
    await shelf.begins("sort")

    running.edit(dust(), "ada")

    outcome = await shelf.end(running)
    assert isinstance(outcome, Confirmed) and "dust" in outcome.result["shelf"]
    assert shelf.done["dust"] == 2


async def test_what_a_redo_that_plans_otherwise_cannot_take_over_is_left_out_on_record(path):
    tries = iter([False, True])
    shelf = Shelf(path, "sort", spec=Check("at the second look", lambda result: next(tries)))
    first = shelf.inner

    def inner(order):
        plan = Plan()
        plan.task("burn", "burn", spec=[FINE])
        return first(order) if order.attempt == 1 else plan

    shelf.inner = inner
    running = shelf.start()
    await shelf.begins("sort")
    running.edit(dust(), "ada")

    outcome = await shelf.end(running)

    with Journal.open(path, readonly=True) as journal:
        (row,) = journal.rows(running.id, kinds=("plan_edit_left_out",))
    assert outcome.result["shelf"] == {"burn": "burn"}
    assert row.task == "shelf/2/" and "'stack'" in row.body["why"]


async def test_subtasks_are_promised_no_more_than_their_task_has(path):
    def inner(order):
        plan = Plan()
        plan.task("sort", "sort", spec=[FINE], tokens=60)
        plan.task("stack", "stack", spec=[FINE], tokens=30, after=[plan.node("sort")])
        return plan

    shelf = Shelf(path, "sort", tokens=100)
    shelf.inner = inner
    running = shelf.start()
    await shelf.begins("sort")

    with pytest.raises(EditRefused, match="promised too much"):
        running.edit(dust())

    assert set((await shelf.end(running)).result["shelf"]) == {"sort", "stack"}


async def test_the_plan_of_a_task_that_came_to_nothing_takes_no_edit(path):
    shelf = Shelf(path, "door", spec=Check("never", lambda result: False), attempts=1)
    running = shelf.start()
    await stands(running, "shelf", "unverified")

    with pytest.raises(EditRefused, match="re-open the task first") as refused:
        running.edit(dust())

    assert refused.value.code == "over" and isinstance(await shelf.end(running), Unverified)


async def test_a_run_tells_its_plans_below(path):
    shelf = Shelf(path, "door")
    running = shelf.start(deep=True)
    await stands(running, "price", "confirmed")

    known, plan = running.plans_below, running.plan_of("shelf/1/top")

    assert known == {"shelf": "confirmed", "shelf/1/top": "confirmed"} and list(plan.parts) == [
        "sort",
        "stack",
    ]
    await shelf.end(running)
    with Journal.open(path, readonly=True) as journal:
        assert list(plans_below(journal, running.id)) == ["shelf", "shelf/1/top"]


async def test_the_plan_of_a_manager_below_is_edited_from_another_process(path, monkeypatch, capsys):
    """While a process is at the run, and when none is."""
    monkeypatch.setattr(letters, "LOOKING", 0.01)
    gate = asyncio.Event()

    async def command(*words):
        return await asyncio.to_thread(main, list(map(str, words)))

    async def waits(brief):
        await gate.wait()
        return brief.goal

    def planned(name):
        plan = Plan()
        plan.task(name, name, spec=[FINE])
        return plan

    def manager(journal=None):
        boss = Manager(None, [worker("hand", waits)]).as_worker("boss", lambda order: planned("sort"))
        return Manager(None, [boss], journal=journal)

    running = manager(path).start(planned("shelf"))
    async with asyncio.timeout(5):
        while running.tasks.get("shelf/1/sort") != "working":  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)

    async def add(task, of):
        words = ["--text", task, "--like", "sort", "--of", of, "--person", "ada"]
        return await command("plan", path, "add", task, *words)

    live = await add("dust", "shelf")
    wrong = await add("wax", "cellar")
    await running.stop()
    still = await add("wax", "shelf")
    lost = await add("burn", "cellar")
    shown = await command("plan", path)
    below = await command("plan", path, "--of", "shelf")
    gate.set()
    outcome = await asyncio.wait_for(manager().go_on(path, plan=planned("shelf")).outcome(), 5)

    said = capsys.readouterr()
    assert [live, wrong, still, lost, shown, below] == [0, 2, 0, 2, 0, 0]
    assert said.err.count("Tasks that have one: shelf.") == 2
    assert f"Task 'shelf' has a plan of its own (open): punchlist plan {path} --of shelf" in said.out
    assert [line for line in said.out.splitlines() if line.startswith("open")] == [
        "open   dust: dust",
        "open   wax: wax",
    ]
    assert outcome.result["shelf"] == {"sort": "sort", "dust": "dust", "wax": "wax"}
