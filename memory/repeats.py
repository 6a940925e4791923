"""Leaves out of an answer what a better record says already, and holds likeness against the rest if asked to.

Cosine finds who is looked at and decides nothing: contradictions are as alike as paraphrases. Records repeat
each other only where they have the same words in the same order; of two wordings both are answered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from math import isnan

import numpy as np

from .dates import DAY
from .embedder import Vectors
from .shelf import Floats, Row

ALIKE = 0.92
"""Cosine from which two records may say the same."""

MOST_AT_ONCE = 256
"""Rows that are compared with each other all at once; of more, each that is chosen with all."""

_AROUND = ".,;:!\"'()[]{}…“”‘’«»"
"""Marks around a word that change nothing. A question mark does, and so do the signs of sums."""

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
    if diversity <= 0 and len({row.terms for row in rows}) == len(rows):
        return list(range(min(k, len(rows))))  # no two have the same words
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
    """Whether rows that are alike are one statement told twice.

    They have the same words in the same order, but for case and the marks around them, the same speaker, day
    and names. "On" for "off", "before" for "after" or two names exchanged make another statement.
    """
    if one.speaker != other.speaker or _day(one) != _day(other):
        return False
    return _said(one.text) == _said(other.text) and _names(one.text) == _names(other.text)


def _day(row: Row) -> float | None:
    return None if isnan(row.happened) else row.happened // DAY


def _said(text: str) -> list[str]:
    """The words of a text in order, folded, with the signs that belong to them."""
    return [each.strip(_AROUND) or each for each in unicodedata.normalize("NFC", text).casefold().split()]


def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))
