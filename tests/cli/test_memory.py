"""`punchlist memory`: what a person types, what it says, and what is kept of it."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import get_args

import pytest

from punchlist.agents.cli import memory_parser
from punchlist.agents.cli.edge import DONE, ILL, INTERRUPTED, UNVERIFIED, USAGE
from punchlist.agents.cli.memory_opening import Ids
from punchlist.agents.cli.parser import build_parser
from punchlist.memory import Kind, Memory, Provenance, Record, Scope
from punchlist.memory.consolidate import JOBS
from punchlist.memory.records import OWNERS

from ..memory.doubles import FakeEmbedder, confirm, record
from .conftest import AISLE

FOLDER = ".punchlist/memory"
WINDOW = "Ada takes the window seat since her knee healed"


def kept(**options):
    with Memory.open(FOLDER, embedder=FakeEmbedder()) as memory:
        return memory.records_sync(**options)


def person(monkeypatch, answer):
    """Somebody at a terminal who types `answer`."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))


def every_command():
    memory = next(each for each in build_parser()._actions if each.dest == "command").choices["memory"]
    inner = next(each for each in memory._actions if each.dest == "memory_command")
    return list(inner.choices)


def test_what_a_person_adds_is_found_by_its_meaning(punchlist):
    """With the embedder that comes along."""
    punchlist(
        "memory", "add", "Ada prefers to sit beside the aisle.", "--kind", "preference", "--user", "ada"
    )
    punchlist("memory", "add", "The parcels are collected at noon.", "--user", "ada")

    found = punchlist("memory", "search", "Where does she like her place in a train?", "--user", "ada")

    assert found.code == DONE and found.out.index("beside the aisle") < found.out.index("collected at noon")


def test_what_is_added_is_a_persons_word_with_all_that_was_said_of_it(hers):
    preference, said, fact = kept()

    assert (preference.stance, preference.scope, preference.trust) == (
        "explicit",
        Scope(user="ada"),
        "trusted",
    )
    assert (said.speaker, said.happened) == ("Ada", datetime(2026, 5, 3, tzinfo=UTC))
    assert (fact.kind, fact.scope, fact.provenance.by) == ("fact", Scope(), "person")


def test_words_that_were_read_somewhere_are_not_trusted(hers):
    ended = hers("memory", "add", "Shipping is free.", "--origin", "https://shop.example", "--json")

    assert ended.json()["record"]["trust"] == "untrusted"
    assert "(untrusted)" in hers("memory", "search", "shipping").out
    assert "Shipping" not in hers("memory", "search", "shipping", "--trusted").out


