"""What memory holds and gives back: Record, its Scope and Provenance, and Recalled with its reasons.

A record is one statement in words. Whose it is (`Scope`), where it came from (`Provenance`), who said it and
whether its words may be trusted are fields of their own and never taken from the text.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

Kind = Literal["fact", "episode", "reflection", "preference", "skill", "summary"]
Trust = Literal["trusted", "untrusted"]
Stance = Literal["explicit", "implicit"]
Standing = Literal["confirmed", "unverified", "failed", "unjudged"]
Owner = Literal["user", "agent", "run"]
By = Literal["program", "person", "job"]

Word = TypeVar("Word", bound=str)

OWNERS: tuple[Owner, ...] = ("user", "agent", "run")

LONGEST_TEXT = 100_000
"""Characters in one record. Longer material belongs in the journal; remember what it says."""

LONGEST_NAME = 500
"""Characters in an id, in the name of an owner, a key, a speaker or a session, and in a reason."""

LONGEST_ORIGIN = 10_000
"""Characters in the name of a task, a check, a confirm or an origin, which may be a long URL."""

MOST_COUNTED = 1_000_000_000
"""How often a record may have been seen, and how many attempts a task may have had."""

KEPT = "kept"
"""Context in which a record is validated that some memory holds already: it may hold at no time, and where it
came from may be said in words that are not kept any more; those are mended (`kept_name`)."""

MOST_SCOPES = 500
"""Scopes that one question may be asked from; SQLite and Chroma refuse conditions of many more."""

MOST_OUTCOMES = 32
"""Outcomes that are kept of a record's uses, or of a check; what is older no longer counts."""


def new_record_id() -> str:
    """An id that is unique and sorts by the time it was made."""
    return f"m{time.time_ns():016x}{secrets.token_hex(4)}"


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def in_utc(moment: datetime) -> datetime:
    """A moment in UTC. Raises ValueError: it has no time zone, or is none of the years 1 to 9999 there."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} needs a time zone, such as datetime(..., tzinfo=UTC)")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is not between the years 1 and 9999 in UTC") from None


def whole(text: str) -> str:
    """A text that can be written and looked for. Raises ValueError: half a character (surrogate) is in it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"half a character (surrogate) at {error.start} cannot be kept or looked for: decode it first"
        ) from None
    return text


def _has_words(text: str) -> str:
    if not text.strip():
        raise ValueError("a record needs words: its text is blank")
    return _plain(text)


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character cannot be kept: take it out, or decode the text first")
    return whole(text)


def kept_reason(reason: str) -> str:
    """A reason, if it can be kept: `LONGEST_NAME` characters at most, plain text. Raises ValueError."""
    if len(reason) > LONGEST_NAME:
        raise ValueError(f"a reason has at most {LONGEST_NAME} characters, not {len(reason)}")
    return _plain(reason)


def kept_name(name: str, most: int = LONGEST_ORIGIN) -> str:
    """A name as it can be kept: cut where it is too long, with a sign for each character that is none."""
    return name.replace("\0", "?").encode(errors="replace").decode()[:most]


def _mending(most: int) -> BeforeValidator:
    """Mends a text that some memory holds already, and that counts in no digest."""

    def mended(text: object, info: ValidationInfo) -> object:
        return kept_name(text, most) if isinstance(text, str) and info.context == KEPT else text

    return BeforeValidator(mended)


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_plain)]
Origin = Annotated[str, Field(max_length=LONGEST_ORIGIN), AfterValidator(_plain)]

MendedName = Annotated[Name, _mending(LONGEST_NAME)]
MendedOrigin = Annotated[Origin, _mending(LONGEST_ORIGIN)]


