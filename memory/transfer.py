"""Carries records from one memory to another: a file of JSON lines that a person can read.

The first line tells format, embedder, dimension and how many records and checks follow; then a line for each
record, with its digest, its proofs, the records that it is near to and its vectors, and a line for each check
with its outcomes. Writing what was read gives the same bytes. The first format, without digests and checks,
is read too.

Covers: a file that was cut or damaged, words that were changed and kept their vectors, vectors of another
length or dimension, numbers that no file can hold. Does not cover: a forger, who can make digests and vectors
as we do.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..protocols.messages import Confirm
from .connected import State
from .embedder import Embedder, Vectors, embedded
from .errors import MemoryRefused, NotAnExport, UnprovenMemory
from .gate import admit, needs_no_proof, refuse_secret, require_proof
from .ledger import Trials
from .records import KEPT, LONGEST_NAME, MOST_OUTCOMES, Owner, Record, Scope, kept_name
from .rows import microseconds, unpacked
from .schema import NO_END
from .store import Draft, Store
from .words import stems

EXPORT_FORMAT = 2

UNEVEN = 1e-3
"""How far the length of a vector may be from 1, which float16 cannot hold exactly."""

MOST_DIMENSIONS = 100_000

Cosine = Annotated[float, Field(ge=-1.01, le=1.01, allow_inf_nan=False)]
"""Rounding leads beyond 1."""


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    punchlist_memory: int
    embedder: str
    dimension: int = Field(ge=0, le=MOST_DIMENSIONS)
    records: int
    checks: int = 0
    clock: int = Field(default=0, ge=0, lt=NO_END)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    record: Record
    digest: str | None = None
    proofs: tuple[Confirm, ...]
    near: tuple[tuple[str, Cosine], ...]
    vectors: str


class _Check(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Scope
    check: str
    outcomes: str = Field(pattern=rf"^[+-]{{1,{MOST_OUTCOMES}}}$")


@dataclass(frozen=True)
class Entry:
    """A record of an export.

    Attributes:
        proofs: As they are stored.
        near: Ids of the records that it was linked to when it was written, with their cosine.
        vectors: (pieces, dimension) float32.
    """

    record: Record
    proofs: tuple[str, ...]
    near: tuple[tuple[str, float], ...]
    vectors: Vectors


@dataclass(frozen=True)
class Entries:
    """What an export holds."""

    path: Path
    embedder: str
    dimension: int
    records: tuple[Entry, ...]
    trials: tuple[Trials, ...] = ()
    clock: int = 0

    def fitting(self, embedder: Embedder, stored: int) -> int:
        """The dimension of the vectors, if they are what the embedder makes.

        Args:
            stored: Of the vectors that the memory holds; 0: it holds none.

        Raises:
            NotAnExport: It is another one.
        """
        says: int | None = stored or getattr(embedder, "dimension", None)
        known = says or embedded(embedder, ["What is the dimension of your vectors?"])[0].shape[1]
        if known != self.dimension:
            why = f"its vectors have {self.dimension} dimensions, those of {embedder.name!r} here {known}"
            raise NotAnExport(self.path, 1, why)
        return known

    def drafts(self, vectors: Sequence[Vectors] | None, embedder: str) -> list[Draft]:
        """The records as they are written, with these vectors of `embedder` in place of their own, if any."""
        return [
            Draft(
                each.record,
                each.proofs,
                stems(each.record.text),
                each.vectors if vectors is None else vectors[at],
                embedder,
                each.near,
            )
            for at, each in enumerate(self.records)
        ]


def write_export(path: Path, store: Store, scope: Scope | None, across: frozenset[Owner]) -> int:
    """Write records and checks as lines, readable by the owner only: the whole file or none.

    Args:
        scope, across: Whose; None: everybody's.

    Returns:
        How many records there are.

    Raises:
        FileExistsError: There is such a file.
        OSError: It cannot be written.
    """
    with store.reading():
        state, owned, trials = store.state, store.owned(scope, across), store.trials(scope, across)
        near = [store.linked(record.id) for record, _, _ in owned]
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        _write(part, state, owned, near, trials)
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return len(owned)


def _write(
    path: Path,
    state: State,
    owned: Sequence[tuple[Record, list[str], bytes]],
    near: Sequence[list[tuple[str, float]]],
    trials: Sequence[Trials],
) -> None:
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        head = _Head(
            punchlist_memory=EXPORT_FORMAT,
            embedder=state.embedder,
            dimension=state.dimension,
            records=len(owned),
            checks=len(trials),
            clock=_latest([record for record, _, _ in owned], state.clock),
        )
        file.write(head.model_dump_json() + "\n")
        for (record, proofs, vectors), linked in zip(owned, near, strict=True):
            line: dict[str, Any] = {
                "record": record.model_dump(mode="json"),
                "digest": record.digest(),
                "proofs": [json.loads(proof) for proof in proofs],
                "near": linked,
                "vectors": base64.b64encode(vectors).decode(),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        for each in trials:
            told = _Check(scope=each.scope, check=each.check, outcomes=each.outcomes)
            file.write(json.dumps(told.model_dump(mode="json"), ensure_ascii=False) + "\n")


def _latest(records: Sequence[Record], clock: int) -> int:
    """The last moment, in microseconds since 1970, at which one of these was learned or closed.

    Closings that are only planned are left out. Where clocks differ, what was closed by the one is closed for
    the other, too.
    """
    moments = [moment for each in records for moment in (each.learned, each.closed) if moment is not None]
    return max((at for at in map(microseconds, moments) if at <= clock), default=0)


def read_export(path: Path) -> Entries:
    """Read an export and hold each record against the gate, its standing taken from its proofs alone.

    Raises:
        NotAnExport: It is not one, of a later format, or was changed or cut.
        UnprovenMemory, SecretRefused: A record, or the name of a check, would not be let in.
        OSError: It cannot be read.
    """
    at = 1
    try:
        with path.open(encoding="utf-8") as file:
            head = _Head.model_validate_json(file.readline())
            if not 1 <= head.punchlist_memory <= EXPORT_FORMAT:
                raise NotAnExport(path, 1, f"its format is {head.punchlist_memory}, not {EXPORT_FORMAT}")
            entries, trials = list[Entry](), list[Trials]()
            for at, line in enumerate(file, 2):
                if at - 2 < head.records:
                    entries.append(_entry(_Line.model_validate_json(line, context=KEPT), head))
                else:
                    trials.append(_trials(_Check.model_validate_json(line)))
    except MemoryRefused:
        raise
    except (ValidationError, ValueError) as error:
        raise NotAnExport(path, at, _reason(error)) from error
    if len(entries) != head.records:
        raise NotAnExport(path, at, f"it has {len(entries)} of {head.records} records")
    if len(trials) != head.checks:
        raise NotAnExport(path, at, f"it has {len(trials)} of {head.checks} checks")
    return Entries(path, head.embedder, head.dimension, tuple(entries), tuple(trials), head.clock)


def _reason(error: ValueError) -> str:
    """What is wrong with a line, in a sentence without the line's own words."""
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def _proofs(record: Record, proofs: Sequence[Confirm]) -> tuple[str, ...]:
    """The proofs as they are kept, if one of them proves the record, or it needs none.

    Each must be a proof, but the same words may have been proven again by another run or task, or at an
    earlier attempt of one.
    """
    if not proofs:
        return admit(record, None)[1]
    anywhere = record.provenance.model_copy(update={"run": "", "task": "", "attempt": 1})
    said = record.model_copy(update={"provenance": anywhere})
    kept = tuple(proof for each in proofs for proof in admit(said, each)[1])
    if not needs_no_proof(record):
        _hold_one(record, proofs)
    return kept


