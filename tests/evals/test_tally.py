"""What is read out of plans, events and the machine: spec accuracy, step accuracy, leftover processes."""

import asyncio
import sys

from punchlist.agents.evals.processes import descendants, leftovers
from punchlist.agents.evals.reading import read_right, wanted_tasks
from punchlist.agents.evals.shop import FOR_DEVELOPMENT, goal_seeds
from punchlist.agents.evals.tally import FirstOrder, Tally
from punchlist.agents.events import Acted, Said
from punchlist.agents.roles import read_plan
from punchlist.examples.site import demo_goal, goal
from punchlist.protocols.messages import Assign, Envelope, Finding, Verdict
from punchlist.protocols.spec import Check, Spec

PLAN = """task order
count 2
item green mugs
count 1
item desk lamp
name ada lovelace
option express
date 3 may
task ticket
name ada lovelace
number 1
close
end"""
PARENT = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], stdout=subprocess.DEVNULL)
print("ready", flush=True)
signal.pause()
"""


def read(answer, wanted=None):
    wanted = wanted or demo_goal()
    return read_right(wanted, read_plan(answer, wanted.text))


def test_a_plan_that_read_everything_has_every_field_right():
    assert (read(PLAN).right, read(PLAN).of) == (10, 10)


def test_a_wrong_a_missing_and_a_made_up_field_each_count_as_one_mistake():
    assert (read(PLAN.replace("count 2", "count 3")).right, read(PLAN.replace("date 3 may\n", "")).right) == (
        9,
        9,
    )
    made_up = read(PLAN.replace("option express", "option express\noption order"))
    assert (made_up.right, made_up.of) == (10, 11)


def test_no_plan_at_all_has_nothing_right():
    assert (read("cannot").right, read("cannot").of) == (0, 10)


def test_slots_and_expectations_of_every_goal_agree():
    for seed in range(20_000, 20_300):
        wanted, tasks = goal(seed), wanted_tasks(goal(seed))
        orders = [task for task in tasks if task.kind == "order"]
        tickets = [task for task in tasks if task.kind == "ticket"]
        assert [len(task.lines) for task in orders] == [len(order.lines) for order in wanted.expected.orders]
        assert [task.close for task in tickets] == [ticket.closed for ticket in wanted.expected.tickets]


def test_goals_of_the_eval_never_meet_those_that_were_looked_at():
    seeds = {seed for draw in range(20) for seed in goal_seeds(draw, 200)}

    assert len(seeds) == 20 * 200
    assert seeds.isdisjoint(range(100_000))
    assert set(range(2_000_000)) == set(FOR_DEVELOPMENT)


def envelope(body, attempt=1):
    return Envelope(
        id=f"e{attempt}",
        run="r",
        task="r.1.cart",
        attempt=attempt,
        sender="m",
        recipient="a",
        sent_at=0.0,
        body=body,
    )


def test_steps_count_when_they_were_done_at_the_first_order_and_not_refuted():
    tally = Tally()
    plan = ("add 2 x green mugs", "add 1 x desk lamp", "open cart")
    tally.hear(
        Said(envelope(Assign(task="cart", spec=Spec([Check("right", bool)]).describe(), plan=plan)), "cart")
    )
    for step in plan:
        tally.hear(Acted("a", "1.cart", step, "click Add", "ok"))
        tally.hear(Acted("a", "1.cart", step, "done", "step done"))
    wrong = Finding(criterion="1 : 2 x green mugs", outcome="fail", why="the page shows 1", confidence=1.0)
    tally.hear(Said(envelope(Verdict(anomalies=(), findings=(wrong,))), "cart"))

    assert tally.first["1.cart"].right() == 2
    assert tally.actions == {"ok": 3}


def test_a_failure_that_names_no_step_is_laid_on_the_last():
    order = FirstOrder(("reply hello", "close"), done={0, 1})

    order.refute("the ticket is closed")

    assert order.right() == 1


async def test_processes_that_outlive_their_parent_are_counted_and_ended():
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(parent.stdout.readline(), 5)
    below = descendants(parent.pid)
    parent.kill()
    await parent.wait()

    assert await leftovers(below, patience=0.2) == 1
    assert await leftovers(below, patience=0.2) == 0
