"""Another process reaches a run that goes on: it answers, acts and edits through letters."""

import asyncio
import fcntl
import json

import pytest

from punchlist.agents import Manager, Plan, letters
from punchlist.agents.cli import main
from punchlist.agents.letters import LetterUnread, box_of, letter_to, send
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal

from .doubles import FINE, worker


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(letters, "LOOKING", 0.01)
    return tmp_path / "run.db"


@pytest.fixture
async def running(path):
    """A run that waits for the answer to a question, with a task behind it."""

    async def asks(brief):
        return await brief.ask("Which colour?") if brief.goal == "paint" else brief.goal

    plan = Plan()
    paint = plan.task("paint", "paint", spec=[FINE])
    plan.task("dry", "dry", after=[paint], spec=[FINE])
    running = Manager(None, [worker("worker", asks)], journal=path, patient=True).start(plan)
    async with asyncio.timeout(5):
        while not running.requests:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)
    yield running
    await running.stop()


async def command(*words):
    """Exit code of a command of the program, from a thread: the run's loop goes on meanwhile."""
    return await asyncio.to_thread(main, list(map(str, words)))


async def test_a_question_is_answered_from_another_process(running, path, capsys):
    request = running.requests[0].id

    code = await command("answer", path, request, "green", "--person", "ada")

    outcome = await asyncio.wait_for(running.outcome(), 5)
    assert (code, outcome.result) == (0, {"paint": "green", "dry": "dry"})
    assert capsys.readouterr().out == 'Recorded as ada\'s: "green". The run goes on.\n'


async def test_the_plan_is_edited_from_another_process_and_it_is_on_record(running, path, capsys):
    done = await command("plan", path, "change", "dry", "--text", "air it", "--person", "ada")
    refused = await command("plan", path, "drop", "paint")
    await command("plan", path, "--json")
    await command("answer", path, running.requests[0].id, "green")

    outcome = await asyncio.wait_for(running.outcome(), 5)
    said = capsys.readouterr()
    assert (done, refused, outcome.result["dry"]) == (0, 2, "air it")
    assert "Task 'paint' has begun. Cancel it" in said.err
    assert json.loads(said.out.splitlines()[1])["parts"]["dry"]["text"] == "air it"
    with Journal.open(path, readonly=True) as journal:
        rows = [(row.body["act"], row.body["person"], row.body["refused"] != "") for row in
                journal.rows(running.id, kinds=("letter",))]  # fmt: skip
    assert rows[0] == ("edit", "ada", False) and rows[1][2] and rows[2][0] == "reply"


async def test_a_run_is_cancelled_from_another_process(running, path, capsys):
    without = await command("act", path, "cancel")
    unknown = await command("act", path, "pause", "wrap")
    done = await command("act", path, "cancel", "--reason", "late")

    outcome = await asyncio.wait_for(running.outcome(), 5)
    said = capsys.readouterr().err
    assert (without, unknown, done) == (2, 2, 0) and isinstance(outcome, Unverified)
    assert "cancel wants a reason" in said and "No task 'wrap' has begun" in said


async def test_what_stands_still_is_edited_in_its_journal_and_takes_no_acts(running, path, capsys):
    await running.stop()

    added = await command("plan", path, "add", "wrap", "--text", "wrap", "--like", "dry")
    refused = await command("plan", path, "add", "wax", "--text", "wax")
    acted = await command("act", path, "pause")

    assert (added, refused, acted) == (0, 2, 2)
    said = capsys.readouterr().err
    assert "no model that judges" in said and "No process is at run" in said


async def test_a_letter_that_nobody_reads_is_taken_back(path, monkeypatch):
    monkeypatch.setattr(letters, "PATIENCE", 0.05)
    with Journal.open(path) as journal:
        journal.begin("r", "goal")
        letter = letter_to("r", "ada", "pause")

        with pytest.raises(LetterUnread, match="nothing was done"):
            await asyncio.to_thread(send, path, letter)

    assert box_of(path).read_bytes() == b"" and box_of(path).stat().st_mode & 0o777 == 0o600
    assert send(path, letter) is None  # that process has ended


