"""Messages are closed, frozen records; their ids are unique, sortable and the same when sent again."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError

from punchlist.protocols.enclosing import enclose
from punchlist.protocols.errors import MessageVersionError
from punchlist.protocols.messages import (
    KINDS,
    Anomaly,
    Confirm,
    Envelope,
    Evidence,
    Finding,
    Message,
    Progress,
    Redo,
    Report,
    Verdict,
    artifact_hash,
    canonical_json,
    message_id,
    new_id,
    quote_occurs,
    read_envelope,
)


def envelope(**changes: object) -> Envelope:
    fields: dict[str, object] = {
        "id": "i", "run": "r", "task": "t", "attempt": 1, "sender": "w", "recipient": "m", "sent_at": 1.5,
        "body": {"kind": "progress", "note": "half"},
    }  # fmt: skip
    return Envelope.model_validate({**fields, **changes})


def test_ids_are_unique_and_sort_in_the_order_of_minting_over_all_threads() -> None:
    minted: list[list[str]] = [[] for _ in range(4)]

    def mint(into: list[str]) -> None:
        into.extend(new_id() for _ in range(2000))

    threads = [threading.Thread(target=mint, args=(into,)) for into in minted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert len({item for into in minted for item in into}) == 8000
    assert all(into == sorted(into) for into in minted)


def test_ids_of_a_task_sort_in_the_order_of_its_course() -> None:
    course = ["assign", "accept", "progress", "ask", "answer", "report", "verify", "verdict", "confirm"]
    ids = [message_id("t", 1, attempt, kind) for attempt in (1, 2, 10) for kind in course]

    assert ids == sorted(ids)
    assert message_id("t", 1, 1, "verify", 2) != message_id("t", 1, 1, "verify", 1)


def test_an_envelope_survives_the_way_through_json() -> None:
    sent = envelope(
        body=Report(result={"n": [1, "é", None]}, evidence=(Evidence(id="e", tool="t", data=2.5),))
    )

    assert read_envelope(sent.model_dump_json()) == sent


@pytest.mark.parametrize("body", [{"kind": "gossip"}, {"kind": "progress", "note": "x", "mood": "good"}, {}])
def test_unknown_kinds_and_fields_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        envelope(body=body)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        setattr(envelope().body, "note", "done")  # noqa: B010 - a type checker refuses the plain form


@pytest.mark.parametrize("part", ["plan", "context", "feedback"])
def test_a_redo_with_an_empty_part_cannot_be_made(part: str) -> None:
    parts = {"plan": ("look again",), "context": "the cart", "feedback": "wrong colour"}
    Redo.model_validate(parts)

    for empty in ((), "", " \n"):
        with pytest.raises(ValidationError):
            Redo.model_validate({**parts, part: empty})


def test_a_confirm_with_an_undisposed_anomaly_is_not_a_legal_message() -> None:
    odd = Anomaly.of("£0.00", "nothing is free")
    fields = {"spec_hash": "s", "artifact_hash": "a", "verdict": Verdict(anomalies=(odd,)), "attempt": 1}

    with pytest.raises(ValidationError, match="undisposed"):
        Confirm.model_validate({**fields, "generation": 1})
    Confirm.model_validate({**fields, "generation": 1, "waived": (odd.id,)})


def test_another_version_is_refused_and_a_newer_minor_one_is_never_half_read() -> None:
    text = envelope().model_dump_json()

    assert read_envelope(text.replace('"version":"1.2"', '"version":"1.7"')).version == "1.7"
    with pytest.raises(MessageVersionError, match="same punchlist version"):
        read_envelope(text.replace('"version":"1.2"', '"version":"2.0"'))
    with pytest.raises(MessageVersionError):
        read_envelope(text.replace('"version":"1.2"', '"version":"1.7","mood":"good"'))
    with pytest.raises(ValidationError):
        read_envelope("[1]")


@pytest.mark.parametrize("quote", ["£4.50", "two\nlines", "colour", "12", '"n": 12'])
def test_quotes_are_found_wherever_they_stand_in_the_artifact(quote: str) -> None:
    result: JsonValue = {"price": "was £4.50 today", "note": "two\nlines", "colour": "red", "n": 12}

    assert quote_occurs(quote, result)
    assert quote_occurs(quote, None, (Evidence(id="e", tool="page", data=result),))
    assert not quote_occurs(quote, {"other": "text"})


def test_the_artifact_hash_depends_on_content_and_not_on_order_of_fields() -> None:
    proof = (Evidence(id="e", tool="t"),)

    assert artifact_hash({"a": 1, "b": 2}, proof) == artifact_hash({"b": 2, "a": 1}, proof)
    assert artifact_hash({"a": 1}, proof) != artifact_hash({"a": 1}, ())
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("inf"))


def test_confidence_stays_between_nothing_and_certainty() -> None:
    with pytest.raises(ValidationError):
        Finding(criterion="a", outcome="pass", confidence=1.1)


def test_every_kind_is_a_member_of_the_union() -> None:
    schema = TypeAdapter(Message).json_schema()

    assert set(schema["discriminator"]["mapping"]) == set(KINDS)
    assert Progress(note="x").kind in KINDS


FIELDS: dict[str, Any] = {
    "id": "t.1", "run": "r", "task": "t", "attempt": 1, "generation": 2, "sender": "w", "recipient": "m",
    "sent_at": 1.5, "in_reply_to": "t.0", "trace": "00-ab-cd-01",
}  # fmt: skip


def test_an_envelope_around_a_message_at_hand_is_the_one_that_the_constructor_makes() -> None:
    body = Report(result={"n": [1, 2]}, evidence=(Evidence(id="e", tool="count"),))

    quick, slow = enclose(body, **FIELDS), Envelope(body=body, **FIELDS)

    assert quick == slow and repr(quick) == repr(slow)
    assert quick.model_dump_json() == slow.model_dump_json()
    assert quick.model_fields_set == slow.model_fields_set
    assert quick.model_copy(update={"trace": ""}) == slow.model_copy(update={"trace": ""})
    assert pickle.loads(pickle.dumps(quick)) == slow
    with pytest.raises(ValidationError, match="frozen"):
        quick.run = "another"


@pytest.mark.parametrize(
    "wrong",
    [{"run": ""}, {"task": " \n"}, {"id": ""}, {"sender": "\ud800"}, {"recipient": None}, {"attempt": 0},
     {"generation": 0}, {"attempt": True}, {"attempt": 1.0}, {"sent_at": 3}, {"sent_at": "soon"},
     {"task": "t\u00e4sk"}, {"body": {"kind": "progress", "note": "half"}}, {"body": None}, {"body": 7}],
)  # fmt: skip
def test_what_is_not_plainly_right_about_an_envelope_the_constructor_decides(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"body": Progress(note="half"), **FIELDS, **wrong}

    assert _made(enclose, given) == _made(Envelope, given)


def _made(make: Callable[..., Envelope], given: dict[str, Any]) -> str:
    try:
        return make(**given).model_dump_json()
    except ValidationError as error:
        return str(error)
