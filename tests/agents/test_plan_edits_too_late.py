"""Edits that come too late: of a run that has ended, and of what a `first_of` was decided without."""

import asyncio

import pytest

from punchlist.agents import Manager, Plan, PlanEdit
from punchlist.agents.plan_edits import EditRefused
from punchlist.agents.plans_below import edit_recorded
from punchlist.protocols import Confirmed
from punchlist.protocols.journal import Journal

from .doubles import FINE, worker


async def test_the_plan_of_a_run_that_has_ended_is_not_edited_in_its_journal(tmp_path):
    plan = Plan()
    plan.task("only", "only", spec=[FINE])
    outcome = await Manager(None, [worker()], journal=tmp_path / "run.db").run(plan)
    edit = PlanEdit(edit="add", task="wrap", text="x", like="only")

    with Journal.open(tmp_path / "run.db", create=False) as journal:
        with pytest.raises(EditRefused, match="nothing reads its plan any more") as refused:
            edit_recorded(journal, outcome.run, edit, "ada")

        assert refused.value.code == "over" and not list(journal.rows(outcome.run, kinds=("plan_edit",)))


def a_race():
    """`walk`, with `pack` before it, against `ride`; `first` holds the run up."""
    plan = Plan("race")
    plan.task("first", "first", spec=[FINE], worker="worker")
    pack = plan.task("pack", "pack", spec=[FINE], worker="other")
    walk = plan.task("walk", "walk", spec=[FINE], worker="other", after=[pack])
    ride = plan.task("ride", "ride", spec=[FINE], worker="third")
    plan.first_of("arrive", walk, ride)
    return plan


class Race:
    """A race that `ride` wins; `pack` waits until it is called off, or until `go`."""

    def __init__(self, path):
        self.path, self.done = path, []
        self.go, self.ride = asyncio.Event(), asyncio.Event()

    async def work(self, brief):
        held = {"first": self.go, "pack": self.go, "ride": self.ride}
        if brief.goal in held:
            await held[brief.goal].wait()
        self.done.append(brief.goal)
        return brief.goal

    async def start(self):
        workers = [worker(name, self.work) for name in ("worker", "other", "third")]
        running = Manager(None, workers, journal=self.path).start(a_race())
        async with asyncio.timeout(5):
            while running.tasks.get("pack") != "working":  # noqa: ASYNC110 nothing tells
                await asyncio.sleep(0)
        return running

    async def decided(self, running):
        self.ride.set()
        async with asyncio.timeout(5):
            while running.tasks.get("ride") != "confirmed":  # noqa: ASYNC110 nothing tells
                await asyncio.sleep(0)
            while running.tasks.get("pack") == "working":  # noqa: ASYNC110 nothing tells
                await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def end(self, running):
        self.ride.set()
        self.go.set()
        return await asyncio.wait_for(running.outcome(), 5)


USES = [
    PlanEdit(edit="add", task="rest", text="rest", like="first", after=("walk",)),
    PlanEdit(edit="add", task="rest", text="rest", like="first", after=("pack",)),
    PlanEdit(edit="change", task="walk", text="run"),
]


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("edit", USES)
async def test_what_was_called_off_since_another_was_first_is_neither_used_nor_changed(tmp_path, edit, still):
    race = Race(tmp_path / "run.db")
    running = await race.start()
    await race.decided(running)
    if still:
        await running.stop()

    with pytest.raises(EditRefused, match="'arrive' was decided without it") as refused:
        if still:
            with Journal.open(race.path, create=False) as journal:
                edit_recorded(journal, running.id, edit, "ada")
        else:
            running.edit(edit)

    assert refused.value.code == "needless" and "'arrive'" in str(refused.value).rpartition(". ")[2]
    if not still:
        assert isinstance(await race.end(running), Confirmed)


async def test_what_waits_for_the_first_instead_gets_its_result(tmp_path):
    race = Race(tmp_path / "run.db")
    running = await race.start()
    await race.decided(running)

    running.edit(PlanEdit(edit="add", task="rest", text="rest", like="first", after=("arrive",)))

    outcome = await race.end(running)
    assert isinstance(outcome, Confirmed) and outcome.result["rest"] == "rest"


async def test_what_is_used_elsewhere_before_a_race_is_decided_is_not_called_off(tmp_path):
    race = Race(tmp_path / "run.db")
    running = await race.start()

    running.edit(PlanEdit(edit="add", task="rest", text="rest", like="first", after=("pack",)))
    race.ride.set()

    outcome = await race.end(running)
    assert isinstance(outcome, Confirmed)
    assert {"pack", "rest"} <= set(race.done) and outcome.result["arrive"] == "ride"
