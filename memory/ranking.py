"""Ranks the rows of a shelf by how well they answer a question: by meaning, words, session, speaker, dates.

Each signal is scaled to 0..1 over the rows that the question admits, weighted and added; `Why.parts` holds
the terms of that sum. Scores are fused rather than ranks: reciprocal rank fusion finds less evidence than
words alone (`punchlist eval locomo` measures both). What a question does not admit lends nothing to what it does.

Whether the best is any good is told by `strength`, not by the score, which is 1 somewhere in every scope.
Calls no model: the question comes embedded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .dates import DAY, spans
from .embedder import Vectors
from .records import Kind, Why
from .shelf import KINDS, Floats, Row, Shelf
from .words import K1, B, stems, words_of

ALIKE = 0.92
"""Cosine from which two records may say the same."""

HALF_LIVES: dict[Kind, float] = {"episode": 30, "reflection": 180, "summary": 180}
"""Days after which recency counts half; other kinds do not age."""

RERANKED = 50
"""How many of the best a reranker sees."""

_MOST_TERMS = 48
_NEAR_DATE = 10 * DAY

SIGNALS = (
    "dense", "words", "session", "previous_words", "next_words", "previous_dense", "next_dense", "speaker",
    "date", "recency", "importance",
)  # fmt: skip
"""Names of `Why.parts` and of the weights, in the order of the arrays here."""


class Reranker(Protocol):
    """Scores texts anew, such as a cross-encoder. Blocking; called from any thread."""

    def __call__(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One score for each text, higher for a better answer."""
        ...


@dataclass(frozen=True)
class Weights:
    """What each signal, scaled to 0..1, adds at most to a score.

    Attributes:
        dense: Cosine of the record's nearest piece and the question.
        words: BM25 over stems.
        session: BM25 of the whole session, lent to its members.
        previous_words, next_words, previous_dense, next_dense: The neighbours' in the session.
        speaker: Said by somebody whom the question names.
        date: Happened when the question speaks of.
        recency: Learned lately; see `HALF_LIVES`. More than 0.05 costs much recall.
        importance: The record's own.
        reranker: Score of a reranker over the best `RERANKED`, where there is one.
    """

    dense: float = 0.3
    words: float = 0.5
    session: float = 0.3
    previous_words: float = 0.2
    next_words: float = 0.0
    previous_dense: float = 0.2
    next_dense: float = 0.15
    speaker: float = 0.1
    date: float = 0.1
    recency: float = 0.02
    importance: float = 0.02
    reranker: float = 1.0


@dataclass(frozen=True)
class Question:
    """A question as ranking takes it.

    Attributes:
        vector: (dimension,), the question embedded, of length 1.
        now: Epoch seconds from which recency and "last week" count.
        kinds, keys: Admitted ones; a key admits itself and "". None: any.
        at: The moment asked about; None: closed records too.
        between: Only what happened from the one (included) to the other (not included), epoch seconds.
        min_score: `strength` below which a record is no answer, 0..1; 0 admits all.
        diversity: 0..1; how much likeness to a better answer is held against a record.
    """

    text: str
    vector: Vectors
    k: int
    now: float
    kinds: frozenset[Kind] | None = None
    keys: frozenset[str] | None = None
    at: float | None = None
    trusted: bool = False
    between: tuple[float, float] | None = None
    min_score: float = 0.0
    diversity: float = 0.0


@dataclass(frozen=True)
class Ranked:
    """A row that answers, with the parts of its score."""

    id: str
    score: float
    why: Why


@dataclass(frozen=True)
class Statistics:
    """BM25's figures of a whole scope, for a shelf that holds only its candidates.

    Attributes:
        documents: Records of the scope.
        mean_length: Stems of a record, on average.
        documents_with: Records that hold a stem.
    """

    documents: int
    mean_length: float
    documents_with: Callable[[str], int]


def rank(
    shelf: Shelf,
    question: Question,
    weights: Weights,
    statistics: Statistics | None = None,
    reranker: Reranker | None = None,
) -> list[Ranked]:
    """The `k` best admitted rows, best first; fewer where there are fewer, or where more would repeat.

    Raises:
        ValueError: The question's vector has another dimension than the rows' or is not finite.
    """
    with shelf.lock:
        if not len(shelf) or question.k < 1:
            return []
        admitted = _admitted(shelf, question)
        if not admitted.any():
            return []
        pool = _pool(shelf, question, weights, admitted, statistics, reranker is not None)
    if reranker is not None:
        pool = _reranked(pool, question.text, weights.reranker, reranker)
    return [pool.ranked(place) for place in _chosen(pool, question)]


