"""`punchlist journal verify`, `export` and `import`, as a person types them."""

import json
import sqlite3

import pytest

from punchlist.agents.cli.edge import DONE, UNVERIFIED, USAGE
from punchlist.protocols.journal import Journal


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A journal with a confirmed run."""
    monkeypatch.chdir(tmp_path)
    with Journal.open("run.db") as journal:
        journal.begin("r1", "Order 2 mugs.", {})
        for number in range(3):
            journal.append("event", {"n": number}, run="r1")
        journal.set_status("r1", "confirmed")
    return tmp_path / "run.db"


def change(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rows SET body = '{\"n\":7}' WHERE place = 2")
    connection.close()


def test_verify_says_intact_with_the_head(punchlist, recorded):
    ended = punchlist("journal", "verify", "run.db")
    told = punchlist("journal", "verify", "run.db", "--run", "r1", "--json").json()

    assert ended.code == DONE
    assert "intact, 4 rows, sealed" in ended.out and told["runs"][0]["head"] in ended.out
    assert (told["intact"], told["runs"][0]["sealed"], told["runs"][0]["fault"]) == (True, True, None)


def test_verify_names_the_row_that_was_changed(punchlist, recorded):
    change(recorded)

    ended = punchlist("journal", "verify", "run.db")
    told = punchlist("journal", "verify", "run.db", "--json").json()

    assert ended.code == UNVERIFIED
    assert "NOT INTACT at row 2: row 2 (event, place 2) was changed." in ended.out
    assert told["runs"][0]["fault"]["what"] == "changed"


def test_verify_with_a_head_that_is_gone_says_so(punchlist, recorded):
    ended = punchlist("journal", "verify", "run.db", "--head", "0" * 64)

    assert ended.code == UNVERIFIED and "no row has the hash" in ended.out


def test_a_run_goes_out_and_comes_in_again(punchlist, recorded):
    told = punchlist("journal", "export", "run.db", "--out", "r.jsonl", "--json").json()
    checked = punchlist("journal", "verify", "r.jsonl", "--head", told["head"])
    taken = punchlist("journal", "import", "r.jsonl", "--journal", "there.db")
    again = punchlist("journal", "import", "r.jsonl", "--journal", "there.db")

    assert (told["rows"], checked.code, taken.code, again.code) == (4, DONE, DONE, USAGE)
    assert "there.db" in taken.out
    assert "already" in again.err
    assert punchlist("journal", "show", "there.db", "--json").code == DONE
    assert json.loads((recorded.parent / "r.jsonl").read_text().splitlines()[0])["goal"] == "Order 2 mugs."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("verify", "none.db"), "no journal"),
        (("verify", "none.jsonl"), "no journal"),
        (("verify", "run.db", "--run", "r9"), "holds no run 'r9'"),
        (("export", "run.db", "--out", "r.txt"), "must end in .jsonl"),
        (("export", "run.db", "run.db", "--out", "r.jsonl"), "exports one run"),
        (("export", "run.db", "--run", "r9", "--out", "r.jsonl"), "holds no run 'r9'"),
        (("import", "run.db"), "was not taken in"),
    ],
)
def test_what_is_not_there_or_wrong_is_said(punchlist, recorded, words, says):
    ended = punchlist("journal", *words)

    assert ended.code == USAGE
    assert says in ended.err
    assert sorted(path.name for path in recorded.parent.iterdir()) == ["run.db", "run.db.lock"]


def test_a_wrong_address_of_a_database_is_said_without_its_password(punchlist, recorded):
    pytest.importorskip("psycopg", reason="journals in PostgreSQL need the extra `postgres`")
    address = "postgresql://ada:hunter2@[/x"

    for words in (
        ["verify", address],
        ["show", address],
        ["export", address, "--out", "r.jsonl"],
        ["import", "r.jsonl", "--journal", address],
    ):
        if words[0] == "import":
            punchlist("journal", "export", "run.db", "--out", "r.jsonl")
        ended = punchlist("journal", *words)
        assert ended.code == USAGE and "postgresql://user@host:5432/database" in ended.err
        assert "hunter2" not in ended.err + ended.out


def test_a_run_that_is_not_intact_is_not_exported(punchlist, recorded):
    change(recorded)

    ended = punchlist("journal", "export", "run.db", "--out", "r.jsonl")

    assert ended.code == USAGE and "was changed" in ended.err
