"""Forgetting reaches the bytes in every file."""

import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from punchlist.memory import ForgetIncomplete, IndexUnusable, Provenance, Record, Scope, UnknownRecord
from punchlist.memory.erasing import look_for
from punchlist.memory.store import Gone

from .doubles import FakeEmbedder, confirm, record

SECRET = "Ada keeps her spare key under the zephyrpot"


def files_with(folder, *needles):
    """Files under `folder` that contain any of the byte strings."""
    contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [path.name for path, content in contents.items() if any(needle in content for needle in needles)]


def traces(text):
    """Its words, its stem, and its vector as SQLite and as Chroma store it."""
    vector = FakeEmbedder().embed([text])[0]
    half = vector.astype(np.float16)
    single = half.astype(np.float32)
    return [b"zephyrpot", half.tobytes()[:64], single.tobytes()[:64]]


def keep_secret_among(memory, count=100, scope=None):
    """The secret between many other records, so that it shares pages with some."""
    for number in range(count):
        memory.remember_sync(record(f"ordinary thing {number}", Scope.shared()), confirm())
        if number == count // 2:
            kept = memory.remember_sync(record(SECRET, scope or Scope(user="ada")), confirm())
    memory.recall_sync(SECRET, scope=Scope(user="ada"))
    return kept


@pytest.mark.parametrize("target", ["id", "owner"])
def test_forgetting_leaves_no_bytes(open_memory, tmp_path, target):
    memory = open_memory(index="chroma")
    kept = keep_secret_among(memory)
    memory.close()
    memory = open_memory(index="chroma")
    memory.recall_sync(SECRET, scope=Scope(user="ada"))
    assert {"memory.sqlite3", "chroma.sqlite3"} <= set(files_with(tmp_path, *traces(SECRET)))

    done = memory.forget_sync(kept.id if target == "id" else Scope(user="ada"))

    assert (done.records, done.index_pending) == (1, False)
    assert files_with(tmp_path, *traces(SECRET)) == []
    assert kept.id not in [
        each.record.id for each in memory.recall_sync(SECRET, 200, scope=Scope(user="ada"))
    ]
    assert len(memory.records_sync()) == 100
    memory.close()
    assert files_with(tmp_path, *traces(SECRET)) == []
    with pytest.raises(UnknownRecord):
        open_memory().get_sync(kept.id)


def test_what_this_process_had_in_memory_does_not_get_into_the_files_of_chroma(open_memory, tmp_path):
    """Chroma writes buffers that it never cleared; a forgotten vector could come back to disk that way."""
    memory = open_memory(index="chroma")

    keep_secret_among(memory, 10)

    for name in ("data_level0.bin", "length.bin"):
        (path,) = tmp_path.rglob(name)
        assert path.stat().st_size > 0
        assert path.read_bytes().strip(b"\0") == b""


def test_what_proved_a_record_is_forgotten_with_it(open_memory, tmp_path):
    memory = open_memory()
    proof = confirm().model_copy(update={"spec_hash": "zephyrpot"})
    kept = memory.remember_sync(record("A thing."), proof)

    memory.forget_sync(kept.id)

    assert memory.proofs_sync(kept.id) == []
    assert files_with(tmp_path, b"zephyrpot") == []


def test_a_scope_with_a_key_forgets_just_that_key(open_memory):
    memory = open_memory()
    for scope in (
        Scope(user="ada"),
        Scope(user="ada", key="a"),
        Scope(user="ada", key="b"),
        Scope(user="grace", key="a"),
    ):
        memory.remember_sync(record("A thing.", scope), confirm())

    first = memory.forget_sync(Scope(user="ada", key="a"))
    then = memory.forget_sync(Scope(user="ada"))

    assert (first.records, then.records) == (1, 2)
    assert [each.scope for each in memory.records_sync()] == [Scope(user="grace", key="a")]


def test_forgetting_a_correction_does_not_bring_the_error_back(open_memory):
    memory = open_memory()
    old = memory.remember_sync(record("Delivery costs £3."), confirm())
    new = memory.supersede_sync(old.id, record("Delivery costs £4."), confirm())

    memory.forget_sync(new.id)

    assert memory.recall_sync("delivery") == []
    assert memory.get_sync(old.id).superseded_by is None


def test_an_index_that_cannot_be_deleted_is_reported(open_memory, monkeypatch):
    def refuse(path):
        raise PermissionError(f"may not delete {path}")

    memory = open_memory(index="chroma")
    kept = keep_secret_among(memory, 3)
    monkeypatch.setattr(shutil, "rmtree", refuse)

    with pytest.raises(ForgetIncomplete, match="may not delete"):
        memory.forget_sync(kept.id)