def unite(rankings: Sequence[Sequence[Ranked]], k: int) -> list[Ranked]:
    """The `k` best of several searches over one scope, each row once, with its best score.

    Args:
        rankings: Each best first.
    """
    best: dict[str, Ranked] = {}
    for ranking in rankings:
        for each in ranking:
            if each.id not in best or each.score > best[each.id].score:
                best[each.id] = each
    return sorted(best.values(), key=lambda each: -each.score)[:k]


@dataclass(frozen=True)
class _Pool:
    """The rows that are looked at closely, best first, apart from the shelf.

    Attributes:
        vectors: (rows, dimension) of each one's first piece.
        parts: (signals, rows), weights applied; a column sums up to the score.
    """

    rows: Sequence[Row]
    vectors: Vectors
    cosines: Floats
    bm25: Floats
    names: Sequence[str]
    parts: Floats

    @property
    def scores(self) -> Floats:
        return self.parts.sum(axis=0)

    def ranked(self, place: int) -> Ranked:
        told = zip(self.names, self.parts[:, place].tolist(), strict=True)
        parts = {name: value for name, value in told if value}
        why = Why(float(self.cosines[place]), float(self.bm25[place]), parts)
        return Ranked(self.rows[place].id, sum(parts.values()), why)


def _pool(
    shelf: Shelf,
    question: Question,
    weights: Weights,
    admitted: NDArray[np.bool_],
    statistics: Statistics | None,
    reranked: bool,
) -> _Pool:
    """Score every admitted row and take the best of them."""
    shelf.link()
    cosines = _cosines(shelf, question.vector)
    words = _Words(shelf, question.text, admitted, statistics)
    signals = _signals(shelf, question, admitted, cosines, words)
    applied = np.array([getattr(weights, name) for name in SIGNALS])
    scores = applied @ signals
    scores[~admitted] = -np.inf
    if question.min_score > 0:
        scores[strength(cosines, words.covered) < question.min_score] = -np.inf
    best = _best(scores, question, reranked)
    return _Pool(
        rows=[shelf.rows[int(place)] for place in best],
        vectors=shelf.pieces[shelf.column["piece"][best]],
        cosines=cosines[best],
        bm25=words.scores[best],
        names=SIGNALS,
        parts=applied[:, None] * signals[:, best],
    )


def strength(cosines: Floats, covered: Floats) -> Floats:
    """How good an answer is by itself, 0..1: the mean of cosine and of the share of the question's words.

    Rare words count more in that share, and words that no record holds count most. Unlike a score it does not
    depend on what else is in the scope, so that it can be compared with a threshold.
    """
    return 0.5 * np.clip(cosines, 0.0, 1.0) + 0.5 * covered


def _admitted(shelf: Shelf, question: Question) -> NDArray[np.bool_]:
    """(rows,) which rows the question may see."""
    size, column = shelf.size, shelf.column
    mask = column["live"][:size].copy()
    if question.kinds is not None:
        mask &= np.isin(column["kind"][:size], [KINDS.index(kind) for kind in question.kinds])
    if question.keys is not None:
        numbers = [shelf.keys[key] for key in question.keys | {""} if key in shelf.keys]
        mask &= np.isin(column["key"][:size], numbers)
    if question.at is not None:
        mask &= (column["since"][:size] <= question.at) & (question.at < column["until"][:size])
    if question.trusted:
        mask &= column["trusted"][:size]
    if question.between is not None:
        happened = column["happened"][:size]
        mask &= (question.between[0] <= happened) & (happened < question.between[1])
    return mask


def _cosines(shelf: Shelf, vector: Vectors) -> Floats:
    """(rows,) of each row's piece nearest to the question."""
    pieces = shelf.pieces
    if vector.shape != pieces.shape[1:]:
        raise ValueError(
            f"The question's vector has shape {vector.shape}; the shelf needs {pieces.shape[1:]}."
        )
    if not np.isfinite(vector).all():
        raise ValueError("The question's vector holds a number that is not finite; embed the question anew.")
    found = (pieces @ vector.astype(np.float32, copy=False)).astype(np.float64)
    if found.size > shelf.size:
        found = np.maximum.reduceat(found, shelf.column["piece"][: shelf.size])
    return found


