"""Which worker has which session, also after a restart; and that a worker at work gives signs of life."""

import asyncio
from contextlib import aclosing

import pytest

from punchlist.agents import Budget, Worker
from punchlist.agents.events import Looked, Said, Stood
from punchlist.agents.jobs import Job
from punchlist.agents.managing.lanes import Lanes
from punchlist.agents.mind import Mind
from punchlist.agents.run import Run
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Progress
from punchlist.protocols.tasks import Limits, Patience
from punchlist.tools import preset

from .doubles import ORDER_GOAL, ORDER_PLAN, WANTED, PaperShop, knowing


def job(lane, worker=""):
    return Job(f"{lane}.cart", "a job", lane, (), lambda _: pytest.fail("not made"), worker=worker)


@pytest.fixture
def lanes():
    """Lanes of two workers."""
    return Lanes([Worker(name, ScriptedModel([]), [PaperShop()]) for name in ("one", "two")])


async def test_a_worker_is_at_one_lane_at_a_time(lanes):
    first, second, third = (job(name) for name in "abc")
    booked = [await lanes.book(each, lanes.of(each)) for each in (first, second)]
    waiting = asyncio.create_task(lanes.book(third, lanes.of(third)))
    await asyncio.sleep(0)

    assert [worker.name for worker in booked] == ["one", "two"] and not waiting.done()
    await lanes.release(lanes.of(second))
    assert (await waiting).name == "two"


async def test_a_lane_waits_for_its_own_worker_while_another_lane_has_it(lanes):
    """It has the session open; meanwhile it may help another lane."""
    first, second = job("a"), job("b", worker="one")
    await lanes.book(first, lanes.of(first))
    await lanes.release(lanes.of(first))
    assert (await lanes.book(second, lanes.of(second))).name == "one"

    again = asyncio.create_task(lanes.book(first, lanes.of(first)))
    await lanes.release(lanes.of(first))  # it has nobody, so this frees nobody
    await asyncio.sleep(0)

    assert not again.done()
    await lanes.release(lanes.of(second))
    assert (await again).name == "one"


async def interrupted(manager, at):
    async with aclosing(manager.stream(ORDER_GOAL)) as events:
        async for event in events:
            if at(event):
                return


async def test_after_a_restart_a_task_goes_on_with_the_worker_it_had(manager, shop, tmp_path):
    """Its worker is the second: the first is given to nobody."""
    other = PaperShop()
    first = manager(knowing(ORDER_PLAN), [other], [shop])
    first.workers.reverse()
    await interrupted(first, lambda event: isinstance(event, Looked))

    again = manager(knowing(ORDER_PLAN), [other], [shop])
    events = [event async for event in again.resume(tmp_path / "run.db")]

    assert isinstance(events[-1].outcome, Confirmed) and shop.orders == [WANTED]
    assert {event.worker for event in events if isinstance(event, Looked)} == {"worker 2"}
    assert other.visits == []


async def test_a_worker_that_is_gone_after_a_restart_is_replaced(manager, shop, tmp_path):
    first = manager(knowing(ORDER_PLAN), [PaperShop()], [shop])
    first.workers.reverse()
    await interrupted(first, lambda event: isinstance(event, Looked))

    async with asyncio.timeout(5):
        again = manager(knowing(ORDER_PLAN), [shop])
        events = [event async for event in again.resume(tmp_path / "run.db")]

    assert isinstance(events[-1].outcome, Confirmed) and shop.orders == [WANTED]


# --- signs of life ------------------------------------------------------------------------------------


async def part_of_a_run(path, shop, beat, until):
    """Work at a run with short patience until an event, or to the end; its outcome and what was seen."""
    seen, enough, model = [], asyncio.Event(), ScriptedModel(knowing(ORDER_PLAN))

    def show(event):
        seen.append(event)
        if until(event):
            enough.set()

    with Journal.open(path) as journal:
        journal.begin("run", ORDER_GOAL)
        mind = Mind(model, Budget(), journal, "run", show)
        run = Run("run", ORDER_GOAL, [Worker("one", model, [shop])], mind, preset("unattended"), show=show)
        run.crew.limits = Limits(work_seconds=0.3, resends=1)
        run.crew.patience = Patience(beat_seconds=beat)
        parts = [asyncio.create_task(run.to_the_end()), asyncio.create_task(enough.wait())]
        async with asyncio.timeout(5):
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            part.cancel()
        outcome, _ = await asyncio.gather(*parts, return_exceptions=True)
    return outcome, seen


class ShutShop(PaperShop):
    """Opens when it is told to."""

    def __init__(self):
        super().__init__()
        self.opened = asyncio.Event()

    async def open(self, lane, storage=None, url=None):
        await self.opened.wait()
        return await super().open(lane, storage, url)


async def test_a_slow_worker_that_gives_signs_of_life_is_not_given_up(tmp_path):
    """The shop opens only when longer has passed than the manager waits for a silent worker."""
    shop, beats = ShutShop(), iter(range(100))

    def listen(event):
        if isinstance(event, Said) and isinstance(event.envelope.body, Progress) and next(beats) == 15:
            shop.opened.set()

    outcome, seen = await part_of_a_run(tmp_path / "run.db", shop, 0.05, listen)

    assert isinstance(outcome, Confirmed)
    assert max(event.attempt for event in seen if isinstance(event, Stood)) == 1


async def test_a_run_in_which_timers_rang_after_a_restart_can_be_resumed(tmp_path):
    """A silent worker is given up in the second part; the third must find that attempt legal."""
    path = tmp_path / "run.db"

    def at_work(attempt):
        return lambda event: (
            isinstance(event, Stood) and (event.status, event.attempt) == ("working", attempt)
        )

    await part_of_a_run(path, ShutShop(), 60, at_work(1))
    await part_of_a_run(path, ShutShop(), 60, at_work(3))

    outcome, _ = await part_of_a_run(path, PaperShop(), 60, lambda event: False)

    assert isinstance(outcome, Confirmed), outcome
