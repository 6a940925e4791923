"""What was done to a run behind its journal's back is seen; what the journal itself does is no fault."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from punchlist.protocols.errors import JournalError
from punchlist.protocols.journal import FORMAT, Journal, redactor
from punchlist.protocols.journal_chain import Verified
from punchlist.protocols.journal_errors import ChainMissing
from punchlist.protocols.journal_lines import export_lines, verify_lines, write_lines

ROWS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a run that is confirmed, and another that is not over."""
    file = tmp_path / "run.db"
    with Journal.open(file) as journal:
        for run in ("ended", "open"):
            journal.begin(run, "buy a mug", {"seed": 7})
        for number in range(ROWS):
            for run in ("ended", "open"):
                journal.append("event", {"n": number}, run=run, task="t", attempt=1)
        journal.set_status("ended", "confirmed")
    return file


def change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def verified(path: Path, run: str = "ended", head: str = "") -> Verified:
    with Journal.open(path, readonly=True) as journal:
        (found,) = journal.verify(run, head=head)
    return found


def test_what_was_written_is_intact_and_the_ended_run_sealed(path: Path) -> None:
    with Journal.open(path, readonly=True) as journal:
        ended, unended = journal.verify()

    assert (ended.intact, ended.sealed, ended.rows) == (True, True, ROWS + 1)
    assert (unended.intact, unended.sealed, unended.rows) == (True, False, ROWS)


@pytest.mark.parametrize(
    ("done", "place", "what"),
    [
        ("UPDATE rows SET body = '{\"n\":99}' WHERE run = 'ended' AND place = 3", 3, "changed"),
        ("UPDATE rows SET at = at + 1 WHERE run = 'ended' AND place = 3", 3, "changed"),
        ("UPDATE rows SET task = 'u' WHERE run = 'ended' AND place = 1", 1, "changed"),
        ("UPDATE rows SET hash = zeroblob(32) WHERE run = 'ended' AND place = 4", 4, "changed"),
        ("UPDATE rows SET kind = 'outcome' WHERE run = 'ended' AND place = 8", 8, "changed"),
        ("UPDATE runs SET goal = 'buy a car' WHERE run = 'ended'", 1, "changed"),
        ("UPDATE runs SET settings = '{}' WHERE run = 'ended'", 1, "changed"),
        ("UPDATE runs SET sealed = 0 WHERE run = 'ended'", 0, "changed"),
        ("DELETE FROM rows WHERE run = 'ended' AND place = 1", 1, "removed"),
        ("DELETE FROM rows WHERE run = 'ended' AND place IN (4, 5)", 4, "removed"),
        ("DELETE FROM rows WHERE run = 'ended' AND place = 9", 9, "tail"),
        ("DELETE FROM rows WHERE run = 'ended' AND place > 2", 3, "tail"),
        ("DELETE FROM rows WHERE run = 'ended'", 1, "tail"),
        (
            "INSERT INTO rows (run, task, attempt, kind, key, at, body)"
            " VALUES ('ended', 't', 1, 'event', '', 1, '1')",
            10,
            "inserted",
        ),
    ],
)
def test_the_first_thing_that_was_done_to_a_run_is_named(
    path: Path, done: str, place: int, what: str
) -> None:
    change(path, done)

    fault = verified(path).fault

    assert fault is not None
    assert (fault.place, fault.what) == (place, what)
    assert verified(path, "open").intact


def test_a_row_that_was_put_between_others_is_told_from_a_changed_one(path: Path) -> None:
    change(
        path,
        "UPDATE rows SET seq = seq + 100 WHERE run = 'ended' AND place >= 5",
        "INSERT INTO rows SELECT 50, run, task, attempt, kind, key, at, '{\"n\":50}', 5, zeroblob(32), NULL"
        " FROM rows WHERE run = 'ended' AND place = 5",
    )

    fault = verified(path).fault

    assert fault is not None
    assert (fault.place, fault.what) == (5, "inserted")
    assert "row 50" in fault.said


def test_two_rows_that_changed_places_are_seen(path: Path) -> None:
    change(
        path,
        "UPDATE rows SET seq = seq + 1000 WHERE run = 'ended' AND place = 3",
        "UPDATE rows SET seq = seq - 2 WHERE run = 'ended' AND place = 4",
    )

    assert not verified(path).intact


