"""A journal behaves the same in a file and in a database, whoever has its run."""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.evals.kill_classes import process
from punchlist.agents.evals.kill_classes_target import World
from punchlist.agents.evals.kill_plan import Kill
from punchlist.protocols.errors import IntentExists, IntentMissing, JournalError, JournalMissing
from punchlist.protocols.journal import Journal, redactor
from punchlist.protocols.journal_errors import JournalUnavailable, LeaseLost, RunTaken
from punchlist.tools import Executor, preset, tool

Place = Callable[[], str]

WRITER = """
import sys
from punchlist.protocols.journal import Journal
from punchlist.protocols.postgres import PostgresStore
journal = Journal(PostgresStore.open(sys.argv[1], lease=float(sys.argv[2])), None)
for line in sys.stdin:
    try:
        print(journal.append("event", {"by": sys.argv[3]}, run="run"), flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""

RACER = """
import sys
from punchlist.protocols.journal import Journal
from punchlist.protocols.errors import JournalError
journal = Journal.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    journal.begin("run", "goal")
    for number in range(100):
        journal.append("event", {"by": sys.argv[2], "n": number}, run="run", task="t")
    print("wrote", flush=True)
    sys.stdin.readline()
except JournalError as error:
    print(type(error).__name__, flush=True)
