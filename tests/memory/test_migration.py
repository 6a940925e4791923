"""Files of an older format are carried forward, with a copy, or stay as they are.

`format1.sqlite3.gz` and `format2.sqlite3.gz` were written by the versions of these formats: a fact that was
superseded, the fact that replaced it (both shared, about "k"), a preference of the user ada and a lesson of
the agent shop.
"""

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from punchlist.memory import Scope, StoreUnusable, schema
from punchlist.memory.records import Filter

OLD = {1: Path(__file__).with_name("format1.sqlite3.gz"), 2: Path(__file__).with_name("format2.sqlite3.gz")}


@pytest.fixture(params=OLD)
def format_of_old(request):
    return request.param


@pytest.fixture
def old(tmp_path, format_of_old):
    """The file, where a memory of the test will be opened."""
    path = tmp_path / "memory" / "memory.sqlite3"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(gzip.decompress(OLD[format_of_old].read_bytes()))
    path.chmod(0o600)
    return path


def test_an_old_file_says_what_it_said(old, open_memory):
    memory = open_memory()

    first, then, seat, lesson = memory.records_sync()

    assert [each.scope for each in (first, then, seat, lesson)] == [
        Scope.shared("k"), Scope.shared("k"), Scope(user="ada"), Scope(agent="shop"),
    ]  # fmt: skip
    assert (first.superseded_by, first.closed, first.valid_until) == (then.id, then.learned, None)
    assert (seat.stance, seat.standing, lesson.provenance.check) == ("explicit", "confirmed", "cart")
    assert len(memory.proofs_sync(seat.id)) == 1
    assert memory.recall_sync("delivery cost", scope=Scope.shared("k"))[0].record == then
    assert memory.remember_sync(then, memory.proofs_sync(then.id)[0]).id == then.id
    assert memory.health_sync().faults == ()


def test_a_copy_is_kept_until_something_is_forgotten(old, open_memory, format_of_old):
    memory = open_memory()

    (copy,) = memory.health_sync().backups
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (format_of_old,)
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (4,)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert memory.erase_sync(Scope(user="ada")).proven
    assert memory.health_sync().backups == () and not copy.exists()


def test_a_step_that_fails_leaves_the_old_file(old, open_memory, monkeypatch):
    monkeypatch.setitem(schema.STEPS, 2, schema.FROM_2 + "SELECT 1 FROM nowhere;")

    with pytest.raises(StoreUnusable, match="nowhere"):
        open_memory()
    monkeypatch.undo()

    assert len(open_memory().records_sync()) == 4


def test_killed_in_the_middle_it_is_the_old_file_or_the_new_one(old, open_memory):
    code = (
        "import os, signal, sys\n"
        "from punchlist.memory import schema\n"
        "from punchlist.memory.store import Store\n"
        "from pathlib import Path\n"
        "schema.FROM_2 = schema.STEPS[2] = schema.FROM_2 + 'SELECT stems(1);'\n"
        "schema.stems = lambda text: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Store.open(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(old)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL

    assert len(open_memory().records_sync()) == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_that_cannot_be_written_is_an_error(old, open_memory):
    old.parent.chmod(0o500)

    with pytest.raises(StoreUnusable):
        open_memory()


def test_the_words_of_an_old_file_are_found_by_their_stems(old, open_memory):
    memory = open_memory(index="chroma")

    found = memory.recall_sync("seats on the aisles", 1, scope=Scope(user="ada"))

    assert found[0].record.text == "Ada takes the aisle seat." and found[0].why.bm25 > 0


def test_words_of_an_old_file_are_in_their_index_once(old, open_memory):
    memory = open_memory()

    assert memory.ledger.best_by_words('"aisl"', Filter(), 5)
    assert [memory.ledger.documents_with(stem) for stem in ("aisl", "deliveri")] == [1, 2]
    assert memory.health_sync().faults == ()