def _hold_one(record: Record, proofs: Sequence[Confirm]) -> None:
    """Refuse a record that none of the proofs proves, with what is wrong with the last of them."""
    refused: UnprovenMemory | None = None
    for proof in proofs:
        named = {"run": kept_name(proof.run, LONGEST_NAME), "task": kept_name(proof.task)}  # as the record is
        try:
            require_proof(record, proof.model_copy(update=named))
        except UnprovenMemory as error:
            refused = error
        else:
            return
    if refused is not None:
        raise refused


def _entry(line: _Line, head: _Head) -> Entry:
    record = line.record
    plain = record.model_copy(update={"standing": "unjudged"} if record.standing == "confirmed" else {})
    proofs = _proofs(plain, line.proofs)
    standing = "confirmed" if line.proofs else plain.standing
    if line.digest != record.digest() and (head.punchlist_memory > 1 or line.digest is not None):
        raise ValueError("its digest is of another record: it was changed")
    if not head.dimension:
        raise ValueError("it has vectors, which the first line says are of no dimension")
    vectors = unpacked(base64.b64decode(line.vectors, validate=True), head.dimension)
    lengths = np.sqrt(np.vecdot(vectors, vectors))
    if not len(vectors) or not (np.abs(lengths - 1) <= UNEVEN).all():
        raise ValueError(f"its vectors are missing, or not {head.dimension} numbers of length 1")
    return Entry(
        record.model_copy(update={"standing": standing}),
        proofs,
        line.near,
        vectors,
    )


def _trials(line: _Check) -> Trials:
    place = line.scope
    for words in (line.check, place.tenant, place.user, place.agent, place.run, place.key):
        refuse_secret("The name of a check, or of whose it is,", words)
    return Trials(place, line.check, line.outcomes)
