"""The idle jobs: what each does with the records, a bounded piece at a time.

Each job is a generator that yields, after every piece, how many records it looked at; whoever runs it may
stop there. A piece is written in one transaction, and what is written says by its sources what is done.

A derived record lies where its sources lie (one scope: nothing of two owners is ever drawn together), ends
when the first of them ends, and is `untrusted` where one of them is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .choices import Choice, Habit, habit_of
from .embedder import Vectors, embedded
from .errors import SecretRefused, UnprovenMemory
from .extracts import extract, unfaithful
from .likeness import clusters, cosine, opposed
from .outcomes import LEAST_TRIALS, SKILL_FAILURES, retirement
from .ranking import ALIKE
from .records import Provenance, Record, Scope, Trust
from .rows import microseconds
from .upkeep import RETIRED, Level, Material

if TYPE_CHECKING:
    from .memory import Memory

LEAST_SUMMED: dict[Level, int] = {"session": 3, "week": 3, "month": 2}
"""Records from which on a session, a week or a month is summed up."""

MOST_SUMMED = 50
"""Records that one summary is made of; a longer session gets several."""

MOST_HEAPS = 10_000
SAME_LESSON = 0.8
"""Cosine from which on two lessons of one check may say the same; `likeness.opposed` decides."""

MOST_LESSONS = 500
"""Lessons of one check that are compared, the newest."""

LONGEST_LESSON = 4_000
"""Characters of a lesson that is drawn from others."""

MOST_CHOICES = 500
"""Choices of one thing that count, the latest."""

MOST_COMPARED = 5_000
"""Episodes of its owner that a new one is held against, the latest before it."""

MOST_NEAR = 50
"""Earlier episodes whose words are looked at, the nearest in meaning."""

MOST_LINKS = 5
"""Earlier episodes that one is linked to, the nearest."""

BATCH = 256

EXTRACTED = "extractive"
"""`provenance.origin` of a summary whose sentences are those of its sources."""

_EVIDENCE = re.compile(r": chosen (\d+) of (\d+) times$")


class NoSummary(Exception):
    """A summarizer has none for these texts. They get an extract, and why is noted."""


class Summarizer(Protocol):
    """Writes a summary of texts, such as a model. Blocking; what it says is held against the texts."""

    @property
    def name(self) -> str:
        """Who wrote it, for whoever reads the summary."""
        ...

    def __call__(self, texts: Sequence[str]) -> str:
        """One summary of all of them. Raises NoSummary."""
        ...


@dataclass
class Work:
    """One run of the jobs: what they work on, and what they did.

    Attributes:
        settled: How long nothing was added to a session before it is over.
        made, closed: Ids of records that were derived, and of those that were superseded or retired.
        notes: What came out otherwise than was asked for, in words.
    """

    memory: Memory
    present: datetime
    settled: timedelta
    engine: Summarizer | None
    made: list[str] = field(default_factory=list[str])
    closed: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    linked: int = 0

    def derive(self, record: Record, closing: str = "") -> None:
        """Keep what was derived, if nobody was quicker; what the gate refuses is noted."""
        try:
            kept = self.memory.derive_sync(record, closing)
        except (SecretRefused, UnprovenMemory) as error:
            self.notes.append(f"{record.provenance.job}: {error}")
            return
        if kept:
            self.made.append(record.id)
            self.closed += [closing] if closing else []

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) of texts, of one with several pieces their mean."""
        rows = [each.mean(axis=0) for each in embedded(self.memory.embedder, texts)]
        return np.stack([row / np.linalg.norm(row) for row in rows])


Job = Callable[[Work], Generator[int, None, None]]


# --- near-duplicates --------------------------------------------------------------------------------------


def links(work: Work) -> Generator[int, None, None]:
    """Link each episode to the earlier ones of its owner that say nearly the same. Nothing is merged."""
    ledger = work.memory.ledger
    while batch := ledger.unlinked(BATCH):
        by_scope: defaultdict[Scope, list[Material]] = defaultdict(list)
        for each in batch:
            if each.record.closed is None:
                by_scope[each.record.scope].append(each)
        pairs = [
            pair
            for scope, fresh in by_scope.items()
            for pair in _near_pairs(fresh, ledger.episodes_upto(scope, fresh[-1].row, MOST_COMPARED))
        ]
        work.linked += ledger.link(pairs, batch[-1].row)
        yield len(batch)


