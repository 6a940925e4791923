"""A recorded list of events, and the lines that it is printed as."""

import time

import pytest

from punchlist.agents.cli.board import Board
from punchlist.agents.cli.lines import JsonLines, PlainLines
from punchlist.agents.events import Acted, Asked, Ended, Event, Planned, Recalled, Said, Stood, Thought
from punchlist.protocols.messages import (
    Accept,
    Answer,
    Ask,
    Assign,
    Confirm,
    CriterionText,
    Envelope,
    Evidence,
    Finding,
    Redo,
    Report,
    SpecText,
    Verdict,
    Verify,
)
from punchlist.protocols.outcome import Confirmed

AT = 1_809_338_700.0
SPEC = SpecText(criteria=(CriterionText(name="2 x mugs", type="check", text=""),), hash="h")
WRONG = Verdict(findings=(Finding(criterion="2 x mugs", outcome="fail", why="the page shows 1"),))
RIGHT = Verdict(findings=(Finding(criterion="2 x mugs", outcome="pass"),))
PLAN = ("add 2 x mugs", "open cart")


def said(body, sender, recipient, attempt=1, after=0.0):
    envelope = Envelope(
        id=f"{body.kind}-{attempt}-{recipient}",
        run="r",
        task="r.1.cart",
        attempt=attempt,
        sender=sender,
        recipient=recipient,
        sent_at=AT + after,
        body=body,
    )
    return Said(envelope, "put 2 x mugs in the cart")


def confirm(recipient):
    body = Confirm(spec_hash="h", artifact_hash="a", verdict=RIGHT, attempt=2, generation=1)
    return said(body, "manager", recipient, 2, 9)


EVENTS: list[Event] = [
    Planned({"1.cart": "put 2 x mugs in the cart"}),
    Recalled("1.cart", "set each quantity again"),
    said(Assign(task="cart", spec=SPEC, plan=PLAN), "manager", "worker-1"),
    said(Accept(), "worker-1", "manager", after=1),
    Thought("act", "click add", 300, 5, 0.1, 0.97),
    Acted("worker-1", "1.cart", "add", "click Add", "ok"),
    Acted("worker-1", "1.cart", "add", "click Add", "covered: by a banner"),
    Acted("worker-1", "1.cart", "add", "done", "step done"),
    said(Report(result={}, evidence=(Evidence(id="e", tool="t"),)), "worker-1", "manager", after=2),
    said(Verify(spec=SPEC, result={}), "manager", "verifier", after=3),
    said(WRONG, "verifier", "manager", after=4),
    said(Redo(plan=("set 2 x mugs",), context="c", feedback="the page shows 1"), "manager", "worker-1", 2, 5),
    said(RIGHT, "verifier", "manager", 2, 8),
    Stood("1.cart", "put 2 x mugs in the cart", "confirmed", 2),
    confirm("worker-1"),
    confirm("verifier"),
    Ended(Confirmed({})),
]
GOLDEN = """\
plan     1 task: put 2 x mugs in the cart
recall   lesson from memory: set each quantity again
assign   worker-1: 2 steps: add 2 x mugs; open cart
accept   worker-1
act      worker-1: click Add -> ok
act      worker-1: click Add -> covered: by a banner
act      worker-1: done -> step done
report   worker-1: says it is done, with 1 piece of evidence
verify   1 check to make
verdict  0 of 1 check passed; '2 x mugs' fails: the page shows 1
redo     worker-1: the page shows 1; plan: set 2 x mugs
verdict  1 of 1 check passed
confirm  1 check passed
"""


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_lines_of_a_run(utc):
    board, lines = Board("goal"), list[str]()
    front = PlainLines(board, lines.append)

    for event in EVENTS:
        front.take(event)

    assert [line[21:] for line in lines] == GOLDEN.splitlines()
    assert lines[2].startswith("10:05:00  1.cart     assign")
    assert lines[-1].startswith("10:05:09  1.cart     confirm")


@pytest.mark.parametrize(
    ("body", "words"), [(Ask(question="Which?"), "worker-1: Which?"), (Answer(value={"n": 1}), '{"n": 1}')]
)
def test_a_question_and_its_answer_are_told_in_their_words(body, words):
    board = Board("goal")

    [moment] = board.take(said(body, "worker-1", "manager"))

    assert moment.text.endswith(words)


def test_who_is_asked_reads_what_and_what_to_type_until_the_task_goes_on():
    board = Board("goal", journal="my run.db")

    asked, how = board.take(Asked("1.ticket", "approve.r/1.ticket/1/4", "approve", "May it be sent?"))

    answer = "punchlist answer 'my run.db'"
    assert (asked.text, how.text) == ("May it be sent?", f"{answer} approve.r/1.ticket/1/4 REPLY")
    assert board.waiting == {"1.ticket": answer}
    board.take(Acted("worker-1", "1.cart", "add", "click", "ok"))
    assert board.waiting == {"1.ticket": answer}
    board.take(Acted("worker-1", "1.ticket", "send", "click", "ok"))
    assert not board.waiting


def test_the_board_counts_what_was_used_and_knows_how_the_tasks_stand():
    board = Board("goal")

    for event in EVENTS:
        board.take(event)

    [task] = board.tasks.values()
    assert (task.status, task.attempt, task.flaws) == ("confirmed", 2, ["the page shows 1"])
    assert (board.model_calls, board.steps, board.redos, board.prompt_tokens) == (1, 2, 1, 300)
    assert board.tokens_per_second == pytest.approx(50)
    assert board.outcome == "confirmed"


def test_half_a_character_of_a_page_breaks_no_line():
    lines: list[str] = []

    JsonLines(Board("goal"), lines.append).take(Acted("worker-1", "1.cart", "add", "click \ud83d", "ok"))

    assert lines[0].encode("utf-8")


def test_every_event_is_a_json_line_but_the_last():
    lines: list[str] = []
    front = JsonLines(Board("goal"), lines.append)

    for event in EVENTS:
        front.take(event)

    assert len(lines) == len(EVENTS) - 1
    assert '"event": "planned"' in lines[0]