class Scope(BaseModel):
    """Whose a record is, and what it is about.

    A question asked from a scope sees what lies there and what lies above: records whose user, agent and run
    are each the same or none. It never sees another tenant, and another user's, agent's or run's only where
    the caller names that level in `across`. A scope without owner is shared by everybody of the tenant.

    Attributes:
        tenant: Whose installation; empty: the only one.
        user, agent, run: Owner, each empty for none.
        key: What it is about, such as a site's origin; empty: anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Name = ""
    user: Name = ""
    agent: Name = ""
    run: Name = ""
    key: Name = ""

    @classmethod
    def shared(cls, key: str = "") -> Scope:
        """Records that everybody who uses this memory may see."""
        return cls(key=key)

    @property
    def is_shared(self) -> bool:
        """Whether nobody in particular owns it."""
        return not (self.user or self.agent or self.run)


class Provenance(BaseModel):
    """Where a record came from, in plain text of bounded length.

    Attributes:
        by: `program` (a run, or the code that calls), `person` (somebody said or wrote it), `job` (derived
            from other records by an idle job).
        run: The run in which it was learned.
        task: The task that was confirmed.
        attempt: The attempt of that task in which it was learned; not after the confirmed one.
        check: Name of the criterion that failed, for a lesson. A reflection must name it.
        confirm: Id of the envelope that carried the confirm.
        origin: Where its words were read (a site's origin, a tool, a person); empty: our own program.
        sources: Ids of the records that it was derived from. A summary and what a job derives must name them.
        job: What a job derived it as, such as `summary/session`; see `consolidate.py`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: By = "program"
    run: MendedName = ""
    task: MendedOrigin = ""
    attempt: int = Field(default=1, ge=1, le=MOST_COUNTED)
    check: MendedOrigin = ""
    confirm: MendedOrigin = ""
    origin: MendedOrigin = ""
    sources: tuple[Name, ...] = ()
    job: MendedName = ""


class Record(BaseModel):
    """One thing remembered. Frozen: a correction is a new record that supersedes this one.

    Attributes:
        kind: fact, episode (what happened or was said, as it was), reflection (a lesson from a failed check),
            preference, skill, summary (of other records).
        text: The statement itself, 1 to `LONGEST_TEXT` characters.
        speaker: Who said it, where somebody did; questions that name them find it more easily.
        session: Conversation or document that it is part of; its neighbours there lend it context.
        happened: When what it tells of took place, which may lie ahead; unknown: None.
        learned: When it was remembered.
        valid_from: From this moment on it holds; None: since it was learned.
        valid_until: From this moment on it is no longer recalled; None: no end. After `valid_from`.
        importance: 0 to 1; a small prior in ranking.
        confidence: 0 to 1, of whoever wrote it.
        stance: Of a preference: `explicit` (stated) or `implicit` (seen in choices).
        standing: What became of the task in which it was learned. Set by memory from the proof, or for an
            episode by whoever writes it.
        seen: How often it was remembered in the same words. Set by memory only.
        outcomes: How its latest uses came out, newest last: `+` it helped, `-` not. Set by memory only.
        closed: When it was superseded or retracted; from then on it is not recalled. Set by memory only.
        reason: Why it was retracted. Set by memory only.
        superseded_by: Id of the record that replaced it. Set by memory only.
        trust: `untrusted` when any word was read from a page, a tool or a stranger. A confirm does not
            raise it: it proves the task, not the words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    text: Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_has_words)]
    scope: Scope = Scope()
    provenance: Provenance = Provenance()
    trust: Trust = "untrusted"
    speaker: Name = ""
    session: Name = ""
    happened: Moment | None = None
    learned: Moment = Field(default_factory=now)
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    importance: float = Field(default=0.5, ge=0, le=1)
    confidence: float = Field(default=1.0, ge=0, le=1)
    stance: Stance | None = None
    standing: Standing = "unjudged"
    seen: int = Field(default=1, ge=1, le=MOST_COUNTED)
    outcomes: str = Field(default="", pattern=rf"^[+-]{{0,{MOST_OUTCOMES}}}$")
    closed: Moment | None = None
    reason: MendedName = ""
    superseded_by: Name | None = None
    id: Name = Field(default_factory=new_record_id, min_length=1)

    @model_validator(mode="after")
    def _holds_some_time(self, info: ValidationInfo) -> Record:
        since, until = self.valid_from, self.valid_until
        if since is not None and until is not None and until <= since and info.context != KEPT:
            raise ValueError(f"valid_until ({until}) must be after valid_from ({since}): it would never hold")
        return self

    @model_validator(mode="after")
    def _says_where_it_is_from(self) -> Record:
        if self.kind == "reflection" and not self.provenance.check:
            raise ValueError("a reflection must name the criterion that failed in provenance.check")
        if (self.kind == "summary" or self.provenance.by == "job") and not self.provenance.sources:
            raise ValueError(f"a {self.kind} that was derived must name its records in provenance.sources")
        if (self.stance is not None) != (self.kind == "preference"):
            raise ValueError("`stance` belongs to a preference, which must have one: explicit or implicit")
        if self.stance == "implicit" and not self.provenance.sources:
            raise ValueError(
                "an implicit preference must name the episodes it was seen in (provenance.sources)"
            )
        return self

    def digest(self) -> str:
        """Equal for records of one kind, scope, session and speaker whose words are the same but for case and
        spacing; an episode's time counts too, since the same words said twice are two episodes, and what a
        summary sums up."""
        words = " ".join(self.text.casefold().split())
        scope = self.scope
        parts = [self.kind, scope.tenant, scope.user, scope.agent, scope.run, scope.key, self.speaker, words]
        if self.kind == "episode":
            parts += [self.session, "" if self.happened is None else self.happened.isoformat()]
        if self.kind == "summary":
            parts += self.provenance.sources
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def statement(self) -> str:
        """As it is embedded: when, who, what. The bare text is found much less often."""
        when = "" if self.happened is None else f"({self.happened:%d %B %Y}) "
        return f"{when}{self.speaker}: {self.text}" if self.speaker else f"{when}{self.text}"


def several(name: str, given: Collection[Word]) -> Collection[Word]:
    """Texts as they were given. Raises ValueError: one text alone, of which each letter would count."""
    if isinstance(given, str):
        raise ValueError(f"{name} must be several, such as [{given!r}], not the text {given!r}")
    return given


def among(name: str, given: Collection[Word], known: Collection[str]) -> frozenset[Word]:
    """Some of the words that are known. Raises ValueError: one text instead of several, or another word."""
    several(name, given)
    if wrong := [each for each in given if each not in known]:
        raise ValueError(f"{name} must be of {', '.join(known)}, not {wrong[0]!r}")
    return frozenset(given)


def levels(across: Collection[Owner]) -> frozenset[Owner]:
    """Levels at which everybody's records are meant. Raises ValueError where one is none."""
    return among("across", across, OWNERS)


MOST_AHEAD = timedelta(days=1)
"""How far the clock of somebody who wrote may be ahead and be followed in what holds from or until a moment.
In what was learned and closed it always is."""


@dataclass(frozen=True)
class Filter:
    """Which records a question may see: the one place where scope is decided.

    Attributes:
        kinds: Only these; None: all.
        scopes: From where the question is asked; see `Scope`. None: every record of everybody.
        across: Levels at which those of every owner are seen.
        at: The moment asked about; what did not hold then is not seen. None: closed ones are seen too.
        closed_by: Where the present is asked about, the latest moment that anybody knows of: what was closed
            until then is closed, and what is here was learned, whatever the clock of whoever asks says.
        trusted: Leave out what is not trusted.
        between: Only what happened from the one (included) to the other (not included).
    """

    kinds: frozenset[Kind] | None = None
    scopes: tuple[Scope, ...] | None = None
    across: frozenset[Owner] = frozenset()
    at: datetime | None = None
    trusted: bool = False
    between: tuple[datetime, datetime] | None = None
    closed_by: datetime | None = None

    @classmethod
    def of(
        cls,
        kinds: Collection[Kind] | None,
        scope: Scope | Sequence[Scope] | None,
        at: datetime | None,
        across: Collection[Owner] = (),
        trusted: bool = False,
        between: tuple[datetime, datetime] | None = None,
    ) -> Filter:
        """From what a caller gives; see `Memory.recall`. Raises ValueError where that means nothing."""
        scopes = (scope,) if isinstance(scope, Scope) else None if scope is None else tuple(scope)
        if wrong := [each for each in scopes or () if not isinstance(each, Scope)]:  # pyright: ignore
            raise ValueError(f"scope must be a Scope or several, not {wrong[0]!r}")
        scopes = None if scopes is None else tuple(dict.fromkeys(scopes))
        if scopes is not None and len(scopes) > MOST_SCOPES:
            raise ValueError(
                f"scope must be at most {MOST_SCOPES} scopes, not {len(scopes)}: ask several times, or for "
                "everybody's records of a level with `across`"
            )
        wanted = None if kinds is None else among("kinds", kinds, get_args(Kind))
        moment = None if at is None else in_utc(at)
        span = None if between is None else (in_utc(between[0]), in_utc(between[1]))
        if span is not None and span[0] > span[1]:
            raise ValueError(f"between must go forward, not from {span[0]} to {span[1]}")
        return cls(wanted, scopes, levels(across), moment, trusted, span)

    def of_present(self, present: datetime, clock: datetime) -> Filter:
        """Of what holds now.

        Args:
            present: By the clock of whoever asks.
            clock: When anybody last wrote.
        """
        at = max(present, min(clock, present + MOST_AHEAD))
        return replace(self, at=at, closed_by=max(present, clock))

    @property
    def empty(self) -> bool:
        """Whether nothing can pass."""
        return self.kinds == frozenset() or self.scopes == ()


@dataclass(frozen=True)
class Why:
    """The parts of one score.

    Attributes:
        cosine: Similarity in meaning to the question, -1..1.
        bm25: Similarity in words, 0 (no word in common) upwards.
        parts: What each signal added to the score, weights applied; they sum up to it.
        strength: How good an answer it is by itself, 0..1; what `min_score` is compared with.
    """

    cosine: float
    bm25: float
    parts: Mapping[str, float]
    strength: float = 0.0


@dataclass(frozen=True)
class Recalled:
    """A record that answers a question. `score` ranks within one recall and compares with no other."""

    record: Record
    score: float
    why: Why

    def explain(self) -> str:
        """One line for a log: the score and what it is made of."""
        why = self.why
        told = " + ".join(f"{value:.3f} {name}" for name, value in why.parts.items() if abs(value) >= 0.0005)
        alone = f"cosine {why.cosine:.2f}, bm25 {why.bm25:.2f}, strength {why.strength:.2f}"
        return f"{self.record.id} {self.score:.3f} = {told} ({alone})"


@dataclass(frozen=True)
class Forgotten:
    """What `forget` did.

    Attributes:
        records: How many were deleted.
        index_pending: Another process holds the Chroma index; its next recall drops the vectors, or anybody's
            once it has closed.
    """

    records: int
    index_pending: bool
