"""Rows for tests of ranking, and what ranking should say of them, computed the slow obvious way."""

from __future__ import annotations

from math import exp, inf, isnan, log, nan

import numpy as np

from punchlist.memory.dates import DAY, spans
from punchlist.memory.lexical import OWN_LENGTH, SATURATION, SESSION_LENGTH
from punchlist.memory.ranking import HALF_LIVES, SOON_TOLD, Question, Weights
from punchlist.memory.shelf import Row
from punchlist.memory.words import stem_of, stems, words_of

DIMENSION = 8
NOW = 1_700_000_000.0


def unit(*values: float) -> np.ndarray:
    """A vector of length 1."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def row(name: str, text: str, vector: np.ndarray | None = None, **fields: object) -> Row:
    """An ordinary row; vectors (pieces, dimension) or one (dimension,)."""
    vectors = np.atleast_2d(unit(1.0) if vector is None else vector).astype(np.float32)
    given = {
        "kind": "episode", "trust": "trusted", "speaker": "", "session": "", "seq": 0,
        "happened": nan, "learned": NOW, "since": -inf, "until": inf, "closed": inf, "importance": 0.5,
        "confidence": 1.0,
    } | fields  # fmt: skip
    return Row(id=name, text=text, terms=stems(text), vectors=vectors, **given)


def question(text: str, vector: np.ndarray | None = None, k: int = 5, **fields: object) -> Question:
    """An ordinary question."""
    return Question(text, unit(1.0) if vector is None else vector, k, fields.pop("now", NOW), **fields)


def admits(asked: Question, row: Row) -> bool:
    """Whether a question may see a row."""
    return (
        (asked.kinds is None or row.kind in asked.kinds)
        and (asked.at is None or _holds(asked, row))
        and (not asked.trusted or row.trust == "trusted")
        and (asked.between is None or asked.between[0] <= row.happened < asked.between[1])
    )


def _holds(asked: Question, row: Row) -> bool:
    begins = row.learned if asked.closed_by is None and row.since == -inf else row.since
    return begins <= asked.at < row.until and (asked.closed_by or asked.at) < row.closed


def scores(rows: list[Row], asked: Question, weights: Weights) -> dict[str, float]:
    """The score of every admitted row, one after the other."""
    seen = [each for each in rows if admits(asked, each)]
    cosine = {each.id: max(float(piece @ asked.vector) for piece in each.vectors) for each in seen}
    dense = _spread(cosine)
    near = _near(rows, seen, asked, weights)
    highest = max(near.values(), default=0.0)
    together = {each.id: _session_cosine(each, seen, cosine) for each in seen}
    found: dict[str, float] = {}
    for each in seen:
        after = _neighbour(each, rows, 1)
        parts = {
            "words": near[each.id] / highest if highest else 0.0,
            "dense": dense[each.id],
            "next_dense": dense[each.id] if not each.session else dense.get(after.id, 0.0) if after else 0.0,
            "session_dense": _spread(together)[each.id],
            "speaker": _speaker(each, asked, rows),
            "date": _date(each, asked),
            "asking": float(each.text.rstrip().endswith("?")),
            "recency": 0.5 ** (max(asked.now - each.learned, 0) / DAY / HALF_LIVES.get(each.kind, inf)),
            "importance": each.importance * each.confidence,
        }
        found[each.id] = sum(getattr(weights, name) * value for name, value in parts.items())
    return found


def _spread(values: dict[str, float]) -> dict[str, float]:
    low, high = min(values.values()), max(values.values())
    return {
        name: (value - low) / (high - low) if high - low > 1e-9 else 1.0 for name, value in values.items()
    }


def _members(each: Row, rows: list[Row]) -> list[Row]:
    return sorted((other for other in rows if other.session == each.session), key=lambda other: other.seq)


def _neighbour(each: Row, rows: list[Row], step: int) -> Row | None:
    if not each.session:
        return None
    members = _members(each, rows)
    place = members.index(each) + step
    return members[place] if 0 <= place < len(members) else None


def _session_cosine(each: Row, seen: list[Row], cosine: dict[str, float]) -> float:
    return max(cosine[other.id] for other in _members(each, seen)) if each.session else cosine[each.id]


def _near(rows: list[Row], seen: list[Row], asked: Question, weights: Weights) -> dict[str, float]:
    mean = max(sum(len(each.terms.split()) for each in rows) / len(rows), 1.0)
    shown = {each.id for each in seen}
    sizes = {}
    for each in seen:
        if each.session:
            sizes[each.session] = sizes.get(each.session, 0) + len(each.terms.split())
    counted = [size for size in sizes.values() if size]
    total = {each.id: 0.0 for each in seen}
    for term in dict.fromkeys(stems(asked.text).split()):
        holding = sum(term in each.terms.split() for each in rows)
        rarity = log(1 + (len(rows) - holding + 0.5) / (holding + 0.5))
        for each in seen:
            length = len(each.terms.split()) / mean
            count = each.terms.split().count(term) / (1 - OWN_LENGTH + OWN_LENGTH * length)
            around = (
                (weights.fields.previous, -1),
                (weights.fields.second_previous, -2),
                (weights.fields.next, 1),
            )
            for weight, step in around:
                other = _neighbour(each, rows, step)
                if other and other.id in shown:
                    count += weight * other.terms.split().count(term)
            if each.session:
                inside = sum(other.terms.split().count(term) for other in _members(each, seen))
                size = sizes[each.session] / (sum(counted) / len(counted)) if counted else 0.0
                held = inside / (1 - SESSION_LENGTH + SESSION_LENGTH * max(size, 1e-9))
                count += weights.fields.session * held
            total[each.id] += rarity**2 * count / (count + SATURATION)
    return total


def _speaker(each: Row, asked: Question, rows: list[Row]) -> float:
    words = words_of(asked.text)
    known = {word: {one.speaker for one in rows if word in words_of(one.speaker)} for word in words}
    named = [word for word, speakers in known.items() if speakers]
    if each.speaker:
        about = [word for word in named if each.speaker in known[word]]
    else:
        about = [word for word in named if stem_of(word) in each.terms.split()]
    return 0.0 if not about else 1.0 if about[0] == named[0] else 0.5


def _date(each: Row, asked: Question) -> float:
    stretches = spans(asked.text, asked.now)
    if not stretches:
        return 0.0
    if isnan(each.happened):
        return 0.5
    return max(
        min(exp(-max(each.happened - high, 0) / SOON_TOLD), max(1 - max(low - each.happened, 0) / DAY, 0))
        for low, high in stretches
    )
