"""A clock that jumps changes no outcome: timers and deadlines run on the monotonic clock, ids only go up."""

import asyncio
import itertools
import time

import pytest

from punchlist.agents import Plan
from punchlist.protocols import Check, Confirmed, Unverified, messages
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import new_id

from .doubles import worker

YEAR = 365 * 86_400.0


@pytest.fixture(params=[(0.0, YEAR), (YEAR, 0.0), (0.0, -2 * YEAR, 3 * YEAR)])
def jumping(request, monkeypatch):
    """The wall clock goes from one of these to the next each time that it is read."""
    moments = itertools.cycle([time.time() + jump for jump in request.param])
    monkeypatch.setattr(messages, "_last_id", messages._last_id)  # what is minted here binds nobody else
    monkeypatch.setattr(time, "time", lambda: next(moments))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(moments) * 1e9))


async def test_a_run_is_confirmed_and_its_record_is_intact(jumping, carry_out, tmp_path):
    plan = Plan()
    plan.task("it", "it", seconds=30, attempts=1, spec=[Check("made", lambda result: result == "it")])

    outcome = await carry_out(plan, worker(function=lambda brief: brief.goal), seconds=60)

    assert isinstance(outcome, Confirmed) and outcome.cost.seconds < 30
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        [found] = journal.verify(outcome.run)
    assert found.intact and found.sealed


async def test_what_hangs_ends_at_its_deadline_all_the_same(jumping, carry_out):
    plan = Plan()
    plan.task("it", "it", seconds=0.1, attempts=1, spec=[Check("made", lambda result: True)])

    async def hangs(brief):
        await asyncio.Event().wait()

    outcome = await carry_out(plan, worker(function=hangs))

    assert isinstance(outcome, Unverified) and "not done within 0.1 s" in outcome.reasons[0]


def test_ids_only_go_up(jumping):
    minted = [new_id() for _ in range(50)]

    assert minted == sorted(set(minted))
