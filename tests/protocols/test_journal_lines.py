"""A run can be carried elsewhere as lines, and what happened to the lines on the way is seen."""

import json
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from punchlist.protocols.errors import JournalMissing
from punchlist.protocols.journal import Journal
from punchlist.protocols.journal_errors import ImportRefused
from punchlist.protocols.journal_lines import export_lines, import_lines, verify_lines, write_lines


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """An exported run: rows, a call without outcome, a body that was pruned, odd text, not over."""
    with Journal.open(tmp_path / "from.db") as journal:
        journal.append("event", 0, run="another")
        journal.begin("run", "goal é", {"seed": 7, "rate": 0.1})
        journal.append("event", {"lone": "\ud83d", "big": 10**30, "small": 1e-9}, run="run", task="t")
        journal.append("view", "the page", run="run")
        journal.prune("run", ("view",))
        journal.intent("run/t/1/1", "pay", {"sum": 3}, "unsafe", run="run", task="t", attempt=1)
        write_lines(tmp_path / "run.jsonl", export_lines(journal, "run"))
    return tmp_path / "run.jsonl"


def test_a_run_goes_on_in_the_journal_that_took_it_in(lines: Path, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "to.db") as journal:
        journal.append("event", "of another run", run="other")
        assert import_lines(journal, lines) == "run"
        (call,) = journal.unsettled("run")
        journal.outcome(call.key, "paid")
        journal.set_status("run", "confirmed")
        rows = list(journal.rows("run"))
        found = journal.verify("run")[0]

    assert (found.intact, found.sealed, found.pruned) == (True, True, 1)
    assert rows[0].body == {"lone": "\ud83d", "big": 10**30, "small": 1e-9}
    assert [row.kind for row in rows] == ["event", "view", "intent", "outcome", "seal"]


def test_a_run_goes_from_a_file_into_a_database_and_back(lines: Path, tmp_path: Path, postgres: Any) -> None:
    with Journal.open(postgres.url()) as journal:
        import_lines(journal, lines)
        journal.append("event", "there", run="run")
        write_lines(tmp_path / "back.jsonl", export_lines(journal, "run"))

    with Journal.open(tmp_path / "back.db") as journal:
        import_lines(journal, tmp_path / "back.jsonl")
        assert journal.verify("run")[0].rows == 4


def test_lines_are_private_and_hold_the_head_of_their_journal(lines: Path) -> None:
    with Journal.open(lines.with_name("from.db"), readonly=True) as journal:
        head = journal.verify("run")[0].head

    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    assert verify_lines(lines, head).intact
    assert verify_lines(lines).head == head


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('"sum":3', '"sum":4', "changed"),
        ('"goal":"goal', '"goal":"another', "changed"),
        ('"place":2', '"place":3', "removed"),
        ('"kind":"view"', '"kind":"look"', "changed"),
    ],
)
def test_lines_that_were_changed_are_not_taken_in(
    lines: Path, tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    text = lines.read_text()
    assert was in text
    lines.write_text(text.replace(was, becomes))

    fault = verify_lines(lines).fault

    assert fault is not None and told in fault.said
    with Journal.open(tmp_path / "to.db") as journal:
        with pytest.raises(ImportRefused, match=told):
            import_lines(journal, lines)
        assert journal.runs() == () and list(journal.rows("run")) == []


SPOILED: list[tuple[Callable[[str], str], str]] = [
    (lambda text: text[:-30], "line 5 is damaged"),
    (lambda text: "\n".join(text.splitlines()[:-1]), "a part of it is missing"),
    (lambda text: "\n".join(text.splitlines()[:2] + text.splitlines()[3:]), "a part of it is missing"),
    (lambda text: "\n".join(text.splitlines()[1:]), "line 1 does not belong"),
    (lambda text: text + text, "line 6 does not belong"),
    (lambda text: text.replace('"format":"1.1"', '"format":"9.0"'), "format 9.0"),
    (lambda text: text.replace('"hash":"', '"hash":"zz', 1), "line 2 is damaged"),
    (lambda text: "", "line 1 is damaged"),
]


@pytest.mark.parametrize(("spoil", "told"), SPOILED)
def test_lines_that_are_cut_or_garbled_are_refused(
    lines: Path, spoil: Callable[[str], str], told: str
) -> None:
    lines.write_text(spoil(lines.read_text()))

    with pytest.raises(ImportRefused, match=told):
        verify_lines(lines)


def test_a_run_is_taken_in_once_and_only_one_that_was_begun_goes_out(lines: Path, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "from.db") as journal:
        with pytest.raises(ImportRefused, match="already"):
            import_lines(journal, lines)
        with pytest.raises(LookupError, match="another"):
            list(export_lines(journal, "another"))
    with pytest.raises(JournalMissing):
        verify_lines(tmp_path / "none.jsonl")


def test_a_copy_of_the_file_is_enough_also_with_what_a_killed_writer_left(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        journal.append("event", 1, run="run")
        for end in ("", "-wal"):  # as they lie there while a process writes, or was killed
            (tmp_path / f"copy.db{end}").write_bytes((tmp_path / f"run.db{end}").read_bytes())

    with Journal.open(tmp_path / "copy.db") as journal:
        journal.append("event", 2, run="run")
        found = journal.verify("run")[0]
    assert (found.intact, found.rows) == (True, 2)
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert json.loads(connection.execute("SELECT body FROM rows WHERE place = 2").fetchone()[0]) == 2
    connection.close()
