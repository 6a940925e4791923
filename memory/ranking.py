"""Ranks the rows of a shelf by how well they answer a question: by words, meaning, speaker and dates.

Each signal is scaled to 0..1 over the rows that the question admits, weighted and added; `Why.parts` holds
the terms of that sum. Scores are fused rather than ranks: reciprocal rank fusion finds less evidence than
words alone (`punchlist eval locomo` measures both). What a question does not admit lends nothing to what it
does.

Whether the best is any good is told by `Why.strength`, not by the score, which is high somewhere in every
scope. Calls no model but a reranker: the question comes embedded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .dates import DAY, Span, spans
from .embedder import Vectors
from .lexical import Fields, Lexical, Statistics, lexical
from .records import Kind, Why
from .repeats import ALIKE, without_repeats
from .shelf import KINDS, Floats, Row, Shelf
from .words import stem_of, words_of

__all__ = [
    "ALIKE",
    "Fields",
    "Question",
    "Ranked",
    "Reranker",
    "Statistics",
    "Weights",
    "rank",
    "signals_of",
    "strength",
]

HALF_LIVES: dict[Kind, float] = {"episode": 30, "reflection": 180, "summary": 180}
"""Days after which recency counts half; other kinds do not age."""

_LIVES = np.array([HALF_LIVES.get(kind, np.inf) for kind in KINDS]) * DAY

RERANKED = 50
"""How many of the best a reranker sees."""

SOON_TOLD = 7 * DAY
"""What is told so long after a stretch of time still counts a third as having happened in it."""

SIGNALS = (
    "words", "dense", "next_dense", "session_dense", "speaker", "date", "asking", "recency", "importance",
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
        words: The question's words in the record and around it; see `lexical.py`.
        dense: Cosine of the record's nearest piece and the question.
        next_dense: The same of the next record in its session: an answer lies near its echo.
        session_dense: The same of the nearest record in its session.
        speaker: Said by the first person whom the question names, or about them by nobody; half for another.
        date: Happened when the question speaks of, or was told soon after; half where nobody knows when.
        asking: Of a record that ends with a question mark, which seldom tells anything; below 0.
        recency: Learned lately; see `HALF_LIVES`. More than 0.05 costs much recall.
        importance: The record's own, times its confidence.
        reranker: Score of a reranker over the best `RERANKED`, where there is one.
        fields: How much words around a record count.
    """

    words: float = 0.8
    dense: float = 0.3
    next_dense: float = 0.1
    session_dense: float = 0.2
    speaker: float = 0.3
    date: float = 0.5
    asking: float = -0.1
    recency: float = 0.02
    importance: float = 0.02
    reranker: float = 1.0
    fields: Fields = field(default_factory=Fields)

    @cached_property
    def of_signals(self) -> Floats:
        """(signals,) in the order of `SIGNALS`."""
        return np.array([getattr(self, name) for name in SIGNALS])


@dataclass(frozen=True)
class Question:
    """A question as ranking takes it.

    Attributes:
        vector: (dimension,), the question embedded, of length 1.
        now: Epoch seconds from which recency and "last week" count.
        kinds: Admitted ones; None: any.
        at: The moment asked about, epoch seconds; None: closed records too.
        closed_by: Where that is the present; see `Filter`.
        between: Only what happened from the one (included) to the other (not included), epoch seconds.
        min_score: `strength` below which a record is no answer, 0..1; 0 admits all.
        diversity: 0..1; how much likeness to a better answer is held against a record.
    """

    text: str
    vector: Vectors
    k: int
    now: float
    kinds: frozenset[Kind] | None = None
    at: float | None = None
    closed_by: float | None = None
    trusted: bool = False
    between: tuple[float, float] | None = None
    min_score: float = 0.0
    diversity: float = 0.0


@dataclass(frozen=True)
class Ranked:
    """A row that answers, with the parts of its score; `session` is its row's."""

    id: str
    score: float
    why: Why
    session: str = ""


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
    chosen = without_repeats(pool.rows, pool.vectors, pool.scores, question.k, question.diversity)
    return pool.ranked(chosen)


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
    strengths: Floats
    names: Sequence[str]
    parts: Floats

    @property
    def scores(self) -> Floats:
        return self.parts.sum(axis=0)

    def ranked(self, places: Sequence[int]) -> list[Ranked]:
        """What is told of the rows at these places."""
        found: list[Ranked] = []
        told = self.parts.T.tolist()
        cosines, bm25, strengths = self.cosines.tolist(), self.bm25.tolist(), self.strengths.tolist()
        for place in places:
            row, values = self.rows[place], told[place]
            parts = {name: value for name, value in zip(self.names, values, strict=True) if value}
            why = Why(cosines[place], bm25[place], parts, strengths[place])
            found.append(Ranked(row.id, sum(values), why, row.session))
        return found