"""


class Writer:
    """A process at a journal, told by lines what to do."""

    def __init__(self, source: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", source, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ, PYTHONUNBUFFERED="1"),
        )

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        assert ready, "the process said nothing"
        return self.process.stdout.readline().decode().strip()

    def ask(self) -> str:
        self.tell()
        return self.hear()


@contextmanager
def writers(*made: Writer) -> Generator[None]:
    try:
        yield
    finally:
        for writer in made:
            writer.process.send_signal(signal.SIGCONT)
            writer.process.kill()
            writer.process.communicate()


def bodies(url: str, run: str = "run") -> list[Any]:
    with Journal.open(url, readonly=True) as journal:
        assert all(found.intact for found in journal.verify())
        return [row.body for row in journal.rows(run)]


# --- the same in both -----------------------------------------------------------------------------


def test_rows_calls_and_runs_come_back_after_a_restart(place: Place) -> None:
    where = place()
    with Journal.open(where) as journal:
        journal.begin("run", "goal", {"seed": 7})
        journal.begin("run", "another goal")
        for number in range(600):
            journal.append("event", number, run="run", task=("", "t")[number % 2], attempt=1, key="k")
        journal.append("event", {"lone": "\ud83d"}, run="other")
        journal.intent("run/t/1/1", "pay", {"sum": 3.5}, "unsafe", run="run", task="t", attempt=1)

    with Journal.open(where) as journal:
        with pytest.raises(IntentExists):
            journal.intent("run/t/1/1", "pay", {}, "unsafe", run="run")
        (unsettled,) = journal.unsettled("run")
        journal.outcome("run/t/1/1", {"paid": True})
        with pytest.raises(IntentMissing):
            journal.outcome("run/t/1/1", {"paid": False})
        settled = journal.settled("run/t/1/1")
        journal.set_status("run", "confirmed")
        (info,) = journal.runs()
        found = {task: [row.body for row in journal.rows("run", task=task)][:300] for task in ("", "t")}
        verified = journal.verify()

        assert next(journal.rows("other")).body == {"lone": "\ud83d"}
    assert found[""] == list(range(0, 600, 2)) and found["t"] == list(range(1, 600, 2))
    assert (unsettled.args, settled and settled.result) == ({"sum": 3.5}, {"paid": True})
    assert (info.goal, info.settings, info.status) == ("goal", {"seed": 7}, "confirmed")
    assert [(each.run, each.intact, each.sealed) for each in verified] == [
        ("run", True, True), ("other", True, False)
    ]  # fmt: skip


def test_a_group_is_whole_or_not_there_and_pruning_keeps_the_chain(place: Place) -> None:
    where = place()
    with Journal.open(where, redact=redactor({"password": "hunter2"})) as journal:
        with pytest.raises(ZeroDivisionError), journal.together("run"):
            journal.append("event", "lost", run="run")
            _ = 1 / 0
        with journal.together("run"):
            journal.append("view", "the page says hunter2", run="run")
            journal.append("event", 2, run="run")
        before = bodies(where)
        assert journal.prune("run", ("view",)) == 1
        assert journal.prune("run", ("view",), before=1.0) == 0
        with pytest.raises(ValueError, match="not JSON compliant"):
            journal.append("event", float("inf"), run="run")

    assert before == ["the page says {{password}}", 2]
    assert bodies(where) == [{"pruned": True}, 2]


def test_a_reader_changes_nothing_and_what_is_missing_is_not_made_by_looking(place: Place) -> None:
    where = place()
    with pytest.raises(JournalMissing):
        Journal.open(where, readonly=True)
    with pytest.raises(JournalMissing):
        Journal.open(where, create=False)
    with Journal.open(where) as journal:
        journal.append("event", 1, run="run")
        with Journal.open(where, readonly=True) as reader:
            with pytest.raises(JournalError, match="READONLY"):
                reader.append("event", 2, run="run")
            with pytest.raises(JournalError, match="READONLY"):
                reader.hold("run")

        assert bodies(where) == [1]


def test_the_door_to_tools_lets_a_writer_through(place: Place) -> None:
    with Journal.open(place()) as journal:
        first, second = journal.hold("run"), journal.hold("run")

    assert first == second


# --- a database and its writers -------------------------------------------------------------------


def test_of_two_processes_that_race_for_a_run_one_writes_and_the_other_is_told(postgres: Any) -> None:
    for _ in range(2):
        url = postgres.url()
        racers = [Writer(RACER, url, name) for name in "ab"]
        with writers(*racers):
            assert [racer.hear() for racer in racers] == ["ready", "ready"]
            for racer in racers:
                racer.tell()
            said = [racer.hear() for racer in racers]

        assert sorted(said) == ["RunTaken", "wrote"]
        winner = "ab"[said.index("wrote")]
        assert bodies(url) == [{"by": winner, "n": number} for number in range(100)]


@pytest.mark.parametrize("at", [25, 34])
def test_a_run_of_agents_in_a_database_goes_on_after_a_kill(postgres: Any, tmp_path: Path, at: int) -> None:
    url = postgres.url()
    assert process(tmp_path, Kill(at), url) is None
    with Journal.open(url) as journal:
        _until_free(journal)

    ended = process(tmp_path, None, url)

    assert ended is not None and ended.outcome == "confirmed"
    assert [World(tmp_path / "world.db").count(name) for name in ("pay", "ship", "mail")] == [1, 1, 1]
    with Journal.open(url, readonly=True) as journal:
        assert all(found.intact and found.sealed for found in journal.verify())


def test_several_processes_write_several_runs_of_one_database(postgres: Any) -> None:
    url = postgres.url()
    with Journal.open(url) as one, Journal.open(url) as two:
        for number in range(20):
            one.append("event", number, run="a")
            two.append("event", number, run="b")
        with pytest.raises(RunTaken, match=str(os.getpid())):
            two.append("event", 0, run="a")

    assert bodies(url, "a") == bodies(url, "b") == list(range(20))


def test_the_run_of_a_killed_process_is_free_at_once(postgres: Any) -> None:
    url = postgres.url()
    writer = Writer(WRITER, url, 600, "killed")
    with writers(writer):
        assert writer.ask() == "1"
        with Journal.open(url) as journal, pytest.raises(RunTaken):
            journal.append("event", 0, run="run")
        writer.process.kill()
        writer.process.wait()

        with Journal.open(url) as journal:
            _until_free(journal)
            journal.append("event", {"by": "next"}, run="run")

    assert bodies(url) == [{"by": "killed"}, {"by": "next"}]


def _until_free(journal: Journal) -> None:
    """The server needs a moment to see that a process is gone."""
    until = time.monotonic() + 5
    while True:
        try:
            journal.hold("run")
            return
        except RunTaken:
            assert time.monotonic() < until


def test_a_process_that_hung_writes_nothing_after_its_run_was_taken_over(postgres: Any) -> None:
    url = postgres.url()
    hung = Writer(WRITER, url, 0.3, "hung")
    with writers(hung):
        assert hung.ask() == "1"
        hung.process.send_signal(signal.SIGSTOP)
        with Journal.open(url) as journal:
            _until_free(journal)
            journal.append("event", {"by": "next"}, run="run")
            hung.process.send_signal(signal.SIGCONT)

            assert [hung.ask(), hung.ask()] == ["LeaseLost", "LeaseLost"]
            journal.append("event", {"by": "next"}, run="run")

    assert bodies(url) == [{"by": "hung"}, {"by": "next"}, {"by": "next"}]


def test_a_process_that_hung_in_a_write_is_cut_off_and_told_to_resume(postgres: Any) -> None:
    from punchlist.protocols.postgres import PostgresStore

    url = postgres.url()
    with Journal(PostgresStore.open(url, lease=0.2), None) as hung, Journal.open(url) as other:
        hung.append("event", 1, run="run")

        with pytest.raises(JournalUnavailable, match="resume"), hung._store.together("run"):  # pyright: ignore
            _until_free(other)
            hung.append("event", 2, run="run")
        other.append("event", 3, run="run")

    assert bodies(url) == [1, 3]


async def test_a_tool_is_not_called_by_a_process_that_lost_its_run(postgres: Any) -> None:
    from punchlist.protocols.postgres import PostgresStore

    url = postgres.url()
    paid: list[str] = []
    with Journal(PostgresStore.open(url, lease=0.2), None) as first, Journal.open(url) as second:

        @tool
        def pay(who: str) -> str:
            """Pay."""
            paid.append(who)
            return "paid"

        executor = Executor(preset("unattended"), first, [pay])
        await executor.call("pay", {"who": "Ada"}, key="run/t/1/1")
        _hang(first)
        _until_free(second)

        for key in ("run/t/1/1", "run/t/1/2", "run/t/1/3"):
            if key == "run/t/1/1":
                assert (await executor.call("pay", {"who": "Ada"}, key=key)).replayed
                continue
            with pytest.raises(LeaseLost, match="another process"):
                await executor.call("pay", {"who": "Eve"}, key=key)

    assert paid == ["Ada"]


def _hang(journal: Journal) -> None:
    """Stop renewing, as a process does that hangs."""
    journal._store._closed.set()  # pyright: ignore


def test_a_live_process_keeps_its_run_however_long_it_thinks(postgres: Any) -> None:
    from punchlist.protocols.postgres import PostgresStore

    url = postgres.url()
    with Journal(PostgresStore.open(url, lease=0.3), None) as thinking, Journal.open(url) as other:
        epoch = thinking.hold("run")
        until = time.monotonic() + 1
        while time.monotonic() < until:
            with pytest.raises(RunTaken):
                other.hold("run")

        assert thinking.hold("run") == epoch


def test_a_server_that_goes_down_is_a_typed_error_and_loses_nothing(postgres: Any) -> None:
    url = postgres.url()
    with Journal.open(url) as journal:
        journal.append("event", 1, run="run")
        postgres.stop()
        try:
            with pytest.raises(JournalUnavailable):
                journal.append("event", 2, run="run")
            with pytest.raises(JournalUnavailable, match="resume"):
                Journal.open(url)
        finally:
            postgres.start()

    with Journal.open(url) as journal:
        journal.append("event", 3, run="run")
    assert bodies(url) == [1, 3]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("postgresql://ada:hunter2@/nosuch?host={folder}", "nosuch"),
        ("postgresql://ada:hunter2@127.0.0.1:1/x?connect_timeout=2", "127.0.0.1"),
        ("postgresql://ada:hunter2@[/x", "looks like postgresql://"),
        ("postgresql://ada:hunter2@/x?colour=red", "looks like postgresql://"),
    ],
)
def test_a_wrong_address_is_said_without_its_password(postgres: Any, wrong: str, told: str) -> None:
    with pytest.raises(JournalError) as caught:
        Journal.open(wrong.format(folder=postgres.folder))

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize("more", ["", "&port=5432&application_name=a%20b&connect_timeout=9&sslmode=prefer"])
def test_the_address_that_is_shown_leads_to_the_same_journal_and_needs_no_password(
    postgres: Any, more: str
) -> None:
    with Journal.open(postgres.url() + more) as journal:
        journal.append("event", 1, run="run")
        named = journal.named

        with pytest.raises(IntentMissing, match=re.escape(named)):
            journal.outcome("run/t/1/1", None)

    assert bodies(named) == [1] and "sesame" not in named
    with Journal.open(named, readonly=True) as journal:
        assert journal.named == named
    if not more:
        assert shlex.quote(named) == named


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://ada:x@[::1]:5433/db", "postgresql://ada@[::1]:5433/db"),
        ("postgresql://a:x@h1:1,h2:2/db?sslpassword=x&options=-c%20a%3Db",
         "postgresql://a@h1:1,h2:2/db?options=-c%20a%3Db"),
        ("postgres://h1,h2:7/db?password=x", "postgresql://h1,h2:7/db"),
        ("postgresql://a%40b:x@/d%2Fb?host=/var/run/pg", "postgresql://a%40b@%2Fvar%2Frun%2Fpg/d%2Fb"),
        ("postgresql:///db?host=%40hidden&port=7", "postgresql://%40hidden:7/db"),
        ("postgresql://[fe80::1%25eth0]:7/db", "postgresql://[fe80::1%25eth0]:7/db"),
        ("postgresql:///?service=mine", "postgresql:///?service=mine"),
    ],
)  # fmt: skip
def test_an_address_is_shown_as_it_is_without_what_is_secret(given: str, shown: str) -> None:
    postgres = pytest.importorskip("punchlist.protocols.postgres")

    named, settings = postgres._address(given)
    again, the_same = postgres._address(named)

    secrets = {"password": "x", "sslpassword": "x"}
    assert (named, again) == (shown, shown)
    assert the_same == {name: value for name, value in settings.items() if name not in secrets}


def test_tables_of_an_earlier_build_get_the_index_that_they_lack(postgres: Any) -> None:
    import psycopg

    url = postgres.url()
    has = "SELECT count(*) FROM pg_indexes WHERE indexname = 'calls_of_task'"
    found: list[int] = []
    with psycopg.connect(url, autocommit=True) as database:

        def look() -> None:
            row = database.execute(has).fetchone()
            assert row is not None
            found.append(row[0])

        with Journal.open(url) as journal:
            journal.intent("run/t/1/1", "pay", {}, "keyed", run="run", task="t")
        look()
        database.execute("DROP INDEX punchlist.calls_of_task")
        with Journal.open(url, readonly=True) as journal:
            assert [call.key for call in journal.calls("run", "t")] == ["run/t/1/1"]
        look()
        Journal.open(url).close()
        look()

    assert found == [1, 0, 1]


def test_who_may_write_the_tables_and_make_nothing_does_without_the_index(postgres: Any) -> None:
    import psycopg

    url = postgres.url()
    Journal.open(url).close()
    clerk = f"clerk_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as database:
        for statement in (
            "DROP INDEX punchlist.calls_of_task",
            f"CREATE ROLE {clerk} LOGIN",
            f"GRANT USAGE ON SCHEMA punchlist TO {clerk}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA punchlist TO {clerk}",
        ):
            database.execute(statement.encode())

    with Journal.open(url.replace("postgres:sesame@", f"{clerk}@")) as journal:
        journal.append("event", 1, run="run")

    assert bodies(url) == [1]
