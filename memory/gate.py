"""Decides what may enter memory: what a confirmed task proves, what a person said, and what happened.

| kind | enters with |
|---|---|
| fact, preference | a Confirm, or `provenance.by="person"`; an `implicit` preference names its sources |
| reflection, skill | a Confirm; lessons and skills that a job derives name sources that were all confirmed |
| episode | nothing: what happened is kept as it was, and its `standing` says what became of the task |
| summary | the records that it sums up (`provenance.sources`) |

A job derives implicit preferences only: what somebody prefers explicitly they have said. Trust and scope of
what is derived are those of its sources; see `sources.py`.

Unconfirmed work so leaves no fact, lesson or skill. A text that holds a secret enters in no way.

Covers: no confirm, a confirm whose verdict does not pass, a confirm of another run or task where the record
says from which it is, a confirm of an earlier attempt, secrets of known forms. Does not cover: a record that
names no run or task, or a confirm of before version 1.2 of the protocol, which names none either (there any
confirm will do); a confirm that no manager minted; and whether the record's words follow from the task. That
is for who writes them, and why `trust` exists.
"""

from __future__ import annotations

from collections.abc import Callable

from ..protocols.messages import Confirm
from .errors import SecretRefused, UnprovenMemory
from .records import Record
from .secrecy import secret_in, secret_in_name

DERIVED = frozenset({"fact", "reflection", "skill"})
"""Kinds that a job may derive from confirmed records only."""


def admit(record: Record, proof: object) -> tuple[Record, tuple[str, ...]]:
    """A record as it may enter, its `standing` set by its proof, and the proof as it is kept.

    Raises:
        UnprovenMemory: Its kind needs a proof and there is none, or the proof does not prove it.
        SecretRefused: Its text, speaker, session, scope, provenance or reason holds a secret.
    """
    _refuse(record.id, secret_in, record.text, record.speaker, record.reason)
    scope, way = record.scope, record.provenance
    owners = (scope.tenant, scope.user, scope.agent, scope.run, scope.key)
    _refuse(record.id, secret_in_name, record.session, *owners)
    _refuse(record.id, secret_in_name, way.origin, way.run, way.task, way.check, way.confirm, way.job)
    if record.provenance.by == "job" and record.stance == "explicit":
        raise UnprovenMemory(record.id, "a job cannot know what somebody prefers explicitly")
    if proof is not None:
        proven = require_proof(record, proof)
        return record.model_copy(update={"standing": "confirmed"}), (proven.model_dump_json(),)
    if record.standing == "confirmed":
        raise UnprovenMemory(record.id, "it calls itself confirmed and comes without a proof")
    if not needs_no_proof(record):
        why = f"a {record.kind} by a {record.provenance.by} needs a proof, and it has none"
        raise UnprovenMemory(record.id, why)
    return record, ()


def refuse_secret(holder: str, words: str, record: str = "") -> None:
    """Refuse a name, or a reason for `record`, that holds a secret. Raises SecretRefused: `holder` has it."""
    _refuse(record, secret_in_name, words, holder=holder)


def _refuse(record: str, find: Callable[[str], str | None], *parts: str, holder: str = "") -> None:
    for words in parts:
        if words and (found := find(words)) is not None:
            raise SecretRefused(record, found, holder)


def needs_no_proof(record: Record) -> bool:
    """Whether a record of its kind and writer may enter without one."""
    by, kind = record.provenance.by, record.kind
    if kind in ("episode", "summary"):
        return True
    if by == "job":
        return True  # what it was derived from is looked at where it is written: see `sources.py`
    return by == "person" and kind in ("fact", "preference") and record.stance != "implicit"


def require_proof(record: Record, proof: object) -> Confirm:
    """The proof, if it proves the record.

    It is looked at again here although only a passing verdict can mint a confirm: memory outlives the
    run, and what enters it wrongly comes back in every later one. Of which run and task it is counts where
    the record names them and the confirm does; what was learned in a subtask takes the subtask's confirm.

    Raises:
        UnprovenMemory: It is no confirm; an anomaly is open, no check passed, or one failed; or the
            record is of another run or task, or from a later attempt than the confirmed one.
    """
    if not isinstance(proof, Confirm):
        raise UnprovenMemory(record.id, f"its proof is {type(proof).__name__}, not a Confirm")
    outcomes = [finding.outcome for finding in proof.verdict.findings]
    failed = [finding.criterion for finding in proof.verdict.findings if finding.outcome == "fail"]
    still_open = [anomaly.id for anomaly in proof.verdict.anomalies if anomaly.id not in proof.waived]
    if failed:
        raise UnprovenMemory(record.id, f"the verdict failed {failed!r}")
    if "pass" not in outcomes:
        raise UnprovenMemory(record.id, "the verdict has no check that passed")
    if still_open:
        raise UnprovenMemory(record.id, f"the verdict has open anomalies {still_open!r}")
    way = record.provenance
    for level, mine, its in (("run", way.run, proof.run), ("task", way.task, proof.task)):
        if mine and its and mine != its:
            raise UnprovenMemory(record.id, f"it is from {level} {mine!r}, the confirm is of {level} {its!r}")
    if way.attempt > proof.attempt:
        why = f"it is from attempt {way.attempt}, the confirm is of attempt {proof.attempt}"
        raise UnprovenMemory(record.id, why)
    return proof