@pytest.mark.parametrize("index", ["auto", "exact", "chroma"])
def test_an_index_that_cannot_be_looked_into_is_reported(open_memory, close_to_us, index):
    memory = open_memory(index=index)
    kept = memory.remember_sync(record(SECRET), confirm())
    (memory.folder / "index").mkdir(mode=0o700)
    close_to_us(memory.folder / "index")

    with pytest.raises(IndexUnusable, match="Permission denied"):
        memory.recall_sync(SECRET)
    with pytest.raises(ForgetIncomplete, match=r"index'\. Give this user the right"):
        memory.forget_sync(kept.id)


def test_an_index_whose_lock_cannot_be_had_is_reported(open_memory):
    memory = open_memory(index="chroma")
    kept = memory.remember_sync(record(SECRET), confirm())
    (memory.folder / "index" / "old").mkdir(parents=True)
    (memory.folder / "index.lock").mkdir()

    with pytest.raises(IndexUnusable, match=r"index\.lock"):
        memory.recall_sync(SECRET)
    with pytest.raises(ForgetIncomplete, match=r"index\.lock"):
        memory.forget_sync(kept.id)


def test_forgetting_gives_the_space_back(open_memory, tmp_path):
    memory = open_memory()
    for number in range(20):
        memory.remember_sync(record(f"{number} " * 2000, Scope(user="ada")), confirm())

    memory.forget_sync(Scope(user="ada"))

    assert (tmp_path / "memory" / "memory.sqlite3").stat().st_size < 100_000


def test_forgetting_nothing_is_no_error(open_memory):
    done = open_memory().forget_sync("unknown")

    assert done.records == 0


def test_while_another_holds_the_index_forget_says_that_it_is_pending(open_memory, tmp_path):
    owner, other = open_memory(index="chroma"), open_memory(index="chroma")
    kept = keep_secret_among(owner)

    done = other.forget_sync(kept.id)
    owner.recall_sync("anything")
    owner.close()

    assert (done.records, done.index_pending) == (1, True)
    assert files_with(tmp_path, *traces(SECRET)) == []


@pytest.mark.parametrize("index", ["auto", "exact"])
def test_what_the_owner_of_the_index_left_is_dropped_by_whoever_asks_next(open_memory, tmp_path, index):
    owner, other = open_memory(index="chroma"), open_memory(index=index)
    kept = keep_secret_among(owner)

    done = other.forget_sync(kept.id)
    other.recall_sync("anything")
    owner.close()
    assert done.index_pending and files_with(tmp_path, *traces(SECRET)) != []
    other.recall_sync("anything")

    assert files_with(tmp_path, *traces(SECRET)) == []


def test_a_reader_that_still_sees_the_record_is_reported(open_memory, tmp_path):
    """SQLite cannot empty its log while somebody reads an older state; saying "forgotten" would be a lie."""
    memory = open_memory()
    kept = memory.remember_sync(record(SECRET), confirm())
    memory._store._connection.execute("PRAGMA busy_timeout = 50")
    reader = sqlite3.connect(tmp_path / "memory" / "memory.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM records").fetchone() == (1,)

    with pytest.raises(ForgetIncomplete, match="another process"):
        memory.forget_sync(kept.id)
    reader.close()
    memory.forget_sync(kept.id)

    assert files_with(tmp_path, *traces(SECRET)) == []


@pytest.mark.parametrize(
    ("place", "reason", "cause", "remedy"),
    [
        ("/m/memory.sqlite3", "database or disk is full", "full", "Make room"),
        ("/m/memory.sqlite3", "attempt to write a readonly database", "rights", "Give this user the right"),
        ("/full/index", "[Errno 13] Permission denied: '/full/index'", "rights", "Give this user the right"),
        ("/full/memory.sqlite3", "database is locked", "busy", "Close the other users"),
        ("/full/index", "Permission system offline", "other", "Close the other users"),
        (
            "http://127.0.0.1:1",
            "Could not connect. Is it running?",
            "other",
            "Start that",
        ),
    ],
)
def test_what_stands_in_the_way_is_told_with_its_own_cure(place, reason, cause, remedy):
    said = str(ForgetIncomplete(place, reason, cause))

    assert f"{reason}. {remedy}" in said or f"{reason} {remedy}" in said


def test_a_writer_in_the_way_is_reported(open_memory, tmp_path, monkeypatch):
    memory = open_memory()
    kept = memory.remember_sync(record(SECRET), confirm())
    memory._store._connection.execute("PRAGMA busy_timeout = 50")
    writer = sqlite3.connect(tmp_path / "memory" / "memory.sqlite3", isolation_level=None)
    scrub = memory._store._scrub
    monkeypatch.setattr(memory._store, "_scrub", lambda: (writer.execute("BEGIN IMMEDIATE"), scrub()))

    with pytest.raises(ForgetIncomplete, match="locked"):
        memory.forget_sync(kept.id)
    writer.close()


