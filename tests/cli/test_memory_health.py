"""`punchlist memory doctor`, and what a memory says of its clock and of what was taken back."""

import sqlite3
from datetime import UTC, datetime, timedelta

from punchlist.agents.cli.edge import DONE, ILL, USAGE
from punchlist.memory import Memory

from ..memory.doubles import FakeEmbedder

FOLDER = ".punchlist/memory"


def kept():
    with Memory.open(FOLDER, embedder=FakeEmbedder()) as memory:
        return memory.records_sync()


def test_doctor_says_what_is_stored_and_that_nothing_is_wrong(hers):
    hers("memory", "retract", kept()[2].id, "--reason", "no more")

    ended = hers("memory", "doctor")

    assert ended.code == DONE and "nothing is wrong" in ended.out
    assert "2 hold, 1 closed" in ended.out and "memory.sqlite3" in ended.out
    told = hers("memory", "doctor", "--json").json()
    assert (told["ok"], told["records"], told["embedder"]) == (True, 3, "fake")


def test_doctor_ends_with_1_where_something_is_wrong(hers, tmp_path):
    path = tmp_path / FOLDER / "memory.sqlite3"
    path.chmod(0o644)
    loose = hers("memory", "doctor")
    path.chmod(0o600)
    sqlite3.connect(path).execute("PRAGMA user_version = 9000").connection.close()
    newer = hers("memory", "doctor", "--json")

    assert loose.code == ILL and "can be read by others" in loose.out and "go= " in loose.out
    assert newer.code == ILL and "has format 9000" in newer.json()["faults"][0]
    assert hers("memory", "list").code == USAGE


def test_a_clock_behind_the_last_write_is_told_by_doctor_and_where_nothing_is_found(hers, monkeypatch):
    monkeypatch.setattr("punchlist.memory.health.now", lambda: datetime.now(UTC) - timedelta(days=3, hours=1))

    ill = hers("memory", "doctor")
    nothing = hers("memory", "search", "zebra", "--user", "ada", "--min-score", "0.99")

    assert ill.code == ILL and "3 days behind the last write" in " ".join(ill.out.split())
    assert "none answers that" in nothing.out and "3 days behind the last write" in nothing.out


def test_doctor_lists_an_embedder_that_is_not_there(punchlist):
    Memory.open(FOLDER, embedder=FakeEmbedder()).close()

    ill = punchlist("memory", "doctor", "--embedder", "http://127.0.0.1:1/v1#model")

    assert ill.code == ILL and "none yet\n" in ill.out and "Start it, or correct its URL" in ill.out


def test_what_is_taken_back_before_its_correction_holds_is_retracted(hers):
    seat = kept()[0].id
    hers("memory", "supersede", seat, "Ada takes the window seat", "--since", "2999-01-01")

    assert "Retracted" in hers("memory", "retract", seat, "--reason", "a joke").out

    shown, listed = hers("memory", "show", seat).out, hers("memory", "list", "--closed").out
    assert "retracted: a joke" in shown and "retracted" in listed and "corrected" not in listed
