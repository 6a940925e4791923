"""What survives: kills, other processes, odd text, files of other versions."""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from punchlist.memory import DuplicateRecord, Memory, MemoryClosed, Scope, StoreUnusable, StoreVersion
from punchlist.memory.lexicon import MOST_UNWORDED
from punchlist.memory.records import Filter

from .doubles import FakeEmbedder, confirm, record

WRITER = Path(__file__).with_name("writer.py")


def start_writer(folder, *arguments):
    command = [sys.executable, str(WRITER), str(folder / "memory"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_every_acknowledged_record_is_found_after_sigkill(open_memory, tmp_path):
    acknowledged = []
    for round in range(2):
        writer = start_writer(tmp_path, f"round{round}n")
        acknowledged += [writer.stdout.readline().strip() for _ in range(15)]
        writer.kill()
        acknowledged += writer.stdout.read().split()
        writer.wait(timeout=5)
        writer.stdout.close()

    memory = open_memory()
    kept = {each.id: each for each in memory.records_sync()}

    assert all(acknowledged) and len(acknowledged) >= 30
    assert set(acknowledged) <= set(kept)
    assert len(kept) <= len(acknowledged) + 2  # at most the one in flight at each kill
    for name in acknowledged:
        assert memory.recall_sync(kept[name].text, k=1)[0].record.id == name


def test_two_processes_write_at_once_and_a_third_finds_all(open_memory, tmp_path):
    memory = open_memory()
    memory.recall_sync("take the index before they can")
    writers = [start_writer(tmp_path, prefix, "30") for prefix in ("left", "right")]

    written = [writer.communicate(timeout=60)[0].split() for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(each) for each in written] == [30, 30]
    for prefix in ("left", "right"):
        for number in range(30):
            text = f"{prefix}{number} was written"
            assert memory.recall_sync(text, k=1)[0].record.text == text


def test_many_may_make_the_same_memory_at_once(tmp_path):
    def make(folder):
        with Memory.open(folder, embedder=FakeEmbedder()) as memory:
            return memory.remember_sync(record(f"made by {threading.get_ident()}"), confirm()).id

    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            made = list(pool.map(make, [tmp_path / str(number)] * 8))
            with Memory.open(tmp_path / str(number), embedder=FakeEmbedder()) as memory:
                assert {each.id for each in memory.records_sync()} == set(made)


def test_a_record_comes_back_as_it_was_given(open_memory):
    given = record(
        "Zażółć gęślą jaźń — «\N{DROMEDARY CAMEL}»\nשורה שתיים\tend",
        Scope(user="ada", key="https://shop.example"),
        "preference",
        stance="explicit",
        trust="trusted",
        happened=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        valid_until=datetime(2999, 1, 1, tzinfo=UTC),
    )

    open_memory().remember_sync(given, confirm())

    assert open_memory().get_sync(given.id) == given.model_copy(update={"standing": "confirmed"})


def test_the_same_words_are_kept_once_per_kind_and_scope(open_memory):
    memory = open_memory()
    first = memory.remember_sync(record("Delivery costs £3."), confirm())

    again = memory.remember_sync(record("  delivery costs   £3. "), confirm(attempt=4))
    memory.remember_sync(record("Delivery costs £3.", Scope(user="ada")), confirm())
    memory.remember_sync(record("Delivery costs £3.", kind="episode"), confirm())

    assert again == first.model_copy(update={"seen": 2})
    assert len(memory.records_sync()) == 3


def test_words_that_were_closed_may_become_true_again(open_memory):
    memory = open_memory()
    first = memory.remember_sync(record("Delivery costs £3."), confirm())
    dearer = memory.supersede_sync(first.id, record("Delivery costs £4."), confirm())

    again = memory.supersede_sync(dearer.id, record("Delivery costs £3."), confirm())

    assert again.id != first.id
    assert [each.record for each in memory.recall_sync("delivery")] == [again]


def test_remembering_again_is_safe_but_an_id_never_changes_its_words(open_memory):
    memory = open_memory()
    given = record("Delivery costs £3.")
    memory.remember_sync(given, confirm())

    memory.remember_sync(given, confirm())
    with pytest.raises(DuplicateRecord, match=given.id):
        memory.remember_sync(given.model_copy(update={"text": "Delivery is free."}), confirm())

    assert [(each.id, each.text, each.seen) for each in memory.records_sync()] == [(given.id, given.text, 1)]
    assert memory.proofs_sync(given.id) == [confirm()]


def test_files_are_readable_by_their_owner_only(open_memory, tmp_path):
    memory = open_memory()
    memory.remember_sync(record("Delivery costs £3."), confirm())

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "memory").iterdir()}

    assert modes and set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "memory").stat().st_mode) == 0o700