class _Words:
    """What the question's words say about rows and sessions.

    Attributes:
        scores: (rows,) BM25; 0 for a row that is not admitted.
        covered: (rows,) share of the question's words, by their weight, that a row holds.
        sessions: (sessions,) BM25 of each session as one text, made of its admitted rows.
    """

    def __init__(
        self, shelf: Shelf, text: str, admitted: NDArray[np.bool_], statistics: Statistics | None
    ) -> None:
        terms = list(dict.fromkeys(stems(text).split()))[:_MOST_TERMS]
        size, sessions = shelf.size, shelf.sessions
        found = [shelf.postings.of(term) for term in terms]
        rows = np.concatenate([each[0] for each in found]) if found else np.zeros(0, dtype=np.int32)
        if not rows.size:
            self.scores, self.covered, self.sessions = np.zeros(size), np.zeros(size), np.zeros(sessions)
            return
        counts = np.concatenate([each[1] for each in found]).astype(np.float64)
        number = np.repeat(np.arange(len(terms)), [each[0].size for each in found])
        live = shelf.column["live"][rows]
        holding = _sums(number, live, len(terms))
        documents, mean = float(len(shelf)), shelf.mean_length
        if statistics is not None:
            documents, mean = float(statistics.documents), max(statistics.mean_length, 1.0)
            holding = np.array([statistics.documents_with(term) for term in terms], dtype=np.float64)
        rarity = np.log1p((documents - holding + 0.5) / (holding + 0.5))  # (terms,)
        seen = admitted[rows]
        if not seen.all():
            rows, counts, number = rows[seen], counts[seen], number[seen]
        lengths = shelf.column["length"][:size]
        weight = rarity[number]
        gained = weight * counts * (K1 + 1) / (counts + K1 * (1 - B + B * lengths[rows] / mean))
        self.scores = _sums(rows, gained, size)
        self.covered = _sums(rows, weight, size) / max(float(rarity.sum()), 1e-12)
        self.sessions = _session_scores(shelf, admitted, rows, counts, number, len(terms))


def _session_scores(
    shelf: Shelf,
    admitted: NDArray[np.bool_],
    rows: NDArray[np.int32],
    counts: Floats,
    number: NDArray[np.int64],
    terms: int,
) -> Floats:
    """(sessions,) BM25 of each session as one text."""
    sessions = shelf.sessions
    if not sessions:
        return np.zeros(0)
    column = shelf.column["session"][: shelf.size]
    of_row = column[rows]
    inside = of_row >= 0
    flat = number[inside] * sessions + of_row[inside]
    held = _sums(flat, counts[inside], terms * sessions).reshape(terms, sessions)
    member = admitted & (column >= 0)
    lengths = _sums(column[member], shelf.column["length"][: shelf.size][member], sessions)
    there = max(np.count_nonzero(lengths), 1)
    mean = max(float(lengths.sum()) / there, 1.0)
    holding = np.count_nonzero(held, axis=1)
    rarity = np.log1p((there - holding + 0.5) / (holding + 0.5))
    return rarity @ (held * (K1 + 1) / (held + K1 * (1 - B + B * lengths / mean)))


def _sums(places: NDArray[Any], values: NDArray[Any], size: int) -> Floats:
    """(size,) of the values that lie at each place."""
    return np.bincount(places, weights=values, minlength=size).astype(np.float64, copy=False)


def _signals(
    shelf: Shelf, question: Question, admitted: NDArray[np.bool_], cosines: Floats, words: _Words
) -> Floats:
    """(signals, rows), each scaled to 0..1 over the admitted rows, in the order of `SIGNALS`."""
    size, column = shelf.size, shelf.column
    signals = np.zeros((len(SIGNALS), size))
    dense = _from_lowest(cosines, admitted)
    lexical = _from_zero(words.scores)
    before, after = column["previous"][:size], column["next"][:size]
    signals[0], signals[1] = dense, lexical
    session = column["session"][:size]
    alone = session < 0
    if words.sessions.size:
        signals[2] = np.append(_from_zero(words.sessions), 0.0)[session]
    signals[2][alone] = lexical[alone]
    signals[3], signals[4] = np.append(lexical, 0.0)[before], np.append(lexical, 0.0)[after]
    signals[5], signals[6] = np.append(dense, 0.0)[before], np.append(dense, 0.0)[after]
    for name in (3, 5):
        signals[name][alone] = signals[0 if name == 5 else 1][alone]
    signals[7] = _said_by_named(shelf, question.text)
    stretches = spans(question.text, question.now)
    if stretches:
        signals[8] = _happened_in(column["happened"][:size], stretches)
    signals[9] = _recency(shelf, question.now)
    signals[10] = column["importance"][:size] * column["confidence"][:size]
    return signals


def _from_lowest(values: Floats, admitted: NDArray[np.bool_]) -> Floats:
    """Min-max scaling over the admitted; 0 elsewhere; 1 where all are equal."""
    inside = values[admitted]
    low, high = float(inside.min()), float(inside.max())
    scaled = (values - low) / (high - low) if high - low > 1e-9 else np.ones_like(values)
    scaled[~admitted] = 0.0
    return scaled


def _from_zero(values: Floats) -> Floats:
    """Divided by the highest; all 0 where that is 0."""
    high = float(values.max())
    return values / high if high > 0 else values


def _said_by_named(shelf: Shelf, text: str) -> Floats:
    """(rows,) 1 where the speaker is called by a name in the question."""
    named: set[int] = set()
    for word in words_of(text):
        named |= shelf.speakers.get(word, set())
    if not named:
        return np.zeros(shelf.size)
    return np.isin(shelf.column["speaker"][: shelf.size], list(named)).astype(np.float64)