def test_what_was_derived_from_a_record_goes_with_it_wherever_it_lies(open_memory):
    memory = open_memory()
    hers = memory.remember_sync(record("Ada was ill on Monday.", Scope.shared("ward"), "episode"), confirm())
    stays = memory.remember_sync(record("The shop was shut.", kind="episode"), confirm())
    first = Provenance(by="job", sources=(hers.id, stays.id))
    told = memory.remember_sync(Record(kind="summary", text="A week of illness.", provenance=first))
    second = Provenance(by="job", sources=(told.id,))
    memory.remember_sync(Record(kind="summary", text="A year with an illness.", provenance=second))

    doomed = memory.doomed_sync(Scope.shared("ward"))
    done = memory.forget_sync(Scope.shared("ward"))

    assert [each.kind for each in doomed] == ["episode", "summary", "summary"] and doomed[0] == hers
    assert done.records == 3 and memory.ids_sync() == [stays.id]
    assert memory.records_sync() == [stays] and memory.doomed_sync(Scope.shared("ward")) == []


@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_an_erasure_is_proven_by_looking_at_every_byte(open_memory, index):
    memory = open_memory(index=index)
    keep_secret_among(memory)

    erased = memory.erase_sync(Scope(user="ada"))

    files = [path for path in memory.folder.rglob("*") if path.is_file()]
    assert erased.proven and (erased.records, erased.left, erased.unseen) == (1, (), ())
    assert (erased.files, erased.bytes) == (len(files), sum(path.stat().st_size for path in files))


def test_a_copy_that_somebody_made_is_found(open_memory, tmp_path):
    memory = open_memory()
    keep_secret_among(memory, 3)
    memory.close()
    shutil.copy(tmp_path / "memory" / "memory.sqlite3", tmp_path / "memory" / "copy")
    memory = open_memory()

    erased = memory.erase_sync(Scope(user="ada"))

    assert not erased.proven and {each.path.name for each in erased.left} == {"copy"}
    assert {"its text", "its id", "its vector (half precision)"} <= {each.what for each in erased.left}


LONG = " ".join(f"{number}zephyr{number * number}" for number in range(4000))[:20_000]


def test_a_long_text_is_found_by_its_pieces(open_memory, tmp_path):
    """SQLite spreads it over pages, so that no file holds it in a row."""
    memory = open_memory()
    kept = memory.remember_sync(record(LONG, Scope(user="ada")), confirm())
    memory.close()
    (tmp_path / "memory" / "page").write_bytes(LONG.encode()[9_000:9_900])
    shutil.copy(tmp_path / "memory" / "memory.sqlite3", tmp_path / "memory" / "copy")
    memory = open_memory()

    erased = memory.erase_sync(kept.id)

    assert {each.path.name for each in erased.left if each.what == "its text"} == {"copy", "page"}


def test_what_somebody_else_says_too_is_not_left(open_memory):
    memory = open_memory()
    for owner in ("ada", "grace"):
        memory.remember_sync(record("The shop opens at nine.", Scope(user=owner)), confirm())

    assert memory.erase_sync(Scope(user="ada")).proven


def test_looking_through_the_files_leaves_locks_alone(open_memory, tmp_path):
    """A process that closes a file lets go of all its POSIX locks on it: nobody may see it as free."""
    memory = open_memory()
    memory.remember_sync(record(SECRET), confirm())
    connection = memory._store._connection
    connection.execute("BEGIN IMMEDIATE")

    look_for([Gone("m1", "an erased text", "", "d", b"")], memory.folder, memory._store)

    tried = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    path = tmp_path / "memory" / "memory.sqlite3"
    done = subprocess.run([sys.executable, "-c", tried, path], capture_output=True, text=True, timeout=60)
    connection.execute("ROLLBACK")
    assert "locked" in done.stderr


def test_a_tenant_is_forgotten_only_where_that_is_said(open_memory):
    memory = open_memory()
    for tenant in ("acme", ""):
        for owner in ("", "ada", "grace"):
            memory.remember_sync(record("A thing.", Scope(tenant=tenant, user=owner)), confirm())

    shared = memory.forget_sync(Scope(tenant="acme"))
    everybody = memory.forget_sync(Scope(tenant="acme"), across=("user",))

    assert (shared.records, everybody.records) == (1, 2)
    assert {each.scope.tenant for each in memory.records_sync()} == {""}
