"""What rows say: a message made text once is the text that it is made of each time, without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from punchlist.protocols.journal import Journal, redactor
from punchlist.protocols.journal_bodies import Bodies
from punchlist.protocols.journal_chain import encode
from punchlist.protocols.messages import Answer, Envelope


def said(value: object = "open sesame") -> Envelope:
    body = Answer(value=value)  # pyright: ignore[reportArgumentType]
    return Envelope(
        id="a.1", run="run", task="task", attempt=1, sender="m", recipient="w", sent_at=1.5, body=body
    )


@pytest.mark.parametrize("secrets", [{}, {"password": "sesame"}])
def test_a_message_within_a_body_is_written_as_its_json_is(secrets: dict[str, str]) -> None:
    envelope = said()
    bodies, slow = Bodies(redactor(secrets)), Bodies(redactor(secrets))

    written = [bodies.text(envelope), bodies.text({"worker": "w", "event": envelope}), bodies.text(envelope)]

    plain = envelope.model_dump(mode="json")
    assert written == [slow.text(plain), slow.text({"worker": "w", "event": plain}), slow.text(plain)]
    assert ("sesame" in written[1]) is not bool(secrets)


def test_what_is_no_json_is_refused_also_within_a_message() -> None:
    with pytest.raises(ValueError):
        Bodies().text({"event": said(float("nan"))})


def test_rows_that_follow_from_one_are_written_with_it_or_not_at_all(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        first = journal.append(
            "event", {"event": said()}, run="run", task="t", then=[("envelope", said(), 2)]
        )
        with pytest.raises(ValueError):
            journal.append("event", 1, run="run", then=[("envelope", said(float("nan")), 1)])
        journal.set_status("run", "confirmed")

        rows = list(journal.rows("run"))
        (found,) = journal.verify("run")

    assert [(row.seq, row.kind, row.task, row.attempt) for row in rows[:2]] == [
        (first, "event", "t", 0), (first + 1, "envelope", "t", 2),
    ]  # fmt: skip
    assert json.dumps(rows[1].body) == json.dumps(said().model_dump(mode="json"))
    assert found.intact and found.sealed and found.rows == 3


def test_a_run_finds_its_rows_and_calls_among_those_of_many_runs(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        for number in range(3):
            run = f"run{number}"
            journal.begin(run, "goal")
            assert list(journal.rows(run)) == []
            journal.append("note", number, run=run)
            for task in "ab":
                journal.intent(f"{run}/{task}/1/1", "look", {}, "pure", run=run, task=task)
            journal.outcome(f"{run}/a/1/1", "seen")
        fast = [[row.seq for row in journal.rows(f"run{number}")] for number in range(3)]
        calls = [call.key for call in journal.calls("run1", "a")]
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        slow = [[row.seq for row in journal.rows(f"run{number}")] for number in range(3)]
        open_ones = [call.key for call in journal.unsettled("run1")]

    assert fast == slow and [len(each) for each in fast] == [4, 4, 4]
    assert calls == ["run1/a/1/1"] and open_ones == ["run1/b/1/1"]


VALUES: list[JsonValue] = [
    {}, [], {"b": [1, -2.5, True, None, "t\u00e4\ud800\n"], "a": {"1": [[], {}]}}, [1e300, 0.1, 10**30], "x",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_json_is_written_as_the_library_writes_it(value: JsonValue) -> None:
    assert encode(value) == json.dumps(value, separators=(",", ":"))


def test_what_the_library_refuses_to_write_is_refused_and_leaves_no_trace() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    fine = [{"a": 1}]

    for wrong, error in (
        (circle, ValueError),
        ([float("inf")], ValueError),
        ({"a": [fine, object()]}, TypeError),
    ):
        with pytest.raises(error):
            encode(wrong)  # pyright: ignore[reportArgumentType]

    assert encode(fine) == '[{"a":1}]'  # pyright: ignore[reportArgumentType]