def _pool(
    shelf: Shelf,
    question: Question,
    weights: Weights,
    admitted: NDArray[np.bool_],
    statistics: Statistics | None,
    reranked: bool,
) -> _Pool:
    """Score every admitted row and take the best of them."""
    cosines, words, signals = _looked_at(shelf, question, weights.fields, admitted, statistics)
    applied = weights.of_signals
    scores = np.einsum("s,sr->r", applied, signals)
    strengths = strength(cosines, words.covered)
    if question.min_score > 0:
        admitted = admitted & (strengths >= question.min_score)
    scores[~admitted] = -np.inf
    best = _best(scores, question, reranked)
    places: list[int] = best.tolist()
    told = signals[:, best]
    kept = told.any(axis=1)  # the others are 0 for all of them
    return _Pool(
        rows=[shelf.rows[place] for place in places],
        vectors=shelf.pieces[shelf.column["piece"][best]],
        cosines=cosines[best],
        bm25=words.own[best],
        strengths=strengths[best],
        names=[SIGNALS[at] for at in np.flatnonzero(kept)],
        parts=(applied[:, None] * told)[kept],
    )


def signals_of(shelf: Shelf, question: Question, fields: Fields) -> dict[str, Floats]:
    """What `rank` weighs, unweighed: for each row on the shelf its signals by name, 0..1.

    For choosing weights. Rows that are not admitted are all 0.
    """
    with shelf.lock:
        admitted = _admitted(shelf, question)
        if not admitted.any():
            return {shelf.rows[place].id: np.zeros(len(SIGNALS)) for place in shelf.places.values()}
        _, _, signals = _looked_at(shelf, question, fields, admitted, None)
        signals = np.where(admitted, signals, 0.0)
        return {shelf.rows[place].id: signals[:, place] for place in shelf.places.values()}


def _looked_at(
    shelf: Shelf,
    question: Question,
    fields: Fields,
    admitted: NDArray[np.bool_],
    statistics: Statistics | None,
) -> tuple[Floats, Lexical, Floats]:
    """Cosines, what the words say, and the signals that come of both."""
    shelf.link()
    cosines = _cosines(shelf, question.vector)
    words = lexical(shelf, question.text, admitted, fields, statistics)
    return cosines, words, _signals(shelf, question, admitted, cosines, words)


def strength(cosines: Floats, covered: Floats) -> Floats:
    """How good an answer is by itself, 0..1: the mean of cosine and of the share of the question's words.

    Unlike a score it is not scaled by the best of the scope, so that it can be compared with a threshold.
    """
    return 0.5 * np.minimum(np.maximum(cosines, 0.0), 1.0) + 0.5 * covered


def _admitted(shelf: Shelf, question: Question) -> NDArray[np.bool_]:
    """(rows,) which rows the question may see."""
    size, column = shelf.size, shelf.column
    mask = column["live"][:size].copy()
    if question.kinds is not None:
        mask &= np.isin(column["kind"][:size], [KINDS.index(kind) for kind in question.kinds])
    if question.at is not None:
        since, closed_by = column["since"][:size], question.closed_by
        if closed_by is None:
            since, closed_by = np.where(np.isinf(since), column["learned"][:size], since), question.at
        mask &= (since <= question.at) & (question.at < column["until"][:size])
        mask &= closed_by < column["closed"][:size]
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
    vector = vector.astype(np.float32, copy=False)
    if not isfinite(np.vecdot(vector, vector)):
        raise ValueError("The question's vector holds a number that is not finite; embed the question anew.")
    # Not `@`: BLAS would start threads, which wait for each other once anything else wants the processor.
    found = np.vecdot(pieces, vector).astype(np.float64)
    if found.size > shelf.size:
        found = np.maximum.reduceat(found, shelf.column["piece"][: shelf.size])
    return found