JUNK = [b"\x00\xff garbage\n", b"no end of line", b'{"id": 1}\n', b"[" * 100_000 + b"\n", b'{"value": NaN}\n']


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
async def test_what_somebody_else_left_in_the_box_keeps_no_letter_from_being_read(running, path, junk):
    with box_of(path).open("ab") as box:
        box.write(junk)

    assert await asyncio.to_thread(send, path, letter_to(running.id, "ada", "pause", task="paint")) == ""


async def test_whoever_writes_to_another_run_of_the_file_hears_so(running, path):
    said = await asyncio.to_thread(send, path, letter_to("another", "ada", "pause"))

    assert said is not None and f"at run {running.id!r}, not at 'another'" in said


async def test_what_nobody_waits_for_any_more_is_not_done(running, path):
    old = letter_to(running.id, "ada", "cancel", reason="late").model_copy(update={"until": 1.0})
    box_of(path).write_text(old.model_dump_json() + "\n")

    assert await asyncio.to_thread(send, path, letter_to(running.id, "ada", "pause", task="paint")) == ""
    with Journal.open(path, readonly=True) as journal:
        refused = [row.body["refused"] for row in journal.rows(running.id, kinds=("letter",))]
    assert "does not wait any more" in refused[0] and running.tasks == {"paint": "paused"}


def test_who_is_interrupted_takes_the_letter_back(path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with Journal.open(path) as journal:
        journal.begin("r", "goal")
        monkeypatch.setattr(letters.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            send(path, letter_to("r", "ada", "pause"))

    assert b"pause" not in box_of(path).read_bytes()


async def test_who_holds_the_box_does_not_hold_up_the_run(running, path, caplog):
    """A run that waited for the lock would never come to its next look."""
    with box_of(path).open("ab") as box:
        fcntl.flock(box, fcntl.LOCK_EX)
        box.write(b"held\n")
        box.flush()
        looked = asyncio.Event()
        asyncio.get_running_loop().call_later(5 * letters.LOOKING, looked.set)
        await looked.wait()
        running.reply(running.requests[0].id, "blue")

        outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and not caplog.records


async def test_a_letter_that_is_no_text_is_refused(running, path, capsys):
    code = await command("act", path, "cancel", "--reason", "half \udcff")

    assert code == 2 and "no text" in capsys.readouterr().err


async def test_a_confirmed_run_has_no_letters_left(running, path):
    running.reply(running.requests[0].id, "blue")

    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and not box_of(path).exists()


async def test_an_act_on_a_run_that_is_over_says_so(running, path, capsys):
    running.reply(running.requests[0].id, "blue")
    await asyncio.wait_for(running.outcome(), 5)

    code = await command("act", path, "pause")

    assert code == 2 and "this one has ended" in capsys.readouterr().err


async def test_edits_are_told_by_journal_show_and_the_report_and_a_second_answer_is_refused(
    running, path, capsys
):
    await command("plan", path, "change", "dry", "--text", "air <it>", "--person", "ada", "--reason", "damp")
    wrong = await command("answer", path, "nothing", "green")
    await running.stop()
    request = (await command("answer", path, running.requests[0].id, "green"), running.requests[0].id)[1]
    again = await command("answer", path, request, "blue")

    await command("journal", "show", path)
    await command("journal", "report", path, "--html", path.with_suffix(".html"))

    said = capsys.readouterr()
    assert (wrong, again) == (2, 2) and "Nothing was asked under 'nothing'" in said.err
    assert 'has answered it already, with "green"' in said.err
    assert "ada changed 'dry' in the plan: air <it> (damp)" in said.out
    html = path.with_suffix(".html").read_text()
    assert "ada changed &#x27;dry&#x27; in the plan: air &lt;it&gt; (damp)" in html