def _near_pairs(
    fresh: Sequence[Material], before: Sequence[tuple[int, str, Vectors]]
) -> list[tuple[int, int, float]]:
    if not before:
        return []
    pieces = np.concatenate([vectors for _, _, vectors in before])  # (all pieces, dimension)
    starts = np.cumsum([0, *(len(vectors) for _, _, vectors in before[:-1])])
    pairs: list[tuple[int, int, float]] = []
    for each in fresh:
        cosines = np.maximum.reduceat((pieces @ each.vectors.T).max(axis=1), starts)  # (len(before),)
        order: list[int] = np.argsort(-cosines, kind="stable").tolist()
        earlier = [at for at in order if cosines[at] >= ALIKE and before[at][0] < each.row][:MOST_NEAR]
        same = [at for at in earlier if not opposed(each.record.text, before[at][1])]
        pairs += [(each.row, before[at][0], float(cosines[at])) for at in same[:MOST_LINKS]]
    return pairs


# --- what stopped helping ---------------------------------------------------------------------------------


def retire(work: Work) -> Generator[int, None, None]:
    """Close lessons that predict nothing any more, and skills that do not work any more."""
    ledger = work.memory.ledger
    for record in ledger.tried(min(LEAST_TRIALS, SKILL_FAILURES)):
        reason = retirement(record, ledger.outcomes_without(record))
        if reason and ledger.close_open(record.id, f"{RETIRED}{reason}"):
            work.closed.append(record.id)
        yield 1


# --- preferences ------------------------------------------------------------------------------------------


def preferences(work: Work) -> Generator[int, None, None]:
    """Derive what somebody prefers from what they chose again and again; a later habit supersedes."""
    ledger = work.memory.ledger
    groups: defaultdict[tuple[Scope, str, Trust], list[tuple[Record, Choice]]] = defaultdict(list)
    for record in ledger.choices():
        if (choice := Choice.read(record.text)) is not None:
            groups[record.scope, f"preference/{choice.what.casefold()}", record.trust].append(
                (record, choice)
            )
    known = {(each.scope, each.provenance.job, each.trust): each for each in ledger.derived("preference")}
    undone: defaultdict[tuple[Scope, str, Trust], set[str]] = defaultdict(set)
    for each in ledger.derived("preference", undone=True):
        key = each.scope, each.provenance.job, each.trust
        undone[key].update(each.provenance.sources)
        said = ledger.picked([each.superseded_by or ""]).get(each.superseded_by or "")
        if said is not None and said.closed is None and said.stance == "explicit":
            groups.pop(key, None)  # they put it in words of their own, which hold whatever they choose
    for key, made in groups.items():
        counted = max((at + 1 for at, (each, _) in enumerate(made) if each.id in undone[key]), default=0)
        fresh = made[counted:][-MOST_CHOICES:]
        habit = habit_of([choice for _, choice in fresh]) if fresh else None
        before = known.get(key)
        if habit is not None and _says_more(habit, before):
            work.derive(_preference(habit, fresh, key[1]), before.id if before else "")
        yield len(made)


def preference_of(record: Record) -> tuple[str, int, int] | None:
    """What a derived preference says: the value, how often it was chosen, and of how many choices."""
    found = _EVIDENCE.search(record.text)
    if found is None or not record.provenance.job.startswith("preference/"):
        return None
    what = record.provenance.job.removeprefix("preference/")
    said = record.text[: found.start()].removeprefix("prefers ")
    return said[: -len(f" for {what}")], int(found[1]), int(found[2])


def _preference(habit: Habit, made: Sequence[tuple[Record, Choice]], job: str) -> Record:
    chosen = [made[at][0] for at in habit.chosen]
    what = made[habit.chosen[-1]][1].what
    return _drawn(
        chosen,
        kind="preference",
        text=f"prefers {habit.value} for {what}: chosen {len(chosen)} of {habit.of} times",
        job=job,
        stance="implicit",
        confidence=habit.confidence,
    )


def _says_more(habit: Habit, before: Record | None) -> bool:
    """Whether a habit is worth a preference in place of the one before it: another, surer, or less sure."""
    said = None if before is None else preference_of(before)
    if before is None or said is None or said[0].casefold() != habit.value.casefold():
        return habit.clear
    surer = habit.clear and len(habit.chosen) >= 1.5 * len(before.provenance.sources)
    return surer or habit.confidence < before.confidence - 0.1