def test_a_text_comes_from_stdin_too(hers, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Two lines\nof minutes.\n"))

    assert hers("memory", "add", "-", "--json").json()["record"]["text"] == "Two lines\nof minutes."


def test_the_same_words_again_are_one_record(hers):
    again = hers("memory", "add", AISLE.upper(), "--kind", "preference", "--user", "ada")

    assert "said 2 times now" in again.out and len(kept()) == 3


def test_a_search_sees_what_is_shared_and_says_that_there_is_more(hers):
    ended = hers("memory", "search", "aisle seat or second class")

    assert "second class" in ended.out and AISLE not in ended.out
    assert "2 more are somebody's" in ended.out and "--across all" in ended.out
    assert AISLE in hers("memory", "search", "aisle seat", "--across", "all").out


def test_nothing_found_says_where_there_is_something(hers):
    other = hers("memory", "search", "seat", "--tenant", "acme")
    unlike = hers("memory", "search", "zebra", "--user", "ada", "--min-score", "0.9")

    assert "Elsewhere in this memory: 3 records" in other.out
    assert "Of 3 records in sight of user ada none answers that. A lower --min-score" in unlike.out
    assert hers("memory", "search", "zebra", "--tenant", "acme", "--json").json()["found"] == []


def test_an_explanation_has_every_part_of_a_score_and_what_was_looked_at(hers):
    out = hers("memory", "explain", "aisle seat", "--user", "ada").out
    best = hers("memory", "explain", "aisle seat", "--user", "ada", "--json").json()["found"][0]

    assert sum(best["parts"].values()) == pytest.approx(best["score"])
    assert all(f"{name} " in out for name, value in best["parts"].items() if value >= 0.001)
    assert "exact, 3 records in sight" in out and "fake" in out and f"strength {best['strength']:.2f}" in out


def test_a_correction_holds_from_now_on_and_the_past_can_be_asked_for(hers):
    first = kept()[0]

    ended = hers("memory", "supersede", first.id[-6:], WINDOW)

    then = hers("memory", "list", "--user", "ada", "--kind", "preference", "--at", first.learned.isoformat())
    assert ended.code == DONE
    assert WINDOW in (now := hers("memory", "list", "--user", "ada").out) and AISLE not in now
    assert AISLE in then.out and WINDOW not in then.out
    both = hers("memory", "list", "--user", "ada", "--closed").out
    assert AISLE in both and "(corrected" in both


def test_history_tells_the_whole_line_of_a_record(hers):
    first = kept()[0]
    hers("memory", "supersede", first.id, WINDOW)

    out = hers("memory", "history", first.id).out
    told = hers("memory", "history", first.id, "--json").json()["history"]

    assert out.index(AISLE) < out.index("superseded by") < out.rindex(WINDOW)
    assert [each["record"]["text"] for each in told] == [AISLE, WINDOW]


def test_history_calls_nothing_superseded_by_what_was_taken_back(hers):
    first = kept()[0]
    hers("memory", "supersede", first.id, WINDOW)
    hers("memory", "retract", kept()[-1].id, "--reason", "she does not")
    hers("memory", "restore", first.id)

    out = hers("memory", "history", first.id).out

    assert out.index(AISLE) < out.index(WINDOW) and "superseded by" not in out


def test_a_record_shows_its_proofs_sources_and_what_came_of_it(hers):
    with Memory.open(FOLDER, embedder=FakeEmbedder()) as memory:
        proven = memory.remember_sync(record("The kiln is hot on Mondays."), confirm())
        week = Provenance(by="job", sources=(proven.id,))
        memory.remember_sync(Record(kind="summary", text="A week at the kiln.", provenance=week))

    shown = hers("memory", "show", proven.id).out
    summary = hers("memory", "show", kept()[-1].id).out

    assert "attempt 2 passed cart" in shown and "A week at the kiln." in shown
    assert "The kiln is hot on Mondays." in summary and "by a job" in summary


def test_what_a_check_proved_is_not_rewritten_by_hand(hers):
    with Memory.open(FOLDER, embedder=FakeEmbedder()) as memory:
        lesson = memory.remember_sync(record("Set it again in the cart.", kind="reflection"), confirm())

    ended = hers("memory", "supersede", lesson.id, "Do not.")

    assert ended.code == USAGE and "punchlist memory retract" in ended.err
    assert hers("memory", "retract", lesson.id, "--reason", "the shop was mended").code == DONE
    assert kept()[-1].reason == "the shop was mended"
    assert hers("memory", "restore", lesson.id).code == DONE and kept()[-1].closed is None


def test_tidying_derives_what_repeated_choices_show_and_can_be_undone(hers):
    for day in ("2026-05-01", "2026-05-02", "2026-05-03"):
        choice = (
            "chose meal: fish (from fish | soup | stew | eggs | none)",
            "--kind",
            "episode",
            "--happened",
            day,
        )
        hers("memory", "add", *choice, "--user", "ada")

    first, again = hers("memory", "tidy"), hers("memory", "tidy")
    derived = kept()[-1]
    undone = hers("memory", "tidy", "--undo", derived.id[-6:])

    assert "prefers fish for meal" in first.out and "seen in 3" in first.out
    assert "Nothing new" in again.out and len(derived.provenance.sources) == 3
    assert "1 record changed" in undone.out and kept()[-1].closed is not None
    assert not hers("memory", "tidy", "--json").json()["changed"]
    assert "nothing to undo" in hers("memory", "tidy", "--undo", "preferences").out


def test_forgetting_who_has_nothing_here_says_so(hers):
    for act in ("forget", "erase"):
        ended = hers("memory", act, "--user", "adda", "--yes")

        assert ended.code == DONE and "There was nothing of that here." in ended.out

    assert len(kept()) == 3


def test_rebuilding_without_the_server_says_that_nothing_was_deleted(hers):
    ended = hers("memory", "rebuild", "--index", "http://127.0.0.1:1")

    assert ended.code != DONE and "were deleted" not in ended.err and "cannot be used" in ended.err


def test_what_the_options_offer_is_what_memory_knows():
    assert set(memory_parser.KINDS) == set(get_args(Kind))
    assert memory_parser.LEVELS == OWNERS and tuple(JOBS) == memory_parser.JOBS


def test_ids_are_as_short_as_they_can_be_and_never_guessed():
    ids = Ids(["m1a000000", "m1b000000", "m2c111111"])

    assert [ids.short(name) for name in ("m1a000000", "m2c111111")] == ["a000000", "c111111"]
    assert (ids.whole("m2"), ids.whole("111"), ids.whole("m1a000000")) == (
        "m2c111111",
        "m2c111111",
        "m1a000000",
    )
    for part, says in (("m1", "means 2 records"), ("zz", "No record 'zz'"), ("", "No record ''")):
        with pytest.raises(ValueError, match=says):
            ids.whole(part)


def test_an_export_is_taken_in_elsewhere_with_nothing_lost(hers):
    told = hers("memory", "export", "all.jsonl")
    part = hers("memory", "export", "ada.jsonl", "--user", "ada", "--json").json()

    taken = hers("memory", "import", "all.jsonl", "--memory", "elsewhere")

    assert "Wrote 3 records" in told.out and part["records"] == 2
    assert "Took in 3 new records; 3 are here now" in taken.out
    with Memory.open("elsewhere", embedder=FakeEmbedder()) as memory:
        assert memory.records_sync() == kept()
    assert hers("memory", "export", "all.jsonl").code == USAGE


def test_forgetting_shows_what_would_go_and_asks(hers, monkeypatch):
    person(monkeypatch, "no")
    ended = hers("memory", "forget", "--user", "ada")

    assert "This deletes 1 preference, 1 episode for good" in ended.out and AISLE in ended.out
    assert "Nothing was deleted" in ended.out and len(kept()) == 3

    person(monkeypatch, "yes")
    assert "Deleted 2 records" in hers("memory", "forget", "--user", "ada").out
    assert [each.kind for each in kept()] == ["fact"]


def test_ctrl_c_at_the_question_deletes_nothing(hers, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    person(monkeypatch, "")
    monkeypatch.setattr("builtins.input", interrupted)

    assert hers("memory", "erase", "--user", "ada").code == INTERRUPTED
    assert len(kept()) == 3


def test_ctrl_c_while_all_is_embedded_anew_changes_nothing(hers):
    """On a real process, which waits for an embedder's server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1#silent"
        command = [sys.executable, "-m", "punchlist.agents.cli", "memory", "reembed", "--embedder", url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        asked, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        asked.close()

    assert (process.returncode, out) == (INTERRUPTED, "") and err.endswith("Interrupted.\n")
    assert len(kept()) == 3 and "embedder     fake" in hers("memory", "doctor").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "an ID, or whose"),
        (["--key", "x"], "--shared"),
        (["--tenant", "acme"], "--shared"),
        (["--user", "ada"], "say --yes"),
        (["--user", "ada", "--json"], "say --yes"),
        (["nowhere", "--yes"], "No record 'nowhere'"),
    ],
    ids=str,
)
def test_deletion_is_never_a_guess(hers, arguments, says):
    for command in ("forget", "erase"):
        ended = hers("memory", command, *arguments)

        assert ended.code == USAGE and says in ended.err
    assert len(kept()) == 3


def test_an_erasure_comes_with_its_proof(hers, tmp_path):
    ended = hers("memory", "erase", "--user", "ada", "--yes")

    files = [path for path in (tmp_path / FOLDER).rglob("*") if path.is_file()]
    assert ended.code == DONE and "Deleted 2 records" in ended.out and "nothing is left" in ended.out
    assert not any(b"aisle" in path.read_bytes() for path in files)
    told = hers("memory", "erase", "--shared", "--yes", "--json").json()
    assert told["proven"] and told["records"] == 1 and told["files"] >= 2 and told["bytes"] > 0


def test_bytes_that_are_left_are_named_and_the_exit_code_says_so(hers, tmp_path):
    (tmp_path / FOLDER / "copy").write_bytes((tmp_path / FOLDER / "memory.sqlite3").read_bytes())

    ended = hers("memory", "erase", "--user", "ada", "--yes")

    assert ended.code == UNVERIFIED
    assert "NOT all is gone" in ended.out and "its text of" in ended.out and "copy" in ended.out


def test_another_embedder_is_refused_until_all_is_embedded_anew(hers):
    refused = hers("memory", "search", "seat", "--user", "ada", "--embedder", "other")
    done = hers("memory", "reembed", "--embedder", "other")

    assert refused.code == USAGE and "punchlist memory reembed --embedder NAME" in refused.err
    assert "Embedded 3 records with other" in done.out
    assert AISLE in hers("memory", "search", "aisle seat", "--user", "ada").out
    assert "--embedder NAME" in hers("memory", "reembed").err


def test_a_server_that_is_not_there_is_told_with_what_to_do(hers):
    ended = hers("memory", "search", "seat", "--user", "ada", "--index", "http://127.0.0.1:1")

    assert ended.code == USAGE and "--index exact" in ended.err
    assert AISLE in hers("memory", "search", "aisle seat", "--user", "ada", "--index", "exact").out
    ill = hers("memory", "doctor", "--index", "http://127.0.0.1:1")
    assert ill.code == ILL and "http://127.0.0.1:1" in ill.out and "does not answer" in ill.out


def test_an_index_is_written_anew_by_hand(hers, tmp_path):
    assert "index of 3 records" in hers("memory", "rebuild", "--index", "chroma").out

    assert list((tmp_path / FOLDER / "index").rglob("chroma.sqlite3"))
    assert "chroma (index/)" in hers("memory", "explain", "seat", "--user", "ada", "--index", "chroma").out


@pytest.mark.parametrize("command", [each for each in every_command() if each not in ("add", "import")])
def test_a_folder_without_memory_is_told_and_not_made(punchlist, tmp_path, command):
    more = {
        "search": ["q"], "explain": ["q"], "show": ["1"], "history": ["1"], "restore": ["1"], "forget": ["1"],
        "erase": ["1"], "supersede": ["1", "t"], "retract": ["1", "--reason", "r"], "export": ["f"],
        "reembed": ["--embedder", "minilm"],
    }  # fmt: skip

    ended = punchlist("memory", command, *more.get(command, []))

    assert ended.code == USAGE and "holds no memory" in ended.err and "memory add" in ended.err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", " "], "blank"),
        (["add", "x" * 100_001], "at most 100000 characters"),
        (["add", "a\0b"], "NUL"),
        (["add", "half \ud83d of it"], "UTF-8"),
        (["add", "text", "--user", "n" * 501], "user: "),
        (["add", "The password is password=Tr0ub4dor&3"], "secret"),
        (["search", " "], "empty"),
        (["list", "--index", "nonsense"], "nonsense"),
        (["import", "nowhere.jsonl"], "no file"),
        (["show", "zz"], "No record 'zz'"),
        (["retract", "zz", "--reason", " "], "--reason is empty"),
        (["retract", "zz", "--reason", "r" * 501], "at most 500 characters"),
        (["retract", "zz", "--reason", "half \ud83d"], "--reason: half a character"),
    ],
    ids=lambda value: (
        " ".join(value)[:30].encode("ascii", "replace").decode() if isinstance(value, list) else ""
    ),
)
def test_what_cannot_be_is_refused_with_a_sentence(hers, arguments, says):
    ended = hers("memory", *arguments)

    assert ended.code == USAGE and ended.err.startswith("punchlist: ") and says in ended.err
    assert len(kept()) == 3


@pytest.mark.parametrize(
    "arguments", [["--happened", "yesterday"], ["--importance", "2"], ["--kind", "skill"]]
)
def test_an_option_that_cannot_be_is_refused(punchlist, arguments):
    with pytest.raises(SystemExit) as ended:
        punchlist("memory", "add", "text", *arguments)

    assert ended.value.code == USAGE


def test_a_file_that_is_no_export_is_refused_whole(hers, tmp_path):
    hers("memory", "export", "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    (tmp_path / "text.jsonl").write_text("a text\n")

    for name, says in (("cut.jsonl", "it has 2 of 3 records"), ("text.jsonl", "line 1")):
        ended = hers("memory", "import", name, "--memory", "elsewhere")
        assert ended.code == USAGE and says in ended.err
    assert not (tmp_path / "elsewhere").exists()


def test_words_cannot_act_on_the_terminal_and_any_script_is_shown(hers):
    hers("memory", "add", "red \x1b[31m and \u202eturned [bold]x[/bold]", "--user", "eve")
    hers("memory", "add", "مرحبا 日本語 🙂", "--user", "eve")

    out = (
        hers("memory", "list", "--user", "eve").out + hers("memory", "search", "日本語", "--user", "eve").out
    )

    assert "\x1b" not in out and "\u202e" not in out and "[bold]x[/bold]" in out
    assert "مرحبا 日本語 🙂" in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(hers, tmp_path):
    (tmp_path / FOLDER).chmod(0o500)
    try:
        assert "cannot be used" in hers("memory", "add", "A thing.").err
    finally:
        (tmp_path / FOLDER).chmod(0o700)


def test_a_narrow_terminal_gets_narrow_rows(hers, monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    hers("memory", "add", "x" * 200, "--user", "a-user-with-a-very-long-name", "--agent", "shop")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())

    for arguments in (("list",), ("search", "aisle", "--across", "all"), ("show", kept()[0].id)):
        hers("memory", *arguments)

    rows = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert len(rows) > 10 and max(map(len, rows)) <= 60


def test_json_is_one_object_also_for_an_error(hers):
    for arguments in (("list",), ("doctor",), ("search", "seat"), ("show", kept()[0].id)):
        assert isinstance(hers("memory", *arguments, "--json").json(), dict)
    error = hers("memory", "show", "zz", "--json")
    assert json.loads(error.out)["outcome"] == "error" and error.code == USAGE
