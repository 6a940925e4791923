"""That the work whose cost is measured is done, and that the figures are explained."""

import pytest

from punchlist.agents.evals import overhead
from punchlist.agents.evals.overhead_cases import agents, idle_bytes, many_tasks, verified, worker_bytes
from punchlist.protocols.journal import Journal


@pytest.mark.parametrize("durability", ["off", "NORMAL", "FULL"])
async def test_a_verified_run_costs_time_and_has_its_messages(durability, tmp_path):
    seconds, messages = await verified(tmp_path, durability, 2)

    assert seconds > 0
    assert messages == 7  # assign, accept, report, verify, verdict, and the confirm to both


async def test_with_durability_every_run_is_in_the_journal_and_without_it_none(tmp_path):
    for durability in ("off", "NORMAL"):
        await verified(tmp_path, durability, 3)

    [path] = tmp_path.glob("*.db")
    with Journal.open(path, readonly=True) as journal:
        assert len(journal.runs()) == 3


async def test_agents_answer_one_by_one_and_at_once(tmp_path):
    assert await agents(tmp_path, "off", 3, at_once=False) > 0
    assert await agents(tmp_path, "off", 3, at_once=True) > 0


async def test_many_tasks_tell_when_each_was_confirmed(tmp_path):
    ends = await many_tasks(tmp_path, "off", 20)

    assert len(ends) == 20
    assert ends == sorted(ends)


async def test_an_agent_that_waits_takes_more_memory_than_a_worker_without_a_task(tmp_path):
    assert await idle_bytes(tmp_path, 10) > worker_bytes(10) > 0


def test_figures_are_of_the_cheapest_turn_and_ratios_are_theirs_by_ours():
    turns = {("", "verified", mode): [0.002, 0.001] for mode in ("off", "NORMAL", "FULL")}
    turns["agno", "verified", "off"] = [0.006, 0.003]

    made = overhead._figures(turns, 10)

    assert made["seconds_per_message"] == pytest.approx(0.0001)
    assert made["vs_agno"] == pytest.approx(3)


def test_the_figures_are_explained(unexplained):
    turns = {
        (party, work, mode): [0.001]
        for party in ("", "langgraph")
        for work in overhead.WORKS
        for mode in overhead.MODES
    }
    made = {name.removesuffix("_median") for name in overhead._figures(turns, 7)}

    assert unexplained(overhead, made) == set()
