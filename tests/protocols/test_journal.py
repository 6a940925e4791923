"""The journal keeps what it acknowledged, lets one process write, and says plainly what is wrong."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from punchlist.protocols.errors import (
    IntentExists,
    IntentMissing,
    JournalCorrupt,
    JournalError,
    JournalMissing,
    JournalVersionError,
    RunLocked,
)
from punchlist.protocols.journal import FORMAT, Journal, redactor
from punchlist.protocols.journal_file import is_locked
from punchlist.protocols.messages import Progress

WRITER = """
import sys
from punchlist.protocols.journal import Journal
with Journal.open(sys.argv[1]) as journal:
    journal.begin("run", "goal")
    while True:
        print(journal.append("event", {"text": "x" * 300}, run="run"), flush=True)
"""

FILLER = """
import resource, sys
from punchlist.protocols.errors import JournalFull
from punchlist.protocols.journal import Journal
journal = Journal.open(sys.argv[1])
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
count = 0
try:
    while True:
        count = journal.append("event", {"text": "x" * 3000}, run="run")
except JournalFull as error:
    print(count, error)
"""


def python(source: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, args)],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONUNBUFFERED="1"),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "run.db"


def test_rows_of_one_task_come_back_alone(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.begin("run", "goal")
        for number in range(1800):
            journal.append("note", number, run="run", task=("", "t1", "t2")[number % 3])

        found = {
            task: [row.body for row in journal.rows("run", task=task)] for task in ("", "t1", "t3", None)
        }

    assert found == {
        "": list(range(0, 1800, 3)), "t1": list(range(1, 1800, 3)), "t3": [], None: list(range(1800))
    }  # fmt: skip


def test_rows_come_back_in_order_with_everything_they_were_given(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append("event", {"n": 1}, run="a", task="t", attempt=2, key="k")
        journal.append("event", {"n": 2}, run="b")
        journal.append("note", Progress(note="half"), run="a")

    with Journal.open(path) as journal:
        first, second = journal.rows("a")
        assert (first.body, first.task, first.attempt, first.key) == ({"n": 1}, "t", 2, "k")
        assert second.kind == "note"
        assert second.body == {"kind": "progress", "note": "half", "fraction": None}
        assert [row.seq for row in journal.rows("a", kinds=("event",), after=first.seq)] == []


def test_long_runs_are_read_page_by_page_without_a_gap(path: Path) -> None:
    with Journal.open(path) as journal:
        written = [journal.append("event", n, run="a") for n in range(1203)]

        assert [row.seq for row in journal.rows("a")] == written


def test_page_text_with_lone_surrogates_survives(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append("view", {"text": "price \ud83d, tail \udc00"}, run="a")

        assert next(journal.rows("a")).body == {"text": "price \ud83d, tail \udc00"}


def test_a_body_that_is_not_json_is_refused(path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(ValueError, match="not JSON compliant"):
        journal.append("event", float("nan"), run="a")


def test_journal_files_are_private(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o644)

    with Journal.open(path) as journal:
        journal.append("event", 1, run="a")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == {0o600}


def test_a_killed_writer_loses_no_row_that_it_acknowledged(path: Path) -> None:
    writer = python(WRITER, path)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.readlines()
    writer.wait(timeout=5)
    writer.stdout.close()

    with Journal.open(path) as journal:
        found = [row.seq for row in journal.rows("run")]

    whole = [int(line) for line in acknowledged + rest if line.endswith("\n")]
    assert whole == found[: len(whole)]
    assert len(found) - len(whole) <= 1  # the one that was written and not yet printed


def test_two_processes_cannot_write_one_run(path: Path) -> None:
    writer = python(WRITER, path)
    assert writer.stdout is not None
    writer.stdout.readline()

    with pytest.raises(RunLocked, match=f"process {writer.pid}") as caught:
        Journal.open(path)
    writer.kill()
    writer.communicate(timeout=5)

    assert caught.value.pid == writer.pid
    Journal.open(path).close()  # the kernel has freed the lock


def test_a_process_cannot_open_its_own_journal_twice(path: Path) -> None:
    with Journal.open(path), pytest.raises(RunLocked) as caught:
        Journal.open(path)

    assert caught.value.pid == os.getpid()


def test_readers_see_what_is_written_while_it_is_written_and_cannot_write(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append("event", 1, run="a")
        with Journal.open(path, readonly=True) as reader:
            journal.append("event", 2, run="a")

            assert [row.body for row in reader.rows("a")] == [1, 2]
            with pytest.raises(JournalError, match="READONLY"):
                reader.append("event", 3, run="a")


def test_threads_share_one_journal(path: Path) -> None:
    with Journal.open(path) as journal:

        def write(name: str) -> None:
            for n in range(100):
                journal.append("event", n, run=name)

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=5)

        assert [[row.body for row in journal.rows(name)] for name in "abcd"] == [list(range(100))] * 4


def test_a_missing_journal_is_not_made_by_looking_at_it(path: Path) -> None:
    with pytest.raises(JournalMissing):
        Journal.open(path, readonly=True)
    with pytest.raises(JournalMissing):
        Journal.open(path, create=False)

    assert not path.exists()


@pytest.mark.parametrize(("major", "minor", "readable"), [(FORMAT[0] + 1, 0, False), (FORMAT[0], 999, True)])
def test_a_journal_of_another_version_is_not_extended(
    path: Path, major: int, minor: int, readable: bool
) -> None:
    """A newer minor version can be read, but an older writer would leave out what it does not know."""
    Journal.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {major * 1000 + minor}")

    with pytest.raises(JournalVersionError, match="version that wrote it"):
        Journal.open(path)
    if readable:
        Journal.open(path, readonly=True).close()
    else:
        with pytest.raises(JournalVersionError):
            Journal.open(path, readonly=True)


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary, this is not a database at all")
    path.chmod(0o644)

    for readonly in (False, True):
        with pytest.raises(JournalCorrupt, match="not an SQLite file"):
            Journal.open(path, readonly=readonly)

    assert path.read_text().startswith("dear diary")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket"])
def test_what_is_no_regular_file_is_refused_without_a_wait(path: Path, kind: str) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            listening.bind(str(path))

        for readonly in (False, True):
            with pytest.raises(JournalCorrupt, match="not a regular file"):
                Journal.open(path, readonly=readonly)

    assert list(path.parent.iterdir()) == [path]


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    path.chmod(0o644)

    with pytest.raises(JournalCorrupt, match="another program"):
        Journal.open(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_looking_leaves_nothing_beside_the_file(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append("event", 1, run="a")
    before = sorted(path.parent.iterdir())

    with Journal.open(path, readonly=True) as journal:
        assert [row.body for row in journal.rows("a")] == [1]

    assert sorted(path.parent.iterdir()) == before


def test_what_a_killed_writer_left_in_the_log_is_seen_by_a_reader(path: Path) -> None:
    writer = python(WRITER, path)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert is_locked(path)
    writer.kill()
    writer.communicate(timeout=5)

    with Journal.open(path, readonly=True) as journal:
        assert len(list(journal.rows("run"))) >= 1
    assert not is_locked(path)


def test_damaged_pages_are_noticed_when_opening(path: Path) -> None:
    with Journal.open(path) as journal:
        for n in range(500):
            journal.append("event", {"n": n, "text": "x" * 200}, run="a")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = os.urandom(4096)
    path.write_bytes(content)

    with pytest.raises(JournalCorrupt):
        Journal.open(path)


def test_a_making_that_was_interrupted_is_taken_up(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")

    with Journal.open(path) as journal:
        assert journal.append("event", 1, run="a") == 1


def test_a_full_disk_stops_the_run_and_keeps_what_was_recorded(path: Path) -> None:
    filler = python(FILLER, path, 200_000)
    said = filler.communicate(timeout=5)[0]
    count = int(said.split()[0])

    assert "No space left" in said
    assert count > 10
    with Journal.open(path) as journal:
        assert len(list(journal.rows("run"))) == count


def test_a_full_tmpfs_stops_the_run_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here; the limit on file size is tested above")
    try:
        said = python(FILLER, disk / "run.db").communicate(timeout=5)[0]

        assert "No space left" in said
        with Journal.open(disk / "run.db", readonly=True) as journal:
            assert len(list(journal.rows("run"))) == int(said.split()[0])
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_call_is_begun_once_and_settled_once(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.intent("run/t/1/1", "pay", {"sum": 3}, "unsafe", run="run", task="t", attempt=1)
        with pytest.raises(IntentExists):
            journal.intent("run/t/1/1", "pay", {"sum": 3}, "unsafe", run="run")
        assert [call.tool for call in journal.unsettled("run")] == ["pay"]
        journal.outcome("run/t/1/1", {"paid": True})
        with pytest.raises(IntentMissing):
            journal.outcome("run/t/1/1", {"paid": False})
        with pytest.raises(IntentMissing):
            journal.outcome("run/t/1/2", {})

        settled = journal.settled("run/t/1/1")
        assert settled is not None
        assert (settled.result, settled.status, settled.args) == ({"paid": True}, "ok", {"sum": 3})
        assert journal.unsettled("run") == ()


def test_a_call_may_be_made_again_only_while_it_is_open(path: Path) -> None:
    with Journal.open(path) as journal:
        with pytest.raises(IntentMissing):
            journal.intent("k", "mail", {}, "keyed", run="run", again=True)
        journal.intent("k", "mail", {}, "keyed", run="run")
        journal.intent("k", "mail", {}, "keyed", run="run", again=True)
        journal.outcome("k", None, status="unknown")

        with pytest.raises(IntentMissing):
            journal.intent("k", "mail", {}, "keyed", run="run", again=True)
        assert [row.kind for row in journal.rows("run")] == ["intent", "intent_again", "outcome"]


def test_secrets_do_not_reach_the_file(path: Path) -> None:
    hide = redactor({"password": "hunter2", "long": "hunter2-and-more", "empty": ""})
    with Journal.open(path, redact=hide) as journal:
        journal.begin("run", "log in with hunter2", {"key": "hunter2"})
        journal.append("event", {"hunter2": ["say hunter2-and-more", 1, None]}, run="run")
        journal.intent("k", "type", {"text": "hunter2"}, "unsafe", run="run")

        assert next(journal.rows("run")).body == {"{{password}}": ["say {{long}}", 1, None]}
        assert journal.runs()[0].goal == "log in with {{password}}"
    assert not any(b"hunter2" in file.read_bytes() for file in path.parent.iterdir())


def test_pruning_removes_page_text_from_the_disk_and_nothing_else(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append("view", {"text": "the private page"}, run="run")
        journal.append("event", 1, run="run")

        assert journal.prune("run", ("view",)) == 1
        assert [row.body for row in journal.rows("run")] == [{"pruned": True}, 1]
        with pytest.raises(ValueError, match="recovery"):
            journal.prune("run", ("intent",))
        assert not any(b"private" in file.read_bytes() for file in path.parent.iterdir())


def test_a_run_keeps_its_goal_settings_and_status(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.begin("run", "buy a mug", {"seed": 7})
        journal.begin("run", "another goal")
        journal.set_status("run", "confirmed")

        (run,) = journal.runs()
        assert (run.goal, run.settings, run.status) == ("buy a mug", {"seed": 7}, "confirmed")


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = Journal.open(path)
    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="closed"):
        journal.append("event", 1, run="a")
