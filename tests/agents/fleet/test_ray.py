"""What only a fleet of processes can show: real deaths, real places, and what is left behind."""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from punchlist.agents import FunctionWorker, Plan, Worker
from punchlist.agents.agent import NoPlace
from punchlist.agents.evals.processes import descendants
from punchlist.agents.fleet import CannotTravel, RayFleet, RayMissing
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Check, Confirmed, Failed
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

FINE = Check("it is there", lambda result: result is not None)
INSTALLED = importlib.util.find_spec("ray") is not None


def made_here():
    pid = os.getpid()
    return ScriptedModel(lambda question: f"made in process {pid}")


def plan_of(*names):
    plan = Plan()
    for name in names:
        plan.task(name, name, worker=name, spec=[FINE])
    return plan


@pytest.mark.skipif(INSTALLED, reason="Ray is installed")
def test_without_ray_its_fleet_says_what_to_install():
    with pytest.raises(RayMissing, match=r"pip install 'punchlist\[ray\]'"):
        RayFleet()


@pytest.mark.ray
@pytest.mark.skipif(not INSTALLED, reason="Ray is not installed")
async def test_a_cluster_that_is_not_there_ends_the_run_for_now(carry_out, tmp_path):
    if importlib.import_module("ray").is_initialized():
        pytest.skip("this process is connected to a Ray already")
    fleet = RayFleet("127.0.0.1:9")

    outcome = await carry_out(plan_of("w"), fleet.place(FunctionWorker("w", made_here)))

    assert isinstance(outcome, Failed) and "its cluster is not reached" in str(outcome.error)
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert journal.runs()[0].status == "paused"


@pytest.mark.ray
async def test_an_agent_whose_process_is_killed_in_a_call_pays_nobody_twice(ray_fleet, carry_out, tmp_path):
    world = tmp_path / "world.txt"

    @tool(effect="irreversible", recovery="keyed")
    def pay(who: str, idempotency_key: str) -> str:
        """Pay somebody; who does so first dies of it."""
        first = not world.exists()
        if first:
            world.write_text(f"{idempotency_key}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        if idempotency_key not in world.read_text():
            world.write_text(f"{world.read_text()}{idempotency_key}\n")
        return "paid"

    async def work(brief):
        return [await brief.call("pay", who="ada"), os.getpid()]

    outcome = await carry_out(plan_of("w"), ray_fleet.place(FunctionWorker("w", work, tools=[pay])))

    assert isinstance(outcome, Confirmed) and outcome.confirm.attempt == 2
    assert world.read_text().count("\n") == 1
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert "was lost" in " ".join(
            str(row.body) for row in journal.rows(outcome.run, kinds=("breakdown",))
        )


@pytest.mark.ray
async def test_agents_share_a_gpu_and_one_too_many_finds_no_place_until_there_is_one(by_value, carry_out):
    def work(brief):
        return os.environ["CUDA_VISIBLE_DEVICES"]

    async with RayFleet(gpus=0.5, patience=15) as fleet:
        two = fleet.place(*(FunctionWorker(name, work) for name in "ab"))
        outcome = await carry_out(plan_of("a", "b"), two)
        three = fleet.place(FunctionWorker("c", work))
        refused = await carry_out(plan_of("c"), three)

    assert outcome.result == {"a": "0", "b": "0"}
    assert isinstance(refused, Failed) and isinstance(refused.error, NoPlace)
    assert "it needs {'num_gpus': 0.5}" in str(refused.error)


@pytest.mark.ray
async def test_a_model_is_made_where_the_agent_lives(ray_fleet, carry_out):
    placed = ray_fleet.place(Worker("w", ScriptedModel([])), model=made_here)

    outcome = await carry_out(plan_of("w"), placed)

    assert isinstance(outcome, Confirmed)
    said = outcome.result["w"]["answer"]
    assert said.startswith("made in process") and str(os.getpid()) not in said


@pytest.mark.ray
def test_what_cannot_be_sent_is_refused_when_it_is_placed(by_value, tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(CannotTravel, match="'w' cannot be placed"):
        RayFleet().place(FunctionWorker("w", lambda brief: file.write("x")))


PROGRAM = """
    import os, sys, time
    from punchlist.agents import FunctionWorker, Manager, Plan
    from punchlist.agents.fleet import RayFleet
    from punchlist.protocols import Check

    def work(brief):
        open("begun", "w").close()
        time.sleep(600)

    plan = Plan()
    plan.task("it", "it", spec=[Check("fine", lambda result: True)])
    fleet = RayFleet(settings={"num_cpus": 1, "object_store_memory": 80_000_000})
    Manager(None, fleet.place(FunctionWorker("w", work)), journal="run.db").run_sync(plan)
"""


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.skipif(not INSTALLED, reason="Ray is not installed")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_is_stopped_leaves_no_process_of_ray(root: Path, tmp_path, sent):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, env=environment)
    until = time.monotonic() + 120
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        time.sleep(0.1)
    below = descendants(program.pid)

    program.send_signal(sent)
    program.wait(60)
    while (
        left := {each for each in below if Path(f"/proc/{each.pid}").exists()}
    ) and time.monotonic() < until:
        time.sleep(0.1)

    assert below and not left