def _happened_in(happened: Floats, stretches: Sequence[tuple[float, float]]) -> Floats:
    """(rows,) 1 inside a stretch, less the further away from it; 0 where the time is unknown."""
    nearest = np.full(happened.shape, np.inf)
    for low, high in stretches:
        nearest = np.minimum(nearest, np.maximum(np.maximum(low - happened, happened - high), 0.0))
    return np.nan_to_num(np.exp(-nearest / _NEAR_DATE), nan=0.0)


def _recency(shelf: Shelf, now: float) -> Floats:
    """(rows,) 0.5 to the power of half-lives since the row was learned, 1 at most."""
    lives = np.array([HALF_LIVES.get(kind, np.inf) for kind in KINDS]) * DAY
    ages = np.maximum(now - shelf.column["learned"][: shelf.size], 0.0)
    return np.exp2(-ages / lives[shelf.column["kind"][: shelf.size]])


def _best(scores: Floats, question: Question, reranked: bool) -> NDArray[np.int64]:
    """Places that are looked at closely, best first."""
    k = question.k
    pool = max(50, 4 * k) if question.diversity > 0 else k + max(10, k)
    pool = min(max(pool, RERANKED) if reranked else pool, scores.size)
    top = np.argpartition(-scores, pool - 1)[:pool]
    top = top[np.lexsort((top, -scores[top]))]
    return top[np.isfinite(scores[top])]


def _reranked(pool: _Pool, text: str, weight: float, reranker: Reranker) -> _Pool:
    """The pool's best `RERANKED` with the reranker's scores added, best first."""
    rows = list(pool.rows[:RERANKED])
    if not rows:
        return pool
    told = np.array(reranker(text, [row.text for row in rows]), dtype=np.float64)
    if told.shape != (len(rows),) or not np.isfinite(told).all():
        raise ValueError(f"The reranker gave {told.shape} scores for {len(rows)} texts, or some not finite.")
    added = weight * _from_lowest(told, np.ones(len(rows), dtype=np.bool_))
    parts = np.vstack((pool.parts[:, : len(rows)], added))
    order = np.argsort(-parts.sum(axis=0), kind="stable")
    return _Pool(
        rows=[rows[int(place)] for place in order],
        vectors=pool.vectors[order],
        cosines=pool.cosines[order],
        bm25=pool.bm25[order],
        names=(*pool.names, "reranker"),
        parts=parts[:, order],
    )


def _chosen(pool: _Pool, question: Question) -> list[int]:
    """Places of the best `k`, without those that repeat a better one."""
    if not pool.rows:
        return []
    likeness = pool.vectors @ pool.vectors.T  # (rows, rows)
    scores = pool.scores
    chosen: list[int] = []
    left = list(range(len(pool.rows)))
    while left and len(chosen) < question.k:
        pick = left.pop(_most_gain(scores, likeness, left, chosen, question.diversity))
        alike = [each for each in chosen if likeness[pick, each] >= ALIKE]
        if not any(_same(pool.rows[pick], pool.rows[each]) for each in alike):
            chosen.append(pick)
    return chosen


def _most_gain(
    scores: Floats, likeness: Vectors, left: list[int], chosen: list[int], diversity: float
) -> int:
    """Which of those left comes next: by maximal marginal relevance.

    Source: Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking".
    """
    if diversity <= 0 or not chosen:
        return 0
    against = likeness[np.ix_(left, chosen)].max(axis=1)
    return int(np.argmax((1 - diversity) * scores[left] - diversity * against))


_NEGATIONS = frozenset(
    "no not never none nobody nothing nowhere neither nor without cannot cant dont doesnt didnt isnt arent"
    " wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt".split()
)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-ZÀ-ÖØ-Þ]\w+")


def _same(one: Row, other: Row) -> bool:
    """Whether rows that are alike differ in nothing that matters.

    Speaker, day, numbers, negations and names are the same, and one has no word that the other lacks.
    """
    if one.speaker != other.speaker or _marks(one.text) != _marks(other.text):
        return False
    mine, theirs = set(one.terms.split()), set(other.terms.split())
    if len(mine & theirs) < min(len(mine), len(theirs)) or len(mine & theirs) < 0.8 * len(mine | theirs):
        return False
    if isnan(one.happened) or isnan(other.happened):
        return isnan(one.happened) and isnan(other.happened)
    return one.happened // DAY == other.happened // DAY


def _marks(text: str) -> frozenset[str]:
    words = words_of(text)
    marks = {word for word in words if word in _NEGATIONS or any(map(str.isdigit, word))}
    return frozenset(marks | set(_NAME.findall(text)))
