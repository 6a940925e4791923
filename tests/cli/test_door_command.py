"""`punchlist door` as it is called and as it ends."""

import re
import signal
import subprocess
import sys

import httpx
import pytest

PROGRAM = """
from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.protocols import Check

async def work(brief):
    return await brief.ask("Which colour?")

def make_manager():
    return Manager(None, [FunctionWorker("worker", work)], patient=True)

def make_plan():
    plan = Plan("painting")
    plan.task("paint", "paint", spec=[Check("it is there", bool)])
    return plan
"""


@pytest.fixture
def door(tmp_path):
    (tmp_path / "painting.py").write_text(PROGRAM)
    words = [
        "door",
        "--program",
        "painting.py:make_manager",
        "--plan",
        "paint=painting.py:make_plan",
        "--port",
        "0",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "punchlist.agents.cli", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        yield process
        if process.poll() is None:
            process.kill()


def test_it_opens_begins_a_run_and_at_the_end_names_what_can_be_resumed(door, tmp_path):
    url = re.search(r"http://127\.0\.0\.1:\d+", door.stdout.readline()).group()
    example = door.stdout.readline()
    with httpx.Client(base_url=url, trust_env=False) as client:
        run = client.post("/runs", json={"plan": "paint"}).json()["run"]
        with client.stream("GET", f"/runs/{run}/events") as events:
            first = next(events.iter_lines())
            door.send_signal(signal.SIGINT)

    assert door.wait(20) == 0 and first.startswith("id: 1")
    assert '{"plan": "paint"}' in example
    assert door.stdout.read() == f"Not finished: .punchlist/{run}.db\nStopped.\n"
    assert door.stderr.read() == "" and (tmp_path / ".punchlist" / f"{run}.db").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--site", "http://127.0.0.1:1", "--host", "0.0.0.0"], "Set PUNCHLIST_DOOR_KEY"),
        (["--program", "nothing.py:make"], "cannot be imported"),
        (["--program", "nothing"], "names no function"),
        (["--plan", "a=b.py:c"], "name that with --program"),
        (["--key", "two words "], "printable ASCII"),
        ([], "Name what runs are about"),
    ],
)
def test_what_cannot_be_served_is_said(punchlist, words, why):
    ended = punchlist("door", *words)

    assert (ended.code, why in ended.err) == (2, True)
