"""Decides what may enter memory: only what a confirmed task proves.

Covers: no confirm, a confirm whose verdict does not pass, a confirm of another attempt. Does not cover:
whether the record's words follow from the task. That is for who writes them, and why `trust` exists.
"""

from __future__ import annotations

from ..protocols.messages import Confirm
from .errors import UnprovenMemory
from .records import Record


def require_proof(record: Record, proof: object) -> Confirm:
    """The proof, if it proves the record.

    It is looked at again here although only a passing verdict can mint a confirm: memory outlives the
    run, and what enters it wrongly comes back in every later one.

    Raises:
        UnprovenMemory: It is no confirm; an anomaly is open, no check passed, or one failed; or the
            record is from a later attempt than the confirmed one.
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
    if record.provenance.attempt > proof.attempt:
        raise UnprovenMemory(
            record.id,
            f"it is from attempt {record.provenance.attempt}, the confirm is of attempt {proof.attempt}",
        )
    return proof
