"""A run that is resumed takes up every edit of a plan below that it accepts, whenever that comes."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan
from punchlist.agents.managing.driving import Driver
from punchlist.protocols import Confirmed

from .doubles import FINE, worker
from .test_plan_edits_below import Shelf, dust, stands


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


async def test_what_was_done_before_the_run_was_resumed_is_done_again_with_the_edit(path):
    shelf = Shelf(path, "door")
    running = shelf.start(deep=True)
    await stands(running, "price", "confirmed")
    await running.stop()
    again = shelf.go_on(deep=True)
    await stands(again, "price", "confirmed")

    again.edit(dust("shelf/1/top"), "ada")

    outcome = await shelf.end(again)
    assert isinstance(outcome, Confirmed) and set(outcome.result["shelf"]["top"]) == {"sort", "stack", "dust"}
    assert shelf.done == {"sort": 1, "stack": 1, "dust": 1, "floor": 1, "price": 2, "door": 1}


@pytest.mark.parametrize("held", ["floor", "stack"])
async def test_an_edit_at_any_moment_of_resuming_counts(tmp_path, held):
    for turns in range(0, 32, 3):
        shelf = Shelf(tmp_path / f"{turns}.db", held)
        running = shelf.start(deep=True)
        await stands(running, "shelf/1/top" if held == "floor" else "shelf/1/floor", "confirmed")
        await running.stop()
        again = shelf.go_on(deep=True)
        for _ in range(turns):
            await asyncio.sleep(0)

        again.edit(dust("shelf/1/top"), "ada")

        outcome = await shelf.end(again)
        assert set(outcome.result["shelf"]["top"]) == {"sort", "stack", "dust"}, turns
        assert shelf.done["dust"] >= 1, turns


async def test_a_manager_whose_work_was_interrupted_still_takes_edits_of_its_plan(path):
    shelf = Shelf(path, "stack")
    running = shelf.start()
    await shelf.begins("stack")
    await running.stop()
    shelf.begun["stack"].clear()
    again = shelf.go_on()
    await shelf.begins("stack")

    stands_before = again.plans_below
    again.edit(dust(), "ada")

    outcome = await shelf.end(again)
    assert stands_before == {"shelf": "open"} and set(outcome.result["shelf"]) == {"sort", "stack", "dust"}
    assert shelf.done == dict.fromkeys(("sort", "stack", "dust", "price", "door"), 1)


async def test_what_is_given_anew_is_planned_anew_also_where_its_plan_was_edited(path, monkeypatch):
    """The process is gone between the re-opening of `count` and that of `shelf`, which was given it."""

    class Counted(Shelf):
        counts = 0

        async def count(self, brief):
            self.counts += 1
            return self.counts

        def inner(self, order):
            plan = Plan()
            plan.task("sort", f"sort {order.inputs['n']}", spec=[FINE])
            plan.task("stack", "stack", spec=[FINE])
            return plan

        def plan(self):
            plan = Plan("shop")
            count = plan.task("count", "count", worker="counter", spec=[FINE])
            plan.task("shelf", "shelf", inputs={"n": count}, worker="boss", spec=[FINE])
            plan.task("door", "door", worker="porter", spec=[FINE])
            return plan

        def manager(self, **given):
            made = super().manager(**given)
            return Manager(None, [*made.workers, worker("counter", self.count)], journal=given.get("journal"))

    shelf = Counted(path, "door")
    running = shelf.start()
    await stands(running, "shelf", "confirmed")
    with monkeypatch.context() as gone:
        gone.setattr(Driver, "_supersede", lambda driver, effect: None)
        await running.reopen("count", "it was wrong", "ada")
        await running.stop()
    shelf.edit_offline(running.id, dust())

    outcome = await shelf.end(shelf.go_on())

    assert outcome.result["shelf"] == {"sort": "sort 2", "stack": "stack", "dust": "dust"}
