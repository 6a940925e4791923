"""What a manager, a worker, a verifier and a person say to each other.

Every message is a frozen record with a literal `kind`, refuses unknown fields and is a
member of the closed union `Message`. It travels in an `Envelope`, whose id is the same
each time the same message is sent again, so a duplicate delivery can be recognised.

What this does not cover: when a message is legal (see `states.py`), and whether what it
says is true (that is what verification is for).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
    model_validator,
)

from .errors import MessageVersionError

VERSION = "1.2"

Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""A string with at least one character that is not white space."""


class Frozen(BaseModel):
    """A record that cannot be changed and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(Frozen):
    """What a tool returned, by the id under which it is recorded.

    Attributes:
        id: Id of the recorded tool result; unique within the report.
        tool: Name of the tool.
        summary: One line for a reader.
        data: The value, or the part of it that matters.
    """

    id: Text
    tool: str
    summary: str = ""
    data: JsonValue = None


class Finding(Frozen):
    """What the verifier found about one criterion.

    Attributes:
        criterion: Name of the criterion in the spec.
        outcome: `cannot_check` is neither a pass nor a reason to redo.
        evidence: Ids of the evidence it rests on, or short quotes of it.
        confidence: In [0, 1]; 1 for programmatic checks.
        why: One sentence; becomes the feedback of a redo when the outcome is `fail`.
        by: The person whose finding it is; "" for the verifier's.
    """

    criterion: Text
    outcome: Literal["pass", "fail", "cannot_check"]
    evidence: tuple[str, ...] = ()
    confidence: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    why: str = ""
    by: str = ""


class Anomaly(Frozen):
    """Something in the artifact that looks wrong, with the exact words that show it.

    Attributes:
        id: Names the anomaly in `resolve` and `waive`; see `Anomaly.of`.
        quote: Must occur verbatim in the artifact (`quote_occurs`).
        why: What looks wrong about it.
    """

    id: Text
    quote: Text
    why: str = ""

    @classmethod
    def of(cls, quote: str, why: str = "") -> Self:
        """Make an anomaly whose id follows from its quote, so that the same one is recognised again."""
        digest = hashlib.sha256(quote.encode("utf-8", "surrogatepass")).hexdigest()
        return cls(id=digest[:12], quote=quote, why=why)


class CriterionText(Frozen):
    """A criterion of a spec as another process can read it."""

    name: Text
    type: Literal["schema", "check", "tool_check", "judge"]
    text: str
    required: bool = True


class SpecText(Frozen):
    """A spec as it travels: what is asked, without the functions that check it.

    Attributes:
        criteria: At least one; names are unique; at least one is required.
        hash: Of the spec it describes (`Spec.hash`).
    """

    criteria: tuple[CriterionText, ...]
    hash: Text

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [criterion.name for criterion in self.criteria]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a spec needs criteria with unique names, got {names!r}")
        if True not in [criterion.required for criterion in self.criteria]:
            raise ValueError(f"a spec needs a required criterion, got none among {names!r}")
        return self


class Assign(Frozen):
    """Manager → worker: do this. The worker may assume that nobody else works on this attempt."""

    kind: Literal["assign"] = "assign"
    task: Text
    spec: SpecText
    plan: tuple[Text, ...] = ()
    context: str = ""


class Accept(Frozen):
    """Worker → manager: the order arrived and work begins."""

    kind: Literal["accept"] = "accept"


class Decline(Frozen):
    """Worker → manager: this worker will not do it. Nothing was done."""

    kind: Literal["decline"] = "decline"
    reason: Text


class Progress(Frozen):
    """Worker → manager: still at it. May be lost without harm.

    Attributes:
        fraction: In [0, 1], or None where unknown.
    """

    kind: Literal["progress"] = "progress"
    note: str
    fraction: Annotated[float, Field(ge=0.0, le=1.0)] | None = None


class Ask(Frozen):
    """Any → any: a question that blocks the asker.

    Attributes:
        answer_schema: JSON schema of the answer that is wanted; None takes any text.
    """

    kind: Literal["ask"] = "ask"
    question: Text
    answer_schema: dict[str, JsonValue] | None = None


class Answer(Frozen):
    """The reply to an `ask` (its envelope id is in `in_reply_to`)."""

    kind: Literal["answer"] = "answer"
    value: JsonValue


class Report(Frozen):
    """Worker → manager: the worker's *claim* that it is done. One per attempt; the first counts."""

    kind: Literal["report"] = "report"
    result: JsonValue
    evidence: tuple[Evidence, ...] = ()


