"""What `punchlist journal` shows of runs that were recorded."""

import json
import sqlite3

import pytest

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.cli.journals import find_run, new_journal, runs_in
from punchlist.protocols.journal import Journal

from .test_plain_lines import EVENTS


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A journal with one run: its messages, a decision and a tool call, left while it ran."""
    monkeypatch.chdir(tmp_path)
    path = new_journal()
    with Journal.open(path) as journal:
        journal.begin("r", "Order 2 mugs.", {})
        journal.append("decision", {"role": "plan", "answer": "task order", "confidence": 1.0}, run="r")
        for event in EVENTS:
            if hasattr(event, "envelope"):
                journal.append(
                    "envelope", event.envelope, run="r", task="1.cart", attempt=event.envelope.attempt
                )
        journal.intent("k", "browser", {"action": "click 1"}, "unsafe", run="r", task="1.cart", attempt=1)
        journal.append("event", {"event": "tick"}, run="r", task="1.cart")
    (path.parent / f"{path.name}.lock").write_text("999999999\n")
    return path


def test_list_names_each_run_and_tells_one_that_was_cut_short(punchlist, recorded):
    ended = punchlist("journal", "list")

    assert "interrupted" in ended.out
    assert str(recorded.relative_to(recorded.parents[1])) in ended.out
    assert punchlist("journal", "list", "--json").json()["runs"][0]["goal"] == "Order 2 mugs."


@pytest.fixture
def damaged(recorded):
    """Beside it a journal of another version, one that is cut off, and a text."""
    paths = [recorded.with_name(name) for name in ("newer.db", "cut.db", "text.db")]
    Journal.open(paths[0]).close()
    sqlite3.connect(paths[0]).execute("PRAGMA user_version = 9000").connection.close()
    paths[1].write_bytes(recorded.read_bytes()[:5000])
    paths[2].write_text("a text that is no journal")
    return paths


def test_list_names_what_cannot_be_read_with_the_reason(punchlist, recorded, damaged):
    out = punchlist("journal", "list").out

    assert all(f"unreadable   .punchlist/{path.name}" in out for path in damaged)
    assert "has format 9.0" in out and "not an SQLite file" in out and "Order 2 mugs." in out
    told = punchlist("journal", "list", "--json").json()
    assert (len(told["runs"]), len(told["unreadable"])) == (1, 3)


def test_where_nothing_else_is_unfinished_resume_names_what_cannot_be_read(punchlist, recorded, damaged):
    with Journal.open(recorded) as journal:
        journal.set_status("r", "confirmed")

    ended = punchlist("resume")

    assert ended.code == USAGE
    assert "newer.db" in ended.err and "has format 9.0" in ended.err
    assert "has format 9.0" in punchlist("journal", "show", "newer").err


def test_the_last_unfinished_run_is_one_that_nobody_writes(recorded):
    with Journal.open(new_journal()) as journal:
        journal.begin("newer", "Order 3 mugs.", {})

        assert find_run(None).info.run == "r"
        assert [each.status() for each in runs_in(recorded.parent)[0]] == ["running", "interrupted"]

    assert find_run(None).info.run == "newer"


def test_a_kind_that_does_not_exist_is_refused_and_the_others_are_named(punchlist, recorded):
    ended = punchlist("journal", "show", "r", "--kinds", "event,nonsense")

    assert ended.code == USAGE
    assert "'nonsense'" in ended.err and "decision, ended, envelope" in ended.err
    assert punchlist("journal", "show", "r", "--kinds", "lesson").code == DONE


def test_list_of_an_empty_folder_says_what_makes_one(punchlist):
    assert "punchlist run" in punchlist("journal").out


def test_show_prints_messages_decisions_and_calls_in_order(punchlist, recorded):
    out = punchlist("journal", "show", str(recorded)).out

    places = [
        out.index(text)
        for text in (
            "goal    Order 2 mugs.",
            "plan: task order",
            "verdict",
            "redo",
            'browser {"action": "click 1"}',
        )
    ]
    assert places == sorted(places)
    assert "tick" not in out


def test_show_of_some_kinds_prints_these_alone(punchlist, recorded):
    out = punchlist("journal", "show", "r", "--kinds", "event,intent").out

    assert "tick" in out
    assert "redo" not in out


def test_show_as_json_prints_a_row_a_line(punchlist, recorded):
    rows = [
        json.loads(line) for line in punchlist("journal", "show", str(recorded), "--json").out.splitlines()
    ]

    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


def test_a_run_is_found_by_its_id_its_file_and_as_the_last_unfinished_one(recorded):
    assert {
        find_run(name).path.name for name in ("r", str(recorded), recorded.name, recorded.stem, None)
    } == {recorded.name}


def test_two_journals_of_one_second_are_two_files(tmp_path):
    paths = [new_journal(tmp_path) for _ in range(3)]

    assert len(set(paths)) == 3
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
