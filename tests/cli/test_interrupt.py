"""Ctrl-C on a real process: nothing is left running, and the run goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from punchlist.agents.cli.edge import DONE, INTERRUPTED
from punchlist.protocols.journal import Journal

pytestmark = pytest.mark.browser
PROGRAM = Path(__file__).with_name("standins.py")


def processes(mark):
    """Processes that carry `mark` in their environment: a program and all that it started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def start(tmp_path):
    """Start the command in a process group of its own, with a mark that its children inherit."""
    started = []

    def begin(*arguments, mark):
        process = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            cwd=tmp_path,
            env={**os.environ, "MARK": mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def interrupted(process, number):
    """Wait until the model is stuck, signal the whole group as a terminal does, and read the rest."""
    for line in process.stdout:
        if line == "STUCK\n":
            break
    (os.kill if number == signal.SIGKILL else os.killpg)(process.pid, number)
    return process.communicate(timeout=30)[0]


def test_ctrl_c_leaves_no_process_and_a_run_that_goes_on(start, tmp_path):
    mark = uuid.uuid4().hex
    process = start("stuck", "run", "--demo", "--memory", "none", mark=mark)

    said = interrupted(process, signal.SIGINT)

    [path] = tmp_path.glob(".punchlist/*.db")
    assert process.returncode == INTERRUPTED
    assert f"punchlist resume {path.relative_to(tmp_path)}" in said
    assert until(lambda: processes(mark) == [])
    with Journal.open(path, readonly=True) as journal:
        assert [info.status for info in journal.runs()] == ["paused"]

    again = start("string-match", "resume", "--json", mark=mark)
    told = json.loads(again.communicate(timeout=60)[0])

    assert (again.returncode, told["outcome"]) == (DONE, "confirmed")
    assert told["judged"] == {"right": True, "reasons": []}


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, INTERRUPTED), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["term", "kill"],
)
def test_being_ended_in_another_way_leaves_no_process_either(start, number, code):
    mark = uuid.uuid4().hex
    process = start("stuck", "run", "--demo", "--memory", "none", "--quiet", mark=mark)

    interrupted(process, number)

    assert process.returncode == code
    assert until(lambda: processes(mark) == [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_while_the_model_loads_leaves_an_object_and_nothing_else(start, tmp_path, number):
    process = start("loading", "run", "--demo", "--memory", "none", "--json", mark="one")

    said = interrupted(process, number)

    assert process.returncode == INTERRUPTED
    assert json.loads(said) == {"outcome": "interrupted"}
    assert list(tmp_path.glob(".punchlist/*.db")) + list(tmp_path.glob(".punchlist/demo/*")) == []


def test_a_hangup_that_is_ignored_stays_so(start):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("stuck", "run", "--demo", "--memory", "none", "--quiet", mark="one")
    finally:
        signal.signal(signal.SIGHUP, before)
    next(line for line in process.stdout if line == "STUCK\n")

    os.killpg(process.pid, signal.SIGHUP)

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)


def test_a_second_process_cannot_resume_a_run_that_is_going_on(start, tmp_path):
    process = start("stuck", "run", "--demo", "--memory", "none", mark="one")
    next(line for line in process.stdout if line == "STUCK\n")

    second = start("stuck", "resume", mark="two")
    said = second.communicate(timeout=30)[1]

    assert second.returncode == 2
    assert f"process {process.pid}" in said
