"""A journal whose last bytes are gone, or that cannot be written: an exact prefix, or a typed error."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from punchlist.protocols.errors import JournalCorrupt, JournalError, JournalFull
from punchlist.protocols.journal import Journal
from punchlist.protocols.journal_errors import JournalReadonly, LeaseLost

HEADER, FRAME = 32, 24 + 4096
"""Bytes of a log's header, and of a frame: its own header and a page."""

ROWS = 12


def row(number: int) -> dict[str, Any]:
    """A body of which one fills more than half a page, so that every row writes frames of its own."""
    return {"n": number, "text": "x" * 2500}


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    """A journal as it lies on the disk while it is written: its run is sealed, nothing is checkpointed."""
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        for number in range(ROWS):
            journal.append("event", row(number), run="run")
        journal.set_status("run", "confirmed")
        for end in ("", "-wal"):
            shutil.copy(tmp_path / f"run.db{end}", tmp_path / f"torn.db{end}")
    return tmp_path / "torn.db"


def cuts(size: int, every: int) -> Iterable[int]:
    """Lengths to which a file is cut: within its last three frames, and one byte about each frame's ends."""
    chosen = set(range(max(0, size - 3 * FRAME), size, every))
    for frame in range(4):
        end = size - frame * FRAME
        chosen |= {end - 1, end, end + 1, end + 24} if frame else {end - 1}
    return sorted(each for each in chosen if 0 <= each < size)


def hold_against_every_cut(torn: Path, every: int) -> None:
    """Cut the log, and see that what is left is the beginning of the run, to the last byte."""
    log = torn.with_name("torn.db-wal").read_bytes()
    whole = torn.read_bytes()
    seen: set[int] = set()
    for length in cuts(len(log), every):
        torn.write_bytes(whole)
        torn.with_name("torn.db-wal").write_bytes(log[:length])
        with Journal.open(torn, readonly=True) as journal:
            (found,) = journal.verify("run")
            bodies = [each.body for each in journal.rows("run", kinds=("event",))]
            (info,) = journal.runs()
        sealed = found.sealed
        assert bodies == [row(number) for number in range(len(bodies))], f"cut to {length}"
        assert found.intact and sealed == (info.status == "confirmed"), f"cut to {length}"
        seen.add(len(bodies) + sealed)
    assert len(seen) > 1  # the cuts did take rows away
    assert max(seen) <= ROWS


def test_a_log_that_is_cut_leaves_an_exact_beginning(torn: Path) -> None:
    hold_against_every_cut(torn, every=211)


@pytest.mark.long
def test_a_log_that_is_cut_at_any_byte_leaves_an_exact_beginning(torn: Path) -> None:
    hold_against_every_cut(torn, every=1)


def hold_against_every_cut_of_the_file(path: Path, every: int) -> None:
    """Cut the file of a run that is over: nothing is invented, and that something is gone is always said."""
    whole = path.read_bytes()
    for length in [*range(len(whole) - 3 * 4096, len(whole), every), len(whole) - 1, len(whole) - 4096]:
        path.write_bytes(whole[:length])
        try:
            with Journal.open(path, readonly=True) as journal:
                (found,) = journal.verify("run")
                bodies = [each.body for each in journal.rows("run", kinds=("event",))]
        except JournalCorrupt:
            continue
        assert bodies == [row(number) for number in range(len(bodies))], f"cut to {length}"
        assert found.fault is not None, f"cut to {length}"


@pytest.fixture
def over(tmp_path: Path) -> Path:
    """A journal that was closed: everything is in the one file."""
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        for number in range(ROWS):
            journal.append("event", row(number), run="run")
        journal.set_status("run", "confirmed")
    return tmp_path / "run.db"


def test_a_file_that_is_cut_says_so(over: Path) -> None:
    hold_against_every_cut_of_the_file(over, every=211)


@pytest.mark.long
def test_a_file_that_is_cut_at_any_byte_says_so(over: Path) -> None:
    hold_against_every_cut_of_the_file(over, every=1)


def test_who_noted_the_head_sees_that_the_log_was_cut(torn: Path) -> None:
    log = torn.with_name("torn.db-wal")
    with Journal.open(torn, readonly=True) as journal:
        head = journal.verify("run")[0].head
    log.write_bytes(log.read_bytes()[:-FRAME])

    with Journal.open(torn, readonly=True) as journal:
        without, with_head = journal.verify("run")[0], journal.verify("run", head=head)[0]

    assert without.intact and not without.sealed
    assert with_head.fault is not None and with_head.fault.what == "tail"


