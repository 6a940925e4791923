"""Ranks what a question recalls: similarity in meaning and in words, each scaled to 0..1, then added.

Scores are fused rather than ranks: reciprocal rank fusion finds less evidence than words alone, the sum
of scaled scores finds more than either (compared on LoCoMo's evidence turns). Recency only breaks ties.
Calls no model but the embedder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from .embedder import Vectors
from .index import VectorIndex
from .records import Filter, Recalled, Weights, Why
from .store import Store

SMALLEST_POOL = 50
MOST_TERMS = 32
DAY = 86_400.0

STOP_WORDS = (
    "a about after all am an and any are as at be because been before being but by can could did do "
    "does doing for from had has have having he her here hers him his how i if in into is it its just "
    "me more most my no nor not of off on once only or other our out over own same she should so some "
    "such than that the their them then there these they this those through to too under until up was "
    "we were what when where which while who whom why will with would you your"
)


def search(
    store: Store,
    index: VectorIndex,
    question: str,
    vector: Vectors,
    admitted: Filter,
    k: int,
    weights: Weights,
    at: datetime,
) -> list[Recalled]:
    """The `k` admitted records that answer best, best first; fewer when there are fewer.

    Candidates are the nearest in meaning and the best in words, `max(50, 4 k)` of each; every candidate
    then gets both scores exactly, from the store, so the index decides only who is looked at.

    Args:
        vector: (dimension,), the question embedded.
        at: The moment against which recency counts.
    """
    pool = max(SMALLEST_POOL, 4 * k)
    match = match_expression(question)
    names = dict.fromkeys(index.nearest(vector, admitted, pool))
    if match:
        names |= dict.fromkeys(store.best_by_words(match, admitted, pool))
    candidates = store.pick(list(names), admitted)
    if not candidates:
        return []
    words = store.word_scores(match, list(names)) if match else {}
    cosines = [float(each.vector @ vector) for each in candidates]
    bm25s = [words.get(each.record.id, 0.0) for each in candidates]
    ages = np.array([max((at - each.record.learned).total_seconds(), 0.0) / DAY for each in candidates])
    dense = weights.dense * scaled(cosines)
    lexical = weights.lexical * np.array(bm25s) / max(*bm25s, 1e-12)
    recency = weights.recency * 0.5 ** (ages / weights.half_life)
    recalled = [
        Recalled(
            each.record,
            float(dense[i] + lexical[i] + recency[i]),
            Why(cosines[i], bm25s[i], float(dense[i]), float(lexical[i]), float(recency[i])),
        )
        for i, each in enumerate(candidates)
    ]
    return sorted(recalled, key=lambda each: (-each.score, each.record.id))[:k]


def scaled(values: Sequence[float]) -> Vectors:
    """Min-max scaling to 0..1; all ones where all values are equal."""
    array = np.array(values, dtype=np.float32)
    low, high = float(array.min()), float(array.max())
    return np.ones_like(array) if high - low < 1e-9 else (array - low) / (high - low)


def match_expression(question: str) -> str:
    """The question's words, without stop words, as an FTS5 expression that any of them satisfies.

    Every word is quoted, so nothing in a question is read as FTS5 syntax. Empty when no word is left.
    """
    stop_words = frozenset(STOP_WORDS.split())
    words = dict.fromkeys(re.findall(r"\w+", question.casefold()))
    terms = [word for word in words if word not in stop_words][:MOST_TERMS]
    return " OR ".join(f'"{term}"' for term in terms)
