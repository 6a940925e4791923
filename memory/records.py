"""What memory holds and gives back: Record, its Scope and Provenance, and Recalled with its reasons.

A record is one short statement in words. Whose it is (`Scope`), where it came from (`Provenance`) and
whether its words may be trusted (`trust`) are fields of their own and never taken from the text.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Kind = Literal["fact", "episode", "reflection", "preference", "skill"]
Level = Literal["run", "agent", "user", "shared"]
Trust = Literal["trusted", "untrusted"]

LONGEST_TEXT = 8_000
"""Characters in one record. Longer material belongs in the journal; remember what it says."""


def new_record_id() -> str:
    """An id that is unique and sorts by the time it was made."""
    return f"m{time.time_ns():016x}{secrets.token_hex(4)}"


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _has_words(text: str) -> str:
    if not text.strip():
        raise ValueError("a record needs words: its text is blank")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Scope(BaseModel):
    """Whose a record is, and what it is about.

    Attributes:
        level: `run`, `agent` and `user` records belong to their `owner`; `shared` ones to everybody.
        owner: The run id, agent name or user id; empty exactly for `shared`.
        key: What it is about within that, such as a site's origin; empty: anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    owner: str = ""
    key: str = ""

    @model_validator(mode="after")
    def _owned(self) -> Scope:
        if self.level == "shared" and self.owner:
            raise ValueError(f"a shared scope has no owner, but {self.owner!r} was given; use `key`")
        if self.level != "shared" and not self.owner:
            raise ValueError(f"a {self.level} scope needs its owner")
        return self

    @classmethod
    def run(cls, owner: str, key: str = "") -> Scope:
        """Records of one run."""
        return cls(level="run", owner=owner, key=key)

    @classmethod
    def agent(cls, owner: str, key: str = "") -> Scope:
        """Records of one agent, in all its runs."""
        return cls(level="agent", owner=owner, key=key)

    @classmethod
    def user(cls, owner: str, key: str = "") -> Scope:
        """Records of one person."""
        return cls(level="user", owner=owner, key=key)

    @classmethod
    def shared(cls, key: str = "") -> Scope:
        """Records that everybody who uses this memory may see."""
        return cls(level="shared", key=key)


class Provenance(BaseModel):
    """Where a record came from.

    Attributes:
        run: The run in which it was learned.
        task: The task that was confirmed.
        attempt: The attempt of that task in which it was learned; not after the confirmed one.
        check: Name of the criterion that failed, for a lesson. A reflection must name it.
        confirm: Id of the envelope that carried the confirm.
        origin: Where its words were read (a site's origin, a tool, a person); empty: our own program.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(min_length=1)
    task: str = Field(min_length=1)
    attempt: int = Field(ge=1)
    check: str = ""
    confirm: str = ""
    origin: str = ""


class Record(BaseModel):
    """One thing remembered. Frozen: a correction is a new record that supersedes this one.

    Attributes:
        kind: fact, episode (what happened), reflection (a lesson from a failed check), preference, skill.
        text: The statement itself, 1 to `LONGEST_TEXT` characters.
        happened: When what it tells of took place; unknown: None.
        learned: When it was remembered.
        valid_until: From this moment on it is no longer recalled; None: no end.
        superseded_by: Id of the record that replaced it. Set by memory only.
        trust: `untrusted` when any word was read from a page, a tool or a stranger. A confirm does not
            raise it: it proves the task, not the words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    text: Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_has_words)]
    scope: Scope
    provenance: Provenance
    trust: Trust = "untrusted"
    happened: Moment | None = None
    learned: Moment = Field(default_factory=now)
    valid_until: Moment | None = None
    superseded_by: str | None = None
    id: str = Field(default_factory=new_record_id, min_length=1)

    @model_validator(mode="after")
    def _lesson_names_its_check(self) -> Record:
        if self.kind == "reflection" and not self.provenance.check:
            raise ValueError("a reflection must name the criterion that failed in provenance.check")
        return self

    def digest(self) -> str:
        """Equal for records of one kind and scope whose words are the same, but for case and spacing."""
        words = " ".join(self.text.casefold().split())
        scope = self.scope
        parts = (self.kind, scope.level, scope.owner, scope.key, words)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Filter:
    """Which records a question may see: the one place where scope is decided.

    A scope without key admits that owner's records about anything; a scope with a key admits those
    about that key and those about nothing in particular. No scopes at all admits every record.

    Attributes:
        at: The moment asked about; records closed by then are not seen. None: closed ones are seen too.
    """

    kinds: frozenset[Kind] | None
    scopes: tuple[Scope, ...] | None
    at: datetime | None

    @classmethod
    def of(
        cls, kinds: Sequence[Kind] | None, scope: Scope | Sequence[Scope] | None, at: datetime | None
    ) -> Filter:
        """From what a caller gives; see `Memory.recall`."""
        scopes = (scope,) if isinstance(scope, Scope) else None if scope is None else tuple(scope)
        return cls(None if kinds is None else frozenset(kinds), scopes, at)


@dataclass(frozen=True)
class Weights:
    """How much each signal counts in a score. Both similarities are scaled to 0..1 before.

    `recency` is a tie-breaker: it halves every `half_life` days. Keep it at or below 0.05; as heavy
    as the similarities it drowns them.
    """

    dense: float = 0.5
    lexical: float = 0.5
    recency: float = 0.02
    half_life: float = 30.0


@dataclass(frozen=True)
class Why:
    """The parts of one score.

    Attributes:
        cosine: Similarity in meaning to the question, -1..1.
        bm25: Similarity in words, 0 (no word in common) upwards.
        dense, lexical, recency: What each added to the score, weights applied.
    """

    cosine: float
    bm25: float
    dense: float
    lexical: float
    recency: float


@dataclass(frozen=True)
class Recalled:
    """A record that answers a question. `score` ranks within one recall and compares with no other."""

    record: Record
    score: float
    why: Why

    def explain(self) -> str:
        """One line for a log: the score and what it is made of."""
        why = self.why
        return (
            f"{self.record.id} {self.score:.3f} = {why.dense:.3f} meaning (cosine {why.cosine:.2f})"
            f" + {why.lexical:.3f} words (bm25 {why.bm25:.2f}) + {why.recency:.3f} recency"
        )


@dataclass(frozen=True)
class Forgotten:
    """What `forget` did.

    Attributes:
        records: How many were deleted.
        index_pending: Another process holds the Chroma index; it drops the vectors at its next recall.
    """

    records: int
    index_pending: bool