def test_the_files_of_chroma_are_readable_by_their_owner_only(open_memory, tmp_path):
    before = os.umask(0)
    try:
        memory = open_memory(index="chroma")
        for number in range(3):
            memory.remember_sync(record(f"thing {number}"), confirm())
            memory.recall_sync("thing")
    finally:
        os.umask(before)

    modes = {path: path.stat().st_mode & 0o077 for path in (tmp_path / "memory").rglob("*") if path.is_file()}

    assert any(path.name == "chroma.sqlite3" for path in modes) and set(modes.values()) == {0}
    assert memory.health_sync().faults == ()


def test_a_file_of_another_format_is_refused_untouched(open_memory, tmp_path):
    open_memory().close()
    path = tmp_path / "memory" / "memory.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreVersion, match="format 99"):
        open_memory()


def test_a_damaged_file_is_an_error_that_names_it(open_memory, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.sqlite3").write_bytes(b"not a database" * 1000)

    with pytest.raises(StoreUnusable, match=r"memory\.sqlite3"):
        open_memory()


def test_a_full_disk_is_an_error_and_loses_nothing(open_memory):
    memory = open_memory()
    kept = memory.remember_sync(record("Delivery costs £3."), confirm())
    connection = memory._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreUnusable, match="full"):
        for number in range(500):
            memory.remember_sync(record(f"filler {number} " * 200), confirm())

    assert kept in memory.records_sync()
    connection.execute("PRAGMA max_page_count = 1000000")
    memory.remember_sync(record("There is room again."), confirm())


def test_words_wait_for_their_index_and_are_found_all_the_same(open_memory):
    memory = open_memory()
    kept = [
        memory.remember_sync(record(f"The kettle of room {number}", kind="episode")) for number in range(3)
    ]
    ledger = memory.ledger

    assert ledger.documents_with("kettl") == 0
    assert memory.health_sync().faults == () and ledger.documents_with("kettl") == 0
    assert set(ledger.best_by_words('"kettl"', Filter(), 5)) == {each.id for each in kept}
    assert ledger.documents_with("kettl") == 3
    assert memory.erase_sync(kept[0].id).proven and ledger.documents_with("kettl") == 2
    assert memory.health_sync().faults == ()


def test_words_of_many_records_do_not_wait(open_memory):
    memory = open_memory()

    memory.remember_all_sync([record(f"Kettle {number}", kind="episode") for number in range(MOST_UNWORDED)])

    assert memory.ledger.documents_with("kettl") == MOST_UNWORDED


def test_a_word_that_is_missing_in_its_index_is_a_fault(open_memory):
    memory = open_memory()
    memory.remember_sync(record("The kettle leaks", kind="episode"))
    assert memory.ledger.best_by_words('"kettl"', Filter(), 5)
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3")) as other, other:
        other.execute("UPDATE records SET terms = 'teapot'")

    (fault,) = memory.health_sync().faults

    assert "words do not match" in fault


