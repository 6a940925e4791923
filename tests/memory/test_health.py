"""What is wrong with a memory is listed, each with what to do, and never stops the list."""

import os
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest

from punchlist.memory import Memory, health
from punchlist.memory.records import now

from .doubles import confirm, record

NOWHERE = "http://127.0.0.1:1/v1#model"


def test_an_embedder_that_is_not_there_is_a_fault_among_others(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=NOWHERE) as memory:
        memory._embedder._tries = 1
        (tmp_path / "memory").chmod(0o755)

        told = memory.health_sync()

    assert (told.opened_with, told.records) == ("", 0)
    assert [("Start it" in each, "chmod" in each) for each in told.faults] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("name", "mode", "may"),
    [
        ("memory.sqlite3-wal", 0o644, "read"),
        ("memory.sqlite3.2.backup", 0o640, "read"),
        ("index/chroma.sqlite3", 0o664, "changed"),
        ("index", 0o755, "read"),
        (".", 0o777, "changed"),
    ],
)
def test_whatever_others_can_get_at_is_a_fault(open_memory, name, mode, may):
    memory = open_memory()
    (memory.folder / "index").mkdir(mode=0o700)
    path = memory.folder / name
    if not path.exists():
        path.touch(mode=0o600)
    before = memory.health_sync().faults

    path.chmod(mode)

    (fault,) = memory.health_sync().faults
    assert before == () and fault.startswith(f"{path} can be {may} by others")
    assert os.system(fault.partition("Run: ")[2]) == 0 and memory.health_sync().faults == ()


def test_many_open_files_are_one_fault_with_one_command(open_memory):
    memory = open_memory()
    for path in memory.folder.iterdir():
        path.chmod(0o644)
    (memory.folder / "link").symlink_to("/nowhere")

    (fault,) = memory.health_sync().faults

    assert "files and folders can be read by others, such as" in fault
    assert os.system(fault.partition("Run: ")[2]) == 0 and memory.health_sync().faults == ()


def test_nothing_is_open_to_others_whatever_the_mask_of_new_files(open_memory):
    before = os.umask(0)
    try:
        memory = open_memory(index="chroma")
        memory.remember_all_sync([record(f"thing {n}", kind="episode") for n in range(1_100)])
        memory.recall_sync("thing")
        memory.rebuild_sync()
        memory.recall_sync("thing")
    finally:
        os.umask(before)

    modes = {path.stat().st_mode & 0o777 for path in memory.folder.rglob("*")}
    assert modes == {0o600, 0o700} and memory.health_sync().faults == ()


@pytest.mark.parametrize(
    ("behind", "said"),
    [(timedelta(minutes=50), None), (timedelta(hours=5), "5 hours"), (timedelta(days=3), "3 days")],
)
def test_a_clock_behind_the_last_write_is_a_fault(open_memory, monkeypatch, behind, said):
    memory = open_memory()
    memory.remember_sync(record("A thing."), confirm())
    monkeypatch.setattr(health, "now", lambda: now() - behind - timedelta(seconds=30))

    faults = memory.health_sync().faults

    assert [f"is {said} behind the last write" in each for each in faults] == ([] if said is None else [True])


def test_a_look_beside_a_long_write_of_somebody_else_does_not_wait_for_its_end(open_memory):
    memory = open_memory()
    memory.remember_sync(record("A thing."), confirm())
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()

        (fault,) = memory.health_sync().faults

        assert time.monotonic() - begun < 5
    assert fault.endswith("database is locked. Ask again.") and memory.health_sync().faults == ()
    assert memory.ledger._select("PRAGMA busy_timeout", []) == [(30_000,)]


def test_a_damaged_index_of_words_is_told_with_what_builds_it_anew(open_memory):
    memory = open_memory()
    memory.remember_sync(record("A thing."), confirm())
    memory._store._put_words()
    memory._store._connection.execute("UPDATE records SET terms = 'other'")

    (fault,) = memory.health_sync().faults

    assert "words do not match" in fault and fault.endswith("Run: punchlist memory rebuild")


@pytest.mark.parametrize("name", ["copies", "copies/older", "index"])
def test_a_folder_that_cannot_be_looked_into_is_a_fault(open_memory, close_to_us, name):
    memory = open_memory()
    (memory.folder / name).mkdir(parents=True, mode=0o700)
    (memory.folder / name).parent.chmod(0o700)
    close_to_us(memory.folder / name)

    (fault,) = memory.health_sync().faults

    assert fault.startswith(
        f"{memory.folder / name} cannot be looked into (Permission denied). Give this user"
    )