def _signals(
    shelf: Shelf, question: Question, admitted: NDArray[np.bool_], cosines: Floats, words: Lexical
) -> Floats:
    """(signals, rows), each scaled to 0..1 over the admitted rows, in the order of `SIGNALS`."""
    size, column = shelf.size, shelf.column
    signals = np.zeros((len(SIGNALS), size))
    dense = _from_lowest(cosines, admitted)
    signals[0] = _from_zero(words.near)
    signals[1] = signals[2] = signals[3] = dense
    if shelf.sessions:
        after, session = column["next"][:size], column["session"][:size]
        signals[2] = np.where(session < 0, dense, np.where(after < 0, 0.0, dense[after]))
        signals[3] = _from_lowest(_of_session(cosines, session, admitted, shelf.sessions), admitted)
    signals[4] = _said_by_named(shelf, question.text)
    stretches = spans(question.text, question.now)
    if stretches:
        signals[5] = _happened_in(column["happened"][:size], stretches)
    signals[6] = column["asks"][:size]
    signals[7] = _recency(shelf, question.now)
    signals[8] = column["importance"][:size] * column["confidence"][:size]
    return signals


def _from_lowest(values: Floats, admitted: NDArray[np.bool_]) -> Floats:
    """Min-max scaling over the admitted; 0 elsewhere; 1 where all are equal."""
    among = values[admitted]
    low, high = float(among.min()), float(among.max())
    scaled = (values - low) / (high - low) if high - low > 1e-9 else np.ones_like(values)
    return scaled * admitted


def _from_zero(values: Floats) -> Floats:
    """Divided by the highest; all 0 where that is 0."""
    high = float(values.max())
    return values / high if high > 0 else values


def _of_session(
    cosines: Floats, session: NDArray[np.int32], admitted: NDArray[np.bool_], sessions: int
) -> Floats:
    """(rows,) the highest cosine in the row's session; its own without one."""
    place = session.astype(np.intp) + 1  # of the type that `maximum.at` is quick with
    highest = np.full(sessions + 1, -1.0)
    np.maximum.at(highest, place, np.where(admitted, cosines, -1.0))
    return np.where(place == 0, cosines, highest[place])


def _said_by_named(shelf: Shelf, text: str) -> Floats:
    """(rows,) 1 where the speaker is called by the first name in the question, 0.5 where by another.

    A row without speaker, such as a fact, counts as said by whom it names.
    """
    said = [0.0] * len(shelf.speaker_names)
    first = 1.0
    named: list[tuple[str, float]] = []
    for word in dict.fromkeys(words_of(text)):
        if word in shelf.speakers:
            named.append((word, first))
            for number in shelf.speakers[word]:
                said[number] = said[number] or first
            first = 0.5
    speaker = shelf.column["speaker"][: shelf.size]
    found = np.array(said)[speaker]
    if shelf.nameless:
        for word, value in reversed(named):
            rows = shelf.postings.of(stem_of(word))[0]
            found[rows[speaker[rows] == 0]] = value
    return found


def _happened_in(happened: Floats, stretches: Sequence[Span]) -> Floats:
    """(rows,) 1 inside a stretch, less the later after it and soon nothing before it; 0.5 if unknown."""
    highest = np.zeros(happened.shape)
    for low, high in stretches:
        late = np.exp(-np.maximum(happened - high, 0.0) / SOON_TOLD)
        early = np.maximum(1.0 - np.maximum(low - happened, 0.0) / DAY, 0.0)
        highest = np.maximum(highest, np.minimum(late, early))
    return np.where(np.isnan(happened), 0.5, highest)


def _recency(shelf: Shelf, now: float) -> Floats:
    """(rows,) 0.5 to the power of half-lives since the row was learned, 1 at most."""
    ages = np.maximum(now - shelf.column["learned"][: shelf.size], 0.0)
    return np.exp2(-ages / _LIVES[shelf.column["kind"][: shelf.size]])


def _best(scores: Floats, question: Question, reranked: bool) -> NDArray[np.int64]:
    """Places that are looked at closely, best first."""
    k = question.k
    pool = max(50, 4 * k) if question.diversity > 0 else k + max(10, k)
    pool = min(max(pool, RERANKED) if reranked else pool, scores.size)
    top = np.argpartition(scores, scores.size - pool)[scores.size - pool :]
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
        strengths=pool.strengths[order],
        names=(*pool.names, "reranker"),
        parts=parts[:, order],
    )