# --- lessons ----------------------------------------------------------------------------------------------


def lessons(work: Work) -> Generator[int, None, None]:
    """Draw lessons of one check that say the same into one with all their sources, which stay."""
    groups: defaultdict[tuple[Scope, str], list[Material]] = defaultdict(list)
    drawn: list[Record] = []
    for each in work.memory.ledger.lessons():
        if each.record.provenance.job:
            drawn.append(each.record)
        else:
            groups[each.record.scope, each.record.provenance.check].append(each)
    for found in groups.values():
        found = found[-MOST_LESSONS:]
        changes = [change_in(each.record.text) for each in found]
        for places in clusters(changes, [each.vectors for each in found], SAME_LESSON):
            alike = [found[at] for at in places]
            names = {each.record.id for each in alike}
            before = next((each for each in drawn if names & set(each.provenance.sources)), None)
            if len(alike) > 1 and (before is None or not names <= set(before.provenance.sources)):
                work.derive(_lesson(alike), before.id if before else "")
        yield len(found)


def change_in(text: str) -> str:
    """What a lesson says is to be done, without what went wrong; all of it where it is not told apart."""
    return next((row[8:] for row in text.splitlines() if row.startswith("change: ")), text)


def _lesson(alike: Sequence[Material]) -> Record:
    sums = [sum(cosine(each.vectors, other.vectors) for other in alike) for each in alike]
    central = alike[max(range(len(alike)), key=lambda at: (round(sums[at], 6), -at))].record
    runs = {each.record.provenance.run for each in alike}
    told = f"{len(alike)} lessons of {len(runs)} runs" if len(runs) > 1 else f"{len(alike)} lessons"
    rows = "\n".join(row for row in central.text.splitlines() if not row.startswith("evidence: "))
    text = f"{rows[:LONGEST_LESSON]}\nevidence: {told} say so"
    records = [each.record for each in alike]
    return _drawn(records, kind="reflection", text=text, job="lesson", check=central.provenance.check)


# --- summaries --------------------------------------------------------------------------------------------


def summaries(work: Work) -> Generator[int, None, None]:
    """Sum up sessions that are over, then weeks out of sessions and months out of weeks."""
    ledger = work.memory.ledger
    day = work.present.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    over: dict[Level, datetime] = {
        "session": work.present - work.settled,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
    }
    for level, before in over.items():
        least = LEAST_SUMMED[level]
        for heap in ledger.heaps(level, least, microseconds(before), MOST_HEAPS):
            parts = -(-heap.count // MOST_SUMMED)
            for _ in range(parts):
                found = ledger.in_heap(heap, -(-heap.count // parts))
                if len(found) < 2:  # somebody else was quicker
                    break
                work.derive(_summary(work, level, [each.record for each in found]))
                yield len(found)


def _summary(work: Work, level: Level, records: Sequence[Record]) -> Record:
    texts = [f"{each.speaker}: {each.text}" if each.speaker else each.text for each in records]
    said, origin = "", EXTRACTED
    if work.engine is not None:
        try:
            said = work.engine(texts).strip()
            why = unfaithful(said, texts)
        except NoSummary as error:
            why = str(error)
        if why:
            work.notes.append(f"summary/{level}: none by {work.engine.name}, since {why}")
        said, origin = ("", EXTRACTED) if why else (said, f"written by {work.engine.name}")
    begins = min(each.happened or each.learned for each in records)
    return _drawn(
        records,
        kind="summary",
        text=said or extract([(each.speaker, each.text) for each in records], work.vectors),
        job=f"summary/{level}",
        origin=origin,
        happened=begins,
    )


def _drawn(
    sources: Sequence[Record], *, job: str, origin: str = "", check: str = "", **fields: object
) -> Record:
    """A record derived from others, with what it takes over from them."""
    ends = [each.valid_until for each in sources if each.valid_until is not None]
    taken: dict[str, object] = {
        "scope": sources[0].scope,
        "provenance": Provenance(
            by="job", job=job, origin=origin, check=check, sources=tuple(each.id for each in sources)
        ),
        "trust": "untrusted" if any(each.trust == "untrusted" for each in sources) else "trusted",
        "valid_until": min(ends, default=None),
        "importance": max(each.importance for each in sources),
    }
    return Record.model_validate(taken | fields)