class Verify(Frozen):
    """Manager → verifier: check this. Never carries the worker's reasoning."""

    kind: Literal["verify"] = "verify"
    spec: SpecText
    result: JsonValue
    evidence: tuple[Evidence, ...] = ()


class Verdict(Frozen):
    """Verifier → manager: anomalies first, then findings. Whether it passes is computed (`spec.passes`)."""

    kind: Literal["verdict"] = "verdict"
    anomalies: tuple[Anomaly, ...] = ()
    findings: tuple[Finding, ...] = ()


class Resolve(Frozen):
    """Manager → verifier: new evidence against one anomaly. The artifact is verified again."""

    kind: Literal["resolve"] = "resolve"
    anomaly: Text
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    note: str = ""


class Waive(Frozen):
    """Person → verifier: this anomaly is let through, for this reason. Only a person may say it."""

    kind: Literal["waive"] = "waive"
    anomaly: Text
    reason: Text


class Redo(Frozen):
    """Manager → worker: do it again. Three parts, none empty. Voids every earlier pass of the task."""

    kind: Literal["redo"] = "redo"
    plan: Annotated[tuple[Text, ...], Field(min_length=1)]
    context: Text
    feedback: Text


class Confirm(Frozen):
    """Runtime → all: done. Minted only by the manager's reducer, out of a passing verdict.

    A confirm with a required finding that is not a pass cannot be minted, and one whose
    verdict has an anomaly that nobody waived is not a legal message.

    Attributes:
        spec_hash: `Spec.hash` of what was asked.
        artifact_hash: `artifact_hash` of what was delivered.
        verdict: The findings of this attempt, and the anomalies that a person waived.
        waived: Ids of those anomalies.
        run, task: As in the envelope that carries it, which it outlives as a proof; "" before version 1.2.
    """

    kind: Literal["confirm"] = "confirm"
    spec_hash: Text
    artifact_hash: Text
    verdict: Verdict
    waived: tuple[str, ...] = ()
    attempt: Annotated[int, Field(ge=1)]
    generation: Annotated[int, Field(ge=1)]
    run: str = ""
    task: str = ""

    @model_validator(mode="after")
    def _anomalies_are_disposed_of(self) -> Self:
        still_open = [anomaly.id for anomaly in self.verdict.anomalies if anomaly.id not in self.waived]
        if still_open:
            raise ValueError(f"a confirm with undisposed anomalies is not a legal message: {still_open!r}")
        return self


class Cancel(Frozen):
    """Stop working on this. Nothing more is expected."""

    kind: Literal["cancel"] = "cancel"
    reason: Text


class Failed(Frozen):
    """Worker → manager, or a child's manager → its parent: it cannot be done, with a typed error.

    Attributes:
        error: Name of the error's type, e.g. "WorkerLost".
        message: What happened and what to do.
        retry: Whether another attempt may help.
    """

    kind: Literal["failed"] = "failed"
    error: Text
    message: str
    retry: bool = True


class TakeOver(Frozen):
    """Person → manager: I do this myself. Recorded as theirs."""

    kind: Literal["take_over"] = "take_over"
    reason: str = ""


class HandBack(Frozen):
    """Person → manager: what I did. A result is verified like a worker's; without one the task is redone.

    Attributes:
        result: None where the person did only a part of it.
        note: What was done; becomes context of the next order.
    """

    kind: Literal["hand_back"] = "hand_back"
    result: JsonValue = None
    evidence: tuple[Evidence, ...] = ()
    note: str = ""


Message = Annotated[
    Assign | Accept | Decline | Progress | Ask | Answer | Report | Verify | Verdict | Resolve | Waive
    | Redo | Confirm | Cancel | Failed | TakeOver | HandBack,
    Field(discriminator="kind"),
]  # fmt: skip
"""The closed union of everything that can be said, told apart by `kind`."""

_RANK = {
    "assign": 0, "redo": 0, "accept": 1, "decline": 1, "progress": 2, "ask": 3, "answer": 4, "take_over": 4,
    "report": 5, "hand_back": 5, "verify": 6, "resolve": 6, "verdict": 7, "waive": 8,
    "confirm": 9, "failed": 9, "cancel": 9,
}  # fmt: skip