def test_who_asks_does_not_wait_for_who_writes(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    kept = memory.remember_sync(record("The kettle leaks", kind="episode"))
    other = sqlite3.connect(tmp_path / "memory" / "memory.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    found = memory.recall_sync("Which kettles leak?", 1)

    assert [each.record for each in found] == [kept] and found[0].why.bm25 > 0
    assert memory.ledger.documents_with("kettl") == 0
    other.close()
    assert memory.recall_sync("Which kettles leak?", 1)[0].record == kept
    assert memory.ledger.documents_with("kettl") == 1


def test_a_damaged_index_of_words_is_made_anew(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    kept = memory.remember_sync(record("The kettle leaks", kind="episode"))
    assert memory.recall_sync("kettles", 1)
    with closing(sqlite3.connect(tmp_path / "memory" / "memory.sqlite3")) as other, other:
        other.execute("DELETE FROM lexicon_data")
        other.execute("INSERT INTO lexicon_data VALUES (1, x'00'), (10, x'ff')")
    (fault,) = memory.health_sync().faults
    assert "words do not match" in fault

    assert memory.rebuild_sync() == 1

    assert memory.health_sync().faults == ()
    assert memory.recall_sync("kettles", 1)[0].record == kept


BROKEN = {
    "no structure": ["DELETE FROM lexicon_data WHERE id = 10"],
    "no settings": ["DROP TABLE lexicon_config"],
    "no parts": [f"DROP TABLE lexicon_{part}" for part in ("data", "idx", "docsize", "config")],
    "no index": ["DROP TABLE lexicon"],
    "parts without index": [
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_schema WHERE name = 'lexicon'",
    ],
}


@pytest.mark.parametrize("done", BROKEN.values(), ids=BROKEN)
def test_an_index_of_words_that_cannot_be_read_is_made_anew(open_memory, done):
    memory = open_memory(index="chroma")
    kept = memory.remember_sync(record("The kettle leaks", kind="episode"))
    assert memory.recall_sync("kettles", 1)
    memory.close()
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3", isolation_level=None)) as other:
        for statement in done:
            other.execute(statement)
    memory = open_memory(index="chroma")
    (fault,) = memory.health_sync().faults
    assert fault.endswith("Run: punchlist memory rebuild")

    memory.rebuild_sync()

    assert memory.health_sync().faults == ()
    assert memory.recall_sync("kettles", 1)[0].record == kept
    with pytest.raises(sqlite3.OperationalError, match="may not be modified"):
        memory.ledger._connection.execute("DELETE FROM sqlite_schema")


@pytest.mark.parametrize("done", BROKEN.values(), ids=BROKEN)
def test_what_is_erased_is_gone_though_the_index_of_words_cannot_be_read(open_memory, done):
    memory = open_memory()
    gone, kept = (
        memory.remember_sync(record(f"The {each} leaks", kind="episode")) for each in ("kettle", "tap")
    )
    memory.ledger._put_words()
    memory.close()
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3", isolation_level=None)) as other:
        for statement in done:
            other.execute(statement)
    memory = open_memory()

    assert memory.erase_sync(gone.id).proven

    assert memory.records_sync() == [kept] and memory.health_sync().faults == ()


def test_an_index_of_words_that_could_not_be_made_anew_is_as_it_was(open_memory, monkeypatch):
    memory = open_memory()
    memory.remember_sync(record("The kettle leaks", kind="episode"))
    memory.ledger._put_words()
    memory.close()
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3")) as other, other:
        other.execute("DELETE FROM lexicon_data WHERE id = 10")
        before = other.execute("SELECT * FROM sqlite_schema").fetchall()
    memory = open_memory()
    monkeypatch.setattr(memory.ledger, "_catch_up", lambda cursor: cursor.execute("a full disk, say"))

    with pytest.raises(StoreUnusable):
        memory.rebuild_sync()

    assert memory.ledger._connection.execute("SELECT * FROM sqlite_schema").fetchall() == before
    monkeypatch.undo()
    memory.rebuild_sync()
    assert memory.health_sync().faults == ()


def test_a_version_that_wrote_words_by_triggers_is_told_and_leaves_them(open_memory, tmp_path):
    """What the version of format 2 does on forgetting, with the file already carried forward."""
    memory = open_memory()
    kept = memory.remember_sync(record("The kettle leaks", kind="episode"))
    with closing(sqlite3.connect(tmp_path / "memory" / "memory.sqlite3", isolation_level=None)) as old:
        old.execute("BEGIN IMMEDIATE")
        old.execute("DELETE FROM records")
        with pytest.raises(sqlite3.OperationalError, match="no such table: words"):
            old.execute("INSERT INTO words (words) VALUES ('rebuild')")
        old.execute("ROLLBACK")

    assert memory.get_sync(kept.id) == kept and memory.health_sync().faults == ()


def test_a_record_after_the_memory_is_closed_is_an_error_that_says_so(open_memory):
    memory = open_memory()
    memory.remember_sync(record("The kettle leaks", kind="episode"))
    memory.recall_sync("The kettle leaks")
    memory.close()

    with pytest.raises(MemoryClosed):
        memory.remember_sync(record("The kettle leaks", kind="episode"))


def test_a_file_that_is_written_by_others_is_not_called_damaged(tmp_path):
    assert "Try again" in str(StoreUnusable(tmp_path, "database is locked", "busy"))
    assert "restore" in str(StoreUnusable(tmp_path, "database disk image is malformed"))


def test_a_folder_that_is_refused_is_not_called_busy_for_its_name(tmp_path, monkeypatch):
    def refuse(path, *rest, **more):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(StoreUnusable, match=r"unlocked.*Check the disk and the permissions") as refused:
        Memory.open(tmp_path / "unlocked" / "busy", embedder=FakeEmbedder())
    assert refused.value.cause == "rights"


def test_a_write_of_somebody_else_that_does_not_end_is_told_as_such(open_memory):
    memory = open_memory()
    memory.remember_sync(record("The kettle leaks", kind="episode"))
    memory.ledger._connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnusable, match="Try again"):
            memory.remember_sync(record("The tap leaks", kind="episode"))


def test_a_question_to_a_damaged_index_of_words_is_told_what_builds_it_anew(open_memory):
    memory = open_memory()
    memory.remember_sync(record("The kettle leaks", kind="episode"))
    memory.ledger._put_words()
    memory.close()
    with closing(sqlite3.connect(memory.folder / "memory.sqlite3")) as other, other:
        other.execute("DELETE FROM lexicon_data WHERE id = 10")
    memory = open_memory()

    with pytest.raises(StoreUnusable, match="Run: punchlist memory rebuild"):
        memory.ledger.best_by_words('"kettl"', Filter(), 5)