def test_a_head_that_was_noted_shows_an_end_that_is_gone_with_its_seal(path: Path) -> None:
    noted = verified(path).head
    change(
        path,
        "DELETE FROM rows WHERE run = 'ended' AND place > 6",
        "UPDATE runs SET sealed = 0, status = 'running' WHERE run = 'ended'",
    )

    assert verified(path).intact  # without the head nothing shows it
    fault = verified(path, head=noted).fault
    assert fault is not None and fault.what == "tail"


def test_an_earlier_head_vouches_for_the_beginning_of_a_longer_run(path: Path) -> None:
    noted = verified(path, "open").head
    with Journal.open(path) as journal:
        journal.append("event", "more", run="open")

    assert verified(path, "open", noted).intact


def test_a_sealed_run_that_is_gone_on_with_is_sealed_again(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.set_status("ended", "confirmed")  # said twice, sealed once
        journal.set_status("ended", "running")
        journal.append("event", "more", run="ended")
        between = journal.verify("ended")[0]
        journal.set_status("ended", "unverified")

    assert (between.intact, between.sealed) == (True, False)
    again = verified(path)
    assert (again.intact, again.sealed, again.rows) == (True, True, ROWS + 3)


def test_pruned_rows_keep_their_hashes(path: Path) -> None:
    with Journal.open(path) as journal:
        assert journal.prune("ended", ("event",)) == ROWS
        assert journal.prune("ended", ("event",)) == 0
        with pytest.raises(ValueError, match="seals"):
            journal.prune("ended", ("seal",))

    found = verified(path)
    assert (found.intact, found.pruned, found.sealed) == (True, ROWS, True)
    change(path, "UPDATE rows SET at = at + 1 WHERE run = 'ended' AND place = 3")
    assert not verified(path).intact


@pytest.mark.parametrize(
    ("kind", "body"), [("event", '{"n":99}'), ("outcome", '{"pruned":true}'), ("seal", '{"pruned":true}')]
)
def test_a_changed_body_cannot_be_passed_off_as_a_pruned_one(path: Path, kind: str, body: str) -> None:
    with Journal.open(path) as journal:
        journal.intent("k", "pay", {}, "unsafe", run="ended")
        journal.outcome("k", "paid")
        journal.set_status("ended", "confirmed")
        row = next(link for link in journal.links("ended") if link.kind == kind)
    digest = hashlib.sha256(row.body.encode()).hexdigest()

    change(path, f"UPDATE rows SET body = '{body}', pruned = x'{digest}' WHERE seq = {row.seq}")

    fault = verified(path).fault
    assert fault is not None and (fault.place, fault.what) == (row.place, "changed")


def test_secrets_are_out_before_a_row_is_hashed(tmp_path: Path) -> None:
    files = [tmp_path / "a.db", tmp_path / "b.db"]
    for file, secret in zip(files, ("hunter2", "swordfish"), strict=True):
        with Journal.open(file, redact=redactor({"password": secret})) as journal:
            journal.append("event", {"typed": secret}, run="run")
    change(files[1], "UPDATE rows SET at = 1.5")
    change(files[0], "UPDATE rows SET at = 1.5")

    linked: list[bytes] = []
    for file in files:
        with Journal.open(file, readonly=True) as journal:
            linked += [link.linked(b"") for link in journal.links("run")]

    assert linked[0] == linked[1]


def test_the_chain_is_what_its_description_says(path: Path) -> None:
    """So that a program in another language can hold a journal against it."""
    with Journal.open(path) as journal:
        journal.append('ev"ent', {"é": "\ud800"}, run="täsk \n", task="\\", attempt=3, key="k")
        (row,) = journal.links("täsk \n")

    start = hashlib.sha256(b'["t\\u00e4sk \\n"]').digest()
    about = json.dumps([1, row.run, row.task, 3, row.kind, "k", row.at], separators=(",", ":")).encode()
    assert row.hash == hashlib.sha256(start + hashlib.sha256(row.body.encode()).digest() + about).digest()


def test_rows_of_a_group_are_written_at_its_end_or_not_at_all(path: Path) -> None:
    with Journal.open(path) as journal:
        with pytest.raises(ZeroDivisionError), journal.together("open"):
            journal.append("event", "lost", run="open")
            _ = 1 / 0
        with journal.together("open"):
            seqs = [journal.append("event", n, run="open") for n in range(3)]
            with pytest.raises(ValueError, match="outside"):
                journal.intent("k", "pay", {}, "unsafe", run="open")
        journal.append("event", "after", run="open")

        bodies = [row.body for row in journal.rows("open")]

    assert bodies[ROWS:] == [0, 1, 2, "after"]
    assert len(set(seqs)) == 3
    assert verified(path, "open").intact


# --- the format before ----------------------------------------------------------------------------

OLD = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, goal TEXT NOT NULL, settings TEXT NOT NULL, status TEXT NOT NULL,
    began REAL NOT NULL, changed REAL NOT NULL
) STRICT;
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_intent ON rows (key) WHERE kind = 'intent';
CREATE UNIQUE INDEX one_outcome ON rows (key) WHERE kind = 'outcome';
PRAGMA application_id = 1347306312;
PRAGMA user_version = 1000;
INSERT INTO runs VALUES ('a', 'goal a', '{}', 'confirmed', 100.5, 200.25);
INSERT INTO runs VALUES ('b', 'goal b', '{}', 'running', 1, 2);
"""

MIGRATION_KILLED = """
import os, signal, sys
from punchlist.protocols import journal_migration
from punchlist.protocols.journal import Journal
left = int(sys.argv[2])
chained = journal_migration.chained
def dying(*given):
    global left
    for link in chained(*given):
        yield link
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
journal_migration.chained = dying
Journal.open(sys.argv[1]).close()
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of format 1.0: two runs, one ended, and a row of a run that nobody began."""
    file = tmp_path / "old.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(OLD)
        rows = [(("a", "b")[n % 2], "t", 1, "event", "", 100.5 + n, f'{{"n":{n}}}') for n in range(1300)]
        rows += [("a", "", 0, "view", "", 99.0, '{"pruned": true}')]
        rows += [("c", "", 0, "intent", "c/t/1/1", 7.0, '{"tool":"pay","args":{},"recovery":"unsafe"}')]
        insert = "INSERT INTO rows (run, task, attempt, kind, key, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        connection.executemany(insert, rows)
    connection.close()
    return file


def test_a_journal_of_the_format_before_is_brought_over_with_everything_in_it(old: Path) -> None:
    with Journal.open(old) as journal:
        bodies = [row.body for row in journal.rows("a", kinds=("event",))]
        found = journal.verify()
        write_lines(old.with_name("a.jsonl"), export_lines(journal, "a"))
        (call,) = journal.unsettled("c")
        journal.outcome("c/t/1/1", None, status="unknown")
        journal.append("event", "new", run="b")

    assert bodies == [{"n": n} for n in range(0, 1300, 2)]
    assert verify_lines(old.with_name("a.jsonl")).intact
    assert [(each.run, each.intact, each.sealed) for each in found] == [
        ("b", True, False), ("a", True, True), ("c", True, False)
    ]  # fmt: skip
    assert call.tool == "pay"
    with Journal.open(old, readonly=True) as journal:
        assert all(each.intact for each in journal.verify())


def test_the_seal_of_an_old_run_is_as_old_as_its_end(old: Path) -> None:
    """Seconds between rows are counted as used: a new time there would use up a resumed run's budget."""
    with Journal.open(old) as journal:
        *_, seal = journal.rows("a")

    assert (seal.kind, seal.at) == ("seal", 200.25)