KINDS: tuple[str, ...] = tuple(_RANK)
"""Every kind of message."""


class Envelope(Frozen):
    """A message on its way.

    Attributes:
        id: The same whenever the same message is sent again (`message_id`); sorts by time.
        run: Run id.
        task: Task id.
        attempt: From 1. A report of another attempt than the manager's current one is late.
        generation: From 1; grows when a confirmed task is re-opened.
        sender: Name of the party.
        recipient: Name of the party.
        sent_at: Seconds since 1970, by the clock of whoever caused the message.
        in_reply_to: Id of the envelope that this one answers, or "".
        deadline: Seconds since 1970 after which an answer is of no use, or None.
        trace: W3C trace context of the run, or "".
        version: "major.minor" of this protocol.
        body: The message.
    """

    id: Text
    run: Text
    task: Text
    attempt: Annotated[int, Field(ge=1)]
    generation: Annotated[int, Field(ge=1)] = 1
    sender: Text
    recipient: Text
    sent_at: float
    in_reply_to: str = ""
    deadline: float | None = None
    trace: str = ""
    version: str = VERSION
    body: Message

    @property
    def kind(self) -> str:
        """Kind of the message inside."""
        return self.body.kind

    @field_validator("version")
    @classmethod
    def _version_is_readable(cls, version: str) -> str:
        if version.partition(".")[0] != VERSION.partition(".")[0]:
            raise ValueError(f"protocol version {version!r} is not readable by {VERSION!r}")
        return version


def read_envelope(text: str | bytes) -> Envelope:
    """Parse an envelope from JSON.

    Raises:
        MessageVersionError: It has another major version, or a newer minor one with fields
            that this build does not know (they are never skipped).
        pydantic.ValidationError: It is not an envelope.
    """
    try:
        return Envelope.model_validate_json(text)
    except ValueError as error:
        found = _version_of(text)
        if found and found != VERSION:
            raise MessageVersionError(found, VERSION) from error
        raise


class _Versioned(BaseModel):
    version: str = ""


def _version_of(text: str | bytes) -> str:
    try:
        return _Versioned.model_validate_json(text).version
    except ValueError:
        return ""


def message_id(task: str, generation: int, attempt: int, kind: str, number: int = 0) -> str:
    """Name a message by its place in its task, so that sending it again gives the same id.

    Ids of one task sort in the order of a normal course; `number` tells several of one
    kind within an attempt apart (questions, verifications, notes of progress).
    """
    return task + _place(generation, attempt, kind, number)


@lru_cache(maxsize=1024)
def _place(generation: int, attempt: int, kind: str, number: int) -> str:
    return f".{generation:03d}.{attempt:03d}.{_RANK[kind]}{number:04d}.{kind}"


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, ASCII. Accepts models and JSON values.

    Raises:
        ValueError: A number is NaN or infinite.
        TypeError: Something in it is not JSON.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump()
    return _CANONICAL.encode(value)


def artifact_hash(result: JsonValue, evidence: tuple[Evidence, ...]) -> str:
    """Identify what is verified: sha256 (hex) of the result and its evidence."""
    content = canonical_json({"result": result, "evidence": [item.model_dump() for item in evidence]})
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def quote_occurs(quote: str, result: JsonValue, evidence: tuple[Evidence, ...] = ()) -> bool:
    """Whether the words of an anomaly stand verbatim in the artifact.

    Looked for in every text of result and evidence (also names of fields), in every number
    as JSON writes it, and in the JSON of the whole.
    """
    artifact: JsonValue = [result, [item.model_dump() for item in evidence]]
    if any(quote in leaf for leaf in _leaves(artifact)):
        return True
    return any(quote in json.dumps(part, ensure_ascii=False) for part in (result, artifact))


def _leaves(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


_id_lock = threading.Lock()
_last_id: tuple[int, int] = (0, 0)


def new_id() -> str:
    """Mint a unique id (28 hex digits) that sorts after every id minted before in this process.

    The first 12 digits are milliseconds since 1970, the next 4 a counter, the rest random.
    """
    global _last_id
    with _id_lock:
        moment, count = max((time.time_ns() // 1_000_000, 0), (_last_id[0], _last_id[1] + 1))
        if count > 0xFFFF:
            moment, count = moment + 1, 0
        _last_id = (moment, count)
    return f"{moment:012x}{count:04x}{os.urandom(6).hex()}"
