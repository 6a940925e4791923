"""Leaves out of an answer what a better record says already, and holds likeness against the rest if asked to.

Cosine finds who is looked at and decides nothing: contradictions are as alike as paraphrases. Records repeat
each other only where their words do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan

import numpy as np

from .dates import DAY
from .embedder import Vectors
from .shelf import Floats, Row
from .words import words_of

ALIKE = 0.92
"""Cosine from which two records may say the same."""

MOST_AT_ONCE = 256
"""Rows that are compared with each other all at once; of more, each that is chosen with all."""

_NEGATIONS = frozenset(
    "no not never none nobody nothing nowhere neither nor without cannot cant dont doesnt didnt isnt arent"
    " wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt".split()
)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-ZÀ-ÖØ-Þ]\w+")


def without_repeats(
    rows: Sequence[Row], vectors: Vectors, scores: Floats, k: int, diversity: float
) -> list[int]:
    """Places of the best `k` rows that do not repeat a better one, best first.

    Args:
        rows: Best first.
        vectors: (rows, dimension), one of each row, of length 1.
        scores: (rows,).
        diversity: 0..1; 0 goes by score alone. Above, by maximal marginal relevance.

    Source: Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking".
    """
    if not rows:
        return []
    # Not `@`: BLAS would start threads.
    small = np.vecdot(vectors[:, None], vectors) if len(rows) <= MOST_AT_ONCE else None  # (rows, rows)
    if small is not None and diversity <= 0 and np.count_nonzero(small >= ALIKE) <= len(rows):
        return list(range(min(k, len(rows))))
    chosen: list[int] = []
    against = np.zeros(len(rows))
    left = list(range(len(rows)))
    while left and len(chosen) < k:
        place = 0
        if diversity > 0:
            place = int(np.argmax((1 - diversity) * scores[left] - diversity * against[left]))
        pick = left.pop(place)
        likeness = np.vecdot(vectors, vectors[pick]) if small is None else small[pick]  # (rows,)
        alike = [each for each in chosen if likeness[each] >= ALIKE]
        if not any(says_the_same(rows[pick], rows[each]) for each in alike):
            chosen.append(pick)
            against = np.maximum(against, likeness) if len(chosen) > 1 else likeness.astype(np.float64)
    return chosen


def says_the_same(one: Row, other: Row) -> bool:
    """Whether rows that are alike differ in nothing that matters.

    Speaker, day, numbers, negations and names are the same, and one has no word that the other lacks.
    """
    if one.speaker != other.speaker or _day(one) != _day(other):
        return False
    mine, theirs = set(one.terms.split()), set(other.terms.split())
    if len(mine & theirs) < min(len(mine), len(theirs)) or len(mine & theirs) < 0.8 * len(mine | theirs):
        return False
    return _marks(one.text) == _marks(other.text)


def _day(row: Row) -> float | None:
    return None if isnan(row.happened) else row.happened // DAY


def _marks(text: str) -> frozenset[str]:
    """Numbers, negations and names in a text."""
    marks = {word for word in words_of(text) if word in _NEGATIONS or any(map(str.isdigit, word))}
    return frozenset(marks | set(_NAME.findall(text)))
