"""Each wrong input ends with one sentence that says what to do, never with a traceback."""

import json
import resource
import signal
import socket
import sqlite3
import sys
import threading
from contextlib import contextmanager

import pytest

from punchlist.agents.cli.edge import USAGE
from punchlist.core_model.model import EMBEDDED
from punchlist.protocols.journal import Journal

GOAL = "Order 2 green mugs for Ada Lovelace, express, deliver on 3 May."


def sentence(ended):
    """The one line on stderr that begins with the program's name."""
    lines = [line for line in (ended.err + ended.out).splitlines() if line.startswith("punchlist: ")]
    assert "Traceback" not in ended.err
    assert len(lines) == 1, ended
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "--demo"),
        (["run", "--demo", GOAL], "leave out --demo"),
        (["run", GOAL], "--site URL"),
        (["run", "  ", "--site", "http://127.0.0.1:1"], "goal is empty"),
        (["run", GOAL, "--site", "not a site"], "http://127.0.0.1:8000"),
        (["run", GOAL, "--site", "http://127.0.0.1:1"], "Connection refused. Start the site"),
        (["site", "--folder", "/dev/null/x", "--port", "0"], "'/dev/null/x' cannot be written"),
        (["run", GOAL, "--user", "ada", "--memory", "none"], "they are in a memory"),
        (["resume"], "journal list"),
        (["resume", "nowhere.db"], "no journal"),
        (["journal", "show", "nowhere.db"], "no journal"),
        (["train", "embedded", "--out", "new", "--resume"], "Leave out --resume"),
        (["eval", "dance"], "There are: shop"),
        (["bench", "demo", "--limit", "3"], "refuses --limit"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_settings_that_cannot_be_are_refused(punchlist, arguments, says):
    ended = punchlist(*arguments)

    assert ended.code == USAGE
    assert says in sentence(ended)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere", "no such folder"),
        ("empty", "config.json"),
        ("corrupt", "sha256"),
        ("weightless", "Only safetensors are read"),
        ("URL", "OpenAI-compatible"),
        ("http://127.0.0.1:1/v1", "All connection attempts failed. Start the server"),
        ("http://127.0.0.1:99999/v1", "port 99999"),
        ("http:/foo", "no http address"),
        ("~nope-nobody/x", "no such user"),
    ],
)
def test_a_model_that_cannot_be_opened_is_refused(punchlist, shop, tmp_path, model, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "corrupt").mkdir()
    (tmp_path / "corrupt" / "config.json").write_text("{}")
    listed = {"config.json": {"bytes": 2, "sha256": "0" * 64}}
    (tmp_path / "corrupt" / "manifest.json").write_text(json.dumps({"version": 1, "files": listed}))
    (tmp_path / "weightless").mkdir()
    (tmp_path / "weightless" / "config.json").write_text((EMBEDDED / "config.json").read_text())
    given = model in ("nowhere", "empty", "corrupt", "weightless")
    source = str(tmp_path / model) if given else shop.url if model == "URL" else model

    ended = punchlist("run", GOAL, "--site", shop.url, "--memory", "none", "--model", source, model=None)

    assert ended.code == USAGE
    assert says in sentence(ended)
    assert ".." not in sentence(ended).replace("Loading the model ...", "")
    assert list(tmp_path.glob(".punchlist/*")) == []


def test_a_browser_that_is_not_there_is_missed_before_the_run(punchlist, shop, monkeypatch):
    monkeypatch.setenv("PUNCHLIST_BROWSER", "/nowhere/chromium")

    ended = punchlist("run", GOAL, "--site", shop.url)

    assert ended.code == USAGE
    assert "playwright install" in sentence(ended)


def test_a_site_that_drops_connections_is_told_from_one_that_is_down(punchlist):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()

        ended = punchlist("run", GOAL, "--site", f"http://127.0.0.1:{server.getsockname()[1]}")

    assert ended.code == USAGE
    assert "dropped the connection" in sentence(ended)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("kind", "says"),
    [("version", "has format 9.0"), ("other", "not a readable journal"), ("locked", "is being written")],
)
def test_a_journal_that_cannot_be_written_is_refused(punchlist, shop, tmp_path, kind, says):
    path = tmp_path / "run.db"
    held = Journal.open(path)
    if kind != "locked":
        held.close()
    if kind == "version":
        sqlite3.connect(path).execute("PRAGMA user_version = 9000").connection.close()
    elif kind == "other":
        path.write_bytes(b"a text that is long enough to be no journal")
        path.with_name("run.db.lock").unlink()
        path.chmod(0o644)

    ended = punchlist("run", GOAL, "--site", shop.url, "--memory", "none", "--journal", str(path))
    held.close()

    assert ended.code == USAGE
    assert says in sentence(ended)
    if kind == "other":
        assert path.stat().st_mode & 0o777 == 0o644
        assert not path.with_name("run.db.lock").exists()


@pytest.mark.browser
def test_a_picture_that_cannot_be_written_is_refused_before_the_run(punchlist, shop, tmp_path):
    ended = punchlist("run", GOAL, "--site", shop.url, "--picture", "/dev/null/run.svg")

    assert ended.code == USAGE
    assert "Name another with --picture" in sentence(ended)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def files_end_at(size):
    """No file of this process may grow beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    caching, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a cut one would break later imports
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        sys.dont_write_bytecode = caching
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.browser
def test_a_full_disk_stops_the_run_and_no_way_is_named_that_leads_nowhere(punchlist, shop, tmp_path):
    """The limit leaves room for an empty journal, but not for a run with a goal of this length."""
    path = tmp_path / "run.db"
    arguments = ["--site", shop.url, "--memory", "none", "--journal", str(path)]

    with files_end_at(100_000):
        ended = punchlist("run", GOAL + " Hurry." * 20_000, *arguments)

    assert ended.code == USAGE
    assert "No space left" in ended.out
    assert f"punchlist resume {path}" not in ended.out
    assert "Traceback" not in ended.err


def test_a_demo_whose_shop_finds_the_disk_full_says_so_and_leaves_nothing(punchlist, tmp_path):
    with files_end_at(1_000):
        ended = punchlist("run", "--demo", "--memory", "none")

    assert ended.code == USAGE
    assert "Make room on its disk" in sentence(ended)
    assert list((tmp_path / ".punchlist" / "demo").iterdir()) == []


@pytest.mark.parametrize("form", ["--json", "--events"])
def test_for_a_program_the_last_line_is_an_object_whatever_went_wrong(punchlist, form):
    ended = punchlist("run", GOAL, "--site", "http://127.0.0.1:1", form)

    assert ended.json()["outcome"] == "error"


def test_with_json_the_error_is_an_object_too(punchlist):
    ended = punchlist("run", GOAL, "--json")

    assert ended.json()["error"]["type"] == "SettingsError"
    assert "--site URL" in ended.json()["error"]["message"]


def test_a_fault_of_ours_is_said_to_be_one(punchlist, monkeypatch):
    def broken(_):
        raise KeyError("planted")

    monkeypatch.setattr("punchlist.agents.cli.tasks.tasks", broken)

    ended = punchlist("tasks")

    assert ended.code == 4
    assert "fault of punchlist" in sentence(ended)