def test_looking_at_a_journal_of_the_format_before_changes_nothing(old: Path) -> None:
    before = old.read_bytes()

    with Journal.open(old, readonly=True) as journal:
        assert len(list(journal.rows("a"))) == 651
        assert [info.status for info in journal.runs()] == ["running", "confirmed"]
        with pytest.raises(ChainMissing, match=r"format 1\.0"):
            journal.verify()
        with pytest.raises(JournalError, match="READONLY"):
            journal.append("event", 1, run="b")

    assert old.read_bytes() == before


@pytest.mark.parametrize("at", [1, 640, 1302])
def test_a_migration_that_is_killed_leaves_the_old_journal_whole(old: Path, at: int) -> None:
    killed = subprocess.run([sys.executable, "-c", MIGRATION_KILLED, old, str(at)], env=dict(os.environ))
    with Journal.open(old, readonly=True) as journal:
        whole = [row.body for row in journal.rows("a", kinds=("event",))]
        with pytest.raises(ChainMissing):
            journal.verify()

    assert killed.returncode == -signal.SIGKILL
    assert whole == [{"n": n} for n in range(0, 1300, 2)]
    with Journal.open(old) as journal:
        assert all(each.intact for each in journal.verify())
    with sqlite3.connect(old) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT[0] * 1000 + FORMAT[1]
    connection.close()