def test_a_run_whose_end_was_cut_off_goes_on_from_there(torn: Path) -> None:
    log = torn.with_name("torn.db-wal")
    log.write_bytes(log.read_bytes()[: -2 * FRAME - 100])

    with Journal.open(torn) as journal:
        kept = len(list(journal.rows("run")))
        journal.append("event", "more", run="run")
        found = journal.verify("run")[0]

    assert (found.intact, found.rows) == (True, kept + 1)


# --- what cannot be written -----------------------------------------------------------------------


def test_a_seal_that_does_not_fit_on_the_disk_is_not_there_by_half(tmp_path: Path) -> None:
    code = """
import resource, sys
from punchlist.protocols.errors import JournalFull
from punchlist.protocols.journal import Journal
with Journal.open(sys.argv[1]) as journal:
    journal.begin("run", "goal")
    journal.append("event", 1, run="run")
    size = __import__("os").path.getsize(sys.argv[1] + "-wal") + 4200
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        while True:
            journal.set_status("run", "confirmed")
            journal.set_status("run", "running")
            journal.append("event", 2, run="run")
    except JournalFull as error:
        found = journal.verify("run")[0]
        print(found.intact, journal.runs()[0].status == "confirmed", found.sealed)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "run.db"],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )

    intact, status, sealed = done.stdout.split()
    assert intact == "True" and status == sealed
    with Journal.open(tmp_path / "run.db") as journal:
        assert journal.verify("run")[0].intact


def test_after_a_full_disk_rows_can_be_written_again(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        journal.append("event", 1, run="run")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "run.db-wal").stat().st_size, hard))
        try:
            with pytest.raises(JournalFull, match="free space"):
                journal.append("event", 2, run="run")
            with pytest.raises(JournalFull), journal.together("run"):
                journal.append("event", "x" * 9000, run="run")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        journal.append("event", 3, run="run")

        assert [each.body for each in journal.rows("run")] == [1, 3]
        assert journal.verify("run")[0].intact


def test_a_disk_that_may_only_be_read_is_a_typed_error(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here; a folder without rights is tested below")
    try:
        with Journal.open(disk / "run.db") as journal:
            journal.append("event", 1, run="run")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        before = (disk / "run.db").read_bytes()

        with pytest.raises(JournalReadonly, match="Read-only file system"):
            Journal.open(disk / "run.db")
        with pytest.raises(JournalReadonly, match="name another file"):
            Journal.open(disk / "new" / "run.db")
        with Journal.open(disk / "run.db", readonly=True) as journal:
            assert [each.body for each in journal.rows("run")] == [1]
            assert journal.verify("run")[0].intact
        assert (disk / "run.db").read_bytes() == before
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_without_rights_is_a_typed_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(JournalReadonly, match="Permission denied"):
            Journal.open(tmp_path / "run.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_process_whose_lock_was_removed_is_stopped_at_the_door_to_tools(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        assert journal.hold("run") == 0
        (tmp_path / "run.db.lock").unlink()

        with pytest.raises(LeaseLost, match="another process"):
            journal.hold("run")


# --- durability -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("durability", "levels"), [("normal", [1, 1, 2, 1]), ("full", [2, 2, 2, 2])])
def test_what_is_synced_is_what_was_asked_for(tmp_path: Path, durability: Any, levels: list[int]) -> None:
    """SQLite's level 1 is NORMAL and 2 is FULL, at: a row, a pure intent, one with effects, a row."""
    seen: list[int] = []

    class Watching(Journal):
        def _write(self, run: str, *statements: Any, durable: bool = False) -> int:
            store: Any = self._store
            execute, connection = store._all, store._connection

            def watched(told: Any) -> int:
                seen.append(connection.execute("PRAGMA synchronous").fetchone()[0])
                return execute(told)

            store._all = watched
            try:
                return super()._write(run, *statements, durable=durable)
            finally:
                del store._all

    with Watching.open(tmp_path / "run.db", durability=durability) as journal:
        journal.append("event", 1, run="run")
        journal.intent("a", "look", {}, "pure", run="run")
        journal.intent("b", "pay", {}, "unsafe", run="run")
        journal.append("event", 2, run="run")

    assert seen == levels


def test_a_durability_that_there_is_not_is_refused(tmp_path: Path) -> None:
    wrong: Any = "eternal"

    with pytest.raises(ValueError, match="'normal', 'full'"):
        Journal.open(tmp_path / "run.db", durability=wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_old_reader_of_the_tables_finds_what_it_knows(over: Path) -> None:
    """1.1 only adds columns: a reader of 1.0 goes on reading."""
    with sqlite3.connect(over) as connection:
        found = connection.execute("SELECT seq, run, task, attempt, kind, key, at, body FROM rows").fetchall()
    connection.close()

    assert json.loads(found[0][7]) == row(0)
    with pytest.raises(JournalError):
        Journal.open(over.with_name("none.db"), create=False)
